// Tries the rewrites on each node of a stage before it is built. Keeps count of who reads which value: what is replaced must
// be read by nobody else.

import { sizeOf } from "../../tensor/layout.ts";
import { HostStorage, viewAs } from "../../tensor/storage.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { valueAt } from "../../tensor/values.ts";
import type { Folder } from "../fold.ts";
import { namesUsed, opName, type GraphNode } from "../graph.ts";
import type { Value } from "../program.ts";
import { matchesOf, sourceOf, type Bindings, type Pattern, type Scene } from "./pattern.ts";
import { Match, type Draft, type Rewrite } from "./rewrite.ts";
import { rewrites } from "./table.ts";

/** What took the place of nodes. */
export interface Rewritten {
  readonly rewrite: string;
  readonly replaced: readonly GraphNode[];
  readonly nodes: readonly GraphNode[];
  readonly constants: ReadonlyMap<string, Tensor>;
}

/** A constant whose element a pattern asks for and that isn't computed yet. */
class Unknown extends Error {
  readonly value: Value;

  constructor(value: Value) {
    super("a constant is needed");
    this.value = value;
  }
}

/** Rewrites by the operators that their patterns begin with. */
const byRoot = new Map<string, Rewrite[]>();
for (const rewrite of rewrites)
  for (const op of new Set(rootsOf(rewrite.pattern))) byRoot.set(op, [...(byRoot.get(op) ?? []), rewrite]);

function rootsOf(pattern: Pattern): readonly string[] {
  if (pattern.kind === "either") return pattern.options.flatMap(rootsOf);
  return pattern.kind === "node" ? pattern.ops : [];
}

export class Rewriter {
  private readonly values: ReadonlyMap<string, Value>;
  private readonly folder: Folder;
  private readonly version: number;
  private readonly producers = new Map<string, GraphNode>();
  private readonly readers = new Map<string, Set<GraphNode>>();
  private readonly kept: ReadonlySet<string>;
  private readonly scene: Scene;

  /** `values` are those built so far, `kept` names of those that are read by more than nodes. */
  constructor(
    values: ReadonlyMap<string, Value>,
    kept: ReadonlySet<string>,
    folder: Folder,
    version: number,
  ) {
    this.version = version;
    this.values = values;
    this.kept = kept;
    this.folder = folder;
    this.scene = {
      producer: (name) => this.producers.get(name),
      value: (name) => values.get(name),
      number: (name) => (this.sizeOf(name) === 1 ? this.numbers(name)?.[0] : undefined),
      numbers: (name) => (this.sizeOf(name) <= 64 ? this.numbers(name) : undefined),
    };
  }

  /** Nodes that are to be built, or take the place of others. */
  add(nodes: readonly GraphNode[]): void {
    for (const node of nodes) {
      for (const name of node.outputs) if (name !== "") this.producers.set(name, node);
      for (const name of namesUsed(node)) {
        const readers = this.readers.get(name) ?? new Set();
        this.readers.set(name, readers.add(node));
      }
    }
  }

  remove(nodes: readonly GraphNode[]): void {
    for (const node of nodes) for (const name of namesUsed(node)) this.readers.get(name)?.delete(node);
  }

  /** What to build instead of a node whose inputs are there; undefined if it stays. */
  async rewrite(node: GraphNode): Promise<Rewritten | undefined> {
    for (const rewrite of byRoot.get(opName(node)) ?? []) {
      const found = await this.attempt(rewrite, node);
      if (!found) continue;
      this.remove(found.replaced);
      this.add(found.nodes);
      return found;
    }
    return undefined;
  }

  private async attempt(rewrite: Rewrite, node: GraphNode): Promise<Rewritten | undefined> {
    for (;;) {
      try {
        for (const bindings of matchesOf(rewrite.pattern, node, this.scene)) {
          const replaced = this.replaced(bindings);
          if (
            !replaced ||
            ![...bindings.values.values()].every((name) => name === "" || this.values.has(name))
          )
            continue;
          const match = new Match(node, bindings, this.scene, this.version);
          const made = rewrite.replace(match);
          if (!made) continue;
          const drafts = Array.isArray(made) ? (made as readonly Draft[]) : [made as Draft];
          const nodes = drafts.map((draft, at) => finished(draft, node, at === drafts.length - 1));
          return { rewrite: rewrite.name, replaced, nodes, constants: match.constants };
        }
        return undefined;
      } catch (error) {
        if (!(error instanceof Unknown)) throw error;
        await this.folder.evaluate(error.value);
      }
    }
  }

  /** The nodes that nobody needs any more; undefined if somebody reads what one of them computes on the way. */
  private replaced({ covered }: Bindings): GraphNode[] | undefined {
    const nodes = new Set(covered.map(({ node }) => node));
    const [root] = nodes;
    const gone: GraphNode[] = [root!];
    for (const { node, shared } of covered) {
      if (node === root || gone.includes(node)) continue;
      if (this.onlyFor(node, nodes)) gone.push(node);
      else if (!shared) return undefined;
    }
    return gone;
  }

  /** Whether what a node computes is read by these nodes alone, through whatever hands it on. */
  private onlyFor(node: GraphNode, nodes: ReadonlySet<GraphNode>): boolean {
    const names = node.outputs.filter((name) => name !== "");
    for (const name of names) {
      if (this.kept.has(name)) return false;
      for (const reader of this.readers.get(name) ?? []) {
        if (nodes.has(reader)) continue;
        const passes = reader.outputs.length > 0 && sourceOf(reader.outputs[0]!, this.scene) === name;
        if (!passes || !this.onlyFor(reader, nodes)) return false;
      }
    }
    return true;
  }

  private sizeOf(name: string): number {
    const value = this.values.get(name);
    return value ? sizeOf(value.shape) : Infinity;
  }

  private numbers(name: string): number[] | undefined {
    const value = this.values.get(name);
    if (!value?.fixed) return undefined;
    const { constant } = value;
    if (!constant || !(constant.storage instanceof HostStorage)) throw new Unknown(value);
    const data = viewAs(constant.dtype, constant.storage.bytes);
    return Array.from({ length: constant.size }, (_, at) =>
      Number(valueAt(data, constant.dtype, constant.offset + at)),
    );
  }
}

function finished(draft: Draft, root: GraphNode, last: boolean): GraphNode {
  const [domain, op] = draft.op.includes("::") ? draft.op.split("::") : ["", draft.op];
  const outputs = draft.outputs ?? [root.outputs[0]!];
  return {
    name: last ? root.name : `${root.name}/${outputs[0]}`,
    domain: domain!,
    op: op!,
    inputs: draft.inputs,
    outputs,
    attributes: draft.attributes ?? {},
    version: draft.version,
  };
}

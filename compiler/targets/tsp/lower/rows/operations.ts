// Collects operations: finds out which loads a graph has and in what pattern, so that graphs of one pattern share their
// instructions, and makes rows for what they store. A graph that doesn't fit 16 ALUs is cut in two.

import { alus, type Side } from "../../machine/geometry.ts";
import { widths, type TspType } from "../../machine/values.ts";
import { chainOf, constantOfItem, type Chain } from "../chain.ts";
import { Unfit, type Dag, type Node } from "../dag.ts";
import type { Span } from "../../../../../lang/source.ts";
import { limit, tooMany } from "./bounds.ts";
import type { Families } from "./families.ts";
import { replaced, sizeOf, typeOfStored, withLoads } from "./graphs.ts";
import { slotAccess, type Family, type Operation, type Template } from "./model.ts";

export { sizeOf };

/** A load node of a family: nodes of one family are the same node. */
export class Loads {
  private readonly nodes = new Map<Family, Node>();
  private readonly families = new Map<Node, Family>();

  node(family: Family): Node {
    const found = this.nodes.get(family);
    if (found) return found;
    const made: Node = {
      kind: "load",
      type: family.type,
      access: { buffer: `rows ${family.id}`, shape: [], axes: [] },
    };
    this.nodes.set(family, made);
    this.families.set(made, family);
    return made;
  }

  family(node: Node): Family | undefined {
    return this.families.get(node);
  }
}

/** A value to be stored; `name` is what its region is called after. */
export interface Wanted {
  readonly value: Node;
  readonly name: string;
  readonly span: Span | undefined;
}

/** ALU instructions beyond which a graph is cut without trying. */
const most = 64;
/** Cycles between rows beyond which a graph is cut. */
const slowest = 24;

interface Pattern {
  readonly key: string;
  readonly loads: readonly Family[];
  readonly values: readonly Node[];
}

export class Operations {
  readonly list: Operation[] = [];
  readonly loads = new Loads();
  /** Terms of a reduction that a step takes at most. */
  readonly terms: number;
  private readonly families: Families;
  private readonly hold: number;
  private readonly templates = new Map<string, Template | Unfit>();
  private work = 0;
  private cuts = 0;
  /** How much ALUs are used by patterns so far; constants count more. */
  private readonly taken: number[];

  /** `beside` are operations of the same program, whose ALUs are taken last. */
  constructor(families: Families, hold: number, terms: number, beside?: Operations) {
    this.taken = beside ? [...beside.taken] : Array.from({ length: alus }, () => 0);
    this.terms = terms;
    this.families = families;
    this.hold = hold;
  }

  /** What graphs of one pattern have in common. */
  keyOf(values: readonly Node[]): string {
    return this.pattern(values).key;
  }

  /** Streams that a graph's loads take. */
  widthOf(values: readonly Node[]): number {
    return this.pattern(values).loads.reduce((sum, { type }) => sum + widths[type], 0);
  }

  /** Stores values; gives their rows. */
  map(wanted: readonly Wanted[]): readonly Family[] {
    const values = wanted.map(({ value }) => value);
    const sides = wanted.map(({ name, value }) => this.sideOf(name, typeOfStored(value)));
    const pattern = this.pattern(values);
    const template = this.template(pattern, wanted, sides, undefined);
    if (template instanceof Unfit) {
      if (wanted.length > 1) return wanted.flatMap((each) => this.map([each]));
      const cut = this.cut(values[0]!);
      if (!cut) throw template;
      return this.map([{ ...wanted[0]!, value: cut }]);
    }
    const uniform = pattern.loads.every((each) => each.uniform);
    const tiles = uniform ? 1 : this.families.space.tiles;
    this.count(tiles * Math.max(1, pattern.loads.length));
    const stores = wanted.map((each, at) => this.rowsFor(template, each.name, at, 0, uniform, sides[at]!));
    const done = uniform ? 0 : this.abreast(wanted, pattern, template, stores);
    const rest = (family: Family): Family =>
      done === 0 ? family : this.families.some(family, done, 1, tiles - done);
    if (done < tiles)
      this.list.push({
        kind: "map",
        template,
        loads: pattern.loads.map(rest),
        stores: stores.map(rest),
        tiles: tiles - done,
      });
    return stores;
  }

  /** Lets several rows go side by side, where annotations ask for it; how many tiles that does. */
  private abreast(
    wanted: readonly Wanted[],
    { loads }: Pattern,
    single: Template,
    stores: readonly Family[],
  ): number {
    const { families } = this;
    const { abreast, space } = families;
    const count = Math.floor(space.tiles / abreast);
    if (abreast === 1 || count === 0) return 0;
    const numbers = Array.from({ length: abreast }, (_, number) => number);
    const own = (family: Family, number: number): Family => families.some(family, number, abreast, count);
    const wide = numbers.flatMap((number) =>
      wanted.map((each) => ({
        ...each,
        value: withLoads(each.value, (node) => {
          const family = this.loads.family(node)!;
          return loads.includes(family) ? this.loads.node(own(family, number)) : node;
        }),
      })),
    );
    const pattern = this.pattern(wide.map(({ value }) => value));
    const results = numbers.flatMap((number) => stores.map((family) => own(family, number)));
    const sides = results.map(({ rows }) => rows[0]!.region.side);
    const template = this.template(pattern, wide, sides, undefined);
    const slower = template instanceof Unfit || template.chain.interval >= abreast * single.chain.interval;
    if (slower) {
      this.narrow ??=
        template instanceof Unfit
          ? `so many rows at once have ${template.message}`
          : "16 ALUs are busy with fewer rows";
      return 0;
    }
    this.list.push({ kind: "map", template, loads: pattern.loads, stores: results, tiles: count });
    this.widened += 1;
    return count * abreast;
  }
  /** Why a map's rows don't go side by side, and how many maps' rows do. */
  narrow: string | undefined;
  widened = 0;

  /**
   * Sweeps over steps, each of which has values for the carried ones: gives for each of these the rows at the end, and more
   * than one where parts of the steps were combined apart. Undefined if steps differ in their pattern.
   */
  sweep(
    steps: readonly (readonly Node[])[],
    inits: readonly Family[],
    wanted: readonly Omit<Wanted, "value">[],
    apart: boolean,
    sides = wanted.map(({ name }, at) => this.sideOf(name, inits[at]!.type)),
  ): readonly (readonly Family[])[] | undefined {
    const patterns = steps.map((values) => this.pattern(values));
    const [first] = patterns;
    if (!first || patterns.some(({ key }) => key !== first.key)) return undefined;
    const whole = wanted.map((each, at) => ({ ...each, value: steps[0]![at]! }));
    const template = this.template(first, whole, sides, inits);
    if (template instanceof Unfit) throw template;
    const { space } = this.families;
    const uniform = [...patterns.flatMap(({ loads }) => loads), ...inits].every((each) => each.uniform);
    const tiles = uniform ? 1 : space.tiles;
    const most = template.chain.period / template.chain.interval;
    // Tiles side by side leave no gaps where they fill the ways; otherwise a tile's steps are dealt out to parts.
    const parts = apart && (tiles < most || (tiles % most !== 0 && steps.length >= 4 * most));
    this.count(tiles * steps.length * Math.max(1, first.loads.length));
    const pieces = parts ? Math.min(most, steps.length) : 1;
    const stores = wanted.map(({ name }, at) =>
      Array.from({ length: pieces }, (_, part) =>
        this.rowsFor(template, name, at, part, uniform, sides[at]!),
      ),
    );
    this.list.push({
      kind: "sweep",
      template,
      inits,
      steps: patterns.map(({ loads }) => ({ loads })),
      tiles,
      ways: most,
      parts,
      stores,
    });
    return stores;
  }

  /** Patterns are spread over the ALUs, so that they needn't set each other's constants. */
  private placed(dag: Dag): Chain {
    const order = this.taken.map((_, alu) => alu).toSorted((a, b) => this.taken[a]! - this.taken[b]!);
    const chain = chainOf(dag, this.hold, slowest, order);
    for (const item of chain.items) this.taken[item.alu]! += constantOfItem(item) === undefined ? 1 : 4;
    return chain;
  }

  /** Gives a pattern other streams and ALUs, beginning with a row of them; false if that isn't as fast. */
  shift(template: Template, turn: number): boolean {
    const { chain, dag } = template;
    const order = this.taken.map((_, at) => (at + 4 * turn) % alus);
    try {
      const found = chainOf(dag, this.hold, slowest, order, turn);
      if (found.interval !== chain.interval || found.period !== chain.period) return false;
      template.chain = found;
      return true;
    } catch (error) {
      if (error instanceof Unfit) return false;
      throw error;
    }
  }

  private count(rows: number): void {
    this.work += rows;
    if (this.work > limit) throw new Unfit(tooMany);
  }

  private sideOf(name: string, type: TspType): Side {
    return this.families.sideOf(name, type);
  }

  private rowsFor(
    template: Template,
    name: string,
    at: number,
    part: number,
    uniform: boolean,
    side: Side,
  ): Family {
    const type = typeOfStored(template.dag.stores[at]!.value);
    return this.families.stored(`${template.key} ${name} ${at} ${part}`, type, side, uniform);
  }

  /** Equal parts of graphs become one node, and loads are numbered. */
  private pattern(values: readonly Node[]): Pattern {
    const loads: Family[] = [];
    const keys = new Map<Node, number>();
    const nodes: Node[] = [];
    const known = new Map<string, number>();
    const visit = (node: Node): number => {
      const before = keys.get(node);
      if (before !== undefined) return before;
      const [text, made] = this.canonical(node, loads, (each) => {
        const at = visit(each);
        return [at, nodes[at]!];
      });
      let at = known.get(text);
      if (at === undefined) {
        at = nodes.push(made) - 1;
        known.set(text, at);
      }
      keys.set(node, at);
      return at;
    };
    const stored = values.map(visit);
    return {
      key: `${[...known.keys()].join(" ")} = ${stored.join(",")}`,
      loads,
      values: stored.map((at) => nodes[at]!),
    };
  }

  private canonical(
    node: Node,
    loads: Family[],
    visit: (node: Node) => readonly [number, Node],
  ): readonly [string, Node] {
    const { type } = node;
    switch (node.kind) {
      case "load": {
        const family = this.loads.family(node)!;
        let slot = loads.indexOf(family);
        if (slot < 0) slot = loads.push(family) - 1;
        const { side } = family.rows[0]!.region;
        return [`${slot}:${type}${side}`, { kind: "load", type, access: slotAccess(slot, side) }];
      }
      case "constant":
        return [`#${node.bits}:${type}`, node];
      case "carried":
        return [`^${node.index}:${type}`, node];
      case "cast": {
        const [at, of] = visit(node.of);
        return [`(${at}):${type}`, { ...node, of }];
      }
      default: {
        const args = node.args.map(visit);
        const { op, gives, rounding, span } = node;
        const text = `${op}${rounding}(${args.map(([at]) => at).join(",")}):${type}:${gives}@${span?.start ?? ""}`;
        return [text, { ...node, args: args.map(([, made]) => made) }];
      }
    }
  }

  private template(
    { key, values, loads }: Pattern,
    wanted: readonly Omit<Wanted, "value">[],
    sides: readonly Side[],
    inits: readonly Family[] | undefined,
  ): Template | Unfit {
    const from = inits?.map(({ rows }) => rows[0]!.region.side).join("") ?? "";
    const whole = `${key} -> ${sides.join("")} ${from}`;
    const found = this.templates.get(whole);
    if (found) return found;
    const dag: Dag = {
      loops: [],
      stores: values.map((value, at) => ({
        value,
        // Results for the west leave on westward streams, and operands from there come on eastward ones.
        access: slotAccess(at, sides[at] === "W" ? "E" : "W"),
        span: wanted[at]!.span,
      })),
      ...(inits && {
        carried: inits.map(({ rows }, at) => ({
          init: slotAccess(loads.length + at, rows[0]!.region.side),
          store: at,
        })),
      }),
    };
    let made: Template | Unfit;
    try {
      if (sizeOf(values) > most) throw new Unfit("more instructions than 16 ALUs can be given");
      made = { key: whole, dag, chain: this.placed(dag), last: -1, issued: 0 };
    } catch (error) {
      if (!(error instanceof Unfit)) throw error;
      made = error;
    }
    this.templates.set(whole, made);
    return made;
  }

  /** The graph with an inner part stored beforehand; undefined where there is no part to store. */
  private cut(value: Node): Node | undefined {
    const order: Extract<Node, { kind: "alu" }>[] = [];
    const seen = new Set<Node>();
    const visit = (node: Node): void => {
      if (seen.has(node)) return;
      seen.add(node);
      if (node.kind === "cast") visit(node.of);
      if (node.kind !== "alu") return;
      node.args.forEach(visit);
      order.push(node);
    };
    visit(value);
    if (order.length < 3) return undefined;
    // What few values cross: tried around the middle of the graph.
    const part = order[Math.floor(order.length / 2)]!;
    if (part === value || (value.kind === "cast" && value.of === part)) return undefined;
    const [family] = this.map([{ value: part, name: `part ${this.cuts++}`, span: part.span }]);
    const load: Node =
      part.gives === family!.type
        ? this.loads.node(family!)
        : { kind: "cast", type: part.gives, of: this.loads.node(family!) };
    return replaced(value, part, load);
  }
}

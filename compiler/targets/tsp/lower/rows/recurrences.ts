// Operations of one pattern in a row, each of which takes what the one before stored and nobody else wants, as one sweep: the
// value stays in the ALUs and needn't go to memory and back. Order and rounding remain those of the source.

import { Unfit, type Node } from "../dag.ts";
import { slotOf, type Family, type Operation, type Streamed } from "./model.ts";
import type { Operations } from "./operations.ts";

type Mapped = Extract<Operation, { kind: "map" }>;

/** Rewrites the list; `kept` are families that are looked at after the program. */
export function withSweeps(operations: Operations, kept: Iterable<Family>): void {
  const uses = usesOf(operations.list, kept);
  const old = operations.list.splice(0);
  for (let at = 0; at < old.length;) {
    const first = old[at]!;
    const run = first.kind === "map" ? runFrom(old, at, first, uses) : undefined;
    const swept = run && sweepOf(operations, run.steps, run.slot);
    if (!run || !swept) {
      operations.list.push(first);
      at += 1;
      continue;
    }
    operations.list.push(swept);
    at += run.steps.length;
  }
}

function usesOf(list: readonly Operation[], kept: Iterable<Family>): ReadonlyMap<Family, number> {
  const uses = new Map<Family, number>();
  const use = (family: Family): void => void uses.set(family, (uses.get(family) ?? 0) + 1);
  for (const each of list) {
    if (each.kind === "gather") use(each.map);
    else if (each.kind === "map") each.loads.forEach(use);
    else {
      each.inits.forEach(use);
      for (const { loads } of each.steps) loads.forEach(use);
    }
  }
  for (const family of kept) use(family);
  return uses;
}

/** The longest run from an operation on, and the load that takes what the one before stored. */
function runFrom(
  list: readonly Operation[],
  from: number,
  first: Mapped,
  uses: ReadonlyMap<Family, number>,
): { readonly steps: readonly Mapped[]; readonly slot: number } | undefined {
  if (first.stores.length !== 1) return undefined;
  const steps: Mapped[] = [first];
  let slot = -1;
  for (let at = from + 1; at < list.length; at++) {
    const next = list[at]!;
    const [handed] = steps.at(-1)!.stores as [Family];
    if (next.kind !== "map" || next.template !== first.template || uses.get(handed) !== 1) break;
    const own = next.loads.indexOf(handed);
    if (own < 0 || (slot >= 0 && own !== slot) || next.stores[0]!.uniform !== handed.uniform) break;
    slot = own;
    steps.push(next);
  }
  return steps.length > 2 ? { steps, slot } : undefined;
}

function sweepOf(operations: Operations, steps: readonly Mapped[], slot: number): Streamed | undefined {
  const [first] = steps as [Mapped];
  const { value, span } = first.template.dag.stores[0]!;
  const init = first.loads[slot]!;
  const values = steps.map(({ loads }) => [
    replaced(value, (at) =>
      at === slot ? { kind: "carried", type: init.type, index: 0 } : operations.loads.node(loads[at]!),
    ),
  ]);
  const before = operations.list.length;
  try {
    const found = operations.sweep(values, [init], [{ name: "swept", span }], false, [
      steps.at(-1)!.stores[0]!.rows[0]!.region.side,
    ]);
    const made = operations.list.pop();
    if (!found || made?.kind !== "sweep") return undefined;
    const last = steps.at(-1)!.stores[0]!;
    // What is handed on leaves on the side where its rows lie.
    return found[0]![0]!.uniform === last.uniform && made.tiles === first.tiles
      ? { ...made, stores: [[last]] }
      : undefined;
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    operations.list.length = before;
    return undefined;
  }
}

/** A pattern's graph over other loads. */
function replaced(node: Node, by: (slot: number) => Node): Node {
  const done = new Map<Node, Node>();
  const visit = (each: Node): Node => {
    const found = done.get(each);
    if (found) return found;
    const made: Node =
      each.kind === "load"
        ? by(slotOf(each.access))
        : each.kind === "cast"
          ? { ...each, of: visit(each.of) }
          : each.kind === "alu"
            ? { ...each, args: each.args.map(visit) }
            : each;
    done.set(each, made);
    return made;
  };
  return visit(node);
}

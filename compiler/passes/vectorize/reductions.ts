// A reduction whose loops become vectors: registers outside of it, one value a lane, several sets of them to hide the
// latency of one addition behind others, and at the end all lanes combined into the scalar accumulators.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { splat } from "../../ir/build.ts";
import { ref, type Expr, type ReduceStmt, type Stmt } from "../../ir/ir.ts";
import { isSimple } from "../../ir/reducing.ts";
import { assignAll, stepOf, type Expanded } from "../expand-reductions.ts";
import { across, laneOf, literal, slice } from "../fold.ts";
import type { Workspace } from "../workspace.ts";
import { divergenceOf } from "./divergence.ts";
import { lowerVector } from "./expressions.ts";
import { Lanes } from "./lanes.ts";
import { lowerBlock } from "./statements.ts";

/** Sets of accumulators for float sums, products and extremes: an addition takes about four cycles. */
export const accumulatorSets = 4;

interface LaneSet {
  readonly width: number;
  /** Registers, in the order of the results. */
  readonly names: readonly string[];
}

/** A reduction that is being expanded while loops in it become vectors. */
export class OpenReduction {
  readonly reduce: ReduceStmt;
  readonly expanded: Expanded;
  private readonly workspace: Workspace;
  private readonly sets: LaneSet[] = [];

  constructor(workspace: Workspace, reduce: ReduceStmt, expanded: Expanded) {
    this.workspace = workspace;
    this.reduce = reduce;
    this.expanded = expanded;
  }

  /** Registers of `width` lanes, set number `at`; loops that run one after the other share them. */
  set(width: number, at: number): readonly string[] {
    // Where four bytes give one sum, that is the accumulator itself.
    if (width === 1 && at === 0) return this.expanded.accumulators;
    const known = this.sets.filter((set) => set.width === width);
    if (known[at]) return known[at].names;
    const names = this.expanded.accumulators.map((name) => this.workspace.name(`${name}_lanes`));
    this.sets.push({ width, names });
    return names;
  }

  /** Declares the lanes' registers: each starts neutral. */
  declarations(): Stmt[] {
    const { reduce } = this;
    return this.sets.flatMap(({ width, names }) =>
      names.map((name, at): Stmt => {
        const init = splat(neutral(reduce, at), width);
        return { kind: "var", name, init, span: reduce.span };
      }),
    );
  }

  /** Combines all lanes of all sets into the scalar accumulators. */
  combination(): Stmt[] {
    const { workspace, reduce, expanded } = this;
    const block: Stmt[] = [];
    const byWidth = new Map<number, Expr[][]>();
    for (const { width, names } of this.sets) {
      const held = names.map((name, at) =>
        ref(name, { dtype: reduce.results[at]!.type.dtype, lanes: width }),
      );
      byWidth.set(width, [...(byWidth.get(width) ?? []), held]);
    }
    for (const [width, sets] of [...byWidth].toSorted(([a], [b]) => b - a)) {
      const lanes = halving(sets, (a, b) => combined(workspace, reduce, width, block, a, b));
      const total = horizontal(workspace, reduce, width, block, lanes);
      const scalars = expanded.accumulators.map((name, at) =>
        ref(name, reduce.results[at]!.type, reduce.span),
      );
      const last = combined(workspace, reduce, 1, block, scalars, total);
      block.push(...assignAll(workspace, expanded.accumulators, last, reduce.span));
    }
    return block;
  }
}

/** What a lane may start with: combined with anything it gives that. */
function neutral({ op, results, init }: ReduceStmt, at: number): Expr {
  if (op === "sum") return literal(0, results[at]!.type);
  if (op === "prod") return literal(1, results[at]!.type);
  // A custom reduction's initial value is its identity; the others may combine theirs any number of times.
  return init[at]!;
}

/** Combines a list in pairs, the first half with the second, until one is left. */
function halving<T>(list: readonly T[], combine: (a: T, b: T) => T): T {
  if (list.length === 1) return list[0]!;
  const half = Math.ceil(list.length / 2);
  const next = list
    .slice(0, half)
    .map((item, at) => (list[at + half] ? combine(item, list[at + half]!) : item));
  return halving(next, combine);
}

/** left ⊕ right at a width; statements that it needs go into `block`. The values are names or constants. */
function combined(
  workspace: Workspace,
  reduce: ReduceStmt,
  width: number,
  block: Stmt[],
  left: readonly Expr[],
  right: readonly Expr[],
): Expr[] {
  const step =
    reduce.op === "custom" && width > 1
      ? customStep(workspace, reduce, width, left, right)
      : stepOf(workspace, reduce, left, right);
  block.push(...step.block);
  return step.values.map((value) => named(workspace, block, value));
}

function named(workspace: Workspace, block: Stmt[], value: Expr): Expr {
  if (value.kind === "const") return value;
  const name = workspace.name("combined");
  block.push({ kind: "let", name, value, span: value.span });
  return ref(name, value.type, value.span);
}

/** A custom combiner across the lanes. */
function customStep(
  workspace: Workspace,
  { combine }: ReduceStmt,
  width: number,
  left: readonly Expr[],
  right: readonly Expr[],
): { block: readonly Stmt[]; values: readonly Expr[] } {
  if (!combine) return internalError("vectorize", "a custom reduction without a combiner");
  const cx = new Lanes(workspace, width, divergenceOf([...combine.left, ...combine.right], combine.body));
  combine.left.forEach((name, at) => cx.values.set(name, { kind: "vector", expr: left[at]! }));
  combine.right.forEach((name, at) => cx.values.set(name, { kind: "vector", expr: right[at]! }));
  let values: readonly Expr[] = [];
  const block = cx.collect(undefined, () => {
    lowerBlock(cx, combine.body);
    values = combine.values.map((value) => lowerVector(cx, value));
  });
  return { block, values };
}

const crossing = { sum: "vsum", prod: "vprod", max: "vmax", min: "vmin", any: "vany", all: "vall" } as const;

/** All lanes as one: a horizontal op where there is one, a tree of halves otherwise. */
function horizontal(
  workspace: Workspace,
  reduce: ReduceStmt,
  width: number,
  block: Stmt[],
  lanes: readonly Expr[],
): readonly Expr[] {
  const { op } = reduce;
  if (isSimple(op)) return lanes.map((each) => across(crossing[op], each));
  if (width === 2) {
    const side = (lane: number): Expr[] => lanes.map((each) => named(workspace, block, laneOf(each, lane)));
    return combined(workspace, reduce, 1, block, side(0), side(1));
  }
  const half = width / 2;
  const side = (from: number): Expr[] =>
    lanes.map((each) => named(workspace, block, slice(each, from, half)));
  const next = combined(workspace, reduce, half, block, side(0), side(half));
  return horizontal(workspace, reduce, half, block, next);
}

// Reductions over any axes: neighbouring axes that are kept, or reduced, become one, so that a kernel's nest alternates between
// the two kinds.

import { dtypeInfo, type Dtype } from "../../../lang/dtypes.ts";
import { isFloating } from "../builder.ts";
import type { Value } from "../program.ts";
import { around } from "./layout.ts";
import type { Build, NodeContext, OpRow } from "./node.ts";

/** The axes that a node reduces, and the shapes with them and without. */
interface Axes {
  readonly reduced: readonly boolean[];
  /** With axes of one element where `keepdims` asks for them. */
  readonly shape: readonly number[];
}

export async function axesOf(node: NodeContext, x: Value): Promise<Axes> {
  const given = (await node.numbersFrom("axes", 1)) ?? [];
  const rank = x.shape.length;
  const all = given.length === 0 && !node.flag("noop_with_empty_axes");
  const chosen = new Set(given.map((axis) => node.axis(axis, rank)));
  const reduced = x.shape.map((_, axis) => all || chosen.has(axis));
  const keep = node.flag("keepdims", true);
  const shape = x.shape.flatMap((dim, axis) => (reduced[axis] ? (keep ? [1] : []) : [dim]));
  return { reduced, shape };
}

/** How to reduce: `$` is the element in `term`, the reduced value in `result`; `n` its count as the dtype. */
export interface Reducer {
  readonly combine: "sum" | "prod" | "max" | "min";
  readonly term?: string;
  readonly result?: string;
  readonly uses?: readonly string[];
}

/** Reduces a value over some of its axes to `shape`. */
export function reduce(node: NodeContext, x: Value, { reduced, shape }: Axes, reducer: Reducer): Value {
  // A number for each channel of an image, in whichever order that lies.
  if (x.last && reduced.every((each, axis) => each === axis > 1)) {
    const behind = reduced.map((_, axis) => axis > 0 && axis < reduced.length - 1);
    return reduce(node, x.last, { reduced: behind, shape }, reducer);
  }
  const { b } = node;
  const { combine, term = "$", result = "$", uses } = reducer;
  const runs: { readonly reduced: boolean; size: number }[] = [];
  x.shape.forEach((size, axis) => {
    if (size === 1 && x.shape.length > 1) return;
    const last = runs.at(-1);
    if (last && last.reduced === reduced[axis]) last.size *= size;
    else runs.push({ reduced: reduced[axis]!, size });
  });
  if (!runs.some((run) => run.reduced)) runs.push({ reduced: true, size: 1 });
  const names = runs.map((run, at) => `${run.reduced ? "R" : "K"}${at}`);
  const index = (at: number) => names[at]!.toLowerCase();
  const pick = (wanted: boolean) => runs.flatMap((run, at) => (run.reduced === wanted ? [at] : []));
  const [kept, gone] = [pick(false), pick(true)];
  const element = `READ(x, ${names.map((_, at) => index(at)).join(", ")})`;
  const over = gone.map((at) => `for ${index(at)} in range(${names[at]})`).join(" ");
  const narrow = dtypeInfo(x.dtype).accumulator !== undefined && !isFloating(x.dtype);
  const value = `${combine}(${term.replaceAll("$", element)} ${over})`;
  const count = gone.map((at) => `${x.dtype}(${names[at]})`).join(" * ");
  const target = kept.length === 0 ? "0" : kept.map(index).join(", ");
  const done = result.replaceAll("$", "total").replaceAll(/\bn\b/g, `(${count})`);
  const lines = [
    `let total = ${narrow && combine === "sum" ? `${x.dtype}(${value})` : value}`,
    `let result = ${done}`,
    `y[${target}] = POST(result, ${target})`,
  ];
  // In lanes along what lies together in memory: the kept axis behind the reduced ones, or the reduced one itself.
  const innermost = runs.length - 1;
  const lanes = runs[innermost]!.reduced ? [`@vectorize(${index(innermost)})`] : [];
  let body = [...lanes, ...lines];
  kept.toReversed().forEach((at, n) => {
    body = [`for ${index(at)} in range(${names[at]}):`, ...body.map((line) => `    ${line}`)];
    if (n === 0 && at === innermost) body.unshift("@vectorize");
  });
  if (kept.length > 0) body.unshift("@parallel");
  const [y] = b.kernel(
    {
      name: "reduce",
      inputs: [{ name: "x", dims: names }],
      outputs: [{ name: "y", dims: kept.length === 0 ? [1] : kept.map((at) => names[at]!) }],
      scalars: [],
      hook: { indices: Math.max(kept.length, 1) },
      body,
      uses,
    },
    [
      b.reshape(
        x,
        runs.map(({ size }) => size),
      ),
    ],
    [{ dtype: x.dtype, shape: kept.length === 0 ? [1] : kept.map((at) => runs[at]!.size) }],
  );
  return b.reshape(y!, shape);
}

const by =
  (reducer: Reducer, before?: (node: NodeContext, x: Value) => Value): Build =>
  async (node) => {
    const x = node.in(0);
    const axes = await axesOf(node, x);
    if (!axes.reduced.includes(true) && !before && reducer.term === undefined && reducer.result === undefined)
      return x;
    // Of one element each, the sum is that element, and so is the mean.
    const single = axes.reduced.every((reduced, axis) => !reduced || x.shape[axis] === 1);
    if (single && !before && reducer.term === undefined && (reducer.result ?? "$ / n") === "$ / n")
      return node.b.reshape(x, axes.shape);
    return reduce(node, before ? before(node, x) : x, axes, reducer);
  };

/** log Σ exp, of differences from the largest so that nothing overflows. */
const logSumExp: Build = async (node) => {
  const { b } = node;
  const x = node.in(0);
  const axes = await axesOf(node, x);
  const kept = x.shape.map((dim, axis) => (axes.reduced[axis] ? 1 : dim));
  const peak = reduce(node, x, { ...axes, shape: kept }, { combine: "max" });
  const safe = b.map("$0 if abs($0) < $1 else $T(0)", [peak, b.scalar(x.dtype, Infinity)]);
  const shifted = b.map("exp($0 - $1)", [x, safe], { uses: ["std.math.exp"] });
  const total = reduce(node, shifted, { ...axes, shape: kept }, { combine: "sum" });
  return b.reshape(b.map("log($0) + $1", [total, safe], { uses: ["std.math.log"] }), axes.shape);
};

/** The place of the largest or smallest element along one axis: of the first such, or of the last. */
function arg(order: ">" | "<"): Build {
  return (node) => {
    const { b } = node;
    const x = node.in(0);
    const axis = node.axis(node.int("axis", 0), x.shape.length);
    const [before, count, after] = around(x.shape, axis);
    if (count === 0) node.fail(`axis ${axis} is empty`);
    const last = node.flag("select_last_index");
    const name = order === ">" ? "argmax" : "argmin";
    const at = last
      ? `N - 1 - ${name}(READ(x, i, N - 1 - j, k) for j in range(N))`
      : `${name}(READ(x, i, j, k) for j in range(N))`;
    const [y] = b.kernel(
      {
        name: `${name}_of`,
        inputs: [{ name: "x", dims: ["A", "N", "B"] }],
        outputs: [{ name: "y", dims: ["A", "B"] }],
        scalars: [],
        where: "N >= 1",
        body: ["@parallel", "for i in range(A):", "    for k in range(B):", `        y[i, k] = i64(${at})`],
      },
      [b.reshape(x, [before, count, after])],
      [{ dtype: "i64", shape: [before, after] }],
    );
    const keep = node.flag("keepdims", true);
    return b.reshape(
      y!,
      x.shape.flatMap((dim, each) => (each === axis ? (keep ? [1] : []) : [dim])),
    );
  };
}

/** max and min of truth values are `or` and `and`. */
const extreme =
  (combine: "max" | "min"): Build =>
  async (node) => {
    const x = node.in(0);
    const axes = await axesOf(node, x);
    const dtype: Dtype = x.dtype === "bool" ? "u8" : x.dtype;
    return node.b.cast(reduce(node, node.b.cast(x, dtype), axes, { combine }), x.dtype);
  };

const row = (op: string, build: Build, since = 1): OpRow => ({ op, since, build });

export const reduction: readonly OpRow[] = [
  row("ReduceSum", by({ combine: "sum" })),
  row("ReduceMean", by({ combine: "sum", result: "$ / n" })),
  row("ReduceProd", by({ combine: "prod" })),
  row("ReduceMax", extreme("max")),
  row("ReduceMin", extreme("min")),
  row("ReduceL1", by({ combine: "sum", term: "abs($)" })),
  row(
    "ReduceL2",
    by({ combine: "sum", result: "sqrt($)", uses: ["std.math.sqrt"] }, (node, x) =>
      node.b.map("$0 * $0", [x]),
    ),
  ),
  row(
    "ReduceSumSquare",
    by({ combine: "sum" }, (node, x) => node.b.map("$0 * $0", [x])),
  ),
  row("ReduceLogSum", by({ combine: "sum", result: "log($)", uses: ["std.math.log"] })),
  row("ReduceLogSumExp", logSumExp),
  row("ArgMax", arg(">")),
  row("ArgMin", arg("<")),
];

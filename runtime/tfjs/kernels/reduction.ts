// Reductions over any axes, by the kernels that the graph compiler generates for them.

import { reduce, type Reducer } from "../../graph/ops/reduction.ts";
import { around } from "../../graph/ops/layout.ts";
import { onRows } from "../../graph/ops/normalization.ts";
import { sizeOf } from "../../tensor/layout.ts";
import type { Value } from "../../graph/program.ts";
import type { Build, KernelRow, TfNode } from "../node.ts";

/** Reduces over the axes that an attribute names. */
function over(node: TfNode, x: Value, attribute: string, reducer: Reducer): Value {
  const reduced = node.axes(attribute, x.shape.length);
  const keep = node.flag("keepDims");
  const shape = x.shape.flatMap((dim, axis) => (reduced[axis] ? (keep ? [1] : []) : [dim]));
  return reduce(node.context, x, { reduced, shape }, reducer);
}

const total =
  (combine: "sum" | "prod"): Build =>
  (node) =>
    over(node, node.numeric(node.in("x")), "axis", { combine });

const mean: Build = (node) =>
  over(node, node.b.cast(node.in("x"), "f32"), "axis", { combine: "sum", result: "$ / n" });

const extreme =
  (combine: "max" | "min", axes: string): Build =>
  (node) => {
    const x = node.in("x");
    return node.b.cast(over(node, node.numeric(x), axes, { combine }), x.dtype);
  };

/** `and` and `or` are the smallest and the largest of 0 and 1. */
const truth =
  (combine: "max" | "min"): Build =>
  (node) => {
    const x = node.b.cast(node.b.cast(node.in("x"), "bool"), "i32");
    return node.b.cast(over(node, x, "axis", { combine }), "bool");
  };

/** Of the first of equals; what is no number is passed over. */
const place =
  (name: "argmax" | "argmin"): Build =>
  (node) => {
    const { b } = node;
    const x = node.numeric(node.in("x"));
    const rank = x.shape.length;
    const [given = 0] = node.numbers("axis") ?? [];
    const axis = given < 0 ? given + rank : given;
    const [before, count, after] = rank === 0 ? [1, 1, 1] : around(x.shape, axis);
    if (count === 0) node.decline("the axis has no elements");
    // Along the last axis places lie in lanes, along another what is beside them.
    const beside = after > 1;
    const element = `READ(x, i, j${beside ? ", k" : ""})`;
    const [best, least] = name === "argmax" ? ["max", "-inf"] : ["min", "inf"];
    const term = x.dtype === "f32" ? `(${element} if ${element} == ${element} else f32(${least}))` : element;
    // In two goes: the extreme, then the first place where it is.
    const lanes = beside ? [] : ["@vectorize(j)"];
    const steps = [
      ...lanes,
      `let peak = ${best}(${term} for j in range(N))`,
      ...lanes,
      `let at = min((j if ${element} == peak else N) for j in range(N))`,
      `y[i${beside ? ", k" : ""}] = at if at < N else 0`,
    ];
    const loops = beside ? ["    @vectorize", "    for k in range(B):"] : [];
    const [y] = b.kernel(
      {
        name: `${name}_of`,
        inputs: [{ name: "x", dims: ["A", "N", ...(beside ? ["B"] : [])] }],
        outputs: [{ name: "y", dims: ["A", ...(beside ? ["B"] : [])] }],
        scalars: [],
        where: "N >= 1",
        body: [
          "@parallel",
          "for i in range(A):",
          ...loops,
          ...steps.map((line) => `${beside ? "        " : "    "}${line}`),
        ],
      },
      [b.reshape(x, [before, count, ...(beside ? [after] : [])])],
      [{ dtype: "i32", shape: [before, ...(beside ? [after] : [])] }],
    );
    return b.reshape(
      y!,
      x.shape.filter((_, each) => each !== axis),
    );
  };

const rows =
  (kernel: "softmax" | "log_softmax", attribute: string): Build =>
  (node) => {
    const { b } = node;
    const x = b.cast(node.in("logits"), "f32");
    const rank = x.shape.length;
    const axis = node.number(attribute, -1);
    if (rank === 0 || (axis !== -1 && axis !== rank - 1)) node.decline("it isn’t along the last axis");
    const last = x.shape.at(-1)!;
    const y = onRows(node.context, b.reshape(x, [sizeOf(x.shape.slice(0, -1)), last]), kernel);
    return b.reshape(y, x.shape);
  };

const row = (kernel: string, build: Build): KernelRow => ({ kernel, build });

export const reductions: readonly KernelRow[] = [
  row("All", truth("min")),
  row("Any", truth("max")),
  row("ArgMax", place("argmax")),
  row("ArgMin", place("argmin")),
  row("LogSoftmax", rows("log_softmax", "axis")),
  row("Max", extreme("max", "reductionIndices")),
  row("Mean", mean),
  row("Min", extreme("min", "axis")),
  row("Prod", total("prod")),
  row("Softmax", rows("softmax", "dim")),
  row("Sum", total("sum")),
];

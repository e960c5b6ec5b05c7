// Operators that move elements: reshapes, which cost nothing, views, which cost a copy at most, and joins.

import { contiguousStrides, sizeOf } from "../../tensor/layout.ts";
import { broadcast } from "../builder.ts";
import { lastOf, lastOrder } from "../channels.ts";
import type { Value } from "../program.ts";
import type { Build, NodeContext, OpRow } from "./node.ts";

const reshape: Build = async (node) => {
  const x = node.in(0);
  const asked = node.ints("shape") ?? (await node.numbers(1));
  const keepZero = node.flag("allowzero");
  const shape = asked.map((dim, axis) => (dim === 0 && !keepZero ? (x.shape[axis] ?? 0) : dim));
  const open = shape.indexOf(-1);
  if (open >= 0) {
    const rest = sizeOf(shape.filter((_, axis) => axis !== open));
    shape[open] = rest === 0 ? 0 : sizeOf(x.shape) / rest;
  }
  if (shape.some((dim) => !Number.isInteger(dim) || dim < 0) || sizeOf(shape) !== sizeOf(x.shape))
    node.fail(`[${x.shape.join(", ")}] doesn’t take the shape [${asked.join(", ")}]`);
  return node.b.reshape(x, shape);
};

const squeeze: Build = async (node) => {
  const x = node.in(0);
  const axes = await node.numbersFrom("axes", 1);
  const gone = new Set(
    axes?.map((axis) => node.axis(axis, x.shape.length)) ??
      x.shape.flatMap((dim, axis) => (dim === 1 ? [axis] : [])),
  );
  for (const axis of gone) if (x.shape[axis] !== 1) node.fail(`axis ${axis} has ${x.shape[axis]} elements`);
  return node.b.reshape(
    x,
    x.shape.filter((_, axis) => !gone.has(axis)),
  );
};

const unsqueeze: Build = async (node) => {
  const x = node.in(0);
  const axes = (await node.numbersFrom("axes", 1)) ?? [];
  const rank = x.shape.length + axes.length;
  const added = new Set(axes.map((axis) => node.axis(axis, rank)));
  if (added.size !== axes.length) node.fail("its axes name one twice");
  const rest = [...x.shape];
  const shape = Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : rest.shift()!));
  return node.b.reshape(x, shape);
};

const flatten: Build = (node) => {
  const x = node.in(0);
  const at = node.int("axis", 1);
  const axis = at < 0 ? at + x.shape.length : at;
  if (axis < 0 || axis > x.shape.length) node.fail(`there is no axis ${at}`);
  return node.b.reshape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
};

const transpose: Build = (node) => {
  const x = node.in(0);
  const order = node.ints("perm") ?? x.shape.map((_, axis) => x.shape.length - 1 - axis);
  if (order.length !== x.shape.length || order.toSorted((a, b) => a - b).some((axis, at) => axis !== at))
    node.fail(`perm [${order.join(", ")}] doesn’t name each axis of [${x.shape.join(", ")}] once`);
  return node.b.transpose(x, order);
};

const expand: Build = async (node) => {
  const x = node.in(0);
  const shape = broadcast([x.shape, await node.numbers(1)]);
  return expandTo(node, x, shape);
};

/** A value repeated to a shape that it broadcasts to. */
export function expandTo(node: NodeContext, x: Value, shape: readonly number[]): Value {
  return sizeOf(shape) === sizeOf(x.shape) ? node.b.reshape(x, shape) : node.b.map("$0", [x], { shape });
}

const slice: Build = async (node) => {
  const x = node.in(0);
  const starts = node.ints("starts") ?? (await node.numbers(1));
  const ends = node.ints("ends") ?? (await node.numbers(2));
  const axes = (await node.numbersFrom("axes", 3)) ?? starts.map((_, at) => at);
  const steps = node.has(4) ? await node.numbers(4) : starts.map(() => 1);
  const ranges = x.shape.map((dim) => ({ start: 0, step: 1, count: dim }));
  starts.forEach((start, at) => {
    const axis = node.axis(axes[at]!, x.shape.length);
    const dim = x.shape[axis]!;
    const step = steps[at]!;
    if (step === 0) node.fail("a step is 0");
    const place = (given: number, low: number, high: number) =>
      Math.min(Math.max(given < 0 ? given + dim : given, low), high);
    const [low, high] = step > 0 ? [0, dim] : [-1, dim - 1];
    const from = place(start, 0, high);
    // An end before the first element, counted from the back, is written as a large negative number.
    const to = ends[at]! < -dim ? low : place(ends[at]!, low, high);
    ranges[axis] = { start: from, step, count: Math.max(Math.ceil((to - from) / step), 0) };
  });
  return part(node, x, ranges);
};

/** Places along an axis. */
export interface Range {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

/** A range of each axis; steps may be negative, which a layout can't say. */
export function part(node: NodeContext, x: Value, ranges: readonly Range[]): Value {
  const strides = contiguousStrides(x.shape);
  const shape = ranges.map(({ count }) => count);
  const inner = partOfJoin(x, ranges);
  if (inner) {
    const shown = part(node, ...inner);
    node.b.shown.set(node.node.name, shown);
    return shown;
  }
  if (sizeOf(shape) === 0) return node.b.literal(x.dtype, [], shape);
  const backwards = ranges.flatMap(({ step, count }, axis) => (step < 0 && count > 1 ? [axis] : []));
  const first = ranges.map(({ start, step, count }) => (step < 0 ? start + (count - 1) * step : start));
  const view = {
    shape,
    strides: ranges.map(({ step }, axis) => strides[axis]! * Math.abs(step)),
    offset: first.reduce((sum, start, axis) => sum + start * strides[axis]!, 0),
  };
  return backwards.reduce((value, axis) => reversed(node, value, axis), node.b.view(x, view));
}

/** Where all that is asked for lies in one of the values that another was joined of: that one, and the places in it. */
function partOfJoin(x: Value, ranges: readonly Range[]): [Value, Range[]] | undefined {
  if (!x.joined) return undefined;
  const { axis, parts } = x.joined;
  const { start, step, count } = ranges[axis]!;
  const end = start + (count - 1) * step;
  let first = 0;
  for (const each of parts) {
    const size = each.shape[axis]!;
    if (count > 0 && Math.min(start, end) >= first && Math.max(start, end) < first + size)
      return [each, ranges.map((range, at) => (at === axis ? { start: start - first, step, count } : range))];
    first += size;
  }
  return undefined;
}

/** The elements along one axis in the opposite order. */
export function reversed({ b }: NodeContext, x: Value, axis: number): Value {
  const [before, size, after] = around(x.shape, axis);
  const flat = b.reshape(x, [before, size, after]);
  const [y] = b.kernel(
    {
      name: "reverse",
      inputs: [{ name: "x", dims: ["A", "N", "B"] }],
      outputs: [{ name: "y", dims: ["A", "N", "B"] }],
      scalars: [],
      body: ["@parallel", "for i, j, k in grid(A, N, B):", "    y[i, j, k] = READ(x, i, N - 1 - j, k)"],
    },
    [flat],
    [{ dtype: x.dtype, shape: flat.shape }],
  );
  return b.reshape(y!, x.shape);
}

/** How many elements lie before, along and behind an axis. */
export function around(shape: readonly number[], axis: number): [number, number, number] {
  return [sizeOf(shape.slice(0, axis)), shape[axis] ?? 1, sizeOf(shape.slice(axis + 1))];
}

const concat: Build = (node) => {
  const values = node.all();
  const rank = values[0]!.shape.length;
  const images = values.map((value) => (node.b.reorders ? lastOf(node.b, value) : undefined));
  if (values.some(({ last }) => last) && !images.includes(undefined)) {
    const axis = node.axis(node.int("axis", 0), rank);
    return node.b.first(concatenate(node, images as Value[], lastOrder(rank).indexOf(axis)));
  }
  return concatenate(node, values, node.axis(node.int("axis", 0), values[0]!.shape.length));
};

/** How many tensors one kernel joins; more are joined in groups. */
const joinWidth = 8;

/** Tensors one behind the other along an axis. */
export function concatenate(node: NodeContext, values: readonly Value[], axis: number): Value {
  const { b } = node;
  const dtype = node.sameDtype(...values);
  const shape = [...values[0]!.shape];
  for (const each of values)
    if (each.shape.length !== shape.length || each.shape.some((dim, at) => at !== axis && dim !== shape[at]))
      node.fail(
        `${values.map((value) => `[${value.shape.join(", ")}]`).join(" and ")} don’t join along axis ${axis}`,
      );
  const total = (list: readonly Value[]) => list.reduce((sum, value) => sum + value.shape[axis]!, 0);
  const shapeOf = (list: readonly Value[]) => shape.map((dim, at) => (at === axis ? total(list) : dim));
  const parts = values.filter((value) => sizeOf(value.shape) > 0);
  if (parts.length === 0) return b.literal(dtype, [], shapeOf(values));
  if (parts.length === 1) return b.reshape(parts[0]!, shapeOf(values));
  if (parts.length > joinWidth) {
    const groups: Value[] = [];
    for (let at = 0; at < parts.length; at += joinWidth)
      groups.push(concatenate(node, parts.slice(at, at + joinWidth), axis));
    return concatenate(node, groups, axis);
  }
  const [before, , after] = around(shape, axis);
  const names = parts.map((_, at) => `x${at}`);
  const lengths = parts.map((_, at) => `N${at}`);
  const offset = (at: number) => lengths.slice(0, at).join(" + ");
  const behind = after === 1 ? [] : ["B"];
  const body = names.flatMap((name, at) => {
    const place = at === 0 ? "j" : `${offset(at)} + j`;
    return behind.length === 0
      ? [
          "@parallel",
          "for i in range(A):",
          "    @vectorize",
          `    for j in range(${lengths[at]}):`,
          `        y[i, ${place}] = READ(${name}, i, j)`,
        ]
      : [
          "@parallel",
          "for i in range(A):",
          `    for j in range(${lengths[at]}):`,
          "        @vectorize",
          "        for k in range(B):",
          `            y[i, ${place}, k] = READ(${name}, i, j, k)`,
        ];
  });
  const [y] = b.kernel(
    {
      name: "concat",
      inputs: names.map((name, at) => ({ name, dims: ["A", lengths[at]!, ...behind] })),
      outputs: [{ name: "y", dims: ["A", lengths.join(" + "), ...behind] }],
      scalars: [],
      body,
      joins: before === 1,
    },
    parts.map((value) =>
      b.reshape(value, [before, value.shape[axis]!, ...(behind.length === 0 ? [] : [after])]),
    ),
    [{ dtype, shape: [before, total(parts), ...(behind.length === 0 ? [] : [after])] }],
  );
  const joined = b.reshape(y!, shapeOf(values));
  joined.joined = { axis, parts };
  return joined;
}

const split: Build = async (node) => {
  const x = node.in(0);
  const axis = node.axis(node.int("axis", 0), x.shape.length);
  const size = x.shape[axis]!;
  const count = node.countable(node.int("num_outputs", node.node.outputs.length));
  const each = Math.ceil(size / count);
  const sizes =
    (await node.numbersFrom("split", 1)) ??
    Array.from({ length: count }, (_, at) => Math.min(each, size - at * each));
  if (sizes.reduce((sum, one) => sum + one, 0) !== size)
    node.fail(`parts of ${sizes.join(", ")} elements don’t make up ${size}`);
  let start = 0;
  return sizes.map((one) => {
    const ranges = x.shape.map((dim, at) => ({
      start: at === axis ? start : 0,
      step: 1,
      count: at === axis ? one : dim,
    }));
    start += one;
    return part(node, x, ranges);
  });
};

const tile: Build = async (node) => {
  let x = node.in(0);
  const repeats = await node.numbers(1);
  // Each axis becomes two, the first of which repeats.
  const rank = x.shape.length;
  const paired = node.b.reshape(
    x,
    x.shape.flatMap((dim) => [1, dim]),
  );
  x = expandTo(
    node,
    paired,
    x.shape.flatMap((dim, axis) => [repeats[axis] ?? 1, dim]),
  );
  return node.b.reshape(
    x,
    Array.from({ length: rank }, (_, axis) => x.shape[2 * axis]! * x.shape[2 * axis + 1]!),
  );
};

const depthToSpace: Build = (node) => {
  const x = node.in(0);
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const s = node.int("blocksize", 1);
  const depth = c / (s * s);
  const [shape, order] =
    node.text("mode", "DCR") === "DCR"
      ? [
          [n, s, s, depth, h, w],
          [0, 3, 4, 1, 5, 2],
        ]
      : [
          [n, depth, s, s, h, w],
          [0, 1, 4, 2, 5, 3],
        ];
  return node.b.reshape(node.b.transpose(node.b.reshape(x, shape), order), [n, depth, h * s, w * s]);
};

const spaceToDepth: Build = (node) => {
  const x = node.in(0);
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const s = node.int("blocksize", 1);
  const cells = node.b.reshape(x, [n, c, h / s, s, w / s, s]);
  return node.b.reshape(node.b.transpose(cells, [0, 3, 5, 1, 2, 4]), [n, c * s * s, h / s, w / s]);
};

const shapeOfInput: Build = (node) => {
  const { shape } = node.in(0);
  const clamp = (at: number) => Math.min(Math.max(at < 0 ? at + shape.length : at, 0), shape.length);
  const start = clamp(node.int("start", 0));
  const end = clamp(node.int("end", shape.length));
  return node.b.literal("i64", shape.slice(start, Math.max(start, end)));
};

const size: Build = (node) => node.b.scalar("i64", sizeOf(node.in(0).shape));

const row = (op: string, build: Build, since = 1): OpRow => ({ op, since, build });

export const layout: readonly OpRow[] = [
  row("Identity", (node) => node.in(0)),
  row("Reshape", reshape),
  row("Squeeze", squeeze),
  row("Unsqueeze", unsqueeze),
  row("Flatten", flatten),
  row("Transpose", transpose),
  row("Expand", expand, 8),
  row("Slice", slice),
  row("Concat", concat),
  row("Split", split),
  row("Tile", tile, 6),
  row("DepthToSpace", depthToSpace),
  row("SpaceToDepth", spaceToDepth),
  row("Shape", shapeOfInput),
  row("Size", size),
];

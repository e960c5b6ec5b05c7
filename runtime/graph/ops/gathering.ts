// Operators whose indices are data. An index may count from the end; one that is out of range stops the run, by an assert in the
// kernel: nothing is read from elsewhere.

import { sizeOf } from "../../tensor/layout.ts";
import type { Value } from "../program.ts";
import { around, part, type Range } from "./layout.ts";
import type { Build, NodeContext, OpRow } from "./node.ts";

/** An index as the kernel needs it: from the front, and proved to be in range by an assert. */
const checked = (at: string, size: string): string[] => [
  `let given = i64(${at})`,
  `let wide = given + i64(${size}) if given < i64(0) else given`,
  `assert i64(0) <= wide and wide < i64(${size}), "an index is out of range"`,
  "let at = index(wide)",
];

/** As many constant indices are looked at, to see whether they are a range. */
const fewIndices = 64;

/** The range that constant indices are, each as far behind the one before; undefined if they are anything else. */
async function rangeOf(node: NodeContext, size: number): Promise<Range | undefined> {
  const indices = node.in(1);
  const count = sizeOf(indices.shape);
  if (!indices.fixed || count === 0 || count > fewIndices) return undefined;
  const places = (await node.numbers(1)).map((at) => (at < 0 ? at + size : at));
  const [start] = places as [number];
  const step = count > 1 ? places[1]! - start : 1;
  const fits = places.every((at, n) => at >= 0 && at < size && at === start + n * step);
  return fits && step > 0 ? { start, step, count } : undefined;
}

const gather: Build = async (node) => {
  const { b } = node;
  const [x, indices] = [node.in(0), node.in(1)];
  const axis = node.axis(node.int("axis", 0), x.shape.length);
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  const range = await rangeOf(node, x.shape[axis]!);
  if (range) {
    const ranges = x.shape.map((dim, at) => (at === axis ? range : { start: 0, step: 1, count: dim }));
    return b.reshape(part(node, x, ranges), shape);
  }
  const [before, count, after] = around(x.shape, axis);
  const [y] = b.kernel(
    {
      name: "gather",
      inputs: [
        { name: "x", dims: ["A", "V", "B"] },
        { name: "indices", dims: ["N"] },
      ],
      outputs: [{ name: "y", dims: ["A", "N", "B"] }],
      scalars: [],
      body: [
        "@parallel",
        "for i in range(A):",
        "    for j in range(N):",
        ...checked("indices[j]", "V").map((line) => `        ${line}`),
        "        @vectorize",
        "        for k in range(B):",
        "            y[i, j, k] = x[i, at, k]",
      ],
    },
    [b.reshape(x, [before, count, after]), b.reshape(indices, [sizeOf(indices.shape)])],
    [{ dtype: x.dtype, shape: [before, sizeOf(indices.shape), after] }],
  );
  return b.reshape(y!, [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)]);
};

/** y[…, j, …] = x[…, indices[…, j, …], …] along one axis. */
const gatherElements: Build = (node) => {
  const { b } = node;
  const [x, indices] = [node.in(0), node.in(1)];
  const rank = x.shape.length;
  const axis = node.axis(node.int("axis", 0), rank);
  const names = x.shape.map((_, n) => `D${n}`);
  const places = x.shape.map((_, n) => `N${n}`);
  const loop = x.shape.map((_, n) => `i${n}`);
  const bounds = names.flatMap((name, n) => (n === axis ? [] : [`N${n} <= ${name}`]));
  const [y] = b.kernel(
    {
      name: "gather_elements",
      inputs: [
        { name: "x", dims: names },
        { name: "indices", dims: places },
      ],
      outputs: [{ name: "y", dims: places }],
      scalars: [],
      where: bounds.length > 0 ? bounds.join(", ") : undefined,
      body: [
        "@parallel",
        `for ${loop.join(", ")} in grid(${places.join(", ")}):`,
        ...checked(`indices[${loop.join(", ")}]`, names[axis]!).map((line) => `    ${line}`),
        `    y[${loop.join(", ")}] = x[${loop.map((name, n) => (n === axis ? "at" : name)).join(", ")}]`,
      ],
    },
    [x, indices],
    [{ dtype: x.dtype, shape: indices.shape }],
  );
  return y!;
};

/** Rows of indices name parts of a tensor: places in its first axes behind those that both share. */
const gatherNd: Build = (node) => {
  const { b } = node;
  const [x, indices] = [node.in(0), node.in(1)];
  const shared = node.int("batch_dims", 0);
  const depth = indices.shape.at(-1)!;
  const stack = sizeOf(x.shape.slice(0, shared));
  const places = indices.shape.slice(shared, -1);
  const named = x.shape.slice(shared, shared + depth);
  const rest = x.shape.slice(shared + depth);
  const flat = flatPlaces(node, b.reshape(indices, [stack, sizeOf(places), depth]), named);
  const [y] = b.kernel(
    {
      name: "gather_parts",
      inputs: [
        { name: "x", dims: ["A", "V", "B"] },
        { name: "places", dims: ["A", "N"] },
      ],
      outputs: [{ name: "y", dims: ["A", "N", "B"] }],
      scalars: [],
      body: [
        "@parallel",
        "for i in range(A):",
        "    for j in range(N):",
        ...checked("places[i, j]", "V").map((line) => `        ${line}`),
        "        @vectorize",
        "        for k in range(B):",
        "            y[i, j, k] = x[i, at, k]",
      ],
    },
    [b.reshape(x, [stack, sizeOf(named), sizeOf(rest)]), flat],
    [{ dtype: x.dtype, shape: [stack, sizeOf(places), sizeOf(rest)] }],
  );
  return b.reshape(y!, [...x.shape.slice(0, shared), ...places, ...rest]);
};

/** Rows of indices [A, N, depth] as places in the row-major order of the axes that they name; -1 where one is out of range. */
function flatPlaces({ b }: NodeContext, indices: Value, sizes: readonly number[]): Value {
  const [stack, count, depth] = indices.shape as [number, number, number];
  const extents = b.literal("i64", sizes);
  const [flat] = b.kernel(
    {
      name: "places",
      inputs: [
        { name: "indices", dims: ["A", "N", "D"] },
        { name: "sizes", dims: ["D"] },
      ],
      outputs: [{ name: "flat", dims: ["A", "N"] }],
      scalars: [],
      body: [
        "@parallel",
        "for i, j in grid(A, N):",
        "    var place = i64(0)",
        "    for k in range(D):",
        "        let given = i64(indices[i, j, k])",
        "        let at = given + sizes[k] if given < i64(0) else given",
        '        assert i64(0) <= at and at < sizes[k], "an index is out of range"',
        "        place = place * sizes[k] + at",
        "    flat[i, j] = place",
      ],
    },
    [b.reshape(indices, [stack, count, depth]), extents],
    [{ dtype: "i64", shape: [stack, count] }],
  );
  return flat!;
}

/** What a scatter makes of the element that is there and the one that comes. */
const combined: Readonly<Record<string, string>> = {
  none: "update",
  add: "old + update",
  mul: "old * update",
  max: "max(old, update)",
  min: "min(old, update)",
};

function reductionOf(node: NodeContext): string {
  const name = node.text("reduction", "none");
  return combined[name] ?? node.fail(`I know no reduction \`${name}\``);
}

/** Updates one after the other: the last of several to one place stays, as the standard leaves open. */
const scatterNd: Build = (node) => {
  const { b } = node;
  const [x, indices, updates] = [node.in(0), node.in(1), node.in(2)];
  const depth = indices.shape.at(-1)!;
  const count = sizeOf(indices.shape.slice(0, -1));
  const rest = sizeOf(x.shape.slice(depth));
  const flat = b.reshape(flatPlaces(node, b.reshape(indices, [1, count, depth]), x.shape.slice(0, depth)), [
    count,
  ]);
  const [y] = b.kernel(
    {
      name: "scatter_parts",
      inputs: [
        { name: "x", dims: ["V", "B"] },
        { name: "places", dims: ["N"] },
        { name: "updates", dims: ["N", "B"] },
      ],
      outputs: [{ name: "y", dims: ["V", "B"] }],
      scalars: [],
      body: [
        "@parallel",
        "for i, k in grid(V, B):",
        "    y[i, k] = x[i, k]",
        "for j in range(N):",
        ...checked("places[j]", "V").map((line) => `    ${line}`),
        "    for k in range(B):",
        "        let old = y[at, k]",
        "        let update = updates[j, k]",
        `        y[at, k] = ${reductionOf(node)}`,
      ],
    },
    [b.reshape(x, [sizeOf(x.shape.slice(0, depth)), rest]), flat, b.reshape(updates, [count, rest])],
    [{ dtype: x.dtype, shape: [sizeOf(x.shape.slice(0, depth)), rest] }],
  );
  return b.reshape(y!, x.shape);
};

const scatterElements: Build = (node) => {
  const { b } = node;
  const [x, indices, updates] = [node.in(0), node.in(1), node.in(2)];
  const axis = node.axis(node.int("axis", 0), x.shape.length);
  const names = x.shape.map((_, n) => `D${n}`);
  const places = x.shape.map((_, n) => `N${n}`);
  const loop = x.shape.map((_, n) => `i${n}`).join(", ");
  const target = x.shape.map((_, n) => (n === axis ? "at" : `i${n}`)).join(", ");
  const bounds = names.flatMap((name, n) => (n === axis ? [] : [`N${n} <= ${name}`]));
  const [y] = b.kernel(
    {
      name: "scatter_elements",
      inputs: [
        { name: "x", dims: names },
        { name: "indices", dims: places },
        { name: "updates", dims: places },
      ],
      outputs: [{ name: "y", dims: names }],
      scalars: [],
      where: bounds.length > 0 ? bounds.join(", ") : undefined,
      body: [
        "@parallel",
        `for ${loop} in grid(${names.join(", ")}):`,
        `    y[${loop}] = x[${loop}]`,
        `for ${loop} in grid(${places.join(", ")}):`,
        ...checked(`indices[${loop}]`, names[axis]!).map((line) => `    ${line}`),
        `    let old = y[${target}]`,
        `    let update = updates[${loop}]`,
        `    y[${target}] = ${reductionOf(node)}`,
      ],
    },
    [x, indices, updates],
    [{ dtype: x.dtype, shape: x.shape }],
  );
  return y!;
};

const row = (op: string, build: Build, since = 1): OpRow => ({ op, since, build });

export const gathering: readonly OpRow[] = [
  row("Gather", gather),
  row("GatherElements", gatherElements),
  row("GatherND", gatherNd),
  row("Scatter", scatterElements),
  row("ScatterElements", scatterElements),
  row("ScatterND", scatterNd),
];

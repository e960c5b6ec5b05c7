// Operators whose result is as large as their data says. Their inputs are read back, the choice is made on the host, and what follows is
// planned for the size that came out.

import { contiguousStrides, sizeOf } from "../../tensor/layout.ts";
import type { Value } from "../program.ts";
import { around } from "./layout.ts";
import type { Build, NodeContext, OpRow } from "./node.ts";

type Element = number | bigint | boolean;

/** Places of the elements that aren't zero, an axis a row. */
const nonZero: Build = async (node) => {
  const x = node.in(0);
  const elements = await node.elements(0);
  const strides = contiguousStrides(x.shape);
  const places = elements.flatMap((element, at) => (Number(element) === 0 ? [] : [at]));
  const rows = x.shape.map((dim, axis) => places.map((at) => Math.floor(at / strides[axis]!) % dim));
  return node.b.literal("i64", rows.flat(), [x.shape.length, places.length]);
};

/** The places of an axis where a condition holds. */
const compress: Build = async (node) => {
  const { b } = node;
  const given = node.node.attributes["axis"];
  const x = given === undefined ? b.reshape(node.in(0), [sizeOf(node.in(0).shape)]) : node.in(0);
  const axis = node.axis(node.int("axis", 0), x.shape.length);
  const kept = (await node.elements(1)).flatMap((element, at) =>
    element && at < x.shape[axis]! ? [at] : [],
  );
  return takePlaces(node, x, axis, kept);
};

/** Some places of an axis, known when the graph is planned. */
function takePlaces({ b }: NodeContext, x: Value, axis: number, places: readonly number[]): Value {
  const [before, count, after] = around(x.shape, axis);
  const shape = x.shape.map((dim, at) => (at === axis ? places.length : dim));
  if (sizeOf(shape) === 0) return b.literal(x.dtype, [], shape);
  const [y] = b.kernel(
    {
      name: "take_places",
      inputs: [
        { name: "x", dims: ["A", "V", "B"] },
        { name: "places", dims: ["N"] },
      ],
      outputs: [{ name: "y", dims: ["A", "N", "B"] }],
      scalars: [],
      where: "V >= 1",
      body: [
        "@parallel",
        "for i, j in grid(A, N):",
        "    let at = clamp(places[j], 0, V - 1)",
        "    @vectorize",
        "    for k in range(B):",
        "        y[i, j, k] = x[i, at, k]",
      ],
    },
    [b.reshape(x, [before, count, after]), b.literal("i32", places)],
    [{ dtype: x.dtype, shape: [before, places.length, after] }],
  );
  return b.reshape(y!, shape);
}

/** Each different element, or slice along an axis, once: where it first was, which one each is, how often. */
const unique: Build = async (node) => {
  const { b } = node;
  const given = node.node.attributes["axis"];
  const x = given === undefined ? b.reshape(node.in(0), [sizeOf(node.in(0).shape)]) : node.in(0);
  const axis = node.axis(node.int("axis", 0), x.shape.length);
  const elements = await node.elements(0);
  const [before, count, after] = around(x.shape, axis);
  const slice = (at: number): Element[] =>
    Array.from({ length: before * after }, (_, n) => {
      const [i, k] = [Math.floor(n / after), n % after];
      return elements[(i * count + at) * after + k]!;
    });
  const slices = Array.from({ length: count }, (_, at) => slice(at));
  const keys = slices.map((each) => each.join());
  const firsts = keys.flatMap((key, at) => (keys.indexOf(key) === at ? [at] : []));
  const less = (a: number, c: number): number => {
    const differs = slices[a]!.findIndex((element, n) => element !== slices[c]![n]);
    return differs < 0 ? 0 : slices[a]![differs]! < slices[c]![differs]! ? -1 : 1;
  };
  const order = node.flag("sorted", true) ? firsts.toSorted(less) : firsts;
  const rank = new Map(order.map((at, n) => [keys[at]!, n]));
  const inverse = keys.map((key) => rank.get(key)!);
  const counts = order.map((at) => keys.filter((key) => key === keys[at]).length);
  return [
    takePlaces(node, x, axis, order),
    b.literal("i64", order),
    b.literal("i64", inverse),
    b.literal("i64", counts),
  ];
};

/** Boxes by score, without those that overlap a better one of their class too much. */
const nonMaxSuppression: Build = async (node) => {
  const [batches, boxes] = node.in(0).shape as [number, number];
  const classes = node.in(1).shape[1]!;
  const corners = await node.numbers(0);
  const scores = await node.numbers(1);
  const option = async (at: number, otherwise: number) => (node.has(at) ? node.number(at) : otherwise);
  const limit = await option(2, 0);
  const overlap = await option(3, 0);
  const threshold = await option(4, -Infinity);
  const centered = node.flag("center_point_box");
  const boxOf = (batch: number, box: number): [number, number, number, number] => {
    const [p, q, r, s] = corners.slice((batch * boxes + box) * 4, (batch * boxes + box) * 4 + 4) as [
      number,
      number,
      number,
      number,
    ];
    if (centered) return [q - s / 2, p - r / 2, q + s / 2, p + r / 2];
    return [Math.min(p, r), Math.min(q, s), Math.max(p, r), Math.max(q, s)];
  };
  const shared = (a: readonly number[], c: readonly number[]): number => {
    const height = Math.max(Math.min(a[2]!, c[2]!) - Math.max(a[0]!, c[0]!), 0);
    const width = Math.max(Math.min(a[3]!, c[3]!) - Math.max(a[1]!, c[1]!), 0);
    const area = (box: readonly number[]) => (box[2]! - box[0]!) * (box[3]! - box[1]!);
    const both = height * width;
    return both === 0 ? 0 : both / (area(a) + area(c) - both);
  };
  const chosen: number[] = [];
  for (let batch = 0; batch < batches; batch++)
    for (let each = 0; each < classes; each++) {
      const score = (box: number) => scores[(batch * classes + each) * boxes + box]!;
      const order = Array.from({ length: boxes }, (_, box) => box)
        .filter((box) => score(box) > threshold)
        .toSorted((a, c) => score(c) - score(a) || a - c);
      const kept: number[] = [];
      for (const box of order) {
        if (kept.length >= limit) break;
        if (kept.every((other) => shared(boxOf(batch, box), boxOf(batch, other)) <= overlap)) kept.push(box);
      }
      for (const box of kept) chosen.push(batch, each, box);
    }
  return node.b.literal("i64", chosen, [chosen.length / 3, 3]);
};

const row = (op: string, build: Build, since = 1): OpRow => ({ op, since, build });

export const selecting: readonly OpRow[] = [
  row("NonZero", nonZero),
  row("Compress", compress),
  row("Unique", unique, 11),
  row("NonMaxSuppression", nonMaxSuppression, 10),
];

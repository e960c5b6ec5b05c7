// Pads: with a number, or with what mirrors, repeats or wraps the tensor. Negative ones cut off.

import { sizeOf } from "../../tensor/layout.ts";
import type { Value } from "../program.ts";
import { part } from "./layout.ts";
import type { Build, NodeContext, OpRow } from "./node.ts";

/** Where an element beyond the border comes from; `u` is its place, `D` the size of the axis. */
const sources: Readonly<Record<string, string>> = {
  edge: "clamp(u, 0, D - 1)",
  reflect: "clamp((D - 1) - abs((D - 1) - abs(u)), 0, D - 1)",
  wrap: "clamp(u + D if u < 0 else (u - D if u >= D else u), 0, D - 1)",
};

const pad: Build = async (node) => {
  const { b } = node;
  const x = node.in(0);
  const rank = x.shape.length;
  const given = node.ints("pads") ?? node.ints("paddings") ?? (await node.numbers(1));
  const axes = node.has(3)
    ? (await node.numbers(3)).map((axis) => node.axis(axis, rank))
    : x.shape.map((_, at) => at);
  const before = x.shape.map(() => 0);
  const after = x.shape.map(() => 0);
  axes.forEach((axis, at) => {
    before[axis] = given[at]!;
    after[axis] = given[at + axes.length]!;
  });
  const fill =
    typeof node.node.attributes["value"] === "number"
      ? b.scalar(x.dtype, node.float("value", 0))
      : node.has(2)
        ? b.reshape(node.in(2), [])
        : b.scalar(x.dtype, 0);
  const cut = part(
    node,
    x,
    x.shape.map((dim, axis) => {
      const start = Math.max(-before[axis]!, 0);
      return { start, step: 1, count: Math.max(dim - start - Math.max(-after[axis]!, 0), 0) };
    }),
  );
  const added = (list: readonly number[]) => list.map((count) => Math.max(count, 0));
  return padded(node, cut, added(before), added(after), node.text("mode", "constant"), fill);
};

/** A tensor with elements added in front of each axis and behind it. */
export function padded(
  node: NodeContext,
  x: Value,
  before: readonly number[],
  after: readonly number[],
  mode: string,
  fill: Value,
): Value {
  const { b } = node;
  if ([...before, ...after].every((count) => count === 0)) return x;
  const shape = x.shape.map((dim, axis) => dim + before[axis]! + after[axis]!);
  // Axes without pads in a row are one axis.
  const runs: { size: number; before: number; after: number }[] = [];
  x.shape.forEach((size, axis) => {
    const last = runs.at(-1);
    const plain = before[axis] === 0 && after[axis] === 0;
    if (plain && last && last.before === 0 && last.after === 0) last.size *= size;
    else runs.push({ size, before: before[axis]!, after: after[axis]! });
  });
  const source = sources[mode];
  if (!source && mode !== "constant") node.fail(`I know no mode \`${mode}\``);
  if (source && sizeOf(x.shape) === 0) node.fail("there is nothing to repeat");
  const pads = runs.map((run) => run.before > 0 || run.after > 0);
  const names = runs.map((_, at) => `D${at}`);
  const sizes = runs.map((_, at) => (pads[at] ? `n${at}` : `D${at}`));
  const loop = runs.map((_, at) => `i${at}`);
  const places = runs.map((_, at) => {
    const place = pads[at] ? `i${at} - p${at}` : `i${at}`;
    return source && pads[at] ? source.replaceAll("D", `D${at}`).replaceAll("u", `(${place})`) : place;
  });
  const where = runs.flatMap((_, at) => [
    ...(pads[at] ? [`0 <= n${at}`, `0 <= p${at}`, `n${at} <= 1073741823`, `p${at} <= 536870911`] : []),
    ...(pads[at] && source ? [`D${at} >= 1`, `D${at} <= 268435456`] : []),
  ]);
  const inner = source ? `x[${places.join(", ")}]` : `x.get(${places.join(", ")}, default=fill)`;
  const [y] = b.kernel(
    {
      name: `pad_${mode}`,
      inputs: [{ name: "x", dims: names }, ...(source ? [] : [{ name: "value", dims: [] }])],
      outputs: [{ name: "y", dims: sizes }],
      scalars: runs.flatMap((run, at) =>
        pads[at]
          ? [
              { name: `n${at}`, dtype: "i32" as const, value: run.size + run.before + run.after },
              { name: `p${at}`, dtype: "i32" as const, value: run.before },
            ]
          : [],
      ),
      where: where.length > 0 ? where.join(", ") : undefined,
      body: [
        ...(source ? [] : ["let fill = value[0]"]),
        "@parallel",
        `for ${loop.join(", ")} in grid(${sizes.join(", ")}):`,
        `    y[${loop.join(", ")}] = ${inner}`,
      ],
    },
    source
      ? [
          b.reshape(
            x,
            runs.map(({ size }) => size),
          ),
        ]
      : [
          b.reshape(
            x,
            runs.map(({ size }) => size),
          ),
          fill,
        ],
    [{ dtype: x.dtype, shape: runs.map((run) => run.size + run.before + run.after) }],
  );
  return b.reshape(y!, shape);
}

export const padding: readonly OpRow[] = [{ op: "Pad", since: 1, build: pad }];

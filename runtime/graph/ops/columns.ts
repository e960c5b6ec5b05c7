// What windows see, as columns: sampled between pixels for a deformable convolution, or added up where windows overlap.

import type { Value } from "../program.ts";
import { addBias } from "./convolution.ts";
import { product } from "./matmul.ts";
import type { Build, OpRow } from "./node.ts";
import { pairOf, windowOf, type Window } from "./window.ts";

/** The places under a window and its settings, as scalars of a kernel: sizes of the result, and what lies in front of the image. */
const scalarsOf = ({ out, before }: Window) =>
  (
    [
      ["height", out[0]],
      ["width", out[1]],
      ["top", before[0]],
      ["left", before[1]],
    ] as const
  ).map(([name, value]) => ({ name, dtype: "i32" as const, value }));

const bounds =
  "0 <= height, 0 <= width, 0 <= top, 0 <= left, height <= 16777216, width <= 16777216, top <= 65536, left <= 65536";

/**
 * A convolution whose windows are bent (https://arxiv.org/abs/1703.06211, with a mask https://arxiv.org/abs/1811.11168): each of its places
 * is moved by an offset that is data, and the image is read between its pixels, zero outside.
 */
const deformed: Build = (node) => {
  const { b } = node;
  const [x, w, offsets] = [node.in(0), node.in(1), node.in(2)];
  if (x.shape.length !== 4) node.fail("only images of two dimensions are supported");
  const dtype = node.sameDtype(x, w, offsets);
  const [batch, channels] = x.shape as [number, number];
  const [features, each, ...kernel] = w.shape as [number, number, number, number];
  const [group, bends] = [node.int("group", 1), node.int("offset_group", 1)];
  if (channels !== each * group || features % group !== 0 || channels % bends !== 0)
    node.fail(
      `${channels} channels don’t fit weights for ${each} in ${group} groups, or ${bends} groups of offsets`,
    );
  const window = windowOf(node, x, kernel);
  const { stride, dilation, out } = window;
  const taps = kernel[0] * kernel[1];
  const shown = (value: Value, parts: number) => {
    const shape = [batch, bends * taps * parts, ...out];
    if (value.shape.join() !== shape.join())
      node.fail(
        `it moves ${taps} places for each of [${out.join(", ")}], and [${value.shape.join(", ")}] is given`,
      );
    return b.reshape(value, [batch, bends, ...kernel, ...(parts === 1 ? [] : [parts]), ...out]);
  };
  const mask = node.has(4) ? shown(node.in(4), 1) : undefined;
  const [seen] = b.kernel(
    {
      name: "bent_windows",
      inputs: [
        { name: "x", dims: ["B", "G", "C", "H", "W"] },
        { name: "offsets", dims: ["B", "G", ...kernel, 2, "height", "width"] },
        ...(mask ? [{ name: "mask", dims: ["B", "G", ...kernel, "height", "width"] }] : []),
      ],
      outputs: [{ name: "y", dims: ["B", "G", "C", ...kernel, "height", "width"] }],
      scalars: scalarsOf(window),
      where: `H >= 1, W >= 1, H <= 65536, W <= 65536, ${bounds}`,
      defs: [
        `def pixel(x: Tensor[${dtype}, B, G, C, H, W], b: index, g: index, c: index, u: ${dtype}, v: ${dtype}) -> ${dtype}:`,
        // Far outside there is nothing, however far: offsets may be any number.
        `    let row = i32(clamp(u, ${dtype}(-2), ${dtype}(H + 1)))`,
        `    let column = i32(clamp(v, ${dtype}(-2), ${dtype}(W + 1)))`,
        "    return x.get(b, g, c, row, column, default=0)",
      ].join("\n"),
      body: [
        "@parallel(b, g, c)",
        `for b, g, c, r, q, i, j in grid(B, G, C, ${kernel[0]}, ${kernel[1]}, height, width):`,
        `    let u = ${dtype}(i * ${stride[0]} + r * ${dilation[0]} - top) + offsets[b, g, r, q, 0, i, j]`,
        `    let v = ${dtype}(j * ${stride[1]} + q * ${dilation[1]} - left) + offsets[b, g, r, q, 1, i, j]`,
        "    let u0 = floor(u)",
        "    let v0 = floor(v)",
        "    let du = u - u0",
        "    let dv = v - v0",
        "    let upper = pixel(x, b, g, c, u0, v0) * (1 - dv) + pixel(x, b, g, c, u0, v0 + 1) * dv",
        "    let lower = pixel(x, b, g, c, u0 + 1, v0) * (1 - dv) + pixel(x, b, g, c, u0 + 1, v0 + 1) * dv",
        `    y[b, g, c, r, q, i, j] = (upper * (1 - du) + lower * du)${mask ? " * mask[b, g, r, q, i, j]" : ""}`,
      ],
    },
    [
      b.reshape(x, [batch, bends, channels / bends, ...x.shape.slice(2)]),
      shown(offsets, 2),
      ...(mask ? [mask] : []),
    ],
    [{ dtype, shape: [batch, bends, channels / bends, ...kernel, ...out] }],
  );
  const columns = b.reshape(seen!, [batch, group, each * taps, out[0] * out[1]]);
  const weights = b.reshape(w, [1, group, features / group, each * taps]);
  const y = b.reshape(product(node, weights, columns), [batch, features, ...out]);
  return node.has(3) ? addBias(node, y, node.in(3)) : y;
};

/** An image of columns of overlapping windows, [batch, channels · window, places]: where windows overlap they are added. */
const fromColumns: Build = async (node) => {
  const { b } = node;
  const x = node.in(0);
  const [image, block] = [await node.numbers(1), await node.numbers(2)];
  const rank = image.length;
  if (rank < 1 || rank > 2 || block.length !== rank)
    return node.fail("only images of one or two dimensions are supported");
  const [size, kernel] = [pairOf(node, image, 1, rank), pairOf(node, block, 1, rank)];
  const [batch, rows, places] = x.shape as [number, number, number];
  const channels = rows / (kernel[0] * kernel[1]);
  if (x.shape.length !== 3 || !Number.isInteger(channels))
    return node.fail(`[${x.shape.join(", ")}] isn’t made of windows of ${block.join(" × ")}`);
  const shape = [batch, channels, ...size];
  const window = windowOf(node, { ...x, shape: rank === 1 ? [batch, channels, size[1]] : shape }, kernel);
  const { stride, dilation, out, before } = window;
  if (out[0] * out[1] !== places)
    return node.fail(`windows stand at ${out[0] * out[1]} places of the image, and ${places} are given`);
  const [y] = b.kernel(
    {
      name: "windows_added",
      inputs: [{ name: "x", dims: ["B", "C", ...kernel, "P", "Q"] }],
      outputs: [{ name: "y", dims: ["B", "C", "height", "width"] }],
      scalars: scalarsOf({ ...window, out: size, before }),
      where: bounds,
      body: [
        "@parallel(b, c)",
        "for b, c, i in grid(B, C, height):",
        "    for j in range(width):",
        `        var total = ${x.dtype}(0)`,
        `        for r in range(${kernel[0]}):`,
        `            for q in range(${kernel[1]}):`,
        `                let u = i + top - r * ${dilation[0]}`,
        `                let v = j + left - q * ${dilation[1]}`,
        `                let at = x.get(b, c, r, q, u // ${stride[0]}, v // ${stride[1]}, default=0)`,
        `                total += at if u % ${stride[0]} == 0 and v % ${stride[1]} == 0 else ${x.dtype}(0)`,
        "        y[b, c, i, j] = total",
      ],
    },
    [b.reshape(x, [batch, channels, ...kernel, ...out])],
    [{ dtype: x.dtype, shape }],
  );
  return b.reshape(y!, [batch, channels, ...image]);
};

export const columns: readonly OpRow[] = [
  { op: "DeformConv", since: 19, build: deformed },
  { op: "Col2Im", since: 18, build: fromColumns },
];

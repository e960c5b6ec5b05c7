// Spectra: discrete Fourier transforms as matrix products. A length with two factors takes two short transforms with a turn between them, as
// Cooley and Tukey have it, so that no table is larger than a pair of factors asks for.

import { dataOf } from "../../tensor/values.ts";
import { sizeOf } from "../../tensor/layout.ts";
import { tensor } from "../../tensor/tensor.ts";
import { dtypeOf } from "../../onnx/tensors.ts";
import { isFloating } from "../builder.ts";
import type { Value } from "../program.ts";
import { part } from "./layout.ts";
import { product } from "./matmul.ts";
import type { Build, NodeContext, OpRow } from "./node.ts";
import { padded } from "./padding.ts";

/** Up to this length a product takes less time than two transforms and what lies between them. */
const direct = 64;

/** e^(± 2πi nk / length), its exponent reduced to one turn: cosine and sine. */
function turn(count: number, length: number, sign: number): [number, number] {
  const angle = (2 * Math.PI * (count % length)) / length;
  return [Math.cos(angle), sign * Math.sin(angle)];
}

/**
 * The transform of rows: [rows, length, 1] of real numbers or [rows, length, 2] of complex ones → [rows, bins, 2], the first bins of it.
 * The sign is that of the exponent.
 */
function transformed(node: NodeContext, x: Value, sign: 1 | -1, bins: number): Value {
  const { b } = node;
  const [rows, length, parts] = x.shape as [number, number, number];
  const small = length <= direct ? 1 : factorOf(length);
  if (small === 1) {
    const table = tableOf(node, length, parts, bins, sign, x);
    return b.reshape(product(node, b.reshape(x, [rows, length * parts]), table), [rows, bins, 2]);
  }
  const large = length / small;
  // Place n = a · large + c and bin k = d + small · e: over a first, then over c.
  const columns = b.transpose(b.reshape(x, [rows, small, large, parts]), [0, 2, 1, 3]);
  const inner = transformed(node, b.reshape(columns, [rows * large, small, parts]), sign, small);
  const turned = turnedBy(node, b.reshape(inner, [rows, large, small, 2]), length, sign);
  const crossed = b.reshape(b.transpose(turned, [0, 2, 1, 3]), [rows * small, large, 2]);
  const outer = b.reshape(transformed(node, crossed, sign, large), [rows, small, large, 2]);
  const whole = b.reshape(b.transpose(outer, [0, 2, 1, 3]), [rows, length, 2]);
  const all = (count: number) => ({ start: 0, step: 1, count });
  return bins === length ? whole : part(node, whole, [all(rows), all(bins), all(2)]);
}

/** The divisor nearest below the root. */
function factorOf(length: number): number {
  for (let factor = Math.floor(Math.sqrt(length)); factor > 1; factor--)
    if (length % factor === 0) return factor;
  return 1;
}

/** [length · parts, bins · 2]: what a real or imaginary part at a place adds to the parts of each bin. */
function tableOf(
  node: NodeContext,
  length: number,
  parts: number,
  bins: number,
  sign: number,
  { dtype }: Value,
): Value {
  node.countable(length * parts * bins * 2);
  const elements: number[] = [];
  for (let n = 0; n < length; n++)
    for (let p = 0; p < parts; p++)
      for (let k = 0; k < bins; k++) {
        const [cosine, sine] = turn(n * k, length, sign);
        elements.push(...(p === 0 ? [cosine, sine] : [-sine, cosine]));
      }
  return constantOf(node, elements, [length * parts, bins * 2], dtype);
}

const constantOf = (node: NodeContext, elements: number[], shape: number[], dtype: Value["dtype"]): Value =>
  node.b.constant(tensor(dataOf(elements, dtype), shape, dtype));

/** x[r, c, d] · e^(± 2πi cd / length), of complex numbers. */
function turnedBy(node: NodeContext, x: Value, length: number, sign: number): Value {
  const { b } = node;
  const { dtype } = x;
  const [, large, small] = x.shape as [number, number, number, number];
  const elements = Array.from({ length: large * small }, (_, at) =>
    turn(Math.floor(at / small) * (at % small), length, sign),
  ).flat();
  const [y] = b.kernel(
    {
      name: "turned",
      inputs: [
        { name: "x", dims: ["R", "C", "D", 2] },
        { name: "w", dims: ["C", "D", 2] },
      ],
      outputs: [{ name: "y", dims: ["R", "C", "D", 2] }],
      scalars: [],
      body: [
        "@parallel(r)",
        "for r, c, d in grid(R, C, D):",
        "    y[r, c, d, 0] = x[r, c, d, 0] * w[c, d, 0] - x[r, c, d, 1] * w[c, d, 1]",
        "    y[r, c, d, 1] = x[r, c, d, 0] * w[c, d, 1] + x[r, c, d, 1] * w[c, d, 0]",
      ],
    },
    [x, constantOf(node, elements, [large, small, 2], dtype)],
    [{ dtype, shape: x.shape }],
  );
  return y!;
}

const fourier: Build = async (node) => {
  const { b } = node;
  const given = node.in(0);
  if (!isFloating(given.dtype))
    node.fail(`it takes floating-point numbers, and its input is of ${given.dtype}`);
  const rank = given.shape.length;
  const parts = given.shape[rank - 1]!;
  if (rank < 2 || parts < 1 || parts > 2)
    node.fail("the last axis of its input must have one element, or two of complex numbers");
  // An attribute until version 20, an input since.
  const asked = node.version < 20 ? node.int("axis", 1) : node.has(2) ? await node.number(2) : -2;
  const axis = node.axis(asked, rank);
  if (axis === rank - 1) node.fail("it can’t go over the parts of complex numbers");
  const length = node.has(1) ? node.countable(await node.number(1)) : given.shape[axis]!;
  if (length === 0) node.fail("there is no spectrum of no elements");
  const [inverse, oneSided] = [node.flag("inverse"), node.flag("onesided")];
  if (oneSided && (inverse || parts === 2)) node.fail("half a spectrum is that of real numbers");
  const x = resized(node, given, axis, length);
  const order = x.shape.map((_, at) => at).filter((at) => at !== axis && at !== rank - 1);
  const front = [...order, axis, rank - 1];
  const rows = b.reshape(b.transpose(x, front), [sizeOf(order.map((at) => x.shape[at]!)), length, parts]);
  const bins = oneSided ? Math.floor(length / 2) + 1 : length;
  const y = transformed(node, rows, inverse ? 1 : -1, bins);
  const scaled = inverse ? b.map("$0 / $1", [y, b.scalar(y.dtype, length)]) : y;
  const shaped = b.reshape(scaled, [...order.map((at) => x.shape[at]!), bins, 2]);
  return b.transpose(
    shaped,
    x.shape.map((_, at) => front.indexOf(at)),
  );
};

/** With zeros behind an axis, or less of it. */
function resized(node: NodeContext, x: Value, axis: number, length: number): Value {
  const own = x.shape[axis]!;
  const count = (dim: number, at: number) => (at === axis ? Math.min(length, dim) : dim);
  const cut = part(
    node,
    x,
    x.shape.map((dim, at) => ({ start: 0, step: 1, count: count(dim, at) })),
  );
  const none = x.shape.map(() => 0);
  const behind = x.shape.map((_, at) => (at === axis ? Math.max(length - own, 0) : 0));
  return padded(node, cut, none, behind, "constant", node.b.scalar(x.dtype, 0));
}

/** Spectra of windows that slide over a signal [batch, length] or [batch, length, 1 or 2]: [batch, windows, bins, 2]. */
const shortTime: Build = async (node) => {
  const { b } = node;
  const given = node.in(0);
  const [batch, length, parts = 1] = given.shape as [number, number, number?];
  if (given.shape.length < 2 || given.shape.length > 3 || parts < 1 || parts > 2)
    node.fail("its signal must be [batch, length], with an axis of one element or two behind it");
  const step = await node.number(1);
  const window = node.has(2) ? node.in(2) : undefined;
  const width = node.has(3) ? await node.number(3) : window?.shape[0];
  if (width === undefined) return node.fail("it has neither a window nor the length of one");
  if (window && window.shape[0] !== width)
    node.fail(`its window has ${window.shape[0]} elements, and its frames have ${width}`);
  if (!(step >= 1) || !(width >= 1) || width > length)
    node.fail(`frames of ${width} every ${step} don’t fit a signal of ${length}`);
  const oneSided = node.flag("onesided", true) && parts === 1;
  const count = Math.floor((length - width) / step) + 1;
  const frames = b.view(given, {
    shape: [batch, count, width, parts],
    strides: [length * parts, step * parts, parts, 1],
    offset: 0,
  });
  const weighed = window ? b.map("$0 * $1", [frames, b.reshape(window, [width, 1])]) : frames;
  const bins = oneSided ? Math.floor(width / 2) + 1 : width;
  const y = transformed(node, b.reshape(weighed, [batch * count, width, parts]), -1, bins);
  return b.reshape(y, [batch, count, bins, 2]);
};

/** [bins of a spectrum, mel bins]: triangles that are equally wide on the mel scale, as the operator's reference code has them. */
const melWeights: Build = async (node) => {
  const [melBins, length, rate, low, high] = await Promise.all([0, 1, 2, 3, 4].map((at) => node.number(at)));
  const bins = Math.floor(length! / 2) + 1;
  node.countable(bins * melBins!);
  const mel = (hertz: number) => 2595 * Math.log10(1 + hertz / 700);
  const step = (mel(high!) - mel(low!)) / (melBins! + 2);
  const edges = Array.from({ length: melBins! + 2 }, (_, at) => {
    const hertz = 700 * (10 ** ((at * step + mel(low!)) / 2595) - 1);
    return Math.floor(((length! + 1) * hertz) / rate!);
  });
  if (edges.some((edge) => !(edge >= 0) || edge > bins))
    node.fail("its frequencies lie outside of the spectrum");
  const weights = Array.from({ length: bins * melBins! }, (_, at) => {
    const [bin, column] = [Math.floor(at / melBins!), at % melBins!];
    const [left, top, right] = [edges[column]!, edges[column + 1]!, edges[column + 2]!];
    if (bin >= top && bin < right) return (right - bin) / (right - top);
    if (left === top) return bin === top ? 1 : 0;
    return bin >= left && bin <= top ? (bin - left) / (top - left) : 0;
  });
  const dtype = dtypeOf(node.int("output_datatype", 1), "what mel weights are made of");
  return constantOf(node, weights, [bins, melBins!], dtype);
};

export const spectra: readonly OpRow[] = [
  { op: "DFT", since: 17, build: fourier },
  { op: "STFT", since: 17, build: shortTime },
  { op: "MelWeightMatrix", since: 17, build: melWeights },
];

// Instructions of an MXM plane. Its three queues load and install weights, feed activations, and take sums. A plane
// multiplies a beat of 320 int8 activations by 320 columns of int8 weights into int32; for f16 the even plane of a pair
// stands for both: 160 activations, in the lower or upper half of the lanes, into f32. Sums are added in the order of
// lanes, each step rounded to f32.
//
// A column of weights comes as one beat (f16: two), element k in lane k. Columns that were not loaded since the last
// `iw` are zero.

import { lanes } from "./geometry.ts";
import { kinds, noResult, row, type PlaneState, type StreamUse } from "./instruction.ts";
import { decode, encode, type Beat, type Lanes } from "./values.ts";

/** Lanes that a half of the f16 operands occupies: superlanes 0 … 9 or 10 … 19. */
export const halfLanes = lanes / 2;
export const columnsOfBlock = (float: number): number => (float ? 8 : 16);
export const blocks = (float: number): number => lanes / columnsOfBlock(float);
/** |sum| of one int8 product of 320 lanes at most, and so how many of them an int32 surely holds. */
export const largestProduct = lanes * 128 * 128;
export const safeAccumulations = Math.floor((2 ** 31 - 1) / largestProduct);

function load(beats: readonly Beat[], float: number, half: number, block: number, plane: PlaneState): void {
  if (plane.bufferFloat !== Boolean(float)) plane.buffer.clear();
  plane.bufferFloat = Boolean(float);
  const count = columnsOfBlock(float);
  for (let at = 0; at < count; at++) {
    const column = float
      ? decode([beats[2 * at]!, beats[2 * at + 1]!], "f16").slice(half * halfLanes, (half + 1) * halfLanes)
      : decode([beats[at]!], "i8");
    plane.buffer.set(block * count + at, column);
  }
}

/** The product of a beat of activations and the installed weights, one lane a column. */
export function product(activations: Lanes, { installed, installedFloat }: PlaneState): Lanes {
  const found = new Float64Array(lanes);
  const count = activations.length;
  for (const [column, weights] of installed) {
    let sum = 0;
    if (installedFloat)
      for (let k = 0; k < count; k++) sum = Math.fround(sum + activations[k]! * weights[k]!);
    else for (let k = 0; k < count; k++) sum += activations[k]! * weights[k]!;
    found[column] = sum;
  }
  return found;
}

const operand = (first: number, float: number): StreamUse => ({ first, count: float ? 2 : 1 });

export const mxmRows = {
  lw: row({
    unit: "mxm",
    part: "weights",
    doc: "loads a block of columns into the weight buffer: 16 of i8, or 8 of f16 from one half of the lanes",
    fields: { float: kinds.float, half: kinds.flag, block: kinds.block, s: kinds.sixteen },
    text: "lw.{float} {s} block={block} half={half}",
    taps: ({ s }) => [{ first: s, count: 16 }],
    body: (beats, { float, half, block }, { plane }) => {
      load(beats, float, half, block, plane);
      return [];
    },
  }),
  iw: row({
    unit: "mxm",
    part: "weights",
    doc: "makes the buffer's columns the plane's weights, and empties the buffer",
    fields: {},
    text: "iw",
    delay: ({ install }) => install,
    body: (_, __, { plane }) => {
      plane.installed = plane.buffer;
      plane.installedFloat = plane.bufferFloat;
      plane.buffer = new Map();
      return [];
    },
  }),
  abc: row({
    unit: "mxm",
    part: "act",
    doc: "multiplies a beat of activations by the weights",
    fields: { float: kinds.float, half: kinds.flag, s: kinds.activations },
    text: "abc.{float} {s} half={half}",
    taps: ({ float, s }) => [operand(s, float)],
    delay: ({ multiply }) => multiply,
    body: (beats, { float, half }, { plane }) => {
      const all = decode(beats, float ? "f16" : "i8");
      plane.product = product(float ? all.slice(half * halfLanes, (half + 1) * halfLanes) : all, plane);
      return [];
    },
  }),
  acc: row({
    unit: "mxm",
    part: "acc",
    doc: "sets row `row` of the sums to the product, or adds it, and puts the sum on four streams unless `out` is none",
    fields: { float: kinds.float, add: kinds.flag, row: kinds.row, out: kinds.sums },
    text: "acc.{float} row={row} add={add} -> {out}",
    gives: ({ out }) => (out === noResult ? [] : [{ first: out, count: 4 }]),
    delay: ({ accumulate }) => accumulate,
    body: (_, { float, add, row, out }, { plane }) => {
      const before = add ? plane.sums.get(row) : undefined;
      const sums = plane.product.slice();
      if (before)
        for (let at = 0; at < sums.length; at++)
          sums[at] = float ? Math.fround(before[at]! + sums[at]!) : before[at]! + sums[at]!;
      plane.sums.set(row, sums);
      return out === noResult ? [] : encode(sums, float ? "f32" : "i32");
    },
  }),
};

/** What a plane holds when the chip starts. */
export function emptyPlane(): PlaneState {
  return {
    buffer: new Map(),
    bufferFloat: false,
    installed: new Map(),
    installedFloat: false,
    sums: new Map(),
    product: new Float64Array(lanes),
  };
}

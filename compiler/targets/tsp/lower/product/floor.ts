// Who has what on the chip while matrix products run: slices for words, for rows of factors and for weights, and the stream
// groups of each plane. One plan for all products, so that programs can chain them.
//
// In each hemisphere, slices 0 … 15 hold words of tensors, 16 … 27 rows that are the same for every word (biases, scales),
// 28 … 43 weights. Words of one byte have four copies, one for each plane, and each copy four slices, one for each plane
// that produces words: four planes read and write a word a cycle each, and never meet.
//
// The ALUs of row r belong to plane r, which reach stream groups 2r … 2r + 3 (modulo 8):
//
//     sums         plane 0: E g0   1: E g4   2: W g4   3: W g0
//     results      plane 0: g0   1: g4   2: g7   3: g6, in the direction of the hemisphere that they go to
//     words        to the planes, on streams 4 and 5 of g1, outward; f16: on 4 … 7
//     operands     one byte a lane beside each word: streams 6, 20, 21 and 7, either way
//     rows         western planes: E g2, E g3, W g2; eastern planes: W g6, W g7, E g6
//     weights      outward, g4 … g7, behind slice 28

import { edge, memQueue, signOf, slicePosition, stream, type Side } from "../../machine/geometry.ts";
import type { Delays } from "../../machine/profile.ts";

export const wordSlices = 16;
export const firstRowSlice = 16;
export const firstWeightSlice = 28;
/** Planes that one hemisphere feeds in step, and planes of the chip. */
export const planesOfSide = 2;

export const otherSide = (side: Side): Side => (side === "W" ? "E" : "W");
export const sideOfPlane = (plane: number): Side => (plane < 2 ? "W" : "E");
export const planesOf = (side: Side): readonly [number, number] => (side === "W" ? [0, 1] : [2, 3]);

const sumGroups = [0, 4, 4, 0];
/** The first of four streams on which a plane's sums come to the VXM. */
export const sumStream = (plane: number): number =>
  stream(otherSide(sideOfPlane(plane)), 4 * sumGroups[plane]!);
const resultGroups = [0, 4, 7, 6];
/** The first stream on which the VXM gives a plane's results to a hemisphere. */
export const resultStream = (plane: number, to: Side): number => stream(to, 4 * resultGroups[plane]!);
/** The first stream on which words come to a plane. */
export const wordStream = (plane: number, float: number): number =>
  stream(sideOfPlane(plane), float ? 4 : 4 + (plane % 2));
const operandStreams = [6, 20, 21, 7];
/** The stream of one-byte operands for a plane's words that lie in hemisphere `from`. */
export const operandStream = (plane: number, from: Side): number =>
  stream(otherSide(from), operandStreams[plane]!);

/** Where a row of factors lies: four slices, and the streams that carry it to the ALUs of a hemisphere's planes. */
export interface RowPlace {
  readonly side: Side;
  readonly slice: number;
  readonly stream: number;
}
/** How many rows of factors of up to four bytes the planes of a hemisphere have. */
export const rowPlaces = 3;
export function rowPlace(planes: Side, at: number): RowPlace {
  const side = at === 2 ? otherSide(planes) : planes;
  const group = (planes === "W" ? 2 : 6) + (at % 2);
  return { side, slice: firstRowSlice + 4 * at, stream: stream(otherSide(side), 4 * group) };
}
export const weightStream = (side: Side): number => stream(side, 16);

/** Slices of words: the copy for `copy` (or byte number `copy` of a wide word), made by `producer`. */
export const wordSlice = (copy: number, producer: number): number => 4 * copy + producer;
export const queueOfWord = (side: Side, copy: number, producer: number): number =>
  memQueue(side, wordSlice(copy, producer));

/** Cycles from a read's issue until an MXM of `to` may take its beat. */
export const toPlane = (from: Side, slice: number, to: Side, delays: Delays): number =>
  delays.read + delays.hop * Math.abs(signOf(to) * edge - slicePosition(from, slice)) + delays.outward;
/** Cycles between a slice's register and the VXM. */
export const toVxm = (slice: number, delays: Delays): number =>
  delays.hop * Math.abs(slicePosition("E", slice));
/** Cycles from an activation's multiplication until its sum is at the VXM. */
export const toSum = ({ multiply, accumulate, inward, hop }: Delays): number =>
  multiply + accumulate + inward + hop * edge;

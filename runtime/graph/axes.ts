// The loop nest of a map: output axes along which every input moves the same way become one, so that a sum of two
// [8, 64, 56, 56] tensors is one long loop, and adding a bias to each channel is a nest of three. The fewer the axes, the fewer
// different kernels a model needs.

import { contiguousStrides } from "../tensor/layout.ts";
import { broadcastLayout } from "./layouts.ts";
import type { Input } from "./program.ts";

/** How one input moves along the merged axes, in elements; 0 where it is repeated. */
export interface Nest {
  /** Sizes of the merged axes, outermost first; none for a single element. */
  readonly sizes: readonly number[];
  /** By input, then axis. */
  readonly strides: readonly (readonly number[])[];
  /** Of the first element, by input. */
  readonly offsets: readonly number[];
}

/** Merges the axes of a map over `shape`. */
export function nestOf(shape: readonly number[], inputs: readonly Input[]): Nest {
  const layouts = inputs.map((input) => broadcastLayout(input, shape));
  // The outputs move too: they lie in row-major order.
  const all = [...layouts.map(({ strides }) => strides), contiguousStrides(shape)];
  const axes: number[] = [];
  const sizes: number[] = [];
  const moves: number[][] = all.map(() => []);
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const last = sizes.length - 1;
    const merges = axes.length > 0 && all.every((strides, n) => strides[axis]! * size === moves[n]![last]);
    if (merges) {
      sizes[last]! *= size;
      all.forEach((strides, n) => (moves[n]![last] = strides[axis]!));
    } else {
      sizes.push(size);
      all.forEach((strides, n) => moves[n]!.push(strides[axis]!));
    }
    axes.push(axis);
  });
  return { sizes, strides: moves.slice(0, -1), offsets: layouts.map(({ offset }) => offset) };
}

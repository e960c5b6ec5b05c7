// Arithmetic of layouts, for fusion: where a step's input lies when it is read through a reshape, or through the view that another step takes
// of the result.

import { contiguousStrides, isContiguous, sizeOf, type Layout } from "../tensor/layout.ts";
import type { Input } from "./program.ts";

/** Where an input's elements lie along the axes of the shape that it is broadcast to; repeated ones have stride 0. */
export function broadcastLayout({ value, view }: Input, shape: readonly number[]): Layout {
  const own = view ?? { shape: value.shape, strides: contiguousStrides(value.shape), offset: 0 };
  const added = shape.length - own.shape.length;
  return {
    shape,
    offset: own.offset,
    strides: shape.map((_, axis) =>
      axis < added || own.shape[axis - added] === 1 ? 0 : own.strides[axis - added]!,
    ),
  };
}

/** The same elements in the same order along other axes; undefined where no strides say that. */
export function reshapeLayout(
  { shape, strides, offset }: Layout,
  target: readonly number[],
): Layout | undefined {
  if (sizeOf(shape) !== sizeOf(target) || sizeOf(shape) === 0) return undefined;
  const from = shape.flatMap((size, axis) => (size === 1 ? [] : [{ size, stride: strides[axis]! }]));
  const result: number[] = Array.from({ length: target.length }, () => 0);
  let at = 0;
  let open: { size: number; stride: number } | undefined;
  // From the last axis to the first: each axis of the target takes its part of what is left of the one behind it.
  const source = from.toReversed();
  for (let axis = target.length - 1; axis >= 0; axis--) {
    let size = target[axis]!;
    if (size === 1) continue;
    open ??= source[at++];
    if (!open) return undefined;
    result[axis] = open.stride;
    for (;;) {
      if (size === open.size) {
        open = undefined;
        break;
      }
      if (size < open.size) {
        if (open.size % size !== 0) return undefined;
        open = { size: open.size / size, stride: open.stride * size };
        break;
      }
      // An axis of the target that goes over several: they must lie one behind the other.
      if (size % open.size !== 0) return undefined;
      const next = source[at++];
      if (!next || next.stride !== open.stride * open.size) return undefined;
      size /= open.size;
      open = next;
    }
  }
  return { shape: [...target], strides: result, offset };
}

/**
 * An input of a step as a reader of the step's result sees it. `inner` is where the input's elements lie over the result's
 * shape, `outer` which of the result's elements the reader looks at.
 */
export function throughView(
  inner: Layout,
  outer: Layout | undefined,
  shape: readonly number[],
): Layout | undefined {
  if (!outer || (outer.offset === 0 && isContiguous(outer) && sizeOf(outer.shape) === sizeOf(inner.shape)))
    return reshapeLayout(inner, shape);
  const steps = contiguousStrides(inner.shape);
  const axes = inner.shape.flatMap((size, axis) => (size === 1 ? [] : [axis]));
  let rest = outer.offset;
  let offset = inner.offset;
  const start = new Map<number, number>();
  for (const axis of axes) {
    const count = Math.floor(rest / steps[axis]!);
    start.set(axis, count);
    rest -= count * steps[axis]!;
    offset += count * inner.strides[axis]!;
  }
  const used = new Map<number, number>();
  const strides: number[] = [];
  for (const [at, stride] of outer.strides.entries()) {
    const size = outer.shape[at]!;
    if (size === 1 || stride === 0) {
      strides.push(0);
      continue;
    }
    const axis = axes.find((each) => stride % (steps[each] ?? 1) === 0);
    if (axis === undefined) return undefined;
    const move = stride / steps[axis]!;
    const reach = (used.get(axis) ?? start.get(axis)!) + move * (size - 1);
    // Steps beyond the end of an axis go on in the next row, which other strides would need.
    if (reach >= inner.shape[axis]!) return undefined;
    used.set(axis, reach);
    strides.push(move * inner.strides[axis]!);
  }
  return reshapeLayout({ shape: outer.shape, strides, offset }, shape);
}

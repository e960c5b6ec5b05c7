// Where the tensors of a call are in device memory, or what must come there, and what becomes of it behind the call.

import type { BoundTensor } from "../../call/bind.ts";
import { contiguousStrides, layoutEnd, type Layout } from "../../tensor/layout.ts";
import { bytesOf } from "../../tensor/storage.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { DeviceStorage } from "./memory.ts";

/** What must be in device memory for a call, and isn't there yet. */
export interface Need {
  readonly bytes: number;
  /** Of the elements there. */
  readonly layout: Layout;
  /** Elements to copy: as they lie in the storage, or gathered in row-major order. */
  readonly copy?: { readonly tensor: Tensor; readonly asItLies: boolean };
}

/** A tensor argument in device memory. */
export interface Placed {
  readonly bound: BoundTensor;
  readonly storage: DeviceStorage;
  /** In the storage, in elements. */
  readonly layout: Layout;
  /** Made for this call: released after it, unless it is a result. */
  readonly temporary: boolean;
}

/** Gives back what was made for a call and isn't a result. */
export function release(placed: readonly Placed[], done: boolean): void {
  for (const { bound, storage, temporary } of placed)
    if (temporary && !(done && isFreshOut(bound))) storage.dispose();
}

/** The bytes of a tensor's storage in which its elements lie. */
export const spanOf = (tensor: Tensor): [start: number, end: number] => [
  bytesOf(tensor.dtype, tensor.offset),
  bytesOf(tensor.dtype, layoutEnd(tensor)),
];

function isFreshOut({ param, tensor }: BoundTensor): boolean {
  return param.mode === "out" && !tensor;
}

export function rowMajor(shape: readonly number[]): Layout {
  return { shape, strides: contiguousStrides(shape), offset: 0 };
}

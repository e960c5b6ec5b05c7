// Values of the test evaluator: scalars, lanes and tuples as arrays, and tensors over typed arrays.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import type { Dtype } from "../../../lang/dtypes.ts";
import type { Span } from "../../../lang/source.ts";
import type { Type } from "../../../lang/typed.ts";
import type { Scalar } from "../../../compiler/ir/ir.ts";
import { allocate, readerOf, writerOf, type Storage } from "../../../compiler/ir/storage.ts";

/** What ends a test: an assert that doesn't hold, or something that can't be computed. */
export class TestFailure extends Error {
  readonly span: Span;
  readonly notes: readonly string[];

  constructor(message: string, span: Span, notes: readonly string[] = []) {
    super(message);
    this.span = span;
    this.notes = notes;
  }
}

/** A tensor, a view of one, or an `Array`. */
export class View {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  readonly data: Storage;

  constructor(
    dtype: Dtype,
    shape: readonly number[],
    data: Storage = allocate(dtype, sizeOf(shape)),
    strides: readonly number[] = rowMajor(shape),
    offset = 0,
  ) {
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
    this.strides = strides;
    this.offset = offset;
  }

  /** The place of an element, or undefined outside. */
  place(indices: readonly number[]): number | undefined {
    let at = this.offset;
    for (let axis = 0; axis < indices.length; axis++) {
      const index = indices[axis]!;
      if (index < 0 || index >= this.shape[axis]!) return undefined;
      at += index * this.strides[axis]!;
    }
    return at;
  }
  read(place: number): Scalar {
    return readerOf(this.dtype)(this.data, place);
  }
  write(place: number, value: Scalar): void {
    writerOf(this.dtype)(this.data, place, value);
  }
}

/** Lanes, tuples and structs are arrays; a SIMD `Array` is an array of lanes behind a Cells. */
export type Value = Scalar | View | Cells | Value[];

/** An `Array` of SIMD values. */
export class Cells {
  readonly shape: readonly number[];
  readonly items: Value[];

  constructor(shape: readonly number[], fill: Value | undefined) {
    this.shape = shape;
    this.items = Array.from({ length: sizeOf(shape) }, () => copy(fill ?? []));
  }
  place(indices: readonly number[]): number | undefined {
    let at = 0;
    for (let axis = 0; axis < indices.length; axis++) {
      const index = indices[axis]!;
      if (index < 0 || index >= this.shape[axis]!) return undefined;
      at = at * this.shape[axis]! + index;
    }
    return at;
  }
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

function rowMajor(shape: readonly number[]): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
}

/** Tuples, structs and lanes are values: what is bound to a name is a copy. Tensors and Arrays are shared. */
export function copy(value: Value): Value {
  return Array.isArray(value) ? value.map(copy) : value;
}

export function asScalar(value: Value): Scalar {
  if (typeof value === "object") return internalError("test", "a scalar was expected");
  return value;
}
export function asNumber(value: Value): number {
  return Number(asScalar(value));
}
export function asItems(value: Value): Value[] {
  if (!Array.isArray(value)) return internalError("test", "lanes or a tuple were expected");
  return value;
}
export function asView(value: Value): View {
  if (!(value instanceof View)) return internalError("test", "a tensor was expected");
  return value;
}

/** The element dtype of scalars, lanes and tensors. */
export function dtypeOf(type: Type): Dtype {
  if (type.kind === "scalar" || type.kind === "simd" || type.kind === "tensor") return type.dtype;
  if (type.kind === "array") return type.elem.dtype;
  return internalError("test", `a ${type.kind} has no dtype`);
}

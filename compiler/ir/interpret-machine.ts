// The state that interpreted code runs on: flat registers, one for each name (names are unique in a kernel), and
// one cell for each buffer. Compiled closures hold on to these and read them anew each time they run.

import { internalError } from "../../lang/diagnostics/internal-error.ts";
import { isWide, type Dtype } from "../../lang/dtypes.ts";
import type { Span } from "../../lang/source.ts";
import type { Buffer, IrKernel, IrType, Scalar } from "./ir.ts";
import { declaredIn } from "./names.ts";
import { allocate, readerOf, writerOf, type Reader, type Storage, type Writer } from "./storage.ts";

/** A scalar, or the lanes of a vector; vectors are never changed once made. */
export type Value = Scalar | readonly Scalar[];
export type Thunk = () => Value;

/** Something that a checked kernel can't do: reading what was never written, say. A bug of a prover or a pass. */
export class Fault {
  readonly why: string;
  readonly span: Span | undefined;
  constructor(why: string, span: Span | undefined) {
    this.why = why;
    this.span = span;
  }
}

/** A check of the user's that failed. */
export class Rejection {
  readonly message: string;
  readonly span: Span | undefined;
  constructor(message: string, span: Span | undefined) {
    this.message = message;
    this.span = span;
  }
}

/** A buffer while the kernel runs. */
export interface Cell {
  readonly name: string;
  readonly dtype: Dtype;
  readonly read: Reader;
  readonly write: Writer;
  data: Storage;
  /** Elements that `data` holds. */
  length: number;
  offset: number;
  shape: readonly number[];
  strides: readonly number[];
  /** Which elements were written, where that is known from nothing else. */
  written: Uint8Array | undefined;
}

function emptyCell({ name, dtype }: Buffer): Cell {
  return {
    name,
    dtype,
    read: readerOf(dtype),
    write: writerOf(dtype),
    data: allocate(dtype, 0),
    length: 0,
    offset: 0,
    shape: [],
    strides: [],
    written: undefined,
  };
}

/** Where a name's value is kept: numbers and bools in `numbers`, bigints and vectors in `others`. */
export interface Register {
  readonly sort: "number" | "bool" | "other";
  readonly at: number;
}

export class Machine {
  readonly numbers: Float64Array;
  readonly others: Value[];
  readonly cells: ReadonlyMap<string, Cell>;
  /** Loop iterations left before the run is given up. */
  fuel = Infinity;
  /** Changes the terms of float sums and products. */
  term: ((value: number) => number) | undefined;
  private readonly registers = new Map<string, Register>();

  constructor(kernel: IrKernel) {
    const names = declaredIn(kernel.body).size + kernel.dims.length + kernel.params.length;
    this.numbers = new Float64Array(names);
    this.others = Array.from({ length: names }, () => 0);
    this.cells = new Map(kernel.buffers.map((buffer) => [buffer.name, emptyCell(buffer)]));
  }

  declare(name: string, type: IrType): Register {
    const sort = type.lanes > 1 || isWide(type.dtype) ? "other" : type.dtype === "bool" ? "bool" : "number";
    const register = { sort, at: this.registers.size } as const;
    this.registers.set(name, register);
    return register;
  }

  register(name: string): Register {
    return this.registers.get(name) ?? internalError("interpret", `"${name}" has no register`);
  }

  cell(name: string): Cell {
    return this.cells.get(name) ?? internalError("interpret", `"${name}" is no buffer`);
  }

  /** Writes a register. */
  setter({ sort, at }: Register): (value: Value) => void {
    const { numbers, others } = this;
    if (sort === "other") return (value) => void (others[at] = value);
    return (value) => void (numbers[at] = value as number);
  }

  /** Reads a register. */
  getter({ sort, at }: Register): Thunk {
    const { numbers, others } = this;
    if (sort === "other") return () => others[at]!;
    if (sort === "bool") return () => numbers[at] === 1;
    return () => numbers[at]!;
  }
}

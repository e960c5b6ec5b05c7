// The definition of the language: runs a kernel of either form on typed arrays, one thread, in source order, each
// operation rounded to its type. Every target is tested against it. It trusts no prover: what one should have
// excluded ends the run as a fault.

import { internalError } from "../../lang/diagnostics/internal-error.ts";
import { isWide, type Dtype } from "../../lang/dtypes.ts";
import type { Span } from "../../lang/source.ts";
import type { IrKernel, Scalar } from "./ir.ts";
import { i32 } from "./ir.ts";
import { Fault, Machine, Rejection, type Cell } from "./interpret-machine.ts";
import { StmtCompiler } from "./interpret-stmt.ts";
import { allocate, isStorageOf, packing, type Storage } from "./storage.ts";
import { normalise } from "./values.ts";

export type { Storage } from "./storage.ts";

/** A tensor in memory; strides and offset count elements. */
export interface TensorArg {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  readonly data: Storage;
}

/** By parameter name. An `out` that isn't given is allocated; a `mut` is changed in place. */
export type InterpretArgs = Readonly<Record<string, TensorArg | Scalar>>;

export type Outcome =
  /** The `out` and `mut` tensors by name. */
  | { readonly kind: "done"; readonly results: Readonly<Record<string, TensorArg>> }
  /** A check of the user's didn't hold: an `assert`, or a `where` clause. */
  | { readonly kind: "failed"; readonly message: string; readonly span?: Span }
  /** The kernel did what a checked kernel can't. */
  | { readonly kind: "fault"; readonly why: string; readonly span?: Span };

export interface InterpretOptions {
  /** Loop iterations after which the run counts as endless. */
  readonly fuel?: number;
  /** What a float sum or product takes in place of each of its terms: for runs that look how errors spread. */
  readonly term?: (value: number) => number;
}

/** Runs a kernel. Arguments of wrong shape or dtype are the caller's bug. */
export function interpret(kernel: IrKernel, args: InterpretArgs, options: InterpretOptions = {}): Outcome {
  let program = programs.get(kernel);
  if (!program) programs.set(kernel, (program = new Program(kernel)));
  return program.run(args, options);
}

const programs = new WeakMap<IrKernel, Program>();

/** A contiguous tensor of zeros. */
export function makeTensor(dtype: Dtype, shape: readonly number[], data?: Storage): TensorArg {
  const count = shape.reduce((product, size) => product * size, 1);
  return { dtype, shape, strides: contiguous(shape), offset: 0, data: data ?? allocate(dtype, count) };
}

/** The strides of a tensor whose last axis is dense. */
export function contiguous(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

class Program {
  private readonly kernel: IrKernel;
  private readonly machine: Machine;
  private readonly setScalars: readonly { readonly name: string; readonly set: (value: Scalar) => void }[];
  private readonly setDims: readonly ((value: number) => void)[];
  private readonly shapes: readonly { readonly cell: Cell; readonly dims: readonly (() => number)[] }[];
  private readonly requires: readonly {
    readonly holds: () => boolean;
    readonly text: string;
    readonly span?: Span;
  }[];
  private readonly body: () => unknown;

  constructor(kernel: IrKernel) {
    this.kernel = kernel;
    const machine = (this.machine = new Machine(kernel));
    const compiler = new StmtCompiler(machine, kernel.form === "flat");
    this.setDims = kernel.dims.map((dim) => machine.setter(machine.declare(dim.name, i32)));
    this.setScalars = kernel.params.flatMap((param) => {
      if (param.kind !== "scalar") return [];
      return [
        {
          name: param.name,
          set: machine.setter(machine.declare(param.name, { dtype: param.dtype, lanes: 1 })),
        },
      ];
    });
    this.shapes = kernel.buffers.map((buffer) => ({
      cell: machine.cell(buffer.name),
      dims: buffer.shape.map(compiler.expr) as (() => number)[],
    }));
    this.requires = kernel.requires.map(({ cond, text, span }) => ({
      holds: compiler.expr(cond) as () => boolean,
      text,
      span,
    }));
    this.body = compiler.block(kernel.body);
  }

  run(args: InterpretArgs, options: InterpretOptions): Outcome {
    this.machine.fuel = options.fuel ?? Infinity;
    this.machine.term = options.term;
    this.bindValues(args);
    try {
      for (const { holds, text, span } of this.requires) {
        if (!holds()) return { kind: "failed", message: `the call doesn't meet "${text}"`, span };
      }
      const results = this.bindBuffers(args);
      this.body();
      this.checkCoverage();
      return { kind: "done", results };
    } catch (thrown) {
      if (thrown instanceof Rejection) return { kind: "failed", message: thrown.message, span: thrown.span };
      if (thrown instanceof Fault) return { kind: "fault", why: thrown.why, span: thrown.span };
      throw thrown;
    }
  }

  private bindValues(args: InterpretArgs): void {
    const { params, dims } = this.kernel;
    dims.forEach((dim, at) => {
      const param = params[dim.param]!;
      const tensor = param.kind === "tensor" ? args[param.buffer] : undefined;
      const axes = isTensor(tensor) ? (dim.of ? tensor.strides : tensor.shape) : undefined;
      const value = axes?.[dim.axis];
      if (value === undefined) internalError("interpret", `nothing gives the dim "${dim.name}" a value`);
      this.setDims[at]!(value);
    });
    for (const { name, set } of this.setScalars) {
      const value = args[name];
      if (value === undefined || isTensor(value))
        internalError("interpret", `the scalar "${name}" isn't given`);
      set(value);
    }
    for (const param of params) {
      if (param.kind !== "scalar") continue;
      const value = args[param.name] as Scalar;
      const sort = param.dtype === "bool" ? "boolean" : isWide(param.dtype) ? "bigint" : "number";
      if (typeof value !== sort || !Object.is(normalise(value, param.dtype), value)) {
        internalError("interpret", `${String(value)} is no ${param.dtype} for "${param.name}"`);
      }
    }
  }

  /** Gives every buffer its memory, and returns the tensors that are results. */
  private bindBuffers(args: InterpretArgs): Record<string, TensorArg> {
    const results: Record<string, TensorArg> = {};
    const modes = new Map(
      this.kernel.params.flatMap((param) =>
        param.kind === "tensor" ? [[param.buffer, param.mode] as const] : [],
      ),
    );
    for (const { cell, dims } of this.shapes) {
      const shape = dims.map((dim) => dim());
      if (shape.some((size) => size < 0))
        throw new Fault(`${cell.name} has the shape [${shape.join(", ")}]`, undefined);
      const mode = modes.get(cell.name);
      const given = mode && args[cell.name];
      if (mode && mode !== "out" && !given)
        internalError("interpret", `the tensor "${cell.name}" isn't given`);
      const tensor = isTensor(given) ? given : makeTensor(cell.dtype, shape);
      checkTensor(cell, tensor, shape);
      cell.data = tensor.data;
      cell.length = tensor.data.length * packing(cell.dtype);
      cell.offset = tensor.offset;
      cell.shape = shape;
      cell.strides = tensor.strides;
      cell.written = mode === "in" || mode === "mut" ? undefined : new Uint8Array(cell.length);
      if (mode === "out" || mode === "mut") results[cell.name] = tensor;
    }
    return results;
  }

  /** Every element of an `out` must have been written. */
  private checkCoverage(): void {
    for (const param of this.kernel.params) {
      if (param.kind !== "tensor" || param.mode !== "out") continue;
      const cell = this.machine.cell(param.buffer);
      const missing = firstUnwritten(cell);
      if (missing) throw new Fault(`${cell.name}[${missing.join(", ")}] was never written`, param.span);
    }
  }
}

function isTensor(value: TensorArg | Scalar | undefined): value is TensorArg {
  return typeof value === "object";
}

function checkTensor(cell: Cell, tensor: TensorArg, shape: readonly number[]): void {
  const fits =
    tensor.dtype === cell.dtype &&
    tensor.shape.length === shape.length &&
    tensor.strides.length === shape.length &&
    shape.every((size, axis) => tensor.shape[axis] === size) &&
    isStorageOf(tensor.data, cell.dtype);
  if (!fits) {
    const given = `${tensor.dtype}[${tensor.shape.join(", ")}]`;
    internalError("interpret", `"${cell.name}" is ${cell.dtype}[${shape.join(", ")}] and is given ${given}`);
  }
  if (shape.includes(0)) return;
  let first = tensor.offset;
  let last = tensor.offset;
  shape.forEach((size, axis) => {
    const reach = (size - 1) * tensor.strides[axis]!;
    if (reach < 0) first += reach;
    else last += reach;
  });
  if (first < 0 || last >= tensor.data.length * packing(cell.dtype)) {
    internalError("interpret", `the view given for "${cell.name}" reaches outside its storage`);
  }
}

/** Coordinates of an element that nothing wrote, or undefined. */
function firstUnwritten(cell: Cell): number[] | undefined {
  const { shape, strides, written } = cell;
  if (!written || shape.includes(0)) return undefined;
  const index = shape.map(() => 0);
  for (;;) {
    const at = index.reduce((sum, i, axis) => sum + i * strides[axis]!, cell.offset);
    if (written[at] === 0) return index;
    let axis = shape.length - 1;
    while (axis >= 0 && ++index[axis]! === shape[axis]) index[axis--] = 0;
    if (axis < 0) return undefined;
  }
}

// Checks a call against a signature before anything runs, and binds its dimensions. Each refusal names the kernel,
// the argument, what was expected and what was given.

import {
  evaluateShape,
  type ScalarParam,
  type ShapeExpr,
  type Signature,
  type TensorParam,
} from "../../compiler/artifact.ts";
import { dtypeInfo, isFloat, isWide, type Dtype } from "../../lang/dtypes.ts";
import { describeGiven } from "../../lang/diagnostics/given.ts";
import { nearest } from "../../lang/diagnostics/nearest.ts";
import { kernError, spanOfPlace, suggestion } from "../error.ts";
import { checkShape, sizeOf, type Layout } from "../tensor/layout.ts";
import { roundNarrow } from "../tensor/narrow.ts";
import { Tensor } from "../tensor/tensor.ts";
import { printShape } from "./shape-text.ts";

export type Arguments = Readonly<Record<string, Tensor | number | bigint | boolean>>;

/** A tensor parameter in one call. `tensor` is absent for an `out` that the device is to allocate. */
export interface BoundTensor {
  readonly param: TensorParam;
  readonly tensor?: Tensor;
  /** The layout that the instance sees; only a shape (row-major, gapless) where there is no tensor. */
  readonly layout: Layout;
  /** The elements must be copied into row-major order first. */
  readonly copy: boolean;
}

export interface BoundCall {
  readonly signature: Signature;
  /** Tensor parameters in order. */
  readonly tensors: readonly BoundTensor[];
  /** Values of scalar parameters in order: normalised numbers, bigints for 64-bit integers. */
  readonly scalars: readonly (number | bigint)[];
  /** Values of `signature.dims` in order. */
  readonly dims: readonly number[];
  /** Dims and scalars by name, for shape expressions. */
  readonly value: (name: string) => number;
}

/** The layouts of given tensors as the instance sees them, and which of them are copied first. */
export interface Views {
  readonly layouts: ReadonlyMap<string, Layout>;
  readonly copies: ReadonlySet<string>;
}

/** Checks `args`, but for tensors that overlap, and binds the signature's dimensions, or throws a KernError. */
export function bindCall(signature: Signature, args: Arguments, views: Views): BoundCall {
  const kernel = signature.name;
  refuseUnknown(signature, args);
  const layouts = new Map<string, Layout>();
  for (const param of signature.params) {
    if (param.kind !== "tensor") continue;
    const tensor = checkTensor(kernel, param, args[param.name]);
    if (tensor) layouts.set(param.name, views.layouts.get(param.name) ?? tensor);
  }
  const values = new Map<string, number>();
  const dims = bindDims(signature, args, layouts, values);
  const scalars = signature.params.flatMap((param) => {
    if (param.kind !== "scalar") return [];
    const value = checkScalar(kernel, param, args[param.name]);
    values.set(param.name, Number(value));
    return [value];
  });
  const value = (name: string): number => values.get(name) ?? NaN;
  const tensors = signature.params.flatMap((param): BoundTensor[] => {
    if (param.kind !== "tensor") return [];
    const layout = layouts.get(param.name);
    const shape = param.shape.map((dim) => evaluateShape(dim, value));
    if (!layout) {
      checkShape(shape, param.dtype, [
        `\`${kernel}\` makes \`${param.name}\`, ${expectedTensor(param)}, of what it is given`,
      ]);
      return [{ param, layout: { shape, strides: [], offset: 0 }, copy: false }];
    }
    compareShape(kernel, param, layout, shape);
    const tensor = args[param.name] as Tensor;
    return [{ param, tensor, layout, copy: views.copies.has(param.name) }];
  });
  checkConstraints(signature, value);
  return { signature, tensors, scalars, dims, value };
}

function refuseUnknown(signature: Signature, args: Arguments): void {
  const names = signature.params.map(({ name }) => name);
  for (const argument of Object.keys(args)) {
    if (names.includes(argument)) continue;
    const kernel = signature.name;
    const near = nearest(argument, names);
    const notes = near ? [] : [`its parameters are ${names.map((name) => `\`${name}\``).join(", ")}`];
    throw kernError("K0703", { kernel, argument }, { fix: suggestion(near), notes });
  }
}

/** What a parameter takes, in words. */
function expectedTensor({ dtype, shape }: TensorParam): string {
  return `a Tensor[${[dtype, ...shape.map((dim) => printShape(dim))].join(", ")}]`;
}

function checkTensor(kernel: string, param: TensorParam, given: unknown): Tensor | undefined {
  const argument = param.name;
  const expected = expectedTensor(param);
  if (given === undefined) {
    if (param.mode === "out") return undefined;
    throw kernError("K0702", { kernel, argument, expected });
  }
  const refuse = (what: string, notes: string[] = []) =>
    kernError("K0701", { kernel, argument, expected, given: what }, { notes });
  if (!(given instanceof Tensor))
    throw refuse(described(given), ["`tensor(data, shape)` makes one of a typed array"]);
  if (given.dtype !== param.dtype)
    throw refuse(`a ${given}`, [`the dtypes differ: ${param.dtype} and ${given.dtype}`]);
  if (given.storage.disposed) throw kernError("K0713", { what: `the tensor given as \`${argument}\`` });
  return given;
}

const described = (value: unknown): string => (value instanceof Tensor ? `a ${value}` : describeGiven(value));

function bindDims(
  signature: Signature,
  args: Arguments,
  layouts: ReadonlyMap<string, Layout>,
  values: Map<string, number>,
): number[] {
  const kernel = signature.name;
  for (const param of signature.params) {
    const layout = layouts.get(param.name);
    if (param.kind !== "tensor" || !layout || layout.shape.length === param.shape.length) continue;
    const given = args[param.name] as Tensor;
    throw kernError(
      "K0701",
      { kernel, argument: param.name, expected: expectedTensor(param), given: `a ${given}` },
      { notes: [`the ranks differ: ${param.shape.length} and ${layout.shape.length}`] },
    );
  }
  return signature.dims.map(({ name, param, axis }) => {
    const size = layouts.get(signature.params[param]!.name)!.shape[axis]!;
    values.set(name, size);
    return size;
  });
}

function compareShape(kernel: string, param: TensorParam, layout: Layout, shape: readonly number[]): void {
  const axis = shape.findIndex((expected, at) => expected !== layout.shape[at]);
  if (axis < 0) return;
  throw kernError("K0704", {
    kernel,
    argument: param.name,
    axis,
    size: layout.shape[axis]!,
    expected: shape[axis]!,
    expression: printShape(param.shape[axis]!),
  });
}

function checkScalar(
  kernel: string,
  { name: argument, dtype }: ScalarParam,
  given: unknown,
): number | bigint {
  const info = dtypeInfo(dtype);
  const range = info.kind === "float" || info.kind === "bool" ? "" : ` from ${info.min} to ${info.max}`;
  const expected =
    info.kind === "bool"
      ? "true or false"
      : info.kind === "float"
        ? `a number (${dtype})`
        : `an integer${range} (${dtype})`;
  if (given === undefined) throw kernError("K0702", { kernel, argument, expected });
  const refuse = () => kernError("K0701", { kernel, argument, expected, given: described(given) });
  if (info.kind === "bool") {
    if (typeof given !== "boolean") throw refuse();
    return Number(given);
  }
  if (typeof given !== "number" && typeof given !== "bigint") throw refuse();
  if (isFloat(dtype)) {
    if (typeof given === "bigint") throw refuse();
    return roundScalar(given, dtype);
  }
  if (typeof given === "number" && !Number.isInteger(given)) throw refuse();
  if (given < info.min || given > info.max) throw refuse();
  return isWide(dtype) ? BigInt(given) : Number(given);
}

/** Scalars of narrow floats are handed over as the f32 that they round to. */
function roundScalar(value: number, dtype: Dtype): number {
  if (dtype === "f16" || dtype === "bf16") return roundNarrow(value, dtype);
  return dtype === "f32" ? Math.fround(value) : value;
}

function checkConstraints(signature: Signature, value: (name: string) => number): void {
  for (const { expr, text, place } of signature.constraints) {
    if (evaluateShape(expr, value) !== 0) continue;
    const names = [...namesIn(expr)];
    throw kernError(
      "K0705",
      {
        kernel: signature.name,
        clause: text,
        values: names.map((name) => `${name} = ${value(name)}`).join(", "),
      },
      place ? { span: spanOfPlace(place) } : {},
    );
  }
}

function namesIn(expr: ShapeExpr): Set<string> {
  if (typeof expr === "number") return new Set();
  if (typeof expr === "string") return new Set([expr]);
  return new Set(expr.slice(1).flatMap((part) => [...namesIn(part as ShapeExpr)]));
}

/** Elements that a call touches, a rough measure of its work. */
export function workOf(call: BoundCall): number {
  return call.tensors.reduce((sum, { layout }) => sum + sizeOf(layout.shape), 0);
}

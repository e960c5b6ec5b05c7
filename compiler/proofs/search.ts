// Looks for sizes and data on which a kernel goes wrong: small sizes first, the kernel's own constants and their
// neighbours, and a few kinds of data. Budgeted; finding nothing says nothing.

import { dtypeInfo, isFloat, isWide, type Dtype } from "../../lang/dtypes.ts";
import type { Expr, IrKernel, Scalar } from "../ir/ir.ts";
import { visitExpr, visitExprs } from "../ir/walk.ts";
import type { Finding, Watch } from "./finding.ts";
import { Trace } from "./trace.ts";

const totalSteps = 600_000;
const stepsARun = 60_000;
/** After a find that tells little, how long to look for a better one. */
const triviality = 30_000;

/** A run in which what is watched for happens, or undefined. */
export function search(kernel: IrKernel, watch: Watch): Finding | undefined {
  const spent = spentOn.get(kernel) ?? 0;
  if (spent > stepsAKernel) return undefined;
  let used = 0;
  const found = lookFor(kernel, watch, (steps) => (used += steps));
  spentOn.set(kernel, spent + used);
  return found;
}

/** A kernel full of mistakes must not be searched for ever. */
const stepsAKernel = 4_000_000;
const spentOn = new WeakMap<IrKernel, number>();

function lookFor(kernel: IrKernel, watch: Watch, spend: (steps: number) => void): Finding | undefined {
  let first: Finding | undefined;
  // A warning isn't worth as long a search as an error.
  let left = watch.kind === "unread" ? totalSteps / 60 : totalSteps;
  const dtypes = new Map(kernel.buffers.map((buffer) => [buffer.name, buffer.dtype]));
  for (const sizes of settings(kernel)) {
    for (const kind of dataKinds(watch)) {
      const data = (buffer: string, offset: number): Scalar =>
        made(kind, dtypes.get(buffer) ?? "f32", offset, sizes);
      const trace = new Trace(kernel, watch, { sizes, data, steps: Math.min(stepsARun, left) });
      const found = trace.run();
      const steps = Math.min(stepsARun, left) - Math.max(0, trace.stepsLeft) + 40;
      spend(steps);
      if (found && !found.trivial) return found;
      first ??= found;
      left -= steps;
      if (left <= (first ? totalSteps - triviality : 0)) return first;
    }
  }
  return first;
}

// ---- sizes -------------------------------------------------------------------------------------------

/** Values for dims and scalar parameters, the simplest first. */
function* settings(kernel: IrKernel): Generator<ReadonlyMap<string, Scalar>> {
  const dims = kernel.dims.filter((dim) => dim.of === undefined).map((dim) => dim.name);
  const strides = kernel.dims.filter((dim) => dim.of !== undefined).map((dim) => dim.name);
  const scalars = kernel.params.flatMap((param) => (param.kind === "scalar" ? [param] : []));
  const values = interesting(kernel);
  const seen = new Set<string>();
  const setting = (
    dimAt: (at: number) => number,
    scalarAt: (at: number) => number,
  ): ReadonlyMap<string, Scalar> | undefined => {
    const found = new Map<string, Scalar>();
    dims.forEach((name, at) => found.set(name, dimAt(at)));
    strides.forEach((name) => found.set(name, 1));
    scalars.forEach(({ name, dtype }, at) => found.set(name, scalarValue(dtype, scalarAt(at))));
    const key = [...found.values()].join();
    if (seen.has(key)) return undefined;
    seen.add(key);
    return found;
  };
  const offer = function* (dimAt: (at: number) => number, scalarAt: (at: number) => number) {
    const found = setting(dimAt, scalarAt);
    if (found) yield found;
  };
  for (const value of values)
    for (const scalar of [1, 2, 0])
      yield* offer(
        () => value,
        () => scalar,
      );
  for (const other of [1, 2, 3, 5])
    for (const value of values)
      for (let at = 0; at < dims.length; at++)
        yield* offer(
          (own) => (own === at ? value : other),
          () => 1,
        );
  for (const value of [0, -1, 3, 4, ...values])
    for (let at = 0; at < scalars.length; at++)
      for (const size of [2, 3, 5])
        yield* offer(
          () => size,
          (own) => (own === at ? value : 1),
        );
  let state = 12345;
  const random = (): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32;
  for (let round = 0; round < 300; round++) {
    const pick = (): number => values[Math.floor(random() * random() * values.length)]!;
    const [sizes, extras] = [dims.map(pick), scalars.map(() => pick() - Math.floor(random() * 3))];
    yield* offer(
      (at) => sizes[at]!,
      (at) => extras[at]!,
    );
  }
}

/** Small sizes, and the kernel's constants with their neighbours. */
function interesting(kernel: IrKernel): number[] {
  const constants = new Set<number>();
  const look = (expr: Expr): void => {
    if (expr.kind === "const" && typeof expr.value === "number" && Number.isInteger(expr.value))
      if (expr.value >= 2 && expr.value <= 300) constants.add(expr.value);
  };
  visitExprs(kernel.body, look);
  for (const clause of kernel.requires) visitExpr(clause.cond, look);
  for (const buffer of kernel.buffers) for (const extent of buffer.shape) visitExpr(extent, look);
  const around = [...constants].toSorted((a, b) => a - b).slice(0, 8);
  const found = [1, 2, 3, 4, 5, 0, 6, 7, 8, 9];
  for (const value of around) found.push(value, value + 1, value - 1, 2 * value, 2 * value + 1);
  return [...new Set(found)];
}

function scalarValue(dtype: Dtype, value: number): Scalar {
  if (dtype === "bool") return value !== 0;
  if (isFloat(dtype)) return value;
  const { min } = dtypeInfo(dtype);
  const fitting = min === 0 || min === 0n ? Math.max(0, value) : value;
  return isWide(dtype) ? BigInt(fitting) : fitting;
}

// ---- data --------------------------------------------------------------------------------------------

type DataKind = "zero" | "counting" | "mixed" | "large" | "negative";

function dataKinds(watch: Watch): readonly DataKind[] {
  switch (watch.kind) {
    case "outside":
    case "unfit":
    case "assert":
      return ["counting", "mixed", "large", "negative"];
    default:
      return ["mixed", "zero", "counting"];
  }
}

function made(kind: DataKind, dtype: Dtype, offset: number, sizes: ReadonlyMap<string, Scalar>): Scalar {
  const greatest = Math.max(1, ...[...sizes.values()].map(Number).filter(Number.isFinite));
  const value = {
    zero: 0,
    counting: offset,
    mixed: (Math.imul(offset + 1, 2654435761) >>> 8) % (greatest + 1),
    large: greatest + offset,
    negative: -1 - offset,
  }[kind];
  if (dtype === "bool") return value % 2 !== 0;
  if (isFloat(dtype)) return kind === "mixed" ? value - greatest / 2 : value;
  const info = dtypeInfo(dtype);
  if (isWide(dtype)) return info.min === 0n ? BigInt(Math.abs(value)) : BigInt(value);
  return Math.max(Number(info.min), Math.min(Number(info.max), value));
}

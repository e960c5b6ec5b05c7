// Arguments for a fuzzed kernel: sizes that its signature allows, nothing and one among them; contents with the values
// at which arithmetic goes wrong; views with strides.

import { evaluateShape, type ShapeExpr, type Signature, type TensorParam } from "../../compiler/artifact.ts";
import type { InterpretArgs, TensorArg } from "../../compiler/ir/interpret.ts";
import type { Scalar } from "../../compiler/ir/ir.ts";
import { normalise } from "../../compiler/ir/values.ts";
import { dtypeInfo, isFloat, isWide, type Dtype } from "../../lang/dtypes.ts";
import type { Arguments } from "../../runtime/index.ts";
import { Tensor, tensor } from "../../runtime/tensor/tensor.ts";
import { writerOf } from "../../compiler/ir/storage.ts";
import { arrayClass, bytesOf, viewAs, type HostStorage } from "../../runtime/tensor/storage.ts";
import { Dice } from "./dice.ts";

export interface Call {
  /** `M=3 N=17, views` */
  readonly title: string;
  readonly dims: Readonly<Record<string, number>>;
  /** Whether NaNs and infinities are among the arguments. */
  readonly special: boolean;
  /** Fresh arguments, the same each time. */
  readonly make: () => Arguments;
}

const sizes = [0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 24, 33];

/** A few calls that the signature allows. */
export function callsOf(signature: Signature, seed: number, count = 3): Call[] {
  const dice = new Dice(seed ^ 0x5eed);
  const found: Call[] = [];
  for (let tries = 0; tries < 60 && found.length < count; tries++) {
    const dims = Object.fromEntries(signature.dims.map(({ name }) => [name, dice.pick(sizes)]));
    const special = dice.chance(0.2);
    const scalars = Object.fromEntries(
      signature.params.flatMap((param): [string, Scalar][] =>
        param.kind === "scalar" ? [[param.name, valueOf(dice, param.dtype, special)]] : [],
      ),
    );
    const value = (name: string): number => dims[name] ?? Number(scalars[name]);
    const at = (expr: ShapeExpr): number => evaluateShape(expr, value);
    const tensors = signature.params.filter((param) => param.kind === "tensor");
    const shapes = tensors.map(({ shape }) => shape.map(at));
    const elements = shapes.flat().reduce((sum, size) => sum + size, 0);
    if (shapes.flat().some((size) => size < 0) || elements > 3000) continue;
    if (!signature.constraints.every(({ expr }) => at(expr) !== 0)) continue;
    const views = dice.chance(0.4);
    const contents = dice.word();
    found.push({
      title: `${Object.entries(dims)
        .map(([name, size]) => `${name}=${size}`)
        .join(" ")}${views ? ", views" : ""}`,
      dims,
      special,
      make() {
        const own = new Dice(contents);
        return Object.fromEntries([
          ...tensors.flatMap((param, n): [string, Arguments[string]][] =>
            param.mode === "out" ? [] : [[param.name, filled(own, param, shapes[n]!, views, special)]],
          ),
          ...Object.entries(scalars),
        ]) as Arguments;
      },
    });
  }
  return found;
}

function valueOf(dice: Dice, dtype: Dtype, special: boolean): Scalar {
  if (dtype === "bool") return dice.chance(0.5);
  if (isFloat(dtype)) {
    if (special && dice.chance(0.15)) return dice.pick([NaN, Infinity, -Infinity, -0]);
    // Few bits, so that sums are exact.
    return dice.between(-12, 12) / 4;
  }
  const { bits, min, max } = dtypeInfo(dtype);
  const some = dice.weighted<() => bigint>([
    [6, () => BigInt(dice.between(-6, 12))],
    [1, () => BigInt(dice.word()) * BigInt(dice.word())],
    [0.5, () => BigInt(min)],
    [0.5, () => BigInt(max)],
  ])();
  const wrapped = BigInt.asUintN(bits, some);
  const value = dtypeInfo(dtype).kind === "int" ? BigInt.asIntN(bits, wrapped) : wrapped;
  return isWide(dtype) ? value : Number(value);
}

function filled(
  dice: Dice,
  param: TensorParam,
  shape: readonly number[],
  views: boolean,
  special: boolean,
): Tensor {
  const { dtype, mode } = param;
  const make = (of: readonly number[]): Tensor => {
    const count = of.reduce((product, size) => product * size, 1);
    const Class = arrayClass(dtype);
    const bytes = bytesOf(dtype, count);
    const data = new Class(new ArrayBuffer(bytes), 0, bytes / Class.BYTES_PER_ELEMENT);
    const write = writerOf(dtype);
    for (let at = 0; at < count; at++)
      write(data as TensorArg["data"], at, normalise(valueOf(dice, dtype, special), dtype));
    return tensor(data, of, dtype);
  };
  if (!views || dtypeInfo(dtype).bits < 8 || shape.length === 0) return make(shape);
  switch (dice.below(mode === "in" ? 4 : 3)) {
    case 0:
      return make(shape.toReversed()).transpose();
    case 1: {
      const last = shape.length - 1;
      const larger = make(shape.map((size, axis) => (axis === last ? 2 * size + 1 : size + 1)));
      return larger.slice(
        ...shape.map((size, axis) =>
          axis === last ? ([1, 2 * size + 1, 2] as const) : ([1, size + 1] as const),
        ),
      );
    }
    case 2:
      return make(shape);
    default: {
      const axis = dice.below(shape.length);
      return make(shape.map((size, at) => (at === axis ? 1 : size))).broadcastTo(shape);
    }
  }
}

/** The same arguments for the interpreter. */
export function interpreterArguments(args: Arguments): InterpretArgs {
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => [
      name,
      value instanceof Tensor
        ? {
            dtype: value.dtype,
            shape: value.shape,
            strides: value.strides,
            offset: value.offset,
            data: viewAs(value.dtype, (value.storage as HostStorage).bytes) as TensorArg["data"],
          }
        : value,
    ]),
  ) as InterpretArgs;
}

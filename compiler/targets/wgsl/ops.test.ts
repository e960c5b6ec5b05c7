// Every scalar op on every dtype: the WGSL for it must pass Tint, and where a Vulkan device is at hand, compute what
// the op table's reference semantics say, for every combination of awkward operands.

import { afterAll, describe, expect, it } from "vitest";
import { dtypeInfo, dtypeNames, isFloat, isInteger, type Dtype } from "../../../lang/dtypes.ts";
import { apply, cast, load } from "../../ir/build.ts";
import { makeTensor, type InterpretArgs } from "../../ir/interpret.ts";
import { int, i32, ref, type Buffer, type Expr, type IrKernel, type Scalar } from "../../ir/ir.ts";
import { writerOf } from "../../ir/storage.ts";
import { opInfo, ops, type OpName } from "../../ir/ops.ts";
import { normalise } from "../../ir/values.ts";
import { openWgslValidator } from "../../../testing/wgsl.ts";
import { openWgslRunner } from "../../../testing/wgsl-run.ts";
import { emitted, launchesOf, sameOnWgsl } from "../../../testing/wgsl-equivalence.ts";
import { isSupported } from "./types.ts";

const validator = await openWgslValidator();
const runner = await openWgslRunner();
afterAll(() => [validator, runner].forEach((each) => typeof each !== "string" && each.close()));

const computed = dtypeNames.filter(
  (dtype) => isSupported(dtype) && !dtypeInfo(dtype).storageOnly && dtypeInfo(dtype).bits < 64,
);

// prettier-ignore
const floats = [
  0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3.75, 100, -127.9, 127.9, 255.5, 256, -128.9, 65504, 65519, 65520,
  1e-3, 32767.5, -32768.9, 2147483520, 2147483648, -2147483648, -2147483904, 4294967040, 4294967296, 1e20, -1e20,
  3.4028234663852886e38, 1e-40, Infinity, -Infinity, NaN,
];

/** Values at which operations on a dtype go wrong. */
function awkward(dtype: Dtype): readonly Scalar[] {
  if (dtype === "bool") return [false, true];
  if (isFloat(dtype)) return [...new Set(floats.map((value) => normalise(value, dtype)))];
  const { min, max } = dtypeInfo(dtype);
  const [low, high] = [Number(min), Number(max)];
  const inner = [0, 1, 2, 3, 7, 8, 15, 31, 100, -1, -2, -3, -7, -8, 0x1234567, 0x1000001, -0x1000001];
  return [
    ...new Set([low, low + 1, high, high - 1, ...inner.filter((value) => value >= low && value <= high)]),
  ];
}

interface Case {
  readonly name: string;
  readonly kernel: IrKernel;
  readonly operands: readonly (readonly Scalar[])[];
  readonly dtypes: readonly Dtype[];
  readonly op: OpName;
}

/** A kernel that applies an op to each element of its operands. */
function kernelFor(name: string, dtypes: readonly Dtype[], make: (args: readonly Expr[]) => Expr): IrKernel {
  const shape = [ref("N", i32)];
  const buffers = dtypes.map((dtype, at): Buffer => ({ name: `x${at}`, dtype, space: "param", shape }));
  const at = ref("i", i32);
  const value = make(buffers.map((buffer) => load(buffer, [at])));
  const y: Buffer = { name: "y", dtype: value.type.dtype, space: "param", shape };
  const body = [{ kind: "store", buffer: "y", index: [at], value }] as const;
  return {
    name,
    form: "nest",
    params: [
      ...buffers.map((buffer) => ({ kind: "tensor", buffer: buffer.name, mode: "in" }) as const),
      { kind: "tensor", buffer: "y", mode: "out" },
    ],
    dims: [{ name: "N", param: 0, axis: 0 }],
    buffers: [...buffers, y],
    requires: [],
    body: [
      { kind: "for", name: "i", lo: int(0), hi: ref("N", i32), step: 1, marks: { parallel: true }, body },
    ],
  };
}

const conversions = ["convert", "saturate", "bitcast"] as const;
const classes: Record<string, (dtype: Dtype) => boolean> = {
  number: (dtype) => dtype !== "bool",
  float: isFloat,
  integer: isInteger,
  "integer-or-bool": (dtype) => dtype === "bool" || isInteger(dtype),
  any: () => true,
};

function casesOf(op: OpName): readonly Case[] {
  const info = opInfo(op);
  const conversion = conversions.find((each) => each === op);
  return computed.filter(classes[info.operands] ?? (() => false)).flatMap((dtype): Case[] => {
    if (conversion) {
      const targets = computed.filter(
        (to) =>
          to !== dtype &&
          (op !== "saturate" || isInteger(to)) &&
          (op !== "bitcast" ||
            (to !== "bool" && dtype !== "bool" && dtypeInfo(to).bits === dtypeInfo(dtype).bits)),
      );
      return targets.map((to) => ({
        name: `${op}_${dtype}_${to}`,
        kernel: kernelFor(`${op}_${dtype}_${to}`, [dtype], ([a]) => cast(conversion, a!, to)),
        operands: awkward(dtype).map((value) => [value]),
        dtypes: [dtype],
        op,
      }));
    }
    const name = `${op}_${dtype}`;
    const dtypes = op === "select" ? (["bool", dtype, dtype] as const) : Array<Dtype>(info.arity).fill(dtype);
    const operands = combinations(dtypes).filter((values) => !info.unfit?.(values, dtype));
    return [{ name, kernel: kernelFor(name, dtypes, (args) => apply(op, args)), operands, dtypes, op }];
  });
}

function combinations(dtypes: readonly Dtype[]): Scalar[][] {
  return dtypes.reduce<Scalar[][]>(
    (lists, dtype) => lists.flatMap((list) => awkward(dtype).map((value) => [...list, value])),
    [[]],
  );
}

/** What of a device changes the code: f16 is computed with by itself or in f32. */
const waysOf = (kernel: IrKernel): readonly (readonly string[])[] =>
  kernel.buffers.some(({ dtype }) => dtype === "f16") ? [[], ["shader-f16"]] : [[]];

const scalarOps = (Object.keys(ops) as OpName[]).filter((op) => opInfo(op).lane);
const cases = scalarOps.flatMap(casesOf);

describe("each op on each dtype", () => {
  it("covers every scalar op", () => {
    expect(new Set(cases.map(({ op }) => op))).toEqual(new Set(scalarOps));
    expect(cases.length).toBeGreaterThan(300);
  });

  describe.skipIf(typeof validator === "string")(
    `is accepted by Tint ${typeof validator === "string" ? validator : ""}`,
    () => {
      it.each(scalarOps)("%s", async (op) => {
        if (typeof validator === "string") return;
        for (const { name, kernel } of cases.filter((each) => each.op === op)) {
          for (const features of waysOf(kernel)) {
            const module = emitted([kernel], features);
            expect(
              await validator.validate(module.text, launchesOf(module)),
              `${name}\n${module.text}`,
            ).toEqual([]);
          }
        }
      });
    },
  );

  describe.skipIf(typeof runner === "string")(
    `computes the reference ${typeof runner === "string" ? runner : ""}`,
    () => {
      it.each(scalarOps)("%s", async (op) => {
        if (typeof runner === "string") return;
        for (const each of cases.filter((other) => other.op === op)) await check(each);
      });
    },
  );
});

/** Relative error by result: WGSL's division and square root may be a few units off. */
const looseness: Partial<Record<Dtype, number>> = { f32: 5e-7, f16: 2e-3, bf16: 8e-3 };

async function check({ kernel, operands, dtypes, op }: Case): Promise<void> {
  if (typeof runner === "string") return;
  const args = (): InterpretArgs => {
    const tensors = dtypes.map((dtype, at) => {
      const tensor = makeTensor(dtype, [operands.length]);
      const write = writerOf(dtype);
      operands.forEach((values, row) => write(tensor.data, row, values[at]!));
      return [`x${at}`, tensor] as const;
    });
    const result = kernel.buffers.at(-1)!;
    return Object.fromEntries([...tensors, ["y", makeTensor(result.dtype, [operands.length])]]);
  };
  const loose = op === "div" || op === "sqrt" || op === "fma";
  for (const features of waysOf(kernel)) {
    if (!features.every((feature) => runner.features.includes(feature))) continue;
    await sameOnWgsl(runner, kernel, args, {
      tolerance: loose ? looseness[dtypes.at(-1)!] : 0,
      accept: (want, got, at) => isOpen(op, want, got, operands[at] ?? []),
      features,
    });
  }
}

/** Where Kern or WGSL leaves a float result open: fma, NaN, infinities and subnormal numbers in arithmetic. */
function isOpen(op: OpName, want: Scalar, got: Scalar, operands: readonly Scalar[]): boolean {
  if (conversions.some((each) => each === op)) return typeof want === "number" && isTiny(want);
  if (opInfo(op).band === "compare")
    return operands.some((value) => typeof value === "number" && isTiny(value));
  if (op === "fma") {
    // Rounding twice loses what cancels, and may pass through an infinity.
    const [a, b, c] = operands.map(Number) as [number, number, number];
    if (Math.abs(a * b) > 65504) return true;
    if (Math.abs(Number(want) - Number(got)) <= 5e-4 * (Math.abs(a * b) + Math.abs(c))) return true;
  }
  return [want, ...operands].some(
    (value) => typeof value === "number" && (!Number.isFinite(value) || isTiny(value)),
  );
}
const isTiny = (value: number): boolean =>
  value !== 0 && Math.abs(value) < 2 ** -14 && Math.abs(value) < 1e-30;

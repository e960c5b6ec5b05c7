// Every op of the table on every dtype, as scalars and as vectors of several widths, on awkward values: emitted code
// and the interpreter agree bit for bit.

import { describe, expect, it } from "vitest";
import { sameAsInterpreter, programOf } from "../../../testing/wasm-run.ts";
import { dtypeInfo, dtypeNames, isFloat, isInteger, isWide, type Dtype } from "../../../lang/dtypes.ts";
import { makeTensor, type InterpretArgs } from "../../ir/interpret.ts";
import { parseKernel } from "../../ir/parse.ts";
import { opProblem } from "../../ir/op-types.ts";
import { opInfo, ops, type OpName } from "../../ir/ops.ts";
import { allocate, writerOf } from "../../ir/storage.ts";
import { normalise } from "../../ir/values.ts";
import type { Scalar } from "../../ir/ir.ts";

const computed = dtypeNames.filter((dtype) => !dtypeInfo(dtype).storageOnly);
const widths = [1, 2, 4, 8, 16, 32];

function awkward(dtype: Dtype): readonly Scalar[] {
  if (dtype === "bool") return [false, true];
  const { min, max, bits } = dtypeInfo(dtype);
  if (!isFloat(dtype)) {
    const edges = [
      BigInt(min),
      BigInt(min) + 1n,
      -37n,
      -2n,
      -1n,
      0n,
      1n,
      2n,
      3n,
      7n,
      100n,
      BigInt(max) / 3n,
      BigInt(max) - 1n,
      BigInt(max),
    ];
    return edges.map((value) => normalise(bits === 64 ? value : Number(value), dtype));
  }
  const large = Number(max);
  const tiny = { f16: 2 ** -24, bf16: 2 ** -133, f32: 2 ** -149, f64: 5e-324 }[dtype as "f16"];
  const values = [
    NaN,
    0,
    -0,
    1,
    -1,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    1 / 3,
    -7.75,
    100.3,
    3e4,
    70000.7,
    2147483648,
    -3e9,
    1e19,
    tiny,
    -tiny * 3,
    large,
    -large,
    Infinity,
    -Infinity,
    1e-4,
    127.5,
    255.5,
    -128.5,
  ];
  return values.map((value) => normalise(value, dtype));
}

/** Every combination of awkward values, cut to what the op may be given. */
function operands(op: OpName, dtype: Dtype): readonly (readonly Scalar[])[] {
  const values = awkward(dtype);
  const { arity, unfit } = opInfo(op);
  let rows: Scalar[][] = [[]];
  for (let operand = 0; operand < arity; operand++) {
    const own = operand === 2 ? values.slice(0, 5) : values;
    rows = rows.flatMap((row) => own.map((value) => [...row, value]));
  }
  if (op === "shl" || op === "shr") {
    const { bits } = dtypeInfo(dtype);
    const counts = [0, 1, bits / 2, bits - 1].map((count) => (isWide(dtype) ? BigInt(count) : count));
    rows = values.flatMap((value) => counts.map((count) => [value, count]));
  }
  // A fused product may round once or twice: comparable where nothing overflows in between.
  if (op === "fma") rows = rows.filter((row) => row.every((x) => Math.abs(Number(x)) < 200));
  return rows.filter((row) => !unfit?.(row, dtype));
}

/** A rounding or two of the dtypes that a fused product may differ by. */
const roundings = { f16: 2 ** -9, bf16: 2 ** -6, f32: 2 ** -22, f64: 2 ** -51 };

async function compare(
  call: (args: string[]) => string,
  from: Dtype,
  to: Dtype,
  rows: readonly (readonly Scalar[])[],
  tolerance?: number,
): Promise<void> {
  const arity = rows[0]!.length;
  const names = ["a", "b", "c"].slice(0, arity);
  const count = Math.ceil(rows.length / 32) * 32;
  const params = [
    ...names.map((name) => `${name}: in ${from}[N]`),
    ...widths.map((lanes) => `r${lanes}: out ${to}[N]`),
  ];
  const loops = widths.map((lanes) => {
    const at = lanes === 1 ? `i${lanes}` : `ramp[${lanes}](i${lanes}, 1)`;
    return `for i${lanes} in 0..N step ${lanes} { r${lanes}[${at}] = ${call(names.map((name) => `${name}[${at}]`))} }`;
  });
  const program = await programOf(
    parseKernel(`kernel k(${params.join(", ")}) dims(N = a.0) {\n${loops.join("\n")}\n}`),
    { optimize: false },
  );
  const args = (): InterpretArgs =>
    Object.fromEntries(
      names.map((name, operand) => {
        const data = allocate(from, count);
        const write = writerOf(from);
        for (let at = 0; at < count; at++) write(data, at, rows[at % rows.length]![operand]!);
        return [name, makeTensor(from, [count], data)];
      }),
    );
  sameAsInterpreter(program, args, tolerance ? { tolerance } : {});
}

describe("elementwise ops", () => {
  const names = (Object.keys(ops) as OpName[]).filter(
    (op) => opInfo(op).lane && opInfo(op).band !== "convert" && op !== "select",
  );
  for (const op of names)
    it(op, async () => {
      let tried = 0;
      for (const dtype of computed) {
        const type = { dtype, lanes: 1 };
        const result = { dtype: opInfo(op).result === "bool" ? ("bool" as const) : dtype, lanes: 1 };
        if (
          opProblem(
            op,
            Array.from({ length: opInfo(op).arity }, () => type),
            result,
          )
        )
          continue;
        tried++;
        await compare(
          (args) => `${op}(${args.join(", ")})`,
          dtype,
          result.dtype,
          operands(op, dtype),
          op === "fma" ? roundings[dtype as "f32"] : undefined,
        );
      }
      expect(tried).toBeGreaterThan(0);
    });
});

/** Numbers that doubles round to a power of two. */
const besidePowers = (dtype: Dtype): bigint[] =>
  dtype === "u64" ? [2n ** 60n + 1n, 2n ** 64n - 5n] : dtype === "i64" ? [2n ** 60n - 1n] : [];

describe("by a constant", () => {
  for (const op of ["floordiv", "mod", "shl", "shr"] as const)
    it(op, async () => {
      for (const dtype of computed.filter(isInteger))
        for (const by of [1, 3, 7, 8, -1, -3, ...besidePowers(dtype)].filter((n) =>
          op === "shl" || op === "shr" ? n > 0 && n < 8 : n > 0 || dtypeInfo(dtype).kind === "int",
        ))
          await compare(
            ([a]) => `${op}(${a}, ${constantLike(a!, by, dtype)})`,
            dtype,
            dtype,
            awkward(dtype).map((value) => [value]),
          );
    });
});

describe("extremes against a constant", () => {
  for (const op of ["min", "max"] as const)
    it(op, async () => {
      for (const dtype of computed.filter(isFloat))
        for (const limit of ["0.0", "-0.0", "1.5", "-104.0", "inf", "-inf", "nan"])
          for (const swapped of [false, true])
            await compare(
              ([a]) => {
                const bound = constantLike(a!, limit, dtype);
                return swapped ? `${op}(${bound}, ${a})` : `${op}(${a}, ${bound})`;
              },
              dtype,
              dtype,
              awkward(dtype).map((value) => [value]),
            );
    });
});

/** A constant with the lanes of an access. */
function constantLike(access: string, value: number | bigint | string, dtype: Dtype): string {
  const lanes = /ramp\[(\d+)\]/.exec(access)?.[1];
  return `${value}:${dtype}${lanes ? `x${lanes}` : ""}`;
}

describe("select", () => {
  it("chooses by masks of any width", async () => {
    for (const dtype of computed)
      await compare(([a, b]) => `select(${a} != ${b}, ${a}, ${b})`, dtype, dtype, operands("eq", dtype));
  });
});

describe("conversions", () => {
  for (const op of ["convert", "saturate", "bitcast"] as const)
    for (const from of computed)
      it(`${op} from ${from}`, async () => {
        for (const to of computed) {
          if (to === from) continue;
          if (op === "saturate" && (!isInteger(to) || from === "bool")) continue;
          if (
            op === "bitcast" &&
            (dtypeInfo(from).bits !== dtypeInfo(to).bits || to === "bool" || from === "bool")
          )
            continue;
          const text = op === "convert" ? to : `${op}[${to}]`;
          await compare(
            ([a]) => `${text}(${a})`,
            from,
            to,
            awkward(from).map((value) => [value]),
          );
        }
      });
});

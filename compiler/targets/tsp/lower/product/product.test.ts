// Products and convolutions of kernels as TSP programs against the interpreter, on awkward sizes: exactly, without a fault,
// and in as many cycles as the checks predict.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compile } from "../../../../index.ts";
import { interpret, makeTensor, type TensorArg } from "../../../../ir/interpret.ts";
import type { IrKernel } from "../../../../ir/ir.ts";
import { fromHalfBits, toHalfBits } from "../../../../ir/values.ts";
import { checkProgram } from "../../assemble/index.ts";
import { groqchipCal } from "../../machine/profile.ts";
import { simulate } from "../../simulate/index.ts";
import { lowerKernel } from "../index.ts";
import { productOf } from "./recognize.ts";

async function kernelOf(text: string, set: Record<string, string> = {}): Promise<IrKernel> {
  const { kernels, diagnostics } = await compile({ path: "product.kern", text }, { set, target: [] });
  if (!kernels[0]) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  return kernels[0].ir;
}

/** Small whole numbers and fractions; i8 and u8 through all of their range. */
function sample(dtype: string, at: number): number {
  if (dtype === "f32") return ((at * 37) % 41) / 2048 + 0.001;
  if (dtype === "f16") return ((at * 37) % 33) / 16 - 1;
  if (dtype === "i32") return ((at * 7919) % 20011) - 10000;
  return ((at * 91) % 256) - (dtype === "i8" ? 128 : 0);
}

const numbers = ({ dtype, data }: TensorArg): number[] =>
  Array.from<number | bigint, number>(data as ArrayLike<number>, (value) =>
    dtype === "f16" ? fromHalfBits(Number(value)) : Number(value),
  );

/** Runs a kernel both ways; the cycles it takes. */
function agrees(
  ir: IrKernel,
  sizes: Record<string, number>,
  scalars: Record<string, number> = {},
  near = 0,
): number {
  const lowered = lowerKernel(ir, new Map(Object.entries({ ...sizes, ...scalars })), groqchipCal);
  if ("why" in lowered) throw new Error(lowered.why);
  const args: Record<string, TensorArg | number> = { ...scalars };
  for (const param of ir.params) {
    if (param.kind !== "tensor" || param.mode === "out") continue;
    const { dtype, shape } = ir.buffers.find(({ name }) => name === param.buffer)!;
    const made = makeTensor(
      dtype,
      shape.map((dim) => (dim.kind === "ref" ? sizes[dim.name]! : Number((dim as { value: unknown }).value))),
    );
    for (let at = 0; at < made.data.length; at++) {
      const value = sample(dtype, at + 5 * param.buffer.length);
      made.data[at] = dtype === "f16" ? toHalfBits(value) : value;
    }
    args[param.buffer] = made;
  }
  const outcome = interpret(ir, args);
  if (outcome.kind !== "done") throw new Error(JSON.stringify(outcome));
  const { program } = lowered;
  const checked = checkProgram(program);
  expect(checked.faults.slice(0, 3)).toEqual([]);
  const inputs = lowered.inputs((buffer) => numbers(args[buffer] as TensorArg));
  const simulated = simulate(program, { inputs });
  expect(simulated.faults.slice(0, 3)).toEqual([]);
  expect([simulated.cycles, simulated.issued]).toEqual([checked.cycles, checked.issued]);
  for (const [name, found] of lowered.results(simulated.output)) {
    const want = numbers(outcome.results[name]!);
    for (const [at, value] of found.entries())
      if (Math.abs(value - want[at]!) > near * Math.max(1, Math.abs(value)))
        expect(`${name}[${at}] = ${value}`).toBe(`${name}[${at}] = ${want[at]}`);
  }
  return simulated.cycles;
}

const products = `
kernel product[T: Number = i8](a: Tensor[T, M, K], b: Tensor[i8, N, K], out c: Tensor[i32, M, N]):
    for i, j in grid(M, N):
        c[i, j] = sum(i32(a[i, k]) * i32(b[j, k]) for k in range(K))
`;

test.each([
  [1, 1, 1],
  [3, 321, 17],
  [37, 50, 341],
  [46, 330, 325],
])("i8 and u8: %d×%d times %d columns", async (M, K, N) => {
  agrees(await kernelOf(products), { M, K, N });
  agrees(await kernelOf(products, { T: "u8" }), { M, K, N });
});

const requantized = `
kernel requantized(
    a: Tensor[i8, M, K], b: Tensor[i8, K, N], bias: Tensor[i32, N], scale: Tensor[f32, N], r: Tensor[i8, M, N], step: f32,
    out c: Tensor[i8, M, N]
):
    for i, j in grid(M, N):
        let v = f32(sum(i32(a[i, k]) * i32(b[k, j]) for k in range(K)) + bias[j]) * scale[j]
        c[i, j] = max(saturate[i8](v + step * f32(r[i, j])), 0)
`;

test.each([
  [5, 33, 7],
  [31, 330, 325],
])("requantized, with a residual and relu: %d×%d times %d columns", async (M, K, N) => {
  agrees(await kernelOf(requantized), { M, K, N }, { step: 0.375 });
});

test("the library's requantized product", async () => {
  const path = "stdlib/quantized.kern";
  const { kernels } = await compile({ path, text: readFileSync(path, "utf8") }, { target: [] });
  const { ir } = kernels.find(({ typed }) => typed.name === "requantized_matmul")!;
  const scalars = { zero: 117, target: 13 };
  for (const [M, K, N] of [
    [1, 1, 1],
    [5, 33, 7],
    [19, 330, 325],
  ] as const) {
    expect(productOf(ir, new Map(Object.entries({ M, K, N, ...scalars })))?.type).toBe("u8");
    agrees(ir, { M, K, N }, scalars);
  }
});

const convolution = `
kernel convolution[S: int = 1, P: int = 0](
    x: Tensor[i8, B, H, W, C], w: Tensor[i8, F, R, Q, C], bias: Tensor[i32, F], scale: Tensor[f32, F],
    out y: Tensor[i8, B, (H + 2 * P - R) // S + 1, (W + 2 * P - Q) // S + 1, F],
) where R >= 1, Q >= 1, R <= H + 2 * P, Q <= W + 2 * P:
    for b, i, j, f in grid(B, (H + 2 * P - R) // S + 1, (W + 2 * P - Q) // S + 1, F):
        let total = sum(
            i32(x.get(b, i * S + r - P, j * S + q - P, c, default=-128)) * i32(w[f, r, q, c])
            for r in range(R) for q in range(Q) for c in range(C)
        )
        y[b, i, j, f] = saturate[i8](f32(total + bias[f]) * scale[f])
`;

test.each([
  [1, 5, 6, 3, 4, 3, 3, 1, 1],
  [2, 9, 8, 64, 48, 3, 3, 2, 1],
  [1, 4, 4, 330, 20, 1, 1, 2, 0],
  [1, 4, 12, 20, 325, 2, 3, 1, 1],
])(
  "convolution: %d images of %d×%d×%d to %d, window %d×%d, stride %d, padding %d",
  async (B, H, W, C, F, R, Q, S, P) => {
    const ir = await kernelOf(convolution, { S: `${S}`, P: `${P}` });
    agrees(ir, { B, H, W, C, F, R, Q });
  },
);

const halves = `
kernel halves(a: Tensor[f16, B, M, K], b: Tensor[f16, B, K, N], bias: Tensor[f32, N], out c: Tensor[f16, B, M, N]):
    for t, i, j in grid(B, M, N):
        c[t, i, j] = f16(max(sum(f32(a[t, i, k]) * f32(b[t, k, j]) for k in range(K)) + bias[j], 0))
`;

test.each([
  [1, 3, 5, 7],
  [2, 35, 330, 40],
])("f16, %d times: %d×%d times %d columns", async (B, M, K, N) => {
  agrees(await kernelOf(halves), { B, M, K, N }, {}, 2e-3);
});

test("a kernel's 1024×1280×1280 product in i8 is above 95 % of the four planes' peak (groqchip-cal)", async () => {
  const sizes = new Map(Object.entries({ M: 1024, K: 1280, N: 1280 }));
  const lowered = lowerKernel(await kernelOf(products), sizes, groqchipCal);
  if ("why" in lowered) throw new Error(lowered.why);
  const { cycles, faults } = simulate(lowered.program, { compute: false });
  expect(faults).toEqual([]);
  expect((1024 * 1280 * 1280) / 409_600 / cycles).toBeGreaterThan(0.95);
});

// Kernels from text to result on both devices: instances by dtype and rank, packs, views of every sort.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile, type Compiled } from "../compiler/index.ts";
import { KernError } from "./error.ts";
import { openDevice, tensor, valuesOf, type Device, type Kernels, type Tensor } from "./index.ts";
import { random } from "./random.ts";
import { dataOf } from "./tensor/values.ts";

const source = `
kernel axpy[T: Number](a: T, x: Tensor[T, *S], y: Tensor[T, *S], out z: Tensor[T, *S]):
    for i in grid(*S):
        z[*i] = a * x[*i] + y[*i]

kernel bias(x: Tensor[f32, N, *S], b: Tensor[f32, N], out y: Tensor[f32, N, *S]):
    for n in range(N):
        for i in grid(*S):
            y[n, *i] = x[n, *i] + b[n]

kernel widen(x: Tensor[i4, M, N], mut total: Tensor[i32, M]):
    @parallel
    for i in range(M):
        for j in range(N):
            total[i] = total[i] + i32(x[i, j])

kernel conv(x: Tensor[f32, H], w: Tensor[f32, R], out y: Tensor[f32, H - R + 1]) where R >= 1, H >= R:
    @parallel
    for i in range(H - R + 1):
        y[i] = sum(x[i + r] * w[r] for r in range(R))

kernel flags(x: Tensor[f16, N], on: bool, big: u64, out y: Tensor[bool, N], out z: Tensor[u64, N]):
    for i in range(N):
        y[i] = on and f32(x[i]) > 0
        z[i] = big + u64(i)
`;

let compiled: Compiled;
beforeAll(async () => {
  compiled = await compile(source, { target: "wasm" });
});

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(KernError);
  return (error as KernError).message;
}

describe.each([
  ["wasm", 1],
  ["wasm", 2],
  ["interp", 1],
] as const)("on %s with %i threads", (name, threads) => {
  let device: Device;
  let kernels: Kernels;
  beforeAll(async () => {
    device = await openDevice(name, { threads, serialBelow: 0 });
    kernels = await device.load(compiled);
  });
  afterAll(() => device.close());

  const expectAxpy = async (x: Tensor, y: Tensor) => {
    const { z } = await kernels.axpy!({ a: 2, x, y });
    expect(z!.shape).toEqual(x.shape);
    const [xs, ys] = await Promise.all([valuesOf(x), valuesOf(y)]);
    expect(await valuesOf(z!)).toEqual(
      xs.map((value, at) => Math.fround(2 * Number(value) + Number(ys[at]!))),
    );
  };

  test.each([[[]], [[5]], [[2, 3]], [[2, 3, 4]], [[2, 1, 3, 1, 2, 2]], [[0]], [[3, 0, 2]]])(
    "a pack stands for the shape %j",
    async (shape) => {
      await expectAxpy(random("f32", shape, { seed: 1 }), random("f32", shape, { seed: 2 }));
    },
  );

  test("a pack of strided views, down to ones that can’t be merged", async () => {
    const big = random("f32", [4, 5, 6], { seed: 3 });
    await expectAxpy(big.transpose(), random("f32", [6, 5, 4], { seed: 4 }));
    await expectAxpy(big.slice([0, 4, 2], [1, 4], null), random("f32", [2, 3, 6], { seed: 4 }));
    await expectAxpy(big.slice(null, null, [0, 6, 3]), big.slice(null, null, [1, 6, 3]));
    await expectAxpy(random("f32", [1, 5, 1]).broadcastTo([4, 5, 6]), big);
    const deep = random("f32", [2, 3, 2, 3, 2, 3], { seed: 5 });
    await expectAxpy(
      deep.transpose(),
      deep.transpose(1, 0, 3, 2, 5, 4).transpose(1, 0, 3, 2, 5, 4).reshape([3, 2, 3, 2, 3, 2]),
    );
  });

  test("a pack behind another dimension, merged or not", async () => {
    const x = random("f32", [2, 3, 4], { seed: 6 });
    const b = tensor(Float32Array.of(10, 20));
    for (const view of [x, x.transpose(0, 2, 1), x.slice(null, [0, 2], [1, 3])]) {
      const { y } = await kernels.bias!({ x: view, b });
      expect(y!.shape).toEqual(view.shape);
      const values = await valuesOf(view);
      const half = values.length / 2;
      expect(await valuesOf(y!)).toEqual(
        values.map((value, at) => Math.fround(Number(value) + (at < half ? 10 : 20))),
      );
    }
  });

  test("an instance is made for dtypes that weren’t compiled", async () => {
    const { z } = await kernels.axpy!({
      a: 3n,
      x: tensor(BigInt64Array.of(1n, -2n)),
      y: tensor(BigInt64Array.of(2n ** 60n, 5n)),
    });
    expect(await z!.data()).toEqual(BigInt64Array.of(2n ** 60n + 3n, -1n));
    const bytes = await kernels.axpy!({
      a: 2,
      x: tensor(Uint8Array.of(200, 1)),
      y: tensor(Uint8Array.of(0, 7)),
    });
    expect(await bytes.z!.data()).toEqual(Uint8Array.of(144, 9));
    expect(kernels.axpy!.instances.map(({ comptime }) => comptime.T)).toContain("u8");
  });

  test("packed elements, also from views, and a mut tensor on the host changed in place", async () => {
    const values = Array.from({ length: 15 }, (_, at) => (at % 16) - 8);
    const x = tensor(dataOf(values, "i4"), [3, 5], "i4");
    const total = tensor(Int32Array.of(100, 200, 300, 400, 500, 600));
    const every = total.slice([0, 6, 2]);
    expect((await kernels.widen!({ x, total: every })).total).toBe(every);
    const sum = (from: readonly number[]) => from.reduce((a, b) => a + b, 0);
    const rows = [0, 1, 2].map((row) => sum(values.slice(row * 5, row * 5 + 5)));
    expect(await valuesOf(total)).toEqual([100 + rows[0]!, 200, 300 + rows[1]!, 400, 500 + rows[2]!, 600]);
    const columns = tensor(new Int32Array(5));
    await kernels.widen!({ x: x.transpose(), total: columns });
    expect(await valuesOf(columns)).toEqual(
      [0, 1, 2, 3, 4].map((column) => sum([0, 1, 2].map((row) => values[row * 5 + column]!))),
    );
  });

  test("shape expressions and where clauses", async () => {
    const { y } = await kernels.conv!({ x: tensor([1, 2, 3, 4]), w: tensor([1, 10]) });
    expect(await y!.data()).toEqual(Float32Array.of(21, 32, 43));
    const message = await refusal(kernels.conv!({ x: tensor([1]), w: tensor([1, 2]) }));
    expect(message).toMatch(/K07(05|10)/);
    expect(message).toMatch(/H >= R|shape/);
  });

  test("f16, bool and 64-bit scalars", async () => {
    const x = tensor(dataOf([1.5, -1.5, 0], "f16"), [3], "f16");
    const { y, z } = await kernels.flags!({ x, on: true, big: 2n ** 64n - 2n });
    expect(await valuesOf(y!)).toEqual([true, false, false]);
    expect(await valuesOf(z!)).toEqual([2n ** 64n - 2n, 2n ** 64n - 1n, 0n]);
  });

  test.each<[string, Parameters<Kernels[string]>[0], string]>([
    [
      "packs of different shapes",
      { a: 1, x: tensor([1, 2, 3, 4], [2, 2]), y: tensor([1, 2, 3, 4], [4]) },
      "K0720",
    ],
    [
      "packs of different sizes",
      { a: 1, x: tensor([1, 2, 3, 4, 5, 6], [2, 3]), y: tensor([1, 2, 3, 4, 5, 6], [3, 2]) },
      "axis 0 of `y` must be as in `x` = 2",
    ],
    ["mixed dtypes", { a: 1, x: tensor([1, 2]), y: tensor([1, 2], [2], "i32") }, "axpy"],
    [
      "a dtype outside the trait",
      { a: 1, x: tensor(new Uint8Array(2), [2], "bool"), y: tensor(new Uint8Array(2), [2], "bool") },
      "bool",
    ],
    ["a tensor alone", tensor([1]) as never, "takes one object of arguments by name"],
    ["nothing at all", null as never, "but was given null"],
  ])("refuses %s", async (_, args, expected) => {
    expect(await refusal(kernels.axpy!(args))).toContain(expected);
  });
});

test("files alone run without the compiler, for the instances that they have", async () => {
  const artifact = compiled.artifact("wasm");
  const manifest = JSON.parse(
    JSON.stringify({
      format: 1,
      source: "kernel.kern",
      hash: "",
      artifacts: [{ target: "wasm", file: "kernel.wasm", kernels: artifact.kernels }],
    }),
  ) as never;
  const device = await openDevice("wasm");
  const { axpy } = await device.load({ manifest, code: { wasm: artifact.code } });
  const six = random("f32", [2, 2, 2, 2, 2, 2], { seed: 8 });
  // Rank 6, merged into nothing smaller: copied, as no instance of that rank is there.
  const { z } = await axpy!({ a: 0, x: six.transpose(5, 3, 1, 4, 2, 0), y: six.transpose(5, 3, 1, 4, 2, 0) });
  expect(await valuesOf(z!)).toEqual(await valuesOf(six.transpose(5, 3, 1, 4, 2, 0)));
  const other = tensor(new Float64Array(2));
  expect(await refusal(axpy!({ a: 1, x: other, y: other }))).toContain("Tensor[f64, 2]");
  expect(await refusal(device.load({ manifest, code: {} }))).toContain(
    "the code for wasm (kernel.wasm) was not given",
  );
  expect(await refusal(device.load({} as never))).toContain("not a manifest");
  expect(await refusal(device.load(Promise.resolve(artifact) as never))).toContain("Promise");
  const interp = await openDevice("interp");
  expect(await refusal(interp.load(artifact))).toContain("the interpreter runs what `compile()` returns");
  device.close();
});

test("an option that no device has is refused, with what may be meant", async () => {
  const misspelt = openDevice("wasm", { thread: 2 } as never);
  expect(await refusal(misspelt)).toMatch(/K0719.*`openDevice`.*thread[^s]*did you mean `threads`/s);
  (await openDevice("interp", { threads: 2 })).close();
});

test.each(["wasm", "interp", "tsp"] as const)("a closed %s takes no calls", async (name) => {
  const device = await openDevice(name);
  const { bias } = await device.load(compiled);
  device.close();
  const floats = tensor(new Float32Array(2));
  const words = "the device was disposed of";
  expect(await refusal(bias!({ x: floats, b: floats }))).toContain(words);
  expect(await refusal(device.load(compiled))).toContain(words);
  expect(await refusal(device.upload(floats))).toContain(words);
  device.close();
});

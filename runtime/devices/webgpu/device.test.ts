// Calls on a real WebGPU implementation: where results are, how they get there, and in how many submissions.

import { afterAll, describe, expect, test } from "vitest";
import { compile } from "../../../compiler/index.ts";
import { closeTestGpu, skipReason, testGpu } from "../../../testing/webgpu.ts";
import {
  KernError,
  OpRegistry,
  tensor,
  valuesOf,
  type Kernel,
  type Tensor,
  type WebgpuDevice,
} from "../../index.ts";

const opened = await testGpu();
const device = opened as WebgpuDevice;
afterAll(closeTestGpu);

const source = `
kernel scale(x: Tensor[f32, N], s: f32, out y: Tensor[f32, N]):
    @parallel
    for i in range(N):
        y[i] = s * x[i]

kernel add(a: Tensor[i32, M, N], mut b: Tensor[i32, M, N]):
    @parallel
    for i in range(M):
        for j in range(N):
            b[i, j] = b[i, j] + a[i, j]

kernel bytes(x: Tensor[u8, M, N], out y: Tensor[u8, M, N]):
    @parallel
    for i in range(M):
        for j in range(N):
            y[i, j] = 255 - x[i, j]

kernel nibbles(x: Tensor[i4, N], out y: Tensor[i4, N]):
    @parallel
    for i in range(N):
        y[i] = -x[i]

kernel pick(x: Tensor[f32, N], at: Tensor[i32, K], out y: Tensor[f32, K]):
    @parallel
    for i in range(K):
        let place = at[i]
        assert 0 <= place and place < N, "the index is one of x"
        y[i] = x[place]

kernel blur2(x: Tensor[f32, N], out y: Tensor[f32, N]):
    @parallel
    for i in range(N):
        y[i] = x[i] + (x[i + 1] if i + 1 < N else 0)
    @parallel
    for i in range(N):
        y[i] = 2 * y[i]

kernel swap(mut a: Tensor[f32, N], mut b: Tensor[f32, N]):
    @parallel
    for i in range(N):
        let kept = a[i]
        a[i] = b[i]
        b[i] = kept

kernel spread(x: Tensor[f32, N], out y: Tensor[f32, N * 1000000]):
    @parallel
    for i in range(N):
        for j in range(1000000):
            y[i * 1000000 + j] = x[i]
`;

const compiled = await compile(source, { target: "wgsl" });
const load = async (name: string): Promise<Kernel> => (await device.load(compiled))[name]!;
const floats = (...values: number[]): Tensor<"f32"> => tensor(Float32Array.of(...values));
const ints = (count: number): Int32Array => Int32Array.from({ length: count }, (_, at) => at + 1);
const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "nothing",
    (error: unknown) => (error instanceof KernError ? error.code : String(error)),
  );

describe.skipIf(typeof opened === "string")(`the WebGPU device ${skipReason(opened)}`, () => {
  test("says what it is", () => {
    expect(device.name).toBe("webgpu");
    expect(device.adapterInfo?.device).not.toBe("null-backend");
    expect(device.limits["maxStorageBuffersPerShaderStage"]).toBeGreaterThanOrEqual(8);
  });

  test("a chain of calls is one submission, and reading ends it", async () => {
    const scale = await load("scale");
    let x: Tensor = await device.upload(floats(1, 2, 3));
    await (await scale({ x, s: 1 })).y!.data();
    const before = device.submissions;
    for (let turn = 0; turn < 20; turn++) x = (await scale({ x, s: 2 })).y!;
    expect(device.submissions).toBe(before);
    expect([...(await x.data())]).toEqual([2 ** 20, 2 ** 21, 3 * 2 ** 20]);
    expect(device.submissions).toBe(before + 1);
  });

  test("calls are submitted when the program waits for something else", async () => {
    const scale = await load("scale");
    const before = device.submissions;
    await scale({ x: floats(1), s: 2 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(device.submissions).toBe(before + 1);
  });

  test("strided views, on the host and on the device", async () => {
    const add = await load("add");
    const a = tensor(ints(12), [3, 4]);
    const onDevice = await device.upload(a);
    const b = await device.upload(tensor(ints(12), [3, 4]));
    await add({ a: onDevice.transpose().slice([0, 3], [0, 3]), b: b.slice([0, 3], [1, 4]) });
    const host = tensor(ints(12), [3, 4]);
    await add({ a: a.transpose().slice([0, 3], [0, 3]), b: host.slice([0, 3], [1, 4]) });
    const want = [1, 3, 8, 13, 5, 8, 13, 18, 9, 13, 18, 23];
    expect([...(await b.data())]).toEqual(want);
    expect([...(await host.data())]).toEqual(want);
  });

  test("bytes that end inside a word", async () => {
    const bytes = await load("bytes");
    const x = tensor(
      Uint8Array.from({ length: 15 }, (_, at) => at),
      [3, 5],
    );
    const uploaded = await device.upload(x);
    for (const each of [x, uploaded, x.slice([1, 3]), uploaded.slice([1, 3], [1, 5, 2])]) {
      const { y } = await bytes({ x: each });
      expect([...(await y!.data())]).toEqual([...(await each.data())].map((value) => 255 - Number(value)));
    }
    const y = tensor(new Uint8Array(15).fill(7), [3, 5]);
    await bytes({ x: x.slice([0, 2], [0, 3]), y: y.slice([1, 3], [1, 4]) });
    expect([...(await y.data())]).toEqual([7, 7, 7, 7, 7, 7, 255, 254, 253, 7, 7, 250, 249, 248, 7]);
  });

  test("elements below a byte, in views that begin and end inside one", async () => {
    const nibbles = await load("nibbles");
    const values = Array.from({ length: 13 }, (_, at) => (at % 15) - 7);
    const x = tensor(values, [13], "i4");
    const onDevice = await device.upload(x);
    for (const each of [x, onDevice])
      for (const view of [each.slice([1, 12]), each.slice([3, 13, 3])]) {
        const { y } = await nibbles({ x: view });
        expect(await valuesOf(y!)).toEqual((await valuesOf(view)).map((value) => 0 - Number(value)));
      }
    for (const y of [tensor(values, [13], "i4"), await device.upload(x)]) {
      await nibbles({ x: onDevice.slice([0, 4]), y: y.slice([5, 13, 2]) });
      const want = values.map((value, at) => (at >= 5 && at % 2 === 1 ? 0 - values[(at - 5) / 2]! : value));
      expect(await valuesOf(y)).toEqual(want);
    }
  });

  test("a check that fails rejects with its line, and leaves the host's tensors alone", async () => {
    const pick = await load("pick");
    const at = (...values: number[]) => tensor(Int32Array.of(...values));
    const { y } = await pick({ x: floats(5, 6, 7), at: at(2, 0) });
    expect(await valuesOf(y!)).toEqual([7, 5]);
    const kept = floats(1, 1);
    await expect(pick({ x: floats(5, 6, 7), at: at(2, 3), y: kept })).rejects.toThrow(
      /K0708.*\n.*kernel.kern:28/,
    );
    expect(await valuesOf(kept)).toEqual([1, 1]);
    expect(await valuesOf((await pick({ x: floats(5), at: at(0) })).y!)).toEqual([5]);
  });

  test("phases and empty tensors", async () => {
    const blur = await load("blur2");
    expect(await valuesOf((await blur({ x: floats(1, 2, 3) })).y!)).toEqual([6, 10, 6]);
    expect(await valuesOf((await blur({ x: floats() })).y!)).toEqual([]);
  });

  test("views of one buffer that are written, or read and written, together", async () => {
    const swap = await load("swap");
    const scale = await load("scale");
    const all = await device.upload(floats(1, 2, 3, 4, 5, 6));
    await swap({ a: all.slice([0, 6, 2]), b: all.slice([1, 6, 2]) });
    expect(await valuesOf(all)).toEqual([2, 1, 4, 3, 6, 5]);
    await scale({ x: all.slice([0, 3]), s: 10, y: all.slice([3, 6]) });
    expect(await valuesOf(all)).toEqual([2, 1, 4, 20, 10, 40]);
  });

  test("calls that aren't awaited happen in order", async () => {
    const add = await load("add");
    const b = await device.upload(tensor(Int32Array.of(1), [1, 1]));
    await Promise.all(Array.from({ length: 5 }, () => add({ a: tensor(Int32Array.of(2), [1, 1]), b })));
    expect([...(await b.data())]).toEqual([11]);
  });

  test("buffers come back and are used again", async () => {
    const scale = await load("scale");
    const run = async (): Promise<void> => {
      const { y } = await scale({ x: floats(1, 2, 3), s: 2 });
      await y!.data();
      y!.dispose();
    };
    await run();
    const { made } = (await device.context()).buffers;
    for (let turn = 0; turn < 10; turn++) await run();
    expect((await device.context()).buffers.made).toBe(made);
  });

  test("more than a batch of calls", async () => {
    const scale = await load("scale");
    let x: Tensor = await device.upload(floats(1, 2));
    for (let turn = 0; turn < 300; turn++) x = (await scale({ x, s: turn % 2 ? 2 : 0.5 })).y!;
    expect(await valuesOf(x)).toEqual([1, 2]);
  });

  test("the GPU's time", async () => {
    const scale = await load("scale");
    const x = await device.upload(tensor(new Float32Array(5000)));
    const time = await device.gpuTime(async () => {
      await scale({ x, s: 1 });
      await scale({ x, s: 2 });
    });
    if (device.features.includes("timestamp-query")) expect(time).toBeGreaterThan(0);
    else expect(time).toBeUndefined();
  });

  test("a tensor that was disposed of, and one of another device", async () => {
    const scale = await load("scale");
    const { y } = await scale({ x: floats(1), s: 2 });
    y!.dispose();
    expect(await codeOf(y!.data())).toBe("K0713");
    expect(await codeOf(scale({ x: y!, s: 1 }))).toBe("K0713");
  });

  test("ops of the library", async () => {
    const ops = new OpRegistry();
    await ops.registerLibrary(device, ["linalg", "quantized"]);
    expect(ops.names).toContain("kern::matmul");
    expect(ops.names).toContain("kern::gemv_4bit");
    const { c } = await ops.dispatch("kern::matmul", {
      a: tensor(Float32Array.of(1, 2, 3, 4), [2, 2]),
      b: tensor(Float32Array.of(0, 1, 1, 0), [2, 2]),
    });
    expect(await valuesOf(c!)).toEqual([2, 1, 4, 3]);
  });

  test("an allocation beyond the limit is an error, and the next call works", async () => {
    const spread = await load("spread");
    expect(await codeOf(spread({ x: tensor(new Float32Array(1070)) }))).toBe("K0712");
    const { y } = await spread({ x: floats(3) });
    expect((await y!.data()).at(-1)).toBe(3);
    y!.dispose();
  });
});

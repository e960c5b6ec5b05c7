// What goes wrong on a GPU, and that it never passes for a result: a lost device, refused shaders and commands, buffers
// of the application that are no use. After each the next call works.

import { create, globals } from "webgpu";
import { afterAll, describe, expect, test } from "vitest";
import type { Artifact } from "../../../compiler/artifact.ts";
import { compile } from "../../../compiler/index.ts";
import { closeTestGpu, skipReason, testGpu } from "../../../testing/webgpu.ts";
import { KernError, openDevice, tensor, valuesOf, type Kernel, type Tensor } from "../../index.ts";
import type { WebgpuDevice } from "../../index.ts";
import { sourceOf } from "./program.ts";

// The names that pages have.
Object.assign(globalThis, globals);
const opened = await testGpu();
const device = opened as WebgpuDevice;
afterAll(closeTestGpu);

const source = `
kernel scale(x: Tensor[f32, N], s: f32, out y: Tensor[f32, N]):
    @parallel
    for i in range(N):
        y[i] = s * x[i]

kernel checked(x: Tensor[f32, N], out y: Tensor[f32, N]):
    @parallel
    for i in range(N):
        assert x[i] > 0, "positive"
        y[i] = x[i]
`;
const compiled = await compile({ path: "kernels/scale.kern", text: source }, { target: "wgsl" });
const artifact = compiled.artifact("wgsl");
const floats = (...values: number[]): Tensor<"f32"> => tensor(Float32Array.of(...values));

async function errorOf(work: Promise<unknown>): Promise<KernError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof KernError) return error;
    throw error;
  }
  throw new Error("nothing failed");
}

const scaleOn = async (gpu: WebgpuDevice, from: Artifact = artifact): Promise<Kernel> =>
  (await gpu.load(from))["scale"]!;

test("the null backend is no device", async () => {
  const error = await errorOf(openDevice("webgpu", { gpu: create(["backend=null"]) }));
  expect(error.message).toMatch(/K0725: .*null backend/);
});

test("what is no GPUDevice isn't taken for one", async () => {
  const error = await errorOf(openDevice("webgpu", { device: {} as GPUDevice }));
  expect(error.message).toMatch(/K0719: `device` takes a GPUDevice/);
});

test("the `.kern` line of a line of WGSL", () => {
  const code = `fn scale() {\n    // scale.kern:5  y[i] = s * x[i]\n    y[i] = args.s * x[i];\n}\nfn other() {\n    x;\n}`;
  expect(sourceOf(code, 3)?.file).toEqual({ path: "scale.kern", text: "\n\n\n\ny[i] = s * x[i]" });
  expect(sourceOf(code, 6)).toBeUndefined();
});

describe.skipIf(typeof opened === "string")(`failures on the GPU ${skipReason(opened)}`, () => {
  test("a device that is lost in the middle of a chain is opened anew by the next call", async () => {
    const scale = await scaleOn(device);
    const x = await device.upload(floats(1, 2));
    const { y } = await scale({ x, s: 2 });
    const lost = device.gpu;
    lost.destroy();
    const chain = async () => (await scale({ x: y!, s: 2 })).y!.data();
    expect((await errorOf(chain())).code).toBe("K0726");
    expect((await errorOf(y!.data())).code).toBe("K0726");
    expect((await errorOf(scale({ x, s: 1 }))).message).toMatch(/the tensor given as `x` was lost/);
    expect(await valuesOf((await scale({ x: floats(3), s: 2 })).y!)).toEqual([6]);
    expect(device.gpu).not.toBe(lost);
  });

  test.each(["read", "check"])("a loss while a call waits for a %s", async (kind) => {
    const kernels = await device.load(artifact);
    const { y } = await kernels["scale"]!({ x: floats(1), s: 2 });
    await kernels["checked"]!({ x: floats(1) });
    const before = device.submissions;
    const { gpu } = device;
    const waiting = errorOf(kind === "read" ? y!.data() : kernels["checked"]!({ x: floats(2) }));
    while (device.submissions === before) await undefined;
    gpu.destroy();
    expect((await waiting).code).toBe("K0726");
    expect(await valuesOf((await kernels["checked"]!({ x: floats(3) })).y!)).toEqual([3]);
  });

  test("a shader that fails validation is refused with the line it comes from", async () => {
    const wrong = (artifact.code as string).replace("args.s *", "args.t *");
    expect(wrong).not.toBe(artifact.code);
    const error = await errorOf(device.load({ ...artifact, code: wrong }));
    expect(error.message).toMatch(/^K0727: WebGPU refuses the shaders: [^\n]*\bt\b/);
    expect(error.message).toMatch(/at scale\.kern:5$/);
    expect(await valuesOf((await (await scaleOn(device))({ x: floats(3), s: 2 })).y!)).toEqual([6]);
  });

  test("code may come as the bytes of a file", async () => {
    const code = new TextEncoder().encode(artifact.code as string);
    const scale = await scaleOn(device, { ...artifact, code });
    expect(await valuesOf((await scale({ x: floats(3), s: 2 })).y!)).toEqual([6]);
  });

  test("an entry point that its pipeline refuses", async () => {
    const missing = (artifact.code as string).replace("fn scale(", "fn scala(");
    const kernel = await scaleOn(device, { ...artifact, code: missing });
    const error = await errorOf(kernel({ x: floats(1), s: 1 }));
    expect(error.code).toBe("K0727");
    expect(await valuesOf((await (await scaleOn(device))({ x: floats(3), s: 2 })).y!)).toEqual([6]);
  });

  test("an array whose size a call decides: as many shaders as sizes, and none that is too large", async () => {
    const reverse = `kernel reverse(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):
    @parallel
    for i in range(M):
        var row = Array[f32, 2 * N]()
        for j in range(N):
            row[2 * j] = x[i, j]
        for j in range(N):
            y[i, j] = row[2 * (N - 1 - j)]
`;
    const made = await compile({ path: "reverse.kern", text: reverse }, device.compileOptions);
    const call = (await device.load(made))["reverse"]!;
    const reversed = async (...row: number[]) =>
      valuesOf((await call({ x: tensor(Float32Array.from(row), [1, row.length]) }))["y"]!);
    expect(await reversed(1, 2, 3)).toEqual([3, 2, 1]);
    expect(await reversed(7)).toEqual([7]);
    expect(await reversed()).toEqual([]);
    const error = await errorOf(reversed(...new Float32Array(1025)));
    expect(error.message).toMatch(
      /K0727: .*`row` takes 2050 places in this call, and a shader holds 2048\n.*at reverse.kern:4/,
    );
    expect(await reversed(1, 2, 3, 4)).toEqual([4, 3, 2, 1]);
  });

  test("commands that are refused leave no stale data, in what depends on them either", async () => {
    const scale = await scaleOn(device);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
    const buffer = device.gpu.createBuffer({ size: 256, usage });
    const x = device.wrap(buffer, [2], "f32");
    buffer.destroy();
    const { y } = await scale({ x, s: 2 });
    const { y: z } = await scale({ x: y!, s: 2 });
    expect((await errorOf(y!.data())).code).toBe("K0727");
    expect((await errorOf(z!.data())).code).toBe("K0727");
    expect((await errorOf(scale({ x: z!, s: 1 }))).code).toBe("K0727");
    expect(await valuesOf((await scale({ x: floats(3), s: 2 })).y!)).toEqual([6]);
  });

  test("the application's device: its buffers without a copy, in the order of its own submissions", async () => {
    const gpu = device.gpu;
    const own = await openDevice("webgpu", { device: gpu });
    const scale = await scaleOn(own);
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const make = () => gpu.createBuffer({ size: 16, usage: STORAGE | COPY_SRC | COPY_DST });
    const [first, second] = [make(), make()];
    expect(() => own.wrap(first, [4], "float32" as never)).toThrow("`float32` is not a dtype");
    gpu.queue.writeBuffer(first, 0, Float32Array.of(1, 2, 3, 4));
    const y = own.wrap(second, [2], "f32", { offset: 1, strides: [2] });
    await scale({ x: own.wrap(first, [2], "f32", { offset: 2 }), s: 10, y });
    // The application goes on: what the kernel reads was this buffer's content before.
    gpu.queue.writeBuffer(first, 0, Float32Array.of(9, 9, 9, 9));
    expect(await valuesOf(own.wrap(second, [4], "f32"))).toEqual([0, 30, 0, 40]);
    const { y: made } = await scale({ x: y, s: 2 });
    const place = own.place(made!);
    const encoder = gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(place.buffer, place.offset, first, 0, place.size);
    gpu.queue.submit([encoder.finish()]);
    expect(await valuesOf(own.wrap(first, [2], "f32"))).toEqual([60, 80]);
    expect(await valuesOf((await scale({ x: own.wrap(first, [2], "f32"), s: 1 })).y!)).toEqual([60, 80]);
    own.close();
    expect(await valuesOf((await (await scaleOn(device))({ x: floats(3), s: 2 })).y!)).toEqual([6]);
  });

  test("a device of the application that is lost stays lost", async () => {
    const gpu = (await openDevice("webgpu")).gpu;
    const own = await openDevice("webgpu", { device: gpu });
    const scale = await scaleOn(own);
    gpu.destroy();
    await gpu.lost;
    const { message } = await errorOf(scale({ x: floats(1), s: 1 }));
    expect(message).toMatch(/K0726[^]*open another/);
    // Said once.
    expect(message.match(/was lost/g)).toHaveLength(1);
  });

  test("buffers that can't be tensors", () => {
    const { gpu } = device;
    const make = (size: number, usage: number) => gpu.createBuffer({ size, usage });
    const wrap = (size: number, usage: number) => () => device.wrap(make(size, usage), [4], "f32");
    expect(wrap(16, GPUBufferUsage.COPY_SRC)).toThrow(/STORAGE/);
    expect(wrap(12, GPUBufferUsage.STORAGE)).toThrow(/only 12 bytes/);
    expect(wrap(18, GPUBufferUsage.STORAGE)).toThrow(/multiple of 4/);
  });

  test("a closed device", async () => {
    const other = await openDevice("webgpu");
    const scale = await scaleOn(other);
    const { y } = await scale({ x: floats(1), s: 2 });
    other.close();
    expect((await errorOf(y!.data())).code).toBe("K0713");
    expect((await errorOf(scale({ x: floats(1), s: 2 }))).code).toBe("K0713");
    expect((await errorOf((await scaleOn(device))({ x: y!, s: 1 }))).code).toBe("K0713");
  });
});

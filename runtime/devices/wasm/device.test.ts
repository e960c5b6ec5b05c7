import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Artifact } from "../../../compiler/artifact.ts";
import type { Device, Kernels } from "../../device.ts";
import { KernError } from "../../error.ts";
import { openDevice, tensor } from "../../index.ts";
import { assemble, axpy, bump } from "../../testing/wat.ts";
import type { WasmDevice } from "./device.ts";

let artifact: Artifact;
beforeAll(async () => {
  artifact = await assemble(`${axpy.text} ${bump.text}`, [axpy.kernel, bump.kernel]);
});

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(KernError);
  return (error as KernError).message;
}

const f32 = (...values: number[]) => tensor(Float32Array.from(values));

describe.each([1, 2, 3])("with %i threads", (threads) => {
  let device: Device;
  let kernels: Kernels;
  beforeAll(async () => {
    device = await openDevice("wasm", { threads, serialBelow: 0 });
    kernels = await device.load(artifact);
  });
  afterAll(() => device.close());

  test("runs a kernel and hands out its result", async () => {
    const { z } = await kernels.axpy!({ x: f32(1, 2, 3, 4, 5), y: f32(10, 20, 30, 40, 50), s: 0.5 });
    expect(z!.shape).toEqual([5]);
    expect(await z!.data()).toEqual(Float32Array.of(6, 12, 18, 24, 30));
  });

  test("takes results of one call as arguments of the next, and views of them", async () => {
    const { z } = await kernels.axpy!({ x: f32(1, 2, 3, 4), y: f32(0, 0, 0, 0), s: 1 });
    const again = await kernels.axpy!({ x: z!.slice([0, 4, 2]), y: z!.slice([2, 4]), s: 1 });
    expect(await again.z!.data()).toEqual(Float32Array.of(1 + 3, 3 + 4));
  });

  test("reads strided, broadcast and empty views from the host", async () => {
    const matrix = tensor(
      Float32Array.from({ length: 12 }, (_, n) => n),
      [3, 4],
    );
    const column = matrix.slice(null, 1);
    const { z } = await kernels.axpy!({ x: column, y: f32(7).broadcastTo([3]), s: 1 });
    expect(await z!.data()).toEqual(Float32Array.of(8, 12, 16));
    const empty = await kernels.axpy!({ x: f32(), y: f32(), s: 1 });
    expect(empty.z!.shape).toEqual([0]);
    expect(await empty.z!.data()).toEqual(new Float32Array(0));
  });

  test("splits work into shares that cover everything once, with a barrier between phases", async () => {
    const data = new BigInt64Array(1001);
    const h = tensor(data, [7, 11, 13]);
    for (let round = 0; round < 20; round++) {
      const result = await kernels.bump!({ h, by: 3n });
      expect(result.h).toBe(h);
    }
    expect(data[0]).toBe(20n * 3n + 20n * 1001n);
    expect(data.subarray(1).every((value) => value === 60n)).toBe(true);
  });

  test("a failed assert rejects with the message and the line, and leaves mut tensors on the host alone", async () => {
    const message = await refusal(kernels.axpy!({ x: f32(1, 2, -1), y: f32(1, 1, 1), s: 1 }));
    expect(message).toContain("K0708");
    expect(message).toContain("x must not be negative");
    expect(message).toContain("axpy.kern:4");
  });

  test("runs concurrent calls one after another", async () => {
    const calls = Array.from({ length: 10 }, (_, n) =>
      kernels.axpy!({
        x: f32(...Array.from({ length: 100 }, () => n)),
        y: f32(...Array.from({ length: 100 }, () => 1)),
        s: n,
      }),
    );
    const results = await Promise.all(calls);
    for (const [n, { z }] of results.entries()) expect((await z!.data())[99]).toBe(2 * n);
  });

  test("loads more kernels after some have run", async () => {
    const more = await device.load(artifact);
    const { z } = await more.axpy!({ x: f32(1, 1), y: f32(1, 1), s: 1 });
    expect(await z!.data()).toEqual(Float32Array.of(2, 2));
  });

  test("memory is used again after dispose", async () => {
    const { memory } = device as WasmDevice;
    const x = tensor(new Float32Array(100_000));
    (await kernels.axpy!({ x, y: x, s: 1 })).z!.dispose();
    const before = memory.used;
    const length = memory.wasm.buffer.byteLength;
    for (let round = 0; round < 50; round++) (await kernels.axpy!({ x, y: x, s: 1 })).z!.dispose();
    expect(memory.used).toBe(before);
    expect(memory.wasm.buffer.byteLength).toBe(length);
  });
});

describe("refuses, by name", () => {
  let device: Device;
  let kernels: Kernels;
  beforeAll(async () => {
    device = await openDevice("wasm");
    kernels = await device.load(artifact);
  });
  const x = f32(1, 2, 3);

  test.each([
    ["a missing tensor", { x, s: 1 }, "K0702: `axpy` needs `y`, a Tensor[f32, N]"],
    ["a missing scalar", { x, y: x }, "K0702: `axpy` needs `s`, a number (f32)"],
    ["an unknown argument", { x, y: x, s: 1, ss: 2 }, "`axpy` has no parameter `ss`\n  did you mean `s`?"],
    [
      "another dtype",
      { x: tensor(new Float64Array(3)), y: x, s: 1 },
      "takes a Tensor[f32, N] as `x`, but was given a Tensor[f64, 3]",
    ],
    ["another rank", { x: tensor(new Float32Array(4), [2, 2]), y: x, s: 1 }, "the ranks differ: 1 and 2"],
    [
      "sizes that disagree",
      { x, y: f32(1, 2), s: 1 },
      "axis 0 of `y` must be N = 3 in this call of `axpy`, but it is 2",
    ],
    ["a scalar of the wrong sort", { x, y: x, s: true }, "takes a number (f32) as `s`, but was given true"],
    [
      "a broken where clause",
      { x, y: x, s: -200 },
      "K0705: `axpy` may only be called where `s >= -100`, but here s = -200",
    ],
  ])("%s", async (_, args, expected) => {
    expect(await refusal(kernels.axpy!(args))).toContain(expected);
  });

  test("raw data, with the way to wrap it", async () => {
    const message = await refusal(kernels.axpy!({ x: new Float32Array(3), y: x, s: 1 } as never));
    expect(message).toContain("was given a Float32Array");
    expect(message).toContain("tensor(data, shape)");
  });

  test("integers out of range and fractions", async () => {
    const h = tensor(new BigInt64Array(2));
    expect(await refusal(kernels.bump!({ h, by: 0.5 }))).toContain("an integer from");
    expect(await refusal(kernels.bump!({ h, by: 2n ** 63n }))).toContain("an integer from");
  });

  test("a mut view that overlaps itself or another argument", async () => {
    const one = tensor(new BigInt64Array(1)).broadcastTo([4]);
    expect(await refusal(kernels.bump!({ h: one, by: 1n }))).toContain(
      "two of its elements lie at the same place",
    );
    const shared = tensor(new Float32Array(8));
    const message = await refusal(
      kernels.axpy!({ x: shared.slice([0, 4]), y: shared.slice([4, 8]), s: 1, z: shared.slice([2, 6]) }),
    );
    expect(message).toContain("writes `z`, which shares elements with `x`");
    const apart = await kernels.axpy!({
      x: shared.slice([0, 8, 4]),
      y: shared.slice([1, 8, 4]),
      s: 1,
      z: shared.slice([2, 8, 4]),
    });
    expect(apart.z!.shape).toEqual([2]);
  });

  test("disposed tensors, closed devices, other code", async () => {
    const { z } = await kernels.axpy!({ x, y: x, s: 1 });
    z!.dispose();
    expect(await refusal(z!.data())).toContain("K0713");
    expect(await refusal(kernels.axpy!({ x: z!, y: x, s: 1 }))).toContain("K0713");
    expect(await refusal(device.load({ ...artifact, target: "wgsl" }))).toContain("compiled for wgsl");
    expect(await refusal(device.load({ ...artifact, code: Uint8Array.of(1, 2, 3) }))).toContain(
      "not a WebAssembly module",
    );
    expect(await refusal(openDevice("wasn" as "wasm"))).toContain("did you mean `wasm`?");
    expect(await refusal(openDevice("wasm", { threads: 0 }))).toContain("a whole number from 1 to 64");
    device.close();
    expect(await refusal(device.load(artifact))).toContain("the device was disposed of");
  });

  test("a tensor larger than memory, without breaking the device", async () => {
    const small = await openDevice("wasm");
    const { axpy: run } = await small.load(artifact);
    const wide = f32(1).broadcastTo([2 ** 29]);
    const message = await refusal(
      Promise.all([1, 2, 3].map(() => run!({ x: wide, y: wide.slice([0, 2 ** 29 - 1]), s: 1 }))),
    );
    expect(message).toContain("K0704");
    const { z } = await run!({ x, y: x, s: 1 });
    expect(await z!.data()).toEqual(Float32Array.of(2, 4, 6));
    small.close();
  });
});

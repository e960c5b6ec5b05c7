// Calls without waiting give what ordinary calls give, on host and device tensors, for instances that are there and for those that
// are compiled on the spot.

import { expect, test } from "vitest";
import { compile, loadCompiler } from "../../compiler/index.ts";
import { openDevice, tensor, type Tensor } from "../index.ts";

const source = `
kernel scaled[T: Number](x: Tensor[T, *S], s: T, out y: Tensor[T, *S]):
    for i in grid(*S):
        y[*i] = x[*i] * s

kernel sums(x: Tensor[f32, M, N], out y: Tensor[f32, M], out z: Tensor[f32, N]):
    @parallel
    for i in range(M):
        y[i] = sum(x[i, j] for j in range(N))
    @parallel
    for j in range(N):
        z[j] = sum(x[i, j] * y[i] for i in range(M))

kernel bump(mut x: Tensor[f32, N], k: i32):
    assert k >= 0, "k is negative"
    for i in range(N):
        x[i] += f32(k)
`;

const range = (...shape: number[]): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i - 3),
    shape,
  );
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "none";
};

test.each(["wasm", "interp"] as const)("on %s", async (name) => {
  const device = await openDevice(name);
  const kernels = await device.load(await compile(source, device.compileOptions));
  const scaled = await kernels.scaled!.sync();
  // The instance for f32 of rank 1 is there; the others are made.
  for (const x of [range(7), range(2, 3, 5).transpose(2, 0, 1), range(0), range(3, 0, 2), range()]) {
    const { y } = scaled({ x, s: 2 });
    expect(y!.shape).toEqual(x.shape);
    expect([...y!.dataSync()]).toEqual([...(await x.data())].map((value) => Number(value) * 2));
  }
  const whole = scaled({ x: tensor(Int32Array.of(1, -2, 3)), s: 3 }).y!;
  expect([...whole.dataSync()]).toEqual([3, -6, 9]);

  const sums = await kernels.sums!.sync();
  const x = range(300, 401);
  const expected = await kernels.sums!({ x });
  for (const given of name === "wasm" ? [x, await device.upload(x)] : [x]) {
    // Ordinary calls that have begun don't mind.
    const before = kernels.sums!({ x: given });
    const { y, z } = sums({ x: given });
    for (const result of [await before, { y: y!, z: z! }]) {
      expect(result.y!.dataSync()).toEqual(expected.y!.dataSync());
      expect(result.z!.dataSync()).toEqual(expected.z!.dataSync());
    }
  }

  const bump = await kernels.bump!.sync();
  const given = range(5);
  expect(bump({ x: given, k: 2 }).x).toBe(given);
  expect([...given.dataSync()]).toEqual([-1, 0, 1, 2, 3]);
  expect(codeOf(() => bump({ x: given, k: -1 }))).toBe("K0708");
  expect(codeOf(() => bump({ x: given }))).toBe("K0702");
  expect(codeOf(() => sums({ x: range(5) }))).toBe("K0701");
  expect(codeOf(() => bump({ x: tensor(Int32Array.of(1)), k: 1 }))).toBe("K0701");
  device.close();
});

test("with threads, on the calling one", async () => {
  const device = await openDevice("wasm", { threads: 2, serialBelow: 0 });
  const { sums } = await device.load(await compile(source, device.compileOptions));
  const now = await sums!.sync();
  const x = range(60, 37);
  const before = sums!({ x });
  const { z } = now({ x });
  expect(z!.dataSync()).toEqual((await before).z!.dataSync());
  device.close();
});

test("what a device can’t do is refused", async () => {
  const device = await openDevice("tsp");
  const { bump } = await device.load(await compile(source, device.compileOptions));
  await expect(bump!.sync()).rejects.toMatchObject({ code: "K0729" });
});

test("a compiler that doesn’t wait", async () => {
  const compileSync = await loadCompiler();
  const device = await openDevice("wasm");
  const { scaled } = await device.load(compileSync(source));
  const { y } = (await scaled!.sync())({ x: range(3), s: -1 });
  expect([...y!.dataSync()]).toEqual([3, 2, 1]);
  expect(() => compileSync("kernel k(:")).toThrow(/expected/i);
  device.close();
});

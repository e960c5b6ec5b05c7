// Buffers that are used again, memory that runs out, and windows of buffers larger than a binding: with a stand-in for
// the GPU, whose memory is small.

import { describe, expect, test } from "vitest";
import { BufferPool } from "./pool.ts";
import { windowOf } from "./window.ts";

/** A GPU with so many bytes of memory. */
function gpuWith(memory: number): { gpu: GPUDevice; used: () => number } {
  let used = 0;
  const scopes: { filter: string; error: object | null }[] = [];
  const gpu = {
    limits: { maxBufferSize: 1 << 20 },
    pushErrorScope: (filter: string) => void scopes.push({ filter, error: null }),
    popErrorScope: async () => scopes.pop()!.error,
    createBuffer({ size }: { size: number }) {
      const fits = used + size <= memory;
      if (fits) used += size;
      else scopes.findLast(({ filter }) => filter === "out-of-memory")!.error = { message: "out of memory" };
      return { size, destroy: () => void (used -= fits ? size : 0) };
    },
  };
  return { gpu: gpu as unknown as GPUDevice, used: () => used };
}

describe("the pool", () => {
  test("gives similar sizes the same buffers, and never two at once", async () => {
    const pool = new BufferPool(gpuWith(1 << 20).gpu, 0);
    const first = await pool.take(1000, "a");
    const second = await pool.take(1000, "b");
    expect(second).not.toBe(first);
    expect(first.size).toBeGreaterThanOrEqual(1000);
    pool.give(first);
    expect(await pool.take(1020, "c")).toBe(first);
    expect(pool.made).toBe(2);
  });

  test("sizes are multiples of 256, and at most a quarter too large", async () => {
    const pool = new BufferPool(gpuWith(1 << 24).gpu, 0);
    for (const bytes of [0, 1, 256, 257, 1000, 4097, 100_000, 1 << 20]) {
      const { size } = await pool.take(bytes, "x");
      expect(size % 256).toBe(0);
      expect(size).toBeGreaterThanOrEqual(bytes);
      expect(size).toBeLessThanOrEqual(Math.max(bytes * 1.25, bytes + 256));
    }
  });

  test("gives up what nobody uses before memory is full", async () => {
    const { gpu, used } = gpuWith(10_240);
    const pool = new BufferPool(gpu, 0);
    pool.give(await pool.take(8192, "a"));
    const larger = await pool.take(10_000, "b");
    expect(larger.size).toBe(10_240);
    expect(used()).toBe(10_240);
  });

  test("says what there is no room for, and goes on", async () => {
    const pool = new BufferPool(gpuWith(8192).gpu, 0);
    await expect(pool.take(9000, "`y` of `scale`")).rejects.toThrow(/K0712.*`y` of `scale`.*9,000 bytes/);
    await expect(pool.take(2 << 20, "`y`")).rejects.toThrow(/at most 1,048,576 bytes/);
    expect((await pool.take(4096, "z")).size).toBe(4096);
  });
});

describe("a window of a buffer", () => {
  const limits = {
    maxStorageBufferBindingSize: 4096,
    minStorageBufferOffsetAlignment: 256,
  } as GPUSupportedLimits;
  const buffer = { size: 65_536 } as GPUBuffer;
  const layout = (offset: number, length: number) => ({ shape: [length], strides: [1], offset });

  test("is all of one that fits", () => {
    const small = { size: 4096 } as GPUBuffer;
    const window = windowOf(limits, small, "f32", layout(3, 5), "x");
    expect(window).toEqual({ binding: { buffer: small }, layout: layout(3, 5) });
  });

  test("holds the elements, from an aligned place on", () => {
    for (const [dtype, bits] of [
      ["f32", 32],
      ["u8", 8],
      ["i4", 4],
    ] as const) {
      const window = windowOf(limits, buffer, dtype, layout(5003, 700), "x");
      const { offset = 0, size = 0 } = window.binding;
      expect(offset % 256).toBe(0);
      expect((offset * 8) / bits + window.layout.offset).toBe(5003);
      expect(((window.layout.offset + 700) * bits) / 8).toBeLessThanOrEqual(size);
      expect(size).toBeLessThanOrEqual(4096);
    }
  });

  test("can't hold more than the GPU binds", () => {
    expect(() => windowOf(limits, buffer, "f32", layout(0, 5000), "`x` of `f`")).toThrow(
      /K0712.*`x` of `f`[^]*at most 4,096 bytes/,
    );
  });
});

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { KernError } from "../../error.ts";
import { openDevice, tensor } from "../../index.ts";
import { Allocator } from "./allocator.ts";
import type { WasmDevice } from "./device.ts";

test("blocks never overlap, keep their distance from the ends, and join when they are given back", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(5000)), { maxLength: 200 }), (steps) => {
      let length = 2 * 65536;
      const allocator = new Allocator(length, (bytes) => {
        const pages = Math.ceil((bytes + 128) / 65536);
        return length + pages * 65536 > 2 ** 20 ? undefined : (length += pages * 65536);
      });
      const live: { start: number; size: number }[] = [];
      for (const [release, n] of steps) {
        if (release && live.length > 0) {
          allocator.release(live.splice(n % live.length, 1)[0]!.start);
          continue;
        }
        const size = n * 7;
        const start = allocator.allocate(size);
        if (start === undefined) continue;
        expect(start % 64).toBe(0);
        expect(start).toBeGreaterThanOrEqual(65536);
        expect(start + size).toBeLessThanOrEqual(length - 64);
        for (const other of live)
          expect(start >= other.start + other.size || start + size <= other.start).toBe(true);
        live.push({ start, size });
      }
      for (const { start } of live) allocator.release(start);
      expect(allocator.used).toBe(0);
      // All in one piece again: the whole memory but its ends can be had at once.
      expect(allocator.allocate(length - 65536 - 64)).toBe(65536);
    }),
    { numRuns: 300, seed: 1 },
  );
});

test("a full memory is a clear error, and room that is given back can be used again", async () => {
  const device = (await openDevice("wasm")) as WasmDevice;
  const large = await device.allocate(3_000_000_000, "a large tensor");
  const refused: unknown = await device.allocate(2_000_000_000, "another").catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(KernError);
  expect((refused as KernError).message).toBe(
    "K0712: there is no room for another, which takes 2,000,000,000 bytes",
  );
  const small = await device.upload(tensor([1, 2, 3]));
  expect(await small.data()).toEqual(Float32Array.of(1, 2, 3));
  large.dispose();
  large.dispose();
  const again = await device.allocate(2_000_000_000, "another");
  expect(again.pointer).toBe(large.pointer);
  device.close();
});

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KernError } from "../error.ts";
import { random } from "../random.ts";
import { eachOffset, overlap, overlapsItself } from "../call/overlap.ts";
import type { Layout } from "./layout.ts";
import { narrowBits, narrowValue } from "./narrow.ts";
import { tensor } from "./tensor.ts";
import { dataOf, valuesOf } from "./values.ts";

const counting = (...shape: number[]) =>
  tensor(
    Int32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, n) => n),
    shape,
  );

function refusal(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    expect(error).toBeInstanceOf(KernError);
    return (error as KernError).message;
  }
  throw new Error("it was accepted");
}

describe("tensor()", () => {
  test("takes the dtype from the array, or as it is named", () => {
    expect(tensor(new BigInt64Array(2)).dtype).toBe("i64");
    expect(tensor(new Uint8ClampedArray(2)).dtype).toBe("u8");
    expect(tensor(new Uint16Array(2), [2], "f16").dtype).toBe("f16");
    expect(tensor(new Uint8Array(2), [3], "i4").dtype).toBe("i4");
    expect(tensor([1, 2, 3]).dtype).toBe("f32");
    expect(tensor([1n, 2n ** 62n]).dtype).toBe("i64");
    expect(tensor([1n, 2n], [2], "u8").dtype).toBe("u8");
  });

  test.each<[string, () => unknown, string]>([
    ["too few elements", () => tensor(new Float32Array(3), [2, 2]), "needs 4 elements, but the data has 3"],
    [
      "packed data of the wrong length",
      () => tensor(new Uint8Array(1), [3], "u4"),
      "needs 2 bytes of packed u4",
    ],
    ["a fraction", () => tensor(new Float32Array(3), [1.5, 2]), "1.5 is not a whole number"],
    ["a negative size", () => tensor(new Float32Array(0), [-1]), "-1 is not a whole number"],
    ["a size of 2^30", () => tensor(new Float32Array(0), [0, 2 ** 30]), "is not below 2^30"],
    ["too many bytes", () => tensor(new Float32Array(0), [2 ** 15, 2 ** 15]), "4294967296 bytes"],
    [
      "too many bytes, were it not for a 0",
      () => tensor(new Float32Array(0), [0, 2 ** 29, 2 ** 29]),
      "2^32 or more",
    ],
    [
      "the wrong array",
      () => tensor(new Float64Array(2), [2], "f32"),
      "come as Float32Array, not as Float64Array",
    ],
    ["an unknown dtype", () => tensor(new Float32Array(2), [2], "float" as "f32"), "`float` is not a dtype"],
    ["a value out of range", () => tensor([1, 300], [2], "u8"), "element 1, 300, is not a value of u8"],
    ["rows of rows", () => tensor([[1], [2]] as never), "element 0 of the data is an array, not a number"],
    ["something else", () => tensor("abc" as never, [3]), "must be a typed array"],
  ])("refuses %s", (_, make, expected) => {
    expect(refusal(make)).toContain(expected);
  });
});

describe("views", () => {
  test("transpose, slice and broadcast show the right elements without copying", async () => {
    const t = counting(2, 3);
    expect(await t.transpose().data()).toEqual(Int32Array.of(0, 3, 1, 4, 2, 5));
    expect(await t.slice(1).data()).toEqual(Int32Array.of(3, 4, 5));
    expect(await t.slice(null, [0, 3, 2]).data()).toEqual(Int32Array.of(0, 2, 3, 5));
    expect(await t.slice(null, [-2, 99]).data()).toEqual(Int32Array.of(1, 2, 4, 5));
    expect(await t.slice(null, -1).data()).toEqual(Int32Array.of(2, 5));
    expect(await t.slice([1, 1]).data()).toEqual(new Int32Array(0));
    expect(await t.slice(0).broadcastTo([2, 3]).data()).toEqual(Int32Array.of(0, 1, 2, 0, 1, 2));
    expect(await t.reshape([3, 2]).transpose().data()).toEqual(Int32Array.of(0, 2, 4, 1, 3, 5));
    expect(t.slice(1).storage).toBe(t.storage);
  });

  test("of packed elements, from any place", async () => {
    const nibbles = tensor(dataOf([1, -2, 3, -4, 5, -6], "i4"), [2, 3], "i4");
    expect(await valuesOf(nibbles)).toEqual([1, -2, 3, -4, 5, -6]);
    expect(await valuesOf(nibbles.transpose())).toEqual([1, -4, -2, 5, 3, -6]);
    expect(await valuesOf(nibbles.slice(1, [1, 3]))).toEqual([5, -6]);
  });

  test.each<[string, () => unknown, string]>([
    ["transpose", () => counting(2, 3).transpose(0, 0), "must name each of the axes 0 to 1 once"],
    ["a position outside", () => counting(2, 3).slice(2), "axis 0 has 2 elements, none at 2"],
    ["a backward slice", () => counting(3).slice([2, 0, -1]), "a step of at least 1"],
    ["too many ranges", () => counting(3).slice(0, 0), "only 1 axis"],
    ["broadcast", () => counting(2).broadcastTo([3]), "equal or 1"],
    ["reshape", () => counting(2, 3).reshape([4]), "it has 4 elements, the tensor has 6"],
    ["reshape of a view", () => counting(2, 3).transpose().reshape([6]), "don’t lie one behind the other"],
  ])("refuses %s", (_, make, expected) => {
    expect(refusal(make)).toContain(expected);
  });

  test("any chain of views agrees with arrays of arrays", async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("transpose" as const) }),
      fc.record({
        kind: fc.constant("slice" as const),
        low: fc.nat(2),
        high: fc.nat(5),
        step: fc.integer({ min: 1, max: 3 }),
      }),
      fc.record({ kind: fc.constant("broadcast" as const), by: fc.nat(3) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 5 }), async (steps) => {
        let view: ReturnType<typeof counting> = counting(3, 4);
        let rows: number[][] = [0, 1, 2].map((row) => [0, 1, 2, 3].map((column) => row * 4 + column));
        for (const each of steps) {
          if (view.size === 0) break;
          if (each.kind === "transpose") {
            view = view.transpose();
            rows = rows[0]!.map((_, column) => rows.map((row) => row[column]!));
          } else if (each.kind === "slice") {
            view = view.slice(null, [each.low, each.high, each.step]);
            rows = rows.map((row) => row.slice(each.low, each.high).filter((_, at) => at % each.step === 0));
          } else {
            view = view.slice([0, 1]).broadcastTo([each.by, view.shape[1]!]);
            rows = Array.from({ length: each.by }, () => rows[0]!);
          }
        }
        expect([...(await view.data())]).toEqual(rows.flat());
      }),
      { numRuns: 300, seed: 4 },
    );
  });
});

describe("overlap", () => {
  const layout = fc
    .array(fc.record({ dim: fc.integer({ min: 1, max: 4 }), stride: fc.nat(5) }), { maxLength: 3 })
    .chain((axes) =>
      fc.nat(6).map((offset): Layout => ({
        shape: axes.map(({ dim }) => dim),
        strides: axes.map(({ stride }) => stride),
        offset,
      })),
    );
  const offsets = (each: Layout): number[] => {
    const found: number[] = [];
    eachOffset(each, (at) => found.push(at));
    return found;
  };

  test("of a view with itself is found exactly", () => {
    fc.assert(
      fc.property(layout, (each) => {
        const all = offsets(each);
        expect(overlapsItself(each)).toBe(new Set(all).size < all.length);
      }),
      { numRuns: 1000, seed: 5 },
    );
  });

  test("of two views is found exactly", () => {
    const memory = {};
    fc.assert(
      fc.property(layout, layout, fc.nat(20), (a, b, base) => {
        const second = offsets(b).map((at) => at * 2 + base);
        const shared = offsets(a).some((at) => second.some((byte) => Math.abs(byte - at * 2) < 2));
        const region = (each: Layout, at: number) => ({
          memory,
          base: at,
          dtype: "i16" as const,
          layout: each,
        });
        expect(overlap(region(a, 0), region(b, base))).toBe(shared);
      }),
      { numRuns: 1000, seed: 6 },
    );
  });
});

test("16-bit floats: every bit pattern is a value that keeps its bits, and rounding goes to the nearest", () => {
  for (const dtype of ["f16", "bf16"] as const) {
    for (let bits = 0; bits < 65536; bits++) {
      const value = narrowValue(bits, dtype);
      if (!Number.isNaN(value)) expect(narrowBits(value, dtype)).toBe(bits);
    }
  }
  expect(narrowValue(narrowBits(1 + 2 ** -11, "f16"), "f16")).toBe(1);
  expect(narrowValue(narrowBits(1 + 3 * 2 ** -11, "f16"), "f16")).toBe(1 + 2 ** -9);
  expect(narrowValue(narrowBits(65520, "f16"), "f16")).toBe(Infinity);
  expect(narrowValue(narrowBits(65519, "f16"), "f16")).toBe(65504);
  expect(narrowValue(narrowBits(2 ** -25, "f16"), "f16")).toBe(0);
});

test("random tensors repeat with their seed and keep to their bounds", async () => {
  const first = await random("f32", [1000], { seed: 9 }).data();
  expect(await random("f32", [1000], { seed: 9 }).data()).toEqual(first);
  expect(await random("f32", [1000], { seed: 10 }).data()).not.toEqual(first);
  expect(first.every((value) => value >= -1 && value < 1)).toBe(true);
  for (const dtype of ["i8", "u4", "i2", "u64", "bf16", "f64"] as const) {
    const values = (await valuesOf(random(dtype, [500], { low: 0, high: 2 }))).map(Number);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThanOrEqual(2);
    if (!dtype.includes("f")) expect(new Set(values)).toEqual(new Set([0, 1]));
  }
  expect(refusal(() => random("u8", [3], { low: 0, high: 300 }))).toContain(
    "bounds in order that u8 can hold",
  );
});

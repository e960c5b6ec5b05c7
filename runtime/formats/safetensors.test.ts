// .safetensors files: there and back, and everything that one may lie about.

import { assert, nat, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { dtypeNames } from "../../lang/dtypes.ts";
import { KernError } from "../error.ts";
import { random } from "../random.ts";
import { tensor } from "../tensor/tensor.ts";
import { readSafetensor, readSafetensors, writeSafetensors } from "./safetensors.ts";

/** A file with this header, given as text or as a value, and so many bytes of data. */
function fileOf(header: unknown, bytes: number, length?: bigint): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + bytes);
  new DataView(file.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

const entry = (dtype: string, shape: unknown, begin: unknown, end: unknown) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

test("every dtype survives, views and empty tensors too", async () => {
  const tensors = Object.fromEntries([
    ...dtypeNames.map((dtype) => [dtype, random(dtype, [3, 5], { seed: 4 })] as const),
    ["transposed", random("f32", [4, 3]).transpose()] as const,
    ["empty", random("i64", [0, 7])] as const,
    ["scalar", random("u8", [])] as const,
    ["__proto__ of sorts", random("u8", [1])] as const,
  ]);
  const { tensors: read, metadata } = readSafetensors(await writeSafetensors(tensors, { made: "here" }));
  expect(metadata).toEqual({ made: "here" });
  expect(Object.keys(read).toSorted()).toEqual(Object.keys(tensors).toSorted());
  for (const [name, given] of Object.entries(tensors)) {
    expect(String(read[name])).toBe(String(given));
    expect(await read[name]!.data()).toEqual(await given.data());
  }
});

test("a file that was written elsewhere, its data at an odd place", async () => {
  const header = { weights: entry("F32", [2], 0, 8), __metadata__: { format: "pt" } };
  const file = fileOf(`${JSON.stringify(header)} `, 8);
  new DataView(file.buffer).setFloat32(file.length - 4, 2.5, true);
  const shifted = new Uint8Array(file.length + 1);
  shifted.set(file, 1);
  for (const bytes of [file, shifted.subarray(1)]) {
    expect(await readSafetensor(bytes).data()).toEqual(Float32Array.of(0, 2.5));
    expect(await readSafetensor(bytes, "weights").data()).toEqual(Float32Array.of(0, 2.5));
  }
});

test("a tensor is asked for by name", async () => {
  const file = await writeSafetensors({ weight: tensor([1]), bias: tensor([2]) });
  expect(await readSafetensor(file, "bias").data()).toEqual(Float32Array.of(2));
  expect(() => readSafetensor(file)).toThrow(/it has 2 tensors \(weight, bias\); say which with #NAME/);
  expect(() => readSafetensor(file, "wieght")).toThrow(/no tensor "wieght".*\n.*did you mean `weight`/);
  await expect(writeSafetensors({ __metadata__: tensor([1]) })).rejects.toThrow("can’t have the name");
});

describe("refused", () => {
  test.each([
    ["nothing", new Uint8Array(3), "it ends in the length"],
    ["a header longer than the file", fileOf({}, 0, 99n), "claims 99 bytes"],
    ["a header of 2^64 - 1 bytes", fileOf({}, 0, 2n ** 64n - 1n), "claims 18446744073709551615"],
    ["no JSON", fileOf("{", 0), "not JSON"],
    ["a list", fileOf([], 0), "not a JSON object"],
    ["metadata that are no words", fileOf({ __metadata__: { a: 1 } }, 0), "not an object of strings"],
    ["an entry that is a number", fileOf({ a: 1 }, 0), 'entry "a" is not an object'],
    ["an unknown dtype", fileOf({ a: entry("F8_E4M3", [1], 0, 1) }, 1), '"F8_E4M3", which I don’t know'],
    ["a dtype from the prototype", fileOf({ a: entry("toString", [1], 0, 1) }, 1), "which I don’t know"],
    ["a negative size", fileOf({ a: entry("U8", [-1], 0, 1) }, 1), "not a list of sizes"],
    ["a size of 2^40", fileOf({ a: entry("U8", [2 ** 40], 0, 1) }, 1), "not below 2^30"],
    ["one place", fileOf({ a: { dtype: "U8", shape: [1], data_offsets: [0] } }, 1), "not two places"],
    ["the end before the beginning", fileOf({ a: entry("U8", [1], 1, 0) }, 1), "lies at bytes 1 to 0"],
    ["data beyond the file", fileOf({ a: entry("U8", [9], 0, 9) }, 8), "there are only 8"],
    ["too few bytes", fileOf({ a: entry("F32", [3], 0, 8) }, 8), "takes 12 bytes, not 8"],
    ["shared bytes", fileOf({ a: entry("U8", [2], 0, 2), b: entry("U8", [2], 1, 3) }, 3), "share bytes"],
  ])("%s", (_, file, why) => {
    expect(() => readSafetensors(file)).toThrow(KernError);
    expect(() => readSafetensors(file)).toThrow(why);
  });

  test("changed bytes give a tensor or an explanation, never a crash", async () => {
    const file = await writeSafetensors({ a: random("f32", [2, 3]), b: random("i4", [3]) });
    assert(
      property(nat(file.length - 1), nat(255), nat(file.length), (at, byte, length) => {
        const changed = file.slice(0, length);
        if (at < length) changed[at] = byte;
        try {
          readSafetensors(changed);
        } catch (error) {
          if (!(error instanceof KernError)) throw error;
        }
      }),
      { numRuns: 2000, seed: 5 },
    );
  });
});

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KernError } from "../error.ts";
import { random } from "../random.ts";
import { tensor } from "../tensor/tensor.ts";
import { valuesOf } from "../tensor/values.ts";
import { readNpy, writeNpy } from "./npy.ts";

/** A file as NumPy writes it. */
function npy(header: string, data: Uint8Array, version = 1, claimed?: number): Uint8Array {
  const text = new TextEncoder().encode(header + "\n");
  const lengthBytes = version === 1 ? 2 : 4;
  const file = new Uint8Array(8 + lengthBytes + text.length + data.length);
  file.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]);
  const view = new DataView(file.buffer);
  if (version === 1) view.setUint16(8, claimed ?? text.length, true);
  else view.setUint32(8, claimed ?? text.length, true);
  file.set(text, 8 + lengthBytes);
  file.set(data, 8 + lengthBytes + text.length);
  return file;
}
const header = (descr: string, shape: string, fortran = "False") =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`;

function refusal(file: Uint8Array): string {
  try {
    readNpy(file);
  } catch (error) {
    expect(error).toBeInstanceOf(KernError);
    return (error as KernError).message;
  }
  throw new Error("the file was accepted");
}

describe("reads what NumPy writes", () => {
  test.each(["bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f16", "f32", "f64"] as const)(
    "%s, there and back",
    async (dtype) => {
      for (const shape of [[], [0], [5], [2, 3], [1, 2, 3, 4]]) {
        const before = random(dtype, shape, { seed: 3 });
        const after = readNpy(await writeNpy(before));
        expect(after.dtype).toBe(dtype);
        expect(after.shape).toEqual(shape);
        expect(await after.data()).toEqual(await before.data());
      }
    },
  );

  test("views are written in row-major order, from an aligned place", async () => {
    const view = tensor(Int32Array.of(1, 2, 3, 4, 5, 6), [2, 3]).transpose();
    const file = await writeNpy(view);
    expect((file.length - 24) % 64).toBe(0);
    expect(await readNpy(file).data()).toEqual(Int32Array.of(1, 4, 2, 5, 3, 6));
  });

  test.each([1, 2, 3])("version %i", async (version) => {
    const read = readNpy(npy(header("<i2", "(3,)"), Uint8Array.of(1, 0, 2, 0, 255, 255), version));
    expect(await valuesOf(read)).toEqual([1, 2, -1]);
  });

  test("big-endian elements", async () => {
    expect(
      await valuesOf(readNpy(npy(header(">u4", "(2,)"), Uint8Array.of(0, 0, 1, 0, 0, 0, 0, 7)))),
    ).toEqual([256, 7]);
    expect(
      await valuesOf(readNpy(npy(header(">f8", "()"), Uint8Array.of(0x3f, 0xf8, 0, 0, 0, 0, 0, 0)))),
    ).toEqual([1.5]);
  });

  test("Fortran order, as a view", async () => {
    const read = readNpy(npy(header("|u1", "(2, 3)", "True"), Uint8Array.of(1, 4, 2, 5, 3, 6)));
    expect(read.strides).toEqual([1, 2]);
    expect(await valuesOf(read)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("headers with double quotes, long integers and other spacing", async () => {
    const read = readNpy(npy(`{"shape":(2L,), "descr":"|i1","fortran_order":False}`, Uint8Array.of(1, 2)));
    expect(await valuesOf(read)).toEqual([1, 2]);
  });

  test("NaN and infinities keep their bits", async () => {
    const bits = Uint32Array.of(0x7fc00001, 0x7f800000, 0xff800000, 0x80000000);
    const read = readNpy(await writeNpy(tensor(new Float32Array(bits.buffer), [4])));
    expect(new Uint32Array((await read.data()).buffer)).toEqual(bits);
  });
});

describe("refuses", () => {
  const four = new Uint8Array(16);
  test.each([
    ["an empty file", new Uint8Array(0), "doesn’t begin with"],
    ["another format", new TextEncoder().encode("PK\x03\x04 something"), "doesn’t begin with"],
    [
      "a file that ends in its magic",
      Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59),
      "it ends in the header",
    ],
    ["a future version", npy(header("<f4", "(4,)"), four, 1).with(6, 9), "version is 9"],
    [
      "a header longer than the file",
      npy(header("<f4", "(4,)"), four, 1, 60000),
      "its header claims 60000 bytes",
    ],
    [
      "fewer elements than promised",
      npy(header("<f4", "(5,)"), four),
      "promises 20 bytes of data (f32, 5), but only 16 follow",
    ],
    [
      "more bytes than promised",
      npy(header("<f4", "(3,)"), four),
      "promises 12 bytes of data (f32, 3), but 16 follow",
    ],
    ["absurd sizes", npy(header("<f8", "(99999999999, 99999999999)"), four), "99999999999 is not below 2^30"],
    ["sizes whose product is absurd", npy(header("<f8", "(1000000, 1000000)"), four), "2^32 or more"],
    ["sizes beyond integers", npy(header("<f8", "(99999999999999999999999,)"), four), "its shape is"],
    ["negative sizes", npy(header("<f4", "(-4,)"), four), "its shape is (-4,)"],
    ["strings", npy(header("<U8", "(1,)"), four), "`<U8`"],
    ["complex numbers", npy(header("<c8", "(2,)"), four), "`<c8`"],
    ["records", npy(`{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,)}`, four), "records"],
    ["pickled objects", npy(header("|O", "(2,)"), four), "`|O`"],
    ["nonsense for a header", npy("import os", four), "doesn’t say `descr`"],
  ])("%s", (_, file, expected) => {
    const message = refusal(file);
    expect(message).toMatch(/^K07(16|10): /);
    expect(message).toContain(expected);
  });

  test("to write what NumPy doesn’t have", async () => {
    await expect(writeNpy(tensor(new Uint16Array(2), [2], "bf16"))).rejects.toThrow("NumPy has no bf16");
  });

  test("any damage, without a crash", async () => {
    const good = await writeNpy(random("f32", [3, 5]));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 }),
        fc.nat(good.length),
        (changes, length) => {
          const file = good.slice(0, length);
          for (const [at, value] of changes) if (at < length) file[at] = value;
          try {
            readNpy(file);
          } catch (error) {
            if (!(error instanceof KernError)) throw error;
          }
        },
      ),
      { numRuns: 2000, seed: 1 },
    );
  });

  test("any bytes at all, without a crash", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, marked) => {
        if (marked) bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1].slice(0, bytes.length));
        expect(() => readNpy(bytes)).toThrow(KernError);
      }),
      { numRuns: 2000, seed: 2 },
    );
  });
});

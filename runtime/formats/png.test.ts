import * as fc from "fast-check";
import { crc32, deflateSync } from "node:zlib";
import { PNG } from "pngjs";
import { describe, expect, test } from "vitest";
import { KernError } from "../error.ts";
import { random } from "../random.ts";
import { tensor } from "../tensor/tensor.ts";
import { readPng, writePng } from "./png.ts";

function chunk(type: string, data: Uint8Array, claimed = data.length): Uint8Array {
  const out = new Uint8Array(12 + data.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, claimed);
  out.set(new TextEncoder().encode(type), 4);
  out.set(data, 8);
  view.setUint32(8 + data.length, checksum(out.subarray(4, 8 + data.length)));
  return out;
}

/** CRC-32, also where zlib doesn't offer it. */
function checksum(bytes: Uint8Array): number {
  if (typeof crc32 === "function") return crc32(bytes);
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** The number of the pass that a pixel of an interlaced image belongs to. */
const passPattern = [
  [1, 6, 4, 6, 2, 6, 4, 6],
  [7, 7, 7, 7, 7, 7, 7, 7],
  [5, 6, 5, 6, 5, 6, 5, 6],
  [7, 7, 7, 7, 7, 7, 7, 7],
  [3, 6, 4, 6, 3, 6, 4, 6],
  [7, 7, 7, 7, 7, 7, 7, 7],
  [5, 6, 5, 6, 5, 6, 5, 6],
  [7, 7, 7, 7, 7, 7, 7, 7],
];

/** Rows of an interlaced gray image: of each pass, every line that has pixels of it. */
function interlacedRows(pixels: readonly (readonly number[])[]): number[][] {
  return [1, 2, 3, 4, 5, 6, 7].flatMap((pass) =>
    pixels
      .map((line, y) => line.filter((_, x) => passPattern[y % 8]![x % 8] === pass))
      .filter((line) => line.length > 0),
  );
}

/** A file of rows without filters. */
function png(
  width: number,
  height: number,
  depth: number,
  colour: number,
  rows: readonly number[][],
  extra: readonly Uint8Array[] = [],
  interlace = 0,
): Uint8Array {
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head.set([depth, colour, 0, 0, interlace], 8);
  const data = deflateSync(Uint8Array.from(rows.flatMap((row) => [0, ...row])));
  const parts = [
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk("IHDR", head),
    ...extra,
    chunk("IDAT", data),
    chunk("IEND", new Uint8Array(0)),
  ];
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(KernError);
  return (error as KernError).message;
}

describe("reads", () => {
  test.each([
    [
      "gray",
      png(2, 2, 8, 0, [
        [1, 2],
        [3, 255],
      ]),
      [2, 2],
      [1, 2, 3, 255],
    ],
    ["gray of 1 bit", png(3, 1, 1, 0, [[0b10100000]]), [1, 3], [255, 0, 255]],
    ["gray of 2 bits", png(4, 1, 2, 0, [[0b00011011]]), [1, 4], [0, 85, 170, 255]],
    ["gray of 4 bits", png(2, 1, 4, 0, [[0x1f]]), [1, 2], [17, 255]],
    ["gray with alpha", png(1, 1, 8, 4, [[9, 128]]), [1, 1, 2], [9, 128]],
    ["RGB", png(2, 1, 8, 2, [[1, 2, 3, 4, 5, 6]]), [1, 2, 3], [1, 2, 3, 4, 5, 6]],
    ["RGBA", png(1, 1, 8, 6, [[1, 2, 3, 4]]), [1, 1, 4], [1, 2, 3, 4]],
    [
      "a palette",
      png(2, 1, 8, 3, [[1, 0]], [chunk("PLTE", Uint8Array.of(10, 20, 30, 40, 50, 60))]),
      [1, 2, 3],
      [40, 50, 60, 10, 20, 30],
    ],
    [
      "a palette that is transparent in parts",
      png(
        3,
        1,
        2,
        3,
        [[0b00011000]],
        [
          chunk("PLTE", Uint8Array.of(10, 20, 30, 40, 50, 60, 70, 80, 90)),
          chunk("tRNS", Uint8Array.of(0, 128)),
        ],
      ),
      [1, 3, 4],
      [10, 20, 30, 0, 40, 50, 60, 128, 70, 80, 90, 255],
    ],
    [
      "a gray that is transparent",
      png(4, 1, 2, 0, [[0b00011011]], [chunk("tRNS", Uint8Array.of(0, 2))]),
      [1, 4, 2],
      [0, 255, 85, 255, 170, 0, 255, 255],
    ],
    [
      "a colour that is transparent",
      png(2, 1, 8, 2, [[1, 2, 3, 1, 2, 4]], [chunk("tRNS", Uint8Array.of(0, 1, 0, 2, 0, 3))]),
      [1, 2, 4],
      [1, 2, 3, 0, 1, 2, 4, 255],
    ],
  ])("%s", async (_, file, shape, values) => {
    const image = await readPng(file);
    expect(image.dtype).toBe("u8");
    expect(image.shape).toEqual(shape);
    expect([...(await image.data())]).toEqual(values);
  });

  test("16 bits a channel, as u16", async () => {
    const gray = await readPng(png(2, 1, 16, 0, [[0x12, 0x34, 0xff, 0xfe]]));
    expect(gray.dtype).toBe("u16");
    expect([...(await gray.data())]).toEqual([0x1234, 0xfffe]);
    const rgb = await readPng(png(1, 1, 16, 2, [[0, 1, 0, 2, 1, 0]]));
    expect(rgb.shape).toEqual([1, 1, 3]);
    expect([...(await rgb.data())]).toEqual([1, 2, 256]);
  });

  test("interlaced images of every small size", async () => {
    for (let height = 1; height <= 9; height++)
      for (let width = 1; width <= 9; width++) {
        const pixels = Array.from({ length: height }, (_, y) =>
          Array.from({ length: width }, (_, x) => y * 16 + x),
        );
        const image = await readPng(png(width, height, 8, 0, interlacedRows(pixels), [], 1));
        expect([...(await image.data())]).toEqual(pixels.flat());
      }
  });

  test.each([0, 1, 2, 3, 4] as const)("filter %i, as another program writes it", async (filterType) => {
    const pixels = (await random("u8", [9, 7, 4], { low: 0, high: 256, seed: 5 }).data()) as Uint8Array;
    const other = new PNG({ width: 7, height: 9 });
    other.data = Buffer.from(pixels);
    const image = await readPng(PNG.sync.write(other, { filterType, inputHasAlpha: true }));
    expect(image.shape).toEqual([9, 7, 4]);
    expect(await image.data()).toEqual(pixels);
  });

  test("another program reads what it wrote", async () => {
    // Neighbours that differ little, so that every filter is the best for some row.
    const smooth = Uint8Array.from({ length: 40 * 30 * 3 }, (_, at) => {
      const [row, column] = [Math.floor(at / 90), Math.floor((at % 90) / 3)];
      return [at * 5, column * 9, row * 11, row * 3 + column * 4, (row * column) ^ 7][row % 5]! & 255;
    });
    const { data } = PNG.sync.read(Buffer.from(await writePng(tensor(smooth, [40, 30, 3]))));
    expect(data.filter((_, at) => at % 4 !== 3)).toEqual(Buffer.from(smooth));
  });

  test.each([
    ["u8", [3, 5]],
    ["u8", [3, 5, 1]],
    ["u8", [3, 5, 2]],
    ["u8", [3, 5, 3]],
    ["u8", [3, 5, 4]],
    ["u16", [3, 5]],
    ["u16", [3, 5, 2]],
    ["u16", [3, 5, 3]],
    ["u16", [3, 5, 4]],
  ] as const)("what it wrote: %s %j", async (dtype, shape) => {
    const before = random(dtype, shape, { low: 0, high: dtype === "u8" ? 256 : 65536 });
    const after = await readPng(await writePng(before));
    expect(after.dtype).toBe(dtype);
    expect(after.shape).toEqual(shape[2] === 1 ? shape.slice(0, 2) : shape);
    expect(await after.data()).toEqual(await before.data());
  });

  test("writes bool as black and white", async () => {
    const image = await readPng(await writePng(tensor(Uint8Array.of(0, 1, 1, 0), [2, 2], "bool")));
    expect([...(await image.data())]).toEqual([0, 255, 255, 0]);
  });
});

describe("refuses", () => {
  const good = png(2, 2, 8, 0, [
    [1, 2],
    [3, 4],
  ]);
  test.each([
    ["an empty file", new Uint8Array(0), "doesn’t begin with the bytes"],
    ["a truncated file", good.slice(0, good.length - 6), "it ends before its last chunk"],
    ["a chunk that lies about its length", good.with(8 + 25 + 2, 77), "claims more bytes than the file has"],
    ["no pixels", png(0, 2, 8, 0, [[]]), "it has no pixels"],
    ["absurd sizes", png(2 ** 31 - 1, 2 ** 31 - 1, 8, 0, [[1]]), "more than I read"],
    ["more pixels than its data can hold", png(10000, 10000, 8, 0, [[1]]), "far more than its data can hold"],
    ["an unknown colour type", png(1, 1, 8, 5, [[1]]), "no colour type that exists"],
    ["fewer rows than claimed", png(2, 9, 8, 0, [[1, 2]]), "fewer pixels than its header claims"],
    [
      "a palette index outside",
      png(1, 1, 8, 3, [[7]], [chunk("PLTE", Uint8Array.of(1, 2, 3))]),
      "not in its palette",
    ],
  ])("%s", async (_, file, expected) => {
    const message = await refusal(readPng(file));
    expect(message).toMatch(/^K0717: /);
    expect(message).toContain(expected);
  });

  test("to write what is no picture", async () => {
    expect(await refusal(writePng(tensor(new Float32Array(4), [2, 2])))).toContain(
      "pixels are u8, u16 or bool, not f32",
    );
    expect(await refusal(writePng(tensor(new Float32Array(4), [2, 2])))).toContain("saturate[u8]");
    expect(await refusal(writePng(tensor(new Uint8Array(4), [4])))).toContain("[H, W]");
    expect(await refusal(writePng(tensor(new Uint8Array(0), [0, 4])))).toContain("at least one pixel");
    expect(await refusal(writePng(tensor(new Uint8Array(20), [2, 2, 5])))).toContain("[H, W, 1 to 4]");
  });

  test("data that goes on without end", async () => {
    const endless = png(
      2,
      2,
      8,
      0,
      Array.from({ length: 40_000 }, () => [1, 2]),
    );
    expect(await refusal(readPng(endless))).toContain("goes on without end");
  });

  test("any damage that has the right checksum, without a crash", async () => {
    const parts = [
      png(
        9,
        5,
        4,
        3,
        interlacedRows(Array.from({ length: 5 }, () => Array.from({ length: 9 }, () => 1))),
        [chunk("PLTE", Uint8Array.of(1, 2, 3, 4, 5, 6)), chunk("tRNS", Uint8Array.of(9))],
        1,
      ),
      png(2, 1, 8, 2, [[1, 2, 3, 1, 2, 4]], [chunk("tRNS", Uint8Array.of(0, 1, 0, 2, 0, 3))]),
    ];
    const damaged = fc.tuple(
      fc.constantFrom(...parts),
      fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 3 }),
    );
    await fc.assert(
      fc.asyncProperty(damaged, async ([source, changes]) => {
        const file = source.slice();
        for (const [at, value] of changes) if (at < file.length) file[at] = value;
        const view = new DataView(file.buffer);
        for (let at = 8; at + 12 <= file.length;) {
          const end = at + 8 + view.getUint32(at);
          if (end + 4 > file.length) break;
          view.setUint32(end, checksum(file.subarray(at + 4, end)));
          at = end + 4;
        }
        await readPng(file).catch((error: unknown) => {
          if (!(error instanceof KernError)) throw error;
        });
      }),
      { numRuns: 1000, seed: 2 },
    );
  });

  test("any damage, without a crash", async () => {
    const source = await writePng(random("u8", [6, 7, 3], { low: 0, high: 256 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(source.length - 1), fc.nat(255)), { maxLength: 5 }),
        fc.nat(source.length),
        async (changes, length) => {
          const file = source.slice(0, length);
          for (const [at, value] of changes) if (at < length) file[at] = value;
          await readPng(file).catch((error: unknown) => {
            if (!(error instanceof KernError)) throw error;
          });
        },
      ),
      { numRuns: 1000, seed: 1 },
    );
  });
});

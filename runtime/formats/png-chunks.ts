// The frame of a PNG file: its chunks, and what the header among them claims. Nothing is believed before it is
// checked, and nothing large is allocated for a claim that the data can't meet.

import { kernError } from "../error.ts";
import { passesOf, rowBytes } from "./png-rows.ts";

export const bad = (why: string) => kernError("K0717", { why });

/** What a file's chunks say. */
export interface PngImage {
  readonly width: number;
  readonly height: number;
  /** Bits of a sample. */
  readonly depth: number;
  /** Samples of a pixel: 1 for gray and for palettes, 2 with alpha, 3 for RGB, 4 with alpha. */
  readonly samples: number;
  readonly interlaced: boolean;
  /** RGB by number, where pixels are numbers of colours. */
  readonly palette?: Uint8Array;
  /** The chunk tRNS: alphas of a palette, or the one colour that is transparent. */
  readonly transparent?: Uint8Array;
  /** The compressed rows, in their parts. */
  readonly packed: readonly Uint8Array<ArrayBuffer>[];
}

export const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** Colour types: samples of a pixel, and the depths that go with them. */
const colours: Readonly<Record<number, { samples: number; depths: readonly number[] }>> = {
  0: { samples: 1, depths: [1, 2, 4, 8, 16] },
  2: { samples: 3, depths: [8, 16] },
  3: { samples: 1, depths: [1, 2, 4, 8] },
  4: { samples: 2, depths: [8, 16] },
  6: { samples: 4, depths: [8, 16] },
};
const ofPalette = 3;
/** The colour type by samples of a pixel. */
export const colourOf = [0, 0, 4, 2, 6] as const;
/** A bound on what a header may claim before anything is unpacked. */
const maxPixels = 2 ** 28;

/** Reads all chunks of a file. */
export function readChunks(file: Uint8Array): PngImage {
  if (!signature.every((byte, at) => file[at] === byte))
    throw bad("it doesn’t begin with the bytes that mark one");
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const chunks = new Map<string, Uint8Array>();
  const packed: Uint8Array<ArrayBuffer>[] = [];
  for (let at = signature.length; !chunks.has("IEND");) {
    if (at + 12 > file.length) throw bad("it ends before its last chunk");
    const length = view.getUint32(at);
    const type = String.fromCharCode(...file.subarray(at + 4, at + 8));
    const data = file.subarray(at + 8, at + 8 + length);
    if (data.length + 4 > file.length - at - 8)
      throw bad(`its chunk ${JSON.stringify(type)} claims more bytes than the file has`);
    if (view.getUint32(at + 8 + length) !== checksum(file.subarray(at + 4, at + 8 + length)))
      throw bad(`its chunk ${JSON.stringify(type)} is damaged: the checksum is another`);
    if (at === signature.length && (type !== "IHDR" || length !== 13))
      throw bad("it doesn’t begin with a header chunk");
    if (type === "IDAT") packed.push(data.slice());
    else if (!chunks.has(type)) chunks.set(type, data);
    at += 12 + length;
  }
  const image = readHeader(chunks, packed);
  // Deflate shrinks at most 1032 times, so this much data can't hold what the header claims.
  if (rawBytes(image) > packed.reduce((sum, part) => sum + part.length, 0) * 1032 + 1024)
    throw bad(`its header claims ${image.width} × ${image.height} pixels, far more than its data can hold`);
  return image;
}

function readHeader(
  chunks: ReadonlyMap<string, Uint8Array>,
  packed: readonly Uint8Array<ArrayBuffer>[],
): PngImage {
  const header = chunks.get("IHDR")!;
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colour, compression, filter, interlace] = header.subarray(8) as unknown as readonly number[];
  const kind = colours[colour!];
  if (!kind) throw bad("its header names no colour type that exists");
  if (!kind.depths.includes(depth!))
    throw bad(`its header claims ${depth} bits for colours that can’t have them`);
  if (compression !== 0 || filter !== 0 || interlace! > 1)
    throw bad("its header names a method of packing that doesn’t exist");
  if (width === 0 || height === 0) throw bad("its header says that it has no pixels");
  if (width * height > maxPixels)
    throw bad(`its header claims ${width} × ${height} pixels, more than I read`);
  const palette = colour === ofPalette ? chunks.get("PLTE") : undefined;
  if (colour === ofPalette && (!palette?.length || palette.length % 3 !== 0))
    throw bad("its pixels are numbers of a palette, and it has none");
  const { samples } = kind;
  const transparent = samples % 2 === 1 ? chunks.get("tRNS") : undefined;
  if (transparent && !palette && transparent.length !== samples * 2)
    throw bad("its transparent colour is not one colour");
  return { width, height, depth: depth!, samples, interlaced: interlace === 1, palette, transparent, packed };
}

/** Bytes of all rows with their filters. */
export function rawBytes(image: PngImage): number {
  const bits = image.samples * image.depth;
  return passesOf(image).reduce((sum, { columns, lines }) => sum + (rowBytes(columns, bits) + 1) * lines, 0);
}

/** One chunk of a file. */
export function chunk(type: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(data.length + 12);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  for (let at = 0; at < 4; at++) out[4 + at] = type.charCodeAt(at);
  out.set(data, 8);
  view.setUint32(data.length + 8, checksum(out.subarray(4, data.length + 8)));
  return out;
}

let table: Uint32Array | undefined;

/** CRC-32 of a chunk's type and data. */
function checksum(bytes: Uint8Array): number {
  table ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    for (let bit = 0; bit < 8; bit++) byte = (byte >>> 1) ^ (byte & 1 ? 0xedb88320 : 0);
    return byte;
  });
  let crc = 0xffffffff;
  for (const byte of bytes) crc = table[(crc ^ byte) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

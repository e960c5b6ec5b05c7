// PNG images as tensors: gray [H, W], gray with alpha [H, W, 2], RGB [H, W, 3], RGBA [H, W, 4], as u8 or, for 16
// bits a channel, u16. pngjs does the work and is loaded when first used.

import type { PackerOptions, ParserOptions } from "pngjs";
import { kernError } from "../error.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";

const bad = (why: string) => kernError("K0717", { why });

/** Channels by PNG colour type; palettes are looked up. */
const channelsOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 };
/** Numbers stored for a pixel: as many, but for palettes one. */
const samplesOf: Readonly<Record<number, number>> = { ...channelsOf, 3: 1 };
const colourTypes = [0, 0, 4, 2, 6] as const;
/** A bound on what a header may claim before anything is unpacked. */
const maxPixels = 2 ** 28;

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colour: number;
  /** A palette or a single colour is declared transparent. */
  readonly transparent: boolean;
  readonly interlaced: boolean;
  /** The compressed data, in its parts. */
  readonly packed: readonly Uint8Array[];
}

/** Walks the chunks: a lying length is found here, before pngjs allocates. */
function readHeader(file: Uint8Array): Header {
  const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
  if (!signature.every((byte, at) => file[at] === byte))
    throw bad("it doesn’t begin with the bytes that mark one");
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let header: Omit<Header, "transparent" | "packed"> | undefined;
  let transparent = false;
  const packed: Uint8Array[] = [];
  for (let at = 8; ;) {
    if (at + 12 > file.length) throw bad("it ends before its last chunk");
    const length = view.getUint32(at);
    const type = String.fromCharCode(...file.subarray(at + 4, at + 8));
    if (length > file.length - at - 12)
      throw bad(`its chunk ${JSON.stringify(type)} claims more bytes than the file has`);
    if (at === 8) {
      if (type !== "IHDR" || length !== 13) throw bad("it doesn’t begin with a header chunk");
      const [width, height] = [view.getUint32(16), view.getUint32(20)];
      header = { width, height, depth: file[24]!, colour: file[25]!, interlaced: file[28] === 1 };
    }
    if (type === "tRNS") transparent = true;
    if (type === "IDAT") packed.push(file.subarray(at + 8, at + 8 + length));
    if (type === "IEND") break;
    at += 12 + length;
  }
  if (!header || !(header.colour in channelsOf)) throw bad("its header names no colour type that exists");
  if (header.width === 0 || header.height === 0) throw bad("its header says that it has no pixels");
  if (header.width * header.height > maxPixels)
    throw bad(`its header claims ${header.width} × ${header.height} pixels, more than I read`);
  // Deflate shrinks at most 1032 times, so this much data can't hold what the header claims.
  if (rawBytes(header) > packed.reduce((sum, part) => sum + part.length, 0) * 1032 + 1024)
    throw bad(`its header claims ${header.width} × ${header.height} pixels, far more than its data can hold`);
  return { ...header, transparent, packed };
}

/** Bytes of the filtered rows: those of the image, or of the seven that an interlaced one consists of. */
function rawBytes({
  width,
  height,
  depth,
  colour,
  interlaced,
}: Omit<Header, "transparent" | "packed">): number {
  const bits = samplesOf[colour]! * depth;
  const image = (w: number, h: number) => (w === 0 || h === 0 ? 0 : (Math.ceil((w * bits) / 8) + 1) * h);
  if (!interlaced) return image(width, height);
  const passes = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
  ] as const;
  return passes.reduce(
    (sum, [x, y, dx, dy]) =>
      sum + image(Math.ceil(Math.max(width - x, 0) / dx), Math.ceil(Math.max(height - y, 0) / dy)),
    0,
  );
}

/** Missing rows would read as black: the data must unpack to as many bytes as the header says. */
function checkData(header: Header): void {
  const zlib = globalThis.process?.getBuiltinModule?.("node:zlib");
  if (!zlib) return;
  const expected = rawBytes(header);
  let length: number;
  try {
    length = zlib.inflateSync(Buffer.concat(header.packed), { maxOutputLength: expected + 65536 }).length;
  } catch (error) {
    throw bad(`its data can’t be unpacked (${error instanceof Error ? error.message : String(error)})`);
  }
  if (length < expected)
    throw bad(`it holds fewer pixels than its header claims: ${length} bytes instead of ${expected}`);
}

/** Reads a .png file. A transparent colour or palette becomes an alpha channel. */
export async function readPng(file: Uint8Array): Promise<Tensor> {
  const header = readHeader(file);
  checkData(header);
  const { PNG } = (await import("pngjs")).default;
  const wide = header.depth === 16;
  let rgba: Uint8Array | Uint16Array;
  try {
    const bytes = Buffer.from(file.buffer as ArrayBuffer, file.byteOffset, file.byteLength);
    // RGBA for every kind of image; `skipRescale` keeps 16 bits as they are, in a Uint16Array.
    rgba = PNG.sync.read(bytes, { skipRescale: wide } as ParserOptions).data;
  } catch (error) {
    throw bad(error instanceof Error ? error.message : String(error));
  }
  const plain = channelsOf[header.colour]!;
  const channels = header.transparent && (plain === 1 || plain === 3) ? plain + 1 : plain;
  const { width, height } = header;
  const pixels = width * height;
  if (rgba.length !== pixels * 4) throw bad("it holds fewer pixels than its header claims");
  const out = wide ? new Uint16Array(pixels * channels) : new Uint8Array(pixels * channels);
  const from = channels === 1 ? [0] : channels === 2 ? [0, 3] : channels === 3 ? [0, 1, 2] : [0, 1, 2, 3];
  for (let pixel = 0; pixel < pixels; pixel++)
    for (let channel = 0; channel < channels; channel++)
      out[pixel * channels + channel] = rgba[pixel * 4 + from[channel]!]!;
  return tensor(out, channels === 1 ? [height, width] : [height, width, channels]);
}

/** The .png file of a u8, u16 or bool tensor of shape [H, W] or [H, W, 1 to 4]. */
export async function writePng(image: Tensor): Promise<Uint8Array> {
  const { dtype, shape } = image;
  const notes =
    dtype === "f32" || dtype === "f16" ? ["let the kernel scale and round: `saturate[u8](255.0 * x)`"] : [];
  if (dtype !== "u8" && dtype !== "u16" && dtype !== "bool")
    throw kernError("K0717", { why: `pixels are u8, u16 or bool, not ${dtype}` }, { notes });
  const [height, width, channels = 1] = shape;
  if (shape.length < 2 || shape.length > 3 || channels < 1 || channels > 4)
    throw bad(`an image has the shape [H, W] or [H, W, 1 to 4], not [${shape.join(", ")}]`);
  if (!height || !width) throw bad(`an image has at least one pixel, not [${shape.join(", ")}]`);
  const { PNG } = (await import("pngjs")).default;
  const data = await image.data();
  const pixels = dtype === "bool" ? (data as Uint8Array).map((value) => (value ? 255 : 0)) : data;
  const colorType = colourTypes[channels as 1 | 2 | 3 | 4];
  const png = new PNG({ width, height });
  // pngjs takes 16-bit samples from the start of the array's buffer, in the machine's byte order.
  png.data = Buffer.from(pixels.buffer as ArrayBuffer, pixels.byteOffset, pixels.byteLength);
  const bitDepth = dtype === "u16" ? 16 : 8;
  const inputHasAlpha = channels % 2 === 0;
  return new Uint8Array(
    PNG.sync.write(png, { colorType, inputColorType: colorType, bitDepth, inputHasAlpha } as PackerOptions),
  );
}

// PNG images as tensors: gray [H, W], gray with alpha [H, W, 2], RGB [H, W, 3], RGBA [H, W, 4], as u8 or, for 16
// bits a channel, u16. Deflate is the environment's own, in a page as in Node.

import { kernError } from "../error.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import { bad, chunk, colourOf, rawBytes, readChunks, signature, type PngImage } from "./png-chunks.ts";
import { filterRow, filters, passesOf, rowBytes, unfilter } from "./png-rows.ts";

type Pixels = Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

/** Reads a .png file. A transparent colour or palette becomes an alpha channel. */
export async function readPng(file: Uint8Array): Promise<Tensor> {
  const image = readChunks(file);
  const rows = await inflate(image.packed, rawBytes(image));
  const { width, height } = image;
  const channels = (image.palette ? 3 : image.samples) + (image.transparent ? 1 : 0);
  const count = width * height * channels;
  const out: Pixels = image.depth === 16 ? new Uint16Array(count) : new Uint8Array(count);
  const write = image.palette ? paletteWriter(image, out, channels) : sampleWriter(image, out, channels);
  const bits = image.samples * image.depth;
  let at = 0;
  for (const { left, top, stepX, stepY, columns, lines } of passesOf(image)) {
    const bytes = rowBytes(columns, bits);
    let before: Uint8Array = new Uint8Array(bytes);
    for (let line = 0; line < lines; line++) {
      const filter = rows[at]!;
      if (filter >= filters) throw bad(`one of its rows names the filter ${filter}, which doesn’t exist`);
      const row = rows.subarray(at + 1, at + 1 + bytes);
      unfilter(filter, row, before, Math.max(bits >> 3, 1));
      let pixel = (top + line * stepY) * width + left;
      for (let column = 0; column < columns; column++, pixel += stepX) write(row, column, pixel);
      before = row;
      at += 1 + bytes;
    }
  }
  return tensor(out, channels === 1 ? [height, width] : [height, width, channels]);
}

/** Puts pixel number `column` of a row where it belongs. */
type PixelWriter = (row: Uint8Array, column: number, pixel: number) => void;

/** Sample number `at` of a row; of several bytes the first counts most. */
function sample(row: Uint8Array, at: number, depth: number): number {
  if (depth === 8) return row[at]!;
  if (depth === 16) return row[at * 2]! * 256 + row[at * 2 + 1]!;
  const bit = at * depth;
  return (row[bit >> 3]! >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
}

function paletteWriter(
  { palette, transparent, depth }: PngImage,
  out: Pixels,
  channels: number,
): PixelWriter {
  return (row, column, pixel) => {
    const colour = sample(row, column, depth);
    if (colour * 3 >= palette!.length)
      throw bad(`it has a pixel of the colour ${colour}, not in its palette`);
    for (let at = 0; at < 3; at++) out[pixel * channels + at] = palette![colour * 3 + at]!;
    if (transparent) out[pixel * channels + 3] = transparent[colour] ?? 255;
  };
}

function sampleWriter({ samples, depth, transparent }: PngImage, out: Pixels, channels: number): PixelWriter {
  const most = 2 ** depth - 1;
  // Grays of fewer bits fill the range of 8.
  const scale = depth < 8 ? 255 / most : 1;
  const clear = transparent && Array.from({ length: samples }, (_, at) => sample(transparent, at, 16));
  return (row, column, pixel) => {
    let equal = 0;
    for (let at = 0; at < samples; at++) {
      const value = sample(row, column * samples + at, depth);
      if (clear?.[at] === value) equal++;
      out[pixel * channels + at] = value * scale;
    }
    if (clear) out[pixel * channels + samples] = equal === samples ? 0 : most * scale;
  };
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
  const samples = (await image.data()) as Uint8Array | Uint16Array;
  const step = channels * (dtype === "u16" ? 2 : 1);
  const bytes = width * step;
  const rows = new Uint8Array(height * (bytes + 1));
  let before = new Uint8Array(bytes);
  for (let line = 0; line < height; line++) {
    const row = new Uint8Array(bytes);
    for (let at = 0; at < width * channels; at++) {
      const value = samples[line * width * channels + at]!;
      if (dtype === "u16") {
        row[at * 2] = value >> 8;
        row[at * 2 + 1] = value;
      } else row[at] = dtype === "bool" ? (value ? 255 : 0) : value;
    }
    filterRow(row, before, step, rows.subarray(line * (bytes + 1), (line + 1) * (bytes + 1)));
    before = row;
  }
  const header = new Uint8Array(13);
  new DataView(header.buffer).setUint32(0, width);
  new DataView(header.buffer).setUint32(4, height);
  header.set([dtype === "u16" ? 16 : 8, colourOf[channels as 1 | 2 | 3 | 4]], 8);
  const packed = new Uint8Array(
    await new Response(through([rows], new CompressionStream("deflate"))).arrayBuffer(),
  );
  return concatenated([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", packed),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

function through(
  parts: readonly Uint8Array<ArrayBuffer>[],
  stream: CompressionStream | DecompressionStream,
): ReadableStream<Uint8Array> {
  return new Blob([...parts]).stream().pipeThrough(stream);
}

/** Unpacks exactly as many bytes as the header asks for: missing rows would read as black. */
async function inflate(packed: readonly Uint8Array<ArrayBuffer>[], expected: number): Promise<Uint8Array> {
  const out = new Uint8Array(expected);
  let length = 0;
  let spare = expected + 65536;
  try {
    const reader = through(packed, new DecompressionStream("deflate")).getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      out.set(next.value.subarray(0, expected - length), length);
      length = Math.min(length + next.value.length, expected);
      spare -= next.value.length;
      if (spare < 0) throw new Error("it goes on without end");
    }
  } catch (error) {
    throw bad(`its data can’t be unpacked (${error instanceof Error ? error.message : String(error)})`);
  }
  if (length < expected)
    throw bad(`it holds fewer pixels than its header claims: ${length} bytes instead of ${expected}`);
  return out;
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

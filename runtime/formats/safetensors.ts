// Files of named tensors: .safetensors, the form in which models are handed around. Bytes to tensors and back; nothing
// in the header is believed before it was compared with the length of the file. The format has no elements below 8
// bits: ours are stored as bytes, and a line of the metadata tells what they are.

import { dtypeInfo, isDtype, type Dtype } from "../../lang/dtypes.ts";
import { nearest } from "../../lang/diagnostics/nearest.ts";
import { kernError, suggestion } from "../error.ts";
import { checkShape, contiguousStrides, sizeOf } from "../tensor/layout.ts";
import { bytesIn, bytesOf, HostStorage } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";

const types: Readonly<Record<string, Dtype>> = {
  BOOL: "bool",
  I8: "i8",
  I16: "i16",
  I32: "i32",
  I64: "i64",
  U8: "u8",
  U16: "u16",
  U32: "u32",
  U64: "u64",
  F16: "f16",
  BF16: "bf16",
  F32: "f32",
  F64: "f64",
};

const metadataKey = "__metadata__";
const packedKey = (name: string): string => `kern.packed:${name}`;
/** As other readers have it; a longer header is a lie or a mistake. */
const longestHeader = 100_000_000;

const bad = (why: string, fix?: string) => kernError("K0721", { why }, { fix: suggestion(fix) });

/** A file's tensors by name, in the order of the header, and the words that were stored beside them. */
export interface Safetensors {
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly metadata: Readonly<Record<string, string>>;
}

interface Entry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** Reads every tensor of a file. They share the file's bytes, where these lie as a typed array needs them. */
export function readSafetensors(file: Uint8Array): Safetensors {
  const { header, start } = readHeader(file);
  const metadata = readMetadata(header[metadataKey]);
  const available = file.byteLength - start;
  const entries = Object.keys(header)
    .filter((name) => name !== metadataKey)
    .map((name) => readEntry(name, header[name], metadata, available));
  refuseOverlap(entries);
  const tensors = Object.create(null) as Record<string, Tensor>;
  for (const { name, dtype, shape, begin, end } of entries) {
    const width = Math.max(dtypeInfo(dtype).bits / 8, 1);
    const bytes = file.subarray(start + begin, start + end);
    const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
    tensors[name] = new Tensor(new HostStorage(aligned), dtype, {
      shape,
      strides: contiguousStrides(shape),
      offset: 0,
    });
  }
  const own = Object.entries(metadata).filter(([key]) => !key.startsWith(packedKey("")));
  return { tensors, metadata: Object.fromEntries(own) };
}

/** One tensor of a file by its name; without one, the only tensor there is. */
export function readSafetensor(file: Uint8Array, name?: string): Tensor {
  const { tensors } = readSafetensors(file);
  const names = Object.keys(tensors);
  const some = names.length === 0 ? "none" : names.slice(0, 8).join(", ") + (names.length > 8 ? ", …" : "");
  if (name === undefined) {
    if (names.length === 1) return tensors[names[0]!]!;
    throw bad(`it has ${names.length} tensors (${some}); say which with #NAME`);
  }
  const found = tensors[name];
  if (!found) throw bad(`it has no tensor ${JSON.stringify(name)}, only ${some}`, nearest(name, names));
  return found;
}

function readHeader(file: Uint8Array): { header: Record<string, unknown>; start: number } {
  if (file.byteLength < 8) throw bad("it ends in the length of its header");
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const length = view.getBigUint64(0, true);
  const left = file.byteLength - 8;
  if (length > longestHeader || length > left)
    throw bad(`its header claims ${length} bytes, the file has only ${left} left`);
  const start = 8 + Number(length);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(file.subarray(8, start)));
  } catch {
    throw bad("its header is not JSON");
  }
  if (!isRecord(header)) throw bad("its header is not a JSON object");
  return { header, start };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readMetadata(value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value) || !Object.values(value).every((each) => typeof each === "string"))
    throw bad(`its ${metadataKey} is not an object of strings`);
  return value as Record<string, string>;
}

function readEntry(
  name: string,
  value: unknown,
  metadata: Readonly<Record<string, string>>,
  available: number,
): Entry {
  const quoted = JSON.stringify(name);
  if (!isRecord(value)) throw bad(`the entry ${quoted} is not an object`);
  const { dtype: type, shape, data_offsets: offsets } = value;
  const count = (each: unknown): boolean => Number.isSafeInteger(each) && (each as number) >= 0;
  if (!Array.isArray(shape) || !shape.every(count))
    throw bad(`the shape of ${quoted} is not a list of sizes`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(count))
    throw bad(`the \`data_offsets\` of ${quoted} are not two places in the file`);
  const dtype = typeof type === "string" && Object.hasOwn(types, type) ? types[type]! : undefined;
  if (!dtype) throw bad(`${quoted} has elements of type ${JSON.stringify(type)}, which I don’t know`);
  const [begin, end] = offsets as [number, number];
  const entry = (type === "U8" && packedEntry(metadata[packedKey(name)])) || {
    dtype,
    shape: shape as number[],
  };
  checkShape(entry.shape, entry.dtype);
  if (begin > end || end > available)
    throw bad(`${quoted} lies at bytes ${begin} to ${end}, but there are only ${available}`);
  const needed = bytesOf(entry.dtype, sizeOf(entry.shape));
  if (end - begin !== needed)
    throw bad(
      `${quoted} (${[entry.dtype, ...entry.shape].join(", ")}) takes ${needed} bytes, not ${end - begin}`,
    );
  return { name, ...entry, begin, end };
}

/** `i4 3 5`: what the bytes of a packed tensor are. Anything else isn't ours, and stays bytes. */
function packedEntry(text: string | undefined): { dtype: Dtype; shape: number[] } | undefined {
  const [dtype = "", ...dims] = (text ?? "").split(" ");
  if (!isDtype(dtype) || dtypeInfo(dtype).bits >= 8 || !dims.every((dim) => /^\d{1,10}$/.test(dim)))
    return undefined;
  return { dtype, shape: dims.map(Number) };
}

function refuseOverlap(entries: readonly Entry[]): void {
  let before: Entry | undefined;
  for (const entry of entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (before && entry.begin < before.end)
      throw bad(`${JSON.stringify(before.name)} and ${JSON.stringify(entry.name)} share bytes`);
    if (entry.end > entry.begin) before = entry;
  }
}

/** A .safetensors file of tensors by name; those of wide elements come first, so that all lie at whole multiples. */
export async function writeSafetensors(
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Uint8Array> {
  const width = ({ dtype }: Tensor): number => dtypeInfo(dtype).bits;
  const named = Object.entries(tensors).toSorted((a, b) => width(b[1]) - width(a[1]));
  const words: Record<string, string> = { ...metadata };
  const header: Record<string, unknown> = {};
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [name, tensor] of named) {
    if (name === metadataKey) throw bad(`a tensor can’t have the name ${metadataKey}`);
    const { dtype, shape } = tensor;
    const data = await tensor.data();
    const packed = dtypeInfo(dtype).bits < 8;
    if (packed) words[packedKey(name)] = [dtype, ...shape].join(" ");
    header[name] = {
      dtype: packed ? "U8" : Object.keys(types).find((type) => types[type] === dtype),
      shape: packed ? [data.byteLength] : shape,
      data_offsets: [at, at + data.byteLength],
    };
    parts.push(bytesIn(data));
    at += data.byteLength;
  }
  const described = Object.keys(words).length > 0 ? { [metadataKey]: words, ...header } : header;
  const text = new TextEncoder().encode(JSON.stringify(described));
  // The elements begin at a multiple of 8; blanks fill up.
  const length = Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(8 + length + at).fill(0x20, 8, 8 + length);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.set(text, 8);
  let place = 8 + length;
  for (const part of parts) {
    file.set(part, place);
    place += part.length;
  }
  return file;
}

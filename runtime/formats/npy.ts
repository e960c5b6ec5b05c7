// NumPy's .npy files, versions 1 to 3: bytes to tensor and back. Nothing in the header is believed before it was
// compared with the length of the file.

import { dtypeInfo, type Dtype } from "../../lang/dtypes.ts";
import { kernError } from "../error.ts";
import { checkShape, contiguousStrides, sizeOf } from "../tensor/layout.ts";
import { bytesIn, HostStorage } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";

const types: Readonly<Record<string, Dtype>> = {
  b1: "bool",
  i1: "i8",
  i2: "i16",
  i4: "i32",
  i8: "i64",
  u1: "u8",
  u2: "u16",
  u4: "u32",
  u8: "u64",
  f2: "f16",
  f4: "f32",
  f8: "f64",
};

const bad = (why: string) => kernError("K0716", { why });

/** Reads a .npy file. Arrays in Fortran order become views with the strides that they have. */
export function readNpy(file: Uint8Array): Tensor {
  const { header, start } = readHeader(file);
  const { descr, fortran, shape } = parseHeader(header);
  const order = descr[0]!;
  const dtype = Object.hasOwn(types, descr.slice(1)) ? types[descr.slice(1)]! : undefined;
  if (!"<>|=".includes(order) || dtype === undefined)
    throw bad(`its elements are of type \`${descr}\`; I read booleans, integers and floats of up to 64 bits`);
  checkShape(shape, dtype);
  const width = dtypeInfo(dtype).bits / 8;
  const needed = sizeOf(shape) * width;
  const present = file.byteLength - start;
  if (present !== needed)
    throw bad(
      `its header promises ${needed} bytes of data (${[dtype, ...shape].join(", ")}), but ${present < needed ? "only " : ""}${present} follow`,
    );
  // A copy: the caller may reuse the file's buffer, and the data may start at an odd address.
  const bytes = file.slice(start);
  if (order === ">") swapBytes(bytes, width);
  const strides = fortran ? contiguousStrides(shape.toReversed()).toReversed() : contiguousStrides(shape);
  return new Tensor(new HostStorage(bytes), dtype, { shape, strides, offset: 0 });
}

function readHeader(file: Uint8Array): { header: string; start: number } {
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
  if (!magic.every((byte, at) => file[at] === byte))
    throw bad("it doesn’t begin with the bytes that mark one, \\x93NUMPY");
  const version = file[6];
  if (version === undefined || version < 1 || version > 3)
    throw bad(
      version === undefined ? "it ends in the header" : `its format version is ${version}, I read 1, 2 and 3`,
    );
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const lengthBytes = version === 1 ? 2 : 4;
  const start = 8 + lengthBytes;
  if (file.byteLength < start) throw bad("it ends in the header");
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (start + length > file.byteLength)
    throw bad(`its header claims ${length} bytes, the file has only ${file.byteLength - start} left`);
  const text = file.subarray(start, start + length);
  return { header: new TextDecoder(version === 3 ? "utf-8" : "latin1").decode(text), start: start + length };
}

/** The header is the text of a Python dictionary with exactly three keys. */
function parseHeader(header: string): { descr: string; fortran: boolean; shape: number[] } {
  const descr = /["']descr["']\s*:\s*["']([^"']*)["']/.exec(header)?.[1];
  const fortran = /["']fortran_order["']\s*:\s*(True|False)\b/.exec(header)?.[1];
  const shape = /["']shape["']\s*:\s*\(([^()]*)\)/.exec(header)?.[1];
  if (!/^\s*\{[^]*\}\s*$/.test(header) || fortran === undefined || shape === undefined)
    throw bad("its header doesn’t say `descr`, `fortran_order` and `shape` as NumPy writes them");
  if (descr === undefined) throw bad("its elements are records or of no plain type; I read plain numbers");
  const dims = shape.split(",").map((dim) => dim.trim());
  if (dims.at(-1) === "") dims.pop();
  if (!dims.every((dim) => /^\d{1,15}L?$/.test(dim))) throw bad(`its shape is (${shape.slice(0, 60)})`);
  return { descr, fortran: fortran === "True", shape: dims.map((dim) => Number.parseInt(dim, 10)) };
}

function swapBytes(bytes: Uint8Array, width: number): void {
  for (let at = 0; at < bytes.length; at += width) bytes.subarray(at, at + width).reverse();
}

/** The .npy file (version 1, C order) of a tensor. */
export async function writeNpy(tensor: Tensor): Promise<Uint8Array> {
  const { dtype, shape } = tensor;
  const name = Object.entries(types).find(([, known]) => known === dtype)?.[0];
  if (name === undefined)
    throw kernError(
      "K0716",
      { why: `NumPy has no ${dtype}` },
      { notes: ["let the kernel convert its result"] },
    );
  const descr = (dtypeInfo(dtype).bits === 8 ? "|" : "<") + name;
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${dims}), }`;
  // The data begins at a multiple of 64, and the header ends in a newline.
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  if (length > 0xffff) throw bad(`a shape of ${shape.length} dimensions doesn’t fit its header`);
  const data = await tensor.data();
  const file = new Uint8Array(10 + length + data.byteLength);
  file.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, length & 0xff, length >> 8]);
  file.set(new TextEncoder().encode(text.padEnd(length - 1) + "\n"), 10);
  file.set(bytesIn(data), 10 + length);
  return file;
}

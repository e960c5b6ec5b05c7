// ONNX's tensors as ours. Nothing that a message claims is believed before it was compared with the data that is there: a shape of
// 2^40 elements with ten bytes behind it is refused, not allocated.

import { TensorProto_DataType, type TensorProto } from "onnx-buf";
import { dtypeInfo, type Dtype } from "../../lang/dtypes.ts";
import { badModel, modelError } from "../graph/error.ts";
import { contiguousStrides, maxBytes, maxDim, sizeOf } from "../tensor/layout.ts";
import { bytesIn, bytesOf, HostStorage, type TypedArray } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";
import { dataOf } from "../tensor/values.ts";

/** Files of weights beside the model, by the location that the model gives. */
export type ExternalData = Readonly<Record<string, Uint8Array>>;

const types: Partial<Record<TensorProto_DataType, Dtype>> = {
  [TensorProto_DataType.FLOAT]: "f32",
  [TensorProto_DataType.UINT8]: "u8",
  [TensorProto_DataType.INT8]: "i8",
  [TensorProto_DataType.UINT16]: "u16",
  [TensorProto_DataType.INT16]: "i16",
  [TensorProto_DataType.INT32]: "i32",
  [TensorProto_DataType.INT64]: "i64",
  [TensorProto_DataType.BOOL]: "bool",
  [TensorProto_DataType.FLOAT16]: "f16",
  [TensorProto_DataType.DOUBLE]: "f64",
  [TensorProto_DataType.UINT32]: "u32",
  [TensorProto_DataType.UINT64]: "u64",
  [TensorProto_DataType.BFLOAT16]: "bf16",
  [TensorProto_DataType.UINT4]: "u4",
  [TensorProto_DataType.INT4]: "i4",
};
const numbers = new Map(Object.entries(types).map(([number, dtype]) => [dtype, Number(number)]));

/** The dtype behind ONNX's number for it; `what` is named where there is none. */
export function dtypeOf(type: number, what: string): Dtype {
  const dtype = types[type as TensorProto_DataType];
  if (dtype) return dtype;
  const name = TensorProto_DataType[type] ?? `type ${type}`;
  throw badModel(`${what} is of ${name.toLowerCase()}, which has no counterpart in Kern`);
}

/** The same, undefined where there is none. */
export function dtypeOfNumber(type: number): Dtype | undefined {
  return types[type as TensorProto_DataType];
}

/** ONNX's number for a dtype. */
export function numberOf(dtype: Dtype): number | undefined {
  return numbers.get(dtype);
}

/** A tensor of a model, its data read from the message or from a file beside the model. */
export function tensorOf(proto: TensorProto, external: ExternalData): Tensor {
  const what = proto.name === "" ? "a tensor" : `the tensor \`${proto.name}\``;
  const dtype = dtypeOf(proto.dataType, what);
  const shape = proto.dims.map(Number);
  for (const dim of shape)
    if (!Number.isInteger(dim) || dim < 0 || dim >= maxDim)
      throw badModel(`${what} has a dimension of ${dim} elements`);
  const bytes = bytesOf(dtype, sizeOf(shape));
  if (bytes >= maxBytes) throw badModel(`${what} claims ${bytes} bytes, 2^32 or more`);
  const data = isExternal(proto)
    ? externalBytes(proto, bytes, external)
    : proto.rawData.byteLength > 0 || sizeOf(shape) === 0
      ? proto.rawData
      : fieldBytes(proto, dtype, sizeOf(shape), what);
  if (data.byteLength !== bytes)
    throw badModel(
      `${what} has ${data.byteLength} bytes of data, and ${dtype} [${shape.join(", ")}] takes ${bytes}`,
    );
  // The message's bytes start anywhere, and tensors start at a whole word.
  const aligned = data.byteOffset % 8 === 0 ? data : new Uint8Array(data);
  return new Tensor(new HostStorage(aligned), dtype, { shape, strides: contiguousStrides(shape), offset: 0 });
}

function externalBytes(proto: TensorProto, bytes: number, external: ExternalData): Uint8Array {
  const refuse = (why: string) => modelError("K1005", { tensor: proto.name, why });
  const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get("location") ?? "";
  if (location === "" || leavesFolder(location))
    throw refuse(`its location “${location}” is not a path inside the model’s folder`);
  const file = Object.entries(external).find(([name]) => inFolder(name) === inFolder(location))?.[1];
  if (!file) throw refuse(`the file “${location}” was not given`);
  const offset = Number(entries.get("offset") ?? 0);
  const length = Number(entries.get("length") ?? bytes);
  if (!(offset >= 0 && length >= 0) || offset + length > file.byteLength)
    throw refuse(
      `bytes ${offset} to ${offset + length} of “${location}”, which has ${file.byteLength}, are asked for`,
    );
  return file.subarray(offset, offset + length);
}

/** A path in a folder, however often it says that it begins there. */
const inFolder = (path: string): string => path.replace(/^(\.\/)+/, "");

/** Of the type `TensorProto.DataLocation`, whose value 1 is EXTERNAL. */
const isExternal = ({ dataLocation }: TensorProto): boolean => Number(dataLocation) === 1;

/** Refuses tensors whose bytes beside the model weren't given. */
export function checkExternal(protos: Iterable<TensorProto>, external: ExternalData): void {
  for (const proto of protos) {
    const dtype = dtypeOfNumber(proto.dataType);
    // How long elements of types without a counterpart are is not known here.
    if (isExternal(proto))
      externalBytes(proto, dtype ? bytesOf(dtype, sizeOf(proto.dims.map(Number))) : 0, external);
  }
}

/** Absolute, or climbing out by `..`, as either system writes paths. */
export function leavesFolder(location: string): boolean {
  return /^([/\\]|[A-Za-z]:)/.test(location) || location.split(/[/\\]/).includes("..");
}

/** Data in the field of its type, one element a number, instead of as bytes. */
function fieldBytes(proto: TensorProto, dtype: Dtype, count: number, what: string): Uint8Array {
  const field =
    dtype === "f32"
      ? proto.floatData
      : dtype === "f64"
        ? proto.doubleData
        : dtype === "i64"
          ? proto.int64Data
          : dtype === "u64" || dtype === "u32"
            ? proto.uint64Data
            : proto.int32Data;
  const packed = dtypeInfo(dtype).bits < 8;
  const expected = packed ? Math.ceil(count / 2) : count;
  if (field.length !== expected)
    throw badModel(`${what} has ${field.length} elements, and its shape says ${expected}`);
  const bits = dtype === "f16" || dtype === "bf16" || packed;
  const data: TypedArray = packed
    ? Uint8Array.from(field as number[])
    : bits
      ? Uint16Array.from(field as number[])
      : dataOf(dtype === "bool" ? field.map(Boolean) : field, dtype);
  return bytesIn(data);
}

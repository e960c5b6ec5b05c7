// What is used of onnxruntime-web: its types, and the part of the module that an application hands over, so that sessions are made by
// the application's own copy and nothing of it is bundled here.

import type * as ort from "onnxruntime-web";
import type { Dtype } from "../../lang/dtypes.ts";

/** The classes of `onnxruntime-web` (or `onnxruntime-web/webgpu`) that models are run with. */
export type Ort = Pick<typeof ort, "InferenceSession" | "Tensor">;

export type OrtTensor = ort.Tensor;
export type OrtSession = ort.InferenceSession;
export type OrtOptions = ort.InferenceSession.SessionOptions;

const types: Readonly<Partial<Record<Dtype, ort.Tensor.Type>>> = {
  f32: "float32",
  f64: "float64",
  f16: "float16",
  i8: "int8",
  i16: "int16",
  i32: "int32",
  i64: "int64",
  u8: "uint8",
  u16: "uint16",
  u32: "uint32",
  u64: "uint64",
  bool: "bool",
};
const dtypes = new Map(Object.entries(types).map(([dtype, type]) => [type, dtype as Dtype]));

/** The name there; undefined for dtypes without. */
export const ortType = (dtype: Dtype): ort.Tensor.Type | undefined => types[dtype];

/** The dtype of a tensor there; undefined for texts and 4-bit integers. */
export const dtypeOfOrt = (type: ort.Tensor.Type): Dtype | undefined => dtypes.get(type);

/** Types whose tensors may stay in buffers of the GPU; the rest are kept on the host there. */
export const onGpu: ReadonlySet<string> = new Set(["float32", "float16", "int32", "uint32"]);

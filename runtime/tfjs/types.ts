// What is used of TensorFlow.js: its types, and the part of the module that an application hands over, so that kernels are registered
// in the application's own copy and nothing of it is bundled here.

import type * as core from "@tensorflow/tfjs-core";
import type { Dtype } from "../../lang/dtypes.ts";

/** The functions of `@tensorflow/tfjs-core` (or `@tensorflow/tfjs`) that kernels and ops are registered with. */
export type Tfjs = Pick<
  typeof core,
  | "backend_util"
  | "customGrad"
  | "engine"
  | "env"
  | "findBackend"
  | "getKernel"
  | "registerGradient"
  | "registerKernel"
  | "unregisterKernel"
>;

export type TensorInfo = core.TensorInfo;
export type KernelFunc = core.KernelFunc;
export type TfTensor = core.Tensor;

/** Backends whose kernels can be replaced. */
export type BackendName = "cpu" | "wasm" | "webgpu";

/** The dtypes that both have. Complex numbers and text stay with TensorFlow.js. */
export const dtypes: Readonly<Record<string, Dtype>> = { float32: "f32", int32: "i32", bool: "bool" };

/** By Kern's dtype. */
export const tfDtypes: Readonly<Partial<Record<Dtype, "float32" | "int32" | "bool">>> = {
  f32: "float32",
  i32: "int32",
  bool: "bool",
};

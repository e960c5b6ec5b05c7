// Tensors of TensorFlow.js's backends as ours, and results as theirs. The backend `cpu` keeps elements in typed arrays, which are
// copied into a device's memory and out of it for each call.

import type { Dtype } from "../../lang/dtypes.ts";
import { KernError } from "../error.ts";
import { sizeOf } from "../tensor/layout.ts";
import { tensor, type Tensor } from "../tensor/tensor.ts";
import type { TypedArray } from "../tensor/storage.ts";
import { dtypes, tfDtypes, type TensorInfo } from "./types.ts";

/** A result to be made. */
export interface ResultShape {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/** A backend's memory, as kernels read and write it. */
export interface TfMemory {
  /** The elements of one of its tensors. */
  read(info: TensorInfo): Tensor;
  /** Where to put a result; undefined where the device allocates it and `publish` hands it over. */
  place(result: ResultShape): { readonly tensor: Tensor; readonly info: TensorInfo } | undefined;
  /** A result as one of its tensors. */
  publish(result: Tensor, shape: readonly number[]): TensorInfo;
}

/** What is used of the backend `cpu`. */
interface CpuBackend {
  readonly data: { get(id: object): { readonly values: unknown } };
  makeTensorInfo(shape: number[], dtype: string, values: TypedArray): TensorInfo;
}

const classes = { f32: Float32Array, i32: Int32Array, bool: Uint8Array } as const;

/** The dtype that an element type of TensorFlow.js is, if both have it. */
export const dtypeOf = (info: TensorInfo): Dtype | undefined => dtypes[info.dtype];

/** The name of a dtype there; throws where there is none. */
export function tfDtypeOf(dtype: Dtype): "float32" | "int32" | "bool" {
  const name = tfDtypes[dtype];
  if (!name) throw new TypeError(`TensorFlow.js has no tensors of ${dtype}`);
  return name;
}

export class CpuMemory implements TfMemory {
  private readonly backend: CpuBackend;

  constructor(backend: object) {
    this.backend = backend as CpuBackend;
  }

  read(info: TensorInfo): Tensor {
    const dtype = dtypes[info.dtype] as keyof typeof classes;
    const Class = classes[dtype];
    const { values } = this.backend.data.get(info.dataId);
    // Some of its kernels leave elements in an array of another kind.
    const data = values instanceof Class ? values : Class.from(values as ArrayLike<number>);
    return tensor(data.subarray(0, sizeOf(info.shape)), info.shape, dtype);
  }

  place(): undefined {
    return undefined;
  }

  publish(result: Tensor, shape: readonly number[]): TensorInfo {
    const data = result.dataSync();
    result.dispose();
    return this.backend.makeTensorInfo([...shape], tfDtypeOf(result.dtype), data);
  }
}

/** An error's message with the place in the Kern source, for applications that show messages only. */
export const described = (error: unknown): unknown =>
  error instanceof KernError ? new Error(`${error.code}: ${error.message}`, { cause: error }) : error;

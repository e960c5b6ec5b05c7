// Tensors of TensorFlow.js's backends as ours, and results as theirs. The backend `cpu` keeps elements in typed arrays, which are
// copied into a device's memory and out of it for each call; those of `wasm` lie in a linear memory, in which kernels work too.

import type { Dtype } from "../../lang/dtypes.ts";
import { internalError } from "../../lang/diagnostics/internal-error.ts";
import type { WasmDevice } from "../devices/wasm/device.ts";
import { DeviceStorage, type Heap } from "../devices/wasm/memory.ts";
import { sizeOf } from "../tensor/layout.ts";
import { tensor, type Tensor } from "../tensor/tensor.ts";
import type { TypedArray } from "../tensor/storage.ts";
import { dtypes, tfDtypes, type TensorInfo } from "./types.ts";

/** A backend's memory, as kernels read and write it. */
export interface TfMemory {
  /** What a truth value is kept as. */
  readonly truth: "bool" | "i32";
  /** The elements of one of its tensors. */
  read(info: TensorInfo): Tensor;
  /** A kernel's result as one of its tensors. */
  publish(result: Tensor, shape: readonly number[], dtype: Dtype): TensorInfo;
}

/** What is used of the backend `cpu`. */
interface CpuBackend {
  readonly data: { get(id: object): { readonly values: unknown } };
  makeTensorInfo(shape: number[], dtype: string, values: TypedArray): TensorInfo;
}

const classes = { f32: Float32Array, i32: Int32Array, bool: Uint8Array } as const;

/** The dtype that an element type of TensorFlow.js is, if both have it. */
export const dtypeOf = (info: TensorInfo): Dtype | undefined => dtypes[info.dtype];

/** The name of a dtype there. */
function tfDtypeOf(dtype: Dtype): "float32" | "int32" | "bool" {
  return tfDtypes[dtype] ?? internalError("tfjs", `TensorFlow.js has no tensors of ${dtype}`);
}

export class CpuMemory implements TfMemory {
  readonly truth = "bool";
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

  publish(result: Tensor, shape: readonly number[]): TensorInfo {
    const data = result.dataSync();
    result.dispose();
    return this.backend.makeTensorInfo([...shape], tfDtypeOf(result.dtype), data);
  }
}

/** What is used of the backend `wasm`: its module, and where its tensors lie. */
interface WasmBackend {
  readonly wasm: {
    _malloc(bytes: number): number;
    _free(start: number): void;
    /** Of the module itself, or, where threads share it, handed to it. */
    readonly asm?: { readonly memory?: WebAssembly.Memory };
    readonly wasmMemory?: WebAssembly.Memory;
  };
  readonly dataIdMap: { get(id: object): { readonly memoryOffset: number } };
  makeOutput(shape: number[], dtype: string, memoryOffset: number): TensorInfo;
}

/** The linear memory of the backend `wasm`; undefined if it isn't as I know it. */
export function heapOf(backend: object): Heap | undefined {
  const { wasm } = backend as Partial<WasmBackend>;
  const memory = wasm?.wasmMemory ?? wasm?.asm?.memory;
  if (!wasm || !(memory instanceof WebAssembly.Memory) || typeof wasm._malloc !== "function")
    return undefined;
  return {
    memory,
    // Addresses above 2 GiB come as negative numbers.
    allocate: (bytes) => wasm._malloc(Math.max(bytes, 1)) >>> 0 || undefined,
    release: (start) => wasm._free(start),
  };
}

/** Tensors of the backend `wasm` lie where kernels read and write them: nothing is copied. */
export class HeapMemory implements TfMemory {
  readonly truth = "bool";
  private readonly backend: WasmBackend;
  private readonly device: WasmDevice;

  constructor(backend: object, device: WasmDevice) {
    this.backend = backend as WasmBackend;
    this.device = device;
  }

  read({ dataId, shape, dtype }: TensorInfo): Tensor {
    return this.device.wrap(this.backend.dataIdMap.get(dataId).memoryOffset >>> 0, shape, dtypes[dtype]!);
  }

  /** The result was allocated by the backend's own allocator, which gives it back when the tensor is disposed of. */
  publish({ storage, dtype }: Tensor, shape: readonly number[]): TensorInfo {
    if (!(storage instanceof DeviceStorage)) return internalError("tfjs", "a result isn’t in the heap");
    return this.backend.makeOutput([...shape], tfDtypeOf(dtype), storage.surrender());
  }
}

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
  /** Absent where kernels don't work by addresses. */
  readonly blocks?: Blocks | undefined;
  /** The elements of one of its tensors. */
  read(info: TensorInfo): Tensor;
  /** A kernel's result as one of its tensors. */
  publish(result: Tensor, shape: readonly number[], dtype: Dtype): TensorInfo;
}

/** The same by addresses in a linear memory, for calls that are known but for their elements. */
export interface Blocks {
  /** Where the elements of a tensor are. */
  addressOf(info: TensorInfo): number;
  /** Gives back what `addressOf` may have made for the call. */
  leave(start: number): void;
  /** A block for elements. */
  allocate(bytes: number): number;
  release(start: number): void;
  /** A block with a kernel's result, as a tensor of the backend; the block is its. */
  adopt(start: number, bytes: number, shape: readonly number[], dtype: Dtype): TensorInfo;
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
  readonly blocks: Blocks | undefined;
  private readonly backend: CpuBackend;

  /** `device` is that which kernels run on, if it has a linear memory. */
  constructor(backend: object, device?: WasmDevice) {
    this.backend = backend as CpuBackend;
    this.blocks = device && this.copiesIn(device);
  }

  read(info: TensorInfo): Tensor {
    return tensor(this.elementsOf(info), info.shape, dtypes[info.dtype] as keyof typeof classes);
  }

  private elementsOf(info: TensorInfo): Float32Array | Int32Array | Uint8Array {
    const Class = classes[dtypes[info.dtype] as keyof typeof classes];
    const { values } = this.backend.data.get(info.dataId);
    // Some of its kernels leave elements in an array of another kind.
    const data = values instanceof Class ? values : Class.from(values as ArrayLike<number>);
    const size = sizeOf(info.shape);
    return data.length === size ? data : data.subarray(0, size);
  }

  private copiesIn({ memory }: WasmDevice): Blocks {
    const allocate = (bytes: number) => memory.block(bytes, "a tensor of TensorFlow.js");
    const release = (start: number) => memory.release(start);
    return {
      addressOf: (info) => {
        const { buffer, byteOffset, byteLength } = this.elementsOf(info);
        const start = allocate(byteLength);
        memory.bytes.set(new Uint8Array(buffer, byteOffset, byteLength), start);
        return start;
      },
      leave: release,
      allocate,
      release,
      adopt: (start, bytes, shape, dtype) => {
        const { buffer } = memory.bytes.slice(start, start + bytes);
        release(start);
        const Class = classes[dtype as keyof typeof classes];
        return this.backend.makeTensorInfo([...shape], tfDtypeOf(dtype), new Class(buffer));
      },
    };
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
  readonly blocks: Blocks;
  private readonly backend: WasmBackend;
  private readonly device: WasmDevice;

  constructor(backend: object, device: WasmDevice) {
    this.backend = backend as WasmBackend;
    this.device = device;
    const { memory } = device;
    const { dataIdMap } = this.backend;
    this.blocks = {
      addressOf: ({ dataId }) => dataIdMap.get(dataId).memoryOffset >>> 0,
      leave: () => undefined,
      allocate: (bytes) => memory.block(bytes, "a tensor of TensorFlow.js"),
      release: (start) => memory.release(start),
      adopt: (start, _, shape, dtype) => this.backend.makeOutput([...shape], tfDtypeOf(dtype), start),
    };
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

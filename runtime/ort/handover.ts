// Tensors of onnxruntime-web as ours and the other way round. On a shared GPUDevice both are the same buffer, and nothing is copied; in
// WebAssembly each has a memory of its own, and a tensor is copied once on its way in and once on its way out. What is copied is counted.

import { kernError } from "../error.ts";
import type { Device } from "../device.ts";
import type { WebgpuDevice } from "../devices/webgpu/device.ts";
import type { Dtype } from "../../lang/dtypes.ts";
import { bytesOf } from "../tensor/storage.ts";
import { tensor, type Tensor } from "../tensor/tensor.ts";
import type { TypedArray } from "../tensor/storage.ts";
import { dtypeOfOrt, onGpu, ortType, type Ort, type OrtTensor } from "./types.ts";

/** Tensors that went from one side to the other, and how. */
export interface Handovers {
  /** Tensors handed to kernels, and back to onnxruntime or to the caller. */
  readonly toKern: number;
  readonly toOrt: number;
  /** Those of them that were copied; the others share a buffer of the GPU. */
  readonly copies: number;
  readonly copiedBytes: number;
}

/** A value between parts, as one side has it, as the other, or as both. */
export interface Handed {
  ort?: OrtTensor;
  kern?: Tensor;
  /** The caller's: not to be given back. */
  readonly foreign?: boolean;
}

export class Handover {
  private readonly ort: Ort;
  private readonly device: Device;
  private counts = { toKern: 0, toOrt: 0, copies: 0, copiedBytes: 0 };

  constructor(ort: Ort, device: Device) {
    this.ort = ort;
    this.device = device;
  }

  /** What was counted since the last call. */
  take(): Handovers {
    const { counts } = this;
    this.counts = { toKern: 0, toOrt: 0, copies: 0, copiedBytes: 0 };
    return counts;
  }

  /** A value as a tensor on the kernels' device. */
  async toKern(value: Handed, name: string): Promise<Tensor> {
    if (value.kern) return value.kern;
    const given = value.ort!;
    this.counts.toKern++;
    if (given.location === "gpu-buffer") {
      const { gpuBuffer } = given as unknown as { readonly gpuBuffer: GPUBuffer };
      return (value.kern = (this.device as WebgpuDevice).wrap(gpuBuffer, given.dims, dtypeOf(given, name)));
    }
    const host = hostOf(given, await given.getData(), name);
    this.copied(host);
    return (value.kern = await this.device.upload(host));
  }

  /** A value as a tensor that sessions take. */
  async toOrt(value: Handed, name: string): Promise<OrtTensor> {
    if (value.ort) return value.ort;
    const given = value.kern!;
    const type = ortType(given.dtype);
    if (!type)
      throw kernError("K0709", { why: `\`${name}\` is a ${given}, and onnxruntime has no such tensors` });
    this.counts.toOrt++;
    const { Tensor: OrtTensor } = this.ort;
    if (this.device.name === "webgpu" && onGpu.has(type) && given.size > 0) {
      const { buffer, offset } = (this.device as WebgpuDevice).place(given);
      if (offset === 0)
        return (value.ort = OrtTensor.fromGpuBuffer(buffer as never, {
          dataType: type as "float32",
          dims: [...given.shape],
          download: async () => (await given.data()) as Float32Array,
          dispose: () => given.dispose(),
        }));
    }
    this.copied(given);
    return (value.ort = new OrtTensor(type, (await given.data()) as never, [...given.shape]));
  }

  private copied({ dtype, size }: Tensor): void {
    this.counts.copies++;
    this.counts.copiedBytes += bytesOf(dtype, size);
  }
}

function dtypeOf({ type, dims }: OrtTensor, name: string): Dtype {
  const dtype = dtypeOfOrt(type);
  if (dtype) return dtype;
  throw kernError("K0709", {
    why: `\`${name}\` is ${type} [${dims.join(", ")}], and kernels take no such tensors`,
  });
}

/** A tensor of onnxruntime and its elements, which are on the host, as one of ours. */
export function hostOf(given: OrtTensor, data: OrtTensor["data"], name: string): Tensor {
  const dtype = dtypeOf(given, name);
  const elements = data as unknown as TypedArray;
  // 16-bit floats come as an array of their own where the engine has one: as bits they are the same.
  const odd = dtype === "f16" && !(elements instanceof Uint16Array);
  const { buffer, byteOffset, length } = elements as TypedArray;
  return tensor(odd ? new Uint16Array(buffer, byteOffset, length) : elements, given.dims, dtype);
}

/**
 * Gives back values that none of `holders` has: a graph may hand on what it was given, so that a value has several names. Removes none
 * from where it is.
 */
export function releaseUnheld(values: Iterable<Handed>, ...holders: readonly Iterable<Handed>[]): void {
  const held = new Set(holders.flatMap((holder) => [...holder]));
  for (const value of new Set(values)) if (!held.has(value)) release(value);
}

/** Gives back what a session, a kernel or a copy took for a value. */
export function release({ ort, kern, foreign }: Handed): void {
  kern?.dispose();
  if (!foreign && ort?.location === "gpu-buffer") ort.dispose();
}

// A call's tensors as buffers that a shader may see: what is on the GPU stays where it is, what is on the host is copied
// in, and what WebGPU doesn't let a shader see twice (one buffer both read and written) is copied beside.

import type { Signature } from "../../../compiler/artifact.ts";
import { dtypeInfo } from "../../../lang/dtypes.ts";
import type { BoundTensor } from "../../call/bind.ts";
import { kernError } from "../../error.ts";
import { copyElements } from "../../tensor/copy.ts";
import { contiguousStrides, isContiguous, layoutEnd, sizeOf, type Layout } from "../../tensor/layout.ts";
import { bytesOf, HostStorage } from "../../tensor/storage.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { GpuContext } from "./context.ts";
import { GpuStorage } from "./memory.ts";

/** A tensor argument in a buffer. */
export interface Placed {
  readonly bound: BoundTensor;
  readonly buffer: GPUBuffer;
  /** In the buffer, in elements. */
  readonly layout: Layout;
  /** The storage that it is part of, where it wasn't copied. */
  readonly storage?: GpuStorage;
}

/** Places a tensor; a copy's elements lie in row-major order, or as they lay where they were about dense. */
export async function place(
  context: GpuContext,
  device: object,
  signature: Signature,
  bound: BoundTensor,
): Promise<Placed> {
  const { param, tensor, copy, layout } = bound;
  const what = `\`${param.name}\` of \`${signature.name}\``;
  if (!tensor) {
    const bytes = bytesOf(param.dtype, sizeOf(layout.shape));
    return { bound, buffer: await context.buffers.take(bytes, what), layout: rowMajor(layout.shape) };
  }
  const { storage } = tensor;
  if (storage instanceof GpuStorage && storage.device === device) {
    storage.check(`the tensor given as \`${param.name}\``);
    if (!copy) return { bound, buffer: storage.buffer, layout, storage };
  } else if (param.mode !== "in" && !(storage instanceof HostStorage))
    throw kernError("K0701", {
      kernel: signature.name,
      argument: param.name,
      expected: "a tensor on the host or on this device, since it is written to,",
      given: "one on another device",
    });
  return copyIn(context, bound, tensor, what);
}

/** Copies an argument to a buffer of its own. */
export async function copyIn(
  context: GpuContext,
  bound: BoundTensor,
  tensor: Tensor,
  what: string,
): Promise<Placed> {
  const { shape } = bound.layout;
  const { dtype } = tensor;
  const count = sizeOf(shape);
  const { bits } = dtypeInfo(dtype);
  const span = layoutEnd(tensor) - tensor.offset;
  const asItLies =
    !bound.copy && (isContiguous(bound.layout) || (bound.param.mode === "in" && span <= 2 * count + 1024));
  let layout = rowMajor(shape);
  let bytes: ArrayBufferView | undefined;
  // All of an `out` tensor is written.
  if (bound.param.mode === "out")
    return { bound, buffer: await context.buffers.take(bytesOf(dtype, count), what), layout };
  if (count > 0 && asItLies) {
    // From a whole word on: elements below 8 bits may begin within one.
    const first = Math.floor((tensor.offset * bits) / 64) * 8;
    bytes = await tensor.storage.read(first, bytesOf(dtype, layoutEnd(tensor)));
    layout = { ...bound.layout, offset: tensor.offset - (first * 8) / bits };
  } else if (count > 0) bytes = await tensor.data();
  const buffer = await context.buffers.take(bytes?.byteLength ?? 0, what);
  if (bytes) write(context, buffer, bytes);
  return { bound, buffer, layout };
}

/** A part of one buffer to be copied to the beginning of another before a kernel runs. */
export interface BufferCopy {
  readonly from: GPUBuffer;
  readonly start: number;
  readonly bytes: number;
  readonly to: GPUBuffer;
}

/** A copy of what an argument shows of its buffer, made by the GPU. */
export async function copyBeside(
  context: GpuContext,
  { bound, buffer, layout }: Placed,
  what: string,
): Promise<{ placed: Placed; copy: BufferCopy }> {
  const { bits } = dtypeInfo(bound.param.dtype);
  const start = Math.floor((layout.offset * bits) / 64) * 8;
  const end = Math.ceil(bytesOf(bound.param.dtype, layoutEnd(layout)) / 4) * 4;
  const bytes = Math.max(end - start, 0);
  const to = await context.buffers.take(bytes, what);
  return {
    placed: { bound, buffer: to, layout: { ...layout, offset: layout.offset - (start * 8) / bits } },
    copy: { from: buffer, start, bytes, to },
  };
}

/** Brings the tensor that a copy stood for up to date. */
export async function bringBack(
  context: GpuContext,
  { bound, buffer, layout, storage }: Placed,
): Promise<void> {
  const { tensor, param } = bound;
  if (!tensor || storage || param.mode === "in") return;
  const flat = rowMajor(tensor.shape);
  if (tensor.size > 0) {
    const end = Math.ceil(bytesOf(tensor.dtype, layoutEnd(layout)) / 4) * 4;
    const bytes = await context.read(buffer, 0, end, []);
    const from = { ...flat, offset: layout.offset };
    const own = tensor.storage;
    if (own instanceof HostStorage) copyElements(tensor.dtype, bytes, from, own.bytes, tensor);
    else if (own instanceof GpuStorage) {
      const target = await own.read(0, own.byteLength);
      copyElements(tensor.dtype, bytes, from, target, tensor);
      context.submit();
      write(context, own.buffer, target);
    }
  }
}

/** Writes from the host; a last word that isn't whole is filled up. */
export function write(context: GpuContext, buffer: GPUBuffer, bytes: ArrayBufferView): void {
  const { buffer: from, byteOffset, byteLength } = bytes;
  const whole = byteLength - (byteLength % 4);
  const { queue } = context.gpu;
  if (whole > 0) queue.writeBuffer(buffer, 0, from as ArrayBuffer, byteOffset, whole);
  if (whole === byteLength) return;
  const rest = new Uint8Array(4);
  rest.set(new Uint8Array(from, byteOffset + whole, byteLength - whole));
  queue.writeBuffer(buffer, whole, rest);
}

export function rowMajor(shape: readonly number[]): Layout {
  return { shape, strides: contiguousStrides(shape), offset: 0 };
}

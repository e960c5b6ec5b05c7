// The WebGPU device: kernels as compute shaders, tensors in buffers of the GPU. Calls are encoded at once and submitted
// together; results stay on the GPU until someone reads them. A GPU that is lost is opened anew by the next call.

import type { KernelArtifact } from "../../../compiler/artifact.ts";
import type { Dtype } from "../../../lang/dtypes.ts";
import { dtypeInfo, isDtype } from "../../../lang/dtypes.ts";
import type { BoundCall } from "../../call/bind.ts";
import type { Backend, DeviceCompileOptions, Executable, Instance, Kernels } from "../../device.ts";
import { kernError } from "../../error.ts";
import { loadKernels } from "../../load.ts";
import { artifactOf, type KernelSource } from "../../source.ts";
import { checkShape, contiguousStrides, layoutEnd } from "../../tensor/layout.ts";
import { bytesOf } from "../../tensor/storage.ts";
import { checkTensor, Tensor } from "../../tensor/tensor.ts";
import { Turns } from "../turns.ts";
import { compileOptionsFor, openGpu, type WebgpuOptions } from "./adapter.ts";
import { bufferUsage } from "./constants.ts";
import { GpuContext } from "./context.ts";
import { GpuStorage } from "./memory.ts";
import { write } from "./placement.ts";
import { programOf } from "./program.ts";
import { KernelRunner, type Machine } from "./runner.ts";
import { gpuTime } from "./timing.ts";

export type { WebgpuOptions } from "./adapter.ts";

/** Where elements of a wrapped buffer lie, in elements of the dtype. */
export interface BufferView {
  /** Row-major if nothing is said. */
  readonly strides?: readonly number[];
  readonly offset?: number;
}

/** A tensor's place on the GPU. */
export interface BufferPlace {
  readonly buffer: GPUBuffer;
  /** Bytes from the buffer's beginning to the first element. */
  readonly offset: number;
  /** Bytes up to the end of the last element. */
  readonly size: number;
}

/** Opens a WebGPU device: a page's, Node's (with the package `webgpu`), or one that the application has. */
export async function openWebgpuDevice(options: WebgpuOptions = {}): Promise<WebgpuDevice> {
  return new WebgpuDevice(options, new GpuContext(await openGpu(options)));
}

export class WebgpuDevice implements Backend, Machine {
  readonly name = "webgpu";
  readonly turns = new Turns();
  private readonly options: WebgpuOptions;
  private current: GpuContext;
  private opening: Promise<GpuContext> | undefined;
  private closed = false;

  constructor(options: WebgpuOptions, context: GpuContext) {
    this.options = options;
    this.current = context;
  }

  /** The GPUDevice in use. Another one takes its place when it is lost. */
  get gpu(): GPUDevice {
    return this.current.gpu;
  }
  /** What the GPU calls itself. */
  get adapterInfo(): GPUAdapterInfo | undefined {
    return this.current.gpu.adapterInfo;
  }
  /** Features of the GPUDevice, and WGSL's language extensions. */
  get features(): readonly string[] {
    const { gpu, language } = this.current;
    return [...gpu.features, ...language];
  }
  /** The limits that decide what kernels may be, by WebGPU's names. */
  get limits(): Readonly<Record<string, number>> {
    return compileOptionsFor(this.current.gpu, []).limits;
  }
  get compileOptions(): DeviceCompileOptions {
    return compileOptionsFor(this.current.gpu, this.current.language);
  }
  /** Times that commands were handed to the GPU. */
  get submissions(): number {
    return this.current.submissions;
  }

  async context(): Promise<GpuContext> {
    if (this.closed) throw kernError("K0713", { what: "the device" });
    if (!this.current.lost) return this.current;
    if (this.options.device)
      throw kernError(
        "K0726",
        { what: "the GPU device", why: this.current.reason },
        { fix: { text: "open another: this one was given by the application" } },
      );
    this.opening ??= openGpu(this.options).then((opened) => (this.current = new GpuContext(opened)));
    try {
      return await this.opening;
    } finally {
      this.opening = undefined;
    }
  }

  async load(source: KernelSource): Promise<Kernels> {
    return loadKernels(source, this);
  }

  async instances(source: KernelSource): Promise<readonly Instance[]> {
    const context = await this.context();
    const { code: given, kernels } = artifactOf(source, "wgsl", this.features);
    // Files may come as the bytes that they are.
    const code = typeof given === "string" ? given : new TextDecoder().decode(given);
    this.refuseFeatures(kernels);
    if (kernels.length > 0) await programOf(context, code).check();
    return kernels.map((kernel) => ({
      signature: kernel.signature,
      features: kernel.launch.features,
      run: this.executable(code, kernel),
    }));
  }

  /** Says what the GPU lacks, in better words than WebGPU has. */
  private refuseFeatures(kernels: readonly KernelArtifact[]): void {
    const { features } = this;
    const { maxStorageBuffersPerShaderStage: most } = this.current.gpu.limits;
    for (const { signature, launch } of kernels) {
      const { instance } = signature;
      const missing = launch.features.find((feature) => !features.includes(feature));
      if (missing !== undefined)
        throw kernError("K0714", { why: `\`${instance}\` needs ${missing}, which this GPU doesn’t have` });
      if (launch.kind === "wgsl" && launch.bindings.length > most)
        throw kernError("K0714", {
          why: `\`${instance}\` binds ${launch.bindings.length} buffers, this GPU grants ${most}`,
        });
    }
  }

  private executable(code: string, kernel: KernelArtifact): Executable {
    const { launch, signature } = kernel;
    if (launch.kind !== "wgsl")
      throw kernError("K0714", { why: `\`${signature.instance}\` has no launch rule for WGSL` });
    const runner = new KernelRunner(this, code, kernel, launch);
    return (call: BoundCall) => runner.run(call);
  }

  async write(target: Tensor, source: Tensor): Promise<void> {
    const data = await source.data();
    const { context, buffer } = target.storage as GpuStorage;
    // What was encoded before reads what was there before.
    context.submit();
    write(context, buffer, data);
  }

  async upload(tensor: Tensor): Promise<Tensor> {
    checkTensor("upload", tensor);
    const data = await tensor.data();
    const context = await this.context();
    const buffer = await context.buffers.take(data.byteLength, `a copy of a ${tensor}`);
    write(context, buffer, data);
    const storage = new GpuStorage(this, context, buffer, data.byteLength);
    const { shape, dtype } = tensor;
    return new Tensor(storage, dtype, { shape, strides: contiguousStrides(shape), offset: 0 });
  }

  /**
   * A tensor over a buffer of the application, without a copy. The buffer needs the usage STORAGE, and COPY_SRC
   * where it is read back or given twice to one call. Calls on it are submitted before they resolve, so they take
   * their place among the application's own submissions.
   */
  wrap<D extends Dtype>(
    buffer: GPUBuffer,
    shape: readonly number[],
    dtype: D,
    { strides = contiguousStrides(shape), offset = 0 }: BufferView = {},
  ): Tensor<D> {
    if (this.current.lost) throw this.current.lost;
    if (!isDtype(dtype)) throw kernError("K0709", { why: `\`${String(dtype)}\` is not a dtype` });
    checkShape(shape, dtype);
    const refuse = (why: string) => kernError("K0709", { why });
    if (!(buffer.usage & bufferUsage.storage))
      throw refuse("the buffer was made without GPUBufferUsage.STORAGE");
    if (buffer.size % 4 !== 0) throw refuse(`the buffer has ${buffer.size} bytes, not a multiple of 4`);
    const whole = (value: number): boolean => Number.isInteger(value) && value >= 0;
    if (strides.length !== shape.length || ![...strides, offset].every(whole))
      throw refuse("strides, one an axis, and the offset are whole numbers");
    const layout = { shape: [...shape], strides: [...strides], offset };
    const end = bytesOf(dtype, layoutEnd(layout));
    if (end > buffer.size)
      throw refuse(`its elements end at byte ${end}, but the buffer has only ${buffer.size} bytes`);
    return new Tensor(new GpuStorage(this, this.current, buffer, buffer.size, true), dtype, layout);
  }

  /**
   * Where a tensor of this device lies, for the application's own commands. Everything that writes to it has been
   * submitted when this returns; the buffer may be bound, copied from and written to until the tensor is disposed of.
   */
  place(tensor: Tensor): BufferPlace {
    const { storage, dtype, offset } = tensor;
    if (!(storage instanceof GpuStorage) || storage.device !== this)
      throw kernError("K0709", {
        why: "it is not a tensor of this device; `await device.upload(t)` makes one",
      });
    storage.check("the tensor");
    storage.context.submit();
    const start = Math.floor((offset * dtypeInfo(dtype).bits) / 8);
    return { buffer: storage.buffer, offset: start, size: bytesOf(dtype, layoutEnd(tensor)) - start };
  }

  /** Hands all calls made so far to the GPU's queue now. */
  submit(): void {
    this.current.submit();
  }

  /** Waits until the GPU has done all calls made so far; rejects if one of them was refused. */
  async finish(): Promise<void> {
    await this.turns.take(() => {});
    const { current } = this;
    await current.finish();
  }

  /**
   * Milliseconds that the GPU spends in the calls that `work` makes and awaits, by its own clock; undefined where
   * it has none (WebGPU’s feature `timestamp-query`).
   */
  async gpuTime(work: () => Promise<unknown>): Promise<number | undefined> {
    return gpuTime(await this.context(), work);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.current.close(!this.options.device);
  }
}

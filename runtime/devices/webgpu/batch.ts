// Commands on their way to the GPU: the dispatches of many calls in one encoder, submitted together. Uniforms of all
// calls lie in one buffer, written just before. Buffers that a call gave up go back to their pool with the submission:
// until then, a write from the host would come before the commands that use them.

import type { KernError } from "../../error.ts";
import { Outcome } from "./outcome.ts";

/** Bytes of the buffer that holds the uniforms of a batch. */
export const uniformBytes = 65536;

/** Dispatches after which a batch is submitted, so that the GPU begins while more is encoded. */
const maxDispatches = 128;

/** Where the timestamps of a pass go. */
export type TimestampWrites = () => GPUComputePassTimestampWrites | undefined;

export class Batch {
  readonly outcome = new Outcome();
  private readonly gpu: GPUDevice;
  private readonly encoder: GPUCommandEncoder;
  private readonly uniforms: GPUBuffer;
  private readonly words = new Uint8Array(uniformBytes);
  private readonly checks: Promise<KernError | undefined>[] = [];
  private readonly afterwards: (() => void)[] = [];
  private pass: GPUComputePassEncoder | undefined;
  private used = 0;
  private dispatches = 0;

  constructor(gpu: GPUDevice, uniforms: GPUBuffer) {
    this.gpu = gpu;
    this.uniforms = uniforms;
    this.encoder = gpu.createCommandEncoder();
  }

  /** Whether a call with so many bytes of uniform has room. */
  hasRoom(bytes: number): boolean {
    return this.dispatches < maxDispatches && this.used + bytes <= uniformBytes;
  }

  /** A place for a call's uniform. */
  uniform(words: Uint8Array): GPUBufferBinding {
    const offset = this.used;
    this.words.set(words, offset);
    const { minUniformBufferOffsetAlignment: step } = this.gpu.limits;
    this.used = Math.ceil((offset + words.byteLength) / step) * step;
    return { buffer: this.uniforms, offset, size: words.byteLength };
  }

  /** A call's dispatches; those of neighbouring calls share a pass unless each is timed. */
  dispatch(timestamps: TimestampWrites | undefined, encode: (pass: GPUComputePassEncoder) => void): void {
    if (timestamps) this.endPass();
    this.pass ??= this.encoder.beginComputePass({ timestampWrites: timestamps?.() });
    encode(this.pass);
    this.dispatches++;
    if (timestamps) this.endPass();
  }

  clear(buffer: GPUBuffer, bytes: number): void {
    this.endPass();
    this.encoder.clearBuffer(buffer, 0, bytes);
  }

  copy(source: GPUBuffer, from: number, target: GPUBuffer, to: number, bytes: number): void {
    this.endPass();
    this.encoder.copyBufferToBuffer(source, from, target, to, bytes);
  }

  resolve(queries: GPUQuerySet, count: number, target: GPUBuffer): void {
    this.endPass();
    this.encoder.resolveQuerySet(queries, 0, count, target, 0);
  }

  /** An error that shows later makes the whole batch fail. */
  expect(check: Promise<KernError | undefined>): void {
    this.checks.push(check);
  }

  /** Is done once the commands are submitted. */
  after(action: () => void): void {
    this.afterwards.push(action);
  }

  /** Hands everything to the queue. `refused` makes an error of what WebGPU says against it. */
  submit(refused: (error: GPUError) => KernError): void {
    const { gpu } = this;
    this.endPass();
    gpu.pushErrorScope("internal");
    gpu.pushErrorScope("out-of-memory");
    gpu.pushErrorScope("validation");
    const commands = this.encoder.finish();
    if (this.used > 0) gpu.queue.writeBuffer(this.uniforms, 0, this.words, 0, Math.ceil(this.used / 4) * 4);
    gpu.queue.submit([commands]);
    for (let scope = 0; scope < 3; scope++)
      this.checks.push(gpu.popErrorScope().then((error) => (error ? refused(error) : undefined)));
    for (const action of this.afterwards) action();
    void Promise.all(this.checks).then(
      (errors) => this.outcome.end(errors.find((error) => error)),
      // The scopes of a lost device; reading from it says so.
      () => this.outcome.end(),
    );
  }

  private endPass(): void {
    this.pass?.end();
    this.pass = undefined;
  }
}

// One GPUDevice with everything that dies with it: pools, shader modules, tensors, the commands not yet submitted. When
// it is lost the Kern device makes another.

import { kernError, type KernError } from "../../error.ts";
import { Batch, uniformBytes, type TimestampWrites } from "./batch.ts";
import { bufferUsage, mapModeRead } from "./constants.ts";
import { doubtful, type Outcome } from "./outcome.ts";
import { BufferPool } from "./pool.ts";
import type { Opened } from "./adapter.ts";
import type { Program } from "./program.ts";

const { mapRead, copySrc, copyDst, uniform, storage } = bufferUsage;

export class GpuContext {
  readonly gpu: GPUDevice;
  readonly language: readonly string[];
  /** Buffers of tensors, scratch and status words. */
  readonly buffers: BufferPool;
  /** Buffers that the host reads from. */
  readonly staging: BufferPool;
  /** Compiled modules by their text. */
  readonly programs = new Map<string, Program>();
  /** Set while calls are measured. */
  timestamps: TimestampWrites | undefined;
  /** Why nothing works any more. */
  lost: KernError | undefined;
  /** What WebGPU says of a lost device. */
  reason = "no reason was given";
  /** Submissions so far, for tests and the curious. */
  submissions = 0;
  /** Calls that are about to encode something: the batch waits for them. */
  active = 0;
  private readonly uniforms: BufferPool;
  private batch: Batch | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ device, language }: Opened) {
    this.gpu = device;
    this.language = language;
    this.buffers = new BufferPool(device, storage | copySrc | copyDst);
    this.staging = new BufferPool(device, mapRead | copyDst);
    this.uniforms = new BufferPool(device, uniform | copyDst);
    void device.lost.then(({ message }) => this.lose(message));
  }

  /** From now on everything fails with this reason. */
  lose(why: string): void {
    this.reason = why || this.reason;
    this.lost ??= kernError("K0726", { what: "the GPU device", why: this.reason });
    clearTimeout(this.timer);
    this.batch?.outcome.end(this.lost);
    this.batch = undefined;
  }

  /** Encodes something into the open batch, or into a new one if that has no room for a uniform of so many bytes. */
  async encode<T>(bytes: number, action: (batch: Batch) => T): Promise<T> {
    for (;;) {
      if (this.batch && !this.batch.hasRoom(bytes)) this.submit();
      // From here to the action nobody else has a turn.
      this.batch ??= this.newBatch();
      if (this.batch) return action(this.batch);
      const buffer = await this.uniforms.take(uniformBytes, "the uniforms of calls");
      this.uniforms.give(buffer);
    }
  }

  private newBatch(): Batch | undefined {
    const uniforms = this.uniforms.reuse(uniformBytes);
    if (!uniforms) return undefined;
    const batch = new Batch(this.gpu, uniforms);
    batch.after(() => this.uniforms.give(uniforms));
    return batch;
  }

  /** Sends what is encoded to the GPU now. */
  submit(): Outcome | undefined {
    const { batch } = this;
    if (!batch) return undefined;
    this.batch = undefined;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.submissions++;
    batch.submit((error) => kernError("K0727", { what: "the commands of a kernel", why: firstLine(error) }));
    return batch.outcome;
  }

  /** Sends it when the program next waits for something else than kernels. */
  submitSoon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (this.active > 0) this.submitSoon();
      else this.submit();
    }, 0);
  }

  /** Gives a buffer up: to the pool, when the commands that use it are on their way. */
  release(buffer: GPUBuffer): void {
    if (this.lost) return;
    if (this.batch) this.batch.after(() => this.buffers.give(buffer));
    else this.buffers.give(buffer);
  }

  /** Bytes [start, end) of a buffer, both multiples of 4, once everything that was submitted before is done. */
  async read(
    buffer: GPUBuffer,
    start: number,
    end: number,
    outcomes: readonly Outcome[],
  ): Promise<Uint8Array> {
    if (this.lost) throw this.lost;
    const bytes = end - start;
    const staging = await this.staging.take(bytes, "what is read back");
    const { outcome } = await this.encode(0, (batch) => {
      batch.copy(buffer, start, staging, 0, bytes);
      this.submit();
      return batch;
    });
    try {
      await staging.mapAsync(mapModeRead, 0, bytes);
    } catch (error) {
      // The reason for a loss may be told a moment later.
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (this.lost) throw this.lost;
      await outcome.check();
      throw error;
    }
    const result = new Uint8Array(staging.getMappedRange(0, bytes)).slice();
    staging.unmap();
    this.staging.give(staging);
    for (const each of doubtful([outcome, ...outcomes])) await each.check();
    if (this.lost) throw this.lost;
    return result;
  }

  /** Waits until everything submitted is done, and throws what was refused. */
  async finish(): Promise<void> {
    const outcome = this.submit();
    await this.gpu.queue.onSubmittedWorkDone();
    await outcome?.check();
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (this.lost) throw this.lost;
  }

  /** Ends it: the application’s own device lives on. */
  close(own: boolean): void {
    this.submit();
    this.lost ??= kernError("K0713", { what: "the device" });
    if (own) this.gpu.destroy();
  }
}

/** Of an error's words, those that say what is wrong; the rest describes the objects involved. */
export function firstLine({ message }: { readonly message: string }): string {
  return message.trim().split("\n")[0]!.trim();
}

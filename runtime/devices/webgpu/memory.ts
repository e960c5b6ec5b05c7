// Tensors on the GPU: a storage is a GPUBuffer, one of a pool or one that the application owns, and what is known of the
// work that wrote to it.

import { kernError } from "../../error.ts";
import type { Storage } from "../../tensor/storage.ts";
import { bufferUsage } from "./constants.ts";
import type { GpuContext } from "./context.ts";
import { doubtful, type Outcome } from "./outcome.ts";

/** Buffers of tensors that nobody holds any more come back, some time. `dispose()` is sooner. */
const forgotten = new FinalizationRegistry<{ context: GpuContext; buffer: GPUBuffer }>(
  ({ context, buffer }) => context.release(buffer),
);

export class GpuStorage implements Storage {
  readonly device: object;
  readonly context: GpuContext;
  readonly buffer: GPUBuffer;
  readonly byteLength: number;
  /** The application's own buffer: never reused, never destroyed. */
  readonly foreign: boolean;
  disposed = false;
  /** The work that its content depends on, as far as it isn't known to have gone well. */
  outcomes: readonly Outcome[] = [];

  constructor(device: object, context: GpuContext, buffer: GPUBuffer, byteLength: number, foreign = false) {
    this.device = device;
    this.context = context;
    this.buffer = buffer;
    this.byteLength = byteLength;
    this.foreign = foreign;
    if (!foreign) forgotten.register(this, { context, buffer }, this);
  }

  /** Throws if its content is known to be none. */
  check(what: string): void {
    if (this.disposed) throw kernError("K0713", { what });
    const { lost } = this.context;
    if (lost?.code === "K0713") throw kernError("K0713", { what: `${what}’s device` });
    if (lost) throw kernError("K0726", { what, why: lost.diagnostic.message });
    for (const { state } of this.outcomes) if (typeof state === "object") throw state;
  }

  /** Work writes to it now. What it held before counts unless all of it is replaced. */
  wrote(outcomes: readonly Outcome[], whole: boolean): void {
    this.outcomes = doubtful(whole ? outcomes : [...this.outcomes, ...outcomes]);
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    this.check("the tensor");
    if (this.foreign && !(this.buffer.usage & bufferUsage.copySrc))
      throw kernError("K0727", {
        what: "reading this buffer",
        why: "it was made without GPUBufferUsage.COPY_SRC",
      });
    const first = start - (start % 4);
    const last = Math.min(Math.ceil(end / 4) * 4, this.buffer.size);
    const bytes = await this.context.read(this.buffer, first, last, this.outcomes);
    return bytes.subarray(start - first, end - first);
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    if (this.foreign) return;
    forgotten.unregister(this);
    this.context.release(this.buffer);
  }
}

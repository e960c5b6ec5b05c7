// GPU buffers of one usage, kept for the next one who needs the size. Sizes go up in steps of a quarter, so that
// tensors of similar sizes share buffers. Freshly made ones are asked whether there was memory for them.

import { kernError } from "../../error.ts";

/** Bytes of buffers kept for later; beyond that, those unused for longest are given up. */
const keptBytes = 256 * 2 ** 20;
const smallest = 256;

export class BufferPool {
  /** Buffers made so far, for tests and the curious. */
  made = 0;
  private readonly gpu: GPUDevice;
  private readonly usage: number;
  /** In the order in which they came back. */
  private readonly free = new Set<GPUBuffer>();
  private freeBytes = 0;

  constructor(gpu: GPUDevice, usage: number) {
    this.gpu = gpu;
    this.usage = usage;
  }

  /** A buffer of at least so many bytes, whatever it contains. `what` is named if there is no room. */
  async take(bytes: number, what: string): Promise<GPUBuffer> {
    const { maxBufferSize } = this.gpu.limits;
    if (bytes > maxBufferSize)
      throw kernError(
        "K0712",
        { what, bytes },
        { notes: [`a buffer of this GPU has at most ${maxBufferSize.toLocaleString("en")} bytes`] },
      );
    const size = Math.min(roundUp(bytes), maxBufferSize - (maxBufferSize % 4));
    const known = this.reuse(size);
    if (known) return known;
    const fresh = await this.make(size);
    if (fresh) return fresh;
    // Registries run between tasks: gives the dead a chance to be noticed before memory is called full.
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.shrink(0);
    const again = this.reuse(size) ?? (await this.make(size));
    if (!again) throw kernError("K0712", { what, bytes });
    return again;
  }

  /** Takes a buffer back. Commands that use it must have been submitted. */
  give(buffer: GPUBuffer): void {
    this.free.add(buffer);
    this.freeBytes += buffer.size;
    this.shrink(keptBytes);
  }

  /** A buffer of exactly this size, if there is one. */
  reuse(size: number): GPUBuffer | undefined {
    for (const buffer of this.free)
      if (buffer.size === size) {
        this.free.delete(buffer);
        this.freeBytes -= size;
        return buffer;
      }
    return undefined;
  }

  private async make(size: number): Promise<GPUBuffer | undefined> {
    const { gpu, usage } = this;
    this.made++;
    gpu.pushErrorScope("validation");
    gpu.pushErrorScope("out-of-memory");
    let buffer: GPUBuffer | undefined;
    try {
      buffer = gpu.createBuffer({ size, usage });
    } catch {
      // Some implementations throw where others report.
    }
    const errors = await Promise.all([gpu.popErrorScope(), gpu.popErrorScope()]).catch(() => []);
    if (!errors.some((error) => error)) return buffer;
    buffer?.destroy();
    return undefined;
  }

  private shrink(limit: number): void {
    for (const buffer of this.free) {
      if (this.freeBytes <= limit) return;
      this.free.delete(buffer);
      this.freeBytes -= buffer.size;
      buffer.destroy();
    }
  }
}

/** The next size in steps of a quarter of a power of two, a multiple of 256. */
function roundUp(bytes: number): number {
  if (bytes <= smallest) return smallest;
  const step = Math.max(2 ** (Math.floor(Math.log2(bytes - 1)) - 2), smallest);
  return Math.ceil(bytes / step) * step;
}

// The one linear memory of a WASM device, and storages in it. Memory of tensors that nobody holds any more comes
// back through a FinalizationRegistry, sooner through `dispose()`.

import { kernError } from "../../error.ts";
import type { Storage } from "../../tensor/storage.ts";
import { Allocator } from "./allocator.ts";

const pageBytes = 65536;
/** 4 GiB. Engines reserve the addresses only. */
const maxPages = 65536;

/**
 * A linear memory that another module owns, and its allocator. Blocks must start at multiples of 8, above the first 64 KiB, and at least
 * 16 bytes of the memory lie behind each, since vector loads may read past the end.
 */
export interface Heap {
  readonly memory: WebAssembly.Memory;
  /** The address of `bytes` bytes; undefined if there is no room. */
  allocate(bytes: number): number | undefined;
  release(start: number): void;
}

export class DeviceMemory {
  readonly wasm: WebAssembly.Memory;
  readonly shared: boolean;
  private readonly allocator: Pick<Heap, "allocate" | "release"> & { readonly used?: number };
  private readonly lost = new FinalizationRegistry<number>((start) => this.allocator.release(start));
  private cached: Uint8Array | undefined;
  closed = false;

  /** A memory of its own, shared or not, or one that is there. */
  constructor(kind: boolean | Heap) {
    if (typeof kind === "object") {
      this.wasm = kind.memory;
      this.shared = !(kind.memory.buffer instanceof ArrayBuffer);
      this.allocator = kind;
      return;
    }
    const shared = (this.shared = kind);
    const initial = 16;
    this.wasm = new WebAssembly.Memory(shared ? { initial, maximum: maxPages, shared } : { initial });
    this.allocator = new Allocator(initial * pageBytes, (bytes) => this.grow(bytes));
  }

  /** All bytes, valid until the memory grows the next time. */
  get bytes(): Uint8Array {
    const buffer = this.wasm.buffer;
    if (this.cached?.buffer !== buffer) this.cached = new Uint8Array(buffer);
    return this.cached!;
  }

  /** Bytes handed out now, where that is counted here. */
  get used(): number {
    return this.allocator.used ?? 0;
  }

  /** A storage of its own for a tensor. */
  async allocate(byteLength: number, what: string, device: object): Promise<DeviceStorage> {
    const start = this.reserve(byteLength) ?? (await this.afterCollection(byteLength));
    return this.storage(start, byteLength, what, device);
  }

  /** The same without waiting for the garbage collector where there is no room. */
  allocateSync(byteLength: number, what: string, device: object): DeviceStorage {
    return this.storage(this.reserve(byteLength), byteLength, what, device);
  }

  private storage(
    start: number | undefined,
    byteLength: number,
    what: string,
    device: object,
  ): DeviceStorage {
    if (start === undefined) throw kernError("K0712", { what, bytes: byteLength });
    const storage = new DeviceStorage(this, device, start, byteLength);
    this.lost.register(storage, start, storage);
    return storage;
  }

  /** Bytes that someone else owns, as a storage that gives nothing back. */
  borrow(start: number, byteLength: number, device: object): DeviceStorage {
    return new DeviceStorage(this, device, start, byteLength, true);
  }

  /** An address without an owner; undefined if there is no room. */
  reserve(bytes: number): number | undefined {
    if (this.closed) throw kernError("K0713", { what: "the device" });
    return this.allocator.allocate(bytes);
  }
  /** The same, or an error that says for what there is no room. */
  block(bytes: number, what: string): number {
    const start = this.reserve(bytes);
    if (start === undefined) throw kernError("K0712", { what, bytes });
    return start;
  }
  release(start: number): void {
    this.allocator.release(start);
  }
  forget(storage: DeviceStorage): void {
    this.lost.unregister(storage);
    this.allocator.release(storage.pointer);
  }
  /** The block becomes someone else's, who gives it back to the allocator. */
  surrender(storage: DeviceStorage): void {
    this.lost.unregister(storage);
  }

  /** Registries run between tasks: gives the dead a chance to be noticed before memory is called full. */
  private async afterCollection(bytes: number): Promise<number | undefined> {
    await new Promise((resolve) => setTimeout(resolve, 0));
    return this.reserve(bytes);
  }

  private grow(bytes: number): number | undefined {
    const length = this.wasm.buffer.byteLength;
    const needed = Math.ceil((bytes + 128) / pageBytes);
    const room = maxPages - length / pageBytes;
    // A quarter more than needed saves growing again at once; where that is too much, exactly what is needed.
    for (const pages of [Math.max(needed, Math.floor(length / pageBytes / 4)), needed]) {
      if (pages > room) continue;
      try {
        this.wasm.grow(pages);
        return this.wasm.buffer.byteLength;
      } catch {
        // The machine doesn't have it.
      }
    }
    return undefined;
  }
}

export class DeviceStorage implements Storage {
  readonly device: object;
  readonly pointer: number;
  readonly byteLength: number;
  disposed = false;
  private readonly memory: DeviceMemory;
  private readonly borrowed: boolean;

  constructor(memory: DeviceMemory, device: object, pointer: number, byteLength: number, borrowed = false) {
    this.memory = memory;
    this.borrowed = borrowed;
    this.device = device;
    this.pointer = pointer;
    this.byteLength = byteLength;
  }

  read(start: number, end: number): Uint8Array {
    if (this.disposed) throw kernError("K0713", { what: "the tensor" });
    if (this.memory.closed) throw kernError("K0713", { what: "the tensor’s device" });
    return this.memory.bytes.subarray(this.pointer + start, this.pointer + end);
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    if (!this.borrowed) this.memory.forget(this);
  }

  /** Hands the memory over: its address, and from now on this storage is none. */
  surrender(): number {
    this.disposed = true;
    this.memory.surrender(this);
    return this.pointer;
  }
}

/** Scratch that is kept from call to call and grows with the largest need. */
export class Scratch {
  private readonly memory: DeviceMemory;
  private block: { readonly start: number; readonly bytes: number } | undefined;

  constructor(memory: DeviceMemory) {
    this.memory = memory;
  }

  /** The address of at least `bytes` bytes, until it is asked for the next time. */
  at(bytes: number): number {
    if (this.block && this.block.bytes >= bytes) return this.block.start;
    if (this.block) this.memory.release(this.block.start);
    this.block = undefined;
    const start = this.memory.reserve(bytes);
    if (start === undefined) throw kernError("K0712", { what: "the scratch of a call", bytes });
    this.block = { start, bytes };
    return start;
  }
}

// The WASM device: one linear memory for tensors and scratch, modules instantiated over it, and threads that share
// each parallel phase. A call allocates its results and whatever must be copied in, and nothing else.

import type { KernelArtifact } from "../../../compiler/artifact.ts";
import type { BoundCall } from "../../call/bind.ts";
import type { Backend, Executable, Instance, Kernels } from "../../device.ts";
import { kernError } from "../../error.ts";
import { loadKernels } from "../../load.ts";
import { artifactOf, type KernelSource } from "../../source.ts";
import { contiguousStrides } from "../../tensor/layout.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { DeviceMemory, type DeviceStorage } from "./memory.ts";
import { wasmFeatures } from "./features.ts";
import { fitMemoryImport } from "./module.ts";
import type { WorkerPool } from "./pool.ts";
import { KernelRunner, type Machine } from "./runner.ts";
import { argKinds } from "./launch.ts";
import { Turns } from "../turns.ts";

/** The control block of the workers has room for so many. */
const maxThreads = 64;

export interface WasmOptions {
  /** Threads that share parallel phases, the calling one included. */
  readonly threads?: number;
  /** Calls that touch fewer elements run on the calling thread alone. */
  readonly serialBelow?: number;
}

/** Opens a WASM device. */
export async function openWasmDevice(options: WasmOptions = {}): Promise<WasmDevice> {
  const { threads = 1, serialBelow = 4096 } = options;
  if (!Number.isInteger(threads) || threads < 1 || threads > maxThreads)
    throw kernError("K0719", {
      option: "threads",
      expected: `a whole number from 1 to ${maxThreads}`,
      given: String(threads),
    });
  if (threads > 1 && typeof SharedArrayBuffer === "undefined")
    throw kernError(
      "K0719",
      { option: "threads", expected: "1 on this page", given: String(threads) },
      { notes: ["threads need shared memory, which a page has only when it is cross-origin isolated"] },
    );
  const pool = threads > 1 ? await startPool(threads) : undefined;
  return new WasmDevice(new DeviceMemory(threads > 1), pool, serialBelow);
}

/** Loaded only by those who want threads. */
async function startPool(threads: number): Promise<WorkerPool> {
  const { WorkerPool } = await import("./pool.ts");
  const pool = new WorkerPool(threads);
  await pool.start();
  return pool;
}

export class WasmDevice implements Backend, Machine {
  readonly name = "wasm";
  readonly features = wasmFeatures();
  readonly compileOptions = {
    target: "wasm",
    // Code for threads runs on any number of them.
    features: ["threads", ...this.features.filter((name) => name !== "threads" && name !== "simd128")],
  } as const;
  readonly memory: DeviceMemory;
  readonly pool: WorkerPool | undefined;
  readonly serialBelow: number;
  readonly turns = new Turns();
  private scratchBlock: { start: number; bytes: number } | undefined;
  private kernelCount = 0;

  constructor(memory: DeviceMemory, pool: WorkerPool | undefined, serialBelow: number) {
    this.memory = memory;
    this.pool = pool;
    this.serialBelow = serialBelow;
  }

  get threads(): number {
    return this.pool?.threads ?? 1;
  }

  async load(source: KernelSource): Promise<Kernels> {
    if (this.memory.closed) throw kernError("K0713", { what: "the device" });
    return loadKernels(source, this);
  }

  async instances(source: KernelSource): Promise<readonly Instance[]> {
    const { code, kernels } = artifactOf(source, "wasm", this.features);
    if (typeof code === "string")
      throw kernError("K0714", { why: "the code is text, not a WebAssembly module" });
    this.refuseFeatures(kernels);
    let module: WebAssembly.Module;
    let instance: WebAssembly.Instance;
    try {
      module = await WebAssembly.compile(
        fitMemoryImport(code, this.memory.shared) as Uint8Array<ArrayBuffer>,
      );
      instance = await WebAssembly.instantiate(module, { env: { memory: this.memory.wasm } });
    } catch (error) {
      if (!(error instanceof WebAssembly.CompileError || error instanceof WebAssembly.LinkError)) throw error;
      throw kernError("K0714", { why: `the engine refuses the module: ${error.message}` });
    }
    const first = this.kernelCount;
    this.kernelCount += kernels.length;
    const message = {
      module,
      memory: this.memory.wasm,
      kernels: kernels.map(({ signature }, n) => ({
        id: first + n,
        name: signature.instance,
        kinds: argKinds(signature),
      })),
    };
    const { pool } = this;
    if (pool) await this.turns.take(() => pool.load(message));
    return kernels.map((kernel, n) => ({
      signature: kernel.signature,
      features: kernel.launch.features,
      run: this.executable(kernel, instance, first + n),
    }));
  }

  /** Says what the engine lacks, in better words than it has itself. */
  private refuseFeatures(kernels: readonly KernelArtifact[]): void {
    const known: readonly string[] = this.features;
    // Code for threads runs without them too, over memory that isn't shared.
    for (const { signature, launch } of kernels)
      for (const feature of launch.features)
        if (feature !== "threads" && !known.includes(feature))
          throw kernError("K0714", {
            why: `\`${signature.instance}\` needs ${feature}, which this engine doesn’t have`,
          });
  }

  private executable(kernel: KernelArtifact, instance: WebAssembly.Instance, id: number): Executable {
    const { instance: name } = kernel.signature;
    const run = instance.exports[name];
    if (kernel.launch.kind !== "wasm" || typeof run !== "function")
      throw kernError("K0714", { why: `the module has no kernel \`${name}\`` });
    const runner = new KernelRunner(
      this,
      kernel.signature,
      kernel.launch,
      run as (...args: unknown[]) => number,
      id,
    );
    return (call: BoundCall) => runner.run(call);
  }

  async upload(tensor: Tensor): Promise<Tensor> {
    const data = await tensor.data();
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const storage = await this.allocate(bytes.byteLength, `a copy of a ${tensor}`);
    this.memory.bytes.set(bytes, storage.pointer);
    const { shape, dtype } = tensor;
    return new Tensor(storage, dtype, { shape, strides: contiguousStrides(shape), offset: 0 });
  }

  allocate(bytes: number, what: string): Promise<DeviceStorage> {
    return this.memory.allocate(bytes, what, this);
  }

  /** Scratch that is kept from call to call and grows with the largest need. */
  scratch(bytes: number): number {
    if (this.scratchBlock && this.scratchBlock.bytes >= bytes) return this.scratchBlock.start;
    if (this.scratchBlock) this.memory.release(this.scratchBlock.start);
    this.scratchBlock = undefined;
    const start = this.memory.reserve(bytes);
    if (start === undefined) throw kernError("K0712", { what: "the scratch of a call", bytes });
    this.scratchBlock = { start, bytes };
    return start;
  }

  close(): void {
    this.memory.closed = true;
    this.pool?.close();
  }
}

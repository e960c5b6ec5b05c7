// The WASM device: one linear memory for tensors and scratch, modules instantiated over it, and threads that share
// each parallel phase. A call allocates its results and whatever must be copied in, and nothing else.

import type { KernelArtifact } from "../../../compiler/artifact.ts";
import type { Backend, Instance, Kernels } from "../../device.ts";
import { kernError } from "../../error.ts";
import { loadKernels } from "../../load.ts";
import { artifactOf, type KernelSource } from "../../source.ts";
import { dtypeInfo, type Dtype } from "../../../lang/dtypes.ts";
import { contiguousStrides, sizeOf } from "../../tensor/layout.ts";
import { bytesIn, bytesOf, HostStorage, type TypedArray } from "../../tensor/storage.ts";
import { checkTensor, Tensor } from "../../tensor/tensor.ts";
import { DeviceMemory, DeviceStorage, Scratch, type Heap } from "./memory.ts";
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
  /** The linear memory of another module to work in, with one thread: `wrap` makes tensors of what lies there. */
  readonly heap?: Heap;
}

/** Opens a WASM device. */
export async function openWasmDevice(options: WasmOptions = {}): Promise<WasmDevice> {
  const { threads = 1, serialBelow = 4096, heap } = options;
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
  if (heap && threads > 1)
    throw kernError("K0719", { option: "threads", expected: "1 beside `heap`", given: String(threads) });
  const pool = threads > 1 ? await startPool(threads) : undefined;
  return new WasmDevice(new DeviceMemory(heap ?? threads > 1), pool, serialBelow);
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
  readonly scratch: Scratch;
  readonly syncScratch: Scratch;
  private kernelCount = 0;

  constructor(memory: DeviceMemory, pool: WorkerPool | undefined, serialBelow: number) {
    this.memory = memory;
    this.pool = pool;
    this.serialBelow = serialBelow;
    this.scratch = new Scratch(memory);
    this.syncScratch = new Scratch(memory);
  }

  get threads(): number {
    return this.pool?.threads ?? 1;
  }

  async load(source: KernelSource): Promise<Kernels> {
    if (this.memory.closed) throw kernError("K0713", { what: "the device" });
    return loadKernels(source, this);
  }

  async instances(source: KernelSource): Promise<readonly Instance[]> {
    const { code, kernels } = this.loadable(source);
    let module: WebAssembly.Module;
    let instance: WebAssembly.Instance;
    try {
      module = await WebAssembly.compile(code);
      instance = await WebAssembly.instantiate(module, this.imports);
    } catch (error) {
      throw refusal(error);
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
    return kernels.map((kernel, n) => this.loaded(kernel, instance, first + n));
  }

  /** The same without waiting: such instances run on the calling thread alone. */
  instancesSync(source: KernelSource): readonly Instance[] {
    const { code, kernels } = this.loadable(source);
    let instance: WebAssembly.Instance;
    try {
      instance = new WebAssembly.Instance(new WebAssembly.Module(code), this.imports);
    } catch (error) {
      throw refusal(error);
    }
    return kernels.map((kernel) => this.loaded(kernel, instance, undefined));
  }

  private get imports(): WebAssembly.Imports {
    return { env: { memory: this.memory.wasm } };
  }

  /** The module of a source, fit for this memory and this engine. */
  private loadable(source: KernelSource): {
    code: Uint8Array<ArrayBuffer>;
    kernels: readonly KernelArtifact[];
  } {
    const { code, kernels } = artifactOf(source, "wasm", this.features);
    if (typeof code === "string")
      throw kernError("K0714", { why: "the code is text, not a WebAssembly module" });
    this.refuseFeatures(kernels);
    return { code: fitMemoryImport(code, this.memory.shared) as Uint8Array<ArrayBuffer>, kernels };
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

  /** An instance that is ready to run; workers know it by `id`, if they do. */
  private loaded(
    kernel: KernelArtifact,
    { exports }: WebAssembly.Instance,
    id: number | undefined,
  ): Instance {
    const { signature, launch } = kernel;
    const code = exports[signature.instance];
    if (launch.kind !== "wasm" || typeof code !== "function")
      throw kernError("K0714", { why: `the module has no kernel \`${signature.instance}\`` });
    const runner = new KernelRunner(this, signature, launch, code as (...args: unknown[]) => number, id);
    return {
      signature,
      features: launch.features,
      run: (call) => runner.run(call),
      runSync: (call) => runner.runSync(call),
      bind: (call) => runner.bind(call),
      addressed: (call) => runner.addressed(call),
    };
  }

  write(target: Tensor, source: Tensor): Promise<void> | void {
    const { dtype, offset, size, storage } = source;
    const { pointer } = target.storage as DeviceStorage;
    const start = pointer + bytesOf(target.dtype, target.offset);
    // Without a copy in between where the elements lie as they are wanted.
    const seen =
      storage instanceof HostStorage || (storage instanceof DeviceStorage && storage.device === this);
    if (seen && isWhole(source)) {
      this.memory.bytes.set(storage.read(bytesOf(dtype, offset), bytesOf(dtype, offset + size)), start);
      return;
    }
    const put = (found: TypedArray): void => this.memory.bytes.set(bytesIn(found), start);
    const elements = source.elements();
    return elements instanceof Promise ? elements.then(put) : put(elements);
  }

  async upload(tensor: Tensor): Promise<Tensor> {
    checkTensor("upload", tensor);
    const { shape, dtype, offset, size, storage: from } = tensor;
    const what = `a copy of a ${tensor}`;
    let storage;
    if (from instanceof DeviceStorage && from.device === this && isWhole(tensor)) {
      storage = await this.allocate(bytesOf(dtype, size), what);
      // From here to there at once, seen as they are when there is room.
      const bytes = from.read(bytesOf(dtype, offset), bytesOf(dtype, offset + size));
      this.memory.bytes.set(bytes, storage.pointer);
    } else {
      const bytes = bytesIn(await tensor.data());
      storage = await this.allocate(bytes.byteLength, what);
      this.memory.bytes.set(bytes, storage.pointer);
    }
    return new Tensor(storage, dtype, { shape, strides: contiguousStrides(shape), offset: 0 });
  }

  /** A tensor of elements that lie at an address of the memory, in row-major order. Whoever owns them keeps them; `dispose` leaves them alone. */
  wrap<D extends Dtype>(start: number, shape: readonly number[], dtype: D): Tensor<D> {
    const storage = this.memory.borrow(start, bytesOf(dtype, sizeOf(shape)), this);
    return new Tensor(storage, dtype, { shape, strides: contiguousStrides(shape), offset: 0 });
  }

  allocate(bytes: number, what: string): Promise<DeviceStorage> {
    return this.memory.allocate(bytes, what, this);
  }

  allocateSync(bytes: number, what: string): DeviceStorage {
    return this.memory.allocateSync(bytes, what, this);
  }

  close(): void {
    this.memory.closed = true;
    this.pool?.close();
  }
}

/** Elements lie one behind the other from a byte on; those of less than a byte may begin within one. */
const isWhole = (tensor: Tensor): boolean => tensor.isContiguous && dtypeInfo(tensor.dtype).bits >= 8;

/** An engine's refusal of a module, in our words; anything else as it is. */
function refusal(error: unknown): unknown {
  if (!(error instanceof WebAssembly.CompileError || error instanceof WebAssembly.LinkError)) return error;
  return kernError("K0714", { why: `the engine refuses the module: ${error.message}` });
}

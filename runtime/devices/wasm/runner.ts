// Runs one kernel instance on the WASM device: places the tensors, builds the argument list, goes through the
// phases, and hands out the results, or none if an assert failed.

import { evaluateShape, type Signature, type WasmLaunch } from "../../../compiler/artifact.ts";
import { dtypeInfo } from "../../../lang/dtypes.ts";
import { workOf, type BoundCall, type BoundTensor } from "../../call/bind.ts";
import { kernError, spanOfPlace, type KernError } from "../../error.ts";
import { copyElements, gather } from "../../tensor/copy.ts";
import {
  contiguousStrides,
  isContiguous,
  layoutEnd,
  passedStrides,
  sizeOf,
  type Layout,
} from "../../tensor/layout.ts";
import { bytesOf, HostStorage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { argKinds } from "./launch.ts";
import { DeviceStorage, type DeviceMemory } from "./memory.ts";
import type { WorkerPool } from "./pool.ts";
import type { Turns } from "../turns.ts";
import type { ArgKind } from "./worker.ts";

/** What a runner needs of its device. */
export interface Machine {
  readonly memory: DeviceMemory;
  readonly pool: WorkerPool | undefined;
  readonly serialBelow: number;
  readonly turns: Turns;
  allocate(bytes: number, what: string): Promise<DeviceStorage>;
  scratch(bytes: number): number;
}

/** A tensor argument in device memory. */
interface Placed {
  readonly bound: BoundTensor;
  readonly storage: DeviceStorage;
  /** In the storage, in elements. */
  readonly layout: Layout;
  /** Made for this call: released after it, unless it is a result. */
  readonly temporary: boolean;
}

/** Calls during which long phases go in pieces, so that optimised code is taken up early. */
const warmCalls = 8;
const warmPieces = 16;

export class KernelRunner {
  private readonly machine: Machine;
  private readonly signature: Signature;
  private readonly launch: WasmLaunch;
  private readonly code: (...args: unknown[]) => number;
  private readonly id: number;
  private readonly kinds: readonly ArgKind[];
  private readonly args: (number | bigint)[];
  private readonly threaded: boolean;
  private calls = 0;

  constructor(
    machine: Machine,
    signature: Signature,
    launch: WasmLaunch,
    code: (...args: unknown[]) => number,
    id: number,
  ) {
    this.machine = machine;
    this.signature = signature;
    this.launch = launch;
    this.code = code;
    this.id = id;
    this.kinds = argKinds(signature);
    this.args = this.kinds.map((kind) => (kind === "l" ? 0n : 0));
    // Code that wasn't made for threads may update shared elements without care.
    this.threaded = machine.pool !== undefined && launch.features.includes("threads");
  }

  async run(call: BoundCall): Promise<Map<string, Tensor>> {
    const placed: Placed[] = [];
    let done = false;
    try {
      for (const bound of call.tensors) placed.push(await this.place(bound));
      const status = await this.machine.turns.take(() => this.execute(call, placed));
      if (status !== 0) throw this.failure(status);
      done = true;
      return new Map(placed.flatMap((each) => this.result(each)));
    } finally {
      for (const { bound, storage, temporary } of placed)
        if (temporary && !(done && isFreshOut(bound))) storage.dispose();
    }
  }

  // ---- tensors ---------------------------------------------------------------------------------------

  private async place(bound: BoundTensor): Promise<Placed> {
    const { param, tensor, copy } = bound;
    const { shape } = bound.layout;
    const what = `\`${param.name}\` of \`${this.signature.name}\``;
    if (!tensor) {
      const storage = await this.machine.allocate(bytesOf(param.dtype, sizeOf(shape)), what);
      return { bound, storage, layout: rowMajor(shape), temporary: true };
    }
    const packed = dtypeInfo(tensor.dtype).bits < 8;
    const gapless = !copy && isContiguous(bound.layout) && (!packed || bound.layout.offset === 0);
    const here = tensor.storage instanceof DeviceStorage && this.owns(tensor.storage);
    if (here && !copy && (!packed || gapless))
      return { bound, storage: tensor.storage as DeviceStorage, layout: bound.layout, temporary: false };
    if (param.mode !== "in" && !here && !(tensor.storage instanceof HostStorage))
      throw kernError("K0701", {
        kernel: this.signature.name,
        argument: param.name,
        expected: "a tensor on the host or on this device, since it is written to,",
        given: "one on another device",
      });
    return this.copyIn(bound, tensor, gapless, what);
  }

  private owns(storage: DeviceStorage): boolean {
    return storage.device === this.machine;
  }

  /** Copies an argument to the device: as it lies if it is about dense, else element by element in row-major order. */
  private async copyIn(bound: BoundTensor, tensor: Tensor, gapless: boolean, what: string): Promise<Placed> {
    const { dtype } = tensor;
    const { shape } = bound.layout;
    const count = sizeOf(shape);
    const span = layoutEnd(tensor) - tensor.offset;
    const packed = dtypeInfo(dtype).bits < 8;
    const asItLies =
      gapless || (bound.param.mode === "in" && !bound.copy && !packed && span <= 2 * count + 1024);
    if (count === 0) {
      const storage = await this.machine.allocate(0, what);
      return { bound, storage, layout: rowMajor(shape), temporary: true };
    }
    const bytes = asItLies
      ? await tensor.storage.read(bytesOf(dtype, tensor.offset), bytesOf(dtype, layoutEnd(tensor)))
      : await tensor.data();
    const storage = await this.machine.allocate(bytes.byteLength, what);
    this.machine.memory.bytes.set(
      new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      storage.pointer,
    );
    const layout = asItLies ? { ...bound.layout, offset: 0 } : rowMajor(shape);
    return { bound, storage, layout, temporary: true };
  }

  /** The result of an `out` or `mut` tensor; tensors that a copy stood for are brought up to date. */
  private result({ bound, storage, layout, temporary }: Placed): [string, Tensor][] {
    const { param, tensor } = bound;
    if (param.mode === "in") return [];
    if (!tensor) return [[param.name, new Tensor(storage, param.dtype, layout)]];
    if (temporary && tensor.size > 0) {
      const own = tensor.storage;
      const target = own instanceof HostStorage ? own.bytes : (own as DeviceStorage).read(0, own.byteLength);
      const end = bytesOf(tensor.dtype, layoutEnd(layout));
      const source = gather(tensor.dtype, storage.read(0, end), layout);
      const flat = rowMajor(tensor.shape);
      copyElements(tensor.dtype, new Uint8Array(source.buffer), flat, target, tensor);
    }
    return [[param.name, tensor]];
  }

  // ---- execution -------------------------------------------------------------------------------------

  private async execute(call: BoundCall, placed: readonly Placed[]): Promise<number> {
    const { pool } = this.machine;
    const threads = pool?.threads ?? 1;
    const workerBytes = roundUp(evaluateShape(this.launch.workerScratch, call.value));
    const callBytes = roundUp(evaluateShape(this.launch.callScratch, call.value));
    const scratch = this.machine.scratch(workerBytes * threads + callBytes);
    this.fillArguments(call, placed, scratch, scratch + workerBytes * threads);
    const work = workOf(call);
    const shared = this.threaded && work >= this.machine.serialBelow;
    const pieces = this.calls < warmCalls && work >= 65536 ? warmPieces : 1;
    let announced = false;
    for (let phase = 0; phase < this.launch.phases.length; phase++) {
      const { extent, parallel } = this.launch.phases[phase]!;
      const count = parallel ? evaluateShape(extent, call.value) : 1;
      const own = (begin: number, end: number) => this.runShare(phase, begin, end, pieces);
      let status: number;
      if (shared && parallel && count > 1) {
        if (!announced) pool!.setCall(this.id, this.kinds, this.args, workerBytes);
        announced = true;
        status = await this.trapped(() => pool!.runPhase(phase, count, own));
      } else status = await this.trapped(() => own(0, Math.max(count, 0)));
      if (status !== 0) return status;
    }
    this.calls++;
    return 0;
  }

  private fillArguments(
    call: BoundCall,
    placed: readonly Placed[],
    workerScratch: number,
    callScratch: number,
  ): void {
    let at = 0;
    const { args } = this;
    for (const { storage, layout, bound } of placed)
      args[at++] = storage.pointer + bytesOf(bound.param.dtype, layout.offset);
    for (const dim of call.dims) args[at++] = dim;
    for (const { layout } of placed) for (const stride of passedStrides(layout)) args[at++] = stride;
    for (const scalar of call.scalars) args[at++] = scalar;
    args[at++] = workerScratch;
    args[at++] = callScratch;
  }

  private runShare(phase: number, begin: number, end: number, pieces: number): number {
    const { args } = this;
    const last = args.length;
    args[last - 3] = phase;
    const step = Math.max(Math.ceil((end - begin) / pieces), 1);
    for (let at = begin; at < end; at += step) {
      args[last - 2] = at;
      args[last - 1] = Math.min(at + step, end);
      const status = this.code(...args);
      if (status !== 0) return status;
    }
    return 0;
  }

  private async trapped(run: () => number | Promise<number>): Promise<number> {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      throw kernError("K0718", { kernel: this.signature.name, why: error.message });
    }
  }

  private failure(status: number): KernError {
    const kernel = this.signature.name;
    const assert = this.signature.asserts[status - 1];
    if (!assert)
      return kernError("K0718", {
        kernel,
        why: status < 0 ? "a worker trapped" : `it gave the status ${status}`,
      });
    return kernError(
      "K0708",
      { kernel, message: assert.message },
      assert.place ? { span: spanOfPlace(assert.place) } : {},
    );
  }
}

function isFreshOut({ param, tensor }: BoundTensor): boolean {
  return param.mode === "out" && !tensor;
}

function rowMajor(shape: readonly number[]): Layout {
  return { shape, strides: contiguousStrides(shape), offset: 0 };
}

function roundUp(bytes: number): number {
  return Math.ceil(Math.max(bytes, 0) / 16) * 16;
}

// Runs one kernel instance on the WASM device: places the tensors, builds the argument list, goes through the
// phases, and hands out the results, or none if an assert failed.

import { evaluateShape, type Signature, type WasmLaunch } from "../../../compiler/artifact.ts";
import { dtypeInfo } from "../../../lang/dtypes.ts";
import { workOf, type BoundCall, type BoundTensor } from "../../call/bind.ts";
import { kernError, spanOfPlace, type KernError } from "../../error.ts";
import { copyElements, gather } from "../../tensor/copy.ts";
import { isContiguous, layoutEnd, passedStrides, sizeOf, type Layout } from "../../tensor/layout.ts";
import type { AddressedLaunch, BoundLaunch } from "../../device.ts";
import { bytesIn, bytesOf, HostStorage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { argKinds } from "./launch.ts";
import { release, rowMajor, spanOf, type Need, type Placed } from "./placement.ts";
import { DeviceStorage, type DeviceMemory, type Scratch } from "./memory.ts";
import type { WorkerPool } from "./pool.ts";
import type { Turns } from "../turns.ts";
import type { ArgKind } from "./worker.ts";

/** What a runner needs of its device. */
export interface Machine {
  readonly memory: DeviceMemory;
  readonly pool: WorkerPool | undefined;
  readonly serialBelow: number;
  readonly turns: Turns;
  /** Scratch of calls that wait for their turn, and of those that don't: a call may come between two phases of another. */
  readonly scratch: Scratch;
  readonly syncScratch: Scratch;
  allocate(bytes: number, what: string): Promise<DeviceStorage>;
  allocateSync(bytes: number, what: string): DeviceStorage;
}

/** Calls during which long phases go in pieces, so that optimised code is taken up early. */
const warmCalls = 8;
const warmPieces = 16;

export class KernelRunner {
  private readonly machine: Machine;
  private readonly signature: Signature;
  private readonly launch: WasmLaunch;
  private readonly code: (...args: unknown[]) => number;
  private readonly id: number | undefined;
  private readonly kinds: readonly ArgKind[];
  private readonly args: (number | bigint)[];
  private readonly syncArgs: (number | bigint)[];
  private readonly threaded: boolean;
  private calls = 0;

  constructor(
    machine: Machine,
    signature: Signature,
    launch: WasmLaunch,
    code: (...args: unknown[]) => number,
    id: number | undefined,
  ) {
    this.machine = machine;
    this.signature = signature;
    this.launch = launch;
    this.code = code;
    this.id = id;
    this.kinds = argKinds(signature);
    this.args = this.kinds.map((kind) => (kind === "l" ? 0n : 0));
    this.syncArgs = [...this.args];
    // Code that wasn't made for threads may update shared elements without care.
    this.threaded = machine.pool !== undefined && id !== undefined && launch.features.includes("threads");
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
      release(placed, done);
    }
  }

  /** The same without waiting, on the calling thread alone. */
  runSync(call: BoundCall): Map<string, Tensor> {
    const placed: Placed[] = [];
    let done = false;
    try {
      for (const bound of call.tensors) placed.push(this.placeSync(bound));
      const status = this.executeSync(call, placed);
      if (status !== 0) throw this.failure(status);
      done = true;
      return new Map(placed.flatMap((each) => this.result(each)));
    } finally {
      release(placed, done);
    }
  }

  /** A call that runs as often as wanted; undefined if something would have to be copied for it. */
  bind(call: BoundCall): BoundLaunch | undefined {
    const placed = call.tensors.map((bound) => this.needOf(bound));
    if (placed.some((each) => "bytes" in each || (each.bound.param.mode !== "in" && !each.bound.tensor)))
      return undefined;
    if (this.threaded && workOf(call) >= this.machine.serialBelow)
      return () =>
        this.machine.turns.take(async () => this.passed(await this.execute(call, placed as Placed[])));
    const args = [...this.args];
    const bytes = this.fillArguments(args, call, placed as Placed[], this.machine.syncScratch, 1);
    const callBytes = roundUp(evaluateShape(this.launch.callScratch, call.value));
    const counts = this.launch.phases.map((_, phase) => this.countOf(phase, call));
    const work = workOf(call);
    const scratchAt = args.length - 5;
    return () => {
      // Scratch moves when a larger call comes.
      const start = this.machine.syncScratch.at(bytes + callBytes);
      args[scratchAt] = start;
      args[scratchAt + 1] = start + bytes;
      this.passed(this.runPhases(args, counts, work));
    };
  }

  /** Calls of the same shapes, layouts and scalars, on one thread, by the addresses of the storages that tensors lie in. */
  addressed(call: BoundCall): AddressedLaunch | undefined {
    if (call.tensors.some(({ param, copy }) => copy || dtypeInfo(param.dtype).bits < 8)) return undefined;
    const layouts = call.tensors.map(({ tensor, layout }) => (tensor ? layout : rowMajor(layout.shape)));
    const starts = layouts.map((layout, n) => bytesOf(call.tensors[n]!.param.dtype, layout.offset));
    const args = [...this.args];
    const [workerBytes, callBytes] = this.scratchOf(call);
    const scratchAt = this.fillShapes(args, call, layouts);
    const counts = this.launch.phases.map((_, phase) => this.countOf(phase, call));
    const work = workOf(call);
    return (addresses) => {
      for (let n = 0; n < starts.length; n++) args[n] = addresses[n]! + starts[n]!;
      const start = this.machine.syncScratch.at(workerBytes + callBytes);
      args[scratchAt] = start;
      args[scratchAt + 1] = start + workerBytes;
      this.passed(this.runPhases(args, counts, work));
    };
  }

  private passed(status: number): void {
    if (status !== 0) throw this.failure(status);
  }

  // ---- tensors ---------------------------------------------------------------------------------------

  private async place(bound: BoundTensor): Promise<Placed> {
    const need = this.needOf(bound);
    if (!("bytes" in need)) return need;
    const { tensor, asItLies } = need.copy ?? {};
    const bytes =
      tensor && (asItLies ? await tensor.storage.read(...spanOf(tensor)) : bytesIn(await tensor.data()));
    return this.filled(bound, need, await this.machine.allocate(need.bytes, this.what(bound)), bytes);
  }

  private placeSync(bound: BoundTensor): Placed {
    const need = this.needOf(bound);
    if (!("bytes" in need)) return need;
    const { tensor, asItLies } = need.copy ?? {};
    const read = asItLies ? tensor!.storage.read(...spanOf(tensor!)) : undefined;
    // What is elsewhere refuses with its own words.
    const bytes = read instanceof Uint8Array ? read : tensor && bytesIn(tensor.dataSync());
    return this.filled(bound, need, this.machine.allocateSync(need.bytes, this.what(bound)), bytes);
  }

  private what({ param }: BoundTensor): string {
    return `\`${param.name}\` of \`${this.signature.name}\``;
  }

  /** An argument that is in device memory already, or what must come there. */
  private needOf(bound: BoundTensor): Placed | Need {
    const { param, tensor, copy } = bound;
    const { shape } = bound.layout;
    if (!tensor) return { bytes: bytesOf(param.dtype, sizeOf(shape)), layout: rowMajor(shape) };
    const packed = dtypeInfo(tensor.dtype).bits < 8;
    const gapless = !copy && isContiguous(bound.layout) && (!packed || bound.layout.offset === 0);
    const here = tensor.storage instanceof DeviceStorage && tensor.storage.device === this.machine;
    if (here && !copy && (!packed || gapless))
      return { bound, storage: tensor.storage as DeviceStorage, layout: bound.layout, temporary: false };
    if (param.mode !== "in" && !here && !(tensor.storage instanceof HostStorage))
      throw kernError("K0701", {
        kernel: this.signature.name,
        argument: param.name,
        expected: "a tensor on the host or on this device, since it is written to,",
        given: "one on another device",
      });
    const count = sizeOf(shape);
    if (count === 0) return { bytes: 0, layout: rowMajor(shape) };
    // As it lies if it is about dense, else element by element in row-major order.
    const span = layoutEnd(tensor) - tensor.offset;
    const asItLies = gapless || (param.mode === "in" && !copy && !packed && span <= 2 * count + 1024);
    const [start, end] = spanOf(tensor);
    return {
      bytes: asItLies ? end - start : bytesOf(tensor.dtype, count),
      layout: asItLies ? { ...bound.layout, offset: 0 } : rowMajor(shape),
      copy: { tensor, asItLies },
    };
  }

  private filled(
    bound: BoundTensor,
    { layout }: Need,
    storage: DeviceStorage,
    bytes: Uint8Array | undefined,
  ): Placed {
    if (bytes) this.machine.memory.bytes.set(bytes, storage.pointer);
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
    const { args } = this;
    const workerBytes = this.fillArguments(args, call, placed, this.machine.scratch, pool?.threads ?? 1);
    const work = workOf(call);
    const shared = this.threaded && work >= this.machine.serialBelow;
    const pieces = this.piecesOf(work);
    let announced = false;
    for (let phase = 0; phase < this.launch.phases.length; phase++) {
      const count = this.countOf(phase, call);
      const own = (begin: number, end: number) => this.runShare(args, phase, begin, end, pieces);
      let status: number;
      if (shared && this.launch.phases[phase]!.parallel && count > 1) {
        if (!announced) pool!.setCall(this.id!, this.kinds, args, workerBytes);
        announced = true;
        status = await this.trapped(() => pool!.runPhase(phase, count, own));
      } else status = await this.trapped(() => own(0, count));
      if (status !== 0) return status;
    }
    this.calls++;
    return 0;
  }

  private executeSync(call: BoundCall, placed: readonly Placed[]): number {
    const { syncArgs } = this;
    this.fillArguments(syncArgs, call, placed, this.machine.syncScratch, 1);
    const counts = this.launch.phases.map((_, phase) => this.countOf(phase, call));
    return this.runPhases(syncArgs, counts, workOf(call));
  }

  /** All phases on this thread; `counts` are the iterations of their parallel loops. */
  private runPhases(args: (number | bigint)[], counts: readonly number[], work: number): number {
    const pieces = this.piecesOf(work);
    try {
      for (let phase = 0; phase < counts.length; phase++) {
        const status = this.runShare(args, phase, 0, counts[phase]!, pieces);
        if (status !== 0) return status;
      }
    } catch (error) {
      throw this.trap(error);
    }
    this.calls++;
    return 0;
  }

  private piecesOf(work: number): number {
    return this.calls < warmCalls && work >= 65536 ? warmPieces : 1;
  }

  /** Iterations of a phase's parallel loop. */
  private countOf(phase: number, call: BoundCall): number {
    const { extent, parallel } = this.launch.phases[phase]!;
    return parallel ? Math.max(evaluateShape(extent, call.value), 0) : 1;
  }

  /** Fills in all but phase, begin and end; gives the bytes of scratch that each worker has. */
  private fillArguments(
    args: (number | bigint)[],
    call: BoundCall,
    placed: readonly Placed[],
    scratch: Scratch,
    workers: number,
  ): number {
    const [workerBytes, callBytes] = this.scratchOf(call);
    const start = scratch.at(workerBytes * workers + callBytes);
    placed.forEach(({ storage, layout, bound }, at) => {
      args[at] = storage.pointer + bytesOf(bound.param.dtype, layout.offset);
    });
    const at = this.fillShapes(
      args,
      call,
      placed.map(({ layout }) => layout),
    );
    args[at] = start;
    args[at + 1] = start + workerBytes * workers;
    return workerBytes;
  }

  /** Bytes of scratch for each worker, and for the call. */
  private scratchOf({ value }: BoundCall): [number, number] {
    const { workerScratch, callScratch } = this.launch;
    return [roundUp(evaluateShape(workerScratch, value)), roundUp(evaluateShape(callScratch, value))];
  }

  /** Fills in what follows the addresses of tensors; gives the place behind, where scratch begins. */
  private fillShapes(args: (number | bigint)[], call: BoundCall, layouts: readonly Layout[]): number {
    let at = layouts.length;
    for (const dim of call.dims) args[at++] = dim;
    for (const layout of layouts) for (const stride of passedStrides(layout)) args[at++] = stride;
    for (const scalar of call.scalars) args[at++] = scalar;
    return at;
  }

  private runShare(
    args: (number | bigint)[],
    phase: number,
    begin: number,
    end: number,
    pieces: number,
  ): number {
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
      throw this.trap(error);
    }
  }

  private trap(error: unknown): unknown {
    if (!(error instanceof WebAssembly.RuntimeError)) return error;
    return kernError("K0718", { kernel: this.signature.name, why: error.message });
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

function roundUp(bytes: number): number {
  return Math.ceil(Math.max(bytes, 0) / 16) * 16;
}

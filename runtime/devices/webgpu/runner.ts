// Runs one kernel instance on the GPU: places the tensors, encodes the phases, and hands out the results. Nothing waits
// for the GPU but what must: a kernel with run-time checks, whose status is read before there is a result, and results
// that belong on the host.

import {
  evaluateShape,
  foldWorkgroups,
  liesInVectors,
  type KernelArtifact,
  type WgslLaunch,
  type WgslPhase,
} from "../../../compiler/artifact.ts";
import type { BoundCall } from "../../call/bind.ts";
import { kernError, spanOfPlace, type KernError } from "../../error.ts";
import { isContiguous, passedStrides, sizeOf, type Layout } from "../../tensor/layout.ts";
import { bytesOf } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { Turns } from "../turns.ts";
import type { Batch } from "./batch.ts";
import { firstLine, type GpuContext } from "./context.ts";
import { GpuStorage } from "./memory.ts";
import { doubtful, type Outcome } from "./outcome.ts";
import { bringBack, copyBeside, copyIn, place, type BufferCopy, type Placed } from "./placement.ts";
import { codeFor, programOf, type KernelPipelines } from "./program.ts";
import { uniformOf } from "./uniform.ts";
import { windowOf } from "./window.ts";

/** What a runner needs of its device. */
export interface Machine {
  readonly turns: Turns;
  /** The GPUDevice in use; another one if the last was lost. */
  context(): Promise<GpuContext>;
}

/** A call whose tensors have buffers. */
interface Prepared {
  readonly context: GpuContext;
  readonly pipelines: KernelPipelines;
  readonly call: BoundCall;
  readonly placed: readonly Placed[];
  readonly copies: readonly BufferCopy[];
  /** Storage buffers in binding order. */
  readonly bindings: readonly GPUBufferBinding[];
  readonly uniform: Uint8Array;
  readonly status: GPUBuffer | undefined;
}

interface Result {
  readonly placed: Placed;
  readonly tensor: Tensor;
}

export class KernelRunner {
  private readonly machine: Machine;
  private readonly code: string;
  private readonly kernel: KernelArtifact;
  private readonly launch: WgslLaunch;

  constructor(machine: Machine, code: string, kernel: KernelArtifact, launch: WgslLaunch) {
    this.machine = machine;
    this.code = code;
    this.kernel = kernel;
    this.launch = launch;
  }

  async run(call: BoundCall): Promise<Map<string, Tensor>> {
    const context = await this.machine.context();
    /** Buffers of this call alone. */
    const given: GPUBuffer[] = [];
    let results: readonly Result[] = [];
    let done = false;
    context.active++;
    try {
      // In turns, so that calls reach the GPU in the order in which they were made.
      const prepared = await this.machine.turns.take(async () => {
        await programOf(context, codeFor(this.code, this.kernel, this.launch, call)).check();
        const ready = await this.prepare(context, call, given);
        results = await context.encode(ready.uniform.byteLength, (batch) => this.encode(ready, batch));
        return ready;
      });
      if (call.tensors.some(({ tensor }) => tensor?.storage instanceof GpuStorage && tensor.storage.foreign))
        context.submit();
      else context.submitSoon();
      if (prepared.status) await this.checkStatus(context, prepared.status);
      for (const { placed } of results) await bringBack(context, placed);
      done = true;
      return new Map(results.map(({ placed, tensor }) => [placed.bound.param.name, tensor]));
    } finally {
      context.active--;
      const kept = new Set(
        results.flatMap(({ placed: { bound, buffer } }) => (bound.tensor ? [] : [buffer])),
      );
      for (const buffer of given) if (!kept.has(buffer)) context.release(buffer);
      if (!done) for (const { placed, tensor } of results) if (!placed.bound.tensor) tensor.dispose();
    }
  }

  private async checkStatus(context: GpuContext, buffer: GPUBuffer): Promise<void> {
    const bytes = await context.read(buffer, 0, 4, []);
    const status = new DataView(bytes.buffer).getUint32(0, true);
    if (status !== 0) throw this.failure(status);
  }

  // ---- before the GPU has it -------------------------------------------------------------------------

  private async prepare(context: GpuContext, call: BoundCall, given: GPUBuffer[]): Promise<Prepared> {
    const { signature } = this.kernel;
    const placed: Placed[] = [];
    for (const bound of call.tensors) {
      const each = await place(context, this.machine, signature, bound);
      if (!each.storage) given.push(each.buffer);
      placed.push(each);
    }
    const copies = await this.separate(context, placed, given);
    const numbers = signature.params.flatMap((param, at) => (param.kind === "tensor" ? [at] : []));
    const layouts = new Map<number, Layout>();
    const bindings: GPUBufferBinding[] = [];
    let status: GPUBuffer | undefined;
    for (const { role, bytes, name } of this.launch.bindings) {
      if (role.of === "param") {
        const { bound, buffer, layout } = placed[numbers.indexOf(role.param)]!;
        const window = windowOf(
          context.gpu.limits,
          buffer,
          bound.param.dtype,
          layout,
          this.named(bound.param.name),
        );
        layouts.set(role.param, window.layout);
        bindings.push(window.binding);
        continue;
      }
      const buffer = await context.buffers.take(evaluateShape(bytes, call.value), this.named(name));
      given.push(buffer);
      bindings.push({ buffer });
      if (role.of === "status") status = buffer;
    }
    const uniform = uniformOf(this.launch, signature, call, layouts);
    const wide = this.launch.wide?.params.every((param) => {
      const layout = layouts.get(param)!;
      return liesInVectors({ ...layout, strides: passedStrides(layout) });
    });
    const code = codeFor(this.code, this.kernel, this.launch, call);
    const pipelines = await programOf(context, code).pipelinesOf(this.kernel, this.launch, wide);
    return { context, pipelines, call, placed, copies, bindings, uniform, status };
  }

  /** No shader sees a buffer that it writes a second time: copies are bound instead, in place in `placed`. */
  private async separate(context: GpuContext, placed: Placed[], given: GPUBuffer[]): Promise<BufferCopy[]> {
    const copies: BufferCopy[] = [];
    const written = new Set<GPUBuffer>();
    for (const [at, each] of placed.entries()) {
      const { bound, buffer, storage } = each;
      if (bound.param.mode === "in") continue;
      if (storage && written.has(buffer)) {
        const apart = await copyIn(
          context,
          { ...bound, copy: true },
          bound.tensor!,
          this.named(bound.param.name),
        );
        given.push(apart.buffer);
        placed[at] = apart;
      } else written.add(buffer);
    }
    for (const [at, each] of placed.entries()) {
      if (each.bound.param.mode !== "in" || !written.has(each.buffer)) continue;
      const { placed: apart, copy } = await copyBeside(context, each, this.named(each.bound.param.name));
      given.push(apart.buffer);
      placed[at] = apart;
      copies.push(copy);
    }
    return copies;
  }

  private named(part: string): string {
    return `\`${part}\` of \`${this.kernel.signature.name}\``;
  }

  // ---- commands --------------------------------------------------------------------------------------

  /** Encodes the call, and gives its results; they hold something when the GPU has done its work. */
  private encode(prepared: Prepared, batch: Batch): Result[] {
    const { context, pipelines, call, copies, bindings, uniform, status, placed } = prepared;
    const { gpu } = context;
    const groups = this.launch.phases.map((phase) => this.workgroups(phase, call, gpu.limits));
    for (const { from, start, bytes, to } of copies) if (bytes > 0) batch.copy(from, start, to, 0, bytes);
    if (status) batch.clear(status, 4);
    const all = uniform.byteLength > 0 ? [...bindings, batch.uniform(uniform)] : bindings;
    gpu.pushErrorScope("validation");
    const group = gpu.createBindGroup({
      layout: pipelines.layout,
      entries: all.map((resource, binding) => ({ binding, resource })),
    });
    batch.expect(gpu.popErrorScope().then((error) => (error ? this.refused(error) : undefined)));
    batch.dispatch(context.timestamps, (pass) => {
      pass.setBindGroup(0, group);
      for (const [at, [x, y]] of groups.entries()) {
        if (x === 0) continue;
        pass.setPipeline(pipelines.phases[at]!);
        pass.dispatchWorkgroups(x, y);
      }
    });
    const outcomes = doubtful([batch.outcome, ...placed.flatMap(({ storage }) => storage?.outcomes ?? [])]);
    return placed.flatMap((each) => this.result(context, each, outcomes));
  }

  private workgroups(
    { workgroupSize: [x, y, z], extent, entryPoint }: WgslPhase,
    call: BoundCall,
    limits: GPUSupportedLimits,
  ): readonly [number, number] {
    const iterations = evaluateShape(extent, call.value);
    const groups = foldWorkgroups(iterations, x * y * z, limits.maxComputeWorkgroupsPerDimension);
    if (groups) return groups;
    throw kernError("K0727", {
      what: `\`${entryPoint}\``,
      why: `its ${iterations.toLocaleString("en")} iterations are more than the GPU can be given at once`,
    });
  }

  private refused(error: GPUError): KernError {
    return kernError("K0727", { what: `\`${this.kernel.signature.name}\``, why: firstLine(error) });
  }

  // ---- afterwards ------------------------------------------------------------------------------------

  private result(context: GpuContext, placed: Placed, outcomes: readonly Outcome[]): Result[] {
    const { bound, buffer, layout, storage } = placed;
    const { param, tensor } = bound;
    if (param.mode === "in") return [];
    if (tensor) {
      const whole =
        param.mode === "out" &&
        isContiguous(layout) &&
        bytesOf(param.dtype, tensor.size) === storage?.byteLength;
      storage?.wrote(outcomes, whole);
      return [{ placed, tensor }];
    }
    const made = new GpuStorage(this.machine, context, buffer, bytesOf(param.dtype, sizeOf(layout.shape)));
    made.wrote(outcomes, true);
    return [{ placed, tensor: new Tensor(made, param.dtype, layout) }];
  }

  private failure(status: number): KernError {
    const { signature } = this.kernel;
    const assert = signature.asserts[status - 1];
    const kernel = signature.name;
    if (!assert) return kernError("K0718", { kernel, why: `it gave the status ${status}` });
    return kernError(
      "K0708",
      { kernel, message: assert.message },
      assert.place ? { span: spanOfPlace(assert.place) } : {},
    );
  }
}

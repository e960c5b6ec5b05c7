// Kernels on the backend `webgpu`: on the buffers of its own tensors, encoded into its own pass, so that they stand in one line with its
// kernels and nothing is copied. The backend's buffers, encoder and submissions are used as its programs use them; what it
// keeps of truth values are words of 32 bits.

import {
  evaluateShape,
  foldWorkgroups,
  liesInVectors,
  type KernelArtifact,
  type WgslLaunch,
} from "../../compiler/artifact.ts";
import { internalError } from "../../lang/diagnostics/internal-error.ts";
import type { Dtype } from "../../lang/dtypes.ts";
import type { BoundCall } from "../call/bind.ts";
import type { Instance } from "../device.ts";
import { compileOptionsFor, findGpu } from "../devices/webgpu/adapter.ts";
import { bufferUsage, computeStage } from "../devices/webgpu/constants.ts";
import { codeFor } from "../devices/webgpu/program.ts";
import { uniformOf } from "../devices/webgpu/uniform.ts";
import { kernError } from "../error.ts";
import { artifactOf, type KernelSource } from "../source.ts";
import { contiguousStrides, passedStrides, sizeOf, type Layout } from "../tensor/layout.ts";
import { bytesOf, type Storage } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { TfMemory } from "./memory.ts";
import { dtypes, tfDtypes, type TensorInfo } from "./types.ts";

const { storage, copySrc, copyDst, uniform } = bufferUsage;

/** What is used of the backend `webgpu`. */
interface GpuBackend {
  readonly device: GPUDevice;
  readonly queue: GPUQueue;
  readonly tensorMap: { get(id: object): { resource?: GPUBuffer | null; values?: unknown } };
  readonly bufferManager: { acquireBuffer(size: number, usage: number): GPUBuffer };
  /** Buffers that go back to the manager when the commands so far are submitted. */
  readonly uniformPendingDisposal: GPUBuffer[];
  /** Tensors whose buffers these commands use. */
  readonly commandQueueOwnedIds: WeakSet<object>;
  commandEncoder: GPUCommandEncoder | null;
  computePassEncoder: GPUComputePassEncoder | null;
  dispatchCountInPass: number;
  makeTensorInfo(shape: number[], dtype: string): TensorInfo;
  uploadToGPU(dataId: object): void;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
}

/** Whether a backend is as I know it. */
export const isGpuBackend = (backend: object): boolean =>
  ["device", "tensorMap", "bufferManager", "uniformPendingDisposal", "uploadToGPU", "submitQueue"].every(
    (name) => name in backend,
  );

/** A buffer of the backend: a tensor's, or one that no tensor has yet. */
class TfStorage implements Storage {
  readonly device: object;
  readonly buffer: GPUBuffer;
  readonly byteLength: number;
  disposed = false;
  private readonly backend: GpuBackend;
  private readonly owned: boolean;

  constructor(backend: GpuBackend, buffer: GPUBuffer, byteLength: number, owned: boolean) {
    this.device = backend;
    this.backend = backend;
    this.buffer = buffer;
    this.byteLength = byteLength;
    this.owned = owned;
  }

  read(): Promise<Uint8Array> {
    return Promise.reject(
      kernError("K0729", { what: "a tensor of the backend webgpu", why: "the backend reads it" }),
    );
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    if (this.owned) this.backend.uniformPendingDisposal.push(this.buffer);
  }

  /** Hands the buffer over. */
  surrender(): GPUBuffer {
    this.disposed = true;
    return this.buffer;
  }
}

const classes = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

function acquire(backend: GpuBackend, bytes: number): TfStorage {
  const buffer = backend.bufferManager.acquireBuffer(Math.max(bytes, 4), storage | copySrc | copyDst);
  return new TfStorage(backend, buffer, bytes, true);
}

export class GpuMemory implements TfMemory {
  readonly truth = "i32";
  private readonly backend: GpuBackend;

  constructor(backend: object) {
    this.backend = backend as GpuBackend;
  }

  read({ dataId, shape, dtype }: TensorInfo): Tensor {
    const { backend } = this;
    const own = dtypes[dtype]!;
    const kept = own === "bool" ? this.truth : own;
    const layout = { shape, strides: contiguousStrides(shape), offset: 0 };
    // A tensor without elements has no buffer, and a shader must see one.
    if (sizeOf(shape) === 0) {
      const empty = acquire(backend, 0);
      empty.dispose();
      return new Tensor(new TfStorage(backend, empty.buffer, 0, false), kept, layout);
    }
    backend.uploadToGPU(dataId);
    backend.commandQueueOwnedIds.add(dataId);
    const { resource } = backend.tensorMap.get(dataId);
    return new Tensor(new TfStorage(backend, resource!, 4 * sizeOf(shape), false), kept, layout);
  }

  publish({ storage: made }: Tensor, shape: readonly number[], dtype: Dtype): TensorInfo {
    if (!(made instanceof TfStorage)) return internalError("tfjs", "a result isn’t the backend’s");
    const info = this.backend.makeTensorInfo([...shape], tfDtypes[dtype]!);
    if (sizeOf(shape) === 0) {
      made.dispose();
      this.backend.tensorMap.get(info.dataId).values = new classes[tfDtypes[dtype]!](0);
      return info;
    }
    this.backend.tensorMap.get(info.dataId).resource = made.surrender();
    this.backend.commandQueueOwnedIds.add(info.dataId);
    return info;
  }
}

/** Makes instances that encode their calls into the backend's pass. */
export class GpuDevice {
  readonly name = "webgpu";
  readonly compileOptions;
  readonly features: readonly string[];
  private readonly backend: GpuBackend;
  private readonly batchSize: () => number;

  constructor(backend: object, batchSize: () => number) {
    this.backend = backend as GpuBackend;
    this.batchSize = batchSize;
    this.compileOptions = compileOptionsFor(this.backend.device, findGpu()?.wgslLanguageFeatures ?? []);
    this.features = this.compileOptions.features ?? [];
  }

  instancesSync(source: KernelSource): readonly Instance[] {
    const { code, kernels } = artifactOf(source, "wgsl", this.compileOptions.features);
    if (typeof code !== "string") throw kernError("K0714", { why: "the code is no text in WGSL" });
    const modules = new Map<string, GPUShaderModule>();
    const moduleOf = (text: string): GPUShaderModule => {
      const module = modules.get(text) ?? this.backend.device.createShaderModule({ code: text });
      modules.set(text, module);
      return module;
    };
    return kernels.map((kernel) => {
      const { launch, signature } = kernel;
      if (launch.kind !== "wgsl") throw kernError("K0714", { why: "it wasn’t compiled for a GPU" });
      if (launch.bindings.some(({ role }) => role.of === "status"))
        throw kernError("K0729", {
          what: `a result of \`${signature.name}\``,
          why: "it has run-time checks, and a GPU tells later what became of them",
        });
      const runner = new Runner(this.backend, code, moduleOf, kernel, launch, this.batchSize);
      const runSync = (call: BoundCall) => runner.run(call);
      return { signature, features: launch.features, run: async (call) => runSync(call), runSync };
    });
  }
}

interface Pipelines {
  readonly layout: GPUBindGroupLayout;
  readonly phases: readonly GPUComputePipeline[];
}

class Runner {
  private readonly backend: GpuBackend;
  private readonly code: string;
  private readonly moduleOf: (code: string) => GPUShaderModule;
  private readonly kernel: KernelArtifact;
  private readonly launch: WgslLaunch;
  private readonly batchSize: () => number;
  /** For any strides and for rows that lie in whole vectors, by the text with the sizes of arrays. */
  private readonly pipelines = new Map<string, Pipelines>();

  constructor(
    backend: GpuBackend,
    code: string,
    moduleOf: (code: string) => GPUShaderModule,
    kernel: KernelArtifact,
    launch: WgslLaunch,
    batchSize: () => number,
  ) {
    this.backend = backend;
    this.code = code;
    this.moduleOf = moduleOf;
    this.kernel = kernel;
    this.launch = launch;
    this.batchSize = batchSize;
  }

  run(call: BoundCall): Map<string, Tensor> {
    const { backend, launch } = this;
    const { signature } = this.kernel;
    const layouts = new Map<number, Layout>();
    const buffers = new Map<number, GPUBuffer>();
    const results = new Map<string, Tensor>();
    const numbers = signature.params.flatMap((param, at) => (param.kind === "tensor" ? [at] : []));
    call.tensors.forEach(({ param, tensor, layout: given }, at) => {
      const layout = tensor ? given : { ...given, strides: contiguousStrides(given.shape), offset: 0 };
      const made = tensor?.storage ?? acquire(backend, bytesOf(param.dtype, sizeOf(layout.shape)));
      if (!(made instanceof TfStorage)) return internalError("tfjs", "an argument isn’t on the GPU");
      layouts.set(numbers[at]!, layout);
      buffers.set(numbers[at]!, made.buffer);
      if (param.mode !== "in") results.set(param.name, tensor ?? new Tensor(made, param.dtype, layout));
    });
    const entries = launch.bindings.map(({ role, bytes }, binding): GPUBindGroupEntry => {
      const buffer =
        role.of === "param"
          ? buffers.get(role.param)!
          : this.temporary(evaluateShape(bytes, call.value), storage);
      return { binding, resource: { buffer } };
    });
    const words = uniformOf(launch, signature, call, layouts);
    if (words.byteLength > 0) {
      const buffer = this.temporary(words.byteLength, uniform | copyDst);
      backend.queue.writeBuffer(buffer, 0, words as Uint8Array<ArrayBuffer>);
      entries.push({ binding: entries.length, resource: { buffer } });
    }
    const wide = launch.wide?.params.every((param) => {
      const layout = layouts.get(param)!;
      return liesInVectors({ ...layout, strides: passedStrides(layout) });
    });
    const { layout, phases } = this.pipelinesFor(
      wide === true,
      codeFor(this.code, this.kernel, launch, call),
    );
    const group = backend.device.createBindGroup({ layout, entries });
    backend.ensureCommandEncoderReady();
    const pass = (backend.computePassEncoder ??= backend.commandEncoder!.beginComputePass());
    pass.setBindGroup(0, group);
    launch.phases.forEach(({ workgroupSize: [x, y, z], extent, entryPoint }, at) => {
      const limit = backend.device.limits.maxComputeWorkgroupsPerDimension;
      const groups = foldWorkgroups(evaluateShape(extent, call.value), x * y * z, limit);
      if (!groups)
        throw kernError("K0727", {
          what: `\`${entryPoint}\``,
          why: "it has more iterations than a GPU takes",
        });
      if (groups[0] === 0) return;
      pass.setPipeline(phases[at]!);
      pass.dispatchWorkgroups(groups[0], groups[1]);
    });
    backend.dispatchCountInPass++;
    if (backend.dispatchCountInPass >= this.batchSize()) {
      backend.endComputePassEncoder();
      backend.submitQueue();
    }
    return results;
  }

  /** A buffer for this call alone. */
  private temporary(bytes: number, usage: number): GPUBuffer {
    const buffer = this.backend.bufferManager.acquireBuffer(Math.max(bytes, 16), usage);
    this.backend.uniformPendingDisposal.push(buffer);
    return buffer;
  }

  private pipelinesFor(wide: boolean, code: string): Pipelines {
    const key = `${wide} ${code}`;
    const pipelines = this.pipelines.get(key) ?? this.compile(wide, code);
    this.pipelines.set(key, pipelines);
    return pipelines;
  }

  private compile(wide: boolean, code: string): Pipelines {
    const { device } = this.backend;
    const { bindings, phases, uniform: words } = this.launch;
    const entries = bindings.map(({ access }, binding): GPUBindGroupLayoutEntry => ({
      binding,
      visibility: computeStage,
      buffer: { type: access === "read" ? "read-only-storage" : "storage" },
    }));
    if (words.length > 0)
      entries.push({ binding: entries.length, visibility: computeStage, buffer: { type: "uniform" } });
    const layout = device.createBindGroupLayout({ entries });
    const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [layout] });
    const names = wide ? this.launch.wide!.entryPoints : phases.map(({ entryPoint }) => entryPoint);
    const module = this.moduleOf(code);
    return {
      layout,
      phases: names.map((entryPoint) =>
        device.createComputePipeline({
          layout: pipelineLayout,
          compute: { module, entryPoint },
        }),
      ),
    };
  }
}

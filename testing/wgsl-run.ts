// Running emitted WGSL on a Vulkan device through npm `webgpu`, where there is one: a GPU, or Mesa's lavapipe on
// the CPU (VK_ICD_FILENAMES names its driver). A call is one submission: fill, dispatch each phase, read back.

import { evaluateShape, foldWorkgroups, type UniformWord, type WgslLaunch } from "../compiler/artifact.ts";
import type { TensorArg } from "../compiler/ir/interpret.ts";
import type { Scalar } from "../compiler/ir/ir.ts";

/** An argument as the interpreter takes it. */
export type RunArgument = TensorArg | Scalar;

export interface RunResult {
  /** What each argument holds afterwards, in parameter order; scalars are as they were. */
  readonly args: readonly RunArgument[];
  /** 0, or the number of a failed check plus 1. */
  readonly status: number;
}

export interface WgslRunner {
  readonly device: string;
  /** `names` are dims and scalar arguments by name, for the launch rules. */
  run(
    code: string,
    launch: WgslLaunch,
    args: readonly RunArgument[],
    names: Readonly<Record<string, number>>,
  ): Promise<RunResult>;
  close(): void;
}

/** Dawn's threads don't survive their instance, so it may never be collected. */
export let instance: GPU | undefined;

/** Opens a Vulkan device, or gives the reason why there is none. */
export async function openWgslRunner(): Promise<WgslRunner | string> {
  try {
    const { create, globals } = await import("webgpu");
    Object.assign(globalThis, globals);
    const gpu = (instance = create(["backend=vulkan"]));
    const adapter = await gpu.requestAdapter();
    if (!adapter) return "there is no Vulkan device here";
    const half = adapter.features.has("shader-f16");
    const device = await adapter.requestDevice({ requiredFeatures: half ? ["shader-f16"] : [] });
    return {
      device: adapter.info.description,
      run: (code, launch, args, names) => run(device, code, launch, args, names),
      close: () => device.destroy(),
    };
  } catch (error) {
    return `webgpu can't be loaded: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const isTensor = (arg: RunArgument | undefined): arg is TensorArg => typeof arg === "object";

/** The bytes of a tensor's storage, padded to whole words. */
function bytesOf({ data }: TensorArg): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.max(4, Math.ceil(data.byteLength / 4) * 4));
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return bytes;
}

/** The tensor with other bytes in its storage. */
function withBytes(tensor: TensorArg, bytes: Uint8Array): TensorArg {
  const data = tensor.data.slice() as TensorArg["data"];
  new Uint8Array(data.buffer).set(bytes.subarray(0, data.byteLength));
  return { ...tensor, data };
}

function uniformValue({ source }: UniformWord, args: readonly RunArgument[]): number {
  const arg = args[source.param];
  if (arg === undefined) throw new Error(`argument ${source.param} is missing`);
  if (!isTensor(arg)) return Number(arg);
  switch (source.of) {
    case "dim":
      return arg.shape[source.axis]!;
    case "stride":
      return arg.strides[source.axis]!;
    default:
      return arg.offset;
  }
}

async function run(
  device: GPUDevice,
  code: string,
  launch: WgslLaunch,
  args: readonly RunArgument[],
  names: Readonly<Record<string, number>>,
): Promise<RunResult> {
  const named = (name: string): number => {
    const value = names[name];
    if (value === undefined) throw new Error(`the launch rule names ${name}, which has no value`);
    return value;
  };
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code });
  const { STORAGE, UNIFORM, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const buffers = launch.bindings.map(({ role, bytes }) => {
    const arg = role.of === "param" ? args[role.param] : undefined;
    const data = isTensor(arg) ? bytesOf(arg) : undefined;
    const size = data?.byteLength ?? evaluateShape(bytes, named);
    const buffer = device.createBuffer({ size, usage: STORAGE | COPY_SRC | COPY_DST });
    if (data) device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  });
  const entries = launch.bindings.map(({ access }, binding): GPUBindGroupLayoutEntry => ({
    binding,
    visibility: GPUShaderStage.COMPUTE,
    buffer: { type: access === "read" ? "read-only-storage" : "storage" },
  }));
  const all = [...buffers];
  if (launch.uniform.length > 0) {
    const words = new DataView(new ArrayBuffer(4 * launch.uniform.length));
    launch.uniform.forEach((word, at) => {
      const value = uniformValue(word, args);
      if (word.dtype === "f32") words.setFloat32(4 * at, value, true);
      else words.setInt32(4 * at, value, true);
    });
    entries.push({
      binding: entries.length,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: "uniform" },
    });
    const uniform = device.createBuffer({ size: words.byteLength, usage: UNIFORM | COPY_DST });
    device.queue.writeBuffer(uniform, 0, words.buffer);
    all.push(uniform);
  }
  const group = device.createBindGroupLayout({ entries });
  const layout = device.createPipelineLayout({ bindGroupLayouts: [group] });
  const bindGroup = device.createBindGroup({
    layout: group,
    entries: all.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (const { entryPoint, workgroupSize, extent } of launch.phases) {
    const groups = foldWorkgroups(evaluateShape(extent, named), workgroupSize[0]);
    if (!groups) throw new Error(`${entryPoint} has too many iterations`);
    pass.setPipeline(device.createComputePipeline({ layout, compute: { module, entryPoint } }));
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(...groups);
  }
  pass.end();
  const copies = buffers.map((buffer) => {
    const copy = device.createBuffer({ size: buffer.size, usage: MAP_READ | COPY_DST });
    encoder.copyBufferToBuffer(buffer, 0, copy, 0, buffer.size);
    return copy;
  });
  device.queue.submit([encoder.finish()]);
  const error = await device.popErrorScope();
  if (error) throw new Error(error.message);
  const contents = await Promise.all(
    copies.map(async (copy) => {
      await copy.mapAsync(GPUMapMode.READ);
      return new Uint8Array(copy.getMappedRange().slice(0));
    }),
  );
  [...all, ...copies].forEach((buffer) => buffer.destroy());
  const contentOf = (
    test: (role: WgslLaunch["bindings"][number]["role"]) => boolean,
  ): Uint8Array | undefined => contents[launch.bindings.findIndex(({ role }) => test(role))];
  const status = contentOf((role) => role.of === "status");
  return {
    args: args.map((arg, at) => {
      const bytes = contentOf((role) => role.of === "param" && role.param === at);
      return isTensor(arg) && bytes ? withBytes(arg, bytes) : arg;
    }),
    status: status ? new DataView(status.buffer).getUint32(0, true) : 0,
  };
}

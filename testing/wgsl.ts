// Tint, the shader compiler of Chrome, through the null backend of npm `webgpu`: it accepts or refuses a module,
// its pipelines and bindings with WebGPU's base limits, as a browser would; a warning counts as a refusal. It executes nothing, so nothing is ever
// read back. Where the native module can't be loaded, tests skip by name; in CI that's a failure.

import { evaluateShape, foldWorkgroups, type WgslLaunch } from "../compiler/artifact.ts";

export interface WgslValidator {
  /** What is wrong with a module, for each kernel's launch data too; empty if all is accepted. */
  validate(code: string, launches: readonly WgslLaunch[]): Promise<readonly string[]>;
  /** Destroys the devices, which would keep the process alive. */
  close(): void;
}

/** Dawn's threads don't survive their instance, so it may never be collected. */
export let instance: GPU | undefined;

/** Opens a validator, or gives the reason why there is none. */
export async function openWgslValidator(): Promise<WgslValidator | string> {
  try {
    const { create, globals } = await import("webgpu");
    Object.assign(globalThis, globals);
    const gpu = (instance = create(["backend=null"]));
    // Without required limits a device has the base limits, whatever its adapter could do.
    const open = async (requiredFeatures: GPUFeatureName[]): Promise<GPUDevice> => {
      const adapter = await gpu.requestAdapter();
      if (!adapter) throw new Error("it has no null adapter here");
      return adapter.requestDevice({ requiredFeatures });
    };
    const plain = await open([]);
    const rich = await open(["shader-f16", "subgroups"]);
    return {
      validate: (code, launches) => {
        const needsMore = launches.some((launch) => launch.features.length > 0);
        return validate(needsMore ? rich : plain, code, launches);
      },
      close: () => [plain, rich].forEach((device) => device.destroy()),
    };
  } catch (error) {
    if (process.env["CI"]) throw error;
    return `webgpu can't be loaded: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function validate(device: GPUDevice, code: string, launches: readonly WgslLaunch[]): Promise<string[]> {
  const found: string[] = [];
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code });
  const { messages } = await module.getCompilationInfo();
  const lines = code.split("\n");
  for (const { type, message, lineNum } of messages)
    if (type !== "info") found.push(`${lineNum}: ${message}: ${lines[lineNum - 1] ?? ""}`);
  if (found.length === 0) for (const launch of launches) dispatchAll(device, module, launch);
  const error = await device.popErrorScope();
  if (error && found.length === 0) found.push(error.message);
  return found;
}

/** Every phase with buffers of the promised sizes; never submitted. Problems go to the error scope. */
function dispatchAll(device: GPUDevice, module: GPUShaderModule, launch: WgslLaunch): void {
  const size = (): number => 5;
  const entries = launch.bindings.map(({ access }, binding): GPUBindGroupLayoutEntry => ({
    binding,
    visibility: GPUShaderStage.COMPUTE,
    buffer: { type: access === "read" ? "read-only-storage" : "storage" },
  }));
  const buffers = launch.bindings.map(({ bytes }) =>
    device.createBuffer({ size: evaluateShape(bytes, size), usage: GPUBufferUsage.STORAGE }),
  );
  if (launch.uniform.length > 0) {
    entries.push({
      binding: entries.length,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: "uniform" },
    });
    buffers.push(device.createBuffer({ size: 4 * launch.uniform.length, usage: GPUBufferUsage.UNIFORM }));
  }
  const group = device.createBindGroupLayout({ entries });
  const layout = device.createPipelineLayout({ bindGroupLayouts: [group] });
  const bindGroup = device.createBindGroup({
    layout: group,
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  launch.phases.forEach(({ entryPoint: plain, workgroupSize, extent }, at) => {
    const wide = launch.wide?.entryPoints[at];
    for (const entryPoint of [plain, ...(wide === undefined ? [] : [wide])]) {
      pass.setPipeline(device.createComputePipeline({ layout, compute: { module, entryPoint } }));
      pass.setBindGroup(0, bindGroup);
      const [x, y] = foldWorkgroups(evaluateShape(extent, size), workgroupSize[0]) ?? [1, 1];
      pass.dispatchWorkgroups(x, y);
    }
  });
  pass.end();
  encoder.finish();
  buffers.forEach((buffer) => buffer.destroy());
}

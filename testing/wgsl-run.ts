// Running emitted WGSL on the WebGPU device with arguments as the interpreter takes them: strides and offsets stay as
// they are, so what a kernel does with views is seen.

import type { Signature, WgslLaunch } from "../compiler/artifact.ts";
import type { TensorArg } from "../compiler/ir/interpret.ts";
import type { Scalar } from "../compiler/ir/ir.ts";
import type { BoundTensor } from "../runtime/call/bind.ts";
import { KernelRunner } from "../runtime/devices/webgpu/runner.ts";
import { KernError, Tensor, tensor, type WebgpuDevice } from "../runtime/index.ts";
import { closeTestGpu, testGpu } from "./webgpu.ts";

/** An argument as the interpreter takes it. */
export type RunArgument = TensorArg | Scalar;

export interface RunResult {
  /** What each argument holds afterwards, in parameter order; scalars are as they were. */
  readonly args: readonly RunArgument[];
  /** 0, or the number of a failed check plus 1. */
  readonly status: number;
}

export interface WgslRunner {
  /** What code may use on the device. */
  readonly features: readonly string[];
  /** `names` are dims and scalar arguments by name, for the launch rules. */
  run(
    code: string,
    launch: WgslLaunch,
    args: readonly RunArgument[],
    names: Readonly<Record<string, number>>,
  ): Promise<RunResult>;
  close(): void;
}

/** Opens the device that tests share, or gives the reason why there is none. */
export async function openWgslRunner(): Promise<WgslRunner | string> {
  const device = await testGpu();
  if (typeof device === "string") return device;
  return {
    features: device.features,
    run: (code, launch, args, names) => run(device, code, launch, args, names),
    close: () => void closeTestGpu(),
  };
}

const isTensor = (arg: RunArgument | undefined): arg is TensorArg => typeof arg === "object";

async function run(
  device: WebgpuDevice,
  code: string,
  launch: WgslLaunch,
  args: readonly RunArgument[],
  names: Readonly<Record<string, number>>,
): Promise<RunResult> {
  const signature = signatureOf(launch, args);
  const value = (name: string): number => {
    const parameter = /^argument (\d+)$/.exec(name);
    const found = parameter ? Number(args[Number(parameter[1])]) : names[name];
    if (found === undefined) throw new Error(`the launch rule names ${name}, which has no value`);
    return found;
  };
  const tensors: BoundTensor[] = [];
  for (const [at, param] of signature.params.entries()) {
    const arg = args[at];
    if (param.kind !== "tensor" || !isTensor(arg)) continue;
    const { data, dtype, shape, strides, offset } = arg;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const { storage } = await device.upload(tensor(bytes));
    const layout = { shape, strides, offset };
    tensors.push({ param, tensor: new Tensor(storage, dtype, layout), layout, copy: false });
  }
  const kernel = { signature, launch, report: { proved: 0, runtimeChecks: 0, notHonoured: [] } };
  let status = 0;
  try {
    await new KernelRunner(device, code, kernel, launch).run({
      signature,
      tensors,
      scalars: [],
      dims: [],
      value,
    });
  } catch (error) {
    // The signature has no words for the checks, so a failed one is told by its number.
    const number = error instanceof KernError && /gave the status (\d+)$/.exec(error.message)?.[1];
    if (!number) throw error;
    status = Number(number);
  }
  const results: RunArgument[] = [];
  for (const arg of args) {
    if (!isTensor(arg)) {
      results.push(arg);
      continue;
    }
    const { storage } = tensors[results.filter(isTensor).length]!.tensor!;
    const data = arg.data.slice() as TensorArg["data"];
    if (data.byteLength > 0) new Uint8Array(data.buffer).set(await storage.read(0, data.byteLength));
    storage.dispose();
    results.push({ ...arg, data });
  }
  return { args: results, status };
}

/** As much of a signature as running needs. */
function signatureOf(launch: WgslLaunch, args: readonly RunArgument[]): Signature {
  const access = (at: number) =>
    launch.bindings.find(({ role }) => role.of === "param" && role.param === at)?.access;
  return {
    name: "kernel",
    instance: launch.phases[0]?.entryPoint ?? "kernel",
    comptime: {},
    packs: {},
    params: args.map((arg, at) =>
      isTensor(arg)
        ? {
            kind: "tensor",
            name: `argument ${at}`,
            mode: access(at) === "read" ? "in" : "mut",
            dtype: arg.dtype,
            shape: arg.shape,
          }
        : { kind: "scalar", name: `argument ${at}`, dtype: "f32" },
    ),
    dims: [],
    constraints: [],
    asserts: [],
    tolerance: { relative: 0, absolute: 0 },
  };
}

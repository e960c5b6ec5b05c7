// A kernel on the WGSL target must compute what the interpreter does: brings a kernel in nest form through the
// target's passes, has Tint check the module, and where there is a Vulkan device, runs it and compares.

import { expect } from "vitest";
import { interpret, type InterpretArgs, type TensorArg } from "../compiler/ir/interpret.ts";
import type { IrKernel, Scalar } from "../compiler/ir/ir.ts";
import { parseKernel } from "../compiler/ir/parse.ts";
import { readerOf } from "../compiler/ir/storage.ts";
import { verify } from "../compiler/ir/verify.ts";
import { runPasses, sharedPasses } from "../compiler/passes/index.ts";
import { silent } from "../compiler/passes/workspace.ts";
import { schedulePass } from "../compiler/schedule/index.ts";
import { halvesOf } from "../compiler/targets/wgsl/types.ts";
import { emitModule, wgslTarget } from "../compiler/targets/wgsl/index.ts";
import type { Emitted } from "../compiler/targets/target.ts";
import type { WgslLaunch } from "../compiler/artifact.ts";
import { DiagnosticSink } from "../lang/diagnostics/diagnostic.ts";
import { dtypeInfo, isFloat } from "../lang/dtypes.ts";
import type { WgslRunner } from "./wgsl-run.ts";

/** The kernels of a text in the IR's text form. */
export function parseKernels(text: string, path = "test.ir"): readonly IrKernel[] {
  return text
    .split(/^(?=kernel )/m)
    .filter((part) => part.trim() !== "")
    .map((part) => parseKernel(part, path));
}

/** A kernel after the target's own passes, for a device with these features. */
export function prepared(kernel: IrKernel, features: readonly string[] = []): IrKernel {
  verify(kernel, "the test");
  const report = { ...silent, features: new Set(features) };
  const ready = runPasses(kernel, wgslTarget.passes, {}, new DiagnosticSink(), report);
  verify(ready, "the target's passes");
  return ready;
}

/** A kernel after its schedules and the passes of every target. */
export function scheduled(kernel: IrKernel): IrKernel {
  return runPasses(kernel, [schedulePass(wgslTarget), ...sharedPasses], { verifyEach: true });
}

export function launchesOf(emitted: Emitted): readonly WgslLaunch[] {
  return emitted.kernels.flatMap(({ launch }) => (launch.kind === "wgsl" ? [launch] : []));
}

/** Emits kernels that WGSL can hold. */
export function emitted(kernels: readonly IrKernel[], features: readonly string[] = []): Emitted {
  const sink = new DiagnosticSink();
  const result = emitModule(
    kernels.map((kernel) => prepared(kernel, features)),
    sink,
    undefined,
    halvesOf(features),
  );
  expect(sink.all.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  return result;
}

export interface Closeness {
  /** Relative error of float results. */
  readonly tolerance?: number;
  /** Accepts, or refuses, a pair that isn't equal. */
  readonly accept?: (want: Scalar, got: Scalar, at: number) => boolean;
  /** Features of the device that the code may use. */
  readonly features?: readonly string[];
}

/** Runs a kernel on the interpreter and, after the passes of every target, on the device with the same arguments, and compares all results. */
export async function sameOnWgsl(
  runner: WgslRunner,
  kernel: IrKernel,
  args: () => InterpretArgs,
  { tolerance = 0, accept = () => false, features = [] }: Closeness = {},
): Promise<void> {
  const module = emitted([scheduled(kernel)], features);
  const [launch] = launchesOf(module);
  const given = args();
  const names: Record<string, number> = {};
  for (const { name, param, axis } of kernel.dims) {
    const of = kernel.params[param]!;
    const tensor = of.kind === "tensor" ? given[of.buffer] : undefined;
    if (typeof tensor === "object") names[name] = tensor.shape[axis]!;
  }
  const ordered = kernel.params.map((param) => {
    const arg = given[param.kind === "tensor" ? param.buffer : param.name]!;
    if (param.kind === "scalar") names[param.name] = Number(arg);
    return arg;
  });
  const result = await runner.run(module.text, launch!, ordered, names);
  const outcome = interpret(kernel, args(), { fuel: 1e7 });
  if (outcome.kind === "fault") expect.fail(`the interpreter faults: ${outcome.why}`);
  if (outcome.kind === "failed") {
    const messages = module.kernels[0]!.asserts.map(({ message }) => message);
    expect(messages[result.status - 1], module.text).toBe(outcome.message);
    return;
  }
  expect(result.status).toBe(0);
  kernel.params.forEach((param, at) => {
    if (param.kind === "scalar" || param.mode === "in") return;
    const want = outcome.results[param.buffer]!;
    const got = result.args[at] as TensorArg;
    const differences = differencesOf(want, got, tolerance, accept);
    expect(differences, `${param.buffer} of\n${module.text}`).toEqual([]);
  });
}

/** Elements that differ by more than the tolerance, the first few. */
function differencesOf(
  want: TensorArg,
  got: TensorArg,
  tolerance: number,
  accept: NonNullable<Closeness["accept"]>,
): readonly string[] {
  const read = readerOf(want.dtype);
  const found: string[] = [];
  const count = want.data.length * Math.max(1, 8 / dtypeInfo(want.dtype).bits);
  for (let at = 0; at < count && found.length < 8; at++) {
    const [a, b] = [read(want.data, at), read(got.data, at)];
    if (Object.is(a, b) || (a === 0 && b === 0)) continue;
    const near =
      isFloat(want.dtype) && Math.abs(Number(a) - Number(b)) <= tolerance * Math.max(1, Math.abs(Number(a)));
    if (!near && !accept(a, b, at)) found.push(`[${at}]: ${String(b)} instead of ${String(a)}`);
  }
  return found;
}

// The WGSL target: one module a file, an entry point a phase, an invocation an iteration of its parallel loops.
//
//   prepare.ts     loops and phases as emitted           checks.ts      what WGSL lacks, as diagnostics
//   phases.ts      parallel loops to invocations         kernel.ts      bindings, entry points, launch data
//   statements.ts  blocks, loops, checks                 storage.ts     elements in memory, packed or not
//   expressions.ts loads, names, lazy guards             ops.ts         the table op → WGSL

import type { DiagnosticSink } from "../../../lang/diagnostics/diagnostic.ts";
import type { IrKernel } from "../../ir/ir.ts";
import type { Emitted, EmittedKernel, Target } from "../target.ts";
import { checkDtypes, checkInvocations, checkLimits, unsupported } from "./checks.ts";
import { HelperSet, type Dots } from "./helpers.ts";
import { emitKernel } from "./kernel.ts";
import { limits, limitsOf, type Limits } from "./limits.ts";
import { NameSpace } from "./names.ts";
import { wgslPasses } from "./passes.ts";
import { prepare, prepareWide, type Prepared, type WidePrepared } from "./prepare.ts";
import { gpuReport } from "./report.ts";
import { halvesOf, type Halves } from "./types.ts";
import { dotFeature, dotsOf, quads } from "./words.ts";

export const wgslTarget: Target = {
  name: "wgsl",
  capabilities: { unsupported, vectorBytes: 0, vectorRegisters: 0, workgroups: true },
  schedules: true,
  quads: () => quads,
  passes: wgslPasses,
  emit: (kernels, { limits, features }, sink) =>
    emitModule(kernels, sink, limitsOf(limits), halvesOf(features ?? []), dotsOf(features ?? [])),
};

/** What a module says at its beginning that uses a feature. */
const enables = {
  "shader-f16": "enable f16;",
  subgroups: "enable subgroups;",
  [dotFeature]: `requires ${dotFeature};`,
};

/** All kernels as one module. A kernel that WGSL can't hold is reported and left out. */
export function emitModule(
  kernels: readonly IrKernel[],
  sink: DiagnosticSink,
  granted: Limits = limits,
  halves: Halves = "converted",
  dots: Dots = "unpacked",
): Emitted {
  const helpers = new HelperSet(halves, dots);
  const names = new NameSpace();
  const parts: string[] = [];
  const features = new Set<string>();
  const emitted = kernels.map((kernel): EmittedKernel => {
    const { name } = kernel;
    const nothing: EmittedKernel = {
      name,
      launch: { kind: "wgsl", phases: [], bindings: [], uniform: [], features: [] },
      asserts: [],
      text: "",
    };
    if (!checkDtypes(kernel, sink) || !checkInvocations(kernel, granted, sink)) return nothing;
    const ready = prepare(kernel, granted, halves);
    if (!checkLimits(ready, granted, halves, sink)) return nothing;
    const wide = wideOf(kernel, ready, granted, halves);
    const code = emitKernel(ready, { helpers, names }, wide);
    parts.push(...code.parts);
    code.launch.features.forEach((feature) => features.add(feature));
    return {
      name,
      launch: code.launch,
      asserts: code.asserts,
      text: code.parts.join("\n\n"),
      gpu: gpuReport(ready, helpers, wide?.buffers),
      notHonoured: [...ready.notHonoured, ...code.notHonoured],
    };
  });
  const enabled = Object.entries(enables).flatMap(([feature, text]) => (features.has(feature) ? [text] : []));
  const text = `${[...(enabled.length > 0 ? [enabled.join("\n")] : []), ...parts, ...helpers.code].join("\n\n")}\n`;
  return { code: text, text, kernels: emitted };
}

/** The code for arguments that lie in whole vectors, which is launched as the other is. */
function wideOf(
  kernel: IrKernel,
  { entries }: Prepared,
  granted: Limits,
  halves: Halves,
): WidePrepared | undefined {
  const wide = prepareWide(kernel, granted, halves);
  const alike =
    wide?.entries.length === entries.length &&
    wide.entries.every(({ together }, at) => together?.size === entries[at]!.together?.size);
  return alike ? wide : undefined;
}

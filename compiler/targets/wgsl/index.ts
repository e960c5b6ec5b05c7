// The WGSL target: one module a file, an entry point a phase, an invocation an iteration of its parallel loops.
//
//   checks.ts      what WGSL lacks, as diagnostics       phases.ts      parallel loops to invocations
//   scalarise.ts   vectors to scalars                    kernel.ts      bindings, entry points, launch data
//   statements.ts  blocks, loops, checks                 storage.ts     elements in memory, packed or not
//   expressions.ts loads, names, lazy guards             ops.ts         the table op → WGSL

import type { DiagnosticSink } from "../../../lang/diagnostics/diagnostic.ts";
import type { IrKernel } from "../../ir/ir.ts";
import type { Emitted, EmittedKernel, Target } from "../target.ts";
import { checkKernel, unsupported } from "./checks.ts";
import { foldConstants } from "./fold.ts";
import { HelperSet } from "./helpers.ts";
import { emitKernel } from "./kernel.ts";
import { NameSpace } from "./names.ts";
import { phasesOf } from "./phases.ts";
import { scalarise } from "./scalarise.ts";

export const wgsl: Target = {
  name: "wgsl",
  capabilities: { unsupported, vectorBytes: 0, vectorRegisters: 0, workgroups: false },
  passes: [
    { name: "scalarise", run: scalarise },
    // Last, since nothing but constants may reach WGSL's own evaluation of constants.
    { name: "fold-constants", run: foldConstants },
  ],
  emit: async (kernels, _options, sink) => emitModule(kernels, sink),
};

/** All kernels as one module. A kernel that WGSL can't hold is reported and left out. */
export function emitModule(kernels: readonly IrKernel[], sink: DiagnosticSink): Emitted {
  const helpers = new HelperSet();
  const names = new NameSpace();
  const parts: string[] = [];
  let half = false;
  const emitted = kernels.map((kernel): EmittedKernel => {
    const { name } = kernel;
    if (!checkKernel(kernel, sink))
      return {
        name,
        launch: { kind: "wgsl", phases: [], bindings: [], uniform: [], features: [] },
        asserts: [],
        text: "",
      };
    const code = emitKernel(kernel, phasesOf(kernel), { helpers, names });
    parts.push(...code.parts);
    half ||= code.launch.features.includes("shader-f16");
    return { name, launch: code.launch, asserts: code.asserts, text: code.parts.join("\n\n") };
  });
  const text = `${[...(half ? ["enable f16;"] : []), ...parts, ...helpers.code].join("\n\n")}\n`;
  return { code: text, text, kernels: emitted };
}

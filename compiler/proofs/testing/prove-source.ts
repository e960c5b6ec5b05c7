// For tests: proves every kernel of a Kern source, from text through checking and lowering.

import { checkModule } from "../../../lang/check/index.ts";
import { DiagnosticSink, type Diagnostic } from "../../../lang/diagnostics/diagnostic.ts";
import { libraryHost } from "../../../stdlib/index.ts";
import type { IrKernel } from "../../ir/ir.ts";
import { instanceRequests } from "../../instances.ts";
import { lower } from "../../lower/index.ts";
import { prove, type ProofResult } from "../index.ts";

export interface Proved {
  readonly results: readonly ProofResult[];
  /** The kernels as they were before. */
  readonly lowered: readonly IrKernel[];
  readonly found: readonly Diagnostic[];
}

export function proveSource(text: string): Proved {
  const sink = new DiagnosticSink();
  const module = checkModule({ path: "kernel.kern", text }, libraryHost(undefined), sink);
  const results: ProofResult[] = [];
  const lowered: IrKernel[] = [];
  for (const template of module.kernels) {
    const [first] = instanceRequests(template, {}, sink);
    const typed = first && module.instantiate(template.name, first, sink);
    if (!typed || sink.hasErrors) continue;
    const kernel = lower(typed);
    lowered.push(kernel);
    results.push(prove(kernel, sink));
  }
  return { results, lowered, found: sink.all };
}

/** One line for each diagnostic: its code, its message, and its counterexample. */
export function report(text: string): string {
  return proveSource(text)
    .found.map(
      ({ code, message, counterexample }) =>
        `${code} ${message}${counterexample ? ` | ${counterexample}` : ""}`,
    )
    .join("\n");
}

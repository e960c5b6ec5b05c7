// Text and binary forms of programs, both ways, and the checks that both go through.

import { diagnostic, DiagnosticSink, type Diagnostic } from "../../../../lang/diagnostics/diagnostic.ts";
import type { SourceFile, Span } from "../../../../lang/source.ts";
import type { Fault } from "../machine/faults.ts";
import { queues } from "../machine/geometry.ts";
import type { Program } from "../machine/program.ts";
import { decodeProgram } from "./binary.ts";
import { checkProgram, type Checked } from "./check.ts";
import { parseProgram, type Assembly } from "./parse.ts";

export { encodeProgram } from "./binary.ts";
export { checkProgram } from "./check.ts";
export { programText } from "./print.ts";

export interface Assembled {
  /** Absent where the text can't be read. */
  readonly program?: Program;
  readonly checked?: Checked;
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads a `.tsp` file and checks it: mistakes of writing, then faults, each at its line. */
export function assemble(file: SourceFile): Assembled {
  const sink = new DiagnosticSink();
  const assembly = parseProgram(file, sink);
  if (sink.hasErrors) return { diagnostics: sink.all };
  const checked = checkProgram(assembly.program);
  for (const each of checked.faults) sink.add(faultDiagnostic(each, placeOf(each, assembly)));
  return { program: assembly.program, checked, diagnostics: sink.all };
}

/** Reads and checks a `.tspb` file. */
export function disassemble(bytes: Uint8Array, path: string): Assembled {
  const program = decodeProgram(bytes);
  if (typeof program === "string")
    return { diagnostics: [diagnostic("K0920", { path, why: program }, undefined)] };
  const checked = checkProgram(program);
  return { program, checked, diagnostics: checked.faults.map((each) => faultDiagnostic(each)) };
}

/** A fault as a diagnostic, at the line of assembly where there is one. */
export function faultDiagnostic({ code, cycle, unit, what, from }: Fault, span?: Span): Diagnostic {
  const notes = from ? [`it comes from ${from.file}:${from.line}`] : [];
  return diagnostic(code, { unit, cycle, what }, span, { notes });
}

/** The text of the instruction at fault: the last one that its queue has begun by then. */
function placeOf({ unit, cycle }: Fault, { program, places }: Assembly): Span | undefined {
  const own = program.issues.filter(({ queue }) => queues[queue]!.name === unit && queue >= 0);
  const issue = own.findLast((each) => each.cycle <= cycle) ?? own[0];
  return issue && places.get(issue);
}

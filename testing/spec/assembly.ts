// A `tsp` block: a program for the TSP, assembled, checked and simulated. Its faults are asserted as elsewhere, and what the
// simulator finds must be what the checks find, but for those that depend on values. An `out` block behind it shows cycles
// and outputs. A `tspb` block is the same program's bytes in hexadecimal.

import { assemble, disassemble, faultDiagnostic } from "../../compiler/targets/tsp/assemble/index.ts";
import { beatText } from "../../compiler/targets/tsp/assemble/print.ts";
import type { Assembled } from "../../compiler/targets/tsp/assemble/index.ts";
import { simulate } from "../../compiler/targets/tsp/simulate/index.ts";
import { assertionsIn, differences } from "./assertions.ts";
import type { Block } from "./page.ts";

const path = "program.tsp";

/** What goes otherwise than a block says, one line each. */
export function assemblyProblems(block: Block, printed: Block | undefined): readonly string[] {
  const { program, diagnostics } = assembled(block);
  const found = [...diagnostics];
  const problems: string[] = [];
  if (program) {
    const simulated = simulate(program, { maxFaults: 1000 });
    const codes = new Set(simulated.faults.map(({ code }) => code as string));
    for (const { code } of diagnostics)
      if (!codes.has(code)) problems.push(`the checks find ${code}, and the simulator doesn’t`);
    const known = new Set(diagnostics.map(({ code }) => code as string));
    found.push(
      ...simulated.faults.filter(({ code }) => !known.has(code)).map((each) => faultDiagnostic(each)),
    );
    if (printed && found.length === 0) {
      const lines = [`${simulated.cycles} cycles, ${simulated.lastTile} at the last tile`];
      for (const name of new Set(program.outputs.map((each) => each.name)))
        lines.push(...simulated.output(name).map((beat, at) => `${name}[${at}] = ${beatText(beat)}`));
      if (lines.join("\n") !== printed.text.trim())
        problems.push(
          `it gives ${JSON.stringify(lines.join("\n"))}, not ${JSON.stringify(printed.text.trim())}`,
        );
    }
  }
  problems.push(...differences(assertionsIn(block.text), found, path));
  return problems.map((each) => `block at line ${block.line}, ${each}`);
}

function assembled({ language, text }: Block): Assembled {
  if (language === "tsp") return assemble({ path, text });
  const digits = text.replaceAll(/#.*$/gm, "").replaceAll(/\s+/g, "");
  const bytes = Uint8Array.from(digits.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  return disassemble(bytes, "program.tspb");
}

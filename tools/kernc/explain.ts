// `kernc explain`: what the compiler knows of a kernel, by source line, and what it makes of it; or an error code at
// length.

import type { Explanation, KernelExplanation, TargetExplanation, TargetName } from "../../compiler/index.ts";
import { oneOf, UsageError, type Command, type Given } from "./command.ts";
import { explainCode, isCode } from "./explaining/code-entry.ts";
import { explainTsp } from "./explaining/tsp.ts";
import { showKernel } from "./explaining/kernel.ts";
import { chooseKernel, compileOptions, kernelArgument, openFile, settingsOf } from "./kernels.ts";
import { render, report } from "./report.ts";
import { fileHost } from "./sources.ts";
import type { Terminal } from "./terminal.ts";

const targetNames = ["wasm", "wgsl"] as const satisfies readonly TargetName[];

export const explain: Command = {
  name: "explain",
  usage: "FILE[:KERNEL] | CODE",
  summary:
    "Shows for each line of a kernel what was proved and what is checked at run time, what becomes of its annotations, and the loops of each target. A code such as K0403 is explained at length.",
  options: {
    ...compileOptions,
    target: {
      kind: "value",
      multiple: true,
      value: "wasm,wgsl|tsp",
      help: "Targets to show; wasm and wgsl if nothing is said. tsp needs every dim: --shape N=512",
    },
    code: { kind: "flag", help: "Show the emitted code beside the source lines it comes from" },
    steps: { kind: "flag", help: "Show the loops after each annotation" },
    json: { kind: "flag", help: "Print everything as JSON" },
    picture: { kind: "value", value: "FILE.svg", help: "With --target tsp: draw the units over time" },
  },
  async run(given, terminal) {
    const [first] = given.positionals;
    if (first !== undefined && isCode(first) && given.positionals.length === 1)
      return explainCode(first, terminal);
    const { path, kernel } = kernelArgument("explain", given);
    const opened = await openFile(path, given, terminal);
    const kernels = kernel === undefined ? undefined : [chooseKernel(opened, kernel).name];
    if (given.all("target").includes("tsp")) return explainTsp(opened, kernels, given, terminal);
    const { explain: explainSource } = await import("../../compiler/index.ts");
    const explanation = await explainSource(opened.file, {
      ...settingsOf(given),
      host: fileHost(path),
      lock: opened.lock,
      target: targetsOf(given),
      ...(kernels && { kernels }),
    });
    if (given.has("json")) terminal.out(`${JSON.stringify(plain(explanation), undefined, 2)}\n`);
    else {
      report(explanation.diagnostics, terminal);
      const width = process.stdout.columns ?? 120;
      const options = { code: given.has("code"), schedule: given.has("steps"), width, file: opened.file };
      for (const each of explanation.kernels) {
        showKernel(each, options, terminal);
        showRefusals(each, terminal);
      }
      if (explanation.kernels.length === 0)
        terminal.out(`${path} has no kernel that can be compiled as it is; give parameters with --set\n`);
    }
    return 0;
  },
};

function targetsOf(given: Given): readonly TargetName[] {
  const asked = given.all("target").flatMap((text) => text.split(","));
  if (asked.length === 0) return targetNames;
  return asked.map((name) => {
    if (name === "tsp") throw new UsageError("the target `tsp` is explained by itself: --target tsp");
    return oneOf("target", name, targetNames);
  });
}

function showRefusals({ targets }: KernelExplanation, terminal: Terminal): void {
  for (const each of targets)
    if (each.refused) terminal.out(render(each.refused, "pretty", terminal.colors.isColorSupported));
}

/** The explanation without source files, which spans hold, and with diagnostics as `check --format json` has them. */
function plain(explanation: Explanation): unknown {
  const diagnostics = (all: Explanation["diagnostics"]): unknown => JSON.parse(render(all, "json", false));
  const target = (each: TargetExplanation): unknown =>
    each.refused ? { ...each, refused: diagnostics(each.refused) } : each;
  return {
    ...explanation,
    diagnostics: diagnostics(explanation.diagnostics),
    kernels: explanation.kernels.map((kernel) => ({ ...kernel, targets: kernel.targets.map(target) })),
  };
}

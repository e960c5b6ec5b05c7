// `kernc test`: runs the `test` blocks of files on every target that can run here.

import type { DiagnosticSink as Sink } from "../../lang/diagnostics/diagnostic.ts";
import type { Diagnostic } from "../../lang/diagnostics/diagnostic.ts";
import type { TKernel, TTest, TypedModule } from "../../lang/typed.ts";
import type { Compiled, CompileOptions } from "../../compiler/index.ts";
import { openDevice, type DeviceName } from "../../runtime/index.ts";
import { oneOf, type Command } from "./command.ts";
import { DiagnosticError, mistake } from "./diagnostic-error.ts";
import { diagnosticsOf, refusalOf, render, report } from "./report.ts";
import { fileHost, findSources, readLock, readSource } from "./sources.ts";
import type { Terminal } from "./terminal.ts";
import { TestRunner } from "./testing/runner.ts";
import { TestFailure } from "./testing/value.ts";

const runnable = ["interp", "wasm", "webgpu"] as const satisfies readonly DeviceName[];
type Target = (typeof runnable)[number];
/** Where tests run if nothing is said: WebGPU isn’t everywhere, and holds fewer dtypes. */
const everywhere: readonly Target[] = ["interp", "wasm"];

export const test: Command = {
  name: "test",
  usage: "FILES… [--target TARGET]",
  summary:
    "Runs the test blocks of .kern files on the interpreter and on WASM. Folders are searched for .kern files.",
  options: {
    target: { kind: "value", value: "TARGET", help: `Only on one target: ${runnable.join(", ")}` },
    only: { kind: "value", value: "TEXT", help: "Only tests whose names contain TEXT" },
  },
  async run(given, terminal) {
    const asked = given.get("target");
    const targets = asked === undefined ? everywhere : [oneOf("target", asked, runnable)];
    const only = given.get("only") ?? "";
    let passed = 0;
    let failed = 0;
    let elsewhere = 0;
    for (const path of findSources("test", given.positionals)) {
      const module = await openModule(path, terminal);
      if (!module) {
        failed++;
        continue;
      }
      const tests = module.typed.tests.filter(({ title }) => title.includes(only));
      if (tests.length > 0) terminal.out(`${terminal.colors.bold(path)}\n`);
      const runners = await Promise.all(targets.map((target) => openRunner(target, module)));
      try {
        for (const each of tests) {
          const verdict = await runTest(each, runners, terminal);
          if (verdict === "passed") passed++;
          else if (verdict === "failed") failed++;
          else elsewhere++;
        }
      } finally {
        for (const { close } of runners) close();
      }
    }
    const { green, red, dim } = terminal.colors;
    const counts = [
      green(`${passed} passed`),
      ...(failed > 0 ? [red(`${failed} failed`)] : []),
      ...(elsewhere > 0 ? [dim(`${elsewhere} more than the target holds`)] : []),
    ];
    if (passed + failed + elsewhere > 0) {
      terminal.out(`${counts.join(", ")}\n`);
      return failed > 0 ? 1 : 0;
    }
    terminal.out(dim(only === "" ? "no tests\n" : `no test’s name contains ${JSON.stringify(only)}\n`));
    return only === "" ? 0 : 1;
  },
};

interface OpenModule {
  readonly typed: TypedModule;
  readonly options: CompileOptions;
}

/** Reads and checks a file; its mistakes are shown and count as a failure. */
async function openModule(path: string, terminal: Terminal): Promise<OpenModule | undefined> {
  const { checked } = await import("../../compiler/index.ts");
  const { DiagnosticSink } = await import("../../lang/diagnostics/index.ts");
  const options = { host: fileHost(path), lock: readLock(path) };
  const sink: Sink = new DiagnosticSink();
  const typed = checked(readSource(path), options, sink);
  report(sink.all, terminal);
  return sink.hasErrors ? undefined : { typed, options };
}

interface Runner {
  readonly target: Target;
  readonly runner: TestRunner;
  readonly close: () => void;
}

async function openRunner(target: Target, { typed, options }: OpenModule): Promise<Runner> {
  const { compileTyped } = await import("../../compiler/index.ts");
  const { DiagnosticSink } = await import("../../lang/diagnostics/index.ts");
  const device = await openDevice(target);
  const compile = (kernel: TKernel): Promise<Compiled> =>
    compileTyped(typed, [kernel], { ...options, ...device.compileOptions }, new DiagnosticSink());
  return { target, runner: new TestRunner(device, compile), close: () => device.close() };
}

async function runTest(
  each: TTest,
  runners: readonly Runner[],
  terminal: Terminal,
): Promise<"passed" | "failed" | "refused"> {
  const { green, red, dim } = terminal.colors;
  const outcomes: { target: Target; trouble?: readonly Diagnostic[] }[] = [];
  const start = performance.now();
  for (const { target, runner } of runners) {
    const trouble = await troubleOf(each, runner);
    if (typeof trouble !== "string") outcomes.push({ target, trouble });
    else terminal.out(`  ${dim(`– ${each.title} (${target}): ${trouble}`)}\n`);
  }
  if (outcomes.length === 0) return "refused";
  const bad = outcomes.filter(({ trouble }) => trouble);
  const time = dim(`${Math.round(performance.now() - start)} ms`);
  const on = (some: typeof outcomes) => some.map(({ target }) => target).join(", ");
  if (bad.length === 0) {
    terminal.out(`  ${green("✓")} ${each.title} ${dim(`(${on(outcomes)})`)} ${time}\n`);
    return "passed";
  }
  terminal.out(`  ${red("✗")} ${each.title} ${dim(`(${on(bad)})`)} ${time}\n`);
  // The same failure on every target is shown once.
  const shown = new Set<string>();
  for (const { trouble } of bad) {
    const text = render(trouble!, "pretty", terminal.colors.isColorSupported);
    if (!shown.has(text)) terminal.out(text.replace(/^(?=.)/gm, "    "));
    shown.add(text);
  }
  return "failed";
}

/** What went wrong in a test, or undefined; words where the target can't hold a kernel that the test calls. */
async function troubleOf(
  each: TTest,
  runner: TestRunner,
): Promise<readonly Diagnostic[] | string | undefined> {
  try {
    await runner.run(each);
    return undefined;
  } catch (error) {
    if (error instanceof TestFailure) {
      const { span, notes, message } = error;
      return [mistake("K0809", { test: each.title, why: message }, { span, notes }).diagnostic];
    }
    const refusal = refusalOf(error);
    if (refusal !== undefined) return refusal;
    const diagnostics = error instanceof DiagnosticError ? [error.diagnostic] : diagnosticsOf(error);
    if (!diagnostics) throw error;
    return diagnostics;
  }
}

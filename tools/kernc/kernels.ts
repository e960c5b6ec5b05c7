// Compiling one file for a command: which of its kernels is meant, and the settings of `--set` and `--shape`.

import type { Compiled, CompileOptions } from "../../compiler/index.ts";
import type { Device } from "../../runtime/index.ts";
import type { KernelTemplate, TypedModule } from "../../lang/typed.ts";
import type { SourceFile } from "../../lang/source.ts";
import { nearest } from "../../lang/diagnostics/nearest.ts";
import type { TargetName } from "../../compiler/artifact.ts";
import { namedValue, oneOf, UsageError, wholeNumber, type Given, type OptionSpec } from "./command.ts";
import { mistake } from "./diagnostic-error.ts";
import { report } from "./report.ts";
import { fileHost, readLock, readSource, splitKernel } from "./sources.ts";
import type { Terminal } from "./terminal.ts";
import { Failure } from "./failure.ts";

const scheduleModes = ["auto", "none", "replace"] as const;

/** Options that every compiling command has. */
export const compileOptions: Readonly<Record<string, OptionSpec>> = {
  shape: { kind: "value", multiple: true, value: "M=512,…", help: "Fix dimensions when compiling" },
  set: {
    kind: "value",
    multiple: true,
    value: "NAME=VALUE",
    help: "Give a compile-time parameter its value",
  },
  "no-lock": { kind: "flag", help: "Leave NAME.kern.lock aside: the first value of each list counts" },
  features: {
    kind: "value",
    multiple: true,
    value: "relaxed-simd,…",
    help: "Optional features of a target to use",
  },
  schedule: {
    kind: "value",
    value: "auto|none|replace",
    help: "Schedule what has no annotations (auto, the default), nothing, or everything whatever the annotations say",
  },
  "print-after": {
    kind: "value",
    multiple: true,
    value: "PASS",
    help: "Show the IR after a pass of the compiler (`all`: after each)",
  },
  "verify-each": { kind: "flag", help: "Verify the IR after each pass" },
};

/** The values of `--set`, `--shape`, `--features` and `--schedule`. */
export function settingsOf(given: Given): Pick<CompileOptions, "set" | "shape" | "features" | "schedule"> {
  const pairs = (option: string) =>
    given.all(option).flatMap((text) => text.split(",").map((part) => namedValue(option, part)));
  const schedule = given.get("schedule");
  const features = given.all("features").flatMap((text) => text.split(",").map((word) => word.trim()));
  return {
    ...(features.length > 0 && { features: ["threads", ...features] }),
    ...(schedule !== undefined && { schedule: oneOf("schedule", schedule, scheduleModes) }),
    set: Object.fromEntries(pairs("set")),
    shape: Object.fromEntries(
      pairs("shape").map(([name, text]) => [name, wholeNumber("shape", text, 0, 2 ** 30 - 1)]),
    ),
  };
}

/** What `--print-after` and `--verify-each` ask for. */
async function passOptions(
  given: Given,
  terminal: Terminal,
  targets: readonly TargetName[],
): Promise<CompileOptions["passes"]> {
  const printAfter = given.all("print-after");
  if (printAfter.length > 0) {
    const { passNames } = await import("../../compiler/index.ts");
    const known = [...passNames(targets), "all"];
    for (const name of printAfter)
      if (!known.includes(name)) {
        const near = nearest(name, known);
        const hint = near ? `did you mean \`${near}\`?` : `they are ${known.join(", ")}`;
        throw new UsageError(`there is no pass \`${name}\``, hint);
      }
  }
  return {
    verifyEach: given.has("verify-each"),
    printAfter,
    print: (pass, text) => terminal.out(`# after ${pass}\n${text}\n`),
  };
}

/** What a device asks of the compiler. */
type ForDevice = Pick<Device, "compileOptions">;

export interface Opened {
  readonly file: SourceFile;
  readonly module: TypedModule;
  /** The text of its lock file; absent if there is none, or it isn't to be used. */
  readonly lock: string | undefined;
  /** What every compilation of it is given. */
  readonly options: CompileOptions;
  /** Compiles kernels of the file; shows warnings, and ends the command on errors. */
  compile(
    targets: readonly TargetName[],
    kernels: readonly string[],
    instead?: Pick<CompileOptions, "shape" | "schedule" | "features" | "limits" | "levels">,
  ): Promise<Compiled>;
  /** The same for a device: its target, features and limits. */
  compileFor(
    device: ForDevice,
    kernels: readonly string[],
    instead?: Pick<CompileOptions, "shape" | "schedule">,
  ): Promise<Compiled>;
}

/** Reads and checks a file; mistakes end the command. */
export async function openFile(path: string, given: Given, terminal: Terminal): Promise<Opened> {
  const { checked, compile, CompileError, refuseUnknownSettings } = await import("../../compiler/index.ts");
  const { DiagnosticSink } = await import("../../lang/diagnostics/index.ts");
  const file = readSource(path);
  const lock = given.has("no-lock") ? undefined : readLock(path);
  const options = { ...settingsOf(given), host: fileHost(path), lock };
  const sink = new DiagnosticSink();
  const module = checked(file, options, sink);
  if (sink.hasErrors) {
    report(sink.all, terminal);
    throw new Failure();
  }
  const compileKernels: Opened["compile"] = async (target, kernels, instead = {}) => {
    // Of the command line's settings, whatever stands instead of them.
    const unknown = new DiagnosticSink();
    const chosen = module.kernels.filter(({ name }) => kernels.includes(name));
    refuseUnknownSettings(module, chosen, options, unknown);
    if (unknown.hasErrors) throw new CompileError(unknown.all);
    const passes = await passOptions(given, terminal, target);
    const compiled = await compile(file, { ...options, ...instead, target, kernels, passes });
    report(compiled.diagnostics, terminal);
    return compiled;
  };
  return {
    file,
    module,
    lock,
    options,
    compile: compileKernels,
    compileFor: ({ compileOptions: { target, ...own } }, kernels, instead = {}) =>
      // What was asked for on the command line counts, whatever the device has.
      compileKernels([target].flat(), kernels, {
        ...own,
        ...(options.features && { features: options.features }),
        ...instead,
      }),
  };
}

/** The argument `FILE[:KERNEL]` of a command. */
export function kernelArgument(command: string, given: Given): { path: string; kernel?: string } {
  const [argument, ...more] = given.positionals;
  if (argument === undefined) throw new UsageError(`\`kernc ${command}\` needs a .kern file`);
  if (more.length > 0)
    throw new UsageError(`\`kernc ${command}\` takes one file, and was given ${more.join(", ")} as well`);
  return splitKernel(argument);
}

/** The one kernel that is meant: the one named, or the file's only one. */
export function chooseKernel({ file, module }: Opened, name: string | undefined): KernelTemplate {
  const { kernels } = module;
  const names = kernels.map((each) => each.name);
  if (names.length === 0) throw mistake("K0806", { file: file.path });
  const list = [`it has ${names.join(", ")}`];
  if (name !== undefined) {
    const found = kernels.find((each) => each.name === name);
    if (found) return found;
    const near = nearest(name, names);
    throw mistake(
      "K0804",
      { name, file: file.path },
      near ? { fix: { text: `did you mean \`${near}\`?` } } : { notes: list },
    );
  }
  if (kernels.length === 1) return kernels[0]!;
  throw mistake(
    "K0805",
    { file: file.path },
    { notes: list, fix: { text: `name one: \`${file.path}:${names[0]}\`` } },
  );
}

/** For a kernel of which there is no instance: the compile-time parameters that have no value, and how to give them one. */
export function whyNoInstance({ module }: Compiled, name: string): string[] {
  const missing = module.kernels
    .find((each) => each.name === name)
    ?.compParams.filter(({ kind, fallback }) => kind !== "dtype" && fallback === undefined);
  return (missing ?? []).map(
    (param) => `\`${name}\` needs a value for \`${param.name}\`: --set ${param.name}=…`,
  );
}

/** Notes on those of `names` that a compilation has no instance of; an error if it has none of any. */
export function leftOut(compiled: Compiled, path: string, names: readonly string[]): string[] {
  const made = new Set(compiled.kernels.map(({ typed }) => typed.name));
  const notes = names.filter((name) => !made.has(name)).flatMap((name) => whyNoInstance(compiled, name));
  if (made.size === 0) throw mistake("K0806", { file: path }, { notes });
  return notes;
}

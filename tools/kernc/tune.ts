// `kernc tune`: searches the lists of values in a kernel's annotations, or whole schedules, for the fastest at one size, and
// keeps what it finds in the lock file beside the source.

import { setFlagsFromString } from "node:v8";
import { compileTyped } from "../../compiler/index.ts";
import { instanceRequests } from "../../compiler/instances.ts";
import { lockPath } from "../../compiler/tuning/lock.ts";
import { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import type { KernelTemplate, TKernel } from "../../lang/typed.ts";
import {
  openDevice,
  type Arguments,
  type Device,
  type Kernel,
  type WebgpuDevice,
} from "../../runtime/index.ts";
import { gpuLane, placed } from "../timing/calls.ts";
import type { Lane } from "../timing/interleaved.ts";
import { chart } from "../tune/chart.ts";
import { showEntries } from "../tune/entries.ts";
import { checkLock, openLock, saveEntry } from "../tune/lock-file.ts";
import { pasteText, progressText, showOutcome } from "../tune/report.ts";
import { NoBaseline, type Outcome, type Ranked } from "../tune/search.ts";
import { subjectOf, tune, type Subject } from "../tune/tuning.ts";
import { argumentsAt, dimsOf } from "./benching/sizes.ts";
import { oneOf, UsageError, wholeNumber, type Command, type Given } from "./command.ts";
import { readInputs } from "./inputs.ts";
import {
  chooseKernel,
  compileOptions,
  kernelArgument,
  openFile,
  settingsOf,
  type Opened,
} from "./kernels.ts";
import { checkPicture, writeFiles } from "./outputs.ts";
import { report } from "./report.ts";
import type { Terminal } from "./terminal.ts";

/** What a shell expects of a program that Ctrl-C ended. */
const interruptedCode = 130;

const { set, features, "no-lock": _lock, schedule: _schedule, ...passOptions } = compileOptions;

export const tuneCommand: Command = {
  name: "tune",
  usage: "FILE[:KERNEL] --shape M=512,… [--target TARGET] [--schedules] [--budget SECONDS]",
  summary:
    "Searches the lists of values in a kernel’s annotations for the fastest, and keeps it in NAME.kern.lock, which every compilation of NAME.kern uses.",
  details: [
    "What the checker refuses is left out; every other candidate is compared with the interpreter before it is timed, and",
    "only what beats the values in force by more than the measurements waver is kept. Inputs are random unless --in gives",
    "them. Ctrl-C ends the search, keeps the best one known, and gives the exit code 130.",
  ],
  options: {
    shape: { kind: "value", multiple: true, value: "M=512,…", help: "The size of each dimension" },
    target: {
      kind: "value",
      value: "TARGET",
      help: "wasm (if nothing is said), or wgsl, measured on the GPU there is by its own clock",
    },
    fixed: {
      kind: "value",
      multiple: true,
      value: "R,Q,…",
      help: "Dimensions whose sizes the code has as constants: for compilations with the same --shape R=3,Q=3",
    },
    schedules: {
      kind: "flag",
      help: "Search whole schedules, in the place of all annotations, instead of lists of values",
    },
    budget: { kind: "value", value: "SECONDS", help: "Time for the search; 60 if nothing is said" },
    threads: { kind: "value", value: "N", help: "Threads that share parallel loops; 1 if nothing is said" },
    seed: { kind: "value", value: "N", help: "Another order of trying candidates" },
    in: {
      kind: "value",
      multiple: true,
      value: "NAME=VALUE",
      help: "An argument of the kernel, as for `run`",
    },
    svg: { kind: "value", value: "FILE", help: "Draw the candidates as a picture" },
    json: { kind: "flag", help: "Write the figures as JSON" },
    "dry-run": { kind: "flag", help: "Leave the lock file as it is" },
    check: { kind: "flag", help: "Only list the lock file’s entries; exit code 1 if one is stale" },
    verbose: { kind: "flag", help: "Say why the first candidates were refused" },
    ...(set && { set }),
    ...(features && { features }),
    ...passOptions,
  },
  async run(given, terminal) {
    const { path, kernel: wanted } = kernelArgument("tune", given);
    const opened = await openFile(path, given, terminal);
    if (given.has("check")) return showEntries(path, opened.module, terminal);
    return tuneKernel(path, opened, chooseKernel(opened, wanted), given, terminal);
  },
};

async function tuneKernel(
  path: string,
  opened: Opened,
  template: KernelTemplate,
  given: Given,
  terminal: Terminal,
): Promise<number> {
  const target = oneOf("target", given.get("target") ?? "wasm", ["wasm", "wgsl", "webgpu"]);
  const onGpu = target !== "wasm";
  if (onGpu && given.has("threads"))
    throw new UsageError("`--threads` is for wasm: a GPU shares its work itself");
  const threads = wholeNumber("threads", given.get("threads") ?? "1", 1, 64);
  const budget = wholeNumber("budget", given.get("budget") ?? "60", 1, 86_400) * 1000;
  const seed = wholeNumber("seed", given.get("seed") ?? "1", 0, 2 ** 31);
  const schedules = given.has("schedules");
  const svg = given.get("svg");
  if (svg !== undefined) checkPicture(svg);
  const keep = !given.has("dry-run");
  if (keep) checkLock(path);
  const typed = instanceOf(opened, template, given);
  // Without TurboFan's code from the first call on, short runs would compare how fast Liftoff is.
  if (!onGpu) setFlagsFromString("--no-liftoff");
  const device = onGpu ? await openDevice("webgpu") : await openDevice("wasm", { threads });
  const interpreter = await openDevice("interp");
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  try {
    const { shape: sizes = {} } = settingsOf(given);
    const { target: _, ...own } = onGpu ? device.compileOptions : { target: "wasm" };
    // What was asked for on the command line counts, whatever the device has.
    const compile = { ...own, ...opened.options, shape: fixedOf(given, sizes) };
    const plain = await compileTyped(
      opened.module,
      [typed],
      { ...compile, features: undefined, lock: undefined, target: "wasm" },
      new DiagnosticSink(),
    );
    const { signature } = plain.artifact("wasm").kernels[0]!;
    const inputs = await readInputs(given.all("in"), signature);
    const dims = dimsOf(signature, sizes, inputs);
    const lock = openLock(path);
    const subject = await subjectOf({
      module: opened.module,
      typed,
      signature,
      target: onGpu ? "wgsl" : "wasm",
      dims,
      compile,
      lock,
      schedules,
      seed,
    });
    report(subject.warnings, terminal);
    refuseEmpty(subject, schedules);
    process.once("SIGINT", onSignal);
    const args = argumentsAt(signature, dims, inputs);
    const { outcome, entry } = await tune(subject, {
      device,
      interp: (await interpreter.load(plain))[signature.instance]!,
      args,
      ...(hasClock(device) && { measure: gpuMeasure(device, await placed(device, args())) }),
      budget,
      now: () => performance.now(),
      pause: () => new Promise((resolve) => setImmediate(resolve)),
      signal: stop.signal,
      ...(terminal.interactive && {
        progress: (now) => terminal.err(`\r\x1b[K${progressText(now, signature.instance, columns())}`),
      }),
    });
    if (terminal.interactive) terminal.err("\r\x1b[K");
    const changed = keep && entry !== undefined && saveEntry(path, entry);
    const place = placeOf(device);
    show(outcome, subject, place, given, terminal);
    if (changed) terminal.err(`${terminal.errColors.green("✓")} ${lockPath(path)}\n`);
    if (svg !== undefined) {
      const words = { title: titleOf(subject), inForce: inForce(subject), place };
      writeFiles([{ path: svg, bytes: chart(outcome, words) }]);
    }
    return outcome.ended === "interrupted" ? interruptedCode : 0;
  } catch (error) {
    if (!(error instanceof NoBaseline)) throw error;
    if (terminal.interactive) terminal.err("\r\x1b[K");
    terminal.err(
      `${terminal.errColors.red(`✗ there is nothing to compare with: ${typed.instance} as it is now is wrong or can’t be compiled`)}\n  ${error.message}\n`,
    );
    return 1;
  } finally {
    process.removeListener("SIGINT", onSignal);
    for (const each of [interpreter, device]) each.close();
  }
}

/** Whether a device is a GPU that says how long it worked; one that doesn't is timed by when its calls are done. */
const hasClock = (device: Device): device is WebgpuDevice =>
  device.name === "webgpu" && device.features.includes("timestamp-query");

const gpuMeasure =
  (device: WebgpuDevice, args: Arguments) =>
  (kernel: Kernel): Lane =>
    gpuLane(device, kernel, args);

/** Where it was measured, for people. */
const placeOf = (device: Device): string =>
  device.name === "webgpu"
    ? `${device.compileOptions.adapter ?? "a GPU"}, by ${hasClock(device) ? "its own clock" : "when its calls are done"}`
    : `Node ${process.versions.node}, V8 ${process.versions.v8}`;

/** The sizes that `--fixed` makes constants. */
function fixedOf(given: Given, sizes: Readonly<Record<string, number>>): Record<string, number> {
  const names = given.all("fixed").flatMap((text) => text.split(",").map((name) => name.trim()));
  const unknown = names.find((name) => sizes[name] === undefined);
  if (unknown !== undefined)
    throw new UsageError(`\`--fixed\` names \`${unknown}\`, which has no size`, `--shape ${unknown}=…`);
  return Object.fromEntries(names.map((name) => [name, sizes[name]!]));
}

const columns = (): number => process.stderr.columns ?? 80;

/** The instance that settings ask for; of a kernel over packs that of rank 1, to which contiguous tensors are merged. */
function instanceOf({ module, options }: Opened, template: KernelTemplate, given: Given): TKernel {
  const sink = new DiagnosticSink();
  const request = instanceRequests(template, settingsOf(given).set ?? options.set ?? {}, sink).find(
    ({ packs }) => Object.values(packs ?? {}).every((rank) => rank === 1),
  );
  const typed = request && module.instantiate(template.name, request, sink);
  if (typed) return typed;
  throw new UsageError(
    `\`${template.name}\` has compile-time parameters without defaults`,
    "give them with --set",
  );
}

/** A search needs something to search. */
function refuseEmpty({ space, typed }: Subject, schedules: boolean): void {
  if (space.size > 1) return;
  if (schedules)
    throw new UsageError(`\`${typed.name}\` has no nest of loops for which there is a choice of schedules`);
  throw new UsageError(
    `the annotations of \`${typed.name}\` have no lists of values to search`,
    "write some, as in @tile(i=[4, 6, 8]); or search whole schedules with --schedules",
  );
}

const inForce = ({ entry, knobs }: Subject): string =>
  entry ? "the values in the lock file" : knobs.length > 0 ? "the first values" : "the kernel as it is";

const titleOf = ({ signature, dims }: Subject): string =>
  [signature.instance, ...Object.entries(dims).map(([name, size]) => `${name}=${size}`)].join(" ");

function show(outcome: Outcome, subject: Subject, place: string, given: Given, terminal: Terminal): void {
  const { signature, dims, space } = subject;
  if (given.has("json")) {
    terminal.out(`${JSON.stringify(figures(outcome, subject, place), undefined, 1)}\n`);
    return;
  }
  showOutcome(
    outcome,
    {
      kernel: signature.instance,
      dims,
      place,
      size: space.size,
      verbose: given.has("verbose"),
      inForce: inForce(subject),
    },
    terminal,
  );
  const best = outcome.winner?.candidate ?? (subject.entry ? subject.baseline : undefined);
  if (!best) return;
  const lines = pasteText(best, subject.typed, subject.knobs);
  if (lines.length > 0)
    terminal.out(
      `${terminal.colors.dim("as annotations:")}\n${lines.map((line) => `    ${line}\n`).join("")}`,
    );
}

function figures(outcome: Outcome, { signature, target, dims, space }: Subject, place: string): unknown {
  const plain = ({ candidate, time, standing, finalist }: Ranked) => ({
    label: candidate.label,
    values: candidate.values,
    ...(candidate.schedule && { schedule: candidate.schedule }),
    time,
    ratio: standing?.ratio,
    finalist,
  });
  const { baseline, ranked, winner, refused, wrong, noise, tried, same, ended } = outcome;
  const told = (all: Outcome["refused"]) =>
    all.map(({ candidate, why }) => ({ label: candidate.label, why }));
  return {
    kernel: signature.instance,
    target,
    dims,
    place,
    node: process.version,
    candidates: space.size,
    tried,
    same,
    ended,
    noise,
    baseline: plain(baseline),
    winner: winner?.candidate.label,
    ranked: ranked.map(plain),
    refused: told(refused),
    wrong: told(wrong),
  };
}

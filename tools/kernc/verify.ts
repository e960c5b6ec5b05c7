// `kernc verify`: every target that can run here against the interpreter, over awkward shapes and views.

import type { IrKernel } from "../../compiler/ir/ir.ts";
import { visitBlock } from "../../compiler/ir/walk.ts";
import type { KernelReport, Signature } from "../../compiler/artifact.ts";
import type { Compiled } from "../../compiler/index.ts";
import { isFloat } from "../../lang/dtypes.ts";
import type { Tensor, WebgpuDevice } from "../../runtime/index.ts";
import { openDevice, type Arguments, type Device, type Kernel, type Kernels } from "../../runtime/index.ts";
import { openInterpDevice } from "../../runtime/devices/interp.ts";
import { KernError } from "../../runtime/error.ts";
import type { Command } from "./command.ts";
import { mistake } from "./diagnostic-error.ts";
import {
  chooseKernel,
  compileOptions,
  kernelArgument,
  openFile,
  whyNoInstance,
  type Opened,
} from "./kernels.ts";
import { refusalOf } from "./report.ts";
import type { Terminal } from "./terminal.ts";
import { argumentsFor, casesFor, describeCase, type Case } from "./verifying/cases.ts";
import { compare, identical, openInWgsl, same, worse, type Difference } from "./verifying/compare.ts";
import { spreadOf, type Shaken } from "./verifying/spread.ts";
import { chosenSizes, tileSizes } from "./verifying/tile-sizes.ts";

export const verify: Command = {
  name: "verify",
  usage: "FILE[:KERNEL]",
  summary:
    "Runs a kernel, or all kernels of a file, on every target over awkward shapes and strided views, and compares with the interpreter.",
  details: [
    "Integers must agree exactly, floats within the kernel’s tolerance, one and two threads bit for bit, or, where atomic sums of",
    "floats come in any order, within the tolerance too.",
    "WebGPU runs the same cases where there is an adapter; where there is none, WGSL is compiled. What isn’t finite is left",
    "open there, as WGSL leaves it.",
    "The simulated TSP runs those of the kernels that it takes.",
  ],
  options: { ...compileOptions },
  async run(given, terminal) {
    const { path, kernel } = kernelArgument("verify", given);
    const opened = await openFile(path, given, terminal);
    const names =
      kernel === undefined
        ? opened.module.kernels.map(({ name }) => name)
        : [chooseKernel(opened, kernel).name];
    if (names.length === 0) throw mistake("K0806", { file: path });
    const devices = {
      interp: await openDevice("interp"),
      one: await openDevice("wasm", { threads: 1 }),
      two: await openDevice("wasm", { threads: 2, serialBelow: 0 }),
      gpu: await openGpu(),
      tsp: await openDevice("tsp"),
    };
    try {
      let bad = 0;
      const without: string[] = [];
      for (const name of names) {
        const result = await verifyKernel(name, opened, devices, terminal);
        if (typeof result === "number") bad += result;
        else without.push(result);
      }
      if (names.length === without.length) throw mistake("K0806", { file: path }, { notes: without });
      const { green, red } = terminal.colors;
      terminal.out(
        bad === 0
          ? green("every case agrees\n")
          : red(`${bad} ${bad === 1 ? "case differs" : "cases differ"}\n`),
      );
      return bad === 0 ? 0 : 1;
    } finally {
      for (const device of Object.values(devices)) if (typeof device === "object") device.close();
    }
  },
};

interface Devices {
  readonly interp: Device;
  readonly one: Device;
  readonly two: Device;
  /** Or why there is none. */
  readonly gpu: WebgpuDevice | string;
  readonly tsp: Device;
}

async function openGpu(): Promise<WebgpuDevice | string> {
  try {
    return await openDevice("webgpu");
  } catch (error) {
    if (error instanceof KernError) return error.diagnostic.message;
    throw error;
  }
}

/** Verifies a kernel's instances, and gives the number of cases that differ; if there are no instances, why not. */
async function verifyKernel(
  name: string,
  opened: Opened,
  devices: Devices,
  terminal: Terminal,
): Promise<number | string> {
  const { bold, dim, yellow } = terminal.colors;
  const compiled = await opened.compile(["wasm"], [name]);
  if (compiled.kernels.length === 0) {
    const why = whyNoInstance(compiled, name).join("; ");
    terminal.out(`${bold(name)}  ${dim(`left out: ${why}`)}\n`);
    return why;
  }
  const [interp, one, two, tsp] = await Promise.all([
    devices.interp.load(compiled),
    devices.one.load(compiled),
    devices.two.load(compiled),
    devices.tsp.load(compiled),
  ]);
  const artifact = compiled.artifacts[0]!;
  const wgsl = await compiledForGpu(name, opened, devices.gpu);
  const gpu = typeof wgsl === "object" && typeof devices.gpu === "object" && (await devices.gpu.load(wgsl));
  let bad = 0;
  for (const [at, { signature, report }] of artifact.kernels.entries()) {
    // Merged packs are the usual case, rank 2 shows the others.
    if (Object.values(signature.packs).some((rank) => rank > 2)) continue;
    terminal.out(`${bold(signature.instance)}  ${dim(counts(report))}\n`);
    for (const { annotation, why } of report.notHonoured)
      terminal.out(`  ${yellow("not applied")} ${annotation}: ${why}\n`);
    const kernels: Runners = {
      interp: own(interp, signature),
      one: own(one, signature),
      two: own(two, signature),
      gpu: gpu ? own(gpu, signature) : undefined,
      tsp: own(tsp, signature),
      anyOrder: addsFloatsAtomically(compiled.kernels[at]!.ir),
      shaken: async (term) => own(await (await openInterpDevice({ term })).load(compiled), signature),
    };
    const tiles = [...tileSizes(compiled.kernels[at]!.typed), ...chosenSizes(report)];
    bad += await verifyInstance(signature, tiles, kernels, terminal);
  }
  terminal.out(`  ${wgslLine(wgsl, devices.gpu)}\n`);
  return bad;
}

/** `@atomic` on a float's `+=`: which thread comes first decides how it is rounded. */
function addsFloatsAtomically(kernel: IrKernel): boolean {
  let found = false;
  visitBlock(kernel.body, (stmt) => {
    if (stmt.kind === "store" && stmt.atomic === "add" && isFloat(stmt.value.type.dtype)) found = true;
  });
  return found;
}

function own(kernels: Kernels, { instance }: Signature): Kernel {
  return kernels[instance]!;
}

function counts({ proved, runtimeChecks }: KernelReport): string {
  const checks = runtimeChecks === 1 ? "1 run-time check" : `${runtimeChecks} run-time checks`;
  return `${proved} ${proved === 1 ? "access" : "accesses"} proved, ${checks} left`;
}

/** A kernel for the GPU, or for any if there is none; or what WGSL can't hold of it. */
async function compiledForGpu(
  name: string,
  opened: Opened,
  gpu: WebgpuDevice | string,
): Promise<Compiled | string> {
  try {
    return await opened.compileFor(typeof gpu === "object" ? gpu : { compileOptions: { target: "wgsl" } }, [
      name,
    ]);
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    return refusal;
  }
}

function wgslLine(wgsl: Compiled | string, gpu: WebgpuDevice | string): string {
  if (typeof wgsl === "string") return `wgsl: ${wgsl}`;
  if (typeof gpu === "string") return `wgsl: compiles; it isn’t run, since ${gpu}`;
  const { vendor = "", architecture = "", description = "" } = gpu.adapterInfo ?? {};
  return `wgsl: compiles, and runs on ${description || `${vendor} ${architecture}`.trim() || "WebGPU"}`;
}

interface Runners {
  readonly interp: Kernel;
  readonly one: Kernel;
  readonly two: Kernel;
  readonly gpu: Kernel | undefined;
  readonly tsp: Kernel | undefined;
  /** Whether threads may give sums that are rounded otherwise each time. */
  readonly anyOrder: boolean;
  readonly shaken: Shaken;
}

/** Milliseconds of the simulated TSP's for an instance: cycle by cycle, and sizes grow from case to case. */
const patience = 2000;

async function verifyInstance(
  signature: Signature,
  tiles: readonly number[],
  kernels: Runners,
  terminal: Terminal,
): Promise<number> {
  const { green, red, dim } = terminal.colors;
  const cases = casesFor(signature, tiles);
  if (cases.length === 0) {
    terminal.out(`  ${dim("no shapes found that its signature allows")}\n`);
    return 0;
  }
  const width = Math.max(...cases.map((each) => describeCase(each).length), 4);
  terminal.out(
    dim(
      `  ${"case".padEnd(width)}  max abs   max rel   max ulp   1 = 2 threads${kernels.gpu ? "  webgpu" : ""}\n`,
    ),
  );
  let bad = 0;
  const refused = new Set<string>();
  let onTsp = 0;
  let onTspFor = 0;
  for (const each of cases) {
    const outcome = await runCase(
      signature,
      each,
      onTspFor < patience ? kernels : { ...kernels, tsp: undefined },
    );
    const { tsp } = outcome;
    // The next size may take several times as long.
    onTspFor += 4 * (tsp?.milliseconds ?? 0);
    if (tsp?.refused !== undefined) refused.add(tsp.refused);
    else if (tsp) onTsp += 1;
    const good =
      outcome.difference.worst === undefined &&
      outcome.threadsAgree &&
      outcome.gpuDiffers === undefined &&
      tsp?.differs === undefined;
    if (!good) bad++;
    const { absolute, relative, ulp, worst } = outcome.difference;
    const onGpu = kernels.gpu ? (outcome.gpuDiffers === undefined ? green("agrees") : red("differs")) : "";
    const threads = outcome.threadsAgree ? "yes" : red("no");
    const numbers = outcome.failed
      ? `stops at an assertion on all: ${outcome.failed}`
      : `${cell(absolute)}${cell(relative)}${cell(ulp)}${threads}${" ".repeat(kernels.gpu ? 13 : 0)}${onGpu}`;
    terminal.out(`  ${describeCase(each).padEnd(width)}  ${numbers}  ${good ? green("✓") : red("✗")}\n`);
    if (worst !== undefined) terminal.out(`    ${red(worst)}\n`);
    if (outcome.gpuDiffers !== undefined) terminal.out(`    ${red(`on webgpu ${outcome.gpuDiffers}`)}\n`);
    if (tsp?.differs !== undefined) terminal.out(`    ${red(`on the TSP ${tsp.differs}`)}\n`);
  }
  const rest = onTspFor < patience ? "" : "; the rest would take long";
  if (onTsp > 0) terminal.out(`  tsp: simulated for ${onTsp} of ${cases.length} cases${rest}\n`);
  for (const why of refused) terminal.out(`  tsp: ${why}\n`);
  return bad;
}

function cell(value: number): string {
  const text =
    value === 0
      ? "0"
      : !Number.isFinite(value)
        ? "∞"
        : value >= 0.01 && value < 1000
          ? value.toPrecision(3)
          : value.toExponential(1);
  return text.padEnd(10);
}

interface CaseOutcome {
  readonly difference: Difference;
  readonly threadsAgree: boolean;
  /** What is otherwise on WebGPU. */
  readonly gpuDiffers?: string;
  /** On the simulated TSP: why it doesn't take the kernel, or what is otherwise; absent where it wasn't asked. */
  readonly tsp?: { readonly refused?: string; readonly differs?: string; readonly milliseconds: number };
  /** The assertion at which all stopped. */
  readonly failed?: string;
}

type Outcome = Readonly<Record<string, Tensor>> | { readonly stopped: string };

async function runCase(
  signature: Signature,
  each: Case,
  { interp, one, two, gpu, tsp, anyOrder, shaken }: Runners,
): Promise<CaseOutcome> {
  let bounds = {};
  let expected = await outcome(interp, argumentsFor(signature, each, bounds));
  if (isStopped(expected)) {
    // Integers that serve as indices: none beyond the smallest dimension.
    const high = Math.max(1, Math.min(16, ...Object.values(each.dims).filter((size) => size > 0)));
    bounds = { low: 0, high };
    const again = await outcome(interp, argumentsFor(signature, each, bounds));
    if (isStopped(again)) bounds = {};
    else expected = again;
  }
  const first = await outcome(one, argumentsFor(signature, each, bounds));
  const second = await outcome(two, argumentsFor(signature, each, bounds));
  const third = gpu && (await outcome(gpu, argumentsFor(signature, each, bounds)));
  if (isStopped(expected) || isStopped(first) || isStopped(second) || (third && isStopped(third)))
    return stoppedCase([expected, first, second], third && [expected, third]);
  const right = expected;
  const { tolerance } = signature;
  let spread: ReturnType<typeof spreadOf> | undefined;
  const whenSpread = (): ReturnType<typeof spreadOf> =>
    (spread ??= spreadOf(shaken, () => argumentsFor(signature, each, bounds), right, tolerance.relative));
  const difference = await differenceOf(signature, first, right, whenSpread);
  const onGpu = third && (await differenceOf(signature, third, right, whenSpread, openInWgsl));
  const began = performance.now();
  const last = tsp && (await takenByTsp(tsp, argumentsFor(signature, each, bounds)));
  const milliseconds = performance.now() - began;
  const onTsp =
    last === undefined
      ? undefined
      : typeof last === "string"
        ? { refused: last, milliseconds }
        : { differs: (await differenceOf(signature, last, right, whenSpread)).worst, milliseconds };
  let threadsAgree =
    !anyOrder || (await differenceOf(signature, second, right, whenSpread)).worst === undefined;
  for (const name of anyOrder ? [] : Object.keys(right))
    threadsAgree &&= await identical(first[name]!, second[name]!);
  for (const results of [first, second, third ?? {}])
    for (const result of Object.values(results)) result.dispose();
  return { difference, threadsAgree, gpuDiffers: onGpu?.worst, tsp: onTsp };
}

/** What the simulated TSP gives, or why it doesn't take the kernel. */
async function takenByTsp(
  kernel: Kernel,
  args: Arguments,
): Promise<Readonly<Record<string, Tensor>> | string> {
  try {
    return await kernel(args);
  } catch (error) {
    if (error instanceof KernError && error.code === "K0728") return error.diagnostic.message;
    throw error;
  }
}

/** How far results are from the right ones; where floats are too far, how far they may be is looked at. */
async function differenceOf(
  { tolerance }: Signature,
  found: Readonly<Record<string, Tensor>>,
  expected: Readonly<Record<string, Tensor>>,
  whenSpread: () => ReturnType<typeof spreadOf>,
  open?: (reference: number) => boolean,
): Promise<Difference> {
  let difference = same;
  for (const [name, right] of Object.entries(expected)) {
    let own = await compare(name, found[name]!, right, tolerance, undefined, open);
    if (own.worst !== undefined && isFloat(right.dtype))
      own = await compare(name, found[name]!, right, tolerance, (await whenSpread()).get(name), open);
    difference = worse(difference, own);
  }
  return difference;
}

function isStopped(outcome: Outcome): outcome is { readonly stopped: string } {
  return typeof outcome.stopped === "string";
}

/** Some stopped at an assertion: all must, on WASM and on the GPU. */
function stoppedCase(outcomes: readonly Outcome[], onGpu: readonly Outcome[] | undefined): CaseOutcome {
  const say = (each: Outcome | undefined) =>
    each === undefined || !isStopped(each) ? "runs" : `stops (${each.stopped})`;
  const [expected, first, second] = outcomes;
  const gpuStops = onGpu?.map(isStopped);
  const gpuDiffers =
    gpuStops && gpuStops[0] !== gpuStops[1]
      ? `it ${say(onGpu?.[1])}, where the interpreter ${say(expected)}`
      : undefined;
  if (outcomes.every(isStopped))
    return { difference: same, threadsAgree: true, gpuDiffers, failed: outcomes[0]!.stopped };
  const worst = outcomes.some(isStopped)
    ? `the interpreter ${say(expected)}, wasm ${say(first)}, with two threads it ${say(second)}`
    : undefined;
  return { difference: { ...same, worst }, threadsAgree: say(first) === say(second), gpuDiffers };
}

async function outcome(kernel: Kernel, args: Arguments): Promise<Outcome> {
  try {
    return await kernel(args);
  } catch (error) {
    if (error instanceof KernError && error.code === "K0708") return { stopped: error.diagnostic.message };
    throw error;
  }
}

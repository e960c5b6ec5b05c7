// An `out` block: calls of the kernels above it, each followed by its results (`y = [1, 2]`) or by the error that it
// ends in (`error[K0708] "text"`). Every call runs on the interpreter and on WASM, and on WebGPU where there is a GPU and
// WGSL can hold the kernel.

import {
  compile,
  CompileError,
  type Compiled,
  type CompileOptions,
  type Source,
} from "../../compiler/index.ts";
import {
  KernError,
  openDevice,
  type Device,
  type Kernels,
  type Tensor,
  type WebgpuDevice,
} from "../../runtime/index.ts";
import { assertionsIn, differences } from "./assertions.ts";
import { agrees, readCall, readValue, show, tensorOf, type Call } from "./values.ts";
import type { Block } from "./page.ts";

interface Step {
  readonly call: Call;
  readonly text: string;
  readonly results: readonly string[];
  readonly error?: string;
  /**
   * What WGSL says to these compile-time parameters, `wgsl: error[K0601] "i64"`; or, behind `wgsl: open:`, what its
   * specification leaves to the device, so that the results aren't compared there.
   */
  readonly wgsl?: string;
  readonly line: number;
}

/** The calls of a block with what is expected of them. */
export function readSteps(block: Block): readonly Step[] {
  const steps: { text: string; results: string[]; error?: string; wgsl?: string; line: number }[] = [];
  block.text.split("\n").forEach((line, at) => {
    const last = steps.at(-1);
    if (line.startsWith("> ")) steps.push({ text: line.slice(2), results: [], line: block.line + at });
    else if (line.startsWith("error[") && last) last.error = line;
    else if (line.startsWith("wgsl: ") && last) last.wgsl = line;
    else if (/^\w+ = /.test(line)) last?.results.push(line);
    else if (/^\s/.test(line) && last?.results.length) last.results.push(`${last.results.pop()!}\n${line}`);
    else if (/^\s/.test(line) && last) last.text += line;
    else if (line.trim() !== "")
      throw new Error(`line ${block.line + at}: ${line} is neither call nor result`);
  });
  return steps.map((step) => ({ ...step, call: readCall(step.text) }));
}

/** Compiles one source once for each set of compile-time parameters. */
export class Programs {
  private readonly source: Source;
  private readonly options: CompileOptions;
  private readonly compiled = new Map<string, Promise<Compiled>>();

  constructor(source: Source, options: CompileOptions) {
    this.source = source;
    this.options = options;
  }

  of(set: Readonly<Record<string, string>>): Promise<Compiled> {
    const key = JSON.stringify(set);
    let found = this.compiled.get(key);
    if (!found)
      this.compiled.set(
        key,
        (found = compile(this.source, { ...this.options, set: { ...this.options.set, ...set } })),
      );
    return found;
  }
}

const devices = new Map<string, Promise<Device>>();

function deviceNamed(name: "interp" | "wasm"): Promise<Device> {
  let found = devices.get(name);
  if (!found) devices.set(name, (found = openDevice(name)));
  return found;
}

/** Ends the devices that transcripts have opened. */
export async function closeDevices(): Promise<void> {
  for (const device of devices.values()) (await device).close();
  devices.clear();
}

/** What goes otherwise than an `out` block says, one line each. */
export async function transcriptProblems(block: Block, programs: Programs): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const step of readSteps(block)) {
    const compiled = await programs.of(step.call.set);
    const artifact = compiled
      .artifact("wasm")
      .kernels.find(({ signature }) => signature.name === step.call.kernel);
    if (!artifact) {
      problems.push(`line ${step.line}: there is no kernel ${step.call.kernel}`);
      continue;
    }
    for (const name of ["interp", "wasm"] as const) {
      const kernels = await (await deviceNamed(name)).load(compiled);
      const found = await problemsOf(step, kernels, artifact.signature);
      problems.push(...found.map((each) => `line ${step.line}: on ${name}, ${each}`));
    }
  }
  return problems;
}

/** The same on a GPU; kernels that WGSL refuses are passed over: what it says to them is stated elsewhere. */
export async function gpuProblems(
  block: Block,
  programs: Programs,
  device: WebgpuDevice,
): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const step of readSteps(block)) {
    if (step.wgsl?.startsWith("wgsl: open: ")) continue;
    const compiled = await programs.of(step.call.set).catch((error: unknown) => {
      if (!(error instanceof CompileError)) throw error;
    });
    const artifact = compiled
      ?.artifact("wgsl")
      .kernels.find(({ signature }) => signature.name === step.call.kernel);
    if (!compiled || !artifact) continue;
    const found = await problemsOf(step, await device.load(compiled), artifact.signature);
    problems.push(...found.map((each) => `line ${step.line}: on webgpu, ${each}`));
  }
  return problems;
}

type Signature = Compiled["artifacts"][number]["kernels"][number]["signature"];

async function problemsOf(step: Step, kernels: Kernels, signature: Signature): Promise<readonly string[]> {
  const args: Record<string, Tensor | number | bigint | boolean> = {};
  for (const [name, written] of step.call.args) {
    const param = signature.params.find((each) => each.name === name);
    if (written.kind === "scalar") args[name] = written.value;
    else args[name] = tensorOf(written, param?.dtype ?? "f32");
  }
  let results: Record<string, Tensor>;
  try {
    results = await kernels[signature.name]!(args);
  } catch (error) {
    if (!(error instanceof KernError)) throw error;
    const { diagnostic } = error;
    if (step.error === undefined) return [`the call fails: ${error.message}`];
    return differences(assertionsIn(step.error), [{ ...diagnostic, span: undefined }], "");
  }
  if (step.error !== undefined) return [`the call succeeds, though ${step.error} is expected`];
  const problems: string[] = [];
  for (const line of step.results) {
    const [, name, value] = /^(\w+) = ([^]*)$/.exec(line)!;
    const result = results[name!];
    if (!result) problems.push(`there is no result ${name}`);
    else if (!(await agrees(result, readValue(value!), signature.tolerance)))
      problems.push(`${name} = ${await show(result)}, not ${value}`);
  }
  for (const [name, result] of Object.entries(results))
    if (!step.results.some((line) => line.startsWith(`${name} = `)))
      problems.push(`the result ${name} = ${await show(result)} is not stated`);
  return problems;
}

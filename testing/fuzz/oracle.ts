// Judges one program: checked, compiled and run everywhere, each result compared with the interpreter's on the kernel
// as it was lowered, before any prover or pass touched it.

import { compile, CompileError, type Compiled, type Diagnostic } from "../../compiler/index.ts";
import type { Artifact, WgslLaunch } from "../../compiler/artifact.ts";
import { interpret, makeTensor, type Outcome, type TensorArg } from "../../compiler/ir/interpret.ts";
import { readerOf } from "../../compiler/ir/storage.ts";
import { lower } from "../../compiler/lower/index.ts";
import { isFloat } from "../../lang/dtypes.ts";
import { openDevice, type Device } from "../../runtime/index.ts";
import { KernError } from "../../runtime/error.ts";
import type { WgslValidator } from "../wgsl.ts";
import type { WgslRunner } from "../wgsl-run.ts";
import { callsOf, interpreterArguments, type Call } from "./contents.ts";
import { settingOf } from "./generic.ts";

export type Verdict =
  | { readonly kind: "fine"; readonly calls: number; readonly wgsl: WgslVerdict }
  /** The checker or a prover refused it: a gap, since programs are right by construction. */
  | { readonly kind: "refused"; readonly diagnostics: readonly Diagnostic[] }
  /** No call could be tried: no shapes fit, or all of them run for too long. */
  | { readonly kind: "untried" }
  /** `sort` is the same for other programs with the same bug, more or less. */
  | { readonly kind: "bug"; readonly sort: string; readonly detail: string };

export type WgslVerdict = "valid" | "not looked at" | readonly Diagnostic[];

/** What programs are run on. */
export interface Stage {
  readonly one: Device;
  readonly two: Device;
  readonly wgsl: WgslValidator | undefined;
  /** A Vulkan device that runs WGSL, where there is one. */
  readonly gpu?: WgslRunner;
  close(): void;
}

export async function openStage(wgsl: WgslValidator | undefined, gpu?: WgslRunner): Promise<Stage> {
  const one = await openDevice("wasm", { threads: 1 });
  const two = await openDevice("wasm", { threads: 2, serialBelow: 0 });
  return {
    one,
    two,
    wgsl,
    ...(gpu && { gpu }),
    close() {
      one.close();
      two.close();
    },
  };
}

const fuel = 300_000;

/** Compiles a program and runs it on calls that follow from the seed. */
export async function judge(text: string, seed: number, stage: Stage): Promise<Verdict> {
  const features = seed % 2 === 0 ? ["threads"] : [];
  const set = settingOf(text, seed);
  const options = { features, set, kernels: ["fuzz"], passes: { verifyEach: true } };
  const source = { path: "fuzz.kern", text };
  let compiled: Compiled;
  let wgsl: WgslVerdict = "not looked at";
  try {
    // WGSL has no 64-bit numbers; where it lacks something else, WASM still counts.
    const both = (stage.wgsl ?? stage.gpu) && !/\b[iuf]64\b/.test(`${text} ${set["T"]}`);
    try {
      compiled = await compile(source, { ...options, target: both ? ["wasm", "wgsl"] : "wasm" });
    } catch (error) {
      if (!both || !(error instanceof CompileError)) throw error;
      compiled = await compile(source, { ...options, target: "wasm" });
      wgsl = error.diagnostics;
    }
  } catch (error) {
    return failure("compile", error);
  }
  const emitted = compiled.artifacts.find(({ target }) => target === "wgsl");
  if (emitted && stage.wgsl) {
    const launches = emitted.kernels.map(({ launch }) => launch as WgslLaunch);
    const [first, ...more] = await stage.wgsl.validate(emitted.code as string, launches);
    if (first !== undefined) {
      const sort = first.replace(/^\d+: /, "").replaceAll(/'[^']*'|\d+|:.*$/g, "_");
      return bug(`tint: ${sort}`, [first, ...more].slice(0, 3).join("\n"));
    }
    wgsl = "valid";
  }
  let calls = 0;
  for (const [at, { typed, ir }] of compiled.kernels.entries()) {
    if (Object.values(compiled.artifacts[0]!.kernels[at]!.signature.packs).some((rank) => rank > 2)) continue;
    const signature = compiled.artifacts[0]!.kernels[at]!.signature;
    const lowered = lower(typed);
    for (const call of callsOf(signature, seed)) {
      const want = interpret(lowered, interpreterArguments(call.make()), { fuel });
      const context = `${signature.instance} with ${call.title}`;
      if (want.kind === "fault") {
        if (/longer than allowed/.test(want.why)) continue;
        return bug("interpreter fault", `${context}: ${want.why}`);
      }
      const proved = interpret(ir, interpreterArguments(call.make()), { fuel: 4 * fuel });
      const changed = differenceOf(want, proved);
      if (changed) return bug("prover", `${context}: the proved kernel differs: ${changed}`);
      try {
        for (const name of seed % 3 === 0 ? (["one", "two"] as const) : (["one"] as const)) {
          const got = await onDevice(stage[name], compiled, signature.instance, call);
          const difference = differenceOf(want, got);
          if (difference) return bug(`wasm ${name}`, `${context}: ${difference}`);
        }
        if (stage.gpu && emitted && want.kind === "done" && !call.special && isTame(want)) {
          const got = await onGpu(stage.gpu, emitted, at, call, want);
          const difference = differenceOf(want, got, Math.max(1e-3, signature.tolerance.relative));
          if (difference) return bug("wgsl", `${context}: ${difference}`);
        }
      } catch (error) {
        return failure("run", error, context);
      }
      calls++;
    }
  }
  return calls ? { kind: "fine", calls, wgsl } : { kind: "untried" };
}

const bug = (sort: string, detail: string): Verdict => ({ kind: "bug", sort, detail });

function failure(where: string, error: unknown, context = ""): Verdict {
  if (error instanceof CompileError) return { kind: "refused", diagnostics: error.diagnostics };
  const message = error instanceof Error ? error.message : String(error);
  const first = message.split("\n")[0]!.replaceAll(/[`"'][^`"']*[`"']|\d+/g, "_");
  return bug(
    `${where}: ${first}`,
    `${context} ${error instanceof Error ? (error.stack ?? message) : message}`,
  );
}

async function onDevice(device: Device, compiled: Compiled, instance: string, call: Call): Promise<Outcome> {
  const kernel = (await device.load(compiled))[instance]!;
  try {
    const results = await kernel(call.make());
    const read: Record<string, TensorArg> = {};
    for (const [name, result] of Object.entries(results)) {
      const data = (await result.data()).slice() as TensorArg["data"];
      const { dtype, shape } = result;
      read[name] = { dtype, shape, strides: denseStrides(shape), offset: 0, data };
      result.dispose();
    }
    return { kind: "done", results: read };
  } catch (error) {
    if (error instanceof KernError && error.code === "K0708")
      return { kind: "failed", message: error.message };
    throw error;
  }
}

const denseStrides = (shape: readonly number[]): number[] =>
  shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));

/** WGSL leaves infinities, NaNs and the smallest floats open. */
function isTame({ results }: Extract<Outcome, { kind: "done" }>): boolean {
  return Object.values(results).every(
    (each) =>
      !isFloat(each.dtype) ||
      elements(each).every(
        (text) => text === "0" || (Math.abs(Number(text)) > 1e-4 && Math.abs(Number(text)) < 1e4),
      ),
  );
}

/** Runs the WGSL of a kernel; results are those of the interpreter's run with the elements that the device gave. */
async function onGpu(
  gpu: WgslRunner,
  { code, kernels }: Artifact,
  at: number,
  call: Call,
  want: Extract<Outcome, { kind: "done" }>,
): Promise<Outcome> {
  const { signature, launch } = kernels[at]!;
  const given = interpreterArguments(call.make());
  const names: Record<string, number> = { ...call.dims };
  const args = signature.params.map((param) => {
    const value = given[param.name];
    if (param.kind === "scalar") {
      names[param.name] = Number(value);
      return value!;
    }
    if (value !== undefined) return value;
    const { dtype, shape } = want.results[param.name]!;
    return makeTensor(dtype, shape);
  });
  const { args: after, status } = await gpu.run(code as string, launch as WgslLaunch, args, names);
  if (status !== 0) return { kind: "failed", message: signature.asserts[status - 1]?.message ?? "" };
  const results = signature.params.flatMap((param, n): [string, TensorArg][] =>
    param.kind === "scalar" || param.mode === "in" ? [] : [[param.name, after[n] as TensorArg]],
  );
  return { kind: "done", results: Object.fromEntries(results) };
}

/**
 * What differs between two outcomes, in a few words; undefined for nothing. Integers and floats must agree in every bit,
 * but for floats where a tolerance is given.
 */
function differenceOf(want: Outcome, got: Outcome, tolerance = 0): string | undefined {
  if (want.kind !== got.kind) return `${describe(got)} instead of ${describe(want)}`;
  if (want.kind !== "done" || got.kind !== "done") return undefined;
  for (const [name, right] of Object.entries(want.results)) {
    const given = got.results[name]!;
    const [a, b] = [elements(right), elements(given)];
    if (a.length !== b.length) return `${name} has ${b.length} elements instead of ${a.length}`;
    const close = (x: number, y: number): boolean => Math.abs(x - y) <= tolerance * Math.max(1, Math.abs(x));
    const at = a.findIndex(
      (value, index) =>
        value !== b[index] &&
        !(tolerance > 0 && isFloat(right.dtype) && close(Number(value), Number(b[index]))),
    );
    if (at >= 0)
      return `${name}, of shape ${right.shape.join(" × ")}: element ${at} is ${b[at]} instead of ${a[at]}`;
  }
  return undefined;
}

function describe(outcome: Outcome): string {
  if (outcome.kind === "done") return "results";
  return outcome.kind === "failed" ? `a failed check (${outcome.message})` : `a fault (${outcome.why})`;
}

function elements({ dtype, shape, strides, offset, data }: TensorArg): string[] {
  const read = readerOf(dtype);
  const found: string[] = [];
  const visit = (axis: number, at: number): void => {
    if (axis === shape.length) {
      const value = read(data, at);
      found.push(Object.is(value, -0) ? "-0" : String(value));
      return;
    }
    for (let n = 0; n < shape[axis]!; n++) visit(axis + 1, at + n * strides[axis]!);
  };
  visit(0, offset);
  return found;
}

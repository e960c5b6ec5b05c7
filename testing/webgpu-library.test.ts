// Every kernel of the library on the GPU, from `.kern` text through the device, against the interpreter: a few awkward
// shapes and a strided view each.

import { readdirSync, readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import type { Signature } from "../compiler/artifact.ts";
import { compile, type Compiled } from "../compiler/index.ts";
import { KernError, openDevice, type Arguments, type Kernel, type WebgpuDevice } from "../runtime/index.ts";
import { argumentsFor, casesFor, describeCase, type Case } from "../tools/kernc/verifying/cases.ts";
import { compare, openInWgsl } from "../tools/kernc/verifying/compare.ts";
import { arraySizes } from "./array-sizes.ts";
import { closeTestGpu, skipReason, testGpu } from "./webgpu.ts";

const opened = await testGpu();
const gpu = opened as WebgpuDevice;
const interp = await openDevice("interp");
afterAll(closeTestGpu);

const folder = new URL("../stdlib/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".kern"));

/** One kernel for the GPU; where calls would decide sizes of its arrays, at one size, since each takes a driver seconds to compile. */
async function compiledFor(name: string, kernel: string): Promise<Compiled> {
  const source = { path: name, text: readFileSync(new URL(name, folder), "utf8") };
  const options = { ...gpu.compileOptions, kernels: [kernel] };
  const compiled = await compile(source, options);
  const { kernels } = compiled.artifact("wgsl");
  const sized = kernels.some(({ launch }) => launch.kind === "wgsl" && launch.constants);
  const dims = kernels.flatMap(({ signature }) => signature.dims.map((dim) => dim.name));
  // Those of the file's sizes that this kernel has.
  const sizes = Object.entries(arraySizes[`stdlib/${name}`] ?? {}).filter(([dim]) => dims.includes(dim));
  return sized && sizes.length > 0
    ? compile(source, { ...options, shape: Object.fromEntries(sizes) })
    : compiled;
}

type Outcome = Awaited<ReturnType<Kernel>> | { readonly stopped: string };

async function outcome(kernel: Kernel, args: Arguments): Promise<Outcome> {
  try {
    return await kernel(args);
  } catch (error) {
    if (error instanceof KernError && error.code === "K0708") return { stopped: error.diagnostic.message };
    throw error;
  }
}

const stops = (each: Outcome): each is { readonly stopped: string } => typeof each["stopped"] === "string";

/** What differs in one case. */
async function problemsOf(
  signature: Signature,
  each: Case,
  onGpu: Kernel,
  right: Kernel,
): Promise<readonly string[]> {
  // Integers may be places: none beyond the smallest dimension.
  const high = Math.max(1, Math.min(16, ...Object.values(each.dims).filter((size) => size > 0)));
  const args = () => argumentsFor(signature, each, signature.asserts.length > 0 ? { low: 0, high } : {});
  const [found, expected] = [await outcome(onGpu, args()), await outcome(right, args())];
  const where = `${signature.instance} with ${describeCase(each)}`;
  if (stops(found) || stops(expected))
    return stops(found) === stops(expected) ? [] : [`${where}: only one of the two stops`];
  const problems: string[] = [];
  for (const [name, wanted] of Object.entries(expected)) {
    const tolerance = { ...signature.tolerance, absolute: Math.max(signature.tolerance.absolute, 1e-6) };
    const { worst } = await compare(name, found[name]!, wanted, tolerance, undefined, openInWgsl);
    if (worst !== undefined) problems.push(`${where}: ${worst}`);
    found[name]!.dispose();
  }
  return problems;
}

describe.skipIf(typeof opened === "string")(`the library on the GPU ${skipReason(opened)}`, () => {
  test.each(files)("%s", { timeout: 300_000 }, async (name) => {
    const text = readFileSync(new URL(name, folder), "utf8");
    const problems: string[] = [];
    for (const [, kernel] of text.matchAll(/^kernel (\w+)/gm)) {
      const compiled = await compiledFor(name, kernel!);
      const [onGpu, right] = [await gpu.load(compiled), await interp.load(compiled)];
      for (const { signature } of compiled.artifact("wgsl").kernels) {
        if (Object.values(signature.packs).some((rank) => rank > 2)) continue;
        const cases = casesFor(signature, [], 3);
        const plain = cases.filter(({ layout }) => layout === "row-major");
        const views = cases.filter(({ layout }) => layout === "sliced");
        // Where all sizes are multiples of four, kernels may have other code.
        const whole = plain.find(({ dims }) =>
          Object.values(dims).every((size) => size > 0 && size % 4 === 0),
        );
        const chosen = new Set([...plain.slice(0, 2), ...plain.slice(-4), ...views.slice(0, 1)]);
        for (const each of whole ? chosen.add(whole) : chosen)
          problems.push(
            ...(await problemsOf(signature, each, onGpu[signature.instance]!, right[signature.instance]!)),
          );
      }
    }
    expect(problems.join("\n")).toBe("");
  });
});

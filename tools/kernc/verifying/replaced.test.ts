// The whole library under the compiler's own schedules, whatever its annotations say, against the interpreter.

import { readdirSync, readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { checked, compile } from "../../../compiler/index.ts";
import { DiagnosticSink } from "../../../lang/diagnostics/index.ts";
import { isFloat } from "../../../lang/dtypes.ts";
import { openInterpDevice } from "../../../runtime/devices/interp.ts";
import { openDevice, type Tensor } from "../../../runtime/index.ts";
import { KernError } from "../../../runtime/error.ts";
import { argumentsFor, casesFor } from "./cases.ts";
import { compare } from "./compare.ts";
import { spreadOf } from "./spread.ts";
import { chosenSizes } from "./tile-sizes.ts";

const folder = new URL("../../../stdlib/", import.meta.url);
const textOf = (name: string): string => readFileSync(new URL(name, folder), "utf8");
/** Modules of functions alone have nothing to call. */
const files = readdirSync(folder).filter((name) => name.endsWith(".kern") && /^kernel /m.test(textOf(name)));
const interp = await openDevice("interp");
const wasm = await openDevice("wasm", { threads: 1 });
afterAll(() => [interp, wasm].forEach((device) => device.close()));

describe.each(files)("%s", (name) => {
  const source = { path: `stdlib/${name}`, text: textOf(name) };
  const kernels = checked(source, {}, new DiagnosticSink()).kernels.map((kernel) => kernel.name);
  it.each(kernels)("%s", async (kernel) => {
    const compiled = await compile(source, { kernels: [kernel], schedule: "replace" });
    for (const { signature, report } of compiled.artifact("wasm").kernels) {
      // What the compiler chooses, it can carry out.
      expect(report.notHonoured).toEqual([]);
      if (Object.values(signature.packs).some((rank) => rank > 2)) continue;
      const [reference, given] = [interp, wasm].map(
        async (device) => (await device.load(compiled))[signature.instance]!,
      );
      const shaken = async (term: (value: number) => number) =>
        (await (await openInterpDevice({ term })).load(compiled))[signature.instance]!;
      const cases = casesFor(
        signature,
        chosenSizes(report).filter((size) => size <= 32),
        4,
      );
      // Every other one: sizes follow one another, and the interpreter takes its time.
      for (const each of cases.filter((_, at) => at % 2 === cases.length % 2)) {
        const bounds = { low: 0, high: Math.max(1, Math.min(...Object.values(each.dims), 16)) };
        const args = () => argumentsFor(signature, each, bounds);
        const want = await outcome(async () => (await reference!)(args()));
        const got = await outcome(async () => (await given!)(args()));
        if (want.stopped !== undefined || got.stopped !== undefined) {
          expect(got.stopped).toBe(want.stopped);
          continue;
        }
        for (const [result, right] of Object.entries(want.results)) {
          const found = got.results[result]!;
          let { worst } = await compare(result, found, right, signature.tolerance);
          // Sums that cancel may be further off than parts of themselves, as far as their terms' rounding takes them.
          if (worst !== undefined && isFloat(right.dtype)) {
            const spread = await spreadOf(shaken, args, want.results, signature.tolerance.relative);
            ({ worst } = await compare(result, found, right, signature.tolerance, spread.get(result)));
          }
          expect(worst, `${signature.instance} with ${JSON.stringify(each)}`).toBeUndefined();
        }
      }
    }
  });
});

type Outcome =
  | { readonly stopped: string }
  | { readonly stopped?: undefined; readonly results: Readonly<Record<string, Tensor>> };

/** The results of a call, or the assertion that it stops at. */
async function outcome(call: () => Promise<Readonly<Record<string, Tensor>>>): Promise<Outcome> {
  try {
    return { results: await call() };
  } catch (error) {
    if (error instanceof KernError && error.code === "K0708") return { stopped: error.message };
    throw error;
  }
}

// Before anything is timed: the kernel's results against the interpreter's, on small awkward shapes and, where the
// interpreter can do that in a few seconds, at the size that is measured.

import type { Signature } from "../../../compiler/artifact.ts";
import { KernError, type Arguments, type Kernel, type Tensor } from "../../../runtime/index.ts";
import { argumentsFor, casesFor, describeCase } from "../verifying/cases.ts";
import { compare } from "../verifying/compare.ts";

/** Operations that the interpreter does in a few seconds. */
export const interpretable = 3_000_000;

/** How many small cases agree, or what differs. */
export async function checkSmall(
  signature: Signature,
  tiles: readonly number[],
  interp: Kernel,
  wasm: Kernel,
): Promise<{ readonly agreed: number; readonly wrong?: string }> {
  let agreed = 0;
  for (const each of casesFor(signature, tiles, 6).filter(({ layout }) => layout === "row-major")) {
    const args = () => argumentsFor(signature, each, { low: 0, high: smallest(each.dims) });
    const expected = await outcome(interp, args());
    const found = await outcome(wasm, args());
    const wrong = await difference(signature, found, expected);
    if (wrong) return { agreed, wrong: `with ${describeCase(each)}: ${wrong}` };
    if (!("stopped" in expected)) agreed++;
  }
  return { agreed };
}

/** What differs between two kernels' results for the same arguments, or undefined. */
export async function differs(
  signature: Signature,
  one: Kernel,
  other: Kernel,
  args: () => Arguments,
): Promise<string | undefined> {
  return difference(signature, await outcome(one, args()), await outcome(other, args()));
}

/** Integers that serve as indices: none beyond the smallest dimension. */
export function smallest(dims: Readonly<Record<string, number>>): number {
  return Math.max(1, Math.min(16, ...Object.values(dims).filter((size) => size > 0)));
}

type Outcome = Readonly<Record<string, Tensor>> | { readonly stopped: string };

function isStopped(outcome: Outcome): outcome is { readonly stopped: string } {
  return typeof outcome["stopped"] === "string";
}

async function outcome(kernel: Kernel, args: Arguments): Promise<Outcome> {
  try {
    return await kernel(args);
  } catch (error) {
    if (error instanceof KernError && error.code === "K0708") return { stopped: error.diagnostic.message };
    throw error;
  }
}

async function difference(
  { tolerance }: Signature,
  found: Outcome,
  expected: Outcome,
): Promise<string | undefined> {
  if (isStopped(found) || isStopped(expected)) {
    if (isStopped(found) && isStopped(expected)) return undefined;
    return isStopped(found) ? `it stops (${found.stopped})` : "it runs where the interpreter stops";
  }
  for (const [name, right] of Object.entries(expected)) {
    const { worst } = await compare(name, found[name]!, right, tolerance);
    if (worst) return worst;
  }
  return undefined;
}

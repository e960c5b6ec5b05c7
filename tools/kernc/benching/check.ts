// Before anything is timed: the kernel's results against the interpreter's, on small awkward shapes and, where the
// interpreter can do that in a few seconds, at the size that is measured.

import type { Signature } from "../../../compiler/artifact.ts";
import { KernError, type Arguments, type Kernel, type Tensor } from "../../../runtime/index.ts";
import { argumentsFor, casesFor, describeCase, type Case } from "../verifying/cases.ts";
import { compare, near } from "../verifying/compare.ts";

/** Operations that the interpreter does in a few seconds. */
export const interpretable = 3_000_000;

/** How many small cases agree, or what differs. */
export async function checkSmall(
  signature: Signature,
  tiles: readonly number[],
  interp: Kernel,
  wasm: Kernel,
): Promise<{ readonly agreed: number; readonly wrong?: string }> {
  const cases = casesFor(signature, tiles, 6).filter(({ layout }) => layout === "row-major");
  const reference = new SmallCases(signature, cases, interp);
  const wrong = await reference.mistakeOf(wasm);
  return { agreed: reference.agreed, ...(wrong !== undefined && { wrong }) };
}

/** Small calls and the interpreter's results for them, which are computed once for all who are compared with them. */
export class SmallCases {
  private readonly signature: Signature;
  private readonly cases: readonly Case[];
  private readonly interp: Kernel;
  private readonly expected = new Map<Case, Outcome>();
  /** How many cases the last kernel agreed on. */
  agreed = 0;

  constructor(signature: Signature, cases: readonly Case[], interp: Kernel) {
    this.signature = signature;
    this.cases = cases;
    this.interp = interp;
  }

  get count(): number {
    return this.cases.length;
  }

  /** Where a kernel's results are not the interpreter's, or undefined. */
  async mistakeOf(kernel: Kernel): Promise<string | undefined> {
    this.agreed = 0;
    for (const each of this.cases) {
      const args = () => argumentsFor(this.signature, each, { low: 0, high: smallest(each.dims) });
      const expected = this.expected.get(each) ?? (await outcome(this.interp, args()));
      this.expected.set(each, expected);
      const found = await outcome(kernel, args());
      const wrong = await difference(this.signature, found, expected);
      dispose(found);
      if (wrong) return `with ${describeCase(each)}: ${wrong}`;
      if (!("stopped" in expected)) this.agreed++;
    }
    return undefined;
  }
}

function dispose(outcome: Outcome): void {
  if (!isStopped(outcome)) for (const result of Object.values(outcome)) result.dispose();
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

export type Outcome = Readonly<Record<string, Tensor>> | { readonly stopped: string };

function isStopped(outcome: Outcome): outcome is { readonly stopped: string } {
  return typeof outcome["stopped"] === "string";
}

/** The results of a call, or the assertion at which it stopped. */
export async function outcome(kernel: Kernel, args: Arguments): Promise<Outcome> {
  try {
    return await kernel(args);
  } catch (error) {
    if (error instanceof KernError && error.code === "K0708") return { stopped: error.diagnostic.message };
    throw error;
  }
}

/** What differs between two outcomes, or undefined. */
export async function difference(
  { tolerance }: Signature,
  found: Outcome,
  expected: Outcome,
): Promise<string | undefined> {
  if (isStopped(found) || isStopped(expected)) {
    if (isStopped(found) && isStopped(expected)) return undefined;
    return isStopped(found) ? `it stops (${found.stopped})` : "it runs where the interpreter stops";
  }
  for (const [name, right] of Object.entries(expected)) {
    const [given, wanted] = await Promise.all([found[name]!.data(), right.data()]);
    if (near(given, wanted, tolerance) && sameShape(found[name]!, right)) continue;
    const { worst } = await compare(name, found[name]!, right, tolerance);
    if (worst) return worst;
  }
  return undefined;
}

/**
 * The tolerance for results that are compared with another compiled version's instead of the interpreter's on small calls. A long
 * sum errs by parts of its terms, not of itself, so that elements near zero may differ by as much as the others: by the
 * relative tolerance of the root mean square of all.
 */
export async function looser(signature: Signature, expected: Outcome): Promise<Signature> {
  const { relative, absolute } = signature.tolerance;
  let largest = 0;
  for (const result of isStopped(expected) ? [] : Object.values(expected)) {
    const data = await result.data();
    if (!(data instanceof Float32Array || data instanceof Float64Array)) continue;
    let squares = 0;
    for (const value of data) if (Number.isFinite(value)) squares += value * value;
    largest = Math.max(largest, Math.sqrt(squares / Math.max(data.length, 1)));
  }
  return { ...signature, tolerance: { relative, absolute: Math.max(absolute, 4 * relative * largest) } };
}

const sameShape = (a: Tensor, b: Tensor): boolean =>
  a.dtype === b.dtype && JSON.stringify(a.shape) === JSON.stringify(b.shape);

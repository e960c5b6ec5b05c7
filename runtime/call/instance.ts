// Chooses the instance of a generic kernel that a call's arguments fit: first by dtypes, then by the ranks of its
// packs.

import type { Signature } from "../../compiler/artifact.ts";
import { describeGiven } from "../../lang/diagnostics/given.ts";
import { kernError } from "../error.ts";
import type { Layout } from "../tensor/layout.ts";
import { Tensor } from "../tensor/tensor.ts";

export interface Candidate {
  readonly signature: Signature;
}

/** The chosen instance, and the arguments' layouts as it sees them. */
export interface Fitted<I extends Candidate> {
  readonly instance: I;
  /** Layouts with merged packs, by argument name. */
  readonly layouts: ReadonlyMap<string, Layout>;
  /** Tensors whose elements must first be copied into row-major order. */
  readonly copies: ReadonlySet<string>;
  /** For each pack, the dimensions that the caller gave. */
  readonly packs: ReadonlyMap<string, readonly number[]>;
}

/** Instances whose tensor dtypes agree with the tensors given. */
export function withDtypes<I extends Candidate>(
  instances: readonly I[],
  args: Readonly<Record<string, unknown>>,
): I[] {
  checkArguments(instances[0]?.signature.name ?? "the kernel", args);
  return instances.filter(({ signature }) =>
    signature.params.every((param) => {
      const given = args[param.name];
      return param.kind !== "tensor" || !(given instanceof Tensor) || given.dtype === param.dtype;
    }),
  );
}

/** For callers without types: a call takes one object of arguments by name. */
function checkArguments(kernel: string, args: unknown): void {
  if (typeof args === "object" && args !== null && !Array.isArray(args) && !(args instanceof Tensor)) return;
  const expected = "one object of arguments by name, like `{ x, y }`";
  throw kernError("K0719", { option: kernel, expected, given: describeGiven(args) });
}

/**
 * The instance among those that differ in the ranks of their packs only; undefined where none fits without copying
 * and `copy` is not allowed. The arithmetic of packs is loaded by those who have some.
 */
export async function fitInstance<I extends Candidate>(
  instances: readonly I[],
  args: Readonly<Record<string, unknown>>,
  copy: boolean,
): Promise<Fitted<I> | undefined> {
  const [instance] = instances;
  if (!instance) return undefined;
  if (Object.keys(instance.signature.packs).length > 0)
    return (await import("./packs.ts")).fitPacks(instances, args, copy);
  return { instance, layouts: new Map(), copies: new Set(), packs: new Map() };
}

// What a workgroup does, step by step: which statements every invocation runs for itself, which one of them runs for all,
// which loops are shared out, and where all wait for each other. Control flow around barriers is the workgroup's own, the
// same for every invocation, because loops and branches are steps only if their bounds and conditions are.

import type { AllocStmt, ForStmt, IfStmt, Stmt } from "../../../ir/ir.ts";
import type { Nest } from "./nests.ts";
import type { Combining } from "./subgroups.ts";

export type Step =
  /** Every invocation, each for itself: arithmetic and its own memory. */
  | { readonly kind: "each"; readonly statements: readonly Stmt[] }
  /** One invocation, for all: writes of what they share. */
  | { readonly kind: "one"; readonly statements: readonly Stmt[] }
  /** Iterations shared out; no two of them touch the same element. */
  | { readonly kind: "spread"; readonly nest: Nest; readonly loop: ForStmt }
  /** Every subgroup combines all elements of a shared array; the invocations of one then have the same in a variable. */
  | { readonly kind: "combine"; readonly loop: ForStmt; readonly combining: Combining }
  /** A shared array is filled. */
  | { readonly kind: "fill"; readonly alloc: AllocStmt }
  /** All wait until what was written to workgroup memory, and to buffers, can be seen. */
  | { readonly kind: "barrier"; readonly workgroup: boolean; readonly storage: boolean }
  | { readonly kind: "for"; readonly loop: ForStmt; readonly body: readonly Step[] }
  | {
      readonly kind: "if";
      readonly branch: IfStmt;
      readonly then: readonly Step[];
      readonly orelse: readonly Step[];
    };

/** How a workgroup carries out the body of its parallel loops. */
export interface Cooperation {
  /** Invocations. */
  readonly size: number;
  readonly steps: readonly Step[];
  /** Arrays in workgroup memory. */
  readonly shared: ReadonlySet<string>;
  /** Arrays of which each invocation has its own part, with the extents of that part. */
  readonly own: ReadonlyMap<string, readonly number[]>;
}

/** Whether a plan has steps for subgroups, which a device may not have. */
export function usesSubgroups({ steps }: Pick<Cooperation, "steps">): boolean {
  return steps.some((step) => {
    if (step.kind === "for") return usesSubgroups({ steps: step.body });
    if (step.kind === "if") return [step.then, step.orelse].some((inner) => usesSubgroups({ steps: inner }));
    return step.kind === "combine";
  });
}

// The front door of lowering: a kernel whose sizes and scalar arguments are known → one program, or why there is none. Each
// way of lowering looks at the kernel and takes it, or says what it can't express; the first that takes it counts, and of
// the refusals that of the way that is made for such kernels is told, or else the last one, the most general.

import type { Span } from "../../../../lang/source.ts";
import type { IrKernel } from "../../../ir/ir.ts";
import type { Profile } from "../machine/profile.ts";
import type { Program } from "../machine/program.ts";
import type { Beat } from "../machine/values.ts";
import { lowerProduct } from "./product/index.ts";
import { lowerRows } from "./rows/index.ts";
import { WrongAnnotation, type Outcome } from "./steering.ts";
import type { Unfit } from "./dag.ts";

/** A program, and what the host does around it. */
export interface Lowered {
  readonly program: Program;
  /** Cycles between rows in steady state, of the part with most rows. */
  readonly interval: number;
  readonly rows: number;
  /** What became of the kernel's `@tsp.` annotations. */
  readonly steered: readonly Outcome[];
  /** Beats for the program's inputs, from the dense row-major values of each tensor. */
  inputs(values: (buffer: string) => ArrayLike<number>): Record<string, readonly Beat[]>;
  /**
   * Dense row-major values of each tensor that is written, from the words of the program's outputs. What a `mut` tensor held
   * `before` stays where the kernel stores nothing.
   */
  results(
    words: (name: string) => readonly Beat[],
    before?: (buffer: string) => ArrayLike<number> | undefined,
  ): ReadonlyMap<string, Float64Array>;
  /** The first of the kernel's checks on data that didn't hold: its results don't count then. */
  failed?(words: (name: string) => readonly Beat[]): Failed | undefined;
}

/** An `assert` that didn't hold. */
export interface Failed {
  readonly message: string;
  readonly span: Span | undefined;
}

/** Why there is no program: a noun for what the kernel has that can't be lowered. */
export interface Refused {
  readonly why: string;
  readonly span: Span | undefined;
  /** The kernel is what this way is for: if no other way takes it either, its reason is told. */
  readonly final?: true;
  /** An annotation is at fault: its text, and what could stand there instead. */
  readonly annotation?: { readonly text: string; readonly fix: string };
}

export function refusedFor(error: Unfit): Refused {
  return {
    why: error.message,
    span: error.span,
    ...(error instanceof WrongAnnotation && {
      final: true,
      annotation: { text: error.annotation, fix: error.fix },
    }),
  };
}

/**
 * A way of lowering. `known` has the values of dims and scalar parameters by their names in the IR; the kernel is the one
 * that lowering gives, before any schedule.
 */
export type Lowering = (
  kernel: IrKernel,
  known: ReadonlyMap<string, number>,
  profile: Profile,
) => Lowered | Refused;

const ways: readonly Lowering[] = [lowerProduct, lowerRows];

/** The program of a kernel for given sizes and scalar arguments, or why there is none. */
export const lowerKernel: Lowering = (kernel, known, profile) => {
  let refused: Refused = { why: "nothing that the TSP could do", span: kernel.span };
  for (const way of ways) {
    const found = way(kernel, known, profile);
    if ("program" in found || found.annotation) return found;
    if (!refused.final) refused = found;
  }
  return refused;
};

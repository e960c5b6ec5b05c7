// The provers: a kernel fresh from lowering in, the same kernel without what was proved out. Everything that must
// hold is proved here or reported: accesses in bounds, partial operations, obligations, outputs written in full,
// iterations independent.
//
//   terms.ts, scope.ts, facts.ts   what expressions and names mean, and what is known where
//   relevance.ts                   names that proofs can be about; the rest is data
//   walker.ts, expr-walk.ts        the walk in order of execution;  invariants.ts  what loops keep
//   bounds.ts, coverage.ts, races.ts   the judgements;  search.ts, trace.ts  counterexamples that have been run

import type { Span } from "../../lang/source.ts";
import type { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import type { IrKernel } from "../ir/ir.ts";
import { withBody } from "../ir/walk.ts";
import { Judge } from "./judge.ts";
import { openKernel } from "./kernel-facts.ts";
import { Walker } from "./walker.ts";

/** One thing that was proved or left to the run, for `explain`. */
export interface ProofFact {
  readonly span: Span | undefined;
  /** The access, operation or annotation: "x[i, j]", "@parallel i". */
  readonly subject: string;
  readonly claim: string;
  /** How it is known, or what is checked at run time. */
  readonly how: string;
  readonly checkedAtRunTime: boolean;
}

export interface ProofResult {
  /** The kernel without the guards and assertions that are proved. */
  readonly kernel: IrKernel;
  readonly facts: readonly ProofFact[];
  /** Accesses proved in bounds. */
  readonly proved: number;
  /** Assertions and guards that stay in the code. */
  readonly runtimeChecks: number;
}

/** Proves a kernel in `nest` form; what can't be proved is reported to `sink`. */
export function prove(kernel: IrKernel, sink: DiagnosticSink): ProofResult {
  const { scope, names, terms, shapes } = openKernel(kernel, sink);
  const entry = scope.facts;
  const judge = new Judge(kernel, shapes, terms, sink);
  const walker = new Walker(kernel, shapes, terms, names, judge);
  const body = walker.block(kernel.body, scope);
  judge.finish(entry);
  return {
    kernel: withBody(kernel, body),
    facts: judge.facts,
    proved: judge.proved,
    runtimeChecks: judge.runtimeChecks,
  };
}

// The pass driver, and the passes that every target starts with. A pass is one function from kernel to kernel; a
// target adds its own tail to the list.

import { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import type { IrKernel } from "../ir/ir.ts";
import { printKernel } from "../ir/print.ts";
import { verify } from "../ir/verify.ts";
import { eliminateCommon } from "./cse.ts";
import { hoistInvariants } from "./licm.ts";
import { simplify } from "./simplify/index.ts";
import { silent, type PassReport } from "./workspace.ts";

/** What a pass may use besides the kernel. */
export interface PassContext extends PassReport {
  /** Where a pass says what it could not do for the user. */
  readonly sink: DiagnosticSink;
}

/** A named rewrite of a whole kernel. It must not change what the kernel computes. */
export interface Pass {
  readonly name: string;
  /** One line for `--help` and the documentation. */
  readonly doc?: string;
  readonly run: (kernel: IrKernel, context: PassContext) => IrKernel;
}

export interface PassOptions {
  /** Verify the kernel after every pass, and name the one that broke it. */
  readonly verifyEach?: boolean;
  /** Hands out the kernel as text after the passes of these names (`all`: every one). */
  readonly printAfter?: string | readonly string[];
  /** Where that text goes; absent, nowhere. */
  readonly print?: (pass: string, text: string) => void;
}

/** Run for every target, in this order; a target's own passes follow. */
export const sharedPasses: readonly Pass[] = [
  // First, on what lowering left behind: constants of fixed dims, guards that were proved, loops that run once. All
  // later passes see fewer nodes, and matching a shape (`i`, not `i * 1 + 0`) is enough for them.
  { name: "simplify", doc: "folds constants, applies identities, drops what is dead", run: simplify },
  // Before invariants are moved, so that one `let` moves instead of several equal expressions.
  { name: "cse", doc: "computes equal expressions once", run: eliminateCommon },
  // Moves `let`s to where they run less often; never out of parallel loops, which must stay what they are.
  { name: "licm", doc: "moves loop-invariant computations in front of loops", run: hoistInvariants },
];

/** Runs passes in order. */
export function runPasses(
  kernel: IrKernel,
  passes: readonly Pass[],
  options: PassOptions = {},
  sink: DiagnosticSink = new DiagnosticSink(),
  report: PassReport = silent,
): IrKernel {
  const shown = new Set([options.printAfter ?? []].flat());
  let current = kernel;
  for (const pass of passes) {
    current = pass.run(current, { ...report, sink });
    if (options.verifyEach) verify(current, pass.name);
    if (shown.has(pass.name) || shown.has("all")) options.print?.(pass.name, printKernel(current));
  }
  return current;
}

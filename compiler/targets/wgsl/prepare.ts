// A kernel brought into what the emitter takes: no vectors, no vector loops, loops unrolled where asked, split into
// phases, constants folded. What an annotation asked for and this target doesn't do is reported, never dropped.

import type { Span } from "../../../lang/source.ts";
import type { IrKernel } from "../../ir/ir.ts";
import { mapBlock, withBody } from "../../ir/walk.ts";
import { phases, type Phase } from "../../passes/phases.ts";
import { simplify } from "../../passes/simplify/index.ts";
import { unroll } from "../../passes/unroll.ts";
import type { PassReport } from "../../passes/workspace.ts";
import { foldConstants } from "./fold.ts";
import { scalarise } from "./scalarise.ts";

/** An annotation that this target doesn't honour, and why. */
export interface NotHonoured {
  readonly annotation: string;
  readonly why: string;
  readonly span?: Span;
}

export interface Prepared {
  readonly kernel: IrKernel;
  readonly phases: readonly Phase[];
  readonly notHonoured: readonly NotHonoured[];
}

/** Prepares a kernel whose reductions are expanded. */
export function prepare(kernel: IrKernel): Prepared {
  const notHonoured: NotHonoured[] = [];
  const report: PassReport = {
    notHonoured: (annotation, why, span) => notHonoured.push({ annotation, why, span }),
  };
  const unrolled = unroll(scalarLoops(kernel, report), report);
  // Unrolling leaves constants behind; folding is last, since nothing else may reach WGSL's own evaluation of them.
  const ready = foldConstants(simplify(scalarise(unrolled)));
  const phased = phases(ready, report);
  return { kernel: phased.kernel, phases: phased.phases, notHonoured };
}

/** Drops the marks that WGSL has no use for. */
function scalarLoops(kernel: IrKernel, report: PassReport): IrKernel {
  const body = mapBlock(kernel.body, (stmt) => {
    if (stmt.kind !== "for" || (!stmt.marks.vectorize && !stmt.marks.threads)) return stmt;
    const { vectorize, threads, ...marks } = stmt.marks;
    const name = marks.label ?? stmt.name;
    if (vectorize)
      report.notHonoured(
        `@vectorize(${name})`,
        "the lanes of a GPU are its invocations, so each runs scalar code",
        stmt.span,
      );
    if (threads)
      report.notHonoured(
        `@threads(${name})`,
        "workgroups don't share loops yet, so one invocation runs it in order",
        stmt.span,
      );
    return { ...stmt, marks };
  });
  return withBody(kernel, body);
}

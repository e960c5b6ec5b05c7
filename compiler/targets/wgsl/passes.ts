// The passes that bring a proved kernel, its schedules carried out, into the form that `entries.ts` takes, in order.

import type { IrKernel } from "../../ir/ir.ts";
import { mapBlocksOf, mapSame, withBody, type Block } from "../../ir/walk.ts";
import { eliminateCommon } from "../../passes/cse.ts";
import { expandReductions } from "../../passes/expand-reductions.ts";
import type { Pass } from "../../passes/index.ts";
import { hoistInvariants } from "../../passes/licm.ts";
import { simplify } from "../../passes/simplify/index.ts";
import { unroll } from "../../passes/unroll.ts";
import { vectorize } from "../../passes/vectorize/index.ts";
import type { PassReport } from "../../passes/workspace.ts";
import { widen } from "./vector-arrays.ts";
import { hasThreads } from "./workgroups/nests.ts";
import { numberThreads } from "./workgroups/number-threads.ts";
import { shareReductions } from "./workgroups/share-reductions.ts";

export const wgslPasses: readonly Pass[] = [
  // Before loops change: reductions over threads become loops over threads, with a tree behind them.
  { name: "share-reductions", doc: "reductions across a workgroup, by tree", run: shareReductions },
  { name: "number-threads", doc: "loops over threads count from 0", run: numberThreads },
  { name: "lanes", doc: "which loops become vectors", run: keepLanes },
  {
    name: "vectorize",
    doc: "marked loops to vectors",
    run: (kernel, context) => vectorize(kernel, context, { automatic: false }),
  },
  { name: "expand-reductions", doc: "reductions to accumulators", run: expandReductions },
  // After vectorize, so that the copies are copies of vectors.
  { name: "unroll", doc: "copies of loop bodies", run: unroll },
  { name: "simplify-unrolled", run: simplify },
  // Before equal loads are made one: single elements out of the vectors that hold them.
  { name: "widen", doc: "elements out of vectors", run: widen },
  // Where copies were made for workgroups; other code stays as near to its source as it can.
  { name: "cse-unrolled", run: (kernel) => (hasThreads(kernel.body) ? eliminateCommon(kernel) : kernel) },
  { name: "licm-unrolled", run: (kernel) => (hasThreads(kernel.body) ? hoistInvariants(kernel) : kernel) },
];

/** Drops the vector marks that gain nothing here: invocations are lanes already, unless they share a tile. */
function keepLanes(kernel: IrKernel, report: PassReport): IrKernel {
  const visit = (block: Block, inNest: boolean): Block =>
    mapSame(block, (stmt) => {
      const inside = inNest || (stmt.kind === "for" && stmt.marks.threads === true);
      const inner = mapBlocksOf(stmt, (body) => visit(body, inside));
      if (inner.kind !== "for" || !inner.marks.vectorize || inside) return inner;
      const { vectorize: _dropped, ...marks } = inner.marks;
      report.notHonoured(
        `@vectorize(${marks.label ?? inner.name})`,
        "the lanes of a GPU are its invocations, so each runs scalar code",
        inner.span,
      );
      return { ...inner, marks };
    });
  return withBody(kernel, visit(kernel.body, false));
}

// Pass `simplify`: constant folding by the op table, identities that hold exactly for the dtype, known conditions,
// loops and reductions that run never or once, dead code. Scalars and vectors alike, in either form of the IR.
//
// Assumes: partial ops are proved fit, so one whose result isn't used may go.

import type { IrKernel } from "../../ir/ir.ts";
import { assignedIn } from "../../ir/names.ts";
import { rangesOfKernel } from "../../ir/ranges.ts";
import { withBody } from "../../ir/walk.ts";
import { dropDead } from "./dead.ts";
import { StmtSimplifier } from "./statements.ts";

/** Each round may open the way for another; this many settle every kernel seen, and a bound keeps it a pass. */
const rounds = 8;

/** Simplifies a kernel until nothing changes. */
export function simplify(kernel: IrKernel): IrKernel {
  let current = kernel;
  for (let round = 0; round < rounds; round++) {
    const simplifier = new StmtSimplifier(rangesOfKernel(current), assignedIn(current.body));
    const next = dropDead(withBody(current, simplifier.block(current.body)));
    if (next === current) break;
    current = next;
  }
  return current;
}

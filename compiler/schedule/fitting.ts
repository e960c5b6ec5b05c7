// Whether numbers of iterations that a schedule multiplies fit i32. Sizes alone don't say so (two dimensions of 2^20 are
// each small enough); what the runtime checks of tensors may.

import { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import type { Expr, IrKernel } from "../ir/ir.ts";
import { namesIn } from "../ir/names.ts";
import { rangeOf, rangesOfKernel } from "../ir/ranges.ts";
import { intValue } from "../passes/fold.ts";
import { proves } from "../proofs/facts.ts";
import { openKernel, type OpenKernel } from "../proofs/kernel-facts.ts";
import { Terms } from "../proofs/terms.ts";
import { ge, le } from "../symbolic/cond.ts";
import { attempt } from "../symbolic/integers.ts";
import { constantPoly, mul, one, zero } from "../symbolic/poly.ts";

const most = 2 ** 31 - 1;

export class Fitting {
  private readonly kernel: IrKernel;
  private open: OpenKernel | undefined;

  constructor(kernel: IrKernel) {
    this.kernel = kernel;
  }

  /** Whether the product of counts is below 2^31 wherever none of them is negative. */
  fits(counts: readonly Expr[]): boolean {
    const ranges = rangesOfKernel(this.kernel);
    const bound = counts.reduce((product, each) => product * Math.max(0, rangeOf(each, ranges).high), 1);
    // A single constant is what it is; any other range may come from a result that has wrapped.
    if (counts.every((each) => intValue(each) !== undefined || each.kind === "ref") && bound <= most)
      return true;
    const { scope } = (this.open ??= openKernel(this.kernel, new DiagnosticSink()));
    if (counts.some((each) => [...namesIn(each)].some((name) => !scope.names.has(name)))) return false;
    const inside = scope.fork();
    const terms = new Terms(true);
    const polys = counts.map((each) => terms.poly(each, inside));
    for (const each of polys) inside.assume(ge(each, zero));
    const product = attempt(() => polys.reduce(mul, one), undefined);
    return product !== undefined && proves(inside.facts, le(product, constantPoly(most)));
  }
}

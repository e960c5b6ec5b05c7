// What is known before a kernel's first statement: sizes are at least 0 and below 2^30, a tensor takes less than
// 2^32 bytes, computed extents came out right (the runtime checks all three), and the `where` clauses hold.

import { dtypeInfo } from "../../lang/dtypes.ts";
import type { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import type { Expr, IrKernel } from "../ir/ir.ts";
import { condKey, ge, isNotZero, le, type Cond } from "../symbolic/cond.ts";
import { Intervals } from "../symbolic/intervals.ts";
import { attempt } from "../symbolic/integers.ts";
import { atomPoly, constantPoly, mul, one, zero, type Poly } from "../symbolic/poly.ts";
import { visitExpr } from "../ir/walk.ts";
import { exprText } from "./describe.ts";
import { proves } from "./facts.ts";
import { Names, Scope } from "./scope.ts";
import { Terms } from "./terms.ts";

export const largestDim = 2 ** 30 - 1;

export interface OpenKernel {
  readonly scope: Scope;
  readonly names: Names;
  readonly terms: Terms;
  readonly shapes: ReadonlyMap<string, readonly Poly[]>;
}

/** The scope at a kernel's entry, and its buffers' shapes. */
export function openKernel(kernel: IrKernel, sink: DiagnosticSink): OpenKernel {
  const names = new Names();
  const scope = new Scope();
  for (const dim of kernel.dims) {
    const [lo, hi] = dim.of === "stride" ? [-(2 ** 31), 2 ** 31 - 1] : [0, largestDim];
    scope.names.set(dim.name, { kind: "poly", poly: atomPoly(names.param(dim.name, lo, hi)) });
  }
  for (const param of kernel.params)
    if (param.kind === "scalar")
      scope.names.set(param.name, names.value(param.name, param.dtype, { param: true }));
  const readOnly = new Set(
    kernel.params.flatMap((param) => (param.kind === "tensor" && param.mode === "in" ? [param.buffer] : [])),
  );
  for (const buffer of kernel.buffers)
    if (!readOnly.has(buffer.name))
      scope.versions.set(buffer.name, atomPoly(names.fresh(`${buffer.name}@`, 0, 0)));

  const signature = new Terms(true);
  for (const clause of kernel.requires) scope.assume(signature.cond(clause.cond, scope));
  const shapes = new Map<string, readonly Poly[]>();
  const background: Cond[] = [];
  const shapeScope = scope.fork();
  for (const buffer of kernel.buffers) {
    if (buffer.space === "param")
      for (const extent of buffer.shape) checkDivisors(extent, signature, shapeScope, sink);
    const shape = buffer.shape.map((extent) => signature.poly(extent, scope));
    shapes.set(buffer.name, shape);
    if (buffer.space === "param") assumeSize(scope, shape, dtypeInfo(buffer.dtype).bits, background);
  }
  scope.facts = scope.facts.against(background);
  return { scope, names, terms: new Terms(false, kernel.buffers), shapes };
}

/**
 * The bounds of a tensor's extents, and of the products of any of them: the runtime counts an extent of 0 as 1 when
 * it checks the size, so that H·W can't overflow either where C is 0. Products are told apart as background.
 */
function assumeSize(scope: Scope, shape: readonly Poly[], bits: number, background: Cond[]): void {
  const most = Math.floor(((2 ** 32 - 1) * 8) / bits);
  for (const extent of shape) {
    const size = new Intervals().ofPoly(extent);
    if (size.lo < 0) scope.assume(ge(extent, zero));
    const limit = Math.min(most, largestDim);
    if (size.hi > limit) scope.assume(le(extent, constantPoly(limit)));
  }
  let products: (Poly | undefined)[] = [one];
  for (const extent of shape.length <= 5 ? shape : [])
    products = products.flatMap((product) => [product, product && times(product, extent)]);
  for (const product of products)
    if (product && product.terms.some((term) => term.atoms.length > 1)) {
      const bound = le(product, constantPoly(most));
      if (!background.some((known) => condKey(known) === condKey(bound))) background.push(bound);
    }
}

function times(a: Poly, b: Poly): Poly | undefined {
  const product = attempt(() => mul(a, b), undefined);
  return product && product.terms.length <= 12 ? product : undefined;
}

/** A shape that divides needs a divisor other than 0 as much as a statement does. */
function checkDivisors(extent: Expr, terms: Terms, scope: Scope, sink: DiagnosticSink): void {
  visitExpr(extent, (part) => {
    if (part.kind !== "op" || (part.op !== "floordiv" && part.op !== "mod")) return;
    const divisor = part.args[1]!;
    const fit = isNotZero(terms.poly(divisor, scope));
    if (proves(scope.facts, fit)) return;
    sink.report("K0405", { expr: exprText(part), divisor: exprText(divisor) }, part.span, {
      fix: { text: `state \`where ${exprText(divisor)} >= 1\`` },
    });
    scope.assume(fit);
  });
}

// Pass `split-borders`: a vectorized loop whose accesses are clamped or guarded by its variable (`x[clamp(j - 1, 0, N - 1)]`,
// `x.get(i, j + k)`) becomes three: a border in front, an interior where every clamp and guard is known to let the index
// through, so that accesses lie side by side there, and a border behind.
//
// Assumes: nest form; runs before `vectorize` and after `split-parallel`. Iterations keep their order, so it is always
// legal. Conditions are solved in exact integers, and used only where i32 arithmetic can't wrap.

import { int, ref, i32, type Expr, type ForStmt, type IrKernel, type Stmt } from "../ir/ir.ts";
import { printExpr } from "../ir/print.ts";
import { rangeOf, rangeOfLoop, rangesOfKernel, type Ranges } from "../ir/ranges.ts";
import { mapAllExprs, mapBlocksOf, mapOperands, mapSame, visitExprs, type Block } from "../ir/walk.ts";
import { BorderConditions } from "./border-conditions.ts";
import { and, constantValue, intValue, max, min, not, or, select } from "./fold.ts";
import { jumpsOut, Workspace } from "./workspace.ts";

/** Expressions in a body beyond which three copies cost more than they save. */
const mostExprs = 2000;
/** Iterations of a border up to which it stays scalar. */
const narrow = 16;

/** Splits every vectorized loop that it pays for. */
export function splitBorders(kernel: IrKernel): IrKernel {
  const splitter = new Splitter(new Workspace(kernel), rangesOfKernel(kernel));
  return splitter.workspace.finish(splitter.block(kernel.body));
}

class Splitter {
  readonly workspace: Workspace;
  private readonly ranges: Ranges;

  constructor(workspace: Workspace, ranges: Ranges) {
    this.workspace = workspace;
    this.ranges = ranges;
  }

  block(block: Block): Block {
    const out: Stmt[] = [];
    let changed = false;
    for (const statement of block) {
      if (statement.kind === "let" && statement.value.type.dtype === "i32")
        this.ranges.set(statement.name, rangeOf(statement.value, this.ranges));
      if (statement.kind === "for") this.ranges.set(statement.name, rangeOfLoop(statement, this.ranges));
      const next = statement.kind === "for" ? this.loop(statement) : undefined;
      const inner = next ?? [mapBlocksOf(statement, (body) => this.block(body))];
      if (inner.length !== 1 || inner[0] !== statement) changed = true;
      out.push(...inner);
    }
    return changed ? out : block;
  }

  private loop(loop: ForStmt): readonly Stmt[] | undefined {
    const { vectorize, parallel, unroll } = loop.marks;
    // Copies of a tile's vectors keep what they accumulate in registers, which parts of unknown length couldn't.
    if (unroll === 0 && intValue(loop.lo) !== undefined && intValue(loop.hi) !== undefined) return undefined;
    if (!vectorize || parallel || loop.step !== 1 || jumpsOut(loop.body, ["break"])) return undefined;
    let size = 0;
    visitExprs(loop.body, () => size++);
    if (size > mostExprs) return undefined;
    const found = new BorderConditions(this.workspace, loop, this.ranges);
    if (found.known.size === 0) return undefined;
    return this.split(loop, found);
  }

  private split(loop: ForStmt, found: BorderConditions): readonly Stmt[] {
    const { workspace } = this;
    const block: Stmt[] = [];
    const named = (base: string, value: Expr): Expr => {
      if (value.kind === "const" || (value.kind === "ref" && !workspace.isVariable(value.name))) return value;
      const name = workspace.name(`${loop.name}_${base}`);
      block.push({ kind: "let", name, value, span: loop.span });
      return ref(name, i32, loop.span);
    };
    const lo = named("lo", loop.lo);
    const hi = named("hi", loop.hi);
    // Both within lo … hi, in this order, whatever the conditions say.
    const begin = found.width("low") === undefined ? found.lows.reduce(max, lo) : (found.lows[0] ?? lo);
    const end = found.width("high") === undefined ? found.highs.reduce(min, hi) : (found.highs[0] ?? hi);
    const first = named("inner", min(begin, hi));
    const last = named("outer", max(end, first));
    const { known } = found;
    const body = mapSame(loop.body, (each) => mapAllExprs(each, (expr) => simplified(expr, known)));
    // The interior is shorter than the loop whose length a width was proved to divide.
    const { vectorize } = loop.marks;
    const marks =
      vectorize?.tail === "exact"
        ? { ...loop.marks, vectorize: { ...vectorize, tail: "mask" as const } }
        : loop.marks;
    const interior = { ...loop, body, marks };
    return [
      ...block,
      ...(found.lows.length > 0 ? [this.part(loop, lo, first, found.width("low"))] : []),
      this.part(interior, first, last),
      ...(found.highs.length > 0 ? [{ ...this.border(loop, found.width("high")), lo: last, hi }] : []),
    ];
  }

  /** A copy of the loop for a part of its iterations; borders say how wide they are, if that's known. */
  private part(loop: ForStmt, lo: Expr, hi: Expr, ...border: readonly (number | undefined)[]): ForStmt {
    const name = this.workspace.name(loop.name);
    const body = this.workspace.copy(loop.body, new Map([[loop.name, ref(name, i32, loop.span)]]));
    const marked = border.length > 0 ? this.border(loop, border[0]) : loop;
    return { ...marked, name, lo, hi, body };
  }

  /** A loop over a border: scalar if it is narrow, and without a vector for the rest in any case. */
  private border(loop: ForStmt, width: number | undefined): ForStmt {
    const { vectorize, ...marks } = loop.marks;
    if (!vectorize || (width !== undefined && width <= narrow)) return { ...loop, marks };
    return { ...loop, marks: { ...marks, vectorize: { ...vectorize, tail: "scalar" } } };
  }
}

/** An expression with what is known in the interior: comparisons that hold, operands that `min` and `max` take. */
function simplified(expr: Expr, known: ReadonlyMap<string, true | number>): Expr {
  const fact = expr.kind === "op" ? known.get(printExpr(expr)) : undefined;
  if (fact === true) return { ...int(1), type: expr.type, value: true };
  if (fact !== undefined && expr.kind === "op") return simplified(expr.args[fact]!, known);
  const next = mapOperands(expr, (operand) => simplified(operand, known));
  if (next === expr) return expr;
  if (next.kind === "load" && next.guard && constantValue(next.guard) === true)
    return { ...next, guard: undefined };
  if (next.kind !== "op" || intValue(next) !== undefined) return next;
  const [a, b, c] = next.args;
  if (next.op === "and") return and(a!, b!);
  if (next.op === "or") return or(a!, b!);
  if (next.op === "not") return not(a!);
  return next.op === "select" ? select(a!, b!, c!) : next;
}

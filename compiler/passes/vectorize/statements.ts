// Statements across the lanes: declarations, assignments and stores under the current mask. Control flow is in
// control.ts.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { splat } from "../../ir/build.ts";
import {
  i32,
  int,
  op,
  ref,
  type AllocStmt,
  type AssignStmt,
  type Expr,
  type Stmt,
  type StoreStmt,
} from "../../ir/ir.ts";
import { someExpr, type Block } from "../../ir/walk.ts";
import { across, and, apply, laneOf, literal, not, or, select } from "../fold.ts";
import { jumpsOut } from "../workspace.ts";
import { lowerFor, lowerIf, lowerJump, lowerWhile, stillLive } from "./control.ts";
import { accessIndex, lowerExpr, lowerGuard, lowerVector, writeGuard } from "./expressions.ts";
import type { Lanes } from "./lanes.ts";
import { narrowFactor, narrowOf, pairOf } from "./pair-sums.ts";

/** Lowers statements in order under the current mask. Behind a jump of some lanes the rest runs for the others. */
export function lowerBlock(cx: Lanes, block: Block): void {
  for (const [at, statement] of block.entries()) {
    lowerStatement(cx, statement);
    if (statement.kind === "break" || statement.kind === "continue") return;
    if (!cx.frame || !jumpsOut([statement])) continue;
    const rest = block.slice(at + 1);
    if (rest.length > 0) stillLive(cx, cx.frame, () => lowerBlock(cx, rest));
    return;
  }
}

function lowerStatement(cx: Lanes, statement: Stmt): void {
  const { span } = statement;
  switch (statement.kind) {
    case "let": {
      const from = cx.groups.size > 0 ? narrowOf(statement.value) : undefined;
      // What nobody needs of the three forms is dead.
      if (from) {
        const value = cx.name(statement.name, lowerVector(cx, from), span);
        const pair = cx.name(statement.name, inPairs(cx, lowerVector(cx, from)), span);
        cx.narrow.set(statement.name, { widened: statement, value, pair });
      }
      const value = lowerExpr(cx, statement.value);
      // An affine value keeps its shape: only its base is computed here.
      if (value.kind === "affine") {
        const base = cx.name(statement.name, value.base, span);
        const stride = cx.name(`${statement.name}_stride`, value.stride, span);
        cx.values.set(statement.name, { kind: "affine", base, stride });
      } else {
        cx.values.set(statement.name, { kind: value.kind, expr: cx.name(statement.name, value.expr, span) });
      }
      return;
    }
    case "var": {
      const varies = cx.divergence.names.has(statement.name);
      const init = lowerExpr(cx, statement.init);
      const name = cx.register(statement.name, varies ? cx.vector(init) : cx.index(init), span);
      cx.variables.set(statement.name, { name, varies, home: cx.mask });
      return;
    }
    case "assign": {
      if (cx.groups.has(statement.name)) return lowerDot(cx, statement);
      const { name, varies, home } = cx.variable(statement.name);
      const value = lowerExpr(cx, statement.value);
      if (!varies) return cx.assign(name, cx.index(value), span);
      const mask = writeGuard(cx, home);
      const next = cx.vector(value);
      return cx.assign(name, mask ? select(mask, next, ref(name, next.type)) : next, span);
    }
    case "alloc":
      return lowerAlloc(cx, statement);
    case "store":
      return statement.atomic ? lowerAtomic(cx, statement) : lowerStore(cx, statement);
    case "assert": {
      const cond = lowerExpr(cx, statement.cond);
      if (cond.kind === "uniform") return cx.emit({ ...statement, cond: cond.expr });
      const off = cx.mask && not(cx.mask.expr);
      return cx.emit({
        ...statement,
        cond: across("vall", off ? or(cx.vector(cond), off) : cx.vector(cond)),
      });
    }
    case "if":
      return lowerIf(cx, statement);
    case "for":
      return lowerFor(cx, statement);
    case "while":
      return lowerWhile(cx, statement);
    case "break":
    case "continue":
      return lowerJump(cx, statement);
    case "reduce":
    case "yield":
      return internalError("vectorize", "a reduction is left in a loop that becomes vectors");
  }
}

/** A factor of pair products in lanes of 16 bits, so that it is widened once for all of them. */
function inPairs(cx: Lanes, value: Expr): Expr {
  return value.type.dtype === "i16" ? value : apply("convert", cx.typeOf("i16"), [value], value.span);
}

/** One step of a sum of products, two or four lanes in each lane of its register. */
function lowerDot(cx: Lanes, statement: AssignStmt): void {
  const lets = { get: (name: string) => cx.narrow.get(name)?.widened };
  const pair = pairOf(statement, lets);
  if (!pair) return internalError("vectorize", `${statement.name} isn't a sum of products`);
  const group = cx.groups.get(statement.name)!;
  const { name } = cx.variable(statement.name);
  const type = { dtype: "i32", lanes: cx.width / group } as const;
  const [x, y] = pair.map((factor) => {
    const named = typeof factor === "string" ? cx.narrow.get(factor)! : undefined;
    if (named) return group === 4 ? named.value : named.pair;
    const value = lowerVector(cx, factor as Expr);
    return group === 4 ? value : inPairs(cx, value);
  }) as [Expr, Expr];
  // Lanes that are switched off add 0.
  const own = cx.mask ? select(cx.mask.expr, x, literal(0, x.type)) : x;
  const args = [own, y, ref(name, type)];
  if (group === 2) return cx.assign(name, apply("dot2", type, args, statement.span), statement.span);
  const small = pair.map((factor) =>
    narrowFactor(typeof factor === "string" ? narrowOf(cx.narrow.get(factor)!.widened.value)! : factor),
  );
  const bits = small.reduce((sum, each, at) => sum + (each.small ? 2 ** at : 0), 0);
  cx.assign(name, op("dot4", type, args, statement.span, bits > 0 ? [bits] : undefined), statement.span);
}

function lowerAlloc(cx: Lanes, statement: AllocStmt): void {
  const like = cx.workspace.buffer(statement.buffer);
  if (!like) return internalError("vectorize", `the buffer ${statement.buffer} isn't declared`);
  const perLane = cx.divergence.buffers.has(statement.buffer);
  const shape = perLane ? [...like.shape, int(cx.width)] : like.shape;
  const { name } = cx.workspace.addBuffer({ ...like, shape });
  cx.buffers.set(statement.buffer, { name, perLane, home: cx.mask });
  const fill = statement.fill && lowerExpr(cx, statement.fill);
  if (!fill || fill.kind === "uniform")
    return cx.emit({ kind: "alloc", buffer: name, fill: fill && cx.index(fill), span: statement.span });
  cx.emit({ kind: "alloc", buffer: name, span: statement.span });
  // A value of its own for each lane: stored element by element.
  const value = cx.name("fill", cx.vector(fill), statement.span);
  const loops = like.shape.map((extent) => ({ name: cx.workspace.name("at"), extent }));
  const index = accessIndex(
    cx,
    true,
    loops.map((loop) => ({ kind: "uniform", expr: ref(loop.name, i32) })),
  );
  const inner: Stmt = { kind: "store", buffer: name, index, value, span: statement.span };
  cx.emit(
    loops.reduceRight<Stmt>(
      (body, loop) => ({
        kind: "for",
        name: loop.name,
        lo: int(0),
        hi: loop.extent,
        step: 1,
        marks: {},
        body: [body],
      }),
      inner,
    ),
  );
}

function lowerStore(cx: Lanes, statement: StoreStmt): void {
  const buffer = cx.buffer(statement.buffer);
  const values = statement.index.map((each) => lowerExpr(cx, each));
  const value = lowerExpr(cx, statement.value);
  const guard = lowerGuard(cx, statement.guard);
  const fixed = values.every((each) => each.kind === "uniform");
  const index = accessIndex(cx, buffer.perLane, values);
  if (!buffer.perLane && fixed) {
    if (value.kind === "uniform" && (!guard || guard.kind === "uniform")) {
      const same = { ...statement, index, value: value.expr, guard: guard && cx.index(guard) };
      return cx.emit({ ...same, buffer: buffer.name });
    }
    // One element, which one of the lanes writes: a scatter says which.
    index[index.length - 1] = splat(index[index.length - 1]!, cx.width);
  }
  // Where each lane has a place of its own, that of a lane which is off may lie outside of the buffer.
  const mask = fixed ? writeGuard(cx, buffer.home) : cx.mask?.expr;
  const wanted = guard && cx.vector(guard);
  const both = mask && wanted ? and(mask, wanted) : (mask ?? wanted);
  if (!buffer.perLane && !wanted) cx.noteAccess(buffer.name, index);
  cx.emit({ ...statement, buffer: buffer.name, index, value: cx.vector(value), guard: both });
}

/** One lane after the other: an atomic update can't be undone for two lanes that meet in one element. */
function lowerAtomic(cx: Lanes, statement: StoreStmt): void {
  const buffer = cx.buffer(statement.buffer);
  const named = (base: string, expr: Expr): Expr => cx.name(base, lowerVector(cx, expr), expr.span);
  const split = (base: string, expr: Expr): ((lane: number) => Expr) => {
    const value = lowerExpr(cx, expr);
    if (value.kind === "uniform") {
      const same = cx.name(base, value.expr, expr.span);
      return () => same;
    }
    // Not what a `let` would hide: lanes of ramps are plain sums.
    const vector = value.kind === "affine" ? cx.vector(value) : cx.name(base, value.expr, expr.span);
    return (lane) => laneOf(vector, lane);
  };
  const index = statement.index.map((each) => split("at", each));
  const value = split("value", statement.value);
  const own = statement.guard && named("wanted", statement.guard);
  const mask = cx.mask?.expr;
  const guard = mask && own ? cx.name("wanted", and(mask, own)) : (mask ?? own);
  for (let lane = 0; lane < cx.width; lane++) {
    cx.emit({
      ...statement,
      buffer: buffer.name,
      index: [...index.map((at) => at(lane)), ...(buffer.perLane ? [int(lane)] : [])],
      value: value(lane),
      guard: guard && laneOf(guard, lane),
    });
  }
}

/** Whether running a block for lanes that don't want it costs less than asking whether any does. */
export function isCheap(block: Block): boolean {
  return (
    block.length <= 3 &&
    block.every((each) => (each.kind === "let" || each.kind === "assign") && !someExpr(each.value, isHeavy))
  );
}

function isHeavy(part: Expr): boolean {
  if (part.kind === "load") return true;
  return part.kind === "op" && ["floordiv", "mod", "shl", "shr", "div", "sqrt"].includes(part.op);
}

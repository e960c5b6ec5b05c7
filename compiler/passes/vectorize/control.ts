// Control flow across the lanes. What every lane agrees on stays a scalar branch; where lanes part, both ways run
// under masks, and a way that no lane takes is skipped. That at least one lane is on holds in every block made here.

import {
  constant,
  i32,
  int,
  ref,
  type Expr,
  type ForStmt,
  type IfStmt,
  type JumpStmt,
  type WhileStmt,
} from "../../ir/ir.ts";
import { dtypeInfo } from "../../../lang/dtypes.ts";
import { splat } from "../../ir/build.ts";
import type { Block } from "../../ir/walk.ts";
import { across, add, and, apply, compare, intValue, mul, not, select, sub } from "../fold.ts";
import { jumpsOut } from "../workspace.ts";
import { lowerExpr } from "./expressions.ts";
import type { Lanes, LaneValue, LoopFrame, Mask } from "./lanes.ts";
import { isCheap, lowerBlock } from "./statements.ts";

/** Emits `body` under a mask, skipped where no lane is on. */
function whereAny(cx: Lanes, mask: Mask, body: () => void, span?: IfStmt["span"]): void {
  const then = cx.collect(mask, body);
  if (then.length > 0) cx.emit({ kind: "if", cond: across("vany", mask.expr), then, orelse: [], span });
}

export function lowerIf(cx: Lanes, statement: IfStmt): void {
  const cond = lowerExpr(cx, statement.cond);
  const { span } = statement;
  if (cond.kind === "uniform") {
    const then = cx.collect(cx.mask, () => lowerBlock(cx, statement.then));
    const orelse = cx.collect(cx.mask, () => lowerBlock(cx, statement.orelse));
    return cx.emit({ kind: "if", cond: cond.expr, then, orelse, span });
  }
  const test = cx.name("cond", cx.vector(cond), span);
  const sides: [Block, Mask][] = [];
  if (statement.then.length > 0) sides.push([statement.then, cx.narrowed("then", test)]);
  if (statement.orelse.length > 0) sides.push([statement.orelse, cx.narrowed("else", not(test))]);
  for (const [block, mask] of sides) {
    if (isCheap(block)) cx.emit(...cx.collect(mask, () => lowerBlock(cx, block)));
    else whereAny(cx, mask, () => lowerBlock(cx, block), span);
  }
}

// ---- jumps -------------------------------------------------------------------------------------------

export function lowerJump(cx: Lanes, jump: JumpStmt): void {
  const { frame } = cx;
  if (!frame) return cx.emit(jump);
  const leave = (register: string): void => {
    const type = cx.typeOf("bool");
    const next = cx.mask ? and(ref(register, type), not(cx.mask.expr)) : constant(false, type);
    cx.assign(register, next, jump.span);
  };
  leave(frame.live);
  if (jump.kind === "break" && frame.running !== undefined) leave(frame.running);
}

/** The rest of an iteration, for the lanes that are still in it. */
export function stillLive(cx: Lanes, frame: LoopFrame, rest: () => void): void {
  whereAny(cx, cx.narrowed("live", ref(frame.live, cx.typeOf("bool"))), rest);
}

/**
 * One iteration's body under the current mask. With `lanesLeave` it keeps account of the lanes that are still in it, and
 * in the loop.
 */
export function lowerBody(cx: Lanes, body: Block, lanesLeave: boolean, running?: string): void {
  const outer = cx.frame;
  cx.frame = lanesLeave ? { live: cx.register("lanes", cx.active()), running } : undefined;
  lowerBlock(cx, body);
  cx.frame = outer;
}

// ---- loops -------------------------------------------------------------------------------------------

/** What a loop needs to know of jumps that only some lanes make. */
function leaving(cx: Lanes, loop: ForStmt | WhileStmt): { lanesLeave: boolean; breaks: boolean } {
  const lanesLeave = cx.divergence.loops.has(loop);
  return { lanesLeave, breaks: lanesLeave && jumpsOut(loop.body, ["break"]) };
}

/** A mask read from a register, as it is now. */
function snapshot(cx: Lanes, register: string): Mask {
  return { expr: cx.name("running", ref(register, cx.typeOf("bool"))), outer: cx.mask };
}

export function lowerFor(cx: Lanes, loop: ForStmt): void {
  const lo = lowerExpr(cx, loop.lo);
  const hi = lowerExpr(cx, loop.hi);
  const { lanesLeave, breaks } = leaving(cx, loop);
  const running = breaks ? cx.register("running", cx.active(), loop.span) : undefined;
  const plan = bounds(cx, loop, lo, hi);
  const name = cx.workspace.name(loop.name);
  const at = ref(name, i32, loop.span);
  const body = cx.collect(cx.mask, () => {
    if (running !== undefined) cx.mask = snapshot(cx, running);
    cx.values.set(loop.name, plan.value(at));
    const inside = plan.inside(at);
    if (inside)
      whereAny(cx, cx.narrowed("inside", inside), () => lowerBody(cx, loop.body, lanesLeave, running));
    else lowerBody(cx, loop.body, lanesLeave, running);
    if (running !== undefined) {
      const none = not(across("vany", ref(running, cx.typeOf("bool"))));
      cx.emit({ kind: "if", cond: none, then: [{ kind: "break" }], orelse: [], span: loop.span });
    }
  });
  const { label, unroll } = loop.marks;
  const marks = { ...(label === undefined ? {} : { label }), ...(unroll === undefined ? {} : { unroll }) };
  cx.emit({ ...loop, name, lo: plan.lo, hi: plan.hi, step: plan.step, marks, body });
}

interface Bounds {
  readonly lo: Expr;
  readonly hi: Expr;
  readonly step: number;
  /** The loop variable across the lanes, from the scalar that runs. */
  readonly value: (at: Expr) => LaneValue;
  /** Which lanes have this iteration; undefined: all. */
  readonly inside: (at: Expr) => Expr | undefined;
}

/** Scalar bounds of a loop, wide enough for every lane. */
function bounds(cx: Lanes, loop: ForStmt, lo: LaneValue, hi: LaneValue): Bounds {
  const { step } = loop;
  const value = (at: Expr): LaneValue => ({ kind: "uniform", expr: at });
  if (lo.kind === "uniform" && hi.kind === "uniform")
    return { lo: lo.expr, hi: hi.expr, step, value, inside: () => undefined };
  const first = cx.name(`${loop.name}_lo`, cx.index(lo), loop.span);
  const last = cx.name(`${loop.name}_hi`, cx.index(hi), loop.span);
  if (lo.kind === "uniform" || step === 1) {
    const all = (expr: Expr): Expr => splat(expr, cx.width);
    return {
      lo: furthest(cx, lo, first, "min"),
      hi: furthest(cx, hi, last, "max"),
      step,
      value,
      inside: (at) => {
        const above = lo.kind === "uniform" ? undefined : compare("ge", all(at), first);
        const below = hi.kind === "uniform" ? undefined : compare("lt", all(at), last);
        return above && below ? and(above, below) : (above ?? below);
      },
    };
  }
  // Each lane steps from a start of its own: count iterations instead.
  const wide = (expr: Expr): Expr => splat(expr, cx.width);
  const distance = add(sub(wide(last), wide(first)), wide(int(step - 1)));
  const trips = cx.name(`${loop.name}_trips`, apply("floordiv", distance.type, [distance, wide(int(step))]));
  return {
    lo: int(0),
    hi: furthest(cx, { kind: "vector", expr: trips }, trips, "max"),
    step: 1,
    value: (at) =>
      lo.kind === "affine"
        ? { kind: "affine", base: add(lo.base, mul(at, int(step))), stride: lo.stride }
        : { kind: "vector", expr: add(wide(first), wide(mul(at, int(step)))) },
    inside: (at) => compare("lt", wide(at), trips),
  };
}

/** The least or greatest of a bound over the lanes that are on (or over all, where that is as good). */
function furthest(cx: Lanes, value: LaneValue, named: Expr, end: "min" | "max"): Expr {
  if (value.kind === "uniform") return value.expr;
  const stride = value.kind === "affine" ? intValue(value.stride) : undefined;
  if (value.kind === "affine" && stride !== undefined) {
    // A ramp has its extremes at its ends; lanes that are off only make the loop longer, and it checks its lanes.
    const far = stride > 0 === (end === "max");
    return far ? add(value.base, int(stride * (cx.width - 1))) : value.base;
  }
  const range = dtypeInfo("i32");
  const neutral = splat(int(Number(end === "max" ? range.min : range.max)), cx.width);
  return across(end === "max" ? "vmax" : "vmin", cx.mask ? select(cx.mask.expr, named, neutral) : named);
}

export function lowerWhile(cx: Lanes, loop: WhileStmt): void {
  const { lanesLeave, breaks } = leaving(cx, loop);
  const start = lowerExpr(cx, loop.cond);
  if (start.kind === "uniform" && !lanesLeave) {
    const body = cx.collect(cx.mask, () => lowerBody(cx, loop.body, false));
    return cx.emit({ kind: "while", cond: start.expr, body, span: loop.span });
  }
  const wanted = cx.vector(start);
  const running = cx.register("running", cx.mask ? and(cx.mask.expr, wanted) : wanted, loop.span);
  const lanes = ref(running, cx.typeOf("bool"));
  const body = cx.collect(cx.mask, () => {
    const mask = lanesLeave ? snapshot(cx, running) : { expr: lanes, outer: cx.mask };
    const test = (): void => cx.assign(running, and(lanes, cx.vector(lowerExpr(cx, loop.cond))), loop.span);
    cx.emit(...cx.collect(mask, () => lowerBody(cx, loop.body, lanesLeave, breaks ? running : undefined)));
    // The condition is asked only of lanes that are still in the loop.
    if (breaks) whereAny(cx, { expr: lanes, outer: cx.mask }, test, loop.span);
    else cx.emit(...cx.collect(mask, test));
  });
  cx.emit({ kind: "while", cond: across("vany", lanes), body, span: loop.span });
}

// One loop into vectors: full ones first, without masks, then the iterations that don't fill one, as the tail policy
// says. With constant bounds only what is needed is made.

import { ramp, splat } from "../../ir/build.ts";
import { i32, int, ref, type Expr, type ForStmt, type Stmt, type Tail } from "../../ir/ir.ts";
import type { Block } from "../../ir/walk.ts";
import { add, apply, compare, intValue, mul } from "../fold.ts";
import { startOfRest, tripCount, wholeGroups, type Trips } from "../trips.ts";
import { jumpsOut, type Workspace } from "../workspace.ts";
import { lowerBody } from "./control.ts";
import { divergenceOf, type Divergence } from "./divergence.ts";
import { Lanes } from "./lanes.ts";
import { groupOf, type Quads } from "./pair-sums.ts";
import type { OpenReduction } from "./reductions.ts";

export interface LoopPlan {
  readonly width: number;
  readonly tail: Tail;
  /** Reductions that the loop feeds; its lanes get accumulators of their own. */
  readonly reductions: readonly OpenReduction[];
  /** Lanes of one register: what is left of wider vectors is done by so many, and the last of it under a mask. */
  readonly register: number;
  /** Vectors in one turn of the main loop, each with accumulators of its own. */
  readonly sets: number;
  /** Which products of bytes the target adds up in fours; absent, none. */
  readonly quads?: Quads | undefined;
}

/** The loop as statements over vectors. Its body has no reductions left. */
export function vectorizeLoop(workspace: Workspace, loop: ForStmt, plan: LoopPlan): readonly Stmt[] {
  const accumulators = plan.reductions.flatMap((open) => open.expanded.accumulators);
  return new Splitter(
    workspace,
    loop,
    plan,
    divergenceOf([loop.name, ...accumulators], loop.body),
  ).statements();
}

class Splitter {
  private readonly workspace: Workspace;
  private readonly loop: ForStmt;
  private readonly plan: LoopPlan;
  private readonly divergence: Divergence;
  private readonly trips: Trips;

  constructor(workspace: Workspace, loop: ForStmt, plan: LoopPlan, divergence: Divergence) {
    this.workspace = workspace;
    this.loop = loop;
    this.plan = plan;
    this.divergence = divergence;
    this.trips = tripCount(workspace, loop);
  }

  statements(): readonly Stmt[] {
    const { trips, plan } = this;
    const count = intValue(trips.count);
    const turn = plan.width * plan.sets;
    const out: Stmt[] = [];
    let start = trips.lo;
    if (plan.sets > 1 && (count === undefined || count >= turn)) {
      const rest = trips.name(`${this.loop.name}_turns`, startOfRest(trips, turn));
      out.push(...this.vectors(start, rest, plan.sets));
      start = rest;
    }
    const done = plan.sets > 1 && count !== undefined ? wholeGroups(int(count), turn) : int(0);
    const whole =
      count === undefined ? undefined : intValue(wholeGroups(int(count), plan.width))! - intValue(done)!;
    const full = trips.name(`${this.loop.name}_full`, startOfRest(trips, plan.width));
    if (whole !== 0) out.push(...this.vectors(start, full, 1));
    if (plan.tail !== "exact" && (count === undefined || count % plan.width !== 0))
      out.push(...this.tail(full));
    return [...trips.block, ...out];
  }

  /** A loop over vectors from `lo` to `hi`, which a whole number of turns fills. */
  private vectors(lo: Expr, hi: Expr, sets: number, width = this.plan.width): readonly Stmt[] {
    const { loop, workspace } = this;
    const step = loop.step * width;
    const bodyAt = (at: Expr): Stmt[] =>
      Array.from({ length: sets }, (_, set) => this.body(add(at, int(set * step)), width, set)).flat();
    const [from, to] = [intValue(lo), intValue(hi)];
    if (from !== undefined && to === from + step * sets) return bodyAt(lo);
    const name = workspace.name(loop.name);
    const { vectorize: _done, ...marks } = loop.marks;
    const body = bodyAt(ref(name, i32, loop.span));
    return [{ ...loop, name, lo, hi, step: step * sets, marks, body }];
  }

  /** The body for `width` iterations from `base` on. */
  private body(base: Expr, width: number, set: number, mask?: (cx: Lanes) => Expr): Stmt[] {
    const { loop, plan } = this;
    const cx = new Lanes(this.workspace, width, this.divergence);
    cx.values.set(loop.name, { kind: "affine", base, stride: int(loop.step) });
    for (const open of plan.reductions) {
      const group = groupOf(open, loop.body, width, plan.quads);
      const registers = open.set(width / group, set);
      if (group !== 1) open.expanded.accumulators.forEach((name) => cx.groups.set(name, group));
      open.expanded.accumulators.forEach((name, at) => cx.bindVariable(name, registers[at]!));
    }
    return cx.collect(undefined, () => {
      if (mask) cx.mask = { expr: cx.name("mask", mask(cx), loop.span), outer: undefined };
      lowerBody(cx, loop.body, jumpsOut(loop.body));
    });
  }

  // ---- what doesn't fill a vector ----

  private tail(full: Expr): readonly Stmt[] {
    const { trips, plan, loop } = this;
    if (plan.tail === "scalar") return [this.scalars(full)];
    if (plan.tail === "peel") return this.peel(full);
    const { register } = plan;
    // Lanes that are off cost as much as others, and a store under a mask goes lane by lane.
    if (plan.reductions.length > 0 || register < 2 || register >= plan.width)
      return this.masked(full, plan.width);
    const count = intValue(trips.count);
    const rest = count === undefined ? undefined : count % plan.width;
    const last = trips.name(`${loop.name}_rest`, startOfRest(trips, register));
    return [
      ...(rest === undefined || rest >= register ? this.vectors(full, last, 1, register) : []),
      ...(rest === undefined || rest % register !== 0 ? this.masked(last, register) : []),
    ];
  }

  /** The iterations from `from` on, fewer than `width`, as one vector whose other lanes are off. */
  private masked(from: Expr, width: number): readonly Stmt[] {
    const { trips, loop } = this;
    const body = this.body(from, width, 0, () =>
      compare("lt", ramp(from, int(loop.step), width), splat(trips.hi, width)),
    );
    if (intValue(trips.count) !== undefined) return body;
    return [{ kind: "if", cond: compare("lt", from, trips.hi), then: body, orelse: [], span: loop.span }];
  }

  /** One vector of each smaller width whose bit the count has, widest first, then a scalar. */
  private peel(full: Expr): readonly Stmt[] {
    const { trips, plan, loop } = this;
    const out: Stmt[] = [];
    const count = intValue(trips.count);
    for (let width = plan.width / 2; width > 1; width /= 2) {
      if (count !== undefined && (count & width) === 0) continue;
      const start = trips.name(`${loop.name}_peeled`, this.after(2 * width));
      const body = this.body(start, width, 0);
      const cond = compare("ne", apply("and", i32, [trips.count, int(width)]), int(0));
      out.push(
        ...(count === undefined
          ? [{ kind: "if", cond, then: body, orelse: [], span: loop.span } as const]
          : body),
      );
    }
    if (count === undefined || count % 2 === 1)
      out.push(this.scalars(plan.width === 2 ? full : this.after(2)));
    return out;
  }

  private after(group: number): Expr {
    const { lo, count, step } = this.trips;
    return add(lo, mul(wholeGroups(count, group), int(step)));
  }

  /** The rest as it was, one iteration at a time; accumulates into the scalar accumulators. */
  private scalars(from: Expr): Stmt {
    const { loop, workspace, trips } = this;
    const name = workspace.name(loop.name);
    const { vectorize: _done, unroll: _whole, ...marks } = loop.marks;
    const body: Block = workspace.copy(loop.body, new Map([[loop.name, ref(name, i32, loop.span)]]));
    return { ...loop, name, lo: from, hi: trips.hi, marks, body };
  }
}

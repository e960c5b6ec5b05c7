// A second opinion on workgroups: goes through the steps of a plan with small sizes, invocation by invocation, notes every
// element that each of them touches, and reports two that touch one between barriers, one of them writing. It computes
// subscripts only; what data decides may go either way. It shares nothing with the code that places barriers.

import { int, type Expr, type Stmt } from "../compiler/ir/ir.ts";
import { visitBlock, visitExpr } from "../compiler/ir/walk.ts";
import { exprsOf } from "../compiler/ir/walk.ts";
import type { Prepared } from "../compiler/targets/wgsl/prepare.ts";
import type { Cooperation, Step } from "../compiler/targets/wgsl/workgroups/steps.ts";

type Value = number | boolean | undefined;
type Env = Map<string, Value>;

/** The races in a kernel's plans, where its dims have these sizes; each kind of race once. */
export function racesOf(
  { kernel, entries }: Prepared,
  sizes: Readonly<Record<string, number>>,
): readonly string[] {
  const found = new Set<string>();
  for (const { together, axes } of entries) {
    if (!together) continue;
    const env: Env = new Map(Object.entries(sizes));
    const visit = (at: number): void => {
      const axis = axes[at];
      if (!axis) return new Watcher(together, kernel.buffers, found).run(new Map(env));
      const [lo, count] = [axis.lo, axis.count].map((expr) => Number(valueOf(expr, env)));
      for (let turn = 0; turn < count!; turn++) {
        env.set(axis.loop.name, lo! + turn * axis.loop.step);
        visit(at + 1);
      }
    };
    visit(0);
  }
  return [...found];
}

/** The same plans without the barrier of a number, counted in the order of the steps. */
export function withoutBarrier(prepared: Prepared, dropped: number): Prepared {
  let number = 0;
  const kept = (steps: readonly Step[]): readonly Step[] =>
    steps.flatMap((step): Step[] => {
      if (step.kind === "barrier") return number++ === dropped ? [] : [step];
      if (step.kind === "for") return [{ ...step, body: kept(step.body) }];
      if (step.kind === "if") return [{ ...step, then: kept(step.then), orelse: kept(step.orelse) }];
      return [step];
    });
  return withSteps(prepared, kept);
}

export function barriersIn(prepared: Prepared): number {
  let count = 0;
  withSteps(prepared, function visit(steps): readonly Step[] {
    for (const step of steps) {
      if (step.kind === "barrier") count++;
      if (step.kind === "for") visit(step.body);
      if (step.kind === "if") [step.then, step.orelse].forEach(visit);
    }
    return steps;
  });
  return count;
}

/** The same plans with one more iteration for each loop inside of threads that has a constant end: tiles too wide by one. */
export function withWiderTiles(prepared: Prepared): Prepared {
  const wider = (stmt: Stmt): Stmt => {
    if (stmt.kind === "if") return { ...stmt, then: stmt.then.map(wider), orelse: stmt.orelse.map(wider) };
    if (stmt.kind !== "for") return stmt;
    const hi = stmt.hi.kind === "const" ? int(Number(stmt.hi.value) + stmt.step) : stmt.hi;
    return { ...stmt, hi, body: stmt.body.map(wider) };
  };
  const change = (steps: readonly Step[]): readonly Step[] =>
    steps.map((step): Step => {
      if (step.kind === "spread") return { ...step, nest: { ...step.nest, body: step.nest.body.map(wider) } };
      if (step.kind === "for") return { ...step, body: change(step.body) };
      return step.kind === "if" ? { ...step, then: change(step.then), orelse: change(step.orelse) } : step;
    });
  return withSteps(prepared, change);
}

function withSteps(prepared: Prepared, change: (steps: readonly Step[]) => readonly Step[]): Prepared {
  const entries = prepared.entries.map((entry) =>
    entry.together
      ? { ...entry, together: { ...entry.together, steps: change(entry.together.steps) } }
      : entry,
  );
  return { ...prepared, entries };
}

/** The invocations that touched an element since the last barrier. */
interface Touched {
  readonly readers: Set<number>;
  readonly writers: Set<number>;
  /** By atomic updates, which don't clash with each other. */
  readonly updaters: Set<number>;
}

class Watcher {
  private readonly plan: Cooperation;
  private readonly extents = new Map<string, readonly Expr[]>();
  private readonly spaces = new Map<string, string>();
  private readonly found: Set<string>;
  private readonly touched = new Map<string, Map<string, Touched>>();

  constructor(plan: Cooperation, buffers: Prepared["kernel"]["buffers"], found: Set<string>) {
    this.plan = plan;
    this.found = found;
    for (const { name, shape, space } of buffers) {
      this.extents.set(name, shape);
      this.spaces.set(name, space);
    }
  }

  run(env: Env): void {
    this.steps(this.plan.steps, env);
  }

  private steps(steps: readonly Step[], env: Env): void {
    for (const step of steps) this.step(step, env);
  }

  private step(step: Step, env: Env): void {
    const everyone = Array.from({ length: this.plan.size }, (_, at) => at);
    switch (step.kind) {
      case "barrier":
        for (const [buffer, elements] of this.touched)
          if (this.plan.shared.has(buffer) ? step.workgroup : step.storage) elements.clear();
        return;
      case "each": {
        // All do the same; the names that it leaves are the same, too.
        everyone.forEach((who) => this.block(step.statements, who === 0 ? env : new Map(env), who));
        return;
      }
      case "one":
        return this.block(step.statements, env, 0);
      case "combine": {
        const { part, size } = step.combining;
        for (const who of everyone) for (let at = 0; at < size; at++) this.note(part, [at], false, who);
        env.set(step.combining.into, undefined);
        return;
      }
      case "fill": {
        const extents = this.extents.get(step.alloc.buffer)!.map((extent) => Number(valueOf(extent, env)));
        const size = extents.reduce((a, b) => a * b, 1);
        for (let at = 0; at < size; at++)
          this.note(step.alloc.buffer, unflattened(at, extents), true, at % this.plan.size);
        return;
      }
      case "spread":
        return this.spread(step, env);
      case "for":
        return this.loop(step.loop, env, () => this.steps(step.body, env));
      case "if": {
        const cond = valueOf(step.branch.cond, env);
        if (cond !== false) this.steps(step.then, env);
        if (cond !== true) this.steps(step.orelse, env);
      }
    }
  }

  private spread({ nest }: Step & { kind: "spread" }, env: Env): void {
    const counts = nest.loops.map(({ hi }) => Number(valueOf(hi, env)));
    const total = counts.reduce((a, b) => a * b, 1);
    for (let turn = 0; turn < total; turn++) {
      const own = new Map(env);
      unflattened(turn, counts).forEach((digit, at) => own.set(nest.loops[at]!.name, digit));
      this.block([...nest.lets, ...nest.body], own, turn % this.plan.size);
    }
  }

  private loop(loop: Stmt & { kind: "for" }, env: Env, body: () => void): void {
    const [lo, hi] = [loop.lo, loop.hi].map((expr) => valueOf(expr, env));
    // Of a loop whose ends come from data, an iteration that nothing is known of.
    if (typeof lo !== "number" || typeof hi !== "number") {
      env.set(loop.name, undefined);
      return body();
    }
    for (let at = lo; at < hi; at += loop.step) {
      env.set(loop.name, at);
      body();
    }
  }

  private block(block: readonly Stmt[], env: Env, who: number): void {
    for (const stmt of block) this.stmt(stmt, env, who);
  }

  private stmt(stmt: Stmt, env: Env, who: number): void {
    for (const root of exprsOf(stmt))
      visitExpr(root, (part) => {
        if (part.kind === "load" && (!part.guard || valueOf(part.guard, env) !== false))
          this.access(part, false, env, who);
      });
    switch (stmt.kind) {
      case "let":
        return void env.set(stmt.name, valueOf(stmt.value, env));
      case "var":
        return void env.set(stmt.name, valueOf(stmt.init, env));
      case "assign":
        return void env.set(stmt.name, valueOf(stmt.value, env));
      case "store":
        if (stmt.atomic) return this.update(stmt.buffer, who);
        if (!stmt.guard || valueOf(stmt.guard, env) !== false) this.access(stmt, true, env, who);
        return;
      case "for":
        return this.loop(stmt, env, () => this.block(stmt.body, env, who));
      case "if": {
        const cond = valueOf(stmt.cond, env);
        if (cond !== false) this.block(stmt.then, env, who);
        if (cond !== true) this.block(stmt.orelse, env, who);
        return;
      }
      case "while":
        visitBlock(stmt.body, (each) => each.kind === "assign" && env.set(each.name, undefined));
        return this.block(stmt.body, env, who);
      default:
    }
  }

  private access(
    part: { buffer: string; index: readonly Expr[] },
    write: boolean,
    env: Env,
    who: number,
  ): void {
    const lanes = Math.max(...part.index.map(({ type }) => type.lanes));
    for (let lane = 0; lane < lanes; lane++) {
      const index = part.index.map((each) => laneOf(each, lane, env));
      // An element that data chooses could be any: nothing is said of it.
      if (index.every((each) => typeof each === "number")) this.note(part.buffer, index, write, who);
    }
  }

  /** An atomic update may be of any element, and clashes with what isn't one. */
  private update(buffer: string, who: number): void {
    const extents = this.extents
      .get(buffer)!
      .map((extent) => (extent.kind === "const" ? Number(extent.value) : 0));
    const size = extents.reduce((a, b) => a * b, 1);
    for (let at = 0; at < size; at++) this.note(buffer, unflattened(at, extents), true, who, true);
  }

  private note(buffer: string, index: readonly number[], write: boolean, who: number, atomic = false): void {
    const own =
      !this.plan.shared.has(buffer) &&
      this.spaces.get(buffer) !== "param" &&
      this.spaces.get(buffer) !== "kernel";
    if (this.spaces.get(buffer) !== "param") {
      const extents = this.extents.get(buffer)!;
      index.forEach((at, axis) => {
        const extent = extents[axis]!;
        if (extent.kind === "const" && !(at >= 0 && at < Number(extent.value)))
          this.found.add(`${buffer} has no element ${index.join(", ")}`);
      });
    }
    if (own) return;
    const elements = this.touched.get(buffer) ?? new Map<string, Touched>();
    this.touched.set(buffer, elements);
    const key = index.join();
    const none = (): Touched => ({ readers: new Set(), writers: new Set(), updaters: new Set() });
    const touched = elements.get(key) ?? none();
    elements.set(key, touched);
    const other = (set: Set<number>): boolean => set.size > (set.has(who) ? 1 : 0);
    const { readers, writers, updaters } = touched;
    if (other(writers) || (write && other(readers)) || (!atomic && other(updaters)))
      this.found.add(`${buffer} is ${write ? "written" : "read"} where another invocation touches it`);
    (atomic ? updaters : write ? writers : readers).add(who);
  }
}

/** The digits of a number, the last extent's innermost. */
function unflattened(at: number, extents: readonly number[]): number[] {
  let left = at;
  return extents
    .toReversed()
    .map((extent) => {
      const digit = left % extent;
      left = Math.floor(left / extent);
      return digit;
    })
    .toReversed();
}

function laneOf(expr: Expr, lane: number, env: Env): Value {
  if (expr.kind !== "op" || expr.op !== "ramp") return expr.type.lanes === 1 ? valueOf(expr, env) : undefined;
  const [base, stride] = expr.args.map((arg) => valueOf(arg, env));
  return typeof base === "number" && typeof stride === "number" ? base + lane * stride : undefined;
}

/** An integer or a truth, as far as names tell; undefined for what data decides. */
function valueOf(expr: Expr, env: Env): Value {
  if (expr.type.lanes !== 1) return undefined;
  if (expr.kind === "const") return typeof expr.value === "bigint" ? undefined : expr.value;
  if (expr.kind === "ref") return env.get(expr.name);
  if (expr.kind === "load" || (expr.type.dtype !== "i32" && expr.type.dtype !== "bool")) return undefined;
  const [a, b, c] = expr.args.map((arg) => valueOf(arg, env));
  if (expr.op === "and")
    return a === false || b === false ? false : a === true && b === true ? true : bits(a, b, (x, y) => x & y);
  if (expr.op === "or")
    return a === true || b === true ? true : a === false && b === false ? false : bits(a, b, (x, y) => x | y);
  if (expr.op === "not") return typeof a === "boolean" ? !a : undefined;
  if (expr.op === "select") return a === undefined ? undefined : a ? b : c;
  const rule = rules[expr.op as keyof typeof rules];
  if (!rule || typeof a !== "number" || (expr.args.length > 1 && typeof b !== "number")) return undefined;
  return rule(a, b as number);
}

const bits = (a: Value, b: Value, rule: (x: number, y: number) => number): Value =>
  typeof a === "number" && typeof b === "number" ? rule(a, b) : undefined;

const rules = {
  add: (a: number, b: number) => a + b,
  sub: (a: number, b: number) => a - b,
  mul: (a: number, b: number) => a * b,
  neg: (a: number) => -a,
  min: Math.min,
  max: Math.max,
  floordiv: (a: number, b: number) => Math.floor(a / b),
  mod: (a: number, b: number) => a - b * Math.floor(a / b),
  shl: (a: number, b: number) => a << b,
  shr: (a: number, b: number) => a >> b,
  lt: (a: number, b: number) => a < b,
  le: (a: number, b: number) => a <= b,
  gt: (a: number, b: number) => a > b,
  ge: (a: number, b: number) => a >= b,
  eq: (a: number, b: number) => a === b,
  ne: (a: number, b: number) => a !== b,
};

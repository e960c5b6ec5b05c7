// The steps of a workgroup as WGSL: who runs what, by the number of the invocation; barriers stand where the plan has them,
// in control flow that is the same for all.

import { internalError } from "../../../../lang/diagnostics/internal-error.ts";
import { int, type Expr, type ForStmt } from "../../../ir/ir.ts";
import { intValue, mul } from "../../../passes/fold.ts";
import { emitExpr, placeOf } from "../expressions.ts";
import { emitBlock, emitComment, emitForHead, type FunctionScope } from "../statements.ts";
import { binary, call, primary, type Text } from "../text.ts";
import { applyOp } from "../ops.ts";
import type { Nest } from "./nests.ts";
import { usesSubgroups, type Cooperation, type Step } from "./steps.ts";
import type { Combining } from "./subgroups.ts";

export interface GroupScope extends FunctionScope {
  /** The name of the invocation's number. */
  readonly thread: string;
}

interface StepScope extends GroupScope {
  /** Names of the invocations in a subgroup, and of the number of one among them; present where steps combine. */
  readonly subgroup?: { readonly count: string; readonly rank: string };
}

export function emitSteps(plan: Cooperation, fn: GroupScope): void {
  if (!usesSubgroups(plan)) return emitAll(plan.steps, plan, fn);
  const subgroup = { count: fn.names.give("lanes"), rank: fn.names.give("lane") };
  fn.out.add("// How many invocations this one's subgroup has, and which of them it is.");
  fn.out.add(`let ${subgroup.count} = subgroupAdd(1);`);
  fn.out.add(`let ${subgroup.rank} = subgroupExclusiveAdd(1);`);
  emitAll(plan.steps, plan, { ...fn, subgroup });
}

function emitAll(steps: readonly Step[], plan: Cooperation, fn: StepScope): void {
  for (const step of steps) emitStep(step, plan, fn);
}

function emitStep(step: Step, plan: Cooperation, fn: StepScope): void {
  const { out } = fn;
  switch (step.kind) {
    case "each":
      return emitBlock(step.statements, fn);
    case "one":
      return out.block(`if (${fn.thread} == 0)`, () => emitBlock(step.statements, fn));
    case "barrier":
      if (step.storage) out.add("storageBarrier();");
      if (step.workgroup) out.add("workgroupBarrier();");
      return;
    case "fill": {
      const { storage } = placeOf(step.alloc.buffer, fn);
      emitComment(step.alloc.span, fn);
      const one = emitExpr(step.alloc.fill!, fn, out);
      const value = storage.lanes === undefined ? one : call(storage.cellType, one);
      const at = fn.names.give("at");
      const head = `for (var ${at} = ${fn.thread}; ${at} < ${storage.localSize ?? 0}; ${at} += ${plan.size})`;
      return out.block(head, () => out.add(storage.store(primary(at), value)));
    }
    case "combine":
      emitComment(step.loop.span, fn);
      return emitCombine(step.combining, fn);
    case "spread":
      emitComment(step.loop.span, fn);
      return emitNest(step.nest, plan.size, fn);
    case "for":
      emitComment(step.loop.span, fn);
      return out.block(emitForHead(step.loop, fn), () => emitAll(step.body, plan, fn));
    case "if": {
      emitComment(step.branch.span, fn);
      const cond = emitExpr(step.branch.cond, fn, out);
      const then = (): void => emitAll(step.then, plan, fn);
      if (step.orelse.length === 0) return out.block(`if (${cond.text})`, then);
      return out.branches(`if (${cond.text})`, then, () => emitAll(step.orelse, plan, fn));
    }
  }
}

/**
 * Each invocation of a subgroup combines every so many-th element, and one operation what they have then. All of them go
 * around the loop equally often, and none of them is beyond the first elements, there being as many as invocations.
 */
function emitCombine({ into, part, size, value, operation }: Combining, fn: StepScope): void {
  const { out } = fn;
  const { count, rank } = fn.subgroup ?? internalError("wgsl", "a step by subgroups in a plan without");
  const { storage } = placeOf(part, fn);
  const target = emitExpr(value.args[0]!, fn, out);
  const dtype = value.type.dtype;
  const combined = (a: Text, b: Text): Text =>
    applyOp(value.op, [a, b], { operand: dtype, result: dtype, helpers: fn.helpers });
  const own = primary(fn.names.give("own"));
  const from = primary(fn.names.give("from"));
  out.add(`var ${own.text} = ${storage.load(primary(rank)).text};`);
  out.block(`for (var ${from.text} = ${count}; ${from.text} < ${size}; ${from.text} += ${count})`, () => {
    const at = binary("+", from, primary(rank));
    out.block(`if (${at.text} < ${size})`, () =>
      out.add(`${own.text} = ${combined(own, storage.load(at)).text};`),
    );
  });
  fn.registers.add(into);
  out.add(`${target.text} = ${combined(target, call(operation, own)).text};`);
}

/** Iteration n of a nest is that of invocation n, and of every `size`-th one behind it. */
function emitNest(nest: Nest, size: number, fn: GroupScope): void {
  const { out } = fn;
  const { loops } = nest;
  const counts = loops.map(({ hi }) => hi);
  const known = counts
    .map(intValue)
    .reduce<number | undefined>(
      (product, count) => (count === undefined || product === undefined ? undefined : product * count),
      1,
    );
  const inside = (turn: Text) => (): void => {
    digits(loops, counts, turn, fn);
    emitBlock([...nest.lets, ...nest.body], fn);
  };
  if (known === size) return out.block("", inside(primary(fn.thread)));
  if (known !== undefined && known < size)
    return out.block(`if (${fn.thread} < ${known})`, inside(primary(fn.thread)));
  const end = binary("<", primary(""), emitExpr(counts.reduce<Expr>(mul, int(1)), fn, out)).text.trim();
  const [only] = loops;
  const turn = fn.names.give(loops.length === 1 ? only!.name : "turn");
  out.block(`for (var ${turn} = ${fn.thread}; ${turn} ${end}; ${turn} += ${size})`, inside(primary(turn)));
}

/** The loop variables of an iteration by its number, the innermost loop's the last digit. */
function digits(loops: readonly ForStmt[], counts: readonly Expr[], turn: Text, fn: GroupScope): void {
  loops.forEach((loop, at) => {
    if (loops.length === 1) return void fn.values.set(loop.name, turn);
    const inner = counts.slice(at + 1).reduce<Expr>(mul, int(1));
    let value = turn;
    if (intValue(inner) !== 1) value = binary("/", value, emitExpr(inner, fn, fn.out));
    if (at > 0) value = binary("%", value, emitExpr(counts[at]!, fn, fn.out));
    const name = fn.names.give(loop.name);
    fn.out.add(`let ${name} = ${value.text};`);
    fn.values.set(loop.name, primary(name));
  });
}

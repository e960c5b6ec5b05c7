// Loops: what stands after `in` (`range`, `grid`), the loop variables and packs that it binds, `for`, the
// clauses of generators, and `comptime for`, which is unrolled here.

import type { Span } from "../source.ts";
import type { CallExpr, ComptimeFor, Expr, ForStmt, GeneratorFor, LoopTarget } from "../syntax/ast.ts";
import type { Sym, TClause, TExpr, TLoop, TStmt } from "../typed.ts";
import { checkAnnotations } from "./annotations.ts";
import { condition } from "./arithmetic.ts";
import { coerce, whatIs } from "./coercion.ts";
import { elaborationLimit, type Cx } from "./context.ts";
import { exactInt } from "./exact.ts";
import { check, checkConstant, spread } from "./expressions.ts";
import { checkBlock } from "./statements.ts";
import { describe, indexType, intConst, isError } from "./types.ts";
import { exact, isComptime, type Value } from "./values.ts";

/** The bounds of one loop, before it has a variable. */
interface Bounds {
  readonly low: TExpr;
  readonly high: TExpr;
  readonly step: number;
}
/** What one item of `grid(…)` runs over: one size, or those of a pack. */
type Group = { readonly pack: boolean; readonly loops: readonly Bounds[] };

/** The call after `in`, if it is one of `range` or `grid`. */
function iteration(cx: Cx, iter: Expr): { name: "range" | "grid"; call: CallExpr } | undefined {
  if (iter.kind === "call" && iter.callee.kind === "name" && !iter.generator) {
    const { text } = iter.callee;
    if ((text === "range" || text === "grid") && !cx.scope.lookup(text)) return { name: text, call: iter };
  }
  if (iter.kind === "error") return undefined;
  const value = check(cx, iter);
  if (value.kind === "error") return undefined;
  const type = value.kind === "typed" ? value.expr.type : undefined;
  if (type && isError(type)) return undefined;
  const text = iter.span.file.text.slice(iter.span.start, iter.span.end);
  const sized = type?.kind === "scalar" || value.kind === "exact";
  cx.report(
    "K0324",
    { why: `it runs over \`range(…)\` or \`grid(…)\`, not over ${type ? describe(type) : whatIs(value)}` },
    iter.span,
    {
      fix: sized
        ? { text: `write \`range(${text})\``, edits: [{ span: iter.span, replacement: `range(${text})` }] }
        : value.kind === "pack"
          ? { text: `write \`grid(*${text})\``, edits: [{ span: iter.span, replacement: `grid(*${text})` }] }
          : undefined,
      notes: type?.kind === "tensor" ? ["loop over the index: `for i in range(N)`, and read `x[i]`"] : [],
    },
  );
  return undefined;
}

function groupsOf(cx: Cx, iter: Expr): Group[] | undefined {
  const found = iteration(cx, iter);
  if (!found) return undefined;
  const { name, call } = found;
  for (const arg of call.args) {
    if (!arg.name) continue;
    cx.report("K0308", { callee: `\`${name}\``, why: `it has no parameter \`${arg.name.text}\`` }, arg.span);
    return undefined;
  }
  if (name === "range") {
    const bounds = rangeBounds(cx, call);
    return bounds && [{ pack: false, loops: [bounds] }];
  }
  const groups = call.args.map(({ value }): Group => ({
    pack: value.kind === "star",
    loops: spread(cx, value).map((size) => ({
      low: intConst(0, value.span),
      high: coerce(cx, size, indexType, "a size of the grid"),
      step: 1,
    })),
  }));
  if (groups.length === 0) {
    cx.report("K0324", { why: "`grid` needs a size for each loop" }, iter.span);
    return undefined;
  }
  return groups.some((group) => group.loops.some((loop) => isError(loop.high.type))) ? undefined : groups;
}

function rangeBounds(cx: Cx, call: CallExpr): Bounds | undefined {
  const [first, second, third] = call.args;
  if (!first || call.args.length > 3) {
    cx.report("K0307", { callee: "`range`", takes: "1 to 3", given: call.args.length }, call.span);
    return undefined;
  }
  const bound = (expr: Expr): TExpr => {
    if (expr.kind === "star") {
      cx.report("K0346", {}, expr.span, { notes: ["a nest of loops over a pack is `grid(*S)`"] });
      return { ...intConst(0, expr.span), type: { kind: "error" } };
    }
    return coerce(cx, check(cx, expr), indexType, "a bound of `range`");
  };
  const low = second ? bound(first.value) : intConst(0, first.span);
  const high = bound(second ? second.value : first.value);
  const step = third ? checkConstant(cx, third.value, "the step of `range`") : 1;
  if (isError(low.type) || isError(high.type) || step === undefined) return undefined;
  if (step === 0) {
    cx.report("K0324", { why: "the step of `range` is 0, so it would never end" }, third!.span);
    return undefined;
  }
  return { low, high, step };
}

/**
 * Declares the loop variables of `for targets in iter` in the scope of `cx` and gives their loops, the first
 * outermost. After an error the names are declared all the same, so that the body is checked.
 */
export function openLoops(cx: Cx, targets: readonly LoopTarget[], iter: Expr): TLoop[] | undefined {
  const groups = groupsOf(cx, iter);
  const assigned = groups && assign(cx, targets, groups, iter.span);
  const loops: TLoop[] = [];
  const counts =
    iter.kind === "call" && iter.callee.kind === "name" && /^(range|grid)$/.test(iter.callee.text);
  targets.forEach((target, at) => {
    const { text, span } = target.name;
    refuseShadowing(cx, text, span);
    const part = assigned?.[at];
    const make = (name: string, bounds: Bounds): Sym => {
      const sym: Sym = { kind: "loop", name, type: indexType, span };
      loops.push({ sym, ...bounds, span });
      return sym;
    };
    if (!part) {
      // The loop is lost, but the variable of a `range` or a `grid` is an index all the same.
      const sym: Sym = { kind: "loop", name: text, type: indexType, span };
      const lost: Value = { kind: "error", span };
      if (target.star || !counts)
        cx.declare(text, { kind: "value", value: lost, span, what: "loop variable" });
      else cx.declareSym(sym);
      return;
    }
    if (!part.pack) return cx.declareSym(make(text, part.loops[0]!));
    const items = part.loops.map((bounds, axis): TExpr => ({
      kind: "ref",
      sym: make(`${text}_${axis}`, bounds),
      type: indexType,
      span,
    }));
    return cx.declare(text, {
      kind: "value",
      value: { kind: "pack", name: text, items, span },
      span,
      what: "loop variable",
    });
  });
  return assigned ? loops : undefined;
}

/** Which group of sizes each target takes: `i` of `grid(*S)` and `*i` take a whole pack. */
function assign(
  cx: Cx,
  targets: readonly LoopTarget[],
  groups: readonly Group[],
  span: Span,
): Group[] | undefined {
  if (targets.length === groups.length) {
    return groups.map((group, at) => ({ ...group, pack: group.pack || targets[at]!.star }));
  }
  const flat = groups.flatMap((group) => group.loops);
  const stars = targets.filter((target) => target.star).length;
  if (stars === 1 && flat.length >= targets.length - 1) {
    const rest = flat.length - (targets.length - 1);
    let at = 0;
    return targets.map((target) => {
      const count = target.star ? rest : 1;
      return { pack: target.star, loops: flat.slice(at, (at += count)) };
    });
  }
  if (stars === 0 && flat.length === targets.length)
    return flat.map((bounds) => ({ pack: false, loops: [bounds] }));
  cx.report("K0325", { variables: targets.length, loops: flat.length }, span, {
    notes: flat.length === 1 && targets.length > 1 ? ["a nest of loops is `grid(M, N)`"] : [],
  });
  return undefined;
}

/** An annotation names loops by their variables, so loops inside one another have different ones. */
function refuseShadowing(cx: Cx, name: string, span: Span): void {
  const before = cx.scope.lookup(name);
  const loop =
    before?.kind === "sym"
      ? before.sym.kind === "loop" && before.body === cx.body
      : before?.kind === "value" && before.what === "loop variable" && before.value.kind !== "error";
  if (before && loop && cx.scope.own(name) !== before) {
    cx.report("K0204", { name }, span, {
      related: [{ span: before.span, text: "the loop around it uses the name" }],
    });
  }
}

export function checkFor(cx: Cx, stmt: ForStmt): TStmt[] {
  const inner = cx.inner(true);
  const loops = openLoops(inner, stmt.targets, stmt.iter);
  const annotations = checkAnnotations(inner, stmt.decorators, stmt);
  const body = checkBlock(inner.withAnnotations([]), stmt.body);
  return loops ? [{ kind: "for", loops, annotations, body, span: stmt.span }] : [];
}

/** The clauses of a generator, each in the scope of those before it; `inside` is where its value stands. */
export function openClauses(
  cx: Cx,
  generators: readonly GeneratorFor[],
): { clauses: TClause[] | undefined; inside: Cx } {
  let inside = cx;
  const clauses: TClause[] = [];
  let good = true;
  for (const one of generators) {
    inside = inside.inner();
    const loops = openLoops(inside, one.targets, one.iter);
    if (!loops) good = false;
    for (const loop of loops ?? []) clauses.push({ kind: "loop", loop });
    for (const filter of one.filters) {
      const cond = condition(inside, check(inside, filter), "the `if` of a generator");
      if (isError(cond.type)) good = false;
      clauses.push({ kind: "filter", cond });
    }
  }
  return { clauses: good ? clauses : undefined, inside };
}

// ---- comptime for --------------------------------------------------------------------------------

/** The body once for each value; `break` and `continue` have no loop to act on. */
export function checkComptimeFor(cx: Cx, stmt: ComptimeFor): TStmt[] {
  const values = comptimeValues(cx, stmt.iter);
  if (!values) return [];
  const body: TStmt[] = [];
  for (const value of values) {
    const inner = cx.inner(false);
    inner.declare(stmt.target.text, {
      kind: "value",
      value,
      span: stmt.target.span,
      what: "compile-time loop variable",
    });
    body.push(...checkBlock(inner, stmt.body));
    if (cx.body.elaborated > elaborationLimit) break;
  }
  return body;
}

function comptimeValues(cx: Cx, iter: Expr): Value[] | undefined {
  const isRange =
    iter.kind === "call" &&
    iter.callee.kind === "name" &&
    iter.callee.text === "range" &&
    !cx.scope.lookup("range");
  if (!isRange) {
    const value = check(cx, iter);
    if ((value.kind === "list" || value.kind === "tuple") && value.items.every(isComptime))
      return [...value.items];
    if (value.kind !== "error") {
      cx.report(
        "K0324",
        { why: "`comptime for` runs over `range(…)` of constants, or over a list of constants" },
        iter.span,
      );
    }
    return undefined;
  }
  const numbers: number[] = [];
  for (const arg of iter.args) {
    const number =
      arg.value.kind === "star" ? undefined : checkConstant(cx, arg.value, "a bound of `comptime for`");
    if (number === undefined) return undefined;
    numbers.push(number);
  }
  if (numbers.length === 0 || numbers.length > 3) {
    cx.report("K0307", { callee: "`range`", takes: "1 to 3", given: numbers.length }, iter.span);
    return undefined;
  }
  const [low, high] = numbers.length === 1 ? [0, numbers[0]!] : [numbers[0]!, numbers[1]!];
  const step = numbers[2] ?? 1;
  if (step === 0) {
    cx.report("K0324", { why: "the step of `range` is 0, so it would never end" }, iter.span);
    return undefined;
  }
  const count = Math.max(0, Math.ceil((high - low) / step));
  if (count > elaborationLimit) {
    cx.report("K0340", { limit: elaborationLimit }, iter.span);
    return undefined;
  }
  return Array.from({ length: count }, (_, at) => exact(exactInt(low + at * step), iter.span));
}

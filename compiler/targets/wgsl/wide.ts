// A kernel for arguments that lie in whole vectors: elements of a row side by side, rows that begin at a multiple of four and
// are a multiple of four long. Such a tensor is an array of vec4 to the shader, so that memory is read and written 128 bits at a
// time. What of the kernel asks whether lanes lie inside asks for all four at once, for they lie inside together.
//
// Assumes the form that the target's passes leave. The launch rule says which arguments must lie so; others get the other code.

import { splat } from "../../ir/build.ts";
import { FreshNames } from "../../ir/names.ts";
import { printExpr } from "../../ir/print.ts";
import { ref, type Expr, type IrKernel, type LoadExpr, type Stmt, type StoreStmt } from "../../ir/ir.ts";
import { mapBlock, mapExpr, mapExprsOf, visitBlock, visitExprs, withBody } from "../../ir/walk.ts";
import { and, compare, intValue, laneOf } from "../../passes/fold.ts";
import { joinNeighbours } from "./neighbours.ts";
import { isVectorDtype, isWord, packedBits, wideLanes, type Halves } from "./types.ts";
import { constantForm, exprOfForm, plus } from "../../passes/linear.ts";
import { formOf, valuesOf, type Values } from "./workgroups/nests.ts";

export interface Wide {
  readonly kernel: IrKernel;
  /** Arguments that lie in vectors. */
  readonly buffers: ReadonlySet<string>;
}

/** The kernel for such arguments; undefined if it has no access to gain by it. */
export function wideKernel(given: IrKernel, halves: Halves): Wide | undefined {
  const known = factsOf(given, new Set());
  const kernel = joinNeighbours(withoutGathers(given), halves, known.values, (expr) =>
    isMultiple(expr, known),
  );
  let buffers = new Set(candidatesOf(kernel, halves));
  while (buffers.size > 0) {
    const facts = factsOf(kernel, buffers);
    const ready = withWholeMasks(kernel, facts);
    const fit = new Set([...buffers].filter((name) => isWide(ready, name, facts)));
    if (fit.size === buffers.size) return { kernel: takenApart(ready, fit, facts), buffers };
    buffers = fit;
  }
  return undefined;
}

/** Arguments some of whose elements are read or written as four neighbours. */
function candidatesOf(kernel: IrKernel, halves: Halves): readonly string[] {
  const found = new Set<string>();
  const see = (access: LoadExpr | StoreStmt): void => void (baseOf(access) && found.add(access.buffer));
  visitExprs(kernel.body, (part) => part.kind === "load" && see(part));
  visitBlock(kernel.body, (stmt) => stmt.kind === "store" && see(stmt));
  return kernel.params.flatMap((param) => {
    const buffer = param.kind === "tensor" && kernel.buffers.find(({ name }) => name === param.buffer);
    if (!buffer || !found.has(buffer.name) || !isVectorDtype(buffer.dtype)) return [];
    const whole = { dtype: buffer.dtype, lanes: wideLanes };
    if (packedBits(buffer.dtype, halves) !== undefined && !isWord(whole)) return [];
    const last = intValue(buffer.shape.at(-1)!);
    return last !== undefined && last % wideLanes !== 0 ? [] : [buffer.name];
  });
}

/** Where four neighbours along the last axis begin. */
function baseOf({ index }: LoadExpr | StoreStmt): Expr | undefined {
  const last = index.at(-1);
  if (!last || index.slice(0, -1).some(({ type }) => type.lanes > 1)) return undefined;
  return rampStart(last);
}

function rampStart(expr: Expr): Expr | undefined {
  const neighbours = expr.kind === "op" && expr.op === "ramp" && intValue(expr.args[1]!) === 1;
  return neighbours && expr.type.lanes === wideLanes ? expr.args[0] : undefined;
}

// ---- what is known to be a multiple ------------------------------------------------------------------

interface Facts {
  readonly values: Values;
  /** Extents that are multiples, by their text. */
  readonly multiples: ReadonlySet<string>;
  /** First values and steps of loops. */
  readonly loops: ReadonlyMap<string, readonly [lo: Expr, step: number]>;
}

function factsOf(kernel: IrKernel, buffers: ReadonlySet<string>): Facts {
  const multiples = kernel.buffers.flatMap(({ name, shape }) =>
    buffers.has(name) ? [textOfSum(shape.at(-1)!, new Map())] : [],
  );
  const loops = new Map<string, readonly [Expr, number]>();
  visitBlock(kernel.body, (stmt) => stmt.kind === "for" && loops.set(stmt.name, [stmt.lo, stmt.step]));
  return { values: valuesOf(kernel.body), multiples: new Set(multiples), loops };
}

/** The largest of 1, 2 and 4 that an i32 is known to be a multiple of. Wrapping keeps it one. */
function factorOf(expr: Expr, facts: Facts, depth = 0): number {
  const value = intValue(expr);
  if (value !== undefined) return value % 4 === 0 ? 4 : value % 2 === 0 ? 2 : 1;
  if (depth > 24) return 1;
  if (facts.multiples.has(textOfSum(expr, facts.values))) return wideLanes;
  const factor = (part: Expr): number => factorOf(part, facts, depth + 1);
  if (expr.kind === "ref") {
    const known = facts.values.get(expr.name);
    if (known) return factor(known);
    const loop = facts.loops.get(expr.name);
    return loop ? Math.min(factor(loop[0]), loop[1] % 4 === 0 ? 4 : loop[1] % 2 === 0 ? 2 : 1) : 1;
  }
  if (expr.kind !== "op") return 1;
  const [a, b, c] = expr.args;
  switch (expr.op) {
    case "add":
    case "sub":
    case "min":
    case "max":
      return Math.min(factor(a!), factor(b!));
    case "neg":
      return factor(a!);
    case "mul":
      return Math.min(wideLanes, factor(a!) * factor(b!));
    case "and":
      return expr.type.dtype === "bool" ? 1 : Math.max(factor(a!), factor(b!));
    case "select":
      return Math.min(factor(b!), factor(c!));
    case "shl": {
      const by = intValue(b!);
      return by === undefined ? 1 : Math.min(wideLanes, factor(a!) * 2 ** Math.min(by, 2));
    }
    default:
      return 1;
  }
}

/** Sums that are written in different ways have one text. */
function textOfSum(expr: Expr, values: Values): string {
  // Extents are as the source has them, where a stride of 1 still divides.
  const whole = mapExpr(expr, (part) =>
    part.kind === "op" && part.op === "floordiv" && intValue(part.args[1]!) === 1 ? part.args[0]! : part,
  );
  return printExpr(exprOfForm(formOf(whole, values)));
}

const isMultiple = (expr: Expr, facts: Facts): boolean => factorOf(expr, facts) === wideLanes;

// ---- masks -------------------------------------------------------------------------------------------

/** Comparisons of four neighbours with an end, as one where both are multiples, and what follows of that. */
function withWholeMasks(kernel: IrKernel, facts: Facts): IrKernel {
  const fresh = new FreshNames(kernel);
  const held = new Map<string, Expr>();
  /** What every lane holds. */
  const uniform = (expr: Expr): Expr | undefined => {
    if (expr.kind === "const") return laneOf(expr, 0);
    if (expr.kind === "ref") return held.get(expr.name);
    return expr.kind === "op" && expr.op === "splat" ? expr.args[0] : undefined;
  };
  const change = (part: Expr): Expr => {
    if (part.kind === "load" && part.guard && part.guard.type.lanes > 1) {
      const guard = uniform(part.guard);
      return guard ? { ...part, guard: splat(guard, part.guard.type.lanes) } : part;
    }
    if (part.kind !== "op") return part;
    const [a, b] = part.args;
    if (part.op === "lt" && part.type.lanes > 1) {
      const start = rampStart(a!);
      const end = uniform(b!);
      if (start && end && isMultiple(start, facts) && isMultiple(end, facts))
        return splat(compare("lt", start, end), part.type.lanes);
    }
    if (part.op === "and" && part.type.dtype === "bool" && part.type.lanes > 1) {
      const [left, right] = [uniform(a!), uniform(b!)];
      if (left && right) return splat(and(left, right), part.type.lanes);
    }
    if (part.op === "vany" || part.op === "vall" || part.op === "lane") return uniform(a!) ?? part;
    return part;
  };
  const conditions = new Map<string, Expr>();
  const body = mapBlock(kernel.body, (stmt) => {
    const changed = mapExprsOf(stmt, (root) => mapExpr(root, change));
    if (changed.kind === "let" && changed.value.type.dtype === "bool" && changed.value.type.lanes === 1)
      conditions.set(changed.name, changed.value);
    if (changed.kind === "if") return withoutRest(changed, facts, conditions);
    if (changed.kind !== "let" || changed.value.type.lanes === 1) {
      const guard = changed.kind === "store" && changed.guard ? uniform(changed.guard) : undefined;
      if (changed.kind !== "store" || !guard || changed.guard!.type.lanes === 1) return changed;
      const { guard: _always, ...store } = changed;
      return { kind: "if", cond: guard, then: [store], orelse: [], span: changed.span } satisfies Stmt;
    }
    const value = changed.value.kind === "const" ? undefined : uniform(changed.value);
    if (!value) return changed;
    if (value.kind === "const" || value.kind === "ref") {
      held.set(changed.name, value);
      return changed;
    }
    // Named by itself, so that it can be asked for without the vector.
    const name = fresh.value(changed.name);
    const one = ref(name, value.type, changed.span);
    held.set(changed.name, one);
    return [
      { kind: "let", name, value, span: changed.span },
      { ...changed, value: splat(one, changed.value.type.lanes) },
    ];
  });
  return withBody(kernel, body);
}

/**
 * `if first + 4 <= end { … } else { the rest }` of multiples: there is no rest, and all four are there if the first is. The
 * rest is known by its loops, whose bodies ask for each element whether it is there.
 */
function withoutRest(stmt: Stmt & { kind: "if" }, facts: Facts, conditions: ReadonlyMap<string, Expr>): Stmt {
  const known = (expr: Expr): Expr => (expr.kind === "ref" ? (conditions.get(expr.name) ?? expr) : expr);
  const cond = known(stmt.cond);
  if (cond.kind !== "op" || cond.op !== "le" || stmt.orelse.length === 0) return stmt;
  const [behind, end] = cond.args as [Expr, Expr];
  if (!isMultiple(behind, facts) || !isMultiple(end, facts)) return stmt;
  const first = plus(formOf(behind, facts.values), constantForm(-wideLanes));
  const isRest = (loop: Stmt): boolean => {
    if (loop.kind !== "for" || (intValue(loop.lo) ?? -1) < 0) return false;
    return loop.body.every((each) => {
      if (each.kind === "let") return true;
      const test = each.kind === "if" && each.orelse.length === 0 ? known(each.cond) : undefined;
      if (test?.kind !== "op" || test.op !== "lt") return false;
      const [at, limit] = test.args as [Expr, Expr];
      if (printExpr(limit) !== printExpr(end)) return false;
      const ahead = plus(formOf(at, facts.values), first, -1);
      const [term, ...others] = ahead.terms.values();
      const counts = term?.by === 1 && term.atom.kind === "ref" && term.atom.name === loop.name;
      return counts && others.length === 0 && ahead.constant >= 0;
    });
  };
  if (!stmt.orelse.every((each) => each.kind === "let" || isRest(each))) return stmt;
  return { ...stmt, cond: compare("lt", exprOfForm(first), end), orelse: [] };
}

// ---- accesses ----------------------------------------------------------------------------------------

/** Whether an access is one of a whole vector, by all lanes or by none. */
function isWhole(access: LoadExpr | StoreStmt, facts: Facts): boolean {
  const base = baseOf(access);
  return base !== undefined && isMultiple(base, facts) && isUniform(access.guard);
}

const isUniform = (guard: Expr | undefined): boolean =>
  guard === undefined || guard.type.lanes === 1 || (guard.kind === "op" && guard.op === "splat");

/** Whether an argument gains by lying in vectors: parts of one can be read, but not written. */
function isWide(kernel: IrKernel, name: string, facts: Facts): boolean {
  let whole = 0;
  let parts = 0;
  visitExprs(kernel.body, (part) => {
    if (part.kind === "load" && part.buffer === name && isWhole(part, facts)) whole++;
  });
  visitBlock(kernel.body, (stmt) => {
    if (stmt.kind !== "store" || stmt.buffer !== name) return;
    if (isWhole(stmt, facts) && !stmt.guard && !stmt.atomic) whole++;
    else parts++;
  });
  return whole > 0 && parts === 0;
}

/**
 * Loads of such arguments that aren't of whole vectors, element by element; those that are get names, so that what works
 * on single lanes doesn't load them again.
 */
function takenApart(kernel: IrKernel, buffers: ReadonlySet<string>, facts: Facts): IrKernel {
  const fresh = new FreshNames(kernel);
  const body = mapBlock(kernel.body, (stmt) => {
    const named = new Map<string, Stmt & { kind: "let" }>();
    const change = (part: Expr, isRoot: boolean): Expr => {
      if (part.kind !== "load" || !buffers.has(part.buffer) || part.type.lanes === 1) return part;
      if (!isWhole(part, facts)) return inLanes(part);
      if ((isRoot && (stmt.kind === "let" || stmt.kind === "store")) || stmt.kind === "while") return part;
      const text = printExpr(part);
      const known = named.get(text);
      const name = known?.name ?? fresh.value(`${part.buffer}_four`);
      if (!known) named.set(text, { kind: "let", name, value: part, span: part.span });
      return ref(name, part.type, part.span);
    };
    const changed = mapExprsOf(stmt, (root) => mapExpr(root, (part) => change(part, part === root)));
    return named.size === 0 ? changed : [...named.values(), changed];
  });
  return withBody(kernel, body);
}

/**
 * Lanes that come from different rows, each by itself: of copies of such a load for neighbouring columns, each row's elements
 * lie side by side.
 */
function withoutGathers(kernel: IrKernel): IrKernel {
  const apart = (part: Expr): Expr =>
    part.kind === "load" && part.type.lanes === wideLanes && part.index.at(-1)?.type.lanes === 1
      ? inLanes(part)
      : part;
  return withBody(
    kernel,
    mapBlock(kernel.body, (stmt) => mapExprsOf(stmt, (root) => mapExpr(root, apart))),
  );
}

function inLanes(load: LoadExpr): Expr {
  const type = { dtype: load.type.dtype, lanes: 1 };
  const lanes = Array.from({ length: load.type.lanes }, (_, at): Expr => {
    const one = (vector: Expr): Expr => (vector.type.lanes === 1 ? vector : laneOf(vector, at));
    return { ...load, type, index: load.index.map(one), ...(load.guard && { guard: one(load.guard) }) };
  });
  return { kind: "op", type: load.type, op: "vec", args: lanes, span: load.span };
}

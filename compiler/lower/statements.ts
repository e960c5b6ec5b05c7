// Typed statements to IR statements. `return` becomes structure: what follows a statement that may return moves
// into the branch that doesn't, or under a flag where a loop is left; the IR has no jumps out of functions.

import { internalError } from "../../lang/diagnostics/internal-error.ts";
import type { TAssign, TBinaryOp, TExpr, TFor, TLet, TLoop, TPlace, TStmt, Type } from "../../lang/typed.ts";
import type { Span } from "../../lang/source.ts";
import { bool, constant, i32, int, op, ref, type Expr, type Stmt, type StoreStmt } from "../ir/ir.ts";
import { lowerCallStatement } from "./calls.ts";
import { bufferIndex, load, lowerExpr, lowerIndices, lowerValue, lowerView } from "./expressions.ts";
import { broadcast, floorDivide, negate, type Lowering } from "./lowering.ts";
import { marksFor, noteLoop, withAnnotations } from "./marks.ts";
import {
  asExpr,
  exprValue,
  irTypeOf,
  leafTypes,
  leaves,
  truth,
  zero,
  type Value,
  type View,
} from "./values.ts";

/** Where `return` puts its value: cells for the leaves, and a flag once a loop had to be left. */
export interface ReturnSlot {
  readonly cells: readonly Value[];
  done?: Value;
}

/**
 * Lowers statements in order. With a `slot`, some of them may return; says whether control surely never goes on
 * behind them.
 */
export function lowerBlock(
  cx: Lowering,
  statements: readonly TStmt[],
  slot?: ReturnSlot,
  inLoop = false,
): void {
  for (const [at, statement] of statements.entries()) {
    if (statement.kind === "return") {
      if (!slot) internalError("lower", "a return without a slot");
      if (statement.value) assignReturn(cx, slot, lowerValue(cx, statement.value), statement.span);
      if (slot.done) cx.assign(slot.done, truth(true), statement.span);
      if (inLoop) cx.emit({ kind: "break", span: statement.span });
      return;
    }
    if (slot && returns(statement))
      return lowerReturning(cx, statement, statements.slice(at + 1), slot, inLoop);
    lowerStatement(cx, statement);
    if (statement.kind === "break" || statement.kind === "continue") return;
  }
}

function assignReturn(cx: Lowering, slot: ReturnSlot, value: Value, span: Span): void {
  leaves(value).forEach((leaf, at) => cx.assign(slot.cells[at]!, asExpr(leaf), span));
}

/** Whether a `return` stands somewhere in it. */
export function returns(statement: TStmt): boolean {
  switch (statement.kind) {
    case "return":
      return true;
    case "if":
      return statement.then.some(returns) || statement.orelse.some(returns);
    case "for":
    case "while":
      return statement.body.some(returns);
    default:
      return false;
  }
}

const surelyReturns = (statements: readonly TStmt[]): boolean =>
  statements.some(
    (each) =>
      each.kind === "return" ||
      (each.kind === "if" && surelyReturns(each.then) && surelyReturns(each.orelse)),
  );

/** An `if` or loop that may return, and what follows it. */
function lowerReturning(
  cx: Lowering,
  statement: TStmt,
  rest: readonly TStmt[],
  slot: ReturnSlot,
  inLoop: boolean,
): void {
  if (statement.kind === "if" && (surelyReturns(statement.then) || surelyReturns(statement.orelse))) {
    const cond = cx.name("cond", lowerExpr(cx, statement.cond), statement.cond.span);
    const thenEnds = surelyReturns(statement.then);
    const elseEnds = surelyReturns(statement.orelse);
    const side = (own: readonly TStmt[], ends: boolean) =>
      cx.collect(() => lowerBlock(cx, ends ? own : [...own, ...rest], slot, inLoop));
    const then = side(statement.then, thenEnds);
    const orelse = side(statement.orelse, elseEnds);
    cx.emit({ kind: "if", cond, then, orelse, span: statement.span });
    return;
  }
  // Whether it returned is known only while running: a flag says so.
  const outer = slot.done;
  slot.done ??= cx.register("returned", truth(false), statement.span);
  const done = slot.done;
  if (statement.kind === "if") {
    const cond = cx.name("cond", lowerExpr(cx, statement.cond), statement.cond.span);
    const then = cx.collect(() => lowerBlock(cx, statement.then, slot, inLoop));
    const orelse = cx.collect(() => lowerBlock(cx, statement.orelse, slot, inLoop));
    cx.emit({ kind: "if", cond, then, orelse, span: statement.span });
  } else if (statement.kind === "for") {
    lowerFor(cx, statement, slot);
  } else if (statement.kind === "while") {
    lowerWhile(cx, statement.cond, statement.body, statement.span, slot);
  }
  if (inLoop)
    cx.emit({ kind: "if", cond: asExpr(done), then: [{ kind: "break" }], orelse: [], span: statement.span });
  if (inLoop) lowerBlock(cx, rest, slot, inLoop);
  else {
    const then = cx.collect(() => lowerBlock(cx, rest, slot, inLoop));
    if (then.length)
      cx.emit({ kind: "if", cond: negate(asExpr(done)), then, orelse: [], span: statement.span });
  }
  slot.done = outer ?? slot.done;
}

export function lowerStatement(cx: Lowering, statement: TStmt): void {
  switch (statement.kind) {
    case "let":
      return withAnnotations(cx, statement.annotations, () => lowerLet(cx, statement));
    case "assign":
      return withAnnotations(cx, statement.annotations, () => lowerAssign(cx, statement));
    case "simd-store": {
      const view = lowerView(cx, statement.base);
      const indices = statement.indices.map((index) => lowerExpr(cx, index));
      const value = lowerExpr(cx, statement.value);
      const index = bufferIndex(view, indices, value.type.lanes);
      return cx.emit({ kind: "store", buffer: view.buffer, index, value, span: statement.span });
    }
    case "if": {
      const cond = lowerExpr(cx, statement.cond);
      if (cond.kind === "const") return lowerBlock(cx, cond.value ? statement.then : statement.orelse);
      const then = cx.collect(() => lowerBlock(cx, statement.then));
      const orelse = cx.collect(() => lowerBlock(cx, statement.orelse));
      return cx.emit({ kind: "if", cond, then, orelse, span: statement.span });
    }
    case "for":
      return lowerFor(cx, statement);
    case "while":
      return lowerWhile(cx, statement.cond, statement.body, statement.span);
    case "break":
    case "continue":
      return cx.emit({ kind: statement.kind, span: statement.span });
    case "assert":
      return lowerAssert(cx, statement.cond, statement.message, statement.span);
    case "expr":
      return lowerCallStatement(cx, statement.value);
    case "return":
      return internalError("lower", "a return outside of a function");
  }
}

/** Each part of a conjunction is a check, and a fact, of its own. */
function lowerAssert(cx: Lowering, cond: TExpr, message: string, span: Span): void {
  if (cond.kind === "logical" && cond.op === "and") {
    lowerAssert(cx, cond.left, message, span);
    return lowerAssert(cx, cond.right, message, span);
  }
  cx.emit({ kind: "assert", cond: lowerExpr(cx, cond), message, origin: "source", span });
}

// ---- declarations and assignments --------------------------------------------------------------------

function lowerLet(cx: Lowering, statement: TLet): void {
  const { syms, value, span } = statement;
  const [first] = syms;
  if (value?.kind === "array-new" && first) {
    return cx.bind(first, newArray(cx, first.name, value.type, value.fill, span));
  }
  const whole = value && lowerValue(cx, value);
  syms.forEach((sym, at) => {
    const own = syms.length === 1 ? whole : whole?.kind === "tuple" ? whole.items[at] : undefined;
    if (sym.kind === "let") {
      cx.bind(
        sym,
        cx.nameValue(sym.name, own ?? internalError("lower", `let ${sym.name} has no value`), span),
      );
    } else if (sym.type.kind === "array" && !own) {
      cx.bind(sym, newArray(cx, sym.name, sym.type, undefined, span));
    } else {
      const types = leafTypes(sym.type);
      const inits = own ? leaves(own).map(asExpr) : types.map(zero);
      // All are read before any register is made, since a declaration may take a tuple of other registers apart.
      const named = inits.length > 1 ? inits.map((init) => cx.name(sym.name, init, span)) : inits;
      const cells = named.map((init, leaf) => cx.register(sym.name, broadcast(init, types[leaf]!), span));
      cx.bind(
        sym,
        cells.length === 1 && sym.type.kind !== "tuple" && sym.type.kind !== "struct"
          ? cells[0]!
          : group(sym.type, [...cells]),
      );
    }
  });
}

function group(type: Type, cells: Value[]): Value {
  if (type.kind === "tuple") return { kind: "tuple", items: type.items.map((item) => group(item, cells)) };
  if (type.kind === "struct")
    return { kind: "tuple", items: type.fields.map((field) => group(field.type, cells)) };
  return cells.shift() ?? internalError("lower", "too few cells");
}

function newArray(cx: Lowering, name: string, type: Type, fill: TExpr | undefined, span: Span): Value {
  if (type.kind !== "array") return internalError("lower", "an Array of another type");
  const lanes = type.elem.kind === "simd" ? type.elem.lanes : 1;
  const shape = type.shape.map((extent) => lowerExpr(cx, extent));
  const initial = fill && lowerExpr(cx, fill);
  const full = lanes > 1 ? [...shape, int(lanes)] : shape;
  const buffer = cx.buffer(name, { dtype: type.elem.dtype, space: "local", shape: full, span });
  cx.emit({ kind: "alloc", buffer: buffer.name, fill: initial, span });
  return {
    kind: "view",
    view: { buffer: buffer.name, dtype: type.elem.dtype, axes: shape.map(() => ({})), shape, lanes },
  };
}

function lowerAssign(cx: Lowering, statement: TAssign): void {
  const { target, span } = statement;
  if (target.kind === "tuple") {
    // All right-hand sides are read before any target is written: `a, b = b, a` swaps.
    const value = cx.nameValue("swap", lowerValue(cx, statement.value), span);
    if (value.kind !== "tuple") internalError("lower", "a tuple assigned from a single value");
    return target.items.forEach((item, at) =>
      assignTo(cx, item as TPlace, value.items[at]!, undefined, span),
    );
  }
  if (statement.atomic) return lowerAtomic(cx, statement);
  assignTo(cx, target, lowerValue(cx, statement.value), statement.op, span);
}

/** `target = value` or `target = target op value`. */
function assignTo(
  cx: Lowering,
  target: TPlace,
  value: Value,
  operator: TBinaryOp | undefined,
  span: Span,
): void {
  switch (target.kind) {
    case "index": {
      const view = lowerView(cx, target.base);
      const indices = lowerIndices(cx, target).map((index) =>
        operator ? cx.name("at", index, index.span) : index,
      );
      const old = operator && load(view, indices, span);
      return cx.emit(storeTo(view, indices, combine(operator, old, asExpr(value), span), span));
    }
    case "lane": {
      const cell = lowerPlace(cx, target.base);
      const vector = asExpr(cell);
      const old = operator && op("lane", irTypeOf(target.type), [vector], span, [target.lane]);
      const lane = combine(operator, old, asExpr(value), span);
      return cx.assign(cell, op("insert", vector.type, [vector, lane], span, [target.lane]), span);
    }
    case "tuple":
      return internalError("lower", "a nested tuple as a target");
    default: {
      const place = lowerPlace(cx, target);
      const news = leaves(value).map(asExpr);
      const named = news.length > 1 ? news.map((each) => cx.name("new", each, span)) : news;
      leaves(place).forEach((cell, at) => {
        const old = operator && asExpr(cell);
        const type = cell.kind === "cell" ? cell.type : internalError("lower", "an assignment to a value");
        cx.assign(cell, broadcast(combine(operator, old, named[at]!, span), type), span);
      });
    }
  }
}

/** The register or registers that a place names. */
function lowerPlace(cx: Lowering, place: TExpr): Value {
  if (place.kind === "ref") return cx.lookup(place.sym);
  if (place.kind !== "field" && place.kind !== "tuple-item")
    return internalError("lower", `a ${place.kind} as a place`);
  const base = lowerPlace(cx, place.base);
  const at = place.kind === "field" ? place.field : place.index;
  return (base.kind === "tuple" && base.items[at]) || internalError("lower", "a part of what has no parts");
}

function combine(operator: TBinaryOp | undefined, old: Expr | undefined, value: Expr, span: Span): Expr {
  if (!operator || !old) return value;
  if (operator === "pow") return internalError("lower", "`**=` should have been refused");
  if (operator === "floordiv" || operator === "mod")
    return floorDivide(operator, old, broadcast(value, old.type), span);
  return op(operator, old.type, [old, broadcast(value, old.type)], span);
}

/** Values stored to packed types are i32 and wrap to the type's bits. */
function storeTo(view: View, indices: readonly Expr[], value: Expr, span: Span): StoreStmt {
  const type = { dtype: value.type.dtype, lanes: view.lanes };
  return {
    kind: "store",
    buffer: view.buffer,
    index: bufferIndex(view, indices, view.lanes),
    value: broadcast(value, type),
    span,
  };
}

function lowerAtomic(cx: Lowering, statement: TAssign): void {
  const { target, span } = statement;
  if (target.kind !== "index") return internalError("lower", "an atomic update of a register");
  const view = lowerView(cx, target.base);
  const indices = lowerIndices(cx, target);
  const value = lowerExpr(cx, statement.value);
  // a - b is a + (-b), which is what atomic instructions offer; wrapping makes it exact for integers.
  const negated = statement.op === "sub";
  const atomic = negated ? "add" : (statement.op as StoreStmt["atomic"]);
  cx.emit({
    ...storeTo(view, indices, negated ? op("neg", value.type, [value], span) : value, span),
    atomic,
  });
}

// ---- loops -------------------------------------------------------------------------------------------

function lowerFor(cx: Lowering, statement: TFor, slot?: ReturnSlot): void {
  withAnnotations(
    cx,
    statement.annotations,
    () => {
      nest(cx, statement.loops, () => lowerBlock(cx, statement.body, slot, slot !== undefined), slot);
    },
    statement.loops,
  );
}

function nest(cx: Lowering, loops: readonly TLoop[], body: () => void, slot?: ReturnSlot): void {
  const [first, ...others] = loops;
  if (!first) return body();
  lowerLoop(cx, first, () => {
    nest(cx, others, body, slot);
    // A return inside leaves every loop of the grid: the inner ones say so by the flag.
    if (others.length && slot?.done) {
      cx.emit({
        kind: "if",
        cond: asExpr(slot.done),
        then: [{ kind: "break" }],
        orelse: [],
        span: first.span,
      });
    }
  });
}

/** One loop; binds its variable and gives it the marks of the annotations in force. */
export function lowerLoop(cx: Lowering, loop: TLoop, body: () => void): void {
  const { sym, span } = loop;
  const lo = lowerExpr(cx, loop.low);
  const hi = lowerExpr(cx, loop.high);
  const marks = { ...marksFor(cx, sym), label: sym.name };
  const name = cx.fresh(sym.name);
  noteLoop(cx, sym, name);
  if (loop.step > 0) {
    cx.bind(sym, exprValue(ref(name, i32, sym.span)));
    return cx.emit({ kind: "for", name, lo, hi, step: loop.step, marks, body: cx.collect(body), span });
  }
  // Counting down: iteration t of ceil((lo - hi) / -step) has the value lo + t * step.
  const start = cx.name("start", lo, loop.low.span);
  const distance = op("sub", i32, [start, hi], span);
  const by = -loop.step;
  const count =
    by === 1 ? distance : op("floordiv", i32, [op("add", i32, [distance, int(by - 1)], span), int(by)], span);
  const offset: Expr = ref(name, i32, span);
  const scaled = by === 1 ? offset : op("mul", i32, [offset, int(by)], span);
  cx.bind(sym, exprValue(op("sub", i32, [start, scaled], span)));
  cx.emit({ kind: "for", name, lo: int(0), hi: count, step: 1, marks, body: cx.collect(body), span });
}

function lowerWhile(cx: Lowering, cond: TExpr, body: readonly TStmt[], span: Span, slot?: ReturnSlot): void {
  let test: Expr | undefined;
  const before = cx.collect(() => (test = lowerExpr(cx, cond)));
  const run = test ?? internalError("lower", "a while without a condition");
  const inner = (): Stmt[] => cx.collect(() => lowerBlock(cx, body, slot, slot !== undefined));
  if (before.length === 0) return cx.emit({ kind: "while", cond: run, body: inner(), span });
  // The condition needs statements: they run at the head of each turn.
  const stop: Stmt = {
    kind: "if",
    cond: negate(run, cond.span),
    then: [{ kind: "break" }],
    orelse: [],
    span: cond.span,
  };
  cx.emit({ kind: "while", cond: constant(true, bool), body: [...before, stop, ...inner()], span });
}

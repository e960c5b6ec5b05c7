// Executes statements of `test` blocks and of the `def`s that they call.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { textOf, type Span } from "../../../lang/source.ts";
import type { TAssign, TExpr, TFunction, TLet, TLoop, TPlace, TStmt } from "../../../lang/typed.ts";
import { binary, evaluate, indexValues, placeOf, type Scope } from "./evaluator.ts";
import { explainAssert } from "./explain-assert.ts";
import {
  asItems,
  asNumber,
  asScalar,
  asView,
  Cells,
  copy,
  sizeOf,
  TestFailure,
  View,
  type Value,
} from "./value.ts";

/** How a block ended, if not by reaching its last line. */
export type Exit =
  { readonly kind: "break" | "continue" } | { readonly kind: "return"; readonly value?: Value } | undefined;

export function callFunction(fn: TFunction, args: readonly Value[], scope: Scope): Value {
  fn.params.forEach((param, at) => scope.values.set(param, copy(args[at]!)));
  for (const { sym, param, axis } of fn.dims) scope.values.set(sym, asView(args[param]!).shape[axis]!);
  const exit = runBlock(fn.body, scope);
  return exit?.kind === "return" && exit.value !== undefined ? exit.value : [];
}

export function runBlock(body: readonly TStmt[], scope: Scope): Exit {
  for (const stmt of body) {
    const exit = runStatement(stmt, scope);
    if (exit) return exit;
  }
  return undefined;
}

function runStatement(stmt: TStmt, scope: Scope): Exit {
  switch (stmt.kind) {
    case "let":
      if (stmt.value) bind(stmt, evaluate(stmt.value, scope), scope);
      return undefined;
    case "assign":
      assign(stmt, evaluate(stmt.value, scope), scope);
      return undefined;
    case "simd-store": {
      const tensor = asView(evaluate(stmt.base, scope));
      const indices = indexValues(stmt.indices, scope);
      asItems(evaluate(stmt.value, scope)).forEach((lane, at) =>
        tensor.write(placeOf(tensor, [...indices.slice(0, -1), indices.at(-1)! + at], stmt), asScalar(lane)),
      );
      return undefined;
    }
    case "if":
      return runBlock(evaluate(stmt.cond, scope) ? stmt.then : stmt.orelse, scope);
    case "for":
      return runLoops(stmt.loops, stmt.body, scope);
    case "while":
      return repeat(whileTrue(stmt.cond, stmt.span, scope), () => runBlock(stmt.body, scope));
    case "break":
    case "continue":
      return { kind: stmt.kind };
    case "return":
      return { kind: "return", value: stmt.value && evaluate(stmt.value, scope) };
    case "assert":
      if (!evaluate(stmt.cond, scope)) throw explainAssert(stmt, scope);
      return undefined;
    case "expr":
      evaluate(stmt.value, scope);
      return undefined;
  }
}

// ---- loops -------------------------------------------------------------------------------------------

export function* loopValues({ low, high, step }: TLoop, scope: Scope): Generator<number> {
  const end = asNumber(evaluate(high, scope));
  for (let at = asNumber(evaluate(low, scope)); step > 0 ? at < end : at > end; at += step) yield at;
}

/** A test that loops longer than this hangs. */
const patience = 100_000_000;

export function* whileTrue(cond: TExpr, span: Span, scope: Scope): Generator<number> {
  for (let round = 0; evaluate(cond, scope); round++) {
    if (round === patience) throw new TestFailure(`the loop \`${textOf(cond.span)}\` doesn’t end`, span);
    yield round;
  }
}

/** Runs a body for each value; a `continue` ends one round, a `break` all of them. */
export function repeat(values: Iterable<number>, body: (value: number) => Exit): Exit {
  for (const value of values) {
    const exit = body(value);
    if (exit?.kind === "return") return exit;
    if (exit?.kind === "break") return undefined;
  }
  return undefined;
}

/** The loops of a `grid` from the outermost in; `break` leaves the innermost. */
function runLoops(loops: readonly TLoop[], body: readonly TStmt[], scope: Scope): Exit {
  const [first, ...rest] = loops;
  if (!first) return runBlock(body, scope);
  return repeat(loopValues(first, scope), (value) => {
    scope.values.set(first.sym, value);
    return runLoops(rest, body, scope);
  });
}

// ---- assignment --------------------------------------------------------------------------------------

export function bind({ syms }: TLet, value: Value, scope: Scope): void {
  if (syms.length === 1) scope.values.set(syms[0]!, copy(value));
  else syms.forEach((sym, at) => scope.values.set(sym, copy(asItems(value)[at]!)));
}

export function assign({ target, op, span }: TAssign, value: Value, scope: Scope): void {
  if (target.kind === "tuple") {
    const items = asItems(value);
    target.items.forEach((item, at) => store(item as TPlace, () => copy(items[at]!), scope));
    return;
  }
  store(target, (old) => (op ? binary(op, target.type, old(), value, span) : copy(value)), scope);
}

/** Replaces what lies at a place; `make` may look at the old value. */
function store(target: TPlace, make: (old: () => Value) => Value, scope: Scope): void {
  switch (target.kind) {
    case "ref": {
      const value = make(() => scope.values.get(target.sym)!);
      const old = scope.values.get(target.sym);
      // An Array is assigned as a whole, element by element.
      if (old instanceof View && value instanceof View && old !== value)
        copyElements(value, old, target.span);
      else scope.values.set(target.sym, value);
      return;
    }
    case "index": {
      const base = evaluate(target.base, scope);
      const indices = indexValues(target.indices, scope);
      if (base instanceof Cells) {
        const at = placeOf(base, indices, target);
        base.items[at] = make(() => base.items[at]!);
        return;
      }
      const tensor = asView(base);
      const at = placeOf(tensor, indices, target);
      tensor.write(at, asScalar(make(() => tensor.read(at))));
      return;
    }
    case "field":
    case "tuple-item":
    case "lane": {
      const items = asItems(evaluate(target.base, scope));
      const at = target.kind === "field" ? target.field : target.kind === "lane" ? target.lane : target.index;
      items[at] = make(() => items[at]!);
      return;
    }
    default:
      internalError("test", `nothing can be assigned to a ${target.kind}`);
  }
}

function copyElements(from: View, to: View, span: Span): void {
  if (from.shape.some((size, axis) => size !== to.shape[axis]))
    throw new TestFailure("the shapes differ", span);
  for (let at = 0; at < sizeOf(from.shape); at++) to.write(to.offset + at, from.read(from.offset + at));
}

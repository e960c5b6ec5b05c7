// IR expressions as symbolic values. An integer operation becomes exact arithmetic only if its result is proved
// to fit its type, as what wraps isn't a sum any more; otherwise, and for all that isn't integer arithmetic, the
// value is an opaque application of its operands, so that equal operands still give equal values.

import { isInteger, valueDtype, type Dtype } from "../../lang/dtypes.ts";
import { textOf } from "../../lang/source.ts";
import type { Buffer, Expr, IrType, LoadExpr, OpExpr } from "../ir/ir.ts";
import { printExpr } from "../ir/print.ts";
import { and, eq, ge, gt, isNotZero, le, lt, ne, no, not, or, yes, type Cond } from "../symbolic/cond.ts";
import { TooLarge } from "../symbolic/integers.ts";
import { Intervals } from "../symbolic/intervals.ts";
import {
  add,
  addConstant,
  app,
  asAtom,
  atomPoly,
  constantPoly,
  floordiv,
  max,
  min,
  mod,
  mul,
  negate,
  one,
  scale,
  sub,
  zero,
  type NameAtom,
  type Poly,
} from "../symbolic/poly.ts";
import { substitute } from "../symbolic/substitute.ts";
import { effort, proves } from "./facts.ts";
import { isTrue, rangeOf, truthPoly, type Scope, type Value } from "./scope.ts";

/** An operation that may leave its type's range: the exact result, under which facts. */
export interface Overflow {
  readonly expr: Expr;
  readonly exact: Poly;
  readonly facts: Scope["facts"];
}

/** The number of a lane, in vector expressions: a value of each lane is a function of it. */
export function laneAtom(lanes: number): NameAtom {
  return { kind: "name", key: `lane:${lanes}`, name: "lane", lo: 0, hi: lanes - 1, order: Infinity };
}

/** Whether an atom is the number of a lane. */
export const isLane = (atom: NameAtom): boolean => atom.name === "lane" && atom.key.startsWith("lane:");

export class Terms {
  /** Opaque values that stand for operations which may wrap, by atom key. */
  readonly overflows = new Map<string, Overflow>();
  /** Set for signatures: the runtime evaluates those with exact numbers. */
  private readonly exact: boolean;
  /** What buffers store, where that is less than the type of their loads says: i4, u4, i2, u2. */
  private readonly stored: ReadonlyMap<string, Dtype>;

  constructor(exact = false, buffers: readonly Buffer[] = []) {
    this.exact = exact;
    this.stored = new Map(
      buffers.filter(({ dtype }) => valueDtype(dtype) !== dtype).map(({ name, dtype }) => [name, dtype]),
    );
  }

  value(expr: Expr, scope: Scope): Value {
    return expr.type.dtype === "bool"
      ? { kind: "cond", cond: this.cond(expr, scope) }
      : { kind: "poly", poly: this.poly(expr, scope) };
  }

  /** The value of an expression that isn't a bool; of a bool, 0 or 1. */
  poly(expr: Expr, scope: Scope): Poly {
    // Within one question every part is worked out once: a failed exact form asks for its operands again.
    const known = this.memo?.get(expr);
    if (known) return known;
    const outermost = this.memo === undefined;
    this.memo ??= new Map();
    try {
      const found = this.findPoly(expr, scope);
      this.memo.set(expr, found);
      return found;
    } finally {
      if (outermost) this.memo = undefined;
    }
  }
  private memo: Map<Expr, Poly> | undefined;

  private findPoly(expr: Expr, scope: Scope): Poly {
    if (expr.type.dtype === "bool") return truthPoly(this.cond(expr, scope));
    switch (expr.kind) {
      case "const":
        return this.constant(expr);
      case "ref": {
        const value = scope.names.get(expr.name);
        return value?.kind === "poly" ? value.poly : unrelatedValue(expr);
      }
      case "load":
        return this.load(expr, scope);
      case "op":
        return isInteger(expr.type.dtype) ? this.integer(expr, scope) : this.application(expr, scope);
    }
  }

  cond(expr: Expr, scope: Scope): Cond {
    switch (expr.kind) {
      case "const":
        return expr.value ? yes : no;
      case "ref": {
        const value = scope.names.get(expr.name);
        return value?.kind === "cond" ? value.cond : isTrue(unrelatedValue(expr));
      }
      case "load":
        return isTrue(this.load(expr, scope));
      case "op":
        return this.truth(expr, scope);
    }
  }

  /**
   * What is kept of a value, `of`, that gets a `name` of its own because writing it out would take too long: the short ones
   * among the operands that a minimum, a maximum or a remainder lies beside.
   */
  boundsOf(name: Poly, expr: Expr, of: Poly, scope: Scope): Cond[] {
    const { lo, hi } = scope.facts.intervals.ofPoly(of);
    const found = [
      ...(Number.isSafeInteger(lo) ? [ge(name, constantPoly(lo))] : []),
      ...(Number.isSafeInteger(hi) ? [le(name, constantPoly(hi))] : []),
    ];
    const atom = asAtom(of);
    if (atom?.kind === "min" || atom?.kind === "max") {
      const short = atom.args.filter((arg) => arg.key.length < shortKey);
      found.push(...short.map((arg) => (atom.kind === "min" ? le(name, arg) : ge(name, arg))));
    } else if (expr.kind === "op" && expr.op === "mod") {
      const divisor = this.poly(expr.args[1]!, scope);
      const positive =
        divisor.key.length < shortKey && proves(scope.facts, gt(divisor, zero), effort.optional);
      if (positive) found.push(ge(name, zero), lt(name, divisor));
    }
    return found;
  }

  private constant(expr: Extract<Expr, { kind: "const" }>): Poly {
    if (isInteger(expr.type.dtype)) {
      const value = Number(expr.value);
      if (Math.abs(value) <= largestExact) return constantPoly(value);
    }
    return atomPoly(app(`${String(expr.value)}:${expr.type.dtype}`, [], -Infinity, Infinity));
  }

  private load(expr: LoadExpr, scope: Scope): Poly {
    const args = expr.index.map((index) => this.poly(index, scope));
    const version = scope.versions.get(expr.buffer);
    if (version) args.push(version);
    if (expr.guard) {
      const guard = this.cond(expr.guard, scope);
      if (guard.kind === "false") return isInteger(expr.type.dtype) ? zero : opaque("zero", [], expr);
      if (!proves(scope.facts, guard, effort.optional)) args.push(truthPoly(guard));
    }
    return opaque(`load ${expr.buffer}`, args, expr, this.stored.get(expr.buffer));
  }

  /** Anything that isn't integer arithmetic: an uninterpreted function of its operands. */
  private application(expr: OpExpr, scope: Scope): Poly {
    const args = expr.args.map((arg) => this.poly(arg, scope));
    const imm = expr.imm ? `[${expr.imm.join()}]` : "";
    return opaque(`${expr.op}${imm}:${expr.type.dtype}`, args, expr);
  }

  // ---- integers ----

  private integer(expr: OpExpr, scope: Scope): Poly {
    try {
      const exact = this.exactly(expr, scope);
      if (!exact || exact.terms.length > maxTerms || isHuge(exact)) return this.application(expr, scope);
      if (neverWraps.has(expr.op) || this.fits(exact, expr.type, scope)) return exact;
      const wrapped = this.application(expr, scope);
      if (wrapped.terms.length === 1)
        this.overflows.set(wrapped.terms[0]!.key, { expr, exact, facts: scope.facts });
      return wrapped;
    } catch (error) {
      if (error instanceof TooLarge) return this.application(expr, scope);
      throw error;
    }
  }

  private fits(poly: Poly, type: IrType, scope: Scope): boolean {
    if (this.exact) return true;
    const { lo, hi } = rangeOf(type.dtype);
    const bounds = new Intervals().ofPoly(poly);
    const low = constantPoly(Math.max(lo, -largestExact));
    const high = constantPoly(Math.min(hi, largestExact));
    return (
      (bounds.lo >= low.constant || proves(scope.facts, ge(poly, low), effort.optional)) &&
      (bounds.hi <= high.constant || proves(scope.facts, le(poly, high), effort.optional))
    );
  }

  /** The exact result before wrapping, or undefined where there is no polynomial for it. */
  private exactly(expr: OpExpr, scope: Scope): Poly | undefined {
    const at = (index: number): Poly => this.poly(expr.args[index]!, scope);
    switch (expr.op) {
      case "add":
        return add(at(0), at(1));
      case "sub":
        return sub(at(0), at(1));
      case "mul":
        return mul(at(0), at(1));
      case "neg":
        return negate(at(0));
      case "abs":
        return max(at(0), negate(at(0)));
      case "min":
        return min(at(0), at(1));
      case "max":
        return max(at(0), at(1));
      case "floordiv":
      case "mod": {
        const divisor = at(1);
        if (!this.exact && !proves(scope.facts, isNotZero(divisor))) return undefined;
        return expr.op === "floordiv" ? floordiv(at(0), divisor) : mod(at(0), divisor);
      }
      case "shl":
      case "shr": {
        const by = at(1);
        if (!by.isConstant || by.constant < 0 || by.constant > 31) return undefined;
        const factor = 2 ** by.constant;
        return expr.op === "shl" ? scale(at(0), factor) : floordiv(at(0), constantPoly(factor));
      }
      case "and":
        return masked(at(0), at(1)) ?? masked(at(1), at(0));
      case "not":
        return rangeOf(expr.type.dtype).lo < 0 ? addConstant(negate(at(0)), -1) : undefined;
      case "select":
        return this.selection(expr, scope);
      case "convert":
      case "saturate":
      case "bitcast":
        return this.conversion(expr, scope);
      case "splat":
        return at(0);
      case "ramp":
        return add(at(0), mul(at(1), atomPoly(laneAtom(expr.type.lanes))));
      case "lane": {
        const from = expr.args[0]!;
        const lane = constantPoly(expr.imm?.[0] ?? 0);
        return substitute(this.poly(from, scope), new Map([[laneAtom(from.type.lanes).key, lane]]));
      }
      case "clz":
      case "ctz":
      case "popcount":
        return atomPoly(app(expr.op, [at(0)], 0, 64, textFor(expr)));
      default:
        return undefined;
    }
  }

  private selection(expr: OpExpr, scope: Scope): Poly {
    const cond = this.cond(expr.args[0]!, scope);
    const [then, orelse] = [this.poly(expr.args[1]!, scope), this.poly(expr.args[2]!, scope)];
    if (then.key === orelse.key || proves(scope.facts, cond, effort.optional)) return then;
    if (proves(scope.facts, not(cond), effort.optional)) return orelse;
    const { lo, hi } = rangeOf(expr.type.dtype);
    const chosen = atomPoly(app("select", [truthPoly(cond), then, orelse], lo, hi, textFor(expr)));
    scope.assume(or(and(cond, eq(chosen, then)), and(not(cond), eq(chosen, orelse))));
    return chosen;
  }

  private conversion(expr: OpExpr, scope: Scope): Poly | undefined {
    const from = expr.args[0]!;
    if (from.type.dtype === "bool" && expr.op !== "bitcast") {
      const cond = this.cond(from, scope);
      const value = truthPoly(cond);
      scope.assume(or(and(cond, eq(value, one)), and(not(cond), eq(value, zero))));
      return value;
    }
    if (!isInteger(from.type.dtype)) return undefined;
    const value = this.poly(from, scope);
    if (expr.op === "saturate") {
      const { lo, hi } = rangeOf(expr.type.dtype);
      const above = Number.isFinite(lo) ? max(constantPoly(lo), value) : value;
      return Number.isFinite(hi) ? min(constantPoly(hi), above) : above;
    }
    return this.fits(value, expr.type, scope) ? value : undefined;
  }

  // ---- bools ----

  private truth(expr: OpExpr, scope: Scope): Cond {
    const [left, right] = expr.args;
    switch (expr.op) {
      case "and":
        return and(this.cond(left!, scope), this.cond(right!, scope));
      case "or":
        return or(this.cond(left!, scope), this.cond(right!, scope));
      case "not":
        return not(this.cond(left!, scope));
      case "splat":
        return this.cond(left!, scope);
      case "xor":
        return differ(this.cond(left!, scope), this.cond(right!, scope));
      case "select": {
        const cond = this.cond(left!, scope);
        return or(and(cond, this.cond(right!, scope)), and(not(cond), this.cond(expr.args[2]!, scope)));
      }
      case "convert":
        if (isInteger(left!.type.dtype)) return isNotZero(this.poly(left!, scope));
        return left!.type.dtype === "bool" ? this.cond(left!, scope) : isTrue(this.application(expr, scope));
      case "eq":
      case "ne": {
        if (left!.type.dtype !== "bool") break;
        const unequal = differ(this.cond(left!, scope), this.cond(right!, scope));
        return expr.op === "ne" ? unequal : not(unequal);
      }
    }
    const compare = comparisons[expr.op];
    if (compare && isInteger(left!.type.dtype)) {
      const [a, b] = [this.poly(left!, scope), this.poly(right!, scope)];
      try {
        return compare(a, b);
      } catch (error) {
        if (!(error instanceof TooLarge)) throw error;
      }
    }
    return isTrue(this.application(expr, scope));
  }
}

const comparisons: Partial<Record<string, (a: Poly, b: Poly) => Cond>> = { eq, ne, lt, le, gt, ge };

const differ = (a: Cond, b: Cond): Cond => or(and(a, not(b)), and(not(a), b));

/** Their results lie among or below their operands, so that the exact result is the wrapped one, 64 bits included. */
const neverWraps: ReadonlySet<string> = new Set(["min", "max", "and", "mod", "shr", "select"]);

/** x & (2^n - 1) is x mod 2^n, for negative x too. */
function masked(value: Poly, mask: Poly): Poly | undefined {
  if (!mask.isConstant || mask.constant < 0) return undefined;
  const size = mask.constant + 1;
  return Number.isInteger(Math.log2(size)) && size <= 2 ** 31 ? mod(value, constantPoly(size)) : undefined;
}

/** 64-bit integers count as exact up to here, so that numbers still hold what questions about them add up. */
const largestExact = 2 ** 50;

const isHuge = (poly: Poly): boolean =>
  Math.abs(poly.constant) > largestExact || poly.terms.some(({ coef }) => Math.abs(coef) > largestExact);

/** Above this many terms a poly costs more than it tells. */
const maxTerms = 24;
/** Up to this length of its key a value is worth a fact about another. */
const shortKey = 80;
/** Above this length of its operands' keys an application is a value of its own: keys must not grow without end. */
const maxKey = 1500;
let unrelated = 0;

/** A value that nothing is known of, not even that it is the same elsewhere. */
function unrelatedValue(expr: Expr, dtype: Dtype = expr.type.dtype): Poly {
  const key = `~${unrelated++}`;
  const { lo, hi } = rangeOf(dtype);
  return atomPoly({ kind: "name", key, name: key, lo, hi, order: Infinity, shown: textFor(expr) });
}

function opaque(fn: string, args: readonly Poly[], expr: Expr, dtype: Dtype = expr.type.dtype): Poly {
  const { lo, hi } = rangeOf(dtype);
  if (args.reduce((sum, arg) => sum + arg.key.length, 0) > maxKey) return unrelatedValue(expr, dtype);
  return atomPoly(app(fn, args, lo, hi, textFor(expr)));
}

/** How the source writes an expression, or the IR where it has no place. */
export function textFor(expr: Expr): string {
  const text = expr.span ? textOf(expr.span).replaceAll(/\s*\n\s*/g, " ") : "";
  return text === "" ? printExpr(expr) : text;
}

// The loops around a place in the code, and how an address is put together over them: what doesn't change in a
// loop is computed before it, what grows with its variable by a constant amount becomes a pointer that the loop
// increments, and the rest is added where the access stands.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { i32, int, op, ref, type Expr, type RefExpr, type Stmt } from "../../ir/ir.ts";
import { isPartial } from "../../ir/facts.ts";
import type { FreshNames } from "../../ir/names.ts";
import { visitExpr } from "../../ir/walk.ts";
import { add, intValue } from "../fold.ts";
import { jumpsOut } from "../workspace.ts";
import {
  AtomTable,
  constantPolynomial,
  constantTerm,
  fromMonomials,
  keyOf,
  plus,
  scaled,
  times,
  withoutConstant,
  type Monomial,
  type Polynomial,
} from "./polynomial.ts";

/** One loop that is being rewritten. */
export interface LoopScope {
  /** Its variable, where it has one that grows evenly. */
  readonly variable?: string;
  readonly step: number;
  readonly assigned: ReadonlySet<string>;
  /** Whether increments at the end of the body are reached in every iteration. */
  readonly inductive: boolean;
  /** The lower bound by name, where it isn't simple. */
  readonly lo?: Expr;
  readonly start?: Polynomial;
  /** Statements to stand before the loop, and at the end of its body. */
  readonly before: Stmt[];
  readonly increments: Stmt[];
  /** Pointers and invariants made so far. */
  readonly made: Map<string, RefExpr>;
}

/** Something that grows by a constant in each iteration of a loop. */
interface Clock {
  readonly value: Expr;
  readonly start: Polynomial;
  readonly step: number;
}

/** slope · clock, part of an address. */
interface Growth {
  readonly slope: Polynomial;
  readonly clock: Clock;
}

/** A name divided by a constant, rounded down. */
function quotientOf(expr: Expr): { readonly of: RefExpr; readonly by: number } | undefined {
  if (expr.kind !== "op" || (expr.op !== "shr" && expr.op !== "floordiv")) return undefined;
  const [of, amount] = expr.args;
  const value = amount && intValue(amount);
  if (of?.kind !== "ref" || value === undefined || value < 1) return undefined;
  return { of, by: expr.op === "shr" ? 2 ** value : value };
}

export class LoopScopes {
  readonly atoms = new AtomTable();
  private readonly loops: LoopScope[] = [];
  /** Number of loops around each name's declaration. */
  private readonly depths = new Map<string, number>();
  private readonly variables = new Set<string>();
  private readonly fresh: FreshNames;
  private readonly divisors: ReadonlyMap<string, number>;

  constructor(fresh: FreshNames, divisors: ReadonlyMap<string, number>) {
    this.fresh = fresh;
    this.divisors = divisors;
  }

  /** A `let`: seen through if it's integer arithmetic over values that stay what they are. */
  declare(name: string, value: Expr): void {
    this.depths.set(name, this.loops.length);
    if (value.type.dtype !== "i32" || value.type.lanes > 1) return;
    const polynomial = this.atoms.polynomial(value);
    const plain = [...polynomial.values()].every(({ atoms }) =>
      atoms.every((atom) => {
        const expr = this.atoms.expression(atom);
        const base = quotientOf(expr)?.of ?? expr;
        return base.kind === "ref" && !this.variables.has(base.name);
      }),
    );
    if (plain && polynomial.size <= 8) this.atoms.define(name, polynomial);
  }

  declareVariable(name: string): void {
    this.depths.set(name, this.loops.length);
    this.variables.add(name);
  }

  enter(loop: Extract<Stmt, { kind: "for" | "while" }>, assigned: ReadonlySet<string>): LoopScope {
    const before: Stmt[] = [];
    const base = { assigned, before, increments: [], made: new Map<string, RefExpr>() };
    let scope: LoopScope = { ...base, step: 0, inductive: false };
    if (loop.kind === "for") {
      let { lo } = loop;
      if (lo.kind === "op" || lo.kind === "load") {
        const name = this.fresh.value(`${loop.name}_lo`);
        before.push({ kind: "let", name, value: lo, span: loop.span });
        this.declare(name, lo);
        lo = ref(name, i32);
      }
      const inductive = !jumpsOut(loop.body, ["continue"]);
      scope = {
        ...base,
        variable: loop.name,
        step: loop.step,
        inductive,
        lo,
        start: this.atoms.polynomial(lo),
      };
    }
    this.loops.push(scope);
    if (scope.variable !== undefined) this.depths.set(scope.variable, this.loops.length);
    return scope;
  }

  leave(): void {
    this.loops.pop();
  }

  /**
   * Elements as bytes, or undefined if they can't be shown to fill whole bytes. Coefficients are scaled; where
   * one isn't a multiple of the elements in a byte, a factor that is known to be one is halved or quartered.
   */
  bytes(elements: Polynomial, bits: number): Polynomial | undefined {
    if (bits >= 8) return scaled(elements, bits / 8);
    const perByte = 8 / bits;
    const out: Monomial[] = [];
    for (const { coefficient, atoms } of elements.values()) {
      if (coefficient % perByte === 0) out.push({ coefficient: coefficient / perByte, atoms });
      else {
        const at = atoms.findIndex((atom) => (this.divisors.get(atom) ?? 1) >= perByte);
        if (at < 0) return undefined;
        const shift = int(Math.log2(perByte));
        const [part] = this.atoms.atom(op("shr", i32, [this.atoms.expression(atoms[at]!), shift])).values();
        out.push({ coefficient, atoms: [...atoms.toSpliced(at, 1), ...part!.atoms].toSorted() });
      }
    }
    return fromMonomials(out);
  }

  /**
   * The address `pointer` plus this many elements, as far as possible computed outside loops. A name that comes
   * back is its caller's own, to be moved by a constant; undefined where nothing can be shared.
   */
  address(elements: Polynomial, bits: number, pointer: RefExpr): Expr | undefined {
    if (this.loops.length === 0) return undefined;
    return this.placed(elements, bits, pointer, this.loops.length, true);
  }

  /** A scalar that is multiplied by `size`, computed as far out as it can be. */
  invariant(value: Expr, size: number): Expr {
    return this.atoms.expand(scaled(this.atoms.polynomial(value), size));
  }

  /**
   * The address inside `depth` loops. Split by the innermost of them: `fixed` doesn't change in it, `growing` is
   * its variable times something fixed, `rest` is all else.
   */
  private placed(
    elements: Polynomial,
    bits: number,
    pointer: RefExpr,
    depth: number,
    own: boolean,
  ): Expr | undefined {
    if (depth === 0) {
      const bytes = this.bytes(elements, bits);
      return bytes && add(pointer, this.atoms.expand(bytes));
    }
    const scope = this.loops[depth - 1]!;
    const { fixed, growing, rest } = this.split(elements, depth, scope);
    if (rest.size > 0) {
      const shared = this.placed(
        growing.reduce((sum, { slope, clock }) => plus(sum, this.multiplied(slope, clock.value)), fixed),
        bits,
        pointer,
        depth,
        false,
      );
      const bytes = this.bytes(rest, bits);
      return shared && bytes && add(shared, this.atoms.expand(bytes));
    }
    const key = `${own ? "own " : ""}${pointer.name} ${bits} ${keyOf(elements)}`;
    const known = scope.made.get(key);
    if (known) return known;
    let begin = fixed;
    let step: Polynomial = fromMonomials([]);
    for (const { slope, clock } of growing) {
      const start = times(slope, clock.start);
      if (!start) return undefined;
      begin = plus(begin, start);
      step = plus(step, scaled(slope, clock.step));
    }
    const init = this.placed(begin, bits, pointer, depth - 1, false);
    const increment = this.bytes(step, bits);
    if (!init || !increment) return undefined;
    const still = growing.length === 0;
    if (still && init.kind === "ref" && !own) return init;
    const name = this.fresh.value(`${pointer.name.slice(1)}_at`);
    const made = ref(name, i32);
    scope.made.set(key, made);
    this.depths.set(name, still ? depth - 1 : depth);
    if (still) {
      scope.before.push({ kind: "let", name, value: init });
      return made;
    }
    scope.before.push({ kind: "var", name, init });
    scope.increments.push({ kind: "assign", name, value: add(made, this.named(increment, scope, depth)) });
    return made;
  }

  private multiplied(slope: Polynomial, value: Expr): Polynomial {
    return times(slope, this.atoms.atom(value)) ?? internalError("strength-reduce", "slope");
  }

  /** How an atom grows with a loop: its variable, or the variable divided by what divides its start and its step. */
  private clockOf(atom: string, scope: LoopScope): Clock | undefined {
    if (!scope.inductive || !scope.start) return undefined;
    const value = this.atoms.expression(atom);
    if (atom === scope.variable) return { value, start: scope.start, step: scope.step };
    const quotient = quotientOf(value);
    if (!quotient || quotient.of.name !== scope.variable || scope.step % quotient.by !== 0) return undefined;
    const constant = constantTerm(scope.start);
    if (withoutConstant(scope.start).size > 0 || constant % quotient.by !== 0) return undefined;
    return { value, start: constantPolynomial(constant / quotient.by), step: scope.step / quotient.by };
  }

  /** An increment, computed before the loop if it isn't simple. */
  private named(value: Polynomial, scope: LoopScope, depth: number): Expr {
    const expr = this.atoms.expand(value);
    if (expr.kind !== "op") return expr;
    const key = `+ ${keyOf(value)}`;
    const known = scope.made.get(key);
    if (known) return known;
    const name = this.fresh.value("stride");
    this.depths.set(name, depth - 1);
    scope.before.push({ kind: "let", name, value: expr });
    const made = ref(name, i32);
    scope.made.set(key, made);
    return made;
  }

  private split(
    elements: Polynomial,
    depth: number,
    scope: LoopScope,
  ): { readonly fixed: Polynomial; readonly growing: readonly Growth[]; readonly rest: Polynomial } {
    const fixed: Monomial[] = [];
    const slopes = new Map<string, { clock: Clock; slope: Monomial[] }>();
    const rest: Monomial[] = [];
    for (const each of elements.values()) {
      const varying = each.atoms.filter((atom) => this.depthOf(atom) >= depth);
      const [only] = varying;
      const clock = only !== undefined && varying.length === 1 ? this.clockOf(only, scope) : undefined;
      if (only === undefined) fixed.push(each);
      else if (clock) {
        const known = slopes.get(only) ?? { clock, slope: [] };
        const atoms = each.atoms.toSpliced(each.atoms.indexOf(only), 1);
        slopes.set(only, { clock, slope: [...known.slope, { coefficient: each.coefficient, atoms }] });
      } else rest.push(each);
    }
    const growing = [...slopes.values()].map(({ clock, slope }) => ({ clock, slope: fromMonomials(slope) }));
    return { fixed: fromMonomials(fixed), growing, rest: fromMonomials(rest) };
  }

  /** The number of loops that must be around a place where the atom's value is known. */
  private depthOf(atom: string): number {
    const expr = this.atoms.expression(atom) ?? internalError("strength-reduce", `unknown atom ${atom}`);
    let depth = 0;
    visitExpr(expr, (part) => {
      // What is loaded, or may not be evaluated early, stays where it stands.
      if (part.kind === "load" || (part.kind === "op" && isPartial(part))) depth = this.loops.length;
      if (part.kind === "ref") depth = Math.max(depth, this.depthOfName(part.name));
    });
    return depth;
  }

  private depthOfName(name: string): number {
    let depth = this.depths.get(name) ?? 0;
    this.loops.forEach((loop, at) => {
      if (loop.assigned.has(name)) depth = Math.max(depth, at + 1);
    });
    return depth;
  }
}

// A solution of some conditions, looked for by trial and repair. One that is found answers at once what the decision
// procedure would only give up on after many eliminations: most questions that end in "don't know" have a small
// solution. What isn't found may exist all the same.

import type { Cond } from "./cond.ts";
import { floorDiv } from "./integers.ts";
import type { AppAtom, Atom, Poly } from "./poly.ts";

/**
 * Whether integers that meet all conditions are found: no divisor among them is 0, and equal arguments give an
 * uninterpreted function equal values. `false` says nothing. The search ends after so many `steps`, each of them a
 * change of one value; the same question always gets the same answer.
 */
export function hasWitness(conds: readonly Cond[], steps: number): boolean {
  return new Search(conds).run(steps);
}

/** A name or an application, and the value that it is given. */
interface Variable {
  readonly kind: "variable";
  readonly lo: number;
  readonly hi: number;
  value: number;
}

interface Quotient {
  readonly kind: "div";
  readonly num: Sum;
  readonly den: Sum;
}

interface Extremum {
  readonly kind: "min" | "max";
  readonly args: readonly Sum[];
}

type Node = Variable | Quotient | Extremum;

interface Sum {
  readonly constant: number;
  readonly terms: readonly { readonly coef: number; readonly factors: readonly Node[] }[];
}

type Test =
  | { readonly kind: "and" | "or"; readonly parts: readonly Test[] }
  | { readonly kind: "ge" | "eq" | "ne"; readonly sum: Sum }
  | { readonly kind: "true" | "false" };

/** Applications of one function: where arguments agree, values must. */
interface Application {
  readonly args: readonly Sum[];
  readonly variable: Variable;
}

class Search {
  private readonly nodes = new Map<string, Node>();
  private readonly applications = new Map<string, Application[]>();
  private readonly tests: readonly Test[];
  private state = 0x2545f491;

  constructor(conds: readonly Cond[]) {
    this.tests = conds.map((cond) => this.test(cond));
  }

  run(steps: number): boolean {
    for (let step = 0; step < steps; step++) {
      const broken = this.broken();
      if (!broken) {
        if (this.agree()) return true;
      } else if (!this.repair(broken) && broken.kind === "false") return false;
    }
    return false;
  }

  // ---- conditions as a graph of values ----

  private test(cond: Cond): Test {
    switch (cond.kind) {
      case "true":
      case "false":
        return cond;
      case "and":
      case "or":
        return { kind: cond.kind, parts: cond.parts.map((part) => this.test(part)) };
      default:
        return { kind: cond.kind, sum: this.sum(cond.poly) };
    }
  }

  private sum(poly: Poly): Sum {
    return {
      constant: poly.constant,
      terms: poly.terms.map(({ coef, atoms }) => ({ coef, factors: atoms.map((atom) => this.node(atom)) })),
    };
  }

  private node(atom: Atom): Node {
    const known = this.nodes.get(atom.key);
    if (known) return known;
    const made = this.make(atom);
    this.nodes.set(atom.key, made);
    return made;
  }

  private make(atom: Atom): Node {
    if (atom.kind === "div") return { kind: "div", num: this.sum(atom.num), den: this.sum(atom.den) };
    if (atom.kind !== "name" && atom.kind !== "app")
      return { kind: atom.kind, args: atom.args.map((arg) => this.sum(arg)) };
    // Sizes start large enough for a few iterations, all else as near to 0 as it may.
    const start = atom.kind === "name" && atom.origin === "param" ? 6 : 0;
    const value = Math.min(Math.max(start, atom.lo), atom.hi);
    const variable: Variable = { kind: "variable", lo: atom.lo, hi: atom.hi, value };
    if (atom.kind === "app" && atom.args.length > 0) this.apply(atom, variable);
    return variable;
  }

  private apply(atom: AppAtom, variable: Variable): void {
    const args = atom.args.map((arg) => this.sum(arg));
    const same = this.applications.get(atom.fn);
    if (same) same.push({ args, variable });
    else this.applications.set(atom.fn, [{ args, variable }]);
  }

  // ---- which conditions hold ----

  /** A condition that doesn't hold. */
  private broken(): Test | undefined {
    const from = this.below(this.tests.length || 1);
    for (let n = 0; n < this.tests.length; n++) {
      const test = this.tests[(from + n) % this.tests.length]!;
      if (!holds(test)) return test;
    }
    return undefined;
  }

  /** Whether functions are functions; makes equal what should be where they aren't. */
  private agree(): boolean {
    for (const [, all] of this.applications) {
      const seen = new Map<string, Variable>();
      for (const { args, variable } of all) {
        const key = args.map(valueOf).join();
        const other = seen.get(key);
        if (!other) seen.set(key, variable);
        else if (other.value !== variable.value) {
          const [from, to] = this.below(2) === 0 ? [other, variable] : [variable, other];
          if (this.below(2) === 0 || !this.inTurn(args, (arg) => this.move(arg, this.sign())))
            to.value = Math.min(Math.max(from.value, to.lo), to.hi);
          return false;
        }
      }
    }
    return true;
  }

  // ---- repairs ----

  /** Changes some value so that a condition comes closer to being true; false where it can't. */
  private repair(test: Test): boolean {
    switch (test.kind) {
      case "and": {
        const broken = test.parts.find((part) => !holds(part));
        return broken !== undefined && this.repair(broken);
      }
      case "or": {
        // Mostly what is nearest to being true; now and then another, as the nearest may be out of reach.
        if (this.below(4) === 0) return this.inTurn(test.parts, (part) => this.repair(part));
        const near = test.parts.toSorted((a, b) => distance(a) - distance(b));
        return near.some((part) => this.repair(part));
      }
      case "ge":
      case "eq": {
        const value = valueOf(test.sum);
        return Number.isNaN(value) ? this.mend(test.sum) : this.move(test.sum, -value);
      }
      case "ne":
        return Number.isNaN(valueOf(test.sum)) ? this.mend(test.sum) : this.move(test.sum, this.sign());
      default:
        return false;
    }
  }

  /** Tries all from somewhere on until one succeeds. */
  private inTurn<T>(all: readonly T[], attempt: (each: T) => boolean): boolean {
    const from = this.below(all.length || 1);
    for (let n = 0; n < all.length; n++) if (attempt(all[(from + n) % all.length]!)) return true;
    return false;
  }

  /** Changes a divisor that is 0. */
  private mend(sum: Sum): boolean {
    const inside = (node: Node): boolean => {
      if (node.kind === "variable") return false;
      if (node.kind !== "div") return node.args.some((arg) => this.mend(arg));
      return valueOf(node.den) === 0
        ? this.move(node.den, this.sign())
        : this.mend(node.num) || this.mend(node.den);
    };
    return sum.terms.some(({ factors }) => factors.some(inside));
  }

  /** Moves a sum by at least so much, by one of its factors. */
  private move(sum: Sum, by: number): boolean {
    return this.inTurn(sum.terms, ({ coef, factors }) =>
      this.inTurn(factors, (factor) => {
        const slope = factors.reduce(
          (product, other) => (other === factor ? product : product * read(other)),
          coef,
        );
        if (slope === 0 || !Number.isSafeInteger(slope)) return false;
        const steps = Math.ceil(Math.abs(by) / Math.abs(slope));
        return this.moveNode(factor, Math.sign(by) * Math.sign(slope) * steps);
      }),
    );
  }

  private moveNode(node: Node, by: number): boolean {
    switch (node.kind) {
      case "variable": {
        const next = Math.min(Math.max(node.value + by, node.lo), node.hi);
        if (next === node.value || !Number.isSafeInteger(next)) return false;
        node.value = next;
        return true;
      }
      case "div": {
        const den = valueOf(node.den);
        return den === 0
          ? this.move(node.den, 1)
          : Number.isSafeInteger(den) && this.move(node.num, by * den);
      }
      default: {
        // A minimum rises only if all that hold it down do, and falls with any one.
        if ((node.kind === "min") === by < 0) return this.inTurn(node.args, (arg) => this.move(arg, by));
        const goal = read(node) + by;
        let moved = false;
        for (const arg of node.args) {
          const short = goal - valueOf(arg);
          if (Math.sign(short) === Math.sign(by) && this.move(arg, short)) moved = true;
        }
        return moved;
      }
    }
  }

  private sign(): number {
    return this.below(2) === 0 ? 1 : -1;
  }

  /** A number in [0, count), always the same ones. */
  private below(count: number): number {
    this.state = (Math.imul(this.state, 1103515245) + 12345) >>> 0;
    return (this.state >>> 8) % count;
  }
}

function holds(test: Test): boolean {
  switch (test.kind) {
    case "true":
      return true;
    case "false":
      return false;
    case "and":
      return test.parts.every(holds);
    case "or":
      return test.parts.some(holds);
    default: {
      // NaN stands for a value that doesn't exist or isn't exact: no condition holds of it.
      const value = valueOf(test.sum);
      if (Number.isNaN(value)) return false;
      return test.kind === "ge" ? value >= 0 : (value === 0) === (test.kind === "eq");
    }
  }
}

/** How many of its parts would have to change at least for a condition to hold. */
function distance(test: Test): number {
  if (test.kind === "and") return test.parts.reduce((sum, part) => sum + distance(part), 0);
  if (test.kind === "or") return Math.min(...test.parts.map(distance));
  return holds(test) ? 0 : 1;
}

/** NaN where a divisor is 0, or numbers leave the safe integers. */
function valueOf(sum: Sum): number {
  let total = sum.constant;
  for (let at = 0; at < sum.terms.length; at++) {
    const { coef, factors } = sum.terms[at]!;
    let product = coef;
    for (let n = 0; n < factors.length; n++) product *= read(factors[n]!);
    total += product;
    if (!Number.isSafeInteger(product) || !Number.isSafeInteger(total)) return NaN;
  }
  return total;
}

function read(node: Node): number {
  switch (node.kind) {
    case "variable":
      return node.value;
    case "div": {
      const [num, den] = [valueOf(node.num), valueOf(node.den)];
      return den === 0 || Number.isNaN(num + den) ? NaN : floorDiv(num, den);
    }
    case "min":
      return Math.min(...node.args.map(valueOf));
    case "max":
      return Math.max(...node.args.map(valueOf));
  }
}

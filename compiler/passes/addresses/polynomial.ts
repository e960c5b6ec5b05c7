// Polynomials of addresses: sums of products of atoms with integer coefficients, all modulo 2^32 as the addresses
// themselves are, so that no rewrite can change a result. An atom is a name, or an expression that isn't taken apart.

import { constant, i32, int, type Expr } from "../../ir/ir.ts";
import { printExpr } from "../../ir/print.ts";
import { add, mul } from "../fold.ts";

/** coefficient · atoms; the atoms are sorted keys of the table that the polynomial was made with. */
export interface Monomial {
  readonly coefficient: number;
  readonly atoms: readonly string[];
}

/** Monomials by the key of their atoms; "" is the constant. */
export type Polynomial = ReadonlyMap<string, Monomial>;

/** Above this, an expression is left as it is. */
const largest = 24;

export function constantPolynomial(value: number): Polynomial {
  return fromMonomials([{ coefficient: value, atoms: [] }]);
}

export function fromMonomials(monomials: Iterable<Monomial>): Polynomial {
  const sum = new Map<string, Monomial>();
  for (const { coefficient, atoms } of monomials) {
    const key = atoms.join("·");
    const total = ((sum.get(key)?.coefficient ?? 0) + coefficient) | 0;
    if (total === 0) sum.delete(key);
    else sum.set(key, { coefficient: total, atoms });
  }
  return sum;
}

export function plus(a: Polynomial, b: Polynomial): Polynomial {
  return fromMonomials([...a.values(), ...b.values()]);
}

export function scaled(a: Polynomial, by: number): Polynomial {
  return fromMonomials(
    [...a.values()].map(({ coefficient, atoms }) => ({ coefficient: Math.imul(coefficient, by), atoms })),
  );
}

export function times(a: Polynomial, b: Polynomial): Polynomial | undefined {
  if (a.size * b.size > largest) return undefined;
  const products: Monomial[] = [];
  for (const x of a.values())
    for (const y of b.values())
      products.push({
        coefficient: Math.imul(x.coefficient, y.coefficient),
        atoms: [...x.atoms, ...y.atoms].toSorted(),
      });
  return fromMonomials(products);
}

/** The constant term. */
export function constantTerm(a: Polynomial): number {
  return a.get("")?.coefficient ?? 0;
}

/** Everything but the constant term. */
export function withoutConstant(a: Polynomial): Polynomial {
  return fromMonomials([...a.values()].filter((each) => each.atoms.length > 0));
}

/** A text that two polynomials share exactly if they're equal. */
export function keyOf(a: Polynomial): string {
  return [...a]
    .map(([key, { coefficient }]) => `${coefficient}·${key}`)
    .toSorted()
    .join(" + ");
}

/** What the atoms of polynomials stand for, and which names are known as polynomials themselves. */
export class AtomTable {
  private readonly atoms = new Map<string, Expr>();
  private readonly definitions = new Map<string, Polynomial>();

  /** From now on the name is taken apart as this polynomial. */
  define(name: string, value: Polynomial): void {
    this.definitions.set(name, value);
  }

  /** What the name is known as. */
  definition(name: string): Polynomial | undefined {
    return this.definitions.get(name);
  }

  atom(expr: Expr): Polynomial {
    const key = expr.kind === "ref" ? expr.name : printExpr(expr);
    this.atoms.set(key, expr);
    return fromMonomials([{ coefficient: 1, atoms: [key] }]);
  }

  expression(atom: string): Expr {
    return this.atoms.get(atom)!;
  }

  /** A scalar i32 expression as a polynomial. */
  polynomial(expr: Expr): Polynomial {
    if (expr.kind === "const") return constantPolynomial(expr.value as number);
    if (expr.kind === "ref") return this.definitions.get(expr.name) ?? this.atom(expr);
    if (expr.kind === "op" && expr.type.dtype === "i32") {
      const [a, b] = expr.args;
      switch (expr.op) {
        case "add":
          return this.small(plus(this.polynomial(a!), this.polynomial(b!)), expr);
        case "sub":
          return this.small(plus(this.polynomial(a!), scaled(this.polynomial(b!), -1)), expr);
        case "neg":
          return scaled(this.polynomial(a!), -1);
        case "mul":
          return times(this.polynomial(a!), this.polynomial(b!)) ?? this.atom(expr);
        case "shl":
          if (b?.kind === "const") return scaled(this.polynomial(a!), 1 << (b.value as number));
      }
    }
    return this.atom(expr);
  }

  private small(value: Polynomial, expr: Expr): Polynomial {
    return value.size > largest ? this.atom(expr) : value;
  }

  /** The polynomial as an expression; like factors stay together in the order of the table's keys. */
  expand(value: Polynomial): Expr {
    let sum: Expr = int(0);
    for (const { coefficient, atoms } of value.values()) {
      if (atoms.length === 0) continue;
      const product = atoms.map((atom) => this.expression(atom)).reduce((a, b) => mul(a, b));
      sum = add(sum, mul(product, int(coefficient)));
    }
    const rest = constantTerm(value);
    return rest === 0 ? sum : add(sum, constant(rest, i32));
  }
}

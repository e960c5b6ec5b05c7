// Numbers for expressions: equal trees have equal numbers, so comparing and looking up expressions is cheap.

import type { Expr } from "./ir.ts";
import { typeText } from "./op-types.ts";
import { operandsOf } from "./walk.ts";

/** Hands out the numbers; they mean something within one table only. */
export class ExprTable {
  private readonly numbers = new Map<string, number>();
  private readonly known = new WeakMap<Expr, number>();

  /** The number of an expression: that of every equal tree. Spans don't count. */
  of(expr: Expr): number {
    const seen = this.known.get(expr);
    if (seen !== undefined) return seen;
    const key = this.key(expr);
    let number = this.numbers.get(key);
    if (number === undefined) this.numbers.set(key, (number = this.numbers.size));
    this.known.set(expr, number);
    return number;
  }

  equal(a: Expr, b: Expr): boolean {
    return a === b || this.of(a) === this.of(b);
  }

  private key(expr: Expr): string {
    const type = typeText(expr.type);
    switch (expr.kind) {
      case "const":
        return `c ${type} ${Object.is(expr.value, -0) ? "-0" : String(expr.value)}`;
      case "ref":
        return `r ${expr.name}`;
      case "op":
        return `o ${expr.op} ${type} ${expr.imm?.join(".") ?? ""} ${expr.args.map((arg) => this.of(arg)).join(" ")}`;
      case "load": {
        const guard = expr.guard ? "?" : "";
        return `l ${expr.buffer} ${type} ${guard} ${operandsOf(expr)
          .map((part) => this.of(part))
          .join(" ")}`;
      }
    }
  }
}

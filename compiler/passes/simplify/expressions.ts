// Simplifies expressions from the leaves up: constants are folded by the op table's lane functions, then the rules
// of the op and its dtype are asked in turn.

import { isFloat, isInteger } from "../../../lang/dtypes.ts";
import { constant, op, type Expr, type IrType, type LoadExpr, type OpExpr } from "../../ir/ir.ts";
import { ExprTable } from "../../ir/intern.ts";
import { resultType } from "../../ir/op-types.ts";
import { opInfo, type OpName } from "../../ir/ops.ts";
import { rangeOf, type Range, type Ranges } from "../../ir/ranges.ts";
import { mapOperands } from "../../ir/walk.ts";
import { floatRules } from "./floats.ts";
import { integerRules } from "./integers.ts";
import { boolRules, comparison, extreme, select } from "./logic.ts";
import { addPairs } from "./pair-products.ts";
import { foldLane, isFalse, isTrue, literal, type Rule, type RuleContext } from "./rules.ts";
import { addRamp, mulRamp, onUniform, vectorRules } from "./vectors.ts";

const ruleLists = new Map<string, readonly Rule[]>();

/** The rules for an op on operands of a dtype. */
function rulesFor(expr: OpExpr): readonly Rule[] {
  const { dtype } = expr.args[expr.op === "select" ? 1 : 0]!.type;
  const key = `${expr.op} ${dtype}`;
  let rules = ruleLists.get(key);
  if (rules) return rules;
  const byDtype = isInteger(dtype) ? integerRules : isFloat(dtype) ? floatRules : boolRules;
  const found: (Rule | undefined)[] = [vectorRules[expr.op], byDtype[expr.op], onUniform];
  if (opInfo(expr.op).band === "compare") found.unshift(comparison);
  if (expr.op === "select") found.unshift(select);
  if (expr.op === "min" || expr.op === "max") found.unshift(extreme);
  if (isInteger(dtype) && expr.op === "add") found.push(addRamp, addPairs);
  if (isInteger(dtype) && expr.op === "mul") found.push(mulRamp);
  ruleLists.set(key, (rules = found.filter((rule) => rule !== undefined)));
  return rules;
}

export class ExprSimplifier implements RuleContext {
  readonly table = new ExprTable();
  readonly ranges: Ranges;
  /** What names stand for: constants and other names. */
  readonly values = new Map<string, Expr>();
  /** Conditions that are known here, by number. */
  private readonly known = new Map<number, boolean>();

  constructor(ranges: Ranges) {
    this.ranges = ranges;
  }

  // Rules take these apart, so they're bound to this.
  readonly range = (expr: Expr): Range => rangeOf(expr, this.ranges);

  /** Simplifies an expression and all its parts. */
  readonly expr = (expr: Expr): Expr => {
    const parts = mapOperands(expr, this.expr);
    switch (parts.kind) {
      case "const":
        return parts;
      case "ref": {
        const value = this.values.get(parts.name);
        return value ? this.expr(value) : (this.fact(parts) ?? parts);
      }
      case "load":
        return this.load(parts);
      case "op":
        return this.application(parts);
    }
  };

  readonly make = (name: OpName, args: readonly Expr[], type?: IrType, imm?: readonly number[]): Expr => {
    const result =
      type ??
      resultType(
        name,
        args.map((arg) => arg.type),
        { imm },
      )!;
    return this.application(op(name, result, args, args[0]?.span, imm));
  };

  private application(expr: OpExpr): Expr {
    const info = opInfo(expr.op);
    const folded = foldLane(expr.op, expr.args, expr.type);
    if (folded) return { ...folded, span: expr.span };
    let current = expr;
    if (info.commutative && current.args[0]!.kind === "const" && current.args[1]!.kind !== "const") {
      current = { ...current, args: [current.args[1]!, current.args[0]!] };
    }
    for (const rule of rulesFor(current)) {
      const better = rule(current, this);
      if (better) return better;
    }
    return this.fact(current) ?? current;
  }

  private load(expr: LoadExpr): Expr {
    if (!expr.guard) return expr;
    if (isFalse(expr.guard)) return { ...literal(0, expr.type), span: expr.span };
    if (!isTrue(expr.guard)) return expr;
    const { guard: _always, ...unguarded } = expr;
    return unguarded;
  }

  // ---- facts ----

  private fact(expr: Expr): Expr | undefined {
    if (expr.type.dtype !== "bool" || expr.type.lanes !== 1 || this.known.size === 0) return undefined;
    const value = this.known.get(this.table.of(expr));
    return value === undefined ? undefined : constant(value, expr.type, expr.span);
  }

  /** Simplifies what `run` does with a condition known; it must be made of names that never change. */
  knowing<T>(conditions: readonly (readonly [cond: Expr, value: boolean])[], run: () => T): T {
    const added: number[] = [];
    const learn = (cond: Expr, value: boolean): void => {
      const number = this.table.of(cond);
      if (cond.kind === "const" || this.known.has(number)) return;
      this.known.set(number, value);
      added.push(number);
      if (cond.kind !== "op") return;
      // A conjunction that holds holds in its parts; a disjunction that doesn't, likewise.
      if (cond.op === (value ? "and" : "or")) cond.args.forEach((part) => learn(part, value));
      if (cond.op === "not") learn(cond.args[0]!, !value);
      const opposite = isInteger(cond.args[0]!.type.dtype) ? opposites[cond.op] : undefined;
      if (!opposite) return;
      const inverse = this.table.of({ ...cond, op: opposite });
      if (!this.known.has(inverse)) {
        this.known.set(inverse, !value);
        added.push(inverse);
      }
    };
    for (const [cond, value] of conditions) learn(cond, value);
    const result = run();
    for (const number of added) this.known.delete(number);
    return result;
  }
}

const opposites: Partial<Record<OpName, OpName>> = {
  eq: "ne",
  ne: "eq",
  lt: "ge",
  le: "gt",
  gt: "le",
  ge: "lt",
};

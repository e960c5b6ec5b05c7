// Shape expressions of the manifest from IR expressions over dims and scalar parameters.

import type { ShapeExpr, ShapeOp } from "./artifact.ts";
import type { Expr } from "./ir/ir.ts";
import type { OpName } from "./ir/ops.ts";

const operators: Partial<Record<OpName, ShapeOp>> = {
  add: "+",
  sub: "-",
  mul: "*",
  floordiv: "//",
  mod: "%",
  min: "min",
  max: "max",
  shl: "<<",
  shr: ">>",
  eq: "==",
  ne: "!=",
  lt: "<",
  le: "<=",
  gt: ">",
  ge: ">=",
  and: "and",
  or: "or",
  not: "not",
  select: "select",
};

/** The same expression as data, or undefined where it reads a buffer or needs an op that shapes don't have. */
export function toShapeExpr(expr: Expr): ShapeExpr | undefined {
  switch (expr.kind) {
    case "const":
      // Comparing a 64-bit scalar with a constant that a double holds exactly comes out right in doubles.
      return Number.isSafeInteger(Number(expr.value)) || typeof expr.value === "number"
        ? Number(expr.value)
        : undefined;
    case "ref":
      return expr.name;
    case "load":
      return undefined;
    case "op": {
      if (expr.op === "neg")
        return toShapeExpr({ ...expr, op: "sub", args: [zeroLike(expr), expr.args[0]!] });
      // A conversion between types that both hold the value exactly; the runtime computes in doubles.
      if (expr.op === "convert" && expr.type.dtype !== "bool") return toShapeExpr(expr.args[0]!);
      // Shapes know the logical forms only; on integers these are bitwise.
      if (["and", "or", "not"].includes(expr.op) && expr.type.dtype !== "bool") return undefined;
      const operator = operators[expr.op];
      const operands = expr.args.map(toShapeExpr);
      if (!operator || operands.includes(undefined)) return undefined;
      return [operator, ...(operands as ShapeExpr[])];
    }
  }
}

const zeroLike = (expr: Expr): Expr => ({ kind: "const", type: expr.type, value: 0 });

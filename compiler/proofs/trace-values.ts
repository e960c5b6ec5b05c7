// Concrete evaluation of expressions for counterexamples, by the op table's own semantics. Loads are the tracer's
// business and come in as a function.

import type { Expr, IrType, LoadExpr, OpExpr, Scalar } from "../ir/ir.ts";
import { opInfo } from "../ir/ops.ts";

/** A scalar, or one value a lane. */
export type Concrete = Scalar | readonly Scalar[];

export interface Evaluation {
  readonly names: ReadonlyMap<string, Concrete>;
  load(expr: LoadExpr): Concrete;
  /** Called for each node; throws when the budget is spent. */
  step(): void;
  /** A partial op whose operands aren't fit; must not return. */
  unfit(expr: OpExpr, args: readonly Scalar[]): never;
}

export const lanesOf = (value: Concrete): readonly Scalar[] =>
  Array.isArray(value) ? value : [value as Scalar];

export function evaluateExpr(expr: Expr, run: Evaluation): Concrete {
  run.step();
  switch (expr.kind) {
    case "const":
      return expr.type.lanes === 1 ? expr.value : Array.from({ length: expr.type.lanes }, () => expr.value);
    case "ref": {
      const value = run.names.get(expr.name);
      if (value === undefined) throw new Error(`no value for ${expr.name}`);
      return value;
    }
    case "load":
      return run.load(expr);
    case "op":
      return apply(expr, run);
  }
}

function apply(expr: OpExpr, run: Evaluation): Concrete {
  const info = opInfo(expr.op);
  const args = expr.args.map((arg) => evaluateExpr(arg, run));
  const dtype = operandType(expr).dtype;
  if (info.vector) {
    const types = expr.args.map((arg) => arg.type);
    const lanes = info.vector(args.map(lanesOf), types, expr.type, expr.imm ?? []);
    return expr.type.lanes === 1 ? lanes[0]! : lanes;
  }
  const one = (operands: readonly Scalar[]): Scalar => {
    if (info.unfit?.(operands, dtype)) run.unfit(expr, operands);
    return info.lane!(operands, dtype, expr.type.dtype);
  };
  if (expr.type.lanes === 1 && !args.some(Array.isArray)) return one(args as Scalar[]);
  return Array.from({ length: expr.type.lanes }, (_, lane) =>
    one(args.map((arg) => (Array.isArray(arg) ? (arg as readonly Scalar[])[lane]! : (arg as Scalar)))),
  );
}

const operandType = (expr: OpExpr): IrType => expr.args[expr.op === "select" ? 1 : 0]!.type;

/** The coordinates of a row-major offset. */
export function coordinates(offset: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = offset;
  for (const extent of shape.toReversed()) {
    index.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return index;
}

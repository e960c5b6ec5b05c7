// Expressions of the interpreter: each becomes one closure. What an op computes comes from the op table.

import { internalError } from "../../lang/diagnostics/internal-error.ts";
import type { Expr, OpExpr, Scalar } from "./ir.ts";
import { opInfo } from "./ops.ts";
import { isPartial } from "./facts.ts";
import { laneFunction, type LaneFunction } from "./lane-functions.ts";
import { loadThunk } from "./interpret-access.ts";
import { Fault, type Machine, type Thunk, type Value } from "./interpret-machine.ts";

export class ExprCompiler {
  protected readonly machine: Machine;
  protected readonly flat: boolean;

  constructor(machine: Machine, flat: boolean) {
    this.machine = machine;
    this.flat = flat;
  }

  readonly expr = (expr: Expr): Thunk => {
    switch (expr.kind) {
      case "const": {
        const { value, type } = expr;
        const whole: Value = type.lanes === 1 ? value : Array.from({ length: type.lanes }, () => value);
        return () => whole;
      }
      case "ref":
        return this.machine.getter(this.machine.register(expr.name));
      case "load":
        return loadThunk(
          {
            cell: this.machine.cell(expr.buffer),
            index: expr.index.map(this.expr),
            guard: expr.guard && this.expr(expr.guard),
            lanes: expr.type.lanes,
            flat: this.flat,
            span: expr.span,
          },
          expr,
        );
      case "op":
        return this.op(expr);
    }
  };

  private op(expr: OpExpr): Thunk {
    const args = expr.args.map(this.expr);
    // `select` has a mask first; its values' dtype is what it works in.
    const dtype = expr.args[expr.op === "select" ? 1 : 0]!.type.dtype;
    const lane = laneFunction(expr.op, dtype, expr.type.dtype);
    if (!lane) return vectorThunk(expr, args);
    const checked = isPartial(expr) ? checkedLane(expr, lane) : lane;
    return expr.type.lanes === 1 ? scalarThunk(expr, args, checked) : lanesThunk(expr, args, checked);
  }
}

/** Adds the check that a prover owes: the divisor isn't 0, the shift is in range. */
function checkedLane(expr: OpExpr, lane: LaneFunction): LaneFunction {
  const { unfit } = opInfo(expr.op);
  const { dtype } = expr.args[0]!.type;
  if (!unfit) return lane;
  return (a, b, c) => {
    const why = unfit([a, b], dtype);
    if (why !== undefined) throw new Fault(`${expr.op}: ${why}`, expr.span);
    return lane(a, b, c);
  };
}

type NumberThunk = () => number;

function scalarThunk(expr: OpExpr, args: readonly Thunk[], lane: LaneFunction): Thunk {
  const [a, b, c] = args as readonly (() => Scalar)[];
  if (args.length === 1) return () => lane(a!(), 0, 0);
  if (args.length === 3) {
    if (expr.op === "select") return selectThunk(a!, b!, c!);
    return () => lane(a!(), b!(), c!());
  }
  const [x, y] = args as readonly NumberThunk[];
  // The innermost arithmetic of nearly every kernel, without a second call.
  switch (`${expr.op} ${expr.type.dtype}`) {
    case "add i32":
      return () => (x!() + y!()) | 0;
    case "mul i32":
      return () => Math.imul(x!(), y!());
    case "add f32":
      return () => Math.fround(x!() + y!());
    case "sub f32":
      return () => Math.fround(x!() - y!());
    case "mul f32":
      return () => Math.fround(x!() * y!());
    default:
      return () => lane(a!(), b!(), 0);
  }
}

/** Both sides are evaluated, so that a fault in either is found. */
function selectThunk(cond: Thunk, yes: Thunk, no: Thunk): Thunk {
  return () => {
    const where = cond();
    const a = yes();
    const b = no();
    return where ? a : b;
  };
}

function lanesThunk(expr: OpExpr, args: readonly Thunk[], lane: LaneFunction): Thunk {
  const { lanes } = expr.type;
  // A scalar mask counts for every lane.
  const wide = expr.args.map((arg, at) => (arg.type.lanes === 1 ? spread(args[at]!, lanes) : args[at]!));
  const [a, b, c] = wide as readonly (() => readonly Scalar[])[];
  return () => {
    const x = a!();
    const y = b?.();
    const z = c?.();
    const out: Scalar[] = [];
    for (let at = 0; at < lanes; at++) out[at] = lane(x[at]!, y ? y[at]! : 0, z ? z[at]! : 0);
    return out;
  };
}

function spread(thunk: Thunk, lanes: number): Thunk {
  return () => {
    const value = thunk() as Scalar;
    return Array.from({ length: lanes }, () => value);
  };
}

function vectorThunk(expr: OpExpr, args: readonly Thunk[]): Thunk {
  const { vector } = opInfo(expr.op);
  if (!vector) return internalError("interpret", `the op table doesn't say what "${expr.op}" computes`);
  const types = expr.args.map((arg) => arg.type);
  const imm = expr.imm ?? [];
  const { type } = expr;
  return () => {
    const values = args.map((arg) => {
      const value = arg();
      return (Array.isArray(value) ? value : [value]) as readonly Scalar[];
    });
    const out = vector(values, types, type, imm);
    return type.lanes === 1 ? out[0]! : out;
  };
}

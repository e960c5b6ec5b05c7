// Pass `scalarise`: explicit SIMD becomes scalar code, a value of n lanes n values. Invocations are this target's
// lanes, and shader compilers vectorize nothing that a program spells out.
//
// Assumes: reductions are expanded. Vector values hold no effects, so reading one lane at a time is the same.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import {
  constant,
  i32,
  int,
  ref,
  scalarType,
  type Expr,
  type IrKernel,
  type OpExpr,
  type Stmt,
} from "../../ir/ir.ts";
import { FreshNames } from "../../ir/names.ts";
import { opInfo, type OpName } from "../../ir/ops.ts";
import { mapBlock, mapOperands, mapSame, visitExprs, visitRoots, withBody } from "../../ir/walk.ts";
import { add, apply, mul } from "../../passes/fold.ts";

/** The kernel without vectors. */
export function scalarise(kernel: IrKernel): IrKernel {
  let vectors = false;
  visitExprs(kernel.body, (expr) => (vectors ||= expr.type.lanes > 1));
  return vectors ? withBody(kernel, new Scalariser(kernel).run()) : kernel;
}

class Scalariser {
  private readonly kernel: IrKernel;
  private readonly fresh: FreshNames;
  /** The names of a vector value's lanes. */
  private readonly lanes = new Map<string, readonly string[]>();

  constructor(kernel: IrKernel) {
    this.kernel = kernel;
    this.fresh = new FreshNames(kernel);
  }

  run(): readonly Stmt[] {
    visitRoots(this.kernel.body, (root, stmt) => {
      if ((stmt.kind === "let" || stmt.kind === "var") && root.type.lanes > 1) {
        const names = Array.from({ length: root.type.lanes }, (_, lane) =>
          this.fresh.value(`${stmt.name}_${lane}_`),
        );
        this.lanes.set(stmt.name, names);
      }
    });
    return mapBlock(this.kernel.body, (stmt) => this.stmt(stmt));
  }

  private stmt(stmt: Stmt): Stmt | readonly Stmt[] {
    switch (stmt.kind) {
      case "let":
      case "var": {
        const value = stmt.kind === "let" ? stmt.value : stmt.init;
        const names = this.lanes.get(stmt.name);
        if (!names)
          return stmt.kind === "let"
            ? { ...stmt, value: this.scalar(value) }
            : { ...stmt, init: this.scalar(value) };
        return names.map((name, at): Stmt => {
          const lane = this.lane(value, at);
          return stmt.kind === "let" ? { ...stmt, name, value: lane } : { ...stmt, name, init: lane };
        });
      }
      case "assign": {
        const names = this.lanes.get(stmt.name);
        if (!names) return { ...stmt, value: this.scalar(stmt.value) };
        return this.atOnce(
          stmt.value,
          (lane, value) => ({ ...stmt, name: names[lane]!, value }),
          names.length,
        );
      }
      case "store": {
        const count = Math.max(...stmt.index.map((index) => index.type.lanes), stmt.value.type.lanes);
        const at = (lane: number, value: Expr): Stmt => ({
          ...stmt,
          index: stmt.index.map((index) => this.lane(index, lane)),
          value,
          guard: stmt.guard && this.lane(stmt.guard, lane),
        });
        if (count === 1) return at(0, this.scalar(stmt.value));
        return this.atOnce(stmt.value, at, count);
      }
      case "for":
        return { ...stmt, lo: this.scalar(stmt.lo), hi: this.scalar(stmt.hi) };
      case "while":
      case "if":
      case "assert":
        return { ...stmt, cond: this.scalar(stmt.cond) };
      case "alloc":
        return stmt.fill ? { ...stmt, fill: this.lane(stmt.fill, 0) } : stmt;
      case "break":
      case "continue":
        return stmt;
      case "reduce":
      case "yield":
        return internalError("scalarise", "a reduction should have become registers");
    }
  }

  /** Every lane is read before the first is written: a store may overwrite what a later lane reads. */
  private atOnce(value: Expr, write: (lane: number, value: Expr) => Stmt, count: number): readonly Stmt[] {
    const before: Stmt[] = [];
    const values = Array.from({ length: count }, (_, at): Expr => {
      const lane = this.lane(value, at);
      if (lane.kind === "const") return lane;
      const name = this.fresh.value("lane");
      before.push({ kind: "let", name, value: lane, span: value.span });
      return ref(name, lane.type, value.span);
    });
    return [...before, ...values.map((each, at) => write(at, each))];
  }

  /** A scalar expression, vectors inside it taken apart. */
  private scalar(expr: Expr): Expr {
    return this.lane(expr, 0);
  }

  /** One lane of a vector; a scalar is the same in every lane. */
  private lane(expr: Expr, at: number): Expr {
    const type = scalarType(expr.type.dtype);
    switch (expr.kind) {
      case "const":
        return expr.type.lanes === 1 ? expr : constant(expr.value, type, expr.span);
      case "ref": {
        const names = this.lanes.get(expr.name);
        return names ? ref(names[at]!, type, expr.span) : expr;
      }
      case "load": {
        const changed = mapOperands(expr, (operand) => this.lane(operand, at));
        return changed.type.lanes === 1 ? changed : { ...changed, type };
      }
      case "op":
        return this.laneOfOp(expr, at);
    }
  }

  private laneOfOp(expr: OpExpr, at: number): Expr {
    const type = scalarType(expr.type.dtype);
    const info = opInfo(expr.op);
    if (info.lane) {
      const args = mapSame(expr.args, (arg) => this.lane(arg, at));
      return args === expr.args ? expr : apply(expr.op, type, args, expr.span);
    }
    const [first, second, third] = expr.args;
    const vector = first ?? internalError("scalarise", `the op ${expr.op} without operands`);
    const combine = (name: OpName): Expr =>
      this.halved(vector, (a, b) => apply(name, type, [a, b], expr.span));
    switch (expr.op) {
      case "splat":
        return this.lane(vector, 0);
      case "ramp": {
        const stride = this.lane(second!, 0);
        return add(this.lane(vector, 0), mul(constant(at, stride.type), stride));
      }
      case "vec":
        return this.lane(expr.args[at]!, 0);
      case "lane":
        return this.lane(vector, expr.imm![0]!);
      case "insert":
        return at === expr.imm![0] ? this.lane(second!, 0) : this.lane(vector, at);
      case "shuffle":
        return this.lane(vector, expr.imm![at]!);
      case "vsum":
        return combine("add");
      case "vprod":
        return combine("mul");
      case "vmax":
        return combine("max");
      case "vmin":
        return combine("min");
      case "vany":
        return combine("or");
      case "vall":
        return combine("and");
      case "dot4":
        return [0, 1, 2, 3].reduce(
          (sum, q) => add(sum, mul(this.wide(vector, 4 * at + q), this.wide(second!, 4 * at + q))),
          this.lane(third!, at),
        );
      case "dot2":
        return [0, 1].reduce(
          (sum, q) => add(sum, mul(this.wide(vector, 2 * at + q), this.wide(second!, 2 * at + q))),
          this.lane(third!, at),
        );
      default:
        return internalError("scalarise", `I don't know the vector op ${expr.op}`);
    }
  }

  /** A lane of 8 or 16 bits as i32. */
  private wide(expr: Expr, at: number): Expr {
    return apply("convert", i32, [this.lane(expr, at)], expr.span);
  }

  /** The low half combined with the high half until one lane is left, as the op table says. */
  private halved(vector: Expr, combine: (a: Expr, b: Expr) => Expr): Expr {
    let lanes = Array.from({ length: vector.type.lanes }, (_, at) => this.lane(vector, at));
    while (lanes.length > 1) {
      const half = lanes.length / 2;
      const last = lanes;
      lanes = last.slice(0, half).map((lane, at) => combine(lane, last[at + half]!));
    }
    return lanes[0] ?? int(0);
  }
}

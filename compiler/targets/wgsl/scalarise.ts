// Pass `scalarise`: vectors that WGSL hasn't become scalar code, a value of n lanes n values. What stays are values of 2 and
// 4 lanes of the 32-bit dtypes, f16 and bool, the operations on them that work lane by lane, and accesses of arrays that lie
// in vectors; where the two meet, lanes are taken out or put together.
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
import {
  mapBlock,
  mapOperands,
  mapSame,
  visitBlock,
  visitExprs,
  visitRoots,
  withBody,
} from "../../ir/walk.ts";
import { splat } from "../../ir/build.ts";
import { dtypeInfo, isFloat, isInteger, type Dtype } from "../../../lang/dtypes.ts";
import { add, apply, mul } from "../../passes/fold.ts";
import { computesInVectors, isVector, isWord, type Halves } from "./types.ts";
import type { VectorArrays } from "./vector-arrays.ts";

/** The kernel with no vectors but WGSL's own. */
export function scalarise(kernel: IrKernel, arrays: VectorArrays, halves: Halves): IrKernel {
  let vectors = false;
  visitExprs(kernel.body, (expr) => (vectors ||= expr.type.lanes > 1));
  return vectors ? withBody(kernel, new Scalariser(kernel, arrays, halves).run()) : kernel;
}

/** Operations on vectors that WGSL spells as those on their elements. */
const nativeOps: ReadonlySet<OpName> = new Set([
  "add",
  "sub",
  "mul",
  "min",
  "max",
  "abs",
  "fma",
  "sqrt",
  "floor",
  "ceil",
  "trunc",
  "round",
  "lt",
  "le",
  "gt",
  "ge",
]);
const nativeBits: ReadonlySet<OpName> = new Set(["and", "or", "xor"]);
const nativeLogic: ReadonlySet<OpName> = new Set(["and", "or", "not"]);

function isNativeOp(expr: OpExpr, halves: Halves): boolean {
  const { dtype } = expr.type;
  const words = expr.args.some(({ type }) => isWord(type));
  if (words || isWord(expr.type))
    return expr.op === "bitcast"
      ? isWord(expr.type) && words
      : expr.op === "convert" &&
          isHeldWord(expr.args[0]!) &&
          isPlainConversion(expr.args[0]!.type.dtype, dtype);
  if (dtype === "bool" && nativeLogic.has(expr.op)) return true;
  if (expr.op === "div" || expr.op === "neg")
    return isFloat(dtype) && computesInVectors(dtype, halves) && isVector(expr.type);
  if (!expr.args.every((arg) => arg.type.lanes === 1 || isVector(arg.type))) return false;
  const from = expr.args.at(-1)!.type.dtype;
  if (expr.op === "convert") return isPlainConversion(from, dtype);
  if (expr.op === "select") return true;
  const whole = from === "i32" || from === "u32";
  if (nativeBits.has(expr.op)) return whole;
  if (expr.op === "shl" || expr.op === "shr") return whole && expr.args[1]!.kind === "const";
  if (expr.op === "bitcast") return (whole || from === "f32") && dtypeInfo(dtype).bits === 32;
  return (
    nativeOps.has(expr.op) &&
    computesInVectors(from, halves) &&
    (computesInVectors(dtype, halves) || dtype === "bool")
  );
}

/** Whether bytes come as a word, and not one by one. */
const isHeldWord = (expr: Expr): boolean =>
  isWord(expr.type) && (expr.kind === "ref" || expr.kind === "load");

/** Conversions that lose nothing that WGSL's own doesn't lose in the same way. */
function isPlainConversion(from: Dtype, to: Dtype): boolean {
  if (to === "f32") return from !== "bool";
  return (to === "i32" || to === "u32") && isInteger(from);
}

/** One lane of a vector that stays. */
const laneOf = (vector: Expr, at: number): Expr => ({
  kind: "op",
  type: scalarType(vector.type.dtype),
  op: "lane",
  args: [vector],
  imm: [at],
  span: vector.span,
});

class Scalariser {
  private readonly kernel: IrKernel;
  private readonly fresh: FreshNames;
  private readonly arrays: VectorArrays;
  private readonly halves: Halves;
  /** Buffers that the caller gives. */
  private readonly args: ReadonlySet<string>;
  /** Values that need no name. */
  private readonly spelled = new Map<string, Expr>();
  /** The names of the lanes of a vector that WGSL hasn't. */
  private readonly lanes = new Map<string, readonly string[]>();

  constructor(kernel: IrKernel, arrays: VectorArrays, halves: Halves) {
    this.halves = halves;
    this.arrays = arrays;
    this.kernel = kernel;
    this.args = new Set(kernel.params.flatMap((param) => (param.kind === "tensor" ? [param.buffer] : [])));
    this.fresh = new FreshNames(kernel);
  }

  run(): readonly Stmt[] {
    const variables = new Set<string>();
    visitBlock(this.kernel.body, (stmt) => stmt.kind === "var" && variables.add(stmt.name));
    visitRoots(this.kernel.body, (root, stmt) => {
      // Lanes that are all the same, or an index apart, are best written where they are used.
      const plain = root.kind === "op" && (root.op === "splat" || root.op === "ramp");
      const fixed = (arg: Expr): boolean =>
        arg.kind === "const" || (arg.kind === "ref" && arg.type.lanes === 1 && !variables.has(arg.name));
      if (stmt.kind === "let" && plain && root.args.every(fixed))
        return void this.spelled.set(stmt.name, root);
      if ((stmt.kind === "let" || stmt.kind === "var") && root.type.lanes > 1 && !isVector(root.type)) {
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
        if (this.spelled.has(stmt.name)) return [];
        const value = stmt.kind === "let" ? stmt.value : stmt.init;
        const names = this.lanes.get(stmt.name);
        if (!names)
          return stmt.kind === "let"
            ? { ...stmt, value: this.whole(value) }
            : { ...stmt, init: this.whole(value) };
        return names.map((name, at): Stmt => {
          const lane = this.lane(value, at);
          return stmt.kind === "let" ? { ...stmt, name, value: lane } : { ...stmt, name, init: lane };
        });
      }
      case "assign": {
        const names = this.lanes.get(stmt.name);
        if (!names) return { ...stmt, value: this.whole(stmt.value) };
        return this.atOnce(
          stmt.value,
          (lane, value) => ({ ...stmt, name: names[lane]!, value }),
          names.length,
        );
      }
      case "store": {
        const count = Math.max(...stmt.index.map((index) => index.type.lanes), stmt.value.type.lanes);
        if (count > 1 && this.arrays.has(stmt.buffer))
          return { ...stmt, index: this.vectorIndex(stmt.index), value: this.filled(stmt.value, count) };
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
    if (isVector(value.type) && value.kind !== "const") {
      const name = this.fresh.value("lanes");
      before.push({ kind: "let", name, value: this.whole(value), span: value.span });
      const held = ref(name, value.type, value.span);
      return [...before, ...Array.from({ length: count }, (_, at) => write(at, laneOf(held, at)))];
    }
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

  /** An expression as WGSL can have it: a scalar, or a vector of its own. */
  private whole(expr: Expr): Expr {
    return expr.type.lanes === 1 ? this.scalar(expr) : this.vector(expr);
  }

  private filled(expr: Expr, lanes: number): Expr {
    return expr.type.lanes === 1 ? splat(this.scalar(expr), lanes) : this.vector(expr);
  }

  /** The last subscript stays a run of neighbours. */
  private vectorIndex(index: readonly Expr[]): readonly Expr[] {
    return index.map((part) =>
      part.type.lanes === 1 ? this.scalar(part) : mapOperands(part, (each) => this.scalar(each)),
    );
  }

  /** A vector of WGSL: operations that it has on what is one already, anything else lane by lane. */
  private vector(expr: Expr): Expr {
    const { lanes } = expr.type;
    const spelled = expr.kind === "ref" ? this.spelled.get(expr.name) : undefined;
    if (spelled) return this.vector(spelled);
    if (expr.kind === "const" || (expr.kind === "ref" && !this.lanes.has(expr.name))) return expr;
    if (expr.kind === "op" && expr.op === "splat") return splat(this.scalar(expr.args[0]!), lanes);
    if (expr.kind === "load" && this.arrays.get(expr.buffer) === lanes) {
      const load: Expr = { ...expr, index: this.vectorIndex(expr.index), guard: undefined };
      if (!expr.guard) return load;
      const guard = this.whole(expr.guard);
      // What lies outside of an argument isn't read at all.
      if (guard.kind === "op" && guard.op === "splat" && this.args.has(expr.buffer))
        return { ...load, guard: guard.args[0]! };
      if (!isWord(expr.type))
        return apply("select", expr.type, [guard, load, constant(0, expr.type)], expr.span);
      // A word is chosen as a whole, or byte by byte.
      const type = scalarType(expr.type.dtype);
      const chosen = (at: number): Expr =>
        apply("select", type, [this.lane(guard, at), laneOf(load, at), constant(0, type)], expr.span);
      const each = Array.from({ length: lanes }, (_, at) => chosen(at));
      return { kind: "op", type: expr.type, op: "vec", args: each, span: expr.span };
    }
    const constants = expr.kind === "op" && expr.args.every(({ kind }) => kind === "const");
    if (expr.kind === "op" && isNativeOp(expr, this.halves) && !constants)
      return mapOperands(expr, (operand) => this.whole(operand));
    const each = Array.from({ length: lanes }, (_, at) => this.lane(expr, at));
    return { kind: "op", type: expr.type, op: "vec", args: each, span: expr.span };
  }

  /** One lane of a vector; a scalar is the same in every lane. */
  private lane(expr: Expr, at: number): Expr {
    const type = scalarType(expr.type.dtype);
    switch (expr.kind) {
      case "const":
        return expr.type.lanes === 1 ? expr : constant(expr.value, type, expr.span);
      case "ref": {
        const spelled = this.spelled.get(expr.name);
        if (spelled) return this.lane(spelled, at);
        const names = this.lanes.get(expr.name);
        if (names) return ref(names[at]!, type, expr.span);
        return expr.type.lanes === 1 ? expr : laneOf(expr, at);
      }
      case "load": {
        if (expr.type.lanes > 1 && this.arrays.has(expr.buffer)) return laneOf(this.vector(expr), at);
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
        if (isWord(vector.type) && isWord(second!.type))
          return { ...expr, args: [this.vector(vector), this.vector(second!), this.lane(third!, 0)] };
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

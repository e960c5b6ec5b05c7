// Random expressions for random kernels: scalars and vectors of what is in scope, none of which ever fault.

import { dtypeInfo, isFloat, isInteger, isWide, type Dtype } from "../lang/dtypes.ts";
import { apply, cast, load, ramp, splat } from "../compiler/ir/build.ts";
import {
  constant,
  i32,
  int,
  op,
  ref,
  sameType,
  type Expr,
  type IrKernel,
  type IrType,
} from "../compiler/ir/ir.ts";
import { normalise } from "../compiler/ir/values.ts";
import type { OpName } from "../compiler/ir/ops.ts";
import { generator } from "./equivalence.ts";

export type Range = readonly [name: string, limit: Expr];

/** What is in scope, and expressions made of it. */
export class ExpressionGenerator {
  protected readonly random: () => number;
  protected counter = 0;
  /** Values in scope. */
  protected names: Expr[] = [
    ref("s", i32),
    ref("t", { dtype: "f32", lanes: 1 }),
    ref("M", i32),
    ref("N", i32),
  ];
  protected variables: Expr[] = [];
  protected readonly kernel: IrKernel;
  /** Loop variables in scope with what they're below. */
  protected loops: Range[] = [];
  protected live = new Set<string>();
  protected allocated = new Set<string>();
  /** Inside a reduction nothing outside may be written. */
  protected inReduction = false;

  constructor(seed: number, kernel: IrKernel) {
    this.random = generator(seed);
    this.kernel = kernel;
  }
  protected pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)]!;
  }
  protected chance(p: number): boolean {
    return this.random() < p;
  }
  protected fresh(stem: string): string {
    return `${stem}${this.counter++}`;
  }

  protected scoped<T>(run: () => T): T {
    const saved = [this.names, this.variables, this.loops, this.live] as const;
    this.names = [...this.names];
    this.variables = [...this.variables];
    this.loops = [...this.loops];
    this.live = new Set(this.live);
    const result = run();
    [this.names, this.variables, this.loops, this.live] = saved;
    return result;
  }
  /** Coordinates into an M × N tensor that are in bounds, or guarded. */
  protected position(lanes: number): { index: readonly Expr[]; guard?: Expr } {
    const rows = this.loops.filter(([, limit]) => limit.kind === "ref" && limit.name === "M");
    const columns = this.loops.filter(([, limit]) => limit.kind === "ref" && limit.name === "N");
    if (lanes === 1 && rows.length > 0 && columns.length > 0 && this.chance(0.7)) {
      return { index: [ref(this.pick(rows)[0], i32), ref(this.pick(columns)[0], i32)] };
    }
    const type: IrType = { dtype: "i32", lanes };
    const column =
      lanes > 1 && this.chance(0.5) ? ramp(this.expr(i32, 1), int(1), lanes) : this.expr(type, 1);
    const row = this.expr(i32, 1);
    const within = (at: Expr, limit: string): Expr => {
      const bound = splat(ref(limit, i32), at.type.lanes);
      return apply("and", [apply("ge", [at, constant(0, at.type)]), apply("lt", [at, bound])]);
    };
    return {
      index: [row, column],
      guard: apply("and", [splat(within(row, "M"), lanes), within(column, "N")]),
    };
  }
  protected constant(type: IrType): Expr {
    const { dtype } = type;
    if (dtype === "bool") return constant(this.chance(0.5), type);
    const value = isFloat(dtype)
      ? this.pick([0, -0, 1, -1, 0.5, 2, 3.25, 0.1, Infinity, NaN, 4, 1e-6])
      : this.pick([0, 1, -1, 2, 3, 4, 7, 8, 255, 1 << 20, -2147483648]);
    return constant(normalise(isWide(dtype) ? BigInt(value) : value, dtype), type);
  }

  protected expr(type: IrType, depth: number): Expr {
    const known = this.names.filter((name) => sameType(name.type, type));
    if (depth <= 0 || this.chance(0.15)) {
      return known.length > 0 && this.chance(0.7) ? this.pick(known) : this.constant(type);
    }
    if (type.lanes > 1 && this.chance(0.5)) return this.vector(type, depth);
    if (this.chance(0.2)) return this.read(type);
    if (type.dtype === "bool") return this.condition(type, depth);
    if (this.chance(0.15)) {
      const from = this.pick(["i32", "f32", "u8", "i64", "f16"] as const);
      return cast("convert", this.expr({ dtype: from, lanes: type.lanes }, depth - 1), type.dtype);
    }
    return isFloat(type.dtype) ? this.floating(type, depth) : this.integral(type, depth);
  }

  protected condition(type: IrType, depth: number): Expr {
    const side = (of: IrType): Expr => this.expr(of, depth - 1);
    if (this.chance(0.4)) {
      if (this.chance(0.25)) return apply("not", [side(type)]);
      return apply(this.pick(["and", "or", "xor", "eq"] as const), [side(type), side(type)]);
    }
    const of: IrType = { dtype: this.pick(["i32", "f32", "u8"] as const), lanes: type.lanes };
    return apply(this.pick(["eq", "ne", "lt", "le", "gt", "ge"] as const), [side(of), side(of)]);
  }

  protected floating(type: IrType, depth: number): Expr {
    const name = this.pick<OpName>([
      "add",
      "sub",
      "mul",
      "div",
      "min",
      "max",
      "neg",
      "abs",
      "sqrt",
      "floor",
      "round",
      "fma",
      "select",
    ]);
    return this.operation(name, type, depth);
  }

  protected integral(type: IrType, depth: number): Expr {
    const name = this.pick<OpName>([
      ...([
        "add",
        "add",
        "sub",
        "sub",
        "mul",
        "floordiv",
        "mod",
        "min",
        "max",
        "neg",
        "abs",
        "and",
        "or",
      ] as const),
      ...(["xor", "not", "shl", "shr", "clz", "ctz", "popcount", "select"] as const),
    ]);
    if (name === "floordiv" || name === "mod" || name === "shl" || name === "shr") {
      const seven = constant(normalise(isWide(type.dtype) ? 7n : 7, type.dtype), type);
      const one = constant(normalise(isWide(type.dtype) ? 1n : 1, type.dtype), type);
      const low = apply("and", [this.expr(type, depth - 1), seven]);
      const known = this.constant(type);
      const shift = name === "shl" || name === "shr";
      const fits =
        known.kind === "const" &&
        (shift
          ? Number(known.value) >= 0 && Number(known.value) < dtypeInfo(type.dtype).bits
          : Number(known.value) !== 0);
      const right = fits && this.chance(0.5) ? known : shift ? low : apply("add", [low, one]);
      return apply(name, [this.expr(type, depth - 1), right]);
    }
    return this.operation(name, type, depth);
  }

  protected operation(name: OpName, type: IrType, depth: number): Expr {
    if (name === "select") {
      const lanes = this.chance(0.5) ? type.lanes : 1;
      const cond = this.expr({ dtype: "bool", lanes }, depth - 1);
      return apply("select", [cond, this.expr(type, depth - 1), this.expr(type, depth - 1)]);
    }
    const count = ["neg", "abs", "sqrt", "floor", "round", "not", "clz", "ctz", "popcount"].includes(name)
      ? 1
      : name === "fma"
        ? 3
        : 2;
    const args = Array.from({ length: count }, () => this.expr(type, depth - 1));
    // Equal operands are what many identities are about.
    if (count === 2 && this.chance(0.1)) args[1] = args[0]!;
    return apply(name, args);
  }

  protected vector(type: IrType, depth: number): Expr {
    const scalar: IrType = { dtype: type.dtype, lanes: 1 };
    const choices = ["splat", "vec", "shuffle", "insert"];
    if (isInteger(type.dtype)) choices.push("ramp", "ramp");
    switch (this.pick(choices)) {
      case "vec":
        return apply(
          "vec",
          Array.from({ length: type.lanes }, () => this.expr(scalar, depth - 1)),
        );
      case "shuffle": {
        const imm = Array.from({ length: type.lanes }, () => Math.floor(this.random() * type.lanes));
        return apply("shuffle", [this.expr(type, depth - 1)], undefined, imm);
      }
      case "insert": {
        const imm = [Math.floor(this.random() * type.lanes)];
        return apply("insert", [this.expr(type, depth - 1), this.expr(scalar, depth - 1)], undefined, imm);
      }
      case "ramp":
        return ramp(this.expr(scalar, depth - 1), this.expr(scalar, depth - 1), type.lanes);
      default:
        return op("splat", type, [this.expr(scalar, depth - 1)]);
    }
  }

  /** A load, or a lane or a horizontal op of a vector. */
  protected read(type: IrType): Expr {
    const { dtype, lanes } = type;
    if (lanes === 1 && this.chance(0.3)) return this.horizontal(type);
    const local = dtype === "f32" ? "a" : "b";
    if ((dtype === "f32" || dtype === "i32") && this.live.has(local) && this.chance(0.4)) {
      const index = apply("and", [
        this.expr({ dtype: "i32", lanes }, 1),
        constant(3, { dtype: "i32", lanes }),
      ]);
      return load({ name: local, dtype }, [index]);
    }
    const buffers: Partial<Record<Dtype, readonly [string, Dtype][]>> = {
      f32: [
        ["x", "f32"],
        ["y", "f32"],
      ],
      i32: [
        ["k", "i32"],
        ["z", "i32"],
        ["q", "u4"],
      ],
      f16: [["h", "f16"]],
      i64: [["w", "i64"]],
    };
    const known = buffers[dtype];
    if (!known) return this.constant(type);
    const [name, stored] = this.pick(known);
    const { index, guard } = this.position(lanes);
    return load({ name, dtype: stored }, "xykz".includes(name) ? index : [index[1]!], guard);
  }

  protected horizontal(type: IrType): Expr {
    if (!["f32", "i32", "bool"].includes(type.dtype)) return this.constant(type);
    const vector = this.expr({ dtype: type.dtype, lanes: 4 }, 1);
    if (this.chance(0.4)) return apply("lane", [vector], undefined, [Math.floor(this.random() * 4)]);
    const names =
      type.dtype === "bool" ? (["vany", "vall"] as const) : (["vsum", "vprod", "vmin", "vmax"] as const);
    return apply(this.pick<OpName>(names), [vector]);
  }
}

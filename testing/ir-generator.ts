// Random kernels that are well-formed and never fault: every statement, most ops, scalars and vectors. Tests hold
// rewrites against the interpreter with them, and the text form against its parser.

import { dtypeInfo, isFloat, isInteger, isWide, type Dtype } from "../lang/dtypes.ts";
import { apply, cast, load, ramp, splat } from "../compiler/ir/build.ts";
import {
  bool,
  constant,
  i32,
  int,
  op,
  ref,
  sameType,
  type Expr,
  type IrKernel,
  type IrType,
  type Stmt,
} from "../compiler/ir/ir.ts";
import { parseKernel } from "../compiler/ir/parse.ts";
import { normalise } from "../compiler/ir/values.ts";
import type { OpName } from "../compiler/ir/ops.ts";
import { generator } from "./equivalence.ts";

/** The header and the first phase, which writes every element of the results. */
const frame = `kernel random(
    x: in f32[M, N], k: in i32[M, N], h: in f16[N], w: in i64[N], q: in u4[N], y: out f32[M, N], z: mut i32[M, N], s: i32, t: f32
  ) dims(M = x.0, N = x.1) {
  require s >= 0, "s >= 0"
  local a: f32[8]
  local b: i32[4]
  for first in 0..M { for second in 0..N { y[first, second] = x[first, second] } }
}`;

type Range = readonly [name: string, limit: Expr];

class Generator {
  private readonly random: () => number;
  private counter = 0;
  /** Values in scope. */
  private names: Expr[] = [ref("s", i32), ref("t", { dtype: "f32", lanes: 1 }), ref("M", i32), ref("N", i32)];
  private variables: Expr[] = [];
  private readonly kernel: IrKernel;
  /** Loop variables in scope with what they're below. */
  private loops: Range[] = [];
  private live = new Set<string>();
  private allocated = new Set<string>();
  /** Inside a reduction nothing outside may be written. */
  private inReduction = false;

  constructor(seed: number) {
    this.random = generator(seed);
    this.kernel = parseKernel(frame);
  }

  make(): IrKernel {
    const body = this.block(5, 3);
    return { ...this.kernel, body: [...this.kernel.body, ...body] };
  }

  private pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)]!;
  }
  private chance(p: number): boolean {
    return this.random() < p;
  }
  private fresh(stem: string): string {
    return `${stem}${this.counter++}`;
  }

  private scoped<T>(run: () => T): T {
    const saved = [this.names, this.variables, this.loops, this.live] as const;
    this.names = [...this.names];
    this.variables = [...this.variables];
    this.loops = [...this.loops];
    this.live = new Set(this.live);
    const result = run();
    [this.names, this.variables, this.loops, this.live] = saved;
    return result;
  }

  private block(size: number, depth: number, tail: () => readonly Stmt[] = () => []): Stmt[] {
    return this.scoped(() => [
      ...Array.from({ length: 1 + Math.floor(this.random() * size) }, () => this.stmt(depth)).flat(),
      ...tail(),
    ]);
  }

  private readonly types: readonly IrType[] = [
    i32,
    i32,
    { dtype: "f32", lanes: 1 },
    { dtype: "f32", lanes: 1 },
    bool,
    { dtype: "f16", lanes: 1 },
    { dtype: "u8", lanes: 1 },
    { dtype: "i64", lanes: 1 },
    { dtype: "u32", lanes: 1 },
    { dtype: "f32", lanes: 4 },
    { dtype: "i32", lanes: 4 },
    { dtype: "bool", lanes: 4 },
  ];

  private stmt(depth: number): readonly Stmt[] {
    const kinds = ["let", "let", "let", "var", "assign", "assign", "alloc"];
    if (!this.inReduction) kinds.push("store", "store", "store");
    if (depth > 0) kinds.push("if", "if", "for", "for", "for", "while", "reduce", "reduce");
    switch (this.pick(kinds)) {
      case "var": {
        const init = this.expr(this.pick(this.types), 2);
        const name = this.fresh("v");
        this.variables.push(ref(name, init.type));
        this.names.push(ref(name, init.type));
        return [{ kind: "var", name, init }];
      }
      case "assign": {
        const target = this.variables.length > 0 ? this.pick(this.variables) : undefined;
        if (target?.kind !== "ref") return [];
        return [{ kind: "assign", name: target.name, value: this.expr(target.type, 3) }];
      }
      case "alloc": {
        const buffer = this.pick(["a", "b"]);
        if (this.allocated.has(buffer)) return this.inReduction ? [] : [this.localStore()].flat();
        this.allocated.add(buffer);
        const fill = this.expr({ dtype: buffer === "a" ? "f32" : "i32", lanes: 1 }, 1);
        this.live.add(buffer);
        return [{ kind: "alloc", buffer, fill }];
      }
      case "store":
        return [this.chance(0.3) ? this.localStore() : this.store()].flat();
      case "if":
        return [
          {
            kind: "if",
            cond: this.expr(bool, 2),
            then: this.block(3, depth - 1),
            orelse: this.chance(0.5) ? this.block(2, depth - 1) : [],
          },
        ];
      case "for":
        return [this.loop(depth)];
      case "while":
        return this.countedWhile(depth);
      case "reduce":
        return [this.reduce(depth)];
      default: {
        const value = this.expr(this.pick(this.types), 3);
        const name = this.fresh("l");
        this.names.push(ref(name, value.type));
        return [{ kind: "let", name, value }];
      }
    }
  }

  private store(): Stmt {
    const { index, guard } = this.position(1);
    if (this.chance(0.5))
      return { kind: "store", buffer: "y", index, value: this.expr({ dtype: "f32", lanes: 1 }, 3), guard };
    const atomic = this.chance(0.2) ? ("add" as const) : undefined;
    return { kind: "store", buffer: "z", index, value: this.expr(i32, 3), guard, ...(atomic && { atomic }) };
  }

  private localStore(): readonly Stmt[] {
    const buffer = this.pick([...this.live]);
    if (buffer === undefined) return [];
    const lanes = this.chance(0.2) ? 4 : 1;
    const index = apply("and", [this.expr({ dtype: "i32", lanes }, 1), constant(3, { dtype: "i32", lanes })]);
    const value = this.expr({ dtype: buffer === "a" ? "f32" : "i32", lanes }, 2);
    return [{ kind: "store", buffer, index: [index], value }];
  }

  /** Coordinates into an M × N tensor that are in bounds, or guarded. */
  private position(lanes: number): { index: readonly Expr[]; guard?: Expr } {
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

  private loop(depth: number): Stmt {
    const name = this.fresh("i");
    const limit = this.pick([
      ref("M", i32),
      ref("N", i32),
      ref("M", i32),
      ref("N", i32),
      int(0),
      int(1),
      int(3),
      this.small(),
    ]);
    const step = this.pick([1, 1, 1, 2, 4]);
    const lo = this.chance(0.8) ? int(0) : this.small();
    const body = this.scoped(() => {
      this.names.push(ref(name, i32));
      if (limit.kind === "ref") this.loops.push([name, limit]);
      return this.block(3, depth - 1, () => (this.chance(0.2) ? [this.jump()] : []));
    });
    return { kind: "for", name, lo, hi: limit, step, marks: {}, body };
  }

  private jump(): Stmt {
    const kind = this.chance(0.5) ? "break" : "continue";
    return { kind: "if", cond: this.expr(bool, 2), then: [{ kind }], orelse: [] };
  }

  /** 0 … 7 */
  private small(): Expr {
    return apply("and", [this.expr(i32, 1), int(7)]);
  }

  private countedWhile(depth: number): readonly Stmt[] {
    const name = this.fresh("n");
    const counter = ref(name, i32);
    const more = apply("lt", [counter, int(3)]);
    this.names.push(counter);
    const step: Stmt = { kind: "assign", name, value: apply("add", [counter, int(1)]) };
    return [
      { kind: "var", name, init: int(0) },
      {
        kind: "while",
        cond: this.chance(0.5) ? more : apply("and", [more, this.expr(bool, 1)]),
        body: [step, ...this.block(2, depth - 1, () => (this.chance(0.2) ? [this.jump()] : []))],
      },
    ];
  }

  private reduce(depth: number): Stmt {
    const into = this.fresh("r");
    const kind = this.pick(["sum", "prod", "max", "min", "any", "all", "argmax", "custom"] as const);
    const type =
      kind === "any" || kind === "all"
        ? bool
        : this.pick([i32, { dtype: "f32", lanes: 1 }, { dtype: "i64", lanes: 1 }] as const);
    const results = [{ name: into, type }];
    const init = [this.expr(type, 1)];
    if (kind === "argmax") {
      results.push({ name: this.fresh("p"), type: i32 });
      init.push(int(2147483647));
    }
    const [left, right] = [this.fresh("c"), this.fresh("c")];
    const combine = {
      left: [left],
      right: [right],
      body: [],
      values: [apply("add", [ref(left, type), apply("mul", [ref(right, type), ref(right, type)])])],
    };
    const savedVariables = this.variables;
    const savedState = this.inReduction;
    const savedLive = this.live;
    this.variables = [];
    this.inReduction = true;
    const give = (): Stmt => ({
      kind: "yield",
      into,
      values: results.map((result) => this.expr(result.type, 2)),
    });
    const body = this.block(2, depth - 1, () => {
      const name = this.fresh("i");
      const limit = this.pick([ref("M", i32), ref("N", i32), int(1), int(5)]);
      return this.scoped(() => {
        if (this.chance(0.2)) return [give()];
        this.names.push(ref(name, i32));
        if (limit.kind === "ref") this.loops.push([name, limit]);
        const one = this.chance(0.3)
          ? { kind: "if" as const, cond: this.expr(bool, 2), then: [give()], orelse: [] }
          : give();
        return [{ kind: "for" as const, name, lo: int(0), hi: limit, step: 1, marks: {}, body: [one] }];
      });
    });
    this.variables = savedVariables;
    this.inReduction = savedState;
    this.live = savedLive;
    for (const result of results) this.names.push(ref(result.name, result.type));
    return { kind: "reduce", results, op: kind, init, ...(kind === "custom" && { combine }), body };
  }

  // ---- expressions ----

  private constant(type: IrType): Expr {
    const { dtype } = type;
    if (dtype === "bool") return constant(this.chance(0.5), type);
    const value = isFloat(dtype)
      ? this.pick([0, -0, 1, -1, 0.5, 2, 3.25, 0.1, Infinity, NaN, 4, 1e-6])
      : this.pick([0, 1, -1, 2, 3, 4, 7, 8, 255, 1 << 20, -2147483648]);
    return constant(normalise(isWide(dtype) ? BigInt(value) : value, dtype), type);
  }

  private expr(type: IrType, depth: number): Expr {
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

  private condition(type: IrType, depth: number): Expr {
    const side = (of: IrType): Expr => this.expr(of, depth - 1);
    if (this.chance(0.4)) {
      if (this.chance(0.25)) return apply("not", [side(type)]);
      return apply(this.pick(["and", "or", "xor", "eq"] as const), [side(type), side(type)]);
    }
    const of: IrType = { dtype: this.pick(["i32", "f32", "u8"] as const), lanes: type.lanes };
    return apply(this.pick(["eq", "ne", "lt", "le", "gt", "ge"] as const), [side(of), side(of)]);
  }

  private floating(type: IrType, depth: number): Expr {
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

  private integral(type: IrType, depth: number): Expr {
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

  private operation(name: OpName, type: IrType, depth: number): Expr {
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

  private vector(type: IrType, depth: number): Expr {
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
  private read(type: IrType): Expr {
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

  private horizontal(type: IrType): Expr {
    if (!["f32", "i32", "bool"].includes(type.dtype)) return this.constant(type);
    const vector = this.expr({ dtype: type.dtype, lanes: 4 }, 1);
    if (this.chance(0.4)) return apply("lane", [vector], undefined, [Math.floor(this.random() * 4)]);
    const names =
      type.dtype === "bool" ? (["vany", "vall"] as const) : (["vsum", "vprod", "vmin", "vmax"] as const);
    return apply(this.pick<OpName>(names), [vector]);
  }
}

/** The same kernel for the same seed. */
export function randomKernel(seed: number): IrKernel {
  return new Generator(seed).make();
}

// Random kernels that are well-formed and never fault: every statement, most ops, scalars and vectors. Tests hold
// rewrites against the interpreter with them, and the text form against its parser.

import { apply } from "../compiler/ir/build.ts";
import {
  bool,
  constant,
  i32,
  int,
  ref,
  type Expr,
  type IrKernel,
  type IrType,
  type Stmt,
} from "../compiler/ir/ir.ts";
import { parseKernel } from "../compiler/ir/parse.ts";
import { ExpressionGenerator } from "./ir-expressions.ts";

/** The header and the first phase, which writes every element of the results. */
const frame = `kernel random(
    x: in f32[M, N], k: in i32[M, N], h: in f16[N], w: in i64[N], q: in u4[N], y: out f32[M, N], z: mut i32[M, N], s: i32, t: f32
  ) dims(M = x.0, N = x.1) {
  require s >= 0, "s >= 0"
  local a: f32[8]
  local b: i32[4]
  for first in 0..M { for second in 0..N { y[first, second] = x[first, second] } }
}`;

class Generator extends ExpressionGenerator {
  constructor(seed: number) {
    super(seed, parseKernel(frame));
  }

  make(): IrKernel {
    const body = this.block(5, 3);
    return { ...this.kernel, body: [...this.kernel.body, ...body] };
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
}

/** The same kernel for the same seed. */
export function randomKernel(seed: number): IrKernel {
  return new Generator(seed).make();
}

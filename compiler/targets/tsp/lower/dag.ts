// A kernel's loop nest as a graph of ALU instructions: every load is a stream of rows, every op one or a few instructions
// of the VXM. What can't be put so is a reason for the user, in words.

import { isFloat, type Dtype } from "../../../../lang/dtypes.ts";
import type { Span } from "../../../../lang/source.ts";
import type { Expr, ForStmt, IrKernel, OpExpr, Stmt } from "../../../ir/ir.ts";
import { mapAllExprs, mapExpr, mapSame } from "../../../ir/walk.ts";
import { simplify } from "../../../passes/simplify/index.ts";
import type { Op } from "../machine/table.ts";
import { constantBits, widths, type TspType } from "../machine/values.ts";

/** A loop of the nest: it runs from 0 to below `extent`. */
export interface Loop {
  readonly name: string;
  readonly extent: number;
}

/** The elements that a load reads: one loop an axis, or a fixed place on it. */
export interface Access {
  readonly buffer: string;
  readonly shape: readonly number[];
  readonly axes: readonly (number | { readonly at: number })[];
}

export type Node =
  | { readonly kind: "load"; readonly type: TspType; readonly access: Access }
  /** The bits of an ALU's constant register. */
  | { readonly kind: "constant"; readonly type: TspType; readonly bits: number }
  | {
      readonly kind: "alu";
      readonly op: Op;
      /** Of the operands. */
      readonly type: TspType;
      readonly gives: TspType;
      readonly rounding: number;
      readonly args: readonly Node[];
      readonly span: Span | undefined;
    }
  /** The same bits under another type. */
  | { readonly kind: "cast"; readonly type: TspType; readonly of: Node };

export interface Dag {
  readonly loops: readonly Loop[];
  readonly stores: readonly {
    readonly access: Access;
    readonly value: Node;
    readonly span: Span | undefined;
  }[];
}

/** Why a kernel can't be lowered, and where. */
export class Unfit extends Error {
  readonly span: Span | undefined;

  constructor(why: string, span?: Span) {
    super(why);
    this.span = span;
  }
}

/** The graph of a kernel whose dims and scalar arguments are known. Throws `Unfit`. */
export function dagOf(kernel: IrKernel, known: ReadonlyMap<string, number>): Dag {
  const fixed = simplify(withKnown(kernel, known));
  const shapes = new Map(
    fixed.buffers.map(({ name, shape, dtype, span }) => [
      name,
      { dtype, shape: shape.map((dim) => fixedInt(dim, "the size of a tensor", span)) },
    ]),
  );
  const builder = new Builder(shapes);
  for (const stmt of fixed.body) {
    if (builder.loops.length > 0) throw new Unfit("several loop nests", stmt.span);
    builder.nest(stmt);
  }
  return { loops: builder.loops, stores: builder.stores };
}

/** The kernel with values in place of its dims and scalar parameters. */
export function withKnown(kernel: IrKernel, known: ReadonlyMap<string, number>): IrKernel {
  const one = (expr: Expr): Expr => {
    if (expr.kind !== "ref" || !known.has(expr.name)) return expr;
    const value = known.get(expr.name)!;
    return {
      kind: "const",
      type: expr.type,
      value: expr.type.dtype === "bool" ? value !== 0 : value,
      span: expr.span,
    };
  };
  const replace = (expr: Expr): Expr => mapExpr(expr, one);
  return {
    ...kernel,
    buffers: kernel.buffers.map((buffer) => ({ ...buffer, shape: buffer.shape.map(replace) })),
    requires: [],
    body: mapSame(kernel.body, (stmt) => mapAllExprs(stmt, replace)),
  };
}

export function fixedInt(expr: Expr, what: string, span: Span | undefined): number {
  const value = wholeValue(expr);
  if (value !== undefined) return value;
  throw new Unfit(`${what} that depends on data`, expr.span ?? span);
}

/** The value of an expression of constants, as sizes of tensors are once dims are known. */
function wholeValue(expr: Expr): number | undefined {
  if (expr.kind === "const") return Number(expr.value);
  if (expr.kind !== "op") return undefined;
  const [a, b] = expr.args.map(wholeValue);
  if (a === undefined || b === undefined) return undefined;
  switch (expr.op) {
    case "add":
      return a + b;
    case "sub":
      return a - b;
    case "mul":
      return a * b;
    case "floordiv":
      return b === 0 ? undefined : Math.floor(a / b);
    case "min":
      return Math.min(a, b);
    case "max":
      return Math.max(a, b);
    default:
      return undefined;
  }
}

function tspType(dtype: Dtype, span: Span | undefined): TspType {
  if (dtype === "bool") return "u8";
  if (Object.hasOwn(widths, dtype)) return dtype as TspType;
  throw new Unfit(`the type \`${dtype}\``, span);
}

class Builder {
  readonly loops: Loop[] = [];
  readonly stores: { access: Access; value: Node; span: Span | undefined }[] = [];
  private readonly shapes: ReadonlyMap<string, { readonly dtype: Dtype; readonly shape: readonly number[] }>;
  private readonly named = new Map<string, Node>();
  /** One node for equal loads and constants. */
  private readonly leaves = new Map<string, Node>();

  constructor(shapes: Builder["shapes"]) {
    this.shapes = shapes;
  }

  nest(stmt: Stmt): void {
    if (stmt.kind === "for") {
      this.enter(stmt);
      const [only, ...more] = stmt.body;
      if (only?.kind === "for" && more.length === 0) return this.nest(only);
      for (const each of stmt.body) this.statement(each);
      return;
    }
    this.statement(stmt);
  }

  private enter({ name, lo, hi, step, span }: ForStmt): void {
    if (fixedInt(lo, "a loop’s bound", span) !== 0 || step !== 1)
      throw new Unfit("a loop that doesn’t count every element from 0 on", span);
    this.loops.push({ name, extent: Math.max(0, fixedInt(hi, "a loop’s bound", span)) });
  }

  private statement(stmt: Stmt): void {
    switch (stmt.kind) {
      case "let":
      case "assign":
        this.named.set(stmt.name, this.value(stmt.value));
        return;
      // Without loops and branches in between, a variable is the value that it was given last.
      case "var":
        this.named.set(stmt.name, this.value(stmt.init));
        return;
      case "store": {
        if (stmt.guard || stmt.atomic) throw new Unfit("a conditional or atomic store", stmt.span);
        const access = this.access(stmt.buffer, stmt.index, stmt.span);
        if (access.axes.length !== this.loops.length || access.axes.some((axis, at) => axis !== at))
          throw new Unfit("a store whose subscripts aren’t the loops in their order", stmt.span);
        if (access.shape.some((size, at) => size !== this.loops[at]!.extent))
          throw new Unfit("a store to a part of a tensor", stmt.span);
        this.stores.push({ access, value: this.value(stmt.value), span: stmt.span });
        return;
      }
      default:
        throw new Unfit(statementNames[stmt.kind] ?? `\`${stmt.kind}\``, stmt.span);
    }
  }

  private access(buffer: string, index: readonly Expr[], span: Span | undefined): Access {
    const axes = index.map((expr): Access["axes"][number] => {
      if (expr.kind === "const") return { at: Number(expr.value) };
      const at = expr.kind === "ref" ? this.loops.findIndex(({ name }) => name === expr.name) : -1;
      if (at < 0) throw new Unfit("a subscript that isn’t a loop’s variable", expr.span ?? span);
      return at;
    });
    const used = axes.filter((axis) => typeof axis === "number");
    if (used.some((axis, at) => at > 0 && axis <= used[at - 1]!))
      throw new Unfit("subscripts in another order than the loops", span);
    return { buffer, shape: this.shapes.get(buffer)!.shape, axes };
  }

  private leaf(node: Node, key: string): Node {
    const found = this.leaves.get(key) ?? node;
    this.leaves.set(key, found);
    return found;
  }

  private value(expr: Expr): Node {
    switch (expr.kind) {
      case "const":
        return this.constant(Number(expr.value), tspType(expr.type.dtype, expr.span));
      case "ref": {
        const found = this.named.get(expr.name);
        if (!found) throw new Unfit("a loop’s variable as a value", expr.span);
        return found;
      }
      case "load": {
        if (expr.guard) throw new Unfit("a conditional load", expr.span);
        const access = this.access(expr.buffer, expr.index, expr.span);
        const type = tspType(this.shapes.get(expr.buffer)!.dtype, expr.span);
        return this.leaf(
          { kind: "load", type, access },
          `load ${access.buffer} ${JSON.stringify(access.axes)}`,
        );
      }
      default:
        return this.operation(expr);
    }
  }

  private constant(value: number, type: TspType): Node {
    const bits = constantBits(value, type) >>> 0;
    return this.leaf({ kind: "constant", type, bits }, `constant ${type} ${bits}`);
  }

  private operation(expr: OpExpr): Node {
    const { span, op } = expr;
    const own = expr.type.dtype;
    const from = expr.args[op === "select" ? 1 : 0]!.type.dtype;
    const type = tspType(from, span);
    const gives = tspType(own, span);
    const make = (
      name: Op,
      args: readonly Node[],
      options: { type?: TspType; gives?: TspType; rounding?: number } = {},
    ): Node => {
      const operand = options.type ?? type;
      return {
        kind: "alu",
        op: name,
        type: operand,
        gives: options.gives ?? operand,
        rounding: options.rounding ?? 0,
        args,
        span,
      };
    };
    const args = expr.args.map((each) => this.value(each));
    const [a, b, c] = args as [Node, Node, Node];
    const bits: TspType = widths[type] === 4 ? "u32" : widths[type] === 2 ? "u16" : "u8";
    const asBits = (node: Node): Node => ({ kind: "cast", type: bits, of: node });
    const select = (cond: Node, yes: Node, no: Node): Node => ({
      kind: "cast",
      type,
      of: make("or", [asBits(make("mask", [yes, cond])), asBits(make("mask_not", [no, cond]))], {
        type: bits,
      }),
    });
    const whole = (rounding: number): Node => {
      const back = make("convert", [make("convert", [a], { gives: "i32", rounding })], {
        type: "i32",
        gives: type,
      });
      return select(make("lt", [make("abs", [a]), this.constant(2 ** 30, type)], { gives: "u8" }), back, a);
    };
    const one = (cond: Node): Node => make("convert", [cond], { type: "u8", gives: type });
    switch (op) {
      case "add":
      case "sub":
      case "mul":
      case "min":
      case "max":
      case "shl":
      case "shr":
      case "and":
      case "or":
      case "xor":
        return make(op, [a, b]);
      case "neg":
      case "abs":
        return make(op, [a]);
      case "not":
        return from === "bool" ? make("xor", [a, this.constant(1, "u8")]) : make("not", [a]);
      case "eq":
      case "ne":
      case "lt":
      case "le":
        return make(op, [a, b], { gives: "u8" });
      case "gt":
        return make("lt", [b, a], { gives: "u8" });
      case "ge":
        return make("le", [b, a], { gives: "u8" });
      case "select":
        return select(a, b, c);
      case "fma":
        return make("add", [make("mul", [a, b]), c]);
      case "sqrt": {
        // 1 / √(1 / x): exact at 0 and at infinity, unlike x / √x.
        const inverse = make("rsqrt", [a]);
        return make("rsqrt", [make("mul", [inverse, inverse])]);
      }
      case "div": {
        const divisor = b;
        if (divisor.kind === "constant") {
          const expression = expr.args[1]!;
          const value = expression.kind === "const" ? Number(expression.value) : NaN;
          return make("mul", [a, this.constant(1 / value, type)]);
        }
        // The machine has no reciprocal: 1 / |b| is rsqrt(|b|)², and the sign is b's.
        const inverse = make("rsqrt", [make("abs", [b])]);
        const quotient = make("mul", [a, make("mul", [inverse, inverse])]);
        const sign: Node = { kind: "constant", type: bits, bits: type === "f16" ? 0x8000 : 0x80000000 };
        const signed = make("xor", [asBits(quotient), make("and", [asBits(b), sign], { type: bits })], {
          type: bits,
        });
        return { kind: "cast", type, of: signed };
      }
      case "round":
        return whole(2);
      case "trunc":
        return whole(1);
      case "floor": {
        const cut = whole(1);
        return make("sub", [cut, one(make("lt", [a, cut], { gives: "u8" }))]);
      }
      case "ceil": {
        const cut = whole(1);
        return make("add", [cut, one(make("lt", [cut, a], { gives: "u8" }))]);
      }
      case "convert":
      case "saturate": {
        if (own === "bool") return make("ne", [a, this.constant(0, type)], { gives: "u8" });
        if (type === gives) return a;
        // Conversions cut floats off, `saturate` rounds them; both saturate. Integers wrap or saturate.
        const rounding = op === "saturate" ? (isFloat(from) ? 2 : 1) : isFloat(from) ? 1 : 0;
        return make("convert", [a], { gives, rounding });
      }
      case "bitcast":
        return { kind: "cast", type: gives, of: a };
      default:
        throw new Unfit(`\`${op}\``, span);
    }
  }
}

const statementNames: Readonly<Partial<Record<Stmt["kind"], string>>> = {
  for: "a loop beside other statements",
  while: "a loop whose end depends on data",
  if: "a branch",
  reduce: "a reduction",
  assert: "a check that only data can decide",
  alloc: "a local array",
  break: "a loop whose end depends on data",
  continue: "a loop whose end depends on data",
};

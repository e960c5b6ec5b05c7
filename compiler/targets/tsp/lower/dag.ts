// A kernel's loop nest as a graph of ALU instructions: every load is a stream of rows, every op one or a few instructions
// of the VXM. What can't be put so is a reason for the user, in words.

import { isWide, type Dtype } from "../../../../lang/dtypes.ts";
import type { Span } from "../../../../lang/source.ts";
import type { Expr, ForStmt, IrKernel, Stmt } from "../../../ir/ir.ts";
import { mapAllExprs, mapExpr, mapSame } from "../../../ir/walk.ts";
import { simplify } from "../../../passes/simplify/index.ts";
import type { Op } from "../machine/table.ts";
import type { TspType } from "../machine/values.ts";
import { constantNode, selected, tspType } from "./selection.ts";

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
  /** Whether its rows come from the east, on westward streams. */
  readonly westward?: boolean;
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
  /** What the step before this one, of a chain of steps, gave as `Dag.carried[index]`. */
  | { readonly kind: "carried"; readonly type: TspType; readonly index: number }
  /** The same bits under another type. */
  | { readonly kind: "cast"; readonly type: TspType; readonly of: Node };

export interface Dag {
  readonly loops: readonly Loop[];
  readonly stores: readonly {
    readonly access: Access;
    readonly value: Node;
    readonly span: Span | undefined;
  }[];
  /** Values that steps hand to the next one: where the first step gets it, and the store whose value is handed on. */
  readonly carried?: readonly { readonly init: Access; readonly store: number }[];
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
    const { dtype } = expr.type;
    return {
      kind: "const",
      type: expr.type,
      value: dtype === "bool" ? value !== 0 : isWide(dtype) ? BigInt(value) : value,
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
        return selected(
          expr,
          expr.args.map((each) => this.value(each)),
        );
    }
  }

  private constant(value: number, type: TspType): Node {
    const node = constantNode(value, type);
    return this.leaf(node, `constant ${type} ${node.bits}`);
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

// The state of one lowering: what names stand for, the block being filled, fresh names, the buffers made so far.
// The other files of this folder are functions over it, one file a kind of node.

import { isFloat, type Dtype } from "../../lang/dtypes.ts";
import type { Span } from "../../lang/source.ts";
import type { Sym, TargetName } from "../../lang/typed.ts";
import { internalError } from "../../lang/diagnostics/internal-error.ts";
import { op, ref, type Buffer, type Expr, type IrType, type Stmt } from "../ir/ir.ts";
import type { Choice } from "../tuning/values.ts";
import type { MadeScope, MarkScope } from "./marks.ts";
import { asExpr, exprValue, type Value } from "./values.ts";

/** Statements and inlined calls that one kernel may come to. */
export const loweringLimit = 50_000;

/** Thrown where a kernel, with everything it calls inlined, passes the limit; the driver reports it. */
export class KernelTooLarge extends Error {}

export class Lowering {
  /** Annotations that hold for this target apply; undefined: the unprefixed ones only. */
  readonly target: TargetName | undefined;
  /** Which values of lists in annotations to take; the first ones if nothing is said. */
  readonly choice: Choice | undefined;
  /** Whether annotations hold at all. */
  readonly annotated: boolean;
  readonly buffers: Buffer[] = [];
  /** Annotations in force, outermost first. */
  readonly marks: MarkScope[] = [];
  /** Annotated statements under way whose loops a schedule will change. */
  readonly made: MadeScope[] = [];
  /** How many inlined calls stand around: a name in an annotation means no loop of a callee. */
  calls = 0;
  private readonly values = new Map<Sym, Value>();
  private readonly used = new Set<string>();
  private block: Stmt[] = [];
  private spent = 0;

  constructor(target: TargetName | undefined, choice: Choice | "ignored" | undefined) {
    this.target = target;
    this.choice = choice === "ignored" ? undefined : choice;
    this.annotated = choice !== "ignored";
  }

  // ---- names ----

  /** `base` itself, or with a number behind it, unlike every other name of the kernel. */
  fresh(base: string): string {
    let name = base;
    for (let count = 1; this.used.has(name); count++) name = `${base}.${count}`;
    this.used.add(name);
    return name;
  }

  bind(sym: Sym, value: Value): void {
    this.values.set(sym, value);
  }

  /** What a name stands for now. Function parameters may read names of the function around them. */
  lookup(sym: Sym): Value {
    return this.values.get(sym) ?? internalError("lower", `the name ${sym.name} has no value`);
  }

  // ---- statements ----

  emit(statement: Stmt): void {
    this.spend();
    this.block.push(statement);
  }

  /** How many statements the block being filled has so far. */
  get position(): number {
    return this.block.length;
  }

  /** Changes the statements of the block being filled from a position on. */
  amend(from: number, change: (statement: Stmt) => Stmt): void {
    this.block.splice(from, Infinity, ...this.block.slice(from).map(change));
  }

  /** Counts a statement or an inlined call against the limit: calls that double at each level never end. */
  spend(): void {
    if (++this.spent > loweringLimit) throw new KernelTooLarge();
  }

  /** The statements that `fill` emits, as a block of their own. */
  collect(fill: () => void): Stmt[] {
    const outer = this.block;
    const inner: Stmt[] = [];
    this.block = inner;
    try {
      fill();
    } finally {
      this.block = outer;
    }
    return inner;
  }

  /** Names an expression by a `let`, unless it is a constant or a name that never changes. */
  name(base: string, expr: Expr, span?: Span): Expr {
    if (expr.kind === "const" || (expr.kind === "ref" && !this.registers.has(expr.name))) return expr;
    const name = this.fresh(base);
    this.emit({ kind: "let", name, value: expr, span });
    return ref(name, expr.type, span);
  }

  /** `name`, for every leaf of a value; views stay views. */
  nameValue(base: string, value: Value, span?: Span): Value {
    switch (value.kind) {
      case "expr":
      case "cell":
        return exprValue(this.name(base, asExpr(value), span));
      case "tuple":
        return {
          kind: "tuple",
          items: value.items.map((item, at) => this.nameValue(`${base}_${at}`, item, span)),
        };
      default:
        return value;
    }
  }

  // ---- registers ----

  private readonly registers = new Set<string>();

  /** Declares a mutable register. */
  register(base: string, init: Expr, span?: Span): Value {
    const name = this.fresh(base);
    this.registers.add(name);
    this.emit({ kind: "var", name, init, span });
    return { kind: "cell", name, type: init.type };
  }

  assign(cell: Value, expr: Expr, span?: Span): void {
    if (cell.kind !== "cell") internalError("lower", `an assignment to a ${cell.kind}`);
    this.emit({ kind: "assign", name: cell.name, value: expr, span });
  }

  buffer(base: string, buffer: Omit<Buffer, "name">): Buffer {
    const taken = new Set(this.buffers.map((each) => each.name));
    let name = base;
    for (let count = 1; taken.has(name); count++) name = `${base}.${count}`;
    const made = { name, ...buffer };
    this.buffers.push(made);
    return made;
  }
}

// ---- small builders ----------------------------------------------------------------------------------

export const both = (a: Expr, b: Expr, span?: Span): Expr =>
  isTrue(a) ? b : isTrue(b) ? a : op("and", a.type, [a, b], span);

export const negate = (a: Expr, span?: Span): Expr => op("not", a.type, [a], span);

export function compare(name: "eq" | "ne" | "lt" | "le" | "gt" | "ge", a: Expr, b: Expr, span?: Span): Expr {
  return op(name, { dtype: "bool", lanes: a.type.lanes }, [a, b], span);
}

export function convertTo(dtype: Dtype, value: Expr, span?: Span): Expr {
  if (value.type.dtype === dtype) return value;
  return op("convert", { dtype, lanes: value.type.lanes }, [value], span);
}

/** One value in every lane, where `type` has several. */
export function broadcast(value: Expr, type: IrType, span?: Span): Expr {
  if (type.lanes === 1 || value.type.lanes === type.lanes) return value;
  return op("splat", type, [value], span);
}

export function isTrue(expr: Expr): boolean {
  return expr.kind === "const" && expr.value === true;
}

/** a // b and a % b of floats floor, each step rounded: floor(a / b), and a - b * floor(a / b). */
export function floorDivide(name: "floordiv" | "mod", a: Expr, b: Expr, span?: Span): Expr {
  if (!isFloat(a.type.dtype)) return op(name, a.type, [a, b], span);
  const quotient = op("floor", a.type, [op("div", a.type, [a, b], span)], span);
  if (name === "floordiv") return quotient;
  return op("sub", a.type, [a, op("mul", a.type, [b, quotient], span)], span);
}

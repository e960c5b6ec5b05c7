// The state of one lowering of a loop body at one width: what names stand for, which lanes are switched on, the block
// being filled. The files beside it are functions over it.
//
// Wherever a statement is lowered, at least one lane is switched on (branches are skipped where none is), so what is
// uniform may be evaluated as a scalar: some lane would have.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import type { Span } from "../../../lang/source.ts";
import { ramp, splat } from "../../ir/build.ts";
import { constant, ref, type Expr, type IrType, type LetStmt, type Stmt } from "../../ir/ir.ts";
import { someExpr } from "../../ir/walk.ts";
import { sameExpr } from "../../ir/same.ts";
import { and } from "../fold.ts";
import type { Workspace } from "../workspace.ts";
import type { Divergence } from "./divergence.ts";

/** What an expression is across the lanes. */
export type LaneValue =
  /** The same in each lane: a scalar. */
  | { readonly kind: "uniform"; readonly expr: Expr }
  /** Lane l has base + l * stride, both integer scalars; wraps as its dtype does. */
  | { readonly kind: "affine"; readonly base: Expr; readonly stride: Expr }
  | { readonly kind: "vector"; readonly expr: Expr };

/** Lanes that are switched on, a bool vector that doesn't change while the mask is in force. */
export interface Mask {
  readonly expr: Expr;
  readonly outer: Mask | undefined;
}

/** A `var` of the body: one register, or one a lane. `home` is the mask it was declared under. */
export interface LaneVariable {
  readonly name: string;
  readonly varies: boolean;
  readonly home: Mask | undefined;
}
export interface LaneBuffer {
  readonly name: string;
  readonly perLane: boolean;
  readonly home: Mask | undefined;
}

/** A loop that some lanes may leave early: the lanes still in this iteration, and still in the loop. */
export interface LoopFrame {
  readonly live: string;
  readonly running?: string;
}

interface SafeAccess {
  readonly buffer: string;
  readonly index: readonly Expr[];
  readonly mask: Mask | undefined;
}

export class Lanes {
  readonly workspace: Workspace;
  readonly width: number;
  readonly divergence: Divergence;
  readonly values = new Map<string, LaneValue>();
  readonly variables = new Map<string, LaneVariable>();
  readonly buffers = new Map<string, LaneBuffer>();
  /** Accumulators each lane of whose register is for two or four neighbours. */
  readonly groups = new Map<string, 2 | 4>();
  /** Where there are such: what named i32 values of the body were widened from. */
  readonly narrow = new Map<
    string,
    { readonly widened: LetStmt; readonly value: Expr; readonly pair: Expr }
  >();
  mask: Mask | undefined;
  /** Of the innermost loop; undefined where its jumps are every lane's. */
  frame: LoopFrame | undefined;
  private block: Stmt[] = [];
  private safe: SafeAccess[] = [];
  private readonly mutable = new Set<string>();

  constructor(workspace: Workspace, width: number, divergence: Divergence) {
    this.workspace = workspace;
    this.width = width;
    this.divergence = divergence;
  }

  // ---- statements ----

  emit(...statements: readonly Stmt[]): void {
    this.block.push(...statements);
  }

  /** The statements that `fill` emits, as a block of their own, under a mask. */
  collect(mask: Mask | undefined, fill: () => void): Stmt[] {
    const { block, mask: outer, safe } = this;
    const inner: Stmt[] = [];
    this.block = inner;
    this.mask = mask;
    this.safe = [...safe];
    fill();
    this.block = block;
    this.mask = outer;
    this.safe = safe;
    return inner;
  }

  /** Names an expression by a `let`. */
  name(base: string, value: Expr, span?: Span): Expr {
    if (value.kind === "const" || (value.kind === "ref" && !this.mutable.has(value.name))) return value;
    const name = this.workspace.name(base);
    this.emit({ kind: "let", name, value, span });
    return ref(name, value.type, span);
  }

  /** Declares a register; gives its name. */
  register(base: string, init: Expr, span?: Span): string {
    const name = this.workspace.name(base);
    this.mutable.add(name);
    this.emit({ kind: "var", name, init, span });
    return name;
  }

  assign(name: string, value: Expr, span?: Span): void {
    this.emit({ kind: "assign", name, value, span });
  }

  /** Makes a name stand for registers declared outside, one a lane. */
  bindVariable(name: string, register: string): void {
    this.mutable.add(register);
    this.variables.set(name, { name: register, varies: true, home: undefined });
  }

  // ---- vectors ----

  typeOf(dtype: IrType["dtype"]): IrType {
    return { dtype, lanes: this.width };
  }

  /** The value as a vector of all lanes. */
  vector(value: LaneValue): Expr {
    if (value.kind === "uniform") return splat(value.expr, this.width);
    if (value.kind === "affine") return ramp(value.base, value.stride, this.width);
    return value.expr;
  }

  /** The value as one index of an access: a scalar where it is uniform. */
  index(value: LaneValue): Expr {
    return value.kind === "uniform" ? value.expr : this.vector(value);
  }

  // ---- masks ----

  /** The current mask as a vector; all lanes where there is none. */
  active(): Expr {
    return this.mask?.expr ?? constant(true, this.typeOf("bool"));
  }

  /** The current mask narrowed by a condition, under a name. */
  narrowed(base: string, cond: Expr): Mask {
    return { expr: this.name(base, this.mask ? and(this.mask.expr, cond) : cond), outer: this.mask };
  }

  // ---- accesses known to be in bounds ----

  /** Notes that the lanes of the current mask access an element, so that others may as well under no wider mask. */
  noteAccess(buffer: string, index: readonly Expr[]): void {
    const changes = (part: Expr): boolean =>
      part.kind === "load" || (part.kind === "ref" && this.mutable.has(part.name));
    if (!index.some((each) => someExpr(each, changes))) this.safe.push({ buffer, index, mask: this.mask });
  }

  /** The widest mask under which an access is known to be in bounds: the current one, or one around it. */
  accessMask(buffer: string, index: readonly Expr[]): Mask | undefined {
    const known = this.safe.find(
      (each) => each.buffer === buffer && each.index.every((part, at) => sameExpr(part, index[at]!)),
    );
    if (!known) return this.mask;
    for (let mask = this.mask; mask; mask = mask.outer) if (mask === known.mask) return mask;
    return known.mask === undefined ? undefined : this.mask;
  }

  // ---- names ----

  buffer(name: string): LaneBuffer {
    return this.buffers.get(name) ?? { name, perLane: false, home: undefined };
  }

  variable(name: string): LaneVariable {
    return (
      this.variables.get(name) ??
      internalError("vectorize", `${name} is assigned but declared outside of the loop`)
    );
  }
}

// What the walker tells the checks: the records that they judge. One record an access, with the facts that hold
// where it stands and the loops around it.

import type {
  AllocStmt,
  AssertStmt,
  AssignStmt,
  Buffer,
  Expr,
  ForStmt,
  JumpStmt,
  LoadExpr,
  OpExpr,
  ReduceStmt,
  StoreStmt,
  WhileStmt,
} from "../ir/ir.ts";
import type { Cond } from "../symbolic/cond.ts";
import type { NameAtom, Poly } from "../symbolic/poly.ts";
import type { Facts } from "./facts.ts";
import type { Value } from "./scope.ts";

/** A loop that is being walked. Atoms of order `order` or later came to be inside it. */
export type Loop = ForLoop | WhileLoop;
export interface ForLoop {
  readonly kind: "for";
  readonly stmt: ForStmt;
  readonly atom: NameAtom;
  readonly lo: Poly;
  readonly hi: Poly;
  readonly step: number;
  /** The number of the iteration, from 0. */
  readonly turn: Poly;
  readonly order: number;
  /** What held before the loop. */
  readonly entry: Facts;
}
export interface WhileLoop {
  readonly kind: "while";
  readonly stmt: WhileStmt;
  readonly order: number;
  readonly entry: Facts;
  /** Values of names at the head of an iteration. */
  readonly head: ReadonlyMap<string, Value>;
  /** Values of names before the loop. */
  readonly start: ReadonlyMap<string, Value>;
}

export interface Access {
  readonly kind: "load" | "store";
  readonly node: LoadExpr | StoreStmt;
  readonly buffer: Buffer;
  readonly index: readonly Poly[];
  /** What holds where the access is executed, its guard included. */
  readonly facts: Facts;
  /** The same without the guard. */
  readonly unguarded: Facts;
  readonly guard: Cond;
  readonly loops: readonly Loop[];
  /** Rises in textual order; the loads of a store's value come before it. */
  readonly order: number;
}

export interface Listener {
  access(access: Access): void;
  /** An op that needs fit operands, and what would make them fit. */
  partial(expr: OpExpr, fit: Cond, facts: Facts, loops: readonly Loop[]): void;
  asserted(stmt: AssertStmt, proved: boolean, claim: Cond, facts: Facts, loops: readonly Loop[]): void;
  declared(name: string, depth: number): void;
  assigned(stmt: AssignStmt, loops: readonly Loop[]): void;
  allocated(stmt: AllocStmt, loops: readonly Loop[], order: number, facts: Facts): void;
  enters(loop: Loop): void;
  left(loop: Loop): void;
  /** A `break` of this loop. */
  leaves(loop: Loop, stmt: JumpStmt): void;
  reduces(stmt: ReduceStmt): void;
  /** A guard that was proved or refuted and is gone, or one that stays. */
  guarded(expr: Expr, outcome: "true" | "false" | "kept"): void;
}

// What a run on made-up data is watched for, and what was found: the data behind a counterexample.

import type { ForStmt, LoadExpr, OpExpr, Scalar, Stmt, StoreStmt } from "../ir/ir.ts";

/** What to watch for. */
export type Watch =
  | { readonly kind: "outside"; readonly node: LoadExpr | StoreStmt }
  | { readonly kind: "unfit"; readonly node: OpExpr }
  | { readonly kind: "assert"; readonly node: Stmt }
  | { readonly kind: "undefined-read"; readonly node: LoadExpr | StoreStmt }
  | { readonly kind: "unwritten"; readonly buffer: string }
  | { readonly kind: "unread"; readonly buffer: string }
  | {
      readonly kind: "conflict";
      readonly loop: ForStmt;
      /** Which pairs of accesses matter; absent: those of different iterations of the loop. */
      readonly pair?: (old: Moment, now: Moment) => boolean;
    };

/** An access while it happens: the node, and the number of the iteration of each loop around it. */
export interface Moment {
  readonly node: LoadExpr | StoreStmt;
  readonly turns: ReadonlyMap<string, number>;
}

/** An access that happened: where, and at which values of the loop variables around it. */
export interface Happened {
  readonly buffer: string;
  readonly index: readonly number[];
  readonly shape: readonly number[];
  readonly writes: boolean;
  readonly loops: readonly (readonly [name: string, value: number])[];
}
/** The mishap that was watched for, and the data that led to it. */
export interface Finding {
  readonly sizes: ReadonlyMap<string, Scalar>;
  readonly access?: Happened;
  /** The other iteration's access, for a conflict. */
  readonly other?: Happened;
  /** The last integers read from arguments, oldest first. */
  readonly reads: readonly Happened[];
  readonly values: ReadonlyMap<Happened, Scalar>;
  readonly loops: readonly (readonly [name: string, value: number])[];
  /** A case in which next to nothing runs: true, but it tells little. */
  readonly trivial?: boolean;
}

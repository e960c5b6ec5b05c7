// `if`, `elif`, …, `else`: read as a flat list of arms, kept as nodes that nest in `orelse`.

import type { IToken } from "chevrotain";
import type * as ast from "./ast.ts";
import type { Span } from "../source.ts";

/** `if cond:` or `elif cond:` with its block, which ends at `end`. */
export interface Arm {
  readonly first: IToken;
  readonly cond: ast.Expr;
  readonly then: ast.Stmt[];
  readonly end: number;
}

interface ArmNode {
  readonly cond: ast.Expr;
  readonly then: readonly ast.Stmt[];
  readonly orelse?: readonly ast.Stmt[];
  readonly elif?: boolean;
  readonly span: Span;
}

/** Makes the first arm’s node, with the others nested in it. */
export function foldArms<N extends ast.IfStmt | ast.ComptimeIf>(
  arms: readonly Arm[],
  orelse: readonly ast.Stmt[] | undefined,
  spanOf: (arm: Arm) => Span,
  make: (arm: ArmNode) => N,
): N {
  let node: N | undefined;
  for (let index = arms.length - 1; index >= 0; index--) {
    const arm = arms[index]!;
    const rest = node ? [node as ast.Stmt] : orelse;
    const { cond, then } = arm;
    node = make({
      cond,
      then,
      ...(rest ? { orelse: rest } : {}),
      ...(index > 0 ? { elif: true } : {}),
      span: spanOf(arm),
    });
  }
  return node!;
}

// Which unmarked loop of a reduction becomes vectors by itself: the innermost one, if all that it reads lies side by
// side or stays put, so that vectors cost what scalars do. Gathers, guards and inner control flow aren't worth it.

import { dtypeInfo } from "../../../lang/dtypes.ts";
import type { Expr, ForStmt, LoadExpr, Stmt } from "../../ir/ir.ts";
import { isPartial } from "../../ir/facts.ts";
import { exprsOf, someExpr, visitBlock, visitExpr } from "../../ir/walk.ts";
import { intValue } from "../fold.ts";
import { constantTrips } from "../unroll.ts";
import type { Workspace } from "../workspace.ts";

/** Whether the loop, which feeds a reduction, is worth vectorizing though nobody asked. */
export function worthVectorizing(workspace: Workspace, loop: ForStmt, width: number): boolean {
  const { marks } = loop;
  if (marks.parallel || marks.threads || marks.unroll !== undefined || marks.vectorize) return false;
  const trips = constantTrips(loop);
  if (trips !== undefined && trips < 2 * width) return false;
  const reads = new Reads(loop);
  let plain = true;
  visitBlock(loop.body, (statement) => {
    if (!isPlain(statement)) plain = false;
    if (statement.kind === "let") reads.define(statement.name, statement.value);
    for (const expr of exprsOf(statement)) {
      visitExpr(expr, (part) => {
        if (part.kind === "load") reads.add(workspace, part);
        if (part.type.lanes > 1 || (isPartial(part) && reads.stride(part) !== 0)) plain = false;
      });
    }
  });
  return plain && reads.contiguous > 0 && !reads.others;
}

const isPlain = ({ kind }: Stmt): boolean =>
  kind === "let" || kind === "yield" || kind === "assign" || kind === "if";

/** How the loads of a body move with the loop variable. */
class Reads {
  contiguous = 0;
  others = false;
  private readonly strides = new Map<string, number | undefined>();

  constructor(loop: ForStmt) {
    this.strides.set(loop.name, loop.step);
  }

  define(name: string, value: Expr): void {
    this.strides.set(name, this.stride(value));
  }

  add(workspace: Workspace, load: LoadExpr): void {
    const strides = load.index.map((each) => this.stride(each));
    const last = strides.pop();
    const packed = dtypeInfo(workspace.buffer(load.buffer)?.dtype ?? "i32").storageOnly;
    if (load.guard || packed || strides.some((each) => each !== 0) || (last !== 0 && last !== 1))
      this.others = true;
    else if (last === 1) this.contiguous++;
  }

  /** By how much an expression grows from one iteration to the next; undefined if that isn't a constant. */
  stride(expr: Expr): number | undefined {
    if (expr.kind === "ref") return this.strides.has(expr.name) ? this.strides.get(expr.name) : 0;
    if (expr.kind === "op") {
      const [a, b] = expr.args;
      const [left, right] = [a && this.stride(a), b && this.stride(b)];
      if (expr.op === "add" && left !== undefined && right !== undefined) return left + right;
      if (expr.op === "sub" && left !== undefined && right !== undefined) return left - right;
      if (expr.op === "mul" && left !== undefined && right !== undefined) {
        if (left === 0 && right === 0) return 0;
        const [by, times] =
          left === 0 ? [intValue(a!), right] : [right === 0 ? intValue(b!) : undefined, left];
        return by === undefined ? undefined : by * times;
      }
    }
    const moves = someExpr(
      expr,
      (part) =>
        part.kind === "ref" && (this.strides.get(part.name) ?? 1) !== 0 && this.strides.has(part.name),
    );
    return moves ? undefined : 0;
  }
}

// How many lanes a loop gets when its annotation doesn't say: one register of 16 bytes over the widest dtype that the
// loop works on. Loop variables and index arithmetic don't count, nor do masks: they are i32 and bool in every loop.

import { dtypeInfo, type Dtype } from "../../../lang/dtypes.ts";
import type { Expr, Stmt } from "../../ir/ir.ts";
import { exprsOf, operandsOf, someExpr, visitBlock, type Block } from "../../ir/walk.ts";
import type { Workspace } from "../workspace.ts";

const registerBytes = 16;
/** Widths that an annotation may ask for. */
export const leastWidth = 2;
export const mostWidth = 64;
/** Of a loop that works on nothing but bools or indices. */
const defaultWidth = 4;

/** Lanes that a loop body gets; `reduced` says that it only feeds a reduction. */
export function defaultWidthOf(workspace: Workspace, body: Block, reduced: boolean): number {
  const data = new Data(workspace, body);
  // An integer sum of narrow loads is widened step by step; whole registers of the narrow type are loaded.
  const narrow =
    reduced && data.loaded.size > 0 && [...data.loaded].every(isNarrow) && ![...data.all].some(isReal);
  const bytes = Math.max(0, ...[...(narrow ? data.loaded : data.all)].map(bytesOf));
  return bytes === 0 ? defaultWidth : registerBytes / bytes;
}

const bytesOf = (dtype: Dtype): number => Math.max(dtypeInfo(dtype).bits / 8, 1);
const isNarrow = (dtype: Dtype): boolean => dtypeInfo(dtype).kind !== "float" && dtypeInfo(dtype).bits <= 16;
const isReal = (dtype: Dtype): boolean => dtypeInfo(dtype).kind === "float" || dtypeInfo(dtype).bits > 32;

/** The dtypes of the data that a loop body loads, and of all that it loads, stores or computes. */
class Data {
  readonly loaded = new Set<Dtype>();
  readonly all = new Set<Dtype>();
  private readonly workspace: Workspace;
  /** Names of values that are data: all but index arithmetic and bools. */
  private readonly names = new Set<string>();

  constructor(workspace: Workspace, body: Block) {
    this.workspace = workspace;
    let before: number;
    do {
      before = this.names.size;
      visitBlock(body, (statement) => this.statement(statement));
    } while (this.names.size > before);
  }

  private statement(statement: Stmt): void {
    if (statement.kind === "store") {
      this.all.add(this.elementOf(statement.buffer));
      return this.expr(statement.value);
    }
    if (statement.kind === "let" || statement.kind === "assign" || statement.kind === "var") {
      const value = statement.kind === "var" ? statement.init : statement.value;
      if (this.isData(value)) this.names.add(statement.name);
    }
    exprsOf(statement).forEach((expr) => this.expr(expr));
  }

  private expr(expr: Expr): void {
    if (expr.kind === "load") {
      // What is only an index of a load isn't data, but what it is read from takes lanes all the same.
      this.loaded.add(this.elementOf(expr.buffer));
      this.all.add(this.elementOf(expr.buffer));
      return;
    }
    if (this.isData(expr)) this.all.add(expr.type.dtype);
    operandsOf(expr).forEach((operand) => this.expr(operand));
  }

  private isData(expr: Expr): boolean {
    const { dtype } = expr.type;
    if (dtype === "bool" || expr.kind === "const") return false;
    if (dtype !== "i32") return true;
    return someExpr(
      expr,
      (part) =>
        part.kind === "load" ||
        (part.kind === "ref" && this.names.has(part.name)) ||
        isFraction(part.type.dtype),
    );
  }

  private elementOf(buffer: string): Dtype {
    return this.workspace.buffer(buffer)?.dtype ?? "i32";
  }
}

const isFraction = (dtype: Dtype): boolean => dtypeInfo(dtype).kind === "float";

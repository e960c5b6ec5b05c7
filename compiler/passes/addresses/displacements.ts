// Constant displacements of accesses that share a pointer. While the accesses are met, each keeps its own constant;
// at the end each pointer moves to the lowest of them, so that what is left is never negative.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { i32, int, op, type Expr, type Stmt } from "../../ir/ir.ts";
import { mapAllExprs, mapBlock, mapExpr, type Block } from "../../ir/walk.ts";
import { add } from "../fold.ts";

/** Addition in an instruction's displacement doesn't wrap: the pointer must not lie below 0. */
const limit = 65536 - 16;

export class Displacements {
  /** The lowest byte that is reached from each pointer. */
  private readonly lowest = new Map<string, number>();

  /** Notes an access at `constant` bytes from a pointer, the first of whose lanes is `lowest` bytes further on. */
  add(pointer: string, constant: number, lowest: number): Expr {
    this.lowest.set(pointer, Math.min(this.lowest.get(pointer) ?? Infinity, constant + lowest));
    return int(constant);
  }

  /** Moves the pointers, and the displacements with them. */
  settle(block: Block): Block {
    const exprs = (expr: Expr): Expr =>
      mapExpr(expr, (part) => (part.kind === "load" ? { ...part, index: this.settled(part.index) } : part));
    return mapBlock(block, (stmt) => this.moved(stmt)).map((stmt) => mapAllExprs(stmt, exprs));
  }

  private moved(stmt: Stmt): Stmt {
    if (stmt.kind === "store") return { ...stmt, index: this.settled(stmt.index) };
    if (stmt.kind !== "let" && stmt.kind !== "var") return stmt;
    const by = this.lowest.get(stmt.name) ?? 0;
    if (by === 0) return stmt;
    return stmt.kind === "let"
      ? { ...stmt, value: add(stmt.value, int(by | 0)) }
      : { ...stmt, init: add(stmt.init, int(by | 0)) };
  }

  private settled(index: readonly Expr[]): readonly Expr[] {
    const [address, displacement] = index;
    if (!displacement) return index;
    const pointer = pointerOf(address!);
    const by = pointer === undefined ? undefined : this.lowest.get(pointer);
    if (by === undefined) return index;
    if (displacement.kind !== "const")
      return internalError("strength-reduce", "a displacement isn't constant");
    const rest = (displacement.value as number) - by;
    if (rest < limit) return [address!, int(rest)];
    return [shifted(address!, rest | 0), int(0)];
  }
}

/** The name that an address starts from. */
function pointerOf(address: Expr): string | undefined {
  if (address.kind === "ref") return address.name;
  if (address.kind !== "op") return undefined;
  if (address.op === "ramp" || address.op === "splat") return pointerOf(address.args[0]!);
  return address.op === "add" && address.type.lanes > 1 ? pointerOf(address.args[1]!) : undefined;
}

function shifted(address: Expr, by: number): Expr {
  if (address.type.lanes === 1) return op("add", i32, [address, int(by)]);
  if (address.kind === "op" && (address.op === "ramp" || address.op === "splat"))
    return { ...address, args: [shifted(address.args[0]!, by), ...address.args.slice(1)] };
  return op("add", address.type, [address, { kind: "const", type: address.type, value: by }]);
}

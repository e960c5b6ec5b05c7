// Arrays that lie in memory as vectors: those that are read and written in whole, aligned vectors along their last axis,
// by what the subscripts say. Pass `widen` lets their single elements come out of such vectors, too, so that neighbours are
// loaded once.

import { ramp } from "../../ir/build.ts";
import { int, type Expr, type IrKernel, type LoadExpr, type StoreStmt } from "../../ir/ir.ts";
import { mapAllExprs, mapExpr, mapSame, visitBlock, visitExprs, withBody } from "../../ir/walk.ts";
import { apply, sub } from "../../passes/fold.ts";
import { intValue } from "../../passes/fold.ts";
import { exprOfForm, type Linear } from "../../passes/linear.ts";
import { constantSize } from "./sizes.ts";
import { isVectorDtype, isWord, vectorLanes } from "./types.ts";
import { formOf, valuesOf, type Values } from "./workgroups/nests.ts";

/** Lanes of each array that lies in vectors. */
export type VectorArrays = ReadonlyMap<string, number>;

export function vectorArrays(kernel: IrKernel): VectorArrays {
  const values = valuesOf(kernel.body);
  const lanes = new Map<string, number>();
  for (const { name, space, dtype, shape } of kernel.buffers) {
    const local = space === "local" || space === "panel";
    if (local && shape.length > 0 && isVectorDtype(dtype)) lanes.set(name, 0);
  }
  const bytes = new Set(
    kernel.buffers.flatMap(({ name, dtype }) => (isWord({ dtype, lanes: 4 }) ? [name] : [])),
  );
  const no = (buffer: string): void => void lanes.delete(buffer);
  const see = (access: LoadExpr | StoreStmt, width: number, scalarFine: boolean): void => {
    const known = lanes.get(access.buffer);
    if (known === undefined) return;
    if (width === 1) {
      if (!scalarFine || access.index.some(({ type }) => type.lanes > 1)) no(access.buffer);
      return;
    }
    const base = baseOf(access);
    const isHeld = vectorLanes.includes(width) && (width === 4 || !bytes.has(access.buffer));
    const aligned = base && isHeld && divides(formOf(base, values), width);
    if (!aligned || (known !== 0 && known !== width)) return no(access.buffer);
    lanes.set(access.buffer, width);
  };
  visitExprs(kernel.body, (part) => part.kind === "load" && see(part, part.type.lanes, true));
  visitBlock(kernel.body, (stmt) => {
    if (stmt.kind !== "store") return;
    // Parts of one vector can't be written by several invocations.
    if (stmt.guard || stmt.atomic) no(stmt.buffer);
    else see(stmt, Math.max(...stmt.index.map(({ type }) => type.lanes)), false);
  });
  for (const [name, width] of lanes) {
    const last = kernel.buffers.find((buffer) => buffer.name === name)!.shape.at(-1)!;
    if (width === 0 || (constantSize([last]) ?? 1) % width !== 0) lanes.delete(name);
  }
  return lanes;
}

/** Where a vector of neighbours along the last axis begins. */
function baseOf({ index }: LoadExpr | StoreStmt): Expr | undefined {
  const last = index.at(-1);
  if (!last || index.slice(0, -1).some(({ type }) => type.lanes > 1)) return undefined;
  if (last.kind !== "op" || last.op !== "ramp" || intValue(last.args[1]!) !== 1) return undefined;
  return last.args[0];
}

function divides({ terms, constant }: Linear, by: number): boolean {
  return constant % by === 0 && [...terms.values()].every((term) => term.by % by === 0);
}

/** A subscript along the last axis as the number of a vector, and the lane if that is known while compiling. */
export function cellOf(
  index: Expr,
  lanes: number,
  values: Values,
): { readonly cell: Expr; readonly lane: number | undefined } {
  const base = index.kind === "op" && index.op === "ramp" ? index.args[0]! : index;
  for (const known of [new Map<string, Expr>(), values]) {
    const form = formOf(base, known);
    const lane = ((form.constant % lanes) + lanes) % lanes;
    const start: Linear = { terms: form.terms, constant: form.constant - lane };
    if (!divides(start, lanes)) continue;
    const terms = new Map([...start.terms].map(([key, { atom, by }]) => [key, { atom, by: by / lanes }]));
    return { cell: exprOfForm({ terms, constant: start.constant / lanes }), lane };
  }
  const cell = apply("shr", base.type, [base, int(Math.log2(lanes))]);
  return { cell, lane: index === base ? undefined : 0 };
}

/** Elements of vectors whose lane is known are lanes of vector loads. */
export function widen(kernel: IrKernel): IrKernel {
  const arrays = vectorArrays(kernel);
  if (arrays.size === 0) return kernel;
  const values = valuesOf(kernel.body);
  const change = (part: Expr): Expr => {
    const lanes = part.kind === "load" ? arrays.get(part.buffer) : undefined;
    if (part.kind !== "load" || !lanes || part.type.lanes !== 1 || part.guard) return part;
    const last = part.index.at(-1)!;
    const { lane } = cellOf(last, lanes, values);
    if (lane === undefined) return part;
    const index = [...part.index.slice(0, -1), ramp(sub(last, int(lane)), int(1), lanes)];
    const whole: Expr = { ...part, type: { dtype: part.type.dtype, lanes }, index };
    return { kind: "op", type: part.type, op: "lane", args: [whole], imm: [lane], span: part.span };
  };
  const body = mapSame(kernel.body, (stmt) => mapAllExprs(stmt, (root) => mapExpr(root, change)));
  return withBody(kernel, body);
}

// Small local arrays whose every index is known become registers: one `var` an element, or one a vector where the
// accesses are aligned vectors. What unrolling makes of `acc[i]` ends here as an accumulator without memory.
//
// Assumes: nest form. Arrays with an index that isn't constant, with dims of run-time size, or with many elements
// stay what they are.

import { dtypeInfo } from "../../lang/dtypes.ts";
import { splat } from "../ir/build.ts";
import {
  constant,
  op,
  ref,
  type Buffer,
  type Expr,
  type IrKernel,
  type IrType,
  type Stmt,
} from "../ir/ir.ts";
import { FreshNames } from "../ir/names.ts";
import { mapAllExprs, mapBlock, mapExpr, visitBlock, visitExprs, withBody } from "../ir/walk.ts";
import { intValue, literal } from "./fold.ts";

/** More registers than this would only be memory under another name. */
const mostRegisters = 128;

/** An array that becomes registers. */
interface Promoted {
  readonly buffer: Buffer;
  readonly type: IrType;
  /** Names in row-major order. */
  readonly names: readonly string[];
}

/** Promotes every array that can be. */
export function promoteArrays(kernel: IrKernel): IrKernel {
  const widths = accessWidths(kernel);
  const fresh = new FreshNames(kernel);
  const promoted = new Map<string, Promoted>();
  for (const buffer of kernel.buffers) {
    const lanes = widths.get(buffer.name);
    const count = elementsOf(buffer);
    if (lanes === undefined || count === undefined || count / lanes > mostRegisters) continue;
    const names = Array.from({ length: count / lanes }, (_, at) => fresh.value(`${buffer.name}.${at}`));
    promoted.set(buffer.name, { buffer, type: { dtype: buffer.dtype, lanes }, names });
  }
  if (promoted.size === 0) return kernel;
  const loads = (expr: Expr): Expr =>
    mapExpr(expr, (part) => {
      const array = part.kind === "load" ? promoted.get(part.buffer) : undefined;
      return part.kind === "load" && array ? loaded(array, part) : part;
    });
  const body = mapBlock(kernel.body, (stmt) => replaced(stmt, promoted)).map((stmt) =>
    mapAllExprs(stmt, loads),
  );
  const buffers = kernel.buffers.filter((buffer) => !promoted.has(buffer.name));
  return withBody({ ...kernel, buffers }, body);
}

function elementsOf(buffer: Buffer): number | undefined {
  if (buffer.space !== "local" && buffer.space !== "panel") return undefined;
  if (dtypeInfo(buffer.dtype).bits < 8) return undefined;
  const extents = buffer.shape.map(intValue);
  return extents.includes(undefined) ? undefined : extents.reduce<number>((a, b) => a * b!, 1);
}

/** Lanes of each array's registers; absent where some access is in the way. */
function accessWidths(kernel: IrKernel): ReadonlyMap<string, number> {
  const buffers = new Map(kernel.buffers.map((buffer) => [buffer.name, buffer]));
  const widths = new Map<string, number>();
  const refused = new Set<string>();
  const places: { readonly name: string; readonly first: number; readonly lanes: number }[] = [];
  const note = (name: string, index: readonly Expr[], lanes: number): void => {
    const buffer = buffers.get(name)!;
    const place = elementsOf(buffer) === undefined ? undefined : firstElement(buffer, index, lanes);
    if (place === undefined) return void refused.add(name);
    places.push({ name, first: place, lanes });
    widths.set(name, Math.max(widths.get(name) ?? 1, lanes));
  };
  visitExprs(kernel.body, (part) => part.kind === "load" && note(part.buffer, part.index, part.type.lanes));
  visitBlock(kernel.body, (stmt) => {
    if (stmt.kind === "store" && stmt.atomic) refused.add(stmt.buffer);
    else if (stmt.kind === "store") note(stmt.buffer, stmt.index, stmt.value.type.lanes);
  });
  for (const { name, first, lanes } of places) {
    const width = widths.get(name)!;
    // A vector is one register whole; a single element is a lane of one.
    if (lanes !== 1 && (lanes !== width || first % width !== 0)) refused.add(name);
    if ((elementsOf(buffers.get(name)!) ?? 1) % width !== 0) refused.add(name);
  }
  for (const name of refused) widths.delete(name);
  return widths;
}

/** The row-major number of the first element accessed, if all are known and side by side. */
function firstElement(buffer: Buffer, index: readonly Expr[], lanes: number): number | undefined {
  let at = 0;
  for (const [axis, part] of index.entries()) {
    const extent = intValue(buffer.shape[axis]!)!;
    const last = axis === index.length - 1;
    const start = lanes > 1 && last ? rampStart(part) : part.type.lanes === 1 ? intValue(part) : undefined;
    if (start === undefined || start < 0 || start + (last ? lanes : 1) > extent) return undefined;
    at = at * extent + start;
  }
  return at;
}

/** Where a constant `ramp(start, 1)` starts. */
function rampStart(part: Expr): number | undefined {
  if (part.kind !== "op" || part.op !== "ramp" || intValue(part.args[1]!) !== 1) return undefined;
  return intValue(part.args[0]!);
}

function replaced(stmt: Stmt, promoted: ReadonlyMap<string, Promoted>): Stmt | readonly Stmt[] {
  if (stmt.kind === "alloc") {
    const array = promoted.get(stmt.buffer);
    if (!array) return stmt;
    const init = stmt.fill ? splat(stmt.fill, array.type.lanes) : literal(0, array.type);
    return array.names.map((name): Stmt => ({ kind: "var", name, init, span: stmt.span }));
  }
  const array = stmt.kind === "store" ? promoted.get(stmt.buffer) : undefined;
  if (stmt.kind !== "store" || !array) return stmt;
  const { register, lane } = placeOf(array, stmt.index, stmt.value.type.lanes);
  const chosen = (old: Expr): Expr =>
    stmt.guard ? op("select", stmt.value.type, [stmt.guard, stmt.value, old], stmt.span) : stmt.value;
  const value =
    lane === undefined
      ? chosen(register)
      : op("insert", array.type, [register, chosen(laneOf(register, lane))], stmt.span, [lane]);
  return { kind: "assign", name: register.name, value, span: stmt.span };
}

function loaded(array: Promoted, load: Expr & { readonly kind: "load" }): Expr {
  const { register, lane } = placeOf(array, load.index, load.type.lanes);
  const value = lane === undefined ? register : laneOf(register, lane);
  return load.guard
    ? op("select", load.type, [load.guard, value, constant(literalZero(load.type), load.type)])
    : value;
}

const literalZero = (type: IrType): number | bigint | boolean => {
  const zero = literal(0, type);
  return zero.kind === "const" ? zero.value : 0;
};

function laneOf(register: Expr, lane: number): Expr {
  return op("lane", { dtype: register.type.dtype, lanes: 1 }, [register], register.span, [lane]);
}

function placeOf(
  array: Promoted,
  index: readonly Expr[],
  lanes: number,
): { readonly register: Expr & { readonly kind: "ref" }; readonly lane?: number } {
  const first = firstElement(array.buffer, index, lanes)!;
  const width = array.type.lanes;
  const register = ref(array.names[Math.floor(first / width)]!, array.type);
  return lanes === width ? { register } : { register, lane: first % width };
}

// Loads and stores of the interpreter, with every check that a prover should have made unnecessary: bounds, and
// that an element of an `out` or a local buffer was written before it's read.

import type { Span } from "../../lang/source.ts";
import type { Expr, Scalar, StoreStmt } from "./ir.ts";
import { dtypeInfo, valueDtype } from "../../lang/dtypes.ts";
import { normalise } from "./values.ts";
import { laneFunction } from "./lane-functions.ts";
import { Fault, type Cell, type Thunk } from "./interpret-machine.ts";

type IntThunk = () => number;

function outside(cell: Cell, index: readonly number[], span: Span | undefined): never {
  const shape = cell.shape.join(", ");
  throw new Fault(`${cell.name}[${index.join(", ")}] is out of bounds; its shape is [${shape}]`, span);
}

/** Element number of the coordinates, checked. */
function locate(cell: Cell, index: readonly number[], flat: boolean, span: Span | undefined): number {
  let at = cell.offset;
  if (flat) {
    at += index[0]!;
    if (!(at >= 0 && at < cell.length)) {
      throw new Fault(`element ${index[0]} of ${cell.name} is outside its storage of ${cell.length}`, span);
    }
    return at;
  }
  for (let axis = 0; axis < index.length; axis++) {
    const i = index[axis]!;
    if (!(i >= 0 && i < cell.shape[axis]!)) outside(cell, index, span);
    at += i * cell.strides[axis]!;
  }
  return at;
}

/** A closure that finds the element of a scalar access; the common ranks have one of their own. */
function scalarLocation(
  cell: Cell,
  index: readonly Thunk[],
  flat: boolean,
  span: Span | undefined,
): IntThunk {
  const [first, second, third] = index as readonly IntThunk[];
  if (!flat && index.length === 1) {
    return () => {
      const i = first!();
      if (!(i >= 0 && i < cell.shape[0]!)) outside(cell, [i], span);
      return cell.offset + i * cell.strides[0]!;
    };
  }
  if (!flat && index.length === 2) {
    return () => {
      const i = first!();
      const j = second!();
      const { shape, strides } = cell;
      if (!(i >= 0 && i < shape[0]! && j >= 0 && j < shape[1]!)) outside(cell, [i, j], span);
      return cell.offset + i * strides[0]! + j * strides[1]!;
    };
  }
  if (!flat && index.length === 3) {
    return () => {
      const i = first!();
      const j = second!();
      const k = third!();
      const { shape, strides } = cell;
      const inside = i >= 0 && i < shape[0]! && j >= 0 && j < shape[1]! && k >= 0 && k < shape[2]!;
      if (!inside) outside(cell, [i, j, k], span);
      return cell.offset + i * strides[0]! + j * strides[1]! + k * strides[2]!;
    };
  }
  return () =>
    locate(
      cell,
      index.map((part) => part() as number),
      flat,
      span,
    );
}

function readAt(cell: Cell, at: number, span: Span | undefined): Scalar {
  if (cell.written !== undefined && cell.written[at] === 0) {
    throw new Fault(`element ${at} of ${cell.name} is read before it's written`, span);
  }
  return cell.read(cell.data, at);
}

function writeAt(cell: Cell, at: number, value: Scalar): void {
  if (cell.written !== undefined) cell.written[at] = 1;
  cell.write(cell.data, at, value);
}

export interface Access {
  readonly cell: Cell;
  readonly index: readonly Thunk[];
  readonly guard: Thunk | undefined;
  readonly lanes: number;
  readonly flat: boolean;
  readonly span: Span | undefined;
}

/** The coordinates of every lane; scalar indices count for all. */
function laneIndices({ index, lanes }: Access): number[][] {
  const values = index.map((part) => part());
  return Array.from({ length: lanes }, (_, lane) =>
    values.map((value) => (Array.isArray(value) ? (value as readonly number[])[lane]! : (value as number))),
  );
}

export function loadThunk(access: Access, expr: Expr): Thunk {
  const { cell, guard, lanes, flat, span } = access;
  const { dtype } = expr.type;
  const nothing = dtype === "bool" ? false : normalise(0, dtype);
  if (lanes > 1) {
    return () => {
      const active = guard?.() as readonly Scalar[] | undefined;
      return laneIndices(access).map((index, lane) =>
        active && !active[lane] ? nothing : readAt(cell, locate(cell, index, flat, span), span),
      );
    };
  }
  if (guard) {
    return () => {
      const index = access.index.map((part) => part() as number);
      return guard() ? readAt(cell, locate(cell, index, flat, span), span) : nothing;
    };
  }
  const location = scalarLocation(cell, access.index, flat, span);
  return () => readAt(cell, location(), span);
}

/** Carries out a store, given its access and value. */
export function storeAction(access: Access, value: Thunk, atomic: StoreStmt["atomic"]): () => void {
  const { cell, guard, lanes, flat, span } = access;
  const put = atomic ? updater(cell, atomic, span) : (at: number, to: Scalar) => writeAt(cell, at, to);
  if (lanes > 1) {
    return () => {
      const indices = laneIndices(access);
      const values = value() as readonly Scalar[];
      const active = guard?.() as readonly Scalar[] | undefined;
      indices.forEach((index, lane) => {
        if (!active || active[lane]) put(locate(cell, index, flat, span), values[lane]!);
      });
    };
  }
  if (guard) {
    return () => {
      const index = access.index.map((part) => part() as number);
      const to = value() as Scalar;
      if (guard()) put(locate(cell, index, flat, span), to);
    };
  }
  const location = scalarLocation(cell, access.index, flat, span);
  return () => {
    const at = location();
    put(at, value() as Scalar);
  };
}

function updater(cell: Cell, atomic: NonNullable<StoreStmt["atomic"]>, span: Span | undefined) {
  const dtype = valueDtype(cell.dtype);
  const combine = laneFunction(atomic, dtype, dtype)!;
  return (at: number, value: Scalar): void => writeAt(cell, at, combine(readAt(cell, at, span), value, 0));
}

/** A local buffer begins anew: filled, or with nothing written. */
export function allocAction(cell: Cell, fill: Thunk | undefined): () => void {
  const perByte = dtypeInfo(cell.dtype).bits < 8;
  return () => {
    if (!fill) {
      cell.written?.fill(0);
      return;
    }
    const value = fill() as Scalar;
    cell.written?.fill(1);
    if (!perByte && (typeof value === "number" || typeof value === "bigint") && cell.length > 0) {
      // The first element written says how the value lies in memory.
      cell.write(cell.data, 0, value);
      (cell.data as Float64Array).fill(cell.data[0] as number);
      return;
    }
    for (let at = 0; at < cell.length; at++) cell.write(cell.data, at, value);
  };
}

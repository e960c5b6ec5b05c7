// Rows that a kernel makes before its product, of factors of columns alone: the sum of each column's weights, say, times a zero
// point. The host makes them with the weights that it fills, as it makes the shift of bytes; what goes through the planes
// has no part in them.

import { internalError } from "../../../../../lang/diagnostics/internal-error.ts";
import { interpret, makeTensor, type TensorArg } from "../../../../ir/interpret.ts";
import type { Buffer, IrKernel, Stmt } from "../../../../ir/ir.ts";
import { fromHalfBits, toHalfBits } from "../../../../ir/values.ts";
import { exprsOf, visitBlock, visitExpr } from "../../../../ir/walk.ts";
import { fixedInt, withKnown } from "../dag.ts";
import { tspType } from "../selection.ts";

/** What stands before a product. */
export interface Prepared {
  /** Takes tensors of the caller's, gives the rows. */
  readonly kernel: IrKernel;
  readonly takes: ReadonlySet<string>;
  readonly makes: ReadonlySet<string>;
}

export interface Split {
  /** What stands last, with sizes and scalars in place. */
  readonly main: IrKernel;
  readonly prepared: Prepared | undefined;
}

/** A kernel as its last statement and what that has from local arrays; undefined if other things stand before it. */
export function splitOf(given: IrKernel, known: ReadonlyMap<string, number>): Split | undefined {
  const kernel = withKnown(given, known);
  const before = kernel.body.slice(0, -1);
  const main = { ...kernel, body: kernel.body.slice(-1) };
  if (before.length === 0) return { main, prepared: undefined };
  const makes = new Set<string>();
  const takes = new Set<string>();
  for (const stmt of before) {
    if (stmt.kind !== "alloc" && stmt.kind !== "for") return undefined;
    if (stmt.kind === "alloc" && stmt.fill) return undefined;
    if (stmt.kind === "alloc") makes.add(stmt.buffer);
  }
  let only = true;
  visitBlock(before, (stmt: Stmt) => {
    if (stmt.kind === "assert" || stmt.kind === "while") only = false;
    if (stmt.kind === "store" && !makes.has(stmt.buffer)) only = false;
    if (stmt.kind === "alloc" && !before.includes(stmt)) only = false;
    for (const expr of exprsOf(stmt))
      visitExpr(expr, (part) => {
        if (part.kind === "load" && !makes.has(part.buffer)) takes.add(part.buffer);
      });
  });
  if (!only) return undefined;
  const rows: IrKernel = {
    ...kernel,
    dims: [],
    requires: [],
    params: [...takes, ...makes].map((buffer) => ({
      kind: "tensor",
      buffer,
      mode: makes.has(buffer) ? "out" : "in",
    })),
    buffers: kernel.buffers
      .filter(({ name }) => takes.has(name) || makes.has(name))
      .map((buffer) => ({ ...buffer, space: "param" })),
    body: before.filter(({ kind }) => kind !== "alloc"),
  };
  for (const { dtype, span } of rows.buffers) tspType(dtype, span);
  const buffers = kernel.buffers.map((buffer): Buffer =>
    makes.has(buffer.name) ? { ...buffer, space: "param" } : buffer,
  );
  return { main: { ...main, buffers }, prepared: { kernel: rows, takes, makes } };
}

/** The dense elements of a row, from those of the caller's tensors. */
export function preparedRow(
  { kernel, takes }: Prepared,
  name: string,
  values: (buffer: string) => ArrayLike<number>,
): readonly number[] {
  const args: Record<string, TensorArg> = {};
  for (const { name: buffer, dtype, shape, span } of kernel.buffers) {
    if (!takes.has(buffer)) continue;
    const made = makeTensor(
      dtype,
      shape.map((dim) => fixedInt(dim, "the size of a tensor", span)),
    );
    const given = values(buffer);
    for (let at = 0; at < made.data.length; at++)
      made.data[at] = dtype === "f16" ? toHalfBits(given[at]!) : given[at]!;
    args[buffer] = made;
  }
  const outcome = interpret(kernel, args);
  if (outcome.kind !== "done") internalError("tsp-product", `the rows before a product: ${outcome.kind}`);
  const { dtype, data } = outcome.results[name]!;
  return Array.from<number | bigint, number>(data as ArrayLike<number>, (value) =>
    dtype === "f16" ? fromHalfBits(Number(value)) : Number(value),
  );
}

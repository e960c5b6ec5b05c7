// Scratch memory: where each local buffer lies in the worker's area and each kernel buffer in the call's, and how many
// bytes that takes, as expressions over dims for the code and for the manifest.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { dtypeInfo } from "../../../lang/dtypes.ts";
import type { ShapeExpr } from "../../artifact.ts";
import { i32, int, op, type Buffer, type Expr, type IrKernel } from "../../ir/ir.ts";
import { add, mul } from "../../passes/fold.ts";
import { toShapeExpr } from "../../shape-expr.ts";

export interface Scratch {
  /** Byte offsets in the worker's or the call's area. */
  readonly offsets: ReadonlyMap<string, Expr>;
  readonly sizes: ReadonlyMap<string, Expr>;
  readonly worker: ShapeExpr;
  readonly call: ShapeExpr;
}

/** Lays out all buffers that aren't arguments, one after the other. */
export function scratchOf(kernel: IrKernel): Scratch {
  const offsets = new Map<string, Expr>();
  const sizes = new Map<string, Expr>();
  const area = (buffers: readonly Buffer[]): ShapeExpr => {
    let at: Expr = int(0);
    for (const buffer of buffers) {
      offsets.set(buffer.name, at);
      const bytes = bytesOf(buffer);
      sizes.set(buffer.name, bytes);
      at = add(at, bytes);
    }
    return toShapeExpr(at) ?? internalError("wasm", `the scratch of ${kernel.name} has no size`);
  };
  const worker = area(kernel.buffers.filter(({ space }) => space === "local" || space === "panel"));
  const call = area(kernel.buffers.filter(({ space }) => space === "kernel"));
  return { offsets, sizes, worker, call };
}

/** A buffer's size in whole 16 bytes, with 16 to spare for vectors that begin at the last element. */
function bytesOf(buffer: Buffer): Expr {
  const { bits } = dtypeInfo(buffer.dtype);
  const elements = buffer.shape.reduce((a, b) => mul(a, b), int(1));
  const bytes =
    bits < 8 ? floorDiv(add(elements, int(8 / bits - 1)), 8 / bits) : mul(elements, int(bits / 8));
  return mul(floorDiv(add(bytes, int(31)), 16), int(16));
}

function floorDiv(a: Expr, by: number): Expr {
  return a.kind === "const" ? int(Math.floor((a.value as number) / by)) : op("floordiv", i32, [a, int(by)]);
}

// Scratch memory: where each local buffer lies in the worker's area and each kernel buffer in the call's, and how many
// bytes that takes, as expressions over dims for the code and for the manifest.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { dtypeInfo } from "../../../lang/dtypes.ts";
import { evaluateShape, type ShapeExpr, type ShapeOp } from "../../artifact.ts";
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
    let total: ShapeExpr = 0;
    for (const buffer of buffers) {
      offsets.set(buffer.name, at);
      const bytes = bytesOf(buffer);
      sizes.set(buffer.name, bytes);
      at = add(at, bytes);
      total = exact("+", total, exactBytesOf(buffer));
    }
    return total;
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

/**
 * The same size for the manifest. The code's arithmetic has 32 bits; the host's hasn't, and so it refuses a call whose scratch
 * doesn't fit into memory, which would otherwise wrap around to a size that does.
 */
function exactBytesOf(buffer: Buffer): ShapeExpr {
  const { bits } = dtypeInfo(buffer.dtype);
  const elements = buffer.shape.reduce<ShapeExpr>((size, extent) => {
    const expr = toShapeExpr(extent) ?? internalError("wasm", `the scratch of ${buffer.name} has no size`);
    return exact("*", size, expr);
  }, 1);
  const bytes =
    bits < 8 ? exact("//", exact("+", elements, 8 / bits - 1), 8 / bits) : exact("*", elements, bits / 8);
  return exact("*", exact("//", exact("+", bytes, 31), 16), 16);
}

/** An operation of shapes, carried out if both operands are known. */
function exact(op: ShapeOp, a: ShapeExpr, b: ShapeExpr): ShapeExpr {
  if (op === "+" && a === 0) return b;
  if (op === "*" && (a === 1 || b === 1)) return a === 1 ? b : a;
  const whole: ShapeExpr = [op, a, b];
  return typeof a === "number" && typeof b === "number" ? evaluateShape(whole, () => 0) : whole;
}

function floorDiv(a: Expr, by: number): Expr {
  return a.kind === "const" ? int(Math.floor((a.value as number) / by)) : op("floordiv", i32, [a, int(by)]);
}

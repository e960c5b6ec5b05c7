// What of a kernel WGSL can't hold, as diagnostics with a `.kern` line: dtypes it lacks, limits it exceeds.

import type { DiagnosticSink } from "../../../lang/diagnostics/diagnostic.ts";
import { dtypeInfo, type Dtype } from "../../../lang/dtypes.ts";
import type { Span } from "../../../lang/source.ts";
import { exprsOf, visitBlock, visitExpr } from "../../ir/walk.ts";
import type { Buffer, IrKernel } from "../../ir/ir.ts";
import { limits } from "./limits.ts";
import { constantSize } from "./sizes.ts";
import { dtypesUsed } from "./uses.ts";

/** Dtypes without a counterpart in WGSL, and what a user is told. */
export const unsupported = {
  f64: "WGSL computes in 32 and 16 bits only; f32 is its widest float",
  i64: "WGSL's widest integers have 32 bits",
  u64: "WGSL's widest integers have 32 bits",
} as const satisfies Partial<Record<Dtype, string>>;

/** Reports everything that keeps a kernel from being emitted; says whether there was nothing. */
export function checkKernel(kernel: IrKernel, sink: DiagnosticSink): boolean {
  const before = sink.all.length;
  checkDtypes(kernel, sink);
  if (sink.all.length === before) {
    checkBindings(kernel, sink);
    checkArrays(kernel, sink);
  }
  return sink.all.length === before;
}

function checkDtypes(kernel: IrKernel, sink: DiagnosticSink): void {
  for (const [dtype, span] of dtypesUsed(kernel)) {
    const why = (unsupported as Partial<Record<Dtype, string>>)[dtype];
    if (why) sink.report("K0601", { target: "wgsl", what: dtype }, span ?? kernel.span, { notes: [why] });
  }
}

/** Tensor arguments, scratch and the status word are storage buffers. */
function checkBindings(kernel: IrKernel, sink: DiagnosticSink): void {
  const tensors = kernel.params.filter((param) => param.kind === "tensor");
  const scratch = kernel.buffers.filter((buffer) => buffer.space === "kernel");
  let checks = 0;
  visitBlock(kernel.body, (stmt) => stmt.kind === "assert" && (checks = 1));
  const count = tensors.length + scratch.length + checks;
  if (count <= limits.storageBuffers) return;
  const parts = [`${tensors.length} for tensor arguments`];
  if (scratch.length > 0) parts.push(`${scratch.length} for values that outlive a phase`);
  if (checks > 0) parts.push("1 for run-time checks");
  sink.report(
    "K0602",
    { kernel: kernel.name, count, limit: limits.storageBuffers },
    tensors[limits.storageBuffers]?.span ?? kernel.span,
    { notes: [parts.join(", ")] },
  );
}

function checkArrays(kernel: IrKernel, sink: DiagnosticSink): void {
  let bytes = 0;
  for (const buffer of kernel.buffers) {
    if (buffer.space !== "local" && buffer.space !== "panel") continue;
    const size = constantSize(buffer.shape);
    if (size === undefined) {
      sink.report("K0603", { array: buffer.name }, placeOf(buffer, kernel));
      continue;
    }
    const own = size * Math.max(4, dtypeInfo(buffer.dtype).bits / 8);
    bytes += own;
    if (bytes > limits.functionBytes && bytes - own <= limits.functionBytes)
      sink.report(
        "K0604",
        { array: buffer.name, bytes, limit: limits.functionBytes },
        placeOf(buffer, kernel),
      );
  }
}

/** The array's own span, or that of the statement that brings it to life. */
function placeOf(buffer: Buffer, kernel: IrKernel): Span | undefined {
  let found = buffer.span;
  visitBlock(kernel.body, (stmt) => {
    if (found || stmt.kind !== "alloc" || stmt.buffer !== buffer.name) return;
    found = stmt.span;
    for (const expr of exprsOf(stmt)) visitExpr(expr, (part) => (found ??= part.span));
  });
  return found ?? kernel.span;
}

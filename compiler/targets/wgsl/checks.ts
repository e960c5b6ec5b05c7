// What of a kernel WGSL can't hold, as diagnostics with a `.kern` line: dtypes it lacks, limits it exceeds.

import type { DiagnosticSink } from "../../../lang/diagnostics/diagnostic.ts";
import { dtypeInfo, type Dtype } from "../../../lang/dtypes.ts";
import type { Span } from "../../../lang/source.ts";
import { exprsOf, visitBlock, visitExpr, visitRoots } from "../../ir/walk.ts";
import type { Buffer, IrKernel } from "../../ir/ir.ts";
import type { Limits } from "./limits.ts";
import { hasPairOp, isPair, pairNotes } from "./pairs.ts";
import type { Prepared } from "./prepare.ts";
import { isMade, iterationsOf, valuesOf, visitNests } from "./workgroups/nests.ts";
import { constantSize } from "./sizes.ts";
import { isWord, type Halves } from "./types.ts";
import { dtypesUsed } from "./uses.ts";
import type { VectorArrays } from "./vector-arrays.ts";

/** Dtypes without a counterpart in WGSL, and what a user is told. */
export const unsupported = {
  f64: "WGSL computes in 32 and 16 bits only; f32 is its widest float",
} as const satisfies Partial<Record<Dtype, string>>;

/** Reports dtypes that WGSL lacks, and ops of those that it has in part; says whether there was none. */
export function checkDtypes(kernel: IrKernel, sink: DiagnosticSink): boolean {
  let fine = checkPairs(kernel, sink);
  for (const [dtype, span] of dtypesUsed(kernel)) {
    const why = (unsupported as Partial<Record<Dtype, string>>)[dtype];
    if (!why) continue;
    sink.report("K0601", { target: "wgsl", what: dtype }, span ?? kernel.span, { notes: [why] });
    fine = false;
  }
  return fine;
}

/** What can't be done with integers of 64 bits, each thing once. */
function checkPairs(kernel: IrKernel, sink: DiagnosticSink): boolean {
  const said = new Set<string>();
  const refuse = (what: string, dtype: Dtype, span: Span | undefined): void => {
    if (said.has(what)) return;
    said.add(what);
    sink.report("K0601", { target: "wgsl", what }, span ?? kernel.span, { notes: pairNotes(dtype) });
  };
  for (const param of kernel.params)
    if (param.kind === "scalar" && isPair(param.dtype))
      refuse(`${param.dtype} argument`, param.dtype, param.span);
  visitRoots(kernel.body, (root, stmt) =>
    visitExpr(root, (expr) => {
      if (expr.kind !== "op") return;
      const wide = [expr.type, ...expr.args.map(({ type }) => type)].find(({ dtype }) => isPair(dtype));
      if (wide && !hasPairOp(expr))
        refuse(`\`${expr.op}\` of ${wide.dtype}`, wide.dtype, expr.span ?? stmt.span);
    }),
  );
  visitBlock(kernel.body, (stmt) => {
    const dtype = stmt.kind === "store" && stmt.atomic ? dtypeOf(kernel, stmt.buffer) : undefined;
    if (dtype && isPair(dtype)) refuse(`atomic update of ${dtype}`, dtype, stmt.span);
  });
  return said.size === 0;
}

const dtypeOf = (kernel: IrKernel, name: string): Dtype | undefined =>
  kernel.buffers.find((buffer) => buffer.name === name)?.dtype;

/** Reports what of a prepared kernel exceeds the limits; says whether there was nothing. */
export function checkLimits(
  { kernel, entries, arrays }: Prepared,
  limits: Limits,
  halves: Halves,
  sink: DiagnosticSink,
): boolean {
  const bindings = checkBindings(kernel, limits, sink);
  const shared = new Set(entries.flatMap(({ together }) => [...(together?.shared ?? [])]));
  const memory = checkMemory(kernel, { shared, arrays }, limits, halves, sink);
  return checkArrays(kernel, shared, limits, sink) && memory && bindings;
}

/** Tiles whose iterations are to be invocations of one workgroup; says whether all fit. */
export function checkInvocations(kernel: IrKernel, limits: Limits, sink: DiagnosticSink): boolean {
  const values = valuesOf(kernel.body);
  let fine = true;
  visitNests(kernel.body, (nest) => {
    const count = iterationsOf(nest, values) ?? 0;
    const [first] = nest.loops;
    if (count <= limits.invocations || !first || isMade(nest)) return;
    fine = false;
    sink.report("K0606", { count, limit: limits.invocations }, first.span ?? kernel.span);
  });
  return fine;
}

/** Arrays that a workgroup shares; all entry points of a kernel declare theirs apart. */
function checkMemory(
  kernel: IrKernel,
  { shared, arrays }: { readonly shared: ReadonlySet<string>; readonly arrays: VectorArrays },
  limits: Limits,
  halves: Halves,
  sink: DiagnosticSink,
): boolean {
  let bytes = 0;
  for (const buffer of kernel.buffers) {
    // What depends on dimensions is checked when a call has them.
    const size = shared.has(buffer.name) ? (constantSize(buffer.shape) ?? 0) : 0;
    bytes += Math.ceil((size * bytesHeld(buffer.dtype, halves, arrays.get(buffer.name))) / 16) * 16;
    if (bytes <= limits.workgroupBytes) continue;
    const params = { array: buffer.name, bytes, limit: limits.workgroupBytes };
    sink.report("K0605", params, placeOfArray(buffer, kernel));
    return false;
  }
  return true;
}

/** Bytes of an element where it is held as WGSL computes with it; `lanes` are those of the vectors that it lies in. */
export function bytesHeld(dtype: Dtype, halves: Halves, lanes = 1): number {
  if (isWord({ dtype, lanes })) return 1;
  return dtype === "f16" && halves === "native" ? 2 : Math.max(4, dtypeInfo(dtype).bits / 8);
}

/** Tensor arguments, scratch and the status word are storage buffers. */
function checkBindings(kernel: IrKernel, limits: Limits, sink: DiagnosticSink): boolean {
  const tensors = kernel.params.filter((param) => param.kind === "tensor");
  const scratch = kernel.buffers.filter((buffer) => buffer.space === "kernel");
  let checks = 0;
  visitBlock(kernel.body, (stmt) => stmt.kind === "assert" && (checks = 1));
  const count = tensors.length + scratch.length + checks;
  if (count <= limits.storageBuffers) return true;
  const parts = [`${tensors.length} for tensor arguments`];
  if (scratch.length > 0) parts.push(`${scratch.length} for values that outlive a phase`);
  if (checks > 0) parts.push("1 for run-time checks");
  sink.report(
    "K0602",
    { kernel: kernel.name, count, limit: limits.storageBuffers },
    tensors[limits.storageBuffers]?.span ?? kernel.span,
    { notes: [parts.join(", ")] },
  );
  return false;
}

function checkArrays(
  kernel: IrKernel,
  shared: ReadonlySet<string>,
  limits: Limits,
  sink: DiagnosticSink,
): boolean {
  let bytes = 0;
  let fine = true;
  for (const buffer of kernel.buffers) {
    if ((buffer.space !== "local" && buffer.space !== "panel") || shared.has(buffer.name)) continue;
    const own = (constantSize(buffer.shape) ?? 0) * Math.max(4, dtypeInfo(buffer.dtype).bits / 8);
    bytes += own;
    if (bytes <= limits.functionBytes) continue;
    // The array that goes over the limit; those behind it would say the same.
    if (fine) {
      const params = { array: buffer.name, bytes, limit: limits.functionBytes };
      sink.report("K0604", params, placeOfArray(buffer, kernel));
    }
    fine = false;
  }
  return fine;
}

/** The array's own span, or that of the statement that brings it to life. */
export function placeOfArray(buffer: Buffer, kernel: IrKernel): Span | undefined {
  let found = buffer.span;
  visitBlock(kernel.body, (stmt) => {
    if (found || stmt.kind !== "alloc" || stmt.buffer !== buffer.name) return;
    found = stmt.span;
    for (const expr of exprsOf(stmt)) visitExpr(expr, (part) => (found ??= part.span));
  });
  return found ?? kernel.span;
}

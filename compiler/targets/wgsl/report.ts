// What a kernel takes of a GPU, for `explain`: invocations and memory of a workgroup, registers of an invocation, and whether
// invocations that run side by side touch elements that lie side by side, which memory serves at once.

import type { Span } from "../../../lang/source.ts";
import { textOf } from "../../../lang/source.ts";
import { dtypeInfo } from "../../../lang/dtypes.ts";
import { declaredBy } from "../../ir/names.ts";
import { namesIn } from "../../ir/names.ts";
import type { Expr, IrKernel, Stmt } from "../../ir/ir.ts";
import { blocksOf, exprsOf, someExpr, visitBlock, visitExpr, visitExprs, type Block } from "../../ir/walk.ts";
import { intValue } from "../../passes/fold.ts";
import type { GpuAccess, GpuReport } from "../target.ts";
import { bytesHeld } from "./checks.ts";
import type { HelperSet } from "./helpers.ts";
import { workgroupSize } from "./limits.ts";
import type { Entry, Prepared } from "./prepare.ts";
import { constantSize } from "./sizes.ts";
import type { Halves } from "./types.ts";
import { usesDots } from "./uses.ts";
import { formOf, resolved, valuesOf, type Values } from "./workgroups/nests.ts";
import { usesSubgroups, type Step } from "./workgroups/steps.ts";

/** Stretches of at most so many elements that one invocation reads by itself are still served together. */
const widest = 4;

/** `wide`: the arguments that lie in vectors for the other code of the kernel. */
export function gpuReport(
  prepared: Prepared,
  { halves, dots }: HelperSet,
  wide: ReadonlySet<string> = new Set(),
): GpuReport {
  const { kernel, entries } = prepared;
  return {
    ...(usesHalves(kernel) && { halves: halves === "native" ? halves : "in f32" }),
    ...(usesDots(kernel) && { dots }),
    phases: entries.map((entry) => ({
      invocations: entry.together?.size ?? (entry.axes.length > 0 ? workgroupSize : 1),
      workgroupBytes: bytesOf(prepared, halves, (name) => entry.together?.shared.has(name) ?? false),
      registers: registersOf(entry, prepared),
      ...combinesOf(entry),
    })),
    wide: [...wide],
    accesses: unique(
      entries.flatMap((entry) =>
        accessesOf(
          entry,
          new Set(kernel.params.flatMap((param) => (param.kind === "tensor" ? [param.buffer] : []))),
        ),
      ),
    ),
  };
}

/** Whether anything in a kernel is an f16: an argument, an array, a value. */
function usesHalves({ buffers, params, body }: IrKernel): boolean {
  if (buffers.some(({ dtype }) => dtype === "f16")) return true;
  if (params.some((param) => param.kind === "scalar" && param.dtype === "f16")) return true;
  let found = false;
  visitExprs(body, ({ type }) => (found ||= type.dtype === "f16"));
  return found;
}

/** Trees are made of loops over threads that the source doesn't have. */
function combinesOf({ together, body }: Entry): Pick<GpuReport["phases"][number], "combines"> {
  if (!together) return {};
  const subgroups = usesSubgroups(together);
  let trees = false;
  visitBlock(body, (stmt) => {
    if (stmt.kind === "for" && stmt.marks.label === "thread" && (intValue(stmt.hi) ?? 0) < together.size)
      trees = true;
  });
  if (!subgroups && !trees) return {};
  return { combines: !trees ? "by subgroups" : subgroups ? "by subgroups and by trees" : "by trees" };
}

function bytesOf({ kernel, arrays }: Prepared, halves: Halves, counts: (name: string) => boolean): number {
  let bytes = 0;
  for (const { name, dtype, shape } of kernel.buffers)
    if (counts(name)) bytes += (constantSize(shape) ?? 0) * bytesHeld(dtype, halves, arrays.get(name));
  return bytes;
}

// ---- registers ---------------------------------------------------------------------------------------

/** The most values that are alive at once, arrays of an invocation's own included, in 32-bit registers. */
function registersOf(entry: Entry, { kernel }: Prepared): number {
  const shared = entry.together?.shared ?? new Set<string>();
  const arrays = new Map(
    kernel.buffers.flatMap(({ name, space, shape }) =>
      (space === "local" || space === "panel") && !shared.has(name)
        ? [[name, constantSize(shape) ?? 0] as const]
        : [],
    ),
  );
  return peak(entry.body, arrays);
}

function peak(block: Block, arrays: ReadonlyMap<string, number>): number {
  // The last statement of the block that mentions a name.
  const last = new Map<string, number>();
  block.forEach((stmt, at) => {
    const note = (expr: Expr): void =>
      visitExpr(expr, (part) => part.kind === "ref" && last.set(part.name, at));
    visitBlock([stmt], (inner) => exprsOf(inner).forEach(note));
  });
  const alive = new Map<string, number>();
  let most = 0;
  block.forEach((stmt, at) => {
    const now = [...alive.values()].reduce((a, b) => a + b, 0);
    const inside = blocksOf(stmt).map((inner) => peak(inner, arrays));
    for (const name of declaredBy(stmt)) if (stmt.kind !== "for") alive.set(name, lanesOf(stmt));
    if (stmt.kind === "alloc") alive.set(`array ${stmt.buffer}`, arrays.get(stmt.buffer) ?? 0);
    const own = [...alive.values()].reduce((a, b) => a + b, 0);
    most = Math.max(most, own, now + Math.max(0, ...inside) + (stmt.kind === "for" ? 1 : 0));
    for (const name of alive.keys())
      if (!name.startsWith("array ") && (last.get(name) ?? 0) <= at) alive.delete(name);
  });
  return most;
}

function lanesOf(stmt: Stmt): number {
  const type = stmt.kind === "let" ? stmt.value.type : stmt.kind === "var" ? stmt.init.type : undefined;
  if (!type || type.dtype === "bool") return type ? 0 : 1;
  return Math.ceil((type.lanes * Math.min(dtypeInfo(type.dtype).bits, 32)) / 32);
}

// ---- accesses ----------------------------------------------------------------------------------------

interface Touch {
  readonly buffer: string;
  readonly index: readonly Expr[];
  readonly write: boolean;
  readonly span: Span | undefined;
}

function accessesOf(entry: Entry, params: ReadonlySet<string>): GpuAccess[] {
  const values = valuesOf(entry.body);
  if (!entry.together) {
    const innermost = entry.axes.at(-1)?.loop.name;
    return judged(entry.body, params, innermost, values);
  }
  const found: GpuAccess[] = [];
  const visit = (steps: readonly Step[]): void => {
    for (const step of steps) {
      if (step.kind === "for") visit(step.body);
      if (step.kind === "if") [step.then, step.orelse].forEach(visit);
      if (step.kind === "spread") {
        const thread = step.nest.loops.at(-1)!.name;
        const own = new Map(values);
        // A loop that begins at the thread's number moves along with it.
        visitBlock(step.nest.body, (stmt) => {
          if (stmt.kind === "for" && namesIn(resolved(stmt.lo, values)).has(thread))
            own.set(stmt.name, stmt.lo);
        });
        found.push(...judged(step.nest.body, params, thread, own));
      }
      if (step.kind === "each" || step.kind === "one")
        found.push(...judged(step.statements, params, undefined, values));
    }
  };
  visit(entry.together.steps);
  return found;
}

function touchesIn(block: Block, params: ReadonlySet<string>): readonly Touch[] {
  const found: Touch[] = [];
  visitBlock(block, (stmt) => {
    for (const root of exprsOf(stmt))
      visitExpr(root, (part) => {
        if (part.kind === "load" && params.has(part.buffer))
          found.push({ buffer: part.buffer, index: part.index, write: false, span: part.span ?? stmt.span });
      });
    if (stmt.kind === "store" && params.has(stmt.buffer))
      found.push({ buffer: stmt.buffer, index: stmt.index, write: true, span: stmt.span });
  });
  return found;
}

function judged(
  block: Block,
  params: ReadonlySet<string>,
  thread: string | undefined,
  values: Values,
): GpuAccess[] {
  const touches = touchesIn(block, params);
  // What is loaded, or changes, differs from invocation to invocation for all that is known.
  const data = new Set<string>();
  visitBlock(block, (stmt) => {
    if ((stmt.kind === "let" || stmt.kind === "var") && !values.has(stmt.name)) data.add(stmt.name);
  });
  return touches.map((touch): GpuAccess => {
    const subject = subjectOf(touch);
    const { coalesced, why } = thread === undefined ? alone : judge(touch, thread, touches, values, data);
    return { subject, write: touch.write, coalesced, why, ...(touch.span && { span: touch.span }) };
  });
}

/** The access as the source writes it, where the place is that of an access. */
function subjectOf({ buffer, span }: Touch): string {
  const text = span ? textOf(span) : "";
  return text.startsWith(`${buffer}[`) ? text.slice(0, text.indexOf("]") + 1) : buffer;
}

const alone = { coalesced: true, why: "every invocation of the workgroup has the same element" };

/** How far apart the elements of neighbouring invocations lie. */
function judge(
  { index, buffer }: Touch,
  thread: string,
  all: readonly Touch[],
  values: Values,
  data: ReadonlySet<string>,
): { readonly coalesced: boolean; readonly why: string } {
  const steps: (number | undefined)[] = index.map((part) => stepOf(part, thread, values, data));
  const moving = steps.flatMap((step, axis) => (step === 0 ? [] : [axis]));
  if (moving.length === 0) return { coalesced: true, why: "neighbouring invocations share the element" };
  if (steps.includes(undefined))
    return { coalesced: false, why: "data, or more than a sum, says which element an invocation has" };
  const last = index.length - 1;
  const step = steps[last]!;
  if (moving.some((axis) => axis !== last))
    return { coalesced: false, why: "neighbouring invocations are a row or more apart" };
  if (step === 1) return { coalesced: true, why: "neighbouring invocations have neighbouring elements" };
  const places = new Set(
    all.flatMap((other) => (other.buffer === buffer ? [formOf(other.index[last]!, values).constant] : [])),
  );
  if (step > 1 && step <= widest && places.size >= step)
    return {
      coalesced: true,
      why: `each invocation has ${step} elements in one piece, the next one those behind`,
    };
  return { coalesced: false, why: `neighbouring invocations are ${Math.abs(step)} elements apart` };
}

/** What one more of a thread's number adds to a subscript. */
function stepOf(part: Expr, thread: string, values: Values, data: ReadonlySet<string>): number | undefined {
  const form = formOf(part, values);
  let step = 0;
  for (const { atom, by } of form.terms.values()) {
    if (atom.kind === "ref" && atom.name === thread) step += by;
    else if (
      namesIn(atom).has(thread) ||
      [...namesIn(atom)].some((name) => data.has(name)) ||
      someExpr(atom, ({ kind }) => kind === "load")
    )
      return undefined;
  }
  return step;
}

/** Copies of a statement say the same. */
function unique(accesses: readonly GpuAccess[]): GpuAccess[] {
  const found = new Map<string, GpuAccess>();
  for (const access of accesses) {
    const { subject, write, why, span } = access;
    found.set(JSON.stringify([subject, write, why, span?.start]), access);
  }
  return [...found.values()];
}

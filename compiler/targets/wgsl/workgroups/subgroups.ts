// Reductions across a workgroup by subgroups, where the device has them: what the invocations found lies in workgroup memory,
// and every subgroup takes it up by itself, each of its invocations some elements, before one operation combines those. The
// pass writes that as the loop it stands for, with a mark; emission finds the loop by its shape, so one that a pass changed
// is run as any other is. Neither the size of subgroups nor which invocations form one matters: invocations of a subgroup are
// told apart by counting them.

import { internalError } from "../../../../lang/diagnostics/internal-error.ts";
import { isFloat } from "../../../../lang/dtypes.ts";
import { load } from "../../../ir/build.ts";
import {
  int,
  i32,
  ref,
  type Buffer,
  type Expr,
  type ForStmt,
  type LoopMarks,
  type ReduceStmt,
  type Stmt,
} from "../../../ir/ir.ts";
import type { OpName } from "../../../ir/ops.ts";
import { combiningOp, isSimple } from "../../../ir/reducing.ts";
import { apply, intValue } from "../../../passes/fold.ts";
import type { Workspace } from "../../../passes/workspace.ts";

/** Fewer invocations than that combine faster without. */
const fewest = 16;

/** WGSL's operations on what the active invocations of a subgroup have: those of numbers, and those of truths. */
const ofNumbers: Partial<Record<OpName, string>> = {
  add: "subgroupAdd",
  mul: "subgroupMul",
  min: "subgroupMin",
  max: "subgroupMax",
};
const ofTruths: Partial<Record<OpName, string>> = { or: "subgroupAny", and: "subgroupAll" };

/** The operation for a dtype; none where values wrap or round more often than WGSL's do. */
function operationOf(op: OpName, dtype: string): string | undefined {
  if (dtype === "bool") return ofTruths[op];
  return ["f32", "f16", "i32", "u32"].includes(dtype) ? ofNumbers[op] : undefined;
}

/** Whether subgroups can take up a reduction's parts, one an invocation. */
export function suitsSubgroups({ op, results }: ReduceStmt, size: number): boolean {
  if (size < fewest || !isSimple(op) || results.length !== 1) return false;
  return operationOf(combiningOp[op], results[0]!.type.dtype) !== undefined;
}

/**
 * Statements that combine all elements of `part`, one an invocation, and what they come to; `neutral` changes nothing.
 *
 * Every subgroup finds the same, unless the order matters: sums and products of floats are taken from one of them, by
 * workgroup memory.
 */
export function bySubgroups(
  workspace: Workspace,
  reduce: ReduceStmt,
  part: Buffer,
  neutral: Expr,
): { readonly statements: readonly Stmt[]; readonly whole: Expr } {
  const { op, results, span } = reduce;
  const { name, type } = results[0]!;
  const combining = isSimple(op) ? combiningOp[op] : internalError("share-reductions", `${op} has no op`);
  const found = ref(workspace.name(`${name}_found`), type, span);
  const loop = (count: Expr, marks: LoopMarks, body: (at: Expr) => Stmt): Stmt => {
    const at = workspace.name("at");
    return {
      kind: "for",
      name: at,
      lo: int(0),
      hi: count,
      step: 1,
      marks,
      body: [body(ref(at, i32, span))],
      span,
    };
  };
  const statements: Stmt[] = [
    { kind: "var", name: found.name, init: neutral, span },
    loop(part.shape[0]!, { subgroups: true }, (at) => ({
      kind: "assign",
      name: found.name,
      value: apply(combining, type, [found, load(part, [at])], span),
      span,
    })),
  ];
  if (!isFloat(type.dtype) || combining === "min" || combining === "max") return { statements, whole: found };
  const whole = workspace.addBuffer({ ...part, name: `${name}_whole`, shape: [int(1)] });
  statements.push(
    { kind: "alloc", buffer: whole.name, span },
    loop(int(1), { threads: true, lanes: "turns" }, (at) => ({
      kind: "store",
      buffer: whole.name,
      index: [at],
      value: found,
      span,
    })),
  );
  return { statements, whole: load(whole, [int(0)]) };
}

/** A marked loop as what it does: `into` becomes op(into, all elements of `part`). */
export interface Combining {
  readonly into: string;
  readonly part: string;
  readonly size: number;
  readonly value: Expr & { readonly kind: "op" };
  /** WGSL's function. */
  readonly operation: string;
}

/** What a loop combines if its mark stands for that still, in a workgroup of so many invocations. */
export function combiningOf(loop: ForStmt, invocations: number): Combining | undefined {
  const [only] = loop.body;
  const size = intValue(loop.hi);
  if (!loop.marks.subgroups || loop.body.length !== 1 || only?.kind !== "assign") return undefined;
  // As many elements as invocations, so that no subgroup has more invocations than there are elements.
  if (intValue(loop.lo) !== 0 || loop.step !== 1 || size !== invocations) return undefined;
  const { name, value } = only;
  if (value.kind !== "op" || value.args.length !== 2) return undefined;
  const [left, right] = value.args;
  if (left?.kind !== "ref" || left.name !== name || right?.kind !== "load" || right.guard) return undefined;
  const [index] = right.index;
  if (right.index.length !== 1 || index?.kind !== "ref" || index.name !== loop.name) return undefined;
  const operation = operationOf(value.op, value.type.dtype);
  return operation === undefined || value.type.lanes !== 1
    ? undefined
    : { into: name, part: right.buffer, size, value, operation };
}

// Pass `share-reductions`: a reduction of a workgroup whose loops run over threads becomes one for each invocation, over
// every so many-th iteration, and a tree that combines what they found, in memory that they share. The kernel means the
// same to the interpreter.
//
//     reduce sum(s = 0) {                 threads for t in 0..128 {
//       threads for j in 0..N {             reduce sum(s_1 = 0) { for j in t..N step 128 { yield s_1(x[j]) } }
//         yield s(x[j])                     part[t] = s_1
//       }                                 }
//     }                                   threads for t in 0..64 { part[t] = part[t] + part[t + 64] } … and so on
//                                         let s = part[0]
//
// Where the device has subgroups, they take the place of the tree (`subgroups.ts`).

import { load } from "../../../ir/build.ts";
import { literal } from "../../../passes/fold.ts";
import {
  int,
  i32,
  ref,
  type Expr,
  type ForStmt,
  type IrKernel,
  type ReduceStmt,
  type Stmt,
} from "../../../ir/ir.ts";
import { mapBlock, mapBlocksOf, mapSame, type Block } from "../../../ir/walk.ts";
import { add, apply, ceilDiv, max, mul, sub } from "../../../passes/fold.ts";
import { combiningOp, isSimple } from "../../../ir/reducing.ts";
import { stepOf } from "../../../passes/expand-reductions.ts";
import { Workspace } from "../../../passes/workspace.ts";
import { limits } from "../limits.ts";
import { inFours } from "./fours.ts";
import { wholeChain, type Fours } from "./lanes.ts";
import { hasThreads, nestOf, valuesOf, workgroupSizeOf, type Values } from "./nests.ts";
import { bySubgroups, suitsSubgroups } from "./subgroups.ts";

/** `subgroups`: whether what the invocations found may be combined by subgroups, instead of a tree. */
export function shareReductions(kernel: IrKernel, subgroups = false): IrKernel {
  const workspace = new Workspace(kernel);
  const values = valuesOf(kernel.body);
  const fours: Fours = (loop) => inFours(loop, kernel, workspace, values);
  const body = kernel.body.map((stmt) => {
    if (!hasThreads([stmt])) return [stmt];
    const size = workgroupSizeOf([stmt], limits.invocations);
    return inGroup([stmt], { workspace, size, values, fours, subgroups });
  });
  if (body.every((each, at) => each.length === 1 && each[0] === kernel.body[at])) return kernel;
  return workspace.finish(body.flat());
}

interface Group {
  readonly workspace: Workspace;
  /** Invocations. */
  readonly size: number;
  readonly values: Values;
  readonly fours: Fours;
  readonly subgroups: boolean;
}

/** Statements that a whole workgroup runs. */
function inGroup(block: Block, group: Group): Block {
  const { values, fours } = group;
  const out = block.map((stmt): Block => {
    if (stmt.kind === "for" && (stmt.marks.threads || stmt.marks.vectorize)) return [stmt];
    if (stmt.kind === "reduce") {
      // Invocations that all computed the same sum would gain nothing, so they share any that is long.
      const spread = hasThreads(stmt.body)
        ? stmt
        : { ...stmt, body: mapSame(stmt.body, (each) => wholeChain(each, values, fours)) };
      return hasThreads(spread.body) ? shared(spread, group) : [stmt];
    }
    return [mapBlocksOf(stmt, (inner) => inGroup(inner, group))];
  });
  return out.every((each, at) => each.length === 1 && each[0] === block[at]) ? block : out.flat();
}

function shared(reduce: ReduceStmt, { workspace, size, subgroups }: Group): Block {
  const { span, results } = reduce;
  const parts = results.map(({ name, type }) =>
    workspace.addBuffer({
      name: `${name}_part`,
      dtype: type.dtype,
      space: "local",
      shape: [int(size)],
      ...(span && { span }),
    }),
  );
  const loop = (count: number, fill: (at: Expr) => Block): ForStmt => {
    const name = workspace.name("thread");
    const body = fill(ref(name, i32, span));
    return {
      kind: "for",
      name,
      lo: int(0),
      hi: int(count),
      step: 1,
      marks: { threads: true, lanes: "turns", label: "thread" },
      body,
      span,
    };
  };
  const own = loop(size, (thread) => {
    // Names of an invocation's own results; the reduction's are those of the whole.
    const neutral = reduce.init.map((init, at) => startOf(reduce, init, at));
    const strided: ReduceStmt = {
      ...reduce,
      init: neutral,
      body: stridedIn(workspace, reduce.body, thread, size),
    };
    const stores = parts.map((part, at): Stmt => ({
      kind: "store",
      buffer: part.name,
      index: [thread],
      value: ref(results[at]!.name, results[at]!.type, span),
      span,
    }));
    return workspace.copy([strided, ...stores], new Map());
  });
  const allocs = parts.map((part): Stmt => ({ kind: "alloc", buffer: part.name, span }));
  const finished = (wholes: readonly Expr[]): readonly Stmt[] =>
    results.map(({ name }, at) => {
      const whole = wholes[at]!;
      const init = reduce.init[at]!;
      const started = init.kind === "const" && init.value === valueOf(startOf(reduce, init, at));
      const value =
        started || !isSimple(reduce.op) ? whole : apply(combiningOp[reduce.op], whole.type, [init, whole]);
      return { kind: "let", name, value, span };
    });
  if (subgroups && suitsSubgroups(reduce, size)) {
    const { statements, whole } = bySubgroups(
      workspace,
      reduce,
      parts[0]!,
      startOf(reduce, reduce.init[0]!, 0),
    );
    return [...allocs, own, ...statements, ...finished([whole])];
  }
  const tree: Stmt[] = [];
  for (let alive = size; alive > 1;) {
    const half = Math.ceil(alive / 2);
    tree.push(
      loop(alive - half, (thread) =>
        combine(
          workspace,
          reduce,
          parts.map(({ name }) => name),
          thread,
          half,
        ),
      ),
    );
    alive = half;
  }
  return [...allocs, own, ...tree, ...finished(parts.map((part) => load(part, [int(0)])))];
}

const valueOf = (expr: Expr): unknown => (expr.kind === "const" ? expr.value : undefined);

/** Combined with anything it gives that. */
function startOf({ op, results }: ReduceStmt, init: Expr, at: number): Expr {
  if (op === "sum") return literal(0, results[at]!.type);
  if (op === "prod") return literal(1, results[at]!.type);
  return init;
}

/** Iteration `thread`, and every `size`-th behind it, of each nest over threads. */
function stridedIn(workspace: Workspace, block: Block, thread: Expr, size: number): Block {
  return block.flatMap((stmt): Block => {
    if (stmt.kind !== "for" || !stmt.marks.threads)
      return [mapBlocksOf(stmt, (inner) => stridedIn(workspace, inner, thread, size))];
    const { loops, lets, body } = nestOf(stmt);
    const plain = withoutThreads(body);
    const [only] = loops;
    if (loops.length === 1 && only) {
      const { threads: _spread, ...marks } = only.marks;
      const lo = add(only.lo, mul(thread, int(only.step)));
      return [{ ...only, lo, step: only.step * size, marks, body: [...lets, ...plain] }];
    }
    const before: Stmt[] = [];
    const counts = loops.map((loop) => {
      const value = max(ceilDiv(sub(loop.hi, loop.lo), loop.step), int(0));
      if (value.kind === "const") return value;
      const name = workspace.name(`${loop.name}_count`);
      before.push({ kind: "let", name, value, span: loop.span });
      return ref(name, i32);
    });
    const name = workspace.name("turn");
    let left: Expr = ref(name, i32);
    const digits = loops.map((): Expr => int(0));
    for (let at = loops.length - 1; at >= 0; at--) {
      const by = max(counts[at]!, int(1));
      digits[at] = at === 0 ? left : apply("mod", i32, [left, by]);
      left = apply("floordiv", i32, [left, by]);
    }
    const named = loops.map((loop, at): Stmt => ({
      kind: "let",
      name: loop.name,
      value: add(loop.lo, mul(digits[at]!, int(loop.step))),
      span: loop.span,
    }));
    const marks = {};
    const hi = counts.reduce<Expr>(mul, int(1));
    return [
      ...before,
      {
        kind: "for",
        name,
        lo: thread,
        hi,
        step: size,
        marks,
        body: [...named, ...lets, ...plain],
        span: stmt.span,
      },
    ];
  });
}

const withoutThreads = (block: Block): Block =>
  mapBlock(block, (stmt) => {
    if (stmt.kind !== "for" || !stmt.marks.threads) return stmt;
    const { threads: _spread, ...marks } = stmt.marks;
    return { ...stmt, marks };
  });

/** part[t] = part[t] ⊕ part[t + half] */
function combine(
  workspace: Workspace,
  reduce: ReduceStmt,
  parts: readonly string[],
  thread: Expr,
  half: number,
): Block {
  const { span, results } = reduce;
  if (isSimple(reduce.op)) {
    const { type } = results[0]!;
    const element = (index: Expr): Expr => ({ kind: "load", type, buffer: parts[0]!, index: [index], span });
    const value = apply(
      combiningOp[reduce.op],
      type,
      [element(thread), element(add(thread, int(half)))],
      span,
    );
    return [{ kind: "store", buffer: parts[0]!, index: [thread], value, span }];
  }
  const block: Stmt[] = [];
  const held = (at: number, index: Expr): Expr => {
    const { type } = results[at]!;
    const name = workspace.name("part");
    block.push({
      kind: "let",
      name,
      value: { kind: "load", type, buffer: parts[at]!, index: [index] },
      span,
    });
    return ref(name, type, span);
  };
  const left = parts.map((_, at) => held(at, thread));
  const right = parts.map((_, at) => held(at, add(thread, int(half))));
  const step = stepOf(workspace, reduce, left, right);
  block.push(...step.block);
  const named = step.values.map((value) => {
    const name = workspace.name("whole");
    block.push({ kind: "let", name, value, span });
    return ref(name, value.type, span);
  });
  parts.forEach((buffer, at) =>
    block.push({ kind: "store", buffer, index: [thread], value: named[at]!, span }),
  );
  return block;
}

// Pass `expand-reductions`: regions become registers. A `reduce` turns into one `var` an accumulator, each `yield`
// into assignments, the results into `let`s behind the loops. It also holds what one step of each reduction computes,
// for scalars and vectors alike; the vectorizer builds on that.
//
// Assumes: proved kernels. The order of the steps is the loops' own, so nothing is reassociated here.

import { internalError } from "../../lang/diagnostics/internal-error.ts";
import { isFloat } from "../../lang/dtypes.ts";
import { ref, type Expr, type IrKernel, type ReduceStmt, type Stmt } from "../ir/ir.ts";
import { combiningOp, isSimple } from "../ir/reducing.ts";
import { mapBlock, type Block } from "../ir/walk.ts";
import { and, apply, compare, or, select } from "./fold.ts";
import { Workspace } from "./workspace.ts";

/** Replaces every reduction by registers. */
export function expandReductions(kernel: IrKernel): IrKernel {
  const workspace = new Workspace(kernel);
  return workspace.finish(expandIn(workspace, kernel.body));
}

/** The same for a block. */
export function expandIn(workspace: Workspace, block: Block): Block {
  return mapBlock(block, (statement) =>
    statement.kind === "reduce" ? expandReduce(workspace, statement).statements : statement,
  );
}

export interface Expanded {
  /** Registers first, then the body, then the results. */
  readonly statements: readonly Stmt[];
  readonly registers: readonly Stmt[];
  readonly body: Block;
  readonly results: readonly Stmt[];
  /** The registers by name, in the order of the results. */
  readonly accumulators: readonly string[];
}

/** One reduction as registers, in its parts. */
export function expandReduce(workspace: Workspace, reduce: ReduceStmt): Expanded {
  const { span } = reduce;
  const accumulators = reduce.results.map(({ name }) => workspace.name(`${name}_acc`));
  const held = reduce.results.map(({ type }, at) => ref(accumulators[at]!, type, span));
  const registers = reduce.init.map((init, at): Stmt => ({
    kind: "var",
    name: accumulators[at]!,
    init,
    span,
  }));
  const into = reduce.results[0]!.name;
  const body = mapBlock(reduce.body, (statement) => {
    if (statement.kind !== "yield" || statement.into !== into) return statement;
    const block: Stmt[] = [];
    const reused = !isSimple(reduce.op);
    const values = statement.values.map((value) => (reused ? named(workspace, block, value) : value));
    const step = stepOf(workspace, reduce, held, values);
    // Results of a built-in reduction are combined each by itself.
    const assigned = reused
      ? assignAll(workspace, accumulators, step.values, statement.span)
      : step.values.map((value, at): Stmt => ({
          kind: "assign",
          name: accumulators[at]!,
          value,
          span: statement.span,
        }));
    return [...block, ...step.block, ...assigned];
  });
  const results = reduce.results.map(({ name }, at): Stmt => ({ kind: "let", name, value: held[at]!, span }));
  return { statements: [...registers, ...body, ...results], registers, body, results, accumulators };
}

/** Names a value that is used more than once. */
function named(workspace: Workspace, block: Stmt[], value: Expr): Expr {
  if (value.kind === "const") return value;
  const name = workspace.name("given");
  block.push({ kind: "let", name, value, span: value.span });
  return ref(name, value.type, value.span);
}

/** Assigns registers all at once: each new value may read every old one. */
export function assignAll(
  workspace: Workspace,
  names: readonly string[],
  values: readonly Expr[],
  span: Stmt["span"],
): Stmt[] {
  if (names.length === 1) return [{ kind: "assign", name: names[0]!, value: values[0]!, span }];
  const block: Stmt[] = [];
  const fresh = values.map((value) => {
    const name = workspace.name("next");
    block.push({ kind: "let", name, value, span });
    return ref(name, value.type, span);
  });
  return [...block, ...names.map((name, at): Stmt => ({ kind: "assign", name, value: fresh[at]!, span }))];
}

/**
 * left ⊕ right of a reduction, for scalars; of built-in reductions for vectors too. The block computes what the
 * values need. The operands should be names or constants, since they may be used more than once.
 */
export function stepOf(
  workspace: Workspace,
  reduce: ReduceStmt,
  left: readonly Expr[],
  right: readonly Expr[],
): { readonly block: Block; readonly values: readonly Expr[] } {
  if (isSimple(reduce.op)) {
    const name = combiningOp[reduce.op];
    return { block: [], values: left.map((a, at) => apply(name, a.type, [a, right[at]!], reduce.span)) };
  }
  if (reduce.op === "custom") return customStep(workspace, reduce, left, right);
  const wins = better(reduce.op, left, right);
  const name = workspace.name("wins");
  const winner = ref(name, wins.type, reduce.span);
  return {
    block: [{ kind: "let", name, value: wins, span: reduce.span }],
    values: left.map((old, at) => select(winner, right[at]!, old)),
  };
}

/** A copy of the combiner's body, with the operands in place of its names. */
function customStep(
  workspace: Workspace,
  { combine, results }: ReduceStmt,
  left: readonly Expr[],
  right: readonly Expr[],
): { readonly block: Block; readonly values: readonly Expr[] } {
  if (!combine) return internalError("expand-reductions", "a custom reduction without a combiner");
  const operands = new Map<string, Expr>();
  combine.left.forEach((name, at) => operands.set(name, left[at]!));
  combine.right.forEach((name, at) => operands.set(name, right[at]!));
  // The values go through the copy as the operands of a statement at the end, so that one renaming covers all.
  const whole: Block = [...combine.body, { kind: "yield", into: results[0]!.name, values: combine.values }];
  const copied = workspace.copy(whole, operands);
  const last = copied[copied.length - 1]!;
  if (last.kind !== "yield") return internalError("expand-reductions", "a combiner that lost its values");
  return { block: copied.slice(0, -1), values: last.values };
}

/**
 * Whether a candidate (value and positions) beats what is held: it is greater (argmin: smaller), or a NaN against
 * a number, or equal at smaller positions. Bool with as many lanes as the operands.
 */
export function better(
  op: "argmax" | "argmin",
  [held, ...heldAt]: readonly Expr[],
  [value, ...valueAt]: readonly Expr[],
): Expr {
  const [a, b] = [held!, value!];
  const beyond = compare(op === "argmax" ? "gt" : "lt", b, a);
  let tie = compare("eq", b, a);
  let wins = beyond;
  if (isFloat(a.type.dtype)) {
    const [oldNan, newNan] = [compare("ne", a, a), compare("ne", b, b)];
    wins = or(wins, and(newNan, compare("eq", a, a)));
    tie = or(tie, and(newNan, oldNan));
  }
  return or(wins, and(tie, before(valueAt, heldAt)));
}

/** Lexicographic order of positions. */
function before([a, ...others]: readonly Expr[], [b, ...rest]: readonly Expr[]): Expr {
  const less = compare("lt", a!, b!);
  return others.length === 0 ? less : or(less, and(compare("eq", a!, b!), before(others, rest)));
}

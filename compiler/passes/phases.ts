// A kernel as a sequence of phases: each top-level parallel loop, and the serial statements between them. Every
// worker ends a phase before the next begins, so a phase shares no registers with the others: what an earlier phase
// computed is computed again where that is cheap arithmetic, and otherwise kept in scratch that all phases share.
//
// Assumes: reductions are expanded, or lie within one statement. Either form; scratch for a value has one dim.

import { internalError } from "../../lang/diagnostics/internal-error.ts";
import { toShapeExpr } from "../shape-expr.ts";
import type { ForStmt, IrKernel, Stmt } from "../ir/ir.ts";
import { costOf } from "../ir/facts.ts";
import { namesIn, substitute } from "../ir/names.ts";
import { someExpr, visitBlock, type Block } from "../ir/walk.ts";
import { sub } from "./fold.ts";
import { keepBetween } from "./phase-values.ts";
import { silent, Workspace, type PassReport } from "./workspace.ts";

export interface Phase {
  /** Whether its last statement is a parallel loop, whose iterations workers share. What stands before that are `let`s. */
  readonly parallel: boolean;
  /** Complete in itself but for dims, scalar parameters and buffers. */
  readonly body: Block;
}

export interface Phased {
  /** The same kernel, its body the phases one after the other, with the scratch buffers that they share. */
  readonly kernel: IrKernel;
  readonly phases: readonly Phase[];
}

/** Statements of one phase while it is being made. */
export interface Group {
  readonly parallel: boolean;
  statements: Stmt[];
}

/** Recomputing more than this in every phase would cost more than a load. */
const cheapEnough = 64;

/** Splits a kernel into phases. Parallel loops that can't be shared are reported, and run in order. */
export function phases(kernel: IrKernel, report: PassReport = silent): Phased {
  const workspace = new Workspace(kernel);
  const { groups, cheap } = grouped(kernel, report);
  const complete = keepBetween(workspace, kernel, groups, cheap);
  const list = complete
    .filter((group) => group.statements.length > 0)
    .map((group): Phase => ({ parallel: group.parallel, body: group.statements }));
  return { kernel: workspace.finish(list.flatMap((phase) => phase.body)), phases: list };
}

/** A value that every phase computes for itself: arithmetic over dims, scalars and others of its kind. */
export type CheapLet = Stmt & { readonly kind: "let" };

function grouped(
  kernel: IrKernel,
  report: PassReport,
): { readonly groups: Group[]; readonly cheap: ReadonlyMap<string, CheapLet> } {
  const cheap = new Map<string, CheapLet>();
  const known = new Set(kernel.dims.map((dim) => dim.name));
  for (const param of kernel.params) if (param.kind === "scalar") known.add(param.name);
  const groups: Group[] = [];
  let serial: Group | undefined;
  for (const statement of kernel.body) {
    if (statement.kind === "let" && isCheap(statement, known, cheap)) {
      cheap.set(statement.name, statement);
      continue;
    }
    if (statement.kind === "for" && statement.marks.parallel) {
      const why = notShared(statement, known, cheap);
      if (why === undefined) {
        groups.push({ parallel: true, statements: [statement] });
        serial = undefined;
        continue;
      }
      reportSerial(report, statement, why);
    } else {
      visitBlock([statement], (each) => {
        if (each.kind === "for" && each.marks.parallel)
          reportSerial(
            report,
            each,
            "a loop or branch stands around it, and only top-level loops are shared",
          );
      });
    }
    if (!serial) groups.push((serial = { parallel: false, statements: [] }));
    serial.statements.push(withoutParallel(statement));
  }
  return { groups, cheap };
}

function isCheap(
  { value }: CheapLet,
  known: ReadonlySet<string>,
  cheap: ReadonlyMap<string, CheapLet>,
): boolean {
  const foreign = (name: string): boolean => !known.has(name) && !cheap.has(name);
  if (someExpr(value, (part) => part.kind === "load" || (part.kind === "ref" && foreign(part.name))))
    return false;
  return costOf(value) <= cheapEnough;
}

/** Why the runtime couldn't share a loop's iterations out, or undefined. */
function notShared(
  loop: ForStmt,
  known: ReadonlySet<string>,
  cheap: ReadonlyMap<string, CheapLet>,
): string | undefined {
  const values = new Map([...cheap].map(([name, { value }]) => [name, value]));
  let length = sub(loop.hi, loop.lo);
  // Cheap values may mention earlier ones.
  for (let round = 0; round <= values.size; round++) length = substitute(length, values);
  const computable =
    [...namesIn(length)].every((name) => known.has(name)) && toShapeExpr(length) !== undefined;
  return computable ? undefined : "how often it runs isn't known before the kernel starts";
}

function reportSerial(report: PassReport, loop: ForStmt, why: string): void {
  report.notHonoured(`@parallel(${loop.marks.label ?? loop.name})`, `${why}, so it runs in order`, loop.span);
}

function withoutParallel(statement: Stmt): Stmt {
  if (statement.kind !== "for" || !statement.marks.parallel) return statement;
  const { parallel: _shared, ...marks } = statement.marks;
  return { ...statement, marks };
}

/** The parallel loop at the end of a phase. */
export function parallelLoopOf(phase: Phase): ForStmt {
  const last = phase.body.at(-1);
  return phase.parallel && last?.kind === "for"
    ? last
    : internalError("phases", "a serial phase has no parallel loop");
}

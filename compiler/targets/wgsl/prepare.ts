// A kernel brought into what the emitter takes: no vectors, constants folded, split into phases, each with its axes and,
// where it has loops over threads, the steps of its workgroups. What an annotation asked for and this target doesn't do is
// reported, never dropped.

import type { Span } from "../../../lang/source.ts";
import type { IrKernel, Stmt } from "../../ir/ir.ts";
import { mapBlock } from "../../ir/walk.ts";
import { phases } from "../../passes/phases.ts";
import { simplify } from "../../passes/simplify/index.ts";
import type { PassReport } from "../../passes/workspace.ts";
import { foldConstants } from "./fold.ts";
import type { Limits } from "./limits.ts";
import { entryPoint, type EntryPoint } from "./phases.ts";
import { scalarise } from "./scalarise.ts";
import { vectorArrays, type VectorArrays } from "./vector-arrays.ts";
import { wideLanes, type Halves } from "./types.ts";
import { wideKernel } from "./wide.ts";
import { CannotCooperate, cooperate } from "./workgroups/cooperate.ts";
import { hasThreads } from "./workgroups/nests.ts";
import type { Cooperation } from "./workgroups/steps.ts";

/** An annotation that this target doesn't honour, and why. */
export interface NotHonoured {
  readonly annotation: string;
  readonly why: string;
  readonly span?: Span;
}

/** An entry point, and how its workgroups share the work of an iteration; without, an invocation does it alone. */
export interface Entry extends EntryPoint {
  readonly together?: Cooperation;
}

export interface Prepared {
  /** With the arrays as entries use them. */
  readonly kernel: IrKernel;
  readonly entries: readonly Entry[];
  /** Arrays and arguments that lie in vectors. */
  readonly arrays: VectorArrays;
  readonly notHonoured: readonly NotHonoured[];
}

/** The kernel for arguments that lie in whole vectors. */
export interface WidePrepared extends Prepared {
  readonly buffers: ReadonlySet<string>;
}

/** The same, for arguments that lie in whole vectors; undefined where nothing is gained by it. */
export function prepareWide(
  kernel: IrKernel,
  limits: Limits,
  halves: Halves = "native",
): WidePrepared | undefined {
  const wide = wideKernel(kernel, halves);
  if (!wide) return undefined;
  return { ...prepare(wide.kernel, limits, halves, wide.buffers), buffers: wide.buffers };
}

/** Prepares a kernel that went through the target's passes; `wide` are the arguments that lie in vectors. */
export function prepare(
  kernel: IrKernel,
  limits: Limits,
  halves: Halves = "native",
  wide: ReadonlySet<string> = new Set(),
): Prepared {
  const notHonoured: NotHonoured[] = [];
  const report: PassReport = {
    notHonoured: (annotation, why, span) => notHonoured.push({ annotation, why, span }),
  };
  // Folding is last, since nothing else may reach WGSL's own evaluation of constants.
  const arrays = new Map([...vectorArrays(kernel), ...[...wide].map((name) => [name, wideLanes] as const)]);
  const phased = phases(foldConstants(simplify(scalarise(kernel, arrays, halves))), report);
  let ready = phased.kernel;
  const entries = phased.phases.map(({ body }): Entry => {
    const entry = entryPoint(body, ready);
    if (!hasThreads(entry.body)) return entry;
    const known = [
      ...ready.dims.map(({ name }) => name),
      ...ready.params.flatMap((param) => (param.kind === "scalar" ? [param.name] : [])),
      ...entry.axes.map(({ loop }) => loop.name),
    ];
    try {
      const { plan, buffers } = cooperate(entry.body, ready, new Set(known), limits.invocations);
      const changed = new Map(buffers.map((buffer) => [buffer.name, buffer]));
      ready = { ...ready, buffers: ready.buffers.map((buffer) => changed.get(buffer.name) ?? buffer) };
      return { ...entry, together: plan };
    } catch (error) {
      if (!(error instanceof CannotCooperate)) throw error;
      return { ...entry, body: inOrder(entry.body, error, report) };
    }
  });
  return { kernel: ready, entries, arrays, notHonoured };
}

/** Loops over threads as one invocation runs them. */
function inOrder(body: readonly Stmt[], { message }: CannotCooperate, report: PassReport): readonly Stmt[] {
  return mapBlock(body, (stmt) => {
    if (stmt.kind !== "for" || !stmt.marks.threads) return stmt;
    const { threads: _serial, ...marks } = stmt.marks;
    // Trees of reductions have no annotation of their own; the loops that they came from have.
    if (marks.label !== undefined && marks.label !== "thread")
      report.notHonoured(
        `@${marks.lanes === "vectorized" ? "vectorize" : "threads"}(${marks.label})`,
        `${message}, so one invocation runs it in order`,
        stmt.span,
      );
    return { ...stmt, marks };
  });
}

// Fusing loops: perfectly nested ones become a single loop over all their iterations, whose number says where each of
// them stands. The order of the iterations stays, so this is always legal; a mark stays if each of the loops has it.

import { i32, int, ref, type Directive, type ForStmt, type LoopMarks, type Stmt } from "../ir/ir.ts";
import { namesIn, substituteIn } from "../ir/names.ts";
import { mapBlocksOf, mapSame } from "../ir/walk.ts";
import { add, apply, ceilDiv, max, mul, sub } from "../passes/fold.ts";
import { tripCount } from "../passes/trips.ts";
import { jumpsOut, type Workspace } from "../passes/workspace.ts";
import { chainOf } from "./band.ts";
import { CannotApply } from "./context.ts";
import type { Fitting } from "./fitting.ts";

export interface Fused {
  /** What the loop needs before it. */
  readonly before: readonly Stmt[];
  readonly loop: ForStmt;
  readonly directives: readonly Directive[];
}

/** Carries out the `fuse` directives of a nest; the others are left, without the loops that are gone. */
export function fuse(
  workspace: Workspace,
  fitting: Fitting,
  nest: ForStmt,
  directives: readonly Directive[],
): Fused {
  const before: Stmt[] = [];
  let loop = nest;
  for (const each of directives) {
    if (each.kind !== "fuse") continue;
    const names = each.loops.map((given) => given.loop);
    if (
      each.loops.some((given) => given.level !== undefined) ||
      directives.some((other) => reshapes(other, names))
    )
      throw new CannotApply("loops that are tiled or ordered can't be fused as well");
    let done = false;
    const visit = (stmt: Stmt): Stmt => {
      if (!done && stmt.kind === "for" && names.includes(stmt.name)) {
        done = true;
        return fusedLoop(workspace, fitting, stmt, names, before);
      }
      return mapBlocksOf(stmt, (block) => mapSame(block, visit));
    };
    const next = visit(loop);
    if (next.kind === "for") loop = next;
  }
  const gone = new Set(
    directives.flatMap((each) => (each.kind === "fuse" ? each.loops.map((given) => given.loop) : [])),
  );
  const rest = directives.flatMap((each): Directive[] => {
    if (each.kind === "fuse") return [];
    if (each.kind === "tile" || each.kind === "stage") return [each];
    return [{ ...each, loops: each.loops.filter((given) => !gone.has(given.loop)) }];
  });
  return { before, loop, directives: rest };
}

function reshapes(directive: Directive, names: readonly string[]): boolean {
  if (directive.kind === "tile") return directive.sizes.some(({ loop }) => names.includes(loop));
  if (directive.kind === "order") return directive.loops.some(({ loop }) => names.includes(loop));
  return directive.kind === "stage" && directive.at !== undefined && names.includes(directive.at.loop);
}

function fusedLoop(
  workspace: Workspace,
  fitting: Fitting,
  outer: ForStmt,
  names: readonly string[],
  before: Stmt[],
): ForStmt {
  const { loops } = chainOf(outer);
  const chosen = loops.slice(0, names.length);
  if (chosen.length < names.length || !chosen.every((loop) => names.includes(loop.name)))
    throw new CannotApply("the loops aren't perfectly nested");
  const inner = chosen.at(-1)!;
  if (jumpsOut(inner.body)) throw new CannotApply("a `break` or `continue` leaves an iteration early");
  for (const { lo, hi } of chosen)
    if ([lo, hi].some((bound) => [...namesIn(bound)].some((name) => names.includes(name))))
      throw new CannotApply("the bounds of one of the loops come from another");
  if (
    chosen.some(({ lo, hi }) =>
      [lo, hi].some((bound) => [...namesIn(bound)].some((name) => workspace.isVariable(name))),
    )
  )
    throw new CannotApply("the bounds of one of the loops change");
  if (!fitting.fits(chosen.map(({ lo, hi, step }) => ceilDiv(sub(hi, lo), step))))
    throw new CannotApply("the number of their iterations together may not fit 32 bits");
  const name = workspace.name(chosen.map((loop) => loop.name).join("_"));
  const at = ref(name, i32, outer.span);
  let left: typeof at | ReturnType<typeof apply> = at;
  const values = new Map<string, ReturnType<typeof apply>>();
  const counts = chosen.map((loop) => {
    const trips = tripCount(workspace, loop);
    before.push(...trips.block);
    return trips;
  });
  // The innermost loop is the last digit of the iteration's number.
  for (const [level, loop] of [...chosen.entries()].toReversed()) {
    const { count, lo } = counts[level]!;
    // Nothing runs where a loop is empty, but a division that is moved out must be sound.
    const by = max(count, int(1));
    const digit = level === 0 ? left : apply("mod", i32, [left, by]);
    values.set(loop.name, add(lo, mul(digit, int(loop.step))));
    left = apply("floordiv", i32, [left, by]);
  }
  const { schedule, span } = outer;
  return {
    kind: "for",
    name,
    lo: int(0),
    hi: counts.map(({ count }) => count).reduce(mul),
    step: 1,
    marks: sharedMarks(chosen),
    ...(schedule && { schedule }),
    body: substituteIn(inner.body, values),
    span,
  };
}

function sharedMarks(loops: readonly ForStmt[]): LoopMarks {
  const all = (test: (marks: LoopMarks) => unknown): boolean => loops.every(({ marks }) => test(marks));
  const label = loops.map(({ marks, name }) => marks.label ?? name).join("_");
  return {
    ...(all((marks) => marks.parallel) && { parallel: true as const }),
    ...(all((marks) => marks.threads) && { threads: true as const }),
    label,
  };
}

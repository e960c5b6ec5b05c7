// The places of a kernel where a schedule is to be chosen: perfectly nested bands, and reductions that stand beside loops.
// A nest that somebody has annotated, and what lies in it, is left alone.

import type { Directive, ForStmt, IrKernel, ReduceStmt, Stmt } from "../../ir/ir.ts";
import { isTotal, readOnlyBuffers } from "../../ir/facts.ts";
import { freeNames, namesIn } from "../../ir/names.ts";
import { blocksOf, visitBlock, type Block } from "../../ir/walk.ts";
import { zero } from "../../symbolic/poly.ts";
import { bandOf, chainOf, reductionChain } from "../band.ts";
import { planOf } from "../plan.ts";
import { isScheduled } from "./annotate.ts";
import type { BandRequest } from "./band-facts.ts";
import { bandCandidates, type Candidate } from "./candidates.ts";
import { gpuCandidates } from "./gpu.ts";
import { costOfBand, type Known } from "./cost.ts";
import { movesLast } from "./subscripts.ts";

/** One statement whose annotations are to be chosen. */
export interface Choice {
  /** The statement's first loop, by its name in the IR. */
  readonly loop: string;
  /** The best first; there is at least one. */
  readonly candidates: readonly Candidate[];
  /** How often the statement runs. */
  readonly times: number;
}

/** Whether some loop of the kernel has no schedule of anybody's yet. */
export function unscheduledLoops(kernel: IrKernel): ReadonlySet<string> {
  const found = new Set<string>();
  eachNest(kernel.body, (stmt) => visitBlock([stmt], (each) => each.kind === "for" && found.add(each.name)));
  return found;
}

/** The outermost loops and reductions that nobody scheduled, in order; `top` says that they run once a call. */
function eachNest(block: Block, found: (stmt: ForStmt | ReduceStmt, top: boolean) => void, top = true): void {
  for (const stmt of block) {
    if (stmt.kind === "for" || stmt.kind === "reduce") {
      if (!isScheduled(stmt)) found(stmt, top);
    } else for (const inner of blocksOf(stmt)) eachNest(inner, found, false);
  }
}

/** Every choice of a kernel, in the order of the source. */
export function choicesOf(kernel: IrKernel, known: Known): readonly Choice[] {
  const finder = new Finder(kernel, known);
  eachNest(kernel.body, (stmt, top) => finder.outermost(stmt, top));
  return finder.choices;
}

class Finder {
  readonly choices: Choice[] = [];
  private readonly known: Known;
  private readonly readOnly: ReadonlySet<string>;
  /** Whether something is checked at run time in the nest at hand. */
  private checked = false;
  private readonly sizes: Set<string>;

  constructor(kernel: IrKernel, known: Known) {
    this.known = known;
    this.readOnly = readOnlyBuffers(kernel);
    this.sizes = new Set([
      ...kernel.dims.map(({ name }) => name),
      ...kernel.params.flatMap((param) => (param.kind === "scalar" ? [param.name] : [])),
    ]);
    // What is computed from sizes at the top, the host computes as well.
    for (const stmt of kernel.body)
      if (
        stmt.kind === "let" &&
        isTotal(stmt.value) &&
        [...namesIn(stmt.value)].every((name) => this.sizes.has(name))
      )
        this.sizes.add(stmt.name);
  }

  /** Everything that is open in a nest of the kernel. */
  outermost(stmt: ForStmt | ReduceStmt, top: boolean): void {
    this.checked = false;
    visitBlock([stmt], (each) => {
      if (each.kind === "assert") this.checked = true;
    });
    this.nest(stmt, top, 1);
  }

  private nest(stmt: ForStmt | ReduceStmt, top: boolean, times: number): void {
    if (stmt.kind === "reduce") return this.reduction(stmt, times);
    const { loops, body } = chainOf(stmt);
    const request = {
      loop: stmt,
      shared: top,
      known: this.known,
      readOnly: this.readOnly,
      sizes: this.sizes,
      checked: this.checked,
      ambiguous: ambiguousIn(stmt),
    };
    // Reductions whose loops have one name are annotated where they stand, each for itself.
    const apart = body.some(
      (each) =>
        each.kind === "reduce" && reductionChain(each).loops.some(({ name }) => request.ambiguous.has(name)),
    );
    if (!holdsLoops(body) && !apart) {
      this.choices.push({ loop: stmt.name, candidates: this.candidates(request), times });
      return;
    }
    const iterations = loops.reduce((product, loop) => product * this.trips(loop), times);
    const before = this.choices.length;
    this.inside(body, iterations);
    const inner = this.choices.splice(before);
    const vectors = inner.some(({ candidates }) => candidates[0]!.directives.some(isVector));
    const outer = this.candidates(request).filter(({ directives }) =>
      directives.every(({ kind }) => kind === "parallel" || (!vectors && kind === "vectorize")),
    );
    this.choices.push({ loop: stmt.name, candidates: outer, times });
    // Loops inside of lanes keep their order.
    if (!outer[0]?.directives.some(isVector)) this.choices.push(...inner);
  }

  private inside(block: Block, times: number): void {
    const together = neighbours(block);
    for (const stmt of block) {
      if (stmt.kind === "reduce") this.reduction(stmt, times, together.get(stmt));
      else if (stmt.kind === "for") this.nest(stmt, false, times);
      else for (const inner of blocksOf(stmt)) this.inside(inner, times);
    }
  }

  /** A reduction that stands for itself: vectors over its innermost loop, narrower if others may run beside it. */
  private reduction(stmt: ReduceStmt, times: number, together = 1): void {
    const { loops } = reductionChain(stmt);
    const [first] = loops;
    const last = loops.at(-1);
    if (!first || !last || holdsLoops(last.body)) return;
    const width = this.known.machine.vectorBytes / 4;
    if (width === 0) return this.shareReduction(first, last, times);
    const rated = (directives: readonly Directive[]): Candidate => ({
      directives,
      cost: this.costOfReduction(stmt, first, directives),
    });
    const found = [rated([])];
    if ([...this.known.accesses.values()].some((access) => movesLast(access, last.name)))
      for (const times of [1, 2, 4])
        if (width * times <= this.trips(last) && (times === 1 || together === 1))
          found.push(
            rated([{ kind: "vectorize", loops: [{ loop: last.name }], width: width * times, tail: "mask" }]),
          );
    const candidates = found.toSorted((a, b) => a.cost.total - b.cost.total);
    this.choices.push({ loop: first.name, candidates, times });
  }

  /** On GPUs a reduction beside other statements is shared by a workgroup's invocations. */
  private shareReduction(first: ForStmt, last: ForStmt, times: number): void {
    const moves = [...this.known.accesses.values()].some((access) => movesLast(access, last.name));
    if (!moves || this.checked) return;
    const cost = { work: 0, loops: 0, waiting: 0, spills: 0, memory: 1, total: 1 };
    const directives: Directive[] = [{ kind: "vectorize", loops: [{ loop: last.name }], tail: "mask" }];
    this.choices.push({ loop: first.name, candidates: [{ directives, cost }], times });
  }

  /** The cost of a reduction as the block of a loop that runs once. */
  private costOfReduction(stmt: ReduceStmt, first: ForStmt, directives: readonly Directive[]) {
    const once: ForStmt = { ...first, name: "once", body: [stmt], marks: {} };
    const plan = planOf(directives);
    const known = {
      ...this.known,
      survey: {
        ...this.known.survey,
        loops: new Map(this.known.survey.loops).set("once", {
          independent: true,
          trips: 1,
          exact: true,
          atom: "once",
          lo: zero,
          step: 1,
        }),
      },
    };
    return costOfBand(bandOf(once, plan), plan, known);
  }

  private candidates(request: BandRequest): readonly Candidate[] {
    return this.known.machine.vectorBytes === 0 ? gpuCandidates(request) : bandCandidates(request);
  }

  private trips(loop: ForStmt): number {
    return this.known.survey.loops.get(loop.name)?.trips ?? 1;
  }
}

/** How many reductions of a block don't wait for each other, for each of them: they may become one. */
function neighbours(block: Block): ReadonlyMap<ReduceStmt, number> {
  const found = new Map<ReduceStmt, number>();
  let group: ReduceStmt[] = [];
  let waiting = new Set<string>();
  for (const stmt of block) {
    if (stmt.kind === "let" && [...namesIn(stmt.value)].some((name) => waiting.has(name)))
      waiting.add(stmt.name);
    if (stmt.kind !== "reduce") {
      // Only reductions with nothing but values between them share a loop.
      if (stmt.kind !== "let") group = [];
      continue;
    }
    if ([...freeNames([stmt])].some((name) => waiting.has(name))) {
      group = [];
      waiting = new Set();
    }
    group.push(stmt);
    stmt.results.forEach(({ name }) => waiting.add(name));
    for (const each of group) found.set(each, group.length);
  }
  return found;
}

const isVector = ({ kind }: Directive): boolean => kind === "vectorize";

/** Whether a block has loops besides those that its own reductions run over. */
function holdsLoops(block: Block): boolean {
  return block.some((stmt) => {
    if (stmt.kind === "for" || stmt.kind === "while") return true;
    if (stmt.kind !== "reduce") return blocksOf(stmt).some(holdsLoopsOrReductions);
    return holdsLoopsOrReductions(reductionChain(stmt).body);
  });
}

const holdsLoopsOrReductions = (block: Block): boolean =>
  block.some(
    (stmt) =>
      stmt.kind === "for" ||
      stmt.kind === "while" ||
      stmt.kind === "reduce" ||
      blocksOf(stmt).some(holdsLoopsOrReductions),
  );

/** Loops of a statement that share their name with another one, which an annotation can't tell apart. */
function ambiguousIn(stmt: Stmt): ReadonlySet<string> {
  const byLabel = new Map<string, string[]>();
  visitBlock([stmt], (each) => {
    if (each.kind !== "for") return;
    const label = each.marks.label ?? each.name;
    byLabel.set(label, [...(byLabel.get(label) ?? []), each.name]);
  });
  return new Set([...byLabel.values()].filter((names) => names.length > 1).flat());
}

// What the candidates of one band are made from: which of its loops may be lanes or shared, how its accesses move, which
// operands may be staged.

import type { Directive, ForStmt, LoadExpr, LoopRef } from "../../ir/ir.ts";
import { namesIn } from "../../ir/names.ts";
import { visitBlock, visitExprs } from "../../ir/walk.ts";
import { jumpsOut } from "../../passes/workspace.ts";
import { constantTrips } from "../../passes/unroll.ts";
import { bandOf, isPoint, isReduction, reads, type Band } from "../band.ts";
import { planOf } from "../plan.ts";
import type { Known } from "./cost.ts";
import { movesLast, strideOf, type Subscripts } from "./subscripts.ts";

export interface BandRequest {
  readonly loop: ForStmt;
  /** Whether iterations may be shared among workers here. */
  readonly shared: boolean;
  readonly known: Known;
  /** Buffers that nothing writes, which may be staged. */
  readonly readOnly: ReadonlySet<string>;
  /** Names of dims and scalar parameters. */
  readonly sizes: ReadonlySet<string>;
  /** Whether something is checked at run time in the nest around it. */
  readonly checked: boolean;
  /** Names in the IR by which an annotation can't tell a loop, since another in the statement has its name. */
  readonly ambiguous: ReadonlySet<string>;
}

export class BandFacts {
  readonly request: BandRequest;
  readonly band: Band;
  readonly accesses: readonly Subscripts[];
  readonly axes: readonly string[];
  readonly independent: (loop: string) => boolean;
  /** Lanes of a register for the widest dtype that is accessed. */
  readonly lanes: number;

  constructor(request: BandRequest) {
    this.request = request;
    const { known, ambiguous } = request;
    this.band = bandOf(request.loop, planOf([]));
    const inside = new Set<object>();
    visitBlock([request.loop], (stmt) => stmt.kind === "store" && inside.add(stmt));
    const own = [...this.band.axes, ...this.band.reductionAxes].map((axis) => axis.loop.name);
    this.accesses = [...known.accesses.values()].filter(
      ({ node, loops }) => inside.has(node) || own.some((loop) => loops.has(loop)),
    );
    this.axes = this.band.axes.map((axis) => axis.loop.name);
    this.independent = (loop) => known.survey.loops.get(loop)?.independent === true && !ambiguous.has(loop);
    const bytes = Math.max(1, ...this.accesses.map((access) => access.bytes));
    this.lanes = Math.max(Math.floor(known.machine.vectorBytes / bytes), 2);
  }

  get plain(): boolean {
    return !jumpsOut(this.band.body);
  }

  /** Whether iterations may be lanes: nothing is explicit SIMD already. */
  get scalar(): boolean {
    let found = true;
    visitExprs([this.request.loop], (part) => {
      if (part.type.lanes > 1) found = false;
    });
    return found;
  }

  trips(loop: string): number {
    return this.request.known.survey.loops.get(loop)?.trips ?? 1;
  }

  exact(loop: string): number | undefined {
    const facts = this.request.known.survey.loops.get(loop);
    return facts?.exact ? facts.trips : undefined;
  }

  /** Loops of the band whose iterations may be lanes, and of which some access makes neighbours. */
  get vectorAxes(): readonly string[] {
    if (!this.scalar) return [];
    return this.axes.filter(
      (loop) => this.independent(loop) && this.accesses.some((access) => movesLast(access, loop)),
    );
  }

  get widths(): readonly number[] {
    return [1, 2, 4].map((times) => this.lanes * times).filter((width) => width <= 64);
  }

  /** Small loops of reductions whose iterations are few and known, as copies. */
  unrolledReductions(): Directive[] {
    const loops = this.band.reductionAxes
      .filter(({ loop }) => (constantTrips(loop) ?? 99) <= 8 && !this.request.ambiguous.has(loop.name))
      .map(({ loop }): LoopRef => ({ loop: loop.name }));
    const copies = this.band.reductionAxes
      .filter(({ loop }) => loops.some((each) => each.loop === loop.name))
      .reduce((product, { loop }) => product * (constantTrips(loop) ?? 1), 1);
    return loops.length === 0 || copies > 32 ? [] : [{ kind: "unroll", loops, factor: 0 }];
  }

  /** Vectors over the innermost loop of each reduction. */
  reductionVectors(): Directive[][] {
    const innermost = [...new Set(this.band.reductionAxes.map(({ reduction }) => reduction))].flatMap(
      (number) => this.band.reductionAxes.findLast(({ reduction }) => reduction === number) ?? [],
    );
    const loops = innermost
      .map(({ loop }) => loop)
      .filter((loop) => !this.request.ambiguous.has(loop.name))
      .filter((loop) => this.accesses.some((access) => movesLast(access, loop.name)));
    if (loops.length === 0 || !this.scalar) return [];
    const narrow = this.accesses.some(({ kind, bytes }) => kind === "load" && bytes <= 2);
    return [...this.widths, ...(narrow ? [32] : [])]
      .filter((width) => loops.every((loop) => width <= this.trips(loop.name)))
      .map((width) => loops.map((loop) => this.vectorized(loop.name, width)));
  }

  vectorized(loop: string, width: number): Directive {
    // A register's worth is what a loop gets without a word, if all that it works on is of one size.
    const usual = width === this.lanes && this.accesses.every((access) => access.bytes * this.lanes === 16);
    return { kind: "vectorize", loops: [{ loop }], tail: "mask", ...(!usual && { width }) };
  }

  /** Buffers that are read in the reductions and that nothing writes. */
  operands(): readonly string[] {
    const { readOnly } = this.request;
    const plain = (name: string): boolean =>
      this.accesses.every(
        ({ node, buffer, irregular }) =>
          buffer.name !== name || (irregular.size === 0 && !(node as LoadExpr).guard),
      );
    return [...readOnly].filter((name) => reads(this.band.body, name) && plain(name));
  }

  /** The same with reads that may lie outside, whose defaults a copy holds. */
  guarded(): readonly string[] {
    const found = this.accesses.filter(
      ({ kind, node, irregular }) =>
        kind === "load" && irregular.size === 0 && (node as LoadExpr).guard !== undefined,
    );
    return [...new Set(found.map(({ buffer }) => buffer.name))].filter((name) =>
      this.request.readOnly.has(name),
    );
  }

  movedBy(buffer: string, loop: string): boolean {
    return this.accesses.some(
      (access) => access.buffer.name === buffer && (strideOf(access, loop) ?? 1) !== 0,
    );
  }

  /** Whether two loops move the same reads: a tile over both would share nothing. */
  sameReads(a: string, b: string): boolean {
    return this.readsMovedBy(a).join(" ") === this.readsMovedBy(b).join(" ");
  }

  /** Whether no read is moved by both loops: each tensor is shared along one of them. */
  apart(a: string, b: string): boolean {
    const others = new Set(this.readsMovedBy(b));
    return !this.readsMovedBy(a).some((name) => others.has(name));
  }

  private readsMovedBy(loop: string): string[] {
    return this.accesses
      .filter(({ kind, loops }) => kind === "load" && loops.has(loop))
      .map(({ buffer }) => buffer.name)
      .toSorted();
  }

  /** A loop of the band by its name. */
  loopOf(name: string): ForStmt {
    return this.band.axes.find(({ loop }) => loop.name === name)!.loop;
  }

  /** With the outermost loops shared among workers, where that may be. */
  withSharing(directives: readonly Directive[]): readonly Directive[] {
    if (!this.request.shared) return directives;
    const plan = planOf(directives);
    const { levels } = bandOf(this.request.loop, plan);
    const loops: LoopRef[] = [];
    let iterations = 1;
    for (const level of levels) {
      const { axis } = level;
      const loop = axis.loop.name;
      if (isReduction(level) || !this.independent(loop) || !this.hostKnows(axis.loop)) break;
      if (loops.some((each) => each.loop === loop)) break;
      const point = isPoint(level);
      if (point && axis.tiles.length > 0) break;
      // The loop of vectors is for one worker, unless there is no other.
      if (point && loops.length > 0 && (level.marks.vectorize || level === levels.at(-1))) break;
      loops.push(point ? { loop } : { loop, level: level.level! });
      const trips = this.exact(loop);
      iterations *= trips === undefined ? 1 : Math.ceil(trips / (point ? 1 : axis.tiles[0]!));
      const staged = plan.stages.some(({ at }) => at?.loop === loop && at.level === level.level);
      const enough = trips !== undefined ? iterations >= 64 : !point;
      if (staged || enough || loops.length === 3) break;
    }
    if (loops.length === 0) return directives;
    const at = directives.findIndex(({ kind }) => kind !== "tile" && kind !== "order");
    const split = at < 0 ? directives.length : at;
    return [...directives.slice(0, split), { kind: "parallel", loops }, ...directives.slice(split)];
  }

  /** Whether the host can count the iterations: bounds are over sizes alone. */
  hostKnows({ lo, hi }: ForStmt): boolean {
    const { sizes } = this.request;
    return [lo, hi].every((bound) => [...namesIn(bound)].every((name) => sizes.has(name)));
  }
}

// Candidate schedules of one perfectly nested band for vectors and caches, as directives: plain, vectors over a loop of the
// band or over its reduction, another loop order, register tiles, tiles for caches with staged operands, blocks for
// accesses that want opposite orders. Bounded: tiles for caches are tried for the best register tiles alone.

import type { Directive, ForStmt, LoadExpr, LoopRef } from "../../ir/ir.ts";
import { namesIn } from "../../ir/names.ts";
import { visitBlock, visitExprs } from "../../ir/walk.ts";
import { jumpsOut } from "../../passes/workspace.ts";
import { constantTrips } from "../../passes/unroll.ts";
import { bandOf, isPoint, isReduction, reads, type Band } from "../band.ts";
import { planOf } from "../plan.ts";
import { costOfBand, type Cost, type Known } from "./cost.ts";
import { movesLast, strideOf, type Subscripts } from "./subscripts.ts";

export interface Candidate {
  readonly directives: readonly Directive[];
  /** Of all iterations of the band, in slots of the machine; see `cost.ts`. */
  readonly cost: Cost;
}

/** Register tiles for which tiles for caches are tried. */
const kept = 4;

export interface BandRequest {
  readonly loop: ForStmt;
  /** Whether iterations may be shared among workers here. */
  readonly shared: boolean;
  readonly known: Known;
  /** Buffers that nothing writes, which may be staged. */
  readonly readOnly: ReadonlySet<string>;
  /** Names of dims and scalar parameters. */
  readonly sizes: ReadonlySet<string>;
  /** Names in the IR by which an annotation can't tell a loop, since another in the statement has its name. */
  readonly ambiguous: ReadonlySet<string>;
}

/** All candidates of a band, the best first. */
export function bandCandidates(request: BandRequest): readonly Candidate[] {
  const { loop, known } = request;
  const facts = new BandFacts(request);
  const rated = (directives: readonly Directive[]): Candidate => {
    const plan = planOf(directives);
    return { directives, cost: costOfBand(bandOf(loop, plan), plan, known) };
  };
  const byCost = (a: Candidate, b: Candidate): number => a.cost.total - b.cost.total;
  const first = [
    ...facts.simple(),
    ...facts.blocks(),
    ...facts.reductionVectors(),
    ...facts.registerTiles().map(({ directives }) => directives),
  ].map(rated);
  const tiles = facts
    .registerTiles()
    .map((tile) => ({ tile, candidate: rated(tile.directives) }))
    .toSorted((a, b) => byCost(a.candidate, b.candidate))
    .slice(0, kept);
  const staged = tiles.flatMap(({ tile }) => facts.cacheTiles(tile)).map(rated);
  const all = [...first, ...staged].toSorted(byCost);
  return all.map((each) => ({ ...each, directives: facts.withSharing(each.directives) }));
}

/** `@tile(u=…, v=…) @unroll(u) @vectorize(v)` */
interface RegisterTile {
  readonly directives: readonly Directive[];
  readonly vector: string;
  readonly width: number;
  readonly rows: string | undefined;
  readonly height: number;
}

class BandFacts {
  private readonly request: BandRequest;
  private readonly band: Band;
  private readonly accesses: readonly Subscripts[];
  private readonly axes: readonly string[];
  private readonly independent: (loop: string) => boolean;
  /** Lanes of a register for the widest dtype that is accessed. */
  private readonly lanes: number;

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

  private get plain(): boolean {
    return !jumpsOut(this.band.body);
  }

  /** Whether iterations may be lanes: nothing is explicit SIMD already. */
  private get scalar(): boolean {
    let found = true;
    visitExprs([this.request.loop], (part) => {
      if (part.type.lanes > 1) found = false;
    });
    return found;
  }

  private trips(loop: string): number {
    return this.request.known.survey.loops.get(loop)?.trips ?? 1;
  }

  private exact(loop: string): number | undefined {
    const facts = this.request.known.survey.loops.get(loop);
    return facts?.exact ? facts.trips : undefined;
  }

  /** Loops of the band whose iterations may be lanes, and of which some access makes neighbours. */
  private get vectorAxes(): readonly string[] {
    if (!this.scalar) return [];
    return this.axes.filter(
      (loop) => this.independent(loop) && this.accesses.some((access) => movesLast(access, loop)),
    );
  }

  private get widths(): readonly number[] {
    return [1, 2, 4].map((times) => this.lanes * times).filter((width) => width <= 64);
  }

  // ---- one kind of candidate each ----

  /** As it is, and vectors over one loop of the band, moved inside where it isn't. */
  simple(): Directive[][] {
    const found: Directive[][] = [[...this.unrolledReductions()]];
    if (this.unrolledReductions().length > 0) found.push([]);
    for (const loop of this.vectorAxes) {
      const last = this.axes.at(-1) === loop;
      if (!last && !(this.plain && this.axes.every(this.independent))) continue;
      const order = this.axes.filter((each) => each !== loop).concat(loop);
      for (const width of this.widths) {
        if (width > 2 * this.trips(loop)) continue;
        const vector = this.vectorized(loop, width);
        const inner: Directive[] = last
          ? []
          : [{ kind: "order", loops: order.map((each) => ({ loop: each })) }];
        found.push([...inner, ...this.unrolledReductions(), vector]);
      }
    }
    return found;
  }

  /** Small loops of reductions whose iterations are few and known, as copies. */
  private unrolledReductions(): Directive[] {
    const loops = this.band.reductionAxes
      .filter(({ loop }) => (constantTrips(loop) ?? 99) <= 8 && !this.request.ambiguous.has(loop.name))
      .map(({ loop }): LoopRef => ({ loop: loop.name }));
    const copies = this.band.reductionAxes.reduce(
      (product, { loop }) => product * (constantTrips(loop) ?? 1),
      1,
    );
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

  /** Tiles whose accumulators stay in registers while a reduction runs. */
  registerTiles(): RegisterTile[] {
    if (!this.plain || !this.axes.every(this.independent)) return [];
    if (!this.band.body.some((stmt) => stmt.kind === "reduce") || this.band.reductionAxes.length === 0)
      return [];
    const found: RegisterTile[] = [];
    const copies = this.unrolledReductions();
    for (const vector of this.vectorAxes) {
      const rows = this.axes.filter((loop) => loop !== vector && !this.sameReads(loop, vector));
      for (const width of this.widths) {
        if (width > 2 * this.trips(vector) || width > 32) continue;
        const lanes: Directive = { kind: "vectorize", loops: [{ loop: vector }], tail: "mask" };
        found.push({
          directives: [{ kind: "tile", sizes: [{ loop: vector, sizes: [width] }] }, ...copies, lanes],
          vector,
          width,
          rows: undefined,
          height: 1,
        });
        if (copies.length > 0 && width === this.lanes)
          for (const row of this.axes.filter((loop) => loop !== vector))
            for (const height of [2, 3, 4])
              if (height <= this.trips(row)) found.push(this.rowTile(row, height, vector, copies));
        for (const row of rows)
          for (const height of [2, 3, 4, 5, 6, 8]) {
            if (height > this.trips(row)) continue;
            const sizes = [
              { loop: vector, sizes: [width] },
              { loop: row, sizes: [height] },
            ];
            const unrolled: Directive = {
              kind: "unroll",
              loops: [{ loop: row }, ...copies.flatMap((each) => (each.kind === "unroll" ? each.loops : []))],
              factor: 0,
            };
            found.push({
              directives: [{ kind: "tile", sizes: inOrder(sizes, this.axes) }, unrolled, lanes],
              vector,
              width,
              rows: row,
              height,
            });
          }
      }
    }
    return found;
  }

  /** Rows side by side, for vectors all along another loop: windows that overlap share what they read. */
  private rowTile(row: string, height: number, vector: string, copies: readonly Directive[]): RegisterTile {
    const unrolled = copies.flatMap((each) => (each.kind === "unroll" ? each.loops : []));
    return {
      directives: [
        { kind: "tile", sizes: [{ loop: row, sizes: [height] }] },
        { kind: "unroll", loops: [{ loop: row }, ...unrolled], factor: 0 },
        { kind: "vectorize", loops: [{ loop: vector }], tail: "mask" },
      ],
      vector,
      width: this.lanes,
      rows: undefined,
      height,
    };
  }

  /** Whether two loops move the same reads: a tile over both would share nothing. */
  private sameReads(a: string, b: string): boolean {
    const moved = (loop: string): string =>
      this.accesses
        .filter(({ kind, loops }) => kind === "load" && loops.has(loop))
        .map(({ buffer }) => buffer.name)
        .toSorted()
        .join(" ");
    return moved(a) === moved(b);
  }

  /** A register tile inside of tiles whose operands stay in a cache, packed in the order of use. */
  cacheTiles(tile: RegisterTile): Directive[][] {
    const { vector, rows } = tile;
    const long = this.trips(vector);
    const operands = this.operands();
    const across = operands.filter((name) => this.movedBy(name, vector));
    const along =
      rows === undefined ? [] : operands.filter((name) => this.movedBy(name, rows) && !across.includes(name));
    const found: Directive[][] = [];
    const [others] = [tile.directives.filter(({ kind }) => kind !== "tile")];
    const sizesOf = (outer: number | undefined): Directive => ({
      kind: "tile",
      sizes: [
        { loop: vector, sizes: outer === undefined ? [tile.width] : [outer, tile.width] },
        ...(rows === undefined ? [] : [{ loop: rows, sizes: [tile.height] }]),
      ],
    });
    const at = (loop: string): LoopRef => ({ loop, level: 0 });
    const stage = (buffers: readonly string[], loop: string): Directive[] =>
      buffers.length === 0 ? [] : [{ kind: "stage", buffers, at: at(loop) }];
    if (rows === undefined) return [];
    for (const outer of [64, 128, 256, 512]) {
      if (outer % tile.width !== 0 || outer >= 2 * long || outer <= tile.width) continue;
      const base = [sizesOf(outer)];
      found.push([...base, ...others]);
      if (across.length > 0) found.push([...base, ...stage(across, vector), ...others]);
      if (across.length > 0 && along.length > 0)
        found.push([...base, ...stage(across, vector), ...stage(along, rows), ...others]);
    }
    if (across.length > 0) found.push([sizesOf(undefined), ...stage(across, vector), ...others]);
    return found;
  }

  /** Blocks of two loops that move two accesses along rows, each its own: a transpose. */
  blocks(): Directive[][] {
    if (!this.plain || !this.axes.every(this.independent)) return [];
    const found: Directive[][] = [];
    const [outer, inner] = [this.axes.at(-2), this.axes.at(-1)];
    if (outer === undefined || inner === undefined) return [];
    const rows = this.accesses.some((access) => movesLast(access, outer));
    const columns = this.accesses.some((access) => movesLast(access, inner));
    if (!rows || !columns || this.band.reductionAxes.length > 0) return [];
    for (const a of [8, 16, 32, 64])
      for (const b of [8, 16, 32, 64, 256]) {
        if (a >= 2 * this.trips(outer) || b >= 2 * this.trips(inner)) continue;
        const tile: Directive = {
          kind: "tile",
          sizes: [
            { loop: outer, sizes: [a] },
            { loop: inner, sizes: [b] },
          ],
        };
        const plain: readonly LoopRef[] = [
          { loop: outer, level: 0 },
          { loop: inner, level: 0 },
        ];
        const rest = this.axes.slice(0, -2).map((loop): LoopRef => ({ loop }));
        found.push([tile]);
        found.push([tile, { kind: "order", loops: [...rest, ...plain, { loop: inner }, { loop: outer }] }]);
      }
    return found;
  }

  // ---- parts ----

  private vectorized(loop: string, width: number): Directive {
    // A register's worth is what a loop gets without a word, if all that it works on is of one size.
    const usual = width === this.lanes && this.accesses.every((access) => access.bytes * this.lanes === 16);
    return { kind: "vectorize", loops: [{ loop }], tail: "mask", ...(!usual && { width }) };
  }

  /** Buffers that are read in the reductions and that nothing writes. */
  private operands(): readonly string[] {
    const { readOnly } = this.request;
    const plain = (name: string): boolean =>
      this.accesses.every(
        ({ node, buffer, irregular }) =>
          buffer.name !== name || (irregular.size === 0 && !(node as LoadExpr).guard),
      );
    return [...readOnly].filter((name) => reads(this.band.body, name) && plain(name));
  }

  private movedBy(buffer: string, loop: string): boolean {
    return this.accesses.some(
      (access) => access.buffer.name === buffer && (strideOf(access, loop) ?? 1) !== 0,
    );
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
  private hostKnows({ lo, hi }: ForStmt): boolean {
    const { sizes } = this.request;
    return [lo, hi].every((bound) => [...namesIn(bound)].every((name) => sizes.has(name)));
  }
}

/** Tile sizes in the order of the loops. */
function inOrder<T extends { readonly loop: string }>(sizes: readonly T[], axes: readonly string[]): T[] {
  return sizes.toSorted((a, b) => axes.indexOf(a.loop) - axes.indexOf(b.loop));
}

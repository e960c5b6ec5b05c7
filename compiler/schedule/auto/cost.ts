// The cost of a band under a schedule, by arithmetic alone: nothing is compiled. It counts, for all iterations,
//
//   work      each operation as often as it runs once invariants are hoisted and copies share what doesn't move with
//             them; a vector for as many registers as it fills; loads and stores, lane by lane where lanes lie apart
//   loops     an iteration of each loop; addresses that constant offsets don't reach
//   waiting   accumulations that wait for the one before, where too few run side by side
//   spills    what registers don't hold
//   memory    lines fetched into the nearest cache and the next: for each the outermost loop whose data fit it
//
// and ranks schedules of one nest; the figure means nothing between nests or machines.

import type { Expr, LoadExpr, ReduceStmt, StoreStmt } from "../../ir/ir.ts";
import { operandsOf, type Block } from "../../ir/walk.ts";
import { constantTrips } from "../../passes/unroll.ts";
import { reductionChain, type Band } from "../band.ts";
import type { Plan } from "../plan.ts";
import { shapeOf, type Shape, type Turn } from "./levels.ts";
import type { Machine } from "./machine.ts";
import { memoryCost, type Touched } from "./memory.ts";
import { bytesOf, chainOf, combining, isNarrowProduct, overlaps, priceOf, widest } from "./prices.ts";
import { movesLast, strideOf, type Subscripts } from "./subscripts.ts";
import type { Survey } from "./survey.ts";

export interface Known {
  readonly survey: Survey;
  readonly accesses: ReadonlyMap<LoadExpr | StoreStmt, Subscripts>;
  readonly machine: Machine;
}

export interface Cost {
  readonly work: number;
  readonly loops: number;
  readonly waiting: number;
  readonly spills: number;
  readonly memory: number;
  readonly total: number;
}

/** The cost of a band under a plan, in slots. */
export function costOfBand(band: Band, plan: Plan, known: Known): Cost {
  return new Costing(band, plan, known).cost();
}

/** Where a piece of the block runs: which reduction it feeds, and loops inside of the band's own. */
interface Place {
  readonly turns: readonly Turn[];
  readonly times: number;
}

class Costing {
  private readonly band: Band;
  private readonly plan: Plan;
  private readonly known: Known;
  private readonly shape: Shape;
  private readonly dtypeBytes: number;
  private readonly depends = new Map<string, ReadonlySet<string>>();
  private readonly touched: Touched[] = [];
  private work = 0;
  private loops = 0;
  private waiting = 0;
  /** Vector registers that are alive at once, and how often the innermost block runs. */
  private alive = 0;
  private innermost = 0;

  constructor(band: Band, plan: Plan, known: Known) {
    this.band = band;
    this.plan = plan;
    this.known = known;
    this.dtypeBytes = widest(band.body);
    const { vectorBytes } = known.machine;
    this.shape = shapeOf(band, known.survey, Math.max(Math.floor(vectorBytes / this.dtypeBytes), 1));
    for (const axis of [...band.axes, ...band.reductionAxes])
      this.depends.set(axis.loop.name, new Set([axis.loop.name]));
  }

  cost(): Cost {
    const { turns } = this.shape;
    const plain = turns.filter(({ reduction }) => reduction === undefined);
    this.iterations(plain);
    this.block(this.band.body, { turns: plain, times: 1 }, true);
    const { machine } = this.known;
    const memory = memoryCost(this.touched, this.shape, this.plan, machine);
    const over = Math.max(this.alive - machine.registers, 0);
    // Each value too many is stored and loaded again, and the engine's order of them gets worse.
    const spills = over * (over + 1) * (machine.load + machine.store) * this.innermost;
    const { work, loops, waiting } = this;
    const busy = Math.max(work + loops, waiting) + spills;
    // Fetching goes on while the core computes, for the most part.
    const total = Math.max(busy, memory) + Math.min(busy, memory) / 2;
    return { work, loops, waiting, spills, memory, total };
  }

  // ---- statements ----

  private block(block: Block, place: Place, top = false): void {
    block.forEach((stmt, at) => {
      switch (stmt.kind) {
        case "let":
          this.depends.set(stmt.name, this.expr(stmt.value, place));
          return;
        case "var":
          this.depends.set(stmt.name, this.everything(place));
          this.expr(stmt.init, place);
          return;
        case "assign":
        case "assert":
          this.expr(stmt.kind === "assign" ? stmt.value : stmt.cond, place);
          return;
        case "store":
          for (const index of stmt.index) this.expr(index, place, true);
          this.expr(stmt.value, place);
          return this.access(stmt, place);
        case "if":
          this.expr(stmt.cond, place);
          this.block(stmt.then, place);
          return this.block(stmt.orelse, place);
        case "for": {
          const trips = constantTrips(stmt) ?? this.known.survey.loops.get(stmt.name)?.trips ?? 1;
          this.depends.set(stmt.name, new Set([stmt.name]));
          const turn: Turn = {
            loop: stmt.name,
            reduction: undefined,
            trips,
            copied: false,
            level: undefined,
          };
          const inner = { ...place, turns: [...place.turns, turn] };
          this.iterations([turn], this.times(place));
          return this.block(stmt.body, inner);
        }
        case "while":
          // Lanes wait for the slowest among them.
          return this.block(stmt.body, { ...place, times: place.times * 4 * (this.shape.lanes?.width ?? 1) });
        case "reduce":
          return this.reduce(stmt, place, top ? at : undefined);
        case "yield":
          stmt.values.forEach((value) => this.expr(value, place));
          return;
        default:
          return;
      }
    });
  }

  private reduce(stmt: ReduceStmt, place: Place, at: number | undefined): void {
    const own = at === undefined ? [] : this.shape.turns.filter(({ reduction }) => reduction === at);
    for (const { name } of stmt.results) this.depends.set(name, this.everything(place));
    if (own.length === 0 && !(at !== undefined && this.shape.lanes?.reduction === at)) {
      const { body } = at === undefined ? stmt : reductionChain(stmt);
      this.block(body, place);
      const step = combining(stmt, this.shape.lanes !== undefined);
      this.work += this.times(place) * step * this.vectors(this.everything(place));
      this.note(this.accumulators(stmt, at) + this.operands(body), this.times(place));
      return;
    }
    // The turns in the order of the levels: points may run inside of the reduction.
    const turns = this.shape.turns.filter(({ reduction }) => reduction === undefined || reduction === at);
    const first = turns.findIndex(({ reduction }) => reduction !== undefined);
    const expanded = first >= 0 && turns.slice(first).some(({ reduction }) => reduction === undefined);
    const inner: Place = { ...place, turns };
    this.iterations(turns.slice(first), this.times({ ...place, turns: turns.slice(0, first) }));
    const { body } = reductionChain(stmt);
    const steps = this.times(inner);
    if (this.shape.lanes?.reduction === at && isNarrowProduct(stmt, body) && this.shape.lanes!.width >= 8)
      return this.pairs(body, inner, this.copiesOf(this.everything(inner)));
    this.block(body, inner);
    const registers = this.accumulators(stmt, at);
    const step = combining(stmt, this.shape.lanes !== undefined);
    const { machine } = this.known;
    const { lanes } = this.shape;
    this.work += steps * step * this.vectors(this.everything(inner));
    const innermost = turns.at(-1);
    if (expanded && innermost?.reduction === undefined) {
      // The accumulators of points that aren't copies lie in memory.
      this.work += steps * registers * (machine.load + machine.store);
    } else {
      const chains = registers * (overlaps(stmt) ? 1 : 0.5);
      const alone = (steps * machine.latency * chainOf(stmt)) / Math.max(chains, 1);
      this.waiting += alone * this.vectors(this.everything(inner));
    }
    if (lanes?.reduction === at)
      this.work += this.times({ ...place, turns: turns.slice(0, first) }) * machine.across;
    this.note(registers + this.operands(body) + 1, steps);
  }

  /** A sum of products of 8-bit integers: two lanes share an accumulator, which one operation feeds. */
  private pairs(body: Block, place: Place, accumulators: number): void {
    const { machine } = this.known;
    const { lanes, copies } = this.shape;
    const registers = Math.max((lanes!.width * 2) / Math.max(machine.vectorBytes, 1), 1);
    const steps = this.times(place);
    this.work += steps * registers * 2 * this.copiesOf(this.everything(place));
    let loaded = 0;
    const visit = (expr: Expr): void => {
      const access = expr.kind === "load" ? this.known.accesses.get(expr) : undefined;
      if (access) {
        const staged = this.plan.stages.some(({ buffers }) => buffers.includes(access.buffer.name));
        const count = distinctCopies(access, copies) * registers;
        loaded = loaded === 0 ? count : Math.min(loaded, count);
        this.work +=
          this.executions(access.loops, place) * count * (machine.load + 1 + (staged ? 0 : machine.address));
        this.touched.push({ access, turns: place.turns, times: place.times, staged });
      }
      operandsOf(expr).forEach(visit);
    };
    for (const stmt of body) if (stmt.kind === "yield") stmt.values.forEach(visit);
    this.note(accumulators * registers + loaded + 2, steps);
  }

  /** Registers that hold accumulators side by side, those of one point for each copy. */
  private accumulators(stmt: ReduceStmt, at: number | undefined): number {
    const { copies, lanes } = this.shape;
    const chain = new Set(this.band.axes.map((axis) => axis.loop.name));
    let count = stmt.results.length;
    for (const [loop, times] of copies) if (chain.has(loop)) count *= times;
    if (!lanes) return count;
    const each = Math.ceil((lanes.width * bytesOf(stmt)) / Math.max(this.known.machine.vectorBytes, 1));
    if (lanes.reduction === undefined) return count * Math.max(each, 1);
    if (lanes.reduction !== at) return count;
    const simple = stmt.op === "sum" || stmt.op === "prod" || stmt.op === "max" || stmt.op === "min";
    // A point alone gets several sets, to hide the latency of one.
    return count * Math.max(each, simple && count === stmt.results.length ? 4 : 1);
  }

  /** Vectors that a step of a reduction holds besides its accumulators: one operand of each copy, and one splat. */
  private operands(body: Block): number {
    let most = 0;
    // What copies of a reduction read is used up one after the other.
    const own = new Set(this.band.reductionAxes.map((axis) => axis.loop.name));
    const held = (loop: string): boolean => !own.has(loop);
    const visit = (expr: Expr): void => {
      if (expr.kind === "load") {
        const access = this.known.accesses.get(expr);
        const { lanes } = this.shape;
        if (access && lanes && access.loops.has(lanes.loop))
          most = Math.max(most, this.vectorsOf(new Set([...access.loops].filter(held)), access.bytes));
      }
      operandsOf(expr).forEach(visit);
    };
    for (const stmt of body) {
      if (stmt.kind === "let") visit(stmt.value);
      if (stmt.kind === "yield") stmt.values.forEach(visit);
    }
    return most + 1;
  }

  private note(alive: number, times: number): void {
    if (times < this.innermost) return;
    this.alive = Math.max(times > this.innermost ? 0 : this.alive, alive);
    this.innermost = times;
  }

  // ---- expressions ----

  /** Adds an expression's operations; the loops that it depends on. Index arithmetic is scalar and mostly free. */
  private expr(expr: Expr, place: Place, index = false): ReadonlySet<string> {
    switch (expr.kind) {
      case "const":
        return new Set();
      case "ref":
        return this.depends.get(expr.name) ?? new Set();
      case "load": {
        const loops = new Set<string>();
        for (const part of expr.index) for (const loop of this.expr(part, place, true)) loops.add(loop);
        if (expr.guard) this.guard(expr, place);
        this.access(expr, place);
        return loops;
      }
      case "op": {
        const loops = new Set<string>();
        for (const arg of expr.args) for (const loop of this.expr(arg, place, index)) loops.add(loop);
        if (!index)
          this.work +=
            this.executions(loops, place) * priceOf(expr, this.inLanes(loops)) * this.vectors(loops);
        return loops;
      }
    }
  }

  /** A load that may be switched off: whole vector loops have an interior without guards, all others a branch or lanes. */
  private guard(load: LoadExpr, place: Place): void {
    const access = this.known.accesses.get(load);
    const { lanes } = this.shape;
    if (!access || this.plan.stages.some(({ buffers }) => buffers.includes(load.buffer))) return;
    const inLanes = lanes !== undefined && access.loops.has(lanes.loop);
    const whole = inLanes && lanes.reduction === undefined && !this.plan.tiles.has(lanes.loop);
    if (whole) return;
    const each = inLanes ? lanes.width * this.known.machine.gather : branch;
    this.work += this.executions(access.loops, place) * this.copiesOf(access.loops) * each;
  }

  private access(node: LoadExpr | StoreStmt, place: Place): void {
    const access = this.known.accesses.get(node);
    if (!access) return;
    const { machine } = this.known;
    const { lanes, copies } = this.shape;
    const staged =
      node.kind === "load" && this.plan.stages.some(({ buffers }) => buffers.includes(node.buffer));
    const times = node.kind === "store" ? this.times(place) : this.executions(access.loops, place);
    const count = distinctCopies(access, copies);
    // Copies along the last axis, and those in a panel, are constant offsets.
    const rows = [...copies].filter(([loop]) => !movesLast(access, loop));
    const addresses = staged ? 1 : distinctCopies(access, new Map(rows));
    const own = node.kind === "store" ? machine.store : machine.load;
    let slots = own * count;
    if (lanes && access.loops.has(lanes.loop)) {
      const together = staged || strideOf(access, lanes.loop) === 1;
      slots = together
        ? own * count * this.vectorsOf(new Set([lanes.loop]), access.bytes)
        : count * lanes.width * (own + machine.gather);
    }
    this.work += times * (slots + addresses * machine.address);
    this.touched.push({ access, turns: place.turns, times: place.times, staged });
    if (place.turns.every(({ reduction }) => reduction === undefined))
      this.note(3 * Math.ceil(this.vectors(access.loops) / this.copiesOf(access.loops)), this.times(place));
  }

  // ---- counting ----

  /** How often something at a place runs, over all loops. */
  private times({ turns, times }: Place): number {
    return turns.reduce((product, turn) => product * turn.trips, times);
  }

  /** The same for what depends on these loops only, since invariants are hoisted. */
  private executions(loops: ReadonlySet<string>, { turns, times }: Place): number {
    const last = turns.findLastIndex(({ loop }) => loops.has(loop));
    return turns.slice(0, last + 1).reduce((product, turn) => product * turn.trips, times);
  }

  /** Registers, or scalars, that hold a value of each copy. */
  private vectors(loops: ReadonlySet<string>): number {
    return this.vectorsOf(loops, this.dtypeBytes);
  }

  private vectorsOf(loops: ReadonlySet<string>, bytes: number): number {
    const { lanes } = this.shape;
    const count = this.copiesOf(loops);
    if (!lanes || !loops.has(lanes.loop)) return count;
    const { vectorBytes } = this.known.machine;
    return (
      count * (vectorBytes === 0 ? lanes.width : Math.max(Math.ceil((lanes.width * bytes) / vectorBytes), 1))
    );
  }

  private inLanes(loops: ReadonlySet<string>): boolean {
    return this.shape.lanes !== undefined && loops.has(this.shape.lanes.loop);
  }

  private copiesOf(loops: ReadonlySet<string>): number {
    let count = 1;
    for (const [loop, each] of this.shape.copies) if (loops.has(loop)) count *= each;
    return count;
  }

  private everything({ turns }: Place): ReadonlySet<string> {
    const { lanes, copies } = this.shape;
    return new Set([...turns.map(({ loop }) => loop), ...copies.keys(), ...(lanes ? [lanes.loop] : [])]);
  }

  private iterations(turns: readonly Turn[], around = 1): void {
    let times = around;
    for (const { trips, copied, factor = 1 } of turns) {
      times *= trips;
      if (!copied) this.loops += (times / factor) * this.known.machine.iteration;
    }
  }
}

/** Different places that copies touch: windows that overlap share theirs. */
function distinctCopies(access: Subscripts, copies: ReadonlyMap<string, number>): number {
  let product = 1;
  const reach = access.extents.map(() => 1);
  for (const [loop, times] of copies) {
    if (!access.loops.has(loop)) continue;
    product *= times;
    if (access.irregular.has(loop)) return product;
    access.steps.get(loop)?.forEach((by, axis) => (reach[axis]! += Math.abs(by) * (times - 1)));
  }
  return Math.min(
    product,
    reach.reduce((all, each) => all * each, 1),
  );
}

/** A branch that is mostly taken the same way. */
const branch = 3;

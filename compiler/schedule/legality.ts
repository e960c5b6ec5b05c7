// Whether a new order of loops keeps dependences: are there two iterations, one before the other, that touch an element
// one of them writes, and that the new order runs the other way round? The question goes to the refuter, level by level
// of the new order; what isn't refuted is an error, with two iterations that have met in a run where some are found.
//
// Declared reductions are order-free, so their loops don't count; but where they run outside of points, everything in
// front of a reduction runs for all points of a tile before it, and everything behind it after.

import type { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import { textOf } from "../../lang/source.ts";
import type { AssignStmt, Directive, ForStmt, IrKernel, LoadExpr, StoreStmt } from "../ir/ir.ts";
import { visitBlock, visitExprs, type Block } from "../ir/walk.ts";
import { accessText, elementText, shownName, withSizes } from "../proofs/describe.ts";
import { effort, relevant, rename } from "../proofs/facts.ts";
import type { Access, ForLoop } from "../proofs/listener.ts";
import { bothAtomic, primed } from "../proofs/races.ts";
import { search } from "../proofs/search.ts";
import type { Finding, Happened, Moment } from "../proofs/finding.ts";
import { condKey, eq, gt, lt, type Cond } from "../symbolic/cond.ts";
import { attempt } from "../symbolic/integers.ts";
import { constantPoly, floordiv, mul, sub, type Poly } from "../symbolic/poly.ts";
import { refutes } from "../symbolic/refute.ts";
import { Substitution } from "../symbolic/substitute.ts";
import {
  bandOf,
  changes,
  chainOf,
  isPoint,
  isReduction,
  labelOf,
  levelKey,
  type Band,
  type Level,
} from "./band.ts";
import { loopKey, planOf, type Plan } from "./plan.ts";

export interface Questions {
  readonly kernel: IrKernel;
  readonly sink: DiagnosticSink;
  /** Accesses inside the annotated loop to what outlives it. */
  readonly accesses: readonly Access[];
  /** Assignments inside it to variables declared outside of it. */
  readonly carried: readonly AssignStmt[];
}

/** Checks every reordering that the directives of a loop ask for. True if all keep the result. */
export function checkSchedule(loop: ForLoop, asked: Questions): boolean {
  const plan = planOf(loop.stmt.schedule ?? []);
  return bandsOf(loop.stmt, plan).reduce(
    (fine, band) => checkBand(band, plan, asked) && fine,
    checkOrder(loop.stmt, plan, asked),
  );
}

/** The bands of a nest that a plan changes, outermost first. */
export function bandsOf(loop: ForStmt, plan: Plan): Band[] {
  const band = bandOf(loop, plan);
  const inner = (block: Block): Band[] =>
    block.flatMap((stmt) => {
      if (stmt.kind === "for") return stmt.schedule ? [] : bandsOf(stmt, plan);
      if (stmt.kind === "if") return [...inner(stmt.then), ...inner(stmt.orelse)];
      return stmt.kind === "reduce" || stmt.kind === "while" ? inner(stmt.body) : [];
    });
  return changes(band, plan) ? [band] : inner(chainOf(loop).body);
}

// ---- the order asked for ---------------------------------------------------------------------------------

/** An order is of one nest, and in full. */
function checkOrder(loop: ForStmt, plan: Plan, { sink }: Questions): boolean {
  if (!plan.order) return true;
  const names = new Map<string, string>();
  const note = (block: Block): void =>
    visitBlock(block, (each) => each.kind === "for" && names.set(each.name, each.marks.label ?? each.name));
  note([loop]);
  const said = (key: string): string => {
    const [name, level] = key.split("#");
    return `${names.get(name!) ?? name}${level === undefined ? "" : plan.tiles.get(name!)!.length > 1 ? `.tile[${level}]` : ".tile"}`;
  };
  const refs = plan.order.loops.map(loopKey);
  const band = bandsOf(loop, plan).find((each) =>
    each.axes.some((axis) => refs.some((key) => key.split("#")[0] === axis.loop.name)),
  );
  const own = (band ?? bandOf(loop, plan)).levels;
  const foreign = refs.find((key) => !own.some((level) => levelKey(level) === key));
  const missing = own.find((level) => !isReduction(level) && !refs.includes(levelKey(level)));
  const twice = refs.find((key, at) => refs.indexOf(key) !== at);
  if (foreign === undefined && !missing && twice === undefined) return true;
  let why = `\`${said(twice ?? "")}\` is named twice`;
  if (missing) why = `\`${said(levelKey(missing))}\` is missing`;
  if (foreign !== undefined) why = `\`${said(foreign)}\` isn’t perfectly nested with the other loops`;
  sink.report("K0543", { why }, plan.order.span, {
    notes: [`the loops of this nest are ${own.map((level) => `\`${said(levelKey(level))}\``).join(", ")}`],
  });
  return false;
}

// ---- dependences -----------------------------------------------------------------------------------------

function checkBand(band: Band, plan: Plan, asked: Questions): boolean {
  const order = new NewOrder(band);
  if (!checkStages(band, plan, order, asked)) return false;
  if (order.isOld) return true;
  const directive = plan.order ?? plan.directives.find((each) => each.kind === "tile") ?? plan.directives[0]!;
  const outer = band.axes[0]!.loop;
  const inside = declaredInside(band.body);
  const stmt = asked.carried.find((each) => !inside.has(each.name) && contains(band.body, each));
  if (stmt) {
    const params = { annotation: textIn(directive), name: shownName(stmt.name) };
    asked.sink.report("K0542", params, directive.span, {
      related: stmt.span ? [{ span: stmt.span, text: "carried on here" }] : [],
    });
    return false;
  }
  const own = asked.accesses.filter((access) =>
    access.loops.some((each) => each.kind === "for" && each.stmt.name === outer.name),
  );
  for (const group of groupsOf(own, order))
    for (const first of group)
      for (const second of group) {
        if (first.kind === "load" && second.kind === "load") continue;
        if (bothAtomic(first, second) || !order.mayReverse(first, second)) continue;
        report(band, order, directive, first, second, asked);
        return false;
      }
  return true;
}

/** What is staged isn't written where it would be read from the copy. */
function checkStages(
  band: Band,
  plan: Plan,
  order: NewOrder,
  { kernel, sink, accesses }: Questions,
): boolean {
  for (const { buffers, at, directive } of plan.stages) {
    const level = at && band.levels.find((each) => levelKey(each) === loopKey(at));
    if (at && (!level || isReduction(level))) continue;
    const stmts = new Set<LoadExpr | StoreStmt>();
    visitBlock(
      band.body,
      (each) => each.kind === "store" && buffers.includes(each.buffer) && stmts.add(each),
    );
    const store = accesses.find((each) => each.kind === "store" && stmts.has(each.node));
    if (!store) continue;
    const name = store.buffer.name;
    const loop = band.axes[0]!.loop;
    const pair = (old: Moment, now: Moment): boolean =>
      old.node.buffer === name && now.node.buffer === name && order.together(level, old, now);
    const found = search(kernel, { kind: "conflict", loop, pair });
    const params = { buffer: shownName(name), loop: labelOf((level ?? band.levels[0]!).axis) };
    sink.report("K0544", params, directive.span, {
      related: store.node.span ? [{ span: store.node.span, text: "written here" }] : [],
      ...(found && { counterexample: met(found, band.axes.map(labelOf)) }),
      fix: { text: `leave \`${shownName(name)}\` unstaged, or write into another tensor` },
    });
    return false;
  }
  return true;
}

function contains(block: Block, wanted: AssignStmt): boolean {
  let found = false;
  visitBlock(block, (each) => {
    if (each === wanted) found = true;
  });
  return found;
}

function declaredInside(block: Block): Set<string> {
  const names = new Set<string>();
  visitBlock(block, (each) => each.kind === "var" && names.add(each.name));
  return names;
}

/** Accesses by buffer, without those that ask the same again; buffers that nobody writes are left out. */
function groupsOf(accesses: readonly Access[], order: NewOrder): Access[][] {
  const groups = new Map<string, Map<string, Access>>();
  const written = new Set(accesses.flatMap((each) => (each.kind === "store" ? [each.buffer.name] : [])));
  for (const access of accesses) {
    if (!written.has(access.buffer.name)) continue;
    const entry = access.loops[0]!.entry;
    const key = [
      access.kind,
      order.segmentOf(access.node),
      ...access.index.map((index) => index.key),
      ...access.facts.since(entry).map(condKey),
    ].join(" ");
    const group = groups.get(access.buffer.name) ?? new Map<string, Access>();
    if (!group.has(key)) group.set(key, access);
    groups.set(access.buffer.name, group);
  }
  return [...groups.values()].map((group) => [...group.values()]);
}

/** When an access happens in the new order: tiles outside of the reductions, the part of the block, the rest. */
class NewOrder {
  private readonly band: Band;
  private readonly outer: readonly Level[];
  private readonly inner: readonly Level[];
  private readonly segments = new Map<LoadExpr | StoreStmt, number>();

  constructor(band: Band) {
    this.band = band;
    const first = band.levels.findIndex(isReduction);
    const rest = first < 0 ? [] : band.levels.slice(first);
    const expanded = rest.some((level) => !isReduction(level));
    const own = band.levels.filter((level) => !isReduction(level));
    this.outer = expanded ? band.levels.slice(0, first) : own;
    this.inner = expanded ? rest.filter((level) => !isReduction(level)) : [];
    let segment = 0;
    for (const stmt of band.body) {
      const splits = expanded && stmt.kind === "reduce";
      if (splits) segment++;
      visitExprs([stmt], (part) => part.kind === "load" && this.segments.set(part, segment));
      visitBlock([stmt], (each) => each.kind === "store" && this.segments.set(each, segment));
      if (splits) segment++;
    }
  }

  segmentOf(node: LoadExpr | StoreStmt): number {
    return this.segments.get(node) ?? 0;
  }

  /** Whether iterations run as they did: one axis after the other, and nothing taken apart. */
  get isOld(): boolean {
    if (this.inner.length > 0) return false;
    const axes = this.outer.map((level) => this.band.axes.indexOf(level.axis));
    return axes.every((axis, at) => at === 0 || axes[at - 1]! <= axis);
  }

  /** Whether `early` may come before `late` in the source and after it in the new order, on one element. */
  mayReverse(early: Access, late: Access): boolean {
    const loops = this.band.axes.map((axis) => loopNamed(early, axis.loop.name));
    const others = this.band.axes.map((axis) => loopNamed(late, axis.loop.name));
    if (loops.some((loop) => !loop) || others.some((loop) => !loop)) return true;
    const outermost = loops[0]!;
    const apart = new Substitution((atom) => primed(atom, outermost.order));
    const base: Cond[] = [
      ...early.facts.since(outermost.entry),
      ...rename(late.facts.since(outermost.entry), apart),
    ];
    early.index.forEach((part, axis) => base.push(eq(part, apart.apply(late.index[axis]!))));
    const before = loops.map((loop) => loop!.turn);
    const after = others.map((loop) => apart.apply(loop!.turn));
    const impossible = (conds: readonly Cond[]): boolean =>
      refutes([...relevant(outermost.entry, [...base, ...conds]), ...base, ...conds], effort.usual);
    return before.some((_, axis) => {
      const source = [
        ...before.slice(0, axis).map((turn, at) => eq(turn, after[at]!)),
        lt(before[axis]!, after[axis]!),
      ];
      if (impossible(source)) return false;
      return this.reversals(before, after, this.segmentOf(early.node), this.segmentOf(late.node)).some(
        (conds) => !conds || !impossible([...source, ...conds]),
      );
    });
  }

  /** The ways in which the later iteration can come first: undefined where one can't be said. */
  private reversals(
    before: readonly Poly[],
    after: readonly Poly[],
    segment: number,
    other: number,
  ): (readonly Cond[] | undefined)[] {
    const ways: (readonly Cond[] | undefined)[] = [];
    const equal: Cond[] = [];
    const run = (levels: readonly Level[]): void => {
      for (const level of levels) {
        const made = attempt(() => [this.digit(level, before), this.digit(level, after)] as const, undefined);
        if (!made) {
          ways.push(undefined);
          return;
        }
        const [mine, theirs] = made;
        ways.push([...equal, gt(mine, theirs)]);
        equal.push(eq(mine, theirs));
      }
    };
    run(this.outer);
    if (other < segment) ways.push([...equal]);
    if (other === segment) run(this.inner);
    return ways;
  }

  /** Which tile of its level an iteration lies in, or which iteration it is. */
  private digit(level: Level, turns: readonly Poly[]): Poly {
    const axis = this.band.axes.indexOf(level.axis);
    let rest = turns[axis]!;
    if (isPoint(level)) return rest;
    for (const size of level.axis.tiles.slice(0, level.level)) {
      const by = constantPoly(size);
      rest = sub(rest, mul(by, floordiv(rest, by)));
    }
    return floordiv(rest, constantPoly(level.axis.tiles[level.level!]!));
  }

  /** Whether two moments lie in one run of a loop's body. */
  together(level: Level | undefined, old: Moment, now: Moment): boolean {
    const levels = level ? this.band.levels.slice(0, this.band.levels.indexOf(level) + 1) : [];
    if (this.band.axes.every(({ loop }) => old.turns.get(loop.name) === now.turns.get(loop.name)))
      return false;
    return levels.every((each) => isReduction(each) || digitOf(each, old.turns) === digitOf(each, now.turns));
  }

  /** The same in numbers: whether a run has met a pair that the new order turns round. */
  reversed(old: Moment, now: Moment): boolean {
    const compared = (levels: readonly Level[]): number => {
      for (const level of levels) {
        const difference = digitOf(level, old.turns) - digitOf(level, now.turns);
        if (difference !== 0) return difference;
      }
      return 0;
    };
    if (this.band.axes.every(({ loop }) => old.turns.get(loop.name) === now.turns.get(loop.name)))
      return false;
    const outer = compared(this.outer);
    if (outer !== 0) return outer > 0;
    const segments = this.segmentOf(old.node) - this.segmentOf(now.node);
    if (segments !== 0) return segments > 0;
    return compared(this.inner) > 0;
  }
}

function digitOf({ axis, level }: Level, turns: ReadonlyMap<string, number>): number {
  let rest = turns.get(axis.loop.name) ?? 0;
  if (level === undefined) return rest;
  for (const size of axis.tiles.slice(0, level)) rest %= size;
  return Math.floor(rest / axis.tiles[level]!);
}

function loopNamed(access: Access, name: string): ForLoop | undefined {
  const found = access.loops.find((loop) => loop.kind === "for" && loop.stmt.name === name);
  return found?.kind === "for" ? found : undefined;
}

// ---- reports ---------------------------------------------------------------------------------------------

function report(
  band: Band,
  order: NewOrder,
  directive: Directive,
  first: Access,
  second: Access,
  { kernel, sink }: Questions,
): void {
  const loop = band.axes[0]!.loop;
  const found = search(kernel, { kind: "conflict", loop, pair: (old, now) => order.reversed(old, now) });
  const related = [first, second]
    .filter(
      (access, at, all) => access.node.span && all.findIndex((each) => each.node === access.node) === at,
    )
    .map((access) => ({
      span: access.node.span!,
      text: `${access.kind === "store" ? "written" : "read"} here`,
    }));
  const element = shownName(found?.access?.buffer ?? first.buffer.name);
  const params = { annotation: textIn(directive), element };
  const loops = band.axes.map(labelOf);
  const fix = {
    text: `leave the loops over ${loops.map((name) => `\`${name}\``).join(" and ")} in their order, or skew them`,
  };
  if (found)
    return sink.report("K0540", params, directive.span, {
      related,
      counterexample: `${met(found, loops)}, but would run first`,
      fix,
    });
  sink.report("K0541", params, directive.span, {
    related,
    notes: [`\`${accessText(first.node)}\` and \`${accessText(second.node)}\` may be the same element`],
    fix,
  });
}

/** "with N = 3: i = 0, j = 1 writes a[1], and i = 1, j = 0 reads it" */
function met(found: Finding, loops: readonly string[]): string {
  const [first, second] = [found.other!, found.access!];
  const where = (each: Happened): string =>
    each.loops
      .filter(([name]) => loops.includes(name))
      .map(([name, value]) => `${name} = ${value}`)
      .join(", ");
  const verb = second.writes ? (first.writes ? "writes it too" : "writes it") : "reads it";
  return `${withSizes(found, new Set(found.sizes.keys()))}${where(first)} ${first.writes ? "writes" : "reads"} ${elementText(first)}, and ${where(second)} ${verb}`;
}

const textIn = (directive: Directive): string =>
  directive.span ? textOf(directive.span) : `@${directive.kind}`;

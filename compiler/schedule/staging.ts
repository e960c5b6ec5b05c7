// Staging: the part of a buffer that a loop's body uses is copied into a panel first, in the order of use, and read
// from there. The panel is a box: along each axis of the buffer, what the loops inside add to the subscript, the axes
// permuted so that the loop which runs innermost moves along the last one.

import type { Span } from "../../lang/source.ts";
import { load } from "../ir/build.ts";
import { i32, int, ref, type Buffer, type Expr, type ForStmt, type LoopMarks, type Stmt } from "../ir/ir.ts";
import { declaredIn, namesIn } from "../ir/names.ts";
import { add, and, apply, ceilDiv, compare, intValue, literal, mul, select } from "../passes/fold.ts";
import type { Quads } from "../passes/vectorize/pair-sums.ts";
import type { Workspace } from "../passes/workspace.ts";
import { isPoint, isReduction, type Axis, type Band, type Level } from "./band.ts";
import { letsOf, loadsOf, sideOf, subscriptOf, substituteAll, type Side } from "./box.ts";
import { fromPanel, panelDtype } from "./panel-dtype.ts";
import {
  capacity,
  CannotApply,
  endOf,
  isExtent,
  marked,
  stateOf,
  valuesOf,
  withState,
  type Context,
  type Panel,
} from "./context.ts";
import { defaulted, defaultOf, guardWithoutTests } from "./defaults.ts";

/** One dim of the panel: a side, or what one loop of a tiled axis adds to it. */
interface Dim {
  readonly side: Side;
  readonly extent: Expr;
  /** Subscripts from one index to the next. */
  readonly scale: number;
  /** Of the loops of the side's axis, counted from the place on; absent for the whole side. */
  readonly digit?: number;
  /** Whether that loop is over tiles. */
  readonly tile?: true;
  /** Iterations from one index to the next. */
  readonly size: number;
  /** The number of the innermost loop to come that moves along it. */
  readonly rank: number;
}

/** Copies that are worth unrolling. */
const mostCopies = 32;

export interface Staged {
  readonly statements: readonly Stmt[];
  readonly cx: Context;
}

export interface StageOptions {
  /** Filled before all loops, by all workers, once a call. */
  readonly shared?: boolean;
  /** Filled by all invocations of a workgroup together. */
  readonly together?: boolean;
  /** Bytes that feed pair products may be held as 16 bits. */
  readonly widen?: boolean;
  /** … but for those whose products the target adds up in fours. */
  readonly quads?: Quads | undefined;
  /** Of the annotation. */
  readonly span?: Span;
}

/** A panel for `buffer` at a place inside the loops entered so far; `rest` are those to come. */
export function stage(
  workspace: Workspace,
  buffer: Buffer,
  band: Band,
  rest: readonly Level[],
  outer: Context,
  place: number,
  { shared = false, together = false, widen = false, quads, span }: StageOptions = {},
): Staged {
  const { body } = band;
  const axes = [...new Set(rest.map((level) => level.axis))];
  let cx = outer;
  for (const axis of axes) cx = withState(cx, marked(stateOf(cx, axis), place));
  const { loads, always } = loadsOf(body, buffer.name);
  const outside = defaultOf(body, buffer);
  const first = loads[0];
  if (!first) throw new CannotApply(`\`${buffer.name}\` isn't read inside`);
  const lets = letsOf(body);
  const subscripts = loads.map((each) =>
    each.index.map((part) => subscriptOf(substituteAll(part, lets), axes)),
  );
  const sides = first.index.map((_, axis) =>
    sideOf(
      axis,
      subscripts.map((each) => each[axis]!),
      buffer.shape[axis]!,
      band,
      rest,
      cx,
    ),
  );
  const spread =
    subscripts.length > 1 &&
    new Set(subscripts.map((each) => each.map(({ constant }) => constant).join())).size > 1;
  const local = declaredIn(body);
  // Loops of reductions stand in the body; those that run outside of this place have their values here.
  for (const { loop } of band.reductionAxes) if (valuesOf(cx).has(loop.name)) local.delete(loop.name);
  for (const { fixed } of subscripts.flat())
    if (fixed.some(([part]) => [...namesIn(part)].some((name) => local.has(name))))
      throw new CannotApply(`where \`${buffer.name}\` is read isn't known before the body runs`);
  const all = sides.flatMap((side) =>
    dimsOf(side, lanesLast(together ? forWorkgroup(rest) : rest), cx, spread),
  );
  const dims = all.filter((dim) => intValue(dim.extent) !== 1).toSorted((a, b) => a.rank - b.rank);
  const dtype = widen ? panelDtype(buffer, body, rest, quads) : buffer.dtype;
  const panel = workspace.addBuffer({
    name: `${buffer.name}_panel`,
    dtype,
    space: shared ? "kernel" : "panel",
    shape: dims.map((dim) => dim.extent),
    ...(span && { span }),
  });
  const statements = [
    ...(shared ? [] : [{ kind: "alloc", buffer: panel.name } as const]),
    ...fill(workspace, buffer, panel, sides, all, dims, {
      always,
      outside,
      shared,
      together,
      exists: existing(cx),
    }),
  ];
  const keys = new Map(loads.map((each, at) => [each.index, subscripts[at]!]));
  const replace = (part: Expr, inner: Context): Expr | undefined => {
    const whole = outside && defaulted(part, buffer);
    const given = whole ? whole.load : part;
    const own = given.kind === "load" && given.buffer === buffer.name ? keys.get(given.index) : undefined;
    if (given.kind !== "load" || !own) return undefined;
    let { guard } = given;
    if (whole) guard = undefined;
    else if (!outside) guard = guardWithoutTests(given, buffer);
    const at = dims.map(({ side, digit, size }) => {
      const { moving, constant } = own[side.axis]!;
      if (digit !== undefined) {
        const [[axis] = []] = moving;
        const passed = stateOf(inner, axis!).since.get(place)!.digits[digit] ?? int(0);
        return size === 1 ? passed : divided(passed, size);
      }
      let offset: Expr = int(constant - side.least);
      for (const [axis, times] of moving) {
        const passed = stateOf(inner, axis).since.get(place)!.offset;
        offset = add(mul(passed, int(times * axis.loop.step)), offset);
      }
      return offset;
    });
    return fromPanel({ ...given, buffer: panel.name, index: at, guard }, dtype);
  };
  const padded = all.every((dim) => dim.digit !== undefined || dim.side.roomy);
  const made: Panel = {
    buffer: buffer.name,
    replace,
    padded,
    ...(dtype !== buffer.dtype && { widened: panel.name }),
  };
  return { statements, cx: { ...cx, panels: [...cx.panels, made] } };
}

/**
 * The order of use in a workgroup: invocations that run side by side read elements that lie side by side, and each of
 * them its points in one piece.
 */
function forWorkgroup(rest: readonly Level[]): readonly Level[] {
  const points = rest.filter((level) => isPoint(level) && !isReduction(level) && !level.marks.threads);
  const threads = rest.filter((level) => level.marks.threads);
  return [
    ...rest.filter((level) => !points.includes(level) && !threads.includes(level)),
    ...threads,
    ...points,
  ];
}

/** The order of use of vectors: lanes of a reduction lie side by side, whichever loops run inside of theirs. */
function lanesLast(rest: readonly Level[]): readonly Level[] {
  const lanes = (level: Level): boolean => isReduction(level) && level.marks.vectorize !== undefined;
  return [...rest.filter((level) => !lanes(level)), ...rest.filter(lanes)];
}

const divided = (value: Expr, by: number): Expr => apply("floordiv", i32, [value, int(by)]);

/**
 * The dims that a side of the box becomes: one for each loop over tiles that is still to come, so that what a tile reads
 * lies side by side, and one for the points; or just one, if neighbouring points share elements.
 */
function dimsOf(side: Side, rest: readonly Level[], cx: Context, spread: boolean): Dim[] {
  const [axis] = side.moving.keys();
  const rank = Math.max(-1, ...[...side.moving.keys()].map((each) => lastLevel(rest, each)));
  const whole: Dim = { side, extent: side.extent, scale: 1, size: 1, rank };
  if (!axis || side.moving.size > 1 || spread || side.moving.get(axis)! * axis.loop.step !== 1)
    return [whole];
  const tiles = rest.filter((level) => level.axis === axis && level.level !== undefined);
  if (tiles.length === 0) return [whole];
  const dims: Dim[] = [];
  let room = capacity(stateOf(cx, axis));
  if (!isExtent(room, cx)) return [whole];
  tiles.forEach((level, digit) => {
    const size = axis.tiles[level.level!]!;
    dims.push({
      side,
      extent: ceilDiv(room, size),
      scale: size,
      digit,
      tile: true,
      size,
      rank: rest.indexOf(level),
    });
    room = int(size);
  });
  return [...dims, { side, extent: room, scale: 1, digit: tiles.length, size: 1, rank }];
}

const lastLevel = (rest: readonly Level[], axis: Axis): number =>
  rest.findLastIndex((level) => level.axis === axis);

// ---- filling it ----------------------------------------------------------------------------------------

/** Copies the box; elements that lie outside of the buffer, or that no iteration uses, become the default of `get`. */
function fill(
  workspace: Workspace,
  buffer: Buffer,
  panel: Buffer,
  sides: readonly Side[],
  all: readonly Dim[],
  dims: readonly Dim[],
  {
    always,
    outside,
    shared,
    together,
    exists,
  }: {
    readonly always: boolean;
    readonly outside: Expr | undefined;
    readonly shared: boolean;
    readonly together: boolean;
    readonly exists: readonly Expr[];
  },
): readonly Stmt[] {
  const before: Stmt[] = [];
  const widened = (value: Expr): Expr =>
    panel.dtype === buffer.dtype ? value : apply("convert", { dtype: panel.dtype, lanes: 1 }, [value]);
  const named = (base: string, value: Expr): Expr => {
    if (value.kind === "const" || value.kind === "ref") return value;
    const name = workspace.name(base);
    before.push({ kind: "let", name, value });
    return ref(name, i32);
  };
  const used = new Map(sides.map((side) => [side, side.used && named(`${buffer.name}_used`, side.used)]));
  const from = new Map(sides.map((side) => [side, named(`${buffer.name}_from`, side.base)]));
  const names = dims.map(() => workspace.name(`${buffer.name}_at`));
  /** What the loops over a side's dims add to its subscript. */
  const passed = (side: Side): Expr =>
    dims.reduce<Expr>(
      (sum, dim, at) => (dim.side === side ? add(sum, mul(ref(names[at]!, i32), int(dim.scale))) : sum),
      int(0),
    );
  const index = sides.map((side) => add(from.get(side)!, passed(side)));
  // Points of tiles, and of boxes with constant extents, may lie beyond what is used: they become 0.
  const partial = sides.flatMap((side): { beyond: Expr; full: Expr | undefined }[] => {
    const total = used.get(side) ?? side.extent;
    const within = compare("lt", passed(side), total);
    const tiles = together ? [] : tilesOf(side, all);
    if (tiles.length > 0) {
      const even = tiles.every((size, at) => at === 0 || tiles[at - 1]! % size === 0);
      const rest = apply("mod", i32, [total, int(tiles[0]!)]);
      if (even && intValue(rest) === 0) return [];
      return [{ beyond: within, full: even ? compare("eq", rest, int(0)) : undefined }];
    }
    if (!used.get(side) || !side.spare) return [];
    // A step of a reduction that a workgroup copies may go on beyond the box.
    return [{ beyond: within, full: compare(together ? "ge" : "eq", total, side.extent) }];
  });
  const inside = always
    ? []
    : index.flatMap((part, axis) => [compare("ge", part, int(0)), compare("lt", part, buffer.shape[axis]!)]);
  const end = ({ side, extent, digit, size }: Dim): Expr => {
    const limit = together && intValue(extent) !== undefined ? undefined : used.get(side);
    if (limit && digit === 0) return ceilDiv(limit, size);
    return limit && digit === undefined && !side.spare ? limit : extent;
  };
  const loops = (masked: boolean): readonly Stmt[] => {
    const guards = [...(masked ? partial.map(({ beyond }) => beyond) : []), ...inside, ...exists];
    const at = names.map((name) => ref(name, i32));
    const store = (value: Expr): Stmt => ({
      kind: "store",
      buffer: panel.name,
      index: at,
      value: widened(value),
    });
    const copied = (tests: readonly Expr[]): Stmt => {
      const guard = tests.length > 0 ? tests.reduce(and) : undefined;
      const read = load(buffer, index, guard);
      return store(outside && guard ? select(guard, read, outside) : read);
    };
    if (together) return [cooperative({ ...copied(guards), span: panel.span }, dims, names, end)];
    const loop = (number: number, block: Stmt, tests: readonly Expr[]): Stmt => {
      const dim = dims[number]!;
      const innermost = number === dims.length - 1;
      const extent = intValue(dim.extent);
      const contiguous = innermost && dim.scale === 1 && dim.side.axis === sides.length - 1;
      const marks: LoopMarks = {
        ...(shared && number === 0 && { parallel: true as const }),
        ...(contiguous && { vectorize: { tail: "mask" as const } }),
        ...(innermost && tests.length === 0 && extent !== undefined && extent <= mostCopies && { unroll: 0 }),
      };
      return { kind: "for", name: names[number]!, lo: int(0), hi: end(dim), step: 1, marks, body: [block] };
    };
    const last = dims.length - 1;
    if (last < 0) return [copied(guards)];
    // Whether a line lies outside as a whole is asked once, except where lines are elements of a shared loop.
    const asksLine = (test: Expr): boolean => !namesIn(test).has(names[last]!) && !(shared && last === 0);
    const ofLine = guards.filter(asksLine);
    const ofElement = guards.filter((test) => !asksLine(test));
    const line = loop(last, copied(ofElement), ofElement);
    const empty = loop(last, store(outside ?? literal(0, load(buffer, index).type)), []);
    const lines: Stmt =
      ofLine.length === 0
        ? line
        : {
            kind: "if",
            cond: ofLine.reduce(and),
            then: [line],
            orelse: workspace.copy([empty], new Map()),
          };
    return [dims.slice(0, last).reduceRight((block, _, number) => loop(number, block, guards), lines)];
  };
  if (partial.length === 0) return [...before, ...loops(false)];
  if (shared || partial.some(({ full }) => !full)) return [...before, ...loops(true)];
  // A tile that is full, as most are, is copied without masks.
  const full = partial.map((each) => each.full!).reduce(and);
  const plain = workspace.copy(loops(false), new Map());
  return [...before, { kind: "if", cond: full, then: plain, orelse: loops(true) }];
}

/** Elements that an invocation copies at once, where the panel has room for groups of so many. */
const copyWidth = 4;

/**
 * A copy by all invocations: neighbours read along the buffer's last axis, and each writes a whole vector of the panel,
 * since parts of one vector can't be written by several.
 */
function cooperative(
  store: Stmt,
  dims: readonly Dim[],
  names: readonly string[],
  end: (dim: Dim) => Expr,
): Stmt {
  const last = dims.at(-1);
  const group = last && (intValue(last.extent) ?? 1) % copyWidth === 0 ? last : undefined;
  const loop = (dim: Dim, marks: LoopMarks, body: readonly Stmt[]): ForStmt => {
    const name = names[dims.indexOf(dim)]!;
    return { kind: "for", name, lo: int(0), hi: end(dim), step: 1, marks, body, span: store.span };
  };
  const inner: Stmt = group
    ? loop(group, { vectorize: { width: copyWidth, tail: "exact" } }, [store])
    : store;
  const spread = dims
    .filter((dim) => dim !== group)
    .toSorted((a, b) => a.side.axis - b.side.axis || dims.indexOf(a) - dims.indexOf(b));
  return spread.reduceRight<Stmt>((body, dim) => loop(dim, { threads: true }, [body]), inner);
}

/** That the points which are reached already, under a mask, are real ones. */
function existing(cx: Context): Expr[] {
  return cx.guarded.flatMap((axis) => {
    const state = stateOf(cx, axis);
    return state.done ? [compare("lt", state.value, endOf(state))] : [];
  });
}

/** The tile sizes by which a side is taken apart, outermost first. */
function tilesOf(side: Side, all: readonly Dim[]): number[] {
  return all.flatMap((dim) => (dim.side === side && dim.tile ? [dim.size] : []));
}

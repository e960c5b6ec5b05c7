// Staging: the part of a buffer that a loop's body uses is copied into a panel first, in the order of use, and read
// from there. The panel is a box: along each axis of the buffer, what the loops inside add to the subscript, the axes
// permuted so that the loop which runs innermost moves along the last one.

import { load } from "../ir/build.ts";
import { i32, int, ref, type Buffer, type Expr, type LoadExpr, type LoopMarks, type Stmt } from "../ir/ir.ts";
import { namesIn, substitute } from "../ir/names.ts";
import { visitBlock, visitExprs, exprsOf, visitExpr, type Block } from "../ir/walk.ts";
import { add, and, compare, intValue, mul, sub } from "../passes/fold.ts";
import type { Workspace } from "../passes/workspace.ts";
import type { Axis, Level } from "./band.ts";
import {
  actual,
  capacity,
  CannotApply,
  marked,
  stateOf,
  valuesOf,
  withState,
  type Context,
} from "./context.ts";

/** A subscript as a sum: a multiple of each loop inside, what doesn't change there, and a constant. */
interface Subscript {
  readonly moving: ReadonlyMap<Axis, number>;
  readonly fixed: readonly (readonly [Expr, number])[];
  readonly constant: number;
}

/** One axis of the buffer in the box. */
interface Side {
  readonly axis: number;
  readonly moving: ReadonlyMap<Axis, number>;
  /** Where the box begins: the subscript at the first iterations. */
  readonly base: Expr;
  readonly least: number;
  readonly extent: Expr;
  /** How much of it is used, where that may be less. */
  readonly used: Expr | undefined;
}

/** Copies that are worth unrolling. */
const mostCopies = 32;

export interface Staged {
  readonly statements: readonly Stmt[];
  readonly cx: Context;
}

/** A panel for `buffer` at a place inside the loops entered so far; `rest` are those to come. */
export function stage(
  workspace: Workspace,
  buffer: Buffer,
  body: Block,
  rest: readonly Level[],
  outer: Context,
  place: number,
): Staged {
  const axes = [...new Set(rest.map((level) => level.axis))];
  let cx = outer;
  for (const axis of axes) cx = withState(cx, marked(stateOf(cx, axis), place));
  const { loads, always } = loadsOf(body, buffer.name);
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
      cx,
    ),
  );
  // The side that the innermost loop moves along comes last.
  const rank = (side: Side): number =>
    Math.max(-1, ...[...side.moving.keys()].map((axis) => lastLevel(rest, axis)));
  const order = sides.toSorted((a, b) => rank(a) - rank(b));
  const panel = workspace.addBuffer({
    name: `${buffer.name}_panel`,
    dtype: buffer.dtype,
    space: "panel",
    shape: order.map((side) => side.extent),
  });
  const statements = [
    { kind: "alloc", buffer: panel.name } as const,
    ...fill(workspace, buffer, panel, sides, order, always),
  ];
  const keys = new Set(loads.map((each) => each.index));
  const replace = (given: LoadExpr, inner: Context): Expr | undefined => {
    if (given.buffer !== buffer.name || !keys.has(given.index)) return undefined;
    const own = subscripts[loads.findIndex((each) => each.index === given.index)]!;
    const at = order.map((side) => {
      const { moving, constant } = own[side.axis]!;
      let offset: Expr = int(constant - side.least);
      for (const [axis, times] of moving) {
        const passed = stateOf(inner, axis).since.get(place)!.offset;
        offset = add(mul(passed, int(times * axis.loop.step)), offset);
      }
      return offset;
    });
    return { ...given, buffer: panel.name, index: at };
  };
  return { statements, cx: { ...cx, panels: [...cx.panels, { buffer: buffer.name, replace }] } };
}

const lastLevel = (rest: readonly Level[], axis: Axis): number =>
  rest.findLastIndex((level) => level.axis === axis);

// ---- what is read --------------------------------------------------------------------------------------

/** The loads of a buffer in a block, and whether each of them is executed in every iteration. */
function loadsOf(body: Block, buffer: string): { readonly loads: LoadExpr[]; readonly always: boolean } {
  const loads: LoadExpr[] = [];
  visitExprs(body, (part) => part.kind === "load" && part.buffer === buffer && loads.push(part));
  let always = loads.every((each) => !each.guard);
  const conditional = (block: Block): void =>
    visitExprs(block, (part) => {
      if (part.kind === "load" && part.buffer === buffer) always = false;
    });
  visitBlock(body, (each) => {
    if (each.kind === "if") [each.then, each.orelse].forEach(conditional);
    if (each.kind === "while") conditional(each.body);
    if (each.kind === "store" && each.buffer === buffer)
      throw new CannotApply(`\`${buffer}\` is written inside`);
  });
  return { loads, always };
}

function letsOf(body: Block): ReadonlyMap<string, Expr> {
  const lets = new Map<string, Expr>();
  visitBlock(body, (each) => each.kind === "let" && lets.set(each.name, each.value));
  return lets;
}

function substituteAll(expr: Expr, lets: ReadonlyMap<string, Expr>): Expr {
  let current = expr;
  for (let round = 0; round < 8 && [...namesIn(current)].some((name) => lets.has(name)); round++)
    current = substitute(current, lets);
  return current;
}

function subscriptOf(expr: Expr, axes: readonly Axis[]): Subscript {
  const moving = new Map<Axis, number>();
  const fixed: (readonly [Expr, number])[] = [];
  let constant = 0;
  const visit = (part: Expr, times: number): void => {
    const value = intValue(part);
    if (value !== undefined) {
      constant += times * value;
      return;
    }
    const axis = part.kind === "ref" ? axes.find((each) => each.loop.name === part.name) : undefined;
    if (axis) {
      moving.set(axis, (moving.get(axis) ?? 0) + times);
      return;
    }
    if (part.kind === "op") {
      const [a, b] = part.args;
      if (part.op === "add" || part.op === "sub") {
        visit(a!, times);
        return visit(b!, part.op === "add" ? times : -times);
      }
      const factor = part.op === "mul" ? (intValue(b!) ?? intValue(a!)) : undefined;
      if (factor !== undefined) return visit(intValue(b!) !== undefined ? a! : b!, times * factor);
    }
    if ([...namesIn(part)].some((name) => axes.some((each) => each.loop.name === name)))
      throw new CannotApply("a subscript isn't a sum of loop variables");
    fixed.push([part, times]);
  };
  visit(expr, 1);
  for (const [axis, times] of moving) {
    if (times < 0)
      throw new CannotApply(
        `a subscript runs against the loop over \`${axis.loop.marks.label ?? axis.loop.name}\``,
      );
    if (times === 0) moving.delete(axis);
  }
  return { moving, fixed, constant };
}

// ---- the box -------------------------------------------------------------------------------------------

function sideOf(axis: number, all: readonly Subscript[], cx: Context): Side {
  const [first] = all as [Subscript, ...Subscript[]];
  const alike = (other: Subscript): boolean =>
    other.moving.size === first.moving.size &&
    [...first.moving].every(([each, times]) => other.moving.get(each) === times) &&
    sameFixed(first, other);
  if (!all.every(alike)) throw new CannotApply("the loads inside move through the buffer in different ways");
  const least = Math.min(...all.map((each) => each.constant));
  const most = Math.max(...all.map((each) => each.constant));
  const values = valuesOf(cx);
  let base: Expr = int(least);
  for (const [part, times] of first.fixed) base = add(mul(substitute(part, values), int(times)), base);
  let extent: Expr = int(most - least + 1);
  let used: Expr = extent;
  let partial = false;
  for (const [each, times] of first.moving) {
    const state = stateOf(cx, each);
    const by = int(times * each.loop.step);
    base = add(mul(state.value, int(times)), base);
    extent = add(mul(sub(capacity(state), int(1)), by), extent);
    used = add(mul(sub(actual(state), int(1)), by), used);
    if (state.hi) partial = true;
  }
  return { axis, moving: first.moving, base, least, extent, used: partial ? used : undefined };
}

function sameFixed(a: Subscript, b: Subscript): boolean {
  const text = ({ fixed }: Subscript): string =>
    fixed
      .map(
        ([part, times]) =>
          `${times}*${JSON.stringify(part, (key, value: unknown) => (key === "span" ? undefined : value))}`,
      )
      .toSorted()
      .join();
  return text(a) === text(b);
}

/** Copies the box; elements that no iteration uses become 0 where the box has room for them. */
function fill(
  workspace: Workspace,
  buffer: Buffer,
  panel: Buffer,
  sides: readonly Side[],
  order: readonly Side[],
  always: boolean,
): readonly Stmt[] {
  const before: Stmt[] = [];
  const named = (base: string, value: Expr): Expr => {
    if (value.kind === "const" || value.kind === "ref") return value;
    const name = workspace.name(base);
    before.push({ kind: "let", name, value });
    return ref(name, i32);
  };
  const loops = order.map((side) => {
    const name = workspace.name(`${buffer.name}_at`);
    const constant = intValue(side.extent) !== undefined;
    const used = side.used && named(`${buffer.name}_used`, side.used);
    return { side, name, constant, used, at: ref(name, i32) as Expr };
  });
  const guards: Expr[] = [];
  for (const { used, constant, at } of loops) if (used && constant) guards.push(compare("lt", at, used));
  const index = sides.map((side) =>
    add(named(`${buffer.name}_from`, side.base), loops.find((each) => each.side === side)!.at),
  );
  if (!always)
    index.forEach((part, axis) => {
      guards.push(compare("ge", part, int(0)), compare("lt", part, buffer.shape[axis]!));
    });
  const guard = guards.length > 0 ? guards.reduce(and) : undefined;
  let block: readonly Stmt[] = [
    {
      kind: "store",
      buffer: panel.name,
      index: loops.map(({ at }) => at),
      value: load(buffer, index, guard),
    },
  ];
  for (const { side, name, constant, used } of loops.toReversed()) {
    const innermost = side === order.at(-1);
    const contiguous = innermost && side.axis === sides.length - 1;
    const extent = intValue(side.extent);
    const small = extent !== undefined && extent <= mostCopies;
    const marks: LoopMarks = {
      ...(contiguous && (extent === undefined || extent > 1) && { vectorize: { tail: "mask" as const } }),
      ...(innermost && small && !guard && { unroll: 0 }),
    };
    const hi = constant ? side.extent : (used ?? side.extent);
    block = [{ kind: "for", name, lo: int(0), hi, step: 1, marks, body: block }];
  }
  return [...before, ...block];
}

/** Whether something in the block reads the buffer. */
export function reads(body: Block, buffer: string): boolean {
  let found = false;
  visitBlock(body, (each) => {
    for (const expr of exprsOf(each))
      visitExpr(expr, (part) => {
        if (part.kind === "load" && part.buffer === buffer) found = true;
      });
  });
  return found;
}

// What a body reads of a buffer, as a box: along each axis, from where the subscript begins to what the loops inside add to
// it. Subscripts must be sums of loop variables with constant factors and of what doesn't change there.

import { int, type Expr, type LoadExpr } from "../ir/ir.ts";
import { namesIn, substitute } from "../ir/names.ts";
import { someExpr, visitBlock, visitExprs, type Block } from "../ir/walk.ts";
import { add, intValue, max, mul, sub } from "../passes/fold.ts";
import { maskedTiles, type Axis, type Band, type Level } from "./band.ts";
import {
  actual,
  CannotApply,
  isExtent,
  roomFor,
  stateOf,
  valuesOf,
  type AxisState,
  type Context,
} from "./context.ts";

/** A subscript as a sum: a multiple of each loop inside, what doesn't change there, and a constant. */
export interface Subscript {
  readonly moving: ReadonlyMap<Axis, number>;
  readonly fixed: readonly (readonly [Expr, number])[];
  readonly constant: number;
}

/** One axis of the buffer in the box. */
export interface Side {
  readonly axis: number;
  readonly moving: ReadonlyMap<Axis, number>;
  /** Where the box begins: the subscript at the first iterations. */
  readonly base: Expr;
  readonly least: number;
  readonly extent: Expr;
  /** How much of it is used, where that may be less. */
  readonly used: Expr | undefined;
  /** Whether the points that partial tiles run beyond their end have room too … */
  readonly roomy: boolean;
  /** … and whether there may be such room. */
  readonly spare: boolean;
}

/** The loads of a buffer in a block, and whether each of them is executed in every iteration. */
export function loadsOf(
  body: Block,
  buffer: string,
): { readonly loads: LoadExpr[]; readonly always: boolean } {
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
    // What is checked inside isn't known before.
    if (each.kind === "assert") always = false;
    if (each.kind === "store" && each.buffer === buffer)
      throw new CannotApply(`\`${buffer}\` is written inside`);
  });
  return { loads, always };
}

export function letsOf(body: Block): ReadonlyMap<string, Expr> {
  const lets = new Map<string, Expr>();
  visitBlock(body, (each) => each.kind === "let" && lets.set(each.name, each.value));
  return lets;
}

export function substituteAll(expr: Expr, lets: ReadonlyMap<string, Expr>): Expr {
  let current = expr;
  for (let round = 0; round < 8 && [...namesIn(current)].some((name) => lets.has(name)); round++)
    current = substitute(current, lets);
  return current;
}

export function subscriptOf(expr: Expr, axes: readonly Axis[]): Subscript {
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
    // What the body checks or changes first would be read before it does.
    if (someExpr(part, (inner) => inner.kind === "load"))
      throw new CannotApply("a subscript comes from data");
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

export function sideOf(
  axis: number,
  all: readonly Subscript[],
  length: Expr,
  band: Band,
  rest: readonly Level[],
  cx: Context,
): Side {
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
  const own = int(most - least + 1);
  const reach = (count: (state: AxisState, each: Axis) => Expr): Expr =>
    [...first.moving].reduce<Expr>(
      (sum, [each, times]) =>
        add(mul(sub(count(stateOf(cx, each), each), int(1)), int(times * each.loop.step)), sum),
      own,
    );
  for (const [each, times] of first.moving) base = add(mul(stateOf(cx, each).value, int(times)), base);
  const partial = [...first.moving.keys()].some((each) => stateOf(cx, each).hi);
  const used = reach(actual);
  const side = { axis, moving: first.moving, base, least };
  const reached = reach((state, each) => roomFor(state, maskedTiles(band, rest, each)));
  // Loops that don't run count for a step backwards each.
  const steps = [...first.moving].reduce((sum, [each, times]) => sum + times * each.loop.step, 0);
  const room = steps > most - least + 1 ? max(reached, int(0)) : reached;
  const spare =
    intValue(room) !== undefined ||
    [...first.moving.keys()].some((each) => maskedTiles(band, rest, each).length > 0);
  // An extent that 32 bits can't count is no danger: the host works out the size of scratch exactly, and has no room for it.
  if (isExtent(room, cx))
    return { ...side, extent: room, used: partial ? used : undefined, roomy: true, spare };
  // What is read lies in the buffer, so its own extent is room enough for points that exist.
  return { ...side, extent: length, used, roomy: false, spare: intValue(length) !== undefined };
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

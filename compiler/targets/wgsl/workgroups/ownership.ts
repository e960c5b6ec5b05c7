// Which invocation touches an element of an array: where the subscripts of every access say that one invocation of the
// workgroup owns it, the array is that invocation's alone, and its part of it a few registers.
//
// Assumes: nests are numbered (`number-threads.ts`), so that a subscript is a sum of a multiple of a thread's number and
// what is known to be smaller.

import { int, type Expr, type ForStmt } from "../../../ir/ir.ts";
import { printExpr } from "../../../ir/print.ts";
import { rangeOfLoop, type Ranges } from "../../../ir/ranges.ts";
import { visitBlock } from "../../../ir/walk.ts";
import { exprOfForm, rangeOfForm, type Linear } from "../../../passes/linear.ts";
import { ramp } from "../../../ir/build.ts";
import { formOf, type Nest, type Values } from "./nests.ts";

/** How one subscript tells whose an element is: `loop` times `by`, and a rest from 0 up to `by`. */
export interface Digit {
  readonly dim: number;
  /** The number of the loop in its nest. */
  readonly loop: number;
  readonly by: number;
}

export interface Owner {
  readonly digits: readonly Digit[];
  /** The subscripts within the invocation's own part. */
  readonly index: readonly Expr[];
}

/** The known ranges of the loops inside of a nest. */
export function rangesIn(nest: Nest): Ranges {
  const ranges: Ranges = new Map();
  const note = (loop: ForStmt): void => void ranges.set(loop.name, rangeOfLoop(loop, ranges));
  nest.loops.forEach(note);
  visitBlock(nest.body, (stmt) => stmt.kind === "for" && note(stmt));
  return ranges;
}

/**
 * Who owns the element at subscripts inside of a nest; undefined if several invocations may touch it. With `exact`, nothing
 * but threads' numbers and what is known to stay the same may tell.
 */
export function ownerOf(
  index: readonly Expr[],
  nest: Nest,
  values: Values,
  ranges: Ranges,
): Owner | undefined {
  const numbers = nest.loops.map((loop) => loop.name);
  const digits: Digit[] = [];
  const own: Expr[] = [];
  for (const [dim, part] of index.entries()) {
    const lanes = part.type.lanes;
    const base = lanes === 1 ? part : baseOf(part);
    if (!base) return undefined;
    const form = formOf(base, values);
    const found = numbers.flatMap((name, loop) => {
      const term = form.terms.get(name) ?? [...form.terms.values()].find(({ atom }) => isRef(atom, name));
      return term ? [{ loop, by: term.by, name }] : [];
    });
    if (found.length > 1 || mentionsInside(form, numbers)) return undefined;
    const [digit] = found;
    if (!digit) {
      own.push(part);
      continue;
    }
    const rest: Linear = {
      terms: new Map([...form.terms].filter(([, { atom }]) => !isRef(atom, digit.name))),
      constant: form.constant,
    };
    const { low, high } = rangeOfForm(rest, ranges);
    if (low < 0 || high + lanes - 1 >= digit.by) return undefined;
    digits.push({ dim, loop: digit.loop, by: digit.by });
    const scalar = exprOfForm(rest);
    own.push(lanes === 1 ? scalar : ramp(scalar, int(1), lanes));
  }
  const told = new Set(digits.map(({ loop }) => loop));
  return told.size === nest.loops.length && digits.length === told.size ? { digits, index: own } : undefined;
}

const isRef = (expr: Expr, name: string): boolean => expr.kind === "ref" && expr.name === name;

/** Whether a number of a thread is part of an atom, which then says nothing simple. */
function mentionsInside(form: Linear, numbers: readonly string[]): boolean {
  return [...form.terms.values()].some(({ atom }) => {
    if (atom.kind === "ref") return false;
    const text = printExpr(atom);
    return numbers.some((name) => text.includes(name));
  });
}

/** Where a vector of neighbours begins. */
function baseOf(index: Expr): Expr | undefined {
  if (index.kind !== "op" || index.op !== "ramp") return undefined;
  const [base, stride] = index.args;
  return stride?.kind === "const" && stride.value === 1 ? base : undefined;
}

/** The same for two accesses that one invocation makes. */
export const ownerKey = ({ digits }: Owner, nest: Nest): string =>
  JSON.stringify([digits, nest.loops.map(({ hi }) => printExpr(hi))]);

/**
 * The axis along which a subscript is a number of the nest's only thread, or that plus any number of whole turns; or four times that
 * and less than four more. The element's place, or a fourth of it, modulo the invocations says whose it is, whichever loop it stands in.
 */
export function cyclicAxis(
  index: readonly Expr[],
  nest: Nest,
  values: Values,
  size: number,
  ranges: Ranges,
): { readonly axis: number; readonly unit: number } | undefined {
  const [only] = nest.loops;
  if (nest.loops.length !== 1 || !only) return undefined;
  /** What a name counts: the elements of one invocation, as long as no other's come between. */
  const units = new Map<string, number | undefined>([[only.name, undefined]]);
  visitBlock(nest.body, (stmt) => {
    if (stmt.kind !== "for") return;
    const { terms, constant } = formOf(stmt.lo, values);
    const [start] = terms.values();
    if (terms.size !== 1 || constant !== 0 || !start || !isRef(start.atom, only.name)) return;
    if (stmt.step === size * start.by) units.set(stmt.name, start.by);
  });
  for (const [axis, part] of index.entries()) {
    const base = part.type.lanes === 1 ? part : baseOf(part);
    if (!base) continue;
    const form = formOf(base, values);
    const found = [...form.terms.values()].filter(({ atom }) => atom.kind === "ref" && units.has(atom.name));
    const [term] = found;
    if (found.length !== 1 || !term || term.atom.kind !== "ref") continue;
    const counted = units.get(term.atom.name);
    if (counted !== undefined && term.by !== 1) continue;
    const unit = counted ?? term.by;
    const rest: Linear = {
      terms: new Map([...form.terms].filter(([, each]) => each !== term)),
      constant: form.constant,
    };
    const { low, high } = rangeOfForm(rest, ranges);
    const mixed = mentionsInside(rest, [...units.keys()]);
    if ((unit === 1 || unit === 4) && !mixed && low >= 0 && high + part.type.lanes <= unit)
      return { axis, unit };
  }
  return undefined;
}

/** What `cyclicAxis` says as a key: the same for all loops of a workgroup. */
export const cyclicKey = (axis: number, unit = 1): string => `every ${unit} of ${axis}`;

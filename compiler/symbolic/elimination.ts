// Fourier–Motzkin elimination over monomials taken as variables, each row tightened to the integers. It can only
// answer "no solution" or "don't know": rows that grow too large or too many are dropped, which loses answers,
// never truth. Loops count instead of iterating: most questions are settled before this code is ever optimised, and until
// then each step of an iterator is an object.

import { tighten } from "./cond.ts";
import { gcd } from "./integers.ts";
import type { Poly } from "./poly.ts";

interface Row {
  readonly coefs: Float64Array;
  readonly constant: number;
  /** Of the coefficients: equal rows are found by it. */
  readonly hash: number;
}

const maxRows = 500;
const maxPairs = 1200;

/** Whether the constraints poly >= 0 have no integer solution; false where that isn't found out. */
export function hasNoSolution(constraints: readonly Poly[]): boolean {
  const columns = new Map<string, number>();
  for (const poly of constraints)
    for (const term of poly.terms) if (!columns.has(term.key)) columns.set(term.key, columns.size);
  let rows: readonly Row[] = constraints.flatMap((poly) => rowOf(tighten(poly), columns));
  if (rows.length < constraints.length && constraints.some((poly) => poly.isConstant && poly.constant < 0))
    return true;
  const left = [...columns.values()];
  while (left.length > 0) {
    const pivot = cheapest(rows, left);
    if (pivot.cost > maxPairs) return false;
    left.splice(left.indexOf(pivot.column), 1);
    const next = eliminate(rows, pivot.column);
    if (next === "contradiction") return true;
    if (next.length > maxRows) return false;
    rows = next;
  }
  return false;
}

/** No row for a constant, which bounds nothing. */
function rowOf(poly: Poly, columns: ReadonlyMap<string, number>): Row | [] {
  if (poly.isConstant) return [];
  const coefs = new Float64Array(columns.size);
  for (const term of poly.terms) coefs[columns.get(term.key)!] = term.coef;
  return { coefs, constant: poly.constant, hash: hashOf(coefs) };
}

function cheapest(rows: readonly Row[], left: readonly number[]): { column: number; cost: number } {
  let best = { column: -1, cost: Infinity };
  for (let at = 0; at < left.length; at++) {
    const column = left[at]!;
    let above = 0;
    let below = 0;
    for (let row = 0; row < rows.length; row++) {
      const coef = rows[row]!.coefs[column]!;
      if (coef > 0) above++;
      else if (coef < 0) below++;
    }
    const cost = above * below - above - below;
    if (cost < best.cost) best = { column, cost };
  }
  return best;
}

/** The rows without one column: those that lack it, and each lower bound joined with each upper bound. */
function eliminate(rows: readonly Row[], column: number): readonly Row[] | "contradiction" {
  const kept = new RowSet();
  const [above, below]: [Row[], Row[]] = [[], []];
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at]!;
    const coef = row.coefs[column]!;
    if (coef > 0) above.push(row);
    else if (coef < 0) below.push(row);
    else kept.add(row);
  }
  for (let low = 0; low < above.length; low++) {
    for (let high = 0; high < below.length; high++) {
      const joined = join(above[low]!, below[high]!, column);
      if (joined === "contradiction") return joined;
      if (joined) kept.add(joined);
    }
  }
  return kept.rows;
}

/** Rows with different coefficients: of several with the same, the tightest. */
class RowSet {
  readonly rows: Row[] = [];
  private readonly places = new Map<number, number[]>();

  add(row: Row): void {
    const places = this.places.get(row.hash);
    if (!places) {
      this.places.set(row.hash, [this.rows.length]);
      this.rows.push(row);
      return;
    }
    for (const at of places) {
      const old = this.rows[at]!;
      if (!sameCoefs(old.coefs, row.coefs)) continue;
      if (row.constant < old.constant) this.rows[at] = row;
      return;
    }
    places.push(this.rows.length);
    this.rows.push(row);
  }
}

function sameCoefs(a: Float64Array, b: Float64Array): boolean {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/**
 * What two rows say without the column that one bounds from below and one from above. Undefined where it says nothing, or
 * its numbers are too large.
 */
function join(lower: Row, upper: Row, column: number): Row | "contradiction" | undefined {
  const a = lower.coefs[column]!;
  const b = -upper.coefs[column]!;
  const shared = gcd(a, b);
  const left = b / shared;
  const right = a / shared;
  const coefs = new Float64Array(lower.coefs.length);
  let common = 0;
  for (let at = 0; at < coefs.length; at++) {
    const value = left * lower.coefs[at]! + right * upper.coefs[at]!;
    if (value === 0) continue;
    if (!Number.isSafeInteger(value)) return undefined;
    coefs[at] = value;
    if (common !== 1) common = gcd(common, value);
  }
  const constant = left * lower.constant + right * upper.constant;
  if (!Number.isSafeInteger(constant)) return undefined;
  if (common === 0) return constant < 0 ? "contradiction" : undefined;
  if (common > 1) for (let at = 0; at < coefs.length; at++) coefs[at] = coefs[at]! / common;
  return { coefs, constant: Math.floor(constant / common), hash: hashOf(coefs) };
}

function hashOf(coefs: Float64Array): number {
  let hash = 0;
  for (let at = 0; at < coefs.length; at++) hash = (Math.imul(hash, 31) + coefs[at]!) | 0;
  return hash;
}

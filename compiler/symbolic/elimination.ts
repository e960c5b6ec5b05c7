// Fourier–Motzkin elimination over monomials taken as variables, each row tightened to the integers. It can only
// answer "no solution" or "don't know": rows that grow too large or too many are dropped, which loses answers,
// never truth.

import { gcd } from "./integers.ts";
import type { Poly } from "./poly.ts";

interface Row {
  readonly coefs: Float64Array;
  readonly constant: number;
}

const maxRows = 500;
const maxPairs = 1200;

/** Whether the constraints poly >= 0 have no integer solution; false where that isn't found out. */
export function hasNoSolution(constraints: readonly Poly[]): boolean {
  const columns = new Map<string, number>();
  for (const poly of constraints)
    for (const term of poly.terms) if (!columns.has(term.key)) columns.set(term.key, columns.size);
  const width = columns.size;
  let rows: readonly Row[] = constraints.map((poly) => {
    const coefs = new Float64Array(width);
    for (const term of poly.terms) coefs[columns.get(term.key)!] = term.coef;
    return { coefs, constant: poly.constant };
  });
  const left = new Set(columns.values());
  while (left.size > 0) {
    const pivot = cheapest(rows, left);
    if (pivot.cost > maxPairs) return false;
    left.delete(pivot.column);
    const next = eliminate(rows, pivot.column);
    if (next === "contradiction") return true;
    if (next.length > maxRows) return false;
    rows = next;
  }
  return rows.some((row) => row.constant < 0);
}

function cheapest(rows: readonly Row[], left: ReadonlySet<number>): { column: number; cost: number } {
  let best = { column: -1, cost: Infinity };
  for (const column of left) {
    let [above, below] = [0, 0];
    for (const row of rows) {
      const coef = row.coefs[column]!;
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
  let contradiction = false;
  const keep = (row: Row): void => {
    let common = 0;
    for (const coef of row.coefs) if (coef !== 0 && common !== 1) common = gcd(common, coef);
    if (common === 0) {
      if (row.constant < 0) contradiction = true;
      return;
    }
    if (common === 1) kept.add(row);
    else
      kept.add({
        coefs: row.coefs.map((coef) => coef / common),
        constant: Math.floor(row.constant / common),
      });
  };
  const [above, below]: [Row[], Row[]] = [[], []];
  for (const row of rows) {
    const coef = row.coefs[column]!;
    if (coef > 0) above.push(row);
    else if (coef < 0) below.push(row);
    else keep(row);
  }
  for (const lower of above) {
    for (const upper of below) {
      const joined = join(lower, upper, column);
      if (joined) keep(joined);
      if (contradiction) return "contradiction";
    }
  }
  return contradiction ? "contradiction" : kept.rows;
}

/** Rows with different coefficients: of several with the same, the tightest. */
class RowSet {
  readonly rows: Row[] = [];
  private readonly places = new Map<number, number[]>();

  add(row: Row): void {
    let hash = 0;
    for (const coef of row.coefs) hash = (Math.imul(hash, 31) + coef) | 0;
    const places = this.places.get(hash);
    if (!places) {
      this.places.set(hash, [this.rows.length]);
      this.rows.push(row);
      return;
    }
    for (const at of places) {
      const old = this.rows[at]!;
      if (!old.coefs.every((coef, column) => coef === row.coefs[column])) continue;
      if (row.constant < old.constant) this.rows[at] = row;
      return;
    }
    places.push(this.rows.length);
    this.rows.push(row);
  }
}

function join(lower: Row, upper: Row, column: number): Row | undefined {
  const [a, b] = [lower.coefs[column]!, -upper.coefs[column]!];
  const common = gcd(a, b);
  const [left, right] = [b / common, a / common];
  const coefs = new Float64Array(lower.coefs.length);
  for (let at = 0; at < coefs.length; at++) {
    const value = left * lower.coefs[at]! + right * upper.coefs[at]!;
    if (!Number.isSafeInteger(value)) return undefined;
    coefs[at] = value;
  }
  const constant = left * lower.constant + right * upper.constant;
  return Number.isSafeInteger(constant) ? { coefs, constant } : undefined;
}

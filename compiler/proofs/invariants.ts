// What stays true while a loop changes variables: candidates are guessed from initial values, from what the loop
// compares its variables with, and from constant steps; the walker keeps those that it can prove at the start and
// again at the end of any iteration.

import { dtypeInfo, type Dtype } from "../../lang/dtypes.ts";
import type { Expr, ForStmt, WhileStmt } from "../ir/ir.ts";
import { assignedIn, declaredIn } from "../ir/names.ts";
import { blocksOf, someExpr, visitBlock, visitExpr, visitExprs, type Block } from "../ir/walk.ts";
import { attempt } from "../symbolic/integers.ts";
import { condKey, ge, le, type Cond } from "../symbolic/cond.ts";
import {
  add,
  addConstant,
  atomPoly,
  constantPoly,
  mul,
  one,
  scale,
  sub,
  zero,
  type Poly,
} from "../symbolic/poly.ts";
import { proves } from "./facts.ts";
import type { Scope } from "./scope.ts";
import type { Terms } from "./terms.ts";

/** A claim about the variables' values, and about the loop variable's where there is one. */
export interface Candidate {
  readonly at: (value: (name: string) => Poly | undefined, iteration: Poly | undefined) => Cond | undefined;
}

const maxCandidates = 32;

/** Names declared outside a loop that its body assigns. */
export function changedBy(stmt: ForStmt | WhileStmt): string[] {
  const own = declaredIn(stmt.body);
  return [...assignedIn(stmt.body)].filter((name) => !own.has(name));
}

/**
 * Guesses that hold when the loop is entered, none where its numbers are too large for them. `first` is the loop
 * variable's first value.
 */
export function candidates(...given: Parameters<typeof guesses>): Candidate[] {
  return attempt(() => guesses(...given), []);
}

function guesses(
  stmt: ForStmt | WhileStmt,
  changed: readonly string[],
  entry: Scope,
  dtypeOf: (name: string) => Dtype | undefined,
  terms: Terms,
  first: Poly | undefined,
): Candidate[] {
  const integers = changed.filter((name) => {
    const dtype = dtypeOf(name);
    const kind = dtype && dtypeInfo(dtype).kind;
    return (kind === "int" || kind === "uint") && entry.names.get(name)?.kind === "poly";
  });
  if (integers.length === 0) return [];
  const start = valuesIn(entry);
  const found: Candidate[] = [];
  const compared = comparedWith(stmt, integers, entry, terms);
  const steps = stepsOf(stmt, integers, entry, terms);
  for (const name of integers) {
    const init = start(name)!;
    bound(found, name, init);
    bound(found, name, zero);
    for (const limit of compared.get(name) ?? []) {
      bound(found, name, limit);
      bound(found, name, addConstant(limit, -1));
      bound(found, name, addConstant(limit, 1));
    }
    const by = steps.get(name);
    if (stmt.kind === "for" && first && by !== undefined) {
      // step · (v - init) against by · (i - first): how often the step was taken at most, or at least.
      for (const side of [ge, le]) {
        found.push({
          at: (value, iteration) => {
            const now = value(name);
            if (!now || !iteration) return undefined;
            return side(scale(sub(now, init), stmt.step), mul(sub(iteration, first), by));
          },
        });
      }
    }
  }
  for (const left of integers) {
    for (const right of integers) {
      if (left === right) continue;
      const distance = sub(start(right)!, start(left)!);
      for (const slack of [zero, constantPoly(1), distance]) {
        found.push({
          at: (value) => {
            const [a, b] = [value(left), value(right)];
            return a && b && le(add(a, slack), b);
          },
        });
      }
    }
  }
  const safe = found.map(({ at }): Candidate => ({
    at: (value, iteration) => attempt(() => at(value, iteration), undefined),
  }));
  return distinct(safe, start, first).filter((candidate) => {
    const cond = candidate.at(start, first);
    return cond !== undefined && proves(entry.facts, cond);
  });
}

/** Values of names as a scope has them. */
export function valuesIn(scope: Scope): (name: string) => Poly | undefined {
  return (name) => {
    const value = scope.names.get(name);
    return value?.kind === "poly" ? value.poly : undefined;
  };
}

function bound(found: Candidate[], name: string, limit: Poly): void {
  for (const side of [ge, le])
    found.push({
      at: (value) => {
        const now = value(name);
        return now && side(now, limit);
      },
    });
}

/** Drops candidates that say the same of any values. */
function distinct(
  all: readonly Candidate[],
  start: (name: string) => Poly | undefined,
  first: Poly | undefined,
): Candidate[] {
  const kept = new Map<string, Candidate>();
  const probe = (name: string): Poly =>
    atomPoly({ kind: "name", key: `probe ${name}`, name, lo: -Infinity, hi: Infinity, order: 0 });
  const value = (name: string): Poly | undefined => start(name) && probe(name);
  for (const candidate of all) {
    const cond = candidate.at(value, first && add(first, probe("")));
    if (cond && !kept.has(condKey(cond))) kept.set(condKey(cond), candidate);
    if (kept.size >= maxCandidates) break;
  }
  return [...kept.values()];
}

/** What the loop compares its variables with, as far as that doesn't change in it. */
function comparedWith(
  stmt: ForStmt | WhileStmt,
  integers: readonly string[],
  entry: Scope,
  terms: Terms,
): Map<string, Poly[]> {
  const found = new Map<string, Poly[]>();
  const varying = new Set([...declaredIn(stmt.body), ...assignedIn(stmt.body)]);
  if (stmt.kind === "for") varying.add(stmt.name);
  const settled = (expr: Expr): boolean =>
    !someExpr(expr, (part) => part.kind === "load" || (part.kind === "ref" && varying.has(part.name)));
  const look = (expr: Expr): void => {
    if (expr.kind !== "op" || !comparisons.has(expr.op)) return;
    const [left, right] = expr.args;
    for (const [own, other] of [[left!, right!] as const, [right!, left!] as const]) {
      const name = variableOf(own);
      if (name === undefined || !integers.includes(name) || !settled(other)) continue;
      const list = found.get(name) ?? [];
      list.push(terms.poly(other, entry));
      found.set(name, list);
    }
  };
  visitExprs(stmt.body, look);
  if (stmt.kind === "while") visitExpr(stmt.cond, look);
  // `head = (head + 1) % N` compares with N as well as any condition does.
  visitBlock(stmt.body, (each) => {
    if (each.kind !== "assign" || !integers.includes(each.name) || each.value.kind !== "op") return;
    const divisor = each.value.op === "mod" ? each.value.args[1]! : undefined;
    if (divisor && settled(divisor))
      found.set(each.name, [...(found.get(each.name) ?? []), terms.poly(divisor, entry)]);
  });
  return found;
}
const comparisons = new Set<string>(["lt", "le", "gt", "ge", "eq", "ne"]);

/** v, of v, v + constant and the like. */
function variableOf(expr: Expr): string | undefined {
  if (expr.kind === "ref") return expr.name;
  if (expr.kind !== "op" || (expr.op !== "add" && expr.op !== "sub")) return undefined;
  const [left, right] = expr.args;
  return right!.kind === "const" ? variableOf(left!) : undefined;
}

/** By how much an iteration changes each variable if all its updates `v += constant` are run. */
function stepsOf(
  stmt: ForStmt | WhileStmt,
  integers: readonly string[],
  entry: Scope,
  terms: Terms,
): Map<string, Poly> {
  const steps = new Map<string, Poly>();
  const unknown = new Set<string>();
  const varying = new Set([...declaredIn(stmt.body), ...assignedIn(stmt.body)]);
  const settled = (expr: Expr): boolean =>
    !someExpr(expr, (part) => part.kind === "load" || (part.kind === "ref" && varying.has(part.name)));
  const walk = (block: Block, times: Poly | undefined): void => {
    for (const each of block) {
      if (each.kind === "assign" && integers.includes(each.name)) {
        const by = stepOf(each.name, each.value);
        if (by === undefined || !times) unknown.add(each.name);
        else steps.set(each.name, add(steps.get(each.name) ?? zero, scale(times, by)));
      }
      let inner = times;
      if (each.kind === "while") inner = undefined;
      if (each.kind === "for") {
        const known = settled(each.lo) && settled(each.hi) && each.step === 1;
        inner =
          known && times
            ? mul(times, sub(terms.poly(each.hi, entry), terms.poly(each.lo, entry)))
            : undefined;
      }
      for (const part of blocksOf(each)) walk(part, inner);
    }
  };
  walk(stmt.body, one);
  for (const name of unknown) steps.delete(name);
  return steps;
}

/** c, of v = v + c. */
function stepOf(name: string, value: Expr): number | undefined {
  if (value.kind !== "op" || (value.op !== "add" && value.op !== "sub")) return undefined;
  const [left, right] = value.args;
  if (left!.kind !== "ref" || left!.name !== name || right!.kind !== "const") return undefined;
  const by = Number(right!.value);
  return value.op === "add" ? by : -by;
}

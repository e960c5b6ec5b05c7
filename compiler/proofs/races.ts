// Iterations of a parallel or vectorized loop must not meet: two copies of the iteration space, renamed apart, and
// the question whether some element is written in one and touched in the other. What isn't refuted is an error,
// with two iterations that have met in a run where one is found.

import type { Span } from "../../lang/source.ts";
import type { DiagnosticSink, Fix } from "../../lang/diagnostics/diagnostic.ts";
import type { AssignStmt, Expr, ForStmt, IrKernel, StoreStmt } from "../ir/ir.ts";
import { someExpr } from "../ir/walk.ts";
import { eq, lt, type Cond } from "../symbolic/cond.ts";
import { attempt } from "../symbolic/integers.ts";
import { atomPoly, type Atom, type Poly } from "../symbolic/poly.ts";
import { refutes } from "../symbolic/refute.ts";
import { someAtom, Substitution } from "../symbolic/substitute.ts";
import { accessText, elementText, exprText, loopsText, shownName, withSizes } from "./describe.ts";
import { effort, relevant, rename } from "./facts.ts";
import type { Access, ForLoop } from "./listener.ts";
import { innermost, overflowExample, overflowIn } from "./overflow.ts";
import { search } from "./search.ts";
import type { Terms } from "./terms.ts";
import type { Finding, Happened } from "./finding.ts";
import { condKey } from "../symbolic/cond.ts";

/** What a mark on a loop is called in the source. */
export function annotationsOn(stmt: ForStmt): string[] {
  const { parallel, threads, vectorize } = stmt.marks;
  return [
    ...(parallel ? ["@parallel"] : []),
    ...(threads ? ["@threads"] : []),
    ...(vectorize ? ["@vectorize"] : []),
  ];
}

export const loopName = (stmt: ForStmt): string => stmt.marks.label ?? shownName(stmt.name);

/** Two accesses that may meet in different iterations, or undefined if none can. */
export function conflict(loop: ForLoop, accesses: readonly Access[]): [Access, Access] | undefined {
  const inside = accesses.filter((access) => access.loops.includes(loop));
  for (const group of byBuffer(inside)) {
    for (const [at, first] of group.entries()) {
      for (const second of group.slice(at)) {
        if (first.kind === "load" && second.kind === "load") continue;
        if (bothAtomic(first, second)) continue;
        if (mayMeet(loop, first, second)) return [first, second];
        if (first !== second && mayMeet(loop, second, first)) return [first, second];
      }
    }
  }
  return undefined;
}

/** Accesses to buffers that are written, by buffer, without those that say the same as another. */
export function byBuffer(accesses: readonly Access[]): Access[][] {
  const groups = new Map<string, Map<string, Access>>();
  const written = new Set(
    accesses.filter((access) => access.kind === "store").map((access) => access.buffer.name),
  );
  for (const access of accesses) {
    if (!written.has(access.buffer.name)) continue;
    const atomic = access.node.kind === "store" ? access.node.atomic : undefined;
    const last = access.loops.at(-1)!;
    const key = [
      access.kind,
      atomic ?? "",
      ...access.index.map((index) => index.key),
      ...access.facts.since(last.entry).map(condKey),
    ].join(" ");
    const group = groups.get(access.buffer.name) ?? new Map<string, Access>();
    if (!group.has(key)) group.set(key, access);
    groups.set(access.buffer.name, group);
  }
  return [...groups.values()].map((group) => [...group.values()]);
}

export function bothAtomic(a: Access, b: Access): boolean {
  const [left, right] = [a.node, b.node];
  return (
    left.kind === "store" &&
    right.kind === "store" &&
    left.atomic !== undefined &&
    left.atomic === right.atomic
  );
}

/** Whether `early` in one iteration and `late` in a later one may touch one element. */
function mayMeet(loop: ForLoop, early: Access, late: Access): boolean {
  return attempt(() => !apartFrom(loop, early, late), true);
}

function apartFrom(loop: ForLoop, early: Access, late: Access): boolean {
  const apart = new Substitution((atom) => primed(atom, loop.order));
  const index = atomPoly(loop.atom);
  const conds: Cond[] = [
    ...early.facts.since(loop.entry),
    ...rename(late.facts.since(loop.entry), apart),
    lt(index, apart.apply(index)),
  ];
  early.index.forEach((part, axis) => conds.push(eq(part, apart.apply(late.index[axis]!))));
  return refutes([...relevant(loop.entry, conds), ...conds], effort.usual);
}

/** The atom of another iteration, if it belongs to the loop's body. */
export function primed(atom: Atom, order: number) {
  if (atom.kind !== "name" || atom.order < order) return undefined;
  return atomPoly({
    ...atom,
    key: `${atom.key}'`,
    name: `${atom.name}'`,
    shown: `${atom.shown ?? atom.name}'`,
  });
}

// ---- reports -----------------------------------------------------------------------------------------

/** Reports the conflict of two accesses under a mark. */
export function reportConflict(
  loop: ForLoop,
  [first, second]: [Access, Access],
  annotation: string,
  kernel: IrKernel,
  terms: Terms,
  sink: DiagnosticSink,
): void {
  const name = loopName(loop.stmt);
  const found = search(kernel, { kind: "conflict", loop: loop.stmt });
  const buffer = found?.access?.buffer ?? first.buffer.name;
  const element = shownName(buffer);
  const span = spanOf(loop, first, second);
  const related = [first, second]
    .filter((access, at, all) => access.node.span && all.indexOf(access) === at)
    .map((access) => ({
      span: access.node.span!,
      text: `${access.kind === "store" ? "written" : "read"} here`,
    }));
  const fix = advice(loop, first, second, annotation);
  const params = { annotation, loop: name, element };
  if (found) {
    const counterexample = meeting(found, loop);
    sink.report("K0520", params, span, { related, counterexample, fix });
  } else {
    const notes = [
      `\`${accessText(first.node)}\` and \`${accessText(second.node)}\` may be the same element`,
      ...wrapNote([...first.index, ...second.index], terms),
    ];
    sink.report("K0521", params, span, { related, notes, fix });
  }
}

function spanOf(loop: ForLoop, first: Access, second: Access): Span | undefined {
  return loop.stmt.span ?? first.node.span ?? second.node.span;
}

/** Says so if the subscripts are unknown because an operation in them may wrap. */
export function wrapNote(index: readonly Poly[], terms: Terms): string[] {
  const wrapped = index.map((part) => overflowIn(part, terms)).find((each) => each !== undefined);
  if (!wrapped) return [];
  const inner = innermost(wrapped, terms);
  const example = overflowExample(inner);
  return [
    `\`${exprText(inner.expr)}\` can overflow, so I know nothing of its value${example ? `: ${example}` : ""}`,
    "a `where` clause that bounds its operands helps",
  ];
}

/** "with M = 3: i = 0 writes y[0], and i = 1 reads it" */
function meeting(found: Finding, loop: ForLoop): string {
  const [first, second] = [found.other!, found.access!];
  const where = (access: Happened): string => loopsText(access.loops) || loopName(loop.stmt);
  const relevant = new Set(found.sizes.keys());
  const verb = second.writes ? (first.writes ? "writes it too" : "writes it") : "reads it";
  return `${withSizes(found, relevant)}${where(first)} ${first.writes ? "writes" : "reads"} ${elementText(first)}, and ${where(second)} ${verb}`;
}

function advice(loop: ForLoop, first: Access, second: Access, annotation: string): Fix {
  const name = loopName(loop.stmt);
  const store = [first, second].find((access) => access.kind === "store")!;
  const depends = store.index.some((index) => someAtom(index, (atom) => atom.key === loop.atom.key));
  const update = accumulated(store.node as StoreStmt);
  const range = `for ${name} in range(…)`;
  if (!depends && update) {
    const place = accessText(store.node);
    return {
      text: `declare the reduction: \`${place} = ${update.fn}(${exprText(update.value)} ${range})\`, or mark the update \`@atomic\``,
    };
  }
  if (!depends && store.index.every((index) => !someAtom(index, (atom) => atom.kind === "app")))
    return { text: `let \`${name}\` choose the element, or take \`${annotation}\` off this loop` };
  if (first.kind !== second.kind)
    return {
      text: `take \`${annotation}\` off this loop, or write into another tensor than the one that is read`,
    };
  if (update) return { text: `mark the update \`@atomic\`, or take \`${annotation}\` off this loop` };
  return { text: `take \`${annotation}\` off this loop` };
}

/** The value that a store combines into the element it overwrites: `y[0] = y[0] + v`. */
function accumulated(store: StoreStmt): { fn: string; value: Expr } | undefined {
  const value = store.value;
  if (value.kind !== "op") return undefined;
  const fn = { add: "sum", mul: "prod", max: "max", min: "min" }[value.op as string];
  if (fn === undefined) return undefined;
  const own = value.args.findIndex((arg) => arg.kind === "load" && arg.buffer === store.buffer);
  return own < 0 ? undefined : { fn, value: value.args[1 - own]! };
}

/** Reports a variable that one iteration hands to the next. */
export function reportCarried(
  loop: ForLoop,
  stmt: AssignStmt,
  annotation: string,
  sink: DiagnosticSink,
): void {
  const name = shownName(stmt.name);
  const range = `for ${loopName(loop.stmt)} in range(…)`;
  const { value } = stmt;
  let fix: Fix = { text: `take \`${annotation}\` off this loop` };
  if (value.kind === "op") {
    const fn = { add: "sum", mul: "prod", max: "max", min: "min" }[value.op as string];
    const own = value.args.findIndex((arg) => arg.kind === "ref" && arg.name === stmt.name);
    const other = value.args[1 - own];
    if (
      fn !== undefined &&
      own >= 0 &&
      other &&
      !someExpr(other, (part) => part.kind === "ref" && part.name === stmt.name)
    )
      fix = {
        text: `declare the reduction, so that its order is free: \`let ${name} = ${fn}(${exprText(other)} ${range})\``,
      };
  }
  const related = stmt.span ? [{ span: stmt.span, text: "carried on here" }] : [];
  sink.report("K0522", { annotation, loop: loopName(loop.stmt), name }, loop.stmt.span ?? stmt.span, {
    related,
    fix,
  });
}

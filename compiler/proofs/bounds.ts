// Every access lies inside its buffer. What isn't proved is an error: with a counterexample where one is found,
// and else with what is missing and how to say it.

import { textOf } from "../../lang/source.ts";
import type { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import type { IrKernel } from "../ir/ir.ts";
import { and, conjuncts, ge, lt, type Cond } from "../symbolic/cond.ts";
import { zero, type AppAtom, type NameAtom, type Poly } from "../symbolic/poly.ts";
import { printCond, printPoly } from "../symbolic/print.ts";
import { visitAtoms } from "../symbolic/substitute.ts";
import {
  accessText,
  elementText,
  exprText,
  loopsText,
  readsText,
  shapeText,
  shownName,
  withSizes,
} from "./describe.ts";
import { effort, proves, type Facts } from "./facts.ts";
import type { Access } from "./listener.ts";
import { innermost, overflowExample, overflowIn } from "./overflow.ts";
import { search } from "./search.ts";
import type { Overflow, Terms } from "./terms.ts";

export interface BoundsResult {
  readonly proved: boolean;
  /** Without its guard the access isn't proved: the guard is a run-time check. */
  readonly needsGuard: boolean;
}

/** Checks an access against its buffer's shape and reports what may lie outside. */
export function checkBounds(
  access: Access,
  shape: readonly Poly[],
  kernel: IrKernel,
  terms: Terms,
  sink: DiagnosticSink,
): BoundsResult {
  const failures: number[] = [];
  for (const [axis, index] of access.index.entries()) {
    const inside = and(ge(index, zero), lt(index, shape[axis]!));
    if (!proves(access.facts, inside)) failures.push(axis);
  }
  if (failures.length > 0) {
    report(access, failures[0]!, shape, kernel, terms, sink);
    return { proved: false, needsGuard: false };
  }
  const needsGuard =
    access.guard.kind !== "true" &&
    !access.index.every((index, axis) =>
      proves(access.unguarded, and(ge(index, zero), lt(index, shape[axis]!)), effort.optional),
    );
  return { proved: true, needsGuard };
}

function report(
  access: Access,
  axis: number,
  shape: readonly Poly[],
  kernel: IrKernel,
  terms: Terms,
  sink: DiagnosticSink,
): void {
  const node = access.node;
  const index = access.index[axis]!;
  const extent = shape[axis]!;
  const text = accessText(node);
  const name = shownName(access.buffer.name);
  const dim = `${access.buffer.shape.length === 1 ? "" : `dimension ${axis} of `}\`${name}\`, ${sizeOf(extent)}`;
  const span = node.span;
  const related = declaration(access);
  const outer = overflowIn(index, terms) ?? overflowOf(access.facts, index, terms);
  if (outer) {
    const wrapped = innermost(outer, terms);
    const example = overflowExample(wrapped);
    sink.report("K0404", { expr: exprText(wrapped.expr) }, wrapped.expr.span ?? span, {
      counterexample: example,
      notes: [`it is used as an index of \`${name}\`, and an index that wrapped around would be a wrong one`],
      fix: { text: "state in a `where` clause or an `assert` how large its operands can be" },
    });
    return;
  }
  const loads = loadedValues(index);
  const relevant = relevantNames(access, shape);
  const found = search(kernel, { kind: "outside", node });
  const verb = access.kind === "store" ? "writes" : "reads";
  const example =
    found?.access &&
    [
      `${withSizes(found, relevant)}${[
        loopsText(found.access.loops),
        readsText(found, new Set(loads.map((load) => load.fn.slice("load ".length)))),
      ]
        .filter((part) => part !== "")
        .join(", ")}`.trim(),
      `${verb} ${elementText(found.access)}, and ${shapeText(found.access)}`,
    ]
      .filter((part) => part !== "")
      .join(" ");
  const at = exprText(node.index[axis]!);
  if (loads.length > 0) {
    const value = loads[0]!.shown ?? at;
    sink.report("K0403", { access: text, value, dim }, span, {
      label: `\`${at}\` comes from data`,
      related,
      counterexample: example,
      fix: {
        text: `check it before: \`assert 0 <= ${at} and ${at} < ${printPoly(extent)}\`, read with \`${name}.get(…)\`, or clamp it: \`clamp(${at}, 0, ${printPoly(extent)} - 1)\``,
      },
    });
    return;
  }
  if (index.isConstant && index.constant >= 0 && !extent.isConstant) {
    // No loop to mend: the caller must bring enough.
    const least = `${printPoly(extent)} >= ${index.constant + 1}`;
    sink.report(example ? "K0401" : "K0402", { access: text, dim }, span, {
      label: `nothing says that \`${least}\``,
      related,
      counterexample: example,
      fix: { text: `say so in the signature, for callers to meet: \`where ${least}\`` },
    });
    return;
  }
  const low = proves(access.facts, ge(index, zero));
  const missing = low ? `${at} < ${printPoly(extent)}` : `0 <= ${at}`;
  if (found?.access && example) {
    // The side on which the example lies outside, since both may be open.
    const where = Number(found.access.index[axis]);
    const negative = where < 0 || (!low && where < Number(found.access.shape[axis]));
    sink.report("K0401", { access: text, dim }, span, {
      label: negative ? `\`${at}\` can be negative` : `\`${at}\` can be as large as the size`,
      related,
      counterexample: example,
      fix: { text: fixText(access, at, extent, negative) },
    });
    return;
  }
  sink.report("K0402", { access: text, dim }, span, {
    label: `I can’t show that \`${missing}\``,
    related,
    notes: known(access, index, extent),
    fix: {
      text: `say it before: \`assert ${missing}\`. It becomes a check at run time, and I can build on it`,
    },
  });
}

function fixText(access: Access, at: string, extent: Poly, negative: boolean): string {
  const loop = negative ? "begin the loop later" : "end the loop sooner";
  const guard = `if 0 <= ${at} and ${at} < ${printPoly(extent)}`;
  const name = shownName(access.buffer.name);
  if (access.kind === "store") return `${loop}, or write under \`${guard}:\``;
  const others = access.node.index.map((part) => exprText(part)).join(", ");
  return `${loop}, or read \`${name}.get(${others})\`, which gives 0 outside`;
}

function sizeOf(extent: Poly): string {
  return extent.isConstant ? `which has ${extent.constant}` : `of size \`${printPoly(extent)}\``;
}

function declaration(access: Access): { span: NonNullable<Access["buffer"]["span"]>; text: string }[] {
  const { span, name } = access.buffer;
  if (!span || span.file !== access.node.span?.file || textOf(span) === "") return [];
  return [{ span, text: `\`${shownName(name)}\` is declared here` }];
}

/** Values loaded from tensors that an index is made of. */
export function loadedValues(poly: Poly): AppAtom[] {
  const found: AppAtom[] = [];
  visitAtoms(poly, (atom) => {
    if (atom.kind === "app" && atom.fn.startsWith("load ")) found.push(atom);
  });
  return found;
}

/** An overflow in the bounds of a loop whose variable the index is made of. */
function overflowOf(facts: Facts, index: Poly, terms: Terms): Overflow | undefined {
  const names = new Set<string>();
  visitAtoms(index, (atom) => names.add(atom.key));
  let found: Overflow | undefined;
  for (const cond of facts.all) {
    if (cond.kind !== "ge" || !cond.poly.terms.some((term) => names.has(term.key))) continue;
    found ??= overflowIn(cond.poly, terms);
  }
  return found;
}

/** The sizes that an access depends on. */
function relevantNames(access: Access, shape: readonly Poly[]): Set<string> {
  const names = new Set<string>();
  const add = (poly: Poly): void => visitAtoms(poly, (atom) => atom.kind === "name" && names.add(atom.name));
  [...access.index, ...shape].forEach(add);
  for (const loop of access.loops) {
    if (loop.kind !== "for") continue;
    add(loop.lo);
    add(loop.hi);
  }
  return names;
}

/** What is known of the values in question, in a line each. */
function known(access: Access, index: Poly, extent: Poly): string[] {
  const names = new Map<string, NameAtom>();
  for (const poly of [index, extent])
    visitAtoms(poly, (atom) => {
      if (atom.kind === "name") names.set(atom.key, atom);
    });
  const about = access.facts.all.filter((cond) => mentionsOnly(cond, names));
  const texts = [...new Set(about.map((cond) => `\`${printCond(cond)}\``))];
  return texts.length === 0
    ? [
        `I know nothing about ${[...names.values()].map((atom) => `\`${atom.shown ?? atom.name}\``).join(", ")}`,
      ]
    : [`what I know here: ${texts.slice(0, 6).join(", ")}`];
}

function mentionsOnly(cond: Cond, names: ReadonlyMap<string, NameAtom>): boolean {
  return conjuncts(cond).every(
    (part) =>
      part.kind === "ge" &&
      part.poly.terms.some((term) => names.has(term.key)) &&
      part.poly.terms.length <= 3,
  );
}

// Every element of an `out` is written, and nothing is read that wasn't written before. The regions of all stores
// together must cover the elements in question: those of the whole shape at the end, the one read at each read,
// where only earlier statements and earlier iterations count.

import type { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import type { Span } from "../../lang/source.ts";
import type { IrKernel } from "../ir/ir.ts";
import { and, conjuncts, ge, lt, not, type Cond } from "../symbolic/cond.ts";
import { atomPoly, zero, type Atom, type NameAtom, type Poly } from "../symbolic/poly.ts";
import { refutes } from "../symbolic/refute.ts";
import { someAtom } from "../symbolic/substitute.ts";
import { accessText, elementText, loopsText, shownName, withSizes } from "./describe.ts";
import { effort, proves, relevant, type Facts } from "./facts.ts";
import type { Access, Loop } from "./listener.ts";
import { regions, type Region } from "./region.ts";
import { search } from "./search.ts";

const maxRegions = 16;

/** What the coverage checks need to know of the whole kernel. */
export interface Covered {
  readonly kernel: IrKernel;
  /** What holds before the first statement. */
  readonly entry: Facts;
  readonly accesses: readonly Access[];
  readonly broken: ReadonlySet<Loop>;
  /** Nothing else was found wrong with the kernel. */
  readonly clean: boolean;
  readonly sink: DiagnosticSink;
}

/** Whether the stores write every element of a buffer by the end of the kernel; reports it if not. */
export function checkOutput(
  name: string,
  shape: readonly Poly[],
  span: Span | undefined,
  all: Covered,
): boolean {
  const stores = all.accesses.filter((access) => access.kind === "store" && access.buffer.name === name);
  const element = shape.map((_, axis) => {
    const key = `element ${axis}`;
    return atomPoly({ kind: "name", key, name: key, lo: 0, hi: 2 ** 30, order: -1 } satisfies NameAtom);
  });
  const domain = all.entry.under(...element.flatMap((at, axis) => [ge(at, zero), lt(at, shape[axis]!)]));
  const found = stores.flatMap((store) =>
    regions({ store, element, free: store.loops, since: all.entry, broken: all.broken }),
  );
  if (
    covers(
      domain,
      found.map((region) => region.cond),
    )
  )
    return true;
  report(name, span, stores, all);
  return false;
}

function report(name: string, span: Span | undefined, stores: readonly Access[], all: Covered): void {
  const found = search(all.kernel, { kind: "unwritten", buffer: name });
  const shown = shownName(name);
  const related = stores
    .filter((store) => store.node.span)
    .slice(0, 3)
    .map((store) => ({ span: store.node.span!, text: "this writes a part of it" }));
  if (found?.access) {
    all.sink.report("K0410", { name: shown }, span, {
      label: stores.length === 0 ? "nothing writes it" : undefined,
      related,
      counterexample: `${withSizes(found, new Set())}${elementText(found.access)} is never written`,
      fix: { text: `write the rest as well, or fill \`${shown}\` with a value first` },
    });
    return;
  }
  // Behind another mistake, not to know isn't worth a word.
  if (all.clean)
    all.sink.report("K0411", { name: shown }, span, {
      related,
      fix: { text: `fill it first: a loop that sets every element of \`${shown}\` to a value` },
    });
}

/** Whether an element that is read was surely written before; reports it if not. */
export function checkRead(read: Access, allocated: Birth | undefined, all: Covered): boolean {
  const found: Cond[] = [];
  for (const store of all.accesses) {
    if (store.kind !== "store" || store.buffer.name !== read.buffer.name || store === read) continue;
    found.push(...earlier(read, store, allocated, all));
    if (found.length > 2 * maxRegions) break;
  }
  if (covers(read.facts, found)) return true;
  const example = search(all.kernel, { kind: "undefined-read", node: read.node });
  const access = accessText(read.node);
  const name = shownName(read.buffer.name);
  const text =
    read.buffer.space === "param"
      ? `set \`${name}\` before, or take it as \`mut\``
      : `give \`${name}\` a fill: \`Array[T, n](0)\``;
  if (example?.access) {
    const where = loopsText(example.access.loops);
    all.sink.report("K0412", { access }, read.node.span, {
      counterexample: `${withSizes(example, new Set())}${where === "" ? "" : `${where} reads `}${elementText(example.access)}${where === "" ? " is read" : ""}, and nothing has written it`,
      fix: { text },
    });
  } else if (all.clean) all.sink.report("K0413", { access }, read.node.span, { fix: { text } });
  return false;
}

/** Where a local buffer came to life: only what is written afterwards counts. */
export interface Birth {
  readonly loops: readonly Loop[];
  readonly order: number;
}

/** Conditions under which `store` has written the element that `read` reads before it does. */
function earlier(read: Access, store: Access, birth: Birth | undefined, all: Covered): Cond[] {
  let common = 0;
  while (common < read.loops.length && read.loops[common] === store.loops[common]) common++;
  const oldest = birth?.loops.length ?? 0;
  const found: Cond[] = [];
  const query = (level: number): Region[] => {
    const free = store.loops.slice(level);
    // Before the first free loop both walk the same way.
    const since = commonFacts(read.facts, store.facts, free[0]?.entry, all.entry);
    return regions({ store, element: read.index, free, since, broken: all.broken });
  };
  if (store.order < read.order && (!birth || store.order > birth.order))
    found.push(...query(common).map((region) => region.cond));
  for (let level = oldest; level < common; level++) {
    const loop = read.loops[level]!;
    if (loop.kind !== "for" || loop.stmt.marks.parallel || loop.stmt.marks.threads) continue;
    for (const region of query(level)) {
      const when = region.witness(loop);
      if (when) found.push(and(region.cond, lt(when, atomPoly(loop.atom))));
    }
  }
  return found;
}

/** The nearest facts that both points have passed, no later than `limit`. */
function commonFacts(a: Facts, b: Facts, limit: Facts | undefined, entry: Facts): Facts {
  const passed = new Set<Facts>();
  for (let at: Facts | undefined = a; at; at = at.parent) passed.add(at);
  let under = limit === undefined;
  for (let at: Facts | undefined = b; at; at = at.parent) {
    if (at === limit) under = true;
    if (under && passed.has(at)) return at;
  }
  return entry;
}

/** Whether one of the conditions holds at every point of the domain. */
function covers(domain: Facts, conds: readonly Cond[]): boolean {
  const open: Cond[] = [];
  for (const cond of conds.slice(0, 2 * maxRegions)) {
    const left = conjuncts(cond).filter((part) => !proves(domain, part, effort.optional));
    if (left.length === 0) return true;
    open.push(and(...left));
  }
  const missed = open.map(not);
  return refutes([...relevant(domain, [...missed, ...domain.own]), ...missed], 2 * effort.usual);
}

/** Warns of an argument of which a part is surely never read, where a loop over whole blocks drops the rest. */
export function checkInput(
  name: string,
  span: Span | undefined,
  shapes: ReadonlyMap<string, readonly Poly[]>,
  all: Covered,
): void {
  const loads = all.accesses.filter((access) => access.buffer.name === name);
  const known = new Set<string>();
  for (const shape of shapes.values())
    for (const extent of shape) someAtom(extent, (atom) => atom.kind === "div" && !known.add(atom.key));
  const roundsDown = (atom: Atom): boolean =>
    atom.kind === "div" && !known.has(atom.key) && atom.num.constant + 1 < atom.den.constant;
  const drops = loads.some((load) =>
    load.loops.some((loop) => loop.kind === "for" && someAtom(loop.hi, roundsDown)),
  );
  if (!drops) return;
  const decided = loads.some((load) =>
    load.facts
      .pathSince(all.entry)
      .some((cond) => "poly" in cond && someAtom(cond.poly, (atom) => atom.kind === "app")),
  );
  if (decided) return;
  const found = search(all.kernel, { kind: "unread", buffer: name });
  if (!found?.access) return;
  all.sink.report("K0414", { name: shownName(name) }, span, {
    counterexample: `${withSizes(found, new Set())}${elementText(found.access)} is never read`,
    fix: { text: "handle the rest as well, or state in a `where` clause that the block size divides" },
  });
}

// What the automatic scheduler knows of a kernel before it chooses: which loops could run in any order, and each access
// with its subscripts as polynomials over loop variables and sizes. One walk of the provers' own, so that what is
// independent here is what `@parallel` and `@vectorize` would be allowed.
//
// Assumes: nest form, proved.

import { DiagnosticSink } from "../../../lang/diagnostics/diagnostic.ts";
import type { AllocStmt, AssignStmt, IrKernel } from "../../ir/ir.ts";
import { openKernel } from "../../proofs/kernel-facts.ts";
import type { Access, ForLoop, Listener, Loop } from "../../proofs/listener.ts";
import { conflict } from "../../proofs/races.ts";
import { Walker } from "../../proofs/walker.ts";
import { evaluate } from "../../symbolic/evaluate.ts";
import { sub, type Atom, type Poly } from "../../symbolic/poly.ts";

/** Iterations of a loop, or the size of a dim, that nothing is known of. */
export const assumedSize = 1024;

export interface LoopFacts {
  /** No iteration writes what another touches, and none hands a value on. */
  readonly independent: boolean;
  /** Iterations: exactly, or by a guess. */
  readonly trips: number;
  readonly exact: boolean;
  /** The atom of the loop variable in subscripts. */
  readonly atom: string;
  /** Its first value, which may move with loops around it, and what an iteration adds. */
  readonly lo: Poly;
  readonly step: number;
}

export interface Survey {
  readonly loops: ReadonlyMap<string, LoopFacts>;
  readonly accesses: readonly Access[];
  /** Extents of buffers, unknown sizes guessed. */
  readonly extents: ReadonlyMap<string, readonly number[]>;
}

/** Surveys the loops of a kernel for which `wanted` holds; the others count as dependent. */
export function surveyOf(kernel: IrKernel, wanted: (loop: string) => boolean): Survey {
  const sink = new DiagnosticSink();
  const { scope, names, terms, shapes } = openKernel(kernel, sink);
  const surveyor = new Surveyor(wanted);
  new Walker(kernel, shapes, terms, names, surveyor).block(kernel.body, scope);
  const extents = new Map(
    [...shapes].map(([name, shape]) => [name, shape.map((extent) => sizeOf(extent).size)]),
  );
  return { loops: surveyor.loops, accesses: surveyor.accesses, extents };
}

class Surveyor implements Listener {
  readonly loops = new Map<string, LoopFacts>();
  readonly accesses: Access[] = [];
  private readonly wanted: (loop: string) => boolean;
  private readonly allocations: { readonly buffer: string; readonly loops: readonly Loop[] }[] = [];
  private readonly depths = new Map<string, number>();
  /** Loops that can't run in any order: a value is handed on, or a `break` ends them. */
  private readonly ordered = new Set<Loop>();

  constructor(wanted: (loop: string) => boolean) {
    this.wanted = wanted;
  }

  access(access: Access): void {
    this.accesses.push(access);
  }
  declared(name: string, depth: number): void {
    this.depths.set(name, depth);
  }
  assigned(stmt: AssignStmt, loops: readonly Loop[]): void {
    for (const loop of loops.slice(this.depths.get(stmt.name) ?? 0)) this.ordered.add(loop);
  }
  allocated(stmt: AllocStmt, loops: readonly Loop[]): void {
    this.allocations.push({ buffer: stmt.buffer, loops });
  }
  leaves(loop: Loop): void {
    this.ordered.add(loop);
  }
  left(loop: Loop): void {
    if (loop.kind !== "for") return;
    const length = sizeOf(sub(loop.hi, loop.lo));
    const trips = Math.max(0, Math.ceil(length.size / loop.step));
    const own = new Set(
      this.allocations.filter((each) => each.loops.includes(loop)).map(({ buffer }) => buffer),
    );
    const shared = this.accesses.filter(({ buffer }) => !own.has(buffer.name));
    const independent =
      this.wanted(loop.stmt.name) &&
      !this.ordered.has(loop) &&
      (apart(loop, shared) || !conflict(loop, shared));
    const { lo, step } = loop;
    this.loops.set(loop.stmt.name, {
      independent,
      trips,
      exact: length.exact,
      atom: loop.atom.key,
      lo,
      step,
    });
  }
  partial(): void {}
  asserted(): void {}
  enters(): void {}
  reduces(): void {}
  guarded(): void {}
}

/**
 * Whether it shows that iterations don't meet: each buffer that is written has an axis that all its accesses subscript by
 * one sum of the loop variable and what doesn't change in the loop. What it misses is asked of the refuter.
 */
function apart(loop: ForLoop, accesses: readonly Access[]): boolean {
  const inside = accesses.filter((access) => access.loops.includes(loop));
  const written = new Set(inside.flatMap(({ kind, buffer }) => (kind === "store" ? [buffer.name] : [])));
  return [...written].every((name) => {
    const own = inside.filter(({ buffer }) => buffer.name === name);
    const [first] = own;
    return first!.index.some((part, axis) => {
      const moving = part.terms.filter(({ atoms }) => atoms.some((atom) => atom.key === loop.atom.key));
      const alone = moving.length === 1 && moving[0]!.atoms.length === 1;
      const still = part.terms.every(
        (term) =>
          term === moving[0] || term.atoms.every((atom) => atom.kind === "name" && atom.order < loop.order),
      );
      return alone && still && own.every(({ index }) => index[axis]!.key === part.key);
    });
  });
}

/** The value of a length, sizes that nobody knows guessed and loops at their beginning. */
function sizeOf(poly: Poly): { readonly size: number; readonly exact: boolean } {
  if (poly.isConstant) return { size: poly.constant, exact: true };
  let free = false;
  const guess =
    (assumed: number) =>
    (atom: Atom): number | undefined => {
      if (atom.kind !== "name" || atom.origin !== "param") return 0;
      free ||= atom.hi > assumed;
      return Math.min(Math.max(assumed, atom.lo), atom.hi);
    };
  const size = evaluate(poly, guess(assumedSize)) ?? assumedSize;
  // A difference of two guesses says nothing: it is the same whatever they are.
  const same = free && evaluate(poly, guess(2 * assumedSize)) === size;
  return { size: size > 1 && !same ? size : assumedSize, exact: false };
}

// How an access moves with each loop: by how many elements along each axis of its buffer. What isn't a sum of loop
// variables with constant factors counts as irregular for the loops in it.

import { dtypeInfo } from "../../../lang/dtypes.ts";
import type { Buffer, LoadExpr, StoreStmt } from "../../ir/ir.ts";
import type { Access } from "../../proofs/listener.ts";
import { Poly, type Term } from "../../symbolic/poly.ts";
import { someAtom } from "../../symbolic/substitute.ts";
import type { Survey } from "./survey.ts";

export interface Subscripts {
  readonly node: LoadExpr | StoreStmt;
  readonly kind: "load" | "store";
  readonly buffer: Buffer;
  /** Bytes of an element. */
  readonly bytes: number;
  readonly extents: readonly number[];
  /** Names of the loops that the subscripts depend on. */
  readonly loops: ReadonlySet<string>;
  /** By loop: elements along each axis. Absent where a loop doesn't move the access. */
  readonly steps: ReadonlyMap<string, readonly number[]>;
  /** Loops whose effect isn't known. */
  readonly irregular: ReadonlySet<string>;
}

export function subscriptsOf(access: Access, survey: Survey): Subscripts {
  const names = new Map([...survey.loops].map(([name, { atom }]) => [atom, name]));
  const steps = new Map<string, number[]>();
  const irregular = new Set<string>();
  const note = (loop: string, axis: number, by: number): void => {
    const known = steps.get(loop) ?? access.index.map(() => 0);
    known[axis] = known[axis]! + by;
    steps.set(loop, known);
  };
  const read = (part: Poly, axis: number, times: number): void => {
    for (const term of part.terms) {
      const { atoms, coef } = term;
      const [only] = atoms;
      const own = atoms.length === 1 && only?.kind === "name" ? names.get(only.key) : undefined;
      if (own !== undefined) {
        // What a loop begins at, loops around it may move.
        const { lo, step } = survey.loops.get(own)!;
        note(own, axis, times * coef * step);
        read(lo, axis, times * coef);
      } else
        for (const loop of loopsOf(term, names)) {
          irregular.add(loop);
          note(loop, axis, 1);
        }
    }
  };
  access.index.forEach((part, axis) => read(part, axis, 1));
  const extents = survey.extents.get(access.buffer.name) ?? access.index.map(() => 1);
  return {
    node: access.node,
    kind: access.kind,
    buffer: access.buffer,
    bytes: Math.max(dtypeInfo(access.buffer.dtype).bits / 8, 1),
    extents,
    loops: new Set(steps.keys()),
    steps,
    irregular,
  };
}

/** Loops that a product of atoms mentions anywhere. */
function loopsOf(term: Term, names: ReadonlyMap<string, string>): Set<string> {
  const found = new Set<string>();
  someAtom(new Poly([term], 0), (atom) => {
    const own = atom.kind === "name" ? names.get(atom.key) : undefined;
    if (own !== undefined) found.add(own);
    return false;
  });
  return found;
}

/** Elements between the places of two neighbouring iterations; undefined where that isn't known. */
export function strideOf(access: Subscripts, loop: string): number | undefined {
  if (access.irregular.has(loop)) return undefined;
  const steps = access.steps.get(loop);
  if (!steps) return 0;
  let stride = 0;
  steps.forEach((by, axis) => (stride = stride * (access.extents[axis] ?? 1) + by));
  return stride;
}

/** The same, if only the last axis moves: an extent of 1, which is a guess, must not make neighbours of rows. */
export function movesLast(access: Subscripts, loop: string): boolean {
  const steps = access.steps.get(loop);
  return (
    !!steps &&
    !access.irregular.has(loop) &&
    steps.every((by, axis) => by === (axis === steps.length - 1 ? 1 : 0))
  );
}

export interface Footprint {
  readonly lines: number;
  readonly elements: number;
  /** Bytes that lie side by side. */
  readonly run: number;
  /** Places of a cache that a line takes: more than one where rows fall on the same few. */
  readonly crowding: number;
}

/** Sets of the nearest cache, by the bytes after which addresses fall on the same one. */
const period = 4096;

/** Lines of memory, and elements in all, that an access touches while each loop makes `span` iterations. */
export function footprint(access: Subscripts, span: (loop: string) => number, line: number): Footprint {
  let rows = 1;
  let run = 1;
  let wild = 1;
  let apart = 0;
  let stride = access.bytes;
  for (let axis = access.extents.length - 1; axis >= 0; axis--) {
    const extent = access.extents[axis]!;
    let reach = 1;
    for (const [loop, steps] of access.steps)
      if (access.irregular.has(loop)) wild = Math.max(wild, span(loop));
      else reach += Math.abs(steps[axis] ?? 0) * (span(loop) - 1);
    reach = Math.min(reach, Math.max(extent, 1));
    if (axis === access.extents.length - 1) run = reach;
    else {
      rows *= reach;
      if (reach > 1 && apart === 0) apart = stride;
    }
    stride *= extent;
  }
  rows *= access.irregular.size > 0 ? wild : 1;
  const bytes = run * access.bytes;
  // Whole rows one after the other are one run.
  const whole = run >= (access.extents.at(-1) ?? 1);
  const each = Math.ceil((bytes + line / 4) / line);
  const lines = whole ? Math.ceil((rows * bytes) / line) : rows * each;
  const sets = (period / line / Math.max(gcd(apart, period) / line, 1)) * each;
  const crowding = whole || rows <= 8 || apart === 0 ? 1 : Math.max(period / line / sets, 1);
  return { lines, elements: rows * run, run: whole ? rows * bytes : bytes, crowding };
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

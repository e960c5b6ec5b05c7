// The provers against enumeration: random loop nests over small sizes, where running the kernel on every size shows
// what really happens. Nothing that goes wrong may be accepted, and most of what goes right must be.

import * as fc from "fast-check";
import { expect, it } from "vitest";
import { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import {
  bool,
  int,
  op,
  ref,
  i32,
  constant,
  type Expr,
  type ForStmt,
  type IrKernel,
  type Stmt,
} from "../ir/ir.ts";
import { visitBlock, visitExprs } from "../ir/walk.ts";
import { prove } from "./index.ts";
import type { Finding, Watch } from "./finding.ts";
import { Trace } from "./trace.ts";

// ---- random kernels ----------------------------------------------------------------------------------

type Bound = "M" | "N" | "outer" | number;
interface Level {
  readonly lo: Bound;
  readonly hi: Bound;
  readonly plus: number;
  readonly step: number;
  readonly tiles: boolean;
}
interface Subscript {
  readonly coefs: readonly number[];
  readonly plus: number;
  readonly flip: boolean;
  readonly then: "none" | "div" | "mod";
  readonly by: number;
}
interface Nest {
  readonly levels: readonly Level[];
  readonly subscripts: readonly Subscript[];
  readonly reads: readonly Subscript[] | undefined;
  readonly when: { readonly level: number; readonly value: number } | undefined;
}

const bound = (...values: Bound[]): fc.Arbitrary<Bound> => fc.constantFrom(...values);
const level: fc.Arbitrary<Level> = fc.record({
  lo: bound(0, 0, 0, 0, 1, "outer"),
  hi: bound("M", "M", "N", "outer", 2, 4),
  plus: fc.constantFrom(0, 0, 0, 1, -1),
  step: fc.constantFrom(1, 1, 1, 2),
  tiles: fc.constantFrom(false, false, false, true),
});
const subscript: fc.Arbitrary<Subscript> = fc.record({
  coefs: fc.tuple(...[0, 1, 2].map(() => fc.constantFrom(0, 0, 1, 1, 1, -1, 2, 4))),
  plus: fc.constantFrom(0, 0, 0, 1, -1, 2),
  flip: fc.constantFrom(false, false, false, true),
  then: fc.constantFrom<Subscript["then"]>("none", "none", "none", "div", "mod"),
  by: fc.constantFrom(2, 4),
});
const nest = (rank: number, withReads: boolean): fc.Arbitrary<Nest> =>
  fc.record({
    levels: fc.array(level, { minLength: 1, maxLength: 3 }),
    subscripts: fc.array(subscript, { minLength: rank, maxLength: rank }),
    reads: withReads
      ? fc.option(fc.array(subscript, { minLength: rank, maxLength: rank }), { nil: undefined })
      : fc.constant(undefined),
    when: fc.option(fc.record({ level: fc.nat(2), value: fc.constantFrom(0, 1, 2) }), {
      nil: undefined,
      freq: 4,
    }),
  });
const kernels = (mode: "out" | "mut", withReads: boolean, guarded: boolean): fc.Arbitrary<IrKernel> =>
  fc
    .integer({ min: 1, max: 2 })
    .chain((rank) =>
      fc
        .array(nest(rank, withReads), { minLength: 1, maxLength: 2 })
        .map((nests) => kernelOf(rank, mode, nests, guarded)),
    );

const [M, N] = [ref("M", i32), ref("N", i32)];
const plus = (a: Expr, b: Expr): Expr => op("add", i32, [a, b]);
const times = (a: number, b: Expr): Expr => (a === 1 ? b : op("mul", i32, [int(a), b]));

function kernelOf(rank: number, mode: "out" | "mut", nests: readonly Nest[], guarded: boolean): IrKernel {
  const shape = rank === 1 ? [M] : [M, N];
  return {
    name: "random",
    form: "nest",
    params: [
      { kind: "tensor", buffer: "s", mode: "in" },
      { kind: "tensor", buffer: "y", mode },
    ],
    dims: [
      { name: "M", param: 0, axis: 0 },
      { name: "N", param: 0, axis: 1 },
    ],
    buffers: [
      { name: "s", dtype: "f32", space: "param", shape: [M, N] },
      { name: "y", dtype: "f32", space: "param", shape },
    ],
    // Far below where 4 · i could overflow: that question isn't asked here.
    requires: [M, N].map((size) => ({ cond: op("le", bool, [size, int(4096)]), text: "small" })),
    body: nests.map((each, at) => nestOf(each, at, shape, guarded)),
  };
}

function nestOf(given: Nest, number: number, shape: readonly Expr[], guarded: boolean): Stmt {
  const names = given.levels.map((_, at) => `i${number}_${at}`);
  const loopRefs = names.map((name) => ref(name, i32));
  const indexOf = (subscripts: readonly Subscript[]): Expr[] =>
    subscripts.map((each, axis) => {
      let sum: Expr = int(each.plus);
      loopRefs.forEach((loop, at) => {
        const coef = each.coefs[at]!;
        if (coef !== 0) sum = plus(sum, times(coef, loop));
      });
      if (each.then !== "none") sum = op(each.then === "div" ? "floordiv" : "mod", i32, [sum, int(each.by)]);
      return each.flip ? op("sub", i32, [op("sub", i32, [shape[axis]!, int(1)]), sum]) : sum;
    });
  const guardOf = (index: readonly Expr[]): Expr =>
    index
      .flatMap((part, axis) => [op("ge", bool, [part, int(0)]), op("lt", bool, [part, shape[axis]!])])
      .reduce((all, one) => op("and", bool, [all, one]));
  const f32 = { dtype: "f32", lanes: 1 } as const;
  const index = indexOf(given.subscripts);
  let value: Expr = constant(1, f32);
  if (given.reads) {
    const from = indexOf(given.reads);
    value = op("add", f32, [
      { kind: "load", type: f32, buffer: "y", index: from, ...(guarded && { guard: guardOf(from) }) },
      value,
    ]);
  }
  let stmt: Stmt = { kind: "store", buffer: "y", index, value, ...(guarded && { guard: guardOf(index) }) };
  if (given.when && given.when.level < names.length) {
    const cond = op("eq", bool, [loopRefs[given.when.level]!, int(given.when.value)]);
    stmt = { kind: "if", cond, then: [stmt], orelse: [] };
  }
  return given.levels.reduceRight<Stmt>((inner, each, at) => {
    const value = (side: Bound): Expr =>
      typeof side === "number"
        ? int(side)
        : side === "outer"
          ? (loopRefs[at - 1] ?? int(0))
          : side === "M"
            ? M
            : N;
    let hi = plus(value(each.hi), int(each.plus));
    if (each.tiles) hi = op("floordiv", i32, [hi, int(2)]);
    const marks: ForStmt["marks"] = at === 0 ? { parallel: true } : {};
    return { kind: "for", name: names[at]!, lo: value(each.lo), hi, step: each.step, marks, body: [inner] };
  }, stmt);
}

// ---- enumeration -------------------------------------------------------------------------------------

const sizesTried = [0, 1, 2, 3, 4, 5, 6, 9];

function happens(kernel: IrKernel, watch: Watch): Finding | undefined {
  for (const m of sizesTried) {
    for (const n of sizesTried) {
      const sizes = new Map([
        ["M", m],
        ["N", n],
      ]);
      const found = new Trace(kernel, watch, { sizes, data: () => 1, steps: 1e6 }).run();
      if (found) return found;
    }
  }
  return undefined;
}

function watches(kernel: IrKernel, kind: "bounds" | "coverage" | "reads" | "races"): Watch[] {
  const found: Watch[] = [];
  if (kind === "coverage") found.push({ kind: "unwritten", buffer: "y" });
  visitBlock(kernel.body, (stmt) => {
    if (kind === "bounds" && stmt.kind === "store") found.push({ kind: "outside", node: stmt });
    if (kind === "races" && stmt.kind === "for" && stmt.marks.parallel)
      found.push({ kind: "conflict", loop: stmt });
  });
  visitExprs(kernel.body, (expr) => {
    if (expr.kind !== "load") return;
    if (kind === "bounds") found.push({ kind: "outside", node: expr });
    if (kind === "reads") found.push({ kind: "undefined-read", node: expr });
  });
  return found;
}

const codes = {
  bounds: ["K0401", "K0402", "K0403", "K0404"],
  coverage: ["K0410", "K0411"],
  reads: ["K0412", "K0413"],
  races: ["K0520", "K0521"],
};

function compare(
  kind: keyof typeof codes,
  all: fc.Arbitrary<IrKernel>,
  runs: number,
): { right: number; accepted: number } {
  const tally = { right: 0, accepted: 0 };
  fc.assert(
    fc.property(all, (kernel) => {
      const sink = new DiagnosticSink();
      prove(kernel, sink);
      const refused = sink.all.some((found) => codes[kind].includes(found.code));
      const wrong = watches(kernel, kind).some((watch) => happens(kernel, watch));
      if (!wrong) tally.right++;
      if (!wrong && !refused) tally.accepted++;
      return refused || !wrong;
    }),
    { numRuns: runs, seed: 7 },
  );
  return tally;
}

it("accepts no access out of bounds, and most that are inside", () => {
  const { right, accepted } = compare("bounds", kernels("mut", true, false), 250);
  expect(accepted / right).toBeGreaterThan(0.95);
});

it("accepts no output with a hole, and most without", () => {
  const { right, accepted } = compare("coverage", kernels("out", false, true), 400);
  // Windows that overlap (y[i + k] for all i and k) are the rest: no single quotient names their writer.
  expect(accepted / right).toBeGreaterThan(0.6);
});

it("accepts no read of what isn't written, and most of what is", () => {
  const { right, accepted } = compare("reads", kernels("out", true, true), 250);
  expect(accepted / right).toBeGreaterThan(0.8);
});

it("accepts no two iterations that meet, and most that don't", () => {
  const { right, accepted } = compare("races", kernels("mut", true, true), 300);
  expect(accepted / right).toBeGreaterThan(0.9);
});

// Finds in a kernel what the vector unit does over windows: each element of the result comes of the largest, the smallest or the
// sum of some elements of one tensor. Pooling is of the kind, and so are sums over an axis of pixels.

import type { Span } from "../../../../../lang/source.ts";
import { constant, op, ref, scalarType } from "../../../../ir/ir.ts";
import type { Expr, IrKernel, ReduceStmt, Stmt } from "../../../../ir/ir.ts";
import type { TspType } from "../../machine/values.ts";
import { dagOf, fixedInt, Unfit, type Dag } from "../dag.ts";
import { factorOf, stepOf, stridedOf, stripped, type Factor, type Loop } from "./subscripts.ts";
import { reducedNest, reducedValue } from "./nest.ts";
import type { Axis, Strided } from "./spec.ts";

export interface Window {
  readonly name: string;
  readonly span: Span | undefined;
  readonly batch: readonly number[];
  readonly y: Axis;
  readonly x: Axis;
  readonly channels: number;
  readonly words: Strided;
  readonly type: TspType;
  readonly pad: number;
  /** From the taps, loads of `tapBuffer(number)` row by row, to the result. */
  readonly dag: Dag;
  readonly result: { readonly type: TspType; readonly at: Strided };
}

export const tapBuffer = (tap: number): string => `#tap${tap}`;
const tapOf = (buffer: string): number => Number(buffer.slice(4));
/** The tap's number if a buffer is one. */
export const tapNumber = (buffer: string): number | undefined =>
  buffer.startsWith("#tap") ? tapOf(buffer) : undefined;

/** The window operation that a kernel is, or undefined; throws `Unfit` for one that can't be done. */
export function windowOf(kernel: IrKernel, known: ReadonlyMap<string, number>): Window | undefined {
  const nest = reducedNest(kernel, known, ["max", "min", "sum"]);
  const taps = nest && tapsOf(nest.reduce);
  return taps && read(nest.kernel, nest.loops, nest.body, nest.reduce, taps);
}

interface Taps {
  readonly loops: readonly Loop[];
  readonly factor: Factor;
  /** What is combined, with the load's place for a tap. */
  value(tap: Expr): Expr;
}

function tapsOf(reduce: ReduceStmt): Taps | undefined {
  const reduced = reducedValue(reduce);
  if (!reduced) return undefined;
  const { loops, named, value: whole } = reduced;
  const factor = factorOf(stripped(whole, named), named, reduce.span);
  if (!factor) return undefined;
  const value = (tap: Expr): Expr => {
    const inner = (expr: Expr): Expr =>
      expr.kind === "op" && expr.op === "convert"
        ? { ...expr, args: [inner(expr.args[0]!)] }
        : expr.kind === "ref" && named.has(expr.name)
          ? inner(named.get(expr.name)!)
          : tap;
    return inner(whole);
  };
  return { loops, factor, value };
}

function read(
  kernel: IrKernel,
  loops: readonly Loop[],
  body: readonly Stmt[],
  reduce: ReduceStmt,
  { loops: taps, factor, value }: Taps,
): Window {
  const unfit = (why: string): Unfit => new Unfit(why, reduce.span);
  const buffer = kernel.buffers.find(({ name }) => name === factor.load.buffer)!;
  const sizes = buffer.shape.map((dim) => fixedInt(dim, "the size of a tensor", buffer.span));
  const plain = (at: number): boolean => {
    const { factors, first } = factor.subscripts[at]!;
    return factors.size === 1 && first === 0 && loops.some(({ name }) => factors.get(name) === 1);
  };
  const channelAt = sizes.findLastIndex((_, at) => plain(at));
  const channel = loops.find(({ name }) => factor.subscripts[channelAt]?.factors.has(name));
  const axes = sizes.flatMap((_, at) =>
    at === channelAt || factor.subscripts[at]!.factors.size === 0 ? [] : [at],
  );
  const x = axes.pop();
  const y = axes.pop();
  if (axes.some((at) => !plain(at))) throw unfit("a window over more than two axes");
  const own = (at: number | undefined, among: readonly Loop[]): Loop | undefined => {
    if (at === undefined) return undefined;
    const found = among.filter(({ name }) => factor.subscripts[at]!.factors.has(name));
    if (found.length > 1) throw unfit("a subscript of several loops");
    return found[0];
  };
  const axis = (at: number | undefined): Axis => {
    if (at === undefined) return { size: 1, outputs: 1, taps: 1, stride: 1, dilation: 1, offset: 0 };
    const { factors, first } = factor.subscripts[at]!;
    const [out, tap] = [own(at, loops), own(at, taps)];
    return {
      size: sizes[at]!,
      outputs: out?.extent ?? 1,
      taps: tap?.extent ?? 1,
      stride: out ? factors.get(out.name)! : 1,
      dilation: tap ? factors.get(tap.name)! : 1,
      offset: first,
    };
  };
  const batch = axes.map((at) => own(at, loops)!);
  const names = {
    batch: batch.map(({ name }) => name),
    y: own(y, loops)?.name,
    x: own(x, loops)?.name,
    r: own(y, taps)?.name,
    q: own(x, taps)?.name,
    channel: channel?.name,
    column: undefined,
    item: undefined,
  };
  const placed = [...names.batch, names.y, names.x, names.channel];
  if (loops.some(({ name }) => !placed.includes(name)))
    throw unfit("a loop that the window doesn’t depend on");
  if (taps.some(({ name }) => name !== names.r && name !== names.q))
    throw unfit("a reduction over more than a window of two axes");
  const [ys, xs] = [axis(y), axis(x)];
  const dag = dagOf(folded(kernel, loops, body, reduce, ys.taps * xs.taps, value, buffer.dtype), new Map());
  const [store] = dag.stores;
  if (dag.stores.length !== 1 || !store) throw unfit("several results of a window");
  const result = kernel.buffers.find(({ name }) => name === store.access.buffer)!;
  const shape = result.shape.map((dim) => fixedInt(dim, "the size of a tensor", result.span));
  const subscripts = store.access.axes.map((at) => ({
    factors: new Map(typeof at === "number" ? [[dag.loops[at]!.name, 1]] : []),
    first: typeof at === "number" ? 0 : at.at,
  }));
  const strides = stridedOf(factor.load.buffer, sizes, factor.subscripts, names);
  return {
    name: kernel.name,
    span: reduce.span,
    batch: batch.map(({ extent }) => extent),
    y: ys,
    x: xs,
    channels: channel?.extent ?? 1,
    words: {
      ...strides,
      y: y === undefined ? 0 : stepOf(sizes, y),
      x: x === undefined ? 0 : stepOf(sizes, x),
      r: 0,
      q: 0,
      first: 0,
    },
    type: buffer.dtype as TspType,
    pad: factor.pad,
    dag,
    result: {
      type: store.value.kind === "alu" ? store.value.gives : store.value.type,
      at: stridedOf(store.access.buffer, shape, subscripts, names),
    },
  };
}

/** The nest with one load a tap, combined one after the other: each level of ALUs takes the next tap. */
function folded(
  kernel: IrKernel,
  loops: readonly Loop[],
  body: readonly Stmt[],
  reduce: ReduceStmt,
  count: number,
  value: Taps["value"],
  dtype: IrKernel["buffers"][number]["dtype"],
): IrKernel {
  const i32 = scalarType("i32");
  // Two turns more of each, or loops of one turn would be simplified away; only their order is taken from there.
  const shape: readonly Expr[] = loops.map(({ extent }) => constant(extent + 2, i32));
  const { type, name } = reduce.results[0]!;
  const combine = reduce.op === "sum" ? "add" : reduce.op === "max" ? "max" : "min";
  const tap = (at: number): Expr =>
    value({
      kind: "load",
      type: scalarType(dtype),
      buffer: tapBuffer(at),
      index: loops.map((loop) => ref(loop.name, i32)),
    });
  let sum = tap(0);
  for (let at = 1; at < count; at++) sum = op(combine, type, [sum, tap(at)], reduce.span);
  const stored = body.findLast((stmt) => stmt.kind === "store");
  let stmts: readonly Stmt[] = body.flatMap((stmt): readonly Stmt[] =>
    stmt === reduce ? [{ kind: "let", name, value: sum, span: reduce.span }] : [stmt],
  );
  for (const loop of loops.toReversed())
    stmts = [
      {
        kind: "for",
        name: loop.name,
        lo: constant(0, i32),
        hi: constant(loop.extent + 2, i32),
        step: 1,
        marks: {},
        body: stmts,
      },
    ];
  return {
    ...kernel,
    buffers: [
      ...kernel.buffers.map((buffer) => (buffer.name === stored?.buffer ? { ...buffer, shape } : buffer)),
      ...Array.from({ length: count }, (_, at) => ({
        name: tapBuffer(at),
        dtype,
        space: "param" as const,
        shape,
      })),
    ],
    body: stmts,
  };
}

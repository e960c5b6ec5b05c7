// Reductions over loops in time: the terms are collected, dealt into steps of a few terms each, and swept over with
// accumulators that ALUs hand to themselves. Where the accumulators of one tile would wait for each other, several of them
// take turns and are combined at the end: a declared reduction has no order.

import { apply } from "../../../../ir/build.ts";
import { ref, type Expr, type IrType, type ReduceStmt } from "../../../../ir/ir.ts";
import type { OpName } from "../../../../ir/ops.ts";
import { combiningOpOf } from "../../../../ir/reducing.ts";
import { alus, streamsOfSide } from "../../machine/geometry.ts";
import { widths } from "../../machine/values.ts";
import { Unfit, type Node } from "../dag.ts";
import { selected, tspType } from "../selection.ts";
import { sizeOf, typeOfStored } from "./graphs.ts";
import type { Trace } from "./trace.ts";
import { known, ofNode, type Value } from "./values.ts";

/** Takes the terms of a reduction while its body is followed; `mask` says where they count, if not everywhere. */
export interface Collector {
  add(values: readonly Value[], mask: Node | undefined): void;
}

type Combine = (left: readonly Node[], right: readonly Node[]) => readonly Node[];

/** Follows a reduction and names its results. */
export function reduced(trace: Trace, stmt: ReduceStmt): void {
  const types = stmt.results.map(({ type }) => type);
  const inits = stmt.init.map((expr) => trace.value(expr));
  const terms = collected(trace, stmt, inits);
  if (stmt.op === "argmax" || stmt.op === "argmin") return positions(trace, stmt, terms, inits);
  const op = combiningOpOf(stmt.op) ?? extremeOf(stmt);
  const combine = op ? plainCombine(op, types) : customCombine(trace, stmt);
  const values = combined(trace, stmt, terms, inits, types, combine);
  for (const [at, { name }] of stmt.results.entries()) trace.bind(name, values[at]!, stmt.span);
}

function collected(trace: Trace, stmt: ReduceStmt, inits: readonly Value[]): readonly (readonly Node[])[] {
  const terms: (readonly Node[])[] = [];
  const types = stmt.results.map(({ type }) => type);
  trace.collectors.set(stmt.results[0]!.name, {
    add(values, mask) {
      // What changes nothing needn't be added: borders of windows.
      if (values.every((each, at) => isInit(each, inits[at]!))) return;
      terms.push(
        values.map((value, at) => {
          const dummy = ref("term", types[at]!);
          const node = trace.toNode(value, dummy);
          if (!mask) return node;
          const cond = ref("mask", { dtype: "bool", lanes: 1 });
          const other = trace.toNode(inits[at]!, dummy);
          return selected(apply("select", [cond, dummy, dummy], stmt.span), [mask, node, other]);
        }),
      );
    },
  });
  trace.unmasked(() => trace.block(stmt.body));
  return terms;
}

const isInit = (value: Value, init: Value): boolean =>
  value.kind === "known" && init.kind === "known" && Object.is(Number(value.value), Number(init.value));

const plainCombine =
  (op: OpName, types: readonly IrType[]): Combine =>
  (left, right) =>
    types.map((type, at) => {
      const dummy: Expr = ref("part", type);
      return selected(apply(op, [dummy, dummy]), [left[at]!, right[at]!]);
    });

/**
 * `b if a < b else a` is a maximum: with NaN its result depends on the order, which a reduction leaves open, and NaN is one
 * of the results.
 */
function extremeOf({ combine, results }: ReduceStmt): OpName | undefined {
  if (!combine || results.length !== 1) return undefined;
  const named = new Map(
    combine.body.flatMap((each) => (each.kind === "let" ? [[each.name, each.value]] : [])),
  );
  const value = combine.values[0]!;
  if (value.kind !== "op" || value.op !== "select") return undefined;
  const [first, yes, no] = value.args as [Expr, Expr, Expr];
  const cond = first.kind === "ref" ? named.get(first.name) : first;
  if (cond?.kind !== "op" || (cond.op !== "lt" && cond.op !== "gt")) return undefined;
  const names = [...cond.args, yes, no].map((each) => (each.kind === "ref" ? each.name : undefined));
  const [p, q, x, y] = cond.op === "lt" ? names : [names[1], names[0], names[2], names[3]];
  const sides = [combine.left[0], combine.right[0]];
  if (p === undefined || q === undefined || p === q || !sides.includes(p) || !sides.includes(q))
    return undefined;
  return x === q && y === p ? "max" : x === p && y === q ? "min" : undefined;
}

const customCombine =
  (trace: Trace, { combine }: ReduceStmt): Combine =>
  (left, right) => {
    const { left: a, right: b, body, values } = combine!;
    for (const [at, name] of a.entries()) trace.env.set(name, ofNode(left[at]!));
    for (const [at, name] of b.entries()) trace.env.set(name, ofNode(right[at]!));
    trace.unmasked(() => trace.block(body));
    return values.map((each) => trace.node(each));
  };

/** Neighbours are combined first. */
function tree(parts: readonly (readonly Node[])[], combine: Combine): readonly Node[] {
  if (parts.length === 1) return parts[0]!;
  const next = parts.flatMap((each, at) =>
    at % 2 === 0 ? [at + 1 < parts.length ? combine(each, parts[at + 1]!) : each] : [],
  );
  return tree(next, combine);
}

function combined(
  trace: Trace,
  stmt: ReduceStmt,
  terms: readonly (readonly Node[])[],
  inits: readonly Value[],
  types: readonly IrType[],
  combine: Combine,
): readonly Value[] {
  if (terms.length === 0) return inits;
  const { operations, families } = trace;
  // The start of a custom reduction counts even where it isn't what it should be, neutral.
  const start = (): readonly Node[] => inits.map((init, at) => trace.toNode(init, ref("start", types[at]!)));
  if (terms.length === 1) return (stmt.op === "custom" ? combine(start(), terms[0]!) : terms[0]!).map(ofNode);
  const carried = types.map(({ dtype }, index): Node => ({
    kind: "carried",
    type: tspType(dtype, stmt.span),
    index,
  }));
  // As many terms a step as ALUs and streams allow.
  const first = terms[0]!;
  const ownSize = sizeOf(combine(carried, first));
  const ownWidth = operations.widthOf(first);
  const free = streamsOfSide - carried.reduce((sum, { type }) => sum + widths[type], 0);
  let each = operations.terms;
  while (each > 1 && (each * ownSize > alus || each * ownWidth > free || each > terms.length)) each /= 2;
  const steps = new Map<string, (readonly Node[])[]>();
  const rest: (readonly Node[])[] = [];
  for (let at = 0; at < terms.length; at += each) {
    const group = terms.slice(at, at + each);
    if (group.length < each) {
      rest.push(...group);
      continue;
    }
    const step = tree(group, combine);
    const key = operations.keyOf(step);
    steps.set(key, [...(steps.get(key) ?? []), step]);
  }
  const starts = inits.map((init, at) => {
    if (init.kind !== "known") throw new Unfit("a reduction that starts with data", stmt.span);
    return families.number(Number(init.value), tspType(types[at]!.dtype, stmt.span), "starts");
  });
  const parts: (readonly Node[])[] = rest;
  if (stmt.op === "custom" && [...steps.values()].every(({ length }) => length === 1)) parts.push(start());
  for (const list of steps.values()) {
    if (list.length === 1) {
      parts.push(list[0]!);
      continue;
    }
    const swept = operations.sweep(
      list.map((step) => combine(carried, step)),
      starts,
      stmt.results.map(({ name }) => ({ name, span: stmt.span })),
      true,
    );
    if (!swept) throw new Unfit("a reduction whose terms differ", stmt.span);
    for (let part = 0; part < swept[0]!.length; part++)
      parts.push(
        swept.map((families, at) => {
          const node = operations.loads.node(families[part]!);
          const type = typeOfStored(carried[at]!);
          return node.type === type ? node : { kind: "cast", type, of: node };
        }),
      );
  }
  // Many parts are combined a few at a time.
  let left: readonly (readonly Node[])[] = parts;
  const few = sizeOf(combine(carried, carried)) > carried.length ? 2 : 4;
  while (left.length > few) {
    const next: (readonly Node[])[] = [];
    for (let at = 0; at < left.length; at += few)
      next.push(
        tree(left.slice(at, at + few), combine).map((node) => trace.stored(node, "parts", stmt.span)),
      );
    left = next;
  }
  return tree(left, combine).map(ofNode);
}

/** Where the extreme is: the extreme first, then the smallest position that has it. */
function positions(
  trace: Trace,
  stmt: ReduceStmt,
  terms: readonly (readonly Node[])[],
  inits: readonly Value[],
): void {
  if (stmt.results.length !== 2) throw new Unfit("an extreme with several positions", stmt.span);
  const [value, position] = stmt.results as [ReduceStmt["results"][0], ReduceStmt["results"][0]];
  const one = (
    op: OpName,
    type: IrType,
    list: readonly (readonly Node[])[],
    init: Value,
    name: string,
  ): Value =>
    combined(
      trace,
      { ...stmt, results: [{ name, type }] },
      list,
      [init],
      [type],
      plainCombine(op, [type]),
    )[0]!;
  const best = one(
    stmt.op === "argmax" ? "max" : "min",
    value.type,
    terms.map(([each]) => [each!]),
    inits[0]!,
    value.name,
  );
  trace.bind(value.name, best, stmt.span);
  if (terms.length === 0) return trace.bind(position.name, inits[1]!, stmt.span);
  const extreme = trace.stored(trace.toNode(best, ref("best", value.type)), value.name, stmt.span);
  const [x, at] = [ref("x", value.type), ref("at", position.type)];
  const nothing = trace.toNode(known(2 ** 31 - 1), at);
  const found = terms.map(([each, place]): readonly Node[] => {
    const equal = selected(apply("eq", [x, x], stmt.span), [each!, extreme]);
    // Of numbers a NaN is the extreme, and equal to nothing.
    const holds = value.type.dtype.startsWith("f")
      ? selected(apply("or", [ref("a", bool), ref("b", bool)], stmt.span), [
          equal,
          selected(apply("ne", [x, x], stmt.span), [each!, each!]),
        ])
      : equal;
    return [selected(apply("select", [ref("c", bool), at, at], stmt.span), [holds, place!, nothing])];
  });
  const first = one("min", position.type, found, known(2 ** 31 - 1), position.name);
  trace.bind(position.name, first, stmt.span);
}

const bool: IrType = { dtype: "bool", lanes: 1 };

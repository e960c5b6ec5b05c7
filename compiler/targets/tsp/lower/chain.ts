// A graph of ALU instructions in space and time. An instruction at level l is issued l · `alu` cycles behind those of
// level 0; what it takes from another ALU must have level l - 1, so values that are needed later pass through `mov`s. Rows
// follow each other every `interval` cycles: 1 where 16 ALUs are enough for the whole graph, otherwise ALUs take turns.

import { alus, reaches, stream, streamsOfSide } from "../machine/geometry.ts";
import type { Op } from "../machine/table.ts";
import { widths, type TspType } from "../machine/values.ts";
import { Unfit, type Access, type Dag, type Node } from "./dag.ts";
import type { Span } from "../../../../lang/source.ts";

/** Rows that come by stream, at the VXM when level `level` is issued. */
export interface Stream {
  readonly access: Access;
  readonly type: TspType;
  readonly level: number;
  /** The first of its streams. */
  first: number;
}

export type Operand =
  | { readonly kind: "stream"; readonly stream: Stream }
  | { readonly kind: "item"; readonly item: Item }
  /** From the item that hands it on, one period before; in the first step from a stream. */
  | { readonly kind: "carried"; readonly index: number; readonly stream: Stream }
  | { readonly kind: "constant"; readonly bits: number };

/** An instruction in its ALU. */
export interface Item {
  readonly op: Op;
  readonly type: TspType;
  readonly gives: TspType;
  readonly rounding: number;
  readonly operands: Operand[];
  readonly span: Span | undefined;
  level: number;
  alu: number;
  /** Whether its ALU gets the constant anew in the cycle before, each time: it has several. */
  configured: boolean;
  /** The store that takes its result, and the first stream on which it leaves. */
  store: number | undefined;
  out: number;
}

export interface Chain {
  readonly interval: number;
  readonly items: readonly Item[];
  readonly streams: readonly Stream[];
  /** Cycles between steps that hand values to each other: a multiple of `interval`, 0 if nothing is carried. */
  readonly period: number;
  /** For each carried value the item that hands it on. */
  readonly givers: readonly Item[];
}

type Alu = Extract<Node, { kind: "alu" }>;

const inOrder: readonly number[] = Array.from({ length: alus }, (_, alu) => alu);

/**
 * Places a graph; `hold` is the cycles between levels, `slowest` the largest interval tried, `preferred` the order in which
 * ALUs are tried first, `turn` the row of ALUs whose stream groups are taken first. Throws `Unfit`.
 */
export function chainOf(dag: Dag, hold: number, slowest = 64, preferred = inOrder, turn = 0): Chain {
  const plain = build(dag, false, 1);
  const carry = bytesOf(plain.streams) > streamsOfSide;
  const first = carry ? build(dag, true, 1) : plain;
  for (let interval = Math.ceil(first.items.length / alus); interval <= slowest; interval++) {
    if (interval > 1 && hold > 1 && interval % hold === 0) continue;
    const built = dag.carried ? build(dag, carry, interval) : first;
    allot(built.streams, turn);
    if (
      assign(built.items, interval, hold, everything(dag, preferred, turn)) ||
      assign(built.items, interval, hold, everything(dag, inOrder, turn))
    ) {
      const { items, streams, depth, givers } = built;
      return { interval, items, streams, period: depth * hold, givers };
    }
  }
  throw new Unfit("more instructions, constants or results than 16 ALUs can be given");
}

const bytesOf = (streams: readonly Stream[]): number =>
  streams.reduce((sum, { type }) => sum + widths[type], 0);

interface Built {
  readonly items: Item[];
  readonly streams: Stream[];
  readonly depth: number;
  readonly givers: readonly Item[];
}

/**
 * Items and streams with their levels. With `carry`, a load that is used at several levels comes by stream once and is
 * handed on by ALUs; otherwise it comes once a level, from a copy in memory. Carried values are handed on by ALUs, and pass a
 * number of levels, the depth, that is a multiple of `multiple`.
 */
export function build(dag: Dag, carry: boolean, multiple = 1): Built {
  const values = dag.stores.map(({ value, span }) => asAlu(value, span));
  const order: Alu[] = [];
  const seen = new Set<Node>();
  const visit = (node: Node): void => {
    const own = stripped(node);
    if (own.kind !== "alu" || seen.has(own)) return;
    seen.add(own);
    own.args.forEach(visit);
    order.push(own);
  };
  values.forEach(visit);
  const levels = levelsOf(order, values);
  const items: Item[] = [];
  const made = new Map<Alu, Item>();
  const carriers = new Map<Item, Item[]>();
  const streams = new Map<string, Stream>();
  const carried = new Map<Node, { level: number; item: Item | undefined }>();
  const add = (item: Omit<Item, "alu" | "configured" | "store" | "out">): Item => {
    const found: Item = { ...item, alu: -1, configured: false, store: undefined, out: -1 };
    items.push(found);
    return found;
  };
  /** What holds an item's result when level `level` takes it. */
  const held = (item: Item, level: number): Item => {
    const list = carriers.get(item) ?? [item];
    carriers.set(item, list);
    while (item.level + list.length < level) {
      const { gives } = item;
      const operands: Operand[] = [{ kind: "item", item: list.at(-1)! }];
      list.push(
        add({
          op: "mov",
          type: gives,
          gives,
          rounding: 0,
          operands,
          span: item.span,
          level: item.level + list.length,
        }),
      );
    }
    return list[level - item.level - 1]!;
  };
  const streamOf = ({ access, type }: Pick<Stream, "access" | "type">, level: number): Stream => {
    const key = `${access.buffer} ${JSON.stringify(access.axes)} ${level}`;
    const found = streams.get(key) ?? { access, type, level, first: -1 };
    streams.set(key, found);
    return found;
  };
  const loaded = (node: Extract<Node, { kind: "load" }>, level: number): Operand => {
    const before = carried.get(node);
    if (!carry || !before || before.level === level) {
      carried.set(node, before ?? { level, item: undefined });
      return { kind: "stream", stream: streamOf(node, level) };
    }
    const { type } = node;
    before.item ??= add({
      op: "mov",
      type,
      gives: type,
      rounding: 0,
      operands: [{ kind: "stream", stream: streamOf(node, before.level) }],
      span: undefined,
      level: before.level,
    });
    return { kind: "item", item: held(before.item, level) };
  };
  const handed = new Map<number, { level: number; stream: Stream; item: Item | undefined }>();
  /** The value that the step before handed on: directly at the first level that takes it, later through ALUs. */
  const fromBefore = ({ index, type }: Extract<Node, { kind: "carried" }>, level: number): Operand => {
    const before = handed.get(index);
    if (!before || before.level === level) {
      const given = before?.stream ?? streamOf({ access: dag.carried![index]!.init, type }, level);
      handed.set(index, before ?? { level, stream: given, item: undefined });
      return { kind: "carried", index, stream: given };
    }
    before.item ??= add({
      op: "mov",
      type,
      gives: type,
      rounding: 0,
      operands: [{ kind: "carried", index, stream: before.stream }],
      span: undefined,
      level: before.level,
    });
    return { kind: "item", item: held(before.item, level) };
  };
  for (const node of order.toSorted((a, b) => levels.get(a)! - levels.get(b)!)) {
    const level = levels.get(node)!;
    const operands = node.args.map((arg): Operand => {
      const own = stripped(arg);
      if (own.kind === "constant") return { kind: "constant", bits: own.bits };
      if (own.kind === "load") return loaded(own, level);
      if (own.kind === "carried") return fromBefore(own, level);
      return { kind: "item", item: held(made.get(own as Alu)!, level) };
    });
    // An ALU has one constant: of two the first goes through another ALU.
    if (onConstants(node)) {
      const { type } = node.args[0]!;
      const [x] = operands as [Operand];
      const before = { op: "mov", type, gives: type, rounding: 0, span: node.span } as const;
      operands[0] = { kind: "item", item: add({ ...before, operands: [x], level: level - 1 }) };
    }
    const { op, type, gives, rounding, span } = node;
    made.set(node, add({ op, type, gives, rounding, operands, span, level }));
  }
  for (const [store, value] of values.entries()) {
    let item = made.get(value)!;
    // A value that is stored twice leaves through another ALU.
    if (item.store !== undefined) item = held(item, item.level + (carriers.get(item)?.length ?? 1) + 1);
    item.store = store;
  }
  const recurrent = dag.carried ?? [];
  const giver = (store: number): Item => items.find((item) => item.store === store)!;
  const entry = (index: number): number => handed.get(index)?.level ?? 0;
  const least = Math.max(0, ...recurrent.map(({ store }, index) => giver(store).level - entry(index) + 1));
  const depth = Math.ceil(least / multiple) * multiple;
  const givers = recurrent.map(({ store }, index) => {
    const from = giver(store);
    const last = held(from, entry(index) + depth);
    if (last !== from) {
      from.store = undefined;
      last.store = store;
    }
    return last;
  });
  return { items, streams: [...streams.values()], depth, givers };
}

const stripped = (node: Node): Node => (node.kind === "cast" ? stripped(node.of) : node);

/** What is stored as it was loaded still passes an ALU. */
function asAlu(node: Node, span: Span | undefined): Alu {
  const own = stripped(node);
  const { type } = node;
  return own.kind === "alu"
    ? own
    : { kind: "alu", op: "mov", type, gives: type, rounding: 0, args: [node], span };
}

const onConstants = ({ args }: Alu): boolean =>
  args.length === 2 && args.every((arg) => stripped(arg).kind === "constant");

/** As soon as possible; then what depends on one ALU at most as late as its users allow, which saves `mov`s. */
function levelsOf(order: readonly Alu[], stored: readonly Alu[]): ReadonlyMap<Alu, number> {
  const levels = new Map<Alu, number>();
  const users = new Map<Alu, Alu[]>();
  const needs = (node: Alu): readonly Alu[] => [
    ...new Set(node.args.map(stripped).filter((arg): arg is Alu => arg.kind === "alu")),
  ];
  for (const node of order) {
    const least = onConstants(node) ? 0 : -1;
    levels.set(node, Math.max(least, ...needs(node).map((arg) => levels.get(arg)!)) + 1);
    for (const arg of needs(node)) users.set(arg, [...(users.get(arg) ?? []), node]);
  }
  for (const node of order.toReversed()) {
    const own = users.get(node);
    if (own && !stored.includes(node) && needs(node).length <= 1)
      levels.set(node, Math.min(...own.map((user) => levels.get(user)!)) - 1);
  }
  return levels;
}

/**
 * Neighbouring groups for operands of one instruction: any two neighbours are within some ALU's reach. A group has streams
 * of one direction: no ALU takes one group from both.
 */
function allot(streams: readonly Stream[], turn: number): void {
  let next = 0;
  /** By direction: the next stream of the group that is begun. */
  const begun = { E: 0, W: 0 };
  const turned = (first: number): number => (first + turn * streamsOfRow) % streamsOfSide;
  for (const each of streams) {
    const side = each.access.westward ? "W" : "E";
    const width = widths[each.type];
    let first = Math.ceil(begun[side] / width) * width;
    if (begun[side] % 4 === 0 || Math.floor(first / 4) !== Math.floor((begun[side] - 1) / 4)) {
      first = next;
      next += 4;
    }
    if (first + width > streamsOfSide)
      throw new Unfit("more operands than the 32 streams of one direction carry");
    begun[side] = first + width;
    each.first = stream(side, turned(first));
  }
}

/** Streams by which the reach of one row of ALUs lies beside that of the row before it: two groups. */
const streamsOfRow = 8;

interface AluPlan {
  /** By cycle modulo the interval: what is issued then. */
  readonly slots: (Item | "config" | undefined)[];
  /** Instructions with a constant, each with its slot. */
  readonly constants: { readonly item: Item; readonly slot: number; readonly bits: number }[];
}

/** Places an item in an ALU's slot if there is room, also (`anew`) for setting another constant each time. */
function place({ slots, constants }: AluPlan, item: Item, slot: number, anew: boolean): boolean {
  if (slots[slot]) return false;
  const bits = constantOfItem(item);
  if (bits === undefined) {
    slots[slot] = item;
    return true;
  }
  const own = { item, slot, bits };
  const several =
    constants.some((other) => other.bits !== bits) || constants.some((other) => other.item.configured);
  if (several && !anew) return false;
  if (several) {
    const before = [...constants.filter((other) => !other.item.configured), own].map((each) => ({
      ...each,
      at: (each.slot + slots.length - 1) % slots.length,
    }));
    const taken = new Set(before.map(({ at }) => at));
    if (taken.size < before.length || taken.has(slot) || before.some(({ at }) => slots[at])) return false;
    for (const each of before) {
      slots[each.at] = "config";
      each.item.configured = true;
    }
  }
  slots[slot] = item;
  constants.push(own);
  return true;
}

/** What `assign` may give: ALUs, and the streams on which an item that stores leaves one of them. */
export interface Room {
  readonly alus: readonly number[];
  exit(alu: number, item: Item, leaving: readonly boolean[]): number | undefined;
}

/** Gives each item an ALU and, if it stores, streams to leave on; false if there is no room at this interval. */
export function assign(
  items: readonly Item[],
  interval: number,
  hold: number,
  { alus: allowed, exit }: Room,
): boolean {
  const plans = Array.from({ length: alus }, (): AluPlan => ({
    slots: Array.from({ length: interval }),
    constants: [],
  }));
  for (const item of items) item.configured = false;
  const leaving = Array.from({ length: streamsOfSide }, () => false);
  const streamsOf = ({ operands }: Item): readonly number[] =>
    operands.flatMap((each) =>
      each.kind === "stream" || each.kind === "carried" ? [each.stream.first] : [],
    );
  const able = (item: Item): readonly number[] =>
    allowed.filter((alu) => streamsOf(item).every((id) => reaches(alu, id)));
  const tied = (item: Item): boolean => item.store !== undefined;
  const sorted = items
    .map((item) => ({ item, able: able(item) }))
    .toSorted((a, b) => a.able.length - b.able.length || Number(tied(b.item)) - Number(tied(a.item)));
  for (const { item, able: candidates } of sorted) {
    const slot = (item.level * hold) % interval;
    const open = candidates.filter((each) => !tied(item) || exit(each, item, leaving) !== undefined);
    const alu =
      open.find((each) => place(plans[each]!, item, slot, false)) ??
      open.find((each) => place(plans[each]!, item, slot, true));
    if (alu === undefined) return false;
    item.alu = alu;
    if (!tied(item)) continue;
    item.out = exit(alu, item, leaving)!;
    leaving.fill(true, item.out % streamsOfSide, (item.out % streamsOfSide) + widths[item.gives]);
  }
  return true;
}

export function constantOfItem({ operands }: Item): number | undefined {
  for (const each of operands) if (each.kind === "constant") return each.bits;
  return undefined;
}

/** All ALUs; results leave on the first free streams that one reaches, in the direction of their store. */
const everything = ({ stores }: Dag, order: readonly number[], turn: number): Room => ({
  alus: order,
  exit(alu, { gives, store }, leaving) {
    const width = widths[gives];
    const begin = turn * streamsOfRow;
    for (let at = begin; at < begin + streamsOfSide; at += width) {
      const first = at % streamsOfSide;
      if (reaches(alu, first) && !leaving.slice(first, first + width).includes(true))
        return stream(stores[store!]!.access.westward ? "W" : "E", first);
    }
    return undefined;
  },
});

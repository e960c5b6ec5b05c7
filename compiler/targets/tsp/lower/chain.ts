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
  /** The first of its streams; all of them flow east. */
  first: number;
}

export type Operand =
  | { readonly kind: "stream"; readonly stream: Stream }
  | { readonly kind: "item"; readonly item: Item }
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
}

type Alu = Extract<Node, { kind: "alu" }>;

/** Places a graph; `hold` is the cycles between levels. Throws `Unfit`. */
export function chainOf(dag: Dag, hold: number): Chain {
  const plain = build(dag, false);
  const chain = bytesOf(plain.streams) <= streamsOfSide ? plain : build(dag, true);
  if (bytesOf(chain.streams) > streamsOfSide)
    throw new Unfit("more operands than the 32 streams of one direction carry");
  allot(chain.streams);
  const { items } = chain;
  for (let interval = Math.ceil(items.length / alus); interval <= 64; interval++) {
    if (interval > 1 && hold > 1 && interval % hold === 0) continue;
    if (assign(items, interval, hold)) return { interval, ...chain };
  }
  throw new Unfit("more instructions, constants or results than 16 ALUs can be given");
}

const bytesOf = (streams: readonly Stream[]): number =>
  streams.reduce((sum, { type }) => sum + widths[type], 0);

/**
 * Items and streams with their levels. With `carry`, a load that is used at several levels comes by stream once and is
 * handed on by ALUs; otherwise it comes once a level, from a copy in memory.
 */
export function build(dag: Dag, carry: boolean): { readonly items: Item[]; readonly streams: Stream[] } {
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
  const streamOf = (node: Extract<Node, { kind: "load" }>, level: number): Stream => {
    const key = `${node.access.buffer} ${JSON.stringify(node.access.axes)} ${level}`;
    const found = streams.get(key) ?? { access: node.access, type: node.type, level, first: -1 };
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
  for (const node of order.toSorted((a, b) => levels.get(a)! - levels.get(b)!)) {
    const level = levels.get(node)!;
    const operands = node.args.map((arg): Operand => {
      const own = stripped(arg);
      if (own.kind === "constant") return { kind: "constant", bits: own.bits };
      if (own.kind === "load") return loaded(own, level);
      return { kind: "item", item: held(made.get(own as Alu)!, level) };
    });
    // An ALU has one constant: two of them are equal, or the first goes through another ALU.
    const [x, y] = operands;
    if (x?.kind === "constant" && y?.kind === "constant")
      throw new Unfit("an operation on two constants", node.span);
    const { op, type, gives, rounding, span } = node;
    made.set(node, add({ op, type, gives, rounding, operands, span, level }));
  }
  for (const [store, value] of values.entries()) {
    let item = made.get(value)!;
    // A value that is stored twice leaves through another ALU.
    if (item.store !== undefined) item = held(item, item.level + (carriers.get(item)?.length ?? 1) + 1);
    item.store = store;
  }
  return { items, streams: [...streams.values()] };
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

/** As soon as possible; then what depends on one ALU at most as late as its users allow, which saves `mov`s. */
function levelsOf(order: readonly Alu[], stored: readonly Alu[]): ReadonlyMap<Alu, number> {
  const levels = new Map<Alu, number>();
  const users = new Map<Alu, Alu[]>();
  const needs = (node: Alu): readonly Alu[] => [
    ...new Set(node.args.map(stripped).filter((arg): arg is Alu => arg.kind === "alu")),
  ];
  for (const node of order) {
    levels.set(node, Math.max(-1, ...needs(node).map((arg) => levels.get(arg)!)) + 1);
    for (const arg of needs(node)) users.set(arg, [...(users.get(arg) ?? []), node]);
  }
  for (const node of order.toReversed()) {
    const own = users.get(node);
    if (own && !stored.includes(node) && needs(node).length <= 1)
      levels.set(node, Math.min(...own.map((user) => levels.get(user)!)) - 1);
  }
  return levels;
}

/** Neighbouring groups for operands of one instruction: any two neighbours are within some ALU's reach. */
function allot(streams: readonly Stream[]): void {
  let next = 0;
  for (const each of streams) {
    const width = widths[each.type];
    next = Math.ceil(next / width) * width;
    if (next + width > streamsOfSide)
      throw new Unfit("more operands than the 32 streams of one direction carry");
    each.first = stream("E", next);
    next += width;
  }
}

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
  { alus: allowed, exit: leave }: Room = everything,
): boolean {
  const plans = Array.from({ length: alus }, (): AluPlan => ({
    slots: Array.from({ length: interval }),
    constants: [],
  }));
  for (const item of items) item.configured = false;
  const leaving = Array.from({ length: streamsOfSide }, () => false);
  const streamsOf = ({ operands }: Item): readonly number[] =>
    operands.flatMap((each) => (each.kind === "stream" ? [each.stream.first] : []));
  const able = (item: Item): readonly number[] =>
    allowed.filter((alu) => streamsOf(item).every((id) => reaches(alu, id)));
  const tied = (item: Item): boolean => item.store !== undefined;
  const sorted = items
    .map((item) => ({ item, able: able(item) }))
    .toSorted((a, b) => a.able.length - b.able.length || Number(tied(b.item)) - Number(tied(a.item)));
  for (const { item, able: candidates } of sorted) {
    const slot = (item.level * hold) % interval;
    const open = candidates.filter((each) => !tied(item) || leave(each, item, leaving) !== undefined);
    const alu =
      open.find((each) => place(plans[each]!, item, slot, false)) ??
      open.find((each) => place(plans[each]!, item, slot, true));
    if (alu === undefined) return false;
    item.alu = alu;
    if (!tied(item)) continue;
    item.out = leave(alu, item, leaving)!;
    leaving.fill(true, item.out % streamsOfSide, (item.out % streamsOfSide) + widths[item.gives]);
  }
  return true;
}

export function constantOfItem({ operands }: Item): number | undefined {
  for (const each of operands) if (each.kind === "constant") return each.bits;
  return undefined;
}

/** The first free streams eastward that an ALU reaches. */
function exit(alu: number, { gives }: Item, leaving: readonly boolean[]): number | undefined {
  const width = widths[gives];
  for (let first = 0; first < streamsOfSide; first += width)
    if (reaches(alu, first) && !leaving.slice(first, first + width).includes(true)) return first;
  return undefined;
}

const everything: Room = { alus: Array.from({ length: alus }, (_, alu) => alu), exit };

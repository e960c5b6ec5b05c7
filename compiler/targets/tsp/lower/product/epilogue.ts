// What becomes of sums on their way from the accumulators to memory: a graph of ALU instructions on the four ALUs of each
// plane (eight for f16, whose planes come in pairs), a word every interval. Operands with a value a column come as rows
// that are read again for each word; those with a value an element come as the words beside the sums.

import { alus, vxmQueue, type Side } from "../../machine/geometry.ts";
import { constantOperand, firstAlu, noResult } from "../../machine/instruction.ts";
import { lineOf } from "../line.ts";
import type { ProgramBuilder } from "../../machine/program.ts";
import { instruction, type Instruction } from "../../machine/table.ts";
import { types, widths, type TspType } from "../../machine/values.ts";
import { assign, build, constantOfItem, type Item, type Stream } from "../chain.ts";
import { Unfit } from "../dag.ts";
import { operandStream, resultStream, rowPlace, rowPlaces, sideOfPlane, sumStream } from "./floor.ts";
import { operandKey } from "./subscripts.ts";
import { shiftBuffer, sumBuffer, type Operand, type Product } from "./spec.ts";

/** An operand's stream: which level takes it, and where its rows or words come from. */
export interface Feed {
  readonly stream: Stream;
  readonly operand: Operand;
  /** For rows (and words of several bytes), which of a hemisphere's places for rows. */
  readonly place: number | undefined;
}

export interface Epilogue {
  readonly interval: number;
  readonly items: readonly Item[];
  readonly feeds: readonly Feed[];
  /** The level that takes the sum; what has lower levels is issued before the sum arrives. */
  readonly sumLevel: number;
  /** The cycle behind a sum's arrival at the VXM in which the result is on its stream. */
  readonly done: number;
  /** Cycles behind the last sum until its ALUs are free. */
  readonly busy: number;
  readonly type: TspType;
}

/** Places the instructions behind a product's sums. Throws `Unfit`. */
export function epilogueOf(product: Product, hold: number, entry: number, from: Side): Epilogue {
  const float = product.type === "f16" ? 1 : 0;
  const { items, streams } = build(product.dag, true);
  if (items.length === 0) throw new Unfit("nothing to do for the vector unit", product.span);
  // Nobody would take the sums from their streams.
  if (!streams.some(({ access }) => access.buffer === sumBuffer))
    throw new Unfit("sums that its results don’t depend on", product.span);
  const feeds: Feed[] = [];
  let next = 0;
  let operands = 0;
  let sumLevel = 0;
  for (const each of streams) {
    const { access, type } = each;
    if (access.buffer === sumBuffer) {
      sumLevel = each.level;
      each.first = sumStream(0);
      continue;
    }
    const operand: Operand =
      access.buffer === shiftBuffer
        ? { kind: "row", type, at: { ...product.weights, buffer: shiftBuffer } }
        : product.operands.get(operandKey(access))!;
    if (operand.kind === "word" && widths[type] === 1 && !float) {
      if (operands++ > 0) throw new Unfit("more than one tensor that is added to a product", product.span);
      each.first = operandStream(0, from);
      feeds.push({ stream: each, operand, place: undefined });
      continue;
    }
    if (operand.kind === "word")
      throw new Unfit(`a tensor of ${type} beside a product, which has room for one of bytes`, product.span);
    if (next >= rowPlaces)
      throw new Unfit(`more than ${rowPlaces} operands of one value a column`, product.span);
    each.first = rowPlace("W", next).stream;
    feeds.push({ stream: each, operand, place: next++ });
  }
  const own = Array.from({ length: float ? 8 : 4 }, (_, alu) => alu);
  const room = {
    alus: own,
    exit: (alu: number): number | undefined => (alu < 4 ? resultStream(0, "E") : undefined),
  };
  const first = Math.max(1, Math.ceil(items.length / own.length));
  for (let interval = first; interval <= 64; interval++) {
    if (interval > 1 && hold > 1 && interval % hold === 0) continue;
    if (!assign(items, interval, hold, room)) continue;
    const last = items.find(({ store }) => store !== undefined)!;
    const depth = Math.max(...items.map(({ level }) => level));
    return {
      interval,
      items,
      feeds,
      sumLevel,
      done: (last.level - sumLevel) * hold + entry + hold,
      busy: (depth - sumLevel) * hold + 1,
      type: last.gives,
    };
  }
  throw new Unfit(
    "more instructions or constants behind a product than a plane’s ALUs can be given",
    product.span,
  );
}

/** Constants of a plane's ALUs, in cycle `at`. */
export function configure(builder: ProgramBuilder, { items }: Epilogue, plane: number, at: number): void {
  const given = new Set<number>();
  for (const item of items) {
    const bits = constantOfItem(item);
    if (bits === undefined || item.configured || given.has(item.alu)) continue;
    given.add(item.alu);
    builder.at(at, vxmQueue(aluOf(item, plane)), instruction("config", { value: bits }));
  }
}

const aluOf = ({ alu }: Item, plane: number): number => (alu + 4 * plane) % alus;

/** A plane's ALUs for `words` sums, the first of which arrives in cycle `at`; results go to the hemisphere `to`. */
export function issueChain(
  builder: ProgramBuilder,
  { items, interval, sumLevel }: Epilogue,
  plane: number,
  to: Side,
  at: number,
  words: number,
  hold: number,
  from: Side,
): void {
  for (const item of items) {
    const queue = vxmQueue(aluOf(item, plane));
    const line = lineOf(item.span);
    const given = instructionOf(item, plane, to, from);
    const first = at + (item.level - sumLevel) * hold;
    const alone = items.every((other) => other === item || other.alu !== item.alu);
    if (alone) {
      builder.repeated(first, queue, given, words, { period: interval, from: line });
      continue;
    }
    const bits = constantOfItem(item);
    for (let word = 0; word < words; word++) {
      const cycle = first + word * interval;
      if (item.configured) builder.at(cycle - 1, queue, instruction("config", { value: bits! }), line);
      builder.at(cycle, queue, given, line);
    }
  }
}

/** The stream that stands for plane 0's in another plane's chain. */
export function streamOfPlane(stream: Stream, plane: number, from: Side): number {
  const side = sideOfPlane(plane);
  if (stream.first === sumStream(0)) return sumStream(plane);
  if (stream.access.buffer === sumBuffer) return sumStream(plane);
  for (let at = 0; at < rowPlaces; at++)
    if (rowPlace("W", at).stream === stream.first) return rowPlace(side, at).stream;
  return operandStream(plane, from);
}

function instructionOf(item: Item, plane: number, to: Side, from: Side): Instruction {
  const { op, type, gives, rounding, operands } = item;
  const [x = constantOperand, y] = operands.map((each) =>
    each.kind === "stream"
      ? streamOfPlane(each.stream, plane, from)
      : each.kind === "item"
        ? firstAlu + aluOf(each.item, plane)
        : constantOperand,
  );
  const out = item.store === undefined ? noResult : resultStream(plane, to);
  const number = types.indexOf(type);
  const fields =
    op === "convert"
      ? { from: number, to: types.indexOf(gives), rounding, x, out }
      : y === undefined
        ? { type: number, x, out }
        : { type: number, x, y, out };
  return { op, fields } as unknown as Instruction;
}

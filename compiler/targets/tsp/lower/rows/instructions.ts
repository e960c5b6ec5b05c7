// Instructions of patterns and the lines they come from, each made once: equal ones are one object, so that runs are found fast.

import type { Span } from "../../../../../lang/source.ts";
import { stream, streamsOfSide } from "../../machine/geometry.ts";
import { constantOperand, firstAlu, noResult } from "../../machine/instruction.ts";
import type { KernLine } from "../../machine/program.ts";
import { instruction, type Instruction } from "../../machine/table.ts";
import { types } from "../../machine/values.ts";
import type { Item } from "../chain.ts";
import { lineOf } from "../line.ts";
import type { Template } from "./model.ts";

/** The last westward streams: maps on the last one, what is gathered on those before it. */
export const gatherMap = stream("W", streamsOfSide - 1);

export class Instructions {
  /** By op and address, then by operand. */
  private readonly made = new Map<string, Map<number, Map<number, Instruction>>>();
  /** Of an item: in first steps or later ones, with a result that is stored or not. */
  private readonly variants = new Map<Item, Instruction[]>();
  private readonly lines = new Map<Span, KernLine>();

  /** Instructions that are equal are one object. */
  simple(op: "read" | "write" | "config" | "gather", operand: number, address: number): Instruction {
    const byAddress = this.made.get(op) ?? new Map<number, Map<number, Instruction>>();
    this.made.set(op, byAddress);
    const byOperand = byAddress.get(address) ?? new Map<number, Instruction>();
    byAddress.set(address, byOperand);
    const found = byOperand.get(operand);
    if (found) return found;
    const made =
      op === "read"
        ? instruction("read", { a: address, s: operand })
        : op === "write"
          ? instruction("write", { s: operand, a: address })
          : op === "gather"
            ? instruction("gather", { map: gatherMap, s: operand })
            : instruction("config", { value: operand });
    byOperand.set(operand, made);
    return made;
  }

  ofItem({ chain }: Template, item: Item, first: boolean, stored: boolean): Instruction {
    const variants = this.variants.get(item) ?? [];
    this.variants.set(item, variants);
    const variant = (first ? 1 : 0) + (stored ? 2 : 0);
    const found = variants[variant];
    if (found) return found;
    const [x = constantOperand, y] = item.operands.map((each) => {
      if (each.kind === "constant") return constantOperand;
      if (each.kind === "stream") return each.stream.first;
      if (each.kind === "item") return firstAlu + each.item.alu;
      return first ? each.stream.first : firstAlu + chain.givers[each.index]!.alu;
    });
    const out = stored ? item.out : noResult;
    const type = types.indexOf(item.type);
    const fields =
      item.op === "convert"
        ? { from: type, to: types.indexOf(item.gives), rounding: item.rounding, x, out }
        : y === undefined
          ? { type, x, out }
          : { type, x, y, out };
    const made = { op: item.op, fields } as unknown as Instruction;
    variants[variant] = made;
    return made;
  }

  line(span: Span | undefined): KernLine | undefined {
    if (!span) return undefined;
    const found = this.lines.get(span);
    if (found) return found;
    const made = lineOf(span)!;
    this.lines.set(span, made);
    return made;
  }
}

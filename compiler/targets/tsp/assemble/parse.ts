// Text → program. Every mistake is reported with its line, and reading goes on; the instructions' lines are kept, so that a
// fault found later is shown where it was written.

import type { Span, SourceFile } from "../../../../lang/source.ts";
import type { DiagnosticSink } from "../../../../lang/diagnostics/diagnostic.ts";
import { lanes, queueNamed, vxmQueue, wordsOfBank } from "../machine/geometry.ts";
import type { Issue, KernLine, Program, Region, Segment } from "../machine/program.ts";
import { groqchipCal, profiles, type Profile } from "../machine/profile.ts";
import { ops, rowOf, type Instruction, type Op } from "../machine/table.ts";
import type { Beat } from "../machine/values.ts";
import { badRegion } from "../machine/validity.ts";
import { fieldValue } from "./text-fields.ts";

export interface Assembly {
  readonly program: Program;
  /** Where each issue stands in the text. */
  readonly places: ReadonlyMap<Issue, Span>;
}

/** Reads a program; what can't be read goes to `sink`. */
export function parseProgram(file: SourceFile, sink: DiagnosticSink): Assembly {
  const reader = new Reader(file, sink);
  let start = 0;
  for (const text of file.text.split("\n")) {
    reader.line(text, start);
    start += text.length + 1;
  }
  return reader.finish();
}

class Reader {
  private readonly file: SourceFile;
  private readonly sink: DiagnosticSink;
  private readonly issues: Issue[] = [];
  private readonly places = new Map<Issue, Span>();
  private readonly segments: Segment[] = [];
  private readonly inputs: Region[] = [];
  private readonly outputs: Region[] = [];
  private profile: Profile = groqchipCal;
  /** The queue of the lines to come, or "VXM" for all ALUs. */
  private section: number | "VXM" | undefined;
  private span: Span;

  constructor(file: SourceFile, sink: DiagnosticSink) {
    this.file = file;
    this.sink = sink;
    this.span = { file, start: 0, end: 0 };
  }

  line(text: string, start: number): void {
    const [code = "", ...comment] = text.split("#");
    const words = code.trim();
    if (words === "") return;
    const begins = start + code.indexOf(words);
    this.span = { file: this.file, start: begins, end: begins + words.length };
    if (words.startsWith(".")) this.directive(words);
    else if (words.startsWith("@")) this.instruction(words, comment.join("#").trim());
    else this.wrong("a line begins with `.` for a section or with `@` and a cycle");
  }

  finish(): Assembly {
    const { profile, segments, inputs, outputs } = this;
    const issues = this.issues.toSorted((a, b) => a.queue - b.queue || a.cycle - b.cycle);
    return { program: { profile, segments, inputs, outputs, issues }, places: this.places };
  }

  private wrong(why: string): void {
    this.sink.report("K0919", { why }, this.span);
  }

  private directive(text: string): void {
    const [name = "", ...rest] = text.split(/\s+/);
    switch (name) {
      case ".profile": {
        const found = profiles.find((each) => each.name === rest[0]);
        if (found) this.profile = found;
        else
          this.wrong(
            `there is no profile “${rest[0] ?? ""}”: ${profiles.map((each) => each.name).join(", ")}`,
          );
        return;
      }
      case ".queue": {
        const found = rest[0] === "VXM" ? ("VXM" as const) : queueNamed(rest[0] ?? "")?.id;
        if (found === undefined) this.wrong(`there is no queue “${rest[0] ?? ""}”`);
        else this.section = found;
        return;
      }
      case ".input":
      case ".output": {
        const place = this.bank(rest[1], rest[2]);
        if (!place) return;
        const count = Number(rest[3]);
        if (!Number.isInteger(count) || count < 1) return this.wrong("expected a number of words");
        if (!this.fits(place, count)) return;
        (name === ".input" ? this.inputs : this.outputs).push({ name: rest[0]!, ...place, words: count });
        return;
      }
      case ".data": {
        const place = this.bank(rest[0], rest[1]);
        if (!place) return;
        const words: Beat[] = [];
        for (const each of rest.slice(2).join(" ").split(",")) {
          const beat = beatOf(each);
          if (typeof beat === "string") return this.wrong(beat);
          words.push(beat);
        }
        if (this.fits(place, words.length)) this.segments.push({ ...place, words });
        return;
      }
      default:
        this.wrong(`there is no section “${name}”: .profile, .input, .output, .data, .queue`);
    }
  }

  private fits({ queue, address }: { queue: number; address: number }, words: number): boolean {
    const wrong = badRegion(queue, address, words);
    if (wrong) this.wrong(wrong);
    return !wrong;
  }

  /** "MEM.E.12.b0 @0x010" */
  private bank(where = "", at = ""): { queue: number; address: number } | undefined {
    const [, name, bank] = /^(MEM\.[EW]\.\d+)\.b([01])$/.exec(where) ?? [];
    const queue = queueNamed(name ?? "")?.id;
    const word = /^@(0x[\da-f]+|\d+)$/i.exec(at)?.[1];
    if (queue === undefined || word === undefined) {
      this.wrong(`expected a place such as MEM.E.12.b0 @0x010, not “${`${where} ${at}`.trim()}”`);
      return undefined;
    }
    return { queue, address: Number(bank) * wordsOfBank + Number(word) };
  }

  private instruction(text: string, comment: string): void {
    const [, cycle, words] = /^@(\d+)\s+(.+)$/.exec(text) ?? [];
    if (!words) return this.wrong("expected a cycle and an instruction, such as “@104 read b0:0x010 -> E5”");
    if (Number(cycle) > 2 ** 31) return this.wrong(`cycle ${cycle} is beyond 2^31`);
    const [, body, alu] = /^(.*?)(?:\s+alu=(\d+))?$/.exec(words)!;
    let queue = this.section;
    if (queue === "VXM") {
      if (alu === undefined || Number(alu) > 15)
        return this.wrong("an instruction of the VXM ends with alu=0 to alu=15");
      queue = vxmQueue(Number(alu));
    } else if (alu !== undefined) return this.wrong("only instructions of the VXM name an ALU");
    if (queue === undefined) return this.wrong("an instruction needs a .queue before it");
    const instruction = parseInstruction(body!);
    if (typeof instruction === "string") return this.wrong(instruction);
    const from = kernLine(comment);
    const issue: Issue = { cycle: Number(cycle), queue, instruction, ...(from && { from }) };
    this.issues.push(issue);
    this.places.set(issue, this.span);
  }
}

const kernLine = (comment: string): KernLine | undefined => {
  const [, file, line] = /^(\S+):(\d+)$/.exec(comment) ?? [];
  return file === undefined ? undefined : { file, line: Number(line) };
};

const patterns = new Map<Op, RegExp>();

function patternOf(op: Op): RegExp {
  let found = patterns.get(op);
  if (!found) {
    const escaped = rowOf(op)
      .text.replaceAll(/[.>-]/g, String.raw`\$&`)
      .replaceAll(/\s+/g, String.raw`\s+`)
      .replaceAll(/\{(\w+)\}/g, String.raw`(?<$1>[^\s,]+?)`);
    found = new RegExp(`^${escaped}$`);
    patterns.set(op, found);
  }
  return found;
}

/** "read b0:0x010 -> E5" as an instruction, or what is wrong with it. */
export function parseInstruction(text: string): Instruction | string {
  const name = /^\w+/.exec(text)?.[0] ?? "";
  const op = ops.find((each) => each === name);
  if (!op) return `there is no instruction “${name}”`;
  const row = rowOf(op);
  const groups = patternOf(op).exec(text)?.groups;
  if (!groups && Object.keys(row.fields).length > 0) return `\`${name}\` is written “${row.text}”`;
  if (!groups && text !== row.text) return `\`${name}\` takes nothing`;
  const fields: Record<string, number> = {};
  // Types first: they say how long groups of streams are.
  const order = Object.entries(row.fields).toSorted(
    ([, a], [, b]) => Number(isGroup(a.text)) - Number(isGroup(b.text)),
  );
  for (const [field, kind] of order) {
    const value = fieldValue(op, field, kind, groups![field]!, fields);
    if (typeof value === "string") return value;
    const { min, max } = kind;
    if (value < min || value > max) return `\`${field}\` is ${groups![field]}, and must be ${min} to ${max}`;
    fields[field] = value;
  }
  const ordered = Object.fromEntries(Object.keys(row.fields).map((field) => [field, fields[field]!]));
  return { op, fields: ordered } as unknown as Instruction;
}

const isGroup = (text: string): boolean =>
  ["operand", "result", "typed stream", "stream", "sums"].includes(text);

function beatOf(text: string): Beat | string {
  const bytes: number[] = [];
  for (const part of text.trim().split(/\s+/)) {
    const [, digits, times] = /^((?:[\da-f]{2})+)(?:\*(\d+))?$/i.exec(part) ?? [];
    if (digits === undefined) return `expected bytes in hexadecimal, such as 00ff or 00*320, not “${part}”`;
    const own = digits.match(/../g)!.map((byte) => Number.parseInt(byte, 16));
    if (own.length * Number(times ?? 1) > lanes) return `a word has ${lanes} bytes`;
    for (let at = 0; at < Number(times ?? 1); at++) bytes.push(...own);
  }
  return bytes.length === lanes
    ? Uint8Array.from(bytes)
    : `a word has ${lanes} bytes, and this one ${bytes.length}`;
}

// A program as text. Sections begin with a dot: the profile, what the host fills and reads, data, and one list of
// instructions a queue, or one for all ALUs of the VXM, each with its cycle. A comment at the end of a line that reads
// "file:line" is the instruction's place in a `.kern` source.

import { queues, wordsOfBank } from "../machine/geometry.ts";
import type { Fields } from "../machine/instruction.ts";
import type { Issue, Program, Region } from "../machine/program.ts";
import { rowOf, type Instruction } from "../machine/table.ts";
import type { Beat } from "../machine/values.ts";
import { fieldText } from "./text-fields.ts";

/** "read b0:0x010 -> E5" */
export function instructionText({ op, fields }: Instruction): string {
  const row = rowOf(op);
  return row.text.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    fieldText(op, name, row.fields[name]!, fields as Fields),
  );
}

export function programText({ profile, segments, inputs, outputs, issues }: Program): string {
  const lines = [`.profile ${profile.name}`];
  for (const each of inputs) lines.push(`.input ${regionText(each)}`);
  for (const each of outputs) lines.push(`.output ${regionText(each)}`);
  for (const { queue, address, words } of segments)
    lines.push(`.data ${bankText(queue, address)} ${words.map(beatText).join(", ")}`);
  let section = "";
  for (const issue of vectorUnitTogether(issues)) {
    const { name, place } = queues[issue.queue]!;
    const title = place.kind === "vxm" ? "VXM" : name;
    if (title !== section) lines.push("", `.queue ${(section = title)}`);
    const alu = place.kind === "vxm" ? ` alu=${place.alu}` : "";
    const from = issue.from ? `  # ${issue.from.file}:${issue.from.line}` : "";
    lines.push(`@${issue.cycle} ${instructionText(issue.instruction)}${alu}${from}`);
  }
  return `${lines.join("\n")}\n`;
}

/** The ALUs' instructions as one list in the order of cycles. */
function vectorUnitTogether(issues: readonly Issue[]): readonly Issue[] {
  const isVector = ({ queue }: Issue): boolean => queues[queue]!.place.kind === "vxm";
  const vector = issues.filter(isVector).toSorted((a, b) => a.cycle - b.cycle || a.queue - b.queue);
  const first = issues.findIndex(isVector);
  if (first < 0) return issues;
  const others = issues.filter((issue) => !isVector(issue));
  return [...others.slice(0, first), ...vector, ...others.slice(first)];
}

const bankText = (queue: number, address: number): string =>
  `${queues[queue]!.name}.b${Math.floor(address / wordsOfBank)} @0x${(address % wordsOfBank).toString(16).padStart(3, "0")}`;

const regionText = ({ name, queue, address, words }: Region): string =>
  `${name} ${bankText(queue, address)} ${words}`;

/** 320 bytes in hexadecimal, four or more equal ones as "00*320". */
export function beatText(beat: Beat): string {
  const parts: string[] = [];
  let plain = "";
  for (let at = 0; at < beat.length;) {
    let end = at + 1;
    while (end < beat.length && beat[end] === beat[at]) end += 1;
    const byte = beat[at]!.toString(16).padStart(2, "0");
    if (end - at >= 4) {
      if (plain) parts.push(plain);
      plain = "";
      parts.push(`${byte}*${end - at}`);
    } else {
      plain += byte.repeat(end - at);
    }
    at = end;
  }
  if (plain) parts.push(plain);
  return parts.join(" ");
}

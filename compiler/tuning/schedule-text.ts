// Schedules in a lock file: for each annotated statement the name of its first loop and its directives, in their text form.

import { parseDirective, printDirective } from "../ir/directives.ts";
import type { Directive, IrKernel } from "../ir/ir.ts";
import { IrSyntaxError, TokenReader } from "../ir/text-tokens.ts";
import { visitBlock } from "../ir/walk.ts";
import type { Schedule } from "../schedule/auto/index.ts";

export interface LockedStatement {
  readonly loop: string;
  /** `@tile(i: 4, j: 8) @unroll(i: 0) @vectorize(j: mask)` */
  readonly directives: string;
}

export function printSchedule(schedule: Schedule): readonly LockedStatement[] {
  return schedule.map(({ loop, directives }) => ({
    loop,
    directives: directives.map(printDirective).join(" "),
  }));
}

/** The schedule that the text means, or a sentence about what doesn't fit. */
export function readSchedule(statements: readonly LockedStatement[]): Schedule | string {
  try {
    return statements.map(({ loop, directives }) => ({ loop, directives: directivesOf(directives) }));
  } catch (error) {
    if (error instanceof IrSyntaxError) return `the schedule can’t be read: ${error.message}`;
    throw error;
  }
}

function directivesOf(text: string): readonly Directive[] {
  const reader = new TokenReader(text, "schedule");
  const found: Directive[] = [];
  while (reader.peek().kind !== "end") {
    // Its place in this text is nobody's.
    const { span: _, ...directive } = parseDirective(reader);
    found.push(directive);
  }
  return found;
}

/** A loop or buffer that a schedule names and the kernel doesn't have, or undefined. */
export function unknownIn(schedule: Schedule, kernel: IrKernel): string | undefined {
  const known = new Set(kernel.buffers.map(({ name }) => name));
  visitBlock(kernel.body, (stmt) => stmt.kind === "for" && known.add(stmt.name));
  const named = schedule.flatMap(({ loop, directives }) => [loop, ...directives.flatMap(namesOf)]);
  return named.find((name) => !known.has(name));
}

function namesOf(directive: Directive): readonly string[] {
  switch (directive.kind) {
    case "tile":
      return directive.sizes.map(({ loop }) => loop);
    case "stage":
      return [...directive.buffers, ...(directive.at ? [directive.at.loop] : [])];
    default:
      return directive.loops.map(({ loop }) => loop);
  }
}

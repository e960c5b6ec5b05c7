// A schedule step by step: every annotation of a kernel, the source's and the compiler's own, with the loops as they are
// once it and those before it are carried out.

import { textOf } from "../../lang/source.ts";
import type { TargetName } from "../artifact.ts";
import type { Directive, ForStmt, IrKernel, Stmt } from "../ir/ir.ts";
import { mapBlock, visitBlock, withBody } from "../ir/walk.ts";
import { annotate, annotationTexts, type Schedule, type StatementSchedule } from "../schedule/auto/index.ts";
import { applySchedules } from "../schedule/index.ts";
import { placeOf } from "../signature.ts";
import type { ScheduleStep } from "./explanation.ts";
import { nestText } from "./nest.ts";

/** The steps of a kernel that carries its annotations, in the order of the source. */
export function scheduleSteps(kernel: IrKernel, target: TargetName): readonly ScheduleStep[] {
  const whole = scheduleOf(kernel);
  const bare = withBody(kernel, mapBlock(kernel.body, plain));
  const done: StatementSchedule[] = [];
  const steps: ScheduleStep[] = [];
  for (const { loop, directives } of whole) {
    const [text] = annotationTexts(bare, [{ loop, directives }], target);
    directives.forEach((directive, at) => {
      const schedule = [...done, { loop, directives: directives.slice(0, at + 1) }];
      const nest = nestText(applySchedules(annotate(bare, schedule)));
      const own = directive.span;
      steps.push({
        annotation: own ? textOf(own) : text!.lines[at]!,
        place: placeOf(own ?? text?.span),
        nest,
      });
    });
    done.push({ loop, directives });
  }
  return steps;
}

/** What the loops of a kernel carry, as directives of statements. */
function scheduleOf(kernel: IrKernel): Schedule {
  const found: StatementSchedule[] = [];
  const told = new Set<string>();
  visitBlock(kernel.body, (stmt) => {
    if (stmt.kind !== "for") return;
    if (stmt.schedule) {
      found.push({ loop: stmt.name, directives: stmt.schedule });
      for (const each of stmt.schedule) for (const loop of loopsOf(each)) told.add(`${each.kind} ${loop}`);
    }
    const rest = marksOf(stmt).filter(({ kind }) => !told.has(`${kind} ${stmt.name}`));
    if (rest.length > 0) found.push({ loop: stmt.name, directives: rest });
  });
  return found;
}

const loopsOf = (directive: Directive): readonly string[] =>
  "loops" in directive ? directive.loops.map(({ loop }) => loop) : [];

/** The marks of a loop as the directives that set them. */
function marksOf({ name, marks }: ForStmt): readonly Directive[] {
  const loops = [{ loop: name }];
  return [
    ...(marks.parallel ? [{ kind: "parallel", loops } as const] : []),
    ...(marks.threads ? [{ kind: "threads", loops } as const] : []),
    ...(marks.unroll === undefined ? [] : [{ kind: "unroll", loops, factor: marks.unroll } as const]),
    ...(marks.vectorize ? [{ kind: "vectorize", loops, ...marks.vectorize } as const] : []),
  ];
}

function plain(stmt: Stmt): Stmt {
  if (stmt.kind !== "for") return stmt;
  const { schedule: _told, marks, ...loop } = stmt;
  return { ...loop, marks: marks.label === undefined ? {} : { label: marks.label } };
}

// `kernc explain --target tsp`: the program that kernels become for given sizes, its cycles and what bounds them, and a
// picture of the units over time.

import { annotationsOf } from "../../../compiler/annotations.ts";
import { placeOf } from "../../../compiler/signature.ts";
import { textOf, type Span } from "../../../lang/source.ts";
import type { PathStep } from "../../../compiler/targets/tsp/critical-path.ts";
import { UsageError, type Given } from "../command.ts";
import type { Outcome } from "../../../compiler/targets/tsp/lower/steering.ts";
import type { TKernel } from "../../../lang/typed.ts";
import { addresses, slicesOfSide } from "../../../compiler/targets/tsp/machine/geometry.ts";
import { settingsOf, type Opened } from "../kernels.ts";
import { checkPicture, writeFiles } from "../outputs.ts";
import { refusal } from "../tsp-files.ts";
import { fileHost } from "../sources.ts";
import type { Terminal } from "../terminal.ts";

/** Lowers the kernels for the sizes of `--shape` and shows what comes of it; the exit code. */
export async function explainTsp(
  opened: Opened,
  kernels: readonly string[] | undefined,
  given: Given,
  terminal: Terminal,
): Promise<number> {
  const [
    { compile },
    { checkProgram },
    { lowerKernel },
    { groqchipCal },
    { pathOf, reportOf },
    { pictureOf },
    { timelineOf },
    { criticalPath },
  ] = await Promise.all([
    import("../../../compiler/index.ts"),
    import("../../../compiler/targets/tsp/assemble/check.ts"),
    import("../../../compiler/targets/tsp/lower/index.ts"),
    import("../../../compiler/targets/tsp/machine/profile.ts"),
    import("../../../compiler/targets/tsp/report.ts"),
    import("../../../compiler/targets/tsp/picture.ts"),
    import("../../../compiler/targets/tsp/assemble/timeline.ts"),
    import("../../../compiler/targets/tsp/critical-path.ts"),
  ]);
  const settings = settingsOf(given);
  const compiled = await compile(opened.file, {
    set: settings.set,
    host: fileHost(opened.file.path),
    target: [],
    ...(kernels && { kernels }),
  });
  const picture = given.get("picture");
  if (picture !== undefined) checkPicture(picture);
  const instances = compiled.forTsp();
  if (picture !== undefined && instances.length > 1)
    throw new UsageError(
      `--picture draws one kernel, and there are ${instances.map(({ typed }) => typed.instance).join(", ")}`,
      `name one: ${opened.file.path}:${instances[0]!.typed.name}`,
    );
  let refused = 0;
  const plain = new Map(compiled.kernels.map((kernel) => [kernel.typed, kernel.ir]));
  for (const { typed, ir } of instances) {
    const missing = ir.dims.map(({ name }) => name).filter((name) => settings.shape?.[name] === undefined);
    if (missing.length > 0)
      throw new UsageError(
        `\`${typed.name}\` needs --shape ${missing.map((name) => `${name}=…`).join(",")} for the TSP`,
      );
    const known = new Map(Object.entries(settings.shape ?? {}));
    // Any value will do that isn't simplified away, as 0 and 1 are.
    for (const param of ir.params) if (param.kind === "scalar") known.set(param.name, 3);
    const lowered = lowerKernel(ir, known, groqchipCal);
    if ("why" in lowered && lowered.annotation) throw refusal(typed.name, lowered);
    if ("why" in lowered) {
      refused += 1;
      terminal.out(`${typed.name}: not for the TSP, it has ${lowered.why}\n`);
      continue;
    }
    // Repetitions are written out once, and the critical path is walked once, for all that is shown of them.
    const timeline = timelineOf(lowered.program);
    const steps = criticalPath(lowered.program, timeline);
    const { cycles, lastTile, profile, uses, bound, lines, sram } = reportOf(lowered.program, timeline);
    terminal.out(
      `${typed.name} (TSP, simulated, ${profile}): ${cycles} cycles, ${lastTile} at the last tile; ` +
        `${lowered.rows} rows, one every ${lowered.interval}\n` +
        `  bound: ${bound.name}, ${bound.busiest} cycles; ${cycles - bound.busiest} above it\n`,
    );
    for (const { name, busiest, done, width } of uses)
      terminal.out(
        `  ${name.padEnd(11)} busiest ${String(busiest).padStart(7)} cycles, ${((100 * done) / width / cycles).toFixed(1)} % of all\n`,
      );
    terminal.out(
      `  SRAM: ${sram.peak} words of 320 bytes at most at once, ${sram.words} in all, of ${2 * slicesOfSide * addresses}\n`,
    );
    terminal.out("  the critical path’s cycles:\n");
    for (const step of pathOf(lowered.program, steps).slice(0, 8)) terminal.out(`  ${pathLine(step)}\n`);
    terminal.out("  instructions:\n");
    for (const { place, issued } of lines.slice(0, 10))
      terminal.out(`  ${String(issued).padStart(7)}  ${place}\n`);
    const unsteered = lowered.steered.some(({ done }) => done)
      ? lowerKernel(plain.get(typed)!, known, groqchipCal)
      : undefined;
    const alone =
      unsteered && "program" in unsteered
        ? `${checkProgram(unsteered.program).cycles} cycles without them`
        : "no program without them";
    terminal.out(annotationLines(lowered.steered, typed, unsteered && alone));
    if (picture !== undefined) {
      const sizes = ir.dims.map(({ name }) => `${name} = ${known.get(name)}`);
      const bytes = pictureOf(lowered.program, [typed.name, ...sizes].join(", "), timeline, steps);
      writeFiles([{ path: picture, bytes }]);
    }
  }
  return refused > 0 ? 1 : 0;
}

const reasons = {
  busy: "one after the other",
  way: "results on their way",
  idle: "nothing could be issued",
} as const;

/** What became of annotations; `alone` is what the program would be without those that are carried out. */
function annotationLines(steered: readonly Outcome[], typed: TKernel, alone: string | undefined): string {
  const lines = (title: string, list: readonly { span: Span | undefined; what?: string }[]): string =>
    list.length === 0 ? "" : `  ${title}\n${list.map((each) => `  ${annotationLine(each)}\n`).join("")}`;
  const others = annotationsOf(typed).filter(({ target }) => target === undefined);
  return [
    lines(
      `annotations carried out (${alone}):`,
      steered.filter(({ done }) => done),
    ),
    lines(
      "annotations that mean nothing here:",
      steered.filter(({ done }) => !done),
    ),
    lines("annotations not for this target, which `@tsp.` steers:", others),
  ].join("");
}

function annotationLine({ span, what }: { span: Span | undefined; what?: string }): string {
  const place = placeOf(span);
  const text = span ? textOf(span) : "";
  return `${" ".repeat(7)}  ${text}${what === undefined ? "" : `: ${what}`}  ${place ? `${place.file}:${place.line}` : ""}`.trimEnd();
}

const pathLine = ({ cycles, unit, place, why }: PathStep): string =>
  `${String(cycles).padStart(7)}  ${unit.padEnd(11)} ${reasons[why].padEnd(23)} ${place}`.trimEnd();

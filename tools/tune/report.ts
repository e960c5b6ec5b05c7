// What `kernc tune` says in the end: how many candidates came how far, the fastest ones as bars beside the values in force,
// what was decided, and the annotations to paste.

import { annotationsOf } from "../../compiler/annotations.ts";
import { annotationText, choiceOf, resolved, type Knob } from "../../compiler/tuning/values.ts";
import type { TKernel } from "../../lang/typed.ts";
import type { Terminal } from "../kernc/terminal.ts";
import { milliseconds, spreadOf } from "../timing/statistics.ts";
import type { Candidate } from "./candidate.ts";
import { labelsOf } from "./labels.ts";
import type { Outcome, Progress, Ranked } from "./search.ts";

/** Bars of the table. */
const shown = 12;
const barWidth = 24;
/** Characters of a candidate's name. */
const widest = 96;

export interface ReportOptions {
  readonly kernel: string;
  readonly dims: Readonly<Record<string, number>>;
  /** "Node 20.19.0, V8 …", or what the GPU calls itself. */
  readonly place: string;
  readonly size: number;
  readonly verbose: boolean;
  /** What the baseline is: "the values in the lock file", "the first values". */
  readonly inForce: string;
}

/** One line while it goes on, cut where the terminal ends. */
export function progressText(
  { stage, tried, left, best, remaining }: Progress,
  kernel: string,
  columns: number,
): string {
  const what = { compiling: "compiling", timing: "timing", final: "final" }[stage];
  const lead = best ? `, best ${best.ratio.toFixed(2)}× with ${best.label}` : "";
  const text = `tuning ${kernel}: ${what}, ${Math.ceil(remaining / 1000)} s left, ${tried} tried, ${left} in the race${lead}`;
  return text.length < columns ? text : `${text.slice(0, columns - 2)}…`;
}

export function showOutcome(outcome: Outcome, options: ReportOptions, terminal: Terminal): void {
  const { bold, dim, green, red, yellow } = terminal.colors;
  const { kernel, dims, place, size, verbose, inForce } = options;
  const sizes = Object.entries(dims).map(([name, value]) => `${name}=${value}`);
  terminal.out(`${bold(kernel)}  ${sizes.join(" ")}  ${dim(place)}\n`);
  terminal.out(`${countsText(outcome, size)}\n`);
  const few = verbose ? 8 : 0;
  for (const { candidate, why } of outcome.refused.slice(0, few))
    terminal.out(`  ${dim(`refused ${candidate.label}: ${why}`)}\n`);
  for (const { candidate, why } of outcome.wrong)
    terminal.out(
      `  ${red(`✗ ${candidate.label} gives wrong results, ${why}`)}\n    this is a bug in kernc: please report it\n`,
    );
  table(outcome, inForce, terminal);
  const noise = `measurements of the same code differ by ${percent(outcome.noise)}`;
  const { winner, baseline } = outcome;
  if (winner)
    terminal.out(
      `${green("✓")} ${winner.candidate.schedule ? "the first schedule" : winner.candidate.label}: ${percent(1 - winner.standing!.ratio)} less time than ${inForce} (${noise})\n`,
    );
  else if (outcome.ranked.length === 0 && baseline.standing === undefined)
    terminal.out(`${yellow("!")} nothing was timed\n`);
  else terminal.out(`${green("✓")} nothing beats ${inForce} by more than the noise: ${noise}\n`);
}

/** "36 candidates: 30 tried, 4 refused by the checker, 2 of the same code, 24 timed; all agree with the interpreter" */
function countsText(outcome: Outcome, size: number): string {
  const { tried, refused, same, wrong, ranked, ended } = outcome;
  const parts = [
    `${tried} tried`,
    `${refused.length} refused`,
    `${same} with the code of another`,
    ...(wrong.length > 0 ? [`${wrong.length} wrong`] : []),
    `${ranked.length + 1} timed`,
  ];
  const why = { complete: "", budget: "; the time was up", interrupted: "; interrupted" }[ended];
  return `${size} candidates: ${parts.join(", ")}${why}`;
}

function table({ ranked, baseline }: Outcome, inForce: string, terminal: Terminal): void {
  const { dim, green } = terminal.colors;
  const rows: (Ranked & { readonly own?: true })[] = [
    { ...baseline, own: true as const },
    ...ranked.slice(0, shown - 1),
  ].toSorted((a, b) => ratioOf(a) - ratioOf(b));
  const longest = Math.max(...rows.map(({ time }) => time.median));
  const labels = labelsOf(rows.map(({ candidate }) => candidate));
  const name = ({ candidate }: Ranked): string => shortened(labels.of(candidate));
  const width = Math.max(...rows.map((row) => name(row).length));
  if (labels.common.length > 0) terminal.out(`  ${dim(`all schedules: ${labels.common.join(" ")}`)}\n`);
  for (const row of rows) {
    const { time, standing, own, finalist } = row;
    const bar = "█".repeat(Math.max(Math.round((time.median / longest) * barWidth), 1)).padEnd(barWidth);
    const ratio = own ? "  1.00×" : standing ? `${standing.ratio.toFixed(2).padStart(6)}×` : "      —";
    const note = own ? inForce : finalist ? "" : "left early";
    terminal.out(
      `  ${name(row).padEnd(width)}  ${own ? green(bar) : bar} ${milliseconds(time.median).padStart(10)} ±${String(Math.round(spreadOf(time) * 100)).padStart(2)} %${ratio}  ${dim(note)}`.trimEnd() +
        "\n",
    );
  }
  if (ranked.length > shown - 1) terminal.out(dim(`  and ${ranked.length - shown + 1} slower ones\n`));
}

const shortened = (label: string): string =>
  label.length > widest ? `${label.slice(0, widest - 1)}…` : label;

const ratioOf = ({ standing, time }: Ranked & { readonly own?: true }): number =>
  standing?.ratio ?? 1e6 + time.median;

const percent = (part: number): string => `${(part * 100).toFixed(1)} %`;

/** The annotations to paste, in the place of those that have lists, or of all where the candidate is a schedule. */
export function pasteText(
  { values, annotations }: Candidate,
  kernel: TKernel,
  knobs: readonly Knob[],
): readonly string[] {
  if (annotations) return annotations;
  const choice = choiceOf(knobs, values);
  if (typeof choice === "string") return [];
  const places = new Set<string>();
  return annotationsOf(kernel).flatMap((annotation) => {
    const before = annotationText(annotation);
    const after = annotationText(resolved(annotation, choice));
    const place = `${annotation.span.file.path}:${annotation.span.start}`;
    if (before === after || places.has(place)) return [];
    places.add(place);
    return [after];
  });
}

// One kernel's explanation on a terminal: its source with the facts of each line below it, then each target.

import type { AnnotationNote, Fact, KernelExplanation, TargetExplanation } from "../../../compiler/index.ts";
import type { ShapeExpr } from "../../../compiler/artifact.ts";
import { positionAt, type SourceFile } from "../../../lang/source.ts";
import type { Colors, Terminal } from "../terminal.ts";
import { showCode } from "./emitted.ts";

export interface ShowOptions {
  readonly code: boolean;
  /** Show the loops after each annotation. */
  readonly schedule: boolean;
  readonly width: number;
  readonly file: SourceFile;
}

export function showKernel(kernel: KernelExplanation, options: ShowOptions, terminal: Terminal): void {
  const { bold, dim } = terminal.colors;
  const settings = Object.entries(kernel.comptime).map(([name, value]) => `${name}=${value}`);
  terminal.out(
    `${bold(kernel.instance)}${settings.length ? dim(` [${settings.join(", ")}]`) : ""}  ${counts(kernel)}\n\n`,
  );
  showSource(kernel, options, terminal);
  terminal.out(`\n${bold("Loops as written")}\n${indent(kernel.nest)}`);
  for (const target of kernel.targets) showTarget(target, options, terminal);
  terminal.out("\n");
}

function counts({
  proved,
  runtimeChecks,
}: {
  readonly proved: number;
  readonly runtimeChecks: number;
}): string {
  const checks = runtimeChecks === 1 ? "1 check is" : `${runtimeChecks || "no"} checks are`;
  return `${proved} ${proved === 1 ? "access is" : "accesses are"} proved in bounds, ${checks} left to the run`;
}

/** Every line that something is known of, with what is known. */
function showSource(
  { facts, place, targets }: KernelExplanation,
  { file }: ShowOptions,
  terminal: Terminal,
): void {
  const { dim, green, yellow, bold } = terminal.colors;
  const byLine = new Map<string, { line: number; file: string; text: string; notes: string[] }>();
  const add = (at: Fact["place"], note: string): void => {
    const where = at ?? place;
    if (!where) return;
    const key = `${where.file}:${where.line}`;
    const known = byLine.get(key) ?? { line: where.line, file: where.file, text: where.text, notes: [] };
    byLine.set(key, known);
    if (!known.notes.includes(note)) known.notes.push(note);
  };
  for (const fact of facts) add(fact.place, factText(fact, terminal.colors));
  for (const target of targets) {
    if (target.refused) continue;
    for (const fact of target.facts)
      add(fact.place, `${factText(fact, terminal.colors)} ${dim(`(${target.target})`)}`);
    for (const note of target.annotations) add(note.place, annotationText(note, target, { green, yellow }));
  }
  const own = [...byLine.values()].filter((each) => each.file === file.path);
  const others = [...byLine.values()].filter((each) => each.file !== file.path);
  const first = place?.line ?? 1;
  const last = Math.max(first, ...own.map(({ line }) => line));
  const lines = file.text.split("\n");
  const width = String(positionAt(file, file.text.length).line).length;
  // The whole kernel, so that the notes stand in their surroundings; lines of other declarations only where noted.
  const shown = new Set(own.map(({ line }) => line));
  for (let line = first; line <= last; line++) if (!isFar(line, shown)) shown.add(line);
  let before = 0;
  for (const line of [...shown].toSorted((a, b) => a - b)) {
    if (before && line > before + 1) terminal.out(dim(`${" ".repeat(width)}  ⋮\n`));
    before = line;
    terminal.out(`${dim(String(line).padStart(width))}  ${bold(lines[line - 1] ?? "")}\n`);
    for (const note of byLine.get(`${file.path}:${line}`)?.notes ?? [])
      terminal.out(`${" ".repeat(width)}  ${dim("│")} ${note}\n`);
  }
  for (const { file: path, line, text, notes } of others) {
    terminal.out(`${dim(`${path}:${line}`)}  ${text.trim()}\n`);
    for (const note of notes) terminal.out(`${" ".repeat(width)}  ${dim("│")} ${note}\n`);
  }
}

/** Lines without notes are shown near others that have some. */
const isFar = (line: number, noted: ReadonlySet<number>): boolean =>
  ![line - 2, line - 1, line, line + 1, line + 2].some((each) => noted.has(each));

function factText(
  { subject, claim, how, checkedAtRunTime }: Fact,
  { green, yellow, dim, cyan }: Colors,
): string {
  const mark = checkedAtRunTime ? yellow("?") : green("✓");
  return `${mark} ${cyan(subject)}  ${claim}  ${dim(`— ${how}`)}`;
}

function annotationText(
  { annotation, honoured, why, values }: AnnotationNote,
  { target, tunedFor = {} }: Extract<TargetExplanation, { refused?: undefined }>,
  { green, yellow }: Pick<Colors, "green" | "yellow">,
): string {
  const done = honoured ? green(`✓ ${annotation} is applied`) : yellow(`✗ ${annotation} is not applied`);
  const sizes = Object.entries(tunedFor).map(([name, size]) => `${name}=${size}`);
  const chosen = (values ?? []).map(({ argument, value, from }) => {
    const what = /^\d/.test(argument) ? value : `${argument}=${value}`;
    return from === "lock"
      ? `${what} from the lock file, tuned for ${sizes.join(" ")}`
      : `${what}, the first value`;
  });
  const notes = [...chosen, ...(why ? [why] : [])];
  return `${done} on ${target}${notes.length > 0 ? `: ${notes.join("; ")}` : ""}`;
}

function showTarget(target: TargetExplanation, options: ShowOptions, terminal: Terminal): void {
  const { bold, dim, yellow } = terminal.colors;
  terminal.out(`\n${bold(target.target)}`);
  if (target.refused) {
    terminal.out(`  ${yellow("can’t hold this kernel")}\n`);
    return;
  }
  const features = target.features.length ? `, needs ${target.features.join(", ")}` : "";
  terminal.out(dim(`  ${phasesText(target)}${features}\n`));
  const dropped = target.annotations.filter(({ honoured }) => !honoured);
  for (const { annotation, why, place } of dropped)
    terminal.out(
      `  ${yellow(`${annotation} is not applied`)}${place ? ` (line ${place.line})` : ""}: ${why}\n`,
    );
  if (target.gpu) showGpu(target.gpu, terminal);
  showChosen(target, options, terminal);
  if (options.schedule)
    for (const { annotation, nest } of target.steps)
      terminal.out(`  ${dim("after")} ${bold(annotation)}\n${indent(indent(nest))}`);
  if (options.schedule && target.steps.length > 0) terminal.out(dim("  after all passes\n"));
  terminal.out(indent(target.nest));
  if (options.code) {
    terminal.out("\n");
    showCode(target.code, options, terminal);
  }
}

/** How f16 is computed. */
const halfForms = {
  native: "f16 is the GPU's own, by the feature shader-f16",
  "in f32": "f16 is held in f32 and rounded after each operation; --features shader-f16 computes it natively",
} as const;

/** How products of bytes are added up. */
const dotForms = {
  native: "bytes are multiplied four at a time, by the feature packed_4x8_integer_dot_product",
  unpacked:
    "bytes are multiplied one by one; --features packed_4x8_integer_dot_product multiplies four at a time",
} as const;

/** Workgroups, registers, and each access of a tensor by neighbouring invocations. */
function showGpu(
  {
    phases,
    accesses,
    wide,
    halves,
    dots,
  }: NonNullable<Extract<TargetExplanation, { refused?: undefined }>["gpu"]>,
  { out, colors: { dim, green, yellow, cyan } }: Terminal,
): void {
  phases.forEach(({ invocations, workgroupBytes, registers, combines }, at) => {
    const name = phases.length > 1 ? `phase ${at + 1}: ` : "";
    const memory = workgroupBytes > 0 ? `, ${workgroupBytes} bytes of workgroup memory` : "";
    out(dim(`  ${name}${invocations} invocations a workgroup${memory}, about ${registers} registers each\n`));
    if (combines) out(dim(`  ${name}values of a workgroup are combined ${combines}\n`));
  });
  if (halves) out(dim(`  ${halfForms[halves]}\n`));
  if (dots) out(dim(`  ${dotForms[dots]}\n`));
  if (wide.length > 0)
    out(dim(`  in vectors of 4 where rows are multiples of 4 long and apart: ${wide.join(", ")}\n`));
  for (const { subject, write, coalesced, why, place } of accesses) {
    const mark = coalesced ? green("✓ coalesced") : yellow("✗ not coalesced");
    const where = place ? `line ${place.line}: ` : "";
    out(`  ${dim(where)}${cyan(subject)} ${write ? "written" : "read"}  ${mark}  ${dim(`— ${why}`)}\n`);
  }
}

/** What the compiler chose, as lines to paste. */
function showChosen(
  { chosen }: Extract<TargetExplanation, { refused?: undefined }>,
  { file }: ShowOptions,
  { out, colors: { dim, cyan } }: Terminal,
): void {
  for (const { place, annotations } of chosen) {
    const where = place
      ? place.file === file.path
        ? `line ${place.line}`
        : `${place.file}:${place.line}`
      : "the loops";
    out(dim(`  scheduled without annotations; these say the same before ${where}:\n`));
    for (const annotation of annotations) out(`    ${cyan(annotation)}\n`);
  }
}

function phasesText({ phases }: Extract<TargetExplanation, { refused?: undefined }>): string {
  const each = phases.map(({ parallel, extent }) =>
    parallel ? `shared over ${shapeText(extent)}` : "serial",
  );
  return phases.length === 1 ? `one phase, ${each[0]}` : `${phases.length} phases: ${each.join("; ")}`;
}

/** A shape expression as Kern writes it. */
export function shapeText(expr: ShapeExpr): string {
  if (typeof expr === "number") return String(expr);
  if (typeof expr === "string") return expr;
  const [operator, ...operands] = expr;
  const parts = operands.map((operand) =>
    typeof operand === "object" && !/^[a-z]/.test(String(operand[0]))
      ? `(${shapeText(operand)})`
      : shapeText(operand),
  );
  if (operator === "select") return `${parts[1]} if ${parts[0]} else ${parts[2]}`;
  if (operator === "min" || operator === "max") return `${operator}(${parts.join(", ")})`;
  return parts.length === 1 ? `${operator} ${parts[0]}` : parts.join(` ${operator} `);
}

const indent = (text: string): string => text.replaceAll(/^(?=.)/gm, "  ");

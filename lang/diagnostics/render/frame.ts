// The code frame: source lines with line numbers, and under each the carets and labels of the places on it.
// Columns are those of a terminal: tabs and wide characters don't shift a caret, and of a very long line
// only the part around its places is shown.

import { lineStartsOf, positionAt, type SourceFile, type Span } from "../../source.ts";
import { show, type Paint, type Style } from "./style.ts";

export interface Mark {
  readonly span: Span;
  readonly text: string;
  readonly primary: boolean;
}

/** A mark on one line, in columns of the shown line. */
interface Placed {
  readonly from: number;
  readonly to: number;
  readonly text: string;
  readonly primary: boolean;
}

/** More lines than this between two marks are left out. */
const gap = 2;
/** Of a span of several lines so many are shown at its beginning. */
const spanLines = 4;

/** The text of a one-based line, without its line end. */
export function lineText(file: SourceFile, line: number): string {
  const starts = lineStartsOf(file);
  const start = starts[line - 1] ?? file.text.length;
  return file.text.slice(start, starts[line] ?? file.text.length).replace(/[\r\n]+$/, "");
}

/** The frame of all marks in one file. `margin` is the width of the line numbers. */
export function frame(
  file: SourceFile,
  marks: readonly Mark[],
  options: { paint: Paint; width: number; margin: number; primary: Style },
): string[] {
  const { paint, margin, primary } = options;
  const byLine = new Map<number, Placed[]>();
  for (const mark of marks) place(file, mark, byLine);
  const lines = [...byLine.keys()].toSorted((a, b) => a - b);
  const bar = `${" ".repeat(margin)} ${paint("frame", "│")}`;
  const out: string[] = [bar];
  let before: number | undefined;
  for (const line of lines) {
    if (before !== undefined && line - before > gap + 1)
      out.push(`${" ".repeat(margin)} ${paint("frame", "┆")}`);
    else if (before !== undefined) {
      for (let between = before + 1; between < line; between++)
        out.push(sourceLine(file, between, undefined, options));
    }
    const placed = byLine.get(line)!;
    const window = windowOf(show(lineText(file, line)).columns.at(-1)!, placed, options.width - margin - 4);
    out.push(sourceLine(file, line, window, options));
    for (const row of underlines(placed, window, paint, primary)) out.push(`${bar} ${row}`);
    before = line;
  }
  return out;
}

function place(file: SourceFile, mark: Mark, byLine: Map<number, Placed[]>): void {
  const { span, text, primary } = mark;
  const first = positionAt(file, span.start).line;
  const last = span.end > span.start ? positionAt(file, span.end - 1).line : first;
  for (let line = first; line <= Math.min(last, first + spanLines - 1); line++) {
    const source = lineText(file, line);
    const start = lineStartsOf(file)[line - 1] ?? 0;
    const { columns } = show(source);
    const indent = source.length - source.trimStart().length;
    const at = (offset: number): number => columns[Math.min(Math.max(offset - start, 0), source.length)]!;
    const from = line === first ? at(span.start) : columns[indent]!;
    const to = line === last ? at(span.end) : columns.at(-1)!;
    if (line !== first && source.trim() === "") continue;
    const ends = line === Math.min(last, first + spanLines - 1);
    const list = byLine.get(line) ?? [];
    list.push({ from, to: Math.max(to, from + 1), text: ends ? text : "", primary });
    byLine.set(line, list);
  }
}

interface Window {
  readonly from: number;
  readonly to: number;
}

/** The columns of a long line that are shown: around its primary mark. */
function windowOf(width: number, placed: readonly Placed[], room: number): Window {
  const available = Math.max(room, 40);
  if (width <= available) return { from: 0, to: Math.max(width, available) };
  const focus = placed.find((mark) => mark.primary) ?? placed[0]!;
  const from = Math.max(0, Math.min(focus.from - Math.floor(available / 3), width - available));
  return { from, to: from + available };
}

function sourceLine(
  file: SourceFile,
  line: number,
  window: Window | undefined,
  { paint, width, margin }: { paint: Paint; width: number; margin: number },
): string {
  const shown = show(lineText(file, line));
  const { from, to } =
    window ??
    windowOf(shown.columns.at(-1)!, [{ from: 0, to: 1, text: "", primary: false }], width - margin - 4);
  const text = cut(shown.text, from, to, shown.columns.at(-1)!);
  return `${paint("frame", `${String(line).padStart(margin)} │`)} ${text}`.trimEnd();
}

/** The part of a shown line between two columns, with `…` where something is left out. */
function cut(text: string, from: number, to: number, width: number): string {
  if (from === 0 && width <= to) return text;
  let column = 0;
  let out = "";
  for (const char of text) {
    const wide = show(char).columns.at(-1)!;
    if (column >= from && column + wide <= to) out += char;
    else if (column < from && column + wide > from) out += " ";
    column += wide;
  }
  const chars = [...out];
  if (from > 0 && chars.length > 0) chars[0] = "…";
  if (width > to && chars.length > 0) chars[chars.length - 1] = "…";
  return chars.join("");
}

/** The carets of a line, then its labels from right to left, each on a row of its own unless it fits. */
function underlines(placed: readonly Placed[], window: Window, paint: Paint, primary: Style): string[] {
  const marks = placed
    .map((mark) => ({
      ...mark,
      from: Math.max(mark.from, window.from) - window.from,
      to: Math.min(mark.to, window.to) - window.from,
    }))
    .filter(({ from, to }) => to > from)
    .toSorted((a, b) => a.from - b.from || Number(b.primary) - Number(a.primary));
  const style = (mark: Placed): Style => (mark.primary ? primary : "frame");
  // Where marks overlap, the primary one shows.
  const cells: { char: string; style: Style }[] = [];
  for (const mark of marks.toSorted((a, b) => Number(a.primary) - Number(b.primary))) {
    for (let column = mark.from; column < mark.to; column++) {
      cells[column] = { char: mark.primary ? "^" : "-", style: style(mark) };
    }
  }
  let row = paintCells(cells, paint);
  const labelled = marks.filter(({ text }) => text);
  const rows: string[] = [];
  const last = labelled.at(-1);
  const rest =
    last && last.from >= Math.max(...marks.map(({ from }) => from)) ? labelled.slice(0, -1) : labelled;
  if (last && rest !== labelled) row += ` ${paint(style(last), last.text)}`;
  rows.push(row);
  for (let index = rest.length - 1; index >= 0; index--) {
    const mark = rest[index]!;
    const bars: { char: string; style: Style }[] = [];
    for (const other of rest.slice(0, index))
      if (other.from < mark.from) bars[other.from] = { char: "│", style: style(other) };
    bars.length = mark.from;
    rows.push(paintCells(bars, paint) + paint(style(mark), mark.text));
  }
  return rows;
}

/** Cells to text, painting runs of one style together. */
function paintCells(cells: readonly ({ char: string; style: Style } | undefined)[], paint: Paint): string {
  let out = "";
  let run = "";
  let style: Style = "plain";
  for (let column = 0; column <= cells.length; column++) {
    const cell = cells[column];
    const next = cell?.style ?? "plain";
    if (next !== style || column === cells.length) {
      out += paint(style, run);
      run = "";
      style = next;
    }
    if (column < cells.length) run += cell?.char ?? " ";
  }
  return out;
}

// Emitted text, line by line, each with its place in the source. Both emitters say it in comments of their own: WAT in
// `;;@ file:line:column`, WGSL in `// file:line  text`.

import type { SourceFile } from "../../lang/source.ts";
import { lineStartsOf } from "../../lang/source.ts";
import type { SourcePlace, TargetName } from "../artifact.ts";
import type { IrKernel } from "../ir/ir.ts";
import { blocksOf, type Block } from "../ir/walk.ts";
import type { CodeLine } from "./explanation.ts";

/** The lines of a kernel's emitted text. */
export function codeLines(target: TargetName, text: string, kernel: IrKernel): CodeLine[] {
  const files = filesOf(kernel);
  const lines: CodeLine[] = [];
  let place: SourcePlace | undefined;
  let depth = 0;
  for (const raw of text.split("\n")) {
    const marked = target === "wgsl" ? wgslMark.exec(raw.trim()) : wasmMark.exec(raw.trim());
    if (marked) {
      const [, path, line, column] = marked;
      place = placeIn(files, path!.replaceAll("%20", " "), Number(line), Number(column ?? 1)) ?? place;
      continue;
    }
    if (raw.trim() === "") continue;
    // What begins a function has no place of its own.
    if (/^(\(func|fn |@compute|struct |@group)/.test(raw)) place = undefined;
    if (target === "wgsl") {
      lines.push({ text: raw, place });
      continue;
    }
    const trimmed = raw.trim();
    const leading = /^\)*/.exec(trimmed)![0].length;
    lines.push({ text: "  ".repeat(Math.max(0, depth - leading)) + trimmed, place });
    depth += parentheses(trimmed);
  }
  return lines;
}

const wasmMark = /^;;@ (\S+):(\d+):(\d+)$/;
const wgslMark = /^\/\/ ([^:]+):(\d+)(?: {2}|$)/;

/** Opening minus closing parentheses, strings left out. */
function parentheses(line: string): number {
  const plain = line.replaceAll(/"(?:[^"\\]|\\.)*"/g, "");
  return (plain.match(/\(/g)?.length ?? 0) - (plain.match(/\)/g)?.length ?? 0);
}

function placeIn(
  files: ReadonlyMap<string, SourceFile>,
  path: string,
  line: number,
  column: number,
): SourcePlace | undefined {
  const file = files.get(path) ?? files.get(path.replace(/^.*[/\\]/, ""));
  if (!file) return undefined;
  const starts = lineStartsOf(file);
  return { file: file.path, line, column, text: file.text.slice(starts[line - 1], starts[line]).trimEnd() };
}

/** The files that statements of a kernel come from, by path and by name. */
function filesOf(kernel: IrKernel): Map<string, SourceFile> {
  const files = new Map<string, SourceFile>();
  const add = (file: SourceFile | undefined): void => {
    if (!file) return;
    files.set(file.path, file);
    const name = file.path.replace(/^.*[/\\]/, "");
    if (!files.has(name)) files.set(name, file);
  };
  add(kernel.span?.file);
  const visit = (block: Block): void => {
    for (const stmt of block) {
      add(stmt.span?.file);
      blocksOf(stmt).forEach(visit);
    }
  };
  visit(kernel.body);
  return files;
}

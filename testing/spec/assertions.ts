// Inline assertions in a block: `# error[K0301] "text"` on the line where a diagnostic begins, or on a line of its own
// above it. What is asserted must be reported, and what is reported must be asserted.

import { isCatalogueCode } from "../../lang/diagnostics/catalogue/index.ts";
import type { Diagnostic } from "../../lang/diagnostics/diagnostic.ts";
import { positionAt } from "../../lang/source.ts";

export interface Assertion {
  readonly code: string;
  readonly severity: string;
  /** Some words of what is said. */
  readonly text?: string;
  /** The file that it lies in, where that is another one. */
  readonly file?: string;
  /** The target that reports it, where not every one does. */
  readonly target?: string;
  /** One-based in the block. */
  readonly line: number;
}

const pattern = /(?:(wasm|wgsl): )?\b(error|warning)\[(K\d{4})(?: in ([\w.-]+))?\](?: "((?:[^"\\]|\\.)*)")?/g;

/** The assertions in a block's text, with the lines they speak of. */
export function assertionsIn(text: string): readonly Assertion[] {
  const found: Assertion[] = [];
  let waiting: Omit<Assertion, "line">[] = [];
  text.split("\n").forEach((content, at) => {
    const here = [...content.matchAll(pattern)].map(([, target, severity, code, file, words]) => ({
      code: code!,
      severity: severity!,
      ...(words !== undefined && { text: words.replace(/\\(.)/g, "$1") }),
      ...(file !== undefined && { file }),
      ...(target !== undefined && { target }),
    }));
    const alone = here.length > 0 && /^\s*#\s*(wasm: |wgsl: )?(error|warning)\[/.test(content);
    if (alone) {
      waiting.push(...here);
      return;
    }
    found.push(...[...waiting, ...here].map((each) => ({ ...each, line: at + 1 })));
    waiting = [];
  });
  found.push(...waiting.map((each) => ({ ...each, line: text.split("\n").length })));
  return found;
}

/** A diagnostic as an assertion would be written. */
function spelled({ severity, code, message }: Diagnostic): string {
  return `${severity}[${code}] ${JSON.stringify(message)}`;
}

const plain = (text: string): string => text.replaceAll("’", "'").replace(/\s+/g, " ");

/** Everything that a diagnostic says, for comparison with an assertion's words. */
function words({ message, label, notes, counterexample, fix }: Diagnostic): string {
  return plain([message, label ?? "", ...notes, counterexample ?? "", fix?.text ?? ""].join(" "));
}

/**
 * What differs between assertions and diagnostics, one line each. `path` is the block's own file; `skipped` are lines
 * put before the block's text.
 */
export function differences(
  asserted: readonly Assertion[],
  found: readonly Diagnostic[],
  path: string,
): readonly string[] {
  const problems: string[] = [];
  const open = [...found];
  for (const want of asserted) {
    if (!isCatalogueCode(want.code)) problems.push(`line ${want.line}: there is no code ${want.code}`);
    const at = open.findIndex((each) => {
      const file = each.span?.file.path ?? path;
      const line = each.span ? positionAt(each.span.file, each.span.start).line : want.line;
      return (
        each.code === want.code &&
        each.severity === want.severity &&
        (want.file === undefined ? file === path && line === want.line : file.endsWith(want.file)) &&
        (want.text === undefined || words(each).includes(plain(want.text)))
      );
    });
    if (at < 0) {
      const text = want.text === undefined ? "" : ` ${JSON.stringify(want.text)}`;
      problems.push(`line ${want.line}: nobody reports ${want.severity}[${want.code}]${text}`);
    } else {
      open.splice(at, 1);
    }
  }
  for (const each of open) {
    const place = each.span
      ? `${each.span.file.path === path ? "" : `${each.span.file.path} `}line ${positionAt(each.span.file, each.span.start).line}`
      : "nowhere";
    const counterexample = each.counterexample ? ` (${each.counterexample})` : "";
    problems.push(`${place}: reported but not asserted: ${spelled(each)}${counterexample}`);
  }
  return problems;
}

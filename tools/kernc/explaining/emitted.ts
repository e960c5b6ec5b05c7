// Emitted code beside the source: on the left the line that it comes from, on the right the code, as far as a line
// goes.

import type { CodeLine } from "../../../compiler/index.ts";
import type { Terminal } from "../terminal.ts";

/** The widest that the source column gets. */
const mostSource = 56;

export function showCode(
  code: readonly CodeLine[],
  { width }: { readonly width: number },
  terminal: Terminal,
): void {
  const { dim, cyan } = terminal.colors;
  const label = ({ place }: CodeLine): string => (place ? `${place.line}  ${place.text.trim()}` : "");
  const wide = Math.min(
    mostSource,
    Math.floor(width / 2),
    Math.max(...code.map((line) => label(line).length), 0),
  );
  let before = "";
  for (const line of code) {
    const text = label(line);
    const shown = text === before ? "" : text.length > wide ? `${text.slice(0, wide - 1)}…` : text;
    before = text;
    terminal.out(`  ${cyan(shown.padEnd(wide))} ${dim("│")} ${line.text}\n`);
  }
}

// Colours and column widths of a terminal, as small tables: this code runs in browsers, too.

export type Style = "error" | "warning" | "note" | "frame" | "strong" | "good" | "plain";

const codes: { readonly [style in Style]: string } = {
  error: "1;31",
  warning: "1;33",
  note: "1;36",
  frame: "1;34",
  strong: "1",
  good: "1;32",
  plain: "",
};

export type Paint = (style: Style, text: string) => string;

/** Wraps text into ANSI colours, or leaves it as it is. */
export function painter(color: boolean): Paint {
  return (style, text) => (color && codes[style] && text ? `\x1b[${codes[style]}m${text}\x1b[0m` : text);
}

/** Code points drawn two columns wide: East Asian wide and fullwidth forms, and emoji. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const zero = /\p{Mn}|\p{Me}|[\u200b-\u200d\u2060]/u;

/** A source line as a terminal shows it, with the column where each UTF-16 unit begins. */
export interface Shown {
  readonly text: string;
  /** One entry more than the line has units: the last is the width of the line. */
  readonly columns: readonly number[];
}

const tabWidth = 4;

/** Expands tabs, shows control characters as `·`, and measures every character. */
export function show(line: string): Shown {
  const columns: number[] = [];
  let text = "";
  let column = 0;
  for (const char of line) {
    for (let unit = 0; unit < char.length; unit++) columns.push(column);
    if (char === "\t") {
      const width = tabWidth - (column % tabWidth);
      text += " ".repeat(width);
      column += width;
    } else if (isControl(char)) {
      text += "·";
      column++;
    } else {
      text += char;
      column += zero.test(char) ? 0 : wide.test(char) ? 2 : 1;
    }
  }
  columns.push(column);
  return { text, columns };
}

/** Control characters and lone surrogates would disturb a terminal, and so would bidirectional overrides. */
function isControl(char: string): boolean {
  const code = char.codePointAt(0)!;
  return (
    code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0xd800 && code <= 0xdfff) ||
    (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code === 0xfeff
  ); // prettier-ignore
}

const escape = "\x1b";
/** What this program itself writes: colours, and a line that is written anew. Else control characters and overrides of direction. */
const written = new RegExp(
  `(${escape}\\[[\\d;]*m|\r${escape}\\[K|\r?\n|\t)|\\p{Cc}|[\u202a-\u202e\u2066-\u2069]`,
  "gu",
);

/** Text for a terminal, in which names out of files can move no cursor and set no title: their control characters are shown as `·`. */
export function harmless(text: string): string {
  return text.replace(written, (_, kept: string | undefined) => kept ?? "·");
}

/** Breaks prose at blanks, so that no line is wider than `width` where that can be. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = "";
    for (const word of paragraph.split(" ")) {
      if (line && line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else line = line ? `${line} ${word}` : word;
    }
    lines.push(line);
  }
  return lines;
}

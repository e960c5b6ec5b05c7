// The words of a module's text, one after the other: brackets, names, numbers, and the places in the source that stand
// between them. Made for what this target writes: no block comments, no escapes in strings.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";

/** A place in a `.kern` file. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

const [open, close, semicolon, dollar] = ["(", ")", ";", "$"].map((each) => each.charCodeAt(0));

export class Reader {
  /** Where in the source what follows is from. */
  place: Place | undefined;
  private at = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  private fail(wanted: string): never {
    return internalError("wasm", `${wanted} expected: ${this.text.slice(this.at, this.at + 60)}`);
  }

  /** To the next word or bracket, past places and other comments. */
  private skip(): void {
    const { text } = this;
    for (;;) {
      const code = text.charCodeAt(this.at);
      if (code <= 32) this.at += 1;
      else if (code === semicolon) {
        let end = text.indexOf("\n", this.at);
        if (end < 0) end = text.length;
        const [, file, line, column] = /^;;@ (.*):(\d+):(\d+)$/.exec(text.slice(this.at, end)) ?? [];
        if (file !== undefined) this.place = { file, line: Number(line), column: Number(column) };
        this.at = end;
      } else return;
    }
  }

  /** Opens a bracket, and gives the word behind it. */
  openAny(): string {
    this.skip();
    if (this.text.charCodeAt(this.at) !== open) this.fail("(");
    this.at += 1;
    return this.word();
  }

  open(word: string): void {
    if (this.openAny() !== word) this.fail(word);
  }

  /** Whether the bracket that is open closes here; goes past it if so. */
  closes(): boolean {
    this.skip();
    if (this.text.charCodeAt(this.at) !== close) return false;
    this.at += 1;
    return true;
  }

  close(): void {
    if (!this.closes()) this.fail(")");
  }

  /** A word that is no bracket. */
  word(): string {
    this.skip();
    const { text } = this;
    const from = this.at;
    for (;;) {
      const code = text.charCodeAt(this.at);
      // Not a number behind the end.
      if (!(code > 32) || code === open || code === close) break;
      this.at += 1;
    }
    if (this.at === from) this.fail("a word");
    return text.slice(from, this.at);
  }

  /** A name, without its dollar sign. */
  name(): string {
    this.skip();
    if (this.text.charCodeAt(this.at) !== dollar) this.fail("a name");
    this.at += 1;
    return this.word();
  }

  /** A string in quotes, and the bracket behind it. */
  string(): string {
    const word = this.word();
    this.close();
    return word.slice(1, -1);
  }

  number(): number {
    return Number(this.word());
  }

  /** The number behind a word such as `offset=`, if it stands here. */
  option(word: string): number | undefined {
    this.skip();
    return this.text.startsWith(word, this.at) ? Number(this.word().slice(word.length)) : undefined;
  }

  /** What is in brackets from here on, unread. */
  raw(): string {
    this.skip();
    const from = this.at;
    let depth = 0;
    do {
      const code = this.text.charCodeAt(this.at);
      if (code === open) depth += 1;
      else if (code === close) depth -= 1;
      this.at += 1;
    } while (depth > 0 && this.at < this.text.length);
    return this.text.slice(from, this.at);
  }

  /** Past `(result …)`, if it stands here. */
  result(): void {
    this.skip();
    if (this.text.startsWith("(result ", this.at)) this.raw();
  }
}

// Cuts the IR's text form into tokens. Line ends mean nothing; `#` starts a comment.

import type { SourceFile, Span } from "../../lang/source.ts";
import { positionAt } from "../../lang/source.ts";
import { barePattern } from "./text-names.ts";

export interface Token {
  readonly kind: "name" | "quoted" | "number" | "string" | "symbol" | "end";
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** The text isn't IR; a mistake in a test or a specification page, or in the printer. */
export class IrSyntaxError extends Error {
  constructor(file: SourceFile, offset: number, why: string) {
    const { line, column } = positionAt(file, offset);
    super(`${file.path}:${line}:${column}: ${why}`);
    this.name = "IrSyntaxError";
  }
}

const blank = /(?:\s+|#[^\n]*)*/y;
const number = /\d+(?:\.\d+)?(?:e[+-]?\d+)?/y;
const quoted = /`[^`\n]*`/y;
const string = /"(?:[^"\\\n]|\\.)*"/y;
const symbol = /=>|==|!=|<=|>=|<<|>>|\/\/|\.\.|[-+*/%&|^~<>=(){}[\],;:.@]/y;

const kinds = [
  ["name", barePattern],
  ["number", number],
  ["quoted", quoted],
  ["string", string],
  ["symbol", symbol],
] as const;

/** All tokens of a file, the last one of kind `end`. */
export function tokenize(file: SourceFile): Token[] {
  const tokens: Token[] = [];
  let at = skipBlank(file.text, 0);
  while (at < file.text.length) {
    const token = next(file.text, at);
    if (!token) throw new IrSyntaxError(file, at, `no IR token begins with ${JSON.stringify(file.text[at])}`);
    tokens.push(token);
    at = skipBlank(file.text, token.end);
  }
  tokens.push({ kind: "end", text: "the end", start: at, end: at });
  return tokens;
}

function skipBlank(text: string, at: number): number {
  blank.lastIndex = at;
  return at + (blank.exec(text)?.[0].length ?? 0);
}

function next(text: string, start: number): Token | undefined {
  for (const [kind, pattern] of kinds) {
    pattern.lastIndex = start;
    const found = pattern.exec(text)?.[0];
    if (found === undefined) continue;
    return { kind, text: kind === "quoted" ? found.slice(1, -1) : found, start, end: start + found.length };
  }
  return undefined;
}

/** A cursor over the tokens of one file, with the small steps that every rule is made of. */
export class TokenReader {
  readonly file: SourceFile;
  private readonly tokens: readonly Token[];
  private at = 0;

  constructor(text: string, path: string) {
    this.file = { path, text };
    this.tokens = tokenize(this.file);
  }

  peek(ahead = 0): Token {
    return this.tokens[Math.min(this.at + ahead, this.tokens.length - 1)]!;
  }
  next(): Token {
    const token = this.peek();
    this.at++;
    return token;
  }
  /** Whether the next token is this word or symbol; quoted names never are. */
  is(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.text === text && (token.kind === "name" || token.kind === "symbol");
  }
  take(text: string): boolean {
    if (!this.is(text)) return false;
    this.at++;
    return true;
  }
  expect(text: string): Token {
    if (!this.is(text)) this.fail(`I expected "${text}" and found "${this.peek().text}"`);
    return this.next();
  }
  isName(): boolean {
    return this.peek().kind === "name" || this.peek().kind === "quoted";
  }
  name(): string {
    if (!this.isName()) this.fail(`I expected a name and found "${this.peek().text}"`);
    return this.next().text;
  }
  integer(): number {
    const token = this.next();
    if (token.kind !== "number") this.fail(`I expected a number and found "${token.text}"`, token);
    return Number(token.text);
  }
  string(): string {
    const token = this.next();
    if (token.kind !== "string") this.fail(`I expected a string and found "${token.text}"`, token);
    return JSON.parse(token.text) as string;
  }
  /** Items with commas between them, up to a closing symbol, which is taken. */
  list<T>(close: string, item: () => T): T[] {
    const items: T[] = [];
    while (!this.take(close)) {
      if (items.length > 0) this.expect(",");
      items.push(item());
    }
    return items;
  }
  /** From a token to the last one taken. */
  spanFrom(start: Token): Span {
    return { file: this.file, start: start.start, end: this.tokens[Math.max(this.at - 1, 0)]!.end };
  }
  fail(why: string, at: Token = this.peek()): never {
    throw new IrSyntaxError(this.file, at.start, why);
  }
}

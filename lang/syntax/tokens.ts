// The token vocabulary. Operators of one grammatical role share one token type, which keeps the grammar and
// its lookahead tables small; the image tells them apart.
//
// Hard keywords are never names. `kernel`, `struct`, `test`, `where`, `out`, `mut` and `as` are contextual:
// the lexer reads them as names and lines.ts gives them their keyword type where, by their neighbours, they
// can be nothing else. So a variable may be called `kernel` (convolutions have one) or `out`.

import { createToken, Lexer, type IToken, type TokenType } from "chevrotain";
import { matchString } from "./literals.ts";

const never = (name: string, label: string): TokenType => createToken({ name, pattern: Lexer.NA, label });
const keyword = (word: string): TokenType => never(word[0]!.toUpperCase() + word.slice(1), `\`${word}\``);
const mark = (name: string, pattern: string): TokenType =>
  createToken({ name, pattern, label: `\`${pattern}\`` });

// ---- layout, made by layout.ts ----------------------------------------------------------------------
export const Newline = createToken({
  name: "Newline",
  pattern: /\r\n|[\n\r]/,
  label: "the end of the line",
  line_breaks: true,
});
export const Indent = never("Indent", "an indented block");
export const Dedent = never("Dedent", "the end of the block");

// ---- words ------------------------------------------------------------------------------------------
/** Every character beyond ASCII counts as part of a word here; lines.ts refuses it with its reason. */
export const Identifier = createToken({
  name: "Identifier",
  pattern: /[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*/,
  label: "a name",
});

export const Def = keyword("def");
export const Import = keyword("import");
export const From = keyword("from");
export const Comptime = keyword("comptime");
export const Let = keyword("let");
export const Var = keyword("var");
export const If = keyword("if");
export const Elif = keyword("elif");
export const Else = keyword("else");
export const For = keyword("for");
export const In = keyword("in");
export const While = keyword("while");
export const Break = keyword("break");
export const Continue = keyword("continue");
export const Pass = keyword("pass");
export const Return = keyword("return");
export const Assert = keyword("assert");
export const And = keyword("and");
export const Or = keyword("or");
export const Not = keyword("not");
export const True = keyword("True");
export const False = keyword("False");

export const Kernel = keyword("kernel");
export const Struct = keyword("struct");
export const Test = keyword("test");
export const Where = keyword("where");
export const Out = keyword("out");
export const Mut = keyword("mut");
export const As = keyword("as");

const wordOf = (type: TokenType): [string, TokenType] => [type.LABEL!.slice(1, -1), type];

export const hardKeywords: ReadonlyMap<string, TokenType> = new Map(
  [
    Def,
    Import,
    From,
    Comptime,
    Let,
    Var,
    If,
    Elif,
    Else,
    For,
    In,
    While,
    Break,
    Continue,
    Pass,
    Return,
    Assert,
    And,
    Or,
    Not,
    True,
    False,
  ].map(wordOf),
);

// ---- literals ---------------------------------------------------------------------------------------
/** Greedy: takes a wrong suffix along, so that lines.ts can name the whole thing. */
export const NumberToken = createToken({
  name: "Number",
  pattern:
    /0[xXbBoO][0-9A-Za-z_]*|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9][0-9_]*)?[0-9A-Za-z_]*/,
  label: "a number",
});
export const StringToken = createToken({
  name: "String",
  pattern: { exec: matchString },
  start_chars_hint: ['"', "'"],
  line_breaks: true,
  label: "a string",
});

// ---- marks and operators ----------------------------------------------------------------------------
export const LParen = mark("LParen", "(");
export const RParen = mark("RParen", ")");
export const LSquare = mark("LSquare", "[");
export const RSquare = mark("RSquare", "]");
export const Comma = mark("Comma", ",");
export const Colon = mark("Colon", ":");
export const Dot = mark("Dot", ".");
export const At = mark("At", "@");
export const Arrow = mark("Arrow", "->");
export const Equals = mark("Equals", "=");
export const Star = mark("Star", "*");
export const Tilde = mark("Tilde", "~");
export const Sign = createToken({ name: "Sign", pattern: /[+-]/, label: "`+` or `-`" });
export const BinaryOperator = createToken({
  name: "BinaryOperator",
  pattern: /\*\*|\/\/|<<|>>|[/%&|^]/,
  label: "an operator",
});
export const CompareOperator = createToken({
  name: "CompareOperator",
  pattern: /[=!<>]=|[<>]/,
  label: "a comparison",
});
export const AugmentedAssign = createToken({
  name: "AugmentedAssign",
  pattern: /(?:\*\*|\/\/|<<|>>|[-+*/%&|^])=/,
  label: "an assignment such as `+=`",
});

// ---- what isn't Kern --------------------------------------------------------------------------------
/** Operators of other languages; habits.ts says what to write instead. */
export const Foreign = createToken({
  name: "Foreign",
  pattern: /===|!==|<>|&&|\|\||:=|=>|\.\.\.|!(?!=)|[{};?]/,
  label: "a foreign operator",
});
export const LineJoin = createToken({
  name: "LineJoin",
  pattern: /\\[ \t]*(?:\r\n|[\n\r])/,
  line_breaks: true,
});
/** The ASCII characters that begin no other token. Beyond ASCII everything is part of a word. */
const unknownCharacters: number[] = Array.from({ length: 0x80 }, (_, code) => code).filter(
  (code) =>
    (code < 0x20 && !"\t\n\f\r".includes(String.fromCharCode(code))) ||
    code === 0x7f ||
    "$`\\".includes(String.fromCharCode(code)),
);
const isUnknown: ReadonlySet<number> = new Set(unknownCharacters);

function matchUnknown(text: string, offset: number): [string] | null {
  let end = offset;
  while (end < text.length && isUnknown.has(text.charCodeAt(end))) end++;
  return end > offset ? [text.slice(offset, end)] : null;
}

/** Everything else that there is, so that the lexer itself never fails. */
export const Unknown = createToken({
  name: "Unknown",
  pattern: { exec: matchUnknown },
  start_chars_hint: unknownCharacters,
  line_breaks: true,
  label: "an unknown character",
});

export const CommentToken = createToken({ name: "Comment", pattern: /#[^\n\r]*/ });
const Whitespace = createToken({ name: "Whitespace", pattern: /[ \t\f]+/, group: Lexer.SKIPPED });

/** Order matters: longer operators stand before their beginnings. */
const lexed: TokenType[] = [
  Whitespace,
  Newline,
  CommentToken,
  Identifier,
  NumberToken,
  StringToken,
  LineJoin,
  Foreign,
  AugmentedAssign,
  Arrow,
  BinaryOperator,
  CompareOperator,
  LParen,
  RParen,
  LSquare,
  RSquare,
  Comma,
  Colon,
  Dot,
  At,
  Equals,
  Star,
  Tilde,
  Sign,
  Unknown,
];

/** What the grammar may mention. */
export const vocabulary: TokenType[] = [
  Newline,
  Indent,
  Dedent,
  Identifier,
  ...hardKeywords.values(),
  Kernel,
  Struct,
  Test,
  Where,
  Out,
  Mut,
  As,
  NumberToken,
  StringToken,
  LParen,
  RParen,
  LSquare,
  RSquare,
  Comma,
  Colon,
  Dot,
  At,
  Arrow,
  Equals,
  Star,
  Tilde,
  Sign,
  BinaryOperator,
  CompareOperator,
  AugmentedAssign,
  Foreign,
  Unknown,
];

let lexer: Lexer | undefined;

/** The flat tokens of a text, a byte order mark apart: no layout yet, every word but a hard keyword a name. Never fails. */
export function lex(text: string): IToken[] {
  lexer ??= new Lexer(lexed, {
    positionTracking: "onlyOffset",
    ensureOptimizations: true,
    skipValidations: true,
  });
  const tokens = lexer.tokenize(text.startsWith("\ufeff") ? ` ${text.slice(1)}` : text).tokens;
  for (const token of tokens) {
    if (token.tokenType !== Identifier) continue;
    const word = hardKeywords.get(token.image);
    if (word) retype(token, word);
  }
  return tokens;
}

/** Gives a token another type in place. */
export function retype(token: IToken, type: TokenType): void {
  token.tokenType = type;
  token.tokenTypeIdx = type.tokenTypeIdx!;
}

/** A token that no one wrote, from `start` to `end`; without `end` it has no width. */
export function synthetic(type: TokenType, start: number, image = "", end = start): IToken {
  return { image, startOffset: start, endOffset: end - 1, tokenType: type, tokenTypeIdx: type.tokenTypeIdx! };
}

/** A token that stands for what was written from `first` to `last`. */
export function replacing(first: IToken, type: TokenType, image: string, last = first): IToken {
  return synthetic(type, first.startOffset, image, endOf(last));
}

/** One past the last character of a token. The lexer's own tokens are as wide as their image. */
export function endOf(token: IToken): number {
  return token.endOffset === undefined ? token.startOffset + token.image.length : token.endOffset + 1;
}

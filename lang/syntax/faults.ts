// Chevrotain's exceptions into diagnostics. The parser's messages are only "what was expected"; the rest of
// the sentence, the place and the advice are found here.

import {
  tokenLabel,
  type IParserErrorMessageProvider,
  type IRecognitionException,
  type IToken,
  type TokenType,
} from "chevrotain";
import type { DiagnosticDetails } from "../diagnostics/diagnostic.ts";
import { nearest } from "../diagnostics/nearest.ts";
import type { Problems } from "./problems.ts";
import * as t from "./tokens.ts";

/** Makes the message of an exception the name of what was expected. */
export const expectedOf: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected }) => tokenLabel(expected),
  buildNotAllInputParsedMessage: () => "the end of the file",
  buildNoViableAltMessage: ({ customUserDescription, expectedPathsPerAlt }) =>
    customUserDescription ?? oneOf(expectedPathsPerAlt.flat()),
  buildEarlyExitMessage: ({ customUserDescription, expectedIterationPaths }) =>
    customUserDescription ?? oneOf(expectedIterationPaths),
};

function oneOf(paths: readonly (readonly TokenType[])[]): string {
  const labels = [...new Set(paths.map((path) => (path[0] ? tokenLabel(path[0]) : "nothing")))];
  return labels.length > 1
    ? `${labels.slice(0, -1).join(", ")} or ${labels.at(-1)}`
    : (labels[0] ?? "something else");
}

/** A token as a message names it. */
export function found(token: IToken): string {
  switch (token.tokenType) {
    case t.Newline:
      return "the end of the line";
    case t.Dedent:
      return "the end of the block";
    case t.Indent:
      return "an indented line";
    case t.StringToken:
      return "a string";
    case t.NumberToken:
      return `the number \`${token.image}\``;
    case t.Identifier:
      return `the name \`${token.image.length > 40 ? `${token.image.slice(0, 37)}…` : token.image}\``;
    default:
      return token.image === "" ? "the end of the file" : `\`${token.image}\``;
  }
}

/** Every exception of the parser but one has it; the typings name it only on the concrete classes. */
export function previousOf(fault: IRecognitionException): IToken | undefined {
  return "previousToken" in fault ? (fault.previousToken as IToken | undefined) : undefined;
}

const declarations: ReadonlySet<TokenType> = new Set([t.Kernel, t.Struct, t.Test, t.Import, t.From]);
/** Words that a line begins with and a name follows. */
const beginnings = ["kernel", "def", "struct", "test", "comptime", "import", "from", "let", "var", "for"];
const words: ReadonlySet<TokenType> = new Set(t.hardKeywords.values());

/** Reports one exception, with the best advice that its tokens allow. `line` is what was read of its line. */
export function reportFault(fault: IRecognitionException, line: readonly IToken[], problems: Problems): void {
  const { token } = fault;
  const previousToken = previousOf(fault);
  const atEnd = token.image === "" || Number.isNaN(token.startOffset);
  const end =
    previousToken && !Number.isNaN(previousToken.startOffset)
      ? t.endOf(previousToken)
      : problems.file.text.length;
  const span = atEnd ? problems.span(end, end) : problems.span(token.startOffset, t.endOf(token));
  const first = line[0];
  const head = first?.tokenType === t.Comptime ? line[1] : first;

  const inCondition =
    head?.tokenType === t.If ||
    head?.tokenType === t.Elif ||
    head?.tokenType === t.While ||
    head?.tokenType === t.Assert ||
    (head?.tokenType === t.Kernel && line.some((each) => each.tokenType === t.Where));
  if (token.tokenType === t.Equals && inCondition) {
    problems.report("K0123", {}, span, { fix: { text: "write `==`", edits: [{ span, replacement: "==" }] } });
    return;
  }
  if (fault.message === tokenLabel(t.Colon) && token.tokenType === t.Newline && head) {
    problems.report("K0110", { what: `\`${head.image}\`` }, span, {
      fix: { text: "add the colon", edits: [{ span, replacement: ":" }] },
    });
    return;
  }
  if (fault.message === tokenLabel(t.Identifier) && words.has(token.tokenType)) {
    problems.report("K0124", { word: token.image }, span, {
      fix: { text: `give it another name, such as \`${token.image}_\`` },
    });
    return;
  }
  if (fault.message === "a statement" && declarations.has(token.tokenType)) {
    problems.report("K0125", { what: `\`${token.image}\`` }, span);
    return;
  }
  problems.report(
    "K0101",
    { found: found(token), expected: fault.message },
    span,
    advice(fault, line, problems),
  );
}

function advice(
  fault: IRecognitionException,
  line: readonly IToken[],
  problems: Problems,
): DiagnosticDetails {
  const { token } = fault;
  if (token.tokenType === t.Else || token.tokenType === t.Elif) {
    return line.length <= 1
      ? { notes: [`no \`if\` of the same indentation stands right before this \`${token.image}\``] }
      : {};
  }
  if (token.tokenType === t.BinaryOperator && token.image === "**") {
    return { notes: ["there are no `**` arguments; name each one"] };
  }
  const [first] = line;
  if (first && line.indexOf(token) === 1 && fault.message === tokenLabel(t.Newline)) {
    // `kernal scale(…)`, `test twice:`: two names in a row begin no statement, so the first was to be a word of the language.
    if (first.image === "test") return { notes: ['a test is named by a string: `test "it doubles":`'] };
    const word = first.tokenType === t.Identifier ? nearest(first.image, beginnings) : undefined;
    const edits = word ? [{ span: problems.span(first.startOffset, t.endOf(first)), replacement: word }] : [];
    if (word) return { fix: { text: `did you mean \`${word}\`?`, edits } };
  }
  const opener = innermostOpener(line, token);
  if (!opener) return {};
  const untyped = parameterWithoutType(fault, line, opener);
  if (untyped) return { notes: [untyped] };
  const text = `inside this \`${opener.image}\``;
  return { related: [{ span: problems.span(opener.startOffset, t.endOf(opener)), text }] };
}

/** What is missing behind `x` in `def f(x)` and behind `T` in `def f[T](…)`. */
function parameterWithoutType(
  { token, message }: IRecognitionException,
  line: readonly IToken[],
  opener: IToken,
): string | undefined {
  const [head] = line;
  const before = line[line.indexOf(token) - 1];
  const declares = head?.tokenType === t.Def || head?.tokenType === t.Kernel;
  if (!declares || message !== tokenLabel(t.Colon) || before?.tokenType !== t.Identifier) return undefined;
  const name = before.image;
  return opener.tokenType === t.LSquare
    ? `a compile-time parameter says its trait or its type: \`${name}: Number\`, \`${name}: int\``
    : `a parameter says its type: \`${name}: f32\`, \`${name}: Tensor[f32, N]\``;
}

/** The bracket around `token`, if one is open there. */
function innermostOpener(line: readonly IToken[], token: IToken): IToken | undefined {
  const stack: IToken[] = [];
  for (const each of line) {
    if (each === token) break;
    if (each.tokenType === t.LParen || each.tokenType === t.LSquare) stack.push(each);
    else if (each.tokenType === t.RParen || each.tokenType === t.RSquare) stack.pop();
  }
  return stack.at(-1);
}

// Entries K01xx: what the lexer, the layout and the parser can't read, and the habits from other languages
// that show up before any name means anything.

import { entry } from "./entry.ts";

export const syntax = {
  K0101: entry<{ found: string; expected: string }>({
    severity: "error",
    name: "unexpected-token",
    message: ({ found, expected }) => `I expected ${expected} here, but found ${found}`,
    explain: `The parser met something that cannot stand at this place. It goes on at the next statement, so
further errors in the file are real ones.`,
  }),
  K0102: entry<{ character: string }>({
    severity: "error",
    name: "unexpected-character",
    message: ({ character }) => `I don’t know what to do with ${character}`,
    explain: `Outside strings and comments a Kern file is made of ASCII letters, digits, the operators and
spaces. Characters that look like an operator (\`×\`, \`−\`, \`≤\`), no-break spaces and curly quotes usually
come from a word processor or a web page.`,
  }),
  K0103: entry<{ quote: string }>({
    severity: "error",
    name: "unterminated-string",
    message: ({ quote }) => `this string is never closed with ${quote}`,
    explain: `A string in single or double quotes ends on the line where it begins. Text of several lines goes
between triple quotes, \`"""\`.`,
  }),
  K0104: entry<{ text: string; why: string }>({
    severity: "error",
    name: "malformed-number",
    message: ({ text, why }) => `\`${text}\` isn’t a number: ${why}`,
    explain: `Numbers are written \`42\`, \`1_000\`, \`0x1f\`, \`0b1010\`, \`0o17\`, \`0.5\`, \`1e-5\`. They have no
suffix: the type comes from the context, or from a conversion such as \`f16(0.5)\`.`,
  }),
  K0105: entry<{ escape: string }>({
    severity: "warning",
    name: "unknown-escape",
    message: ({ escape }) => `\`${escape}\` isn’t an escape, so the backslash stays in the string`,
    explain: `Strings know \`\\n\`, \`\\t\`, \`\\r\`, \`\\0\`, \`\\\\\`, \`\\'\`, \`\\"\`, \`\\xHH\`, \`\\uHHHH\`, \`\\u{H…}\` and a
backslash at the end of a line. A backslash that is meant literally is written twice.`,
  }),
  K0106: entry({
    severity: "error",
    name: "tab-indentation",
    message: () => `this line is indented with a tab`,
    explain: `Indentation is made of spaces alone (four a level). A tab is as wide as each editor likes, so two
people would see two different programs.`,
  }),
  K0107: entry({
    severity: "error",
    name: "unexpected-indentation",
    message: () => `this line is indented deeper than the one before, but nothing opens a block there`,
    explain: `A deeper indentation follows a line that ends with \`:\`. A long expression continues on the next
line inside brackets.`,
  }),
  K0108: entry({
    severity: "error",
    name: "inconsistent-indentation",
    message: () => `the indentation of this line matches no block around it`,
    explain: `A line that ends a block goes back to exactly the column of a block around it.`,
  }),
  K0109: entry<{ what: string }>({
    severity: "error",
    name: "missing-block",
    message: ({ what }) => `I expected an indented block after ${what}`,
    explain: `A line that ends with \`:\` is followed by its block, indented. A block that does nothing is
written \`pass\`.`,
  }),
  K0110: entry<{ what: string }>({
    severity: "error",
    name: "missing-colon",
    message: ({ what }) => `${what} needs a \`:\` at the end of its line`,
    explain: `Lines that open a block (\`if\`, \`for\`, \`while\`, \`def\`, \`kernel\` …) end with a colon.`,
  }),
  K0111: entry<{ bracket: string }>({
    severity: "error",
    name: "unclosed-bracket",
    message: ({ bracket }) => `this \`${bracket}\` is never closed`,
    explain: `Every \`(\` and \`[\` needs its partner. Lines are joined inside brackets, so an open one swallows
what follows.`,
  }),
  K0112: entry<{ bracket: string }>({
    severity: "error",
    name: "stray-bracket",
    message: ({ bracket }) => `this \`${bracket}\` closes nothing`,
    explain: `A closing bracket without an opening one. Often a bracket was closed twice, or with the wrong
kind.`,
  }),
  K0113: entry<{ what: string; limit: number }>({
    severity: "error",
    name: "nested-too-deeply",
    message: ({ what, limit }) => `${what} are nested deeper than ${limit} levels here`,
    explain: `Nesting has a limit so that every later stage may use recursion safely. Code that people write
stays far below it; in generated code, name intermediate values with \`let\`.`,
  }),
  K0114: entry<{ size: number; limit: number }>({
    severity: "error",
    name: "file-too-large",
    message: ({ size, limit }) =>
      `this file has ${size.toLocaleString("en")} characters, and I read at most ${limit.toLocaleString("en")}`,
    explain: `A file of that size is hardly source code. Split it into modules; data belongs into a tensor
argument.`,
  }),
  K0115: entry<{ limit: number }>({
    severity: "error",
    name: "too-many-errors",
    message: ({ limit }) => `I stopped after ${limit} syntax errors in this file`,
    explain: `So many errors mean that the file isn’t Kern source, or that one mistake early on spoils the rest.
Mend the first ones and check again.`,
  }),
  K0116: entry<{ what: string }>({
    severity: "error",
    name: "not-a-declaration",
    message: ({ what }) => `${what} can’t stand outside a function`,
    explain: `A module holds imports, \`comptime\` constants, \`def\`, \`kernel\`, \`struct\` and \`test\`. Nothing runs
when a module is loaded; code to try out goes into a \`test "name":\` block.`,
  }),
  K0117: entry<{ what: string }>({
    severity: "error",
    name: "misplaced-decorator",
    message: ({ what }) => `${what} takes no annotations`,
    explain: `Annotations stand, one a line, above \`for\`, \`while\`, \`let\`, \`var\`, an assignment, \`return\`, an
expression, \`def\` or \`kernel\`.`,
  }),
  K0118: entry<{ what: string }>({
    severity: "error",
    name: "not-assignable",
    message: ({ what }) => `I can’t assign to ${what}`,
    explain: `The left of \`=\` is a name, an element (\`y[i, j]\`), a field (\`p.x\`) or several of them, separated
by commas. A comparison is written \`==\`.`,
  }),
  K0119: entry<{ what: string }>({
    severity: "error",
    name: "missing-value",
    message: ({ what }) => `${what}`,
    explain: `\`let\` names a value and never changes, so it needs the value at once. \`var a: T\` may be filled
later, but then it needs its type.`,
  }),
  K0120: entry({
    severity: "error",
    name: "positional-after-keyword",
    message: () => `a positional argument can’t follow a keyword argument`,
    explain: `Arguments without a name come first: \`f(a, b, tail="mask")\`.`,
  }),
  K0121: entry<{ why: string }>({
    severity: "error",
    name: "misplaced-generator",
    message: ({ why }) => `a generator can’t stand here: ${why}`,
    explain: `A generator \`e for i in range(n) if c\` is the last positional argument of a reduction: \`sum(…)\`,
\`max(…)\`, \`reduce(combine, init, …)\`. It is never a value of its own.`,
  }),
  K0122: entry<{ name: string }>({
    severity: "error",
    name: "non-ascii-name",
    message: ({ name }) => `the name \`${name}\` has letters outside a–z, A–Z, 0–9 and _`,
    explain: `Names appear in emitted WGSL, in manifests and in JavaScript, so they are ASCII. Comments and
strings may hold any text.`,
  }),
  K0123: entry({
    severity: "error",
    name: "assignment-as-condition",
    message: () => `\`=\` assigns; to compare, write \`==\``,
    explain: `A condition is an expression, and an assignment isn’t one.`,
  }),
  K0124: entry<{ word: string }>({
    severity: "error",
    name: "keyword-as-name",
    message: ({ word }) => `\`${word}\` is a keyword, so it can’t be a name`,
    explain: `These words can’t be names: \`and as assert break comptime continue def elif else False for from if
import in let not or pass return True var while\` (\`as\` only in imports). \`kernel\`, \`struct\`, \`test\`, \`where\`,
\`out\` and \`mut\` are keywords only where they have their meaning, and may be names elsewhere.`,
  }),
  K0125: entry<{ what: string }>({
    severity: "error",
    name: "nested-declaration",
    message: ({ what }) => `${what} can only stand at the top level of a module`,
    explain: `Kernels, structs, tests and imports are declarations of a module. Inside a function only \`def\` and
\`comptime\` may be nested.`,
  }),
  K0130: entry<{ word: string; instead: string }>({
    severity: "error",
    name: "foreign-keyword",
    message: ({ word, instead }) => `Kern has no \`${word}\`; write ${instead}`,
    explain: `A keyword of Python, Mojo or C that Kern spells differently: \`fn\` and \`function\` are \`def\` (or
\`kernel\` for an entry point), \`class\` is \`struct\`, \`alias\` is \`comptime\`, \`inout\` is \`mut\`, \`else if\` is
\`elif\`.`,
  }),
  K0131: entry<{ operator: string; instead: string }>({
    severity: "error",
    name: "foreign-operator",
    message: ({ operator, instead }) => `Kern has no \`${operator}\`; write ${instead}`,
    explain: `Operators are Python’s: \`and\`, \`or\`, \`not\`, \`!=\`, \`x += 1\`, \`a if c else b\`. There is no \`is\`,
no \`in\` outside \`for\`, no \`:=\` and no \`@\` product.`,
  }),
  K0132: entry<{ mark: string; instead: string }>({
    severity: "error",
    name: "braces-and-semicolons",
    message: ({ mark, instead }) => `\`${mark}\` means nothing in Kern: ${instead}`,
    explain: `Blocks are made by \`:\` and indentation, statements end with their line, and there are no
dictionaries or sets.`,
  }),
  K0133: entry({
    severity: "error",
    name: "list-comprehension",
    message: () => `Kern has no list comprehensions`,
    explain: `A list of computed length would need memory at run time. Reduce at once (\`sum(e for i in …)\`), or
fill an \`Array\` or an \`out\` tensor in a loop.`,
  }),
  K0134: entry<{ prefix: string }>({
    severity: "error",
    name: "string-prefix",
    message: ({ prefix }) => `strings have no \`${prefix}\` prefix in Kern`,
    explain: `Strings are only titles, messages and options, fixed at compile time: there is nothing to format
at run time.`,
  }),
  K0135: entry<{ word: string; why: string }>({
    severity: "error",
    name: "no-such-statement",
    message: ({ word, why }) => `Kern has no \`${word}\`: ${why}`,
    explain: `Kernels have no exceptions, no contexts, no coroutines, no global variables and no output. A
condition that must hold is an \`assert\`; a result is an \`out\` argument.`,
  }),
  K0136: entry({
    severity: "error",
    name: "foreign-comment",
    message: () => `comments begin with \`#\``,
    explain: `\`//\` is floor division. A comment is everything from \`#\` to the end of its line.`,
  }),
  K0137: entry<{ name: string }>({
    severity: "error",
    name: "undeclared-variable",
    message: ({ name }) => `\`${name}: …\` needs \`let\` or \`var\` before it`,
    explain: `A variable is declared with \`let\` (never changes) or \`var\` (may be assigned): \`var acc: f32 = 0\`.`,
  }),
  K0138: entry({
    severity: "error",
    name: "print-statement",
    message: () => `Kern has no \`print\``,
    explain: `A kernel runs on many threads or on a GPU and has no output but its \`out\` arguments. Write the
value that you want to see to an \`out\`, or state what you believe with \`assert\` in a \`test\`.`,
  }),
  K0139: entry({
    severity: "error",
    name: "line-continuation",
    message: () => `a backslash doesn’t continue a line`,
    explain: `Lines are joined inside brackets. Put the expression into parentheses.`,
  }),
  K0140: entry({
    severity: "error",
    name: "lambda",
    message: () => `Kern has no \`lambda\``,
    explain: `A function to pass on is a \`def\`; nested in the kernel, it may read the kernel’s arguments.`,
  }),
};

// The pages of the specification that are made from tables and from the other pages: the grammar, the built-in
// functions, the diagnostics, and the op table of the IR.

import { readFileSync } from "node:fs";
import { ops, type OpInfo } from "../../compiler/ir/ops.ts";
import { builtins } from "../../lang/builtins.ts";
import { catalogue, type CatalogueCode } from "../../lang/diagnostics/catalogue/index.ts";
import type { Entry } from "../../lang/diagnostics/catalogue/entry.ts";
import { grammarText } from "./grammar.ts";
import { withMachineTables } from "./machine.ts";
import type { Block, Page, Section } from "./page.ts";
import { specPages } from "./pages.ts";

const made = "<!-- Made by scripts/generate.mjs; don't edit. -->";

/** Paths and texts, before Prettier. */
export function documents(): Readonly<Record<string, string>> {
  return {
    "spec/grammar.md": grammarPage(),
    "spec/builtins.md": builtinsPage(),
    "spec/diagnostics.md": diagnosticsPage(specPages()),
    "spec/ir.md": withOpTable(readFileSync("spec/ir.md", "utf8")),
    "spec/tsp.md": withMachineTables(readFileSync("spec/tsp.md", "utf8")),
  };
}

function grammarPage(): string {
  const { rules, tokens } = grammarText();
  return `# Grammar

${made}

Read off the parser. \`[ … ]\` may be left out, \`{ … }\` may be repeated or left out, \`|\` separates alternatives, words and marks stand in quotes, and names in capitals are tokens.

The precedence of operators is that of [Expressions](expressions.md#operators-and-precedence): the rules take any sequence of operators and operands, which is then put into order. Likewise the rules
accept a little more than the language where that makes for a better message; the chapters say what is refused.

\`\`\`ebnf
${rules}
\`\`\`

## Tokens

| token | pattern |
|---|---|
${tokens.map(([name, pattern]) => `| ${name} | ${pattern} |`).join("\n")}

The layout of lines makes three tokens without text: the end of a line, the beginning of a block and its end. See [Lexical structure](lexical.md#lines-and-blocks).
`;
}

function builtinsPage(): string {
  const rows = Object.values(builtins).map(
    ({ signatures, doc }) => `| ${signatures.map((each) => `\`${each}\``).join("<br>")} | ${doc} |`,
  );
  return `# Built-in names

${made}

None of these names is reserved: a declaration of one's own takes precedence.

| | |
|---|---|
${rows.join("\n")}
`;
}

// ---- diagnostics -------------------------------------------------------------------------------------------

const bands: readonly (readonly [prefix: string, title: string])[] = [
  ["K01", "Syntax"],
  ["K02", "Names and modules"],
  ["K03", "Types and compile-time values"],
  ["K04", "Bounds and coverage"],
  ["K05", "Annotations and races"],
  ["K06", "What a target can’t do"],
  ["K07", "Calls and data"],
  ["K08", "Files and commands"],
  ["K09", "Programs for the TSP"],
  ["K10", "Models"],
];

interface Example {
  readonly page: Page;
  readonly section: Section;
  readonly text: string;
  readonly language: string;
}

function diagnosticsPage(pages: readonly Page[]): string {
  const codes = Object.keys(catalogue) as CatalogueCode[];
  const parts = bands.map(([prefix, title]) => {
    const own = codes.filter((code) => code.startsWith(prefix));
    return `## ${title}\n\n${own.map((code) => entryText(code, exampleOf(code, pages))).join("\n\n")}`;
  });
  return `# Diagnostics

${made}

Every code of the catalogue, with the explanation that \`kernc explain CODE\` prints and a block of the specification that produces it. A code never changes its meaning.

${parts.join("\n\n")}
`;
}

function entryText(code: CatalogueCode, example: Example | undefined): string {
  const { severity, name, explain } = catalogue[code] as Entry<never>;
  const shown = example
    ? `\`\`\`${example.language}\n${example.text.trimEnd()}\n\`\`\`\n\n${linkTo(example)}`
    : "No source is known that produces it: it is a last resort.";
  return `### ${code}: ${name.replaceAll("-", " ")}\n\n${severity === "warning" ? "A warning. " : ""}${explain}\n\n${shown}`;
}

function linkTo({ page, section }: Example): string {
  const title = section.path.join(" › ");
  const anchor = section.path
    .at(-1)!
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(" ", "-");
  return `From [${title}](${page.path.replace(/^spec\//, "")}#${anchor}).`;
}

/** The shortest block that shows a code. */
function exampleOf(code: CatalogueCode, pages: readonly Page[]): Example | undefined {
  const found: Example[] = [];
  // Blocks that stand for many copies of themselves come last.
  const rank = ({ text }: Example): number => text.length + (text.includes("{n}") ? 1e6 : 0);
  for (const page of pages)
    for (const section of page.sections)
      for (const block of section.blocks)
        if (new RegExp(`(error|warning)\\[${code}\\b`).test(block.text))
          found.push({ page, section, text: excerpt(block, code), language: block.language });
  return found.toSorted((a, b) => rank(a) - rank(b))[0];
}

/** Of calls and commands only the one that shows the code. */
function excerpt({ language, text }: Block, code: string): string {
  if (language === "kern") return text;
  if (language === "js") return text.split("\n").find((line) => line.includes(code)) ?? text;
  const steps = text.split(/^(?=[>$] )/m);
  return steps.find((step) => step.includes(code)) ?? text;
}

// ---- ops -----------------------------------------------------------------------------------------------------

const table = /(<!-- ops -->\n)[^]*?(<!-- end of ops -->)/;

function withOpTable(page: string): string {
  const rows = (Object.entries(ops) as [string, OpInfo][]).map(([name, info]) => {
    const notes = [
      info.commutative && "commutative",
      info.associative && "associative",
      info.partial && "partial",
    ];
    const arity = info.arity < 0 ? "any" : String(info.arity);
    const immediates = info.immediates ? ` + ${info.immediates < 0 ? "any" : info.immediates} immediate` : "";
    return `| \`${name}\` | ${info.band} | ${arity}${immediates} | ${info.operands} | ${info.result} | ${info.cost} | ${info.doc.replaceAll("|", "\\|")} | ${notes.filter(Boolean).join(", ")} |`;
  });
  const text = `\n| op | band | operands | of class | result | cost | meaning | |\n|---|---|---|---|---|---|---|---|\n${rows.join("\n")}\n`;
  return page.replace(table, (_, open: string, close: string) => `${open}${text}${close}`);
}

// A page of the executable specification: Markdown to sections, each heading with the fenced blocks below it up to
// the next heading. Line numbers are kept, so that a failure names a line and a snapshot can be rewritten in place.

import MarkdownIt from "markdown-it";

export interface Block {
  /** The first word behind the fence: `kern`, `out`, `ir`, … */
  readonly language: string;
  /** Further words: `run`, `shapes.kern`; those with `=` are options. */
  readonly words: readonly string[];
  readonly options: Readonly<Record<string, string>>;
  readonly text: string;
  /** One-based line of the page on which the block's text begins. */
  readonly line: number;
}

export interface Section {
  /** Headings from the page's title down. */
  readonly path: readonly string[];
  readonly line: number;
  readonly blocks: readonly Block[];
}

export interface Page {
  /** Relative to the project's root. */
  readonly path: string;
  readonly text: string;
  readonly sections: readonly Section[];
}

/** Languages of blocks that the specification executes; others are for reading. */
export const executed = ["kern", "json", "out", "ir", "wat", "wgsl", "console", "js", "tsp", "tspb"] as const;

/** Reads a page. Sections without blocks to execute are left out. */
export function readPage(path: string, text: string): Page {
  const found: { path: string[]; line: number; blocks: Block[] }[] = [];
  const headings: string[] = [];
  const tokens = new MarkdownIt().parse(text, {});
  tokens.forEach((token, at) => {
    const line = (token.map?.[0] ?? 0) + 1;
    if (token.type === "heading_open") {
      headings.length = Number(token.tag.slice(1)) - 1;
      headings.push(tokens[at + 1]!.content);
      found.push({ path: headings.filter(Boolean), line, blocks: [] });
    }
    if (token.type !== "fence") return;
    const block = blockOf(token.info, token.content, line + 1);
    if ((executed as readonly string[]).includes(block.language)) found.at(-1)?.blocks.push(block);
  });
  return { path, text, sections: found.filter(({ blocks }) => blocks.length > 0) };
}

function blockOf(info: string, text: string, line: number): Block {
  const [language = "", ...rest] = info.trim().split(/\s+/);
  const options = Object.fromEntries(
    rest.filter((word) => word.includes("=")).map((word) => word.split("=", 2) as [string, string]),
  );
  return { language, words: rest.filter((word) => !word.includes("=")), options, text, line };
}

/** The page with some blocks' texts replaced. */
export function withBlocks(page: Page, replaced: ReadonlyMap<Block, string>): string {
  const lines = page.text.split("\n");
  const edits = [...replaced].toSorted(([a], [b]) => b.line - a.line);
  for (const [block, text] of edits) {
    const count = block.text === "" ? 0 : block.text.split("\n").length - 1;
    lines.splice(block.line - 1, count, ...text.replace(/\n$/, "").split("\n"));
  }
  return lines.join("\n");
}

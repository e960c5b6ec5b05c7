// Where the pages of the specification are, and which of them are made from others.

import { readdirSync, readFileSync } from "node:fs";
import { readPage, type Page } from "./page.ts";

/** Pages whose blocks are copies of other pages' blocks, or that have none. */
export const generatedPages = ["spec/grammar.md", "spec/builtins.md", "spec/diagnostics.md"];

/** All pages with blocks to execute. */
export function specPages(): readonly Page[] {
  return readdirSync("spec", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `spec/${name.replaceAll("\\", "/")}`)
    .filter((path) => !generatedPages.includes(path))
    .toSorted()
    .map((path) => readPage(path, readFileSync(path, "utf8")));
}

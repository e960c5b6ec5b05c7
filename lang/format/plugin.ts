// The Prettier plugin for `.kern` files. Files with syntax errors are refused, with the place of the first:
// a formatter must not guess.

import type { Parser, Plugin, Printer, SupportLanguage } from "prettier";
import { DiagnosticSink } from "../diagnostics/diagnostic.ts";
import { positionAt } from "../source.ts";
import { parse } from "../syntax/index.ts";
import type { Module } from "../syntax/ast.ts";
import { printModule } from "./module.ts";

/** What the plugin throws for a file that it can't parse; Prettier shows `loc` in a code frame. */
export class KernSyntaxError extends SyntaxError {
  readonly loc: { start: { line: number; column: number }; end: { line: number; column: number } };

  constructor(message: string, loc: KernSyntaxError["loc"]) {
    super(message);
    this.name = "KernSyntaxError";
    this.loc = loc;
  }
}

/** What Prettier carries from the parser to the printer: one node, printed by the printers of this folder. */
interface Root {
  readonly kind: "root";
  readonly module: Module;
}

const kernParser: Parser<Root> = {
  astFormat: "kern",
  parse(text, options) {
    const file = { path: options?.filepath ?? "input.kern", text };
    const sink = new DiagnosticSink();
    const module = parse(file, sink);
    const error = sink.all.find(({ severity }) => severity === "error");
    if (error) {
      const { start, end } = error.span ?? module.span;
      throw new KernSyntaxError(`[${error.code}] ${error.message}`, {
        start: positionAt(file, start),
        end: positionAt(file, Math.max(end, start)),
      });
    }
    return { kind: "root", module };
  },
  locStart: () => 0,
  locEnd: ({ module }) => module.span.end,
};

const kernPrinter: Printer<Root> = {
  print: ({ node }) => printModule(node.module),
  getVisitorKeys: () => [],
};

export const languages: SupportLanguage[] = [
  { name: "Kern", parsers: ["kern"], extensions: [".kern"], vscodeLanguageIds: ["kern"] },
];
export const parsers: { [name: string]: Parser<Root> } = { kern: kernParser };
export const printers: { [name: string]: Printer<Root> } = { kern: kernPrinter };
/** Where neither a configuration file nor the command line says otherwise. */
export const defaultOptions = { printWidth: 100, tabWidth: 4 };

const plugin: Plugin<Root> = { languages, parsers, printers, defaultOptions };
export default plugin;

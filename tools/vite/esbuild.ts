// The plugin for esbuild, whose own `file` loader carries the artifacts: it names them, copies them, and knows their
// addresses. Formats without `import.meta` can't find files beside them, and have everything inside.

import { basename, dirname, join } from "node:path";
import type { Loader, PartialMessage, PluginBuild } from "esbuild";
import type { TargetName } from "../../compiler/artifact.ts";
import { positionAt } from "../../lang/source.ts";
import type { Diagnostic } from "../../lang/diagnostics/index.ts";
import { bundlerMessage } from "./bundler-message.ts";
import { absolutePath, type Outcome } from "./compilation.ts";
import { moduleText } from "./module-text.ts";

const namespace = "kernc-artifact";

/** Registers `.kern` files, and the artifacts that their modules import. */
export function setupEsbuild(build: PluginBuild, compile: (path: string) => Promise<Outcome>): void {
  const artifacts = new Map<string, Uint8Array | string>();
  const { format } = build.initialOptions;
  const loader: Loader = format === "esm" ? "file" : "dataurl";

  build.onLoad({ filter: /\.kern$/, namespace: "file" }, async ({ path }) => {
    const { compiled, diagnostics, dependencies } = await compile(path);
    const watchFiles = [path, ...dependencies];
    const messages = (severity: Diagnostic["severity"]) =>
      diagnostics.filter((each) => each.severity === severity).map((each) => messageOf(each, path));
    if (!compiled) return { errors: messages("error"), warnings: messages("warning"), watchFiles };
    const { manifest } = compiled;
    const imports: string[] = [];
    const address = (file: string, content: Uint8Array | string): string => {
      const at = join(dirname(path), file);
      artifacts.set(at, content);
      const variable = `address${imports.length}`;
      imports.push(`import ${variable} from ${JSON.stringify(`${namespace}:${at}`)};`);
      return loader === "file" ? `${variable}, import.meta.url` : variable;
    };
    const code: Partial<Record<TargetName, string>> = {};
    for (const { target, file } of manifest.artifacts)
      code[target] = address(file, compiled.artifacts.find((each) => each.target === target)!.code);
    const json = address(`${basename(path, ".kern")}.manifest.json`, JSON.stringify(manifest));
    const contents = moduleText(manifest, { manifest: json, code, imports });
    return { contents, loader: "js", resolveDir: dirname(path), warnings: messages("warning"), watchFiles };
  });
  build.onResolve({ filter: new RegExp(`^${namespace}:`) }, ({ path }) => ({
    path: path.slice(namespace.length + 1),
    namespace,
  }));
  build.onLoad({ filter: /.*/, namespace }, ({ path }) => ({ contents: artifacts.get(path), loader }));
}

/** A diagnostic as esbuild shows it, with its own frame of one line; ours is a note. */
function messageOf(found: Diagnostic, path: string): PartialMessage {
  const { message, frame } = bundlerMessage([found], path);
  const { span } = found;
  const notes = frame ? [{ text: frame }] : [];
  if (!span) return { text: message, notes };
  const { line, column } = positionAt(span.file, span.start);
  const lineText = span.file.text.split(/\r?\n/)[line - 1]!;
  const bytes = (text: string): number => new TextEncoder().encode(text).length;
  const marked = span.file.text.slice(span.start, span.end).split("\n")[0]!;
  const location = {
    file: absolutePath(span.file.path),
    line,
    column: bytes(lineText.slice(0, column - 1)),
    length: bytes(marked),
    lineText,
  };
  return { text: message, location, notes };
}

// What can be written at a place: annotations behind `@`, modules and their names in imports, methods and members behind a dot, and
// elsewhere the names that are declared, built in, or in the library, which an import then comes with.

import type { CompletionItem } from "vscode-languageserver/node";
import { annotationNames, annotations, targetNames } from "../../lang/annotations.ts";
import { builtinNames, builtins, dtypeAttributes, methods } from "../../lang/builtins.ts";
import { dtypeNames, isDtype, traits } from "../../lang/dtypes.ts";
import type { SourceFile } from "../../lang/source.ts";
import { hardKeywords } from "../../lang/syntax/tokens.ts";
import type { ModuleHost } from "../../lang/typed.ts";
import { libraryHost, libraryModules } from "../../stdlib/index.ts";
import type { Analysis } from "./analysis.ts";
import { visibleAt, type Declaration } from "./declarations.ts";
import { shown } from "./hover.ts";
import { exportsOf, importEdit, offers } from "./library.ts";
import { completionKind as kinds } from "./protocol.ts";

const contextual = ["kernel", "struct", "test", "where", "out", "mut", "as"];

const kindOf = (kind: Declaration["kind"]): CompletionItem["kind"] =>
  kind === "kernel" || kind === "function"
    ? kinds.function
    : kind === "struct"
      ? kinds.struct
      : kind === "constant" || kind === "dim"
        ? kinds.constant
        : kind === "import"
          ? kinds.module
          : kinds.variable;

const markdown = (value: string | undefined): Pick<CompletionItem, "documentation"> =>
  value === undefined ? {} : { documentation: { kind: "markdown", value } };

export function completionsAt(analysis: Analysis, offset: number, host: ModuleHost): CompletionItem[] {
  const { file } = analysis;
  const line = file.text.slice(file.text.lastIndexOf("\n", offset - 1) + 1, offset);
  const code = line.replaceAll(/"[^"]*"/g, '""');
  if (code.includes("#") || (code.split('"').length & 1) === 0) return [];
  const decorator = /^\s*@(?:(\w+)\.)?\w*$/.exec(line);
  if (decorator) return annotationItems(decorator[1]);
  const imported = /^\s*(?:from\s+(\.*)([\w.]*)\s+import\s+.*|(?:from|import)\s+(\.*)([\w.]*))$/.exec(line);
  if (imported) {
    const [, level, path, , open] = imported;
    return path === undefined
      ? moduleItems(open ?? "")
      : nameItems(file, level!.length, path.split("."), host);
  }
  const dotted = /([\w.]+)\.\w*$/.exec(line);
  if (dotted) return memberItems(analysis, offset, dotted[1]!, host);
  return wordItems(analysis, offset);
}

function annotationItems(target: string | undefined): CompletionItem[] {
  const own = annotationNames.map((label) => ({
    label,
    kind: kinds.event,
    detail: annotations[label].example,
    ...markdown(annotations[label].doc),
  }));
  if (target !== undefined) return own;
  const op = {
    label: "op",
    kind: kinds.event,
    detail: '@op("domain::Name")',
    ...markdown("Names the operator that a kernel carries out in graphs."),
  };
  return [
    ...own,
    op,
    ...targetNames.map((label) => ({
      label,
      kind: kinds.module,
      detail: `@${label}.tile(…): for that target alone`,
    })),
  ];
}

function moduleItems(path: string): CompletionItem[] {
  if (!path.includes(".")) return [{ label: "std", kind: kinds.module, detail: "the standard library" }];
  return path.startsWith("std.") ? libraryModules.map((label) => ({ label, kind: kinds.module })) : [];
}

function nameItems(
  file: SourceFile,
  level: number,
  path: readonly string[],
  host: ModuleHost,
): CompletionItem[] {
  const found = libraryHost(host).resolve(level, path, file);
  if (!found || !("text" in found)) return path[0] === "std" ? moduleItems("std.") : [];
  return exportsOf(found).map((one) => declared(one, []));
}

const declared = (one: Declaration, types: readonly string[]): CompletionItem => ({
  label: one.name.text,
  kind: kindOf(one.kind),
  detail: shown(one, types),
  ...markdown(one.doc),
});

function memberItems(analysis: Analysis, offset: number, base: string, host: ModuleHost): CompletionItem[] {
  const { file } = analysis;
  const listed = (labels: readonly string[], kind: CompletionItem["kind"]): CompletionItem[] =>
    labels.map((label) => ({ label, kind }));
  if (isDtype(base) || /^[A-Z]$/.test(base))
    return Object.entries(dtypeAttributes).map(([label, detail]) => ({
      label,
      detail,
      kind: kinds.property,
    }));
  const found = visibleAt(analysis.declarations, { file, start: offset, end: offset }).findLast(
    ({ name }) => name.text === base.split(".").at(-1),
  );
  if (!found) return [];
  if (found.kind === "import") {
    const path = /import\s+([\w.]+)|from\s+([\w.]+)/.exec(found.text);
    const from = path?.[1] ?? `${path?.[2]}.${found.name.text}`;
    return nameItems(file, 0, from.split("."), host);
  }
  if (found.kind === "loop") return listed(["tile"], kinds.property);
  const [type = ""] = analysis.names.typesOf(found.name.span);
  if (type.startsWith("Tensor[")) return listed(methods.tensor, kinds.method);
  if (type.startsWith("Array[")) return listed(methods.array, kinds.method);
  if (type.startsWith("SIMD[")) return listed(methods.simd, kinds.method);
  const struct = analysis.ast.items.find((item) => item.kind === "struct" && item.name.text === type);
  return struct?.kind === "struct"
    ? listed(
        struct.fields.map(({ name }) => name.text),
        kinds.field,
      )
    : [];
}

function wordItems(analysis: Analysis, offset: number): CompletionItem[] {
  const { file, declarations, names, ast } = analysis;
  const items = new Map<string, CompletionItem>();
  const add = (item: CompletionItem): void => void items.set(item.label, item);
  for (const { module, declaration } of offers())
    add({
      ...declared(declaration, []),
      labelDetails: { description: module },
      sortText: `9${declaration.name.text}`,
      additionalTextEdits: [importEdit(ast, module, declaration.name.text)],
    });
  for (const label of [...hardKeywords.keys(), ...contextual]) add({ label, kind: kinds.keyword });
  for (const label of [...dtypeNames, "index", ...Object.keys(traits)])
    add({ label, kind: kinds.typeParameter });
  for (const label of builtinNames)
    add({
      label,
      kind: kinds.function,
      detail: builtins[label].signatures[0],
      ...markdown(builtins[label].doc),
    });
  for (const one of visibleAt(declarations, { file, start: offset, end: offset }))
    add({ ...declared(one, names.typesOf(one.name.span)), sortText: `0${one.name.text}` });
  return [...items.values()];
}

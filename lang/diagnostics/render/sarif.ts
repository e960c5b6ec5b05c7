// Diagnostics as SARIF 2.1.0, the format that code hosts and editors read. Rules come from the catalogue.

import { positionAt, type Span } from "../../source.ts";
import type { Diagnostic } from "../diagnostic.ts";
import { catalogue, type CatalogueCode } from "../catalogue/index.ts";

const schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/** A SARIF log of one run. `version` is the version of the tool. */
export function renderSarif(diagnostics: readonly Diagnostic[], options: { version?: string } = {}): string {
  const codes = [...new Set(diagnostics.map(({ code }) => code))].toSorted();
  const log = {
    $schema: schema,
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "kernc", version: options.version, rules: codes.map(rule) } },
        columnKind: "utf16CodeUnits",
        results: diagnostics.map((found) => result(found, codes.indexOf(found.code))),
      },
    ],
  };
  return `${JSON.stringify(log, undefined, 2)}\n`;
}

function rule(code: CatalogueCode): object {
  const { name, explain, severity } = catalogue[code];
  const sentence = explain.split(/(?<=[.:])\s/)[0]!.replaceAll("\n", " ");
  return {
    id: code,
    name: name.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase()),
    shortDescription: { text: sentence },
    fullDescription: { text: explain.replaceAll("\n", " "), markdown: explain },
    defaultConfiguration: { level: severity },
  };
}

function result(found: Diagnostic, ruleIndex: number): object {
  const details = [
    found.message,
    ...(found.label ? [found.label] : []),
    ...(found.counterexample ? [`Counterexample: ${found.counterexample}`] : []),
    ...found.notes,
  ];
  return {
    ruleId: found.code,
    ruleIndex,
    level: found.severity,
    message: { text: details.join(". ") },
    locations: found.span ? [{ physicalLocation: physical(found.span) }] : [],
    relatedLocations: found.related.map(({ span, text }, id) => ({
      id,
      physicalLocation: physical(span),
      message: { text },
    })),
    ...(found.fix?.edits && found.fix.edits.length > 0
      ? { fixes: [fix(found.fix.text, found.fix.edits)] }
      : {}),
  };
}

function physical(span: Span): object {
  return { artifactLocation: { uri: uri(span.file.path) }, region: region(span) };
}

function region({ file, start, end }: Span): object {
  const from = positionAt(file, start);
  const to = positionAt(file, end);
  return {
    startLine: from.line,
    startColumn: from.column,
    endLine: to.line,
    endColumn: to.column,
    charOffset: start,
    charLength: end - start,
  };
}

function fix(text: string, edits: readonly { readonly span: Span; readonly replacement: string }[]): object {
  const files = [...new Set(edits.map(({ span }) => span.file))];
  return {
    description: { text },
    artifactChanges: files.map((file) => ({
      artifactLocation: { uri: uri(file.path) },
      replacements: edits
        .filter(({ span }) => span.file === file)
        .map(({ span, replacement }) => ({
          deletedRegion: region(span),
          insertedContent: { text: replacement },
        })),
    })),
  };
}

/** A path as a relative or `file:` reference, with the characters escaped that a URI can't hold. */
function uri(path: string): string {
  const slashes = path.replaceAll("\\", "/").replace(/\p{Cs}/gu, "\ufffd");
  const escaped = slashes.split("/").map(encodeURIComponent).join("/");
  if (/^[A-Za-z]:\//.test(slashes)) return `file:///${escaped.replace("%3A", ":")}`;
  return slashes.startsWith("/") ? `file://${escaped}` : escaped;
}

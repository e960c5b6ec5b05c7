// `# type: T` assertions: the type of the outermost expression on a line, as the checker writes it. Generic code is
// seen in its default instance; a `def` is seen where a kernel or a test calls it.

import { typeName } from "../../lang/check/types.ts";
import { positionAt, type Span } from "../../lang/source.ts";
import type { TypedModule, Type } from "../../lang/typed.ts";
import { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import { instanceRequests } from "../../compiler/instances.ts";

interface Seen {
  readonly type: Type;
  readonly span: Span;
}

/** What differs from the assertions of a block's text, one line each. */
export function typeDifferences(
  module: TypedModule,
  set: Readonly<Record<string, string>>,
): readonly string[] {
  const wanted = module.file.text
    .split("\n")
    .flatMap((line, at) =>
      /# type: /.test(line) ? [{ line: at + 1, type: line.split("# type: ")[1]!.trim() }] : [],
    );
  if (wanted.length === 0) return [];
  const expressions = [...typedExpressions(module, set)].filter(({ span }) => span.file === module.file);
  return wanted.flatMap(({ line, type }) => {
    const here = expressions.filter(({ span }) => positionAt(span.file, span.start).line === line);
    const widest = here.toSorted((a, b) => b.span.end - b.span.start - (a.span.end - a.span.start))[0];
    if (!widest) return [`line ${line}: there is no expression to have the type ${type}`];
    const found = typeName(widest.type);
    return found === type ? [] : [`line ${line}: the type is ${found}, not ${type}`];
  });
}

function* typedExpressions(module: TypedModule, set: Readonly<Record<string, string>>): Generator<Seen> {
  const seen = new Set<object>();
  const sink = new DiagnosticSink();
  for (const template of module.kernels) {
    const [request] = instanceRequests(template, set, sink);
    const kernel = request && module.instantiate(template.name, request, sink);
    if (kernel) yield* below(kernel.body, seen);
  }
  for (const test of module.tests) yield* below(test.body, seen);
}

/** Values that statements compute: not the places they go to, nor what types are made of. */
const skipped = new Set(["type", "span", "sym", "syms", "decl", "target", "annotations", "loops"]);

function* below(node: unknown, seen: Set<object>): Generator<Seen> {
  if (typeof node !== "object" || node === null || seen.has(node)) return;
  seen.add(node);
  if (!Array.isArray(node) && "type" in node && "span" in node && "kind" in node)
    yield node as unknown as Seen;
  for (const [key, part] of Object.entries(node)) if (!skipped.has(key)) yield* below(part, seen);
}

// Checks the definitions of a module by themselves: a generic one once for each member of its traits, for both
// values of a bool and for ranks 1 to 3 of a pack, one parameter varied at a time. A mistake that shows only
// for some of them says for which.

import { traits } from "../dtypes.ts";
import type { Span } from "../source.ts";
import type { CompParam, Param } from "../syntax/ast.ts";
import { DiagnosticSink, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { defaultDtype, sortOf } from "./comptime-params.ts";
import { Cx, makeBody, type ModuleInfo, type Session } from "./context.ts";
import { refuseDecorators } from "./kernel-decorators.ts";
import { instantiateFunction, instantiateKernel } from "./instances.ts";
import type { Scope } from "./scope.ts";
import { packNames } from "./signatures.ts";
import { scalarType } from "./types.ts";
import { exact, typeValue, type Value } from "./values.ts";

interface Variant {
  readonly given: ReadonlyMap<string, Value>;
  readonly packs: ReadonlyMap<string, number>;
  /** "T is f16"; empty for the default. */
  readonly label: string;
}

function resultOf(param: CompParam): string | undefined {
  const sort = sortOf(param);
  return sort.kind === "function" && sort.type.result?.kind === "name" ? sort.type.result.text : undefined;
}

function variantsOf(params: readonly CompParam[], packs: readonly string[], span: Span): Variant[] {
  const variants: Variant[] = [{ given: new Map(), packs: new Map(), label: "" }];
  for (const param of params) {
    const sort = sortOf(param);
    const name = param.name.text;
    if (sort.kind === "dtype") {
      // The result of a function that has a default is decided by that function.
      if (params.some((other) => other.fallback && resultOf(other) === name)) continue;
      const usual = param.fallback?.kind === "name" ? param.fallback.text : defaultDtype(sort.trait);
      for (const dtype of traits[sort.trait]) {
        if (dtype === usual) continue;
        variants.push({
          given: new Map([[name, typeValue(scalarType(dtype), span)]]),
          packs: new Map(),
          label: `${name} is ${dtype}`,
        });
      }
    } else if (sort.kind === "bool") {
      const value = !(param.fallback?.kind === "bool" && param.fallback.value);
      variants.push({
        given: new Map([[name, exact({ kind: "bool", value }, span)]]),
        packs: new Map(),
        label: `${name} is ${value ? "True" : "False"}`,
      });
    }
  }
  for (const pack of packs) {
    for (const rank of [2, 3])
      variants.push({
        given: new Map(),
        packs: new Map([[pack, rank]]),
        label: `*${pack} stands for ${rank} dimensions`,
      });
  }
  return variants;
}

/** Runs every variant; what only some of them say gets a note. */
function checkVariants(
  variants: readonly Variant[],
  sink: DiagnosticSink,
  whole: Span,
  samples: string,
  run: (variant: Variant, sink: DiagnosticSink) => void,
): void {
  const first = new DiagnosticSink();
  const seen = new Set<string>();
  const later = new Map<string, { found: Diagnostic; labels: string[] }>();
  for (const variant of variants) {
    const own = variant.label === "" ? first : new DiagnosticSink();
    run(variant, own);
    // A `comptime assert` of the definition's own narrows its traits: what it excludes isn't meant.
    if (variant.label !== "" && own.all.some((found) => found.code === "K0322" && within(found.span, whole)))
      continue;
    for (const found of own.all) {
      const key = `${found.code} ${found.span?.file.path}:${found.span?.start}:${found.span?.end}`;
      if (variant.label === "") {
        seen.add(key);
        sink.add(
          samples && found.severity === "error" ? { ...found, notes: [...found.notes, samples] } : found,
        );
      } else if (!seen.has(key) && found.severity === "error") {
        const entry = later.get(key) ?? { found, labels: [] };
        entry.labels.push(variant.label);
        later.set(key, entry);
      }
    }
  }
  for (const { found, labels } of later.values()) {
    const shown =
      labels.length > 4
        ? `${labels.slice(0, 3).join(", ")} and ${labels.length - 3} more`
        : labels.join(", ");
    sink.add({ ...found, notes: [...found.notes, `when ${shown}`] });
  }
}

const within = (span: Span | undefined, whole: Span): boolean =>
  span?.file === whole.file && span.start >= whole.start && span.end <= whole.end;

/** "checked with S = 2": what stands for the parameters that have no default. */
function samplesNote(params: readonly CompParam[]): string {
  const shown = params.flatMap((param) => {
    const sort = sortOf(param);
    if (param.fallback) return [];
    const value = {
      int: "2",
      number: "1",
      bool: "False",
      string: '""',
      typed: "a sample",
      function: undefined,
      dtype: undefined,
    }[sort.kind];
    return value ? [`${param.name.text} = ${value}`] : [];
  });
  return shown.length
    ? `nothing gives ${shown.length === 1 ? "it" : "them"} a value here, so this was checked with ${shown.join(", ")}`
    : "";
}

/** Checks every definition of a module. */
export function checkDefinitions(session: Session, module: ModuleInfo, sink: DiagnosticSink): void {
  const place = (kind: "module", own: DiagnosticSink): Cx =>
    new Cx(session, makeBody({ kind, name: module.name, module, sink: own }), module.scope);
  const variants = (
    compParams: readonly CompParam[],
    params: readonly Param[],
    scope: Scope,
    span: Span,
  ): Variant[] => variantsOf(compParams, packNames(params, scope), span);
  for (const template of module.functions) {
    const { decl } = template;
    refuseDecorators(place("module", sink), decl);
    checkVariants(
      variants(decl.compParams, decl.params, module.scope, decl.name.span),
      sink,
      decl.span,
      samplesNote(decl.compParams),
      (variant, own) => {
        instantiateFunction(
          place("module", own),
          template,
          variant.given,
          variant.packs,
          decl.name.span,
          "sample",
        );
      },
    );
  }
  for (const template of module.kernels) {
    const { decl } = template;
    checkVariants(
      variants(decl.compParams, decl.params, module.scope, decl.name.span),
      sink,
      decl.span,
      samplesNote(decl.compParams),
      (variant, own) => {
        instantiateKernel(
          place("module", own),
          template,
          variant.given,
          variant.packs,
          decl.name.span,
          "sample",
        );
      },
    );
  }
}

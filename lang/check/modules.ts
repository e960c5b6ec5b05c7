// Modules: loads what a file imports, refuses cycles, and binds the names of imports and declarations. The
// declarations of a module are evaluated when they are first named, so their order doesn't matter.

import type { SourceFile, Span } from "../source.ts";
import type { ComptimeDecl, ImportDecl, Item, Module, Name } from "../syntax/ast.ts";
import { parse } from "../syntax/index.ts";
import { DiagnosticSink, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { Cx, makeBody, suggestion, type ModuleInfo, type Session } from "./context.ts";
import { meaningOf, Scope, type Entity } from "./scope.ts";
import { errorValue, isComptime, type FunctionTemplate, type KernelEntry, type Value } from "./values.ts";
import { check } from "./expressions.ts";
import { coerce } from "./coercion.ts";
import { resolveType } from "./type-expressions.ts";
import { structType } from "./structs.ts";

const parsed = new WeakMap<
  SourceFile,
  { readonly ast: Module; readonly diagnostics: readonly Diagnostic[] }
>();

/** Parses a file once; what the parser had to say is said again to every sink. */
function parseFile(file: SourceFile, sink: DiagnosticSink): Module {
  let known = parsed.get(file);
  if (!known) {
    const own = new DiagnosticSink();
    parsed.set(file, (known = { ast: parse(file, own), diagnostics: own.all }));
  }
  for (const found of known.diagnostics) sink.add(found);
  return known.ast;
}

/** Reads a module and everything that it imports, and binds its top-level names. */
export function loadModule(
  session: Session,
  file: SourceFile,
  name: string,
  std: boolean,
  root: boolean,
  sink: DiagnosticSink,
): ModuleInfo {
  const known = session.modules.get(file.path);
  if (known) return known;
  const own = new DiagnosticSink();
  const ast = parseFile(file, own);
  own.all.forEach((found) => sink.add(found));
  const module: ModuleInfo = {
    file,
    ast,
    name,
    std,
    root,
    damaged: own.hasErrors,
    scope: new Scope(),
    kernels: [],
    functions: [],
  };
  session.modules.set(file.path, module);
  session.loading.push(file);
  const body = makeBody({ kind: "module", name, module, sink });
  const cx = new Cx(session, body, module.scope);
  for (const item of ast.items) if (item.kind === "import") bindImport(cx, item);
  for (const item of ast.items) bindItem(cx, item);
  session.loading.pop();
  return module;
}

function bindItem(cx: Cx, item: Item): void {
  const module = cx.body.module;
  switch (item.kind) {
    case "comptime":
      return cx.declare(
        item.name.text,
        lazily(cx, item.name, "constant", () => comptimeValue(cx, item)),
      );
    case "function": {
      const template: FunctionTemplate = { decl: item, module, scope: module.scope, memo: new Map() };
      module.functions.push(template);
      const value: Value = { kind: "function", template, span: item.name.span };
      return cx.declare(item.name.text, { kind: "value", value, span: item.name.span, what: "function" });
    }
    case "kernel": {
      const template: KernelEntry = { decl: item, module, memo: new Map() };
      module.kernels.push(template);
      const value: Value = { kind: "kernel", template, span: item.name.span };
      return cx.declare(item.name.text, { kind: "value", value, span: item.name.span, what: "kernel" });
    }
    case "struct":
      return cx.declare(
        item.name.text,
        lazily(cx, item.name, "struct", () => structType(cx, item)),
      );
    default:
      return;
  }
}

/** An entity whose value is found at its first use; a value that needs itself is an error. */
export function lazily(cx: Cx, name: Name, what: string, evaluate: () => Value): Entity {
  let state: Value | "running" | undefined;
  const resolve = (): Value => {
    if (state === "running") {
      cx.report("K0208", { cycle: `\`${name.text}\` needs itself` }, name.span);
      return (state = errorValue(name.span));
    }
    if (state) return state;
    state = "running";
    const value = evaluate();
    // The inner error may have been recorded meanwhile: keep it.
    return (state = state === "running" ? value : state);
  };
  return { kind: "lazy", resolve, span: name.span, what };
}

/** The value of `comptime NAME: T = e`. */
export function comptimeValue(cx: Cx, decl: ComptimeDecl): Value {
  const value = check(cx, decl.value);
  if (value.kind === "error") return value;
  if (!isComptime(value)) {
    cx.report("K0306", { what: `\`${decl.name.text}\`` }, decl.value.span);
    return errorValue(decl.value.span);
  }
  if (!decl.type) return value;
  const type = resolveType(cx, decl.type);
  const expr = coerce(cx, value, type, `\`${decl.name.text}\``);
  return expr.type.kind === "error" ? errorValue(decl.span) : { kind: "typed", expr, span: decl.span };
}

// ---- imports -------------------------------------------------------------------------------------

const dotted = (item: ImportDecl): string =>
  ".".repeat(item.level) + item.path.map((part) => part.text).join(".");

function bindImport(cx: Cx, item: ImportDecl): void {
  if (!item.names) {
    const module = importModule(cx, item.level, item.path, item.path.at(-1)?.span ?? item.span, dotted(item));
    const value: Value = module ? { kind: "module", module, span: item.span } : errorValue(item.span);
    const last = item.alias ?? item.path.at(-1);
    if (last) declareImport(cx, last, value);
    // `import std.nn` is reached as `nn` and as `std.nn`.
    if (!item.alias && item.level === 0 && item.path.length > 1) addToNamespace(cx, item.path, value);
    return;
  }
  const last = item.path.at(-1);
  const whole = last && findModule(cx, item.level, item.path);
  const exists = whole !== undefined && "text" in whole;
  const notes = whole && "why" in whole ? [whole.why] : [];
  const module = exists ? importModule(cx, item.level, item.path, last!.span, dotted(item)) : undefined;
  for (const { name, alias } of item.names) {
    const value = exists ? named(cx, module, name) : moduleNamed(cx, item, name);
    if (!value) {
      // Neither the module nor one inside a package of that name.
      cx.report("K0205", { module: dotted(item) }, last?.span ?? name.span, { notes });
    }
    declareImport(cx, alias ?? name, value ?? errorValue(name.span));
  }
}

const named = (cx: Cx, module: ModuleInfo | undefined, name: Name): Value =>
  module ? memberOf(cx, module, name) : errorValue(name.span);

/** `from std import math`: a module inside the package. */
function moduleNamed(cx: Cx, item: ImportDecl, name: Name): Value | undefined {
  const path = [...item.path, name];
  const found = findModule(cx, item.level, path);
  if (!found || !("text" in found)) return undefined;
  const module = importModule(cx, item.level, path, name.span, dotted(item));
  return module ? { kind: "module", module, span: name.span } : errorValue(name.span);
}

/** `module.name`, from an import or an attribute. */
export function memberOf(cx: Cx, module: ModuleInfo, name: Name): Value {
  const entity = module.scope.own(name.text);
  if (!entity) {
    const known = [...module.scope.ownEntries()].map(([text]) => text);
    cx.report(
      "K0207",
      { name: name.text, module: module.name },
      name.span,
      suggestion(name.text, known, name.span),
    );
    return errorValue(name.span);
  }
  if (entity.kind === "sym") return errorValue(name.span);
  cx.session.observer?.(name.span, meaningOf(entity));
  const value = entity.kind === "lazy" ? entity.resolve() : entity.value;
  return { ...value, span: name.span };
}

function declareImport(cx: Cx, name: Name, value: Value): void {
  // Importing the same thing twice is harmless; a clash with another name is not.
  cx.declare(name.text, { kind: "value", value, span: name.span, what: "import" });
}

function addToNamespace(cx: Cx, path: readonly Name[], value: Value): void {
  const first = path[0]!;
  const own = cx.scope.own(first.text);
  let members: Map<string, Value>;
  if (own?.kind === "value" && own.value.kind === "namespace") members = own.value.members;
  else if (own) return;
  else {
    members = new Map();
    const namespace: Value = { kind: "namespace", name: first.text, members, span: first.span };
    cx.scope.declare(first.text, { kind: "value", value: namespace, span: first.span, what: "import" });
  }
  for (const part of path.slice(1, -1)) {
    const inner = members.get(part.text);
    if (inner?.kind === "namespace") members = inner.members;
    else {
      const next = new Map<string, Value>();
      members.set(part.text, { kind: "namespace", name: part.text, members: next, span: part.span });
      members = next;
    }
  }
  members.set(path.at(-1)!.text, value);
}

function findModule(
  cx: Cx,
  level: number,
  path: readonly Name[],
): SourceFile | { readonly why: string } | undefined {
  return cx.session.host.resolve(
    level,
    path.map((part) => part.text),
    cx.body.module.file,
  );
}

function importModule(
  cx: Cx,
  level: number,
  path: readonly Name[],
  span: Span,
  shown: string,
): ModuleInfo | undefined {
  const { session } = cx;
  const name =
    level === 0
      ? path.map((part) => part.text).join(".")
      : ".".repeat(level) + path.map((part) => part.text).join(".");
  const found = findModule(cx, level, path);
  if (!found || !("text" in found)) {
    cx.report("K0205", { module: name || shown }, span, { notes: found ? [found.why] : [] });
    return undefined;
  }
  const at = session.loading.findIndex((file) => file.path === found.path);
  if (at >= 0) {
    const cycle = [...session.loading.slice(at), found].map((file) => file.path).join(" → ");
    cx.report("K0206", { cycle }, span);
    return undefined;
  }
  const std = level === 0 ? path[0]?.text === "std" : cx.body.module.std;
  return loadModule(session, found, name, std, false, cx.body.sink);
}

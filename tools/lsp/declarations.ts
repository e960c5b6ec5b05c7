// Everything that a file declares, read off its tree: what to show of it, and where its name can be said.

import { positionAt, textOf, type Span } from "../../lang/source.ts";
import type {
  CompParam,
  Expr,
  FunctionDecl,
  KernelDecl,
  Module,
  Name,
  Param,
  Stmt,
} from "../../lang/syntax/ast.ts";

export type DeclarationKind =
  "kernel" | "function" | "struct" | "constant" | "import" | "parameter" | "dim" | "let" | "var" | "loop";

export interface Declaration {
  readonly kind: DeclarationKind;
  readonly name: Name;
  /** What was written, without a body: `def f(x: f32) -> f32`, `x: Tensor[f32, N]`. */
  readonly text: string;
  readonly doc?: string;
  /** The definition or test that it is inside of; absent for names of the file. */
  readonly within?: Span;
  /** A definition's own tree. */
  readonly of?: FunctionDecl | KernelDecl;
  /** Where its line begins: what belongs to it stands further right. */
  readonly column: number;
}

/** All declarations, in the order of the text. */
export function declarationsOf(module: Module): readonly Declaration[] {
  const found: Declaration[] = [];
  for (const item of module.items) {
    switch (item.kind) {
      case "import": {
        const names = item.names ?? [{ name: item.path.at(-1)!, alias: item.alias }];
        for (const { name, alias } of names)
          if (alias ?? name) found.push(declaration("import", alias ?? name, textOf(item.span)));
        break;
      }
      case "comptime":
        found.push(declaration("constant", item.name, textOf(item.span)));
        break;
      case "struct":
        found.push({ ...declaration("struct", item.name, textOf(item.span)), ...docOf(item.doc) });
        break;
      case "function":
      case "kernel":
        callable(item, found);
        break;
      case "test":
        block(item.body, item.span, found);
        break;
      default:
    }
  }
  return found;
}

const docOf = (doc: { readonly value: string } | undefined): { doc?: string } =>
  doc ? { doc: doc.value } : {};

function declaration(kind: DeclarationKind, name: Name, text: string, within?: Span): Declaration {
  return { kind, name, text, column: indentation(name.span), ...(within && { within }) };
}

/** Blanks before the line that a place is in. */
function indentation({ file, start }: Span): number {
  const line = file.text.lastIndexOf("\n", start - 1) + 1;
  return file.text.slice(line).search(/\S|$/);
}

/** `def f[T: Float](x: T) -> T`, all that stands before the body. */
export function headOf(decl: FunctionDecl | KernelDecl): string {
  const { text } = decl.name.span.file;
  const keyword = decl.kind === "kernel" ? "kernel" : "def";
  const start = text.lastIndexOf(keyword, decl.name.span.start);
  const parts: { readonly span: Span }[] = [decl.name, ...decl.compParams, ...decl.params, ...decl.where];
  if (decl.kind === "function" && decl.result) parts.push(decl.result);
  const last = Math.max(...parts.map(({ span }) => span.end));
  const colon = text.indexOf(":", last);
  return text.slice(Math.max(start, 0), colon < 0 ? last : colon).trimEnd();
}

function callable(decl: FunctionDecl | KernelDecl, found: Declaration[], within?: Span): void {
  found.push({ ...declaration(decl.kind, decl.name, headOf(decl), within), ...docOf(decl.doc), of: decl });
  const parameters: readonly (CompParam | Param)[] = [...decl.compParams, ...decl.params];
  for (const one of parameters) found.push(declaration("parameter", one.name, textOf(one.span), decl.span));
  const known = new Set(parameters.map(({ name }) => name.text));
  for (const { type } of decl.params)
    for (const name of dimensionsIn(type))
      if (!known.has(name.text)) {
        known.add(name.text);
        found.push(declaration("dim", name, name.text, decl.span));
      }
  block(decl.body, decl.span, found);
}

/** Sizes that the shape of a tensor names for the first time. */
function dimensionsIn(type: Expr): Name[] {
  if (type.kind !== "index" || type.base.kind !== "name" || type.base.text !== "Tensor") return [];
  return type.items.slice(1).flatMap((item) => {
    if ("slice" in item) return [];
    const size = item.value.kind === "star" ? item.value.operand : item.value;
    return size.kind === "name" ? [{ text: size.text, span: size.span }] : [];
  });
}

function block(body: readonly Stmt[], within: Span, found: Declaration[]): void {
  for (const stmt of body) {
    const add = (kind: DeclarationKind, name: Name, text: string): void =>
      void found.push(declaration(kind, name, text, within));
    switch (stmt.kind) {
      case "let":
        for (const name of stmt.names) add(stmt.mutable ? "var" : "let", name, textOf(stmt.span));
        if (stmt.value) generators(stmt.value, add);
        break;
      case "comptime":
        add("constant", stmt.name, textOf(stmt.span));
        break;
      case "for":
        for (const { name } of stmt.targets) add("loop", name, textOf(stmt.iter.span));
        block(stmt.body, within, found);
        break;
      case "comptime-for":
        add("loop", stmt.target, textOf(stmt.iter.span));
        block(stmt.body, within, found);
        break;
      case "while":
        block(stmt.body, within, found);
        break;
      case "if":
      case "comptime-if":
        block(stmt.then, within, found);
        if (stmt.orelse) block(stmt.orelse, within, found);
        break;
      case "function":
        callable(stmt, found, within);
        break;
      case "assign":
      case "expr":
      case "return":
        if (stmt.value) generators(stmt.value, add);
        break;
      default:
    }
  }
}

type Add = (kind: DeclarationKind, name: Name, text: string) => void;

/** Loop variables of generators inside an expression. */
function generators(expr: Expr, add: Add): void {
  const work: unknown[] = [expr];
  while (work.length > 0) {
    const next = work.pop();
    if (Array.isArray(next)) work.push(...(next as unknown[]));
    else if (next !== null && typeof next === "object") {
      const node = next as { readonly kind?: string; readonly generator?: readonly Loop[] };
      for (const { targets, iter } of node.generator ?? [])
        for (const { name } of targets) add("loop", name, textOf(iter.span));
      for (const [key, value] of Object.entries(next))
        if (key !== "span" && key !== "opSpan") work.push(value);
    }
  }
}

interface Loop {
  readonly targets: readonly { readonly name: Name }[];
  readonly iter: Expr;
}

/** Declarations whose names can be said at an offset, the nearest last. */
export function visibleAt(declarations: readonly Declaration[], at: Span): readonly Declaration[] {
  const { file, start: offset } = at;
  const { line } = positionAt(file, offset);
  const begin = file.text.lastIndexOf("\n", offset - 1) + 1;
  const before = file.text.slice(begin, offset);
  const column = before.trim() === "" ? before.length : before.search(/\S/);
  // The innermost definition or test that the offset is in; a line just begun behind it is in it, if it stands further right.
  const around = declarations
    .flatMap(({ within }) => (within ? [within] : []))
    .findLast((span) => span.start <= offset && (offset <= span.end || indentation(span) < column));
  return declarations.filter(({ kind, name, within, column: own }) => {
    if (!within) return true;
    if (!around || around.start < within.start || around.start > within.end) return false;
    if (kind === "parameter" || kind === "dim") return true;
    if (positionAt(file, name.span.start).line === line) return kind === "loop" || name.span.end < offset;
    if (name.span.start > offset) return false;
    return kind === "loop" ? own < column : own <= column;
  });
}

// What is declared and never read: a warning for locals and for inputs of kernels, once a body is checked
// without errors (after an error, a use may have been missed).

import type { FunctionDecl, KernelDecl, Stmt } from "../syntax/ast.ts";
import type { TParam } from "../typed.ts";
import { diagnostic } from "../diagnostics/diagnostic.ts";
import type { Body } from "./context.ts";

/** Warns of unread locals, and of inputs that a kernel never reads. */
export function reportUnused(
  body: Body,
  decl: FunctionDecl | KernelDecl | undefined,
  params: readonly TParam[] = [],
): void {
  if (body.sink.hasErrors || body.module.damaged) return;
  for (const { sym, mutable } of body.locals) {
    if (body.used.has(sym) || sym.name.startsWith("_")) continue;
    const what = mutable ? "is assigned, but never read" : "is never read";
    body.sink.add(diagnostic("K0210", { name: sym.name, what }, sym.span));
  }
  if (decl?.kind !== "kernel") return;
  for (const { sym, mode } of params) {
    if (mode !== "in" || body.used.has(sym) || sym.name.startsWith("_")) continue;
    // An input may be there for its dimensions alone.
    const shape = sym.type.kind === "tensor" ? sym.type.shape : [];
    const binds = shape.some((size) => size.kind === "ref" && body.used.has(size.sym));
    const other = params.some(
      (one) =>
        one.mode !== "out" &&
        body.used.has(one.sym) &&
        one.sym.type.kind === "tensor" &&
        shape.every(
          (size) =>
            one.sym.type.kind === "tensor" &&
            one.sym.type.shape.some(
              (also) => also.kind === "ref" && size.kind === "ref" && also.sym === size.sym,
            ),
        ),
    );
    if (!binds || other)
      body.sink.add(diagnostic("K0211", { name: sym.name, kernel: decl.name.text }, sym.span));
  }
}

/** Every name that stands in statements, wherever. */
export function namesInStatements(stmts: readonly Stmt[]): Set<string> {
  const names = new Set<string>();
  const work: unknown[] = [...stmts];
  while (work.length) {
    const next = work.pop();
    if (Array.isArray(next)) work.push(...(next as unknown[]));
    else if (next !== null && typeof next === "object") {
      const node = next as { kind?: unknown; text?: unknown };
      if (node.kind === "name" && typeof node.text === "string") names.add(node.text);
      else
        for (const [key, value] of Object.entries(node))
          if (key !== "span" && key !== "opSpan") work.push(value);
    }
  }
  return names;
}

// Decorators of declarations: `@op("kern::softmax")` on a kernel. A `def` has none.

import type { Decorator, FunctionDecl, KernelDecl } from "../syntax/ast.ts";
import { decoratorText, unknownDecorator } from "./annotations.ts";
import type { Cx } from "./context.ts";

/** The name that `@op` registers a kernel under; reports all other decorators. */
export function opOf(cx: Cx, decl: KernelDecl): string | undefined {
  let op: string | undefined;
  for (const decorator of decl.decorators) {
    if (decorator.path.length !== 1 || decorator.path[0]!.text !== "op") {
      unknownDecorator(cx, decorator);
      continue;
    }
    const name = opName(decorator);
    if (name === undefined || op !== undefined) {
      const why = op === undefined ? "it takes a name with its domain" : "a kernel has one name";
      cx.report("K0503", { annotation: decoratorText(decorator), why }, decorator.span, {
        notes: ['for example `@op("kern::softmax")`'],
      });
    }
    op ??= name;
  }
  return op;
}

/** The name in `@op("domain::name")`, without reporting. */
export function opName(decorator: Decorator): string | undefined {
  const [arg] = decorator.args ?? [];
  const value = arg?.value;
  if (decorator.args?.length !== 1 || arg?.name || value?.kind !== "string") return undefined;
  return /^[\w.]+::[\w.]+$/.test(value.value) ? value.value : undefined;
}

export function refuseDecorators(cx: Cx, decl: FunctionDecl): void {
  for (const decorator of decl.decorators) unknownDecorator(cx, decorator);
}

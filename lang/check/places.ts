// Places: what may stand left of `=`. Only `var`s, their elements, fields and lanes, and elements of `out` and
// `mut` tensors can be changed; every refusal says why, and what to write instead.

import type { Expr, NameExpr } from "../syntax/ast.ts";
import type { Sym, TExpr, TPlace } from "../typed.ts";
import { whatIs } from "./coercion.ts";
import { suggestion, type Cx } from "./context.ts";
import { check, unknownName } from "./expressions.ts";
import { nameHabit } from "./habits.ts";
import { indexInto } from "./subscripts.ts";
import { isError } from "./types.ts";

export interface Refusal {
  readonly name: string;
  readonly why: string;
  readonly fix?: string;
}

/** The place that an expression names, or undefined after an error. */
export function checkPlace(cx: Cx, expr: Expr): TPlace | undefined {
  if (expr.kind === "tuple") {
    const items = expr.items.map((item) => checkPlace(cx, item));
    if (items.some((item) => !item)) return undefined;
    const places = items.filter((item) => item !== undefined);
    return {
      kind: "tuple",
      items: places,
      type: { kind: "tuple", items: places.map((item) => item.type) },
      span: expr.span,
    };
  }
  const place = placeOf(cx, expr);
  if (!place || isError(place.type)) return undefined;
  // The parser has refused all else.
  if (expr.kind !== "name" && expr.kind !== "index" && expr.kind !== "attribute") return undefined;
  if (
    place.kind !== "ref" &&
    place.kind !== "index" &&
    place.kind !== "field" &&
    place.kind !== "tuple-item" &&
    place.kind !== "lane"
  ) {
    cx.report(
      "K0309",
      { name: expr.span.file.text.slice(expr.span.start, expr.span.end), why: "it is no place for a value" },
      expr.span,
    );
    return undefined;
  }
  const refused = whyNotWritable(cx, place);
  if (refused) {
    cx.report("K0309", { name: refused.name, why: refused.why }, expr.span, {
      fix: refused.fix ? { text: refused.fix } : undefined,
    });
    return undefined;
  }
  if (place.kind === "ref" && place.type.kind === "array") {
    cx.report("K0309", { name: place.sym.name, why: "an Array is changed element by element" }, expr.span, {
      fix: { text: `assign in a loop: \`${place.sym.name}[i] = …\`` },
    });
    return undefined;
  }
  return place;
}

/** Like an expression, but writing to a name is not reading it. */
function placeOf(cx: Cx, expr: Expr): TExpr | undefined {
  switch (expr.kind) {
    case "name":
      return namedPlace(cx, expr);
    case "index": {
      const base = placeOf(cx, expr.base);
      if (!base) {
        for (const item of expr.items)
          if (!("slice" in item) && item.value.kind !== "star") check(cx, item.value);
        return undefined;
      }
      if (base.type.kind === "tensor" && expr.items.some((item) => "slice" in item)) {
        cx.report("K0309", { name: "a view", why: "views are for reading" }, expr.span, {
          fix: { text: "assign element by element, in a loop" },
        });
        return undefined;
      }
      const value = indexInto(cx, base, expr.items, expr.span);
      return value.kind === "typed" ? value.expr : undefined;
    }
    case "attribute": {
      const base = placeOf(cx, expr.base);
      if (base?.type.kind !== "struct") {
        if (base && !isError(base.type))
          cx.report(
            "K0309",
            { name: expr.name.text, why: "only fields of structs are assigned to" },
            expr.span,
          );
        return undefined;
      }
      const field = base.type.fields.findIndex((one) => one.name === expr.name.text);
      if (field < 0) {
        const known = base.type.fields.map((one) => one.name);
        cx.report(
          "K0312",
          { owner: `the struct \`${base.type.name}\``, name: expr.name.text },
          expr.name.span,
          suggestion(expr.name.text, known, expr.name.span),
        );
        return undefined;
      }
      return { kind: "field", base, field, type: base.type.fields[field]!.type, span: expr.span };
    }
    case "error":
      return undefined;
    default: {
      const value = check(cx, expr);
      if (value.kind === "error") return undefined;
      if (value.kind === "typed") return value.expr;
      cx.report(
        "K0309",
        {
          name: expr.span.file.text.slice(expr.span.start, expr.span.end),
          why: `${whatIs(value)} is no place for a value`,
        },
        expr.span,
      );
      return undefined;
    }
  }
}

function namedPlace(cx: Cx, expr: NameExpr): TExpr | undefined {
  const entity = cx.lookup(expr.text, expr.span);
  if (entity?.kind === "sym") return { kind: "ref", sym: entity.sym, type: entity.sym.type, span: expr.span };
  if (!entity) {
    if (nameHabit(expr.text)) unknownName(cx, expr.text, expr.span);
    else {
      const near = suggestion(expr.text, cx.scope.visible(), expr.span);
      const start = { ...expr.span, end: expr.span.start };
      // `x += 1` needs its first value further up; `x = 1` may become the declaration.
      const first = /^\s*=(?!=)/.test(expr.span.file.text.slice(expr.span.end, expr.span.end + 20));
      const declare = first
        ? {
            text: `\`var ${expr.text} = …\` declares it; \`let\` if it never changes`,
            edits: [{ span: start, replacement: "var " }],
          }
        : { text: `declare it first: \`var ${expr.text} = …\`` };
      cx.report("K0214", { name: expr.text }, expr.span, { fix: near.fix ?? declare });
    }
    return undefined;
  }
  const value = entity.kind === "lazy" ? entity.resolve() : entity.value;
  if (value.kind === "error") return undefined;
  const what =
    entity.what === "constant" || entity.what.startsWith("compile-time")
      ? `it is a ${entity.what}`
      : `it is ${whatIs(value)}`;
  cx.report("K0309", { name: expr.text, why: what }, expr.span, {
    fix: { text: "declare a `var` of another name" },
  });
  return undefined;
}

/** The name at the root of a place. */
function rootOf(expr: TExpr): Sym | undefined {
  switch (expr.kind) {
    case "ref":
      return expr.sym;
    case "index":
    case "field":
    case "tuple-item":
    case "lane":
    case "view":
      return rootOf(expr.base);
    default:
      return undefined;
  }
}

/** Why a place can't be written to; undefined where it can. `elements`: it is `place[…]` that is written. */
export function whyNotWritable(cx: Cx, place: TExpr, elements = false): Refusal | undefined {
  const root = rootOf(place);
  if (!root) return { name: "this", why: "it is a value, not a variable" };
  const { name } = root;
  switch (root.kind) {
    case "tensor": {
      if (place.kind === "ref" && !elements)
        return { name, why: "a tensor is written element by element", fix: `\`${name}[i] = …\` in a loop` };
      const mode = cx.body.modes.get(root);
      if (mode === "out" || mode === "mut") return undefined;
      if (mode === undefined)
        return {
          name,
          why: "a nested `def` reads what is around it and changes nothing",
          fix: "return the value, and assign it outside",
        };
      return {
        name,
        why: "it is an input",
        fix: `declare it \`out ${name}: …\` or \`mut ${name}: …\` to write it`,
      };
    }
    case "scalar":
      return { name, why: "it is a parameter", fix: `copy it: \`var ${name}2 = ${name}\`` };
    case "let":
      if (root.type.kind === "tensor")
        return { name, why: "it is a view, and views are for reading", fix: "write to the tensor itself" };
      // No `let` holds an Array but a parameter.
      if (root.type.kind === "array")
        return {
          name,
          why: "it is a parameter, read only here",
          fix: "return the value, and assign it outside",
        };
      return { name, why: "it is a `let`, which never changes", fix: `declare it with \`var ${name}\`` };
    case "loop":
      return {
        name,
        why: "it is a loop variable",
        fix: "use a `while`, or compute another index with `let`",
      };
    case "dim":
      return { name, why: "it is a dimension" };
    case "var": {
      const entity = cx.scope.lookup(name);
      const foreign = entity?.kind === "sym" && entity.sym === root && entity.body !== cx.body;
      return foreign
        ? {
            name,
            why: "a nested `def` reads what is around it and changes nothing",
            fix: "return the value, and assign it outside",
          }
        : undefined;
    }
  }
}

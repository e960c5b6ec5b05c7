// Arguments of annotations: loop names (`i`, `i.tile[1]`), sizes, search spaces, operands. Loops are named by
// their variable; the loops that a statement's annotations may name are its own and those inside it.

import type { Span } from "../source.ts";
import { positionAt } from "../source.ts";
import type { Decorator, Expr, LoopTarget, Stmt } from "../syntax/ast.ts";
import type { AnnotationValue, LoopName, TargetName } from "../typed.ts";
import { markUsed, suggestion, type Cx } from "./context.ts";
import { check } from "./expressions.ts";
import { indexType } from "./types.ts";

export interface LoopTable {
  /** Where each name is bound. */
  readonly names: ReadonlyMap<string, readonly Span[]>;
  /** The names of the loops that a variable stands for: itself, or those of a pack. Reports what is amiss. */
  resolve(cx: Cx, name: string, span: Span): readonly string[] | undefined;
  /** How many tile levels a loop has, as seen by an annotation for `target`. */
  levels(name: string, target: TargetName | undefined): number;
}

/** The loops of a statement, from its syntax. */
export function collectLoops(cx: Cx, stmt: Stmt, decorators: readonly Decorator[]): LoopTable {
  const names = new Map<string, Span[]>();
  const work: unknown[] = [stmt];
  while (work.length) {
    const next = work.pop();
    if (Array.isArray(next)) {
      for (const one of next as unknown[]) work.push(one);
      continue;
    }
    if (next === null || typeof next !== "object") continue;
    const node = next as { kind?: unknown; targets?: unknown; iter?: unknown };
    // Nested `def`s have loops of their own.
    if (node.kind === "function" || node.kind === "number" || node.kind === "name") continue;
    if (Array.isArray(node.targets) && node.iter) {
      for (const { name } of node.targets as LoopTarget[])
        names.set(name.text, [...(names.get(name.text) ?? []), name.span]);
    }
    for (const [key, value] of Object.entries(node))
      if (key !== "span" && key !== "opSpan" && key !== "decorators") work.push(value);
  }
  const tiles = decorators.flatMap((decorator) => {
    const path = decorator.path.map((part) => part.text);
    if (path.at(-1) !== "tile") return [];
    const sizes = (decorator.args ?? []).flatMap((arg) =>
      arg.name ? [{ name: arg.name.text, levels: tileLevels(arg.value) }] : [],
    );
    return [{ target: path.length > 1 ? path[0] : undefined, sizes }];
  });
  /** Names told already: every annotation of a statement may mention one. */
  const told = new Set<string>();
  return {
    names,
    resolve(place, name, span) {
      const spans = names.get(name);
      if (!spans) {
        const outer = place.scope.lookup(name);
        const around = outer?.kind === "sym" && outer.sym.kind === "loop";
        place.report("K0505", { name }, span, {
          ...suggestion(name, names.keys(), span),
          notes: [
            around
              ? "that loop is further out: annotate it where it begins"
              : `the loops here are ${[...names.keys()].map((one) => `\`${one}\``).join(", ")}`,
          ],
        });
        return undefined;
      }
      if (spans.length > 1) {
        if (told.has(name)) return undefined;
        told.add(name);
        const lines = spans.map((one) => positionAt(one.file, one.start).line).toSorted((a, b) => a - b);
        place.report("K0504", { name, lines: lines.join(" and ") }, span, {
          related: spans.map((one) => ({ span: one, text: "a loop of this name" })),
          fix: { text: "give one of the loops another name" },
        });
        return undefined;
      }
      place.session.observer?.(span, { declared: spans[0]!, what: "loop", type: indexType });
      const entity = cx.scope.lookup(name);
      if (entity?.kind === "value" && entity.value.kind === "pack") {
        return entity.value.items.map((item) => (item.kind === "ref" ? item.sym.name : name));
      }
      return [name];
    },
    levels(name, target) {
      const found = tiles.filter((tile) => tile.target === undefined || tile.target === target);
      return Math.max(
        0,
        ...found.flatMap((tile) => tile.sizes.filter((one) => one.name === name).map((one) => one.levels)),
      );
    },
  };
}

function tileLevels(value: Expr): number {
  if (value.kind === "tuple") return value.items.length;
  if (value.kind === "list")
    return Math.max(1, ...value.items.map((item) => (item.kind === "tuple" ? item.items.length : 1)));
  return 1;
}

/** Where a value stands: the annotation as written, the target it is for, whether it names an operand. */
export interface ValuePlace {
  readonly annotation: string;
  readonly target: TargetName | undefined;
  readonly operand: boolean;
}

/** An argument's value; several for a pack of loops. Undefined after an error. */
export function annotationValue(
  cx: Cx,
  expr: Expr,
  loops: LoopTable,
  place: ValuePlace,
): AnnotationValue[] | undefined {
  switch (expr.kind) {
    case "string":
      return [{ kind: "string", value: expr.value }];
    case "tuple":
    case "list": {
      const items = expr.items.map((item) => annotationValue(cx, item, loops, place));
      if (items.some((item) => !item)) return undefined;
      return [{ kind: expr.kind, items: items.flatMap((item) => item ?? []) }];
    }
    case "star":
      return annotationValue(cx, expr.operand, loops, place);
    case "index":
    case "attribute":
      return loopName(cx, expr, loops, place);
    case "name": {
      if (place.operand) return operandValue(cx, expr.text, expr.span, place.annotation);
      if (loops.names.has(expr.text)) return loopName(cx, expr, loops, place);
      const entity = cx.scope.lookup(expr.text);
      if (!entity || (entity.kind === "sym" && entity.sym.kind === "loop")) {
        loops.resolve(cx, expr.text, expr.span);
        return undefined;
      }
      return constantValue(cx, expr);
    }
    default:
      return constantValue(cx, expr);
  }
}

function constantValue(cx: Cx, expr: Expr): AnnotationValue[] | undefined {
  const value = check(cx, expr);
  if (value.kind === "exact" && value.value.kind === "int")
    return [{ kind: "int", value: Number(value.value.value) }];
  if (value.kind === "exact" && value.value.kind === "string")
    return [{ kind: "string", value: value.value.value }];
  if (value.kind === "typed" && value.expr.kind === "const" && typeof value.expr.value !== "boolean") {
    return [{ kind: "int", value: Number(value.expr.value) }];
  }
  if (value.kind !== "error") cx.report("K0306", { what: "an argument of an annotation" }, expr.span);
  return undefined;
}

function operandValue(cx: Cx, name: string, span: Span, annotation: string): AnnotationValue[] | undefined {
  const entity = cx.lookup(name, span);
  if (entity?.kind === "sym" && (entity.sym.type.kind === "tensor" || entity.sym.type.kind === "array")) {
    markUsed(cx, entity.sym);
    return [{ kind: "ref", sym: entity.sym }];
  }
  if (entity) cx.report("K0503", { annotation, why: `\`${name}\` is no tensor and no Array` }, span);
  else cx.report("K0201", { name, what: "the tensor" }, span, suggestion(name, cx.scope.visible(), span));
  return undefined;
}

/** `i`, `i.tile`, `i.tile[1]`. */
function loopName(cx: Cx, expr: Expr, loops: LoopTable, place: ValuePlace): AnnotationValue[] | undefined {
  let level: number | undefined;
  let base = expr;
  if (base.kind === "index" && base.base.kind === "attribute") {
    const [item] = base.items;
    const number = item && !("slice" in item) && item.value.kind === "number" ? Number(item.value.text) : NaN;
    if (base.items.length !== 1 || !Number.isInteger(number)) {
      cx.report(
        "K0503",
        { annotation: place.annotation, why: "a tile loop is `i.tile[0]`, `i.tile[1]`, …" },
        expr.span,
      );
      return undefined;
    }
    level = number;
    base = base.base;
  }
  if (base.kind === "attribute") {
    if (base.name.text !== "tile") {
      cx.report(
        "K0503",
        { annotation: place.annotation, why: `a loop has tiles, \`i.tile\`, and no \`.${base.name.text}\`` },
        base.name.span,
      );
      return undefined;
    }
    level ??= 0;
    base = base.base;
  }
  if (base.kind !== "name") {
    cx.report("K0503", { annotation: place.annotation, why: "a loop is named by its variable" }, expr.span);
    return undefined;
  }
  const { text } = base;
  const found = loops.resolve(cx, text, base.span);
  if (!found) return undefined;
  const levels = loops.levels(text, place.target);
  if (level !== undefined && level >= levels) {
    const why =
      levels === 0
        ? `\`${text}\` is not tiled here: add \`@tile(${text}=…)\``
        : `\`${text}\` has ${levels} tile level${levels === 1 ? "" : "s"}`;
    cx.report("K0503", { annotation: place.annotation, why }, expr.span);
    return undefined;
  }
  return found.map((name): AnnotationValue => {
    const loop: LoopName = level === undefined ? { name, span: expr.span } : { name, level, span: expr.span };
    return { kind: "loop", loop };
  });
}

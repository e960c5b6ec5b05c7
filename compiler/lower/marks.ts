// Annotations in force while lowering, and the marks that they put on loops. Lowering only attaches them; the
// provers decide whether they may stay.

import type { AnnotationValue, Sym, TAnnotation, TLoop } from "../../lang/typed.ts";
import type { Directive, LoopMarks, LoopRef, Stmt, Tail } from "../ir/ir.ts";
import { mapBlocksOf, mapSame } from "../ir/walk.ts";
import { resolved } from "../tuning/values.ts";
import type { Lowering } from "./lowering.ts";

export interface MarkScope {
  readonly annotation: TAnnotation;
  /** Loops meant when the annotation names none. */
  readonly own: readonly Sym[];
  /** Inlined calls around the annotated statement. */
  readonly calls: number;
}

/** Lowers something with a statement's annotations in force. `loops` are the statement's own, outermost first. */
export function withAnnotations(
  cx: Lowering,
  annotations: readonly TAnnotation[],
  body: () => void,
  loops: readonly TLoop[] = [],
): void {
  const own = loops.map((loop) => loop.sym);
  const mine = annotations
    .filter((each) => cx.annotated && (each.target === undefined || each.target === cx.target))
    .map((each) => resolved(each, cx.choice));
  for (const annotation of mine) {
    const meant = annotation.name === "vectorize" ? own.slice(-1) : own;
    cx.marks.push({ annotation, own: meant, calls: cx.calls });
  }
  // On the TSP every annotation says where something lies or when it happens, and not how a loop is written.
  const scheduled = mine.some(({ name, target }) => restructures.has(name) || target === "tsp");
  const made: MadeLoops = new Map();
  const from = cx.position;
  if (scheduled) cx.made.push({ loops: made, calls: cx.calls });
  body();
  if (scheduled) cx.made.pop();
  cx.marks.length -= mine.length;
  if (scheduled) {
    const directives = mine.flatMap((each) => directive(cx, each, own, made));
    cx.amend(from, (statement) => begun(statement, directives, made));
  }
}

// ---- marks -------------------------------------------------------------------------------------------

/** The marks that the annotations in force put on the loop of `sym`. */
export function marksFor(cx: Lowering, sym: Sym): LoopMarks {
  let marks: LoopMarks = {};
  const tiled = cx.marks.some(
    ({ annotation }) => annotation.name === "tile" && Object.hasOwn(annotation.options, sym.name),
  );
  for (const scope of cx.marks) {
    const { annotation } = scope;
    if (!means(cx, scope, sym)) continue;
    if (annotation.name === "parallel") marks = { ...marks, parallel: true };
    if (annotation.name === "threads") marks = { ...marks, threads: true };
    if (annotation.name === "vectorize") marks = { ...marks, vectorize: vectorization(annotation) };
    // Unrolling a tile's points says nothing about the whole loop.
    if (annotation.name === "unroll" && !tiled) marks = { ...marks, unroll: factor(annotation) };
  }
  return marks;
}

function means(cx: Lowering, { annotation, own, calls }: MarkScope, sym: Sym): boolean {
  const named = annotation.args.flatMap((arg) => (arg.kind === "loop" ? [arg.loop] : []));
  if (named.length === 0) return own.includes(sym);
  return cx.calls === calls && named.some((loop) => loop.name === sym.name);
}

function vectorization(annotation: TAnnotation): { width?: number; tail: Tail } {
  const { width, tail } = annotation.options;
  return {
    ...(width?.kind === "int" ? { width: width.value } : {}),
    tail: tail?.kind === "string" ? (tail.value as Tail) : "mask",
  };
}

function factor(annotation: TAnnotation): number {
  for (const value of annotation.args) if (value.kind === "int") return value.value;
  return 0;
}

// ---- directives --------------------------------------------------------------------------------------

/** Annotations that make other loops of a statement's loops; beside one of them, marks go to the loops it makes. */
const restructures: ReadonlySet<string> = new Set(["tile", "order", "fuse", "stage"]);

/** Names in the IR of the loops of an annotated statement, by their names in the source. */
export type MadeLoops = Map<string, string[]>;
export interface MadeScope {
  readonly loops: MadeLoops;
  readonly calls: number;
}

/** Remembers a loop for the annotations around it that may name it. */
export function noteLoop(cx: Lowering, sym: Sym, name: string): void {
  for (const scope of cx.made)
    if (scope.calls === cx.calls) scope.loops.set(sym.name, [...(scope.loops.get(sym.name) ?? []), name]);
}

function directive(
  cx: Lowering,
  annotation: TAnnotation,
  own: readonly Sym[],
  made: MadeLoops,
): readonly Directive[] {
  const { span, target } = annotation;
  const where = { span, ...(target === "tsp" && { target }) } as const;
  const refs = (
    values: readonly (AnnotationValue | undefined)[],
    implied: readonly Sym[] = [],
  ): LoopRef[] => {
    const named = values.flatMap((value) => (value?.kind === "loop" ? [value.loop] : []));
    const meant: readonly { name: string; level?: number }[] = named.length > 0 ? named : implied;
    return meant.flatMap(({ name, level }) =>
      (made.get(name) ?? []).map((loop) => (level === undefined ? { loop } : { loop, level })),
    );
  };
  const loops = refs(annotation.args, annotation.name === "vectorize" ? own.slice(-1) : own);
  switch (annotation.name) {
    case "tile": {
      const sizes = Object.entries(annotation.options).flatMap(([name, value]) =>
        (made.get(name) ?? []).map((loop) => ({ loop, sizes: sizesOf(value) })),
      );
      return [{ kind: "tile", sizes, ...where }];
    }
    case "stage": {
      const buffers = annotation.args.flatMap((value) => {
        if (value.kind !== "ref") return [];
        const staged = cx.lookup(value.sym);
        return staged.kind === "view" ? [staged.view.buffer] : [];
      });
      const [at] = refs([annotation.options["at"]]);
      return [{ kind: "stage", buffers, ...(at && { at }), ...where }];
    }
    case "vectorize":
      return [{ kind: "vectorize", loops, ...vectorization(annotation), ...where }];
    case "unroll":
      return [{ kind: "unroll", loops, factor: factor(annotation), ...where }];
    case "parallel": {
      // Without a name, it's the tiles that are shared out.
      const implied = !annotation.args.some((arg) => arg.kind === "loop");
      return [
        {
          kind: "parallel",
          loops: implied ? loops.map(({ loop }) => ({ loop, level: 0 })) : loops,
          ...where,
        },
      ];
    }
    default:
      return [{ kind: annotation.name, loops, ...where }];
  }
}

function sizesOf(value: AnnotationValue): number[] {
  if (value.kind === "int") return [value.value];
  return value.kind === "tuple" ? value.items.flatMap(sizesOf) : [];
}

/** The statement with the directives on the outermost loops that they are about. */
function begun(statement: Stmt, directives: readonly Directive[], made: MadeLoops): Stmt {
  if (statement.kind === "for" && [...made.values()].some((names) => names.includes(statement.name)))
    return { ...statement, schedule: [...directives, ...(statement.schedule ?? [])] };
  return mapBlocksOf(statement, (block) => mapSame(block, (each) => begun(each, directives, made)));
}

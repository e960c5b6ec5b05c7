// Annotations in force while lowering, and the marks that they put on loops. Lowering only attaches them; the
// provers decide whether they may stay.

import type { AnnotationValue, Sym, TAnnotation, TLoop } from "../../lang/typed.ts";
import type { LoopMarks, Tail } from "../ir/ir.ts";
import type { Lowering } from "./lowering.ts";

export interface MarkScope {
  readonly annotation: TAnnotation;
  /** Loops meant when the annotation names none. */
  readonly own: readonly Sym[];
}

/** Lowers something with a statement's annotations in force. `loops` are the statement's own, outermost first. */
export function withAnnotations(
  cx: Lowering,
  annotations: readonly TAnnotation[],
  body: () => void,
  loops: readonly TLoop[] = [],
): void {
  const own = loops.map((loop) => loop.sym);
  const mine = annotations.filter((each) => each.target === undefined || each.target === cx.target);
  for (const annotation of mine) {
    cx.marks.push({ annotation, own: annotation.name === "vectorize" ? own.slice(-1) : own });
  }
  body();
  cx.marks.length -= mine.length;
}

/** The marks that the annotations in force put on the loop of `sym`. */
export function marksFor(cx: Lowering, sym: Sym): LoopMarks {
  let marks: LoopMarks = {};
  const tiled = cx.marks.some(
    ({ annotation }) => annotation.name === "tile" && Object.hasOwn(annotation.options, sym.name),
  );
  for (const { annotation, own } of cx.marks) {
    if (!means(annotation, own, sym)) continue;
    if (annotation.name === "parallel") marks = { ...marks, parallel: true };
    if (annotation.name === "vectorize") marks = { ...marks, vectorize: vectorization(annotation) };
    // Unrolling a tile's points says nothing about the whole loop.
    if (annotation.name === "unroll" && !tiled) marks = { ...marks, unroll: factor(annotation) };
  }
  return marks;
}

function means(annotation: TAnnotation, own: readonly Sym[], sym: Sym): boolean {
  const named = annotation.args.flatMap((arg) => (arg.kind === "loop" ? [arg.loop] : []));
  return named.length === 0 ? own.includes(sym) : named.some((loop) => loop.name === sym.name);
}

function vectorization(annotation: TAnnotation): { width?: number; tail: Tail } {
  const width = first(annotation.options["width"]);
  const tail = first(annotation.options["tail"]);
  return {
    ...(width?.kind === "int" ? { width: width.value } : {}),
    tail: tail?.kind === "string" ? (tail.value as Tail) : "mask",
  };
}

function factor(annotation: TAnnotation): number {
  for (const arg of annotation.args) {
    const value = first(arg);
    if (value?.kind === "int") return value.value;
  }
  return 0;
}

/** Of a search space, the first value is the default. */
function first(value: AnnotationValue | undefined): AnnotationValue | undefined {
  return value?.kind === "list" ? value.items[0] : value;
}

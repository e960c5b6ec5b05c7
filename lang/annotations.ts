// The annotations of the language, one row each: what they take.
// The checker, the documentation and completion read this table.

/** What a positional argument may be. */
export type AnnotationArg = "loop" | "int" | "operand";
/** What an option's value may be; `sizes` is an integer or a tuple of them, per loop. */
export type AnnotationOption = "int" | "loop" | "tail" | "sizes";

export interface AnnotationInfo {
  readonly doc: string;
  readonly example: string;
  /** Positional arguments: what each may be, and how many there may be. */
  readonly args: { readonly of: readonly AnnotationArg[]; readonly least: number; readonly most: number };
  readonly options: Readonly<Record<string, AnnotationOption>>;
  /** True for `@tile(i=64)`: every option is named after a loop and has sizes. */
  readonly perLoop?: true;
}

const many = 32;

export const annotations = {
  tile: {
    doc: "Strip-mines loops. `i.tile[0]`, `i.tile[1]`, `i.tile` (the first) and `i` (the point loop) name the results.",
    example: "@tile(i=64, j=(64, 4), k=16)",
    args: { of: [], least: 0, most: 0 },
    options: {},
    perLoop: true,
  },
  order: {
    doc: "The loop order in full.",
    example: "@order(i.tile, j.tile, k, i, j)",
    args: { of: ["loop"], least: 1, most: many },
    options: {},
  },
  fuse: {
    doc: "One loop over both.",
    example: "@fuse(h, w)",
    args: { of: ["loop"], least: 2, most: many },
    options: {},
  },
  parallel: {
    doc: "Iterations are shared among workers or workgroups. Legal when no iteration writes what another touches.",
    example: "@parallel(i.tile)",
    args: { of: ["loop"], least: 0, most: many },
    options: {},
  },
  threads: {
    doc: "Iterations are the invocations of a workgroup.",
    example: "@threads(i.tile[1])",
    args: { of: ["loop"], least: 0, most: many },
    options: {},
  },
  vectorize: {
    doc: "Iterations become lanes. `tail` says what happens to the rest: `mask`, `peel`, `scalar` or `exact`.",
    example: '@vectorize(j, width=4, tail="mask")',
    args: { of: ["loop"], least: 0, most: 1 },
    options: { width: "int", tail: "tail" },
  },
  unroll: {
    doc: "Unrolls loops, wholly or by a factor.",
    example: "@unroll(k, 4)",
    args: { of: ["loop", "int"], least: 0, most: many },
    options: {},
  },
  stage: {
    doc: "Copies the part of a tensor that the loop uses into fast memory, packed in the order of use.",
    example: "@stage(b, at=k.tile)",
    args: { of: ["operand"], least: 1, most: many },
    options: { at: "loop" },
  },
} as const satisfies Record<string, AnnotationInfo>;

export type AnnotationName = keyof typeof annotations;
export const annotationTable: Readonly<Record<AnnotationName, AnnotationInfo>> = annotations;
export const annotationNames = Object.keys(annotations) as AnnotationName[];

export function isAnnotation(name: string): name is AnnotationName {
  return Object.hasOwn(annotations, name);
}

/** Ways to treat the iterations that don't fill a vector. */
export const tails = ["mask", "peel", "scalar", "exact"] as const;

export const targetNames = ["wasm", "wgsl", "tsp"] as const;

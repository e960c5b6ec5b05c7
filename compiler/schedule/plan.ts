// The directives of one annotated statement, sorted by what they are about: tile sizes and marks by loop, the order
// that was asked for, what is to be staged where. Several annotations of a kind add up; of two sizes for one loop the
// later one counts.

import type { Directive, LoopMarks, LoopRef } from "../ir/ir.ts";

export interface Staging {
  readonly buffers: readonly string[];
  readonly at: LoopRef | undefined;
  readonly directive: Directive;
}

export interface Plan {
  readonly directives: readonly Directive[];
  /** Tile sizes by loop, outermost level first, in the order in which the loops were written. */
  readonly tiles: ReadonlyMap<string, readonly number[]>;
  readonly order: (Directive & { readonly kind: "order" | "fuse" | "parallel" | "threads" }) | undefined;
  readonly stages: readonly Staging[];
  /** Marks of a loop that a directive names, by `loopKey`. */
  readonly marks: ReadonlyMap<string, LoopMarks>;
  /** Loops that some mark is about, so that what lowering marked for the provers is spent. */
  readonly marked: ReadonlySet<string>;
}

/** Identifies a loop or a tile loop. */
export const loopKey = ({ loop, level }: LoopRef): string =>
  level === undefined ? loop : `${loop}#${level}`;

export function planOf(directives: readonly Directive[]): Plan {
  const tiles = new Map<string, readonly number[]>();
  for (const each of directives)
    if (each.kind === "tile")
      for (const { loop, sizes } of each.sizes) if (sizes.length > 0) tiles.set(loop, sizes);
  const marks = new Map<string, LoopMarks>();
  const marked = new Set<string>();
  const mark = (loops: readonly LoopRef[], added: LoopMarks): void => {
    for (const given of loops) {
      const most = (tiles.get(given.loop)?.length ?? 0) - 1;
      const level = given.level === undefined || most < 0 ? undefined : Math.min(given.level, most);
      const key = loopKey({ loop: given.loop, ...(level !== undefined && { level }) });
      marks.set(key, { ...marks.get(key), ...added });
      marked.add(given.loop);
    }
  };
  for (const each of directives) {
    if (each.kind === "parallel") mark(each.loops, { parallel: true });
    if (each.kind === "threads") mark(each.loops, { threads: true });
    if (each.kind === "unroll") mark(each.loops, { unroll: each.factor });
    if (each.kind === "vectorize") {
      const { width, tail } = each;
      mark(each.loops, { vectorize: { tail, ...(width !== undefined && { width }) } });
    }
  }
  const order = directives.findLast((each) => each.kind === "order");
  const stages = directives.flatMap((each): Staging[] =>
    each.kind === "stage" ? [{ buffers: each.buffers, at: each.at, directive: each }] : [],
  );
  return { directives, tiles, order: order?.kind === "order" ? order : undefined, stages, marks, marked };
}

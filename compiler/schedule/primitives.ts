// The primitives of schedules, a row each: what they take, when they are legal, what they do, shown on a small kernel.
// `apply.ts` carries out a statement's directives together, in the order of this table; the provers and `legality.ts`
// ask what the rows say must hold. Documentation and the automatic scheduler read it.

import type { Directive } from "../ir/ir.ts";

export interface Primitive {
  readonly name: Directive["kind"];
  /** What it takes: loops of the source, tile loops, buffers, numbers. */
  readonly operands: string;
  /** What must hold, and which part of the compiler asks. */
  readonly legal: string;
  /** What it makes of the loops. */
  readonly effect: string;
  /** A kernel with the directive, as IR. */
  readonly before: string;
  /** The same with the directive carried out. */
  readonly after: string;
}

const kernel = (body: string): string =>
  `kernel k(x: in i32[M, N], y: out i32[M, N]) dims(M = x.0, N = x.1) {\n${body}}\n`;

const copy = (directives: string): string =>
  kernel(`${directives}  for i in 0..M {
    for j in 0..N {
      y[i, j] = x[i, j]
    }
  }
`);

export const primitives: readonly Primitive[] = [
  {
    name: "fuse",
    operands: "perfectly nested loops",
    legal: "always, as the iterations keep their order; applied where their number is proved to fit 32 bits",
    effect: "one loop over all iterations, whose number says where each of the loops stands",
    before: copy("  @fuse(i, j)\n"),
    after: kernel(`  for i_j as i_j in 0..M * N {
    y[i_j // max(N, 1), i_j % max(N, 1)] = x[i_j // max(N, 1), i_j % max(N, 1)]
  }
`),
  },
  {
    name: "tile",
    operands: "loops, each with the sizes of its tiles in iterations, outermost level first",
    legal: "no two iterations that touch one element, one of them writing it, change places",
    effect:
      "loops over tiles, level by level, around the loops over points; reductions that end up outside of points get an accumulator for each point",
    before: copy("  @tile(i: 4)\n"),
    after: kernel(`  for i_tile in 0..M step 4 {
    for j_1 in 0..N {
      for i_1 in i_tile..min(i_tile + 4, M) {
        y[i_1, j_1] = x[i_1, j_1]
      }
    }
  }
`),
  },
  {
    name: "order",
    operands: "all loops of one nest, tile loops included, the outermost first",
    legal: "as for tile",
    effect: "the loops in that order",
    before: copy("  @order(j, i)\n"),
    after: kernel(`  for j_1 in 0..N {
    for i_1 in 0..M {
      y[i_1, j_1] = x[i_1, j_1]
    }
  }
`),
  },
  {
    name: "stage",
    operands: "buffers, and the loop in whose body they are copied; without one, once a call",
    legal: "the buffer isn't written inside of that loop",
    effect: "a panel with what the body reads, packed in the order of use; the body reads from it",
    before: copy("  @stage(x; i)\n"),
    after: kernel(`  panel x_panel: i32[N]
  for i_1 in 0..M {
    alloc x_panel
    vectorize(mask) for x_at in 0..N {
      x_panel[x_at] = x[i_1, x_at]
    }
    for j_1 in 0..N {
      y[i_1, j_1] = x_panel[j_1]
    }
  }
`),
  },
  {
    name: "parallel",
    operands: "loops or tile loops",
    legal: "no iteration writes what another touches",
    effect: "iterations are shared among workers",
    before: copy("  @tile(i: 4) @parallel(i@0)\n"),
    after: kernel(`  parallel for i_tile in 0..M step 4 {
    for j_1 in 0..N {
      for i_1 in i_tile..min(i_tile + 4, M) {
        y[i_1, j_1] = x[i_1, j_1]
      }
    }
  }
`),
  },
  {
    name: "threads",
    operands: "loops or tile loops inside of a parallel one",
    legal: "as for parallel, or a declared reduction",
    effect: "iterations are invocations of a workgroup; on WASM they run in order",
    before: copy("  @tile(j: 8) @threads(j)\n"),
    after: kernel(`  for i_1 in 0..M {
    for j_tile in 0..N step 8 {
      threads for j_1 in j_tile..min(j_tile + 8, N) {
        y[i_1, j_1] = x[i_1, j_1]
      }
    }
  }
`),
  },
  {
    name: "vectorize",
    operands: "a loop, a width, what becomes of the rest",
    legal: "as for parallel, or a declared reduction",
    effect:
      "iterations are lanes; a tile's last, partial vectors run under a mask, apart from the full tiles",
    before: copy("  @tile(j: 8) @vectorize(j: mask)\n"),
    after: kernel(`  for i_1 in 0..M {
    for j_tile in 0..N step 8 {
      if j_tile + 8 <= N {
        vectorize(mask) unroll(0) for j_1 in 0..8 {
          y[i_1, j_tile + j_1] = x[i_1, j_tile + j_1]
        }
      } else {
        vectorize(mask) unroll(0) for j_2 in 0..8 {
          if j_tile + j_2 < N {
            y[i_1, j_tile + j_2] = x[i_1, j_tile + j_2]
          }
        }
      }
    }
  }
`),
  },
  {
    name: "unroll",
    operands: "loops, a factor; 0 for wholly",
    legal: "always",
    effect: "copies of the body; a tile that isn't full runs as tiles of one point",
    before: copy("  @tile(i: 2) @unroll(i: 0)\n"),
    after: kernel(`  for i_tile in 0..M step 2 {
    if i_tile + 2 <= M {
      for j_1 in 0..N {
        unroll(0) for i_1 in 0..2 {
          y[i_tile + i_1, j_1] = x[i_tile + i_1, j_1]
        }
      }
    } else {
      for i_2 in i_tile..M {
        for j_2 in 0..N {
          y[i_2, j_2] = x[i_2, j_2]
        }
      }
    }
  }
`),
  },
];

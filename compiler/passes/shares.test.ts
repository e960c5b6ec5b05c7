import { describe, expect, it } from "vitest";
import { applied, sameResults } from "../../testing/equivalence.ts";
import { evaluateShape } from "../artifact.ts";
import { int, type IrKernel } from "../ir/ir.ts";
import { parseKernel } from "../ir/parse.ts";
import { printBlock, printExpr } from "../ir/print.ts";
import { toShapeExpr } from "../shape-expr.ts";
import { phases } from "./phases.ts";
import { extentOf, shareOf } from "./shares.ts";
import { Workspace } from "./workspace.ts";

/** The kernel with each phase run as shares of the given size. */
function inShares(kernel: IrKernel, dims: Readonly<Record<string, number>>, size: number): IrKernel {
  const phased = phases(kernel);
  let current = phased.kernel;
  const body = phased.phases.flatMap((phase) => {
    const extent = evaluateShape(toShapeExpr(extentOf(phased.kernel, phase))!, (name) => dims[name]!);
    const shares = Math.max(Math.ceil(extent / size), 1);
    return Array.from({ length: shares }, (_, at) => {
      const share = shareOf(current, phase, int(at * size), int(Math.min((at + 1) * size, extent)));
      const workspace = new Workspace({ ...current, body: [...current.body, ...share] });
      const copy = workspace.copy(share, new Map());
      current = { ...current, body: [...current.body, ...copy] };
      return copy;
    }).flat();
  });
  return { ...phased.kernel, body };
}

const nest = `kernel k(x: in i32[A, B, N], y: mut i32[A, B, N]) dims(A = x.0, B = x.1, N = x.2) {
  let last: i32 = B
  parallel for a in 0..A {
    let row: i32 = a * 2
    parallel for b in 0..last {
      parallel for c in 1..N - 1 step 2 { y[a, b, c] = y[a, b, c] * 3 + x[a, b, c] + row }
    }
  }
}`;

describe("shares", () => {
  it("count perfectly nested loops as one", () => {
    const { kernel, phases: list } = phases(parseKernel(nest));
    expect(printExpr(extentOf(kernel, list[0]!))).toMatchInlineSnapshot(`"A * B * max((N - 1) // 2, 0)"`);
    const share = shareOf(kernel, list[0]!, int(0), int(5));
    expect(printBlock(share).join("\n")).toMatchInlineSnapshot(`
      "let last: i32 = B
      let a_inner: i32 = max(B * max((N - 1) // 2, 0), 1)
      let a_first: i32 = 0 // a_inner
      let a_last: i32 = (a_inner + -1 + 5) // a_inner
      for a in a_first..a_last {
        let a_done: i32 = a * a_inner
        let a_from: i32 = max(0 - a_done, 0)
        let a_to: i32 = min(5 - a_done, a_inner)
        let row: i32 = a * 2
        let b_inner: i32 = max(max((N - 1) // 2, 0), 1)
        let b_first: i32 = a_from // b_inner
        let b_last: i32 = (a_to + (b_inner + -1)) // b_inner
        for b in b_first..b_last {
          let b_done: i32 = b * b_inner
          let b_from: i32 = max(a_from - b_done, 0)
          let b_to: i32 = min(a_to - b_done, b_inner)
          for c in b_from * 2 + 1..b_to * 2 + 1 step 2 {
            y[a, b, c] = y[a, b, c] * 3 + x[a, b, c] + row
          }
        }
      }"
    `);
  });

  it("cover every iteration once, whatever their size", () => {
    for (const dims of [
      { A: 2, B: 3, N: 6 },
      { A: 1, B: 1, N: 9 },
      { A: 3, B: 0, N: 5 },
      { A: 0, B: 2, N: 4 },
      { A: 4, B: 2, N: 2 },
    ]) {
      for (const size of [1, 2, 3, 5, 7, 100]) {
        sameResults(
          applied(nest, (kernel) => inShares(kernel, dims, size)),
          dims,
        );
      }
    }
  });

  it("end where a loop isn't alone, or its bounds depend on the one around it", () => {
    const text = `kernel k(x: in i32[N], y: mut i32[N, N]) dims(N = x.0) {
      parallel for i in 0..N { parallel for j in 0..i { y[i, j] = x[j] } }
      parallel for l in 0..N {
        let t: i32 = x[l]
        parallel for m in 0..N { y[l, m] = y[l, m] + t }
      }
    }`;
    const { kernel, phases: list } = phases(parseKernel(text));
    expect(list.map((phase) => printExpr(extentOf(kernel, phase)))).toEqual(["N", "N"]);
    for (const size of [1, 3])
      sameResults(
        applied(text, (before) => inShares(before, { N: 5 }, size)),
        { N: 5 },
      );
  });
});

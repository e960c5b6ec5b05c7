import { describe, expect, it } from "vitest";
import { sameResults } from "../../testing/equivalence.ts";
import { randomKernel } from "../../testing/ir-generator.ts";
import { int, type IrKernel } from "./ir.ts";
import {
  allocatedIn,
  copiedBuffers,
  copyBlock,
  declaredIn,
  freeNames,
  FreshNames,
  substituteIn,
} from "./names.ts";
import { parseKernel } from "./parse.ts";
import { printBlock } from "./print.ts";
import { verify } from "./verify.ts";
import { mapAllExprs, mapBlock, visitBlock } from "./walk.ts";

const text = `kernel k(x: in f32[N], y: out f32[N], s: i32) dims(N = x.0) {
  local a: f32[4]
  var v: i32 = s
  for i in 0..N {
    alloc a = 0.0
    reduce custom(r: f32 = 0.0) combine(l; m) { let p = l + m => p } over { yield r(a[0]) }
    v = v + i
    y[i] = r
  }
}`;

describe("names", () => {
  it("finds what a block declares, brings to life and takes from outside", () => {
    const { body } = parseKernel(text);
    expect([...declaredIn(body)]).toEqual(["v", "i", "r", "l", "m", "p"]);
    expect([...allocatedIn(body)]).toEqual(["a"]);
    expect([...freeNames(body)].toSorted()).toEqual(["N", "s"]);
    expect([...freeNames(body.slice(1))].toSorted()).toEqual(["N", "v"]);
  });

  it("hands out names that nothing has", () => {
    const fresh = new FreshNames(parseKernel(text));
    expect([
      fresh.value("t"),
      fresh.value("t"),
      fresh.value("t_1"),
      fresh.value("N"),
      fresh.value("v"),
    ]).toEqual(["t", "t_1", "t_2", "N_1", "v_1"]);
    expect([fresh.buffer("a"), fresh.buffer("t")]).toEqual(["a_1", "t"]);
  });

  it("copies with every declaration renamed", () => {
    const kernel = parseKernel(text);
    const { block } = copyBlock(kernel.body.slice(1), new FreshNames(kernel), new Map([["N", int(3)]]));
    expect(printBlock(block).map((line) => line.trim())).toEqual([
      "for i_1 in 0..3 {",
      "alloc a_1 = 0.0",
      "reduce custom(r_1: f32 = 0.0) combine(l_1; m_1) {",
      "let p_1: f32 = l_1 + m_1",
      "=> p_1",
      "} over {",
      "yield r_1(a_1[0])",
      "}",
      "v = v + i_1",
      "y[i_1] = r_1",
      "}",
    ]);
  });

  it("keeps blocks that a substitution or a rewrite leaves alone", () => {
    const { body } = parseKernel(text);
    expect(substituteIn(body, new Map([["elsewhere", int(1)]]))).toBe(body);
    expect(mapBlock(body, (stmt) => stmt)).toBe(body);
    for (const stmt of body) expect(mapAllExprs(stmt, (expr) => expr)).toBe(stmt);
  });

  it("copies of random kernels compute the same", () => {
    for (let seed = 0; seed < 150; seed++) {
      const before = randomKernel(seed);
      const { block, buffers } = copyBlock(before.body, new FreshNames(before));
      const params = before.buffers.filter(({ space }) => space === "param");
      const after: IrKernel = {
        ...before,
        buffers: [...params, ...copiedBuffers(before, buffers)],
        body: block,
      };
      verify(after, `the copy of kernel ${seed}`);
      const old = declaredIn(before.body);
      visitBlock(block, (stmt) => expect(stmt.kind === "let" && old.has(stmt.name)).toBe(false));
      sameResults({ before, after }, { M: seed % 4, N: (seed >> 2) % 6 }, { seed });
    }
  });
});

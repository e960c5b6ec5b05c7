// A few hundred random programs in every test run, always the same ones; KERN_FUZZ says how many, KERN_FUZZ_FIRST from
// which seed on. `npm run fuzz` goes on from there.

import { expect, it } from "vitest";
import { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import { parse } from "../../lang/syntax/index.ts";
import { openWgslValidator } from "../wgsl.ts";
import { run } from "./campaign.ts";
import { programOf } from "./programs.ts";
import { shrink } from "./shrink.ts";

const count = Number(process.env["KERN_FUZZ"] ?? 200);
const seed = Number(process.env["KERN_FUZZ_FIRST"] ?? 1);

it(`${count} programs agree wherever they run`, async () => {
  const opened = await openWgslValidator();
  const wgsl = typeof opened === "string" ? undefined : opened;
  const tally = await run({ seed, count, wgsl });
  wgsl?.close();
  expect(tally.bugs.map((bug) => `seed ${bug.seed}: ${bug.sort}\n${bug.detail}\n${bug.text}`)).toEqual([]);
  // Programs are right by construction: what is refused shows a gap, and there are few.
  expect(tally.refused / tally.programs, tally.report()).toBeLessThan(0.06);
  expect(tally.fine / tally.programs, tally.report()).toBeGreaterThan(0.8);
  if (wgsl) expect(tally.wgslValid / tally.programs, tally.report()).toBeGreaterThan(0.5);
}, 600_000);

it("a seed always makes the same program, and all of them parse", () => {
  for (let at = 0; at < 300; at++) {
    const text = programOf(at);
    expect(programOf(at)).toBe(text);
    const sink = new DiagnosticSink();
    parse({ path: "fuzz.kern", text }, sink);
    expect(sink.all, text).toEqual([]);
  }
});

it("programs have everything in them now and then", () => {
  const all = Array.from({ length: 400 }, (_, at) => programOf(at)).join("\n");
  const wanted = [
    /@parallel/,
    /@vectorize\(.*tail="peel"/,
    /@unroll/,
    /@(wasm\.)?tile/,
    /@(wasm\.)?order/,
    /@(wasm\.)?stage/,
    /@atomic/,
    /grid\(\*S\)/,
    /while .* and/,
    /break/,
    /continue/,
    /Array\[/,
    /\.load\[/,
    /\.shuffle\(/,
    /\.get\(/,
    /argmax|argmin/,
    /reduce\(/,
    /saturate\[/,
    /bitcast\[/,
    /struct /,
    /kernel inner/,
    /kernel fuzz\[T: Float\]/,
    /kernel fuzz\[T: Int\]/,
    /def \w+\[T: /,
    /\(\w+\[.*, :\]/,
    /\(\w+\[:, /,
    /let w\d+ = x\d+\[/,
    /\*S, N/,
    /Array\[\w+, \d, \d\]/,
    /Array\[\w+, [MNK]\]/,
    /from std\.math import/,
    /where .*% \d+ == 0/,
    /Tensor\[[iu][24],/,
    ...["i8", "u16", "i64", "f16", "bf16", "f64", "bool"].map((dtype) => new RegExp(`Tensor\\[${dtype},`)),
  ];
  for (const each of wanted) expect(all).toMatch(each);
});

it("shrinks to what matters", async () => {
  const text = `from std.math import exp

def helper(a: i32) -> i32:
    return a + 1

kernel fuzz(x: Tensor[i32, M, N], s: i32, out y: Tensor[i32, M, N]) where M >= 1:
    let total = sum(x[i, j] for i in range(M) for j in range(N))
    @parallel
    for i in range(M):
        for j in range(N):
            var v = helper(s)
            if x[i, j] > 3:
                v += (x[i, j] * 7) // max(s, 1)
            y[i, j] = v + total
`;
  const small = await shrink(text, async (each) => /\/\/ max\(/.test(each) && /kernel fuzz/.test(each));
  expect(small).toMatch(/\/\/ max\(/);
  expect(small).not.toMatch(/helper|total|exp|@parallel|where|if /);
  expect(small.split("\n").filter((line) => line.trim()).length).toBeLessThanOrEqual(3);
});

import { describe, expect, it } from "vitest";
import { InternalError } from "../../lang/diagnostics/internal-error.ts";
import { int, ref, type IrKernel } from "./ir.ts";
import { parseKernel } from "./parse.ts";
import { problemOf, verify } from "./verify.ts";

const parse = (body: string, header = ""): IrKernel =>
  parseKernel(`kernel k(x: in f32[N], y: out f32[N], q: in i4[N], s: i32) dims(N = x.0) ${header} {
    local a: f32[4] local b: f32[4] ${body} }`);

describe("verifier", () => {
  const sound = [
    "for i in 0..N { y[i] = x[i] + f32(q[i]) }",
    "alloc a = 0.0 a[0] = x[0] y[0] = a[0]",
    "let v: f32x4 = x[ramp[4](0, 1) if true:boolx4] y[ramp[4](0, 1)] = select(true, v, -v)",
    "var t: i32 = 0 while t < s { t = t + 1 if t > 4 { break } }",
    "reduce sum(r: f32 = 0.0) { alloc a = 1.0 for i in 0..4 { a[i] = 2.0 yield r(a[i]) } } y[0] = r",
    "parallel for i in 0..N { threads vectorize(mask, 8) unroll(2) for j in 0..4 { y[i] = 0.0 } }",
    "let d: i32x2 = dot4(vec(1:i8,1:i8,1:i8,1:i8,1:i8,1:i8,1:i8,1:i8), splat[8](u8(s)), 0:i32x2)",
  ];
  it.each(sound)("accepts %s", (body) => expect(problemOf(parse(body))).toBeUndefined());

  const broken: [problem: RegExp, body: string][] = [
    [/"t" is declared twice/, "let t = 1 let t = 2"],
    [/"s" is declared twice/, "for s in 0..N { }"],
    [/t, which isn't in scope/, "if s > 0 { let t = 1 } let u = t"],
    [/u, which isn't in scope/, "let r = 0.0 reduce sum(r2: f32 = 0.0) { let u = r } if s > 0 { let w = u }"],
    [/i, which isn't in scope/, "for i in 0..N { } y[i] = 0.0"],
    [/has operands of different types \(f32, i32\)/, "let t = x[0] + 1"],
    [/takes operands of class number, not bool/, "let t = true + true"],
    [/takes operands of class float, not i32/, "let t = sqrt(s)"],
    [/takes 2 operands, not 1/, "let t = min(s)"],
    [/has the mask boolx4 for a result of f32/, "let t = select(true:boolx4, 1.0, 2.0)"],
    [/no such lane/, "let t = lane[4](0:i32x4)"],
    [/the operands are scalars/, "let t = splat[4](0:i32x2)"],
    [/has 3 lanes/, "let t = splat[3](0)"],
    [/both dtypes have one width/, "let t = bitcast[i64](s)"],
    [/the result is an integer/, "let t = saturate[f32](s)"],
    [/storage-only dtype i4/, "let t = i4(s)"],
    [/has 2 indices instead of 1/, "let t = x[0, 0]"],
    [/has an index of type i64/, "let t = x[0:i64]"],
    [/has a guard of type bool/, "let t = x[ramp[4](0, 1) if true]"],
    [/outside the reach of its alloc/, "if s > 0 { alloc a } let t = a[0]"],
    [/"a" has two allocs/, "alloc a alloc a"],
    [/"x" is no local buffer/, "alloc x"],
    [/fills f32 with i32/, "alloc a = 1"],
    [/stores into an argument that is only read/, "x[0] = 1.0"],
    [/stores i32 into f32/, "y[0] = 1"],
    [/no atomic and on f32/, "atomic and y[0] = 1.0"],
    [/"t" is no variable in scope/, "let t = 1 t = 2"],
    [/assigns f32 to i32/, "var t = 1 t = 2.0"],
    [/the condition is i32/, "if s { }"],
    [/"break" outside a loop/, "break"],
    [/"continue" outside a loop/, "for i in 0..N { reduce sum(r: i32 = 0) { continue } }"],
    [/no reduction "r" lies around/, "reduce sum(r: i32 = 0) { } yield r(1)"],
    [/"r" takes no f32/, "reduce sum(r: i32 = 0) { yield r(1.0) }"],
    [/2 values for 1 results/, "reduce sum(r: i32 = 0) { yield r(1, 2) }"],
    [/"r" starts as i32/, "reduce sum(r: f32 = 0) { }"],
    [/"any" of i32/, "reduce any(r: i32 = 0) { }"],
    [/"argmax" gives a value and i32 positions/, "reduce argmax(r: i32 = 0) { }"],
    [/custom reduction without a combiner/, "reduce custom(r: i32 = 0) { }"],
    [/a combiner of 1, 1, 2 parts/, "reduce custom(r: i32 = 0) combine(l; m) { => l, m } over { }"],
    [/a reduction assigns a variable from outside/, "var t = 0 reduce sum(r: i32 = 0) { t = 1 }"],
    [/a reduction writes a buffer that outlives it/, "reduce sum(r: i32 = 0) { y[0] = 1.0 }"],
    [/a reduction writes a buffer that outlives it/, "alloc a reduce sum(r: i32 = 0) { a[0] = 1.0 }"],
    [/unrolls by|vectorizes by 3/, "vectorize(mask, 3) for i in 0..N { }"],
    [/a parallel loop inside a reduction/, "reduce sum(r: i32 = 0) { parallel for i in 0..N { } }"],
    [/step 0/, "for i in 0..N step 0 { }"],
    [/bounds are scalar i32/, "for i in 0..x[0] { }"],
  ];
  it.each(broken)("refuses %s", (problem, body) => expect(problemOf(parse(body))).toMatch(problem));

  it("wants one index in flat form", () => {
    const text = (index: string) =>
      `kernel k(x: out f32[M, N]) dims(M = x.0, N = x.1) flat { x[${index}] = 0.0 }`;
    expect(problemOf(parseKernel(text("0, 0")))).toMatch(/has 2 indices instead of 1/);
    expect(problemOf(parseKernel(text("0")))).toBeUndefined();
  });
  it("refuses what the text form can't say", () => {
    const kernel = parse("let t = 1");
    const withValue = (value: ReturnType<typeof int>): IrKernel => ({
      ...kernel,
      body: [{ kind: "let", name: "t", value }],
    });
    expect(problemOf(withValue(int(0.5)))).toMatch(/doesn't fit i32/);
    expect(problemOf(withValue({ ...int(0), value: 0n }))).toMatch(/holds a bigint/);
    expect(
      problemOf({
        ...kernel,
        body: [{ kind: "let", name: "t", value: ref("s", { dtype: "f32", lanes: 1 }) }],
      }),
    ).toMatch(/s, which is i32 and is mentioned as f32/);
    expect(problemOf({ ...kernel, dims: [{ name: "N", param: 2, axis: 1 }] })).toMatch(
      /axis that doesn't exist/,
    );
    expect(problemOf({ ...kernel, buffers: [...kernel.buffers, kernel.buffers[0]!] })).toMatch(/"x" twice/);
  });
  it("names the pass and the statement", () => {
    const kernel = parse("for i in 0..N { y[i] = 1 }");
    expect(() => verify(kernel, "cse")).toThrow(InternalError);
    expect(() => verify(kernel, "cse")).toThrow(/cse.*broken at "y\[i\] = 1": stores i32 into f32/s);
  });
});

import { describe, expect, it } from "vitest";
import { textOf } from "../../../lang/source.ts";
import { DiagnosticSink } from "../../../lang/diagnostics/diagnostic.ts";
import { parseKernels, prepared } from "../../../testing/wgsl-equivalence.ts";
import { runPasses } from "../../passes/index.ts";
import { emitModule, wgslTarget } from "./index.ts";

/** What is reported for a kernel: code, sentence, and the text at the place. */
function reported(text: string): readonly string[] {
  const sink = new DiagnosticSink();
  const { kernels } = emitModule(
    parseKernels(text).map((kernel) => prepared(kernel)),
    sink,
  );
  expect(kernels).toHaveLength(1);
  return sink.all.map(
    ({ code, message, span, fix }) =>
      `${code} ${message} at ${span ? textOf(span) : "nowhere"}${fix ? `; ${fix.text}` : ""}`,
  );
}

/** Annotations that aren't honoured. */
function notHonoured(text: string): readonly string[] {
  const sink = new DiagnosticSink();
  const found: string[] = [];
  const note = (annotation: string, why: string): void => void found.push(`${annotation}: ${why}`);
  const ready = parseKernels(text).map((kernel) =>
    runPasses(kernel, wgslTarget.passes, {}, sink, { notHonoured: note }),
  );
  const { kernels } = emitModule(ready, sink);
  expect(sink.all).toEqual([]);
  for (const kernel of kernels) kernel.notHonoured?.forEach(({ annotation, why }) => note(annotation, why));
  return found;
}

const many = (count: number): string => {
  const names = Array.from({ length: count }, (_, at) => `x${at}`);
  const params = names.map((name) => `${name}: in f32[N]`).join(", ");
  return `kernel many(${params}, y: out f32[N]) dims(N = x0.0) {
  parallel for i in 0..N { y[i] = ${names.map((name) => `${name}[i]`).join(" + ")} }
}`;
};

describe("what WGSL lacks", () => {
  it("wide dtypes, each at its first place", () => {
    expect(
      reported(`kernel wide(x: in f64[N], s: i64, y: out f32[N]) dims(N = x.0) {
  parallel for i in 0..N { y[i] = f32(x[i]) + f32(u64(i)) + f32(i32(i64(i) * i64(i))) }
}`),
    ).toEqual([
      "K0601 the target wgsl has no i64 argument at s: i64",
      "K0601 the target wgsl has no `convert` of u64 at f32(u64(i))",
      "K0601 the target wgsl has no `mul` of i64 at i64(i) * i64(i)",
      "K0601 the target wgsl has no f64 at x: in f64[N]",
    ]);
  });

  it("more than eight storage buffers", () => {
    expect(reported(many(7))).toEqual([]);
    expect(reported(many(8))).toEqual([
      "K0602 `many` needs 9 storage buffers in WGSL, but WebGPU grants every program only 8 at y: out f32[N]",
    ]);
  });

  it("the status word and scratch count too", () => {
    const checked = many(7).replace("{ y", '{ assert x0[i] > 0.0, "positive"\n y');
    expect(reported(checked)[0]).toContain("K0602 `many` needs 9 storage buffers");
  });

  it("arrays whose size isn't constant, or too large", () => {
    const array = (shape: string): readonly string[] =>
      reported(`kernel arrays(x: in f32[N], y: out f32[N]) dims(N = x.0) {
  local a: f32[${shape}]
  parallel for i in 0..N { alloc a = 0.0
    y[i] = x[i] + a[0] }
}`);
    expect(array("2048")).toEqual([]);
    expect(array("2049")).toEqual([
      "K0604 with `a` the local arrays of this kernel take 8196 bytes, but a WGSL function may hold 8192 at local a: f32[2049]",
    ]);
    expect(array("N")).toEqual([]);
  });
});

describe("annotations that aren't honoured", () => {
  it("are reported with the reason", () => {
    expect(
      notHonoured(`kernel rows(x: in f32[M, N], y: out f32[M, N]) dims(M = x.0, N = x.1) {
  parallel for i in 0..M {
    reduce sum(total: f32 = 0.0) { vectorize(mask) for k in 0..N { yield total(x[i, k]) } }
    parallel for j in 0..N { y[i, j] = x[i, j] - total }
  }
}`),
    ).toEqual([
      "@parallel(j): something else stands beside it in the parallel loop around it, or its bounds depend on that loop's variable, so each invocation runs it in order",
    ]);
  });
});

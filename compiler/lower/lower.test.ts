// Lowering seen as IR text: laziness, returns, inlining, and its limit.

import { describe, expect, test } from "vitest";
import { checkModule } from "../../lang/check/index.ts";
import { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import { renderPretty } from "../../lang/diagnostics/index.ts";
import { libraryHost } from "../../stdlib/index.ts";
import { check } from "../index.ts";
import { printKernel } from "../ir/print.ts";
import { verify } from "../ir/verify.ts";
import { lower } from "./index.ts";

function lowered(text: string, kernel = "k"): string {
  const sink = new DiagnosticSink();
  const typed = checkModule({ path: "k.kern", text }, libraryHost(), sink).instantiate(kernel, {}, sink);
  if (!typed || sink.hasErrors) throw new Error(renderPretty(sink.all));
  const ir = lower(typed, "wasm");
  verify(ir, "lower");
  return printKernel(ir);
}

describe("laziness", () => {
  test("a load that only one branch evaluates carries the condition", () => {
    expect(
      lowered(`kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = x[i - 1] if i > 0 else 7
`),
    ).toMatchSnapshot();
  });

  test("a reduction in a branch runs only there", () => {
    expect(
      lowered(`kernel k(x: Tensor[f32, N], flag: bool, out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = sum(x[j] for j in range(N)) if flag else 0
`),
    ).toMatchSnapshot();
  });

  test("a division in a branch is not speculated", () => {
    expect(
      lowered(`kernel k(a: Tensor[i32, N], out y: Tensor[i32, N]):
    for i in range(N):
        y[i] = 100 // a[i] if a[i] > 0 else 0
`),
    ).toMatchSnapshot();
  });

  test("get reads under a guard", () => {
    expect(
      lowered(`kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = x.get(i - 1) + x.get(i + 1, default=-1)
`),
    ).toMatchSnapshot();
  });
});

describe("returns", () => {
  test("out of both branches", () => {
    expect(
      lowered(`def sign(v: f32) -> f32:
    if v > 0:
        return 1
    elif v < 0:
        return -1
    return 0
kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = sign(x[i])
`),
    ).toMatchSnapshot();
  });

  test("out of two loops", () => {
    expect(
      lowered(`def first(x: Tensor[f32, M, N], v: f32) -> index:
    for i, j in grid(M, N):
        if x[i, j] == v:
            return i * N + j
    return -1
kernel k(x: Tensor[f32, M, N], v: f32, out y: Tensor[i32, 1]):
    y[0] = first(x, v)
`),
    ).toMatchSnapshot();
  });
});

test("views compose, loops count down, tuples swap", () => {
  expect(
    lowered(`def last(row: Tensor[f32, N]) -> f32:
    var a: f32 = 0
    var b: f32 = 1
    for i in range(N - 1, -1, -1):
        a, b = b, a + row[i]
    return b
kernel k(x: Tensor[f32, B, M, N], out y: Tensor[f32, B, M]):
    for b in range(B):
        for i in range(M):
            y[b, i] = last(x[b, i, :])
`),
  ).toMatchSnapshot();
});

test("calls that double at each level end in a diagnostic", () => {
  const defs = Array.from({ length: 18 }, (_, n) =>
    n === 0
      ? "def f0(x: f32) -> f32:\n    return x\n"
      : `def f${n}(x: f32) -> f32:\n    return f${n - 1}(x) + f${n - 1}(x)\n`,
  );
  const text = `${defs.join("")}kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = f17(x[i])
`;
  expect(check(text).map((found) => found.code)).toEqual(["K0348"]);
});

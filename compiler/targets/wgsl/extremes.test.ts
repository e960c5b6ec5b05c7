// Which combiners are a `max` or a `min` of WGSL.

import { expect, it } from "vitest";
import { compile } from "../../index.ts";

const kernel = (name: string, body: string): string => `
def ${name}_of(a: f32, b: f32) -> f32:
    return ${body}

kernel ${name}(x: Tensor[f32, M, N], out y: Tensor[f32, M]):
    @parallel
    for i in range(M):
        @vectorize(j)
        let found = reduce(${name}_of, f32(0), x[i, j] for j in range(N))
        y[i] = found
`;

const bodies = {
  larger: "b if a < b else a",
  largest: "a if a >= b else b",
  smaller: "b if b < a else a",
  smallest: "a if a <= b else b",
  nearest: "b if abs(b) < abs(a) else a",
  total: "a + b if a < b else b + a",
};

it("finds the larger or the smaller of two by subgroups, and nothing else", async () => {
  const text = Object.entries(bodies)
    .map(([name, body]) => kernel(name, body))
    .join("");
  const compiled = await compile({ path: "t.kern", text }, { target: "wgsl", features: ["subgroups"] });
  const { code } = compiled.artifact("wgsl");
  const operationIn = (name: string): string | undefined => {
    const start = String(code).indexOf(`fn ${name}(`);
    const end = String(code).indexOf("\n}\n", start);
    return /subgroup(Max|Min)/.exec(String(code).slice(start, end))?.[1];
  };
  expect(Object.fromEntries(Object.keys(bodies).map((name) => [name, operationIn(name)]))).toEqual({
    larger: "Max",
    largest: "Max",
    smaller: "Min",
    smallest: "Min",
    nearest: undefined,
    total: undefined,
  });
});

// Modules and instances from outside: imports in their forms, and what `instantiate` gives.

import { expect, test } from "vitest";
import { DiagnosticSink } from "../diagnostics/diagnostic.ts";
import { checkSource } from "./checking.ts";

const files = {
  "std.nn":
    "from std.math import exp\ndef swish[T: Float](x: T) -> T:\n    let unused = x\n    return x * exp(x)\n",
  "helpers.kern":
    "from .more import SCALE\nstruct P:\n    a: f32\ndef scaled(x: f32) -> f32:\n    return SCALE * x\ndef bad(x: f32) -> f32:\n    return x + 1 % True\n",
  "more.kern":
    "comptime SCALE = 3\nkernel copy(x: Tensor[f32, N], out y: Tensor[f32, N]):\n    for i in range(N):\n        y[i] = x[i]\n",
};

test("imports in all their forms", () => {
  const { lines, module } = checkSource(
    `
import std.nn
import std.math as m
from std import math
from std.math import exp as e, tanh
from .helpers import P, scaled
from .more import copy, SCALE
kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    copy(x, y)
    for i in range(N):
        let p = P(std.nn.swish(x[i]))
        y[i] = nn.swish(p.a) + m.exp(e(math.tanh(tanh(scaled(x[i]))))) * SCALE
`,
    files,
  );
  // The library's own warnings are not the importer's.
  expect(lines).toEqual([]);
  expect(module.files.map((file) => file.path).toSorted()).toEqual([
    "helpers.kern",
    "more.kern",
    "std.math",
    "std.nn",
    "test.kern",
  ]);
  expect(module.kernels.map((kernel) => kernel.name)).toEqual(["k"]);
});

test("a mistake in an imported definition is reported where it stands, if it is used", () => {
  const { sink } = checkSource("from .helpers import bad\ndef f(x: f32) -> f32:\n    return bad(x)\n", files);
  expect(sink.all.map((found) => `${found.code} ${found.span?.file.path}`)).toEqual(["K0313 helpers.kern"]);
});

const generic = `
@op("demo::scale")
kernel scale[T: Float, S: int = 1, relu: bool = False](x: Tensor[T, *D], out y: Tensor[T, *D]):
    for i in grid(*D):
        y[*i] = max(x[*i] * S, 0) if relu else x[*i] * S
kernel fixed[S: int](x: Tensor[f32, N], out y: Tensor[f32, N]):
    comptime assert S % 2 == 1, "S is odd"
    for i in range(N):
        y[i] = x[i] * S
`;

test("templates say what can be chosen", () => {
  const { module, lines } = checkSource(generic);
  expect(lines).toEqual([]);
  expect(module.kernels[0]).toMatchObject({ name: "scale", op: "demo::scale", packs: ["D"] });
  expect(module.kernels[0]!.compParams).toEqual([
    {
      name: "T",
      kind: "dtype",
      choices: ["f16", "bf16", "f32", "f64"],
      fallback: { kind: "dtype", dtype: "f32" },
    },
    { name: "S", kind: "int", fallback: { kind: "int", value: 1n } },
    { name: "relu", kind: "bool", fallback: { kind: "bool", value: false } },
  ]);
});

test("instances are made once and named by what was chosen", () => {
  const { instance } = checkSource(generic);
  const first = instance("scale");
  expect(first.instance).toBe("scale");
  expect(instance("scale", { comptime: { S: { kind: "int", value: 1n } } })).toBe(first);
  const chosen = instance("scale", {
    comptime: {
      T: { kind: "dtype", dtype: "f16" },
      S: { kind: "int", value: -2n },
      relu: { kind: "bool", value: true },
    },
    packs: { D: 3 },
  });
  expect(chosen.instance).toBe("scale_f16_Sm2_relu_r3");
  expect(chosen.dims.map((dim) => dim.sym.name)).toEqual(["D_0", "D_1", "D_2"]);
  expect(chosen.packs.get("D")).toBe(3);
});

test("requests that can’t be met are reported to the sink that is given", () => {
  const { module } = checkSource(generic);
  const asked = (name: string, comptime: Parameters<typeof module.instantiate>[1]["comptime"]): string[] => {
    const sink = new DiagnosticSink();
    expect(module.instantiate(name, { comptime }, sink)).toBeUndefined();
    return sink.all.map((found) => found.code);
  };
  expect(asked("scales", {})).toEqual(["K0201"]);
  expect(asked("scale", { Q: { kind: "int", value: 1n } })).toEqual(["K0308"]);
  expect(asked("scale", { T: { kind: "dtype", dtype: "i32" } })).toEqual(["K0316"]);
  expect(asked("scale", { S: { kind: "bool", value: true } })).toEqual(["K0302"]);
  expect(asked("fixed", {})).toEqual(["K0315"]);
  // The sample that checked the body by itself was excused; this request isn’t, however often it is made.
  expect(asked("fixed", { S: { kind: "int", value: 2n } })).toEqual(["K0322"]);
  expect(asked("fixed", { S: { kind: "int", value: 2n } })).toEqual(["K0322"]);
});

test("500 lines of many kernels check", () => {
  const kernels = Array.from({ length: 60 }, (_, at) =>
    generic.replaceAll("scale", `scale${at}`).replaceAll("fixed", `fixed${at}`),
  );
  const source = kernels.join("").split("\n").slice(0, 500).join("\n");
  checkSource(generic);
  const { lines } = checkSource(`${source}\n`);
  expect(lines).toEqual([]);
});

// Each rewrite is found in what exporters write, gives what the nodes as written give, and stays away where something else reads what is
// computed on the way, or where the axes are others.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { modelBytes, type GraphSpec, type NodeSpec } from "../../../testing/onnx/models.ts";
import { openDevice, tensor, valuesOf, type Device, type Tensor } from "../../index.ts";
import { loadModel } from "../../onnx/index.ts";
import { random } from "../../random.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm");
});
afterAll(() => device.close());

const shape = [2, 3, 5];
const f32 = (...values: readonly number[]) =>
  tensor(Float32Array.from(values), values.length === 1 ? [] : [values.length]);
const constants: Record<string, Tensor> = {
  half: f32(0.5),
  one: f32(1),
  two: f32(2),
  three: f32(3),
  zero: f32(0),
  six: f32(6),
  root2: f32(Math.SQRT2),
  cubic: f32(0.044715),
  slope: f32(Math.sqrt(2 / Math.PI)),
  tilt: f32(1.702),
  epsilon: f32(1e-5),
  gamma: random("f32", [5], { seed: 3 }),
  beta: random("f32", [5], { seed: 4 }),
  last: tensor(BigInt64Array.of(-1n), [1]),
};

/** `Mul(a, b)` is the node `Mul` on `a` and `b`; numbers behind a slash are its axes. */
function parsed(lines: readonly string[]): NodeSpec[] {
  return lines.map((line) => {
    const [, output, op, inputs, axes] = /^(\w+) = (\w+)\(([^)/]*)(?:\/(.*))?\)$/.exec(line)!;
    return {
      op: op!,
      inputs: inputs!.split(",").map((name) => name.trim()),
      outputs: [output!],
      ...(axes === undefined ? {} : { attributes: { axes: axes.split(" ").map(Number) } }),
    };
  });
}

async function run(lines: readonly string[], outputs: readonly string[], version = 13) {
  const graph: GraphSpec = {
    inputs: [["x", "f32", ...shape]],
    outputs: outputs.map((name) => [name, "f32", ...shape] as const),
    nodes: parsed(lines),
    constants,
  };
  const bytes = modelBytes({ ...graph, version });
  const x = random("f32", shape, { seed: 5, low: -3, high: 3 });
  const [better, plain] = [
    await loadModel(bytes, { device }),
    await loadModel(bytes, { device, fusion: false }),
  ];
  const [got, expected] = [await better.run({ x }), await plain.run({ x })];
  for (const name of outputs) {
    const [a, b] = [await valuesOf(got[name]!), await valuesOf(expected[name]!)];
    b.forEach((value, at) => expect(Number(a[at])).toBeCloseTo(Number(value), 5));
  }
  return (await better.statistics()).rewrites;
}

const cases: Record<string, readonly (readonly string[])[]> = {
  GELU: [
    ["a = Div(x, root2)", "e = Erf(a)", "s = Add(e, one)", "m = Mul(x, s)", "y = Mul(m, half)"],
    ["a = Div(x, root2)", "e = Erf(a)", "s = Add(one, e)", "h = Mul(half, x)", "y = Mul(s, h)"],
  ],
  "GELU by tanh": [
    [
      "p = Pow(x, three)",
      "c = Mul(p, cubic)",
      "i = Add(x, c)",
      "j = Mul(i, slope)",
      "t = Tanh(j)",
      "s = Add(t, one)",
      "h = Mul(x, half)",
      "y = Mul(h, s)",
    ],
  ],
  SiLU: [["s = Sigmoid(x)", "i = Identity(s)", "y = Mul(i, x)"]],
  "quick GELU": [["m = Mul(x, tilt)", "s = Sigmoid(m)", "y = Mul(x, s)"]],
  "hard Swish": [
    ["a = Add(x, three)", "c = Clip(a, zero, six)", "m = Mul(x, c)", "y = Div(m, six)"],
    ["a = Add(three, x)", "c = Clip(a, zero, six)", "d = Div(c, six)", "y = Mul(d, x)"],
  ],
  Mish: [["p = Softplus(x)", "t = Tanh(p)", "y = Mul(x, t)"]],
  "layer norm": [
    [
      "m = ReduceMean(x/-1)",
      "d = Sub(x, m)",
      "q = Pow(d, two)",
      "v = ReduceMean(q/-1)",
      "w = Add(v, epsilon)",
      "r = Sqrt(w)",
      "n = Div(d, r)",
      "g = Mul(n, gamma)",
      "y = Add(g, beta)",
    ],
    [
      "m = ReduceMean(x/2)",
      "d = Sub(x, m)",
      "q = Mul(d, d)",
      "v = ReduceMean(q/2)",
      "w = Add(v, epsilon)",
      "r = Sqrt(w)",
      "i = Reciprocal(r)",
      "s = Mul(i, gamma)",
      "a = Mul(x, s)",
      "b = Mul(m, s)",
      "c = Sub(beta, b)",
      "y = Add(a, c)",
    ],
  ],
  "RMS norm": [
    ["q = Mul(x, x)", "v = ReduceMean(q/1 2)", "w = Add(v, epsilon)", "r = Sqrt(w)", "y = Div(x, r)"],
  ],
  softmax: [
    ["p = ReduceMax(x/-1)", "d = Sub(x, p)", "e = Exp(d)", "t = ReduceSum(e, last)", "y = Div(e, t)"],
    ["e = Exp(x)", "t = ReduceSum(e, last)", "y = Div(e, t)"],
  ],
};

describe("recognised", () => {
  for (const [name, models] of Object.entries(cases))
    test(name, async () => {
      for (const lines of models) expect(await run(lines, ["y"])).toEqual({ [name]: 1 });
    });
});

test("what is computed on the way is wanted elsewhere", async () => {
  const [lines] = cases["GELU"]!;
  expect(await run(lines!, ["y", "e"])).toEqual({});
  expect(await run([...lines!, "z = Neg(s)"], ["y", "z"])).toEqual({});
  expect(await run([...lines!, "z = Neg(y)"], ["y", "z"])).toEqual({ GELU: 1 });
});

test("axes in the middle are no rows", async () => {
  const [lines] = cases["RMS norm"]!;
  expect(
    await run(
      lines!.map((line) => line.replace("/1 2", "/0 1")),
      ["y"],
    ),
  ).toEqual({});
  const [norm] = cases["layer norm"]!;
  expect(
    await run(
      norm!.map((line) => line.replace("q/-1", "q/1")),
      ["y"],
    ),
  ).toEqual({});
});

test("other numbers are other functions", async () => {
  const [lines] = cases["GELU"]!;
  expect(
    await run(
      lines!.map((line) => line.replace("half", "tilt")),
      ["y"],
    ),
  ).toEqual({});
  expect(
    await run(
      lines!.map((line) => line.replace("root2", "two")),
      ["y"],
    ),
  ).toEqual({});
});

describe("attention", () => {
  const models: Record<string, { lines: readonly string[]; mask?: readonly number[]; rank: number }> = {
    "scaled, with a mask": {
      lines: [
        "t = Transpose(k)",
        "s = MatMul(q, t)",
        "d = Div(s, root2)",
        "m = Add(d, mask)",
        "w = Softmax(m)",
        "y = MatMul(w, v)",
      ],
      mask: [2, 1, 9, 11],
      rank: 4,
    },
    "plain, of three axes": {
      lines: ["t = Transpose(k)", "s = MatMul(q, t)", "w = Softmax(s)", "y = MatMul(w, v)"],
      rank: 3,
    },
  };
  for (const [name, { lines, mask, rank }] of Object.entries(models))
    test(name, async () => {
      const lead = [2, 3].slice(4 - rank);
      const order = rank === 4 ? [0, 1, 3, 2] : [0, 2, 1];
      const inputs: Record<string, Tensor> = {
        q: random("f32", [...lead, 9, 16], { seed: 1, low: -2, high: 2 }),
        k: random("f32", [...lead, 11, 16], { seed: 2, low: -2, high: 2 }),
        v: random("f32", [...lead, 11, 5], { seed: 3 }),
        ...(mask ? { mask: random("f32", mask, { seed: 4, low: -3, high: 3 }) } : {}),
      };
      const bytes = modelBytes({
        version: 13,
        inputs: Object.entries(inputs).map(([input, each]) => [input, "f32", ...each.shape] as const),
        outputs: [["y", "f32", ...lead, 9, 5]],
        nodes: parsed(lines).map((node) =>
          node.op === "Transpose" ? { ...node, attributes: { perm: order } } : node,
        ),
        constants,
      });
      const [better, plain] = [
        await loadModel(bytes, { device }),
        await loadModel(bytes, { device, fusion: false }),
      ];
      const [a, b] = [await better.run(inputs), await plain.run(inputs)];
      const expected = await valuesOf(b["y"]!);
      (await valuesOf(a["y"]!)).forEach((value, at) =>
        expect(Number(value)).toBeCloseTo(Number(expected[at]), 5),
      );
      const { rewrites, launches } = await better.statistics();
      expect(rewrites).toEqual({ attention: 1 });
      expect(launches).toBeLessThanOrEqual(2);
    });
});

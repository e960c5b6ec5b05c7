// Quantized models run on integers, and agree with onnxruntime: integer results but for a step where a sum falls between two, since
// both round the same real number computed in another order.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { modelBytes, type ModelSpec, type NodeSpec } from "../../../testing/onnx/models.ts";
import { openReference } from "../../../testing/onnx/reference.ts";
import { openDevice, tensor, valuesOf, type Device, type Dtype, type Tensor } from "../../index.ts";
import { loadModel, type Model } from "../../onnx/index.ts";
import { dataOf } from "../../tensor/values.ts";
import { random } from "../../random.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm");
});
afterAll(() => device.close());

/** Named constants of a model, with seeds of their own. */
function constants() {
  let seed = 1;
  return {
    floats: (shape: number[], scale = 1) => {
      const low = -scale;
      return random("f32", shape, { seed: seed++, low, high: scale });
    },
    bytes: (dtype: "i8" | "u8", shape: number[], low = dtype === "i8" ? -128 : 0, high = low + 256) =>
      random(dtype, shape, { seed: seed++, low, high }),
    words: (shape: number[], size: number) => random("i32", shape, { seed: seed++, low: -size, high: size }),
    scales: (count: number) => random("f32", [count], { seed: seed++, low: 0.001, high: 0.01 }),
    one: (dtype: Dtype, value: number) => tensor(dataOf([value], dtype), [], dtype),
  };
}

const node = (
  op: string,
  inputs: string,
  output: string,
  attributes: NodeSpec["attributes"] = {},
): NodeSpec => ({
  op,
  inputs: inputs.split(" "),
  outputs: output.split(" "),
  attributes,
});
const dequantize = (name: string, scale: string, zero?: string, axis?: number): NodeSpec =>
  node(
    "DequantizeLinear",
    [name, scale, ...(zero ? [zero] : [])].join(" "),
    `${name}_real`,
    axis === undefined ? {} : { axis },
  );
const quantize = (name: string, to: string, scale: string, zero: string): NodeSpec =>
  node("QuantizeLinear", `${name} ${scale} ${zero}`, to);

interface Case {
  readonly name: string;
  readonly spec: ModelSpec;
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** Nodes that run on integers. */
  readonly integers: number;
  /** The size of a step of a result that is rounded to integers and given as floats. */
  readonly step?: number;
}

const cases: readonly Case[] = [
  convolutions(),
  products(),
  operators(),
  dynamic(1),
  dynamic(4),
  integerOps(),
  microsoft(),
];

/** Convolutions of three kinds with what stands between them, a residual and a pooling of integers. */
function convolutions(): Case {
  const { floats, bytes, words, scales, one } = constants();
  return {
    name: "convolutions between QuantizeLinear and DequantizeLinear",
    spec: {
      inputs: [["x", "f32", 2, 5, 9, 11]],
      outputs: [["y_real", "f32", 2, 3, 5, 6]],
      nodes: [
        quantize("x", "a", "s1", "z1"),
        dequantize("a", "s1", "z1"),
        dequantize("w1", "sw1", undefined, 0),
        dequantize("b1", "sb1", undefined, 0),
        node("Conv", "a_real w1_real b1_real", "c", { pads: [1, 1, 1, 1] }),
        node("Relu", "c", "d"),
        quantize("d", "e", "s2", "z2"),
        dequantize("e", "s2", "z2"),
        dequantize("w2", "sw2"),
        node("Conv", "e_real w2_real", "f", { pads: [1, 1, 1, 1], strides: [2, 2], group: 7 }),
        quantize("f", "g", "s3", "z3"),
        dequantize("g", "s3", "z3"),
        node("MaxPool", "g_real", "h", { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
        quantize("h", "i", "s3", "z3"),
        dequantize("i", "s3", "z3"),
        node("Add", "i_real g_real", "j"),
        quantize("j", "k", "s3", "z3"),
        dequantize("k", "s3", "z3"),
        dequantize("w3", "sw3", undefined, 0),
        node("Conv", "k_real w3_real", "l"),
        quantize("l", "y", "s3", "z3"),
        dequantize("y", "s3", "z3"),
      ],
      constants: {
        s1: one("f32", 0.01),
        z1: one("u8", 117),
        w1: bytes("i8", [7, 5, 3, 3]),
        sw1: scales(7),
        b1: words([7], 30000),
        sb1: tensor(
          Float32Array.from({ length: 7 }, () => 0.00005),
          [7],
        ),
        s2: one("f32", 0.02),
        z2: one("u8", 0),
        w2: bytes("i8", [7, 1, 3, 3]),
        sw2: one("f32", 0.004),
        s3: one("f32", 0.05),
        z3: one("i8", -20),
        w3: bytes("i8", [3, 7, 1, 1]),
        sw3: scales(3),
      },
    },
    inputs: { x: floats([2, 5, 9, 11]) },
    integers: 4,
    step: 0.05,
  };
}

/** Products with weights as both operators take them, and unsigned weights around 128. */
function products(): Case {
  const { floats, bytes, scales, one } = constants();
  return {
    name: "products between QuantizeLinear and DequantizeLinear",
    spec: {
      inputs: [["x", "f32", 2, 3, 21]],
      outputs: [
        ["y", "f32", 2, 3, 5],
        ["p", "u8", 6, 13],
      ],
      nodes: [
        quantize("x", "a", "s1", "z1"),
        dequantize("a", "s1", "z1"),
        dequantize("w1", "sw1", "z2", 1),
        node("MatMul", "a_real w1_real", "b"),
        quantize("b", "c", "s2", "z2_"),
        dequantize("c", "s2", "z2_"),
        node("Reshape", "c_real flat", "d_real"),
        dequantize("w2", "sw2", undefined, 0),
        node("Gemm", "d_real w2_real bias", "e", { transB: 1 }),
        node("Reshape", "e deep", "y"),
        dequantize("w3", "sw3", "z3", 1),
        node("MatMul", "d_real w3_real", "f"),
        quantize("f", "p", "s2", "z2_"),
      ],
      constants: {
        s1: one("f32", 0.01),
        z1: one("i8", -7),
        w1: bytes("u8", [21, 17]),
        sw1: scales(17),
        z2: tensor(
          Uint8Array.from({ length: 17 }, () => 128),
          [17],
        ),
        s2: one("f32", 0.03),
        z2_: one("u8", 130),
        flat: tensor(BigInt64Array.of(6n, 17n), [2]),
        deep: tensor(BigInt64Array.of(2n, 3n, 5n), [3]),
        w2: bytes("i8", [5, 17]),
        sw2: scales(5),
        bias: floats([5]),
        w3: bytes("u8", [17, 13]),
        sw3: scales(13),
        z3: bytes("u8", [13], 100, 140),
      },
    },
    inputs: { x: floats([2, 3, 21]) },
    integers: 3,
  };
}

/** Operators that take and give integers. */
function operators(): Case {
  const { bytes, words, scales, one } = constants();
  return {
    name: "QLinearConv and QLinearMatMul",
    spec: {
      inputs: [["x", "u8", 1, 6, 7, 8]],
      outputs: [["y", "u8", 1, 4, 4, 9]],
      nodes: [
        node("QLinearConv", "x s1 z1 w sw zw s2 z2 bias", "c", {
          pads: [1, 0, 0, 1],
          strides: [2, 1],
          dilations: [1, 2],
        }),
        node("QLinearMatMul", "c s2 z2 m s1 z1 s3 z2", "y"),
      ],
      constants: {
        s1: one("f32", 0.01),
        z1: one("u8", 131),
        w: bytes("i8", [4, 6, 2, 3]),
        sw: scales(4),
        zw: tensor(new Int8Array(4), [4]),
        s2: one("f32", 0.02),
        z2: one("u8", 90),
        bias: words([4], 9999),
        m: bytes("u8", [5, 9]),
        s3: one("f32", 0.004),
      },
    },
    inputs: { x: bytes("u8", [1, 6, 7, 8]) },
    integers: 2,
  };
}

/** A product whose activations are quantized when they are there. */
function dynamic(rows: number): Case {
  const { floats, bytes, scales } = constants();
  return {
    name: `a dynamically quantized product of ${rows} rows`,
    spec: {
      inputs: [["x", "f32", rows, 37]],
      outputs: [["y", "f32", rows, 11]],
      nodes: [
        node("DynamicQuantizeLinear", "x", "q s z"),
        node("MatMulInteger", "q w z", "i"),
        node("Cast", "i", "f", { to: 1 }),
        node("Mul", "s sw", "factor"),
        node("Mul", "f factor", "p"),
        node("Add", "p bias", "y"),
      ],
      constants: { w: bytes("i8", [37, 11]), sw: scales(11), bias: floats([11]) },
    },
    inputs: { x: floats([rows, 37]) },
    integers: 1,
  };
}

function integerOps(): Case {
  const { bytes, one } = constants();
  return {
    name: "ConvInteger and MatMulInteger with zero points on both sides",
    spec: {
      inputs: [
        ["x", "u8", 1, 3, 5, 6],
        ["m", "u8", 2, 4, 5],
      ],
      outputs: [
        ["y", "i32", 1, 2, 5, 6],
        ["p", "i32", 2, 4, 3],
      ],
      nodes: [
        node("ConvInteger", "x w z", "y", { pads: [1, 1, 1, 1] }),
        node("MatMulInteger", "m v z u", "p"),
      ],
      constants: {
        w: bytes("i8", [2, 3, 3, 3]),
        z: one("u8", 77),
        v: bytes("u8", [5, 3]),
        u: one("u8", 5),
      },
    },
    inputs: { x: bytes("u8", [1, 3, 5, 6]), m: bytes("u8", [2, 4, 5]) },
    integers: 2,
  };
}

/** Those of another domain. */
function microsoft(): Case {
  const { bytes, words, floats, scales, one } = constants();
  const own = (op: string, inputs: string, output: string, attributes: NodeSpec["attributes"] = {}) => ({
    ...node(op, inputs, output, attributes),
    domain: "com.microsoft",
  });
  return {
    name: "com.microsoft’s operators on integers",
    spec: {
      domains: { "com.microsoft": 1 },
      inputs: [
        ["x", "u8", 1, 3, 5, 6],
        ["m", "u8", 4, 6],
        ["f", "f32", 4, 6],
      ],
      outputs: [
        ["sum", "u8", 1, 3, 5, 6],
        ["product", "u8", 1, 3, 5, 6],
        ["relu", "u8", 1, 3, 5, 6],
        ["pool", "u8", 1, 3, 1, 1],
        ["gemm", "u8", 4, 5],
        ["dynamic", "f32", 4, 7],
        ["concat", "u8", 1, 6, 5, 6],
        ["soft", "u8", 1, 3, 5, 6],
        ["flat", "u8", 1, 3, 5, 6],
        ["chosen", "u8", 1, 3, 5, 6],
      ],
      nodes: [
        own("QLinearAdd", "x s1 z1 other s2 z2 s1 z2", "sum"),
        own("QLinearMul", "other s1 z2 x s1 z1 s2 z1", "product"),
        own("QLinearLeakyRelu", "x s1 z1 s2 z2", "relu", { alpha: { float: 0.1 } }),
        own("QLinearSigmoid", "x s1 z1 s3 z3", "sigmoid"),
        own("QLinearGlobalAveragePool", "x s1 z1 s1 z1", "pool"),
        own("QLinearConcat", "s1 z1 x s2 z1 sigmoid s3 z3", "concat", { axis: 1 }),
        own("QLinearSoftmax", "x s1 z1 s3 z3", "soft", { axis: 1, opset: 13 }),
        own("QLinearSoftmax", "x s1 z1 s3 z3", "flat", { axis: 2, opset: 12 }),
        own("QLinearWhere", "which x s1 z1 other s2 z2 s2 z1", "chosen"),
        own("QGemm", "m s1 z1 w sw zw bias s2 z2", "gemm", { transB: 1 }),
        own("DynamicQuantizeMatMul", "f v sv", "dynamic"),
      ],
      constants: {
        other: bytes("u8", [1, 3, 5, 6]),
        s1: one("f32", 0.0213),
        z1: one("u8", 117),
        s2: one("f32", 0.0317),
        z2: one("u8", 90),
        s3: one("f32", 1 / 256),
        z3: one("u8", 0),
        w: bytes("i8", [5, 6]),
        sw: scales(5),
        zw: tensor(new Int8Array(5), [5]),
        which: tensor(Uint8Array.of(1, 0, 0, 1, 1, 0), [6], "bool"),
        bias: words([5], 999),
        v: bytes("i8", [6, 7]),
        sv: scales(7),
      },
    },
    inputs: { x: bytes("u8", [1, 3, 5, 6]), m: bytes("u8", [4, 6]), f: floats([4, 6]) },
    integers: 2,
  };
}

describe("as onnxruntime", () => {
  test.each(cases)("$name", async ({ spec, inputs, integers, step }) => {
    const bytes = modelBytes(spec);
    const reference = await openReference(bytes);
    const expected = await reference.run(inputs);
    await reference.close();
    const model = await loadModel(bytes, { device, integers: "always" });
    const results = await model.run(inputs);
    const { ways } = await model.statistics();
    expect([...ways.values()].filter((how) => how === "integers")).toHaveLength(integers);
    for (const [name, want] of Object.entries(expected)) {
      const given = results[name]!;
      expect(given.dtype).toBe(want.dtype);
      expect(given.shape).toEqual(want.shape);
      const [a, b] = [await valuesOf(given), await valuesOf(want)];
      // Some sums lie so near the middle between two integers that the order of factors decides.
      const apart = a.filter((value, at) => Math.abs(Number(value) - Number(b[at])) > 1e-4);
      expect(apart.length / a.length, `${name}: elements apart`).toBeLessThan(0.02);
      const most = step ?? (want.dtype === "f32" ? 1e-4 : 1);
      a.forEach((value, at) =>
        expect(Math.abs(Number(value) - Number(b[at])), `${name}[${at}]`).toBeLessThanOrEqual(most * 1.001),
      );
    }
  });
});

describe.each(["relaxed-dot-u8", "relaxed-dot-i8"])("for an engine with %s", (feature) => {
  // What such an engine runs, compiled for this one: the kernels are others, and their results the same.
  let engine: Device;
  beforeAll(async () => {
    engine = await openDevice("wasm");
    Object.assign(engine, { features: [...engine.features, feature] });
  });
  afterAll(() => engine.close());

  test.each(cases)("$name: the same numbers", async ({ name, spec, inputs }) => {
    const bytes = modelBytes(spec);
    const models = await Promise.all(
      [device, engine].map((each) => loadModel(bytes, { device: each, integers: "always" })),
    );
    const [pairs, fours] = await Promise.all(models.map((model) => model.run(inputs)));
    for (const [result, expected] of Object.entries(pairs!))
      expect(await valuesOf(fours![result]!), result).toEqual(await valuesOf(expected));
    const inFours = async (model: Model): Promise<boolean> =>
      (await model.plans()).some(({ steps }) =>
        steps.some(
          (step) =>
            step.kind === "kernel" && step.code.imports.some((each) => each.name === "product_of_fours"),
        ),
      );
    // One row goes by rows of weights as they lie.
    expect(await Promise.all(models.map(inFours))).toEqual([false, !name.includes("product of 1 ")]);
  });
});

test("floats in place of integers are rounded and cut as these are", async () => {
  const { spec, inputs } = convolutions();
  const bytes = modelBytes(spec);
  const run = async (integers: "always" | "faster") => {
    const model = await loadModel(bytes, { device, integers });
    const result = await model.run(inputs);
    return { result, ways: [...(await model.statistics()).ways.values()] };
  };
  const [a, b] = [await run("always"), await run("faster")];
  expect(b.ways.filter((way) => way === "integers").length).toBeLessThan(
    a.ways.filter((way) => way === "integers").length,
  );
  const [x, y] = [await valuesOf(a.result["y_real"]!), await valuesOf(b.result["y_real"]!)];
  const most = Math.max(...x.map((value) => Math.abs(Number(value))));
  const apart = x.filter((value, at) => Math.abs(Number(value) - Number(y[at])) > 1e-4 * most);
  // A sum that lies between two steps may be rounded to either.
  expect(apart.length / x.length).toBeLessThan(0.02);
});

test("without fusion the results are the same", async () => {
  const { spec, inputs } = convolutions();
  const bytes = modelBytes(spec);
  const [fused, single] = [
    await loadModel(bytes, { device, integers: "always" }),
    await loadModel(bytes, { device, integers: "always", fusion: false }),
  ];
  const [a, b] = [await fused.run(inputs), await single.run(inputs)];
  expect(await valuesOf(a["y_real"]!)).toEqual(await valuesOf(b["y_real"]!));
});

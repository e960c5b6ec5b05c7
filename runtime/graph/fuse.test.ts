// Fusion and memory planning change no result: random graphs of maps, views, reductions and products run fused and unfused, and the plan of
// memory never lets two values that are both needed share a place.

import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { modelBytes, type ModelSpec, type NodeSpec } from "../../testing/onnx/models.ts";
import { openDevice, OpRegistry, tensor, valuesOf, type Device, type Tensor } from "../index.ts";
import { random } from "../random.ts";
import { loadModel } from "../onnx/index.ts";
import { bytesFor, planMemory } from "./memory.ts";
import type { Step, Value } from "./program.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm");
});
afterAll(() => device.close());

interface Growing {
  readonly nodes: NodeSpec[];
  readonly constants: Record<string, Tensor>;
  readonly values: { readonly name: string; readonly shape: readonly number[] }[];
}

/** One more node on a value that is there, by numbers that fast-check draws. */
function grow({ nodes, constants, values }: Growing, [kind, pick, other, detail]: readonly number[]): void {
  const at = values[pick! % values.length]!;
  const name = `v${values.length}`;
  const add = (op: string, inputs: string[], shape: readonly number[], attributes = {}) => {
    nodes.push({ op, inputs, outputs: [name], attributes });
    values.push({ name, shape });
  };
  const constant = (value: Tensor): string => {
    const own = `c${Object.keys(constants).length}`;
    constants[own] = value;
    return own;
  };
  const { shape } = at;
  const integers = (list: readonly number[]) =>
    constant(tensor(BigInt64Array.from(list.map(BigInt)), [list.length]));
  switch (kind! % 9) {
    case 0:
      return add(["Relu", "Neg", "Abs", "Sigmoid"][detail! % 4]!, [at.name], shape);
    case 1: {
      const same = values.filter((each) => each.shape.join() === shape.join());
      return add(["Add", "Mul", "Max"][detail! % 3]!, [at.name, same[other! % same.length]!.name], shape);
    }
    case 2: {
      // Broadcast along all axes but one.
      const axis = detail! % shape.length;
      const small = shape.map((dim, n) => (n === axis ? dim : 1));
      return add("Mul", [at.name, constant(random("f32", small, { seed: other! + 1 }))], shape);
    }
    case 3: {
      const order = shape.map((_, n) => (n + 1 + (detail! % 2)) % shape.length);
      return add(
        "Transpose",
        [at.name],
        order.map((n) => shape[n]!),
        { perm: order },
      );
    }
    case 4: {
      const size = shape.reduce((product, dim) => product * dim, 1);
      const target = [[size], [1, size], [shape[0]!, size / shape[0]!]][detail! % 3]!;
      return add("Reshape", [at.name, integers(target)], target);
    }
    case 5: {
      const axis = detail! % shape.length;
      if (shape[axis]! < 2) return;
      const cut = shape.map((dim, n) => (n === axis ? Math.ceil((dim - 1) / 2) : dim));
      return add("Slice", [at.name, integers([1]), integers([99]), integers([axis]), integers([2])], cut);
    }
    case 6: {
      const axis = detail! % shape.length;
      const kept = shape.map((dim, n) => (n === axis ? 1 : dim));
      const op = ["ReduceSum", "ReduceMax", "ReduceMean"][other! % 3]!;
      return op === "ReduceSum"
        ? add(op, [at.name, integers([axis])], kept)
        : add(op, [at.name], kept, { axes: [axis] });
    }
    case 7: {
      if (shape.length !== 2) return;
      const columns = 1 + (detail! % 5);
      return add(
        "MatMul",
        [at.name, constant(random("f32", [shape[1]!, columns], { seed: other! }))],
        [shape[0]!, columns],
      );
    }
    default:
      return add("Softmax", [at.name], shape, { axis: detail! % shape.length });
  }
}

const numbers = fc.array(fc.nat(1000), { minLength: 4, maxLength: 4 });

test("fused and unfused graphs agree", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(numbers, { minLength: 2, maxLength: 9 }), fc.nat(2), async (draws, which) => {
      const shape = [[4, 6], [2, 3, 5], [7]][which]!;
      const graph: Growing = { nodes: [], constants: {}, values: [{ name: "x", shape }] };
      for (const draw of draws) grow(graph, draw);
      const used = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
      const ends = graph.values.slice(1).filter(({ name }) => !used.has(name));
      if (ends.length === 0) return;
      const spec: ModelSpec = {
        version: 13,
        inputs: [["x", "f32", ...shape]],
        outputs: ends.map(({ name, shape: dims }) => [name, "f32", ...dims] as const),
        nodes: graph.nodes,
        constants: graph.constants,
      };
      const x = random("f32", shape, { seed: 7, low: -2, high: 2 });
      const registry = new OpRegistry();
      const run = async (fusion: boolean) => {
        const model = await loadModel(modelBytes(spec), { device, registry, fusion });
        return model.run({ x });
      };
      const [fused, plain] = [await run(true), await run(false)];
      for (const { name } of ends) {
        const [a, b] = [await valuesOf(fused[name]!), await valuesOf(plain[name]!)];
        expect(fused[name]!.shape).toEqual(plain[name]!.shape);
        a.forEach((value, at) => expect(Number(value)).toBeCloseTo(Number(b[at]), 3));
      }
    }),
    { numRuns: 25, seed: 3 },
  );
});

test("images that grow take in what is done to them", { timeout: 60_000 }, async () => {
  const spec: ModelSpec = {
    version: 13,
    inputs: [["x", "f32", 1, 3, 5, 7]],
    outputs: [
      ["near", "f32", 1, 3, 10, 21],
      ["blend", "f32", 1, 3, 5, 11],
      ["blocks", "f32", 1, 2, 10, 14],
    ],
    nodes: [
      { op: "Resize", inputs: ["x", "", "scales"], outputs: ["n0"], attributes: { mode: "nearest" } },
      { op: "Mul", inputs: ["n0", "gate"], outputs: ["n1"] },
      { op: "Relu", inputs: ["n1"], outputs: ["near"] },
      {
        op: "Resize",
        inputs: ["x", "", "wider"],
        outputs: ["blend"],
        attributes: { mode: "linear", coordinate_transformation_mode: "align_corners" },
      },
      // Its windows lie side by side: a product, whose columns are put in place by what comes behind it.
      { op: "ConvTranspose", inputs: ["x", "w"], outputs: ["t0"], attributes: { strides: [2, 2] } },
      { op: "Add", inputs: ["t0", "bias"], outputs: ["t1"] },
      { op: "Relu", inputs: ["t1"], outputs: ["blocks"] },
    ],
    constants: {
      scales: tensor(Float32Array.of(1, 1, 2, 3), [4]),
      wider: tensor(Float32Array.of(1, 1, 1, 1.6), [4]),
      gate: random("f32", [1, 3, 1, 1], { seed: 2 }),
      w: random("f32", [3, 2, 2, 2], { seed: 3 }),
      bias: random("f32", [1, 2, 1, 1], { seed: 4 }),
    },
  };
  const x = random("f32", [1, 3, 5, 7], { seed: 5 });
  const registry = new OpRegistry();
  const fused = await loadModel(modelBytes(spec), { device, registry });
  const plain = await loadModel(modelBytes(spec), { device, registry, fusion: false });
  const [ours, theirs] = [await fused.run({ x }), await plain.run({ x })];
  for (const name of ["near", "blend", "blocks"]) {
    const [a, b] = [await valuesOf(ours[name]!), await valuesOf(theirs[name]!)];
    expect(ours[name]!.shape).toEqual(theirs[name]!.shape);
    a.forEach((value, at) => expect(Number(value)).toBeCloseTo(Number(b[at]), 5));
  }
  const near = await valuesOf(ours["near"]!);
  const gate = (await random("f32", [1, 3, 1, 1], { seed: 2 }).data()) as Float32Array;
  const pixels = (await x.data()) as Float32Array;
  for (const [channel, row, column] of [
    [0, 0, 0],
    [1, 4, 11],
    [2, 9, 20],
  ] as const) {
    const source = pixels[(channel * 5 + (row >> 1)) * 7 + Math.floor(column / 3)]!;
    expect(Number(near[(channel * 10 + row) * 21 + column])).toBeCloseTo(
      Math.max(source * gate[channel]!, 0),
      5,
    );
  }
  // Each growing image in one launch; the product of the transposed convolution is the other.
  expect((await fused.statistics()).launches).toBe(4);
});

test("what only looks at elements elsewhere launches nothing", async () => {
  const spec: ModelSpec = {
    version: 13,
    inputs: [["x", "f32", 1, 5, 7]],
    outputs: [
      ["y", "f32", 1, 2, 7],
      ["same", "f32", 1, 5, 7],
      ["power", "f32", 1, 7, 2],
    ],
    nodes: [
      { op: "Identity", inputs: ["x"], outputs: ["same"] },
      { op: "Gather", inputs: ["same", "places"], outputs: ["g"], attributes: { axis: 1 } },
      { op: "ReduceMean", inputs: ["g"], outputs: ["m"], attributes: { axes: [0], keepdims: 1 } },
      { op: "Relu", inputs: ["m"], outputs: ["y"] },
      // One copy in another order, read in two.
      { op: "Transpose", inputs: ["x"], outputs: ["t"], attributes: { perm: [0, 2, 1] } },
      { op: "Slice", inputs: ["t", "zero", "two", "axis"], outputs: ["re"] },
      { op: "Slice", inputs: ["t", "two", "four", "axis"], outputs: ["im"] },
      { op: "Mul", inputs: ["re", "im"], outputs: ["power"] },
    ],
    constants: {
      places: tensor(BigInt64Array.of(1n, -1n), [2]),
      zero: tensor(BigInt64Array.of(0n), [1]),
      two: tensor(BigInt64Array.of(2n), [1]),
      four: tensor(BigInt64Array.of(4n), [1]),
      axis: tensor(BigInt64Array.of(2n), [1]),
    },
  };
  const x = random("f32", [1, 5, 7], { seed: 5, low: -1, high: 1 });
  const model = await loadModel(modelBytes(spec), { device, registry: new OpRegistry() });
  const { y, same, power } = await model.run({ x });
  const elements = [...((await x.data()) as Float32Array)];
  expect([...(await valuesOf(same!))]).toEqual(elements);
  const rows = [...elements.slice(7, 14), ...elements.slice(28, 35)];
  expect([...(await valuesOf(y!))]).toEqual(rows.map((element) => Math.max(element, 0)));
  const powers = Array.from({ length: 14 }, (_, at) => {
    const [column, row] = [at >> 1, at & 1];
    return Math.fround(elements[row * 7 + column]! * elements[(row + 2) * 7 + column]!);
  });
  expect([...(await valuesOf(power!))]).toEqual(powers);
  expect((await model.statistics()).launches).toBe(2);
});

test("what is joined is made side by side", async () => {
  const spec: ModelSpec = {
    version: 13,
    inputs: [["x", "f32", 3, 4]],
    outputs: [
      ["y", "f32", 9, 4],
      ["own", "f32", 3, 4],
    ],
    nodes: [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["a"] },
      { op: "MatMul", inputs: ["a", "w"], outputs: ["b"] },
      { op: "Concat", inputs: ["a", "b"], outputs: ["ab"], attributes: { axis: 0 } },
      { op: "MatMul", inputs: ["b", "v"], outputs: ["c"] },
      { op: "Concat", inputs: ["c", "ab"], outputs: ["cab"], attributes: { axis: 0 } },
      { op: "Relu", inputs: ["cab"], outputs: ["y"] },
      // A part is needed after what it is part of.
      { op: "MatMul", inputs: ["b", "c2"], outputs: ["own"] },
    ],
    constants: {
      w: random("f32", [4, 4], { seed: 1, low: -1, high: 1 }),
      v: random("f32", [4, 4], { seed: 2, low: -1, high: 1 }),
      c2: random("f32", [4, 4], { seed: 3, low: -1, high: 1 }),
    },
  };
  const x = random("f32", [3, 4], { seed: 5, low: -1, high: 1 });
  const registry = new OpRegistry();
  const fused = await loadModel(modelBytes(spec), { device, registry });
  const [ours, theirs] = [
    await fused.run({ x }),
    await (await loadModel(modelBytes(spec), { device, registry, fusion: false })).run({ x }),
  ];
  for (const name of ["y", "own"]) expect(await valuesOf(ours[name]!)).toEqual(await valuesOf(theirs[name]!));
  // Four products and one map.
  expect((await fused.statistics()).launches).toBe(5);
});

test("values that are needed at the same time lie apart", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(40), fc.nat(1000), fc.nat(1000)), { minLength: 1, maxLength: 30 }),
      (draws) => {
        const values: Value[] = [{ id: 0, dtype: "f32", shape: [8], fixed: false }];
        const steps = draws.map(([size, first, second], at): Step => {
          const value = (n: number) => values[n % values.length]!;
          const inputs = [...new Set([value(first), value(second)])].map((each) => ({ value: each }));
          const output: Value = { id: at + 1, dtype: "f32", shape: [size], fixed: false };
          values.push(output);
          const ops = [
            { text: "$0", operands: [{ input: 0 }], dtype: "f32" as const, imports: [], origin: "" },
          ];
          return { kind: "map", origin: "", inputs, ops, results: [0], outputs: [output] };
        });
        const kept = new Set([values.at(-1)!]);
        const { offsets, bytes, sum } = planMemory(steps, kept);
        expect(bytes).toBeLessThanOrEqual(sum);
        steps.forEach((step, at) => {
          // While a step runs, its outputs and what later steps read besides must not overlap.
          const later = steps.slice(at + 1).flatMap(({ inputs }) => inputs.map(({ value }) => value));
          const live = [...new Set([...later, ...kept, ...step.outputs])].filter(
            (value) => offsets.has(value) && value.id <= at + 1,
          );
          for (const [n, a] of live.entries())
            for (const b of live.slice(n + 1)) {
              const apart =
                offsets.get(a)! + bytesFor(a) <= offsets.get(b)! ||
                offsets.get(b)! + bytesFor(b) <= offsets.get(a)!;
              expect(apart).toBe(true);
            }
        });
      },
    ),
    { numRuns: 200, seed: 5 },
  );
});

test("large maps that turn axes go in blocks, and give what short ones give", async () => {
  const x = random("f32", [3, 70, 85], { seed: 4 });
  const bias = random("f32", [85, 70], { seed: 5 });
  for (const [perm, shape] of [
    [
      [0, 2, 1],
      [3, 85, 70],
    ],
    [
      [2, 0, 1],
      [85, 3, 70],
    ],
  ] as const) {
    const model = await loadModel(
      modelBytes({
        inputs: [["x", "f32", 3, 70, 85]],
        outputs: [["y", "f32", ...shape]],
        nodes: [
          { op: "Transpose", inputs: ["x"], outputs: ["t"], attributes: { perm } },
          { op: "Add", inputs: ["t", "bias"], outputs: ["y"] },
        ],
        constants: { bias: shape[1] === 85 ? bias : bias.reshape([85, 1, 70]) },
      }),
      { device, registry: new OpRegistry() },
    );
    const { y } = await model.run({ x });
    const [given, added, found] = [await valuesOf(x), await valuesOf(bias), await valuesOf(y!)];
    const strides: readonly number[] = [70 * 85, 85, 1];
    found.forEach((value, at) => {
      const place = [Math.floor(at / (shape[1] * 70)), Math.floor(at / 70) % shape[1], at % 70];
      const from = place.reduce((sum, index, n) => sum + index * strides[perm[n]!]!, 0);
      const row = place[shape[1] === 85 ? 1 : 0]!;
      expect(value).toBe(Math.fround(Number(given[from]) + Number(added[row * 70 + place[2]!])));
    });
    await model.close();
  }
});

test("what is done behind products by weights of four bits goes into them, where a launch costs more than it gains", async () => {
  const interp = await openDevice("interp");
  const [k, n] = [64, 6];
  for (const [rows, level, launches] of [
    [1, 0, 1],
    // The row is rounded to bytes first.
    [1, 4, 2],
    [3, 0, 1],
  ] as const) {
    const spec: ModelSpec = {
      inputs: [
        ["x", "f32", 1, rows, k],
        ["r", "f32", 1, rows, n],
      ],
      outputs: [["y", "f32", 1, rows, n]],
      nodes: [
        {
          op: "MatMulNBits",
          domain: "com.microsoft",
          inputs: ["x", "w", "scales"],
          outputs: ["p"],
          attributes: { K: k, N: n, bits: 4, block_size: 32, accuracy_level: level },
        },
        { op: "Add", inputs: ["p", "bias"], outputs: ["q"] },
        { op: "Sigmoid", inputs: ["q"], outputs: ["s"] },
        { op: "Mul", inputs: ["q", "s"], outputs: ["t"] },
        { op: "Add", inputs: ["t", "r"], outputs: ["y"] },
      ],
      constants: {
        w: random("u8", [n, k / 32, 16], { seed: 1 }),
        scales: random("f32", [(n * k) / 32], { seed: 2, low: 0.01, high: 0.02 }),
        bias: random("f32", [n], { seed: 3, low: -1, high: 1 }),
      },
      domains: { "com.microsoft": 1 },
    };
    const inputs = {
      x: random("f32", [1, rows, k], { seed: 4, low: -1, high: 1 }),
      r: random("f32", [1, rows, n], { seed: 5, low: -1, high: 1 }),
    };
    const registry = new OpRegistry();
    const inside = await loadModel(modelBytes(spec), { device: interp, registry });
    const apart = await loadModel(modelBytes(spec), { device, registry, fusion: false });
    const [given, want] = [(await inside.run(inputs))["y"]!, (await apart.run(inputs))["y"]!];
    expect(given.shape).toEqual([1, rows, n]);
    const expected = await valuesOf(want);
    (await valuesOf(given)).forEach((value, at) =>
      expect(Number(value)).toBeCloseTo(Number(expected[at]), 3),
    );
    expect((await inside.statistics()).launches).toBe(launches);
  }
  interp.close();
});

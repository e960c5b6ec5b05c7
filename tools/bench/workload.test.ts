// What the benchmark's figures rest on and can be tested without the peers: layouts, the check of results, ONNX's bytes.

import { expect, test } from "vitest";
import { mistakeIn } from "./check.ts";
import { onnxModel } from "./contestants/onnx-model.ts";
import { permuted, type Dense, type Workload } from "./workload.ts";

const dense = (shape: number[], values: number[]): Dense => ({
  dtype: "f32",
  shape,
  data: Float32Array.from(values),
});

test("axes change places", () => {
  const x = dense([2, 3, 1], [1, 2, 3, 4, 5, 6]);
  expect(permuted(x, [1, 2, 0])).toEqual(dense([3, 1, 2], [1, 4, 2, 5, 3, 6]));
  expect(permuted(permuted(x, [1, 2, 0]), [2, 0, 1])).toEqual(x);
});

test("a wrong element, a missing one and one that differs from Kern’s are found", () => {
  const workload = {
    output: { shape: [4] },
    tolerance: { relative: 0, absolute: 0.1 },
    reference: () => (at: number) => at,
  } as unknown as Workload;
  expect(mistakeIn(dense([4], [0, 1, 2, 3.05]), workload, {})).toBeUndefined();
  expect(mistakeIn(dense([4], [0, 1, 2, 3.5]), workload, {})).toContain("element 3 is 3.5 instead of 3");
  expect(mistakeIn(dense([4], [0, 1, NaN, 3]), workload, {})).toContain("element 2");
  expect(mistakeIn(dense([3], [0, 1, 2]), workload, {})).toContain("3 elements");
  const other = dense([4], [0, 1, 2.5, 3]);
  expect(mistakeIn(dense([4], [0, 1, 2, 3]), workload, {}, other)).toContain("Kern’s is 2.5");
});

test("an ONNX model in Protocol Buffers’ wire format", () => {
  const bytes = onnxModel({
    nodes: [{ op: "Relu", inputs: ["x"], output: "y", attributes: { n: -1 } }],
    initializers: { x: dense([1], [1]) },
    outputs: ["y"],
  });
  const hex = Buffer.from(bytes).toString("hex");
  // ir_version 10; a node x → y of type Relu; an attribute n of type INT with ten bytes of two's complement.
  expect(hex.startsWith("080a3a")).toBe(true);
  expect(hex).toContain("0a0178120179220452656c75");
  expect(hex).toContain("0a016e18ffffffffffffffffff01a00102");
  // The initializer: dims [1], FLOAT, its name and four bytes of 1.0.
  expect(hex).toContain("080110014201784a040000803f");
});

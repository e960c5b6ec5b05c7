// A model with two ops of a user's, a branch between them and a size that each run chooses, and the kernels for them: what adapters
// that cut models are tested with, in Node and in a page.

import { tensor } from "../../runtime/index.ts";
import { modelBytes } from "./models.ts";

/** The kernels. `test::Scale` takes numbers from attributes, `test::Split` has two outputs. */
export const cutKernels = `
@op("test::Scale")
kernel scale(x: Tensor[f32, M, N], factor: f32, shift: f32, out y: Tensor[f32, M, N]):
    @parallel
    for i, j in grid(M, N):
        y[i, j] = x[i, j] * factor + shift

@op("test::Split")
kernel split(a: Tensor[f32, M, N], b: Tensor[f32, N], out above: Tensor[f32, M, N], out below: Tensor[f32, M, N]):
    @parallel
    for i, j in grid(M, N):
        above[i, j] = max(a[i, j] - b[j], 0)
        below[i, j] = min(a[i, j] - b[j], 0)
`;

/**
 * r = relu(x W); s = scale(r), t = scale(s); two ways on: u = sigmoid(t), v = r + t; [above, below] = split(u + v, b);
 * y = above · below - u, z = below. x is [n, 3], W [3, 4].
 */
export function cutModelBytes(): Uint8Array {
  return modelBytes({
    inputs: [["x", "f32", "n", 3]],
    outputs: [
      ["y", "f32", "n", 4],
      ["z", "f32", "n", 4],
    ],
    nodes: [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["p"] },
      { op: "Relu", inputs: ["p"], outputs: ["r"] },
      scale("r", "s", 0.5, 0.25),
      scale("s", "t", 2, -1),
      { op: "Sigmoid", inputs: ["t"], outputs: ["u"] },
      { op: "Add", inputs: ["r", "t"], outputs: ["v"] },
      { op: "Add", inputs: ["u", "v"], outputs: ["a"] },
      { op: "Split", domain: "test", name: "split", inputs: ["a", "b"], outputs: ["above", "z"] },
      { op: "Mul", inputs: ["above", "z"], outputs: ["m"] },
      { op: "Sub", inputs: ["m", "u"], outputs: ["y"] },
    ],
    constants: {
      w: tensor([1, -1, 0.5, 2, 0, 1, -0.5, 1, 1, 0.25, -2, 1], [3, 4]),
      b: tensor([0.5, 1, 1.5, 2]),
    },
    domains: { test: 1 },
  });
}

const scale = (input: string, output: string, factor: number, shift: number) => ({
  op: "Scale",
  domain: "test",
  name: `scale_${output}`,
  inputs: [input],
  outputs: [output],
  attributes: { factor: { float: factor }, shift: { float: shift } },
});

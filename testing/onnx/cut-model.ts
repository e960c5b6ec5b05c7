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

/**
 * A loop and a branch with ops of a user inside: a = |x|, then `turns` times a = a / 2 + 1 + w, and if the sum of that, which is kept, is
 * below 9, a = 2 a + 1; y = a + 1 in the end. x is [n, 2].
 */
export function branchingModelBytes(): Uint8Array {
  const port = (name: string) => [name, "f32", "n", 2] as const;
  return modelBytes({
    inputs: [port("x"), ["turns", "i64"]],
    outputs: [port("y"), ["sums", "f32", "t"], port("same")],
    nodes: [
      { op: "Abs", inputs: ["x"], outputs: ["a"] },
      {
        op: "Loop",
        name: "loop",
        inputs: ["turns", "", "a"],
        outputs: ["b", "sums"],
        attributes: {
          body: {
            graph: {
              inputs: [["turn", "i64"], ["on", "bool"], port("carried")],
              outputs: [["on", "bool"], port("next"), ["sum", "f32"]],
              nodes: [
                scale("carried", "scaled", 0.5, 1),
                { op: "Add", inputs: ["scaled", "w"], outputs: ["moved"] },
                { op: "ReduceSum", inputs: ["moved"], outputs: ["sum"], attributes: { keepdims: 0 } },
                { op: "Less", inputs: ["sum", "nine"], outputs: ["small"] },
                {
                  op: "If",
                  name: "if",
                  inputs: ["small"],
                  outputs: ["next"],
                  attributes: {
                    then_branch: {
                      graph: { inputs: [], outputs: [port("more")], nodes: [scale("moved", "more", 2, 1)] },
                    },
                    // What is there already, of the graph around.
                    else_branch: { graph: { inputs: [], outputs: [port("moved")], nodes: [] } },
                  },
                },
              ],
            },
          },
        },
      },
      scale("b", "y", 1, 1),
      { op: "Identity", inputs: ["a"], outputs: ["same"] },
    ],
    constants: { w: tensor([0.25, -0.5]), nine: tensor(Float32Array.of(9), []) },
    domains: { test: 1 },
  });
}

/**
 * A loop that hands on what it was given: `turns` times q = (p / 2 + 1) + q, with p, which never changes, both carried and kept, and the turn's
 * number kept; then, if the first element of q is above 9, p again, else q, and p and that each once more through a kernel. x is [2, 2].
 */
export function passingModelBytes(): Uint8Array {
  const port = (name: string) => [name, "f32", 2, 2] as const;
  return modelBytes({
    inputs: [port("x"), ["turns", "i64"]],
    outputs: [port("q"), port("y"), port("z"), ["ps", "f32", "t", 2, 2], ["numbers", "i64", "t"]],
    nodes: [
      scale("x", "a", 1, 1),
      {
        op: "Loop",
        inputs: ["turns", "", "a", "x"],
        outputs: ["p", "q", "ps", "numbers"],
        attributes: {
          body: {
            graph: {
              inputs: [["turn", "i64"], ["on", "bool"], port("p0"), port("q0")],
              outputs: [["on", "bool"], port("p0"), port("q1"), port("p0"), ["turn", "i64"]],
              nodes: [scale("p0", "half", 0.5, 1), { op: "Add", inputs: ["half", "q0"], outputs: ["q1"] }],
            },
          },
        },
      },
      { op: "ReduceMax", inputs: ["q"], outputs: ["most"], attributes: { keepdims: 0 } },
      { op: "Less", inputs: ["nine", "most"], outputs: ["large"] },
      {
        op: "If",
        inputs: ["large"],
        outputs: ["chosen"],
        attributes: {
          then_branch: { graph: { inputs: [], outputs: [port("p")], nodes: [] } },
          else_branch: { graph: { inputs: [], outputs: [port("more")], nodes: [scale("q", "more", 1, 0)] } },
        },
      },
      scale("chosen", "y", 2, 0),
      scale("p", "z", 3, 0),
    ],
    constants: { nine: tensor(Float32Array.of(9), []) },
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

/**
 * A scan with an op of a user inside: over axis 1 of x [2, n, 2] from its end, h = h / 2 + 1 + place; the sums so far along axis 1 of y,
 * the last first, and 3 h of each turn along axis 0 of z.
 */
export function scanningModelBytes(): Uint8Array {
  return modelBytes({
    inputs: [
      ["x", "f32", 2, "n", 2],
      ["h0", "f32", 2, 2],
    ],
    outputs: [
      ["h", "f32", 2, 2],
      ["y", "f32", 2, "n", 2],
      ["z", "f32", "n", 2, 2],
    ],
    nodes: [
      {
        op: "Scan",
        name: "scan",
        inputs: ["h0", "x"],
        outputs: ["h", "y", "z"],
        attributes: {
          num_scan_inputs: 1,
          scan_input_axes: [1],
          scan_input_directions: [1],
          scan_output_axes: [-2, 0],
          scan_output_directions: [1, 0],
          body: {
            graph: {
              inputs: [
                ["before", "f32", 2, 2],
                ["place", "f32", 2, 2],
              ],
              outputs: [
                ["after", "f32", 2, 2],
                ["sum", "f32", 2, 2],
                ["three", "f32", 2, 2],
              ],
              nodes: [
                scale("before", "half", 0.5, 1),
                { op: "Add", inputs: ["half", "place"], outputs: ["after"] },
                { op: "Identity", inputs: ["after"], outputs: ["sum"] },
                scale("after", "three", 3, 0),
              ],
            },
          },
        },
      },
    ],
    domains: { test: 1 },
  });
}

// Scaled dot-product attention without a mask.

import { permuted, randomInput, reshaped, type Inputs, type Workload } from "../workload.ts";

function attention(heads: number, length: number, depth: number, goal: number): Workload {
  const scale = 1 / Math.sqrt(depth);
  const shape = [1, heads, length, depth];
  /** [batch, length, heads × depth], as the fused operators want it. */
  const joined = (inputs: Inputs): Inputs =>
    Object.fromEntries(
      Object.entries(inputs).map(([name, each]) => [
        name,
        reshaped(permuted(each, [0, 2, 1, 3]), [1, length, heads * depth]),
      ]),
    );
  return {
    name: `attention, ${heads} heads × ${length} × ${depth}`,
    goal,
    operations: 4 * heads * length * length * depth,
    limit: { kind: "muladd", flops: 4 * heads * length * length * depth },
    inputs: async () => ({
      q: await randomInput("f32", shape, { seed: 1 }),
      k: await randomInput("f32", shape, { seed: 2 }),
      v: await randomInput("f32", shape, { seed: 3 }),
    }),
    output: { shape },
    reference:
      ({ q, k, v }) =>
      (at) => {
        const head = Math.floor(at / (length * depth)) * length * depth;
        const row = at - (at % depth);
        const scores = Array.from({ length }, (_, j) => {
          let sum = 0;
          for (let d = 0; d < depth; d++)
            sum += Number(q!.data[row + d]) * Number(k!.data[head + j * depth + d]);
          return sum * scale;
        });
        const peak = Math.max(...scores);
        let [total, sum] = [0, 0];
        scores.forEach((score, j) => {
          const weight = Math.exp(score - peak);
          total += weight;
          sum += weight * Number(v!.data[head + j * depth + (at % depth)]);
        });
        return sum / total;
      },
    tolerance: { relative: 1e-5, absolute: 1e-5 },
    kern: {
      source: { module: "attention" },
      kernel: "attention",
      args: { q: "q", k: "k", v: "v", scale },
      result: "y",
      shape: { D: depth, E: depth },
    },
    onnx: [
      {
        nodes: [
          { op: "Transpose", inputs: ["k"], output: "kt", attributes: { perm: [0, 1, 3, 2] } },
          { op: "MatMul", inputs: ["q", "kt"], output: "raw" },
          {
            op: "Mul",
            inputs: ["raw", "scale"],
            output: "scores",
            constants: { scale: { dtype: "f32", shape: [1], data: new Float32Array([scale]) } },
          },
          { op: "Softmax", inputs: ["scores"], output: "weights", attributes: { axis: -1 } },
          { op: "MatMul", inputs: ["weights", "v"], output: "y" },
        ],
        result: "y",
      },
      {
        inputs: joined,
        nodes: [
          {
            op: "MultiHeadAttention",
            domain: "com.microsoft",
            inputs: ["q", "k", "v"],
            output: "y",
            attributes: { num_heads: heads },
          },
        ],
        result: "y",
        canonical: (result) => permuted(reshaped(result, [1, length, heads, depth]), [0, 2, 1, 3]),
      },
    ],
    tfjs: [
      {
        run: (tf, { q, k, v }) => tf.matMul(tf.softmax(tf.mul(tf.matMul(q!, k!, false, true), scale)), v!),
      },
    ],
    jax: [
      {
        run: ({ numpy, nn }, { q, k, v }) => {
          const scores = numpy.matmul(q!, numpy.transpose(k!, [0, 1, 3, 2])).mul(scale);
          return numpy.matmul(nn.softmax(scores, -1), v!);
        },
      },
    ],
  };
}

export const attentions: readonly Workload[] = [attention(8, 256, 64, 1.4)];

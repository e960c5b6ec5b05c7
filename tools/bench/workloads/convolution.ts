// Convolutions of one image, channels first, with a bias.

import { permuted, randomInput, reshaped, type KernTask, type Workload } from "../workload.ts";

interface Shape {
  readonly name: string;
  readonly channels: number;
  readonly filters: number;
  /** Height and width of the image. */
  readonly size: number;
  /** Height and width of a filter; padding keeps the image's size. */
  readonly filter: number;
  readonly depthwise?: true;
  readonly goal: number;
  readonly kern: Omit<KernTask, "args" | "result">;
}

function convolution({ name, channels, filters, size, filter, depthwise, goal, kern }: Shape): Workload {
  const pad = (filter - 1) / 2;
  const perFilter = depthwise ? 1 : channels;
  const flops = 2 * filters * size * size * perFilter * filter * filter;
  return {
    name,
    goal,
    operations: flops,
    limit: { kind: "muladd", flops },
    inputs: async () => ({
      x: await randomInput("f32", [1, channels, size, size], { seed: 1 }),
      w: await randomInput("f32", [filters, perFilter, filter, filter], { seed: 2 }),
      bias: await randomInput("f32", [filters], { seed: 3 }),
    }),
    output: { shape: [1, filters, size, size] },
    reference:
      ({ x, w, bias }) =>
      (at) => {
        const f = Math.floor(at / (size * size));
        const [row, column] = [Math.floor(at / size) % size, at % size];
        let sum = Number(bias!.data[f]);
        for (let c = 0; c < perFilter; c++)
          for (let r = 0; r < filter; r++)
            for (let q = 0; q < filter; q++) {
              const [i, j] = [row + r - pad, column + q - pad];
              if (i < 0 || j < 0 || i >= size || j >= size) continue;
              const channel = depthwise ? f : c;
              sum +=
                Number(x!.data[(channel * size + i) * size + j]) *
                Number(w!.data[((f * perFilter + c) * filter + r) * filter + q]);
            }
        return sum;
      },
    tolerance: { relative: 1e-5, absolute: 1e-4 },
    kern: { ...kern, args: { x: "x", w: "w", bias: "bias" }, result: "y" },
    onnx: [
      {
        nodes: [
          {
            op: "Conv",
            inputs: ["x", "w", "bias"],
            output: "y",
            attributes: { pads: [pad, pad, pad, pad], group: depthwise ? channels : 1 },
          },
        ],
        result: "y",
      },
    ],
    tfjs: [
      {
        // Channels last; filters as height, width, channel, filter.
        inputs: ({ x, w, bias }) => ({
          x: permuted(x!, [0, 2, 3, 1]),
          w: permuted(w!, depthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]),
          bias: bias!,
        }),
        run: (tf, { x, w, bias }) => {
          type Task = Parameters<typeof tf.fused.conv2d>[0];
          const [image, filters] = [x as Task["x"], w as Task["filter"]];
          const task = { x: image, filter: filters, strides: 1, pad: "same", bias: bias! } as const;
          return depthwise ? tf.fused.depthwiseConv2d(task) : tf.fused.conv2d(task);
        },
        canonical: (result) => permuted(result, [0, 3, 1, 2]),
      },
    ],
    jax: [
      {
        run: ({ lax }, { x, w, bias }) =>
          lax
            .convGeneralDilated(x!, w!, [1, 1], "SAME", { featureGroupCount: depthwise ? channels : 1 })
            .add(bias!.reshape([1, filters, 1, 1])),
      },
    ],
  };
}

const conv2d = { source: { module: "convolution" }, kernel: "conv2d" } as const;

export const convolutions: readonly Workload[] = [
  convolution({
    name: "conv 3×3, 64→64 at 56²",
    channels: 64,
    filters: 64,
    size: 56,
    filter: 3,
    goal: 1.25,
    kern: { ...conv2d, set: { P: "1" }, shape: { R: 3, Q: 3 } },
  }),
  convolution({
    name: "conv 1×1, 64→64 at 56²",
    channels: 64,
    filters: 64,
    size: 56,
    filter: 1,
    goal: 1.25,
    kern: {
      source: { module: "convolution" },
      kernel: "conv2d_pointwise",
      inputs: ({ x, w, bias }) => ({ x: x!, w: reshaped(w!, [64, 64]), bias: bias! }),
    },
  }),
  convolution({
    name: "conv 3×3 depthwise, 128 at 56²",
    channels: 128,
    filters: 128,
    size: 56,
    filter: 3,
    depthwise: true,
    goal: 1.8,
    kern: {
      source: { module: "convolution" },
      kernel: "conv2d_depthwise",
      set: { P: "1" },
      inputs: ({ x, w, bias }) => ({ x: x!, w: reshaped(w!, [128, 3, 3]), bias: bias! }),
    },
  }),
];

// Ops of TensorFlow.js on shapes that leave remainders, and their results compared from one backend to another.

import * as tf from "@tensorflow/tfjs-core";
import { expect } from "vitest";

let seed = 1;
const random = (...shape: number[]): tf.Tensor => tf.randomUniform(shape, -2, 2, "float32", seed++);
const image = (...shape: [number, number, number, number]) => random(...shape) as tf.Tensor4D;

export const opCases: Readonly<Record<string, () => tf.Tensor | tf.Tensor[]>> = {
  products: () => [
    tf.matMul(random(5, 7), random(7, 3)),
    tf.matMul(random(2, 7, 5), random(2, 3, 7), true, true),
    tf.matMul(random(1, 37), random(37, 65)),
    tf.matMul(random(3, 0), random(0, 4)),
    tf.fused.matMul({
      a: random(9, 8) as tf.Tensor2D,
      b: random(8, 17) as tf.Tensor2D,
      bias: random(17),
      activation: "elu",
    }),
  ],
  convolutions: () => [
    tf.conv2d(image(2, 7, 6, 3), image(3, 2, 3, 9), [2, 1], "same"),
    tf.conv2d(image(1, 5, 5, 4), image(1, 1, 4, 5), 1, "valid"),
    tf.conv2d(image(1, 9, 8, 2), image(3, 3, 2, 5), 1, "same", "NHWC", [2, 2]),
    tf.depthwiseConv2d(image(1, 8, 7, 5), image(3, 3, 5, 1), 2, "same"),
    tf.depthwiseConv2d(image(1, 6, 6, 3), image(2, 3, 3, 2), 1, "valid"),
    tf.fused.conv2d({
      x: image(1, 6, 5, 3),
      filter: image(3, 3, 3, 10),
      strides: 1,
      pad: "same",
      bias: random(10),
      activation: "relu6",
    }),
  ],
  images: () => [
    tf.maxPool(image(1, 7, 7, 5), 3, 2, "same"),
    tf.avgPool(image(2, 5, 6, 3), [2, 3], 1, "same"),
    tf.image.resizeBilinear(image(1, 5, 4, 3), [7, 9]),
    tf.image.resizeBilinear(image(1, 5, 4, 3), [3, 8], true),
    tf.image.resizeBilinear(image(1, 5, 4, 17), [2, 6], false, true),
    tf.transpose(random(3, 4, 5, 2), [2, 0, 3, 1]),
  ],
  places: () => [
    tf.concat([random(3, 2, 5), random(3, 4, 5), random(3, 0, 5)], 1),
    tf.pad(random(3, 5), [
      [1, 2],
      [0, 0],
    ]),
    tf.pad(
      image(1, 5, 19, 3),
      [
        [0, 0],
        [1, 0],
        [2, 3],
        [0, 1],
      ],
      7,
    ),
    tf.pad(random(11), [[3, 1]]),
    tf.reverse(random(4, 7, 3), [0, 2]),
    tf.depthToSpace(image(2, 3, 5, 12), 2),
    tf.batchNorm(image(1, 3, 5, 7), random(7), tf.abs(random(7)), random(7), random(7)),
    tf.batchNorm(random(3, 5), random(5), tf.abs(random(5))),
    tf.image.resizeNearestNeighbor(image(1, 5, 4, 3), [7, 9]),
    tf.image.resizeNearestNeighbor(image(2, 5, 4, 9), [3, 8], true),
    tf.image.resizeNearestNeighbor(image(1, 6, 7, 2), [4, 3], false, true),
  ],
  reductions: () => [
    tf.sum(random(5, 7, 3), [0, 2]),
    tf.mean(random(5, 67), 0, true),
    tf.max(random(3, 4, 5), 1),
    tf.min(random(17)),
    tf.prod(random(4, 5), 0),
    tf.argMax(random(6, 33), 1),
    tf.argMin(random(6, 33), 0),
    tf.all(tf.greater(random(4, 6), -1.5), 1),
    tf.any(tf.greater(random(4, 6), 1.5), 0),
    tf.softmax(random(3, 19)),
    tf.sum(tf.greater(random(30), 0)),
  ],
  elements: () => {
    const [a, b] = [random(3, 1, 5), random(4, 1)];
    return [
      tf.add(a, b),
      tf.sub(a, tf.scalar(2)),
      tf.atan2(a, b),
      tf.mod(a, b),
      tf.floorDiv(tf.cast(tf.mul(a, 9), "int32"), tf.cast(tf.mul(b, 4), "int32")),
      tf.maximum(a, b),
      tf.logicalAnd(tf.greater(a, 0), tf.less(b, 1)),
      tf.where(tf.greater(a, 0), a, tf.zerosLike(a)),
      tf.clipByValue(a, -Infinity, 0.5),
      tf.relu(random(0)),
      ...[tf.sigmoid, tf.tanh, tf.elu, tf.selu, tf.erf, tf.softplus, tf.round, tf.step].map((op) => op(a)),
      tf.isNaN(tf.div(a, tf.zerosLike(a))),
      tf.cast(a, "bool"),
      tf.cast(tf.greater(a, 0), "float32"),
    ];
  },
};

export interface OpResult {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly data: readonly number[];
}

/** The results of a case on the backend in use, always of the same inputs. */
export async function resultsOf(name: string): Promise<OpResult[]> {
  seed = 1;
  const made: tf.Tensor[] = [];
  tf.tidy(() => {
    made.push(...[opCases[name]!()].flat());
    return made;
  });
  const results = await Promise.all(
    made.map(async (each) => ({ shape: each.shape, dtype: each.dtype, data: [...(await each.data())] })),
  );
  tf.dispose(made);
  return results;
}

/** The same, of the backend `cpu` as it comes. */
export async function plainResults(name: string): Promise<OpResult[]> {
  await tf.setBackend("cpu");
  return resultsOf(name);
}

/** Runs a case on the backend in use; each element may differ by 1e-4, of itself or absolutely. */
export async function compareOps(name: string, expected: readonly OpResult[]): Promise<void> {
  const found = await resultsOf(name);
  const kind = ({ shape, dtype, data }: OpResult) => ({ shape, dtype, size: data.length });
  expect(found.map(kind)).toEqual(expected.map(kind));
  const far = expected.flatMap(({ data }, at) =>
    data.flatMap((value, n) => {
      const own = found[at]!.data[n]!;
      const near =
        Object.is(own, value) ||
        own === value ||
        Math.abs(own - value) <= 1e-4 * Math.max(1, Math.abs(value));
      return near ? [] : [`${name} ${at}[${n}]: ${own} instead of ${value}`];
    }),
  );
  expect(far).toEqual([]);
}

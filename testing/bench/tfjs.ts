// Kernels of TensorFlow.js on its backend `wasm`: its own against Kern's, in the same memory, in one process, call by call in turn, so
// that what else the machine does falls on both. Printed are the times that a quarter of the calls stay below, in milliseconds, and how
// many times as fast Kern's are.
//
//   node scripts/bench.mjs testing/bench/tfjs.ts [PATTERN]

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { registerKernels } from "../../runtime/tfjs/index.ts";

const require = createRequire(import.meta.url);
const folder = dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json"));
setWasmPaths(join(folder, "wasm-out/"));
await tf.setBackend("wasm");
await tf.ready();

const random = (...shape: number[]): tf.Tensor => tf.randomUniform(shape, -1, 1);
const image = (...shape: [number, number, number, number]) => random(...shape) as tf.Tensor4D;

const cases: Readonly<Record<string, () => () => tf.Tensor>> = {
  "matMul 128": () => pair([128, 128], [128, 128], tf.matMul),
  "matMul 512": () => pair([512, 512], [512, 512], tf.matMul),
  "matMul 1 × 1024 × 1000": () => pair([1, 1024], [1024, 1000], tf.matMul),
  "matMul 8 × 64 × 64, transposed": () =>
    pair([8, 64, 64], [8, 64, 64], (a, b) => tf.matMul(a, b, false, true)),
  "fused matMul 64 × 256 × 256, bias, relu": () => {
    const [a, b, bias] = [random(64, 256), random(256, 256), random(256)];
    return () => tf.fused.matMul({ a: a as tf.Tensor2D, b: b as tf.Tensor2D, bias, activation: "relu" });
  },
  "conv2d 3×3, 56² × 64 → 64": () => conv([1, 56, 56, 64], [3, 3, 64, 64], 1),
  "conv2d 3×3 / 2, 224² × 3 → 32": () => conv([1, 224, 224, 3], [3, 3, 3, 32], 2),
  "conv2d 1×1, 28² × 256 → 256": () => conv([1, 28, 28, 256], [1, 1, 256, 256], 1),
  "conv2d 5×5, 28² × 32 → 64": () => conv([1, 28, 28, 32], [5, 5, 32, 64], 1),
  "fused conv2d 3×3, 28² × 128 → 128, bias, relu6": () => {
    const [x, filter, bias] = [image(1, 28, 28, 128), image(3, 3, 128, 128), random(128)];
    return () => tf.fused.conv2d({ x, filter, strides: 1, pad: "same", bias, activation: "relu6" });
  },
  "depthwise 3×3, 112² × 32": () => depthwise([1, 112, 112, 32], [3, 3, 32, 1], 1),
  "depthwise 3×3 / 2, 56² × 128": () => depthwise([1, 56, 56, 128], [3, 3, 128, 1], 2),
  "maxPool 2×2, 112² × 64": () => one([1, 112, 112, 64], (x) => tf.maxPool(x as tf.Tensor4D, 2, 2, "same")),
  "avgPool 3×3, 56² × 64": () => one([1, 56, 56, 64], (x) => tf.avgPool(x as tf.Tensor4D, 3, 1, "same")),
  "softmax 64 × 1000": () => one([64, 1000], (x) => tf.softmax(x)),
  "relu 16 k": () => one([1 << 14], tf.relu),
  "relu 1 M": () => one([1 << 20], tf.relu),
  "sigmoid 1 M": () => one([1 << 20], tf.sigmoid),
  "exp 1 M": () => one([1 << 20], tf.exp),
  "add 16 k": () => pair([1 << 14], [1 << 14], tf.add),
  "add 1 M": () => pair([1 << 20], [1 << 20], tf.add),
  "add 1024² + row": () => pair([1024, 1024], [1024], tf.add),
  "multiply 100": () => pair([100], [100], tf.mul),
  "sum of rows, 1024²": () => one([1024, 1024], (x) => tf.sum(x, 1)),
  "mean of columns, 1024²": () => one([1024, 1024], (x) => tf.mean(x, 0)),
  "max of all, 1 M": () => one([1 << 20], tf.max),
  "argMax of rows, 256 × 1000": () => one([256, 1000], (x) => tf.argMax(x, 1)),
  "transpose 1024²": () => one([1024, 1024], (x) => tf.transpose(x)),
  "transpose [8, 64, 64, 16] → 0 3 1 2": () => one([8, 64, 64, 16], (x) => tf.transpose(x, [0, 3, 1, 2])),
  "resizeBilinear 128² × 3 → 512²": () =>
    one([1, 128, 128, 3], (x) => tf.image.resizeBilinear(x as tf.Tensor4D, [512, 512])),
  "resizeBilinear 256² × 3 → 128²": () =>
    one([1, 256, 256, 3], (x) => tf.image.resizeBilinear(x as tf.Tensor4D, [128, 128])),
  "resizeBilinear 33² × 64 → 129²": () =>
    one([1, 33, 33, 64], (x) => tf.image.resizeBilinear(x as tf.Tensor4D, [129, 129])),
  "resizeNearest 32² × 64 → 64²": () =>
    one([1, 32, 32, 64], (x) => tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [64, 64])),
  "concat of channels, 56² × 32 + 64": () =>
    pair([1, 56, 56, 32], [1, 56, 56, 64], (a, b) => tf.concat([a, b], 3)),
  "concat along the first axis, 2 × 64 k": () => pair([64, 1024], [64, 1024], (a, b) => tf.concat([a, b], 0)),
  "pad 112² × 32 by 1": () =>
    one([1, 112, 112, 32], (x) =>
      tf.pad(x as tf.Tensor4D, [
        [0, 0],
        [1, 1],
        [1, 1],
        [0, 0],
      ]),
    ),
  "batchNorm 56² × 64": () => {
    const [x, each] = [
      image(1, 56, 56, 64),
      [0, 1, 2, 3].map(() => tf.randomUniform([64], 0.5, 1) as tf.Tensor1D),
    ];
    return () => tf.batchNorm(x, each[0]!, each[1]!, each[2]!, each[3]!);
  },
  "reverse of rows, 512²": () => one([512, 512], (x) => tf.reverse(x, 1)),
  "depthToSpace 64² × 32": () => one([1, 64, 64, 32], (x) => tf.depthToSpace(x as tf.Tensor4D, 2)),
};

function one(shape: number[], op: (x: tf.Tensor) => tf.Tensor): () => tf.Tensor {
  const x = random(...shape);
  return () => op(x);
}

function pair(
  left: number[],
  right: number[],
  op: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
): () => tf.Tensor {
  const [a, b] = [random(...left), random(...right)];
  return () => op(a, b);
}

type Four = [number, number, number, number];

function conv(shape: Four, filter: Four, stride: number): () => tf.Tensor {
  const [x, w] = [image(...shape), image(...filter)];
  return () => tf.conv2d(x, w, stride, "same");
}

function depthwise(shape: Four, filter: Four, stride: number): () => tf.Tensor {
  const [x, w] = [image(...shape), image(...filter)];
  return () => tf.depthwiseConv2d(x, w, stride, "same");
}

/** Which kernels an op calls is found by name: both registrations are kept, and put in place by turns. */
const names = tf.getKernelsForBackend("wasm").map(({ kernelName }) => kernelName);
const own = new Map(names.map((name) => [name, tf.getKernel(name, "wasm")]));
const registration = await registerKernels(tf, { backend: "wasm" });
const kern = new Map(registration.kernels.map((name) => [name, tf.getKernel(name, "wasm")]));
const use = (kernels: typeof own): void => {
  for (const name of registration.kernels) {
    tf.unregisterKernel(name, "wasm");
    tf.registerKernel(kernels.get(name) ?? kern.get(name)!);
  }
};

const milliseconds = (run: () => tf.Tensor, times: number): number => {
  const start = performance.now();
  for (let n = 0; n < times; n++) run().dispose();
  return (performance.now() - start) / times;
};

const quartile = (list: number[]): number => list.toSorted((a, b) => a - b)[list.length >> 2]!;

console.warn = () => undefined;
const pattern = new RegExp(process.argv[3] ?? ".");
const ratios: number[] = [];
for (const [name, make] of Object.entries(cases)) {
  if (!pattern.test(name)) continue;
  const run = make();
  const sides = [own, kern];
  const times: number[][] = [[], []];
  const results: Float32Array[] = [];
  const repeats: number[] = [];
  for (const [side, kernels] of sides.entries()) {
    use(kernels);
    const result = run();
    results[side] = Float32Array.from(result.dataSync());
    result.dispose();
    // Until the engine's optimising compiler has had its time.
    for (const start = performance.now(); performance.now() < start + 400;) run().dispose();
    repeats[side] = Math.max(1, Math.round(4 / milliseconds(run, 3)));
  }
  const most = results[0]!.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
  const far = results[0]!.findIndex((value, at) => !(Math.abs(value - results[1]![at]!) <= 1e-4 * most));
  if (far >= 0) throw new Error(`${name}: element ${far} is ${results[1]![far]}, not ${results[0]![far]}`);
  for (let round = 0; round < 30; round++)
    for (const [side, kernels] of sides.entries()) {
      use(kernels);
      times[side]!.push(milliseconds(run, repeats[side]!));
    }
  const [theirs, ours] = times.map(quartile) as [number, number];
  ratios.push(theirs / ours);
  console.log(
    `${name.padEnd(48)} ${theirs.toFixed(3).padStart(8)} ${ours.toFixed(3).padStart(8)}  ${(theirs / ours).toFixed(2)} ×`,
  );
}
const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
console.log(`geometric mean of ${ratios.length}: ${mean.toFixed(2)} ×`);
process.exit(0);

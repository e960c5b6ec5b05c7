// A kernel of one's own in TensorFlow.js. In a converted graph model it is an operator: the model swirls a photograph, and
// warped.png is written to the folder named. With its gradient it learns: a patch that was turned and moved is found again.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import "@tensorflow/tfjs-backend-cpu";
import { loadGraphModel, registerOp } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import { compile } from "kernc";
import { readPng, tensor, writePng } from "kernc/runtime";
import { registerKernels, registerOps } from "kernc/tfjs";

const here = (name) => new URL(name, import.meta.url);
const out = process.argv[2] ?? ".";

await tf.setBackend("cpu");
// All that Kern can do of TensorFlow.js itself, and the kernels of this sample.
const own = await registerKernels(tf, { backend: "cpu" });
const source = { path: "warp.kern", text: await readFile(here("warp.kern"), "utf8") };
const { grid_sample } = await registerOps(tf, await compile(source), {
  backend: "cpu",
  gradients: { grid_sample: "grid_sample_gradient" },
  registerOp,
});

// ---- in a graph model ----------------------------------------------------------------------------------

/** As the converter of TensorFlow writes models: the kernel is the node of the type that `@op` names. */
const placeholder = (name, ...size) => ({
  name,
  op: "Placeholder",
  attr: {
    dtype: { type: "DT_FLOAT" },
    shape: { shape: { dim: size.map((each) => ({ size: String(each) })) } },
  },
});
const model = await loadGraphModel(
  tf.io.fromMemory({
    modelTopology: {
      node: [
        placeholder("image", 1, -1, -1, 3),
        placeholder("points", 1, -1, -1, 2),
        { name: "swirled", op: "GridSample", input: ["image", "points"] },
        { name: "result", op: "Relu", input: ["swirled"], attr: { T: { type: "DT_FLOAT" } } },
      ],
      versions: { producer: 1 },
    },
    format: "graph-model",
    weightSpecs: [],
    weightData: new ArrayBuffer(0),
  }),
);

const photo = await readPng(await readFile(here("../blur/photo.png")));
const [height, width] = photo.shape;
const image = tf.tensor4d(Float32Array.from(await photo.data()), [1, height, width, 3]);

/** Where each of rows × columns points lies in the picture: half as many as pixels, turned the more the nearer to the middle. */
function swirl(rows, columns) {
  const [y, x] = tf.meshgrid(tf.range(0, rows), tf.range(0, columns), { indexing: "ij" });
  const [down, across] = [tf.sub(tf.mul(y, 2), height / 2), tf.sub(tf.mul(x, 2), width / 2)];
  const angle = tf.mul(tf.exp(tf.div(tf.add(tf.square(down), tf.square(across)), -12000)), 1.5);
  const [c, s] = [tf.cos(angle), tf.sin(angle)];
  const row = tf.add(tf.add(tf.mul(down, c), tf.mul(across, s)), height / 2);
  const column = tf.add(tf.sub(tf.mul(across, c), tf.mul(down, s)), width / 2);
  return tf.expandDims(tf.stack([row, column], 2), 0);
}

const [rows, columns] = [height >> 1, width >> 1];
const swirled = tf.tidy(() => model.execute({ image, points: swirl(rows, columns) }));
const bytes = Uint8Array.from(await swirled.data(), Math.round);
await writeFile(join(out, "warped.png"), await writePng(tensor(bytes, [rows, columns, 3])));
console.log(`warped.png: ${rows} × ${columns} × 3`);

// ---- with its gradient ---------------------------------------------------------------------------------

/** Where the 48 × 48 points of a patch around the cat's eye lie, turned by an angle and moved. */
function patch([angle, down, across]) {
  const [y, x] = tf.meshgrid(tf.range(-24, 24), tf.range(-24, 24), { indexing: "ij" });
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const row = tf.add(tf.add(tf.mul(y, c), tf.mul(x, s)), 120 + down);
  const column = tf.add(tf.sub(tf.mul(x, c), tf.mul(y, s)), 180 + across);
  return tf.expandDims(tf.stack([row, column], 2), 0);
}

// Blurred, so that a step towards the right place is a gain from afar.
const blurred = tf.div(tf.avgPool(image, 7, 1, "same"), 255);
const read = (points) => grid_sample({ x: blurred, points }).y;

/** The mean square of what is different, and what it gains with the angle and the two distances. */
function difference([angle, down, across], target) {
  return tf.tidy(() => {
    const points = patch([angle, down, across]);
    const wrong = tf.sub(read(points), target);
    const pull = tf.grad(read)(points, tf.mul(wrong, 2 / wrong.size));
    const [byRow, byColumn] = tf.unstack(tf.squeeze(pull, [0]), 2);
    const [row, column] = tf.unstack(tf.squeeze(tf.sub(points, [120 + down, 180 + across]), [0]), 2);
    const turn = tf.sub(tf.mul(byRow, column), tf.mul(byColumn, row));
    const number = (each) => tf.sum(each).dataSync()[0];
    return { loss: tf.mean(tf.square(wrong)).dataSync()[0], gains: [turn, byRow, byColumn].map(number) };
  });
}

const truth = [0.12, 4.5, -3.25];
const target = tf.tidy(() => read(patch(truth)));
// Adam, with steps that suit an angle and distances in pixels.
const steps = [0.005, 0.15, 0.15];
const found = [0, 0, 0];
const [speed, size] = [
  [0, 0, 0],
  [0, 0, 0],
];
const first = difference(found, target).loss;
for (let n = 1; n <= 120; n++)
  difference(found, target).gains.forEach((gain, at) => {
    speed[at] = 0.9 * speed[at] + 0.1 * gain;
    size[at] = 0.99 * size[at] + 0.01 * gain * gain;
    const step = speed[at] / (1 - 0.9 ** n) / (Math.sqrt(size[at] / (1 - 0.99 ** n)) + 1e-12);
    found[at] -= steps[at] * step * Math.min(1, (120 - n) / 60);
  });
const { loss } = difference(found, target);
if (!(loss < first / 1000)) throw new Error(`the patch wasn't found: ${first} became ${loss}`);
const text = (numbers) => numbers.map((each) => each.toFixed(2)).join(", ");
console.log(`a patch turned and moved by ${text(truth)} was found at ${text(found)}`);
own.unregister();

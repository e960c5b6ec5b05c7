// An op of one's own in three runtimes: node main.mjs [FOLDER] writes rippled.png.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadGraphModel, registerOp } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import * as ort from "onnxruntime-web";
import { compile } from "kernc";
import { loadModel } from "kernc/onnx";
import { createSession } from "kernc/ort";
import { openDevice, ops, readPng, tensor, writePng } from "kernc/runtime";
import { registerOps } from "kernc/tfjs";
import { onnxModel, placesOf, tfModel } from "./model.mjs";

const here = (name) => new URL(name, import.meta.url);
const out = process.argv[2] ?? ".";

const device = await openDevice("wasm");
const source = await compile({
  path: "custom-op.kern",
  text: await readFile(here("custom-op.kern"), "utf8"),
});
const { deform_conv } = await device.load(source);
ops.register(deform_conv);

const photo = await readPng(await readFile(here("photo.png")));
const [rows, columns] = photo.shape;
const pixels = await photo.transpose(2, 0, 1).data();
const image = Float32Array.from(pixels, (value) => value / 255);
const places = placesOf(rows, columns);

// 1. In a model that Kern runs.
const model = await loadModel(onnxModel(), { device });
const shapes = { image: [1, 3, rows, columns], places: [1, 2, rows, columns] };
const { y } = await model.run({ image: tensor(image, shapes.image), places: tensor(places, shapes.places) });
const onKern = await y.data();

// 2. Beside onnxruntime-web, which runs the other nodes.
ort.env.wasm.numThreads = 1;
const session = await createSession(onnxModel(), { ort, device });
const results = await session.run({
  image: new ort.Tensor("float32", image, shapes.image),
  places: new ort.Tensor("float32", places, shapes.places),
});
const onOrt = await results.y.getData();
const where = session.parts.map(({ on, nodes }) => `${nodes.length} on ${on}`).join(", ");

// 3. In a graph model of TensorFlow.js.
await tf.setBackend("cpu");
await registerOps(tf, source, { backend: "cpu", registerOp });
const graph = await loadGraphModel(tf.io.fromMemory(tfModel()));
const inTf = graph.execute({
  image: tf.tensor(image, shapes.image),
  places: tf.tensor(places, shapes.places),
});

const apart = (other) => onKern.reduce((most, value, at) => Math.max(most, Math.abs(value - other[at])), 0);
const farthest = Math.max(apart(onOrt), apart(inTf.dataSync()));
if (!(farthest < 1e-4)) throw new Error(`the three differ by ${farthest}`);

const bytes = Uint8Array.from(onKern, (value) => Math.round(Math.min(value, 1) * 255));
const rippled = tensor(bytes, [3, rows, columns]).transpose(1, 2, 0);
await writeFile(join(out, "rippled.png"), await writePng(rippled));
console.log(`rippled.png: the same from kernc/onnx, onnxruntime-web (${where}) and TensorFlow.js`);
await session.release();
ops.unregister(deform_conv);
device.close();

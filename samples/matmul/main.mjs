// Keeps the lowest frequencies of a photograph: node main.mjs [FOLDER] writes lowpass.png. The discrete cosine
// transform of an image X is D X Dᵀ with an orthogonal matrix D, so that DᵀYD goes back.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compile } from "kernc";
import { openDevice, readPng, tensor, writePng } from "kernc/runtime";

const here = (name) => new URL(name, import.meta.url);
const out = process.argv[2] ?? ".";

const device = await openDevice("wasm", { threads: 2 });
const source = { path: "matmul.kern", text: await readFile(here("matmul.kern"), "utf8") };
const { matmul } = await device.load(await compile(source));
const product = async (a, b) => (await matmul({ a, b })).c;

const photo = await readPng(await readFile(here("photo.png")));
const [n] = photo.shape;
const x = tensor(Float32Array.from(await photo.data()), [n, n]);

const kept = 64;
const basis = Float32Array.from({ length: kept * n }, (_, at) => {
  const [frequency, place] = [Math.floor(at / n), at % n];
  return Math.sqrt((frequency === 0 ? 1 : 2) / n) * Math.cos((Math.PI / n) * (place + 0.5) * frequency);
});
const d = await device.upload(tensor(basis, [kept, n]));

// Transposed matrices are views: nothing is copied.
const spectrum = await product(await product(d, x), d.transpose());
const lowpass = await product(await product(d.transpose(), spectrum), d);

const pixels = Uint8ClampedArray.from(await lowpass.data());
await writeFile(join(out, "lowpass.png"), await writePng(tensor(pixels, [n, n])));
console.log(`lowpass.png: ${kept * kept} of ${n * n} coefficients`);
device.close();

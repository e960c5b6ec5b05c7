// Blurs a photograph: node main.mjs [FOLDER] writes blurred.png.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compile } from "kernc";
import { openDevice, readPng, tensor, writePng } from "kernc/runtime";

const here = (name) => new URL(name, import.meta.url);
const out = process.argv[2] ?? ".";

const device = await openDevice("wasm", { threads: 2 });
const source = { path: "blur.kern", text: await readFile(here("blur.kern"), "utf8") };
const { blur } = await device.load(await compile(source));

/** The bell curve up to three standard deviations, summing to 1. */
function gaussian(sigma) {
  const radius = Math.ceil(3 * sigma);
  const bell = Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)),
  );
  const total = bell.reduce((sum, weight) => sum + weight);
  return Float32Array.from(bell, (weight) => weight / total);
}

const image = await readPng(await readFile(here("photo.png")));
const { blurred } = await blur({ image, weights: tensor(gaussian(4)) });
await writeFile(join(out, "blurred.png"), await writePng(blurred));
console.log(`blurred.png: ${image.shape.join(" × ")}`);
device.close();

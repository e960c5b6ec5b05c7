// Draws a part of the Mandelbrot set: node main.mjs [FOLDER] writes mandelbrot.png.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compile } from "kernc";
import { openDevice, tensor, writePng } from "kernc/runtime";

const here = (name) => new URL(name, import.meta.url);
const out = process.argv[2] ?? ".";

const device = await openDevice("wasm", { threads: 2 });
const source = { path: "mandelbrot.kern", text: await readFile(here("mandelbrot.kern"), "utf8") };
const { mandelbrot } = await device.load(await compile(source));

// window.json says which part of the plane, and how large the picture.
const { centre, width, columns, rows, limit } = JSON.parse(await readFile(here("window.json"), "utf8"));
const step = width / columns;
const axis = (middle, count) =>
  Float32Array.from({ length: count }, (_, i) => middle + (i - count / 2) * step);

const { image } = await mandelbrot({
  re: tensor(axis(centre[0], columns)),
  im: tensor(axis(-centre[1], rows).map((y) => -y)),
  limit,
});
await writeFile(join(out, "mandelbrot.png"), await writePng(image));
console.log(`mandelbrot.png: ${columns} × ${rows}, up to ${limit} steps`);
device.close();

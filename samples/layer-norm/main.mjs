// Gives each patch of a photograph the same mean and contrast: node main.mjs [FOLDER] writes normalised.png.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compile } from "kernc";
import { openDevice, readPng, tensor, writePng } from "kernc/runtime";

const here = (name) => new URL(name, import.meta.url);
const out = process.argv[2] ?? ".";

const device = await openDevice("wasm");
const source = { path: "layer-norm.kern", text: await readFile(here("layer-norm.kern"), "utf8") };
const { cut, layer_norm, join: assemble } = await device.load(await compile(source, { set: { P: 16 } }));

const image = await readPng(await readFile(here("photo.png")));
const { patches } = await cut({ image });
const [rows, columns, pixels] = patches.shape;
const { y } = await layer_norm({
  x: patches.reshape([rows * columns, pixels]),
  // One value for all pixels: broadcast without a copy.
  gamma: tensor([0.2]).broadcastTo([pixels]),
  beta: tensor([0.5]).broadcastTo([pixels]),
  epsilon: 1e-4,
});
const joined = await assemble({ patches: y.reshape([rows, columns, pixels]) });
await writeFile(join(out, "normalised.png"), await writePng(joined.image));
console.log(`normalised.png: ${rows * columns} patches of ${pixels} pixels`);
device.close();

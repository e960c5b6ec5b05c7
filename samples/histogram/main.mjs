// Counts the values of a photograph: node main.mjs [FOLDER] writes counts.npy, and histogram.png that draws them.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compile } from "kernc";
import { openDevice, readPng, tensor, writeNpy, writePng } from "kernc/runtime";

const here = (name) => new URL(name, import.meta.url);
const out = process.argv[2] ?? ".";

const device = await openDevice("wasm", { threads: 2 });
const source = { path: "histogram.kern", text: await readFile(here("histogram.kern"), "utf8") };
const { histogram } = await device.load(await compile(source));

const image = await readPng(await readFile(here("photo.png")));
const { counts } = await histogram({ image });
await writeFile(join(out, "counts.npy"), await writeNpy(counts));

const [height, width] = [200, 512];
const values = await counts.data();
const highest = values.reduce((a, b) => Math.max(a, b));
const chart = Uint8Array.from({ length: height * width * 3 }, (_, at) => {
  const [y, x, channel] = [Math.floor(at / (3 * width)), Math.floor(at / 3) % width, at % 3];
  const count = values[channel * 256 + Math.floor((x * 256) / width)];
  return count * height > (height - 1 - y) * highest ? 255 : 24;
});
await writeFile(join(out, "histogram.png"), await writePng(tensor(chart, [height, width, 3])));
console.log(`counts.npy: ${image.shape[0] * image.shape[1]} pixels in ${image.shape[2]} channels`);
device.close();

// Paints a photograph in eight colours: node main.mjs [FOLDER] writes painted.png.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compile } from "kernc";
import { openDevice, readPng, tensor, writePng } from "kernc/runtime";

const here = (name) => new URL(name, import.meta.url);
const out = process.argv[2] ?? ".";

const device = await openDevice("wasm", { threads: 2 });
const source = { path: "k-means.kern", text: await readFile(here("k-means.kern"), "utf8") };
const { gather_colours, move_centres, paint } = await device.load(await compile(source));

const image = await device.upload(await readPng(await readFile(here("photo.png"))));
const grey = Array.from({ length: 8 }, (_, k) => Array(3).fill(16 + 32 * k));
const centres = await device.upload(tensor(Float32Array.from(grey.flat()), [8, 3]));

let rounds = 0;
for (let before = []; rounds < 100; rounds++) {
  const { sums, counts } = await gather_colours({ image, centres });
  await move_centres({ sums, counts, centres });
  const now = [...(await counts.data())];
  if (now.every((count, k) => count === before[k])) break;
  before = now;
}

const { painted } = await paint({ image, centres });
await writeFile(join(out, "painted.png"), await writePng(painted));
const colours = await centres.data();
for (let k = 0; k < 8; k++)
  console.log(
    `#${[0, 1, 2]
      .map((c) =>
        Math.round(colours[3 * k + c])
          .toString(16)
          .padStart(2, "0"),
      )
      .join("")}`,
  );
console.log(`painted.png: settled after ${rounds} rounds`);
device.close();

// Finds the places of a photograph that look most like given ones: node main.mjs [FOLDER] writes scores.npy, and
// matches.png with the best places framed.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compile } from "kernc";
import { openDevice, readPng, tensor, writeNpy, writePng } from "kernc/runtime";

const here = (name) => new URL(name, import.meta.url);
const out = process.argv[2] ?? ".";

const device = await openDevice("wasm", { threads: 2 });
const source = { path: "int8-dot.kern", text: await readFile(here("int8-dot.kern"), "utf8") };
const { scores } = await device.load(await compile(source));

const photo = await readPng(await readFile(here("photo.png")));
const [height, width] = photo.shape;
const pixels = await photo.data();

/** A patch as 8-bit integers: its mean taken away, its length made the same for all. */
const size = 24;
function descriptor(top, left) {
  const values = Array.from(
    { length: size * size },
    (_, at) => pixels[(top + Math.floor(at / size)) * width + left + (at % size)],
  );
  const mean = values.reduce((a, b) => a + b) / values.length;
  const length = Math.hypot(...values.map((value) => value - mean)) || 1;
  return values.map((value) => Math.max(-128, Math.min(127, Math.round(((value - mean) / length) * 1024))));
}

const places = [];
for (let top = 0; top + size <= height; top += 4)
  for (let left = 0; left + size <= width; left += 4) places.push([top, left]);
const pack = (list) =>
  tensor(Int8Array.from(list.flatMap(([top, left]) => descriptor(top, left))), [list.length, size * size]);

// patterns.json: the top left corners of the patches to look for.
const wanted = JSON.parse(await readFile(here("patterns.json"), "utf8"));
const { score } = await scores({ patterns: pack(wanted), rows: pack(places) });
await writeFile(join(out, "scores.npy"), await writeNpy(score));

const marked = pixels.slice();
const values = await score.data();
wanted.forEach((pattern, at) => {
  const row = values.subarray(at * places.length, (at + 1) * places.length);
  const ranked = places.map((place, i) => ({ place, score: row[i] })).toSorted((a, b) => b.score - a.score);
  const found = [];
  // The best three that don't overlap.
  for (const { place, score } of ranked)
    if (
      found.length < 3 &&
      found.every(({ place: [y, x] }) => Math.hypot(y - place[0], x - place[1]) >= size)
    )
      found.push({ place, score });
  for (const { place } of found) frame(...place);
  console.log(`${pattern}: ${found.map(({ place, score }) => `${place} (${score})`).join("  ")}`);
});
function frame(top, left) {
  for (let i = 0; i < size; i++)
    for (const [y, x] of [
      [0, i],
      [size - 1, i],
      [i, 0],
      [i, size - 1],
    ])
      marked[(top + y) * width + left + x] = 255;
}
await writeFile(join(out, "matches.png"), await writePng(tensor(marked, [height, width])));
device.close();

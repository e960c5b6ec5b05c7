// Moves the sun and the outer planets through 200 years: node main.mjs [FOLDER] writes positions.npy, and orbits.png
// with their paths seen from above.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compile } from "kernc";
import { openDevice, tensor, writeNpy, writePng } from "kernc/runtime";

const here = (name) => new URL(name, import.meta.url);
const out = process.argv[2] ?? ".";

const device = await openDevice("wasm");
const source = { path: "n-body.kern", text: await readFile(here("n-body.kern"), "utf8") };
// The tensors are of f64, and so will be the kernels.
const { advance, energy } = await device.load(await compile(source));

const bodies = JSON.parse(await readFile(here("bodies.json"), "utf8"));
const rows = (key) => tensor(Float64Array.from(bodies.flatMap((body) => body[key])), [bodies.length, 3]);
const mass = await device.upload(tensor(Float64Array.from(bodies, (body) => body.mass)));
const position = await device.upload(rows("position"));
const velocity = await device.upload(rows("velocity"));

const size = 400;
const picture = new Uint8Array(size * size);
const dot = (x, y) => {
  const [column, row] = [Math.round(size / 2 + 6 * x), Math.round(size / 2 - 6 * y)];
  if (column >= 0 && column < size && row >= 0 && row < size) picture[row * size + column] = 255;
};

const total = async () => (await (await energy({ mass, position, velocity })).total.data())[0];
const before = await total();
const daysAStep = 10;
for (let day = 0; day < 200 * 365.25; day += daysAStep) {
  await advance({ mass, dt: daysAStep / 365.25, position, velocity });
  const at = await position.data();
  for (let body = 0; body < bodies.length; body++) dot(at[3 * body], at[3 * body + 1]);
}
const after = await total();

await writeFile(join(out, "positions.npy"), await writeNpy(position));
await writeFile(join(out, "orbits.png"), await writePng(tensor(picture, [size, size])));
console.log(`positions.npy: ${bodies.map(({ name }) => name).join(", ")} after 200 years`);
console.log(`energy changed by ${(100 * Math.abs((after - before) / before)).toFixed(4)} %`);
device.close();

// Which letter follows which? node main.mjs [FOLDER] writes next.npy, the probabilities of each letter after each.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compile } from "kernc";
import { openDevice, tensor, writeNpy } from "kernc/runtime";

const here = (name) => new URL(name, import.meta.url);
const out = process.argv[2] ?? ".";

const device = await openDevice("wasm");
const source = { path: "softmax.kern", text: await readFile(here("softmax.kern"), "utf8") };
const { softmax } = await device.load(await compile(source));

const letters = " abcdefghijklmnopqrstuvwxyz";
const text = (await readFile(here("alice.txt"), "utf8")).toLowerCase().replace(/[^a-z]+/g, " ");
const counts = new Float32Array(27 * 27).fill(1);
for (let at = 0; at + 1 < text.length; at++)
  counts[letters.indexOf(text[at]) * 27 + letters.indexOf(text[at + 1])]++;

// The logarithms of counts are logits: softmax turns them into frequencies.
const logits = tensor(counts.map(Math.log), [27, 27]);
const { p } = await softmax({ logits, temperature: 1 });
await writeFile(join(out, "next.npy"), await writeNpy(p));

const data = await p.data();
for (let row = 0; row < 27; row++) {
  const best = [...data.subarray(row * 27, row * 27 + 27).entries()]
    .toSorted((a, b) => b[1] - a[1])
    .slice(0, 3);
  console.log(
    `${letters[row]} → ${best.map(([at, share]) => `${letters[at]} ${(100 * share).toFixed(1)} %`).join("  ")}`,
  );
}
device.close();

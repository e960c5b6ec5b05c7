// Ranks the members of a club by their friendships: node main.mjs [FOLDER] writes rank.npy.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compile } from "kernc";
import { openDevice, tensor, writeNpy } from "kernc/runtime";

const here = (name) => new URL(name, import.meta.url);
const out = process.argv[2] ?? ".";

const device = await openDevice("wasm");
const source = { path: "sparse.kern", text: await readFile(here("sparse.kern"), "utf8") };
const { spmv } = await device.load(await compile(source));

/** friends.txt has a friendship a line, between members counted from 0. */
const lines = (await readFile(here("friends.txt"), "utf8")).split("\n").filter((line) => /^\d/.test(line));
const friends = [];
for (const line of lines) {
  const [a, b] = line.split(" ").map(Number);
  (friends[a] ??= []).push(b);
  (friends[b] ??= []).push(a);
}

// The matrix of steps to a random friend: column j spreads 1 among the friends of j.
const starts = [0];
for (const list of friends) starts.push(starts.at(-1) + list.length);
const matrix = {
  starts: await device.upload(tensor(Int32Array.from(starts))),
  columns: await device.upload(tensor(Int32Array.from(friends.flat()))),
  values: await device.upload(tensor(Float32Array.from(friends.flat(), (j) => 1 / friends[j].length))),
};

// Where is one who keeps on visiting friends of friends, and starts anew with a chance of 15 %?
const members = friends.length;
let rank = new Float32Array(members).fill(1 / members);
let rounds = 0;
for (let change = 1; change > 1e-7; rounds++) {
  const { y } = await spmv({ ...matrix, x: tensor(rank) });
  const next = (await y.data()).map((share) => 0.85 * share + 0.15 / members);
  change = next.reduce((most, value, i) => Math.max(most, Math.abs(value - rank[i])), 0);
  rank = next;
}
await writeFile(join(out, "rank.npy"), await writeNpy(tensor(rank)));
const best = [...rank.entries()].toSorted((a, b) => b[1] - a[1]).slice(0, 5);
console.log(
  `${members} members, ${rounds} rounds; first ${best.map(([i, share]) => `${i} (${share.toFixed(4)})`).join(", ")}`,
);
device.close();

// What was compiled once is found again, in memory and on disk, and only where nothing that matters has changed.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ModuleHost, SourceFile } from "../../compiler/index.ts";
import { openCache, openDevice, tensor, type CompileCache } from "../index.ts";

const source = `kernel scale[T: Number](x: Tensor[T, N], out y: Tensor[T, N]):
    for i in range(N):
        y[i] = x[i] * 2
`;

let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), "kern-cache-"))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Memory, directory, compiled. */
const counts = ({ counts }: CompileCache) => [counts.memory, counts.directory, counts.compiled];

test("the same question in one process", async () => {
  const cache = await openCache();
  const first = await cache.compile(source);
  expect(await cache.compile(source, { target: "wasm" })).toBe(first);
  expect(await cache.compile({ path: "kernel.kern", text: source })).toBe(first);
  expect(counts(cache)).toEqual([2, 0, 1]);
  for (const options of [
    { set: { T: "i32" } },
    { shape: { N: 4 } },
    { target: "wgsl" },
    { features: [] },
  ] as const)
    expect(await cache.compile(source, options)).not.toBe(first);
  expect(await cache.compile(source, { lock: '{ "format": 1, "entries": [] }' })).not.toBe(first);
  await cache.compile({ path: "other.kern", text: source });
  await cache.compile(source.replace("2", "3"));
  expect(counts(cache)).toEqual([2, 0, 8]);
  await Promise.all([
    cache.compile(source, { kernels: ["scale"] }),
    cache.compile(source, { kernels: ["scale"] }),
  ]);
  expect(counts(cache)).toEqual([3, 0, 9]);
  await cache.clear();
  await cache.compile(source);
  expect(counts(cache)).toEqual([3, 0, 10]);
});

test("the least recent ones go", async () => {
  const cache = await openCache({ limit: 2 });
  const texts = ["2", "3", "5"].map((factor) => source.replace("2", factor));
  await cache.compile(texts[0]!);
  await cache.compile(texts[1]!);
  await cache.compile(texts[0]!);
  await cache.compile(texts[2]!);
  expect(counts(cache)).toEqual([1, 0, 3]);
  await cache.compile(texts[0]!);
  expect(counts(cache)).toEqual([2, 0, 3]);
  await cache.compile(texts[1]!);
  expect(counts(cache)).toEqual([2, 0, 4]);
});

test("a mistake is reported each time", async () => {
  const cache = await openCache({ directory });
  const bad = source.replace("range(N)", "range(N + 1)");
  await expect(cache.compile(bad)).rejects.toThrow("K0401");
  await expect(cache.compile(bad)).rejects.toThrow("K0401");
  expect(counts(cache)).toEqual([0, 0, 2]);
  expect(readdirSync(directory)).toEqual([]);
});

test("the next process finds it in the directory, and further instances are compiled as ever", async () => {
  const folder = join(directory, "made", "when needed");
  await (await openCache({ directory: folder })).compile(source);
  const [file] = readdirSync(folder);
  expect(readdirSync(folder)).toHaveLength(1);
  for (const name of ["wasm", "interp"] as const) {
    const cache = await openCache({ directory: folder });
    const device = await openDevice(name);
    const { scale } = await device.load(await cache.compile(source));
    const { y } = await scale!({ x: tensor([1, 2]) });
    expect(await y!.data()).toEqual(Float32Array.of(2, 4));
    const more = await scale!({ x: tensor(Int16Array.of(7)) });
    expect(await more.y!.data()).toEqual(Int16Array.of(14));
    expect(counts(cache)).toEqual([0, 1, 0]);
    await cache.compile(source);
    expect(counts(cache)).toEqual([1, 1, 0]);
    device.close();
  }
  const damaged = [
    "",
    "{}",
    "null",
    readFileSync(join(folder, file!), "utf8").slice(0, 400),
    JSON.stringify({ format: 1, dependencies: [], artifacts: [{ code: 3 }] }),
  ];
  for (const text of damaged) {
    writeFileSync(join(folder, file!), text);
    const cache = await openCache({ directory: folder });
    await cache.compile(source);
    expect(counts(cache)).toEqual([0, 0, 1]);
  }
  const cache = await openCache({ directory: folder });
  await cache.clear();
  expect(readdirSync(folder)).toEqual([]);
});

test("a directory that can't be written to is done without", async () => {
  const path = join(directory, "a file");
  writeFileSync(path, "");
  const cache = await openCache({ directory: path });
  expect((await cache.compile(source)).artifacts).toHaveLength(1);
  expect(readFileSync(path, "utf8")).toBe("");
});

test("an archive goes to where nothing is compiled", async () => {
  const made = await openCache();
  const first = await made.compile(source, { features: ["threads"] });
  const bytes = await made.pack(["threads"]);
  for (const archive of [bytes, bytes.buffer]) {
    const cache = await openCache({ archive });
    expect(cache.features).toEqual(["threads"]);
    const { artifacts } = await cache.compile(source, { features: ["threads"] });
    expect(artifacts).toEqual(first.artifacts);
    expect(cache.counts).toEqual({ memory: 0, archive: 1, directory: 0, compiled: 0 });
    await cache.compile(source, { features: [] });
    expect(counts(cache)).toEqual([0, 0, 1]);
    expect(
      await (await openCache({ archive: await cache.pack([]) })).compile(source, { features: [] }),
    ).toHaveProperty("artifacts");
  }
  const text = new TextDecoder().decode(bytes);
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["", /K0731.*isn’t a file of compiled kernels/],
    [text.slice(0, -9), /K0731.*cut off/],
    ["null", /K0731.*isn’t a file/],
    ['{"kern":"kernels","entries":[]}', /K0731.*isn’t a file/],
    [text.replace(/"compiler":"[^ ]*/, '"compiler":"0.0.9'), /K0731.*another version/],
  ];
  for (const [bad, words] of wrong)
    await expect(openCache({ archive: new TextEncoder().encode(bad) })).rejects.toThrow(words);
  // A damaged entry is compiled again.
  const damaged = new TextEncoder().encode(text.replace(/\\"format\\":1/, '\\"format\\":7'));
  const cache = await openCache({ archive: damaged });
  await cache.compile(source, { features: ["threads"] });
  expect(counts(cache)).toEqual([0, 0, 1]);
});

test("an imported file that changed counts", async () => {
  const files: Record<string, string> = { "lib.kern": "def twice(x: f32) -> f32:\n    return x * 2\n" };
  const asked: string[] = [];
  const host: ModuleHost = {
    resolve(_, path): SourceFile | undefined {
      const name = `${path.join("/")}.kern`;
      asked.push(name);
      return files[name] === undefined ? undefined : { path: name, text: files[name] };
    },
  };
  const text = `from .lib import twice

kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = twice(x[i])
`;
  const run = async (): Promise<[number, number[]]> => {
    const cache = await openCache({ directory });
    const device = await openDevice("wasm");
    const { k } = await device.load(await cache.compile({ path: "main.kern", text }, { host }));
    await cache.compile({ path: "main.kern", text }, { host });
    const { y } = await k!({ x: tensor([3]) });
    const [value] = await y!.data();
    device.close();
    return [Number(value), counts(cache)];
  };
  expect(await run()).toEqual([6, [1, 0, 1]]);
  expect(await run()).toEqual([6, [1, 1, 0]]);
  files["lib.kern"] = files["lib.kern"]!.replace("* 2", "* 5");
  expect(await run()).toEqual([15, [1, 0, 1]]);
  expect(await run()).toEqual([15, [1, 1, 0]]);
  delete files["lib.kern"];
  await expect(run()).rejects.toThrow("lib");
  expect(asked).toContain("lib.kern");
});

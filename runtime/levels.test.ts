// Code for several levels of features: one compilation makes what differs, and a device loads what its engine can run.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { compile } from "../compiler/index.ts";
import { loadFiles } from "./files.ts";
import { openDevice, tensor } from "./index.ts";
import { artifactOf } from "./source.ts";

const source = `kernel products(a: Tensor[u8, K], b: Tensor[i8, K], out c: Tensor[i32, 1]):
    c[0] = sum(i32(a[k]) * i32(b[k]) for k in range(K))

kernel axpy(x: Tensor[f32, N], s: f32, out y: Tensor[f32, N]):
    @vectorize
    for i in range(N):
        y[i] = s * x[i] + x[i]
`;

const needs = (artifact: {
  readonly kernels: readonly { readonly launch: { readonly features: readonly string[] } }[];
}) => artifact.kernels[0]!.launch.features.filter((name) => name.startsWith("relaxed"));

const relaxed = ["relaxed-simd"];
const unsigned = ["relaxed-simd", "relaxed-dot", "relaxed-dot-u8"];
const signed = ["relaxed-simd", "relaxed-dot", "relaxed-dot-i8"];

test("a module is made for each level that makes a difference", async () => {
  const { artifacts, artifact } = await compile(source, { levels: true });
  expect(artifacts.map(needs)).toEqual([[], relaxed, signed, unsigned]);
  expect(artifact("wasm")).toBe(artifacts[0]);
  const floats = await compile(source, { levels: true, kernels: ["axpy"] });
  expect(floats.artifacts.map(needs)).toEqual([[], relaxed]);
  const plain = await compile("kernel k(out y: Tensor[i32, 1]):\n    y[0] = 1\n", { levels: true });
  expect(plain.artifacts.map(needs)).toEqual([[]]);
});

test("a device gets the code that makes most of its features, and none that needs others", async () => {
  const compiled = await compile(source, { levels: true });
  const chosen = (features: readonly string[]) =>
    needs(artifactOf(compiled, "wasm", ["simd128", ...features]));
  expect(chosen([])).toEqual([]);
  expect(chosen(relaxed)).toEqual(relaxed);
  expect(chosen(["relaxed-simd", "relaxed-dot"])).toEqual(relaxed);
  expect(chosen(unsigned)).toEqual(unsigned);
  expect(chosen(signed)).toEqual(signed);
});

test("whatever was chosen, results are the same, from memory and from files", async () => {
  const compiled = await compile(source, { levels: true });
  const device = await openDevice("wasm");
  const folder = mkdtempSync(join(tmpdir(), "kern-levels-"));
  try {
    const fileOf = (at: number): string => (at === 0 ? "k.wasm" : `k.${at}.wasm`);
    const address = (file: string): URL => pathToFileURL(join(folder, file));
    const manifest = {
      format: 1,
      source: "k.kern",
      hash: "",
      artifacts: compiled.artifacts.map(({ target, kernels }, at) => ({ target, file: fileOf(at), kernels })),
    };
    writeFileSync(address("k.manifest.json"), JSON.stringify(manifest));
    compiled.artifacts.forEach(({ code }, at) => writeFileSync(address(fileOf(at)), code));
    const files = await loadFiles(device, {
      manifest: address("k.manifest.json"),
      code: { wasm: address("k.wasm") },
      levels: Object.fromEntries([1, 2, 3].map((at) => [fileOf(at), address(fileOf(at))])),
    });
    const a = tensor(Uint8Array.from({ length: 53 }, (_, at) => (at % 3 ? 255 : at)));
    const b = tensor(Int8Array.from({ length: 53 }, (_, at) => (at % 2 ? -128 : 127 - at)));
    const [left, right] = [await a.data(), await b.data()];
    const exact = Array.from(left as Uint8Array, (x, at) => x * Number(right[at])).reduce((x, y) => x + y);
    for (const { products } of [await device.load(compiled), files])
      expect(await (await products!({ a, b })).c!.data()).toEqual(Int32Array.of(exact));
  } finally {
    device.close();
    rmSync(folder, { recursive: true });
  }
});

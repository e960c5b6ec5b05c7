// What the engine can do is found by trying, and code that needs more is refused in words.

import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { compile } from "../../../compiler/index.ts";
import { openDevice } from "../../index.ts";
import { wasmFeatures } from "./features.ts";

test("this engine has vectors and threads", async () => {
  expect(wasmFeatures()).toEqual(expect.arrayContaining(["simd128", "threads"]));
  const device = await openDevice("wasm");
  expect(device.features).toEqual(wasmFeatures());
  device.close();
  expect((await openDevice("interp")).features).toEqual([]);
});

test("relaxed vectors are there just where the engine has them", () => {
  // (i8x16.relaxed_swizzle) in a module of the engine's own making.
  const probe = "0061736d010000000105016000017b030201000a0f010d004100fd0f4100fd0ffd80020b";
  const script = `console.log(WebAssembly.validate(Buffer.from("${probe}", "hex")))`;
  const run = (...flags: string[]): string =>
    execFileSync(process.execPath, [...flags, "-e", script], { encoding: "utf8" }).trim();
  expect(run()).toBe(String(wasmFeatures().includes("relaxed-simd")));
  if (process.version.startsWith("v20.")) expect(run("--experimental-wasm-relaxed-simd")).toBe("true");
});

test("code that needs what the engine lacks is refused", async () => {
  const { artifact } = await compile(
    "kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):\n    for i in range(N):\n        y[i] = x[i]\n",
  );
  const { kernels, ...rest } = artifact("wasm");
  const [kernel] = kernels;
  const launch = { ...kernel!.launch, features: ["time-travel"] } as unknown as (typeof kernel &
    object)["launch"];
  const device = await openDevice("wasm");
  await expect(device.load({ ...rest, kernels: [{ ...kernel!, launch }] })).rejects.toThrow(
    "`k` needs time-travel, which this engine doesn’t have",
  );
  device.close();
});

// `kernc onnx` from arguments to files: what it prints, and what it refuses.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readNpy, tensor } from "../../runtime/index.ts";
import { modelBytes } from "../../testing/onnx/models.ts";
import { kernc } from "../../testing/kernc.ts";

let folder: string;
let model: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kernc-onnx-"));
  model = join(folder, "scale.onnx");
  const bytes = modelBytes({
    inputs: [
      ["x", "f32", "n", 3],
      ["s", "f32"],
    ],
    outputs: [["y", "f32", "n", 3]],
    nodes: [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["p"] },
      { op: "Mul", inputs: ["p", "s"], outputs: ["q"] },
      { op: "Relu", inputs: ["q"], outputs: ["y"] },
    ],
    constants: { w: tensor([1, 0, 0, 0, 1, 0, 0, 0, -1], [3, 3]) },
  });
  writeFileSync(model, bytes);
});
afterAll(() => rmSync(folder, { recursive: true }));

test("a run writes results, by fused kernels", async () => {
  const file = join(folder, "y.npy");
  const inputs = ["--in", "x=random(f32, 2, 3, seed=1)", "--in", "s=2"];
  const { code } = await kernc("onnx", "run", model, ...inputs, "--out", `y=${file}`);
  expect(code).toBe(0);
  const y = await readNpy(readFileSync(file));
  expect(y.shape).toEqual([2, 3]);
  const shown = await kernc("onnx", "inspect", model, ...inputs);
  expect(shown.out).toContain("x: Tensor[f32, n, 3]");
  expect(shown.out).toContain("1 kernels are launched");
});

test("mistakes are told, and leave what was there", async () => {
  const file = join(folder, "kept.npy");
  writeFileSync(file, "kept");
  const out = ["--out", `y=${file}`];
  const noise = join(folder, "noise.onnx");
  writeFileSync(
    noise,
    Uint8Array.from({ length: 999 }, (_, at) => (at * 97) % 251),
  );
  const cases: [string[], number, RegExp][] = [
    [["run", noise, ...out], 1, /K1001/],
    [["run", join(folder, "none.onnx"), ...out], 1, /K0801/],
    [["run", model, "--in", "s=1", ...out], 1, /K1006.*`x`/],
    [["run", model, "--in", "x=random(f32, 2, 4)", "--in", "s=1", ...out], 1, /K1006.*Tensor\[f32, 2, 4\]/],
    [["run", model, "--out", `z=${file}`], 1, /K0808.*`z`/],
    [["walk", model], 2, /run|inspect/],
    [["run"], 2, /model/],
  ];
  for (const [args, code, text] of cases) {
    const done = await kernc("onnx", ...args);
    expect(done.code, args.join(" ")).toBe(code);
    expect(done.err.replaceAll(/\s+/g, " ")).toMatch(text);
    expect(done.err).not.toMatch(/^ {4}at /m);
  }
  expect(readFileSync(file, "utf8")).toBe("kept");
});

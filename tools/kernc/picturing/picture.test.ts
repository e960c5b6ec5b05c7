// Pictures of models: what is drawn, and that boxes and edges lie where they should.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tensor } from "../../../runtime/index.ts";
import { kernc } from "../../../testing/kernc.ts";
import { modelBytes, type NodeSpec } from "../../../testing/onnx/models.ts";
import { layered, type Edge } from "./layers.ts";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "kernc-picture-"))));
afterAll(() => rmSync(folder, { recursive: true }));

test("boxes don't overlap, edges go down, and pass no box on their way", () => {
  // 300 boxes: a chain with short and long ways around.
  const boxes = Array.from({ length: 300 }, (_, at) => ({
    width: 60 + (at % 7) * 10,
    height: 28 + (at % 3) * 16,
  }));
  const edges: Edge[] = [];
  for (let to = 1; to < boxes.length; to++) {
    edges.push({ from: Math.max(0, to - 1 - (to % 4)), to });
    if (to > 40 && to % 29 === 0) edges.push({ from: to - 37, to });
  }
  const { places, paths, width, height } = layered(boxes, edges);
  const inside = (x: number, y: number, at: number) =>
    x > places[at]!.x &&
    x < places[at]!.x + boxes[at]!.width &&
    y > places[at]!.y &&
    y < places[at]!.y + boxes[at]!.height;
  for (const [at, { x, y }] of places.entries()) {
    expect(x >= 0 && y >= 0 && x + boxes[at]!.width <= width + 1e-6 && y + boxes[at]!.height <= height).toBe(
      true,
    );
    for (let other = 0; other < at; other++) {
      const [a, b] = [places[other]!, boxes[other]!];
      const apart =
        a.x + b.width <= x ||
        x + boxes[at]!.width <= a.x ||
        a.y + b.height <= y ||
        y + boxes[at]!.height <= a.y;
      expect(apart, `${at} and ${other}`).toBe(true);
    }
  }
  for (const path of paths) {
    for (let at = 1; at < path.length; at++) expect(path[at]!.y).toBeGreaterThan(path[at - 1]!.y);
    // What changes its place sideways does so between layers, where no box is.
    for (const { x, y } of path)
      expect(boxes.some((_, at) => inside(x, y + 0.01, at) && y > places[at]!.y)).toBe(false);
  }
  expect(layered([], [])).toEqual({ width: 0, height: 0, places: [], paths: [] });
});

test("a picture of the nodes, and beside it of what is launched for them", async () => {
  const nodes: NodeSpec[] = [
    { op: "Relu", inputs: ["w0"], outputs: ["w"] },
    { op: "MatMul", inputs: ["x", "w"], outputs: ["p"] },
    { op: "Add", inputs: ["p", "x"], outputs: ["q"] },
    { op: "Sigmoid", inputs: ["q"], outputs: ["<y>"] },
  ];
  const model = join(folder, "model.onnx");
  writeFileSync(
    model,
    modelBytes({
      inputs: [["x", "f32", "n", 2]],
      outputs: [["<y>", "f32", "n", 2]],
      nodes,
      constants: { w0: tensor([1, 2, 3, 4], [2, 2]) },
    }),
  );
  const draw = async (...more: string[]) => {
    const file = join(folder, "picture.svg");
    const { code, text } = await kernc("onnx", "inspect", model, "--picture", file, ...more);
    expect(code, text).toBe(0);
    return readFileSync(file, "utf8");
  };
  const count = (svg: string, kind: string) => svg.split(`<rect class="${kind}"`).length - 1;
  const before = await draw();
  expect(["input", "node", "output", "launch"].map((kind) => count(before, kind))).toEqual([1, 3, 1, 0]);
  expect(before).toContain("3 nodes, and 1 that compute weights");
  const both = await draw("--in", "x=random(f32, 64, 2, seed=1)");
  expect(["input", "node", "output", "launch"].map((kind) => count(both, kind))).toEqual([2, 3, 2, 1]);
  expect(both).toContain("1 kernels launched");
  expect(both).toContain("512 B");
  expect(both).toContain("&lt;y&gt;");
  expect(both).not.toMatch(/NaN|undefined|Infinity/);
  const refused = await kernc("onnx", "run", model, "--picture", join(folder, "p.svg"));
  expect([refused.code, refused.text]).toEqual([2, expect.stringContaining("--picture is for inspect")]);
});

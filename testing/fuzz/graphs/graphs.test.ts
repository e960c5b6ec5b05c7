// A few random models; `node scripts/bench.mjs testing/fuzz/graphs/main.ts` tries as many as are asked for.

import { afterAll, beforeAll, expect, test } from "vitest";
import { openDevice, type Device } from "../../../runtime/index.ts";
import { judge } from "./judge.ts";
import { modelOf } from "./models.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm");
});
afterAll(() => device.close());

const first = 1000 * Number(process.env["KERN_SEED"] ?? 1);
const count = 16;

test("a seed always makes the same model", () => {
  expect(modelOf(first)).toEqual(modelOf(first));
});

test("random models give what onnxruntime gives", { timeout: 120_000 }, async () => {
  const wrong: string[] = [];
  let agreed = 0;
  for (let seed = first; seed < first + count; seed++) {
    const verdict = await judge(seed, [device]);
    if (verdict.kind === "agrees") agreed++;
    else if (verdict.kind !== "untried") wrong.push(`seed ${seed} ${verdict.kind}: ${verdict.why}`);
  }
  expect(wrong).toEqual([]);
  expect(agreed).toBeGreaterThan(count * 0.8);
});

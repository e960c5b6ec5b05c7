// Caches of keys and values that have room: an update goes to each sample's own place, and attention sees as many keys as a sample has.

import { afterAll, beforeAll, expect, test } from "vitest";
import { modelBytes } from "../../testing/onnx/models.ts";
import { openDevice, tensor, valuesOf, type Device, type Tensor } from "../index.ts";
import { random } from "../random.ts";
import { loadModel } from "./index.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm");
});
afterAll(() => device.close());

const numbers = async (value: Tensor | undefined) => (await valuesOf(value!)).map(Number);
const i64 = (...values: number[]) => tensor(BigInt64Array.from(values, BigInt), [values.length]);

test.each([
  ["linear", [1, 3], [2, 0]],
  ["circular", [4, 2], [0, 4]],
] as const)("an update goes into a cache, %s", async (mode, starts, other) => {
  const [samples, heads, room, fresh, width] = [2, 3, 5, 2, 7];
  const model = await loadModel(
    modelBytes({
      version: 24,
      inputs: [
        ["past", "f32", samples, heads, room, width],
        ["update", "f32", samples, heads, fresh, width],
        ["at", "i64", samples],
      ],
      outputs: [["y", "f32", samples, heads, room, width]],
      nodes: [
        { op: "TensorScatter", inputs: ["past", "update", "at"], outputs: ["y"], attributes: { mode } },
      ],
    }),
    { device },
  );
  const past = random("f32", [samples, heads, room, width], { seed: 1 });
  const update = random("f32", [samples, heads, fresh, width], { seed: 2 });
  const [old, now] = [await numbers(past), await numbers(update)];
  for (const at of [starts, other]) {
    const { y } = await model.run({ past, update, at: i64(...at) });
    const want = [...old];
    for (let n = 0; n < now.length; n++) {
      const [sample, head] = [
        Math.floor(n / (heads * fresh * width)),
        Math.floor(n / (fresh * width)) % heads,
      ];
      const place = (at[sample]! + (Math.floor(n / width) % fresh)) % room;
      want[((sample * heads + head) * room + place) * width + (n % width)] = now[n]!;
    }
    expect(await numbers(y)).toEqual(want);
  }
  await expect(model.run({ past, update, at: i64(0, room) })).rejects.toThrow(/outside of its cache/);
  await model.close();
});

test.each([false, true])(
  "attention sees the keys that a sample has, with a mask of its own: %s",
  async (masked) => {
    const [rows, columns, size] = [9, 6, 4];
    const port = (name: string, length: number) => [name, "f32", 2, 1, length, size] as const;
    const bytes = (version: number, lengths: boolean) =>
      modelBytes({
        version,
        inputs: [
          port("q", rows),
          port("k", columns),
          port("v", columns),
          ...(masked || !lengths ? [["mask", "f32", 2, 1, rows, columns] as const] : []),
          ...(lengths ? [["lengths", "i64", 2] as const] : []),
        ],
        outputs: [["y", "f32", 2, 1, rows, size]],
        nodes: [
          {
            op: "Attention",
            inputs: [
              "q",
              "k",
              "v",
              masked || !lengths ? "mask" : "",
              ...(lengths ? ["", "", "lengths"] : []),
            ],
            outputs: ["y"],
          },
        ],
      });
    let seed = 10;
    const f32 = (...shape: number[]) => random("f32", shape, { seed: seed++ });
    const inputs = { q: f32(2, 1, rows, size), k: f32(2, 1, columns, size), v: f32(2, 1, columns, size) };
    const own = masked ? await numbers(f32(2, 1, rows, columns)) : Array<number>(2 * rows * columns).fill(0);
    const shape = [2, 1, rows, columns];
    const mask = tensor(Float32Array.from(own), shape);
    const counts = [4, 6];
    const cut = own.map((value, at) =>
      at % columns < counts[Math.floor(at / (rows * columns))]! ? value : -Infinity,
    );
    const withLengths = await loadModel(bytes(24, true), { device });
    const withMask = await loadModel(bytes(23, false), { device });
    const found = await withLengths.run({ ...inputs, ...(masked && { mask }), lengths: i64(...counts) });
    const want = await withMask.run({ ...inputs, mask: tensor(Float32Array.from(cut), shape) });
    const wanted = await numbers(want["y"]);
    (await numbers(found["y"])).forEach((value, at) => expect(value).toBeCloseTo(wanted[at]!, 5));
  },
);

// The device `tsp`: kernels run in the simulator as they run anywhere else, or are refused with a reason.

import { expect, test } from "vitest";
import { compile } from "../../compiler/index.ts";
import { openDevice, tensor, type KernError } from "../index.ts";

const source = `
kernel scaled[T: Number](x: Tensor[T, *S], s: T, out y: Tensor[T, *S]):
    for i in grid(*S):
        y[*i] = x[*i] * s

kernel update(x: Tensor[i32, M, N], row: Tensor[i32, N], mut y: Tensor[i32, M, N]):
    for i, j in grid(M, N):
        y[i, j] += max(x[i, j] - row[j], 0)

kernel pick(keep: Tensor[bool, N], x: Tensor[i8, N], out y: Tensor[i8, N], out kept: Tensor[bool, N]):
    for i in range(N):
        y[i] = x[i] if keep[i] else -x[i]
        kept[i] = not keep[i]

kernel take(x: Tensor[f32, V, D], at: Tensor[i32, N], out y: Tensor[f32, N, D]):
    for n in range(N):
        let row = at[n]
        assert 0 <= row and row < V, "there is no such row"
        for d in range(D):
            y[n, d] = x[row, d]

kernel stepped(x: Tensor[i32, N], step: i64, out y: Tensor[i32, N]):
    for i in range(N):
        y[i] = x[i] + i32(step % 3)

kernel halvings(x: Tensor[i32, N], out y: Tensor[i32, N]):
    for i in range(N):
        var left = x[i]
        var count: i32 = 0
        while left > 1:
            left = left >> 1
            count += 1
        y[i] = count
`;

const opened = async () => {
  const device = await openDevice("tsp");
  return { device, kernels: await device.load(await compile(source, device.compileOptions)) };
};

test("instances, scalars, views, tensors without elements", async () => {
  const { device, kernels } = await opened();
  const x = tensor(
    Float32Array.from({ length: 1000 }, (_, at) => at / 8),
    [10, 100],
  );
  const { y } = await kernels["scaled"]!({ x, s: 0.5 });
  expect(await y!.data()).toEqual(Float32Array.from({ length: 1000 }, (_, at) => at / 16));
  const turned = await kernels["scaled"]!({ x: x.transpose(1, 0).slice([0, 5]), s: 2 });
  expect(turned["y"]!.shape).toEqual([5, 10]);
  expect([...(await turned["y"]!.data())].slice(0, 3).map(Number)).toEqual([0, 25, 50]);
  const halves = tensor(Uint16Array.of(0x3c00, 0x4000, 0xc100), [3], "f16");
  const half = await kernels["scaled"]!({ x: halves, s: 2 });
  expect(await half["y"]!.data()).toEqual(Uint16Array.of(0x4000, 0x4400, 0xc500));
  const none = await kernels["scaled"]!({ x: tensor(new Float32Array(0), [0, 3]), s: 2 });
  expect(none["y"]!.shape).toEqual([0, 3]);
  device.close();
});

test("a broadcast row, a `mut` tensor in place, bool and i8", async () => {
  const { device, kernels } = await opened();
  const [rows, columns] = [3, 330];
  const at = (count: number, value: (at: number) => number) =>
    Int32Array.from({ length: count }, (_, index) => value(index));
  const x = tensor(
    at(rows * columns, (index) => (index * 7) % 50),
    [rows, columns],
  );
  const row = tensor(at(columns, (index) => index % 30));
  const y = tensor(
    at(rows * columns, (index) => -index),
    [rows, columns],
  );
  await kernels["update"]!({ x, row, y });
  expect(await y.data()).toEqual(
    at(rows * columns, (index) => -index + Math.max(((index * 7) % 50) - ((index % columns) % 30), 0)),
  );
  const keep = tensor(Uint8Array.of(1, 0, 1), [3], "bool");
  const picked = await kernels["pick"]!({ keep, x: tensor(Int8Array.of(5, -128, -3)) });
  expect(await picked["y"]!.data()).toEqual(Int8Array.of(5, -128, -3));
  expect(await picked["kept"]!.data()).toEqual(Uint8Array.of(0, 1, 0));
  device.close();
});

test("a 64-bit argument, up to what numbers hold", async () => {
  const { device, kernels } = await opened();
  const x = tensor(Int32Array.of(1, 2));
  const { y } = await kernels["stepped"]!({ x, step: 5n });
  expect([...(await y!.data())]).toEqual([3, 4]);
  await expect(kernels["stepped"]!({ x, step: 2n ** 60n })).rejects.toThrow(/K0728.*more than 53 bits/);
  device.close();
});

test("rows that data chooses, and a check of them that doesn't hold", async () => {
  const { device, kernels } = await opened();
  const x = tensor(
    Float32Array.from({ length: 12 }, (_, at) => at),
    [3, 4],
  );
  const { y } = await kernels["take"]!({ x, at: tensor(Int32Array.of(2, 0, 2)) });
  expect([...(await y!.data())].map(Number)).toEqual([8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11]);
  await expect(kernels["take"]!({ x, at: tensor(Int32Array.of(1, 3)) })).rejects.toThrow(
    "there is no such row",
  );
  device.close();
});

test("what can't be lowered is refused with its line, compiled files likewise", async () => {
  const { device, kernels } = await opened();
  const refused = await kernels["halvings"]!({ x: tensor(Int32Array.of(1, 2)) }).catch(
    (error: KernError) => error,
  );
  expect((refused as KernError).message).toMatch(
    /K0728: the TSP can’t run `halvings`: it has a loop whose end depends on data\n.*at kernel.kern:30/,
  );
  const artifact = (await compile(source, { target: "wasm", kernels: ["halvings"] })).artifact("wasm");
  await expect(device.load(artifact)).rejects.toThrow("K0714");
  device.close();
});

// What signatures can say: 64-bit scalars in `where`, and a diagnostic for what callers can't compute.

import { expect, it } from "vitest";
import { openDevice, tensor } from "../runtime/index.ts";
import { check, compile } from "./index.ts";

const source = (
  type: string,
  where: string,
) => `kernel k(x: Tensor[f32, N], s: ${type}, out y: Tensor[f32, N]) where ${where}:
    for i in range(N):
        y[i] = x[i]
`;

it("checks 64-bit scalars against constants", async () => {
  const device = await openDevice("wasm");
  const { k } = await device.load(await compile(source("i64", "s >= 3")));
  const x = tensor([1, 2]);
  await expect(k!({ x, s: 2n })).rejects.toThrow("s >= 3");
  expect(await (await k!({ x, s: 3n }))["y"]!.data()).toEqual(new Float32Array([1, 2]));
  device.close();
});

it.each(["s & 1 == 0", "abs(s) < 4"])("refuses `where %s`, which callers can't compute", (where) => {
  expect(check(source("i32", where)).map(({ code, message }) => [code, message])).toEqual([
    ["K0349", `a caller can’t work out \`${where}\` before the call`],
  ]);
});

// What an `@order` must say: every loop of one nest, once.

import { expect, it } from "vitest";
import { check } from "../index.ts";

const source = (order: string): string => `kernel k(x: Tensor[i32, M, N], out y: Tensor[i32, M, N]):
    @tile(j=8)
    @order(${order})
    for i, j in grid(M, N):
        y[i, j] = sum(x[i, k] for k in range(N))
`;

it.each([
  ["j.tile, i, k, j", []],
  ["k, j.tile, i, k, j", ["`@order` doesn’t say the order of one nest of loops: `k` is named twice"]],
  ["j.tile, i, k", ["`@order` doesn’t say the order of one nest of loops: `j` is missing"]],
])("@order(%s)", (order, messages) => {
  expect(check(source(order)).map(({ message }) => message)).toEqual(messages);
});

// An Array starts anew each time around a loop: its zeros are said, since drivers were seen to keep the old elements.

import { expect, it } from "vitest";
import { compile } from "../../index.ts";

const source = (fill: string): string => `kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        var a = Array[f32, 4](${fill})
        for l in range(3):
            a[l + 1] = a[l] + x[i]
        y[i] = a[3]
`;

it.each([
  ["0.0", /var a: array<f32, 4> = array<f32, 4>\(\);/],
  ["2.0", /a\[at\] = 2\.0;/],
])("an Array of %s in a loop", async (fill, expected) => {
  const text = (await compile(source(fill), { target: "wgsl" })).text.get("wgsl")!;
  expect(text).toMatch(expected);
});

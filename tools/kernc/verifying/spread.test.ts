import { expect, it } from "vitest";
import { compile } from "../../../compiler/index.ts";
import { openInterpDevice } from "../../../runtime/devices/interp.ts";
import { tensor, type Kernel } from "../../../runtime/index.ts";
import { spreadOf } from "./spread.ts";

const source = `kernel sums(x: Tensor[f32, N], out y: Tensor[f32, 3], out n: Tensor[i32, 1]) where N >= 1:
    y[0] = sum(x[i] for i in range(N)) - sum(x[N - 1 - i] for i in range(N))
    y[1] = x[0]
    y[2] = max(x[i] for i in range(N))
    n[0] = N
`;

it("is as large as what cancels, and as small as what doesn't", async () => {
  const compiled = await compile(source);
  const open = async (term?: (value: number) => number): Promise<Kernel> =>
    (await (await openInterpDevice(term ? { term } : {})).load(compiled))["sums"]!;
  const args = () => ({ x: tensor(Float32Array.from({ length: 100 }, (_, at) => 1000 * (at % 7) - 3000)) });
  const expected = await (await open())(args());
  const spread = await spreadOf(open, args, expected, 1e-5);
  expect([...spread.keys()]).toEqual(["y"]);
  const [cancelled, copied, picked] = spread.get("y")!;
  // 200 terms of about 2000, each moved by 1e-5 of itself at random.
  expect(cancelled).toBeGreaterThan(0.01);
  expect(cancelled).toBeLessThan(4);
  for (const own of [copied, picked]) {
    expect(own).toBeGreaterThan(0.1);
    expect(own).toBeLessThan(0.13);
  }
});

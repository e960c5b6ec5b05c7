// Division of integers of every type, at all pairs of extremes and powers of two with their neighbours, against the interpreter.

import { expect, test } from "vitest";
import { compile } from "../../../index.ts";
import { interpret, makeTensor } from "../../../ir/interpret.ts";
import { checkProgram } from "../assemble/index.ts";
import { groqchipCal } from "../machine/profile.ts";
import { simulate } from "../simulate/index.ts";
import { lowerKernel } from "./index.ts";

const numbers = (dtype: string): readonly number[] => {
  const bits = Number(dtype.slice(1));
  const [low, high] = dtype.startsWith("u") ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
  if (dtype === "i8") return Array.from({ length: 256 }, (_, at) => low! + at);
  const found = new Set([0, 10, 1000, 12_345, low!, low! + 1, high!, high! - 1]);
  for (let power = 1; power <= 2 ** bits; power *= 2)
    for (const near of [power - 1, power, power + 1, 3 * power, Math.round(power * Math.SQRT2)])
      for (const each of [near, -near]) if (each >= low! && each <= high!) found.add(each);
  return [...found];
};

test.each(["i8", "u8", "i16", "u16", "i32", "u32"])("%s", async (dtype) => {
  const text = `
kernel divided(a: Tensor[${dtype}, N], b: Tensor[${dtype}, N], out q: Tensor[${dtype}, N], out r: Tensor[${dtype}, N]):
    for i in range(N):
        let d = b[i] if b[i] != 0 else ${dtype}(1)
        q[i] = a[i] // d
        r[i] = a[i] % d

kernel constants(a: Tensor[${dtype}, N], out q: Tensor[${dtype}, N], out r: Tensor[${dtype}, N]):
    for i in range(N):
        q[i] = a[i] // 7
        r[i] = a[i] % ${dtype.startsWith("u") ? 10 : -10}
`;
  const all = numbers(dtype);
  const pairs = all.flatMap((a) => all.map((b) => [a, b] as const));
  const { kernels } = await compile({ path: "division.kern", text }, { target: [] });
  for (const { ir } of kernels) {
    const N = pairs.length;
    const lowered = lowerKernel(ir, new Map([["N", N]]), groqchipCal);
    if ("why" in lowered) throw new Error(lowered.why);
    const values = new Map([
      ["a", pairs.map(([a]) => a)],
      ["b", pairs.map(([, b]) => b)],
    ]);
    const args = Object.fromEntries(
      ir.params.flatMap((param) => {
        if (param.kind !== "tensor" || param.mode !== "in") return [];
        const made = makeTensor(dtype as "i32", [N]);
        for (const [at, value] of values.get(param.buffer)!.entries()) made.data[at] = value;
        return [[param.buffer, made]];
      }),
    );
    const simulated = simulate(lowered.program, { inputs: lowered.inputs((name) => values.get(name)!) });
    const checked = checkProgram(lowered.program);
    expect([simulated.faults, simulated.cycles]).toEqual([checked.faults, checked.cycles]);
    expect(checked.faults).toEqual([]);
    const outcome = interpret(ir, args);
    if (outcome.kind !== "done") throw new Error(outcome.kind);
    for (const [name, found] of lowered.results(simulated.output)) {
      const wrong = found.findIndex((value, at) => value !== Number(outcome.results[name]!.data[at]));
      if (wrong >= 0)
        expect(`${name} of ${pairs[wrong]!.join(" and ")}: ${found[wrong]}`).toBe(
          String(outcome.results[name]!.data[wrong]),
        );
    }
  }
});

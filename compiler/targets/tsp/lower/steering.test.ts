// `@tsp.` annotations: each one changes the program's cycles as it says, never the results, and what the machine can't do is
// refused with the annotation, a reason and what could stand there.

import { expect, test } from "vitest";
import { compile } from "../../../index.ts";
import { interpret, makeTensor, type TensorArg } from "../../../ir/interpret.ts";
import { fromHalfBits, toHalfBits } from "../../../ir/values.ts";
import { textOf } from "../../../../lang/source.ts";
import { checkProgram } from "../assemble/index.ts";
import { groqchipCal } from "../machine/profile.ts";
import { simulate } from "../simulate/index.ts";
import { lowerKernel } from "./index.ts";
import type { Refused } from "./index.ts";

const product = (dtype: string, sum: string, annotations: readonly string[]): string => `
kernel product(a: Tensor[${dtype}, M, K], b: Tensor[${dtype}, K, N], out c: Tensor[${sum}, M, N]):
${annotations.map((each) => `    ${each}\n`).join("")}    for i, j in grid(M, N):
        c[i, j] = sum(${sum}(a[i, k]) * ${sum}(b[k, j]) for k in range(K))
`;
const chain = (annotations: readonly string[]): string => `
kernel chain(a: Tensor[i32, M, N], b: Tensor[i32, N], out c: Tensor[i32, M, N]):
${annotations.map((each) => `    ${each}\n`).join("")}    for i, j in grid(M, N):
        c[i, j] = max(a[i, j] * b[j] + 3, 0)
`;

const expected = new Map<string, ReturnType<typeof interpret>>();

interface Ran {
  readonly cycles: number;
  readonly done: readonly string[];
  readonly left: readonly string[];
}

const numbers = ({ dtype, data }: TensorArg): number[] =>
  Array.from<number | bigint, number>(data as ArrayLike<number>, (value) =>
    dtype === "f16" ? fromHalfBits(Number(value)) : Number(value),
  );

/** Lowers, checks, simulates and compares with the interpreter. */
async function ran(source: string, sizes: Readonly<Record<string, number>>): Promise<Ran | Refused> {
  const compiled = await compile({ path: "steered.kern", text: source }, { target: [] });
  const [{ ir }] = compiled.forTsp() as [ReturnType<typeof compiled.forTsp>[number]];
  const known = new Map(Object.entries(sizes));
  const lowered = lowerKernel(ir, known, groqchipCal);
  if ("why" in lowered) return lowered;
  const args: Record<string, TensorArg> = {};
  for (const param of ir.params) {
    if (param.kind !== "tensor" || param.mode !== "in") continue;
    const { dtype, shape } = ir.buffers.find(({ name }) => name === param.buffer)!;
    const dims = shape.map((dim) => (dim.kind === "ref" ? known.get(dim.name)! : 1));
    const made = makeTensor(dtype, dims);
    for (let at = 0; at < made.data.length; at++) {
      const value = ((at * 37) % 15) - 7;
      made.data[at] = dtype === "f16" ? toHalfBits(value) : value;
    }
    args[param.buffer] = made;
  }
  const { program } = lowered;
  const checked = checkProgram(program);
  expect(checked.faults).toEqual([]);
  const simulated = simulate(program, { inputs: lowered.inputs((name) => numbers(args[name]!)) });
  expect([simulated.faults, simulated.cycles]).toEqual([[], checked.cycles]);
  // The same for all annotations.
  const key = JSON.stringify([ir.name, ir.buffers.map(({ dtype }) => dtype), sizes]);
  const wanted = expected.get(key) ?? interpret(ir, args);
  expected.set(key, wanted);
  if (wanted.kind !== "done") throw new Error(wanted.kind);
  for (const [name, found] of lowered.results(simulated.output))
    expect([...found]).toEqual(numbers(wanted.results[name]!));
  const texts = (done: boolean): readonly string[] =>
    lowered.steered.filter((each) => each.done === done).map(({ span }) => textOf(span!));
  return { cycles: checked.cycles, done: texts(true), left: texts(false) };
}

async function cyclesOf(source: string, sizes: Readonly<Record<string, number>>): Promise<number> {
  const found = await ran(source, sizes);
  if ("why" in found) throw new Error(found.why);
  expect(found.left).toEqual([]);
  return found.cycles;
}

test("tiles, installed factors, orders and shares of products", async () => {
  const sizes = { M: 24, K: 340, N: 650 };
  const i8 = (...annotations: string[]): Promise<number> =>
    cyclesOf(product("i8", "i32", annotations), sizes);
  const alone = await i8();
  // Twice as many tiles of columns, or four times as many of what is summed over, take longer.
  expect(await i8("@tsp.tile(j=160)")).toBeGreaterThan(alone);
  expect(await i8("@tsp.tile(j=320, k=96)")).toBeGreaterThan(await i8("@tsp.tile(j=320, k=320)"));
  expect(await i8("@tsp.tile(i=8)", "@tsp.order(i.tile, j, k, i)")).toBeGreaterThan(alone);
  // 24 rows are one tile of columns, through which 650 columns of `b` go: fewer tiles, many more words.
  const other = await i8("@tsp.stage(a)");
  expect(other).toBeGreaterThan(alone);
  expect(await i8("@tsp.order(k, i, j)")).toBe(other);
  expect(await i8("@tsp.stage(b)", "@tsp.vectorize(j)")).toBe(alone);
  // A tile to its end waits for sums, all columns at once don't.
  expect(await i8("@tsp.order(j, k, i)")).toBeGreaterThan(await i8("@tsp.order(k, j, i)"));
  expect(await i8("@tsp.parallel(i)")).toBeGreaterThan(await i8("@tsp.parallel(j)"));
});

test("columns are one tile more than rows: fewer words through as many tiles of the other factor", async () => {
  const sizes = { M: 640, K: 16, N: 330 };
  const usual = await cyclesOf(product("i8", "i32", []), sizes);
  expect(await cyclesOf(product("i8", "i32", ["@tsp.stage(a)"]), sizes)).toBeLessThan(usual - 100);
});

test("f16 goes through pairs of planes in tiles of its own", async () => {
  const sizes = { M: 9, K: 200, N: 330 };
  const whole = await cyclesOf(product("f16", "f32", []), sizes);
  expect(await cyclesOf(product("f16", "f32", ["@tsp.tile(j=88, k=160)"]), sizes)).toBeGreaterThan(whole);
});

test("lanes and rows side by side", async () => {
  const sizes = { M: 13, N: 700 };
  const alone = await cyclesOf(chain([]), sizes);
  // 13 · 700 elements are 29 rows; of each row of the matrix alone there are 3, and of each column 700 in all.
  expect(await cyclesOf(chain(["@tsp.fuse(i, j)", "@tsp.vectorize(j)"]), sizes)).toBe(alone);
  expect(await cyclesOf(chain(["@tsp.vectorize(j)"]), sizes)).toBe(alone + 39 - 29);
  expect(await cyclesOf(chain(["@tsp.vectorize(i)"]), sizes)).toBe(alone + 700 - 29);
  const two = await cyclesOf(chain(["@tsp.unroll(j, 2)"]), sizes);
  // 14 times two rows and one.
  expect(Math.abs(two - (alone - 29 + 15))).toBeLessThanOrEqual(4);
  expect(await cyclesOf(chain(["@tsp.unroll(j, 4)"]), sizes)).toBeLessThan(two);
});

test.each([
  ["chain", "@tsp.vectorize(j, width=64)", "320 lanes", "width=320"],
  ["chain", "@tsp.unroll(j)", "how many", "@tsp.unroll(i, 2)"],
  ["chain", "@tsp.vectorize(i) @tsp.unroll(j, 2)", "runs in time", "`i`"],
  ["chain", "@tsp.unroll(j, 8)", "so many rows at once", "7"],
  ["product", "@tsp.tile(j=640)", "320 columns, and not 640", "j=320"],
  ["product", "@tsp.tile(k=40)", "no multiple", "k=48"],
  ["product", "@tsp.tile(i=5000)", "4096 rows of sums", "i=4096"],
  ["product", "@tsp.order(i, j, k)", "loaded anew", "innermost"],
  ["product", "@tsp.order(k, j, i)", "all columns at once", "tiles of columns"],
  ["product", "@tsp.parallel(k)", "one plane’s accumulators", "rows or columns"],
  ["product", "@tsp.vectorize(i)", "follow each other in time", "@tsp.stage(a)"],
  ["product", "@tsp.stage(a, b)", "one factor", "@tsp.stage(b)"],
])("refuses a %s with %s", async (kernel, annotations, why, fix) => {
  const lines = annotations.split(" @").map((each, at) => (at === 0 ? each : `@${each}`));
  const source = kernel === "chain" ? chain(lines) : product("i8", "i32", lines);
  const found = await ran(source, { M: 2100, K: 33, N: 700 });
  if (!("why" in found)) throw new Error("not refused");
  expect(found.why).toContain(why);
  expect(found.annotation?.fix).toContain(fix);
  expect(found.annotation?.text).toMatch(/^@tsp\./);
});

test("what means nothing here is left, with a reason", async () => {
  const sizes = { M: 5, K: 7, N: 9 };
  const found = await ran(product("i8", "i32", ["@tsp.threads(i)", "@tsp.unroll(j)", "@parallel"]), sizes);
  expect(found).toMatchObject({ done: [], left: ["@tsp.threads(i)", "@tsp.unroll(j)"] });
});

test("an annotation that could change a result is an error of the language", async () => {
  const source = `
kernel running(x: Tensor[f32, N], out y: Tensor[f32, N]):
    @tsp.vectorize(i)
    for i in range(N):
        y[i] = x[i] if i == 0 else y[i - 1] + x[i]
`;
  const compiled = await compile({ path: "running.kern", text: source }, { target: [] });
  expect(() => compiled.forTsp()).toThrow(/K0520/);
});

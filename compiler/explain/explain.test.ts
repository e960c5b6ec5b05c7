// Explanations of small kernels: facts by line, what becomes of annotations, code by source line.

import { expect, it } from "vitest";
import { CompileError, explain } from "../index.ts";

const source = `kernel shift(x: Tensor[f32, N], s: i32, out y: Tensor[f32, N]):
    @parallel
    @wasm.vectorize(width=4)
    for i in range(N):
        y[i] = x.get(i + s) + 1
`;

it("says what is proved, what is tested, and where", async () => {
  const { kernels } = await explain(source);
  const [kernel] = kernels;
  expect(kernel).toMatchObject({ name: "shift", proved: 2, runtimeChecks: 1 });
  const facts = kernel!.facts.map((fact) => [fact.place?.line, fact.subject, fact.checkedAtRunTime]);
  expect(facts).toContainEqual([5, "y[i]", false]);
  expect(facts).toContainEqual([5, "x.get(i + s)", true]);
  expect(facts).toContainEqual([4, "@parallel i", false]);
  expect(kernel!.nest).toBe("parallel for i in 0 .. N\n  write y[i]\n");
});

it("keeps what only one target asks for apart", async () => {
  const [kernel] = (await explain(source)).kernels;
  const [wasm, wgsl] = kernel!.targets;
  if (wasm?.refused || wgsl?.refused || !wasm || !wgsl) return expect.fail("a target refuses");
  expect(kernel!.facts.map(({ subject }) => subject)).not.toContain("@vectorize i");
  expect(wasm.facts.map(({ subject }) => subject)).toContain("@vectorize i");
  expect(wasm.annotations.map(({ annotation, honoured }) => [annotation, honoured])).toEqual([
    ["@parallel", true],
    ["@wasm.vectorize(width=4)", true],
  ]);
  expect(wgsl.annotations.map(({ annotation }) => annotation)).toEqual(["@parallel"]);
  expect(wasm.nest).toContain("4 lanes of f32");
  expect(wgsl.nest).not.toContain("lanes");
  expect(wasm.phases).toEqual([{ parallel: true, extent: expect.anything() }]);
});

it("says why an annotation isn't applied", async () => {
  const text = `kernel pick(x: Tensor[f32, M, N], at: Tensor[i32, N], out y: Tensor[f32, M, N]):
    @parallel
    for i in range(M):
        @threads
        for j in range(N):
            assert 0 <= at[j] and at[j] < N, "a column exists"
            y[i, j] = x[i, at[j]]
`;
  const [kernel] = (await explain(text, { target: "wgsl" })).kernels;
  const [wgsl] = kernel!.targets;
  const notes = wgsl?.refused ? [] : wgsl!.annotations;
  expect(notes.find(({ annotation }) => annotation === "@threads")).toMatchObject({
    honoured: false,
    why: expect.stringMatching(/run-time check/),
    place: { line: 4 },
  });
});

it.each(["wasm", "wgsl"] as const)("gives %s by source line", async (target) => {
  const [kernel] = (await explain(source, { target })).kernels;
  const [own] = kernel!.targets;
  const code = own?.refused ? [] : own!.code;
  const stores = code.filter(({ text }) => /f32\.store|v128\.store|y\[.*\] = /.test(text));
  expect(stores.length).toBeGreaterThan(0);
  expect(new Set(stores.map(({ place }) => place?.line))).toEqual(new Set([5]));
  expect(code.some(({ text }) => /;;@|kernel\.kern:/.test(text))).toBe(false);
});

it("tells what a target can't hold beside what another makes of it", async () => {
  const [kernel] = (await explain(source.replaceAll("f32", "f64"))).kernels;
  const [wasm, wgsl] = kernel!.targets;
  expect(wasm!.refused).toBeUndefined();
  expect(wgsl!.refused?.map(({ code }) => code)).toContain("K0601");
});

it("rejects a source that is wrong", async () => {
  await expect(explain(source.replace("y[i] =", "y[i + 1] ="))).rejects.toBeInstanceOf(CompileError);
});

it("says in which form a GPU computes f16", async () => {
  const text = `kernel twice[T: Float](x: Tensor[T, N], out y: Tensor[T, N]):
    @parallel
    for i in range(N):
        y[i] = x[i] + x[i]
`;
  const formOf = async (T: string, features: readonly string[]): Promise<string | undefined> => {
    const [kernel] = (await explain(text, { target: "wgsl", set: { T }, features })).kernels;
    const [wgsl] = kernel!.targets;
    return wgsl?.refused ? wgsl.refused[0]?.code : wgsl?.gpu?.halves;
  };
  expect(await formOf("f16", ["shader-f16"])).toBe("native");
  expect(await formOf("f16", [])).toBe("in f32");
  expect(await formOf("f32", ["shader-f16"])).toBeUndefined();
});

it("says what a kernel takes of a GPU, and which accesses are coalesced", async () => {
  const text = `kernel turn(x: Tensor[f32, M, N], at: Tensor[i32, N], out y: Tensor[f32, N, M], out z: Tensor[f32, M]):
    @parallel
    for j, i in grid(N, M):
        y[j, i] = x[i, j]
    @parallel
    for i in range(M):
        @threads(j)
        z[i] = sum(x[i, j] * x.get(i, at[j], default=0) for j in range(N))
`;
  const [kernel] = (await explain(text, { target: "wgsl" })).kernels;
  const [wgsl] = kernel!.targets;
  const gpu = wgsl?.refused ? undefined : wgsl?.gpu;
  expect(gpu!.phases.map(({ invocations, workgroupBytes }) => [invocations, workgroupBytes])).toEqual([
    [64, 0],
    [128, 512],
  ]);
  const said = gpu!.accesses.map(
    ({ subject, place, coalesced, why }) => `${place?.line} ${subject} ${coalesced ? "✓" : "✗"} ${why}`,
  );
  expect(said).toContain("4 x[i, j] ✗ neighbouring invocations are a row or more apart");
  expect(said).toContain("4 y[j, i] ✓ neighbouring invocations have neighbouring elements");
  expect(said).toContain("8 x[i, j] ✓ neighbouring invocations have neighbouring elements");
  expect(said.filter((line) => line.includes("data, or more than a sum"))).toHaveLength(1);
});

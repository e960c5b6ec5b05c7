// The registry of ops: what is chosen among several kernels, and what it says.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { compile } from "../../compiler/index.ts";
import { openDevice, OpRegistry, tensor, type Device, type Kernels, type Tensor } from "../index.ts";

const scale = (head: string, factor: number): string => `@op("test::scale")
kernel ${head}:
    """Marked by its factor."""
    for i in range(N):
        y[i] = x[i] * ${factor}
`;
const source = [
  scale("general[T: Number](x: Tensor[T, N], out y: Tensor[T, N])", 2),
  scale("single(x: Tensor[f32, N], out y: Tensor[f32, N])", 3),
  scale("even(x: Tensor[f32, N], out y: Tensor[f32, N]) where N % 2 == 0", 5),
  scale("short(data: Tensor[f32, N], out y: Tensor[f32, N]) where N < 100", 7).replace("x[i]", "data[i]"),
  `kernel nameless(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = x[i]

@op("test::scale")
kernel four(x: Tensor[f32, 4], out y: Tensor[f32, 4]):
    for i in range(4):
        y[i] = x[i] * 11

@op("test::mix")
kernel mix(a: Tensor[f32, N], w: f32, mut b: Tensor[f32, N]):
    for i in range(N):
        b[i] = b[i] + w * (a[i] - b[i])
`,
].join("\n");

let wasm: Device;
let interp: Device;
let kernels: Kernels;
let interpreted: Kernels;
let ops: OpRegistry;
beforeAll(async () => {
  wasm = await openDevice("wasm");
  interp = await openDevice("interp");
  const compiled = await compile(source);
  kernels = await wasm.load(compiled);
  interpreted = await interp.load(compiled);
});
afterAll(() => wasm.close());
beforeEach(() => void (ops = new OpRegistry()));

/** The factor of the kernel that was taken for a tensor of this size. */
async function factor(size: number, registry = ops): Promise<number> {
  const { y } = await registry.dispatch("test::scale", tensor(new Float32Array(size).fill(1)));
  return (await y!.data())[0] as number;
}

describe("the most specific kernel is taken", () => {
  test("a fixed dtype before a generic one, a clause before none, a fixed size before any", async () => {
    ops.register(kernels.general!).register(kernels.single!);
    expect(await factor(3)).toBe(3);
    const { y } = await ops.dispatch("test::scale", tensor(Int32Array.of(1), [1]));
    expect(await y!.data()).toEqual(Int32Array.of(2));
    ops.register(kernels.even!);
    expect([await factor(3), await factor(6)]).toEqual([3, 5]);
    ops.unregister(kernels.even!);
    ops.register(kernels.four!);
    expect([await factor(4), await factor(8)]).toEqual([11, 3]);
  });

  test("the order of registration doesn't matter", async () => {
    ops.register(kernels.even!).register(kernels.single!).register(kernels.general!);
    expect([await factor(3), await factor(6)]).toEqual([3, 5]);
  });

  test("two that ask for different things are ambiguous where both fit", async () => {
    ops.register(kernels.even!).register(kernels.short!);
    expect([await factor(3), await factor(200)]).toEqual([7, 5]);
    const error = await factor(8).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "K0723" });
    expect(String(error)).toMatch(/`even` \(wasm\) and `short` \(wasm\)/);
    const report = await ops.explainDispatch("test::scale", tensor(new Float32Array(8)));
    expect(report.chosen).toBeUndefined();
    expect(report.verdicts.map(({ outcome }) => outcome)).toEqual(["ambiguous", "ambiguous"]);
  });

  test("a user's kernel before a built-in one, however specific", async () => {
    ops.register(kernels.even!, { builtin: true }).register(kernels.single!, { builtin: true });
    expect([await factor(3), await factor(6)]).toEqual([3, 5]);
    ops.register(kernels.general!);
    expect([await factor(3), await factor(6)]).toEqual([2, 2]);
  });

  test("the device that holds the arguments, wasm for those on the host, or the one asked for", async () => {
    ops.register(interpreted.single!).register(kernels.general!);
    expect(await factor(3)).toBe(2);
    expect(await factor(3, ops.on(interp))).toBe(3);
    expect(await factor(3, ops.on(wasm))).toBe(2);
    const here = await wasm.upload(tensor([1]));
    expect((await ops.find("test::scale", here)).device).toBe(wasm);
  });
});

test("arguments come in order or by name; results have names", async () => {
  ops.register(kernels.mix!).register(kernels.short!);
  const b = tensor([10, 20]);
  await ops.dispatch("test::mix", tensor([0, 0]), 0.5, b);
  expect(await b.data()).toEqual(Float32Array.of(5, 10));
  const results = await ops.dispatch("test::mix", { a: tensor([0, 0]), w: 1, b });
  expect(Object.keys(results)).toEqual(["b"]);
  const { y } = await ops.dispatch("test::scale", tensor([2]));
  expect(await y!.data()).toEqual(Float32Array.of(14));
});

describe("inputs that are left out, and any number of them", () => {
  const several = `
@op("test::Affine")
kernel affine(x: Tensor[f32, N], a: Tensor[f32, N], b: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = x[i] * a[i] + b[i]

@op("test::Affine", inputs=[0, 2])
kernel shifted(x: Tensor[f32, N], b: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = x[i] + b[i]

@op("test::Affine")
kernel scaled(x: Tensor[f32, N], a: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = x[i] * a[i]

@op("test::Joined", fold=True)
kernel joined(a: Tensor[f32, M], b: Tensor[f32, N], s: f32, out y: Tensor[f32, M + N]):
    for i in range(M):
        y[i] = a[i]
    for i in range(N):
        y[M + i] = b[i] * s

@op("test::Joined")
kernel three(a: Tensor[f32, N], b: Tensor[f32, N], c: Tensor[f32, N], s: f32, out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = a[i] + b[i] + c[i] + s
`;
  const [x, a, b] = [tensor([1, 2]), tensor([3, 5]), tensor([10, 20])];
  const y = async (op: string, ...args: (Tensor | number | undefined)[]) =>
    (await ops.dispatch(op, ...args))["y"]!.data();
  beforeEach(async () => {
    for (const kernel of Object.values(await wasm.load(await compile(several)))) ops.register(kernel);
  });

  test("the kernel whose inputs are there is taken", async () => {
    expect(await y("test::Affine", x, a, b)).toEqual(Float32Array.of(13, 30));
    expect(await y("test::Affine", x, undefined, b)).toEqual(Float32Array.of(11, 22));
    expect(await y("test::Affine", x, a)).toEqual(Float32Array.of(3, 10));
    await expect(y("test::Affine", undefined, a)).rejects.toThrow(/K0722.*takes nothing, Tensor/);
  });

  test("one that folds takes any number, the same twice too, but after one for that number", async () => {
    expect(await y("test::Joined", x, a, 2)).toEqual(Float32Array.of(1, 2, 6, 10));
    expect(await y("test::Joined", x, a, b, 2)).toEqual(Float32Array.of(16, 29));
    expect(await y("test::Joined", x, x, tensor([4]), x, 2)).toEqual(Float32Array.of(1, 2, 2, 4, 8, 2, 4));
    await expect(y("test::Joined", x, 2)).rejects.toThrow("K0722");
  });
});

test("the report tells of every candidate", async () => {
  ops.register(kernels.general!, { builtin: true }).register(kernels.four!).register(kernels.single!);
  const report = await ops.explainDispatch("test::scale", tensor([1, 2, 3]));
  expect(report.chosen).toBe(kernels.single);
  expect(String(report)).toMatchInlineSnapshot(`
    "test::scale
      doesn't fit: \`four\` (wasm): axis 0 of \`x\` must be 4 in this call of \`four\`, but it is 3
      passed over: \`general\` (wasm, library): \`single\`: the user’s kernels come before the library’s
      chosen: \`single\` (wasm): it is the most specific one that fits"
  `);
  expect(String(await ops.explainDispatch("test::none"))).toContain("nothing is registered");
});

describe("refused", () => {
  test("a call that nothing fits", async () => {
    ops.register(kernels.single!);
    const call = (op: string, ...args: Parameters<typeof tensor>[0][]) =>
      ops.dispatch(op, ...args.map((data) => tensor(data as number[])));
    await expect(call("test::scal", [1])).rejects.toThrow(
      /K0722.*\n.*nothing is registered.*\n.*`test::scale`/,
    );
    await expect(call("test::scale", Int32Array.of(1) as never)).rejects.toThrow(/takes Tensor\[i32, 1\]/);
    await expect(call("test::scale")).rejects.toThrow(/takes no arguments.*\n.*needs `x`/);
    await expect(call("test::scale", [1], [2])).rejects.toThrow("has no parameter `argument 2`");
    await expect(ops.dispatch("test::scale", { z: 1 })).rejects.toThrow("has no parameter `z`");
  });

  test("registrations without a name, with a bad one, or a second time", () => {
    expect(() => ops.register(kernels.nameless!)).toThrow(/K0724.*no name as an op/);
    expect(() => ops.register(kernels.nameless!, { as: "scale" })).toThrow("not of the form domain::name");
    ops.register(kernels.nameless!, { as: "test::copy" });
    expect(() => ops.register(kernels.nameless!, { as: "test::copy" })).toThrow(
      "registered as `test::copy` already",
    );
    expect(() => ops.register(kernels.single!, { as: "test::copy" })).toThrow(
      "with this signature on this device",
    );
    ops.register(interpreted.nameless!, { as: "test::copy" });
    expect(ops.names).toEqual(["test::copy"]);
    ops.unregister(kernels.nameless!);
    ops.unregister(interpreted.nameless!);
    expect(ops.names).toEqual([]);
  });
});

test("the library's kernels give way to the user's", async () => {
  await ops.registerLibrary(wasm, ["normalization"]);
  expect(ops.names).toEqual(expect.arrayContaining(["kern::layer_norm", "kern::softmax"]));
  const x = tensor([0, 0, 0, 0], [1, 4]);
  const { y } = await ops.dispatch("kern::softmax", x);
  expect(await y!.data()).toEqual(new Float32Array(4).fill(0.25));
  const mine = await wasm.load(
    await compile(`@op("kern::softmax")
kernel zeros(v: Tensor[f32, M, N], out p: Tensor[f32, M, N]):
    for i, j in grid(M, N):
        p[i, j] = 0 * v[i, j]
`),
  );
  ops.register(mine.zeros!);
  expect(Object.keys(await ops.dispatch("kern::softmax", x))).toEqual(["p"]);
  await expect(ops.registerLibrary(wasm, ["normalisation"])).rejects.toThrow("did you mean `normalization`?");
});

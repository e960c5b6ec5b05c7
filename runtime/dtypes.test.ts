// Every dtype through every device: elements as they are stored, as views show them, and where kernels write them.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "../compiler/index.ts";
import { dtypeInfo, dtypeNames, type Dtype } from "../lang/dtypes.ts";
import {
  openDevice,
  valuesOf,
  type Device,
  type Kernel,
  type Kernels,
  type Tensor,
  type Value,
} from "./index.ts";
import { random } from "./random.ts";
import { sizeOf } from "./tensor/layout.ts";
import { dataOf } from "./tensor/values.ts";
import { tensor } from "./tensor/tensor.ts";

const source = `kernel turn[T: Any](x: Tensor[T, M, N], out y: Tensor[T, N, M]):
    @parallel
    for j in range(N):
        @vectorize
        for i in range(M):
            y[j, i] = x[i, j]

kernel put[T: Any](x: Tensor[T, M, N], mut y: Tensor[T, M, N]):
    @parallel
    for i in range(M):
        @vectorize
        for j in range(N):
            y[i, j] = x[i, j]
`;

const packed = dtypeNames.filter((dtype) => dtypeInfo(dtype).bits < 8);
const devices: Record<string, Device> = {};
const loaded: Record<string, Kernels> = {};
beforeAll(async () => {
  devices.wasm = await openDevice("wasm");
  devices.threads = await openDevice("wasm", { threads: 2, serialBelow: 0 });
  devices.interp = await openDevice("interp");
  const compiled = await compile(source);
  for (const [name, device] of Object.entries(devices)) loaded[name] = await device.load(compiled);
  // No variable can be of a packed dtype, nor a kernel generic over them.
  for (const dtype of packed) {
    const own = await compile(source.replaceAll("[T: Any]", `_${dtype}`).replaceAll("[T,", `[${dtype},`));
    for (const [name, device] of Object.entries(devices))
      loaded[name] = { ...loaded[name]!, ...(await device.load(own)) };
  }
});
/** The kernel of this name for a dtype, on a device. */
function kernel(device: string, name: "turn" | "put", dtype: Dtype): Kernel {
  return loaded[device]![packed.includes(dtype) ? `${name}_${dtype}` : name]!;
}
afterAll(() => Object.values(devices).forEach((device) => device.close()));

type View = (whole: Tensor) => Tensor;
/** Views [5, 7] of tensors that are larger or lie otherwise. */
const views: Readonly<Record<string, { readonly whole: readonly number[]; readonly view: View }>> = {
  "row-major": { whole: [5, 7], view: (whole) => whole },
  transposed: { whole: [7, 5], view: (whole) => whole.transpose() },
  sliced: { whole: [9, 23], view: (whole) => whole.slice([3, 8], [2, 23, 3]) },
  "sliced inside": { whole: [5, 11], view: (whole) => whole.slice(null, [3, 10]) },
  "of more axes": { whole: [2, 7, 3, 5], view: (whole) => whole.slice(1, null, 2).transpose() },
};
const read: typeof views = {
  ...views,
  "rows repeated": { whole: [7], view: (whole) => whole.broadcastTo([5, 7]) },
  "columns repeated": { whole: [5, 1], view: (whole) => whole.broadcastTo([5, 7]) },
};

/** Values of every size that the dtype holds, the extremes among them. */
function varied(dtype: Dtype, shape: readonly number[]): Tensor {
  const { kind, min, max } = dtypeInfo(dtype);
  const word = (at: number): number => (Math.imul(at + 1, 0x9e3779b9) >>> 0) / 2 ** 32;
  const values = Array.from({ length: sizeOf(shape) }, (_, at): Value => {
    if (kind === "bool") return word(at) < 0.5;
    if (kind === "float")
      return at % 9 === 3 ? -0 : at % 9 === 5 ? Infinity : (word(at) - 0.5) * 2 ** (at % 12);
    const span = BigInt(max) - BigInt(min);
    const value =
      at % 8 === 1 ? BigInt(min) : at % 8 === 2 ? BigInt(max) : BigInt(min) + (span * BigInt(at % 13)) / 12n;
    return dtypeInfo(dtype).bits === 64 ? value : Number(value);
  });
  return tensor(dataOf(values, dtype), shape, dtype);
}

describe.each(dtypeNames)("%s", (dtype) => {
  test.each(Object.keys(read))("read from a view, %s", async (kind) => {
    const { whole, view } = read[kind]!;
    const x = view(varied(dtype, whole));
    const expected = await valuesOf(x.transpose());
    for (const name of Object.keys(devices)) {
      const { y } = await kernel(name, "turn", dtype)({ x });
      expect([y!.dtype, y!.shape], name).toEqual([dtype, [7, 5]]);
      expect(await valuesOf(y!), name).toEqual(expected);
      const uploaded = await devices[name]!.upload(varied(dtype, whole));
      expect(await valuesOf((await kernel(name, "turn", dtype)({ x: view(uploaded) })).y!), name).toEqual(
        expected,
      );
    }
  });

  test.each(Object.keys(views))("written through a view, %s", async (kind) => {
    const { whole, view } = views[kind]!;
    const x = varied(dtype, [5, 7]);
    const before = await valuesOf(random(dtype, whole, { seed: 3 }));
    // The same in plain numbers: which elements does the view show?
    const places = await valuesOf(view(tensor(Int32Array.from(before.keys()), whole)));
    const expected = [...before];
    (await valuesOf(x)).forEach((value, at) => (expected[Number(places[at])] = value));
    for (const name of Object.keys(devices)) {
      const host = random(dtype, whole, { seed: 3 });
      const { y } = await kernel(name, "put", dtype)({ x, y: view(host) });
      expect(await valuesOf(host), name).toEqual(expected);
      expect(await valuesOf(y!), name).toEqual(await valuesOf(x));
      const uploaded = await devices[name]!.upload(random(dtype, whole, { seed: 3 }));
      await kernel(name, "put", dtype)({ x, y: view(uploaded) });
      expect(await valuesOf(uploaded), name).toEqual(expected);
    }
  });

  test("of no elements", async () => {
    const x = tensor(dataOf([], dtype), [0, 7], dtype);
    for (const name of Object.keys(devices)) {
      const { y } = await kernel(name, "turn", dtype)({ x });
      expect([y!.shape, await valuesOf(y!)], name).toEqual([[7, 0], []]);
    }
  });
});

test("a tensor of another device is read, and not written to", async () => {
  const there = await devices.threads!.upload(random("i4", [5, 7]));
  const { y } = await kernel("wasm", "turn", "i4")({ x: there });
  expect(await valuesOf(y!)).toEqual(await valuesOf(there.transpose()));
  await expect(kernel("wasm", "put", "i4")({ x: random("i4", [5, 7]), y: there })).rejects.toThrow(
    /takes a tensor on the host or on this device.*given one on another device/,
  );
});

describe("arithmetic on what is stored narrow", () => {
  const run = async (text: string, args: Readonly<Record<string, Tensor>>): Promise<Value[]> => {
    const compiled = await compile(text);
    const results: Value[][] = [];
    for (const device of Object.values(devices)) {
      const { k } = await device.load(compiled);
      results.push(await valuesOf((await k!(args)).y!));
    }
    for (const each of results) expect(each).toEqual(results[0]);
    return results[0]!;
  };

  test.each([
    ["f16", [1, 65504, 2 ** -24, 1 + 2 ** -10], [1.5, Infinity, 2 ** -23]],
    ["bf16", [1, 3e38, 1 + 2 ** -7], [1.5, Infinity]],
  ] as const)("%s rounds after each operation", async (dtype, values, expected) => {
    const text = `kernel k(x: Tensor[${dtype}, N], out y: Tensor[${dtype}, N]):
    @vectorize
    for i in range(N):
        y[i] = x[i] * 1.5
`;
    const given = tensor(dataOf(values, dtype), [values.length], dtype);
    const rounded = await valuesOf(
      tensor(
        dataOf(
          values.map((value) => value * 1.5),
          dtype,
        ),
        [values.length],
        dtype,
      ),
    );
    const found = await run(text, { x: given });
    expect(found).toEqual(rounded);
    expect(found.slice(0, expected.length)).toEqual(expected);
  });

  test("packed integers widen, and keep their low bits on the way back", async () => {
    const text = `kernel k(x: Tensor[i4, N], w: Tensor[u2, N], out y: Tensor[i4, N]):
    @parallel
    @vectorize
    for i in range(N):
        y[i] = x[i] * w[i] - 1
`;
    const x = Array.from({ length: 41 }, (_, at) => (at % 16) - 8);
    const w = Array.from({ length: 41 }, (_, at) => at % 4);
    const found = await run(text, {
      x: tensor(dataOf(x, "i4"), [41], "i4"),
      w: tensor(dataOf(w, "u2"), [41], "u2"),
    });
    expect(found).toEqual(x.map((value, at) => ((value * w[at]! - 1) << 28) >> 28));
  });

  test("a tensor of plain numbers is converted to any dtype", async () => {
    for (const dtype of dtypeNames) {
      const values = dtype === "bool" ? [true, false, true] : [1, 0, 1];
      const made = await valuesOf(tensor(values, [3], dtype));
      expect(made.map(Number)).toEqual([1, 0, 1]);
    }
    expect(await valuesOf(tensor([1 / 3, 1e6], [2], "f16"))).toEqual([0.333251953125, Infinity]);
    expect(await tensor([-8, 7, -1], [3], "i4").data()).toEqual(Uint8Array.of(0x78, 0x0f));
    expect(() => tensor([8], [1], "i4")).toThrow("element 0, 8, is not a value of i4");
  });
});

// The operators of transformers, against their definitions written out in numbers.

import { afterAll, beforeAll, expect, test } from "vitest";
import { modelBytes, type ModelSpec, type NodeSpec, type PortSpec } from "../../../testing/onnx/models.ts";
import { openDevice, OpRegistry, tensor, valuesOf, type Device, type Tensor } from "../../index.ts";
import { loadModel } from "../../onnx/index.ts";
import { random } from "../../random.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm");
});
afterAll(() => device.close());

/** Runs one node on tensors by name; its outputs in order. */
async function run(
  node: Omit<NodeSpec, "inputs" | "outputs"> & { readonly outputs?: number },
  inputs: Readonly<Record<string, Tensor | undefined>>,
  constants: Readonly<Record<string, Tensor>> = {},
): Promise<{ shape: readonly number[]; values: number[] }[]> {
  const given = Object.entries(inputs).flatMap(([name, value]) => (value ? [[name, value] as const] : []));
  const outputs = Array.from({ length: node.outputs ?? 1 }, (_, at) => `out${at}`);
  const spec: ModelSpec = {
    version: 23,
    domains: { "com.microsoft": 1 },
    inputs: given.map(([name, { dtype, shape }]): PortSpec => [name, dtype, ...shape]),
    outputs: outputs.map((name): PortSpec => [name, "f32"]),
    nodes: [
      {
        ...node,
        inputs: [
          ...Object.entries(inputs).map(([name, value]) => (value ? name : "")),
          ...Object.keys(constants),
        ],
        outputs,
      },
    ],
    constants,
  };
  const model = await loadModel(modelBytes(spec), { device, registry: new OpRegistry() });
  const results = await model.run(Object.fromEntries(given));
  const found: { shape: readonly number[]; values: number[] }[] = [];
  for (const name of outputs)
    found.push({ shape: results[name]!.shape, values: (await valuesOf(results[name]!)).map(Number) });
  return found;
}

function close(given: readonly number[], want: readonly number[]): void {
  expect(given.length).toBe(want.length);
  given.forEach((value, at) => expect(value).toBeCloseTo(want[at]!, 4));
}

const elements = async (value: Tensor) => (await valuesOf(value)).map(Number);

/** softmax(q k' · scale + mask) v of one head, rows of numbers. */
function attend(
  q: readonly number[][],
  k: readonly number[][],
  v: readonly number[][],
  options: { scale: number; cap?: number; sees: (row: number, column: number) => boolean },
): number[][] {
  return q.map((row, i) => {
    const scores = k.map((key, j) => {
      const dot = row.reduce((sum, x, n) => sum + x * key[n]!, 0) * options.scale;
      const capped = options.cap ? options.cap * Math.tanh(dot / options.cap) : dot;
      return options.sees(i, j) ? capped : -Infinity;
    });
    const peak = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - peak));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return v[0]!.map((_, n) => weights.reduce((sum, weight, j) => sum + (weight / total) * v[j]![n]!, 0));
  });
}

const chunk = (list: readonly number[], size: number): number[][] =>
  Array.from({ length: list.length / size }, (_, at) => list.slice(at * size, (at + 1) * size));

test.each([
  { causal: 0, groups: 2, past: 0, cap: 0 },
  { causal: 1, groups: 2, past: 0, cap: 0 },
  { causal: 1, groups: 1, past: 3, cap: 0 },
  { causal: 0, groups: 1, past: 0, cap: 2.5 },
])("attention: $causal $groups $past $cap", async ({ causal, groups, past, cap }) => {
  const [batch, heads, rows, fresh, size] = [2, 2, 4, 4, 3];
  const q = random("f32", [batch, heads, rows, size], { seed: 1, low: -1, high: 1 });
  const [k, v, pastK, pastV] = [2, 3, 4, 5].map((seed) =>
    random("f32", [batch, groups, seed < 4 ? fresh : past, size], { seed, low: -1, high: 1 }),
  ) as [Tensor, Tensor, Tensor, Tensor];
  const attributes = { is_causal: causal, ...(cap ? { softcap: cap } : {}) };
  const extra = past > 0 ? { mask: undefined, pastK, pastV } : {};
  const [y] = await run({ op: "Attention", attributes, outputs: 3 }, { q, k, v, ...extra });
  const rowsOf = async (value: Tensor) => chunk(await elements(value), size);
  const [allQ, allK, allV] = [await rowsOf(q), await rowsOf(k), await rowsOf(v)];
  const [beforeK, beforeV] = past > 0 ? [await rowsOf(pastK), await rowsOf(pastV)] : [[], []];
  const want: number[] = [];
  for (let at = 0; at < batch; at++)
    for (let head = 0; head < heads; head++) {
      const group = at * groups + Math.floor((head * groups) / heads);
      const own = (old: number[][], now: number[][]) => [
        ...old.slice(group * past, (group + 1) * past),
        ...now.slice(group * fresh, (group + 1) * fresh),
      ];
      const first = (at * heads + head) * rows;
      const result = attend(allQ.slice(first, first + rows), own(beforeK, allK), own(beforeV, allV), {
        scale: 1 / Math.sqrt(size),
        cap,
        sees: (row, column) => causal === 0 || column <= row + past,
      });
      want.push(...result.flat());
    }
  close(y!.values, want);
});

test("attention of flat tensors takes a mask of truth values", async () => {
  const [q, k, v] = [1, 2, 3].map((seed) => random("f32", [1, 3, 4], { seed, low: -1, high: 1 })) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const mask = tensor(Uint8Array.of(1, 0, 0, 1, 1, 0, 0, 1, 1), [3, 3], "bool");
  const attributes = { q_num_heads: 2, kv_num_heads: 2 };
  const [y] = await run({ op: "Attention", attributes }, { q, k, v, mask });
  expect(y!.shape).toEqual([1, 3, 4]);
  const truth = await elements(mask);
  const head = async (value: Tensor, at: number) =>
    chunk(await elements(value), 4).map((row) => row.slice(2 * at, 2 * at + 2));
  for (const at of [0, 1]) {
    const want = attend(await head(q, at), await head(k, at), await head(v, at), {
      scale: 1 / Math.sqrt(2),
      sees: (row, column) => truth[row * 3 + column] === 1,
    });
    close(
      chunk(y!.values, 4).flatMap((row) => row.slice(2 * at, 2 * at + 2)),
      want.flat(),
    );
  }
});

test.each([0, 1])("rotary positions, interleaved: %i", async (interleaved) => {
  const x = random("f32", [1, 2, 3, 6], { seed: 1, low: -1, high: 1 });
  const angles = Array.from({ length: 5 * 2 }, (_, at) => Math.floor(at / 2) * [1, 0.1][at % 2]!);
  const cos = tensor(angles.map(Math.cos), [5, 2]);
  const sin = tensor(angles.map(Math.sin), [5, 2]);
  const positions = tensor(BigInt64Array.of(2n, 0n, 4n), [1, 3]);
  const attributes = { interleaved, rotary_embedding_dim: 4 };
  const [y] = await run({ op: "RotaryEmbedding", attributes }, { x, cos, sin, positions });
  const given = chunk(await elements(x), 6);
  const want = given.map((row, at) => {
    const place = [2, 0, 4][at % 3]!;
    const turned = [...row];
    for (const k of [0, 1]) {
      const [i, j] = interleaved ? [2 * k, 2 * k + 1] : [k, k + 2];
      const angle = angles[place * 2 + k]!;
      turned[i] = row[i]! * Math.cos(angle) - row[j]! * Math.sin(angle);
      turned[j] = row[i]! * Math.sin(angle) + row[j]! * Math.cos(angle);
    }
    return turned;
  });
  close(y!.values, want.flat());
});

test("normalization with a residual gives the sum too", async () => {
  const [x, skip] = [1, 2].map((seed) => random("f32", [2, 3, 5], { seed, low: -1, high: 1 })) as [
    Tensor,
    Tensor,
  ];
  const [gamma, beta] = [3, 4].map((seed) => random("f32", [5], { seed })) as [Tensor, Tensor];
  const model = modelBytes({
    version: 20,
    domains: { "com.microsoft": 1 },
    inputs: [
      ["x", "f32", 2, 3, 5],
      ["skip", "f32", 2, 3, 5],
    ],
    outputs: [
      ["y", "f32"],
      ["sum", "f32"],
    ],
    nodes: [
      {
        op: "SkipLayerNormalization",
        domain: "com.microsoft",
        inputs: ["x", "skip", "gamma", "beta"],
        outputs: ["y", "", "", "sum"],
      },
    ],
    constants: { gamma, beta },
  });
  const results = await (await loadModel(model, { device })).run({ x, skip });
  const [a, c, g, s] = [await elements(x), await elements(skip), await elements(gamma), await elements(beta)];
  const sums = a.map((value, at) => value + c[at]!);
  close(await elements(results["sum"]!), sums);
  const want = chunk(sums, 5).flatMap((row) => {
    const mean = row.reduce((total, value) => total + value, 0) / 5;
    const variance = row.reduce((total, value) => total + (value - mean) ** 2, 0) / 5;
    return row.map((value, at) => ((value - mean) / Math.sqrt(variance + 1e-5)) * g[at]! + s[at]!);
  });
  close(await elements(results["y"]!), want);
});

test.each([true, false])("weights of four bits in blocks, with zero points: %s", async (zeroed) => {
  const [rows, n, k, block] = [3, 4, 40, 16];
  const blocks = Math.ceil(k / block);
  const a = random("f32", [rows, k], { seed: 1, low: -1, high: 1 });
  const w = random("u8", [n, blocks, block / 2], { seed: 2 });
  const scales = random("f32", [n * blocks], { seed: 3 });
  const zeros = zeroed ? random("u8", [n * Math.ceil(blocks / 2)], { seed: 4 }) : undefined;
  const attributes = { K: k, N: n, bits: 4, block_size: block };
  const [y] = await run({ op: "MatMulNBits", domain: "com.microsoft", attributes }, { a, w, scales, zeros });
  const [as, ws, ss] = [await elements(a), await elements(w), await elements(scales)];
  const zs = zeros ? await elements(zeros) : undefined;
  const nibble = (byte: number, at: number) => (at % 2 === 0 ? byte & 15 : byte >> 4);
  const want = Array.from({ length: rows * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let total = 0;
    for (let c = 0; c < k; c++) {
      const t = Math.floor(c / block);
      const q = nibble(ws[(j * blocks + t) * (block / 2) + Math.floor((c % block) / 2)]!, c);
      const zero = zs ? nibble(zs[j * Math.ceil(blocks / 2) + Math.floor(t / 2)]!, t) : 8;
      total += as[i * k + c]! * (q - zero) * ss[j * blocks + t]!;
    }
    return total;
  });
  expect(y!.shape).toEqual([rows, n]);
  y!.values.forEach((value, at) => expect(value).toBeCloseTo(want[at]!, 3));
});

test("a row by weights of four bits, as exact as a node asks", async () => {
  const [n, k, block] = [37, 96, 32];
  const w = random("u8", [n, k / block, block / 2], { seed: 2 });
  const scales = random("f32", [(n * k) / block], { seed: 3 });
  const node = (level: number) =>
    ({
      op: "MatMulNBits",
      domain: "com.microsoft",
      attributes: { K: k, N: n, bits: 4, block_size: block, accuracy_level: level },
    }) as const;
  // An outlier coarsens its own block alone, and a block of zeros stays one.
  const numbers = await elements(random("f32", [1, k], { seed: 1, low: -1, high: 1 }));
  const a = tensor(
    Float32Array.from(numbers, (value, at) => (at === 7 ? 500 : at >= 64 ? 0 : value)),
    [1, k],
  );
  const [exact] = await run(node(1), { a }, { w, scales });
  const weight = Math.max(...(await elements(scales)).map(Math.abs)) * 8;
  for (const [level, unit] of [
    [0, 32767],
    [4, 127],
  ] as const) {
    const [y] = await run(node(level), { a }, { w, scales });
    // Half a unit of the block with the outlier, for each of its numbers; the other block's own unit is far smaller.
    const most = 32 * weight * (500 / unit) * 0.51 * (level === 4 ? 2 : 1);
    const apart = y!.values.map((value, at) => Math.abs(value - exact!.values[at]!));
    expect(Math.max(...apart)).toBeLessThan(most);
    expect(Math.max(...apart)).toBeGreaterThan(0);
  }
});

test("several rows by weights of four bits are each as one", async () => {
  const [k, block] = [96, 32];
  for (const [rows, n] of [
    [2, 4],
    [5, 7],
    [3, 2],
  ] as const) {
    const w = random("u8", [n, k / block, block / 2], { seed: rows });
    const scales = random("f32", [(n * k) / block], { seed: n });
    const a = random("f32", [rows, k], { seed: 1, low: -1, high: 1 });
    const attributes = { K: k, N: n, bits: 4, block_size: block, accuracy_level: 1 };
    const node = { op: "MatMulNBits", domain: "com.microsoft", attributes } as const;
    const [all] = await run(node, { a }, { w, scales });
    const numbers = (await elements(a)) as number[];
    for (let at = 0; at < rows; at++) {
      const row = tensor(Float32Array.from(numbers.slice(at * k, (at + 1) * k)), [1, k]);
      const [one] = await run(node, { a: row }, { w, scales });
      close(all!.values.slice(at * n, (at + 1) * n), one!.values);
    }
  }
});

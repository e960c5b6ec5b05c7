// Kern's kernels on WebGPU beside TensorFlow.js's shaders on the same adapter, in one process, taking turns. On an adapter that is
// a CPU in disguise, such as lavapipe, only a factor of two or more means anything.
//
//     eval "$(bash scripts/system.sh)"; node scripts/bench.mjs testing/bench/webgpu.ts

import { readFileSync } from "node:fs";
import { compile } from "../../compiler/index.ts";
import { openDevice, tensor, type Tensor } from "../../runtime/index.ts";
import { openTfjs } from "../radv/tfjs.ts";
import { rootUrl } from "../radv/spirv.ts";

/** Runs of a turn, and turns. */
const runs = 4;
const turns = 5;

const { create, globals } = await import("webgpu");
Object.assign(globalThis, globals);
const gpu = create([]);
const { tf } = await openTfjs(gpu);
const device = await openDevice("webgpu", { gpu });

const random = (count: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: count }, (_, at) => ((at * 7919) % 1000) / 500 - 1);

interface Workload {
  readonly name: string;
  readonly file: string;
  readonly kernel: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly theirs: (
    inputs: Readonly<Record<string, ReturnType<typeof tf.tensor>>>,
  ) => ReturnType<typeof tf.tensor>;
}

type Rank2 = Parameters<typeof tf.matMul>[0];
type Image = Parameters<typeof tf.conv2d>[0];

const workloads: readonly Workload[] = [
  {
    name: "matmul 512³",
    file: "linalg",
    kernel: "matmul",
    inputs: { a: [512, 512], b: [512, 512] },
    theirs: ({ a, b }) => tf.matMul(a as Rank2, b as Rank2),
  },
  {
    name: "conv 3×3, 64 → 64 channels at 56²",
    file: "convolution",
    kernel: "conv2d",
    set: { P: "1" },
    inputs: { x: [1, 64, 56, 56], w: [64, 64, 3, 3], bias: [64] },
    // Its own layout of images and weights: channels last.
    theirs: ({ x, w }) =>
      tf.conv2d(tf.reshape(x!, [1, 56, 56, 64]) as Image, tf.reshape(w!, [3, 3, 64, 64]), 1, "same"),
  },
  {
    name: "conv 3×3, 256 → 256 channels at 14²",
    file: "convolution",
    kernel: "conv2d",
    set: { P: "1" },
    inputs: { x: [1, 256, 14, 14], w: [256, 256, 3, 3], bias: [256] },
    // Its own layout of images and weights: channels last.
    theirs: ({ x, w }) =>
      tf.conv2d(tf.reshape(x!, [1, 14, 14, 256]) as Image, tf.reshape(w!, [3, 3, 256, 256]), 1, "same"),
  },
  {
    name: "softmax 1024²",
    file: "normalization",
    kernel: "softmax",
    inputs: { x: [1024, 1024] },
    theirs: ({ x }) => tf.softmax(x!),
  },
];

const median = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1]!;

for (const { name, file, kernel, set = {}, inputs, theirs } of workloads) {
  const source = {
    path: `${file}.kern`,
    text: readFileSync(new URL(`stdlib/${file}.kern`, rootUrl()), "utf8"),
  };
  const compiled = await compile(source, { ...device.compileOptions, kernels: [kernel], set });
  const own = (await device.load(compiled))[kernel]!;
  const data = Object.entries(inputs).map(
    ([key, shape]) => [key, shape, random(shape.reduce((a, b) => a * b, 1))] as const,
  );
  const args: Record<string, Tensor> = {};
  const tensors: Record<string, ReturnType<typeof tf.tensor>> = {};
  for (const [key, shape, values] of data) {
    args[key] = await device.upload(tensor(values, [...shape]));
    tensors[key] = tf.tensor(values, [...shape]);
  }
  const contestants: Record<string, () => Promise<void>> = {
    kern: async () => {
      for (let run = 0; run < runs; run++) {
        const results = Object.values(await own(args));
        if (run === runs - 1) await results[0]!.data();
        results.forEach((result) => result.dispose());
      }
    },
    "TensorFlow.js": async () => {
      for (let run = 0; run < runs; run++) {
        const result = tf.tidy(() => theirs(tensors));
        if (run === runs - 1) await result.data();
        result.dispose();
      }
    },
  };
  const times = new Map(Object.keys(contestants).map((who) => [who, [] as number[]]));
  // The first turn compiles.
  for (let turn = -1; turn < turns; turn++)
    for (const [who, run] of Object.entries(contestants)) {
      const start = performance.now();
      await run();
      if (turn >= 0) times.get(who)!.push((performance.now() - start) / runs);
    }
  const [ours, peers] = [...times.values()].map(median);
  console.log(
    `${name.padEnd(36)} kern ${ours!.toFixed(2)} ms   TensorFlow.js ${peers!.toFixed(2)} ms   ratio ${(ours! / peers!).toFixed(2)}`,
  );
}
device.close();
process.exit(0);

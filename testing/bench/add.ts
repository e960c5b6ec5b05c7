// Elementwise add on a million f32: the compiled kernel against the same loop written by hand in the text format, in one
// process, interleaved, by medians. Prints both, and their ratio.

import binaryen from "binaryen";
import { compile } from "../../compiler/index.ts";

const source = `
kernel add(x: Tensor[f32, N], y: Tensor[f32, N], out z: Tensor[f32, N]):
    @parallel
    @vectorize
    for i in range(N):
        z[i] = x[i] + y[i]
`;

const step = (at: number): string =>
  `(v128.store offset=${at} (local.get $z) (f32x4.add (v128.load offset=${at} (local.get $x)) (v128.load offset=${at} (local.get $y))))`;

/** The loop by hand, with as many vectors in an iteration as `unrolled`. */
const byHand = (unrolled: number): string => `(module
  (import "env" "memory" (memory 1))
  (func (export "add") (param $x i32) (param $y i32) (param $z i32) (param $n i32) (local $end i32)
    (local.set $end (i32.add (local.get $z) (i32.shl (local.get $n) (i32.const 2))))
    (loop $loop
      ${Array.from({ length: unrolled }, (_, at) => step(16 * at)).join("\n      ")}
      (local.set $x (i32.add (local.get $x) (i32.const ${16 * unrolled})))
      (local.set $y (i32.add (local.get $y) (i32.const ${16 * unrolled})))
      (local.set $z (i32.add (local.get $z) (i32.const ${16 * unrolled})))
      (br_if $loop (i32.lt_u (local.get $z) (local.get $end))))))`;

const assembled = (text: string): WebAssembly.Module => {
  const module = binaryen.parseText(text);
  module.setFeatures(binaryen.Features.SIMD128);
  return new WebAssembly.Module(module.emitBinary() as Uint8Array<ArrayBuffer>);
};

const median = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1]!;

async function main(): Promise<void> {
  const n = 1 << 20;
  const bytes = 4 * n + 64;
  const memory = new WebAssembly.Memory({ initial: Math.ceil((65536 + 3 * bytes) / 65536) + 1 });
  new Float32Array(memory.buffer).forEach((_, at, all) => (all[at] = at % 1000));
  const [x, y, z] = [65536, 65536 + bytes, 65536 + 2 * bytes];
  const compiled = (await compile(source, { target: "wasm", features: [] })).artifact("wasm");
  const instance = (module: WebAssembly.Module): WebAssembly.Instance =>
    new WebAssembly.Instance(module, { env: { memory } });
  type Call = (...values: number[]) => number;
  const kern = instance(new WebAssembly.Module(compiled.code as Uint8Array<ArrayBuffer>)).exports[
    "add"
  ] as Call;
  const runs: Record<string, () => unknown> = {
    kern: () => kern(x, y, z, n, 1, 1, 1, 0, 0, 0, 0, Math.ceil(n / 4096)),
  };
  for (const unrolled of [1, 4]) {
    const hand = instance(assembled(byHand(unrolled))).exports["add"] as Call;
    runs[`by hand, ${unrolled} vectors`] = () => hand(x, y, z, n);
  }
  const times = new Map(Object.keys(runs).map((name) => [name, [] as number[]]));
  for (let round = 0; round < 600; round++)
    for (const [name, run] of Object.entries(runs)) {
      const start = performance.now();
      run();
      if (round >= 200) times.get(name)!.push(performance.now() - start);
    }
  const ours = median(times.get("kern")!);
  for (const [name, each] of times) {
    const time = median(each);
    console.log(`${name.padEnd(20)} ${time.toFixed(3)} ms   ratio ${(time / ours).toFixed(2)}`);
  }
}

await main();

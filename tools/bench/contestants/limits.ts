// What the engine can do at best, measured with loops that do nothing else: f32 multiplications and additions in 13
// independent chains (as many as V8 keeps in registers beside two constants), and streams through memory. The loops are
// written in WebAssembly's text format; they are yardsticks, not kernels.

import binaryen from "binaryen";
import type { Limit } from "../workload.ts";
import type { Contestant } from "./contestant.ts";

const chains = 13;
/** Operations of one round: four lanes, a multiplication and an addition each. */
const operationsOfRound = chains * 4 * 2;

const repeated = (count: number, text: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => text(n)).join("\n");

const mulAdd = `(module
  (func (export "run") (param $rounds i32) (result f32)
    ${repeated(chains, (n) => `(local $a${n} v128)`)} (local $m v128) (local $c v128)
    (local.set $m (f32x4.splat (f32.const 0.999)))
    (local.set $c (f32x4.splat (f32.const 0.001)))
    (loop $loop
      ${repeated(chains, (n) => `(local.set $a${n} (f32x4.add (f32x4.mul (local.get $a${n}) (local.get $m)) (local.get $c)))`)}
      (br_if $loop (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (f32x4.extract_lane 0 ${Array.from({ length: chains }, (_, n) => `(local.get $a${n})`).reduce((sum, each) => `(f32x4.add ${sum} ${each})`)})))`;

const unrolled = 8;

/** Reads [from, from + read), then copies [from + read, … + written) to what lies behind. */
const stream = `(module
  (import "env" "memory" (memory 1))
  (func (export "run") (param $at i32) (param $read i32) (param $written i32) (result i32)
    (local $end i32) ${repeated(unrolled, (n) => `(local $s${n} v128)`)}
    (local.set $end (i32.add (local.get $at) (local.get $read)))
    (block $done
      (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
      (loop $loop
        ${repeated(unrolled, (n) => `(local.set $s${n} (v128.xor (local.get $s${n}) (v128.load offset=${16 * n} (local.get $at))))`)}
        (local.set $at (i32.add (local.get $at) (i32.const ${16 * unrolled})))
        (br_if $loop (i32.lt_u (local.get $at) (local.get $end)))))
    (local.set $end (i32.add (local.get $at) (local.get $written)))
    (block $copied
      (br_if $copied (i32.ge_u (local.get $at) (local.get $end)))
      (loop $loop
        ${repeated(unrolled, (n) => `(v128.store offset=${16 * n} (i32.add (local.get $at) (local.get $written)) (v128.load offset=${16 * n} (local.get $at)))`)}
        (local.set $at (i32.add (local.get $at) (i32.const ${16 * unrolled})))
        (br_if $loop (i32.lt_u (local.get $at) (local.get $end)))))
    (i32x4.extract_lane 0 ${Array.from({ length: unrolled }, (_, n) => `(local.get $s${n})`).reduce((sum, each) => `(v128.xor ${sum} ${each})`)})))`;

type Run = (...numbers: number[]) => number;

function assembled(text: string, memory?: WebAssembly.Memory): Run {
  const module = binaryen.parseText(text);
  module.setFeatures(binaryen.Features.SIMD128);
  const code = module.emitBinary() as Uint8Array<ArrayBuffer>;
  module.dispose();
  const instance = new WebAssembly.Instance(new WebAssembly.Module(code), memory ? { env: { memory } } : {});
  return instance.exports["run"] as Run;
}

/** The yardstick of a limit, for the amount of work that the limit names. */
export function limitContestant(limit: Limit): Contestant {
  return limit.kind === "muladd" ? mulAddLimit(limit.flops) : streamLimit(limit.read, limit.written);
}

function mulAddLimit(flops: number): Contestant {
  const run = assembled(mulAdd);
  const rounds = Math.max(1, Math.round(flops / operationsOfRound));
  return {
    who: "limit",
    notes: ["mul+add peak"],
    run(times) {
      for (let n = 0; n < times; n++) run(rounds);
    },
    close() {},
  };
}

function streamLimit(read: number, written: number): Contestant {
  const whole = (bytes: number) => Math.ceil(bytes / (16 * unrolled)) * 16 * unrolled;
  // What is copied is read as well.
  const [only, copied] = [whole(Math.max(0, read - written)), whole(written)];
  const memory = new WebAssembly.Memory({ initial: Math.ceil((only + 2 * copied) / 65536) + 1 });
  new Uint8Array(memory.buffer).fill(1);
  const run = assembled(stream, memory);
  return {
    who: "limit",
    notes: [written > 0 ? "stream, read and written" : "read stream"],
    run(times) {
      for (let n = 0; n < times; n++) run(0, only, copied);
    },
    close() {},
  };
}

/** The engine's mul+add peak now, in GFLOP/s: the best of some short runs. */
export function peakNow(runs = 40): number {
  peakRun ??= assembled(mulAdd);
  const rounds = 20_000;
  let best = Infinity;
  for (let n = 0; n < runs; n++) {
    const start = performance.now();
    peakRun(rounds);
    best = Math.min(best, performance.now() - start);
  }
  return (rounds * operationsOfRound) / best / 1e6;
}
let peakRun: Run | undefined;

/** Whether the engine has relaxed SIMD. */
export function hasRelaxedSimd(): boolean {
  const module = binaryen.parseText(
    `(module (func (param v128) (result v128) (f32x4.relaxed_madd (local.get 0) (local.get 0) (local.get 0))))`,
  );
  module.setFeatures(binaryen.Features.SIMD128 | binaryen.Features.RelaxedSIMD);
  const code = module.emitBinary() as Uint8Array<ArrayBuffer>;
  module.dispose();
  return WebAssembly.validate(code);
}

// Relaxed dot products as engines have them, in plain SIMD: a module is run with each in place of the instruction, whatever
// the engine at hand does.

import { emitWasm } from "../compiler/targets/wasm/emit.ts";
import { assemble, loadAssembler } from "../compiler/targets/wasm/binaryen.ts";
import type { IrKernel } from "../compiler/ir/ir.ts";
import type { WasmProgram } from "./wasm-run.ts";

/** By the feature that stands for it: what the second operand's bytes are, and whether sums of pairs saturate. */
const engines = {
  "relaxed-dot": { right: "u", saturates: true },
  "relaxed-dot-u8": { right: "u", saturates: false },
  "relaxed-dot-i8": { right: "s", saturates: false },
} as const;

export type DotLevel = keyof typeof engines;
export const dotLevels = Object.keys(engines) as DotLevel[];

/** The kernel, emitted for engines of a level, with the dot product that those have. */
export async function simulatedDots(kernel: IrKernel, level: DotLevel): Promise<WasmProgram> {
  const features = ["relaxed-simd", "relaxed-dot", level];
  await loadAssembler();
  const emitted = emitWasm([kernel], { features, optimize: false });
  const instruction = "(i32x4.relaxed_dot_i8x16_i7x16_add_s";
  const text = emitted.text
    .replaceAll(instruction, "(call $simulated_dot")
    .replace(/\)\s*$/, `${simulated(level)})`);
  const { binary } = assemble(text, {
    names: kernel.name,
    features: new Set(["relaxed-simd"]),
    optimize: false,
  });
  return { kernel, emitted, module: new WebAssembly.Module(binary as Uint8Array<ArrayBuffer>) };
}

function simulated(level: DotLevel): string {
  const { right, saturates } = engines[level];
  const pairs = (half: string): string =>
    `(i32x4.dot_i16x8_s (i16x8.extend_${half}_i8x16_s (local.get $a)) (i16x8.extend_${half}_i8x16_${right} (local.get $b)))`;
  const even = "0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27";
  const odd = "4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31";
  const sum = saturates
    ? `(i32x4.extadd_pairwise_i16x8_s (i16x8.narrow_i32x4_s (local.get $low) (local.get $high)))`
    : `(i32x4.add (i8x16.shuffle ${even} (local.get $low) (local.get $high)) (i8x16.shuffle ${odd} (local.get $low) (local.get $high)))`;
  return `(func $simulated_dot (param $a v128) (param $b v128) (param $sum v128) (result v128)
    (local $low v128) (local $high v128)
    (local.set $low ${pairs("low")})
    (local.set $high ${pairs("high")})
    (i32x4.add (local.get $sum) ${sum}))\n`;
}

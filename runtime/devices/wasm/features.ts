// What this engine can run beyond plain WebAssembly. Each extension is found by having the smallest module that uses it
// checked, once; what relaxed dot products do, by trying (`dots.ts`).

import type { WasmFeature } from "../../../compiler/artifact.ts";
import { dotFeatures, relaxedDot } from "./dots.ts";

export type { WasmFeature } from "../../../compiler/artifact.ts";

type Extension = Exclude<WasmFeature, `relaxed-dot${string}`>;

const magic = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
/** Sections: one type without parameters, one function of it. */
const functionOf = (result: number): number[] => [1, 5, 1, 0x60, 0, 1, result, 3, 2, 1, 0];
/** The section of one function's code. */
const body = (...code: number[]): number[] => [10, code.length + 4, 1, code.length + 2, 0, ...code, 0x0b];
const sharedMemory = [5, 4, 1, 3, 1, 1];
const v128 = 0x7b;
const i32 = 0x7f;
/** i32.const 0, i8x16.splat */
const zeros = [0x41, 0, 0xfd, 0x0f];

const probes: Readonly<Record<Extension, readonly number[]>> = {
  simd128: [...magic, ...functionOf(v128), ...body(...zeros)],
  // i8x16.relaxed_swizzle
  "relaxed-simd": [...magic, ...functionOf(v128), ...body(...zeros, ...zeros, 0xfd, 0x80, 2)],
  // i32.const 0, i32.atomic.load
  threads: [...magic, ...functionOf(i32), ...sharedMemory, ...body(0x41, 0, 0xfe, 0x10, 2, 0)],
};

let found: readonly WasmFeature[] | undefined;

/** The extensions that this engine runs, `threads` only where memory may be shared, and what its dot products are good for. */
export function wasmFeatures(): readonly WasmFeature[] {
  found ??= detected();
  return found;
}

function detected(): readonly WasmFeature[] {
  const extensions = (Object.keys(probes) as Extension[]).filter(
    (feature) =>
      WebAssembly.validate(Uint8Array.from(probes[feature])) &&
      (feature !== "threads" || typeof SharedArrayBuffer === "function"),
  );
  return extensions.includes("relaxed-simd") ? [...extensions, ...dotFeatures(relaxedDot())] : extensions;
}

// The WASM target.

import type { Target } from "../target.ts";
import { loadAssembler } from "./binaryen.ts";
import { quadsOf } from "./dots.ts";
import { emitWasm } from "./emit.ts";
import { wasmPasses } from "./passes.ts";

export { emitWasm } from "./emit.ts";

export const wasmTarget: Target = {
  name: "wasm",
  capabilities: { unsupported: {}, vectorBytes: 16, vectorRegisters: 16, workgroups: false },
  schedules: true,
  quads: quadsOf,
  passes: wasmPasses,
  load: loadAssembler,
  emit: emitWasm,
};

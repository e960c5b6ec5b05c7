// The WASM target.

import type { Target } from "../target.ts";
import { emitWasm } from "./emit.ts";
import { wasmPasses } from "./passes.ts";

export { emitWasm } from "./emit.ts";

export const wasmTarget: Target = {
  name: "wasm",
  capabilities: { unsupported: {}, vectorBytes: 16, vectorRegisters: 16, workgroups: false },
  schedules: true,
  passes: wasmPasses,
  emit: emitWasm,
};

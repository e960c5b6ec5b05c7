// From the text of a module to its binary, by Binaryen: built, validated, tidied. It takes a while to load, so it's
// loaded before the first module is emitted, and only then.

import type binaryenDefault from "binaryen";
import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { moduleOf } from "./assembler.ts";

type Binaryen = typeof binaryenDefault;

let loading: Promise<Binaryen> | undefined;
let loaded: Binaryen | undefined;

/** Loads Binaryen, once. */
export async function loadAssembler(): Promise<void> {
  loaded = await (loading ??= import("binaryen").then((module) => module.default));
}

export interface Assembled {
  readonly binary: Uint8Array;
  readonly sourceMap: string;
}

export interface AssemblyOptions {
  /** What the module is called in messages. */
  readonly names: string;
  readonly features: ReadonlySet<string>;
  readonly optimize: boolean;
}

/** Assembles a module. `loadAssembler` must be done. */
export function assemble(text: string, { names, features, optimize }: AssemblyOptions): Assembled {
  const binaryen = loaded ?? internalError("wasm", "Binaryen isn’t loaded");
  const { module, mostLocals } = moduleOf(binaryen, text);
  try {
    const { Features } = binaryen;
    // memory.copy and memory.fill are a feature of their own to Binaryen, implied by bulk memory.
    const bulk = Features.BulkMemory | Features.BulkMemoryOpt;
    const used = Features.SIMD128 | Features.NontrappingFPToInt | Features.SignExt | bulk;
    module.setFeatures(
      used |
        Features.MutableGlobals |
        (features.has("threads") ? Features.Atomics : 0) |
        (features.has("relaxed-simd") ? Features.RelaxedSIMD : 0),
    );
    if (!module.validate()) return internalError("wasm", `invalid code for ${names}`);
    if (optimize) module.runPasses(mostLocals > crowded ? tidying.slice(1) : tidying);
    const { binary, sourceMap } = module.emitBinary(`${names}.wasm.map`) as unknown as {
      binary: Uint8Array;
      sourceMap: string | null;
    };
    return { binary, sourceMap: sourceMap ?? "" };
  } finally {
    module.dispose();
  }
}

/**
 * What is left to tidy: locals that can share a slot, and statements without effect. Binaryen's levels of optimisation take
 * from five to twenty times as long and, measured on vector loops, give V8 nothing that its own optimiser doesn't find.
 */
const tidying = ["coalesce-locals", "reorder-locals", "vacuum"];

/**
 * Locals of a function beyond which they aren't coalesced: that compares all with all, takes minutes from ten thousand on,
 * and saves a tenth of the code. Library kernels have up to 3,200.
 */
const crowded = 4000;

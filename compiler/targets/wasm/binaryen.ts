// From the text of a module to its binary, by Binaryen: parsed, validated, optimised. It takes a while to load, so it's
// loaded when the first module is emitted.

import type binaryenDefault from "binaryen";
import { internalError } from "../../../lang/diagnostics/internal-error.ts";

type Binaryen = typeof binaryenDefault;

let loaded: Promise<Binaryen> | undefined;

const load = (): Promise<Binaryen> => (loaded ??= import("binaryen").then((module) => module.default));

export interface Assembled {
  readonly binary: Uint8Array;
  readonly sourceMap: string;
}

/** Assembles a module. `names` is what it's called in messages. */
export async function assemble(
  text: string,
  names: string,
  features: ReadonlySet<string>,
): Promise<Assembled> {
  const binaryen = await load();
  const module = parsed(binaryen, text, names);
  try {
    const { Features } = binaryen;
    const used = Features.SIMD128 | Features.NontrappingFPToInt | Features.SignExt | Features.BulkMemory;
    module.setFeatures(
      used |
        Features.MutableGlobals |
        (features.has("threads") ? Features.Atomics : 0) |
        (features.has("relaxed-simd") ? Features.RelaxedSIMD : 0),
    );
    if (!module.validate()) return internalError("wasm", `invalid code for ${names}`);
    binaryen.setOptimizeLevel(1);
    binaryen.setShrinkLevel(0);
    binaryen.setFastMath(false);
    module.optimize();
    const { binary, sourceMap } = module.emitBinary(`${names}.wasm.map`) as unknown as {
      binary: Uint8Array;
      sourceMap: string | null;
    };
    return { binary, sourceMap: sourceMap ?? "" };
  } finally {
    module.dispose();
  }
}

function parsed(binaryen: Binaryen, text: string, names: string): ReturnType<Binaryen["parseText"]> {
  try {
    return binaryen.parseText(text);
  } catch (error) {
    return internalError("wasm", `unreadable code for ${names}: ${String(error)}`);
  }
}

// WGSL to SPIR-V by Tint, as a browser on Vulkan does it: a process of its own makes the pipelines on lavapipe and lets Dawn
// print what it hands to the driver; Debian's assembler makes a binary of it again.
//
// Assumes the environment and the programs of scripts/system.sh.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Shader {
  readonly code: string;
  readonly entryPoint: string;
  /** A letter a binding of group 0: `r`ead-only storage, `s`torage, `u`niform. */
  readonly bindings: string;
  /** Features of WebGPU. */
  readonly features: readonly string[];
}

/** Writes the SPIR-V of each shader to a file of the folder; returns the paths, in order. */
export function writeSpirv(shaders: readonly Shader[], folder: string): string[] {
  const modules = shaders.map(({ code, entryPoint, bindings, features }) => ({
    code,
    features,
    pipelines: [{ entryPoint, bindings }],
  }));
  const printed = execFileSync(
    process.execPath,
    [fileURLToPath(new URL("testing/radv/dump.mjs", rootUrl()))],
    { input: JSON.stringify(modules), encoding: "utf8", maxBuffer: 2 ** 28 },
  );
  const texts = printed.split("/* Dumped SPIRV disassembly */").slice(1);
  if (texts.length !== shaders.length)
    throw new Error(`Dawn printed the SPIR-V of ${texts.length} shaders instead of ${shaders.length}`);
  return texts.map((text, at) => {
    const path = join(folder, `${at}.spv`);
    // The assembler is older than this extension, which says nothing of code without subgroup operations.
    const lines = text.split("\n").filter((line) => !/MaximallyReconverges|SPV_KHR_maximal/.test(line));
    const end = lines.findLastIndex((line) => line.includes("OpFunctionEnd"));
    writeFileSync(`${path}asm`, lines.slice(0, end + 1).join("\n"));
    execFileSync("spirv-as", ["--target-env", "vulkan1.3", `${path}asm`, "-o", path]);
    return path;
  });
}

/** The project's folder, also where a benchmark's bundle lies in `dist`. */
export function rootUrl(): URL {
  return new URL(/\/dist\/[^/]*$/.test(import.meta.url) ? "../" : "../../", import.meta.url);
}

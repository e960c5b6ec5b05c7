// The standard library's kernels on a device. Loads the compiler: only for those who ask for the library.

import type { Compiled, CompileError, CompileOptions, SourceFile } from "../../compiler/index.ts";
import { nearest } from "../../lang/diagnostics/nearest.ts";
import type { Device, Kernel } from "../device.ts";
import { kernError, suggestion } from "../error.ts";

/** Compiles modules of the library, all if none are named, and loads the kernels that are ops. */
export async function libraryKernels(device: Device, modules?: readonly string[]): Promise<Kernel[]> {
  const [{ compile }, { libraryFile, libraryModules }] = await Promise.all([
    import("../../compiler/index.ts"),
    import("../../stdlib/index.ts"),
  ]);
  const kernels: Kernel[] = [];
  for (const name of modules ?? libraryModules) {
    const file = libraryFile(name);
    if (!file) throw unknownModule(name, libraryModules);
    if (!/^@op\(/m.test(file.text)) continue;
    for (const compiled of await compiledFor(device, file, compile)) {
      const loaded = await device.load(compiled);
      for (const { name } of compiled.module.kernels) {
        const kernel = loaded[name];
        if (kernel?.op !== undefined) kernels.push(kernel);
      }
    }
  }
  return kernels;
}

/** A module for a device: as a whole, or kernel by kernel where its target can't hold all of them. */
async function compiledFor(
  device: Device,
  file: SourceFile,
  compile: (source: SourceFile, options: CompileOptions) => Promise<Compiled>,
): Promise<Compiled[]> {
  const options = device.compileOptions;
  const whole = await compile(file, options).catch(unlessRefused);
  if (whole) return [whole];
  const { module } = await compile(file, { target: [] });
  const each = await Promise.all(
    module.kernels.map(({ name }) => compile(file, { ...options, kernels: [name] }).catch(unlessRefused)),
  );
  return each.filter((compiled) => compiled !== undefined);
}

/** What a target can't express (K06…) is no mistake of the library's. */
function unlessRefused(error: unknown): undefined {
  const { diagnostics } = error as Partial<CompileError>;
  if (!diagnostics?.every(({ code, severity }) => severity !== "error" || code.startsWith("K06")))
    throw error;
}

function unknownModule(given: string, known: readonly string[]): Error {
  return kernError(
    "K0719",
    { option: "modules", expected: `names of ${known.join(", ")}`, given },
    { fix: suggestion(nearest(given, known)) },
  );
}

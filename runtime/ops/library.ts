// The standard library's kernels on a device. Loads the compiler: only for those who ask for the library.

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
    const compiled = await compile(file, device.compileOptions);
    const loaded = await device.load(compiled);
    for (const { name } of compiled.module.kernels) {
      const kernel = loaded[name];
      if (kernel?.op !== undefined) kernels.push(kernel);
    }
  }
  return kernels;
}

function unknownModule(given: string, known: readonly string[]): Error {
  return kernError(
    "K0719",
    { option: "modules", expected: `names of ${known.join(", ")}`, given },
    { fix: suggestion(nearest(given, known)) },
  );
}

// `softmax.d.kern.ts`, which TypeScript reads for an import of `softmax.kern` where `allowArbitraryExtensions` is on:
// each kernel as a function with the exact types of its arguments and results.

import { readFile, writeFile } from "node:fs/promises";
import { format } from "prettier";
import type { Manifest } from "../../compiler/artifact.ts";
import { kernelCalls } from "../kernc/bindings.ts";
import { kernelNames } from "./module-text.ts";

/** Names that a declaration can't have here: what JavaScript reserves, and what the file itself imports. */
const taken = new Set(
  `Device Tensor load arguments await break case catch class const continue debugger default delete do else enum eval
  export extends false finally for function if implements import in instanceof interface let new null package private
  protected public return static super switch this throw true try typeof var void while with yield`.split(
    /\s+/,
  ),
);

/** The declarations of a compiled file. */
export async function declarations(manifest: Manifest): Promise<string> {
  const calls = kernelCalls(manifest);
  const kernels = kernelNames(manifest).map((name, at) => ({
    name,
    local: taken.has(name) ? `kernel${at}` : name,
  }));
  const functions = kernels.flatMap(({ name, local }) => [
    ...calls
      .filter((call) => call.name === name)
      .map(({ doc, types }) => `${doc}${local === name ? "export " : "declare "}function ${local}${types}`),
    ...(local === name ? [] : [`export { ${local} as ${name} };`]),
  ]);
  const text = `// Made by kernc from ${manifest.source}; changes are lost when it is compiled again.
import type { Device, Tensor } from "kernc/runtime";

${functions.join("\n\n")}

/** The kernels of ${manifest.source}. */
export interface Kernels {
${kernels.map(({ name, local }) => `${name}: typeof ${local};`).join("\n")}
}

/** Loads the kernels on a device of your own: \`const { … } = await load(device)\`. */
export default function load(device: Device): Promise<Kernels>;
`;
  return format(text, { parser: "typescript", printWidth: 110 });
}

/** `softmax.d.kern.ts` beside `softmax.kern`. */
export function declarationsPath(path: string): string {
  return path.replace(/\.kern$/, ".d.kern.ts");
}

/** Writes the declarations beside the source, unless they are there already. */
export async function writeDeclarations(path: string, manifest: Manifest): Promise<void> {
  const target = declarationsPath(path);
  const text = await declarations(manifest);
  const old = await readFile(target, "utf8").catch(() => undefined);
  if (old !== text) await writeFile(target, text);
}

// The JavaScript module that a `.kern` import becomes: it names the artifacts, and exports the kernels. Its addresses
// are looked at when the first kernel is called, so that what isn't used can be left out of the bundle.

import type { Manifest, TargetName } from "../../compiler/artifact.ts";

/** JavaScript expressions that give the addresses. */
export interface AddressExpressions {
  readonly manifest: string;
  readonly code: Readonly<Partial<Record<TargetName, string>>>;
  /** Import statements that the expressions need. */
  readonly imports?: readonly string[];
}

/** Kernels in the manifest, each once. */
export function kernelNames(manifest: Manifest): string[] {
  return [
    ...new Set(manifest.artifacts.flatMap(({ kernels }) => kernels.map(({ signature }) => signature.name))),
  ];
}

/** The module's text. The default export loads the kernels on a device of the caller's. */
export function moduleText(
  manifest: Manifest,
  { manifest: json, code, imports = [] }: AddressExpressions,
): string {
  const codes = Object.entries(code).map(([target, address]) => `${target}: new URL(${address})`);
  const kernels = kernelNames(manifest).map(
    (name, at) =>
      `const kernel${at} = /* #__PURE__ */ file.kernel(${JSON.stringify(name)});\nexport { kernel${at} as ${name} };`,
  );
  return `${[`import { importFiles } from "kernc/runtime";`, ...imports].join("\n")}

const file = /* #__PURE__ */ importFiles(() => ({
  manifest: new URL(${json}),
  code: { ${codes.join(", ")} },
}));
${kernels.join("\n")}
export default file.load;
`;
}

/** An expression for content that lies in the module itself. */
export function inlined(content: Uint8Array | string, type: string): string {
  return JSON.stringify(`data:${type};base64,${Buffer.from(content).toString("base64")}`);
}

/** Media types, by which servers and browsers know the files. */
export const mediaTypes: Readonly<Record<TargetName | "manifest", string>> = {
  manifest: "application/json",
  wasm: "application/wasm",
  wgsl: "text/wgsl",
  tsp: "text/plain",
};

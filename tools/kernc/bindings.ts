// Typed bindings of a compiled file: a module that loads the kernels, and its declarations, in which a call has the
// exact types of the kernel's arguments and results.

import type { Manifest, ParamSpec, Signature, TargetName } from "../../compiler/artifact.ts";
import { isWide, type Dtype } from "../../lang/dtypes.ts";
import { printShape } from "../../runtime/call/shape-text.ts";

/** The text of NAME.js and NAME.d.ts. */
export async function bindings(name: string, manifest: Manifest): Promise<{ js: string; dts: string }> {
  const head = `// Made by kernc from ${manifest.source}; changes are lost when it is compiled again.`;
  const address = (file: string): string => `new URL(${JSON.stringify(`./${file}`)}, import.meta.url)`;
  const isFirst = ({ target }: Manifest["artifacts"][number], at: number): boolean =>
    manifest.artifacts.findIndex((each) => each.target === target) === at;
  const code = manifest.artifacts
    .filter(isFirst)
    .map(({ target, file }) => `${target satisfies TargetName}: ${address(file)}`)
    .join(", ");
  const more = manifest.artifacts
    .filter((each, at) => !isFirst(each, at))
    .map(({ file }) => `${JSON.stringify(file)}: ${address(file)}`)
    .join(", ");
  const js = `${head}
import { loadFiles } from "kernc/runtime";

/** Loads the kernels of ${manifest.source} on a device. */
export function load(device) {
  return loadFiles(device, {
    manifest: new URL(${JSON.stringify(`./${name}.manifest.json`)}, import.meta.url),
    code: { ${code} },${more && `\n    levels: { ${more} },`}
  });
}
`;
  const dts = `${head}
import type { Device, Tensor } from "kernc/runtime";

/** The kernels of ${manifest.source}. */
export interface Kernels {
${kernelCalls(manifest)
  .map(({ name, doc, types }) => `${doc}${name}${types}`)
  .join("\n\n")}
}

/** Loads the kernels of ${manifest.source} on a device: \`const { … } = await load(device)\`. */
export function load(device: Device): Promise<Kernels>;
`;
  const { format } = await import("prettier");
  return {
    js: await format(js, { parser: "babel", printWidth: 110 }),
    dts: await format(dts, { parser: "typescript", printWidth: 110 }),
  };
}

/** A manifest as far as declarations are made of it. */
export interface Signatures {
  readonly artifacts: readonly { readonly kernels: readonly { readonly signature: Signature }[] }[];
}

/** The text of STEM.tsp.js and STEM.tsp.d.ts: one kernel's program for given sizes, simulated. */
export async function tspBindings(
  stem: string,
  source: string,
  signature: Signature,
  sizes: string,
): Promise<{ js: string; dts: string }> {
  const head = `// Made by kernc from ${source}; changes are lost when it is compiled again.`;
  const doc = `/** Loads \`${signature.name}\`${sizes && ` for ${sizes}`}, as a program that is simulated. */`;
  const address = (file: string): string => `new URL(${JSON.stringify(`./${file}`)}, import.meta.url)`;
  const js = `${head}
import { loadTsp } from "kernc/runtime";

${doc}
export function load() {
  return loadTsp({ manifest: ${address(`${stem}.tsp.json`)}, program: ${address(`${stem}.tspb`)} });
}
`;
  const calls = kernelCalls({ artifacts: [{ kernels: [{ signature }] }] });
  const dts = `${head}
import type { Tensor } from "kernc/runtime";

/** A kernel of ${source}. */
export interface Kernels {
${calls.map(({ name, doc: own, types }) => `${own}${name}${types}`).join("\n\n")}
}

${doc}
export function load(): Promise<Kernels>;
`;
  const { format } = await import("prettier");
  return {
    js: await format(js, { parser: "babel", printWidth: 110 }),
    dts: await format(dts, { parser: "typescript", printWidth: 110 }),
  };
}

/** One way to call a kernel: its name, a doc comment, and `(args: …): Promise<…>;`. */
export interface KernelCall {
  readonly name: string;
  readonly doc: string;
  readonly types: string;
}

/** What stands for tensors in declarations. */
export interface TensorTypes {
  readonly argument: (dtype: Dtype) => string;
  readonly result: (dtype: Dtype) => string;
  /** A second parameter. */
  readonly options?: string;
}

const ofRuntime: TensorTypes = {
  argument: (dtype) => `Tensor<"${dtype}">`,
  result: (dtype) => `Tensor<"${dtype}">`,
};

/** One call an instance, the same types only once; instances of all targets are the same kernels. */
export function kernelCalls(manifest: Signatures, types: TensorTypes = ofRuntime): KernelCall[] {
  const members: KernelCall[] = [];
  const seen = new Set<string>();
  const signatures = manifest.artifacts.flatMap(({ kernels }) => kernels.map(({ signature }) => signature));
  for (const signature of signatures)
    for (const callable of new Set([signature.name, signature.instance])) {
      const text = callTypes(signature, manifest, types);
      const key = `${callable}${text.replace(/\/\*\*.*?\*\//gs, "")}`;
      const sameKernel = signature.name === callable || !seen.has(callable);
      if (seen.has(key) || !sameKernel) continue;
      seen.add(key).add(callable);
      members.push({ name: callable, doc: docComment(signature), types: text });
    }
  return members;
}

function callTypes(signature: Signature, manifest: Signatures, types: TensorTypes): string {
  const results = signature.params.filter((param) => param.kind === "tensor" && param.mode !== "in");
  const args = signature.params.map((param) => argument(param, manifest, types));
  const options = types.options ? `, ${types.options}` : "";
  return `(args: {\n${args.join("\n")}\n}${options}): Promise<{\n${results.map(({ name, dtype }) => `${name}: ${types.result(dtype)};`).join("\n")}\n}>;`;
}

function argument(param: ParamSpec, manifest: Signatures, types: TensorTypes): string {
  if (param.kind === "scalar") {
    const type = param.dtype === "bool" ? "boolean" : isWide(param.dtype) ? "number | bigint" : "number";
    return `/** \`${param.dtype}\` */ ${param.name}: ${type};`;
  }
  const written =
    param.mode === "mut" ? ", changed in place" : param.mode === "out" ? "; allocated if it isn’t given" : "";
  const optional = param.mode === "out" ? "?" : "";
  return `/** \`${tensorText(param, manifest)}\`${written} */ ${param.name}${optional}: ${types.argument(param.dtype)};`;
}

/** `Tensor[f32, M, *S]`, packs as the source has them. */
function tensorText(param: Extract<ParamSpec, { kind: "tensor" }>, manifest: Signatures): string {
  const packs = new Set(
    manifest.artifacts.flatMap(({ kernels }) =>
      kernels.flatMap(({ signature }) => Object.keys(signature.packs)),
    ),
  );
  const dims = param.shape.flatMap((dim) => {
    const pack = typeof dim === "string" ? /^(.*)_(\d+)$/.exec(dim) : null;
    if (!pack || !packs.has(pack[1]!)) return [printShape(dim)];
    return pack[2] === "0" ? [`*${pack[1]!}`] : [];
  });
  return `Tensor[${[param.dtype, ...dims].join(", ")}]`;
}

function docComment({ doc, constraints }: Signature): string {
  const lines = [
    ...(doc ? doc.trim().split(/\r?\n/) : []),
    ...(constraints.length > 0
      ? ["", `Where ${constraints.map(({ text }) => `\`${text}\``).join(", ")}.`]
      : []),
  ].map((line) => line.trim().replaceAll("*/", "*\\/"));
  while (lines[0] === "") lines.shift();
  if (lines.length === 0) return "";
  return `/**\n${lines.map((line) => ` * ${line}`).join("\n")}\n */\n`;
}

// Bindings of compiled WGSL that need nothing but WebGPU: the launch rules as data, the host of spec/hosts/webgpu.mjs that
// carries them out, and declarations with the exact types of each kernel.

import type { Dtype } from "../../lang/dtypes.ts";
import type { KernelArtifact, Manifest } from "../../compiler/artifact.ts";
import { kernelCalls, type TensorTypes } from "./bindings.ts";
import { webgpuHost } from "./webgpu-host.gen.ts";

const arrays: Readonly<Partial<Record<Dtype, string>>> = {
  i8: "Int8Array",
  u16: "Uint16Array",
  i16: "Int16Array",
  f16: "Uint16Array",
  bf16: "Uint16Array",
  u32: "Uint32Array",
  i32: "Int32Array",
  f32: "Float32Array",
};
const arrayOf = (dtype: Dtype): string => arrays[dtype] ?? "Uint8Array";

const types: TensorTypes = {
  argument: (dtype) => `GpuTensor | HostTensor<${arrayOf(dtype)}>`,
  result: (dtype) => `GpuResult<${arrayOf(dtype)}>`,
  options: "options?: CallOptions",
};

/** The text of NAME.webgpu.js and NAME.webgpu.d.ts; undefined where nothing was compiled for WGSL. */
export async function webgpuBindings(manifest: Manifest): Promise<{ js: string; dts: string } | undefined> {
  const artifact = manifest.artifacts.find(({ target }) => target === "wgsl");
  if (!artifact) return undefined;
  const head = `// Made by kernc from ${manifest.source}; changes are lost when it is compiled again.`;
  const js = `${head}

const kernels = ${JSON.stringify(artifact.kernels.map(needed))};

/** Loads the kernels of ${manifest.source} on a GPUDevice. */
export async function load(device) {
  const address = new URL(${JSON.stringify(`./${artifact.file}`)}, import.meta.url);
  const files = address.protocol === "file:" ? globalThis.process?.getBuiltinModule?.("node:fs/promises") : undefined;
  const code = files ? await files.readFile(address, "utf8") : await (await fetch(address)).text();
  return loadKernels(device, code, kernels);
}

${webgpuHost.replace("export async function loadKernels", "async function loadKernels")}`;
  const own = { ...manifest, artifacts: [artifact] };
  const dts = `${head}

/** Elements of a GPUBuffer; strides and offset count elements, and are row-major and 0 if they aren't given. */
export interface GpuTensor {
  buffer: GPUBuffer;
  shape: readonly number[];
  strides?: readonly number[];
  offset?: number;
}
/** Elements in row-major order, which are copied into a buffer. */
export type HostTensor<A> = A & { shape: readonly number[] };
/** What a kernel wrote; \`A\` is what \`read\` makes of it. */
export interface GpuResult<A> extends GpuTensor {
  dtype: string;
  /** Never there. */
  array?: A;
}
export interface CallOptions {
  /** Encode into this, and submit nothing; not for kernels with run-time checks. */
  encoder?: GPUCommandEncoder;
}

/** The kernels of ${manifest.source}. */
export interface Kernels {
${kernelCalls(own, types)
  .map(({ name: kernel, doc, types: text }) => `${doc}${kernel}${text}`)
  .join("\n\n")}
}

/** Loads the kernels of ${manifest.source} on a GPUDevice. */
export function load(device: GPUDevice): Promise<Kernels>;

/** Brings a result back from the GPU. */
export function read<A>(device: GPUDevice, tensor: GpuResult<A>): Promise<A>;
`;
  const { format } = await import("prettier");
  return {
    js: await format(js, { parser: "babel", printWidth: 110 }),
    dts: await format(dts, { parser: "typescript", printWidth: 110 }),
  };
}

/** What a call is made of; messages and reports stay in the manifest. */
function needed({ signature, launch }: KernelArtifact): object {
  const { name, instance, params, dims, constraints, asserts } = signature;
  return {
    signature: {
      name,
      instance,
      params,
      dims,
      constraints: constraints.map(({ expr, text }) => ({ expr, text })),
      asserts: asserts.map(({ message }) => ({ message })),
    },
    launch,
  };
}

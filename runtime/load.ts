// From what a compiler or a folder holds to callable kernels: picks the code for the device, groups instances by
// kernel, and routes each call to the instance that its arguments fit.

import type { Artifact, KernelArtifact, Manifest, Signature, TargetName } from "../compiler/artifact.ts";
import type { Dtype } from "../lang/dtypes.ts";
import { bindCall, type Arguments } from "./call/bind.ts";
import { fitPacks, withDtypes, type Fitted } from "./call/instance.ts";
import type { Backend, Executable, Kernel, Kernels } from "./device.ts";
import { kernError } from "./error.ts";
import { contiguousStrides } from "./tensor/layout.ts";
import { Tensor } from "./tensor/tensor.ts";

/** What a call needs that no instance fits. */
export interface SpecializeRequest {
  readonly kernel: string;
  readonly target: TargetName | "interp";
  /** Dtype and rank of every tensor given. */
  readonly tensors: Readonly<Record<string, { readonly dtype: Dtype; readonly rank: number }>>;
}

/** What `compile()` returns, as far as a device is concerned. */
export interface CompiledSource {
  artifact(target: TargetName): Artifact | undefined;
  /** One more instance, compiled now; undefined if the kernel can't have it. */
  specialize?(request: SpecializeRequest): Promise<Artifact | undefined>;
}

/** What `kernc compile` wrote. */
export interface CompiledFiles {
  readonly manifest: Manifest;
  /** Code by target, as in the manifest; WASM may also be a module compiled already. */
  readonly code: Readonly<Partial<Record<TargetName, Uint8Array | ArrayBuffer | string>>>;
}

export type KernelSource = CompiledSource | CompiledFiles | Artifact;

/** The artifact for a target out of any kind of source. */
export function artifactOf(source: KernelSource, target: TargetName): Artifact {
  const none = (have: readonly string[]) =>
    kernError("K0714", {
      why: `they were compiled for ${have.length > 0 ? have.join(" and ") : "no target"}, the device runs ${target}`,
    });
  if (typeof source !== "object" || source === null)
    throw kernError("K0714", { why: `${String(source)} is not something that was compiled` });
  if ("artifact" in source) {
    const artifact = source.artifact(target);
    if (!artifact) throw none([]);
    return artifact;
  }
  if ("kernels" in source) {
    if (source.target !== target) throw none([source.target]);
    return source;
  }
  const { manifest, code } = source;
  if (!Array.isArray(manifest?.artifacts)) throw kernError("K0714", { why: "this is not a manifest of kernc" });
  if (manifest.format !== 1)
    throw kernError("K0714", { why: `the manifest has format ${String(manifest.format)}, I read format 1` });
  const found = manifest.artifacts.find((each) => each.target === target);
  const given = code?.[target];
  if (!found) throw none(manifest.artifacts.map((each) => each.target));
  if (given === undefined) throw kernError("K0714", { why: `the code for ${target} (${found.file}) was not given` });
  const bytes = given instanceof ArrayBuffer ? new Uint8Array(given) : given;
  return { format: 1, target, code: bytes, kernels: found.kernels };
}

/** All instances of one kernel that exist so far. */
interface Family {
  readonly name: string;
  readonly kernels: KernelArtifact[];
  readonly executables: Map<string, Executable>;
  readonly specialize?: (args: Arguments) => Promise<boolean>;
}

/** Makes the kernels of an artifact callable on a backend. */
export async function loadKernels(
  artifact: Artifact,
  backend: Backend,
  source?: CompiledSource,
): Promise<Kernels> {
  const executables = new Map(await backend.prepare(artifact));
  const loaded: Record<string, Kernel> = Object.create(null) as Record<string, Kernel>;
  for (const name of new Set(artifact.kernels.map(({ signature }) => signature.name))) {
    const kernels = artifact.kernels.filter(({ signature }) => signature.name === name);
    const family: Family = { name, kernels, executables, specialize: specializer(source, backend, name, kernels, executables) };
    loaded[name] = makeKernel(family);
    for (const each of kernels)
      loaded[each.signature.instance] ??= makeKernel({ name, kernels: [each], executables });
  }
  return loaded;
}

function specializer(
  source: CompiledSource | undefined,
  backend: Backend,
  kernel: string,
  kernels: KernelArtifact[],
  executables: Map<string, Executable>,
): Family["specialize"] {
  if (!source?.specialize) return undefined;
  return async (args) => {
    const tensors = Object.fromEntries(
      Object.entries(args).flatMap(([name, value]) =>
        value instanceof Tensor ? [[name, { dtype: value.dtype, rank: value.rank }]] : [],
      ),
    );
    const artifact = await source.specialize!({ kernel, target: backend.target, tensors });
    const added = artifact?.kernels.filter(({ signature }) => !executables.has(signature.instance)) ?? [];
    if (!artifact || added.length === 0) return false;
    for (const [instance, run] of await backend.prepare(artifact)) executables.set(instance, run);
    kernels.push(...added.filter(({ signature }) => signature.name === kernel));
    return true;
  };
}

function makeKernel(family: Family): Kernel {
  const first = family.kernels[0]!.signature;
  const call = async (args: Arguments = {}): Promise<Record<string, Tensor>> => {
    const fitted = await fit(family, args);
    const { signature } = fitted.kernel;
    const bound = bindCall(signature, args, fitted);
    const results = await family.executables.get(signature.instance)!(bound);
    return Object.fromEntries(
      [...results].map(([name, result]) => [name, unmerged(signature, fitted, name, result, args[name])]),
    );
  };
  return Object.defineProperties(call, {
    kernelName: { value: first.name },
    name: { value: first.name },
    op: { value: first.op },
    instances: { get: (): Signature[] => family.kernels.map(({ signature }) => signature) },
  }) as unknown as Kernel;
}

/** The instance that a call fits: as it is, made for it, or by copying strided packs; else the errors say why not. */
async function fit(family: Family, args: Arguments): Promise<Fitted> {
  const find = (copy: boolean) => fitPacks(withDtypes(family.kernels, args), args, copy);
  const found = find(false);
  if (found) return found;
  if (await family.specialize?.(args)) {
    const made = find(false);
    if (made) return made;
  }
  const copied = find(true);
  if (copied) return copied;
  const { kernels, name } = family;
  // With one set of dtypes, naming the argument that differs says more.
  const [only] = kernels;
  if (kernels.every(({ signature }) => sameDtypes(signature, only!.signature)) && !withDtypes(kernels, args).length)
    return { kernel: only!, layouts: new Map(), copies: new Set(), packs: new Map() };
  const given = Object.entries(args).flatMap(([argument, value]) =>
    value instanceof Tensor ? [`${argument}: ${value}`] : [],
  );
  throw kernError(
    "K0707",
    { kernel: name, given: given.join(", ") },
    { notes: ["it was compiled for:", ...kernels.map(({ signature }) => `  ${describeInstance(signature)}`)] },
  );
}

function sameDtypes(a: Signature, b: Signature): boolean {
  return a.params.every((param, at) => param.dtype === b.params[at]?.dtype);
}

function describeInstance({ instance, comptime, packs }: Signature): string {
  const settings = [
    ...Object.entries(comptime).map(([name, value]) => `${name}=${value}`),
    ...Object.entries(packs).map(([name, rank]) => `*${name} of rank ${rank}`),
  ];
  return settings.length > 0 ? `${instance} (${settings.join(", ")})` : instance;
}

/** A result in the dimensions that the caller knows, where a pack was merged. */
function unmerged(
  signature: Signature,
  { packs }: Fitted,
  name: string,
  result: Tensor,
  given: unknown,
): Tensor {
  if (given instanceof Tensor) return given;
  const param = signature.params.find((each) => each.name === name);
  if (packs.size === 0 || param?.kind !== "tensor") return result;
  const shape: number[] = [];
  for (let at = 0; at < param.shape.length; ) {
    const pack = [...packs.keys()].find((each) => param.shape[at] === `${each}_0`);
    if (pack === undefined) shape.push(result.shape[at++]!);
    else {
      shape.push(...packs.get(pack)!);
      at += signature.packs[pack]!;
    }
  }
  return new Tensor(result.storage, result.dtype, { shape, strides: contiguousStrides(shape), offset: 0 });
}

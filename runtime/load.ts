// From a source of kernels to callable ones: groups instances by kernel, and routes each call to the instance that
// its arguments fit, or to one that is compiled for it.

import type { Signature } from "../compiler/artifact.ts";
import { isDtype } from "../lang/dtypes.ts";
import { bindCall, type Arguments, type BoundCall } from "./call/bind.ts";
import { fitInstance, withDtypes, type Fitted } from "./call/instance.ts";
import type { Backend, Instance, Kernel, Kernels } from "./device.ts";
import { KernError, kernError } from "./error.ts";
import { compilationOf, type CompiledSource, type KernelSource } from "./source.ts";
import { Tensor } from "./tensor/tensor.ts";

/** All instances of one kernel that exist so far. */
export interface Family {
  readonly name: string;
  readonly device: Backend;
  readonly instances: Instance[];
  /** What compiles further instances; absent where none can be. */
  readonly compilation?: () => Promise<CompiledSource>;
}

/** Makes the kernels of a source callable on a backend. */
export async function loadKernels(source: KernelSource, backend: Backend): Promise<Kernels> {
  const instances = await backend.instances(source);
  const loaded = Object.create(null) as Kernels;
  const compilation = compilationOf(source);
  for (const name of new Set(instances.map(({ signature }) => signature.name))) {
    const own = instances.filter(({ signature }) => signature.name === name);
    loaded[name] = makeKernel({ name, device: backend, instances: own, compilation });
  }
  for (const instance of instances)
    loaded[instance.signature.instance] ??= makeKernel({
      name: instance.signature.name,
      device: backend,
      instances: [instance],
    });
  return loaded;
}

/** Adds an instance for these arguments; false if there can't be one. */
async function specialize(
  { name, device, instances, compilation }: Family,
  args: Arguments,
): Promise<boolean> {
  if (!compilation) return false;
  const compiled = await compilation();
  const { wantedFor, added } = await import("./call/specialize.ts");
  const wanted = wantedFor(compiled, name, args);
  return wanted !== undefined && added(instances, await device.instances(await compiled.specialize(wanted)));
}

function makeKernel(family: Family): Kernel {
  const first = family.instances[0]!.signature;
  const call = async (args: Arguments = {}): Promise<Record<string, Tensor>> => {
    const fitted = await fit(family, args);
    const { signature, run } = fitted.instance;
    const results = await run(await checked(signature, args, fitted));
    if (fitted.packs.size === 0) return Object.fromEntries(results);
    const { unmerged } = await import("./call/packs.ts");
    return Object.fromEntries(
      [...results].map(([name, result]) => [name, unmerged(signature, fitted, name, result, args[name])]),
    );
  };
  const mismatch = async (args: Arguments): Promise<KernError | undefined> => {
    try {
      const fitted = await fit(family, args);
      const bound = await checked(fitted.instance.signature, args, fitted);
      return await fitted.instance.refusal?.(bound);
    } catch (error) {
      if (error instanceof KernError) return error;
      throw error;
    }
  };
  return Object.defineProperties(call, {
    device: { value: family.device },
    open: { value: family.compilation !== undefined && isGeneric(first) },
    features: { get: () => [...new Set(family.instances.flatMap(({ features }) => features))] },
    mismatch: { value: mismatch },
    bind: {
      value: async (args: Arguments) => {
        const fitted = await fit(family, args);
        return fitted.instance.bind?.(await checked(fitted.instance.signature, args, fitted));
      },
    },
    sync: { value: async () => (await import("./call/sync.ts")).syncKernel(family) },
    kernelName: { value: first.name },
    name: { value: first.name },
    op: { value: first.op },
    instances: { get: (): Signature[] => family.instances.map(({ signature }) => signature) },
  }) as unknown as Kernel;
}

/** Everything that a call must meet before it runs. */
async function checked(signature: Signature, args: Arguments, fitted: Fitted<Instance>): Promise<BoundCall> {
  const call = bindCall(signature, args, fitted);
  if (call.tensors.some(({ param, tensor }) => param.mode !== "in" && tensor))
    (await import("./call/overlap.ts")).checkOverlap(call);
  return call;
}

/** The instance that a call fits: as it is, made for it, or by copying strided packs; else the errors say why not. */
async function fit(family: Family, args: Arguments): Promise<Fitted<Instance>> {
  const find = (copy: boolean) => fitInstance(withDtypes(family.instances, args), args, copy);
  const found = await find(false);
  if (found) return found;
  if (await specialize(family, args)) {
    const made = await find(false);
    if (made) return made;
  }
  const copied = await find(true);
  return copied ?? unfit(family, args);
}

/** What to say of arguments that no instance takes: with one set of dtypes, naming the argument that differs says more. */
export function unfit(
  { instances, name }: Pick<Family, "instances" | "name">,
  args: Arguments,
): Fitted<Instance> {
  const [only] = instances;
  if (
    instances.every(({ signature }) => sameDtypes(signature, only!.signature)) &&
    !withDtypes(instances, args).length
  )
    return { instance: only!, layouts: new Map(), copies: new Set(), packs: new Map() };
  const given = Object.entries(args).flatMap(([argument, value]) =>
    value instanceof Tensor ? [`${argument}: ${value}`] : [],
  );
  throw kernError(
    "K0707",
    { kernel: name, given: given.join(", ") },
    {
      notes: [
        "it was compiled for:",
        ...instances.map(({ signature }) => `  ${describeInstance(signature)}`),
      ],
    },
  );
}

/** Whether another dtype or rank would be another instance. */
function isGeneric({ comptime, packs }: Signature): boolean {
  return Object.keys(packs).length > 0 || Object.values(comptime).some((value) => isDtype(value));
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

// Calls that don't wait, for callers that can't: what an ordinary call loads when it needs it is loaded with this file, and an instance
// that isn't there is compiled on the spot. Instances are kept apart from those of ordinary calls, since threads don't know them.

import type { Family } from "../load.ts";
import { unfit } from "../load.ts";
import type { Instance, SyncBackend, SyncKernel } from "../device.ts";
import { kernError } from "../error.ts";
import type { CompiledSource } from "../source.ts";
import { bindCall, type Arguments } from "./bind.ts";
import { withDtypes, type Fitted } from "./instance.ts";
import { checkOverlap } from "./overlap.ts";
import { fitPacks, unmerged } from "./packs.ts";
import { added, wantedFor } from "./specialize.ts";

/** A kernel's call without waiting, or an error where its device can't do that. */
export async function syncKernel(family: Family): Promise<SyncKernel> {
  const { name, device, instances } = family;
  if (!device.instancesSync || instances.some(({ runSync }) => !runSync))
    throw kernError("K0729", { what: `a result of \`${name}\``, why: `its device is ${device.name}` });
  return syncCall({ name, device: device as SyncBackend, instances }, await family.compilation?.());
}

/** The same, with the compilation that further instances come from. */
export function syncCall(
  {
    name,
    device,
    ...family
  }: {
    readonly name: string;
    readonly device: Pick<SyncBackend, "instancesSync">;
    readonly instances: readonly Instance[];
  },
  compiled: CompiledSource | undefined,
): SyncKernel {
  const instances = [...family.instances];
  const specialize = (args: Arguments): boolean => {
    const wanted = compiled && wantedFor(compiled, name, args);
    return wanted !== undefined && added(instances, device.instancesSync(compiled!.specializeSync(wanted)));
  };
  return (args = {}) => {
    const fitted =
      fit(instances, args, false) ??
      (specialize(args) ? fit(instances, args, false) : undefined) ??
      fit(instances, args, true) ??
      unfit({ name, instances }, args);
    const { signature, runSync } = fitted.instance;
    const call = bindCall(signature, args, fitted);
    if (call.tensors.some(({ param, tensor }) => param.mode !== "in" && tensor)) checkOverlap(call);
    return Object.fromEntries(
      [...runSync!(call)].map(([result, tensor]) => [
        result,
        unmerged(signature, fitted, result, tensor, args[result]),
      ]),
    );
  };
}

function fit(instances: readonly Instance[], args: Arguments, copy: boolean): Fitted<Instance> | undefined {
  const fitting = withDtypes(instances, args);
  const [instance] = fitting;
  if (!instance) return undefined;
  if (Object.keys(instance.signature.packs).length > 0) return fitPacks(fitting, args, copy);
  return { instance, layouts: new Map(), copies: new Set(), packs: new Map() };
}

// The uniform of a call: the words that the launch data lists, filled from dims, layouts and scalars.

import type { Signature, UniformWord, WgslLaunch } from "../../../compiler/artifact.ts";
import type { BoundCall } from "../../call/bind.ts";
import { passedStrides, type Layout } from "../../tensor/layout.ts";

/** The uniform's bytes, a multiple of 16. `layouts` are those of the tensors as bound, by parameter number. */
export function uniformOf(
  launch: WgslLaunch,
  signature: Signature,
  call: BoundCall,
  layouts: ReadonlyMap<number, Layout>,
): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(launch.uniform.length / 4) * 16);
  const view = new DataView(bytes.buffer);
  launch.uniform.forEach((word, at) => {
    const value = valueOf(word, signature, call, layouts);
    if (word.dtype === "f32") view.setFloat32(4 * at, value, true);
    else if (word.dtype === "i32") view.setInt32(4 * at, value, true);
    else view.setUint32(4 * at, value, true);
  });
  return bytes;
}

function valueOf(
  { source }: UniformWord,
  signature: Signature,
  call: BoundCall,
  layouts: ReadonlyMap<number, Layout>,
): number {
  if (source.of === "scalar") return call.value(signature.params[source.param]!.name);
  const layout = layouts.get(source.param)!;
  if (source.of === "dim") return layout.shape[source.axis]!;
  return source.of === "stride" ? passedStrides(layout)[source.axis]! : layout.offset;
}

// The argument list of a kernel's exported function, as the ABI has it:
// pointers…, dims…, strides…, scalars…, workerScratch, callScratch, phase, begin, end.

import type { Signature } from "../../../compiler/artifact.ts";
import type { ArgKind } from "./worker.ts";

const scalarKinds: Readonly<Record<string, ArgKind>> = {
  i64: "l",
  u64: "l",
  f64: "d",
  f32: "f",
  f16: "f",
  bf16: "f",
};

/** How each argument is passed to workers. */
export function argKinds(signature: Signature): ArgKind[] {
  const tensors = signature.params.filter((param) => param.kind === "tensor");
  const ranks = tensors.reduce((sum, { shape }) => sum + shape.length, 0);
  const integers = (count: number): ArgKind[] => Array.from({ length: count }, () => "i");
  return [
    ...integers(tensors.length + signature.dims.length + ranks),
    ...signature.params.flatMap((param) =>
      param.kind === "scalar" ? [scalarKinds[param.dtype] ?? "i"] : [],
    ),
    ...integers(5),
  ];
}

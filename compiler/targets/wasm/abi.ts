// The calling convention of exported kernels, as data: the parameters in order. README.md says the same in prose.

import type { WasmType } from "./representation.ts";
import { scalarRep } from "./representation.ts";
import type { Buffer, IrKernel } from "../../ir/ir.ts";
import type { Dtype } from "../../../lang/dtypes.ts";
import { pointerName } from "../../passes/strength-reduce.ts";
import { strideName } from "../../passes/flatten-addresses.ts";

/** Names that the share of a phase and the scratch areas have in emitted code; no source name has an ampersand. */
export const beginName = "&begin";
export const endName = "&end";
export const phaseName = "&phase";
export const workerScratchName = "&worker";
export const callScratchName = "&call";

export interface AbiParam {
  /** The name of the value in the kernel's IR. */
  readonly name: string;
  readonly dtype: Dtype;
  readonly type: Exclude<WasmType, "v128">;
}

/** The parameters of a kernel's function, without the phase. */
export function abiParams(kernel: IrKernel): readonly AbiParam[] {
  const whole = (name: string): AbiParam => ({ name, dtype: "i32", type: "i32" });
  const tensors = tensorBuffers(kernel);
  return [
    ...tensors.map((buffer) => whole(pointerName(buffer.name))),
    ...kernel.dims.filter((dim) => dim.of !== "stride").map((dim) => whole(dim.name)),
    ...tensors.flatMap((buffer) => buffer.shape.map((_, axis) => whole(strideName(buffer, axis)))),
    ...kernel.params.flatMap((param) =>
      param.kind === "scalar" ? [{ name: param.name, dtype: param.dtype, type: scalarRep(param.dtype) }] : [],
    ),
    ...[workerScratchName, callScratchName].map(whole),
    ...[phaseName, beginName, endName].map(whole),
  ];
}

/** The buffers of tensor parameters, in parameter order. */
export function tensorBuffers(kernel: IrKernel): readonly Buffer[] {
  return kernel.params.flatMap((param) =>
    param.kind === "tensor" ? kernel.buffers.filter((buffer) => buffer.name === param.buffer) : [],
  );
}

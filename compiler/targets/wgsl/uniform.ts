// The uniform of a kernel: one struct with its dims, the strides and offset of each tensor argument in elements,
// and its scalar arguments. How the words are filled goes into the launch data; how they're read, into the code.

import { dtypeInfo, type Dtype } from "../../../lang/dtypes.ts";
import type { UniformWord } from "../../artifact.ts";
import type { IrKernel } from "../../ir/ir.ts";
import { NameSpace } from "./names.ts";
import { binary, call, primary, type Text } from "./text.ts";
import type { Halves } from "./types.ts";

export interface Uniform {
  readonly words: readonly UniformWord[];
  /** Values of the IR, and names for strides and offsets, as members of the struct. */
  readonly values: ReadonlyMap<string, Text>;
}

/** Names that no value of the IR has, for the strides and offset of a buffer. */
export const strideName = (buffer: string, axis: number): string => `${buffer} stride ${axis}`;
export const offsetName = (buffer: string): string => `${buffer} offset`;

/** Lays out the uniform; `variable` is its name in WGSL. */
export function layOutUniform(kernel: IrKernel, variable: string, halves: Halves): Uniform {
  const members = new NameSpace();
  const words: UniformWord[] = [];
  const values = new Map<string, Text>();
  const add = (
    value: string,
    wish: string,
    dtype: UniformWord["dtype"],
    source: UniformWord["source"],
  ): Text => {
    const name = members.give(wish);
    words.push({ name, dtype, source });
    const text = primary(`${variable}.${name}`);
    values.set(value, text);
    return text;
  };
  for (const { name, param, axis, of } of kernel.dims) {
    add(name, name, "i32", of === "stride" ? { of: "stride", param, axis } : { of: "dim", param, axis });
  }
  kernel.params.forEach((param, at) => {
    if (param.kind === "scalar") {
      const word = add(param.name, param.name, wordOf(param.dtype), { of: "scalar", param: at });
      values.set(param.name, readWord(word, param.dtype, halves));
      return;
    }
    const shape = kernel.buffers.find((buffer) => buffer.name === param.buffer)?.shape ?? [];
    shape.forEach((_, axis) => {
      add(strideName(param.buffer, axis), `${param.buffer}_stride${axis}`, "i32", {
        of: "stride",
        param: at,
        axis,
      });
    });
    add(offsetName(param.buffer), `${param.buffer}_offset`, "i32", { of: "offset", param: at });
  });
  return { words, values };
}

function wordOf(dtype: Dtype): UniformWord["dtype"] {
  const { kind } = dtypeInfo(dtype);
  return kind === "float" ? "f32" : kind === "int" ? "i32" : "u32";
}

function readWord(word: Text, dtype: Dtype, halves: Halves): Text {
  if (dtype === "bool") return binary("!=", word, primary("0u"));
  return dtype === "f16" && halves === "native" ? call("f16", word) : word;
}

// Holds an emitted kernel against the interpreter over sizes at which loops go wrong.

import type { InterpretArgs, TensorArg } from "../compiler/ir/interpret.ts";
import type { Scalar } from "../compiler/ir/ir.ts";
import { argumentsFor, awkwardSizes } from "./equivalence.ts";
import { sameAsInterpreter, wasmProgram, type WasmRunOptions } from "./wasm-run.ts";

export interface CheckOptions extends WasmRunOptions {
  readonly tolerance?: number;
  readonly sizes?: readonly number[];
  readonly scalars?: Readonly<Record<string, Scalar>>;
  readonly fill?: (name: string, at: number, value: number) => number;
  /** Changes the arguments before the call: views. */
  readonly view?: (args: InterpretArgs) => InterpretArgs;
}

/** Emits a kernel in text form, runs it for each size and compares all results. */
export async function check(text: string, options: CheckOptions = {}): Promise<void> {
  const program = await wasmProgram(text, options);
  const { scalars, fill, view = (args) => args } = options;
  for (const N of options.sizes ?? awkwardSizes)
    sameAsInterpreter(
      program,
      () =>
        view(
          argumentsFor(
            program.kernel,
            { N, M: 5, K: 4 },
            { ...(scalars && { scalars }), ...(fill && { fill }) },
          ),
        ),
      options,
    );
}

/** A tensor among the arguments. */
export const tensor = (args: InterpretArgs, name: string): TensorArg => args[name] as TensorArg;

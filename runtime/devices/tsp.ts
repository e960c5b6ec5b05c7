// The simulated TSP as a device: a call lowers the kernel for its sizes and scalars, checks the program, and runs it in the
// simulator. Like the interpreter it comes with the compiler, and runs what `compile()` returns.

import { bytesIn } from "../tensor/storage.ts";
import type { IrKernel } from "../../compiler/ir/ir.ts";
import type { Lowered, Refused } from "../../compiler/targets/tsp/lower/index.ts";
import type { Dtype } from "../../lang/dtypes.ts";
import type { BoundCall } from "../call/bind.ts";
import type { Backend, Instance, Kernels } from "../device.ts";
import { kernError, type KernError } from "../error.ts";
import { loadKernels } from "../load.ts";
import { compilationOf, type KernelSource } from "../source.ts";
import { copyElements } from "../tensor/copy.ts";
import { contiguousStrides, sizeOf } from "../tensor/layout.ts";
import type { HostStorage } from "../tensor/storage.ts";
import { checkTensor, tensor, type Tensor } from "../tensor/tensor.ts";
import { dataOf, valuesOf } from "../tensor/values.ts";

/** Programs of one kernel that are kept, for so many combinations of sizes. */
const mostPrograms = 32;

/** Opens the simulated TSP, with the delays of `groqchip-cal`. */
export async function openTspDevice(): Promise<Backend> {
  const [{ lowerKernel }, { groqchipCal }, { signatureOf }] = await Promise.all([
    import("../../compiler/targets/tsp/lower/index.ts"),
    import("../../compiler/targets/tsp/machine/profile.ts"),
    import("../../compiler/signature.ts"),
  ]);

  const programs = new WeakMap<IrKernel, Map<string, Lowered | Refused>>();
  /** The program for the sizes and scalars of a call, made once. */
  const programOf = (ir: IrKernel, call: BoundCall): Lowered | Refused => {
    const known = knownOf(ir, call);
    const key = JSON.stringify([...known]);
    const made = programs.get(ir) ?? new Map<string, Lowered | Refused>();
    programs.set(ir, made);
    let found = made.get(key);
    if (!found) {
      found = tooWide(call) ?? lowerKernel(ir, known, groqchipCal);
      if (made.size >= mostPrograms) made.delete(made.keys().next().value!);
      made.set(key, found);
    }
    return found;
  };

  let closed = false;
  const refuseClosed = (): void => {
    if (closed) throw kernError("K0713", { what: "the device" });
  };

  const run = async (ir: IrKernel, call: BoundCall): Promise<Map<string, Tensor>> => {
    refuseClosed();
    const lowered = tooWide(call) ?? lowerKernel(ir, knownOf(ir, call), groqchipCal);
    if ("why" in lowered) throw refusal(call.signature.name, lowered);
    return runLowered(lowered, call);
  };

  const device: Backend = {
    name: "tsp",
    features: [],
    decidesByCall: true,
    compileOptions: { target: [] },
    load: (source: KernelSource): Promise<Kernels> => loadKernels(source, device),
    async instances(source: KernelSource): Promise<readonly Instance[]> {
      refuseClosed();
      const compilation = compilationOf(source);
      if (!compilation)
        throw kernError("K0714", {
          why: "the simulated TSP runs what `compile()` returns, since its programs are made for the sizes of a call",
        });
      const compiled = await compilation();
      return (compiled.forTsp?.() ?? compiled.kernels).map(({ typed, ir }) => ({
        signature: signatureOf(typed, ir, []),
        features: [],
        run: (call) => run(ir, call),
        refusal: async (call) => {
          const found = programOf(ir, call);
          return "why" in found ? refusal(typed.name, found) : undefined;
        },
      }));
    },
    upload: async (given) => {
      refuseClosed();
      checkTensor("upload", given);
      return tensor(await given.data(), given.shape, given.dtype);
    },
    close() {
      closed = true;
    },
  };
  return device;
}

/** Checks a program and simulates it with a call's arguments. */
export async function runLowered(lowered: Lowered, call: BoundCall): Promise<Map<string, Tensor>> {
  const [{ checkProgram }, { simulate }] = await Promise.all([
    import("../../compiler/targets/tsp/assemble/check.ts"),
    import("../../compiler/targets/tsp/simulate/index.ts"),
  ]);
  const kernel = call.signature.name;
  const values = new Map<string, ArrayLike<number>>();
  for (const { param, tensor: given } of call.tensors)
    if (given) values.set(param.name, (await valuesOf(given)).map(Number));
  const { program } = lowered;
  const simulated = simulate(program, { inputs: lowered.inputs((name) => values.get(name)!) });
  const [fault] = [...checkProgram(program).faults, ...simulated.faults];
  if (fault) throw kernError("K0718", { kernel, why: `${fault.unit}, cycle ${fault.cycle}: ${fault.what}` });
  const failed = lowered.failed?.(simulated.output);
  if (failed)
    throw kernError(
      "K0708",
      { kernel, message: failed.message },
      { ...(failed.span && { span: failed.span }) },
    );
  const results = lowered.results(simulated.output, (name) => values.get(name));
  return new Map(
    call.tensors.flatMap(({ param, tensor: given, layout }): [string, Tensor][] => {
      if (param.mode === "in") return [];
      const found = results.get(param.name) ?? new Float64Array(sizeOf(layout.shape));
      return [[param.name, resultOf(found, param.dtype, layout.shape, given)]];
    }),
  );
}

function refusal(kernel: string, { why, span, annotation }: Refused): KernError {
  const place = { ...(span && { span }) };
  return annotation
    ? kernError("K0730", { annotation: annotation.text, why }, { ...place, fix: { text: annotation.fix } })
    : kernError("K0728", { kernel, why }, place);
}

/** What is known of a call are numbers, which don't hold all of a 64-bit argument. */
function tooWide({ scalars }: BoundCall): Refused | undefined {
  const wide = scalars.find((value) => typeof value === "bigint" && !Number.isSafeInteger(Number(value)));
  return wide === undefined
    ? undefined
    : { why: `the argument ${wide} has more than 53 bits`, span: undefined };
}

/** Dims and scalar arguments by their names in the IR. */
export function knownOf(ir: IrKernel, call: BoundCall): ReadonlyMap<string, number> {
  const known = new Map<string, number>();
  for (const [at, { name }] of call.signature.dims.entries()) known.set(name, call.dims[at]!);
  let scalar = 0;
  for (const param of ir.params)
    if (param.kind === "scalar") known.set(param.name, Number(call.scalars[scalar++]));
  return known;
}

/** A new tensor, or the caller's `mut` tensor with its new elements. */
function resultOf(
  dense: Float64Array,
  dtype: Dtype,
  shape: readonly number[],
  given: Tensor | undefined,
): Tensor {
  const data = dataOf([...dense], dtype);
  if (!given) return tensor(data, shape, dtype);
  const bytes = bytesIn(data);
  const flat = { shape: given.shape, strides: contiguousStrides(given.shape), offset: 0 };
  copyElements(given.dtype, bytes, flat, (given.storage as HostStorage).bytes, given);
  return given;
}

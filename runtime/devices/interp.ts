// The interpreter as a device: slow, exact, and the definition of what every other device computes. It runs the
// IR that `compile()` returns, so it can't load compiled files.

import type { InterpretArgs, InterpretOptions, TensorArg } from "../../compiler/ir/interpret.ts";
import type { BoundCall } from "../call/bind.ts";
import type { Backend, Device, Instance, Kernels } from "../device.ts";
import { kernError } from "../error.ts";
import { loadKernels } from "../load.ts";
import { compilationOf, type CompiledSource, type KernelSource } from "../source.ts";
import { copyElements } from "../tensor/copy.ts";
import { contiguousStrides, layoutEnd, sizeOf } from "../tensor/layout.ts";
import { bytesOf, HostStorage, viewAs } from "../tensor/storage.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { tensor } from "../tensor/tensor.ts";

type Interpreted = CompiledSource["kernels"][number];

/** Opens the interpreter. It comes with the compiler, which is loaded here. */
export async function openInterpDevice(options: InterpretOptions = {}): Promise<Device> {
  const [{ interpret }, { signatureOf }] = await Promise.all([
    import("../../compiler/ir/interpret.ts"),
    import("../../compiler/signature.ts"),
  ]);

  const run = async ({ ir }: Interpreted, call: BoundCall): Promise<Map<string, Tensor>> => {
    const outcome = interpret(ir, await interpretArgs(call), options);
    const kernel = call.signature.name;
    const { span } = outcome.kind === "done" ? {} : outcome;
    if (outcome.kind === "failed") throw kernError("K0708", { kernel, message: outcome.message }, { span });
    if (outcome.kind === "fault") throw kernError("K0718", { kernel, why: outcome.why }, { span });
    return new Map(
      call.tensors.flatMap(({ param, tensor: given, layout }): [string, Tensor][] => {
        if (param.mode === "in") return [];
        const result = outcome.results[param.name]!;
        const data = result.data;
        if (!given) return [[param.name, tensor(data, layout.shape, param.dtype)]];
        const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        const flat = { shape: given.shape, strides: contiguousStrides(given.shape), offset: 0 };
        copyElements(given.dtype, bytes, flat, (given.storage as HostStorage).bytes, given);
        return [[param.name, given]];
      }),
    );
  };

  const device: Backend = {
    name: "interp",
    compileOptions: { target: [] },
    features: [],
    load: (source: KernelSource): Promise<Kernels> => loadKernels(source, device),
    async instances(source: KernelSource): Promise<readonly Instance[]> {
      const compilation = compilationOf(source);
      if (!compilation)
        throw kernError("K0714", {
          why: "the interpreter runs what `compile()` returns, not code that was compiled for a target",
        });
      return (await compilation()).kernels.map((kernel) => ({
        signature: signatureOf(kernel.typed, kernel.ir, []),
        features: [],
        run: (call) => run(kernel, call),
      }));
    },
    upload: async (given) => tensor(await given.data(), given.shape, given.dtype),
    close() {},
  };
  return device;
}

async function interpretArgs(call: BoundCall): Promise<InterpretArgs> {
  const args: Record<string, InterpretArgs[string]> = {};
  for (const { param, tensor: given, layout, copy } of call.tensors) {
    if (!given) continue;
    if (param.mode !== "in" && !(given.storage instanceof HostStorage))
      throw kernError("K0701", {
        kernel: call.signature.name,
        argument: param.name,
        expected: "a tensor on the host",
        given: "one on a device",
      });
    // What is written is a copy, which becomes the result only if the call succeeds.
    const dense = copy || param.mode !== "in";
    args[param.name] = dense
      ? {
          ...denseArg(await given.data(), given),
          shape: layout.shape,
          strides: contiguousStrides(layout.shape),
        }
      : {
          dtype: param.dtype,
          shape: layout.shape,
          strides: layout.strides,
          offset: layout.offset,
          data: await storageOf(given),
        };
  }
  let at = 0;
  for (const param of call.signature.params)
    if (param.kind === "scalar") {
      const value = call.scalars[at++]!;
      args[param.name] = param.dtype === "bool" ? value !== 0 : value;
    }
  return args;
}

function denseArg(data: TensorArg["data"] | Uint8ClampedArray, { dtype, shape }: Tensor): TensorArg {
  return { dtype, shape, strides: contiguousStrides(shape), offset: 0, data: data as TensorArg["data"] };
}

async function storageOf(given: Tensor): Promise<TensorArg["data"]> {
  if (sizeOf(given.shape) === 0) return viewAs(given.dtype, new Uint8Array(0)) as TensorArg["data"];
  const bytes = await given.storage.read(0, bytesOf(given.dtype, layoutEnd(given)));
  return viewAs(given.dtype, bytes) as TensorArg["data"];
}

// The interpreter as a device: slow, exact, and the definition of what every other device computes. It runs the
// IR that `compile()` returns, so it can't load compiled files.

import type { InterpretArgs, InterpretOptions, TensorArg } from "../../compiler/ir/interpret.ts";
import type { BoundCall, BoundTensor } from "../call/bind.ts";
import type { Backend, Device, Instance, Kernels } from "../device.ts";
import { kernError } from "../error.ts";
import { loadKernels } from "../load.ts";
import { compilationOf, type CompiledSource, type KernelSource } from "../source.ts";
import { copyElements } from "../tensor/copy.ts";
import { contiguousStrides, layoutEnd, sizeOf } from "../tensor/layout.ts";
import { bytesIn, bytesOf, HostStorage, viewAs } from "../tensor/storage.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkTensor, tensor } from "../tensor/tensor.ts";

type Interpreted = CompiledSource["kernels"][number];

/** Opens the interpreter. It comes with the compiler, which is loaded here. */
export async function openInterpDevice(options: InterpretOptions = {}): Promise<Device> {
  const [{ interpret }, { signatureOf }] = await Promise.all([
    import("../../compiler/ir/interpret.ts"),
    import("../../compiler/signature.ts"),
  ]);

  let closed = false;
  const refuseClosed = (): void => {
    if (closed) throw kernError("K0713", { what: "the device" });
  };

  const run = ({ ir }: Interpreted, call: BoundCall, data: readonly Elements[]): Map<string, Tensor> => {
    refuseClosed();
    const outcome = interpret(ir, interpretArgs(call, data), options);
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
        const bytes = bytesIn(data);
        const flat = { shape: given.shape, strides: contiguousStrides(given.shape), offset: 0 };
        copyElements(given.dtype, bytes, flat, (given.storage as HostStorage).bytes, given);
        return [[param.name, given]];
      }),
    );
  };

  const instancesOf = ({ kernels }: CompiledSource): Instance[] =>
    kernels.map((kernel) => ({
      signature: signatureOf(kernel.typed, kernel.ir, []),
      features: [],
      run: async (call) => run(kernel, call, await Promise.all(call.tensors.map(elementsOf))),
      runSync: (call) => run(kernel, call, call.tensors.map(elementsSync)),
    }));

  const device: Backend = {
    name: "interp",
    compileOptions: { target: [] },
    features: [],
    load: (source: KernelSource): Promise<Kernels> => loadKernels(source, device),
    async instances(source: KernelSource): Promise<readonly Instance[]> {
      refuseClosed();
      const compilation = compilationOf(source);
      if (!compilation)
        throw kernError("K0714", {
          why: "the interpreter runs what `compile()` returns, not code that was compiled for a target",
        });
      return instancesOf(await compilation());
    },
    instancesSync: (source) => instancesOf(source as CompiledSource),
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

/** The elements of an argument: in row-major order, or as they lie in its storage; none for one that is to be made. */
type Elements = TensorArg["data"] | undefined;

/** What is written is a copy, which becomes the result only if the call succeeds. */
const isDense = ({ copy, param, tensor: given }: BoundTensor): boolean =>
  copy || param.mode !== "in" || sizeOf(given!.shape) === 0;

async function elementsOf(bound: BoundTensor): Promise<Elements> {
  const { tensor: given } = bound;
  if (!given) return undefined;
  if (isDense(bound)) return (await given.data()) as TensorArg["data"];
  const bytes = await given.storage.read(0, bytesOf(given.dtype, layoutEnd(given)));
  return viewAs(given.dtype, bytes) as TensorArg["data"];
}

function elementsSync(bound: BoundTensor): Elements {
  const { tensor: given } = bound;
  if (!given) return undefined;
  const bytes = isDense(bound) ? undefined : given.storage.read(0, bytesOf(given.dtype, layoutEnd(given)));
  return (bytes instanceof Uint8Array ? viewAs(given.dtype, bytes) : given.dataSync()) as TensorArg["data"];
}

function interpretArgs(call: BoundCall, data: readonly Elements[]): InterpretArgs {
  const args: Record<string, InterpretArgs[string]> = {};
  call.tensors.forEach((bound, at) => {
    const { param, tensor: given, layout } = bound;
    if (!given) return;
    if (param.mode !== "in" && !(given.storage instanceof HostStorage))
      throw kernError("K0701", {
        kernel: call.signature.name,
        argument: param.name,
        expected: "a tensor on the host",
        given: "one on a device",
      });
    const { shape } = layout;
    const dense = { shape, strides: contiguousStrides(shape), offset: 0 };
    const { strides, offset } = isDense(bound) ? dense : layout;
    args[param.name] = { dtype: param.dtype, shape, strides, offset, data: data[at]! };
  });
  let at = 0;
  for (const param of call.signature.params)
    if (param.kind === "scalar") {
      const value = call.scalars[at++]!;
      args[param.name] = param.dtype === "bool" ? value !== 0 : value;
    }
  return args;
}

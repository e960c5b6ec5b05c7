// A kernel of Kern, compiled now and called through the ABI of its module, phase after phase on one thread: kernel time,
// as it is for the peers, without the runtime's binding of arguments.

import { evaluateShape, type Signature, type TensorParam } from "../../../compiler/artifact.ts";
import { checked, compile, CompileError, type Compiled } from "../../../compiler/index.ts";
import { DiagnosticSink } from "../../../lang/diagnostics/diagnostic.ts";
import { dtypeInfo, type Dtype } from "../../../lang/dtypes.ts";
import { libraryFile } from "../../../stdlib/index.ts";
import { elements, type Dense, type Inputs, type KernTask, type Numbers } from "../workload.ts";
import { NotHere, type Contestant } from "./contestant.ts";

const pageBytes = 65536;

export async function kernContestant(
  task: KernTask,
  given: Inputs,
  features: readonly string[],
): Promise<Contestant> {
  const inputs = task.inputs ? task.inputs(given) : given;
  const compiled = await compiledTask(task, features);
  const { code: binary, kernels } = compiled.artifact("wasm");
  const kernel = kernels.find(({ signature }) => fits(signature, task, inputs));
  if (!kernel) throw new NotHere("no instance fits the inputs");
  const { signature, launch, report } = kernel;
  if (launch.kind !== "wasm") throw new NotHere("not compiled for WASM");
  const value = valuesOf(signature, task, inputs);
  const { tensors, end } = place(signature, value, inputs, task);
  const workerScratch = end;
  const callScratch = aligned(workerScratch + evaluateShape(launch.workerScratch, value));
  const bytes = callScratch + evaluateShape(launch.callScratch, value);
  const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / pageBytes) + 1 });
  const { instance } = await WebAssembly.instantiate(binary as Uint8Array<ArrayBuffer>, { env: { memory } });
  const code = instance.exports[signature.instance] as (...args: (number | bigint)[]) => number;
  for (const { pointer, bytes: size, data } of tensors) {
    const own = new Uint8Array(memory.buffer, pointer, size);
    // Results too: memory that was never written reads unrealistically fast.
    if (data) own.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    else own.fill(0xff);
  }
  const common = [
    ...tensors.map(({ pointer }) => pointer),
    ...signature.dims.map(({ name }) => value(name)),
    ...tensors.flatMap(({ shape }) => steps(shape)),
    ...signature.params.flatMap((param) => (param.kind === "scalar" ? [value(param.name)] : [])),
    workerScratch,
    callScratch,
  ];
  const phases = launch.phases.map(({ extent, parallel }, phase) => [
    ...common,
    phase,
    0,
    parallel ? evaluateShape(extent, value) : 1,
  ]);
  return {
    who: "kern",
    notes: [
      ...launch.features.filter((feature) => feature !== "simd128"),
      ...report.notHonoured.map(({ annotation, why }) => `not applied: ${annotation}, ${why}`),
    ],
    run(times) {
      for (let n = 0; n < times; n++)
        for (const phase of phases) {
          const status = code(...phase);
          if (status !== 0)
            throw new NotHere(`it stops: ${signature.asserts[status - 1]?.message ?? `status ${status}`}`);
        }
    },
    async result() {
      const found = tensors.find(({ param }) => param.name === task.result);
      if (!found) throw new NotHere(`\`${task.kernel}\` has no result \`${task.result}\``);
      const { dtype } = found.param;
      const Class = classes[dtype];
      if (!Class) throw new NotHere(`results of ${dtype} are not compared`);
      const { shape } = found;
      return { dtype, shape, data: new Class(memory.buffer, found.pointer, elements(shape)).slice() };
    },
    close() {},
  };
}

const classes: Partial<Record<Dtype, new (buffer: ArrayBuffer, offset: number, length: number) => Numbers>> =
  { f32: Float32Array, i32: Int32Array, i8: Int8Array, u8: Uint8Array };

async function compiledTask(task: KernTask, features: readonly string[]): Promise<Compiled> {
  const file = "module" in task.source ? libraryFile(task.source.module) : task.source;
  if (!file)
    throw new NotHere(`the library has no module ${"module" in task.source ? task.source.module : ""}`);
  const module = checked(file, {}, new DiagnosticSink());
  if (!module.kernels.some(({ name }) => name === task.kernel))
    throw new NotHere(`${file.path} has no kernel \`${task.kernel}\``);
  try {
    const options = {
      target: "wasm",
      set: task.set,
      shape: task.shape,
      kernels: [task.kernel],
      features,
    } as const;
    return await compile(file, options);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    const first = error.diagnostics.find(({ severity }) => severity === "error");
    throw new NotHere(`it doesn’t compile: ${first?.code} ${first?.message}`);
  }
}

/** Whether an instance has the dtypes and ranks of the inputs. */
function fits({ params }: Signature, { args }: KernTask, inputs: Inputs): boolean {
  return params.every((param) => {
    const given = args[param.name];
    const dense = typeof given === "string" ? inputs[given] : undefined;
    return (
      !dense ||
      (param.kind === "tensor" && param.dtype === dense.dtype && param.shape.length === dense.shape.length)
    );
  });
}

/** Dims and scalars by name. */
function valuesOf({ dims, params }: Signature, { args }: KernTask, inputs: Inputs): (name: string) => number {
  const values = new Map<string, number>();
  for (const { name, param, axis } of dims)
    values.set(name, inputs[args[params[param]!.name]!]!.shape[axis]!);
  for (const { kind, name } of params) if (kind === "scalar") values.set(name, Number(args[name]));
  return (name) => values.get(name) ?? NaN;
}

interface Placed {
  readonly param: TensorParam;
  readonly shape: readonly number[];
  readonly pointer: number;
  readonly bytes: number;
  /** What it holds at first; absent for results. */
  readonly data?: Numbers;
}

/** Tensors one after the other, each at a multiple of 64 bytes, and at another one than its neighbours in its page. */
function place(
  { params }: Signature,
  value: (name: string) => number,
  inputs: Inputs,
  { args }: KernTask,
): { tensors: Placed[]; end: number } {
  let end = pageBytes;
  const tensors = params.flatMap((param, at): Placed[] => {
    if (param.kind !== "tensor") return [];
    const given = args[param.name];
    const dense: Dense | undefined = typeof given === "string" ? inputs[given] : undefined;
    const shape = param.shape.map((dim) => evaluateShape(dim, value));
    if (dense && shape.some((dim, axis) => dim !== dense.shape[axis]))
      throw new NotHere(`\`${param.name}\` takes ${shape.join("×")}, not ${dense.shape.join("×")}`);
    const bytes = Math.ceil((elements(shape) * dtypeInfo(param.dtype).bits) / 8);
    const pointer = aligned(end) + 64 * at;
    end = pointer + bytes + 64;
    return [{ param, shape, pointer, bytes, data: dense?.data }];
  });
  return { tensors, end: aligned(end) };
}

/** Strides of a dense tensor. */
function steps(shape: readonly number[]): number[] {
  return shape.map((_, axis) => elements(shape.slice(axis + 1)));
}

function aligned(address: number): number {
  return Math.ceil(address / 64) * 64;
}

// A user's kernels as kernels and ops of TensorFlow.js. Shapes and dtypes of results come from a kernel's signature, its gradient from a
// backward kernel whose parameters say by their names what they are, and converted graph models find it by its name.

import type { ScalarParam, Signature, TensorParam } from "../../compiler/artifact.ts";
import { describeGiven } from "../../lang/diagnostics/given.ts";
import { isWide } from "../../lang/dtypes.ts";
import { syncCall } from "../call/sync.ts";
import type { Backend, Device, SyncKernel } from "../device.ts";
import { kernError } from "../error.ts";
import { artifactOf, compilationOf, type CompiledSource, type KernelSource } from "../source.ts";
import { openMachines, type Machine, type Machines } from "./machine.ts";
import {
  dtypes,
  type BackendName,
  type KernelFunc,
  type TensorInfo,
  type TfTensor,
  type Tfjs,
} from "./types.ts";

/** Scalar arguments, by name. */
export type Scalars = Readonly<Record<string, number | boolean>>;

/** A user's kernel as an op: tensors and scalars by the names of its parameters, results by the names of its `out`s. */
export type KernOp = (
  inputs: Readonly<Record<string, TfTensor>>,
  scalars?: Scalars,
) => Record<string, TfTensor>;

/** What an op of a graph model sees of its node. */
interface ModelNode {
  readonly inputs: TfTensor[];
  readonly attrs: Readonly<Record<string, unknown>>;
}

export interface OpOptions {
  /** On which backend the kernels run. */
  readonly backend: BackendName;
  /** For the backend `cpu`, a device, `wasm` or `interp`; one of their own if nothing is said. */
  readonly device?: Device;
  /**
   * By the name of a kernel, the one that computes its gradient. That one's parameters are any of the first one's inputs (`x`), scalars
   * and results (`y`), the gradients of results (`d_y`), and, as results of its own, the gradients of inputs (`out d_x`).
   */
  readonly gradients?: Readonly<Record<string, string>>;
  /** `registerOp` of `@tensorflow/tfjs-converter`: makes the kernels ops of converted graph models as well. */
  readonly registerOp?: (name: string, op: (node: ModelNode) => TfTensor | TfTensor[]) => void;
}

/**
 * Registers every kernel of a compiled source that has an `@op`, and those named as gradients, under the name behind `::` or, without one,
 * the kernel's own. In a graph model, inputs come in the order of the tensor parameters and scalars from the attributes of
 * their names. Gives the ops by the kernels' names.
 */
export async function registerOps(
  tf: Tfjs,
  source: KernelSource,
  options: OpOptions,
): Promise<Record<string, KernOp>> {
  const machines = await openMachines(tf, options?.backend, options?.device);
  const compiled = await compilationOf(source)?.();
  const signatures = options.device
    ? (await loaded(options.device, source)).map(({ signature }) => signature)
    : artifactOf(source, options.backend === "webgpu" ? "wgsl" : "wasm").kernels.map(
        ({ signature }) => signature,
      );
  const named = new Map(signatures.toReversed().map((signature) => [signature.name, signature]));
  const gradients = options.gradients ?? {};
  const wanted = new Set([...named.values()].filter(({ op }) => op !== undefined).map(({ name }) => name));
  for (const name of Object.entries(gradients).flat()) {
    if (!named.has(name)) throw kernError("K0724", { kernel: name, why: "the source has no such kernel" });
    wanted.add(name);
  }
  const kernels = new UserKernels(machines, source, compiled);
  const ops: Record<string, KernOp> = {};
  for (const name of wanted) ops[name] = register(tf, named.get(name)!, kernels, options);
  for (const [name, backward] of Object.entries(gradients))
    registerGradient(tf, named.get(name)!, named.get(backward)!, ops[backward]!);
  return ops;
}

async function loaded(device: Device, source: KernelSource): Promise<readonly { signature: Signature }[]> {
  if (!("instances" in device)) return [];
  return (device as Backend).instances(source);
}

/** Kernels of a source on each machine that they are called on. */
class UserKernels {
  private readonly machines: Machines;
  private readonly source: KernelSource;
  private readonly compiled: CompiledSource | undefined;
  private readonly calls = new WeakMap<Machine, Map<string, SyncKernel>>();

  constructor(machines: Machines, source: KernelSource, compiled: CompiledSource | undefined) {
    this.machines = machines;
    this.source = source;
    this.compiled = compiled;
  }

  run(signature: Signature, { inputs, attrs = {}, backend }: Parameters<KernelFunc>[0]): TensorInfo[] {
    const machine = this.machines.for(backend);
    const args: Record<string, ReturnType<Machine["memory"]["read"]> | number | bigint | boolean> = {};
    for (const { name } of inputsOf(signature)) {
      const info = inputs[name];
      if (info) args[name] = machine.memory.read(info);
    }
    for (const { name, dtype } of scalarsOf(signature)) {
      const value = attrs[name];
      if (typeof value === "number" || typeof value === "boolean")
        args[name] =
          dtype === "bool" ? Boolean(value) : isWide(dtype) ? BigInt(Number(value)) : Number(value);
    }
    const results = this.on(machine, signature.name)(args);
    return outputsOf(signature).map(({ name }) =>
      machine.memory.publish(results[name]!, results[name]!.shape, results[name]!.dtype),
    );
  }

  private on(machine: Machine, name: string): SyncKernel {
    let calls = this.calls.get(machine);
    if (!calls) {
      const { device } = machine.kernels;
      const instances = device.instancesSync(this.compiled ?? this.source);
      calls = new Map(
        [...new Set(instances.map(({ signature }) => signature.name))].map((each) => [
          each,
          syncCall(
            { name: each, device, instances: instances.filter(({ signature }) => signature.name === each) },
            this.compiled,
          ),
        ]),
      );
      this.calls.set(machine, calls);
    }
    return calls.get(name)!;
  }
}

const tensorsOf = ({ params }: Signature): TensorParam[] => params.filter((param) => param.kind === "tensor");
const inputsOf = (signature: Signature): TensorParam[] =>
  tensorsOf(signature).filter(({ mode }) => mode !== "out");
const outputsOf = (signature: Signature): TensorParam[] =>
  tensorsOf(signature).filter(({ mode }) => mode === "out");
const scalarsOf = ({ params }: Signature): ScalarParam[] => params.filter((param) => param.kind === "scalar");

/** The name that TensorFlow.js knows a kernel by. */
const tfName = ({ op, name }: Signature): string => op?.split("::").at(-1) ?? name;

function register(tf: Tfjs, signature: Signature, kernels: UserKernels, options: OpOptions): KernOp {
  const kernel = signature.name;
  const refuse = (why: string) => kernError("K0724", { kernel, why });
  const changed = tensorsOf(signature).find(({ mode }) => mode === "mut");
  if (changed)
    throw refuse(`it changes \`${changed.name}\` in place, and tensors of TensorFlow.js don’t change`);
  const foreign = outputsOf(signature).find(({ dtype }) => !["f32", "i32", "bool"].includes(dtype));
  if (foreign) throw refuse(`TensorFlow.js has no tensors of ${foreign.dtype}, which \`${foreign.name}\` is`);
  const truth = tensorsOf(signature).find(({ dtype }) => dtype === "bool");
  if (truth && options.backend === "webgpu")
    throw refuse(`\`${truth.name}\` is of bool, which the backend webgpu keeps as words of 32 bits`);
  const kernelName = tfName(signature);
  const backendName: string = options.backend;
  if (tf.getKernel(kernelName, backendName)) tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({ kernelName, backendName, kernelFunc: (call) => kernels.run(signature, call) });
  const op: KernOp = (inputs, scalars = {}) => {
    checkGiven(signature, inputs, scalars);
    const results = [tf.engine().runKernel(kernelName, { ...inputs }, { ...scalars })].flat() as TfTensor[];
    return Object.fromEntries(outputsOf(signature).map(({ name }, at) => [name, results[at]!]));
  };
  options.registerOp?.(kernelName, ({ inputs, attrs }) => {
    const given = Object.fromEntries(inputsOf(signature).map(({ name }, at) => [name, inputs[at]!]));
    const scalars = scalarsOf(signature).flatMap(({ name }): [string, number | boolean][] => {
      const value = attrs[name];
      return typeof value === "number" || typeof value === "boolean" ? [[name, value]] : [];
    });
    let results = Object.values(op(given, Object.fromEntries(scalars)));
    if (signature.opInputs?.fold) {
      const [first, second] = inputsOf(signature).map(({ name }) => name) as [string, string];
      for (const more of inputs.slice(2))
        results = Object.values(op({ [first]: results[0]!, [second]: more }, Object.fromEntries(scalars)));
    }
    return results.length === 1 ? results[0]! : results;
  });
  return op;
}

/** Refuses what isn't a living tensor of a dtype that both sides have, and names that no parameter has. */
function checkGiven(signature: Signature, inputs: Readonly<Record<string, unknown>>, scalars: Scalars): void {
  const kernel = signature.name;
  const wrong = [inputs, scalars].findIndex((given) => typeof given !== "object" || given === null);
  if (wrong >= 0)
    throw kernError("K0719", {
      option: kernel,
      expected: "an object of tensors by name, and one of numbers",
      given: describeGiven([inputs, scalars][wrong]),
    });
  const params = [...inputsOf(signature), ...scalarsOf(signature)];
  const named = [
    ...Object.keys(inputs).map((name) => ["tensor", name] as const),
    ...Object.keys(scalars).map((name) => ["scalar", name] as const),
  ];
  for (const [kind, argument] of named) {
    if (params.some((param) => param.name === argument && param.kind === kind)) continue;
    const names = params.map(({ name }) => `\`${name}\``).join(", ");
    if (params.some(({ name }) => name === argument))
      throw kernError("K0701", {
        kernel,
        argument,
        expected: kind === "tensor" ? "a number, in the second object," : "a tensor, in the first object,",
        given: kind === "tensor" ? "it in the first" : "it in the second",
      });
    throw kernError("K0703", { kernel, argument }, { notes: [`its parameters are ${names}`] });
  }
  for (const [argument, given] of Object.entries(inputs)) {
    if (given === undefined || given === null) continue;
    const { dataId, dtype, isDisposed } = given as Partial<TfTensor>;
    const expected = "a tensor of TensorFlow.js";
    if (typeof dataId !== "object" || dtype === undefined)
      throw kernError("K0701", { kernel, argument, expected, given: describeGiven(given) });
    if (isDisposed) throw kernError("K0713", { what: `the tensor given as \`${argument}\`` });
    if (!(dtype in dtypes))
      throw kernError("K0701", {
        kernel,
        argument,
        expected: `${expected} of float32, int32 or bool`,
        given: `one of ${dtype}`,
      });
  }
}

/** The gradient of a kernel by another, whose parameters are found by their names. */
function registerGradient(tf: Tfjs, forward: Signature, backward: Signature, op: KernOp): void {
  const names = (params: readonly { name: string }[]) => params.map(({ name }) => name);
  const [inputs, outputs, scalars] = [
    names(inputsOf(forward)),
    names(outputsOf(forward)),
    names(scalarsOf(forward)),
  ];
  const refuse = (name: string) =>
    kernError("K0724", {
      kernel: backward.name,
      why: `as the gradient of \`${forward.name}\` it has no use for \`${name}\``,
    });
  const taken = [...inputs, ...outputs, ...outputs.map((name) => `d_${name}`)];
  for (const name of names(inputsOf(backward))) if (!taken.includes(name)) throw refuse(name);
  for (const name of names(scalarsOf(backward))) if (!scalars.includes(name)) throw refuse(name);
  const given = inputs.filter((name) => names(outputsOf(backward)).includes(`d_${name}`));
  for (const name of names(outputsOf(backward)))
    if (!given.includes(name.replace(/^d_/, ""))) throw refuse(name);
  tf.registerGradient({
    kernelName: tfName(forward),
    inputsToSave: inputs,
    outputsToSave: outputs.map(() => true),
    gradFunc: (dy, saved, attributes) => {
      const all = new Map<string, TfTensor>(
        [...inputs, ...outputs].map((name, at): [string, TfTensor] => [name, saved[at]!]),
      );
      outputs.forEach((name, at) => all.set(`d_${name}`, [dy].flat()[at] as TfTensor));
      const args = Object.fromEntries(names(inputsOf(backward)).map((name) => [name, all.get(name)!]));
      const numbers = Object.fromEntries(
        names(scalarsOf(backward)).map((name) => [name, attributes[name] as number]),
      );
      // One call for all of them, made here: what is made where one is asked for is disposed of before the next one is.
      const made = op(args, numbers);
      return Object.fromEntries(given.map((name) => [name, () => made[`d_${name}`]!]));
    },
  });
}

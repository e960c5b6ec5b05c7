// A model's node as a call of a kernel: inputs go to tensor parameters in order, attributes to numbers by name, and the attributes that
// are compile-time parameters of an instance must have the values that it was compiled for. A kernel may say which inputs it takes, all
// others being left out, or that it folds any number of them two at a time. Graphs and adapters share it.

import { evaluateShape, type ShapeExpr, type Signature, type TensorParam } from "../../compiler/artifact.ts";
import type { Dtype } from "../../lang/dtypes.ts";
import type { Device, Kernel } from "../device.ts";
import type { Candidate, OpRegistry } from "./registry.ts";
import { preferred } from "./specificity.ts";

/** What a choice among kernels needs to know of a node. */
export interface NodeDescription {
  readonly inputs: readonly (InputDescription | undefined)[];
  /** How many outputs it names. */
  readonly outputs: number;
  /** Numbers, texts and lists of them; other values fit no parameter. */
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface InputDescription {
  readonly dtype: Dtype;
  /** Undefined where not even the rank is known before the call; sizes that aren't are undefined, or names. */
  readonly shape: readonly (number | string | undefined)[] | undefined;
}

/** Which kernel carries a node out, and how it is called. */
export interface NodeCall {
  readonly kernel: Kernel;
  readonly signature: Signature;
  /** Parameters of the inputs, in order. */
  readonly given: readonly TensorParam[];
  /** By such parameter, the number of the node's input. */
  readonly numbers: readonly number[];
  /** Numbers of inputs that further calls fold into the result, one each: the result comes first, the input second. */
  readonly further: readonly number[];
  /** Parameters of the outputs, in order. */
  readonly results: readonly TensorParam[];
  /** Arguments that come from attributes. */
  readonly scalars: Readonly<Record<string, number>>;
}

/** `test::Twice`; ONNX's own operators are registered as `ai.onnx::Relu`. */
export function registeredName(domain: string, op: string): string {
  return `${domain === "" ? "ai.onnx" : domain}::${op}`;
}

/** Kernels that users registered under a name, on a device. */
export function userKernels(registry: OpRegistry, name: string, device: Device): Kernel[] {
  return registry
    .candidatesFor(name)
    .flatMap(({ kernel, builtin }) => (!builtin && kernel.device === device ? [kernel] : []));
}

/** Why there is no call: of each kernel, why it doesn't take the node, or which of them can't be told apart. */
export interface NoCall {
  readonly reasons: readonly string[];
  /** Several kernels take it. */
  readonly ambiguous: boolean;
}

/** The most specific kernel that takes a node. */
export function nodeCall(kernels: readonly Kernel[], node: NodeDescription): NodeCall | NoCall {
  const reasons: string[] = [];
  const calls: NodeCall[] = [];
  for (const kernel of kernels)
    for (const signature of kernel.instances) {
      const found = callOf(kernel, signature, node);
      if (typeof found === "string") reasons.push(`\`${signature.instance}\`: ${found}`);
      else if (calls.every((call) => call.kernel !== kernel)) calls.push(found);
    }
  const candidate = ({ kernel }: NodeCall): Candidate => ({ kernel, builtin: false });
  const best = calls.filter(
    (call) => !calls.some((other) => preferred(candidate(other), candidate(call), new Set())),
  );
  const [only] = best;
  if (only && best.length === 1) return only;
  const rivals = best.map(({ kernel }) => `\`${kernel.kernelName}\``);
  return only
    ? { reasons: [`${rivals.join(" and ")} both do, and neither is more specific`], ambiguous: true }
    : { reasons: [...new Set(reasons)], ambiguous: false };
}

function callOf(kernel: Kernel, signature: Signature, node: NodeDescription): NodeCall | string {
  const tensors = signature.params.filter((param) => param.kind === "tensor");
  const given = tensors.filter(({ mode }) => mode !== "out");
  const results = tensors.filter(({ mode }) => mode === "out");
  if (tensors.some(({ mode }) => mode === "mut")) return "it changes an argument, which a node can’t do";
  const { numbers = given.map((_, at) => at), fold } = signature.opInputs ?? {};
  const there = node.inputs.flatMap((input, at) => (input ? [at] : []));
  const further = fold ? there.slice(given.length) : [];
  const taken = there.slice(0, there.length - further.length);
  const absent = numbers.findIndex((number) => !taken.includes(number));
  if (absent >= 0 && numbers[absent]! < node.inputs.length) return `\`${given[absent]!.name}\` is left out`;
  if (absent >= 0 || taken.length !== given.length)
    return `it takes ${inputsText(signature, given.length)}, and the node has ${counted(there.length, "input")}`;
  if (node.outputs > results.length)
    return `it gives ${counted(results.length, "tensor")}, and the node has ${counted(node.outputs, "output")}`;
  const meetings = [
    ...given.map((param, at) => [param, numbers[at]!] as const),
    ...further.map((number) => [given[1]!, number] as const),
  ];
  for (const [param, number] of meetings) {
    const input = node.inputs[number]!;
    const rank = input.shape?.length ?? param.shape.length;
    if (input.dtype !== param.dtype || rank !== param.shape.length)
      return `\`${param.name}\` is a tensor of ${param.dtype} with ${counted(param.shape.length, "dimension")}, not of ${input.dtype} with ${rank}`;
  }
  const attributes = flattened(node.attributes);
  const scalars: Record<string, number> = {};
  for (const param of signature.params) {
    if (param.kind !== "scalar") continue;
    const value = attributes.get(param.name);
    if (typeof value !== "number") {
      const given = node.attributes[param.name];
      if (given === undefined) return `the node has no number \`${param.name}\` among its attributes`;
      return `it takes a number as \`${param.name}\`, and the node’s attribute is ${attributeText(given)}`;
    }
    scalars[param.name] = value;
    attributes.delete(param.name);
  }
  for (const [name, value] of attributes) {
    const compiled = Object.hasOwn(signature.comptime, name) ? signature.comptime[name] : undefined;
    if (compiled === undefined) return `it has no parameter for the attribute \`${name}\``;
    if (!same(compiled, value))
      return `it was compiled for \`${name}\` = ${compiled}, and the node says ${String(value)}; \`compile(source, { set: { ${name}: ${JSON.stringify(value)} } })\` makes one for that`;
  }
  const misfit = misfitOf(
    signature,
    given.map((param, at) => [param, node.inputs[numbers[at]!]!]),
    scalars,
  );
  if (misfit !== undefined) return misfit;
  return { kernel, signature, given, numbers, further, results, scalars };
}

/** What sizes that are known say against a kernel: a size that its parameters have otherwise, or a clause that doesn't hold. */
function misfitOf(
  signature: Signature,
  given: readonly (readonly [TensorParam, InputDescription])[],
  scalars: Readonly<Record<string, number>>,
): string | undefined {
  const known = new Map(Object.entries(scalars));
  for (const { name, param, axis } of signature.dims) {
    const size = given.find(([each]) => each === signature.params[param])?.[1].shape?.[axis];
    if (typeof size === "number") known.set(name, size);
  }
  const valueOf = (expr: ShapeExpr): number | undefined => {
    const names = namesIn(expr);
    return names.every((name) => known.has(name))
      ? evaluateShape(expr, (name) => known.get(name)!)
      : undefined;
  };
  for (const [param, { shape = [] }] of given)
    for (const [axis, size] of shape.entries()) {
      const wanted = valueOf(param.shape[axis]!);
      if (typeof size === "number" && wanted !== undefined && wanted !== size)
        return `size ${axis} of \`${param.name}\` is ${wanted}, not ${size}`;
    }
  const broken = signature.constraints.find(({ expr }) => valueOf(expr) === 0);
  if (!broken) return undefined;
  const sizes = namesIn(broken.expr).map((name) => `${name} = ${known.get(name)}`);
  return `it asks for \`${broken.text}\`, and ${[...new Set(sizes)].join(", ")}`;
}

const namesIn = (expr: ShapeExpr): string[] => {
  if (typeof expr === "number") return [];
  return typeof expr === "string" ? [expr] : (expr.slice(1) as ShapeExpr[]).flatMap(namesIn);
};

function attributeText(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === "string" ? `the text ${JSON.stringify(value)}` : "a tensor or a graph";
}

function inputsText({ opInputs }: Signature, count: number): string {
  if (opInputs?.numbers) return `the inputs ${opInputs.numbers.join(", ")}`;
  return opInputs?.fold ? `${count} tensors or more` : counted(count, "tensor");
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

/** Lists are numbers by place: `strides` of [2, 1] is `strides_0` = 2 and `strides_1` = 1. */
function flattened(attributes: NodeDescription["attributes"]): Map<string, unknown> {
  const flat = new Map<string, unknown>();
  for (const [name, value] of Object.entries(attributes))
    if (Array.isArray(value)) value.forEach((each, at) => flat.set(`${name}_${at}`, each));
    else flat.set(name, value);
  return flat;
}

/** Whether a printed compile-time value is an attribute's; ONNX says 0 and 1 for booleans. */
function same(compiled: string, value: unknown): boolean {
  if (compiled === "true" || compiled === "false") return (compiled === "true") === (value === 1);
  return typeof value === "number"
    ? Number(compiled) === value || Math.fround(Number(compiled)) === value
    : compiled === value;
}

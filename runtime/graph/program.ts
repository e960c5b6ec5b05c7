// What a graph becomes once its shapes are known: a list of steps over values. An operator is built of these few kinds of
// step, so that folding, fusion, memory planning and execution know kinds of step, and no operators.
//
//   map     each element of the result from the elements of the inputs at the same place: what fuses
//   kernel  the body of a Kern kernel, with a place where a map can be hung on its result
//   call    a kernel that a user registered
//
// A value that only looks at another's elements in another shape has no step: it is an alias.

import type { Dtype } from "../../lang/dtypes.ts";
import type { Kernel } from "../device.ts";
import type { Layout } from "../tensor/layout.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A tensor of a program: its elements lie in row-major order without gaps. */
export interface Value {
  readonly id: number;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** What computes it; absent for inputs, given constants and aliases. */
  step?: Step;
  /** The value whose elements these are, where only the shape differs. */
  alias?: Value;
  /** Its elements don't depend on any input. */
  readonly fixed: boolean;
  /** The elements, on the host: given, or computed when they were first asked for. */
  constant?: Tensor;
  /** The name that the model gives it. */
  name?: string;
  /** The same elements with axis 1, the channels, behind the others, where something computes them in that order. */
  last?: Value;
  /** What it was joined of along an axis: who wants one part reads that. */
  joined?: Joined;
  /** What its elements were rounded from, where a node quantized them. */
  rounded?: Rounded;
  /** The integers that its elements stand for, where a node dequantized them: products and convolutions take these. */
  integers?: Integers;
}

/** Values one behind the other along an axis. */
export interface Joined {
  readonly axis: number;
  readonly parts: readonly Value[];
}

/** What integers were rounded from: x / scale + zero. */
export interface Rounded {
  readonly x: Value;
  readonly scale: Value;
  readonly zero: Value | undefined;
}

/** Small integers q that stand for (q - zero) · scale. */
export interface Integers {
  readonly q: Value;
  readonly scale: Value;
  readonly zero: Value | undefined;
  /** The axis that has a scale for each place; undefined where one serves all. */
  readonly axis: number | undefined;
  /** Places of the axis that share a scale, where that is more than one. */
  readonly block?: number;
  /** The same numbers as floats that never were integers, where that has been asked for. */
  floats?: Value;
}

/** A value as a step reads it: whole, or the part of its elements that a layout shows. */
export interface Input {
  readonly value: Value;
  /** In elements of the value; the shape must be what the step expects. */
  readonly view?: Layout;
}

/** A name to import from a module of the library. */
export interface Import {
  readonly module: string;
  readonly name: string;
}

/** One operation on elements. */
export interface MapOp {
  /** A Kern expression in which `$0`, `$1`, … stand for the operands, and `$T` for the dtype of the result. */
  readonly text: string;
  /** Inputs of the step by position, or earlier operations of it. */
  readonly operands: readonly Operand[];
  readonly dtype: Dtype;
  readonly imports: readonly Import[];
  /** The node of the model that it comes from. */
  readonly origin: string;
}

export type Operand = { readonly input: number } | { readonly op: number };

interface StepBase {
  /** The node that it was built for, for messages, profiles and pictures. */
  readonly origin: string;
  readonly outputs: readonly Value[];
}

export interface MapStep extends StepBase {
  readonly kind: "map";
  /** Broadcast to the shape of the outputs. */
  readonly inputs: readonly Input[];
  readonly ops: readonly MapOp[];
  /** Which operation each output holds. */
  readonly results: readonly number[];
}

/** A parameter of a generated kernel that is a tensor; sizes are names of dimensions, or numbers. */
export interface TensorSlot {
  readonly name: string;
  readonly dims: readonly (string | number)[];
}

/** A parameter that is a number. */
export interface ScalarSlot {
  readonly name: string;
  readonly dtype: Dtype;
  readonly value: number | bigint;
}

export interface KernelCode {
  /** What to call the kernel; names its file in messages. */
  readonly name: string;
  readonly imports: readonly Import[];
  /** Of the step's inputs, in order. */
  readonly inputs: readonly TensorSlot[];
  readonly scalars: readonly ScalarSlot[];
  /** Of the step's outputs, in order. Sizes that no input shows are scalars in lower case. */
  readonly outputs: readonly TensorSlot[];
  /** A condition on dimensions and scalars that holds for every call. */
  readonly where?: string;
  /** Helper definitions at the top of the file. */
  readonly defs?: string;
  /**
   * Statements, a line each, indented from 0. `READ(x, i, j)` is an element of the input `x`, as the kernel needs it: where fusion has
   * put a map before the kernel, it is computed there. `EPILOGUE` and `POST(v, i, j)` are replaced too, see `hook`.
   */
  readonly body: readonly string[];
  /**
   * Where the kernel lets a function change the elements of its first output before they are stored. `EPILOGUE` in the body is a
   * compile-time argument `, epilogue=post`, or nothing, in brackets alone with or without these, and `POST(v, i, j)` is `post(v, i, j)`, or
   * `v`; the function takes the element and this many indices, those of the output. Where it `converts`, the result may have another dtype.
   */
  readonly hook?: { readonly indices: number; readonly converts?: boolean };
  /** The output is the inputs one behind the other in memory: nothing is to be done where what makes them puts them there. */
  readonly joins?: boolean;
}

export interface KernelStep extends StepBase {
  readonly kind: "kernel";
  readonly inputs: readonly Input[];
  readonly code: KernelCode;
  /** Operations on the first output's elements, where fusion has hung some on it. Input 0 is that element. */
  readonly epilogue?: Attached;
  /** By input: what computes its elements, where fusion has put that before the kernel. */
  readonly prologues?: ReadonlyMap<number, Attached>;
}

/** A map inside a kernel. Its inputs have the rank of the tensor that they belong to; the last operation is the result. */
export type Attached = Pick<MapStep, "inputs" | "ops">;

export interface CallStep extends StepBase {
  readonly kind: "call";
  readonly kernel: Kernel;
  readonly inputs: readonly Input[];
  /** Names of parameters, of the inputs and of the outputs. */
  readonly parameters: readonly string[];
  readonly results: readonly string[];
  /** Arguments that are numbers, by name. */
  readonly scalars: Readonly<Record<string, number>>;
}

export type Step = MapStep | KernelStep | CallStep;

/** The value whose storage holds these elements. */
export function rootOf(value: Value): Value {
  let root = value;
  while (root.alias) root = root.alias;
  return root;
}

/** Every tensor that a step reads, those of its epilogue and prologues included. */
export function inputsOf(step: Step): readonly Input[] {
  if (step.kind !== "kernel") return step.inputs;
  const own = step.inputs.flatMap((input, at) => step.prologues?.get(at)?.inputs ?? [input]);
  return [...own, ...(step.epilogue?.inputs.slice(1) ?? [])];
}

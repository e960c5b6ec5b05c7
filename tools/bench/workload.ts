// A workload as data: its inputs, what the right result is, how much work it is, which Kern kernel does it, and what
// each peer is asked to do for the same. The machinery knows workloads by these fields alone.

import type { Dtype } from "../../lang/dtypes.ts";
import { random, type RandomOptions } from "../../runtime/random.ts";
import type { Jax, JaxArray } from "./contestants/jax.ts";
import type { OnnxNode } from "./contestants/onnx-model.ts";
import type { Tf, TfTensor } from "./contestants/tfjs.ts";

export type Numbers = Float32Array | Int8Array | Uint8Array | Int16Array | Int32Array | BigInt64Array;

/** A dense tensor, row-major; below 8 bits packed as Kern has it, lowest bits first. */
export interface Dense {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: Numbers;
}
export type Inputs = Readonly<Record<string, Dense>>;

/** What the engine could at best do with this work; measured beside the contestants. */
export type Limit =
  /** So many multiplications and additions, as f32 vectors. */
  | { readonly kind: "muladd"; readonly flops: number }
  /** Bytes that must be read once, and bytes that must be written. */
  | { readonly kind: "stream"; readonly read: number; readonly written: number };

export interface KernTask {
  /** A module of the library, or a source of its own. */
  readonly source: { readonly module: string } | { readonly path: string; readonly text: string };
  readonly kernel: string;
  /** Inputs in the layout that the kernel wants; those of the workload if absent. */
  readonly inputs?: (inputs: Inputs) => Inputs;
  /** Inputs by the kernel's argument names, and scalars. */
  readonly args: Readonly<Record<string, string | number>>;
  /** The argument that holds the result. */
  readonly result: string;
  readonly set?: Readonly<Record<string, string | number | boolean>>;
  /** Dims that an application would know when it compiles, such as the size of a filter. */
  readonly shape?: Readonly<Record<string, number>>;
}

export interface OnnxTask {
  readonly nodes: readonly OnnxNode[];
  /** Name of the value to compare. */
  readonly result: string;
  /** Inputs in the layout that the operators want; those of the workload if absent. */
  readonly inputs?: (inputs: Inputs) => Inputs;
  /** From the peer's result to the workload's order of elements. */
  readonly canonical?: (result: Dense) => Dense;
}
export interface TfjsTask {
  readonly inputs?: (inputs: Inputs) => Inputs;
  readonly run: (tf: Tf, inputs: Readonly<Record<string, TfTensor>>) => TfTensor;
  readonly canonical?: (result: Dense) => Dense;
}
export interface JaxTask {
  /** Traced once; arrays are consumed as jax-js wants it: `.ref` for every use but the last. */
  readonly run: (jax: Jax, inputs: Readonly<Record<string, JaxArray>>) => JaxArray;
}

export interface Workload {
  readonly name: string;
  /** How many times as fast as the fastest peer Kern wants to be; the second number where the engine has relaxed SIMD. */
  readonly goal: number | readonly [number, number];
  /** Floating-point or integer operations, where counting them says something. */
  readonly operations?: number;
  readonly limit?: Limit;
  readonly inputs: () => Promise<Inputs>;
  readonly output: { readonly shape: readonly number[] };
  /** The element at a place of the row-major result, from f64 arithmetic (integers exactly). */
  readonly reference: (inputs: Inputs) => (at: number) => number;
  /** |a - b| <= absolute + relative |b|; both 0 where results are exact. */
  readonly tolerance: { readonly relative: number; readonly absolute: number };
  /** Peers get the fastest of several ways to say the same. */
  readonly kern: KernTask;
  readonly onnx?: readonly OnnxTask[];
  readonly tfjs?: readonly TfjsTask[];
  readonly jax?: readonly JaxTask[];
}

/** Seeded random elements. */
export async function randomInput(
  dtype: Dtype,
  shape: readonly number[],
  options: RandomOptions,
): Promise<Dense> {
  const data = (await random(dtype, shape, options).data()) as Numbers;
  return { dtype, shape, data };
}

/** A copy with the axes in another order. */
export function permuted({ dtype, shape, data }: Dense, axes: readonly number[]): Dense {
  const to = axes.map((axis) => shape[axis]!);
  const steps = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const along = axes.map((axis) => steps[axis]!);
  const result = data.slice();
  const index = to.map(() => 0);
  let from = 0;
  for (let at = 0; at < result.length; at++) {
    result[at] = data[from]!;
    for (let axis = to.length - 1; axis >= 0; axis--) {
      from += along[axis]!;
      if (++index[axis]! < to[axis]!) break;
      from -= along[axis]! * to[axis]!;
      index[axis] = 0;
    }
  }
  return { dtype, shape: to, data: result };
}

/** The same elements under another shape. */
export function reshaped({ dtype, data }: Dense, shape: readonly number[]): Dense {
  return { dtype, shape, data };
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

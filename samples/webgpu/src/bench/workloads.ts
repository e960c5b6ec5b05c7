// What is measured: kernels of the standard library with the inputs of one call, at a size for a GPU and at one for a look.

import type { Dtype, Tensor } from "kernc/runtime";
import { tensor } from "kernc/runtime";
import attention from "../../../../stdlib/attention.kern?raw";
import activations from "../../../../stdlib/activations.kern?raw";
import convolution from "../../../../stdlib/convolution.kern?raw";
import linalg from "../../../../stdlib/linalg.kern?raw";
import normalization from "../../../../stdlib/normalization.kern?raw";
import quantized from "../../../../stdlib/quantized.kern?raw";

export interface Workload {
  readonly name: string;
  readonly kernel: string;
  readonly source: { readonly path: string; readonly text: string };
  readonly set?: Readonly<Record<string, string | number>>;
  /** Sizes that are compiled in: those of arrays must be known to a shader. */
  readonly shape?: Readonly<Record<string, number>>;
  readonly args: Readonly<Record<string, Tensor | number>>;
  readonly result: string;
  /** Of one call: multiplications and additions, where they say something; bytes of its tensors. */
  readonly operations?: number;
  readonly bytes: number;
}

let state = 1;

/** Numbers from -1 to 1, the same in every run. */
function random(shape: readonly number[], dtype: Dtype = "f32"): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
  return dtype === "f32" ? tensor(values, shape) : tensor(Array.from(values), shape, dtype);
}

/** Small whole numbers. */
function integers<A extends Int8Array | Uint8Array>(into: A, shape: readonly number[], from: number): Tensor {
  for (let at = 0; at < into.length; at++) into[at] = from + ((at * 37) % 61);
  return tensor(into, shape);
}

const file = (name: string, text: string) => ({ path: `std/${name}.kern`, text });

/** `full` is work for a GPU; the small sizes are for a look at the page. */
export function workloads(full: boolean, half: boolean): Workload[] {
  const n = full ? 1024 : 64;
  const rows = full ? 4096 : 64;
  const many = full ? 2 ** 22 : 2 ** 12;
  const [heads, length] = full ? [8, 512] : [2, 32];
  const [channels, image] = full ? [64, 56] : [8, 12];
  const product = { source: file("linalg", linalg), kernel: "matmul", result: "c", operations: 2 * n ** 3 };
  return [
    {
      ...product,
      name: `matmul ${n}³`,
      args: { a: random([n, n]), b: random([n, n]) },
      bytes: 12 * n * n,
    },
    ...(half
      ? [
          {
            ...product,
            name: `matmul ${n}³, f16`,
            set: { T: "f16" },
            args: { a: random([n, n], "f16"), b: random([n, n], "f16") },
            bytes: 6 * n * n,
          },
        ]
      : []),
    {
      name: `int8 matmul ${n}³`,
      source: file("quantized", quantized),
      kernel: "int8_matmul",
      args: {
        a: integers(new Uint8Array(n * n), [n, n], 0),
        b: integers(new Int8Array(n * n), [n, n], -30),
      },
      result: "c",
      operations: 2 * n ** 3,
      bytes: 6 * n * n,
    },
    {
      name: `matrix × vector ${rows}²`,
      source: file("linalg", linalg),
      kernel: "gemv",
      args: { a: random([rows, rows]), x: random([rows]) },
      result: "y",
      operations: 2 * rows * rows,
      bytes: 4 * rows * rows,
    },
    {
      name: `conv2d 3×3, ${channels} → ${channels} at ${image}²`,
      source: file("convolution", convolution),
      kernel: "conv2d",
      set: { P: 1 },
      args: {
        x: random([1, channels, image, image]),
        w: random([channels, channels, 3, 3]),
        bias: random([channels]),
      },
      result: "y",
      operations: 18 * channels * channels * image * image,
      bytes: 8 * channels * image * image + 36 * channels * channels,
    },
    {
      name: `softmax ${n} × ${n}`,
      source: file("normalization", normalization),
      kernel: "softmax",
      args: { x: random([n, n]) },
      result: "y",
      bytes: 8 * n * n,
    },
    {
      name: `layer norm ${n} × ${n}`,
      source: file("normalization", normalization),
      kernel: "layer_norm",
      args: { x: random([n, n]), gamma: random([n]), beta: random([n]), epsilon: 1e-5 },
      result: "y",
      bytes: 8 * n * n,
    },
    {
      name: `gelu, ${many.toLocaleString("en")} elements`,
      source: file("activations", activations),
      kernel: "gelu",
      args: { x: random([many]) },
      result: "y",
      bytes: 8 * many,
    },
    {
      name: `attention, ${heads} heads × ${length} × 64`,
      source: file("attention", attention),
      kernel: "attention",
      shape: { D: 64, E: 64 },
      args: {
        q: random([1, heads, length, 64]),
        k: random([1, heads, length, 64]),
        v: random([1, heads, length, 64]),
        scale: 0.125,
      },
      result: "y",
      operations: 4 * heads * length * length * 64,
      bytes: 16 * heads * length * 64,
    },
  ];
}

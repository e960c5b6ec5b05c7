// The library's main kernels as shaders, an entry point each, and TensorFlow.js's shader for a product of 512 × 512 matrices.

import { readFileSync } from "node:fs";
import { compile } from "../../compiler/index.ts";
import { rootUrl, type Shader } from "./spirv.ts";

/** What a shader's machine code must keep to. Nothing may be spilled, whatever else is said. */
export interface Bounds {
  readonly mostVgprs: number;
  readonly leastWaves: number;
  /** Products for each 128-bit read of workgroup memory, at least. */
  readonly productsPerRead?: number;
  /** Instructions for each product, at most. */
  readonly perProduct?: number;
  /** Loads narrower than 64 bits in the loop with the most products, at most, where arguments lie in whole vectors. */
  readonly scalarLoads?: number;
}

export interface NamedShader extends Shader {
  readonly name: string;
  readonly bounds?: Bounds;
}

interface Subject {
  readonly file: string;
  readonly kernel: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly shape?: Readonly<Record<string, number>>;
  /** Whether the device is one with subgroups; yes if absent. */
  readonly subgroups?: boolean;
  readonly bounds: Bounds;
}

// Sums by subgroups have registers of their own at the upper end of those that leave all waves, so 32 are named, of which about
// 24 are used; sums by trees show it.
const byTree = { subgroups: false, bounds: { mostVgprs: 24, leastWaves: 32, scalarLoads: 0 } };
const bySubgroups = { mostVgprs: 32, leastWaves: 32, scalarLoads: 0 };

const tiles = { mostVgprs: 48, leastWaves: 20 };

const subjects: readonly Subject[] = [
  { file: "linalg", kernel: "matmul", bounds: { ...tiles, productsPerRead: 8 } },
  {
    file: "linalg",
    kernel: "matmul",
    shape: { M: 512, K: 512, N: 512 },
    bounds: { ...tiles, productsPerRead: 8, perProduct: 1.5 },
  },
  { file: "linalg", kernel: "matmul", set: { T: "f16" }, bounds: { ...tiles, productsPerRead: 8 } },
  { file: "quantized", kernel: "int8_matmul", bounds: { ...tiles, productsPerRead: 32, perProduct: 2 } },
  { file: "convolution", kernel: "conv2d", set: { P: "1" }, bounds: { ...tiles, perProduct: 3 } },
  { file: "normalization", kernel: "softmax", bounds: bySubgroups },
  { file: "normalization", kernel: "softmax", ...byTree },
  { file: "normalization", kernel: "layer_norm", bounds: bySubgroups },
  { file: "normalization", kernel: "layer_norm", ...byTree },
  {
    file: "attention",
    kernel: "attention",
    shape: { D: 64, E: 64 },
    bounds: { mostVgprs: 80, leastWaves: 10, perProduct: 4, scalarLoads: 0 },
  },
  { file: "quantized", kernel: "gemv_4bit_rows", bounds: { mostVgprs: 32, leastWaves: 24 } },
];

/** What Kern makes of its library, each phase of each kernel; names end in a number where there are several. */
export async function kernShaders(): Promise<NamedShader[]> {
  const all = await Promise.all(subjects.map(shadersOf));
  return all.flat();
}

async function shadersOf({
  file,
  kernel,
  set = {},
  shape,
  subgroups = true,
  bounds,
}: Subject): Promise<NamedShader[]> {
  const path = new URL(`stdlib/${file}.kern`, rootUrl());
  const source = { path: `${file}.kern`, text: readFileSync(path, "utf8") };
  const compiled = await compile(source, {
    target: "wgsl",
    features: ["shader-f16", "packed_4x8_integer_dot_product", ...(subgroups ? ["subgroups"] : [])],
    kernels: [kernel],
    set,
    ...(shape && { shape }),
  });
  const artifact = compiled.artifact("wgsl");
  const { launch } = artifact.kernels[0]!;
  if (launch.kind !== "wgsl") throw new Error(`${kernel} is no shader`);
  const code = String(artifact.code);
  const bindings = launch.bindings.map(({ access }) => (access === "read" ? "r" : "s")).join("");
  const values = Object.entries({ ...set, ...shape })
    .map(([name, value]) => ` ${name}=${value}`)
    .join("");
  const shader = (entryPoint: string, at: number, words: string): NamedShader => ({
    name: `${kernel}${values}${subgroups ? "" : ", by trees"}${words}${launch.phases.length > 1 ? ` ${at + 1}` : ""}`,
    code,
    entryPoint,
    bindings: launch.uniform.length > 0 ? `${bindings}u` : bindings,
    features: launch.features,
    bounds,
  });
  return [
    ...launch.phases.map(({ entryPoint }, at) => shader(entryPoint, at, "")),
    ...(launch.wide?.entryPoints ?? []).map((entryPoint, at) => shader(entryPoint, at, ", wide")),
  ];
}

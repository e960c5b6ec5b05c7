// Residual networks in 8 bits with random weights, as calls of the library's kernels: ResNet-50 and smaller ones of the same
// layers. What runs them (interpreter, WASM, the simulated TSP) gets kernels, sizes and tensors by name.

import { readFileSync } from "node:fs";
import { compile } from "../../compiler/index.ts";
import type { IrKernel } from "../../compiler/ir/ir.ts";
import { openDevice, tensor, type Kernel, type Tensor } from "../../runtime/index.ts";
import { interpret, makeTensor, type TensorArg } from "../../compiler/ir/interpret.ts";

export interface NetworkCall {
  readonly name: string;
  readonly kernel: IrKernel;
  /** The library's kernel and its comptime parameters. */
  readonly from: { readonly name: string; readonly set: Readonly<Record<string, string>> };
  readonly known: ReadonlyMap<string, number>;
  readonly scalars: Readonly<Record<string, number>>;
  /** The tensor that each buffer is bound to. */
  readonly tensors: Readonly<Record<string, string>>;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

export interface TestNetwork {
  readonly calls: readonly NetworkCall[];
  /** Values of the tensors that no call makes. */
  readonly given: ReadonlyMap<string, Int8Array | Int32Array | Float32Array>;
  readonly output: string;
}

export interface ResnetSizes {
  readonly image: number;
  readonly stem: number;
  /** Blocks of each stage, and channels of their middle convolutions; four times as many leave them. */
  readonly blocks: readonly number[];
  readonly widths: readonly number[];
  readonly classes: number;
}

export const resnet50: ResnetSizes = {
  image: 224,
  stem: 64,
  blocks: [3, 4, 6, 3],
  widths: [64, 128, 256, 512],
  classes: 1000,
};

const library = "stdlib/quantized_images.kern";

/** A generator of whole numbers below 2³². */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 13), 0x297a2d39);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
}

/** Numbers q of an image stand for q - zero. */
interface Image {
  readonly name: string;
  readonly size: number;
  readonly channels: number;
  readonly zero: number;
}

export async function resnet(sizes: ResnetSizes, seed = 1): Promise<TestNetwork> {
  const next = random(seed);
  const text = readFileSync(library, "utf8");
  const compiled = new Map<string, IrKernel>();
  const kernelOf = async (name: string, set: Record<string, string>): Promise<IrKernel> => {
    const key = `${name} ${JSON.stringify(set)}`;
    const known = compiled.get(key);
    if (known) return known;
    const made = await compile({ path: library, text }, { set, target: [], kernels: [name] });
    const kernel = made.kernels.find(({ typed }) => typed.name === name)!.ir;
    compiled.set(key, kernel);
    return kernel;
  };
  const calls: NetworkCall[] = [];
  const given = new Map<string, Int8Array | Int32Array | Float32Array>();
  const bytes = (count: number): Int8Array => Int8Array.from({ length: count }, () => next() >> 24);
  const call = async (
    name: string,
    kernel: string,
    set: Record<string, string>,
    known: Record<string, number>,
    scalars: Record<string, number>,
    tensors: Record<string, string>,
    shapes: Record<string, readonly number[]>,
  ): Promise<void> => {
    calls.push({
      name,
      kernel: await kernelOf(kernel, set),
      from: { name: kernel, set },
      known: new Map(Object.entries({ ...known, ...scalars })),
      scalars,
      tensors,
      shapes,
    });
  };

  const convolution = async (
    name: string,
    x: Image,
    channels: number,
    window: number,
    stride: number,
    target: number,
    beside?: Image,
  ): Promise<Image> => {
    const { size, channels: C, zero } = x;
    const padding = (window - 1) >> 1;
    const out = Math.floor((size + 2 * padding - window) / stride) + 1;
    const count = window * window * C;
    const weights = bytes(channels * count);
    // Sums of about this size become numbers of some dozens.
    const spread = Math.sqrt(count) * 74 * 40;
    const scale = Float32Array.from({ length: channels }, () => (30 + (next() % 30)) / spread);
    const step = beside ? 0.5 : 0;
    const bias = Int32Array.from(scale, (each, f) => {
      let sum = 0;
      for (let at = 0; at < count; at++) sum += weights[f * count + at]!;
      const shift = (target - step * (beside?.zero ?? 0)) / each;
      return Math.round(shift - zero * sum + ((next() % 64) - 32) / each / 4);
    });
    given.set(`${name}.w`, weights);
    given.set(`${name}.bias`, bias);
    given.set(`${name}.scale`, scale);
    await call(
      name,
      beside ? "quantized_conv2d_add" : "quantized_conv2d",
      { S: `${stride}`, P: `${padding}`, Z: `${zero}` },
      { B: 1, H: size, W: size, C, F: channels, R: window, Q: window },
      beside ? { step } : {},
      {
        x: x.name,
        w: `${name}.w`,
        bias: `${name}.bias`,
        scale: `${name}.scale`,
        y: name,
        ...(beside && { a: beside.name }),
      },
      {
        x: [1, size, size, C],
        w: [channels, window, window, C],
        bias: [channels],
        scale: [channels],
        y: [1, out, out, channels],
        a: [1, out, out, channels],
      },
    );
    return { name, size: out, channels, zero: target };
  };

  const { image, stem, blocks, widths, classes } = sizes;
  given.set("image", bytes(image * image * 3));
  const positive = -128;
  let x = await convolution(
    "conv1",
    { name: "image", size: image, channels: 3, zero: 0 },
    stem,
    7,
    2,
    positive,
  );
  const pooled = Math.floor((x.size - 1) / 2) + 1;
  await call(
    "pool",
    "quantized_max_pool",
    {},
    { B: 1, H: x.size, W: x.size, C: stem },
    {},
    { x: x.name, y: "pool" },
    {
      x: [1, x.size, x.size, stem],
      y: [1, pooled, pooled, stem],
    },
  );
  x = { ...x, name: "pool", size: pooled };
  for (const [stage, count] of blocks.entries())
    for (let block = 0; block < count; block++) {
      const name = `conv${stage + 2}.${block + 1}`;
      const width = widths[stage]!;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const shortcut = block === 0 ? await convolution(`${name}.short`, x, 4 * width, 1, stride, 0) : x;
      const a = await convolution(`${name}.a`, x, width, 1, 1, positive);
      const b = await convolution(`${name}.b`, a, width, 3, stride, positive);
      x = await convolution(`${name}.c`, b, 4 * width, 1, 1, positive, shortcut);
    }
  const { size, channels } = x;
  await call(
    "row sums",
    "quantized_row_sums",
    {},
    { B: 1, H: size, W: size, C: channels },
    {},
    { x: x.name, y: "row sums" },
    {
      x: [1, size, size, channels],
      y: [1, size, channels],
    },
  );
  const scale = Math.fround(1 / (size * size));
  await call(
    "mean",
    "quantized_mean",
    {},
    { B: 1, H: size, C: channels },
    { scale, shift: 0 },
    { x: "row sums", y: "mean" },
    {
      x: [1, size, channels],
      y: [1, channels],
    },
  );
  given.set("dense.w", bytes(classes * channels));
  given.set(
    "dense.bias",
    Int32Array.from({ length: classes }, () => (next() % 20001) - 10000),
  );
  await call(
    "dense",
    "quantized_dense",
    {},
    { M: 1, K: channels, N: classes },
    {},
    {
      x: "mean",
      w: "dense.w",
      bias: "dense.bias",
      y: "dense",
    },
    { x: [1, channels], w: [classes, channels], bias: [classes], y: [1, classes] },
  );
  return { calls, given, output: "dense" };
}

/** All tensors of a network, computed by the interpreter. */
export function interpreted({ calls, given }: TestNetwork): ReadonlyMap<string, ArrayLike<number>> {
  const values = new Map<string, ArrayLike<number>>(given);
  for (const { kernel, scalars, tensors, shapes } of calls) {
    const args: Record<string, TensorArg | number> = { ...scalars };
    let result = "";
    for (const param of kernel.params) {
      if (param.kind !== "tensor") continue;
      if (param.mode === "out") {
        result = param.buffer;
        continue;
      }
      const { dtype } = kernel.buffers.find(({ name }) => name === param.buffer)!;
      const made = makeTensor(dtype, shapes[param.buffer]!);
      (made.data as Int32Array).set(values.get(tensors[param.buffer]!)!);
      args[param.buffer] = made;
    }
    const outcome = interpret(kernel, args);
    if (outcome.kind !== "done") throw new Error(JSON.stringify(outcome));
    values.set(tensors[result]!, outcome.results[result]!.data as Int32Array);
  }
  return values;
}

/** All tensors of a network, computed on the WASM device. */
export async function onWasm({ calls, given }: TestNetwork): Promise<ReadonlyMap<string, ArrayLike<number>>> {
  const device = await openDevice("wasm");
  const text = readFileSync(library, "utf8");
  const loaded = new Map<string, Kernel>();
  const values = new Map<string, ArrayLike<number>>(given);
  for (const { kernel, from, scalars, tensors, shapes } of calls) {
    const key = JSON.stringify(from);
    if (!loaded.has(key)) {
      const options = { ...device.compileOptions, set: from.set, kernels: [from.name] };
      loaded.set(key, (await device.load(await compile({ path: library, text }, options)))[from.name]!);
    }
    const args: Record<string, Tensor | number> = { ...scalars };
    let result = "";
    for (const param of kernel.params)
      if (param.kind === "tensor" && param.mode === "out") result = param.buffer;
      else if (param.kind === "tensor")
        args[param.buffer] = tensor(
          values.get(tensors[param.buffer]!) as Int8Array,
          shapes[param.buffer]!,
          kernel.buffers.find(({ name }) => name === param.buffer)!.dtype,
        );
    const made = (await loaded.get(key)!(args))[result]!;
    values.set(tensors[result]!, (await made.data()) as Int32Array);
  }
  device.close();
  return values;
}

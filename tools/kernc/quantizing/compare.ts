// A quantized model beside the model that it was made of, on samples: how far each layer and each output is, and how often both name the
// right class.

import type { Device, Tensor } from "../../../runtime/index.ts";
import { loadModel, type Quantized, type Tensors } from "../../../runtime/onnx/index.ts";
import { withOutputs } from "../../../runtime/quantize/edit.ts";
import { decibels } from "../../../runtime/quantize/weights.ts";
import { mistake } from "../diagnostic-error.ts";
import type { Request } from "./command.ts";

export interface Labels {
  readonly path: string;
  readonly classes: readonly number[];
}

export interface Figures {
  /** Signal to noise in decibels, by the name of the value: layers and outputs. */
  readonly quality: ReadonlyMap<string, number>;
  /** Of the outputs together, the least. */
  readonly outputs: number;
  /** Parts of the rows whose class is right, before and after. */
  readonly accuracy: { readonly before: number; readonly after: number } | undefined;
}

/** Samples whose layers are compared: enough to see which is far off. */
const most = 8;

export async function compare(
  { bytes, externalData }: Pick<Request, "bytes" | "externalData">,
  made: Quantized,
  samples: readonly Tensors[],
  labels: Labels | undefined,
  device: Device,
): Promise<Figures> {
  const layers = made.layers.flatMap(({ output }) => output ?? []);
  const [before, after] = [
    await loadModel(withOutputs(bytes, layers), { device, externalData }),
    await loadModel(withOutputs(made.bytes, layers), { device }),
  ];
  const sums = new Map<string, { signal: number; noise: number }>();
  const [first] = before.outputs;
  const classes: [number[], number[]] = [[], []];
  for (const sample of labels ? samples : samples.slice(0, most)) {
    const [a, b] = [await before.run(sample), await after.run(sample)];
    for (const [name, want] of Object.entries(a)) {
      if (want.dtype !== "f32" || b[name]?.size !== want.size) continue;
      const [x, y] = [(await want.data()) as Float32Array, (await b[name].data()) as Float32Array];
      const sum = sums.get(name) ?? { signal: 0, noise: 0 };
      x.forEach((value, at) => {
        sum.signal += value * value;
        sum.noise += (value - y[at]!) ** 2;
      });
      sums.set(name, sum);
    }
    const width = a[first!.name]!.shape.at(-1) ?? 1;
    const beyond = labels?.classes.find((each) => each >= width);
    if (labels && beyond !== undefined)
      throw mistake("K0807", {
        input: labels.path,
        why: `the first output, \`${first!.name}\`, has ${width} classes, and a label is ${beyond}`,
      });
    classes[0].push(...(await classesOf(a[first!.name]!)));
    classes[1].push(...(await classesOf(b[first!.name]!)));
  }
  const quality = new Map([...sums].map(([name, { signal, noise }]) => [name, decibels(signal, noise)]));
  const own = new Set(layers);
  const results = before.outputs.filter(({ name }, at) => at < before.outputs.length && !own.has(name));
  const ends = results.length > 0 ? results : before.outputs;
  return {
    quality,
    outputs: Math.min(...ends.flatMap(({ name }) => quality.get(name) ?? [])),
    accuracy: labels && { before: share(classes[0], labels), after: share(classes[1], labels) },
  };
}

/** The largest element's place in each row along the last axis. */
export async function classesOf(tensor: Tensor): Promise<number[]> {
  const data = Array.from(await tensor.data(), Number);
  const width = tensor.shape.at(-1) ?? 1;
  return Array.from({ length: data.length / Math.max(width, 1) }, (_, row) => {
    const values = data.slice(row * width, (row + 1) * width);
    return values.indexOf(Math.max(...values));
  });
}

export function share(found: readonly number[], { path, classes }: Labels): number {
  if (found.length !== classes.length)
    throw mistake("K0807", {
      input: path,
      why: `it has ${classes.length} labels, and the samples make ${found.length} rows of the first output`,
    });
  return found.filter((value, at) => value === classes[at]).length / Math.max(found.length, 1);
}

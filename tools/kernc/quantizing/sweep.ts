// Every way to quantize a model, measured on the same samples: bytes, milliseconds on each target that is here, and how much of the results
// is left. A table, and a picture to choose from.

import { openDevice, type Device } from "../../../runtime/index.ts";
import { loadModel, type Model, type Tensors } from "../../../runtime/onnx/index.ts";
import { KernError } from "../../../runtime/error.ts";
import { lane, takeTurns, warmUp } from "../../timing/interleaved.ts";
import { statisticsOf } from "../../timing/statistics.ts";
import { timed } from "../../timing/clock.ts";
import type { Terminal } from "../terminal.ts";
import { quantized, type Request } from "./command.ts";
import { compare, type Labels } from "./compare.ts";
import { picture } from "./picture.ts";
import { aligned, bytesWith, decibel, percent, sizeText } from "./report.ts";

/** A way to quantize, measured. */
export interface Point {
  readonly name: string;
  readonly bytes: number;
  /** The part of right classes, or the signal to noise of the outputs in decibels. */
  readonly quality: number;
  /** Milliseconds of a run, by target. */
  readonly times: ReadonlyMap<string, number>;
}

/** Time for measuring a model on a target, warming up included. */
const time = { warmUp: 400, sample: 20, rounds: 12 } as const;

export async function sweep(
  request: Request,
  samples: readonly Tensors[],
  labels: Labels | undefined,
  device: Device,
  terminal: Terminal,
): Promise<{ svg: string; table: string }> {
  const ways: readonly [name: string, options: Partial<Request>][] = [
    ["int8 static", { bits: 8, dynamic: false }],
    ["int8 dynamic", { bits: 8, dynamic: true }],
    ["int4", { bits: 4, dynamic: false }],
    ["int4, int8 activations", { bits: 4, dynamic: true }],
  ];
  const models = new Map<string, Uint8Array>([["f32", request.bytes]]);
  const quality = new Map<string, number>([["f32", labels ? NaN : Infinity]]);
  for (const [name, options] of ways) {
    try {
      const made = await quantized({ ...request, ...options }, samples, device);
      const figures = await compare(request, made, samples, labels, device);
      models.set(name, made.bytes);
      quality.set(name, figures.accuracy?.after ?? figures.outputs);
      if (figures.accuracy) quality.set("f32", figures.accuracy.before);
    } catch (error) {
      // A way that this model can't take isn't a mistake.
      if (!(error instanceof KernError) || error.code !== "K1007") throw error;
      terminal.err(`${name}: ${error.diagnostic.message}\n`);
    }
  }
  const times = new Map<string, Map<string, number>>();
  for (const target of ["wasm", "webgpu"] as const) {
    const place = target === "wasm" ? device : await gpu(terminal);
    if (!place) continue;
    try {
      const measured = await measure(models, request, place, samples[0]!, `on ${target}`, terminal);
      for (const [name, median] of measured)
        times.set(name, (times.get(name) ?? new Map()).set(target, median));
    } finally {
      if (place !== device) place.close();
    }
  }
  const points = [...models].map(([name, bytes]) => ({
    name,
    bytes: name === "f32" ? bytesWith(request) : bytes.byteLength,
    quality: quality.get(name)!,
    times: times.get(name) ?? new Map<string, number>(),
  }));
  return { svg: picture(points, labels !== undefined), table: table(points, labels !== undefined) };
}

async function gpu(terminal: Terminal): Promise<Device | undefined> {
  try {
    return await openDevice("webgpu");
  } catch (error) {
    if (!(error instanceof KernError)) throw error;
    terminal.err(`webgpu is left out: ${error.diagnostic.message}\n`);
    return undefined;
  }
}

/** Medians of runs that take turns. A model that doesn't run there is left out, and said. */
async function measure(
  models: ReadonlyMap<string, Uint8Array>,
  { externalData }: Request,
  device: Device,
  sample: Tensors,
  where: string,
  terminal: Terminal,
): Promise<Map<string, number>> {
  const lanes = new Map<string, ReturnType<typeof lane>>();
  for (const [name, bytes] of models) {
    try {
      const model: Model = await loadModel(bytes, { device, externalData });
      await model.run(sample);
      const made = lane((count) =>
        timed(async () => {
          for (let n = 0; n < count; n++) await model.run(sample);
        }),
      );
      await warmUp(made, time);
      lanes.set(name, made);
    } catch (error) {
      if (!(error instanceof KernError)) throw error;
      terminal.err(`${name} doesn’t run ${where}: ${error.diagnostic.message}\n`);
    }
  }
  for (let round = 0; round < time.rounds; round++) await takeTurns([...lanes.values()], round);
  return new Map([...lanes].map(([name, { times }]) => [name, statisticsOf(times).median]));
}

function table(points: readonly Point[], labelled: boolean): string {
  const targets = [...new Set(points.flatMap(({ times }) => [...times.keys()]))];
  const whole = points[0]!;
  const rows = points.map(({ name, bytes, quality, times }) => [
    name,
    "",
    sizeText(bytes),
    `${((100 * bytes) / whole.bytes).toFixed(1)} %`,
    ...targets.flatMap((target) => {
      const own = times.get(target);
      const base = whole.times.get(target);
      return [
        own === undefined ? "–" : `${own.toFixed(2)} ms`,
        own === undefined || base === undefined ? "" : `${(base / own).toFixed(2)} ×`,
      ];
    }),
    labelled ? percent(quality) : decibel(quality),
  ]);
  const head = [
    "",
    "",
    "size",
    "",
    ...targets.flatMap((target) => [target, ""]),
    labelled ? "right" : "outputs",
  ];
  return `${aligned([head, ...rows]).join("\n")}\n`;
}

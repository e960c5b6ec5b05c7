// `kernc onnx quantize`: a smaller model, and what that costs. Everything is computed and checked before a file is written.

import { existsSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { openDevice, readNpy, valuesOf, type Device } from "../../../runtime/index.ts";
import type { ExternalData } from "../../../runtime/onnx/tensors.ts";
import { nodePaths } from "../../../runtime/graph/graph.ts";
import type { Model, Quantized, Tensors } from "../../../runtime/onnx/index.ts";
import { oneOf, UsageError, type Given } from "../command.ts";
import { mistake } from "../diagnostic-error.ts";
import { checkPicture, checkWritable, writeFiles } from "../outputs.ts";
import { readBytes } from "../sources.ts";
import type { Terminal } from "../terminal.ts";
import { compare, type Labels } from "./compare.ts";
import { report } from "./report.ts";
import { readSamples } from "./samples.ts";
import { sweep } from "./sweep.ts";

/** What the options say. */
export interface Request {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly externalData: ExternalData;
  readonly bits: 4 | 8;
  readonly block: number;
  readonly dynamic: boolean;
  readonly method: "minmax" | "entropy" | "mse";
  readonly keep: ReadonlySet<string>;
  readonly integers: "faster" | "always";
}

/** Reads inputs that were given by name, for a model. */
export type ReadInputs = (model: Model) => Promise<Tensors>;

export async function quantize(
  path: string,
  given: Given,
  readInputs: ReadInputs,
  terminal: Terminal,
): Promise<number> {
  const onnx = await import("../../../runtime/onnx/index.ts");
  const outs = given.all("out");
  const picture = given.get("sweep");
  const [out] = outs;
  if (outs.length > 1 || (out === undefined && picture === undefined))
    throw new UsageError("name one file for the result: --out SMALL.onnx");
  if (out !== undefined && isSame(out, path))
    throw new UsageError("the result would replace the model; give --out another name");
  const options = {
    bits: Number(oneOf("bits", given.get("bits") ?? "8", ["4", "8"])) as 4 | 8,
    block: Number(oneOf("block", given.get("block") ?? "32", ["16", "32", "64", "128"])),
    dynamic: given.has("dynamic"),
    method: oneOf("method", given.get("method") ?? "minmax", ["minmax", "entropy", "mse"] as const),
    keep: new Set(given.all("keep")),
    integers: oneOf("integers", given.get("integers") ?? "faster", ["faster", "always"] as const),
  };
  if (out !== undefined) checkWritable(out);
  if (picture !== undefined) checkPicture(picture);
  const bytes = readBytes(path);
  const externalData: Record<string, Uint8Array> = {};
  for (const location of onnx.externalFiles(bytes)) {
    const file = join(dirname(path), location);
    for (const made of [out, picture])
      if (made !== undefined && isSame(made, file))
        throw new UsageError(`${made} holds weights of the model; give the result another name`);
    if (existsSync(file)) externalData[location] = readBytes(file);
  }
  const request: Request = { path, bytes, externalData, ...options };
  const device = await openDevice("wasm");
  try {
    const model = await onnx.loadModel(bytes, { device, externalData });
    const paths = new Set(nodePaths(model.graph));
    const unknown = [...request.keep].find((name) => !paths.has(name));
    if (unknown !== undefined)
      throw mistake("K0807", { input: `--keep ${unknown}`, why: "the model has no node of that name" });
    const samples = await readSamples(given.all("calibrate"), model);
    if (given.all("in").length > 0) samples.push(await readInputs(model));
    const labels = await readLabels(given.get("labels"), samples);
    if (!options.dynamic && options.bits === 8 && samples.length === 0 && picture === undefined)
      throw new UsageError(
        "the ranges of activations come from data: give --calibrate FOLDER or --in NAME=VALUE",
        "--dynamic measures them while the model runs, and needs none",
      );
    const files: { path: string; bytes: Uint8Array | string }[] = [];
    if (out !== undefined) {
      const made = await quantized(request, samples, device);
      const figures = samples.length > 0 ? await compare(request, made, samples, labels, device) : undefined;
      // What is written can be read, whatever it was made of.
      onnx.importOnnx(made.bytes);
      files.push({ path: out, bytes: made.bytes });
      terminal.out(report(request, made, figures, terminal.colors));
    }
    if (picture !== undefined) {
      if (samples.length === 0) throw new UsageError("--sweep measures on data: give --calibrate or --in");
      const { svg, table } = await sweep(request, samples, labels, device, terminal);
      files.push({ path: picture, bytes: svg });
      terminal.out(table);
    }
    writeFiles(files);
    for (const file of files) terminal.err(`${terminal.errColors.green("✓")} ${file.path}\n`);
    return 0;
  } finally {
    device.close();
  }
}

/** The quantized model that a request asks for. */
export async function quantized(
  { bytes, externalData, bits, block, dynamic, method, keep, integers }: Request,
  samples: readonly Tensors[],
  device: Device,
): Promise<Quantized> {
  const { activationsOf, quantizeModel, rangesOf } = await import("../../../runtime/onnx/index.ts");
  const measured = bits === 4 || dynamic;
  const ranges = measured
    ? undefined
    : await rangesOf(bytes, activationsOf(bytes, { keep, externalData }), samples, {
        device,
        method,
        externalData,
      });
  const activations = dynamic ? "dynamic" : bits === 4 ? "none" : "static";
  return quantizeModel(bytes, { bits, block, activations, ranges, keep, integers, externalData });
}

/** Classes by row of the first output, over all samples. */
async function readLabels(
  path: string | undefined,
  samples: readonly Tensors[],
): Promise<Labels | undefined> {
  if (path === undefined) return undefined;
  if (samples.length === 0) throw new UsageError("--labels are of samples: give --calibrate too");
  const labels = await readNpy(readBytes(path));
  const classes = (await valuesOf(labels)).map(Number);
  const wrong = classes.find((each) => !Number.isInteger(each) || each < 0);
  if (wrong !== undefined)
    throw mistake("K0807", {
      input: path,
      why: `a label is the number of a class, and one of these is ${wrong}`,
    });
  return { path, classes };
}

/** Whether two paths are one file, by whatever names. */
function isSame(a: string, b: string): boolean {
  const real = (path: string) => (existsSync(path) ? realpathSync(path) : resolve(path));
  return real(a) === real(b);
}

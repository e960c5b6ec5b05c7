// `kernc onnx`: runs a model on files and numbers, or tells what is in it.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Signature } from "../../compiler/artifact.ts";
import { KernError } from "../../runtime/error.ts";
import { openCache, openDevice, tensor, Tensor, type Value } from "../../runtime/index.ts";
import type { GraphPort } from "../../runtime/graph/graph.ts";
import type { Model, ModelOptions } from "../../runtime/onnx/model.ts";
import { namedValue, oneOf, UsageError, wholeNumber, type Command, type Given } from "./command.ts";
import { mistake } from "./diagnostic-error.ts";
import { readInputs } from "./inputs.ts";
import { checkPicture, encodeTensor, planOutputs, writeFiles } from "./outputs.ts";
import { inspection } from "./onnx-report.ts";
import { readBytes } from "./sources.ts";
import { summarize } from "./summary.ts";
import { statisticsOf } from "../timing/statistics.ts";
import type { Terminal } from "./terminal.ts";

const actions = ["run", "inspect", "compile", "quantize"] as const;

/** Options that not all of it takes. */
const only: Readonly<Record<string, readonly (typeof actions)[number][]>> = {
  ...Object.fromEntries(
    ["bits", "dynamic", "calibrate", "method", "block", "keep", "labels", "sweep"].map((option) => [
      option,
      ["quantize"],
    ]),
  ),
  out: ["run", "compile", "quantize"],
  features: ["compile"],
  time: ["run"],
  picture: ["inspect"],
  ...Object.fromEntries(
    ["target", "threads", "cache", "archive"].map((option) => [option, ["run", "inspect"]]),
  ),
  fusion: ["run", "inspect", "compile"],
};

export const onnx: Command = {
  name: "onnx",
  usage: "run|inspect|compile|quantize MODEL [--in NAME=VALUE…] [--out NAME=PATH…]",
  summary:
    "Runs an ONNX model by kernels in Kern, shows what is in it, compiles it ahead of time, or makes it smaller.",
  details: [
    "A VALUE is what `kernc run` takes. Weights in files of their own are looked for beside the model.",
    "inspect shows inputs, outputs, operators and weights; with --in, the kernels and the memory of a run too.",
    "--picture draws the graph and, with --in, what is launched for it beside that.",
    "compile writes the kernels of a run on WASM to --out FILE.kernels, so that a page compiles nothing: openCache({ archive }).",
    "They need only SIMD, unless --features names more, which engines must then have.",
    "quantize writes the model with small integers for weights to --out SMALL.onnx, and says what that costs.",
  ],
  options: {
    in: { kind: "value", multiple: true, value: "NAME=VALUE", help: "An input of the model" },
    out: {
      kind: "value",
      multiple: true,
      value: "NAME=PATH",
      help: "Where an output goes; for compile and quantize, a file",
    },
    features: { kind: "value", value: "relaxed-simd,…", help: "compile: optional features of WASM to use" },
    bits: { kind: "value", value: "8|4", help: "quantize: of a weight; 4 for matrix products" },
    dynamic: { kind: "flag", help: "quantize: measure activations while the model runs; else from data" },
    calibrate: {
      kind: "value",
      multiple: true,
      value: "PATH",
      help: "quantize: samples, .npy, .npz, a folder",
    },
    method: { kind: "value", value: "minmax|entropy|mse", help: "quantize: how ranges follow from samples" },
    block: { kind: "value", value: "N", help: "quantize: 4-bit weights that share a scale; 32" },
    keep: { kind: "value", multiple: true, value: "NODE", help: "quantize: leave this node as it is" },
    labels: { kind: "value", value: "FILE.npy", help: "quantize: the right class of each row, for accuracy" },
    sweep: { kind: "value", value: "FILE.svg", help: "quantize: draw size, speed and quality of every way" },
    target: {
      kind: "value",
      value: "TARGET",
      help: "wasm (if nothing is said), webgpu, tsp (simulated) or interp; what one can’t do runs on wasm",
    },
    threads: { kind: "value", value: "N", help: "Threads that share parallel loops; 1 if nothing is said" },
    time: { kind: "flag", help: "Measure the run, and each of its steps" },
    cache: { kind: "value", value: "DIR", help: "Keep compiled kernels there, for the next time" },
    archive: { kind: "value", value: "FILE.kernels", help: "Take compiled kernels from there" },
    picture: { kind: "value", value: "FILE.svg", help: "inspect: draw the graph, before and after fusion" },
    integers: { kind: "value", value: "faster|always", help: "When quantized layers multiply integers" },
    fusion: { kind: "value", value: "on|off", help: "off: a kernel for each operator, for finding faults" },
  },
  async run(given, terminal) {
    const [action, path, ...more] = given.positionals;
    const what = "say what to do: run, inspect, compile or quantize";
    if (action === undefined) throw new UsageError(what);
    const wanted = actions.find((each) => each === action);
    if (!wanted) throw new UsageError(`${what}, not ${JSON.stringify(action)}`);
    if (path === undefined || more.length > 0) throw new UsageError("name one model");
    const target = oneOf("target", given.get("target") ?? "wasm", [
      "wasm",
      "webgpu",
      "tsp",
      "interp",
    ] as const);
    const threads = wholeNumber("threads", given.get("threads") ?? "1", 1, 64);
    const fusion = oneOf("fusion", given.get("fusion") ?? "on", ["on", "off"] as const) === "on";
    const integers = oneOf("integers", given.get("integers") ?? "faster", ["faster", "always"] as const);
    for (const [option, where] of Object.entries(only))
      if (given.has(option) && !where.includes(wanted))
        throw new UsageError(`--${option} is for ${where.join(" and ")}, not for ${wanted}`);
    for (const spec of given.all("in")) namedValue("in", spec);
    if (wanted === "quantize") {
      const { quantize } = await import("./quantizing/command.ts");
      return quantize(path, given, (model) => readTensors(given, model), terminal);
    }
    if (wanted === "compile") return compileAhead(path, given, { fusion, integers }, terminal);
    const drawn = given.get("picture");
    if (drawn !== undefined) checkPicture(drawn);
    const outputs = planOutputs(given.all("out"));
    const device = await openDevice(target, { threads });
    try {
      const directory = given.get("cache");
      const packed = given.get("archive");
      const archive = packed === undefined ? undefined : readBytes(packed);
      const cache = (directory ?? archive) ? await openCache({ directory, archive, limit: 1024 }) : undefined;
      const model = await load(path, { device, fusion, integers, cache });
      for (const { name, path: file } of outputs)
        if (!model.outputs.some((port) => port.name === name))
          throw mistake("K0808", {
            output: `${name}=${file}`,
            why: `the model has no output \`${name}\`; it has ${model.outputs.map((port) => `\`${port.name}\``).join(", ")}`,
          });
      const inputs = await readTensors(given, model);
      if (wanted === "inspect") {
        const shown = given.all("in").length > 0 ? inputs : undefined;
        terminal.out(await inspection(model, shown, terminal.colors));
        if (drawn !== undefined) {
          const { picture } = await import("./picturing/picture.ts");
          const bytes = new TextEncoder().encode(await picture(model, path, shown));
          writeFiles([{ path: drawn, bytes }]);
          terminal.err(`${terminal.errColors.green("✓")} ${drawn}\n`);
        }
        return 0;
      }
      const results = await model.run(inputs);
      if (given.has("time")) await report(model, inputs, terminal);
      const files = await Promise.all(
        outputs.map(async ({ name, path: file }) => ({
          path: file,
          bytes: await encodeTensor(results[name]!, file),
        })),
      );
      writeFiles(files);
      for (const { path: file } of outputs) terminal.err(`${terminal.errColors.green("✓")} ${file}\n`);
      if (outputs.length > 0) return 0;
      for (const [name, result] of Object.entries(results)) terminal.out(await summarize(name, result));
      return 0;
    } finally {
      device.close();
    }
  },
};

/** What is compiled for a run, written to a file. */
async function compileAhead(
  path: string,
  given: Given,
  options: Pick<ModelOptions, "fusion" | "integers">,
  terminal: Terminal,
): Promise<number> {
  const [file, ...others] = given.all("out");
  if (file === undefined || others.length > 0)
    throw new UsageError("say where the kernels go: --out FILE.kernels");
  const device = await openDevice("wasm");
  try {
    const asked = given.get("features")?.split(",") ?? [];
    const has: readonly string[] = device.compileOptions.features ?? [];
    const missing = asked.find((each) => !has.includes(each));
    if (missing !== undefined) {
      const there = has.map((each) => `\`${each}\``).join(", ");
      throw new UsageError(
        `--features: this engine, which computes constants, has ${there}, not \`${missing}\``,
      );
    }
    const features = [...new Set(["threads", ...asked])];
    const cache = await openCache({ limit: Infinity });
    const model = await load(path, { device, cache, features, ...options });
    await model.run(await readTensors(given, model));
    const bytes = await cache.pack(features);
    writeFiles([{ path: file, bytes }]);
    const count = cache.counts.compiled;
    terminal.err(
      `${terminal.errColors.green("✓")} ${file}: ${count} kernels, ${(bytes.length / 1024).toFixed(0)} KiB\n`,
    );
    return 0;
  } finally {
    device.close();
  }
}

async function load(path: string, options: Omit<ModelOptions, "externalData" | "registry">): Promise<Model> {
  const { externalFiles, loadModel } = await import("../../runtime/onnx/index.ts");
  const bytes = readBytes(path);
  const externalData: Record<string, Uint8Array> = {};
  for (const location of externalFiles(bytes)) {
    const file = join(dirname(path), location);
    if (existsSync(file)) externalData[location] = readBytes(file);
  }
  return loadModel(bytes, { ...options, externalData });
}

/** Inputs by name; numbers become tensors of the input's dtype. */
async function readTensors(given: Given, model: Model): Promise<Record<string, Tensor>> {
  const signature = {
    params: model.inputs.map(({ name, dtype }) => ({ kind: "scalar", name, dtype })),
  } as unknown as Signature;
  const read = await readInputs(given.all("in"), signature);
  return Object.fromEntries(
    Object.entries(read).map(([name, value]) => {
      if (value instanceof Tensor) return [name, value];
      const port = model.graph.inputs.find((each) => each.name === name);
      return [name, scalarTensor(name, value, port)];
    }),
  );
}

function scalarTensor(name: string, value: Value, port: GraphPort | undefined): Tensor {
  const dtype = port?.dtype ?? "f32";
  const shape = (port?.shape ?? []).map(() => 1);
  try {
    return tensor([value], shape, dtype);
  } catch (error) {
    if (!(error instanceof KernError)) throw error;
    throw mistake("K0807", {
      input: `${name}=${value}`,
      why: `the model takes ${dtype}, and ${value} is no value of that`,
    });
  }
}

/** Times of whole runs, and of the kinds of step that take most of them. */
async function report(model: Model, inputs: Record<string, Tensor>, terminal: Terminal): Promise<void> {
  const times: number[] = [];
  for (let n = 0; n < 20; n++) {
    const start = performance.now();
    await model.run(inputs);
    times.push(performance.now() - start);
  }
  const steps = new Map<string, { count: number; time: number }>();
  await model.run(inputs, (step, milliseconds) => {
    const name =
      step.kind === "map" ? "elementwise" : step.kind === "kernel" ? step.code.name : step.kernel.kernelName;
    const known = steps.get(name) ?? { count: 0, time: 0 };
    steps.set(name, { count: known.count + 1, time: known.time + milliseconds });
  });
  const { dim } = terminal.errColors;
  terminal.err(`${dim(`median of ${times.length} runs: ${statisticsOf(times).median.toFixed(2)} ms`)}\n`);
  const largest = [...steps].toSorted(([, a], [, b]) => b.time - a.time).slice(0, 8);
  for (const [name, { count, time }] of largest)
    terminal.err(`${dim(`  ${time.toFixed(2).padStart(8)} ms  ${name} × ${count}`)}\n`);
}

// `kernc run`: one kernel, once, on files and numbers.

import type { Signature } from "../../compiler/artifact.ts";
import { openDevice, type DeviceName, type Tensor } from "../../runtime/index.ts";
import { namedValue, oneOf, wholeNumber, type Command } from "./command.ts";
import { mistake } from "./diagnostic-error.ts";
import { readInputs } from "./inputs.ts";
import { chooseKernel, compileOptions, kernelArgument, openFile, whyNoInstance } from "./kernels.ts";
import { encodeTensor, planOutputs, writeFiles, type Output } from "./outputs.ts";
import { summarize } from "./summary.ts";
import type { Terminal } from "./terminal.ts";
import { measure } from "./timing.ts";

const targets = ["wasm", "interp", "webgpu", "tsp"] as const satisfies readonly DeviceName[];

export const run: Command = {
  name: "run",
  usage: "FILE[:KERNEL] --in NAME=VALUE… [--out NAME=PATH…]",
  summary: "Compiles a kernel, calls it once, and writes or shows its results.",
  details: [
    "A VALUE is a .npy or .png file, a .safetensors#NAME, a number, true or false, or random(f32, 3, 17, seed=1).",
    "A PATH ends in .npy or .png. Without --out a short account of each result is shown.",
  ],
  options: {
    in: { kind: "value", multiple: true, value: "NAME=VALUE", help: "An argument of the kernel" },
    out: { kind: "value", multiple: true, value: "NAME=PATH", help: "Where a result goes" },
    target: { kind: "value", value: "TARGET", help: "wasm (if nothing is said), webgpu or interp" },
    threads: { kind: "value", value: "N", help: "Threads that share parallel loops; 1 if nothing is said" },
    time: { kind: "flag", help: "Measure the call" },
    ...compileOptions,
  },
  async run(given, terminal) {
    const target = oneOf("target", given.get("target") ?? "wasm", targets);
    const threads = wholeNumber("threads", given.get("threads") ?? "1", 1, 64);
    const { path, kernel: wanted } = kernelArgument("run", given);
    for (const spec of given.all("in")) namedValue("in", spec);
    const outputs = planOutputs(given.all("out"));
    const opened = await openFile(path, given, terminal);
    const { name } = chooseKernel(opened, wanted);
    const device = await openDevice(target, { threads });
    try {
      const compiled = await opened.compileFor(device, [name]);
      const kernel = (await device.load(compiled))[name];
      if (!kernel) throw mistake("K0806", { file: path }, { notes: whyNoInstance(compiled, name) });
      const signature = kernel.instances[0]!;
      checkOutputs(outputs, signature);
      const args = await readInputs(given.all("in"), signature);
      const timing = given.has("time") ? await measure(device, kernel, args) : undefined;
      const results = await kernel(args);
      await deliver(results, outputs, terminal);
      if (timing) terminal.err(`${terminal.errColors.dim(timing)}\n`);
      return 0;
    } finally {
      device.close();
    }
  },
};

function checkOutputs(outputs: readonly Output[], signature: Signature): void {
  const results = signature.params.flatMap((param) =>
    param.kind === "tensor" && param.mode !== "in" ? [param.name] : [],
  );
  for (const { name, path } of outputs)
    if (!results.includes(name))
      throw mistake(
        "K0808",
        { output: `${name}=${path}`, why: `\`${signature.name}\` has no result \`${name}\`` },
        { notes: [results.length > 0 ? `its results are ${results.join(", ")}` : "it has no results"] },
      );
}

async function deliver(
  results: Readonly<Record<string, Tensor>>,
  outputs: readonly Output[],
  terminal: Terminal,
): Promise<void> {
  const files = await Promise.all(
    outputs.map(async ({ name, path }) => ({ path, bytes: await encodeTensor(results[name]!, path) })),
  );
  writeFiles(files);
  for (const { name, path } of outputs) {
    const { dtype, shape } = results[name]!;
    terminal.err(`${terminal.errColors.green("✓")} ${path}  ${dtype} [${shape.join(", ")}]\n`);
  }
  if (outputs.length > 0) return;
  for (const [name, result] of Object.entries(results)) terminal.out(await summarize(name, result));
}

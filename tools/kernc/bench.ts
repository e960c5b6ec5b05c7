// `kernc bench`: one kernel at one size. Its results are compared with the interpreter's first; then the build for any size,
// the build for this one, and both with threads are timed in turns, as calls through the runtime.

import { evaluateShape, type KernelReport, type Signature } from "../../compiler/artifact.ts";
import { dtypeInfo, isFloat } from "../../lang/dtypes.ts";
import { openDevice, type Device } from "../../runtime/index.ts";
import { checkSmall, differs, interpretable } from "./benching/check.ts";
import { operationsOf } from "./benching/operations.ts";
import { busyCores, show } from "./benching/report.ts";
import { argumentsAt, dimsOf } from "./benching/sizes.ts";
import { timeVariants, type Variant } from "./benching/sampling.ts";
import { oneOf, UsageError, wholeNumber, type Command } from "./command.ts";
import { readInputs } from "./inputs.ts";
import { chooseKernel, compileOptions, kernelArgument, openFile, settingsOf } from "./kernels.ts";
import { refusalOf } from "./report.ts";
import { tileSizes } from "./verifying/tile-sizes.ts";

export const bench: Command = {
  name: "bench",
  usage: "FILE[:KERNEL] --shape M=512,… [--set NAME=VALUE] [--in NAME=VALUE…]",
  summary: "Checks a kernel against the interpreter, then measures it.",
  details: [
    "Inputs are random unless --in gives them; scalars are 1. Times are of calls through the runtime, on tensors that",
    "are on the device: medians, best and ± half the distance between the 10th and 90th percentile.",
  ],
  options: {
    in: {
      kind: "value",
      multiple: true,
      value: "NAME=VALUE",
      help: "An argument of the kernel, as for `run`",
    },
    target: {
      kind: "value",
      value: "TARGETS",
      help: "wasm (if nothing is said), webgpu, or both with a comma",
    },
    threads: { kind: "value", value: "N", help: "Measure N threads of WASM as well" },
    seconds: { kind: "value", value: "S", help: "Time for measuring; 3 if nothing is said" },
    json: { kind: "flag", help: "Write the figures as JSON" },
    ...compileOptions,
    shape: { kind: "value", multiple: true, value: "M=512,…", help: "The size of each dimension" },
  },
  async run(given, terminal) {
    const threads = wholeNumber("threads", given.get("threads") ?? "1", 1, 64);
    const targets = (given.get("target") ?? "wasm")
      .split(",")
      .map((word) => oneOf("target", word.trim(), ["wasm", "webgpu"]));
    const seconds = wholeNumber("seconds", given.get("seconds") ?? "3", 1, 600);
    const { path, kernel: wanted } = kernelArgument("bench", given);
    const sizes = settingsOf(given).shape ?? {};
    const opened = await openFile(path, given, terminal);
    const { name } = chooseKernel(opened, wanted);
    const free = await opened.compile(["wasm"], [name], { shape: {} });
    const at = free
      .artifact("wasm")
      .kernels.findIndex(({ signature }) => Object.values(signature.packs).every((rank) => rank === 1));
    const signature = free.artifact("wasm").kernels[at]?.signature;
    if (!signature)
      throw new UsageError(
        `\`${name}\` has compile-time parameters without defaults`,
        "give them with --set",
      );
    const inputs = await readInputs(given.all("in"), signature);
    const dims = dimsOf(signature, sizes, inputs);
    const named = signature.dims.some((dim) => Object.hasOwn(sizes, dim.name));

    const devices: Device[] = [];
    const open = async (...args: Parameters<typeof openDevice>) => {
      devices.push(await openDevice(...args));
      return devices.at(-1)!;
    };
    try {
      const one = await open("wasm");
      const interp = (await (await open("interp")).load(free))[name]!;
      const checked = (await one.load(free))[name]!;
      const args = argumentsAt(signature, dims, inputs);
      const tiles = tileSizes(free.kernels[at]!.typed);
      const small = await checkSmall(signature, tiles, interp, checked);
      const operations = operationsOf(free.kernels[at]!.ir, dims);
      const whole = operations !== undefined && operations <= interpretable;
      const variants: Variant[] = [];
      let wrong = small.wrong ?? (whole ? await differs(signature, checked, interp, args) : undefined);
      const places: [string, Device][] = [];
      if (targets.includes("wasm")) {
        places.push(["", one]);
        if (threads > 1) places.push([`, ${threads} threads`, await open("wasm", { threads })]);
      }
      if (targets.includes("webgpu")) places.push([", webgpu", await open("webgpu")]);
      for (const [place, device] of places) {
        for (const [build, shape] of named ? [anySize, ["this size", sizes] as const] : [anySize]) {
          // Code for any size may be more than a GPU can hold; at this size it may fit.
          const compiled = await opened.compileFor(device, [name], { shape }).catch((error: unknown) => {
            if (!named || shape === sizes || refusalOf(error) === undefined) throw error;
          });
          if (!compiled) continue;
          const kernel = (await device.load(compiled))[name]!;
          wrong ??= await differs(signature, kernel, checked, args);
          variants.push({ name: `${build}${place}`, device, kernel, args: args() });
        }
      }
      if (wrong) {
        terminal.out(`${terminal.colors.red(`✗ ${name} is wrong, so I don’t time it: ${wrong}`)}\n`);
        return 1;
      }
      const busy = await busyCores();
      const timed = await timeVariants(variants, seconds * 1000);
      const bytes = bytesOf(signature, dims);
      const figures = {
        kernel: name,
        dims,
        operations,
        unit: unitOf(signature),
        bytes,
        busyBefore: busy,
        node: process.version,
        timed,
      };
      if (given.has("json")) terminal.out(`${JSON.stringify(figures, undefined, 1)}\n`);
      else
        show(terminal, figures, [
          `${small.agreed} small shapes agree with the interpreter`,
          whole ? "so does this one" : "this one is too large for it; the builds agree with each other",
          ...tunedText(free.artifact("wasm").kernels[at]!.report),
        ]);
      return 0;
    } finally {
      for (const device of devices) device.close();
    }
  },
};

const anySize = ["any size", {}] as const;

/** Whether the lock file had a part in what is measured. */
function tunedText({ tuned }: KernelReport): readonly string[] {
  if (!tuned) return [];
  const sizes = Object.entries(tuned.shape).map(([name, size]) => `${name}=${size}`);
  return [`with the lock file’s ${tuned.scheduled ? "schedule" : "values"} for ${sizes.join(" ")}`];
}

function unitOf({ params }: Signature): "GFLOP/s" | "Gop/s" {
  return params.some(({ dtype }) => isFloat(dtype)) ? "GFLOP/s" : "Gop/s";
}

/** Bytes of all tensors, each once. */
function bytesOf({ params }: Signature, dims: Readonly<Record<string, number>>): number {
  return params.reduce((sum, param) => {
    if (param.kind === "scalar") return sum;
    const count = param.shape.reduce<number>(
      (product, dim) => product * evaluateShape(dim, (name) => dims[name] ?? 1),
      1,
    );
    return sum + (count * dtypeInfo(param.dtype).bits) / 8;
  }, 0);
}

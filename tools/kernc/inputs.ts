// `--in NAME=VALUE`: files, numbers and random tensors as arguments of a kernel.

import type { ParamSpec, Signature } from "../../compiler/artifact.ts";
import { isDtype, isWide } from "../../lang/dtypes.ts";
import { nearest } from "../../lang/diagnostics/nearest.ts";
import { KernError } from "../../runtime/error.ts";
import { readNpy, readPng, type Tensor, type Value } from "../../runtime/index.ts";
import { random } from "../../runtime/random.ts";
import { namedValue, UsageError } from "./command.ts";
import { DiagnosticError, mistake } from "./diagnostic-error.ts";
import { readBytes } from "./sources.ts";

export type Input = Tensor | Value;

/** Reads every `--in` for a kernel whose signature is known, so that numbers get its dtypes. */
export async function readInputs(
  specs: readonly string[],
  signature: Signature,
): Promise<Record<string, Input>> {
  const inputs: Record<string, Input> = {};
  for (const spec of specs) {
    const [name, value] = namedValue("in", spec);
    if (Object.hasOwn(inputs, name)) throw new UsageError(`\`--in ${name}=…\` was given twice`);
    inputs[name] = await readInput(
      spec,
      value,
      signature.params.find((param) => param.name === name),
    );
  }
  return inputs;
}

async function readInput(spec: string, value: string, param: ParamSpec | undefined): Promise<Input> {
  if (/^random\s*\(/.test(value)) return randomInput(spec, value);
  if (value === "true" || value === "false") return value === "true";
  const number = numberInput(value, param);
  if (number !== undefined) return number;
  if (value.endsWith(".npy")) return decoded(value, readNpy);
  if (value.endsWith(".png")) return decoded(value, readPng);
  const named = /^(.*\.safetensors)(?:#(.*))?$/.exec(value);
  if (named)
    return decoded(named[1]!, async (bytes) => (await safetensors()).readSafetensor(bytes, named[2]));
  throw mistake("K0807", {
    input: spec,
    why: "a value is a .npy or .png file, a .safetensors#NAME, a number, true or false, or random(f32, 3, 17, seed=1)",
  });
}

const safetensors = () => import("../../runtime/formats/safetensors.ts");

/** Integers of any size, decimals, `inf` and `nan`; undefined for anything else. */
function numberInput(text: string, param: ParamSpec | undefined): number | bigint | undefined {
  if (/^[+-]?(\d+|0x[\da-f]+)$/i.test(text)) {
    const magnitude = BigInt(text.replace(/^[+-]/, ""));
    const exact = text.startsWith("-") ? -magnitude : magnitude;
    return param && isWide(param.dtype) ? exact : Number(exact);
  }
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  const special = /^([+-]?)(inf|nan)$/i.exec(text);
  if (!special) return undefined;
  return special[2]!.toLowerCase() === "nan" ? NaN : special[1] === "-" ? -Infinity : Infinity;
}

async function decoded(path: string, decode: (bytes: Uint8Array) => Promise<Tensor>): Promise<Tensor> {
  const bytes = readBytes(path);
  try {
    return await decode(bytes);
  } catch (error) {
    if (!(error instanceof KernError)) throw error;
    const { diagnostic } = error;
    throw new DiagnosticError({ ...diagnostic, message: `${path}: ${diagnostic.message}` });
  }
}

/** `random(f32, 3, 17, seed=1, low=0, high=10)` */
function randomInput(spec: string, text: string): Tensor {
  const refuse = (why: string) => mistake("K0807", { input: spec, why });
  const inside = /^random\s*\(([^()]*)\)$/.exec(text)?.[1];
  if (inside === undefined) throw refuse("the parentheses of `random(…)` don’t match");
  const [dtype = "", ...rest] = inside.split(",").map((part) => part.trim());
  if (!isDtype(dtype))
    throw refuse(`${JSON.stringify(dtype)} is not a dtype, which comes first: random(f32, 3, 17)`);
  const shape: number[] = [];
  const options: { seed?: number; low?: number; high?: number } = {};
  for (const part of rest) {
    const [name, value] = part.split("=").map((word) => word.trim());
    if (value === undefined) {
      if (!/^\d+$/.test(part)) throw refuse(`${JSON.stringify(part)} is not a dimension`);
      shape.push(Number(part));
      continue;
    }
    if (name !== "seed" && name !== "low" && name !== "high") {
      const near = nearest(name!, ["seed", "low", "high"]);
      throw refuse(`random has no option \`${name}\`${near ? `; did you mean \`${near}\`?` : ""}`);
    }
    const number = Number(value);
    if (value === "" || !Number.isFinite(number))
      throw refuse(`${name} is a number, not ${JSON.stringify(value)}`);
    options[name] = number;
  }
  return random(dtype, shape, options);
}

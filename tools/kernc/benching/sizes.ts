// The size that a kernel is measured at: --shape, or tensors that --in gives; and arguments of that size.

import { evaluateShape, type Signature } from "../../../compiler/artifact.ts";
import { Tensor, type Arguments } from "../../../runtime/index.ts";
import { UsageError } from "../command.ts";
import { argumentsFor } from "../verifying/cases.ts";
import { smallest } from "./check.ts";

/** Every dim's size. One that is missing, or that the kernel doesn't take, is a mistake of the command line. */
export function dimsOf(
  { dims, params, packs, name, constraints }: Signature,
  sizes: Readonly<Record<string, number>>,
  inputs: Readonly<Record<string, unknown>>,
): Record<string, number> {
  const missing: string[] = [];
  const found = dims.map(({ name: dim, param, axis }): [string, number] => {
    const pack = Object.keys(packs).find((each) => dim === `${each}_0`);
    const tensor = inputs[params[param]!.name];
    const size =
      sizes[dim] ??
      (pack === undefined ? undefined : sizes[pack]) ??
      (tensor instanceof Tensor ? tensor.shape[axis] : undefined);
    if (size === undefined) missing.push(pack ?? dim);
    return [dim, size ?? 0];
  });
  if (missing.length > 0)
    throw new UsageError(
      `\`${name}\` needs a size for ${missing.join(", ")}`,
      `--shape ${missing.map((dim) => `${dim}=1024`).join(",")}`,
    );
  const all = Object.fromEntries(found);
  const why = unfit({ params, constraints }, all);
  if (why !== undefined) throw new UsageError(`\`${name}\` doesn’t take these sizes: ${why}`);
  return all;
}

/** Makes fresh arguments: random tensors and scalars of 1, but for the inputs that are given. */
export function argumentsAt(
  signature: Signature,
  dims: Readonly<Record<string, number>>,
  inputs: Arguments,
): () => Arguments {
  const scalars = Object.fromEntries(
    signature.params.flatMap((param) => (param.kind === "scalar" ? [[param.name, 1]] : [])),
  );
  // Where some run-time check stayed, integers may be places, and large ones would stop the kernel.
  const bounds = signature.asserts.length > 0 ? { low: 0, high: smallest(dims) } : {};
  return () => ({
    ...argumentsFor(signature, { dims, scalars, layout: "row-major", seed: 1 }, bounds),
    ...inputs,
  });
}

/** A sentence about sizes that the kernel doesn't take, or undefined. */
function unfit(
  { params, constraints }: Pick<Signature, "params" | "constraints">,
  dims: Readonly<Record<string, number>>,
): string | undefined {
  const value = (name: string): number => dims[name] ?? 1;
  for (const param of params)
    if (param.kind === "tensor" && param.shape.some((dim) => evaluateShape(dim, value) < 0))
      return `\`${param.name}\` would have a negative size`;
  const broken = constraints.find(({ expr }) => evaluateShape(expr, value) === 0);
  return broken && `it asks for ${broken.text}`;
}

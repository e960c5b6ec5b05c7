// Models of one node, and how far what they give is from onnxruntime's results.

import { expect } from "vitest";
import { OpRegistry, valuesOf, type Device, type Tensor } from "../../runtime/index.ts";
import { opsetRange } from "../../runtime/onnx/import.ts";
import { loadModel } from "../../runtime/onnx/index.ts";
import { modelBytes, type AttributeSpec, type ModelSpec, type PortSpec } from "./models.ts";
import { openReference } from "./reference.ts";

export interface Case {
  readonly op: string;
  readonly option?: string;
  readonly domain?: string;
  /** Of ONNX's operators; 23 if nothing is said. */
  readonly version?: number;
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
  /** By name, in order; undefined where one is left out. */
  readonly inputs: Readonly<Record<string, Tensor | undefined>>;
  readonly constants?: Readonly<Record<string, Tensor>>;
  /** Axes of results, where these have another number of them than the first input. */
  readonly rank?: number | readonly number[];
  /** Dtypes of results, undefined for one that is left out. */
  readonly outputs?: readonly (PortSpec[1] | undefined)[];
}

export const nameOf = ({ op, option }: Case): string => (option === undefined ? op : `${op}, ${option}`);

function modelOf({
  op,
  domain = "",
  version = 23,
  attributes,
  inputs,
  constants = {},
  rank,
  outputs = ["f32"],
}: Case): ModelSpec {
  const given = Object.entries(inputs).flatMap(([name, value]) => (value ? [[name, value] as const] : []));
  const results = outputs.map((dtype, at) => (dtype ? `result${at}` : ""));
  // onnxruntime wants to know how many.
  const sizes = (at: number) =>
    Array.from(
      { length: typeof rank === "object" ? rank[at]! : (rank ?? given[0]![1].rank) },
      (_, axis) => `d${at}_${axis}`,
    );
  const names = [
    ...Object.entries(inputs).map(([name, value]) => (value ? name : "")),
    ...Object.keys(constants),
  ];
  return {
    version,
    domains: { "com.microsoft": 1 },
    inputs: given.map(([name, { dtype, shape }]): PortSpec => [name, dtype, ...shape]),
    outputs: outputs.flatMap((dtype, at): PortSpec[] => (dtype ? [[results[at]!, dtype, ...sizes(at)]] : [])),
    nodes: [{ op, domain, ...(attributes && { attributes }), inputs: names, outputs: results }],
    constants,
  };
}

/** The largest difference from onnxruntime's results, over the size of these. */
export async function apart(
  device: Device,
  reference: Uint8Array,
  own: Uint8Array,
  inputs: Readonly<Record<string, Tensor>>,
  fusion = true,
): Promise<number> {
  const session = await openReference(reference);
  const wanted = await session.run(inputs);
  await session.close();
  const found = await (await loadModel(own, { device, registry: new OpRegistry(), fusion })).run(inputs);
  let worst = 0;
  for (const [name, want] of Object.entries(wanted)) {
    expect(found[name]!.shape, name).toEqual(want.shape);
    const [ours, theirs] = [await valuesOf(found[name]!), await valuesOf(want)];
    const size = Math.max(1, ...theirs.map((value) => Math.abs(Number(value))));
    ours.forEach(
      (value, at) => (worst = Math.max(worst, Math.abs(Number(value) - Number(theirs[at])) / size)),
    );
  }
  return worst;
}

/** The same for a model of one node. An operator of a version behind those that are read is known all the same. */
export async function nodeApart(device: Device, each: Case): Promise<number> {
  const inputs = Object.fromEntries(
    Object.entries(each.inputs).flatMap(([name, value]) => (value ? [[name, value] as const] : [])),
  );
  const version = Math.min(each.version ?? opsetRange.last, opsetRange.last);
  const own = modelBytes(modelOf({ ...each, version }));
  return apart(device, modelBytes(modelOf(each)), own, inputs);
}

// The parts of a graph, loaded, and run one after the other on values by name. A model is one sequence; so is the graph of each branch
// and loop that has kernels of ours inside.

import type { NodeProto } from "onnx-buf";
import type { Kernel } from "../device.ts";
import type { WebgpuDevice } from "../devices/webgpu/device.ts";
import { dtypeOfNumber, tensorOf } from "../onnx/tensors.ts";
import { controlNode, type ControlNode } from "./control.ts";
import { graphsOf, type CutModel, type Part } from "./cut.ts";
import { releaseUnheld, type Handed, type Handover } from "./handover.ts";
import { callNode, nodesOf, type KernNode } from "./nodes.ts";
import { partBytes, type ValueType } from "./part.ts";
import type { SessionOptions } from "./session.ts";
import { dtypeOfOrt, onGpu, type OrtSession, type OrtTensor } from "./types.ts";

/** One part of a model, for looking at. */
export interface PartDescription {
  /** `control`: branches and loops with kernels inside; what they consist of is in `bodies`. */
  readonly on: "onnxruntime" | "kern" | "control";
  readonly nodes: readonly string[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly bodies?: readonly (readonly PartDescription[])[];
}

interface LoadedPart {
  readonly part: Part;
  readonly session?: OrtSession;
  readonly kernels?: readonly KernNode[];
  readonly control?: readonly ControlNode[];
  /** Values that nobody needs after this part. */
  readonly last: readonly string[];
}

/** What all sequences of a model share. */
export interface Context {
  readonly options: SessionOptions;
  readonly kernelsOf: (node: NodeProto) => readonly Kernel[];
  readonly handover: Handover;
  /** Weights that kernels, or what decides about branches, read; on the kernels' device. */
  readonly weights: Map<string, Handed>;
}

export class Sequence {
  readonly cut: CutModel;
  private readonly loaded: readonly LoadedPart[];
  private readonly context: Context;
  private readonly types: ReadonlyMap<string, ValueType>;

  constructor(
    cut: CutModel,
    loaded: readonly LoadedPart[],
    context: Context,
    types: ReadonlyMap<string, ValueType>,
  ) {
    this.cut = cut;
    this.loaded = loaded;
    this.context = context;
    this.types = types;
  }

  /** What is known of an output of the graph. */
  typeOf(output: number): ValueType | undefined {
    const { graph, weights } = this.cut;
    const name = graph.output[output]?.name ?? "";
    const weight = weights.get(name);
    const dtype = weight && dtypeOfNumber(weight.dataType);
    return dtype ? { dtype, shape: weight.dims.map(Number) } : this.types.get(name);
  }

  /** Computes the graph's outputs into `values`, which has what the parts need. Those that were there stay; of what is made on the way, nothing. */
  async run(values: Map<string, Handed>): Promise<void> {
    const given = new Set(values.keys());
    const { handover, weights } = this.context;
    try {
      for (const { part, session, kernels, control, last } of this.loaded) {
        if (session) {
          const inputs: Record<string, OrtTensor> = {};
          for (const name of part.inputs) inputs[name] = await handover.toOrt(values.get(name)!, name);
          for (const [name, ort] of Object.entries(await session.run(inputs))) values.set(name, { ort });
        }
        for (const node of kernels ?? []) await callNode(node, values, weights, handover);
        for (const node of control ?? []) await node.run(values, weights, handover);
        for (const name of last) {
          const value = given.has(name) ? undefined : values.get(name);
          if (!value) continue;
          values.delete(name);
          releaseUnheld([value], values.values(), weights.values());
        }
      }
    } catch (error) {
      const made = [...values].filter(([name]) => !given.has(name));
      for (const [name] of made) values.delete(name);
      releaseUnheld(
        made.map(([, value]) => value),
        values.values(),
        weights.values(),
      );
      throw error;
    }
  }

  describe(): PartDescription[] {
    return this.loaded.map(({ part: { kind, nodes, inputs, outputs }, control }) => ({
      on: kind === "ort" ? "onnxruntime" : kind,
      nodes: nodes.map(({ name, opType }) => name || opType),
      inputs,
      outputs,
      ...(control && { bodies: control.flatMap(({ bodies }) => bodies.map((body) => body.describe())) }),
    }));
  }

  async release(): Promise<void> {
    for (const { session, control } of this.loaded) {
      await session?.release();
      for (const { bodies } of control ?? []) for (const body of bodies) await body.release();
    }
  }
}

/** Opens onnxruntime's sessions, and chooses kernels. `types` are what is known of values; what is found out is added. */
export async function loadSequence(
  cut: CutModel,
  context: Context,
  types: Map<string, ValueType>,
): Promise<Sequence> {
  for (const [name, type] of declaredTypes(cut)) types.set(name, type);
  const loaded: LoadedPart[] = [];
  const ended = lastUses(cut);
  try {
    await uploadWeights(
      cut.graph.output.map(({ name }) => name),
      cut,
      context,
    );
    for (const [at, part] of cut.parts.entries()) {
      const last = ended.get(at) ?? [];
      if (part.kind !== "ort")
        await uploadWeights(
          part.nodes.flatMap(({ input }) => input),
          cut,
          context,
        );
      if (part.kind === "kern") {
        loaded.push({ part, kernels: nodesOf(part, cut, context.kernelsOf, types), last });
      } else if (part.kind === "control") {
        const control: ControlNode[] = [];
        loaded.push({ part, control, last });
        for (const node of part.nodes) {
          const bodies: Sequence[] = [];
          for (const graph of graphsOf(node))
            bodies.push(await loadSequence(cut.bodies.get(graph)!, context, new Map(types)));
          control.push(controlNode(node, bodies, context, types));
        }
      } else {
        const session = await openPart(partBytes(cut, part, types), part, context.options, types);
        loaded.push({ part, session, last });
      }
    }
  } catch (error) {
    await new Sequence(cut, loaded, context, types).release();
    throw error;
  }
  return new Sequence(cut, loaded, context, types);
}

/** Weights that kernels read, or that a graph hands on, each once. */
async function uploadWeights(
  names: readonly string[],
  cut: CutModel,
  { options: { device, externalData = {} }, weights }: Context,
): Promise<void> {
  for (const name of names)
    if (cut.weights.has(name) && !weights.has(name))
      weights.set(name, { kern: await device.upload(tensorOf(cut.weights.get(name)!, externalData)) });
}

async function openPart(
  bytes: Uint8Array,
  { outputs: names }: Part,
  { ort, device, externalData = {}, options = {} }: SessionOptions,
  types: Map<string, ValueType>,
): Promise<OrtSession> {
  const shared = {
    ...options,
    externalData: Object.entries(externalData).map(([path, data]) => ({ path, data })),
  };
  if (device.name !== "webgpu") {
    const session = await ort.InferenceSession.create(bytes, { ...shared, executionProviders: ["wasm"] });
    learnTypes(session, types);
    return session;
  }
  const { gpu } = device as WebgpuDevice;
  const open = (onHost: ReadonlySet<string>) =>
    ort.InferenceSession.create(bytes, {
      ...shared,
      executionProviders: [{ name: "webgpu", device: gpu as never }],
      preferredOutputLocation: Object.fromEntries(
        names.map((name) => [name, onHost.has(name) ? "cpu" : "gpu-buffer"]),
      ),
    });
  const session = await open(new Set());
  learnTypes(session, types);
  // Of which type a value is, the session alone knows; some types don't stay on a GPU.
  const onHost = session.outputMetadata.filter((each) => !each.isTensor || !onGpu.has(each.type));
  if (onHost.length === 0) return session;
  await session.release();
  return open(new Set(onHost.map(({ name }) => name)));
}

/** What a session found out about its outputs. Names of sizes are its own, and mean nothing elsewhere. */
function learnTypes(session: OrtSession, types: Map<string, ValueType>): void {
  for (const each of session.outputMetadata) {
    if (!each.isTensor) continue;
    const dtype = dtypeOfOrt(each.type);
    if (!dtype || types.has(each.name)) continue;
    // A size that it doesn't know is -1, as 32 bits without a sign.
    const shape = each.shape.map((size) => (typeof size === "number" && size < 2 ** 31 ? size : undefined));
    types.set(each.name, { dtype, shape: shape.length > 0 ? shape : undefined });
  }
}

/** What a graph says of its inputs, and of values on the way. */
export function declaredTypes({ graph }: CutModel): [string, ValueType][] {
  return [...graph.input, ...graph.valueInfo].flatMap(({ name, type }) => {
    if (type?.value.case !== "tensorType") return [];
    const { elemType, shape } = type.value.value;
    const dtype = dtypeOfNumber(elemType);
    if (!dtype) return [];
    const dims = shape?.dim.map(({ value }) =>
      value.case === "dimValue" ? Number(value.value) : value.case === "dimParam" ? value.value : undefined,
    );
    return [[name, { dtype, shape: dims }]];
  });
}

/** By part: values that it reads or makes and that nobody needs after it. */
function lastUses({ parts, graph }: CutModel): Map<number, string[]> {
  const outputs = new Set(graph.output.map(({ name }) => name));
  const last = new Map<string, number>();
  for (const [at, { inputs }] of parts.entries()) for (const name of inputs) last.set(name, at);
  const ended = new Map<number, string[]>();
  for (const [name, at] of last) if (!outputs.has(name)) ended.set(at, [...(ended.get(at) ?? []), name]);
  return ended;
}

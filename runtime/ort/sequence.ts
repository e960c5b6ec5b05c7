// The parts of a graph, loaded, and run one after the other on values by name. A model is one sequence; so is the graph of each branch
// and loop that has kernels of ours inside.

import type { GraphProto, NodeProto } from "onnx-buf";
import type { Kernel } from "../device.ts";
import type { WebgpuDevice } from "../devices/webgpu/device.ts";
import { modelError } from "../graph/error.ts";
import { graphsOf, namesRead } from "../onnx/messages.ts";
import { dtypeOfNumber, tensorOf } from "../onnx/tensors.ts";
import { controlNode, type ControlNode } from "./control.ts";
import { textOf, type CutModel, type Part } from "./cut.ts";
import { releaseUnheld, type Handed, type Handover } from "./handover.ts";
import { callNode, nodesOf, type KernNode, type LeftNodes } from "./nodes.ts";
import { partBytes, type ValueType } from "./part.ts";
import type { SessionOptions } from "./session.ts";
import { dtypeOfOrt, onGpu, type OrtOptions, type OrtSession, type OrtTensor } from "./types.ts";

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
  readonly left: LeftNodes;
  /** What is known of values, by the graph that they are in: more each time the model is cut. */
  readonly types: Map<GraphProto, Map<string, ValueType>>;
  /** Only the types of values are asked for, and what tells of none isn't opened. */
  readonly probing: boolean;
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

/**
 * Opens onnxruntime's sessions, and chooses kernels. `around` is what is known of values of graphs around. It ends early where kernels left a
 * node: then the model is to be cut anew.
 */
export async function loadSequence(
  cut: CutModel,
  context: Context,
  around: ReadonlyMap<string, ValueType>,
): Promise<Sequence> {
  const types = new Map([...around, ...(context.types.get(cut.graph) ?? []), ...declaredTypes(cut)]);
  context.types.set(cut.graph, types);
  const loaded: LoadedPart[] = [];
  const ended = lastUses(cut);
  const before = context.left.size;
  const upload = async (names: readonly string[]) => {
    if (!context.probing) await uploadWeights(names, cut, context);
  };
  try {
    await upload(cut.graph.output.map(({ name }) => name));
    for (const [at, part] of cut.parts.entries()) {
      const last = ended.get(at) ?? [];
      if (part.kind === "kern") {
        const kernels = nodesOf(part, cut, context.kernelsOf, types, context.left);
        if (kernels) loaded.push({ part, kernels, last });
      } else if (part.kind === "control") {
        const control: ControlNode[] = [];
        loaded.push({ part, control, last });
        for (const node of part.nodes) {
          const bodies: Sequence[] = [];
          for (const graph of graphsOf(node))
            bodies.push(await loadSequence(cut.bodies.get(graph)!, context, types));
          control.push(controlNode(node, bodies, context, types));
        }
      } else if (context.probing) await probe(cut, part, context, types);
      else {
        const session = await openPart(cut, part, context, types);
        loaded.push({ part, session, last });
      }
      if (context.left.size > before) break;
      if (part.kind !== "ort") await upload(part.nodes.flatMap(({ input }) => input));
    }
  } catch (error) {
    await new Sequence(cut, loaded, context, types).release();
    throw error;
  }
  return new Sequence(cut, loaded, context, types);
}

/** Asks onnxruntime for the types of what a part gives, as far as they aren't known. */
async function probe(
  cut: CutModel,
  part: Part,
  context: Context,
  types: Map<string, ValueType>,
): Promise<void> {
  const outputs = part.outputs.filter((name) => !types.has(name));
  if (outputs.length === 0) return;
  const needed = new Set(outputs);
  const nodes: NodeProto[] = [];
  for (const node of part.nodes.toReversed()) {
    if (!node.output.some((name) => needed.has(name))) continue;
    nodes.unshift(node);
    for (const name of namesRead(node)) if (!types.has(name)) needed.add(name);
  }
  const made = new Set(nodes.flatMap(({ output }) => output));
  const read = new Set(nodes.flatMap((node) => [...namesRead(node)]));
  const inputs = [...read].filter(
    (name) => !made.has(name) && (types.has(name) || part.inputs.includes(name)),
  );
  const session = await openPart(cut, { kind: "ort", nodes, inputs, outputs }, context, types);
  await session.release();
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
  cut: CutModel,
  part: Part,
  { options: { ort, device, externalData = {}, options = {} }, left }: Context,
  types: Map<string, ValueType>,
): Promise<OrtSession> {
  const bytes = partBytes(cut, part, types);
  const shared = {
    ...options,
    externalData: Object.entries(externalData).map(([path, data]) => ({ path, data })),
  };
  const create = async (more: OrtOptions): Promise<OrtSession> => {
    try {
      return await ort.InferenceSession.create(bytes, { ...shared, ...more });
    } catch (error) {
      throw refusal(error, part, left);
    }
  };
  if (device.name !== "webgpu") {
    const session = await create({ executionProviders: ["wasm"] });
    learnTypes(session, types);
    return session;
  }
  const { gpu } = device as WebgpuDevice;
  const open = (onHost: ReadonlySet<string>) =>
    create({
      executionProviders: [{ name: "webgpu", device: gpu as never }],
      preferredOutputLocation: Object.fromEntries(
        part.outputs.map((name) => [name, onHost.has(name) ? "cpu" : "gpu-buffer"]),
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

/** What to throw where a session couldn't be opened: for a node that kernels left and onnxruntime doesn't take either, both reasons. */
function refusal(error: unknown, { nodes }: Part, left: LeftNodes): unknown {
  const text = error instanceof Error ? error.message : String(error);
  const node = nodes.find((each) => left.has(each) && text.split(/\W+/).includes(each.opType));
  if (!node) return error;
  return modelError("K1003", {
    node: textOf(node),
    why: `${left.get(node)!}; and onnxruntime says: ${text}`,
  });
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

// A model whose nodes run in two places: sessions of onnxruntime-web for most, kernels of ours for those that were registered.

import type { NodeProto } from "onnx-buf";
import type { Device } from "../device.ts";
import type { WebgpuDevice } from "../devices/webgpu/device.ts";
import { missingOp } from "../graph/custom.ts";
import { modelError } from "../graph/error.ts";
import { normalDomain } from "../onnx/import.ts";
import { dtypeOfNumber, tensorOf, type ExternalData } from "../onnx/tensors.ts";
import { registeredName, userKernels } from "../ops/node-call.ts";
import { ops, type OpRegistry } from "../ops/registry.ts";
import { cutModel, type CutModel, type Part } from "./cut.ts";
import { Handover, release, type Handed, type Handovers } from "./handover.ts";
import { callNode, nodesOf, type KernNode } from "./nodes.ts";
import { partBytes, type ValueType } from "./part.ts";
import { dtypeOfOrt, onGpu, type Ort, type OrtOptions, type OrtSession, type OrtTensor } from "./types.ts";

export interface SessionOptions {
  /** The application's `onnxruntime-web`; for a device `webgpu`, `onnxruntime-web/webgpu`. */
  readonly ort: Ort;
  /** Where the kernels were loaded. Sessions run on its GPUDevice if it is a `webgpu` one, else in WebAssembly. */
  readonly device: Device;
  /** Where ops are looked up; the shared registry if nothing is said. */
  readonly registry?: OpRegistry;
  /** Files of weights beside the model, by the names that it gives them. */
  readonly externalData?: ExternalData;
  /** `"gpu-buffer"` leaves results of types that shaders have in buffers of the GPU; on the host if nothing is said. */
  readonly outputs?: "cpu" | "gpu-buffer";
  /** More options for onnxruntime's sessions. */
  readonly options?: Omit<OrtOptions, "executionProviders" | "preferredOutputLocation" | "externalData">;
}

/** One part of a model, for looking at. */
export interface PartDescription {
  readonly on: "onnxruntime" | "kern";
  readonly nodes: readonly string[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

interface LoadedPart {
  readonly part: Part;
  readonly session?: OrtSession;
  readonly kernels?: readonly KernNode[];
  /** Values that nobody needs after this part. */
  readonly last: readonly string[];
}

/** Operator sets that onnxruntime knows; in any other, an op is a kernel of ours or missing. */
const known = /^(|ai\.onnx\.ml|ai\.onnx\.(preview\.)?training|com\.microsoft(\..*)?|com\.ms\..*)$/;

export class Session {
  /** Names that `run` takes, and gives. */
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** How the model was cut, in the order in which its parts run. */
  readonly parts: readonly PartDescription[];
  private readonly loaded: readonly LoadedPart[];
  private readonly handover: Handover;
  private readonly weights: ReadonlyMap<string, Handed>;
  private readonly keeps: boolean;
  private counted: Handovers;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    cut: CutModel,
    loaded: readonly LoadedPart[],
    handover: Handover,
    weights: ReadonlyMap<string, Handed>,
    keeps: boolean,
  ) {
    this.loaded = loaded;
    this.handover = handover;
    this.weights = weights;
    this.keeps = keeps;
    this.inputNames = cut.inputs.filter((name) => !cut.weights.has(name));
    this.outputNames = cut.graph.output.map(({ name }) => name);
    this.parts = loaded.map(({ part: { kind, nodes, inputs, outputs } }) => ({
      on: kind === "kern" ? "kern" : "onnxruntime",
      nodes: nodes.map(({ name, opType }) => name || opType),
      inputs,
      outputs,
    }));
    this.counted = handover.take();
  }

  /** What was handed over in the last run. */
  get handovers(): Handovers {
    return this.counted;
  }

  /** Runs the model on tensors of onnxruntime's, by name. Runs wait for each other. */
  run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Record<string, OrtTensor>> {
    const result = this.turn.then(() => this.runNow(feeds));
    this.turn = result.catch(() => undefined);
    return result;
  }

  /** Ends onnxruntime's sessions, and gives the weights of kernels back. */
  async release(): Promise<void> {
    await this.turn;
    for (const { session } of this.loaded) await session?.release();
    for (const weight of this.weights.values()) weight.kern?.dispose();
  }

  private async runNow(feeds: Readonly<Record<string, OrtTensor>>): Promise<Record<string, OrtTensor>> {
    const values = this.given(feeds);
    try {
      for (const { part, session, kernels, last } of this.loaded) {
        if (session) {
          const inputs: Record<string, OrtTensor> = {};
          for (const name of part.inputs) inputs[name] = await this.handover.toOrt(values.get(name)!, name);
          for (const [name, ort] of Object.entries(await session.run(inputs))) values.set(name, { ort });
        }
        for (const node of kernels ?? []) await callNode(node, values, this.weights, this.handover);
        for (const name of last) {
          const value = values.get(name);
          if (value) release(value);
          values.delete(name);
        }
      }
      return await this.results(values);
    } catch (error) {
      for (const value of values.values()) release(value);
      throw error;
    } finally {
      this.counted = this.handover.take();
    }
  }

  private given(feeds: Readonly<Record<string, OrtTensor>>): Map<string, Handed> {
    const values = new Map<string, Handed>();
    const names = this.inputNames.map((name) => `\`${name}\``).join(", ");
    for (const name of this.inputNames) {
      const ort = feeds[name];
      if (!ort) throw modelError("K1006", { input: name, expected: "a tensor", given: "nothing" });
      values.set(name, { ort, foreign: true });
    }
    for (const name of Object.keys(feeds))
      if (!values.has(name)) {
        // An input with a default among the weights is part of the sessions by now.
        const expected = `no such thing; its inputs are ${names},`;
        throw modelError("K1006", { input: name, expected, given: "a tensor" });
      }
    return values;
  }

  private async results(values: Map<string, Handed>): Promise<Record<string, OrtTensor>> {
    const results: Record<string, OrtTensor> = {};
    for (const name of this.outputNames) {
      const value = values.get(name) ?? { kern: this.weights.get(name)!.kern };
      const ort = await this.handover.toOrt(value, name);
      const stays = this.keeps || ort.location !== "gpu-buffer" || value.foreign || !values.has(name);
      if (!stays) await ort.getData(true);
      if (values.has(name) && ort.location !== "gpu-buffer") value.kern?.dispose();
      results[name] = ort;
    }
    return results;
  }
}

/**
 * Reads an ONNX model and cuts it at the nodes for which a kernel is registered (`@op("domain::Name")`, `ops.register`) on
 * `device`: these run as kernels, the rest in sessions of onnxruntime-web.
 */
export async function createSession(bytes: Uint8Array, options: SessionOptions): Promise<Session> {
  const { ort, device, registry = ops, externalData = {}, outputs = "cpu" } = options;
  const kernelsOf = ({ domain, opType }: NodeProto) =>
    userKernels(registry, registeredName(normalDomain(domain), opType), device);
  const cut = cutModel(bytes, (node) => kernelsOf(node).length > 0);
  for (const { kind, nodes } of cut.parts)
    for (const { domain, opType: op, name } of nodes)
      if (kind === "ort" && !known.test(normalDomain(domain)))
        throw missingOp({ domain, op, name }, registry);
  const handover = new Handover(ort, device);
  const types = new Map<string, ValueType>(declaredTypes(cut));
  const weights = new Map<string, Handed>();
  const loaded: LoadedPart[] = [];
  const ended = lastUses(cut);
  try {
    for (const [at, part] of cut.parts.entries()) {
      const last = ended.get(at) ?? [];
      if (part.kind === "kern") {
        for (const name of part.nodes.flatMap(({ input }) => input))
          if (cut.weights.has(name) && !weights.has(name))
            weights.set(name, { kern: await device.upload(tensorOf(cut.weights.get(name)!, externalData)) });
        loaded.push({ part, kernels: nodesOf(part, cut, kernelsOf, types), last });
      } else {
        const session = await openPart(partBytes(cut, part, types), part, options, types);
        loaded.push({ part, session, last });
      }
    }
    for (const { name } of cut.graph.output)
      if (cut.weights.has(name))
        weights.set(name, { kern: await device.upload(tensorOf(cut.weights.get(name)!, externalData)) });
  } catch (error) {
    for (const { session } of loaded) await session?.release();
    throw error;
  }
  handover.take();
  return new Session(cut, loaded, handover, weights, outputs === "gpu-buffer");
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

function declaredTypes({ graph }: CutModel): [string, ValueType][] {
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

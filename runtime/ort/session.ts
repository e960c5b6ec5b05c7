// A model whose nodes run in two places: sessions of onnxruntime-web for most, kernels of ours for those that were registered.

import type { ModelProto, NodeProto } from "onnx-buf";
import { describeGiven } from "../../lang/diagnostics/given.ts";
import type { Device } from "../device.ts";
import { kernError } from "../error.ts";
import { missingOp } from "../graph/custom.ts";
import { modelError } from "../graph/error.ts";
import { constantsOf, normalDomain } from "../onnx/import.ts";
import { checkExternal, type ExternalData } from "../onnx/tensors.ts";
import { registeredName, userKernels } from "../ops/node-call.ts";
import { ops, type OpRegistry } from "../ops/registry.ts";
import { cutModel, readModel, type CutModel } from "./cut.ts";
import { Handover, releaseUnheld, type Handed, type Handovers } from "./handover.ts";
import { isKnownThere } from "./nodes.ts";
import {
  declaredTypes,
  loadSequence,
  type Context,
  type PartDescription,
  type Sequence,
} from "./sequence.ts";
import type { ValueType } from "./part.ts";
import { dtypeOfOrt, ortType, type Ort, type OrtOptions, type OrtTensor } from "./types.ts";

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

/** A node that kernels are registered for, and that onnxruntime carries out. */
export interface LeftNode {
  /** Its name, or its operator where it has none. */
  readonly node: string;
  /** Why none of these kernels does. */
  readonly why: string;
}

export class Session {
  /** Names that `run` takes, and gives. */
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** How the model was cut, in the order in which its parts run. */
  readonly parts: readonly PartDescription[];
  /** Nodes that no registered kernel took, of which onnxruntime has the operators. */
  readonly left: readonly LeftNode[];
  private readonly sequence: Sequence;
  private readonly handover: Handover;
  private readonly weights: ReadonlyMap<string, Handed>;
  private readonly keeps: boolean;
  private counted: Handovers;
  private turn: Promise<unknown> = Promise.resolve();
  private ended = false;
  private readonly types: ReadonlyMap<string, ValueType>;

  constructor(sequence: Sequence, { handover, weights, left }: Context, keeps: boolean) {
    const { cut } = sequence;
    this.sequence = sequence;
    this.handover = handover;
    this.weights = weights;
    this.left = [...left].map(([{ name, opType }, why]) => ({ node: name || opType, why }));
    this.keeps = keeps;
    this.inputNames = cut.inputs.filter((name) => !cut.weights.has(name));
    this.outputNames = cut.graph.output.map(({ name }) => name);
    this.types = new Map(declaredTypes(cut));
    this.parts = sequence.describe();
    this.counted = handover.take();
  }

  /** What was handed over in the last run. */
  get handovers(): Handovers {
    return this.counted;
  }

  /** Runs the model on tensors of onnxruntime's, by name. Runs wait for each other. */
  run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Record<string, OrtTensor>> {
    const result = this.turn.then(() => this.runNow(feeds ?? {}));
    this.turn = result.catch(() => undefined);
    return result;
  }

  /** Ends onnxruntime's sessions, and gives the weights of kernels back. */
  async release(): Promise<void> {
    await this.turn;
    if (this.ended) return;
    this.ended = true;
    await this.sequence.release();
    for (const weight of this.weights.values()) weight.kern?.dispose();
  }

  private async runNow(feeds: Readonly<Record<string, OrtTensor>>): Promise<Record<string, OrtTensor>> {
    if (this.ended) throw kernError("K0713", { what: "the session" });
    const values = this.given(feeds);
    try {
      await this.sequence.run(values);
      return await this.results(values);
    } catch (error) {
      releaseUnheld(values.values(), this.weights.values());
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
      checkFeed(name, ort, this.types.get(name));
      values.set(name, { ort, foreign: true });
    }
    for (const name of Object.keys(feeds))
      // An input with a default among the weights is part of the sessions by now.
      if (!values.has(name)) throw modelError("K1006", { input: name, known: names || "none" });
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
  checkOptions(bytes, options);
  const { ort, device, registry = ops, outputs = "cpu" } = options;
  const kernelsOf = ({ domain, opType }: NodeProto) =>
    userKernels(registry, registeredName(normalDomain(domain), opType), device);
  const model = readModel(bytes);
  checkExternal(constantsOf(model.graph), options.externalData ?? {});
  const handover = new Handover(ort, device);
  const context: Context = {
    options,
    kernelsOf,
    handover,
    weights: new Map(),
    left: new Map(),
    types: new Map(),
    probing: false,
  };
  try {
    const sequence = await cutAndLoaded(model, context, registry);
    handover.take();
    return new Session(sequence, context, outputs === "gpu-buffer");
  } catch (error) {
    releaseUnheld(context.weights.values());
    throw error;
  }
}

/**
 * The parts of a model. What types values have is known when the parts before them are loaded; where a kernel turns out not to take a node, the
 * model is cut anew. The types of the rest are found out first, by as little as tells them, so that each part is loaded twice at most.
 */
async function cutAndLoaded(model: ModelProto, context: Context, registry: OpRegistry): Promise<Sequence> {
  const { kernelsOf, left } = context;
  for (let probing = false; ;) {
    const before = left.size;
    const cut = cutModel(model, (node) => !left.has(node) && kernelsOf(node).length > 0);
    refuseMissing(cut, registry);
    const sequence = await loadSequence(cut, { ...context, probing }, new Map());
    if (!probing && left.size === before) return sequence;
    await sequence.release();
    probing = left.size > before;
  }
}

/** For callers without types: what has to be there. */
function checkOptions(bytes: unknown, options: Partial<SessionOptions> | undefined): void {
  const refuse = (option: string, expected: string, given: unknown) =>
    kernError("K0719", { option, expected, given: describeGiven(given) });
  if (!(bytes instanceof Uint8Array)) throw refuse("bytes", "the bytes of a model, a Uint8Array", bytes);
  if (typeof options?.ort?.InferenceSession?.create !== "function")
    throw refuse("ort", "the application’s `onnxruntime-web`", options?.ort);
  if (typeof options.device?.load !== "function")
    throw refuse("device", "the device on which the kernels were loaded", options.device);
}

/** Refuses what isn't a tensor as the model declares it. */
function checkFeed(
  input: string,
  given: OrtTensor | undefined,
  declared: ValueType | undefined,
): asserts given is OrtTensor {
  const shape = (dims: readonly (number | string | undefined)[]) => dims.map((dim) => dim ?? "?").join(", ");
  const expected = declared
    ? `a tensor of ${ortType(declared.dtype) ?? declared.dtype}${declared.shape ? ` [${shape(declared.shape)}]` : ""}`
    : "a tensor";
  const refuse = (what: string) => modelError("K1006", { input, expected, given: what });
  if (given === undefined || given === null) throw refuse("nothing");
  const { type, dims, location } = given as Partial<OrtTensor>;
  if (typeof type !== "string" || !Array.isArray(dims) || typeof location !== "string")
    throw refuse(`${describeGiven(given)}, which is no tensor of onnxruntime-web`);
  if (location === "none") throw kernError("K0713", { what: `the tensor given as \`${input}\`` });
  if (!declared) return;
  // What it takes for a scalar, and types that only it has, are for onnxruntime to say.
  const known = declared.shape?.length ? declared.shape : undefined;
  const fits =
    (!ortType(declared.dtype) || dtypeOfOrt(type) === declared.dtype) &&
    (!known ||
      (known.length === dims.length &&
        known.every((dim, axis) => typeof dim !== "number" || dim === dims[axis])));
  if (!fits) throw refuse(`one of ${type} [${dims.join(", ")}]`);
}

/** Ops that neither onnxruntime nor the registry has, in bodies too. */
function refuseMissing(cut: CutModel, registry: OpRegistry): void {
  for (const { kind, nodes } of [cut, ...cut.bodies.values()].flatMap(({ parts }) => parts))
    for (const node of nodes)
      if (kind === "ort" && !isKnownThere(node)) throw missingOp({ ...node, op: node.opType }, registry);
}

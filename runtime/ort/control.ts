// Branches and loops with kernels of ours inside: what onnxruntime does with the graphs of `If`, `Loop` and `Scan`, done with their parts. A
// value that decides is read on the host.

import type { NodeProto } from "onnx-buf";
import { badModel } from "../graph/error.ts";
import { kernError } from "../error.ts";
import type { TypedArray } from "../tensor/storage.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { textOf } from "./cut.ts";
import { hostOf, releaseUnheld, type Handed, type Handover } from "./handover.ts";
import type { ValueType } from "./part.ts";
import type { Context, Sequence } from "./sequence.ts";
import { ortType, type Ort, type OrtTensor } from "./types.ts";

export interface ControlNode {
  readonly bodies: readonly Sequence[];
  /** Puts the node's results to the values that are there. */
  run(values: Map<string, Handed>, weights: ReadonlyMap<string, Handed>, handover: Handover): Promise<void>;
}

/** A node and the sequences of its graphs, in the order of its attributes; notes of what types its results are. */
export function controlNode(
  node: NodeProto,
  bodies: readonly Sequence[],
  context: Context,
  types: Map<string, ValueType>,
): ControlNode {
  const bodyOf = (attribute: string): Sequence => {
    const graph = node.attribute.find(({ name }) => name === attribute)?.g;
    const found = bodies.find(({ cut }) => cut.graph === graph);
    if (!found) throw badModel(`${textOf(node)} lacks its graph \`${attribute}\``);
    return found;
  };
  const note = (name: string, type: ValueType | undefined): void => {
    if (name !== "" && type && !types.has(name)) types.set(name, type);
  };
  const { ort } = context.options;
  if (node.opType === "If") {
    const [then, orelse] = [bodyOf("then_branch"), bodyOf("else_branch")];
    node.output.forEach((name, at) => note(name, then.typeOf(at) ?? orelse.typeOf(at)));
    return {
      bodies,
      run: (values, weights, handover) => branch(node, then, orelse, { values, weights, handover }, ort),
    };
  }
  const body = bodyOf("body");
  const [carried, before] = node.opType === "Scan" ? [scanStates(node), 0] : [node.input.length - 2, 1];
  const turns = node.opType === "Scan" ? scan : loop;
  node.output.forEach((name, at) => {
    const type = body.typeOf(at + before);
    note(name, type && at >= carried ? { ...type, shape: type.shape && [undefined, ...type.shape] } : type);
  });
  return {
    bodies,
    run: (values, weights, handover) => turns(node, body, { values, weights, handover }, ort, types),
  };
}

interface Run {
  readonly values: Map<string, Handed>;
  readonly weights: ReadonlyMap<string, Handed>;
  readonly handover: Handover;
}

const valueOf = ({ values, weights }: Run, name: string): Handed | undefined =>
  weights.get(name) ?? values.get(name);

/** The first element of a value that decides; undefined where there is none. */
async function decided(run: Run, name: string | undefined): Promise<number | undefined> {
  const value = name ? valueOf(run, name) : undefined;
  return value && firstOf(await run.handover.toOrt(value, name!));
}

const firstOf = async (tensor: OrtTensor): Promise<number> =>
  Number(((await tensor.getData()) as unknown as TypedArray)[0]);

async function branch(node: NodeProto, then: Sequence, orelse: Sequence, run: Run, ort: Ort): Promise<void> {
  const taken = (await decided(run, node.input[0])) ? then : orelse;
  const inside = new Map(run.values);
  await taken.run(inside);
  const results = taken.cut.graph.output.map(({ name }) => resultOf(inside, run, name));
  await give(node.output, results, run, ort);
}

/** What a body gives under a name: made there, or of the graphs around. */
function resultOf(inside: ReadonlyMap<string, Handed>, { weights }: Run, name: string): Handed {
  const value = inside.get(name) ?? weights.get(name);
  if (!value) throw badModel(`nothing gives \`${name}\`, which a graph hands on`);
  return value;
}

/** Results of bodies for the graph around them; those that nobody asks for are given back, and weights stay what they are. */
async function give(names: readonly string[], results: readonly Handed[], run: Run, ort: Ort): Promise<void> {
  const weights = new Set(run.weights.values());
  const kept: Handed[] = [];
  for (const [at, value] of results.entries()) {
    const name = names[at];
    if (!name) continue;
    const mine = weights.has(value) ? await copyOf(value, run, ort) : value;
    kept.push(mine);
    run.values.set(name, mine);
  }
  releaseUnheld(results, kept, run.values.values(), weights);
}

async function loop(
  node: NodeProto,
  body: Sequence,
  run: Run,
  ort: Ort,
  types: ReadonlyMap<string, ValueType>,
): Promise<void> {
  const limit = (await decided(run, node.input[0])) ?? Infinity;
  let going = ((await decided(run, node.input[1])) ?? 1) !== 0;
  const turns = new Turns(body, run, ort, node.input.slice(2), 1);
  for (let turn = 0; going && turn < limit; turn++) {
    const counted: Handed[] = [
      { ort: new ort.Tensor("int64", BigInt64Array.of(BigInt(turn)), []) },
      { ort: new ort.Tensor("bool", Uint8Array.of(1), []) },
    ];
    going = (await turns.take(counted, [])) !== 0;
  }
  await turns.end(node, (list, name) => stacked(list, name, ort, types.get(name)));
}

/** A `Scan`: a turn for each place along an axis of what is scanned, which is taken apart on the host, and put together there. */
async function scan(
  node: NodeProto,
  body: Sequence,
  run: Run,
  ort: Ort,
  types: ReadonlyMap<string, ValueType>,
): Promise<void> {
  const number = (attribute: string, at: number): number => {
    const found = node.attribute.find(({ name }) => name === attribute);
    return Number(found?.ints[at] ?? 0);
  };
  const axisOf = (attribute: string, at: number, rank: number): number => {
    const axis = number(attribute, at);
    if (axis < -rank || axis >= rank)
      throw badModel(`${textOf(node)} goes over axis ${axis} of a tensor of ${rank} dimensions`);
    return axis < 0 ? axis + rank : axis;
  };
  const states = scanStates(node);
  const whole: { readonly host: Tensor; readonly axis: number }[] = [];
  for (const [at, name] of node.input.slice(states).entries()) {
    const given = await run.handover.toOrt(valueOf(run, name)!, name);
    const host = hostOf(given, await given.getData(), name);
    whole.push({ host, axis: axisOf("scan_input_axes", at, host.rank) });
  }
  const [count = 0, ...others] = whole.map(({ host, axis }) => host.shape[axis]!);
  const other = others.find((each) => each !== count);
  if (other !== undefined)
    throw badModel(`${textOf(node)} goes over ${count} places of one input, and over ${other} of another`);
  const turns = new Turns(body, run, ort, node.input.slice(0, states), 0);
  for (let turn = 0; turn < count; turn++) {
    const places = whole.map(({ host, axis }, at): Handed => {
      const place = number("scan_input_directions", at) === 1 ? count - 1 - turn : turn;
      return { ort: ofHost(host.slice(...Array<null>(axis).fill(null), place), ort) };
    });
    await turns.take([], places);
  }
  await turns.end(node, (list, name, at) => {
    const inOrder = number("scan_output_directions", at) === 1 ? list.toReversed() : list;
    const found = stacked(inOrder, name, ort, types.get(name));
    const axis = axisOf("scan_output_axes", at, found.dims.length);
    if (axis === 0) return found;
    const host = hostOf(found, found.data, name);
    const rest = host.shape.map((_, each) => each).slice(1);
    return ofHost(host.transpose(...rest.toSpliced(axis, 0, 0)), ort);
  });
}

/** Values that a Scan hands from turn to turn. */
const scanStates = (node: NodeProto): number =>
  node.input.length - Number(node.attribute.find(({ name }) => name === "num_scan_inputs")?.i ?? 0);

const ofHost = (host: Tensor, ort: Ort): OrtTensor =>
  new ort.Tensor(ortType(host.dtype) as "float32", host.dataSync() as never, [...host.shape]);

/** The turns of a body: what it hands on from one to the next, and what each leaves. */
class Turns {
  private readonly body: Sequence;
  private readonly run: Run;
  private readonly ort: Ort;
  private carried: readonly Handed[];
  /** Results of a body before those that are handed on. */
  private readonly before: number;
  private readonly left: OrtTensor[][];

  constructor(body: Sequence, run: Run, ort: Ort, carried: readonly string[], before: number) {
    this.body = body;
    this.run = run;
    this.ort = ort;
    this.before = before;
    this.carried = carried.map((name) => valueOf(run, name)!);
    this.left = body.cut.graph.output.slice(before + carried.length).map(() => []);
  }

  /** One turn, with values before and behind those that are handed on. Gives the first result where that decides. */
  async take(front: readonly Handed[], back: readonly Handed[]): Promise<number | undefined> {
    const { body, run, ort, before, carried, left } = this;
    const { input: ports, output: results } = body.cut.graph;
    const given = [...front, ...carried, ...back];
    const inside = new Map(run.values);
    ports.forEach(({ name }, at) => inside.set(name, given[at]!));
    const around = [...run.values.values(), ...run.weights.values()];
    try {
      await body.run(inside);
    } catch (error) {
      releaseUnheld(carried, around);
      throw error;
    }
    const made = results.map(({ name }) => resultOf(inside, run, name));
    const decision =
      before > 0 ? await firstOf(await run.handover.toOrt(made[0]!, results[0]!.name)) : undefined;
    const next = made.slice(before, before + carried.length);
    for (const [at, list] of left.entries()) {
      const place = before + carried.length + at;
      list.push((await copyOf(made[place]!, run, ort)).ort!);
    }
    // A body may hand on what it was given, and what is around it.
    releaseUnheld([...given, ...made], next, around);
    this.carried = next;
    return decision;
  }

  /** Puts the results to the values that are there: what was handed on last, and what all turns left, as `joined` puts it together. */
  async end(
    node: NodeProto,
    joined: (list: readonly OrtTensor[], name: string, at: number) => OrtTensor,
  ): Promise<void> {
    await give(node.output, this.carried, this.run, this.ort);
    for (const [at, list] of this.left.entries()) {
      const name = node.output[this.carried.length + at];
      if (name) this.run.values.set(name, { ort: joined(list, name, at) });
    }
  }
}

async function copyOf(value: Handed, { handover }: Run, ort: Ort): Promise<Handed> {
  const given = await handover.toOrt(value, "a value carried by a loop");
  return {
    ort: new ort.Tensor(given.type as "float32", (await given.getData()) as never, [...given.dims]),
  };
}

/** What each turn of a loop gave, one behind the other along a new first axis. */
function stacked(
  list: readonly OrtTensor[],
  name: string,
  ort: Ort,
  known: ValueType | undefined,
): OrtTensor {
  const [first] = list;
  if (!first) {
    const type = known && ortType(known.dtype);
    if (!type)
      throw kernError("K0709", {
        why: `\`${name}\` is of no turn of a loop, and nothing says of which type it is`,
      });
    const dims = (known.shape ?? [0]).map((size, axis) => (axis > 0 && typeof size === "number" ? size : 0));
    return new ort.Tensor(type as "float32", [] as never, dims);
  }
  const odd = list.find(({ dims }) => dims.join() !== first.dims.join());
  if (odd)
    throw kernError("K0709", {
      why: `the turns of a loop give \`${name}\` different shapes, [${first.dims.join(", ")}] and [${odd.dims.join(", ")}]`,
    });
  const parts = list.map(({ data }) => data as Float32Array);
  const whole = new (parts[0]!.constructor as Float32ArrayConstructor)(parts.length * parts[0]!.length);
  parts.forEach((part, at) => whole.set(part, at * part.length));
  return new ort.Tensor(first.type as "float32", whole as never, [list.length, ...first.dims]);
}

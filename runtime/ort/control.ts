// Branches and loops with kernels of ours inside: what onnxruntime does with the graphs of `If` and `Loop`, done with their parts. A value
// that decides is read on the host.

import type { NodeProto } from "onnx-buf";
import { badModel } from "../graph/error.ts";
import { kernError } from "../error.ts";
import type { TypedArray } from "../tensor/storage.ts";
import { textOf } from "./cut.ts";
import { releaseUnheld, type Handed, type Handover } from "./handover.ts";
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
  const carried = node.input.length - 2;
  node.output.forEach((name, at) => {
    const type = body.typeOf(at + 1);
    note(name, type && at >= carried ? { ...type, shape: type.shape && [undefined, ...type.shape] } : type);
  });
  return {
    bodies,
    run: (values, weights, handover) => loop(node, body, { values, weights, handover }, ort, types),
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
  const { input: ports, output: results } = body.cut.graph;
  const limit = (await decided(run, node.input[0])) ?? Infinity;
  let going = ((await decided(run, node.input[1])) ?? 1) !== 0;
  let carried = node.input.slice(2).map((name) => valueOf(run, name)!);
  const scanned: OrtTensor[][] = results.slice(1 + carried.length).map(() => []);
  for (let turn = 0; going && turn < limit; turn++) {
    const inside = new Map(run.values);
    const given: Handed[] = [
      { ort: new ort.Tensor("int64", BigInt64Array.of(BigInt(turn)), []) },
      { ort: new ort.Tensor("bool", Uint8Array.of(1), []) },
      ...carried,
    ];
    ports.forEach(({ name }, at) => inside.set(name, given[at]!));
    const around = [...run.values.values(), ...run.weights.values()];
    try {
      await body.run(inside);
    } catch (error) {
      releaseUnheld(carried, around);
      throw error;
    }
    const [condition, ...rest] = results.map(({ name }) => resultOf(inside, run, name));
    going = (await firstOf(await run.handover.toOrt(condition!, results[0]!.name))) !== 0;
    const next = rest.slice(0, carried.length);
    for (const [at, list] of scanned.entries()) {
      const value = rest[carried.length + at]!;
      const turned = await run.handover.toOrt(value, results[1 + carried.length + at]!.name);
      const data = (await turned.getData()) as never;
      list.push(new ort.Tensor(turned.type as "float32", data, [...turned.dims]));
    }
    // A body may hand on what it was given, and what is around it.
    releaseUnheld([...given, condition!, ...rest], next, around);
    carried = next;
  }
  await give(node.output, carried, run, ort);
  for (const [at, list] of scanned.entries()) {
    const name = node.output[carried.length + at];
    if (name) run.values.set(name, { ort: stacked(list, name, ort, types.get(name)) });
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

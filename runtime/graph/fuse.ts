// Fewer kernels. In turn: a map takes in the maps that only it reads; a kernel takes what is done to its result as its epilogue, what is
// done to an input before as its prologue, and reads parts of tensors where they lie. Each rule looks at two steps and puts one
// in their place; nothing is computed twice.

import { isContiguous } from "../tensor/layout.ts";
import { broadcastLayout, reshapeLayout, throughView } from "./layouts.ts";
import {
  inputsOf,
  rootOf,
  type Input,
  type KernelStep,
  type MapOp,
  type MapStep,
  type Operand,
  type Step,
  type Value,
} from "./program.ts";

/** Tensors that one kernel takes at most: WebGPU binds eight buffers. */
const widest = 7;

/** The same results by fewer steps. `wanted` are values that something beyond these steps reads. */
export function fuse(steps: readonly Step[], wanted: readonly Value[]): readonly Step[] {
  return new Fusion(steps, wanted).run();
}

class Fusion {
  private readonly steps: Set<Step>;
  private readonly wanted: Set<Value>;
  /** By value that has a place of its own. */
  private readonly read = new Map<Value, Set<Step>>();

  constructor(steps: readonly Step[], wanted: readonly Value[]) {
    this.steps = new Set(steps);
    this.wanted = new Set(wanted.map(rootOf));
    for (const step of steps) this.note(step);
  }

  private note(step: Step): void {
    for (const { value } of inputsOf(step)) {
      const root = rootOf(value);
      this.read.set(root, (this.read.get(root) ?? new Set()).add(step));
    }
  }

  run(): readonly Step[] {
    for (const step of Array.from(this.steps)) if (step.kind === "map") this.absorb(step);
    for (const step of Array.from(this.steps)) if (step.kind === "kernel") this.hang(step);
    for (const step of Array.from(this.steps)) if (step.kind === "kernel") this.prepend(step);
    return ordered([...this.steps]);
  }

  /** The steps that read a value. */
  private readers(value: Value): Step[] {
    return [...(this.read.get(value) ?? [])];
  }

  /** Whether a step's only output is read by one step and nobody else. */
  private onlyFor(producer: Step, reader: Step): boolean {
    if (producer.outputs.length !== 1 || this.wanted.has(producer.outputs[0]!)) return false;
    const readers = this.read.get(producer.outputs[0]!);
    return readers?.size === 1 && readers.has(reader);
  }

  private replace(gone: readonly Step[], made: Step): void {
    for (const step of gone) {
      this.steps.delete(step);
      for (const { value } of inputsOf(step)) this.read.get(rootOf(value))?.delete(step);
    }
    this.steps.add(made);
    this.note(made);
    for (const output of made.outputs) output.step = made;
  }

  private producer(input: Input): Step | undefined {
    const { step } = rootOf(input.value);
    return step && this.steps.has(step) ? step : undefined;
  }

  // ---- map into map ----------------------------------------------------------------------------------

  private absorb(first: MapStep): void {
    let step = first;
    for (;;) {
      const made = this.absorbOne(step);
      if (!made) return;
      step = made;
    }
  }

  private absorbOne(step: MapStep): MapStep | undefined {
    for (const input of step.inputs) {
      const producer = this.producer(input);
      if (producer?.kind !== "map" || !this.onlyFor(producer, step)) continue;
      const made = withoutCopy(producer, step) ?? merged(producer, step) ?? mergedInOrder(producer, step);
      if (!made) continue;
      const [output] = made.outputs;
      const [shown] = step.outputs;
      this.replace([producer, step], made);
      if (output !== shown) this.shows(shown!, output!);
      return made;
    }
    return undefined;
  }

  // ---- map behind a kernel ---------------------------------------------------------------------------

  private hang(step: KernelStep): void {
    if (!step.code.hook || step.epilogue) return;
    const [reader, ...others] = this.readers(step.outputs[0]!);
    if (reader?.kind !== "map" || others.length > 0 || this.wanted.has(step.outputs[0]!)) return;
    // What the map reads besides may depend on another output of this kernel, which would then need itself.
    const besides = reader.inputs.filter(({ value }) => rootOf(value) !== step.outputs[0]!);
    const read = step.outputs.slice(1).some((output) => this.readers(output).length > 0);
    if (read && besides.some(({ value }) => !value.fixed)) return;
    const made = withEpilogue(step, reader);
    if (!made) return;
    // The result keeps its shape; its elements are those of the kernel's output.
    const [output] = made.outputs;
    const [shown] = reader.outputs;
    this.replace([step, reader], made);
    if (shown !== output) this.shows(shown!, output!);
  }

  /** From now on `value` looks at the elements of `output` in its own shape. */
  private shows(value: Value, output: Value): void {
    value.step = undefined;
    value.alias = output;
    this.read.set(output, this.read.get(value) ?? new Set());
    if (this.wanted.has(value)) this.wanted.add(output);
  }

  // ---- map before a kernel ---------------------------------------------------------------------------

  private prepend(first: KernelStep): void {
    let step = first;
    step.inputs.forEach((_, at) => {
      const producer = this.producer(step.inputs[at]!);
      if (producer?.kind !== "map" || !this.onlyFor(producer, step)) return;
      const made = withView(step, at, producer) ?? withPrologue(step, at, producer);
      if (!made) return;
      this.replace([producer, step], made);
      step = made;
    });
  }
}

/** A map that only puts elements in another order. */
const copies = ({ inputs, ops }: MapStep): boolean =>
  inputs.length === 1 && ops.every(({ text }) => text === "$0");

/** A map that reads where the elements lie, instead of from a copy in another order; in several orders, if it likes. */
function withoutCopy(producer: MapStep, reader: MapStep): MapStep | undefined {
  if (!copies(producer) || producer.ops.some(({ dtype }) => dtype !== producer.inputs[0]!.value.dtype))
    return undefined;
  const [made] = producer.outputs;
  const [source] = producer.inputs;
  const { shape } = reader.outputs[0]!;
  const from = broadcastLayout(source!, made!.shape);
  const inputs: Input[] = [];
  const place = inputList(inputs);
  const places: number[] = [];
  for (const input of reader.inputs) {
    if (rootOf(input.value) !== made) {
      places.push(place(input));
      continue;
    }
    const shown = input.view?.shape ?? input.value.shape;
    if (shown.length > shape.length || sizeProduct(shown) !== sizeProduct(shape)) return undefined;
    const layout = throughView(from, input.view, shape);
    if (!layout) return undefined;
    places.push(place({ value: source!.value, view: layout }));
  }
  const ops = reader.ops.map((op) => moved(op, (at) => ({ input: places[at]! }), 0));
  return { ...reader, inputs, ops };
}

/** One map that does what `producer` and then `reader` do. */
function merged(producer: MapStep, reader: MapStep): MapStep | undefined {
  const [made] = producer.outputs;
  const shape = reader.outputs[0]!.shape;
  const inputs: Input[] = [];
  const place = inputList(inputs);
  let inner: number[] | undefined;
  for (const input of reader.inputs) {
    if (rootOf(input.value) !== made) continue;
    // Repeated elements would be computed again and again.
    const outer = input.view ?? { shape: input.value.shape, strides: [], offset: 0 };
    if (outer.shape.length > shape.length || sizeProduct(outer.shape) !== sizeProduct(shape))
      return undefined;
    const placed: number[] = [];
    for (const each of producer.inputs) {
      const layout = throughView(broadcastLayout(each, made.shape), input.view, shape);
      if (!layout) return undefined;
      placed.push(place({ value: each.value, view: layout }));
    }
    // Read twice in different orders, it would have to be computed twice.
    if (inner && inner.some((at, n) => at !== placed[n])) return undefined;
    inner = placed;
  }
  const own = reader.inputs.map((input) => (rootOf(input.value) === made ? -1 : place(input)));
  if (tensorCount(inputs) > widest) return undefined;
  return { ...joined(producer, reader, inner!, own), inputs };
}

/**
 * The same where no strides of the reader's shape say what the producer reads, a transposed copy that is seen in fewer axes: one map
 * over the producer's shape, of which the reader's result is a view.
 */
function mergedInOrder(producer: MapStep, reader: MapStep): MapStep | undefined {
  const [made] = producer.outputs;
  const [shown] = reader.outputs;
  if (reader.outputs.length > 1 || sizeProduct(shown!.shape) !== sizeProduct(made!.shape)) return undefined;
  const inputs: Input[] = [];
  const place = inputList(inputs);
  const inner = producer.inputs.map((input) => place(input));
  const own: number[] = [];
  for (const input of reader.inputs) {
    if (rootOf(input.value) === made) {
      if (!inOrder(input, shown!)) return undefined;
      own.push(-1);
      continue;
    }
    const layout = reshapeLayout(broadcastLayout(input, shown!.shape), made!.shape);
    if (!layout) return undefined;
    own.push(place({ value: input.value, view: layout }));
  }
  if (tensorCount(inputs) > widest) return undefined;
  const output: Value = { ...made!, dtype: shown!.dtype, step: undefined, name: undefined };
  return { ...joined(producer, reader, inner, own), inputs, outputs: [output] };
}

/** Operations of both; `inner` and `own` are the places of their inputs, -1 for what the producer makes. */
function joined(
  producer: MapStep,
  reader: MapStep,
  inner: readonly number[],
  own: readonly number[],
): MapStep {
  const first = producer.ops.map((op) => moved(op, (at) => ({ input: inner[at]! }), 0));
  const last = producer.results[0]!;
  const rest = reader.ops.map((op) =>
    moved(op, (at) => (own[at]! < 0 ? { op: last } : { input: own[at]! }), first.length),
  );
  return {
    ...reader,
    ops: [...first, ...rest],
    results: reader.results.map((at) => at + first.length),
  };
}

/** Inputs that aren't one constant number, which is passed by itself. */
const tensorCount = (inputs: readonly Input[]): number =>
  inputs.filter(({ value }) => !value.fixed || sizeProduct(value.shape) !== 1).length;

const sizeProduct = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

/** An operation whose inputs are elsewhere, and whose earlier operations stand `by` places later. */
function moved(op: MapOp, inputAt: (at: number) => Operand, by: number): MapOp {
  return {
    ...op,
    operands: op.operands.map((operand) =>
      "input" in operand ? inputAt(operand.input) : { op: operand.op + by },
    ),
  };
}

/** Adds inputs to a list, each once. */
function inputList(list: Input[]): (input: Input) => number {
  const keys: string[] = [];
  return (input) => {
    const key = `${input.value.id} ${JSON.stringify(input.view ?? null)}`;
    const known = keys.indexOf(key);
    if (known >= 0) return known;
    keys.push(key);
    return list.push(input) - 1;
  };
}

/** A kernel that does to its first output what a map did. */
function withEpilogue(step: KernelStep, reader: MapStep): KernelStep | undefined {
  const [output] = step.outputs;
  const [shown] = reader.outputs;
  const converts = step.code.hook?.converts ?? false;
  if (reader.outputs.length > 1 || (shown!.dtype !== output!.dtype && !converts)) return undefined;
  if (sizeProduct(shown!.shape) !== sizeProduct(output!.shape)) return undefined;
  if (!converts && reader.ops.some(({ dtype }) => dtype !== output!.dtype && dtype !== "bool"))
    return undefined;
  const inputs: Input[] = [{ value: output! }];
  const places = reader.inputs.map((input) => {
    if (rootOf(input.value) === output) return inOrder(input, shown!) ? 0 : undefined;
    const layout = reshapeLayout(broadcastLayout(input, shown!.shape), output!.shape);
    return layout ? inputs.push({ value: input.value, view: squeezed(layout) }) - 1 : undefined;
  });
  const count = tensorCount([...inputsOf(step), ...inputs.slice(1)]);
  if (places.includes(undefined) || count > widest) return undefined;
  const ops = reader.ops.map((op) => moved(op, (at) => ({ input: places[at]! }), 0));
  const result: Value =
    shown!.shape.length === output!.shape.length &&
    shown!.shape.every((dim, axis) => dim === output!.shape[axis])
      ? shown!
      : { ...output!, dtype: shown!.dtype, step: undefined, name: undefined };
  return {
    ...step,
    outputs: [result, ...step.outputs.slice(1)],
    epilogue: { inputs, ops },
  };
}

/** Whether each element of a result comes from the element of an input at the same place in memory. */
function inOrder({ value, view }: Input, { shape }: Value): boolean {
  if (sizeProduct(value.shape) !== sizeProduct(shape)) return false;
  return !view || (view.offset === 0 && sizeProduct(view.shape) === sizeProduct(shape) && isContiguous(view));
}

/** A layout whose repeated axes have one element, as steps expect what they broadcast. */
function squeezed({ shape, strides, offset }: NonNullable<Input["view"]>): NonNullable<Input["view"]> {
  return { shape: shape.map((dim, axis) => (strides[axis] === 0 ? 1 : dim)), strides, offset };
}

/** A kernel that reads where the elements lie, instead of from a copy in another layout. */
function withView(step: KernelStep, at: number, producer: MapStep): KernelStep | undefined {
  const [source] = producer.inputs;
  const input = step.inputs[at]!;
  if (!copies(producer) || input.view || source!.value.dtype !== input.value.dtype) return undefined;
  const layout = reshapeLayout(broadcastLayout(source!, producer.outputs[0]!.shape), input.value.shape);
  if (!layout || !(hasDenseRows(layout) || isTiny(layout))) return undefined;
  return {
    ...step,
    inputs: step.inputs.map((each, n) => (n === at ? { value: source!.value, view: layout } : each)),
  };
}

/** Elements along the last axis lie together, so that vectors of them are loaded at once. */
function hasDenseRows({ shape, strides, offset }: NonNullable<Input["view"]>): boolean {
  if (offset === 0 && isContiguous({ shape, strides, offset })) return true;
  return shape.length > 0 && strides.at(-1) === 1 && shape.at(-1)! >= 16 && !repeats({ shape, strides });
}

/** So few elements that copying them takes longer than reading them one by one. */
const isTiny = (layout: NonNullable<Input["view"]>): boolean =>
  sizeProduct(layout.shape) <= 16 && !repeats(layout);

/** Whether elements are seen more than once; an axis of one element says nothing by its stride. */
const repeats = ({ shape, strides }: Pick<NonNullable<Input["view"]>, "shape" | "strides">): boolean =>
  strides.some((stride, axis) => stride === 0 && shape[axis] !== 1);

/** A kernel that computes an input's elements where it reads them. */
function withPrologue(step: KernelStep, at: number, producer: MapStep): KernelStep | undefined {
  const { name } = step.code.inputs[at]!;
  const input = step.inputs[at]!;
  const reads = step.code.body.join("\n").split(`READ(${name},`).length - 1;
  const costly = producer.ops.some(({ imports, text }) => imports.length > 0 || text.includes("/"));
  if (input.view || reads === 0 || (reads > 1 && costly) || step.prologues?.has(at)) return undefined;
  const { shape } = input.value;
  const inputs: Input[] = [];
  for (const each of producer.inputs) {
    const layout = reshapeLayout(broadcastLayout(each, producer.outputs[0]!.shape), shape);
    if (!layout) return undefined;
    inputs.push({ value: each.value, view: squeezed(layout) });
  }
  // The sizes of the input must still show somewhere.
  const hidden = step.code.inputs[at]!.dims.filter((_, axis) =>
    inputs.every(({ view }) => view!.shape[axis] === 1),
  );
  const others = step.code.inputs.filter((_, n) => n !== at && !step.prologues?.has(n));
  const shown = others.flatMap(({ dims }) => dims);
  if (hidden.some((dim) => typeof dim === "string" && !shown.includes(dim))) return undefined;
  const prologues = new Map(step.prologues).set(at, { inputs, ops: producer.ops });
  const made = { ...step, prologues };
  return tensorCount(inputsOf(made)) > widest ? undefined : made;
}

/** Steps so that each comes after those whose outputs it reads. */
function ordered(steps: readonly Step[]): Step[] {
  const made = new Map<Value, Step>();
  for (const step of steps) for (const output of step.outputs) made.set(output, step);
  const done = new Set<Step>();
  const result: Step[] = [];
  const roots = steps.toSorted((a, b) => a.outputs[0]!.id - b.outputs[0]!.id);
  for (const root of roots) {
    const stack: { step: Step; open: boolean }[] = [{ step: root, open: false }];
    while (stack.length > 0) {
      const top = stack.pop()!;
      if (done.has(top.step)) continue;
      if (top.open) {
        done.add(top.step);
        result.push(top.step);
        continue;
      }
      stack.push({ step: top.step, open: true });
      for (const { value } of inputsOf(top.step)) {
        const before = made.get(rootOf(value));
        if (before && !done.has(before)) stack.push({ step: before, open: false });
      }
    }
  }
  return result;
}

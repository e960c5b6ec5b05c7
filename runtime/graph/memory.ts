// Where each value of a stage lies in one block of memory. Values that aren't needed at the same time share a place; a map writes over
// an input that nothing needs afterwards. Largest first, each at the lowest place that is free while it lives: the greedy
// order of Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference" (2020).

import { dtypeInfo } from "../../lang/dtypes.ts";
import { bytesOf } from "../tensor/storage.ts";
import { isContiguous, sizeOf } from "../tensor/layout.ts";
import { inputsOf, rootOf, type Step, type Value } from "./program.ts";

/** Places start at multiples of this many bytes: a vector's width, and a cache line. */
export const alignment = 64;

export interface Pool {
  readonly bytes: number;
  /** Of the steps whose outputs are there. */
  readonly group: number;
}

export interface MemoryOptions {
  /** Steps of one group share memory: those of one device. */
  readonly groupOf?: (step: Step) => number;
  /** Whether what is joined may be made side by side; if not, it is copied. */
  readonly join?: boolean;
  /** Groups in which each block of memory holds one value at a time, instead of one block for all. */
  readonly apart?: (group: number) => boolean;
}

export interface MemoryPlan {
  /** Of all blocks of memory together. */
  readonly bytes: number;
  /** The blocks that values are placed in. */
  readonly pools: readonly Pool[];
  /** Which block each step's outputs are in. */
  readonly poolOf: ReadonlyMap<Value, number>;
  /** Where they start in it. */
  readonly offsets: ReadonlyMap<Value, number>;
  /** Steps that join what lies side by side already: nothing is to be run for them. */
  readonly joined: ReadonlySet<Step>;
  /** Of each map that writes over one of its inputs, which input. */
  readonly inPlace: ReadonlyMap<Step, number>;
  /** What the intermediates would take if none shared. */
  readonly sum: number;
}

interface Block {
  readonly group: number;
  readonly bytes: number;
  first: number;
  last: number;
  /** And where each starts in it. */
  readonly values: [Value, number][];
}

/** A part of a value that is joined of such parts. */
interface Part {
  readonly whole: Value;
  /** In bytes of the whole. */
  readonly offset: number;
}

/** Plans the outputs of `steps`. `kept` are values that must be there after the last step. */
export function planMemory(
  steps: readonly Step[],
  kept: ReadonlySet<Value>,
  { groupOf = () => 0, join = true, apart = () => false }: MemoryOptions = {},
): MemoryPlan {
  const lastUse = new Map<Value, number>();
  steps.forEach((step, at) => {
    for (const { value } of inputsOf(step)) lastUse.set(rootOf(value), at);
  });
  for (const value of kept) lastUse.set(rootOf(value), steps.length);
  const { joined, parts } = joins(join ? steps : [], groupOf, apart);
  for (const [value, { whole }] of parts)
    lastUse.set(whole, Math.max(lastUse.get(whole) ?? 0, lastUse.get(value) ?? 0));
  const blocks = new Map<Value, Block>();
  const inPlace = new Map<Step, number>();
  steps.forEach((step, at) => {
    const group = groupOf(step);
    const taken = takenOver(step, at, lastUse, blocks, group, parts);
    step.outputs.forEach((output, n) => {
      const last = lastUse.get(output) ?? at;
      const part = parts.get(output);
      if (part) {
        const { whole, offset } = part;
        const known = blocks.get(whole);
        const block = known ?? { group, bytes: bytesFor(whole), first: at, last, values: [] };
        block.last = Math.max(block.last, last);
        block.values.push([output, offset]);
        blocks.set(output, block);
        if (!known) blocks.set(whole, block);
        return;
      }
      const begun = blocks.get(output);
      if (begun) {
        begun.last = Math.max(begun.last, last);
        begun.values.push([output, 0]);
        return;
      }
      const block =
        n === 0 && taken !== undefined ? blocks.get(rootOf(inputsOf(step)[taken]!.value)) : undefined;
      if (block) {
        block.last = last;
        block.values.push([output, 0]);
        blocks.set(output, block);
        inPlace.set(step, taken!);
      } else blocks.set(output, { group, bytes: bytesFor(output), first: at, last, values: [[output, 0]] });
    });
  });
  const all = [...new Set(blocks.values())];
  const offsets = new Map<Value, number>();
  const poolOf = new Map<Value, number>();
  const pools: Pool[] = [];
  for (const group of new Set(all.map((block) => block.group))) {
    const own = all.filter((block) => block.group === group);
    const parts = apart(group) ? sharing(own) : [own];
    for (const part of parts) {
      const placed = place(part);
      for (const [value, offset] of placed.offsets) {
        offsets.set(value, offset);
        poolOf.set(value, pools.length);
      }
      pools.push({ bytes: placed.bytes, group });
    }
  }
  const bytes = pools.reduce((total, pool) => total + pool.bytes, 0);
  const sum = steps.flatMap(({ outputs }) => outputs).reduce((total, value) => total + bytesFor(value), 0);
  return { bytes, pools, poolOf, offsets, joined, inPlace, sum };
}

/** Joins whose inputs can be made where they are wanted: each made by a step of the same group, and part of one such join only. */
function joins(
  steps: readonly Step[],
  groupOf: (step: Step) => number,
  apart: (group: number) => boolean,
): { joined: ReadonlySet<Step>; parts: ReadonlyMap<Value, Part> } {
  const made = new Map(steps.flatMap((step) => step.outputs.map((output) => [output, step] as const)));
  const joined = new Set<Step>();
  const direct = new Map<Value, Part>();
  for (const step of steps) {
    if (step.kind !== "kernel" || !step.code.joins || step.prologues?.size || step.epilogue) continue;
    const group = groupOf(step);
    const [whole] = step.outputs;
    const roots = step.inputs.map(({ value }) => rootOf(value));
    const fits = step.inputs.every(({ value, view }, n) => {
      const maker = made.get(roots[n]!);
      return (
        maker !== undefined &&
        groupOf(maker) === group &&
        !direct.has(roots[n]!) &&
        roots.indexOf(roots[n]!) === n &&
        (!view || (view.offset === 0 && isContiguous(view) && sizeOf(view.shape) === sizeOf(value.shape)))
      );
    });
    // Elements of less than a byte may begin within one.
    if (!fits || apart(group) || bytesOf(whole!.dtype, 1) * 8 !== dtypeInfo(whole!.dtype).bits) continue;
    joined.add(step);
    let offset = 0;
    for (const root of roots) {
      direct.set(root, { whole: whole!, offset });
      offset += bytesOf(root.dtype, sizeOf(root.shape));
    }
  }
  // What is joined may be a part itself.
  const parts = new Map<Value, Part>();
  for (const [value, part] of direct) {
    let { whole, offset } = part;
    for (let outer = direct.get(whole); outer; outer = direct.get(whole)) {
      whole = outer.whole;
      offset += outer.offset;
    }
    parts.set(value, { whole, offset });
  }
  return { joined, parts };
}

/** The input of a map whose memory its first output can have: as large, read at the same place, not needed later. */
function takenOver(
  step: Step,
  at: number,
  lastUse: ReadonlyMap<Value, number>,
  blocks: ReadonlyMap<Value, Block>,
  group: number,
  parts: ReadonlyMap<Value, Part>,
): number | undefined {
  const output = step.outputs[0]!;
  if (step.kind !== "map" || parts.has(output)) return undefined;
  const roots = step.inputs.map(({ value }) => rootOf(value));
  const found = step.inputs.findIndex(({ value, view }, n) => {
    const root = roots[n]!;
    return (
      blocks.get(root)?.group === group &&
      !parts.has(root) &&
      lastUse.get(root) === at &&
      roots.indexOf(root) === roots.lastIndexOf(root) &&
      root.dtype === output.dtype &&
      sizeOf(value.shape) === sizeOf(output.shape) &&
      (!view || (view.offset === 0 && isContiguous(view)))
    );
  });
  return found < 0 ? undefined : found;
}

export function bytesFor({ dtype, shape }: Pick<Value, "dtype" | "shape">): number {
  const bytes = Math.max(bytesOf(dtype, sizeOf(shape)), 1);
  return Math.ceil(bytes / alignment) * alignment;
}

/** Blocks in lists whose members never live at the same time: largest first, each into the first list that has room. */
function sharing(blocks: readonly Block[]): Block[][] {
  const lists: Block[][] = [];
  for (const block of blocks.toSorted((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    const found = lists.find((list) =>
      list.every((other) => other.last < block.first || block.last < other.first),
    );
    if (found) found.push(block);
    else lists.push([block]);
  }
  return lists;
}

function place(blocks: readonly Block[]): { offsets: Map<Value, number>; bytes: number } {
  const offsets = new Map<Value, number>();
  const placed: { block: Block; offset: number }[] = [];
  let bytes = 0;
  for (const block of blocks.toSorted((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    const others = placed
      .filter((other) => other.block.first <= block.last && block.first <= other.block.last)
      .toSorted((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const other of others) {
      if (offset + block.bytes <= other.offset) break;
      offset = Math.max(offset, other.offset + other.block.bytes);
    }
    placed.push({ block, offset });
    bytes = Math.max(bytes, offset + block.bytes);
    for (const [value, start] of block.values) offsets.set(value, offset + start);
  }
  return { offsets, bytes };
}

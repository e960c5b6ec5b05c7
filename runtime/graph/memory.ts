// Where each value of a stage lies in one block of memory. Values that aren't needed at the same time share a place; a map writes over
// an input that nothing needs afterwards. Largest first, each at the lowest place that is free while it lives: the greedy
// order of Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference" (2020).

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
  readonly values: Value[];
}

/** Plans the outputs of `steps`. `kept` are values that must be there after the last step. */
export function planMemory(
  steps: readonly Step[],
  kept: ReadonlySet<Value>,
  { groupOf = () => 0, apart = () => false }: MemoryOptions = {},
): MemoryPlan {
  const lastUse = new Map<Value, number>();
  steps.forEach((step, at) => {
    for (const { value } of inputsOf(step)) lastUse.set(rootOf(value), at);
  });
  for (const value of kept) lastUse.set(rootOf(value), steps.length);
  const blocks = new Map<Value, Block>();
  const inPlace = new Map<Step, number>();
  steps.forEach((step, at) => {
    const group = groupOf(step);
    const taken = takenOver(step, at, lastUse, blocks, group);
    step.outputs.forEach((output, n) => {
      const last = lastUse.get(output) ?? at;
      const block =
        n === 0 && taken !== undefined ? blocks.get(rootOf(inputsOf(step)[taken]!.value)) : undefined;
      if (block) {
        block.last = last;
        block.values.push(output);
        blocks.set(output, block);
        inPlace.set(step, taken!);
      } else blocks.set(output, { group, bytes: bytesFor(output), first: at, last, values: [output] });
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
  return { bytes, pools, poolOf, offsets, inPlace, sum };
}

/** The input of a map whose memory its first output can have: as large, read at the same place, not needed later. */
function takenOver(
  step: Step,
  at: number,
  lastUse: ReadonlyMap<Value, number>,
  blocks: ReadonlyMap<Value, Block>,
  group: number,
): number | undefined {
  if (step.kind !== "map") return undefined;
  const output = step.outputs[0]!;
  const roots = step.inputs.map(({ value }) => rootOf(value));
  const found = step.inputs.findIndex(({ value, view }, n) => {
    const root = roots[n]!;
    return (
      blocks.get(root)?.group === group &&
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
    for (const value of block.values) offsets.set(value, offset);
  }
  return { offsets, bytes };
}

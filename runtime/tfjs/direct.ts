// A plan whose steps are bound, run by addresses: on a linear memory all but the tensors' places is known after the first call, so that
// later ones only allocate, launch and hand out. Assumes that no step works in place.

import { bytesOf } from "../tensor/storage.ts";
import { sizeOf } from "../tensor/layout.ts";
import type { AddressedLaunch } from "../device.ts";
import { rootOf, type Value } from "../graph/program.ts";
import type { Dtype } from "../../lang/dtypes.ts";
import type { Blocks } from "./memory.ts";
import type { Plan } from "./plan.ts";
import type { TensorInfo } from "./types.ts";

interface Step {
  readonly launch: AddressedLaunch;
  /** The slot of each tensor of the call. */
  readonly slots: readonly number[];
  readonly addresses: number[];
  readonly made: readonly { readonly slot: number; readonly bytes: number }[];
  /** Slots that no later step needs. */
  readonly last: readonly number[];
}

interface Result {
  readonly slot: number;
  readonly bytes: number;
  readonly shape: readonly number[];
  readonly dtype: Dtype;
}

/** Where a slot's block isn't there, or someone else's. */
const none = -1;

export class DirectPlan {
  private readonly steps: readonly Step[];
  private readonly results: readonly Result[];
  private readonly inputs: number;
  /** Addresses by slot, inputs first. */
  private readonly places: number[];

  private constructor(steps: readonly Step[], results: readonly Result[], inputs: number, slots: number) {
    this.steps = steps;
    this.results = results;
    this.inputs = inputs;
    this.places = Array.from({ length: slots }, () => none);
  }

  /** Undefined where a step has constants or packed elements, or two results are one. */
  static of({ inputs, steps, results, dtypes }: Plan): DirectPlan | undefined {
    const slots = new Map<Value, number>(inputs.map((value, at) => [value, at]));
    const made: Step[] = [];
    for (const { launch, instance, bound, last } of steps) {
      const call = bound && instance.addressed?.(bound);
      if (!call) return undefined;
      const outs: { slot: number; bytes: number }[] = [];
      const mine: number[] = [];
      for (const { param, layout } of bound.tensors) {
        const found = launch.tensors.find(({ parameter }) => parameter === param.name);
        if (!found) return undefined;
        const root = rootOf(found.value);
        if (found.out) {
          outs.push({ slot: slots.size, bytes: bytesOf(param.dtype, sizeOf(layout.shape)) });
          slots.set(root, slots.size);
        }
        const slot = slots.get(root);
        if (slot === undefined) return undefined;
        mine.push(slot);
      }
      const gone = last.map((value) => slots.get(value)).filter((slot) => slot !== undefined);
      made.push({ launch: call, slots: mine, addresses: mine.map(() => none), made: outs, last: gone });
    }
    const handed = results.map((value, at): Result => ({
      slot: slots.get(rootOf(value)) ?? none,
      bytes: bytesOf(value.dtype, sizeOf(value.shape)),
      shape: value.shape,
      dtype: dtypes[at]!,
    }));
    const distinct = new Set(handed.map(({ slot }) => slot));
    if (distinct.has(none) || distinct.size < handed.length) return undefined;
    return new DirectPlan(made, handed, inputs.length, slots.size);
  }

  /** Results are tensors of the backend; nothing is left behind where a kernel refuses its elements. */
  run(infos: readonly TensorInfo[], blocks: Blocks): TensorInfo | TensorInfo[] {
    const { places, inputs, results } = this;
    try {
      for (let at = 0; at < inputs; at++) places[at] = blocks.addressOf(infos[at]!);
      for (const { launch, slots, addresses, made, last } of this.steps) {
        for (const { slot, bytes } of made) places[slot] = blocks.allocate(bytes);
        for (let at = 0; at < slots.length; at++) addresses[at] = places[slots[at]!]!;
        launch(addresses);
        for (const slot of last) this.give(slot, blocks);
      }
      if (results.length === 1) return this.hand(results[0]!, blocks);
      return results.map((result) => this.hand(result, blocks));
    } finally {
      for (let slot = 0; slot < places.length; slot++) this.give(slot, blocks);
    }
  }

  private hand({ slot, bytes, shape, dtype }: Result, blocks: Blocks): TensorInfo {
    const start = this.places[slot]!;
    this.places[slot] = none;
    return blocks.adopt(start, bytes, shape, dtype);
  }

  private give(slot: number, blocks: Blocks): void {
    const start = this.places[slot]!;
    if (start === none) return;
    this.places[slot] = none;
    if (slot < this.inputs) blocks.leave(start);
    else blocks.release(start);
  }
}

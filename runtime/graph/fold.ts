// Elements of values that depend on no input: computed once, when they are asked for, by the same kernels as everything else. Small ones
// go through the interpreter, which needs no code for the machine; most are shapes of a few numbers.

import { bytesIn } from "../tensor/storage.ts";
import { sizeOf } from "../tensor/layout.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { hostTensor, KernelCache, launchOf, runStep } from "./kernels.ts";
import { inputsOf, rootOf, type Step, type Value } from "./program.ts";

/** Steps over fewer elements are interpreted: about where compiling for the machine begins to pay. */
const interpretBelow = 4096;

export class Folder {
  private readonly fast: KernelCache;
  private interpreter: Promise<KernelCache> | undefined;
  /**
   * What was computed for one plan serves the next: other shapes of the inputs seldom change a weight. It is kept with the youngest
   * constant that it was computed of, so that what was made for one plan only goes when that is forgotten.
   */
  private readonly kept = new WeakMap<object, Map<string, readonly Tensor[]>>();
  /** Stands for a constant where a step reads none. */
  private readonly ofNothing: object = {};
  private readonly ids = new WeakMap<Tensor, number>();
  private count = 0;

  constructor(fast: KernelCache) {
    this.fast = fast;
  }

  /** The elements of a fixed value, on the host. */
  async evaluate(value: Value): Promise<Tensor> {
    if (value.constant) return value.constant;
    const root = rootOf(value);
    if (root !== value) {
      const data = await (await this.evaluate(root)).data();
      value.constant = hostTensor(bytesIn(data), value);
      return value.constant;
    }
    const step = value.step!;
    // Iterative where it can be deep: chains of constants are long in exported models.
    for (const needed of pending(step)) await this.evaluate(needed);
    const key = this.keyOf(step);
    const kept = key && this.kept.get(key.youngest)?.get(key.text);
    if (kept) step.outputs.forEach((output, at) => (output.constant = kept[at]!));
    else {
      // What is kept is compiled once, and the interpreter would prove it again in each process.
      const interpreted = workOf(step) < interpretBelow && !this.fast.keeps;
      const cache = interpreted ? await this.interpreted() : this.fast;
      const results = await runStep(step, cache, (input) => input.constant!);
      for (const [output, tensor] of results) output.constant = tensor;
      if (key) {
        const beside = this.kept.get(key.youngest) ?? new Map<string, readonly Tensor[]>();
        this.kept.set(
          key.youngest,
          beside.set(
            key.text,
            step.outputs.map(({ constant }) => constant!),
          ),
        );
      }
    }
    return value.constant!;
  }

  /** Equal for steps that compute the same of the same constants; undefined for a user's kernel, which has no text. */
  private keyOf(step: Step): { readonly text: string; readonly youngest: object } | undefined {
    if (step.kind === "call") return undefined;
    const { text, tensors, scalars } = launchOf(step, this.fast.device.name);
    let youngest = this.ofNothing;
    let latest = -1;
    const inputs = tensors.map(({ value, layout, out }) => {
      const constant = out ? undefined : rootOf(value).constant!;
      const id = constant ? this.idOf(constant) : -1;
      if (id > latest) [youngest, latest] = [constant!, id];
      return `${constant ? id : ""}[${layout.shape}][${layout.strides}]${layout.offset}`;
    });
    const numbers = Object.entries(scalars).map(([name, element]) => `${name}=${element}`);
    return { text: [text, ...inputs, ...numbers].join("\n"), youngest };
  }

  private idOf(constant: Tensor): number {
    const id = this.ids.get(constant) ?? this.count++;
    this.ids.set(constant, id);
    return id;
  }

  private interpreted(): Promise<KernelCache> {
    this.interpreter ??= import("../devices/interp.ts").then(
      async ({ openInterpDevice }) => new KernelCache(await openInterpDevice()),
    );
    return this.interpreter;
  }
}

/** Fixed values behind a step that aren't computed yet, each after those it needs. */
function pending(step: Step): Value[] {
  const found = new Set<Value>();
  const stack = [step];
  while (stack.length > 0) {
    for (const { value } of inputsOf(stack.pop()!)) {
      const root = rootOf(value);
      if (root.constant || found.has(root)) continue;
      found.add(root);
      if (root.step) stack.push(root.step);
    }
  }
  return [...found].toSorted((a, b) => a.id - b.id);
}

function workOf(step: Step): number {
  return [...inputsOf(step).map(({ value }) => value), ...step.outputs].reduce(
    (sum, { shape }) => sum + sizeOf(shape),
    0,
  );
}

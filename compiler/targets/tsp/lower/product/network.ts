// Kernel calls in a row as one program: what one call leaves in SRAM the next one reads there, and a call begins as soon as the
// words are there that it begins with. Only tensors that no call makes come from the host.

import type { Span } from "../../../../../lang/source.ts";
import type { IrKernel } from "../../../../ir/ir.ts";
import type { Profile } from "../../machine/profile.ts";
import type { Program } from "../../machine/program.ts";
import type { Beat } from "../../machine/values.ts";
import { Unfit } from "../dag.ts";
import type { Refused } from "../index.ts";
import { Composer, gatheredCycles, productCycles, type StageReport, type Values } from "./compose.ts";
import { gatheredProduct } from "./gather.ts";
import { productOf } from "./recognize.ts";
import type { Resident, Spread } from "./resident.ts";
import { batchOf, placeOf, type Product, type Strided } from "./spec.ts";
import { windowOf, type Window } from "./window.ts";
import { layoutOf, pixelChoices } from "./words.ts";

/** A kernel with its sizes and scalars, and the tensors that its buffers are bound to. */
export interface Call {
  readonly name: string;
  readonly kernel: IrKernel;
  readonly known: ReadonlyMap<string, number>;
  readonly tensors: Readonly<Record<string, string>>;
}

export interface LoweredNetwork {
  readonly program: Program;
  readonly reports: readonly StageReport[];
  inputs(values: Values): Record<string, readonly Beat[]>;
  /** Dense row-major values of the tensors asked for. */
  results(words: (name: string) => readonly Beat[]): ReadonlyMap<string, Float64Array>;
}

interface Step {
  readonly call: Call;
  readonly product: Product | undefined;
  readonly window: Window | undefined;
  readonly reads: string;
  readonly beside: string | undefined;
  readonly writes: string;
}

/** The program of calls in their order, of which the host reads `outputs`; or why there is none. */
export function lowerNetwork(
  calls: readonly Call[],
  outputs: readonly string[],
  profile: Profile,
): LoweredNetwork | Refused {
  let span: Span | undefined;
  try {
    const steps = calls.map((call) => {
      span = call.kernel.span;
      return stepOf(call);
    });
    return lowered(steps, outputs, profile);
  } catch (error) {
    if (error instanceof Unfit) return { why: error.message, span: error.span ?? span };
    throw error;
  }
}

function stepOf(call: Call): Step {
  const { kernel, known, tensors } = call;
  const product = productOf(kernel, known);
  const window = product ? undefined : windowOf(kernel, known);
  const own = product ?? window;
  if (!own) throw new Unfit(`\`${kernel.name}\`, which is neither a product nor a window`, kernel.span);
  const beside = product && [...product.operands.values()].find(({ kind }) => kind === "word");
  if (product && product.items !== 1) throw new Unfit("a product of several items in a network", kernel.span);
  return {
    call,
    product,
    window,
    reads: tensors[own.words.buffer]!,
    beside: beside && tensors[beside.at.buffer]!,
    writes: tensors[own.result.at.buffer]!,
  };
}

function lowered(steps: readonly Step[], outputs: readonly string[], profile: Profile): LoweredNetwork {
  const composer = new Composer(profile);
  const pixels = chosenPixels(steps, profile);
  const spreads = spreadsOf(steps);
  const lying = new Map<string, Resident>();
  const lastUse = new Map<string, number>();
  for (const [at, { reads, beside }] of steps.entries())
    for (const name of [reads, beside]) if (name !== undefined) lastUse.set(name, at);
  const given: { name: string; at: Strided; batch: readonly number[]; height: number; tensor: Resident }[] =
    [];
  for (const [at, step] of steps.entries()) {
    const { call, product, window, reads, beside, writes } = step;
    const bind = (buffer: string): string => call.tensors[buffer] ?? buffer;
    const consumed = lastUse.has(writes);
    const gathers = product && gathered(steps, step, pixels, profile) ? pixels.get(writes)! : undefined;
    const own = product && (gathers === undefined ? product : gatheredProduct(product, gathers));
    const input =
      lying.get(reads) ??
      (own?.gathered
        ? composer.gathered(own, bind, "W")
        : hosted(composer, step, reads, pixels.get(reads) ?? 1));
    lying.set(reads, input);
    let made: Resident;
    if (own) {
      const operand =
        beside === undefined
          ? undefined
          : (lying.get(beside) ?? besideFromHost(composer, step, beside, pixels));
      if (beside !== undefined && operand) lying.set(beside, operand);
      made = composer.product(own, bind, input, {
        copied: consumed,
        pixels: own.gathered ? 1 : (pixels.get(writes) ?? 1),
        ...(operand && { operand }),
        ...(spreads.has(writes) && { spread: spreads.get(writes)! }),
      });
    } else made = composer.window(window!, input, consumed);
    lying.set(writes, made);
    const { batch, y, result } = (product ?? window)!;
    if (outputs.includes(writes))
      given.push({ name: writes, at: result.at, batch, height: y.outputs, tensor: made });
    for (const name of new Set([reads, beside]))
      if (name !== undefined && lastUse.get(name) === at && !outputs.includes(name))
        composer.release(lying.get(name)!);
  }
  const readers = given.map((each) => ({ ...each, read: composer.output(each.tensor) }));
  const program = composer.program();
  return {
    program,
    reports: composer.reports.map((report, at) => ({ ...report, name: steps[at]!.call.name })),
    inputs: (values) => composer.inputs(values),
    results: (words) =>
      new Map(
        readers.map(({ name, at, batch, height, tensor, read }) => {
          const { rows, width, channels } = tensor.layout;
          const dense = new Float64Array(rows * width * channels);
          read(words, (row, x, channel, value) => {
            // The lanes of a product's result are columns, those of a window's are channels: one of both factors is 0.
            const place = placeOf(at, batch, height, 0, row, x, { channel, column: channel });
            dense[place] = value;
          });
          return [name, dense];
        }),
      ),
  };
}

function hosted(composer: Composer, { product, window, call }: Step, name: string, pixels: number): Resident {
  if (product) return composer.words(product, (buffer) => call.tensors[buffer] ?? buffer, pixels, 0, "W");
  const { batch, x, y, channels, words, type } = window!;
  const layout = layoutOf(batch.reduce((a, b) => a * b, 1) * y.size, x.size, channels, 1);
  return composer.input(layout, type, "W", (values) => {
    const given = values(name);
    return (row, at, channel) => given[placeOf(words, batch, y.size, 0, row, at, { channel })]!;
  });
}

function besideFromHost(
  composer: Composer,
  { product }: Step,
  name: string,
  pixels: ReadonlyMap<string, number>,
): Resident {
  const { operands, batch, x, y, columns } = product!;
  const { at, type } = [...operands.values()].find(({ kind }) => kind === "word")!;
  const layout = layoutOf(batchOf(product!) * y.outputs, x.outputs, columns, pixels.get(name) ?? 1);
  return composer.input(layout, type, "W", (values) => {
    const given = values(name);
    return (row, pixel, column) => given[placeOf(at, batch, y.outputs, 0, row, pixel, { column })]!;
  });
}

/**
 * Results change hemispheres. One that lies in the same hemisphere as what is added to it is written while that is read, so
 * that each of both has a bank of its own.
 */
function spreadsOf(steps: readonly Step[]): ReadonlyMap<string, Spread> {
  const west = new Map<string, boolean>();
  const found = new Map<string, Spread>();
  for (const { reads, beside, writes } of steps) {
    west.set(writes, !(west.get(reads) ?? true));
    if (beside === undefined || (west.get(beside) ?? true) !== west.get(writes)) continue;
    found.set(beside, "bank 0");
    found.set(writes, "bank 1");
  }
  return found;
}

/** Whether only one call reads a tensor, which the host fills. */
const hostsAlone = (steps: readonly Step[], { reads, beside }: Step): boolean =>
  beside === undefined &&
  steps.every(({ writes }) => writes !== reads) &&
  steps.filter((other) => other.reads === reads || other.beside === reads).length === 1;

/** Whether the host gathers the taps of a product: it alone reads the tensor, and it is shorter so. */
function gathered(
  steps: readonly Step[],
  step: Step,
  pixels: ReadonlyMap<string, number>,
  profile: Profile,
): boolean {
  const { product, reads, writes } = step;
  if (!product || !hostsAlone(steps, step)) return false;
  const output = pixels.get(writes) ?? 1;
  const direct = productCycles(product, profile, pixels.get(reads) ?? 1, output);
  return gatheredCycles(product, profile, output) < direct;
}

/** How many pixels a word of each tensor holds: starting from one, whatever shortens the products around a tensor. */
function chosenPixels(steps: readonly Step[], profile: Profile): ReadonlyMap<string, number> {
  const choices = new Map<string, readonly number[]>();
  // A tensor beside the sums lies as the result does.
  const same = new Map<string, string>();
  const root = (name: string): string => (same.has(name) ? root(same.get(name)!) : name);
  for (const { beside, writes } of steps)
    if (beside !== undefined && root(beside) !== root(writes)) same.set(root(beside), root(writes));
  const allow = (name: string, own: readonly number[]): void => {
    const known = choices.get(root(name));
    choices.set(root(name), known ? known.filter((each) => own.includes(each)) : own);
  };
  for (const { product, reads, writes } of steps) {
    allow(reads, product ? pixelChoices(product.x.size, product.channels) : [1]);
    allow(writes, product ? pixelChoices(product.x.outputs, product.columns) : [1]);
  }
  const chosen = new Map([...choices.keys()].map((name) => [name, 1]));
  const known = new Map<string, number>();
  const cost = (): number =>
    steps.reduce((sum, step) => {
      const { product, reads, writes, call } = step;
      if (!product) return sum;
      const [input, output] = [chosen.get(root(reads))!, chosen.get(root(writes))!];
      const key = `${call.name} ${input} ${output}`;
      const cycles =
        known.get(key) ??
        Math.min(
          productCycles(product, profile, input, output),
          hostsAlone(steps, step) ? gatheredCycles(product, profile, output) : Infinity,
        );
      known.set(key, cycles);
      return sum + cycles;
    }, 0);
  for (let round = 0, before = Infinity; round < 4 && cost() < before; round++) {
    before = cost();
    for (const [name, own] of choices) {
      let best = { pixels: chosen.get(name)!, cycles: cost() };
      for (const pixels of own) {
        chosen.set(name, pixels);
        const cycles = cost();
        if (cycles < best.cycles) best = { pixels, cycles };
      }
      chosen.set(name, best.pixels);
    }
  }
  const found = new Map<string, number>();
  for (const { reads, writes, beside } of steps)
    for (const name of [reads, writes, beside])
      if (name !== undefined) found.set(name, chosen.get(root(name)) ?? 1);
  return found;
}

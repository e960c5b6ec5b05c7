// Where each step of a stage runs. A model has the device that it was loaded for, and behind it one that can run everything: a step whose
// elements a GPU has no type for, or whose kernel it refuses, runs there. Between several devices that an application
// names, time decides: that of the step, and that of the copies that its place costs.

import { dtypeInfo, type Dtype } from "../../lang/dtypes.ts";
import { sizeOf } from "../tensor/layout.ts";
import { bytesOf } from "../tensor/storage.ts";
import type { Device, DeviceName } from "../device.ts";
import type { KernelCache } from "./kernels.ts";
import { inputsOf, rootOf, type Step, type Value } from "./program.ts";
import type { Weights } from "./weights.ts";

/** A device with what a model keeps on it. */
export interface Site {
  readonly device: Device;
  /** What kernels may use: all that the device has, or less. */
  readonly features: readonly string[];
  readonly cache: KernelCache;
  readonly weights: Weights;
}

/** What things take on a device, in microseconds: a launch, a byte, a multiplication, and waiting for what it has. Orders of magnitude. */
interface Costs {
  readonly launch: number;
  readonly byte: number;
  readonly product: number;
  /** Of one copy from it or to it. */
  readonly copy: number;
}

const costs: Readonly<Record<DeviceName, Costs>> = {
  wasm: { launch: 1, byte: 1 / 8000, product: 1 / 20_000, copy: 1 },
  webgpu: { launch: 15, byte: 1 / 100_000, product: 1 / 1_000_000, copy: 300 },
  // Simulated: correct, and never fast.
  tsp: { launch: 1000, byte: 1, product: 1 / 100, copy: 1 },
  interp: { launch: 1000, byte: 1, product: 1, copy: 1 },
};

/** Indices, as models have them: a GPU reads them beside other elements. */
const indices: ReadonlySet<Dtype> = new Set(["i64", "u64"]);

export function canRun({ device }: Site, step: Step): boolean {
  if (step.kind === "call") return step.kernel.device === device;
  if (device.name !== "webgpu") return true;
  const scalars = step.kind === "kernel" ? step.code.scalars : [];
  const values = [...inputsOf(step).map(({ value }) => value), ...step.outputs];
  if (scalars.some(({ dtype }) => indices.has(dtype))) return false;
  // What computes indices alone has few of them, which are mostly needed where shapes are.
  if (values.every(({ dtype }) => indices.has(dtype))) return false;
  return [...values, ...scalars].every(
    ({ dtype }) =>
      dtype !== "f64" && (dtypeInfo(dtype).bits !== 16 || device.features.includes("shader-f16")),
  );
}

/** A site for each step: the first that can run it, or, where time decides, the one that makes the whole quickest. */
export function sitesOf(
  steps: readonly Step[],
  sites: readonly Site[],
  byTime: boolean,
  refused: ReadonlyMap<Step, ReadonlySet<Site>>,
): Map<Step, Site> {
  const able = (step: Step): Site[] =>
    sites.filter((site) => canRun(site, step) && !refused.get(step)?.has(site));
  const chosen = new Map(steps.map((step) => [step, able(step)[0] ?? sites.at(-1)!]));
  if (!byTime) return chosen;
  const makers = new Map<Value, Step>();
  const readers = new Map<Value, Step[]>();
  for (const step of steps) {
    for (const output of step.outputs) makers.set(output, step);
    for (const { value } of inputsOf(step))
      readers.set(rootOf(value), [...(readers.get(rootOf(value)) ?? []), step]);
  }
  /** What the step takes at a site, with the copies that it then needs. */
  const time = (step: Step, site: Site): number => {
    let total = timeOf(step, site);
    const crossing = (value: Value, other: Site | undefined) => {
      if (other !== site) total += copyTime(value, site, other);
    };
    for (const { value } of inputsOf(step))
      if (!value.fixed) crossing(value, chosen.get(makers.get(rootOf(value))!));
    for (const output of step.outputs)
      for (const other of new Set((readers.get(output) ?? []).map((reader) => chosen.get(reader)!)))
        crossing(output, other);
    return total;
  };
  // Step by step to a better place, until none moves. Since islands don't move by steps, all at one place is tried as well.
  const improve = () => {
    for (let round = 0, moved = true; moved && round < 8; round++) {
      moved = false;
      for (const step of steps) {
        const best = able(step).toSorted((a, b) => time(step, a) - time(step, b))[0];
        if (!best || best === chosen.get(step) || time(step, best) >= time(step, chosen.get(step)!)) continue;
        chosen.set(step, best);
        moved = true;
      }
    }
    return steps.reduce((sum, step) => sum + time(step, chosen.get(step)!), 0);
  };
  let best: { total: number; map: Map<Step, Site> } | undefined;
  for (const site of sites) {
    for (const step of steps)
      chosen.set(step, able(step).includes(site) ? site : (able(step)[0] ?? sites.at(-1)!));
    const total = improve();
    if (!best || total < best.total) best = { total, map: new Map(chosen) };
  }
  return best!.map;
}

function timeOf(step: Step, { device }: Site): number {
  const { launch, byte, product } = costs[device.name];
  const values = [...inputsOf(step).map(({ value }) => value), ...step.outputs];
  const bytes = values.reduce((sum, { dtype, shape }) => sum + bytesOf(dtype, sizeOf(shape)), 0);
  // Of an [m, k] by a [k, n] matrix: √(mk · kn · mn) = mkn.
  const sizes = values.map(({ shape }) => sizeOf(shape)).toSorted((a, b) => b - a);
  const products =
    step.kind === "kernel" && sizes.length >= 3 ? Math.sqrt(sizes[0]! * sizes[1]! * sizes[2]!) : 0;
  return launch + bytes * byte + products * product;
}

/** From the host, if there is no other. */
function copyTime({ dtype, shape }: Value, site: Site, other: Site | undefined): number {
  const bytes = bytesOf(dtype, sizeOf(shape));
  const waiting = costs[site.device.name].copy + (other ? costs[other.device.name].copy : 0);
  return waiting + bytes / 4000;
}

/** Tensors that go from one device to another in a run. */
export function copiesOf(steps: readonly Step[], siteOf: (step: Step) => Site): number {
  const makers = new Map(steps.flatMap((step) => step.outputs.map((output) => [output, step] as const)));
  let count = 0;
  for (const step of steps)
    for (const root of new Set(inputsOf(step).map(({ value }) => rootOf(value)))) {
      const maker = makers.get(root);
      if (maker && siteOf(maker) !== siteOf(step)) count++;
    }
  return count;
}

// Which of two kernels for an op asks for more, and so is the better choice where both fit.

import type { ShapeExpr } from "../../compiler/artifact.ts";
import type { DeviceName, Kernel } from "../device.ts";
import type { Candidate } from "./registry.ts";

/** Devices as they come where the arguments lie on none of them. */
const deviceOrder: readonly DeviceName[] = ["wasm", "webgpu", "tsp", "interp"];

/** Reasons to prefer, the strongest first: a difference in one makes later ones count for nothing. */
type Tier = (candidate: Candidate, devices: ReadonlySet<unknown>) => number;
const tiers: readonly { readonly rank: Tier; readonly why: string }[] = [
  { rank: ({ builtin }) => Number(!builtin), why: "the user’s kernels come before the library’s" },
  {
    rank: ({ kernel }, devices) => Number(devices.has(kernel.device)),
    why: "the arguments lie on its device",
  },
  {
    rank: ({ kernel }) => -deviceOrder.indexOf(kernel.device.name),
    why: "its device comes first for arguments on the host",
  },
  { rank: ({ kernel }) => Number(!kernel.instances[0]!.opInputs?.fold), why: "it takes all inputs at once" },
];

/** Demands that count together: one kernel is more specific if it asks for no less anywhere, and for more somewhere. */
const demands: readonly { readonly of: (kernel: Kernel) => number; readonly why: string }[] = [
  { of: (kernel) => kernel.features.length, why: "it uses more features of the device" },
  { of: (kernel) => Number(!kernel.open), why: "its dtypes and ranks are fixed" },
  { of: (kernel) => -Object.keys(kernel.instances[0]!.packs).length, why: "its ranks are fixed" },
  {
    of: (kernel) => shapesOf(kernel).filter((dim) => typeof dim === "number").length,
    why: "more of its sizes are fixed",
  },
  { of: (kernel) => shapesOf(kernel).length - freeDims(kernel), why: "more of its sizes are tied to others" },
  { of: (kernel) => kernel.instances[0]!.constraints.length, why: "it has more `where` clauses" },
];

function shapesOf(kernel: Kernel): ShapeExpr[] {
  return kernel.instances[0]!.params.flatMap((param) =>
    param.kind === "tensor" && param.mode !== "out" ? param.shape : [],
  );
}

/** Sizes that a caller may choose. */
function freeDims(kernel: Kernel): number {
  return kernel.instances[0]!.dims.length;
}

/** Why `a` is to be taken rather than `b`; undefined if it isn't. `devices` hold arguments of the call. */
export function preferred(a: Candidate, b: Candidate, devices: ReadonlySet<unknown>): string | undefined {
  for (const { rank, why } of tiers) {
    const difference = rank(a, devices) - rank(b, devices);
    if (difference !== 0) return difference > 0 ? why : undefined;
  }
  const differences = demands.map(({ of, why }) => ({ by: of(a.kernel) - of(b.kernel), why }));
  const missing = b.kernel.features.some((feature) => !a.kernel.features.includes(feature));
  if (missing || differences.some(({ by }) => by < 0)) return undefined;
  return differences.find(({ by }) => by > 0)?.why;
}

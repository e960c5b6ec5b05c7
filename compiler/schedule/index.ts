// Schedules: the annotations tile, order, fuse, stage, and the marks on the loops that they make, as rewrites that were
// checked before. `primitives.ts` is the table of them.

import type { Pass } from "../passes/index.ts";
import type { Target } from "../targets/target.ts";
import { applySchedules, dropSchedules, serialThreads } from "./apply.ts";

export { applySchedules, dropSchedules } from "./apply.ts";

/** The pass that carries out a kernel's schedules for a target; the first one, right behind the proofs. */
export function schedulePass(target: Target): Pass {
  return {
    name: "schedule",
    doc: "tiles, loop order, staging",
    run: (kernel, context) => {
      if (!target.schedules) return dropSchedules(kernel);
      const { workgroups } = target.capabilities;
      const { features = new Set<string>() } = context;
      const scheduled = applySchedules(kernel, context, workgroups, target.quads?.(features));
      return workgroups ? scheduled : serialThreads(scheduled);
    },
  };
}

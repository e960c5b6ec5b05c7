// Entries K06xx: what a target can’t express.

import { entry } from "./entry.ts";

export const targets = {
  K0601: entry<{ target: string; what: string }>({
    severity: "error",
    name: "target-lacks",
    message: ({ target, what }) => `the target ${target} has no ${what}`,
    explain: `The language has it, this target does not. Compile for another target, or compute in a type that
the target has.`,
  }),
};

// Entries K04xx: accesses in bounds, and outputs written in full.

import { entry } from "./entry.ts";

export const bounds = {
  K0401: entry<{ access: string; dim: string }>({
    severity: "error",
    name: "out-of-bounds",
    message: ({ access, dim }) => `\`${access}\` can lie outside ${dim}`,
    explain: `Every subscript must be proved to lie inside its dimension. A counterexample shows sizes and loop
values for which it does not.`,
  }),
};

// Entries K07xx: calls of compiled kernels, and the data given to them.

import { entry } from "./entry.ts";

export const calls = {
  K0701: entry<{ kernel: string; argument: string; expected: string; given: string }>({
    severity: "error",
    name: "wrong-argument",
    message: ({ kernel, argument, expected, given }) =>
      `\`${kernel}\` takes ${expected} as \`${argument}\`, but was given ${given}`,
    explain: `A call is checked before anything runs: dtypes, ranks, sizes shared between arguments, and the
\`where\` clauses of the signature.`,
  }),
};

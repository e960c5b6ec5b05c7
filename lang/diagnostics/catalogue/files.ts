// Entries K08xx: files, options and the command line.

import { entry } from "./entry.ts";

export const files = {
  K0801: entry<{ path: string; why: string }>({
    severity: "error",
    name: "cannot-read",
    message: ({ path, why }) => `I can’t read ${path}: ${why}`,
    explain: `The file named on the command line or by an import could not be read.`,
  }),
};

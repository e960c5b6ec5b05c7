// Entries K05xx: annotations, and schedules that could change a result.

import { entry } from "./entry.ts";

export const schedules = {
  K0501: entry<{ annotation: string }>({
    severity: "warning",
    name: "annotation-not-applied",
    message: ({ annotation }) => `\`${annotation}\` is checked but not applied yet`,
    explain: `The annotation is well-formed. This version of the compiler does not apply it; the result is the
same, only the speed differs.`,
  }),
};

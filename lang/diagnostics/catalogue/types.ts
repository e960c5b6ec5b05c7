// Entries K03xx: types, shapes and compile-time values.

import { entry } from "./entry.ts";

export const types = {
  K0301: entry<{ op: string; left: string; right: string }>({
    severity: "error",
    name: "mixed-dtypes",
    message: ({ op, left, right }) => `\`${op}\` needs both sides of one type, but they are ${left} and ${right}`,
    explain: `Kern never converts between dtypes by itself: a hidden conversion costs time and bits. Say which
type you mean: \`f32(x) * y\`.`,
  }),
};

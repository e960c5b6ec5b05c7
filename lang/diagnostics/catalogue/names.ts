// Entries K02xx: names, modules and imports.

import { entry } from "./entry.ts";

export const names = {
  K0201: entry<{ name: string; what: string }>({
    severity: "error",
    name: "unknown-name",
    message: ({ name, what }) => `I don’t know ${what} \`${name}\``,
    explain: `Every name is a declaration of this file, an import, a built-in function, or a dimension of a
tensor argument. Names are looked up from the inside out: block, function, module, built-ins.`,
  }),
};

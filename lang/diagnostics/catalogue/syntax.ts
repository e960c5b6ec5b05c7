// Entries K01xx: what the lexer and the parser can't read.

import { entry } from "./entry.ts";

export const syntax = {
  K0101: entry<{ found: string; expected: string }>({
    severity: "error",
    name: "unexpected-token",
    message: ({ found, expected }) => `I expected ${expected} here, but found ${found}`,
    explain: `The parser met something that cannot stand at this place. It goes on at the next statement, so
further errors in the file are real ones.`,
  }),
};

// Argument lists: rules that need no names, and which argument a generator belongs to.

import type * as ast from "./ast.ts";
import type { Problems } from "./problems.ts";

export interface Arguments {
  readonly args: ast.Argument[];
  readonly generator?: ast.GeneratorFor[];
}

/** Splits the generator off, and reports what no argument list may hold. */
export function checkedArguments(
  args: ast.Argument[],
  generators: readonly { at: number; clauses: ast.GeneratorFor[] }[],
  problems: Problems,
): Arguments {
  const lastPositional = args.findLastIndex((arg) => !arg.name);
  let named = false;
  for (const arg of args) {
    if (arg.name) named = true;
    else if (named) problems.report("K0120", {}, arg.span);
  }
  let generator: ast.GeneratorFor[] | undefined;
  for (const { at, clauses } of generators) {
    if (at === lastPositional) generator = clauses;
    else problems.report("K0121", { why: "it is the last positional argument" }, clauses[0]!.span);
  }
  return { args, generator };
}

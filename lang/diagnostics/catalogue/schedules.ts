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
  K0502: entry<{ annotation: string; what: string }>({
    severity: "error",
    name: "unknown-annotation",
    message: ({ annotation, what }) => `I don’t know \`${annotation}\`: ${what}`,
    explain: `The annotations are \`@tile\`, \`@order\`, \`@fuse\`, \`@parallel\`, \`@threads\`, \`@vectorize\`,
\`@unroll\` and \`@stage\`, for every target or after \`@wasm.\`, \`@wgsl.\`, \`@tsp.\`; \`@atomic\` stands on an
update, and \`@op\` on a kernel.`,
  }),
  K0503: entry<{ annotation: string; why: string }>({
    severity: "error",
    name: "wrong-annotation",
    message: ({ annotation, why }) => `\`${annotation}\` doesn’t fit: ${why}`,
    explain: `Each annotation takes loops, sizes or options of its own; any size may be a list, which is a search
space for the tuner and whose first entry is the default.`,
  }),
  K0504: entry<{ name: string; lines: string }>({
    severity: "error",
    name: "ambiguous-loop",
    message: ({ name, lines }) => `\`${name}\` names several loops here, on lines ${lines}`,
    explain: `An annotation names a loop by its variable, so inside one annotated statement each variable that is
named belongs to one loop. Rename one of them.`,
  }),
  K0505: entry<{ name: string }>({
    severity: "error",
    name: "unknown-loop",
    message: ({ name }) => `there is no loop over \`${name}\` here`,
    explain: `The annotations of a statement name its own loops and those inside it, by their variables.`,
  }),
  K0506: entry<{ annotation: string; where: string }>({
    severity: "error",
    name: "misplaced-annotation",
    message: ({ annotation, where }) => `\`${annotation}\` belongs on ${where}`,
    explain: `Schedules are said of loops, so they stand on a \`for\`, or on a statement with generator expressions.
\`@op\` stands on a kernel, \`@atomic\` on an update of one element.`,
  }),
  K0507: entry<{ why: string }>({
    severity: "error",
    name: "wrong-atomic",
    message: ({ why }) => `\`@atomic\` doesn’t fit: ${why}`,
    explain: `An atomic update reads an element, combines it with a value by +, &, |, ^, min or max, and writes it,
with nothing in between: \`h[b] += 1\`, \`h[b] = max(h[b], v)\`.`,
  }),
};

// Entries K05xx: annotations, and schedules that could change a result.

import { entry } from "./entry.ts";

export const schedules = {
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
  K0520: entry<{ annotation: string; loop: string; element: string }>({
    severity: "error",
    name: "iterations-conflict",
    message: ({ annotation, loop, element }) =>
      `\`${annotation}\` would let two iterations of \`${loop}\` touch the same element of \`${element}\``,
    explain: `The iterations of a parallel or vectorized loop run in any order or at once, so none may write an element
that another one reads or writes. The counterexample names two iterations that meet. If the loop carries a value
from one iteration to the next, it has to stay serial; a total over all iterations is a declared reduction,
\`sum(x[i] for i in range(N))\`; a histogram is an \`@atomic\` update.`,
  }),
  K0521: entry<{ annotation: string; loop: string; element: string }>({
    severity: "error",
    name: "independence-not-proved",
    message: ({ annotation, loop, element }) =>
      `I can’t prove that the iterations of \`${loop}\` stay apart in \`${element}\`, as \`${annotation}\` needs`,
    explain: `The iterations of a parallel or vectorized loop run in any order or at once, so none may write an element
that another one reads or writes. I found neither a proof nor two iterations that meet; indices that come from data
can’t be told apart. Let each iteration write elements named by the loop variable, mark the update \`@atomic\`, or
leave the loop serial.`,
  }),
  K0522: entry<{ annotation: string; loop: string; name: string }>({
    severity: "error",
    name: "undeclared-reduction",
    message: ({ annotation, loop, name }) =>
      `\`${name}\` is carried from one iteration of \`${loop}\` to the next, so \`${annotation}\` can’t stand here`,
    explain: `A \`var\` declared outside of a loop and assigned inside makes each iteration wait for the one before. A
reduction that may run in any order is declared as such, by a generator expression: \`sum(…)\`, \`max(…)\`,
\`reduce(combine, init, …)\`.`,
  }),
  K0523: entry<{ annotation: string; loop: string }>({
    severity: "error",
    name: "break-in-parallel",
    message: ({ annotation, loop }) =>
      `a \`break\` ends the loop over \`${loop}\` early, so \`${annotation}\` can’t stand here`,
    explain: `Whether an iteration of this loop runs at all depends on those before it. Iterations that run in any order
can’t know. Use \`any(…)\` or \`min(…)\` to look for something, or leave the loop serial.`,
  }),
  K0524: entry<{ loop: string; width: string }>({
    severity: "error",
    name: "tail-not-exact",
    message: ({ loop, width }) =>
      `\`tail="exact"\` needs a proof that ${width} divides the iterations of \`${loop}\``,
    explain: `With \`tail="exact"\` no code is made for iterations that don't fill a vector. State what you know, as in
\`where N % 8 == 0\`, together with \`width=8\`; or choose another tail: \`mask\`, \`peel\` or \`scalar\`.`,
  }),
  K0540: entry<{ annotation: string; element: string }>({
    severity: "error",
    name: "order-breaks-dependence",
    message: ({ annotation, element }) =>
      `\`${annotation}\` would run two iterations the other way round that touch the same element of \`${element}\``,
    explain: `Tiles and loop orders change when iterations run, never what they compute: of two iterations that touch one
element, at least one of them writing it, the earlier one has to stay the earlier one. The counterexample names two
that would change places. Loops with such dependences may be tiled after they are skewed, so that all dependences point
forward; declared reductions, \`sum(…)\`, have no order.`,
  }),
  K0541: entry<{ annotation: string; element: string }>({
    severity: "error",
    name: "order-not-proved",
    message: ({ annotation, element }) =>
      `I can’t prove that \`${annotation}\` keeps the order of the accesses to \`${element}\``,
    explain: `Of two iterations that touch one element, at least one of them writing it, the earlier one has to stay the
earlier one. I found neither a proof that all of them do nor two that don't; indices that come from data can't be told
apart.`,
  }),
  K0542: entry<{ annotation: string; name: string }>({
    severity: "error",
    name: "order-of-variable",
    message: ({ annotation, name }) =>
      `\`${name}\` is carried from one iteration to the next, so \`${annotation}\` can’t change their order`,
    explain: `A \`var\` declared outside of the loops and assigned inside ties all iterations to the order they are written
in. A reduction that may run in any order is declared as such, by a generator expression.`,
  }),
  K0543: entry<{ why: string }>({
    severity: "error",
    name: "order-not-of-nest",
    message: ({ why }) => `\`@order\` doesn’t say the order of one nest of loops: ${why}`,
    explain: `\`@order\` lists all loops of one nest, tile loops included, from the outermost to the innermost: loops with
nothing but the next loop inside. Loops of reductions in the innermost block may be listed as well; left out, they run
innermost.`,
  }),
  K0544: entry<{ buffer: string; loop: string }>({
    severity: "error",
    name: "staged-and-written",
    message: ({ buffer, loop }) => `\`${buffer}\` can’t be staged at \`${loop}\`, which writes it inside`,
    explain: `A staged buffer is copied once, before the loop's body runs, and read from the copy. What the body writes into
it would not be seen. Stage it further in, where it isn't written, or write into another tensor.`,
  }),
  K0550: entry<{ kernel: string; path: string; why: string }>({
    severity: "warning",
    name: "stale-lock",
    message: ({ kernel, path, why }) => `the values for \`${kernel}\` in ${path} can’t be used: ${why}`,
    explain: `A lock file holds what \`kernc tune\` found best for a kernel's lists of values. It is for the code that was
measured, with all that this code calls; after a change the first value of each list counts again, until the search
is repeated.`,
  }),
};

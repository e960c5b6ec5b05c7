// Entries K04xx: accesses in bounds, and outputs written in full.

import { entry } from "./entry.ts";

export const bounds = {
  K0401: entry<{ access: string; dim: string }>({
    severity: "error",
    name: "out-of-bounds",
    message: ({ access, dim }) => `\`${access}\` can lie outside ${dim}`,
    explain: `Every subscript must be proved to lie inside its dimension. A counterexample shows sizes and loop
values for which it does not; it has been run, so it is real.

Let the loop end sooner, write under an \`if\`, or read with \`x.get(i, default=0)\`, which gives the default outside.`,
  }),
  K0402: entry<{ access: string; dim: string }>({
    severity: "error",
    name: "bounds-not-proved",
    message: ({ access, dim }) => `I can’t prove that \`${access}\` stays inside ${dim}`,
    explain: `Every subscript must be proved to lie inside its dimension. I found neither a proof nor a case that goes
wrong. Say what you know: \`assert 0 <= j and j < N\` before the access is checked once at run time and is a fact from
there on; a \`where\` clause states it of dimensions and scalars; \`clamp\` and \`x.get(…)\` need no proof.`,
  }),
  K0403: entry<{ access: string; value: string; dim: string }>({
    severity: "error",
    name: "data-dependent-index",
    message: ({ access, value, dim }) =>
      `\`${access}\` takes its index from data, and nothing keeps \`${value}\` inside ${dim}`,
    explain: `An index that is loaded from a tensor can be anything that its dtype holds. Read with
\`x.get(j, default=0)\`, clamp it with \`clamp(j, 0, N - 1)\`, or write \`assert 0 <= j and j < N\` before: a failed
\`assert\` rejects the call, so behind it the index is known to be good.`,
  }),
  K0404: entry<{ expr: string }>({
    severity: "error",
    name: "index-overflow",
    message: ({ expr }) => `\`${expr}\` can overflow its type, and an index is made of it`,
    explain: `Integer arithmetic wraps as its width says, and a wrapped index would name another element. Dimensions are
below 2^30 and a tensor takes less than 2^32 bytes, so most index arithmetic can't wrap; products of scalars or of
dimensions of different tensors can. A \`where\` clause or an \`assert\` that bounds the operands settles it.`,
  }),
  K0405: entry<{ expr: string; divisor: string }>({
    severity: "error",
    name: "zero-divisor",
    message: ({ expr, divisor }) => `\`${expr}\` divides by \`${divisor}\`, which can be 0`,
    explain: `\`//\` and \`%\` need a divisor that is proved not to be 0. A loop over it, a \`where N > 0\`, an
\`assert\` or an \`if\` around the division is proof.`,
  }),
  K0406: entry<{ expr: string; by: string; bits: number }>({
    severity: "error",
    name: "wide-shift",
    message: ({ expr, by, bits }) =>
      `\`${expr}\` shifts by \`${by}\`, which isn’t known to be in 0 … ${bits - 1}`,
    explain: `Machines disagree on shifts by as much as the width or more, so a shift must be proved to lie below it:
\`x >> (n & 31)\`, or an \`assert\` before.`,
  }),
  K0407: entry<{ what: string }>({
    severity: "error",
    name: "obligation",
    message: ({ what }) => `I can’t prove what must hold here: ${what}`,
    explain: `Some uses need a proof: shapes that must agree where one kernel calls another, a view that must lie inside
its tensor, a \`where\` clause of a called kernel, an \`argmax\` that needs an element. An \`assert\` or a \`where\`
clause that says so is enough.`,
  }),
  K0410: entry<{ name: string }>({
    severity: "error",
    name: "element-never-written",
    message: ({ name }) => `not every element of \`${name}\` is written`,
    explain: `An \`out\` argument comes without contents, so the kernel writes every element. The counterexample shows
sizes and an element that no statement writes: a loop over \`M // 4\` tiles, for instance, leaves out the last
\`M % 4\` rows. Write the rest too, state \`where M % 4 == 0\`, zero the whole before, or take the argument as \`mut\`.`,
  }),
  K0411: entry<{ name: string }>({
    severity: "error",
    name: "coverage-not-proved",
    message: ({ name }) => `I can’t prove that every element of \`${name}\` is written`,
    explain: `An \`out\` argument comes without contents, so the kernel writes every element, and I must be able to see
it: from subscripts made of loop variables, from tiles, from both branches of an \`if\`. Where the place of a write
comes from data, fill the whole with a value first.`,
  }),
  K0412: entry<{ access: string }>({
    severity: "error",
    name: "read-before-written",
    message: ({ access }) => `\`${access}\` is read before it is written`,
    explain: `An \`out\` argument and an \`Array\` without a fill have no contents until they are written. Each element
that is read, or updated with \`+=\`, must have been written by an earlier statement or an earlier iteration. Fill it
first: \`y[i] = 0\`, or \`Array[T, n](0)\`.`,
  }),
  K0413: entry<{ access: string }>({
    severity: "error",
    name: "definition-not-proved",
    message: ({ access }) => `I can’t prove that \`${access}\` was written before it is read here`,
    explain: `An \`out\` argument and an \`Array\` without a fill have no contents until they are written. I couldn’t
see that earlier statements or iterations write every element that is read here. Fill the whole first.`,
  }),
  K0414: entry<{ name: string }>({
    severity: "warning",
    name: "input-never-read",
    message: ({ name }) => `part of \`${name}\` is never read`,
    explain: `For the sizes shown, no statement reads the element shown. A loop over \`K // 16\` blocks drops the last
\`K % 16\` elements without a word. If that is meant, state \`where K % 16 == 0\`; if not, handle the rest.`,
  }),
};

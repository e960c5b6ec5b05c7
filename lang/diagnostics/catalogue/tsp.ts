// Entries K09xx: programs for the TSP. Each fault is found by the checks of the assembler and again by the simulator.

import { entry, type Entry } from "./entry.ts";

export interface Fault {
  /** A queue or a stream. */
  readonly unit: string;
  readonly cycle: number;
  readonly what: string;
}

const fault = (name: string, explain: string): Entry<Fault> =>
  entry<Fault>({
    severity: "error",
    name,
    message: ({ unit, cycle, what }) => `${unit} in cycle ${cycle}: ${what}`,
    explain,
  });

export const tsp = {
  K0901: fault(
    "stream-conflict",
    `Two units put a beat on the same stream register in the same cycle. A beat that passes may be replaced further
on, but one register takes one beat a cycle. Use another stream, or move one of the two in time.`,
  ),
  K0902: fault(
    "operand-absent",
    `The unit takes a beat, a result of another ALU, a product, weights or a beat of a link that isn't there in this
cycle. Nothing waits on this machine: it must arrive in the very cycle. Count the producer's delay and the hops between
both stream registers.`,
  ),
  K0903: fault(
    "operand-stale",
    `What the unit would take is left over from an earlier cycle: ALUs and the matrix unit hand on a result for one
cycle only. Issue the instruction exactly as many cycles behind its producer as the profile says.`,
  ),
  K0904: fault(
    "queue-conflict",
    `A queue issues one instruction a cycle, in order. \`repeat\` and \`nop\` keep it for all their cycles, \`sync\` until
the barrier is over.`,
  ),
  K0905: fault(
    "bank-conflict",
    `A slice of memory may read one bank and write the other in one cycle, but not use the same bank twice. \`gather\`
and \`scatter\` take both banks. Put inputs and outputs in different banks.`,
  ),
  K0906: fault(
    "bad-address",
    `A slice has two banks of 4096 words. The last 16 words of bank 1 are reserved for the host.`,
  ),
  K0907: fault(
    "never-written",
    `The word was neither part of the program's data or inputs nor written before this read.`,
  ),
  K0908: fault(
    "misaligned-streams",
    `An element of two bytes takes two streams, the first of them even; one of four bytes takes four from a multiple of
4 on; groups of sixteen begin at stream 0 or 16.`,
  ),
  K0909: fault(
    "out-of-reach",
    `An ALU in row r of the mesh reaches stream groups 2r to 2r + 3, modulo 8, and doesn't take the same group from both
directions. The matrix unit takes streams that flow towards it and gives those that flow away from it; each queue of the
switch unit gives streams of one direction.`,
  ),
  K0910: fault(
    "weights-in-flight",
    `Weights are overwritten while they are used: \`iw\` in the cycle of an \`abc\`, or \`lw\` or \`iw\` while the last \`iw\` is
still under way.`,
  ),
  K0911: fault(
    "before-install",
    `Activations are fed before the weights are installed, or weights of another type are installed. f16 weights lie
across both planes of a pair: installing them ends the int8 weights of the other plane, and the other way round.`,
  ),
  K0912: fault(
    "accumulator-overflow",
    `The row is beyond those that the accumulators hold, or so many products are added to it that an int32 might not
hold their sum: a product of 320 int8 elements is at most 320 · 128 · 128, so that 409 of them are safe.`,
  ),
  K0913: fault(
    "switch-unit-busy",
    `A distributor, transposer or permutor has a queue for eastward and one for westward results, and does one thing a
cycle.`,
  ),
  K0914: fault(
    "memory-hazard",
    `The word, or the row of sums, is still being written. Read a word no sooner than \`write\` cycles behind its write,
and add to a row of sums no sooner than \`accumulate\` cycles behind the last time.`,
  ),
  K0915: fault(
    "sync-without-notify",
    `A queue that executes \`sync\` waits until another one executes \`notify\`.`,
  ),
  K0916: fault(
    "stream-alive",
    `At the end a beat is still on its way that nobody has taken: usually a read too many, or a write too few.`,
  ),
  K0917: fault(
    "illegal-instruction",
    `The queue doesn't carry out such an instruction, a field is out of its range, or the instruction doesn't exist
for the type. \`repeat\` follows the instruction that it repeats by exactly its period.`,
  ),
  K0918: fault(
    "bad-map",
    `The map of a \`permute\` must name every lane once; that of a \`distribute\` names lanes 0 to 15 of the superlane, or
16 for zero. Maps are data, so only the simulator sees this.`,
  ),
  K0919: entry<{ why: string }>({
    severity: "error",
    name: "bad-assembly",
    message: ({ why }) => why,
    explain: `The line is no TSP assembly. Sections begin with a dot (\`.queue MEM.E.12\`), instructions with their cycle
(\`@104 read b0:0x010 -> E5\`).`,
  }),
  K0920: entry<{ path: string; why: string }>({
    severity: "error",
    name: "bad-tsp-binary",
    message: ({ path, why }) => `${path} is no TSP program: ${why}`,
    explain: `A \`.tspb\` file has a header with its version and a hash of the profile it was assembled for.`,
  }),
};

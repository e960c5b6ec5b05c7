// Random instruction words and random bytes: they are refused or run, and neither the checks nor the simulator crash or
// hang. Random legal programs: nothing is wrong with them, and the checks' cycles are the simulator's.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { checkProgram, type Checked } from "./assemble/check.ts";
import { encodeProgram } from "./assemble/index.ts";
import { decodeProgram } from "./assemble/binary.ts";
import { decodeWord, encodeWord } from "./assemble/words.ts";
import { queues, type Side } from "./machine/geometry.ts";
import { groqchipCal, ideal } from "./machine/profile.ts";
import { programBuilder, type Issue } from "./machine/program.ts";
import { instruction, ops, queuesFor, rowOf, type Instruction } from "./machine/table.ts";
import { vectorAdd } from "./machine/vector-add.ts";
import { simulate, type Simulated } from "./simulate/index.ts";

const word = fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.boolean()).map(([bits, plain]) =>
  // Half of them get an instruction number that exists.
  plain ? bits : (bits & ~(0x7fn << 41n)) | (((bits >> 41n) % BigInt(ops.length)) << 41n),
);

test("random words decode to what encodes to them, or to nothing", () => {
  fc.assert(
    fc.property(word, (bits) => {
      const decoded = decodeWord(bits);
      if (typeof decoded !== "string") expect(encodeWord(decoded.gap, decoded.instruction)).toBe(bits);
    }),
    { numRuns: 5000 },
  );
});

/** An instruction with fields anywhere in their ranges, mostly in a queue that takes it, soon after the start. */
const issue: fc.Arbitrary<Issue> = fc
  .tuple(fc.nat(ops.length - 1), fc.infiniteStream(fc.nat(2 ** 31)), fc.nat(60))
  .map(([at, numbers, cycle]) => {
    const op = ops[at]!;
    const number = (): number => numbers.next().value!;
    const fields = Object.fromEntries(
      Object.entries(rowOf(op).fields).map(([name, { min, max }]) => [
        name,
        min + (number() % (op === "nop" || op === "repeat" ? Math.min(max - min + 1, 40) : max - min + 1)),
      ]),
    );
    const able = queuesFor(op);
    const queue =
      number() % 10 === 0 ? number() % queues.length : able[number() % Math.min(able.length, 24)]!;
    return { cycle, queue, instruction: { op, fields } as unknown as Instruction };
  });

/** Checks and simulates a program of these; both must find it faulty, or neither. */
function judge(issues: readonly Issue[]): { checked: Checked; simulated: Simulated } {
  const builder = programBuilder(groqchipCal);
  for (const each of issues) builder.at(each.cycle, each.queue, each.instruction);
  const program = builder.finish();
  const checked = checkProgram(program);
  const simulated = simulate(program, { maxFaults: 1000 });
  // What depends on values the simulator alone can see.
  const dynamic = new Set(["map", "address", "unwritten"]);
  if (checked.faults.length === 0)
    expect(simulated.faults.filter(({ kind }) => !dynamic.has(kind))).toEqual([]);
  if (simulated.faults.length === 0) expect(checked.faults).toEqual([]);
  return { checked, simulated };
}

test("random instructions neither crash nor hang, and the checks see no fewer faults than the simulator", () => {
  fc.assert(
    fc.property(fc.array(issue, { maxLength: 40 }), (issues) => void judge(issues)),
    { numRuns: 400 },
  );
});

test("queues that wait for each other are released when the checks say, read back from binary too", () => {
  const waits = fc.record({
    cycle: fc.nat(120),
    queue: fc.nat(5),
    instruction: fc.constantFrom(
      instruction("sync", {}),
      instruction("notify", {}),
      instruction("config", { value: 1 }),
    ),
  });
  fc.assert(
    fc.property(fc.array(waits, { maxLength: 8 }), (issues) => {
      const { checked, simulated } = judge(issues);
      if (checked.faults.length > 0) return;
      expect([simulated.cycles, simulated.issued]).toEqual([checked.cycles, checked.issued]);
      const builder = programBuilder(groqchipCal);
      for (const each of issues) builder.at(each.cycle, each.queue, each.instruction);
      const read = decodeProgram(encodeProgram(builder.finish()));
      expect(typeof read === "string" ? read : read.issues).toEqual(builder.finish().issues);
    }),
    { numRuns: 3000 },
  );
});

test("random bytes and programs with changed bytes", () => {
  const bytes = encodeProgram(
    vectorAdd(groqchipCal, { x: at("W", 3), y: at("E", 9), z: at("E", 1), rows: 3 }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 6 }), (changes) => {
      const changed = bytes.slice();
      for (const [place, byte] of changes) changed[place] = byte;
      const program = decodeProgram(changed);
      if (typeof program === "string") return;
      checkProgram(program);
      simulate(program, { maxIssued: 100_000 });
    }),
    { numRuns: 500, examples: [[[[137, 241]]]] },
  );
});

const at = (side: Side, slice: number): { side: Side; slice: number } => ({ side, slice });

test("a thousand vector additions anywhere: predicted = simulated", () => {
  const place = fc.record({ side: fc.constantFrom<Side>("W", "E"), slice: fc.nat(43) });
  fc.assert(
    fc.property(place, place, place, fc.integer({ min: 1, max: 12 }), fc.boolean(), (x, y, z, rows, cal) => {
      // Three slices, or the queues would have two instructions a cycle.
      fc.pre(new Set([x, y, z].map(({ side, slice }) => side + slice)).size === 3);
      const program = vectorAdd(cal ? groqchipCal : ideal, { x, y, z, rows });
      const checked = checkProgram(program);
      const simulated = simulate(program);
      expect(checked.faults).toEqual([]);
      expect(simulated.faults).toEqual([]);
      expect([simulated.cycles, simulated.issued]).toEqual([checked.cycles, checked.issued]);
    }),
    { numRuns: 1000 },
  );
});

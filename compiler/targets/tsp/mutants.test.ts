// One program for each fault, refused by the assembler's checks and by the simulator with the same code; and a program
// that no longer runs when any constant of the simulator's profile changes, though nothing else does.

import { expect, test } from "vitest";
import { assemble, checkProgram } from "./assemble/index.ts";
import { faults, type FaultKind } from "./machine/faults.ts";
import { addressOf, c2cQueue, memQueue, mxmQueue, stream, sxmQueue, vxmQueue } from "./machine/geometry.ts";
import { firstAlu, noResult } from "./machine/instruction.ts";
import { constantNames, delaysOf, groqchipCal, withConstants, type ConstantName } from "./machine/profile.ts";
import { programBuilder, type Program, type ProgramBuilder } from "./machine/program.ts";
import { instruction } from "./machine/table.ts";
import { types } from "./machine/values.ts";
import { simulate, simulateChips } from "./simulate/index.ts";

const header = `.profile groqchip-cal
.data MEM.E.0.b0 @0x010 01*320
.data MEM.E.40.b0 @0x010 01*320
`;

/** Each with the least that shows it; the fault is the first by cycle. */
const mutants: Readonly<Record<Exclude<FaultKind, "map">, string>> = {
  conflict: `.queue MEM.E.0
@3 read b0:0x010 -> W5
.queue MEM.E.1
@3 write E9 -> b0:0x000
.data MEM.E.1.b0 @0x010 01*320
@4 read b0:0x010 -> E5
.queue MEM.E.2
.data MEM.E.2.b0 @0x010 01*320
@4 read b0:0x010 -> E5`,
  absent: `.queue MEM.E.0
@3 read b0:0x010 -> W5
.queue VXM
@6 mov.i8 W5 -> W5 alu=0`,
  stale: `.queue MEM.E.0
@3 read b0:0x010 -> W5
.queue VXM
@5 mov.i8 W5 -> none alu=0
@9 mov.i8 alu0 -> W5 alu=1`,
  queue: `.queue MEM.E.0
@3 nop 5
@7 read b0:0x010 -> W5`,
  bank: `.queue MEM.E.0
@3 move b0:0x010 -> W5, W5 -> b0:0x020`,
  address: `.queue MEM.E.0
@3 read b1:0xff0 -> W5`,
  unwritten: `.queue MEM.E.0
@3 read b0:0x011 -> W5`,
  misaligned: `.queue MEM.E.0
@3 read b0:0x010 -> W5
.queue VXM
@5 mov.i16 W[5:7] -> W[6:8] alu=0`,
  reach: `.queue MEM.E.0
@3 read b0:0x010 -> W31
.queue VXM
@5 mov.i8 W31 -> W0 alu=0`,
  inFlight: "",
  notInstalled: "",
  overflow: "",
  busy: "",
  hazard: `.queue MEM.E.0
@3 read b0:0x010 -> E5
.queue MEM.E.1
@4 write E5 -> b1:0x000
@5 read b1:0x000 -> E5`,
  sync: `.queue MEM.E.0
@3 sync`,
  alive: `.queue MEM.E.0
@3 read b0:0x010 -> W5`,
  illegal: `.queue MEM.E.0
@3 mov.i8 W5 -> W5`,
};

/** Weights of one block, loaded from eastern slices, installed in cycle 33: a start for mutants of the MXM. */
function weights(builder: ProgramBuilder): void {
  for (let at = 0; at < 16; at++) {
    const queue = memQueue("E", 28 + at);
    builder.data(queue, addressOf(0, 0), [new Uint8Array(320).fill(at)]);
    builder.at(
      22 - (10 - Math.floor((28 + at) / 4)),
      queue,
      instruction("read", { a: 0, s: stream("E", at) }),
    );
  }
  builder.at(
    32,
    mxmQueue(2, "weights"),
    instruction("lw", { float: 0, half: 0, block: 0, s: stream("E", 0) }),
  );
  builder.at(33, mxmQueue(2, "weights"), instruction("iw", {}));
}

/** Activations that reach the MXM in cycle `at`, `count` of them. */
function activations(builder: ProgramBuilder, at: number, count = 1): void {
  const queue = memQueue("E", 27);
  builder.data(queue, addressOf(0, 0), [new Uint8Array(320).fill(1)]);
  const start = at - 9 - 4 - 1;
  builder.repeated(start, queue, instruction("read", { a: 0, s: stream("E", 16) }), count, { period: 34 });
  builder.repeated(
    at,
    mxmQueue(2, "act"),
    instruction("abc", { float: 0, half: 0, s: stream("E", 16) }),
    count,
    { period: 34 },
  );
}

const acc = (row: number, add: number, out: number) => instruction("acc", { float: 0, add, row, out });

const built: Partial<Record<FaultKind, (builder: ProgramBuilder) => void>> = {
  inFlight: (builder) => {
    weights(builder);
    builder.at(34, mxmQueue(2, "weights"), instruction("iw", {}));
  },
  notInstalled: (builder) => {
    weights(builder);
    activations(builder, 35);
  },
  overflow: (builder) => {
    weights(builder);
    activations(builder, 36, 410);
    builder.at(49, mxmQueue(2, "acc"), acc(0, 0, noResult));
    builder.repeated(49 + 34, mxmQueue(2, "acc"), acc(0, 1, noResult), 409, { period: 34 });
  },
  busy: (builder) => {
    const queue = memQueue("E", 40);
    builder.data(queue, 0, [new Uint8Array(320)]);
    builder.at(3, queue, instruction("read", { a: 0, s: stream("E", 5) }));
    for (const side of ["W", "E"] as const)
      builder.at(
        4,
        sxmQueue("E", 6, side),
        instruction("shift", { s: stream("E", 5), by: 1, out: stream(side, 6) }),
      );
  },
};

test.each(Object.keys(mutants) as (keyof typeof mutants)[])("%s is refused twice", (kind) => {
  const builder = programBuilder(groqchipCal);
  built[kind]?.(builder);
  const { program, diagnostics } = built[kind]
    ? { program: builder.finish(), diagnostics: [] }
    : assemble({ path: "mutant.tsp", text: header + mutants[kind] });
  if (!built[kind]) expect(diagnostics.map(({ code }) => code)).toContain(faults[kind]);
  const checked = checkProgram(program!).faults;
  const simulated = simulate(program!).faults;
  expect(checked.map((each) => each.code)).toContain(faults[kind]);
  expect(simulated.map((each) => each.code)).toContain(faults[kind]);
  const first = checked.find((each) => each.kind === kind)!;
  expect(simulated.find((each) => each.kind === kind)).toMatchObject({
    unit: first.unit,
    cycle: first.cycle,
  });
});

test("a map that is no bijection is refused by the simulator", () => {
  const program = (second: number): Program => {
    const builder = programBuilder(groqchipCal);
    const map = Array.from({ length: 320 }, (_, at) => (at === 1 ? second : at));
    for (const [slice, words] of [
      Uint8Array.from(map),
      Uint8Array.from(map, (each) => each >> 8),
      new Uint8Array(320),
    ].entries()) {
      const queue = memQueue("E", 40 + slice);
      builder.data(queue, 0, [words]);
      builder.at(3, queue, instruction("read", { a: 0, s: stream("E", slice) }));
    }
    builder.at(
      4,
      sxmQueue("E", 6, "W"),
      instruction("permute", { s: stream("E", 2), map: stream("E", 0), out: stream("W", 6) }),
    );
    builder.at(28, memQueue("E", 40), instruction("write", { s: stream("W", 6), a: addressOf(1, 0) }));
    return builder.finish();
  };
  expect(simulate(program(1)).faults).toEqual([]);
  expect(simulate(program(2)).faults.map(({ kind }) => kind)).toEqual(["map"]);
});

/** A program that needs every constant to be as it is: each unit's result is taken in the very cycle. */
function everything(): readonly [Program, Program] {
  const d = delaysOf(groqchipCal);
  const builder = programBuilder(groqchipCal);
  weights(builder);
  activations(builder, 36);
  builder.at(49, mxmQueue(2, "acc"), acc(1023, 0, stream("W", 0)));
  const atEdge = 49 + d.accumulate + d.inward;
  for (let at = 0; at < 4; at++)
    builder.at(
      atEdge,
      memQueue("E", 40 + at),
      instruction("write", { s: stream("W", at), a: addressOf(1, 0) }),
    );
  // Read as soon as it is written, gathered, added on the way, and back.
  const again = atEdge + d.write;
  const source = memQueue("E", 40);
  builder.at(again, source, instruction("read", { a: addressOf(1, 0), s: stream("W", 0) }));
  const atVxm = again + d.read + 11 * d.hop;
  const i8 = types.indexOf("i8");
  builder.at(atVxm, vxmQueue(0), instruction("mov", { type: i8, x: stream("W", 0), out: noResult }));
  builder.at(atVxm + d.alu, vxmQueue(1), instruction("neg", { type: i8, x: firstAlu, out: stream("E", 8) }));
  const out = atVxm + d.alu + d.aluEntry + d.alu;
  builder.at(out + 1, memQueue("E", 0), instruction("write", { s: stream("E", 8), a: addressOf(0, 0) }));
  const map = memQueue("E", 4);
  builder.data(map, 0, [new Uint8Array(320)]);
  builder.data(memQueue("E", 8), 0, [new Uint8Array(320)]);
  const start = 400;
  builder.at(start, map, instruction("read", { a: 0, s: stream("E", 20) }));
  builder.at(
    start + 2,
    memQueue("E", 8),
    instruction("gather", { map: stream("E", 20), s: stream("E", 21) }),
  );
  const gathered = start + 2 + d.gather + d.read + 8;
  const units = [
    [
      sxmQueue("E", 6, "W"),
      instruction("shift", { s: stream("E", 21), by: 0, out: stream("W", 1) }),
      d.permute,
      1,
    ],
    [
      sxmQueue("E", 4, "W"),
      instruction("rotate", { s: stream("E", 21), n: 3, out: stream("W", 16) }),
      d.transpose,
      16,
    ],
    [
      sxmQueue("E", 0, "W"),
      instruction("distribute", { s: stream("E", 21), map: stream("E", 21), out: stream("W", 2) }),
      d.distribute,
      2,
    ],
  ] as const;
  for (const [index, [queue, given, delay, number]] of units.entries()) {
    builder.at(gathered, queue, given);
    builder.at(
      gathered + delay,
      memQueue("E", 43 - index),
      instruction("write", { s: stream("W", number), a: addressOf(1, 5) }),
    );
  }
  // A barrier, and a beat sent to the other chip.
  const late = memQueue("E", 41);
  const send = memQueue("E", 43);
  builder.at(600, late, instruction("sync", {}));
  builder.at(610, memQueue("W", 0), instruction("notify", {}));
  builder.at(610 + d.barrier, late, instruction("read", { a: addressOf(1, 5), s: stream("E", 3) }));
  builder.at(610 + d.barrier + d.read, send, instruction("write", { s: stream("E", 3), a: addressOf(0, 9) }));
  builder.at(0, c2cQueue(8), instruction("deskew", {}));
  builder.at(700, send, instruction("read", { a: addressOf(1, 5), s: stream("E", 4) }));
  builder.at(700 + d.read + d.outward, c2cQueue(8), instruction("send", { s: stream("E", 4) }));
  const other = programBuilder(groqchipCal);
  other.at(0, c2cQueue(0), instruction("deskew", {}));
  const arrives = 700 + d.read + d.outward + d.link;
  other.at(arrives, c2cQueue(0), instruction("receive", { s: stream("E", 4) }));
  other.at(arrives + d.read + d.inward, memQueue("W", 43), instruction("write", { s: stream("E", 4), a: 0 }));
  return [builder.finish(), other.finish()];
}

const cables = [
  [
    { chip: 0, link: 8 },
    { chip: 1, link: 0 },
  ],
] as const;

test("as it is, nothing is wrong, and the checks know the cycles", () => {
  const programs = everything();
  const results = simulateChips(programs, cables, []);
  expect(results.map(({ faults: found }) => found.filter(({ kind }) => kind !== "alive"))).toEqual([[], []]);
  for (const [at, program] of programs.entries()) {
    const { faults: found, cycles } = checkProgram(program);
    expect(found.filter(({ kind }) => kind !== "alive")).toEqual([]);
    expect(results[at]!.cycles).toBe(cycles);
  }
});

/** The direction that hurts: what comes later is absent; a barrier, a bound or a delay that ends early does no harm. */
const worse: Partial<Record<ConstantName, number>> = { accumulatorRows: -1 };

test.each(Object.keys(constantNames) as ConstantName[])(
  "another `%s` in the simulator alone raises faults",
  (name) => {
    const profile = withConstants(groqchipCal, {
      [name]: groqchipCal.constants[name].value + (worse[name] ?? 1),
    });
    const found = simulateChips(everything(), cables, [], { profile }).flatMap((each) => each.faults);
    expect(found.filter(({ kind }) => kind !== "alive")).not.toEqual([]);
  },
);

// Text and binary forms, both ways: every value of every field but the widest, whole programs, and bytes that are no
// program.

import { expect, test } from "vitest";
import { DiagnosticSink } from "../../../../lang/diagnostics/diagnostic.ts";
import { addressOf, c2cQueue, memQueue, stream, vxmQueue } from "../machine/geometry.ts";
import { groqchipCal, ideal } from "../machine/profile.ts";
import { programBuilder, type Program } from "../machine/program.ts";
import { instruction, ops, rowOf, type Instruction, type Op } from "../machine/table.ts";
import { vectorAdd } from "../machine/vector-add.ts";
import { simulate } from "../simulate/index.ts";
import { decodeProgram } from "./binary.ts";
import { assemble, checkProgram, disassemble, encodeProgram, programText } from "./index.ts";
import { parseInstruction, parseProgram } from "./parse.ts";
import { instructionText } from "./print.ts";
import { decodeWord, encodeWord } from "./words.ts";

/** Instructions in which each field in turn takes all of its values, the others small or large ones. */
function* instructionsOf(op: Op): Generator<Instruction> {
  const { fields, vxm } = rowOf(op);
  const names = Object.keys(fields);
  const make = (values: Record<string, number>): Instruction =>
    ({ op, fields: values }) as unknown as Instruction;
  for (const end of ["min", "max"] as const) {
    // Fields of more than 4096 values meet only the smallest ones of the others.
    const limit = end === "min" ? Infinity : 4096;
    const others = Object.fromEntries(names.map((name) => [name, fields[name]![end]]));
    yield make(others);
    for (const name of names) {
      const { min, max } = fields[name]!;
      // 2^32 values of a constant are too many: its bits one by one.
      const all =
        max > 2 ** 20
          ? Array.from({ length: 32 }, (_, bit) => 2 ** bit)
          : Array.from({ length: max - min < limit ? max - min + 1 : 0 }, (_, at) => min + at);
      for (const value of all) yield make({ ...others, [name]: value });
    }
    if (vxm)
      for (let type = 0; type < 8; type++)
        for (let x = 0; x <= 80; x++)
          yield make({
            ...others,
            ...("from" in fields ? { from: type, to: 7 - type } : { type }),
            x,
            out: x % 65,
          });
  }
}

test.each(ops)("every value of the fields of %s survives words and text", (op) => {
  for (const given of instructionsOf(op)) {
    const decoded = decodeWord(encodeWord(7, given));
    if (typeof decoded === "string" || decoded.gap !== 7 || !same(decoded.instruction, given))
      expect(decoded).toEqual({ gap: 7, instruction: given });
    const text = instructionText(given);
    const parsed = parseInstruction(text);
    if (typeof parsed === "string" || !same(parsed, given)) expect([text, parsed]).toEqual([text, given]);
  }
});

test("every gap survives", () => {
  const given = instruction("read", { a: 0x3fff, s: 63 });
  for (let gap = 0; gap <= 65535; gap++) {
    const decoded = decodeWord(encodeWord(gap, given));
    if (typeof decoded === "string" || decoded.gap !== gap || !same(decoded.instruction, given))
      expect(decoded).toEqual({ gap, instruction: given });
  }
});

const same = (a: Instruction, b: Instruction): boolean =>
  a.op === b.op &&
  JSON.stringify(Object.entries(a.fields).toSorted()) === JSON.stringify(Object.entries(b.fields).toSorted());

function parsed(text: string): Program {
  const sink = new DiagnosticSink();
  const { program } = parseProgram({ path: "p.tsp", text }, sink);
  expect(sink.all).toEqual([]);
  return program;
}

function programs(): readonly Program[] {
  const builder = programBuilder(ideal);
  const queue = memQueue("W", 43);
  builder.data(queue, addressOf(1, 16), [
    Uint8Array.from({ length: 320 }, (_, at) => (at < 100 ? at : 7)),
    new Uint8Array(320),
  ]);
  builder.at(10, queue, instruction("sync", {}), { file: "a.kern", line: 3 });
  builder.at(3, c2cQueue(5), instruction("deskew", {}));
  builder.at(20, c2cQueue(5), instruction("notify", {}));
  builder.at(40, queue, instruction("read", { a: addressOf(1, 16), s: stream("E", 31) }), {
    file: "a.kern",
    line: 4,
  });
  builder.at(900_000, queue, instruction("nop", { n: 65535 }));
  builder.at(900_000, vxmQueue(3), instruction("config", { value: 0xdeadbeef }));
  builder.at(900_000, vxmQueue(15), instruction("config", { value: 1 }));
  const slices = {
    x: { side: "W", slice: 20 },
    y: { side: "E", slice: 3 },
    z: { side: "W", slice: 9 },
  } as const;
  return [
    vectorAdd(groqchipCal, { ...slices, rows: 1 }),
    vectorAdd(groqchipCal, { ...slices, rows: 70 }),
    builder.finish(),
  ];
}

test("programs: text → binary → text, and both checks and the simulator agree about their length", () => {
  for (const program of programs()) {
    const text = programText(program);
    const bytes = encodeProgram(parsed(text));
    const back = decodeProgram(bytes);
    if (typeof back === "string") throw new Error(back);
    // Gaps beyond 65,535 cycles become `nop`s; from there on the two forms are one.
    const again = programText(back);
    expect(encodeProgram(parsed(again))).toEqual(bytes);
    if (program.issues.every(({ cycle }) => cycle < 65535)) expect(again).toBe(text);
    expect(checkProgram(back).cycles).toBe(checkProgram(program).cycles);
    expect(simulate(back).cycles).toBe(checkProgram(program).cycles);
  }
});

test("a program as text", () => {
  const text = programText(programs()[1]!);
  expect(text).toMatchInlineSnapshot(`
    ".profile groqchip-cal
    .input x MEM.W.20.b0 @0x000 70
    .input y MEM.E.3.b0 @0x000 70
    .output z MEM.W.9.b1 @0x000 70

    .queue MEM.W.9
    @17 write W8 -> b1:0x000
    @18 repeat 69,1 step=1

    .queue MEM.W.20
    @0 read b0:0x000 -> E0
    @1 repeat 69,1 step=1

    .queue MEM.E.3
    @5 read b0:0x000 -> W4
    @6 repeat 69,1 step=1

    .queue VXM
    @7 add.i8 E0, W4 -> W8 alu=0
    @8 repeat 69,1 step=0 alu=0
    "
  `);
  expect(assemble({ path: "add.tsp", text }).diagnostics).toEqual([]);
});

test("bytes that are no program are refused, wherever they break off", () => {
  const bytes = encodeProgram(programs()[2]!);
  for (let length = 0; length < bytes.length; length++)
    expect(decodeProgram(bytes.subarray(0, length))).toBeTypeOf("string");
  expect(disassemble(bytes.subarray(0, 9), "x.tspb").diagnostics[0]?.code).toBe("K0920");
  const other = bytes.slice();
  other[8]! ^= 1;
  expect(decodeProgram(other)).toContain("profile");
});

test("mistakes of writing are shown at their line", () => {
  const text = [
    ".profile fast",
    "@3 read b0:0x010 -> E5",
    ".queue MEM.E.99",
    ".queue MEM.E.9",
    "@3 red b0:0x010 -> E5",
    "@3 read b0:0x010 -> E[4:8]",
    "@4 write E5 -> 12",
    "@x nop 3",
    "@5 nop 70000",
    ".data MEM.E.9.b0 @0x3 00*319",
    ".queue VXM",
    "@5 add.i8 E0, E4 -> E8",
    "@5 exp.i33 E0 -> E8 alu=3",
    "nop 4",
  ].join("\n");
  const { diagnostics } = assemble({ path: "wrong.tsp", text });
  expect(
    diagnostics.map(({ code, span, message }) => `${code} ${text.slice(span!.start, span!.end)}: ${message}`),
  ).toMatchInlineSnapshot(`
    [
      "K0919 .profile fast: there is no profile “fast”: groqchip-cal, ideal",
      "K0919 @3 read b0:0x010 -> E5: an instruction needs a .queue before it",
      "K0919 .queue MEM.E.99: there is no queue “MEM.E.99”",
      "K0919 @3 red b0:0x010 -> E5: there is no instruction “red”",
      "K0919 @3 read b0:0x010 -> E[4:8]: \`s\` takes 1 stream, and “E[4:8]” is 4",
      "K0919 @4 write E5 -> 12: expected an address such as b0:0x010, not “12”",
      "K0919 @x nop 3: expected a cycle and an instruction, such as “@104 read b0:0x010 -> E5”",
      "K0919 @5 nop 70000: \`n\` is 70000, and must be 1 to 65535",
      "K0919 .data MEM.E.9.b0 @0x3 00*319: a word has 320 bytes, and this one 319",
      "K0919 @5 add.i8 E0, E4 -> E8: an instruction of the VXM ends with alu=0 to alu=15",
      "K0919 @5 exp.i33 E0 -> E8 alu=3: expected one of i8, u8, i16, u16, i32, u32, f16, f32, not “i33”",
      "K0919 nop 4: a line begins with \`.\` for a section or with \`@\` and a cycle",
    ]
  `);
});

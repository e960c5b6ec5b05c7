// Programs small enough to reckon by hand: cycles, values, and each unit once.

import { expect, test } from "vitest";
import { addressOf, memQueue, mxmQueue, stream, sxmQueue, vxmQueue } from "../machine/geometry.ts";
import { constantOperand, firstAlu, noResult } from "../machine/instruction.ts";
import { groqchipCal, ideal } from "../machine/profile.ts";
import { programBuilder } from "../machine/program.ts";
import { instruction } from "../machine/table.ts";
import { constantBits, decode, encode, types, type TspType } from "../machine/values.ts";
import { vectorAdd } from "../machine/vector-add.ts";
import { simulate } from "./index.ts";

const beat = (byte: (at: number) => number): Uint8Array =>
  Uint8Array.from({ length: 320 }, (_, at) => byte(at));
const t = (type: TspType): number => types.indexOf(type);

test.each([
  [0, 12],
  [20, 22],
  [43, 32],
])("read, add, write in slice %d takes %d cycles", (slice, cycles) => {
  for (const side of ["W", "E"] as const) {
    const at = { side, slice };
    const other = { side: side === "W" ? "E" : "W", slice: 0 } as const;
    const program = vectorAdd(groqchipCal, { x: at, y: other, z: at, rows: 1 });
    const inputs = { x: [beat((lane) => lane)], y: [beat((lane) => 3 * lane)] };
    const result = simulate(program, { inputs });
    expect(result.faults).toEqual([]);
    expect(result.cycles).toBe(cycles);
    expect(result.lastTile).toBe(cycles + 19);
    expect(result.output("z")[0]).toEqual(beat((lane) => 4 * lane));
  }
});

test("one row a cycle in steady state, and idle time is free", () => {
  const program = vectorAdd(ideal, {
    x: { side: "W", slice: 2 },
    y: { side: "E", slice: 7 },
    z: { side: "E", slice: 30 },
    rows: 100,
  });
  const rows = Array.from({ length: 100 }, (_, row) => beat((lane) => lane * row));
  const { faults, cycles, issued, output } = simulate(program, { inputs: { x: rows, y: rows } });
  expect(faults).toEqual([]);
  expect(cycles).toBe(99 + 1 + 2 + 2 + 8 + 1);
  expect(issued).toBe(400);
  expect(output("z")).toEqual(rows.map((row) => row.map((each) => 2 * each)));
});

test("a chain of ALUs with a constant: relu(x · 0.5) in f32", () => {
  const builder = programBuilder(groqchipCal);
  const values = Float64Array.from({ length: 320 }, (_, at) => at - 160);
  const given = encode(values, "f32");
  for (const [at, each] of given.entries()) {
    builder.data(memQueue("W", at), addressOf(0, 5), [each]);
    builder.at(0, memQueue("W", at), instruction("read", { a: addressOf(0, 5), s: stream("E", at) }));
    builder.at(
      2 + 4 + 6 + 1,
      memQueue("E", at),
      instruction("write", { s: stream("E", 4 + at), a: addressOf(1, 9) }),
    );
    builder.output("y", memQueue("E", at), addressOf(1, 9), 1);
  }
  builder.at(0, vxmQueue(0), instruction("config", { value: constantBits(0.5, "f32") }));
  builder.at(
    2,
    vxmQueue(0),
    instruction("mul", { type: t("f32"), x: stream("E", 0), y: constantOperand, out: noResult }),
  );
  builder.at(5, vxmQueue(1), instruction("relu", { type: t("f32"), x: firstAlu, out: stream("E", 4) }));
  const { faults, output, cycles } = simulate(builder.finish());
  expect(faults).toEqual([]);
  expect(decode(output("y"), "f32")).toEqual(values.map((each) => Math.max(0, each / 2)));
  expect(cycles).toBe(15);
});

test("weights, a matrix-vector product and its way back: 36 and 82 cycles", () => {
  const builder = programBuilder(groqchipCal);
  const weight = (k: number, n: number): number => ((k * 7 + n * 13) % 17) - 8;
  // Sixteen slices, the furthest in group 7: three hops from the SXM.
  for (let at = 0; at < 16; at++) {
    const slice = 28 + at;
    const hops = 10 - Math.floor(slice / 4);
    const columns = Array.from({ length: 20 }, (_, block) => beat((k) => weight(k, 16 * block + at)));
    builder.data(memQueue("E", slice), addressOf(0, 0), columns);
    builder.repeated(
      3 - hops,
      memQueue("E", slice),
      instruction("read", { a: addressOf(0, 0), s: stream("E", at) }),
      20,
      { step: 1 },
    );
  }
  builder.repeated(
    13,
    mxmQueue(2, "weights"),
    instruction("lw", { float: 0, half: 0, block: 0, s: stream("E", 0) }),
    20,
    { step: 1 },
  );
  builder.at(33, mxmQueue(2, "weights"), instruction("iw", {}));
  // The activations are six hops from the SXM; the array is ready in cycle 36.
  const read = 36 - 9 - 6 - 1;
  builder.data(memQueue("E", 16), addressOf(0, 3), [beat((k) => k)]);
  builder.at(read, memQueue("E", 16), instruction("read", { a: addressOf(0, 3), s: stream("E", 16) }));
  builder.at(36, mxmQueue(2, "act"), instruction("abc", { float: 0, half: 0, s: stream("E", 16) }));
  builder.at(49, mxmQueue(2, "acc"), instruction("acc", { float: 0, add: 0, row: 0, out: stream("W", 0) }));
  // "To the VXM" counts the entry of an ALU.
  const atVxm = 49 + 34 + 4 + 11;
  expect(atVxm + 4 - read).toBe(82);
  builder.at(
    atVxm,
    vxmQueue(0),
    instruction("mov", { type: t("i32"), x: stream("W", 0), out: stream("W", 0) }),
  );
  for (let at = 0; at < 4; at++) {
    builder.at(
      atVxm + 7 + 1,
      memQueue("W", at),
      instruction("write", { s: stream("W", at), a: addressOf(0, 0) }),
    );
    builder.output("y", memQueue("W", at), addressOf(0, 0), 1);
  }
  const { faults, output } = simulate(builder.finish());
  expect(faults).toEqual([]);
  const signed = (k: number): number => (k << 24) >> 24;
  const expected = Float64Array.from({ length: 320 }, (_, n) => {
    let sum = 0;
    for (let k = 0; k < 320; k++) sum += signed(k) * weight(k, n);
    return sum;
  });
  expect(decode(output("y"), "i32")).toEqual(expected);
});

test("the SXM: shift, transpose, distribute", () => {
  const builder = programBuilder(groqchipCal);
  const rows = Array.from({ length: 16 }, (_, row) => beat((lane) => 16 * row + (lane % 16)));
  for (const [row, each] of rows.entries()) {
    const queue = memQueue("E", row);
    const hops = 10 - Math.floor(row / 4);
    builder.data(queue, addressOf(0, 0), [each]);
    builder.at(20 - hops, queue, instruction("read", { a: addressOf(0, 0), s: stream("E", row) }));
    builder.at(21 + 4 + hops, queue, instruction("write", { s: stream("W", 16 + row), a: addressOf(1, 0) }));
    builder.output("t", queue, addressOf(1, 0), 1);
  }
  builder.at(
    21,
    sxmQueue("E", 4, "W"),
    instruction("transpose", { s: stream("E", 0), out: stream("W", 16) }),
  );
  builder.at(
    21,
    sxmQueue("E", 6, "W"),
    instruction("shift", { s: stream("E", 1), by: -16, out: stream("W", 0) }),
  );
  builder.at(21 + 24, memQueue("E", 40), instruction("write", { s: stream("W", 0), a: addressOf(0, 7) }));
  builder.output("s", memQueue("E", 40), addressOf(0, 7), 1);
  builder.data(memQueue("E", 41), addressOf(0, 0), [beat((lane) => (lane % 16 < 8 ? 3 : 16))]);
  builder.at(20, memQueue("E", 41), instruction("read", { a: addressOf(0, 0), s: stream("E", 20) }));
  builder.at(
    21,
    sxmQueue("E", 0, "W"),
    instruction("distribute", { s: stream("E", 2), map: stream("E", 20), out: stream("W", 1) }),
  );
  builder.at(21 + 2, memQueue("E", 40), instruction("write", { s: stream("W", 1), a: addressOf(0, 8) }));
  builder.output("d", memQueue("E", 40), addressOf(0, 8), 1);
  const { faults, output } = simulate(builder.finish());
  expect(faults).toEqual([]);
  expect(output("t")).toEqual(rows.map((_, row) => beat((lane) => 16 * (lane % 16) + row)));
  expect(output("s")[0]).toEqual(beat((lane) => (lane < 304 ? 16 + (lane % 16) : 0)));
  expect(output("d")[0]).toEqual(beat((lane) => (lane % 16 < 8 ? 35 : 0)));
});

test("176 accesses of memory in one cycle", () => {
  const builder = programBuilder(groqchipCal);
  for (const side of ["W", "E"] as const)
    for (let slice = 0; slice < 44; slice++) {
      const queue = memQueue(side, slice);
      builder.data(queue, addressOf(0, 0), [beat(() => slice)]);
      const s = stream(side, slice % 4);
      builder.at(0, queue, instruction("read", { a: addressOf(0, 0), s }));
      builder.at(1, queue, instruction("move", { a: addressOf(0, 0), s, from: s, to: addressOf(1, 0) }));
      builder.output("y", queue, addressOf(1, 0), 1);
    }
  const result = simulate(builder.finish());
  expect(result.faults.filter(({ kind }) => kind !== "alive")).toEqual([]);
  expect(result.output("y").map((each) => each[0])).toEqual([...Array(44).keys(), ...Array(44).keys()]);
});

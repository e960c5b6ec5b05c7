// What holds of the machine as data: counts that are published, room in the instruction word, units that take each row,
// and some of the executable bodies on values worked out by hand.

import { expect, test } from "vitest";
import { alusReaching, edge, queues, slicePosition, stream, streams } from "./geometry.ts";
import { rowOf, ops, queuesFor, table } from "./table.ts";
import { constantNames, groqchipCal, ideal, profileHash, profiles, withConstants } from "./profile.ts";
import { decode, encode, types, widths } from "./values.ts";

test("the published counts", () => {
  const of = (kind: string): number => queues.filter(({ place }) => place.kind === kind).length;
  expect(["mem", "vxm", "sxm", "mxm"].map(of)).toEqual([88, 16, 28, 12]);
  expect(streams * 320).toBe(20_480);
  expect(88 * 2 * 320).toBe(56_320);
  expect(144 * 16).toBe(2304);
  expect(88 * 2 * 4096 * 320).toBe(220 * 2 ** 20);
  expect(new Set(queues.map(({ name }) => name)).size).toBe(queues.length);
});

test("stream registers: eleven a hemisphere, four slices each", () => {
  expect([0, 3, 4, 43].map((slice) => slicePosition("E", slice))).toEqual([1, 1, 2, edge]);
  expect(slicePosition("W", 43)).toBe(-11);
});

test("an ALU in row r reaches groups 2r … 2r + 3, modulo 8", () => {
  expect(alusReaching([stream("E", 0)])).toEqual([0, 1, 2, 3, 12, 13, 14, 15]);
  expect(alusReaching([stream("W", 12), stream("E", 16)])).toEqual([4, 5, 6, 7]);
});

test.each(ops)("%s fits the word and has a queue", (op) => {
  const { fields, text } = rowOf(op);
  const bits = Object.values(fields).reduce((sum, kind) => sum + kind.bits, 0);
  expect(bits).toBeLessThanOrEqual(41);
  expect(queuesFor(op).length).toBeGreaterThan(0);
  const named = [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  expect(named.toSorted()).toEqual(Object.keys(fields).toSorted());
});

test.each(types)("elements of %s survive the streams", (type) => {
  const values = Float64Array.from({ length: 320 }, (_, at) =>
    type.startsWith("u") ? at % 256 : (at % 256) - 128,
  );
  const beats = encode(values, type);
  expect(beats.length).toBe(widths[type]);
  expect(decode(beats, type)).toEqual(values);
});

test("arithmetic of the ALUs", () => {
  const lanes = (...values: number[]): Float64Array => Float64Array.from(values);
  const run = (
    op: "add" | "add_sat" | "mul" | "shr" | "relu" | "max",
    type: (typeof types)[number],
    x: number[],
    y: number[] = x,
  ) => [...rowOf(op).vxm!.lanes(lanes(...x), lanes(...y), type, {})];
  expect(run("add", "i8", [127, -128], [1, -1])).toEqual([-128, 127]);
  expect(run("add_sat", "i8", [127, -128], [1, -1])).toEqual([127, -128]);
  expect(run("mul", "i32", [0x10001], [0x10001])).toEqual([Math.imul(0x10001, 0x10001)]);
  expect(run("mul", "f32", [0.1], [3])).toEqual([Math.fround(Math.fround(0.1 * 3))]);
  expect(run("shr", "i8", [-128], [1])).toEqual([-64]);
  expect(run("shr", "u8", [128], [1])).toEqual([64]);
  expect(run("relu", "f32", [-1, 2, Number.NaN])).toEqual([0, 2, Number.NaN]);
  const convert = (from: string, to: string, rounding: number, x: number): number =>
    table.convert.vxm!.lanes(lanes(x), lanes(), from as "f32", {
      to: types.indexOf(to as "i8"),
      rounding,
    })[0]!;
  expect([0, 1, 2].map((rounding) => convert("i32", "i8", rounding, 300))).toEqual([44, 127, 127]);
  expect([0, 1, 2].map((rounding) => convert("f32", "i8", rounding, -2.5))).toEqual([-2, -2, -2]);
  expect([1, 2].map((rounding) => convert("f32", "i8", rounding, 3.5))).toEqual([3, 4]);
  expect(convert("f32", "u8", 2, Number.NaN)).toBe(0);
});

test("profiles name a source for every constant, and differ by their hash", () => {
  for (const { constants } of profiles) {
    expect(Object.keys(constants).toSorted()).toEqual(Object.keys(constantNames).toSorted());
    for (const { source } of Object.values(constants)) expect(source).not.toBe("");
  }
  const all = [...profiles, withConstants(groqchipCal, { hop: 2 })].map(profileHash);
  expect(new Set(all).size).toBe(3);
  expect(ideal.constants.read.value).toBe(1);
});

test("what ALUs do with bytes is what they do with numbers, for all pairs of bytes", () => {
  const all = Uint8Array.from({ length: 256 }, (_, at) => at);
  let compared = 0;
  for (const op of ops) {
    const { vxm } = rowOf(op);
    if (!vxm?.bytes) continue;
    for (const type of vxm.types.filter((each) => widths[each] === 1))
      for (let other = 0; other < (vxm.inputs === 2 ? 256 : 1); other++) {
        const y = new Uint8Array(256).fill(other);
        const found = new Uint8Array(256);
        vxm.bytes(found, all, y);
        const numbers = vxm.lanes(decode([all], type), decode([y], vxm.second ?? type), type, {});
        const [expected] = encode(numbers, vxm.gives === undefined || vxm.gives === "to" ? type : vxm.gives);
        if (!found.every((value, at) => value === expected![at])) expect(`${op}.${type} ${other}`).toBe("");
        compared += 1;
      }
  }
  expect(compared).toBeGreaterThan(4000);
});

// Tile by tile and beat by beat: the same words in memory, for programs that use every unit.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { addressOf, memQueue, stream, sxmQueue, type Side } from "../machine/geometry.ts";
import { matmul } from "../lower/matmul.ts";
import { groqchipCal, ideal } from "../machine/profile.ts";
import { programBuilder, type Program } from "../machine/program.ts";
import { instruction, type Instruction } from "../machine/table.ts";
import type { Beat } from "../machine/values.ts";
import { vectorAdd } from "../machine/vector-add.ts";
import { simulate } from "./index.ts";
import { simulateTiles } from "./tiles.ts";

const beat = (seed: number): Beat =>
  Uint8Array.from({ length: 320 }, (_, at) => (at * 31 + seed * 17 + (at >> 4)) & 255);

function agree(program: Program, inputs: Record<string, readonly Beat[]> = {}): void {
  const whole = simulate(program, { inputs });
  expect(whole.faults).toEqual([]);
  const tiled = simulateTiles(program, { inputs });
  expect(tiled.missing).toEqual([]);
  for (const { queue, address, words } of program.outputs)
    for (let at = 0; at < words; at++)
      expect(tiled.word(queue, address + at)).toEqual(whole.word(queue, address + at));
}

test("additions, wherever the rows lie", () => {
  const place = fc.record({ side: fc.constantFrom<Side>("W", "E"), slice: fc.nat(43) });
  fc.assert(
    fc.property(place, place, place, fc.boolean(), (x, y, z, cal) => {
      fc.pre(new Set([x, y, z].map(({ side, slice }) => side + slice)).size === 3);
      agree(vectorAdd(cal ? groqchipCal : ideal, { x, y, z, rows: 2 }), {
        x: [beat(1), beat(2)],
        y: [beat(3), beat(4)],
      });
    }),
    { numRuns: 30 },
  );
});

test.each([groqchipCal, ideal])("products of matrices ($name)", (profile) => {
  for (const type of ["i8", "f16"] as const) {
    const made = matmul(profile, { type, m: 3, k: 350, n: 20 });
    if (typeof made === "string") throw new Error(made);
    const a = Float64Array.from({ length: 3 * 350 }, (_, at) => ((at * 37) % 19) - 9.5).map((each) =>
      type === "i8" ? Math.trunc(each) : each / 7,
    );
    const b = Float64Array.from({ length: 350 * 20 }, (_, at) => ((at * 41) % 23) - 11.5).map((each) =>
      type === "i8" ? Math.trunc(each) : each / 3,
    );
    agree(made.program, made.inputs(a, b));
  }
});

test("what the switch unit does", () => {
  // In groups of one stream each, all results taken by slices beside the edge.
  const units: readonly (readonly [number, Instruction, number, number, number])[] = [
    [6, instruction("shift", { s: stream("E", 0), by: 21, out: stream("W", 0) }), 24, 1, stream("W", 0)],
    [
      6,
      instruction("select", { a: stream("E", 0), b: stream("E", 1), below: 100, out: stream("W", 1) }),
      24,
      1,
      stream("W", 1),
    ],
    [
      6,
      instruction("permute", { s: stream("E", 0), map: stream("E", 2), out: stream("W", 2) }),
      24,
      1,
      stream("W", 2),
    ],
    [
      0,
      instruction("distribute", { s: stream("E", 0), map: stream("E", 4), out: stream("W", 3) }),
      2,
      1,
      stream("W", 3),
    ],
    [4, instruction("rotate", { s: stream("E", 0), n: 4, out: stream("W", 16) }), 4, 16, stream("W", 16)],
    [5, instruction("transpose", { s: stream("E", 0), out: stream("W", 0) }), 4, 16, stream("W", 0)],
  ];
  const map = Array.from({ length: 320 }, (_, at) => (at * 7) % 320);
  for (const [unit, given, delay, count, first] of units) {
    const builder = programBuilder(groqchipCal);
    for (let at = 0; at < 16; at++) {
      const word =
        at === 2
          ? Uint8Array.from(map)
          : at === 3
            ? Uint8Array.from(map, (each) => each >> 8)
            : at === 4
              ? beat(0).map((each) => each % 17)
              : beat(at);
      const queue = memQueue("E", 28 + at);
      const hops = 10 - Math.floor((28 + at) / 4);
      builder.data(queue, 0, [word]);
      builder.at(10 - hops, queue, instruction("read", { a: 0, s: stream("E", at) }));
    }
    builder.at(11, sxmQueue("E", unit, "W"), given);
    for (let at = 0; at < count; at++) {
      const hops = 10 - Math.floor((28 + at) / 4);
      builder.at(
        11 + delay + hops,
        memQueue("E", 28 + at),
        instruction("write", { s: first + at, a: addressOf(1, 0) }),
      );
      builder.output("y", memQueue("E", 28 + at), addressOf(1, 0), 1);
    }
    agree(builder.finish());
  }
});

// Instructions of a MEM slice. Its one queue may start a read and a write in the same cycle (`move`), in different banks.

import { lanesOfSuperlane } from "./geometry.ts";
import { kinds, one, row, type UnitState } from "./instruction.ts";
import type { Beat } from "./values.ts";

const superlanesOf = (beat: Beat): readonly number[] =>
  Array.from({ length: beat.length / lanesOfSuperlane }, (_, at) => at * lanesOfSuperlane);

/** The word address that a map gives the superlane whose first lane is `at`: its lanes 0 and 1, the low byte first. */
export const mapped = (map: Beat, at: number): number => map[at]! | (map[at + 1]! << 8);

function gathered(map: Beat, state: UnitState): Beat {
  const found = new Uint8Array(map.length);
  for (const at of superlanesOf(map))
    found.set(state.row(mapped(map, at)).subarray(at, at + lanesOfSuperlane), at);
  return found;
}

function scatter(map: Beat, given: Beat, state: UnitState): void {
  for (const at of superlanesOf(map)) {
    const address = mapped(map, at);
    const changed = state.row(address).slice();
    changed.set(given.subarray(at, at + lanesOfSuperlane), at);
    state.setRow(address, changed);
  }
}

export const memRows = {
  read: row({
    unit: "mem",
    doc: "puts the word at `a` on stream `s`",
    fields: { a: kinds.address, s: kinds.stream },
    text: "read {a} -> {s}",
    gives: ({ s }) => [one(s)],
    delay: ({ read }) => read,
    body: (_, { a }, state) => [state.row(a)],
  }),
  write: row({
    unit: "mem",
    doc: "stores the beat on stream `s` at `a`",
    fields: { s: kinds.stream, a: kinds.address },
    text: "write {s} -> {a}",
    taps: ({ s }) => [one(s)],
    body: ([beat], { a }, state) => {
      state.setRow(a, beat!);
      return [];
    },
  }),
  move: row({
    unit: "mem",
    doc: "a read and a write in one cycle",
    fields: { a: kinds.address, s: kinds.stream, from: kinds.stream, to: kinds.address },
    text: "move {a} -> {s}, {from} -> {to}",
    taps: ({ from }) => [one(from)],
    gives: ({ s }) => [one(s)],
    delay: ({ read }) => read,
    body: ([beat], { a, to }, state) => {
      const found = state.row(a);
      state.setRow(to, beat!);
      return [found];
    },
  }),
  gather: row({
    unit: "mem",
    doc: "reads in each superlane the word whose address stands in the map's lanes 0 and 1",
    fields: { map: kinds.stream, s: kinds.stream },
    text: "gather {map} -> {s}",
    taps: ({ map }) => [one(map)],
    gives: ({ s }) => [one(s)],
    delay: ({ gather, read }) => gather + read,
    body: ([map], _, state) => [gathered(map!, state)],
  }),
  scatter: row({
    unit: "mem",
    doc: "writes in each superlane the word whose address stands in the map's lanes 0 and 1",
    fields: { map: kinds.stream, s: kinds.stream },
    text: "scatter {s} -> {map}",
    taps: ({ map, s }) => [one(map), one(s)],
    body: ([map, beat], _, state) => {
      scatter(map!, beat!, state);
      return [];
    },
  }),
};

// Instructions of a switch unit, which moves bytes between lanes. Distributors, transposers and rotations stay within a
// superlane; the permutor crosses them, so its delay holds the 20 tiles. Maps come by stream.

import { lanes, lanesOfSuperlane } from "./geometry.ts";
import { kinds, one, row } from "./instruction.ts";
import type { Beat } from "./values.ts";

const filled = (length: number, byte: (at: number) => number): Beat => {
  const found = new Uint8Array(length);
  for (let at = 0; at < length; at++) found[at] = byte(at);
  return found;
};

/** The first lane of a lane's superlane, and its place there. */
const base = (lane: number): number => lane - (lane % lanesOfSuperlane);

export const sxmRows = {
  shift: row({
    unit: "sxm",
    part: "P",
    doc: "moves every lane up by `by` (down, if negative); zeros come in",
    fields: { s: kinds.stream, by: kinds.shift, out: kinds.stream },
    text: "shift {s} by={by} -> {out}",
    taps: ({ s }) => [one(s)],
    gives: ({ out }) => [one(out)],
    delay: ({ permute }) => permute,
    body: ([beat], { by }) => [filled(lanes, (at) => beat![at - by] ?? 0)],
  }),
  select: row({
    unit: "sxm",
    part: "P",
    doc: "lanes below `below` of `a`, the others of `b`",
    fields: { a: kinds.stream, b: kinds.stream, below: kinds.lanes, out: kinds.stream },
    text: "select {a}, {b} below={below} -> {out}",
    taps: ({ a, b }) => [one(a), one(b)],
    gives: ({ out }) => [one(out)],
    delay: ({ permute }) => permute,
    body: ([a, b], { below }) => [filled(lanes, (at) => (at < below ? a![at]! : b![at]!))],
  }),
  permute: row({
    unit: "sxm",
    part: "P",
    doc: "lane l takes the lane that the map's lane l names (u16); the map is a bijection",
    fields: { s: kinds.stream, map: kinds.pair, out: kinds.stream },
    text: "permute {s}, {map} -> {out}",
    taps: ({ s, map }) => [{ first: map, count: 2 }, one(s)],
    gives: ({ out }) => [one(out)],
    delay: ({ permute }) => permute,
    body: ([low, high, beat]) => [filled(lanes, (at) => beat![low![at]! | (high![at]! << 8)] ?? 0)],
  }),
  distribute: row({
    unit: "sxm",
    part: "D",
    doc: "lane l takes the lane of its superlane that the map's lane l names: 0 … 15, or 16 for zero",
    fields: { s: kinds.stream, map: kinds.stream, out: kinds.stream },
    text: "distribute {s}, {map} -> {out}",
    taps: ({ s, map }) => [one(map), one(s)],
    gives: ({ out }) => [one(out)],
    delay: ({ distribute }) => distribute,
    body: ([map, beat]) => [
      filled(beat!.length, (at) => (map![at]! < lanesOfSuperlane ? beat![base(at) + map![at]!]! : 0)),
    ],
  }),
  rotate: row({
    unit: "sxm",
    part: "T",
    doc: "takes the first n² lanes of each superlane as an n×n square, and gives its n² rotations: stream n·y + x begins at row y, column x",
    fields: { s: kinds.stream, n: kinds.side, out: kinds.sixteen },
    text: "rotate {s} n={n} -> {out}",
    taps: ({ s }) => [one(s)],
    gives: ({ n, out }) => [{ first: out, count: n * n }],
    delay: ({ transpose }) => transpose,
    body: ([beat], { n }) =>
      Array.from({ length: n * n }, (_, rotation) =>
        filled(beat!.length, (at) => {
          const place = at - base(at);
          if (place >= n * n) return 0;
          const y = (Math.floor(place / n) + Math.floor(rotation / n)) % n;
          const x = ((place % n) + (rotation % n)) % n;
          return beat![base(at) + n * y + x]!;
        }),
      ),
  }),
  transpose: row({
    unit: "sxm",
    part: "T",
    doc: "exchanges streams and lanes of each superlane, 16 by 16",
    fields: { s: kinds.sixteen, out: kinds.sixteen },
    text: "transpose {s} -> {out}",
    taps: ({ s }) => [{ first: s, count: 16 }],
    gives: ({ out }) => [{ first: out, count: 16 }],
    delay: ({ transpose }) => transpose,
    body: (beats) =>
      beats.map((_, stream) => filled(beats[0]!.length, (at) => beats[at - base(at)]![base(at) + stream]!)),
  }),
};

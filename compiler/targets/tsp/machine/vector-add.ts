// The smallest whole program: z = x + y of int8 rows, x and y read from two slices so that they meet at the VXM, one row
// a cycle. Tests and the specification measure it; it also shows how times are counted.

import { addressOf, memQueue, slicePosition, stream, vxmQueue, type Side } from "./geometry.ts";
import { delaysOf, type Profile } from "./profile.ts";
import { programBuilder, type Program } from "./program.ts";
import { instruction } from "./table.ts";
import { types } from "./values.ts";

export interface VectorAdd {
  readonly x: { readonly side: Side; readonly slice: number };
  readonly y: { readonly side: Side; readonly slice: number };
  readonly z: { readonly side: Side; readonly slice: number };
  readonly rows: number;
}

/** Rows of 320 int8 elements lie at b0:0 on of the slices of x and y, those of z at b1:0 on. */
export function vectorAdd(profile: Profile, { x, y, z, rows }: VectorAdd): Program {
  const delays = delaysOf(profile);
  const builder = programBuilder(profile);
  const distance = ({ side, slice }: VectorAdd["x"]): number =>
    delays.hop * Math.abs(slicePosition(side, slice));
  // Both operands are at the VXM in cycle `meet`; the nearer one is read later.
  const meet = delays.read + Math.max(distance(x), distance(y));
  for (const [name, from, number] of [
    ["x", x, 0],
    ["y", y, 4],
  ] as const) {
    const queue = memQueue(from.side, from.slice);
    // A slice in the east sends westward, and the other way round.
    const s = stream(from.side === "E" ? "W" : "E", number);
    builder.input(name, queue, addressOf(0, 0), rows);
    builder.repeated(
      meet - distance(from) - delays.read,
      queue,
      instruction("read", { a: addressOf(0, 0), s }),
      rows,
      { step: 1 },
    );
  }
  const inputs = [x, y].map(({ side }, at) => stream(side === "E" ? "W" : "E", 4 * at));
  const out = stream(z.side, 8);
  const add = instruction("add", { type: types.indexOf("i8"), x: inputs[0]!, y: inputs[1]!, out });
  builder.repeated(meet, vxmQueue(0), add, rows);
  const queue = memQueue(z.side, z.slice);
  const arrives = meet + delays.aluEntry + delays.alu + distance(z);
  builder.repeated(arrives, queue, instruction("write", { s: out, a: addressOf(1, 0) }), rows, { step: 1 });
  builder.output("z", queue, addressOf(1, 0), rows);
  return builder.finish();
}

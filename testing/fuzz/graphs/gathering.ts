// Operators that read and write elements at places that are data.

import type { Dtype } from "../../../lang/dtypes.ts";
import { tensor } from "../../../runtime/index.ts";
import { axisOf, shuffled, some, withRank } from "./axes.ts";
import type { Maker } from "./pointwise.ts";
import { count, type Sketch } from "./sketch.ts";

/** Indices into an axis of this size, some from the end. */
function indices(s: Sketch, shape: readonly number[], size: number, dtype: Dtype, unique = false): string {
  const places = unique ? shuffled(s.dice, size) : [];
  const values = Array.from({ length: count(shape) }, (_, at) => {
    const place = unique ? places[at]! : s.dice.below(size);
    return s.version >= 11 && s.dice.chance(0.2) ? place - size : place;
  });
  return s.constant(tensor(values, shape, dtype), rounded8).name;
}
const rounded8 = 12;

export const gathering: readonly Maker[] = [
  (s) => {
    const x = some(s, ({ shape }) => shape.length > 0 && shape.length < 5 && count(shape) < 300);
    if (x.shape.length === 0) return;
    const [axis, written] = axisOf(s.dice, x.shape.length);
    if (x.shape[axis] === 0) return;
    const at = s.shape(s.dice.below(3));
    if (count(at) * count(x.shape) > 4000) return;
    const shape = [...x.shape.slice(0, axis), ...at, ...x.shape.slice(axis + 1)];
    const index = indices(s, at, x.shape[axis]!, s.dice.pick<Dtype>(["i64", "i32"]));
    s.emit("Gather", [x, index], [[x.dtype, shape, x.bits]], { attributes: { axis: written } });
  },
  (s) => {
    if (s.version < 11) return;
    const x = some(s, withRank);
    if (count(x.shape) === 0 || x.shape.length === 0) return;
    const [axis, written] = axisOf(s.dice, x.shape.length);
    const shape = x.shape.map((size, at) => (at === axis ? s.dice.between(1, 5) : s.dice.between(1, size)));
    const index = indices(s, shape, x.shape[axis]!, "i64");
    s.emit("GatherElements", [x, index], [[x.dtype, shape, x.bits]], { attributes: { axis: written } });
  },
  (s) => {
    if (s.version < 11) return;
    const x = some(s, withRank);
    if (count(x.shape) === 0 || x.shape.length === 0) return;
    const deep = s.dice.between(1, x.shape.length);
    const at = s.shape(s.dice.between(0, 1));
    const tuples = Array.from({ length: count(at) }, () =>
      x.shape.slice(0, deep).map((size) => s.dice.below(size)),
    );
    const index = s.constant(tensor(tuples.flat(), [...at, deep], "i64"), rounded8);
    s.emit("GatherND", [x, index], [[x.dtype, [...at, ...x.shape.slice(deep)], x.bits]]);
  },
  (s) => {
    const x = s.any(s.dice.pick<Dtype>(["f32", "i32", "i64"]), withRank);
    if (count(x.shape) === 0 || x.shape.length === 0) return;
    const [axis, written] = axisOf(s.dice, x.shape.length, s.version >= 11);
    // No place is written twice: which one wins is left open.
    const size = x.shape[axis]!;
    const rows = s.dice.between(1, size);
    const shape = x.shape.with(axis, rows);
    const inner = count(shape.slice(axis + 1));
    const order = shuffled(s.dice, size);
    const values = Array.from({ length: count(shape) }, (_, at) => order[Math.floor(at / inner) % rows]!);
    const index = s.constant(tensor(values, shape, "i64"), rounded8);
    const updates = s.like(x.dtype, shape);
    const reduction =
      s.version >= 18
        ? s.dice.pick(["none", "add", "mul", "max", "min"])
        : s.version >= 16
          ? s.dice.pick(["none", "add", "mul"])
          : undefined;
    s.emit(
      s.version >= 11 ? "ScatterElements" : "Scatter",
      [x, index, updates],
      [[x.dtype, x.shape, x.bits + updates.bits]],
      {
        attributes: { axis: written, ...(reduction ? { reduction } : {}) },
      },
    );
  },
  (s) => {
    if (s.version < 11) return;
    const x = s.any(s.dice.pick<Dtype>(["f32", "i32", "i64"]), withRank);
    if (count(x.shape) === 0 || x.shape.length === 0) return;
    const order = shuffled(s.dice, x.shape[0]!).slice(0, s.dice.between(1, x.shape[0]!));
    const index = s.constant(tensor(order, [order.length, 1], "i64"), rounded8);
    const updates = s.like(x.dtype, [order.length, ...x.shape.slice(1)]);
    const attributes = s.version >= 16 && s.dice.chance(0.5) ? { reduction: "add" } : {};
    s.emit("ScatterND", [x, index, updates], [[x.dtype, x.shape, Math.max(x.bits, updates.bits) + 1]], {
      attributes,
    });
  },
];

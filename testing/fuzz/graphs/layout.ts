// Operators that move elements: into other shapes, orders and places.

import type { Dtype } from "../../../lang/dtypes.ts";
import { tensor } from "../../../runtime/index.ts";
import type { Dice } from "../dice.ts";
import { axisOf, shuffled, some, withRank } from "./axes.ts";
import { gathering } from "./gathering.ts";
import type { Maker } from "./pointwise.ts";
import { count, type Sketch, type Value } from "./sketch.ts";

export const layout: readonly Maker[] = [
  (s) => {
    const x = some(s);
    const order = shuffled(s.dice, x.shape.length);
    const plain = s.dice.chance(0.2);
    const shape = plain ? x.shape.toReversed() : order.map((at) => x.shape[at]!);
    s.emit("Transpose", [x], [[x.dtype, shape, x.bits]], plain ? {} : { attributes: { perm: order } });
  },
  (s) => {
    const x = some(s);
    const total = count(x.shape);
    const shape = factors(s.dice, total);
    const written = [...shape];
    // One size may be left open, and one copied.
    if (s.dice.chance(0.4) && shape.length > 0 && total > 0) written[s.dice.below(shape.length)] = -1;
    const same = shape.findIndex((size, at) => size === x.shape[at] && written[at] !== -1);
    if (same >= 0 && s.dice.chance(0.5)) written[same] = 0;
    const zeros = shape.some((size, at) => size === 0 && x.shape[at] !== 0);
    if (zeros && s.version < 14) return;
    const attributes = zeros ? { allowzero: 1 } : {};
    if (zeros) for (const [at, size] of shape.entries()) written[at] = size;
    s.emit("Reshape", [x, s.integers(written)], [[x.dtype, shape, x.bits]], { attributes });
  },
  (s) => {
    const x = some(s);
    const axis = s.dice.below(x.shape.length + 1);
    const shape = [count(x.shape.slice(0, axis)), count(x.shape.slice(axis))];
    s.emit("Flatten", [x], [[x.dtype, shape, x.bits]], { attributes: { axis } });
  },
  (s) => {
    const x = some(s, ({ shape }) => shape.includes(1));
    const ones = x.shape.flatMap((size, at) => (size === 1 ? [at] : []));
    if (ones.length === 0) return;
    const all = s.dice.chance(0.3);
    const axes = all ? ones : s.dice.some(ones, 0.6);
    if (axes.length === 0) return;
    const shape = x.shape.filter((_, at) => !axes.includes(at));
    const written = s.version >= 11 && s.dice.chance(0.4) ? axes.map((at) => at - x.shape.length) : axes;
    axesNode(s, "Squeeze", x, shape, all && s.dice.chance(0.5) ? undefined : written);
  },
  (s) => {
    const x = some(s, ({ shape }) => shape.length < 5);
    const rank = x.shape.length + s.dice.between(1, x.shape.length < 4 ? 2 : 1);
    const axes = shuffled(s.dice, rank).slice(0, rank - x.shape.length);
    const rest = [...x.shape];
    const shape = Array.from({ length: rank }, (_, at) => (axes.includes(at) ? 1 : rest.shift()!));
    axesNode(
      s,
      "Unsqueeze",
      x,
      shape,
      s.version >= 11 && s.dice.chance(0.4) ? axes.map((at) => at - rank) : axes,
    );
  },
  (s) => {
    const x = some(s, withRank);
    if (x.shape.length === 0) return;
    const [axis, written] = axisOf(s.dice, x.shape.length, s.version >= 11);
    const parts = [x];
    while (parts.length < 4 && s.dice.chance(0.6)) {
      const shape = x.shape.with(axis, s.dice.chance(0.4) ? x.shape[axis]! : s.size());
      parts.push(s.dice.chance(0.2) ? x : s.like(x.dtype, shape));
    }
    const shape = x.shape.with(
      axis,
      parts.reduce((sum, each) => sum + each.shape[axis]!, 0),
    );
    const bits = Math.max(...parts.map((each) => each.bits));
    s.emit("Concat", parts, [[x.dtype, shape, bits]], { attributes: { axis: written } });
  },
  (s) => {
    const x = some(s, withRank);
    if (x.shape.length === 0) return;
    const [axis, written] = axisOf(s.dice, x.shape.length, s.version >= 11);
    const size = x.shape[axis]!;
    const parts: number[] = [];
    for (let left = size; left > 0 && parts.length < 4; left -= parts.at(-1)!)
      parts.push(parts.length === 3 ? left : s.dice.between(s.version >= 11 ? 0 : 1, left));
    const rest = size - parts.reduce((sum, part) => sum + part, 0);
    if (rest > 0 || parts.length === 0) parts.push(rest);
    const made = parts.map((part) => [x.dtype, x.shape.with(axis, part), x.bits] as const);
    if (s.version >= 13) s.emit("Split", [x, s.integers(parts)], made, { attributes: { axis: written } });
    else s.emit("Split", [x], made, { attributes: { axis: written, split: parts } });
  },
  (s) => {
    const x = some(s, withRank);
    if (x.shape.length === 0) return;
    const axes = s.dice.some(Array.from(x.shape.keys()), 0.6);
    if (axes.length === 0) return;
    const shape = [...x.shape];
    const [starts, ends, steps]: [number[], number[], number[]] = [[], [], []];
    for (const axis of axes) {
      const size = x.shape[axis]!;
      const step =
        s.version < 10
          ? 1
          : s.dice.weighted([
              [5, 1],
              [2, 2],
              [1, 3],
              [2, -1],
              [1, -2],
            ]);
      const [low, high] = [s.dice.between(0, size), s.dice.between(0, size + 2)];
      const [start, end] = step > 0 ? [low, high] : [high, s.dice.chance(0.3) ? -size - 5 : low];
      starts.push(s.dice.chance(0.3) && start < size ? start - size : start);
      ends.push(end > 0 && s.dice.chance(0.2) && step > 0 ? 2 ** 31 - 1 : end);
      steps.push(step);
      shape[axis] = sliced(size, starts.at(-1)!, ends.at(-1)!, step);
    }
    const made = [[x.dtype, shape, x.bits]] as const;
    if (s.version < 10) s.emit("Slice", [x], made, { attributes: { axes, starts, ends } });
    else {
      const type = s.dice.pick<Dtype>(["i64", "i32"]);
      const inputs = [starts, ends, axes, steps].map((each) => s.integers(each, type));
      s.emit("Slice", [x, ...inputs.slice(0, steps.every((step) => step === 1) ? 3 : 4)], made);
    }
  },
  ...gathering,
  (s) => {
    const x = s.any(s.dice.pick<Dtype>(["f32", "i32", "i64", "bool"]), ({ shape }) => count(shape) < 200);
    const times = x.shape.map(() =>
      s.dice.weighted([
        [3, 1],
        [2, 2],
        [1, 3],
        [0.2, 0],
      ]),
    );
    const shape = x.shape.map((size, at) => size * times[at]!);
    if (count(shape) <= 4000 && shape.length > 0)
      s.emit("Tile", [x, s.integers(times)], [[x.dtype, shape, x.bits]]);
  },
  (s) => {
    const x = some(s, ({ shape }) => count(shape) < 200 && shape.length < 5);
    const to = x.shape.map((size) => (size === 1 ? s.size() : s.dice.chance(0.3) ? 1 : size));
    if (s.dice.chance(0.3)) to.unshift(s.dice.between(1, 3));
    const shape = [
      ...to.slice(0, to.length - x.shape.length),
      ...x.shape.map((size, at) => (size === 1 ? to[to.length - x.shape.length + at]! : size)),
    ];
    s.emit("Expand", [x, s.integers(to)], [[x.dtype, shape, x.bits]]);
  },
  (s) => {
    const x = s.any(s.dice.pick<Dtype>(s.version >= 13 ? ["f32", "f32", "i32", "i64"] : ["f32"]), withRank);
    if (x.shape.length === 0) return;
    const mode = s.dice.pick([
      "constant",
      "constant",
      "edge",
      "reflect",
      ...(s.version >= 19 ? ["wrap"] : []),
    ]);
    if (mode !== "constant" && count(x.shape) === 0) return;
    const most = (size: number) =>
      mode === "constant" ? 3 : mode === "edge" ? 2 : mode === "wrap" ? size : size - 1;
    const side = () => x.shape.map((size) => s.dice.between(0, Math.min(3, most(size))));
    const pads = [...side(), ...side()];
    // Cut off instead of added.
    if (mode === "constant" && x.shape[0]! > 2 && s.dice.chance(0.2)) pads[0] = -1;
    const shape = x.shape.map((size, at) => size + pads[at]! + pads[at + x.shape.length]!);
    const made = [[x.dtype, shape, x.bits]] as const;
    if (s.version < 11) s.emit("Pad", [x], made, { attributes: { mode, pads, value: { float: 0.5 } } });
    else {
      const value = s.dice.chance(0.5) ? [s.constant(tensor([1], [], x.dtype))] : [];
      s.emit("Pad", [x, s.integers(pads), ...value], made, { attributes: { mode } });
    }
  },
  (s) => {
    const block = s.dice.between(1, 3);
    const [n, c, h, w] = [s.size(), s.dice.between(1, 3), s.dice.between(1, 4), s.dice.between(1, 4)];
    if (s.dice.chance(0.5)) {
      const x = s.like("f32", [n, c * block * block, h, w]);
      const attributes = {
        blocksize: block,
        ...(s.version >= 11 && s.dice.chance(0.5) ? { mode: "CRD" } : {}),
      };
      s.emit("DepthToSpace", [x], [["f32", [n, c, h * block, w * block], x.bits]], { attributes });
    } else {
      const x = s.like("f32", [n, c, h * block, w * block]);
      s.emit("SpaceToDepth", [x], [["f32", [n, c * block * block, h, w], x.bits]], {
        attributes: { blocksize: block },
      });
    }
  },
  (s) => {
    if (s.version < 14) return;
    const x = s.any(s.dice.pick<Dtype>(["f32", "i64"]), ({ shape }) => shape.length >= 2);
    if (x.shape.length < 2) return;
    const k = s.dice.chance(0.6) ? [s.integers([s.dice.between(-3, 3)], "i64", true)] : [];
    s.emit("Trilu", [x, ...k], [[x.dtype, x.shape, x.bits]], { attributes: { upper: s.dice.below(2) } });
  },
  (s) => {
    if (s.version < 10) return;
    const x = s.any("f32", ({ shape }) => shape.length >= 2);
    if (x.shape.length < 2 || count(x.shape) === 0) return;
    const batch = s.dice.below(2);
    const lengths = Array.from({ length: x.shape[batch]! }, () => s.dice.between(1, x.shape[1 - batch]!));
    s.emit("ReverseSequence", [x, s.integers(lengths)], [["f32", x.shape, x.bits]], {
      attributes: { batch_axis: batch, time_axis: 1 - batch },
    });
  },
  (s) => {
    const x = some(s);
    const rank = x.shape.length;
    if (s.version >= 15 && s.dice.chance(0.5)) {
      const [start, end] = [s.dice.between(-rank - 1, rank), s.dice.between(-rank - 1, rank + 1)];
      const size = x.shape.slice(start, end).length;
      s.emit("Shape", [x], [["i64", [size], 8]], { attributes: { start, end } });
    } else if (s.dice.chance(0.3)) s.emit("Size", [x], [["i64", [], 16]]);
    else s.emit("Shape", [x], [["i64", [rank], 8]]);
  },
  (s) => {
    // A shape that is computed: of what another value has.
    const x = some(s);
    const [shape] = s.emit("Shape", [x], [["i64", [x.shape.length], 8]]);
    if (s.dice.chance(0.5)) {
      const value = tensor([s.dice.between(-2, 2)], [1], s.dice.pick<Dtype>(["f32", "i64", "i32"]));
      s.emit("ConstantOfShape", [shape!], [[value.dtype, x.shape, 8]], {
        attributes: { value: { tensor: value } },
      });
    } else {
      const y = s.like("f32", [count(x.shape)]);
      if (!x.shape.includes(0)) s.emit("Reshape", [y, shape!], [["f32", x.shape, y.bits]]);
    }
  },
  (s) => {
    const x = s.any("f32", ({ shape }) => shape.length === 2);
    if (x.shape.length !== 2) return;
    s.emit("EyeLike", [x], [["f32", x.shape, 4]], { attributes: { k: s.dice.between(-2, 2) } });
  },
  (s) => {
    if (s.version < 11) return;
    const [start, limit, delta] = [
      s.dice.between(-4, 4),
      s.dice.between(-8, 12),
      s.dice.pick([1, 2, 3, -1, -2]),
    ];
    const dtype = s.dice.pick<Dtype>(["i64", "i32", "f32"]);
    const size = Math.max(0, Math.ceil((limit - start) / delta));
    s.emit(
      "Range",
      [start, limit, delta].map((each) => s.constant(tensor([each], [], dtype), 8)),
      [[dtype, [size], 8]],
    );
  },
  (s) => {
    const index = s.any("i64", ({ shape, bits }) => shape.length < 4 && bits <= 8 && count(shape) < 100);
    const depth = s.dice.between(1, 6);
    const [axis, written] = axisOf(s.dice, index.shape.length + 1);
    const shape = index.shape.toSpliced(axis, 0, depth);
    const values = s.constant(tensor([-1, 2], [2], "f32"));
    s.emit("OneHot", [index, s.integers([depth], "i64", s.dice.chance(0.5)), values], [["f32", shape, 4]], {
      attributes: { axis: written },
    });
  },
  (s) => {
    const x = s.any("f32", ({ shape }) => shape.length > 0);
    if (x.shape.length === 0) return;
    const [axis, written] = axisOf(s.dice, x.shape.length, s.version >= 11);
    const mask = Array.from({ length: x.shape[axis]! }, () => s.dice.below(2));
    const condition = s.constant(tensor(mask, [mask.length], "bool"));
    const size = mask.filter((each) => each === 1).length;
    s.emit("Compress", [x, condition], [["f32", x.shape.with(axis, size), x.bits]], {
      attributes: { axis: written },
    });
  },
];

/** `Squeeze` or `Unsqueeze`: axes were attributes before version 13. */
function axesNode(
  s: Sketch,
  op: string,
  x: Value,
  shape: readonly number[],
  axes: readonly number[] | undefined,
): void {
  const made = [[x.dtype, shape, x.bits]] as const;
  if (!axes) s.emit(op, [x], made);
  else if (s.version >= 13) s.emit(op, [x, s.integers(axes)], made);
  else s.emit(op, [x], made, { attributes: { axes } });
}

/** A shape of this many elements. */
function factors(dice: Dice, total: number): number[] {
  if (total === 0) return dice.pick([[0], [0, 3], [2, 0]]);
  const shape: number[] = [];
  for (let rest = total; rest > 1 && shape.length < 4;) {
    const divisors = Array.from({ length: rest }, (_, at) => at + 1).filter((each) => rest % each === 0);
    const size = shape.length === 3 ? rest : dice.pick(divisors);
    shape.push(size);
    rest /= size;
    if (rest > 1 && shape.length === 4) shape[3]! *= rest;
  }
  if (dice.chance(0.2)) shape.unshift(1);
  return shape;
}

/** How many elements a slice has, by ONNX's rules. */
function sliced(size: number, start: number, end: number, step: number): number {
  const wrap = (at: number) => (at < 0 ? at + size : at);
  const clamp = (at: number, low: number, high: number) => Math.min(Math.max(at, low), high);
  const from = step > 0 ? clamp(wrap(start), 0, size) : clamp(wrap(start), 0, size - 1);
  const to = step > 0 ? clamp(wrap(end), 0, size) : clamp(wrap(end), -1, size - 1);
  return Math.max(0, Math.ceil((to - from) / step));
}

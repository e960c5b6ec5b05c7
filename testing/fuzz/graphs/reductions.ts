// Operators that combine elements along axes: reductions, norms, softmax, orders, and what is recurrent.

import type { Dtype } from "../../../lang/dtypes.ts";
import { tensor } from "../../../runtime/index.ts";
import { axisOf } from "./axes.ts";
import type { Maker } from "./pointwise.ts";
import { count, isExact, rounded, type Sketch, type Value } from "./sketch.ts";

const withRank = ({ shape }: Value) => shape.length > 0;
const notEmpty = ({ shape }: Value) => shape.length > 0 && count(shape) > 0;

/** Values that differ from each other, so that an order of them is one. */
function distinct(s: Sketch, shape: readonly number[]): Value {
  const values = Array.from({ length: count(shape) }, (_, at) => ((at * 7919) % 1009) / 8 - 60);
  return s.constant(tensor(values, shape, "f32"), 12);
}

const sums = [
  "ReduceSum",
  "ReduceMean",
  "ReduceL1",
  "ReduceL2",
  "ReduceSumSquare",
  "ReduceLogSumExp",
  "ReduceMax",
  "ReduceMin",
  "ReduceProd",
];

export const reductions: readonly Maker[] = [
  (s) => {
    const op = s.dice.pick(sums);
    const integers = ["ReduceSum", "ReduceMax", "ReduceMin"].includes(op) && s.dice.chance(0.3);
    const x = s.any(integers ? s.dice.pick<Dtype>(["i32", "i64"]) : "f32");
    const rank = x.shape.length;
    const axes = s.dice.some(Array.from(x.shape.keys()), 0.5);
    // Without elements only a sum is defined everywhere.
    if (count(x.shape) === 0 && op !== "ReduceSum") return;
    if (op === "ReduceProd" && count(x.shape) > 64) return;
    const keep = s.dice.below(2);
    const none = axes.length === 0;
    const inputs = s.version >= (op === "ReduceSum" ? 13 : 18);
    const noop = none && inputs && s.dice.chance(0.5);
    if (noop && !["ReduceSum", "ReduceMean", "ReduceMax"].includes(op)) return;
    const shape = noop
      ? x.shape
      : x.shape.flatMap((size, at) => (!none && !axes.includes(at) ? [size] : keep === 1 ? [1] : []));
    const written = axes.map((at) => (s.version >= 11 && s.dice.chance(0.3) ? at - rank : at));
    const exact = ["ReduceMax", "ReduceMin"].includes(op)
      ? x.bits
      : op === "ReduceSum"
        ? x.bits + 11
        : rounded;
    const made = [[x.dtype, shape, noop ? x.bits : exact]] as const;
    const attributes = {
      ...(keep === 1 && s.dice.chance(0.5) ? {} : { keepdims: keep }),
      ...(noop ? { noop_with_empty_axes: 1 } : {}),
    };
    if (inputs) s.emit(op, none ? [x] : [x, s.integers(written)], made, { attributes });
    else s.emit(op, [x], made, { attributes: none ? attributes : { ...attributes, axes: written } });
  },
  (s) => {
    const x = s.any("f32", (value) => notEmpty(value) && isExact(value));
    if (!notEmpty(x)) return;
    const [axis, written] = axisOf(s.dice, x.shape.length, s.version >= 11);
    const keep = s.dice.below(2);
    const shape = keep === 1 ? x.shape.with(axis, 1) : x.shape.toSpliced(axis, 1);
    const attributes = {
      axis: written,
      keepdims: keep,
      ...(s.version >= 12 && s.dice.chance(0.5) ? { select_last_index: 1 } : {}),
    };
    s.emit(s.dice.pick(["ArgMax", "ArgMin"]), [x], [["i64", shape, 8]], { attributes });
  },
  (s) => {
    const shape = s.shape(s.dice.between(1, 3));
    if (count(shape) === 0) return;
    const x = distinct(s, shape);
    const [axis, written] = axisOf(s.dice, shape.length, s.version >= 11);
    const k = s.dice.between(1, shape[axis]!);
    const attributes = { axis: written, ...(s.version >= 11 ? { largest: s.dice.below(2) } : {}) };
    if (s.version < 10)
      s.emit(
        "TopK",
        [x],
        [
          ["f32", shape.with(axis, k), 12],
          ["i64", shape.with(axis, k), 8],
        ],
        { attributes: { ...attributes, k } },
      );
    else
      s.emit(
        "TopK",
        [x, s.integers([k])],
        [
          ["f32", shape.with(axis, k), 12],
          ["i64", shape.with(axis, k), 8],
        ],
        { attributes },
      );
  },
  (s) => {
    const x = s.any("f32", notEmpty);
    if (!notEmpty(x)) return;
    const [, axis] = axisOf(s.dice, x.shape.length, s.version >= 11);
    s.emit(s.dice.pick(["Softmax", "LogSoftmax"]), [x], [["f32", x.shape, rounded]], {
      attributes: s.dice.chance(0.3) ? {} : { axis },
    });
  },
  (s) => {
    const x = s.any("f32", (value) => notEmpty(value) && isExact(value));
    if (!notEmpty(x)) return;
    const [, axis] = axisOf(s.dice, x.shape.length, s.version >= 11);
    s.emit("Hardmax", [x], [["f32", x.shape, 4]], { attributes: { axis } });
  },
  (s) => {
    if (s.version < 11) return;
    const x = s.any(s.dice.pick<Dtype>(["f32", "i32", "i64"]), withRank);
    if (!withRank(x)) return;
    const [, axis] = axisOf(s.dice, x.shape.length);
    const attributes = { exclusive: s.dice.below(2), reverse: s.dice.below(2) };
    s.emit(
      "CumSum",
      [x, s.integers([axis], s.dice.pick<Dtype>(["i64", "i32"]), true)],
      [[x.dtype, x.shape, x.bits + 5]],
      { attributes },
    );
  },
  (s) => {
    if (s.version < 17) return;
    const x = s.any("f32", notEmpty);
    if (!notEmpty(x)) return;
    const [axis, written] = axisOf(s.dice, x.shape.length);
    const rest = x.shape.slice(axis);
    const inputs = [x, s.like("f32", rest), ...(s.dice.chance(0.6) ? [s.like("f32", rest)] : [])];
    s.emit("LayerNormalization", inputs, [["f32", x.shape, rounded]], {
      attributes: { axis: written, epsilon: { float: 0.01 } },
    });
  },
  (s) => {
    // As exporters write it out.
    const x = s.any("f32", notEmpty);
    const last = x.shape.at(-1);
    if (!notEmpty(x) || last === undefined) return;
    const axes = s.version >= 18 ? [s.integers([-1])] : [];
    const attributes = s.version >= 18 ? {} : { axes: s.version >= 11 ? [-1] : [x.shape.length - 1] };
    const mean = [["f32", [...x.shape.slice(0, -1), 1], rounded]] as const;
    const [average] = s.emit("ReduceMean", [x, ...axes], mean, { attributes });
    const [centred] = s.emit("Sub", [x, average!], [["f32", x.shape, rounded]]);
    const two = s.constant(tensor([2], [], "f32"));
    const [square] = s.emit("Pow", [centred!, two], [["f32", x.shape, rounded]]);
    const [variance] = s.emit("ReduceMean", [square!, ...axes], mean, { attributes });
    const [moved] = s.emit("Add", [variance!, s.constant(tensor([0.01], [], "f32"))], mean);
    const [deviation] = s.emit("Sqrt", [moved!], mean);
    const [normal] = s.emit("Div", [centred!, deviation!], [["f32", x.shape, rounded]]);
    const [scaled] = s.emit("Mul", [normal!, s.like("f32", [last])], [["f32", x.shape, rounded]]);
    s.emit("Add", [scaled!, s.like("f32", [last])], [["f32", x.shape, rounded]]);
  },
  (s) => {
    const x = s.any("f32", ({ shape }) => shape.length >= 3 && count(shape) > 0);
    if (x.shape.length < 3 || count(x.shape) === 0) return;
    const channels = x.shape[1]!;
    const parts = [0, 1].map(() => s.like("f32", [channels]));
    const made = [["f32", x.shape, rounded]] as const;
    const epsilon = { epsilon: { float: 0.01 } };
    if (s.dice.chance(0.5))
      return void s.emit("InstanceNormalization", [x, ...parts], made, { attributes: epsilon });
    const [positive] = s.emit("Abs", [s.like("f32", [channels])], [["f32", [channels], 4]]);
    s.emit("BatchNormalization", [x, ...parts, s.like("f32", [channels]), positive!], made, {
      attributes: epsilon,
    });
  },
  (s) => {
    const x = s.any("f32", notEmpty);
    if (!notEmpty(x)) return;
    if (s.dice.chance(0.5)) {
      const [positive] = s.emit("Softplus", [x], [["f32", x.shape, rounded]]);
      const [, axis] = axisOf(s.dice, x.shape.length);
      s.emit("LpNormalization", [positive!], [["f32", x.shape, rounded]], {
        attributes: { axis, p: s.dice.between(1, 2) },
      });
    } else if (x.shape.length === 4)
      s.emit("LRN", [x], [["f32", x.shape, rounded]], {
        attributes: { size: s.dice.pick([1, 3, 5]), alpha: { float: 0.1 } },
      });
  },
  recurrent,
];

function recurrent(s: Sketch): void {
  const [length, batch, wide, hidden] = [
    s.dice.between(1, 4),
    s.dice.between(1, 3),
    s.dice.between(1, 5),
    s.dice.between(1, 5),
  ];
  const op = s.dice.pick(["LSTM", "GRU", "RNN"]);
  const gates = op === "LSTM" ? 4 : op === "GRU" ? 3 : 1;
  const direction = s.dice.pick(["forward", "reverse", "bidirectional"]);
  const ways = direction === "bidirectional" ? 2 : 1;
  const x = s.like("f32", [length, batch, wide]);
  const inputs: (Value | string)[] = [
    x,
    s.leaf("f32", [ways, gates * hidden, wide]),
    s.leaf("f32", [ways, gates * hidden, hidden]),
  ];
  inputs.push(s.dice.chance(0.5) ? s.leaf("f32", [ways, 2 * gates * hidden]) : "");
  const lengths = Array.from({ length: batch }, () => s.dice.between(1, length));
  inputs.push(s.dice.chance(0.3) ? s.integers(lengths, "i32") : "");
  if (s.dice.chance(0.4)) inputs.push(s.leaf("f32", [ways, batch, hidden]));
  const states = [ways, batch, hidden];
  const made = [
    ["f32", [length, ways, batch, hidden], rounded],
    ["f32", states, rounded],
    ...(op === "LSTM" ? [["f32", states, rounded] as const] : []),
  ] as const;
  const attributes = {
    hidden_size: hidden,
    direction,
    ...(op === "GRU" ? { linear_before_reset: s.dice.below(2) } : {}),
  };
  s.emit(op, inputs, made, { attributes });
}

// Graphs inside nodes: branches and loops, whose bodies use values of the graphs around them.

import type { Dtype } from "../../../lang/dtypes.ts";
import { tensor } from "../../../runtime/index.ts";
import type { PortSpec } from "../../onnx/models.ts";
import { axisOf } from "./axes.ts";
import { makers } from "./makers.ts";
import type { Maker } from "./pointwise.ts";
import { count, rounded, type Sketch, type Value } from "./sketch.ts";

/** At most this many graphs inside each other. */
const deepest = 2;

/** A few nodes in a graph, and then `value` plus something of what they made, if any of it fits. */
function grown(s: Sketch, value: Value): Value {
  for (let n = s.dice.below(3); n > 0; n--) s.dice.pick(makers)(s);
  const other = s.like("f32", value.shape, true);
  const [sum] = s.emit(s.dice.pick(["Add", "Mul"]), [value, other], [["f32", value.shape, rounded]]);
  // Loops would make it grow.
  const [small] = s.emit("Tanh", [sum!], [["f32", value.shape, rounded]]);
  return small!;
}

const port = ({ name, dtype, shape }: Value, size?: (at: number) => number | string): PortSpec => [
  name,
  dtype,
  ...shape.map((each, at) => size?.(at) ?? each),
];

/** A value that a body's caller gives. */
function parameter(s: Sketch, dtype: Dtype, shape: readonly number[]): Value {
  const value = { name: s.fresh("p"), dtype, shape, bits: rounded };
  s.pool.push(value);
  return value;
}

export const control: readonly Maker[] = [
  (s) => {
    if (s.depth >= deepest || s.version < 11) return;
    const x = s.any("f32");
    const condition = s.dice.chance(0.5)
      ? s.like("bool", [])
      : s.emit("Greater", [s.like("f32", []), s.constant(tensor([0.1], [], "f32"))], [["bool", [], 4]])[0]!;
    const branch = () => {
      const inner = s.inner();
      return { graph: inner.graph([grown(inner, x)], []) };
    };
    const attributes = { then_branch: branch(), else_branch: branch() };
    s.emit("If", [condition], [["f32", x.shape, rounded]], { attributes });
  },
  (s) => {
    if (s.depth >= deepest || s.version < 11) return;
    const start = s.any("f32", ({ shape }) => count(shape) < 400 && shape.length < 4);
    const collects = s.dice.chance(0.5);
    // Of no turn, the reference only guesses what one would have left.
    const times = s.dice.between(collects ? 1 : 0, 3);
    const inner = s.inner();
    const [at, going] = [parameter(inner, "i64", []), parameter(inner, "bool", [])];
    const state = parameter(inner, "f32", start.shape);
    const next = grown(inner, state);
    const [onward] = inner.emit("Identity", [going], [["bool", [], 4]]);
    const body = inner.graph(
      collects
        ? [onward!, next, inner.emit("Neg", [next], [["f32", next.shape, rounded]])[0]!]
        : [onward!, next],
      [port(at), port(going), port(state)],
    );
    const made = [
      ["f32", start.shape, rounded] as const,
      ...(collects ? [["f32", [times, ...start.shape], rounded] as const] : []),
    ];
    const condition = s.dice.chance(0.5) ? s.constant(tensor([1], [], "bool")) : "";
    s.emit("Loop", [s.integers([times], "i64", true), condition, start], made, {
      attributes: { body: { graph: body } },
    });
  },
  (s) => {
    if (s.depth >= deepest || s.version < 11) return;
    const rank = s.dice.between(1, 3);
    const over = s.ranked("f32", rank, ({ shape }) => !shape.includes(0) && count(shape) < 400);
    const [axis, written] = axisOf(s.dice, rank);
    const [turns, rest] = [over.shape[axis]!, over.shape.toSpliced(axis, 1)];
    if (count(over.shape) === 0 || count(over.shape) > 400 || turns > 6) return;
    const start = s.like("f32", rest);
    const inner = s.inner();
    const [state, each] = [parameter(inner, "f32", rest), parameter(inner, "f32", rest)];
    const [sum] = inner.emit("Add", [state, each], [["f32", rest, rounded]]);
    const next = grown(inner, sum!);
    const [seen] = inner.emit("Identity", [next], [["f32", rest, rounded]]);
    const body = inner.graph([next, seen!], [port(state), port(each)]);
    const [out, outWritten] = axisOf(s.dice, rank);
    const attributes = {
      num_scan_inputs: 1,
      body: { graph: body },
      scan_input_directions: s.dice.chance(0.3) ? [1] : undefined,
      scan_output_directions: s.dice.chance(0.3) ? [1] : undefined,
      scan_input_axes: axis > 0 || s.dice.chance(0.2) ? [written] : undefined,
      scan_output_axes: out > 0 || s.dice.chance(0.2) ? [outWritten] : undefined,
    };
    s.emit(
      "Scan",
      [start, over],
      [
        ["f32", rest, rounded],
        ["f32", rest.toSpliced(out, 0, turns), rounded],
      ],
      { attributes },
    );
  },
];

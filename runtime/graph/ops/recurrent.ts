// LSTM, GRU and RNN. What each step takes from the input is one matrix product for all of them; what it takes from the step before is a
// kernel that goes through time, each sequence of a batch by itself.

import type { Dtype } from "../../../lang/dtypes.ts";
import type { Value } from "../program.ts";
import { product } from "./matmul.ts";
import { concatenate } from "./layout.ts";
import type { Build, NodeContext, OpRow } from "./node.ts";

/** Activations by name, of `v` with the parameters `a` and `b`. */
const activations: Readonly<Record<string, { text: string; alpha?: number; beta?: number; uses?: string }>> =
  {
    sigmoid: { text: "sigmoid(v)", uses: "std.math.sigmoid" },
    tanh: { text: "tanh(v)", uses: "std.math.tanh" },
    relu: { text: "max(v, 0)" },
    affine: { text: "A * v + B", alpha: 1, beta: 0 },
    leakyrelu: { text: "(v if v >= 0 else A * v)", alpha: 0.01 },
    thresholdedrelu: { text: "(v if v > A else 0)", alpha: 1 },
    scaledtanh: { text: "A * tanh(B * v)", alpha: 1, beta: 1, uses: "std.math.tanh" },
    hardsigmoid: { text: "max(0, min(1, A * v + B))", alpha: 0.2, beta: 0.5 },
    elu: { text: "(v if v >= 0 else A * expm1(v))", alpha: 1, uses: "std.math.expm1" },
    softsign: { text: "v / (1 + abs(v))" },
    softplus: { text: "(max(v, 0) + log1p(exp(-abs(v))))", uses: "std.math.exp std.math.log1p" },
  };

interface Cell {
  /** Gates, in the order of the weights. */
  readonly gates: number;
  /** Names of activations where the node names none. */
  readonly functions: readonly string[];
  readonly hasState: boolean;
  /** Statements of one step of one sequence. */
  readonly step: (options: {
    linearBeforeReset: boolean;
    coupled: boolean;
    peepholes: boolean;
    clip: boolean;
  }) => string[];
}

/**
 * What gates take from the step before, as dot products of the state with rows of the weights, which are read as they lie: `sum0[j]` and
 * so on.
 */
const hidden = (gates: readonly number[], of = "h"): string[] => [
  "for j in range(H):",
  ...gates.map((gate) => `    sum${gate}[j] = sum(${of}[n] * r[${gate}, j, n] for n in range(H))`),
];

/** Elements of the state stand in the lanes: activations of several at a time. */
const each = ["@wasm.vectorize(width=16)", "for j in range(H):"] as const;
const bound = (text: string, clip: boolean): string => (clip ? `clamp(${text}, 0 - limit, limit)` : text);

const cells: Readonly<Record<string, Cell>> = {
  RNN: {
    gates: 1,
    functions: ["Tanh"],
    hasState: false,
    step: ({ clip }) => [
      ...hidden([0]),
      ...each,
      `    next[j] = f(${bound("x[at, i, 0, j] + sum0[j]", clip)})`,
    ],
  },
  GRU: {
    gates: 3,
    functions: ["Sigmoid", "Tanh"],
    hasState: false,
    step: ({ linearBeforeReset, clip }) => [
      ...hidden(linearBeforeReset ? [0, 1, 2] : [0, 1]),
      ...each,
      `    update[j] = f(${bound("x[at, i, 0, j] + sum0[j]", clip)})`,
      `    reset[j] = f(${bound("x[at, i, 1, j] + sum1[j]", clip)})`,
      ...(linearBeforeReset ? [] : [...each, "    masked[j] = reset[j] * h[j]", ...hidden([2], "masked")]),
      ...each,
      linearBeforeReset
        ? "    let inner = x[at, i, 2, j] + reset[j] * (sum2[j] + rb[2, j])"
        : "    let inner = x[at, i, 2, j] + sum2[j]",
      `    let candidate = g(${bound("inner", clip)})`,
      "    next[j] = (1 - update[j]) * candidate + update[j] * h[j]",
    ],
  },
  LSTM: {
    gates: 4,
    functions: ["Sigmoid", "Tanh", "Tanh"],
    hasState: true,
    step: ({ coupled, peepholes, clip }) => {
      const gate = (at: number, state?: string): string =>
        bound(
          `x[at, i, ${at}, j] + sum${at}[j]${peepholes && state ? ` + p[${at}, j] * ${state}` : ""}`,
          clip,
        );
      return [
        ...hidden(coupled ? [0, 1, 3] : [0, 1, 2, 3]),
        ...each,
        `    let enter = f(${gate(0, "c[j]")})`,
        `    let keep = ${coupled ? "1 - enter" : `f(${gate(2, "c[j]")})`}`,
        `    let candidate = g(${gate(3)})`,
        "    state[j] = keep * c[j] + enter * candidate",
        `    let leave = f(${gate(1, "state[j]")})`,
        "    next[j] = leave * k(state[j])",
      ];
    },
  },
};

function recurrent(name: "LSTM" | "GRU" | "RNN"): Build {
  const cell = cells[name]!;
  return async (node) => {
    const { b } = node;
    // With layout 1 the batch comes first.
    const first = node.flag("layout");
    const given = node.in(0);
    const x = first ? b.transpose(given, [1, 0, 2]) : given;
    const [steps, batch] = x.shape as [number, number];
    const w = node.in(1);
    const directions = w.shape[0]!;
    const size = node.int("hidden_size", node.in(2).shape[2]!);
    const direction = node.text("direction", "forward");
    const outputs: Value[][] = [];
    for (let d = 0; d < directions; d++)
      outputs.push(await oneDirection(node, cell, x, d, size, direction === "reverse" || d === 1));
    const join = (at: number, shape: readonly number[], axis: number): Value =>
      concatenate(
        node,
        outputs.map((each) => b.reshape(each[at]!, shape)),
        axis,
      );
    const all = join(0, [steps, 1, batch, size], 1);
    const last = join(1, [1, batch, size], 0);
    const state = cell.hasState ? join(2, [1, batch, size], 0) : undefined;
    const turned = (value: Value | undefined) => (value && first ? b.transpose(value, [1, 0, 2]) : value);
    return [first ? b.transpose(all, [2, 0, 1, 3]) : all, turned(last), turned(state)];
  };
}

/** Row `d` of a tensor whose first axis is the direction. */
function ofDirection({ b }: NodeContext, value: Value, d: number): Value {
  const rest = value.shape.slice(1);
  const strides = rest.map((_, axis) => rest.slice(axis + 1).reduce((product_, dim) => product_ * dim, 1));
  return b.view(value, { shape: rest, strides, offset: d * rest.reduce((size, dim) => size * dim, 1) });
}

async function oneDirection(
  node: NodeContext,
  cell: Cell,
  x: Value,
  d: number,
  size: number,
  backwards: boolean,
): Promise<Value[]> {
  const { b } = node;
  const { dtype } = x;
  const [steps, batch, width] = x.shape as [number, number, number];
  const { gates } = cell;
  const linearBeforeReset = node.flag("linear_before_reset");
  const weights = b.transpose(ofDirection(node, node.in(1), d), [1, 0]);
  const taken = product(node, b.reshape(x, [steps * batch, width]), weights);
  let gateInputs = b.reshape(taken, [steps, batch, gates, size]);
  let recurrentBias: Value | undefined;
  if (node.has(3)) {
    const bias = b.reshape(ofDirection(node, node.in(3), d), [2, gates, size]);
    const half = (at: number) =>
      b.view(bias, { shape: [gates, size], strides: [size, 1], offset: at * gates * size });
    recurrentBias = half(1);
    // A GRU that resets behind the product needs the last gate's recurrent bias by itself.
    const own = linearBeforeReset
      ? b.map("$0 + ($1 if $2 < i64(2) else $T(0))", [
          half(0),
          recurrentBias,
          b.literal("i64", [0, 1, 2], [3, 1]),
        ])
      : b.map("$0 + $1", [half(0), recurrentBias]);
    gateInputs = b.map("$0 + $1", [gateInputs, own]);
  }
  const zeros = b.map("$0", [b.scalar(dtype, 0)], { shape: [batch, size] });
  const start = (at: number): Value => {
    if (!node.has(at)) return zeros;
    const all = node.flag("layout") ? b.transpose(node.in(at), [1, 0, 2]) : node.in(at);
    return ofDirection(node, all, d);
  };
  const lengths = node.has(4) ? b.cast(node.in(4), "i32") : undefined;
  const peepholes =
    cell.hasState && node.has(7) ? b.reshape(ofDirection(node, node.in(7), d), [3, size]) : undefined;
  const code = kernelOf(node, cell, dtype, d, {
    backwards,
    lengths: lengths !== undefined,
    peepholes: peepholes !== undefined,
    bias: linearBeforeReset && cell.gates === 3,
  });
  const shape = [batch, size];
  const results = [
    { dtype, shape: [steps, batch, size] },
    { dtype, shape },
    ...(cell.hasState ? [{ dtype, shape }] : []),
  ];
  return b.kernel(
    code,
    [
      gateInputs,
      b.reshape(ofDirection(node, node.in(2), d), [gates, size, size]),
      start(5),
      ...(cell.hasState ? [start(6)] : []),
      ...(lengths ? [lengths] : []),
      ...(peepholes ? [peepholes] : []),
      ...(linearBeforeReset && cell.gates === 3
        ? [recurrentBias ?? b.map("$0", [b.scalar(dtype, 0)], { shape: [gates, size] })]
        : []),
    ],
    results,
  );
}

function kernelOf(
  node: NodeContext,
  cell: Cell,
  dtype: Dtype,
  d: number,
  has: { backwards: boolean; lengths: boolean; peepholes: boolean; bias: boolean },
): Parameters<NodeContext["b"]["kernel"]>[0] {
  const names = node.node.attributes["activations"];
  const chosen = (Array.isArray(names) ? (names as string[]) : []).slice(d * cell.functions.length);
  const functions = cell.functions.map((otherwise, at) => {
    const name = (chosen[at] ?? otherwise).toLowerCase();
    const known = activations[name];
    if (!known) return node.fail(`I know no activation \`${name}\``);
    const numbers = (attribute: string): number | undefined =>
      (node.node.attributes[attribute] as number[] | undefined)?.[d * cell.functions.length + at];
    const decimal = (value: number) => (Number.isInteger(value) ? value.toFixed(1) : String(value));
    const text = known.text
      .replaceAll(/\bA\b/g, `${dtype}(${decimal(numbers("activation_alpha") ?? known.alpha ?? 0)})`)
      .replaceAll(/\bB\b/g, `${dtype}(${decimal(numbers("activation_beta") ?? known.beta ?? 0)})`);
    return { text, uses: known.uses?.split(" ") ?? [] };
  });
  const clip = node.node.attributes["clip"];
  const state = cell.hasState;
  const step = cell.step({
    linearBeforeReset: has.bias,
    coupled: node.flag("input_forget"),
    peepholes: has.peepholes,
    clip: typeof clip === "number",
  });
  const locals = [
    "h",
    "next",
    ...(state ? ["c", "state"] : []),
    ...(cell.gates === 3 ? ["update", "reset", "masked"] : []),
    ...Array.from({ length: cell.gates }, (_, gate) => `sum${gate}`),
  ];
  const inner = [
    ...locals.map((local) => `var ${local} = Array[${dtype}, H](0)`),
    "for j in range(H):",
    "    h[j] = h0[i, j]",
    ...(state ? ["    c[j] = c0[i, j]"] : []),
    has.lengths ? "let length = clamp(lengths[i], 0, S)" : "let length = S",
    // In an order that depends on data each place is reached all the same, which is more than can be proved.
    ...(has.backwards && has.lengths ? ["for t, j in grid(S, H):", `    y[t, i, j] = ${dtype}(0)`] : []),
    "for t in range(S):",
    "    let live = t < length",
    `    let at = ${!has.backwards ? "t" : has.lengths ? "clamp(length - 1 - t if live else t, 0, S - 1)" : "S - 1 - t"}`,
    ...step.map((line) => `    ${line}`),
    "    for j in range(H):",
    `        let result = next[j] if live else ${dtype}(0)`,
    "        y[at, i, j] = POST(result, at, i, j)",
    "        h[j] = next[j] if live else h[j]",
    ...(state ? ["        c[j] = state[j] if live else c[j]"] : []),
    "for j in range(H):",
    "    last[i, j] = h[j]",
    ...(state ? ["    last_state[i, j] = c[j]"] : []),
  ];
  return {
    name: `recurrent_${node.node.op.toLowerCase()}`,
    inputs: [
      { name: "x", dims: ["S", "N", "G", "H"] },
      { name: "r", dims: ["G", "H", "H"] },
      { name: "h0", dims: ["N", "H"] },
      ...(state ? [{ name: "c0", dims: ["N", "H"] }] : []),
      ...(has.lengths ? [{ name: "lengths", dims: ["N"] }] : []),
      ...(has.peepholes ? [{ name: "p", dims: [3, "H"] }] : []),
      ...(has.bias ? [{ name: "rb", dims: ["G", "H"] }] : []),
    ],
    outputs: [
      { name: "y", dims: ["S", "N", "H"] },
      { name: "last", dims: ["N", "H"] },
      ...(state ? [{ name: "last_state", dims: ["N", "H"] }] : []),
    ],
    scalars: typeof clip === "number" ? [{ name: "limit", dtype, value: clip }] : [],
    where: `G == ${cell.gates}, S >= 1`,
    defs: functions
      .map(({ text }, at) => `def ${["f", "g", "k"][at]}(v: ${dtype}) -> ${dtype}:\n    return ${text}`)
      .join("\n\n"),
    body: ["@parallel", "for i in range(N):", ...inner.map((line) => `    ${line}`)],
    uses: functions.flatMap(({ uses }) => uses),
    hook: { indices: 3 },
  };
}

export const recurrence: readonly OpRow[] = (["LSTM", "GRU", "RNN"] as const).map((op) => ({
  op,
  since: 1,
  build: recurrent(op),
}));

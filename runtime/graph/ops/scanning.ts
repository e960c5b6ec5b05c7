// Operators that go along an axis in order: running sums, the largest few, sequences turned round.

import { around } from "./layout.ts";
import type { Build, OpRow } from "./node.ts";

const cumSum: Build = async (node) => {
  const { b } = node;
  const x = node.in(0);
  const axis = node.axis(await node.number(1), x.shape.length);
  const [before, count, after] = around(x.shape, axis);
  const at = node.flag("reverse") ? "N - 1 - j" : "j";
  const add = `total[k] = total[k] + READ(x, i, ${at}, k)`;
  const store = `y[i, ${at}, k] = total[k]`;
  const [y] = b.kernel(
    {
      name: "running_sum",
      inputs: [{ name: "x", dims: ["A", "N", "B"] }],
      outputs: [{ name: "y", dims: ["A", "N", "B"] }],
      scalars: [],
      body: [
        "@parallel",
        "for i in range(A):",
        `    var total = Array[${x.dtype}, B](0)`,
        "    for j in range(N):",
        "        @vectorize",
        "        for k in range(B):",
        ...(node.flag("exclusive") ? [store, add] : [add, store]).map((line) => `            ${line}`),
      ],
    },
    [b.reshape(x, [before, count, after])],
    [{ dtype: x.dtype, shape: [before, count, after] }],
  );
  return b.reshape(y!, x.shape);
};

/** The largest (or smallest) k along an axis, in order, each with its place; the first of equals first. */
const topK: Build = async (node) => {
  const { b } = node;
  const x = node.in(0);
  const k = node.node.attributes["k"] === undefined ? await node.number(1) : node.int("k", 1);
  const axis = node.axis(node.int("axis", -1), x.shape.length);
  const [before, count, after] = around(x.shape, axis);
  if (k < 0 || k > count) node.fail(`it takes ${k} of ${count} elements`);
  const shape = x.shape.map((dim, at) => (at === axis ? k : dim));
  if (k === 0 || before * after === 0) return [b.literal(x.dtype, [], shape), b.literal("i64", [], shape)];
  const better = node.flag("largest", true) ? ">" : "<";
  const [values, places] = b.kernel(
    {
      name: "best_few",
      inputs: [{ name: "x", dims: ["A", "N", "B"] }],
      outputs: [
        { name: "values", dims: ["A", "k", "B"] },
        { name: "places", dims: ["A", "k", "B"] },
      ],
      scalars: [{ name: "k", dtype: "i32", value: k }],
      where: "1 <= k, k <= N",
      body: [
        "@parallel(i)",
        "for i, t in grid(A, B):",
        "    var taken = Array[i32, N](0)",
        "    for j in range(k):",
        "        var best = -1",
        "        var most = x[i, 0, t]",
        "        for n in range(N):",
        "            let value = x[i, n, t]",
        `            let ahead = taken[n] == 0 and (best < 0 or value ${better} most)`,
        "            best = n if ahead else best",
        "            most = value if ahead else most",
        "        taken[clamp(best, 0, N - 1)] = 1",
        "        values[i, j, t] = most",
        "        places[i, j, t] = i64(best)",
      ],
    },
    [b.reshape(x, [before, count, after])],
    [
      { dtype: x.dtype, shape: [before, k, after] },
      { dtype: "i64", shape: [before, k, after] },
    ],
  );
  return [b.reshape(values!, shape), b.reshape(places!, shape)];
};

/** The first elements of each sequence in the opposite order, as many as its length says. */
const reverseSequence: Build = (node) => {
  const { b } = node;
  const x = node.in(0);
  const lengths = b.cast(node.in(1), "i32");
  const time = node.int("time_axis", 0);
  const [first, second] = time === 0 ? ["S", "N"] : ["N", "S"];
  const step = "length - 1 - t if t < length else t";
  const at = time === 0 ? "clamp(source, 0, S - 1), n" : "n, clamp(source, 0, S - 1)";
  const shape = x.shape as readonly number[];
  const rest = shape.slice(2).reduce((product, dim) => product * dim, 1);
  const flat = [shape[0]!, shape[1]!, rest];
  const [y] = b.kernel(
    {
      name: "reverse_sequences",
      inputs: [
        { name: "x", dims: [first, second, "B"] },
        { name: "lengths", dims: ["N"] },
      ],
      outputs: [{ name: "y", dims: [first, second, "B"] }],
      scalars: [],
      where: "S >= 1",
      body: [
        "@parallel",
        "for n, t in grid(N, S):",
        "    let length = clamp(lengths[n], 0, S)",
        `    let source = ${step}`,
        "    @vectorize",
        "    for k in range(B):",
        `        y[${time === 0 ? "t, n" : "n, t"}, k] = x[${at}, k]`,
      ],
    },
    [b.reshape(x, flat), lengths],
    [{ dtype: x.dtype, shape: flat }],
  );
  return b.reshape(y!, shape);
};

const row = (op: string, build: Build, since = 1): OpRow => ({ op, since, build });

export const scanning: readonly OpRow[] = [
  row("CumSum", cumSum, 11),
  row("TopK", topK),
  row("ReverseSequence", reverseSequence, 10),
];

// Operators of transformers besides attention: rotary positions, normalizations with a residual, products with weights of
// four bits. ONNX's own since version 23, and those of `com.microsoft` in exported models.

import { contiguousStrides, sizeOf } from "../../tensor/layout.ts";
import type { Value } from "../program.ts";
import { heads } from "./attention.ts";
import { matmulNBits } from "./four-bits.ts";
import { gathering } from "./gathering.ts";
import { expandTo } from "./layout.ts";
import type { Build, NodeContext, OpRow } from "./node.ts";
import { reduce } from "./reduction.ts";

// ---- rotary positions --------------------------------------------------------------------------------------

/** Pairs of elements turned by angles that grow with the position. */
export function rotary(
  node: NodeContext,
  x: Value,
  cos: Value,
  sin: Value,
  positions: Value | undefined,
): Value {
  const { b } = node;
  const flat = x.shape.length === 3;
  const all = heads(node, x, flat ? node.int("num_heads", 0) : 1);
  const [batch, count, length, size] = all.shape as [number, number, number, number];
  const turned = node.int("rotary_embedding_dim", 0) || size;
  const half = turned / 2;
  const apart = node.flag("interleaved");
  const [first, second] = apart ? ["2 * k", "2 * k + 1"] : ["k", "k + U"];
  // The caches are tables by position, or already a row for each place.
  const table = (cache: Value) => b.reshape(cache, [sizeOf(cache.shape.slice(0, -1)), cache.shape.at(-1)!]);
  const places = positions ? b.cast(positions, "i32") : b.places("i32", batch * length, [batch, length]);
  const rows =
    sizeOf(places.shape) === 1
      ? // One number is where the sequence begins.
        b.map("$0 + $1", [b.reshape(places, [1, 1]), b.places("i32", length, [1, length])], {
          shape: [batch, length],
        })
      : expandTo(node, places, [batch, length]);
  const [y] = b.kernel(
    {
      name: "turn_pairs",
      inputs: [
        { name: "x", dims: ["B", "N", "S", "D"] },
        { name: "cosines", dims: ["P", "U"] },
        { name: "sines", dims: ["P", "U"] },
        { name: "rows", dims: ["B", "S"] },
      ],
      outputs: [{ name: "y", dims: ["B", "N", "S", "D"] }],
      scalars: [],
      where: "2 * U <= D, U <= 1048576",
      body: [
        "@parallel(b, n)",
        "for b, n, s in grid(B, N, S):",
        "    let at = rows[b, s]",
        '    assert 0 <= at and at < P, "a position is beyond the table"',
        "    for k in range(U):",
        `        let left = x[b, n, s, ${first}]`,
        `        let right = x[b, n, s, ${second}]`,
        `        y[b, n, s, ${first}] = left * cosines[at, k] - right * sines[at, k]`,
        `        y[b, n, s, ${second}] = left * sines[at, k] + right * cosines[at, k]`,
        "    for k in range(D - 2 * U):",
        "        y[b, n, s, 2 * U + k] = x[b, n, s, 2 * U + k]",
      ],
    },
    [all, firstColumns(node, table(cos), half), firstColumns(node, table(sin), half), rows],
    [{ dtype: x.dtype, shape: all.shape }],
  );
  return flat ? b.reshape(b.transpose(y!, [0, 2, 1, 3]), [batch, length, count * size]) : y!;
}

function firstColumns({ b }: NodeContext, x: Value, count: number): Value {
  const [rows, columns] = x.shape as [number, number];
  return columns === count
    ? x
    : b.view(x, { shape: [rows, count], strides: contiguousStrides(x.shape), offset: 0 });
}

// ---- normalizations with a residual ------------------------------------------------------------------------

/** A sum of a tensor, what skipped a block, and a bias; normalized. Gives the sum as its fourth output. */
function skipNormalization(simplified: boolean): Build {
  return (node) => {
    const { b } = node;
    const bias = node.inputs[simplified ? 3 : 4];
    const added = b.map("$0 + $1", [node.in(0), node.in(1)]);
    const sum = bias ? b.map("$0 + $1", [added, bias]) : added;
    const epsilon = node.float("epsilon", 1e-5);
    const normal = normalizedRows(
      node,
      sum,
      node.in(2),
      simplified ? undefined : node.inputs[3],
      epsilon,
      simplified,
    );
    return [normal, undefined, undefined, sum];
  };
}

const simplifiedNormalization: Build = (node) =>
  normalizedRows(node, node.in(0), node.in(1), undefined, node.float("epsilon", 1e-5), true);

/** Rows of tables for words, places and segments, summed up and normalized; how many places of each sample count; the sums. */
const embedNormalization: Build = async (node) => {
  const { b } = node;
  const [ids, segments] = [node.in(0), node.inputs[1]];
  const [batch, length] = ids.shape as [number, number];
  const lookUp = async (table: Value, rows: Value): Promise<Value> => {
    const gather = gathering.find(({ op }) => op === "Gather")!;
    return (await gather.build(node.about({ axis: 0 }, [table, rows]))) as Value;
  };
  const places = node.has(8) ? node.in(8) : b.places("i32", length);
  const parts = [await lookUp(node.in(2), ids), await lookUp(node.in(3), places)];
  if (segments && node.has(4)) parts.push(await lookUp(node.in(4), segments));
  const sum = parts.reduce((all, each) => b.map("$0 + $1", [all, each]));
  const normal = normalizedRows(node, sum, node.in(5), node.in(6), node.float("epsilon", 1e-12), false);
  const counted = node.has(7)
    ? reduce(node, b.cast(node.in(7), "i32"), { reduced: [false, true], shape: [batch] }, { combine: "sum" })
    : b.literal("i32", Array<number>(batch).fill(0));
  return [normal, counted, sum];
};

function normalizedRows(
  { b }: NodeContext,
  x: Value,
  scale: Value,
  shift: Value | undefined,
  epsilon: number,
  simplified: boolean,
): Value {
  const columns = x.shape.at(-1)!;
  const rows = sizeOf(x.shape) / columns;
  const middle = simplified ? `${x.dtype}(0)` : "mean(READ(x, i, j) for j in range(N))";
  const [y] = b.kernel(
    {
      name: simplified ? "rms_rows" : "normal_rows",
      inputs: [
        { name: "x", dims: ["M", "N"] },
        { name: "scale", dims: ["N"] },
        ...(shift ? [{ name: "shift", dims: ["N"] }] : []),
      ],
      outputs: [{ name: "y", dims: ["M", "N"] }],
      scalars: [{ name: "epsilon", dtype: "f32", value: epsilon }],
      hook: { indices: 2 },
      body: [
        "@parallel",
        "for i in range(M):",
        ...(simplified ? [] : ["    @vectorize"]),
        `    let middle = ${middle}`,
        "    @vectorize",
        "    let spread = mean((READ(x, i, j) - middle) * (READ(x, i, j) - middle) for j in range(N))",
        `    let factor = rsqrt(spread + ${x.dtype}(epsilon))`,
        "    @vectorize",
        "    for j in range(N):",
        `        let result = (READ(x, i, j) - middle) * factor * scale[j]${shift ? " + shift[j]" : ""}`,
        "        y[i, j] = POST(result, i, j)",
      ],
      uses: ["std.math.rsqrt"],
    },
    [
      b.reshape(x, [rows, columns]),
      b.reshape(scale, [columns]),
      ...(shift ? [b.reshape(shift, [columns])] : []),
    ],
    [{ dtype: x.dtype, shape: [rows, columns] }],
  );
  return b.reshape(y!, x.shape);
}

// ---- activations of com.microsoft --------------------------------------------------------------------------

const gelu =
  (name: "gelu_of" | "gelu_tanh_of"): Build =>
  (node) => {
    const { b } = node;
    const x = node.has(1) ? b.map("$0 + $1", [node.in(0), node.in(1)]) : node.in(0);
    return b.map(`${name}($0)`, [x], { uses: [`std.activations.${name}`] });
  };

const quickGelu: Build = (node) => {
  const x = node.in(0);
  return node.b.map("$0 * sigmoid($0 * $1)", [x, node.b.scalar(x.dtype, node.float("alpha", 1.702))], {
    uses: ["std.math.sigmoid"],
  });
};

const row = (op: string, build: Build, since = 1): OpRow => ({ op, since, build });

export const transformers: readonly OpRow[] = [
  row("RotaryEmbedding", (node) => rotary(node, node.in(0), node.in(1), node.in(2), node.inputs[3]), 23),
  row("com.microsoft::RotaryEmbedding", (node) =>
    rotary(node, node.in(0), node.in(2), node.in(3), node.in(1)),
  ),
  row("com.microsoft::SkipLayerNormalization", skipNormalization(false)),
  row("com.microsoft::SkipSimplifiedLayerNormalization", skipNormalization(true)),
  row("SimplifiedLayerNormalization", simplifiedNormalization),
  row("com.microsoft::EmbedLayerNormalization", embedNormalization),
  row("com.microsoft::MatMulNBits", matmulNBits),
  row("com.microsoft::Gelu", gelu("gelu_of")),
  row("com.microsoft::BiasGelu", gelu("gelu_of")),
  row("com.microsoft::FastGelu", gelu("gelu_tanh_of")),
  row("com.microsoft::QuickGelu", quickGelu),
];

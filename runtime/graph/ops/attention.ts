// Attention with its options: in the library's kernel, which stores no scores, where it takes the tensors; else as products around a
// softmax.

import { sizeOf } from "../../tensor/layout.ts";
import type { Value } from "../program.ts";
import { concatenate, expandTo } from "./layout.ts";
import { product } from "./matmul.ts";
import { onRows } from "./normalization.ts";
import type { Build, NodeContext, OpRow } from "./node.ts";

/** [B, S, N · D] as [B, N, S, D]; of four axes already, as it is. */
export function heads(node: NodeContext, x: Value, count: number): Value {
  if (x.shape.length === 4) return x;
  const [batch, length, width] = x.shape as [number, number, number];
  if (count <= 0 || width % count !== 0) node.fail(`${width} elements don’t make ${count} heads`);
  return node.b.transpose(node.b.reshape(x, [batch, length, count, width / count]), [0, 2, 1, 3]);
}

/** Softmax of q k' · scale with masks, times v: outputs, present key and value, scores. */
const attention: Build = async (node) => {
  const { b } = node;
  const flat = node.in(0).shape.length === 3;
  const q = heads(node, node.in(0), node.int("q_num_heads", 0));
  const appended = (at: number, past: number): Value => {
    const fresh = heads(node, node.in(at), node.int("kv_num_heads", 0));
    return node.has(past) ? concatenate(node, [node.in(past), fresh], 2) : fresh;
  };
  const [key, value] = [appended(1, 4), appended(2, 5)];
  const [batch, count, rows, size] = q.shape as [number, number, number, number];
  const [, groups, columns] = key.shape as [number, number, number];
  const { dtype } = q;
  // Grouped heads: several of the query share one of key and value.
  const shared = (x: Value): Value => {
    if (groups === count) return x;
    if (count % groups !== 0) node.fail(`${count} heads of the query can’t share ${groups}`);
    const [, , length, width] = x.shape as [number, number, number, number];
    const apart = b.reshape(x, [batch, groups, 1, length, width]);
    const spread = expandTo(node, apart, [batch, groups, count / groups, length, width]);
    return b.reshape(spread, [batch, count, length, width]);
  };
  const scale = node.float("scale", 0) || 1 / Math.sqrt(size);
  const mask = node.has(6) ? withLengths(node, node.in(6), columns) : node.inputs[3];
  const fresh = node.in(1).shape.at(-2)!;
  const plain = node.float("softcap", 0) === 0 && !node.wants(3);
  // In the library's kernel the last query sees the last key, here the first one sees the first that is new.
  if (plain && (!node.flag("is_causal") || rows === fresh)) {
    const parts = { q, key, value, mask, causal: node.flag("is_causal"), scale };
    const together = fusedAttention(node, parts);
    if (together) return [flat ? joined(node, together) : together, key, value];
  }
  const raw = product(node, q, b.transpose(shared(key), [0, 1, 3, 2]));
  let scores = b.map("$0 * $1", [raw, b.scalar(dtype, scale)]);
  const past = columns - node.in(1).shape.at(-2)!;
  if (node.flag("is_causal")) scores = causal(node, scores, rows, columns, past);
  const masked = mask ? withMask(node, scores, mask) : scores;
  const cap = node.float("softcap", 0);
  const capped =
    cap > 0
      ? b.map("$1 * tanh($0 / $1)", [masked, b.scalar(dtype, cap)], { uses: ["std.math.tanh"] })
      : masked;
  const weights = b.reshape(
    onRows(node, b.reshape(capped, [batch * count * rows, columns]), "softmax"),
    capped.shape,
  );
  const y = product(node, weights, shared(value));
  const result = flat ? joined(node, y) : y;
  const modes = [raw, masked, capped, weights];
  return [result, key, value, modes[node.int("qk_matmul_output_mode", 0)]];
};

/** [B, N, S, D] as [B, S, N · D] */
export function joined({ b }: NodeContext, y: Value): Value {
  const [batch, count, rows, width] = y.shape as [number, number, number, number];
  return b.reshape(b.transpose(y, [0, 2, 1, 3]), [batch, rows, count * width]);
}

export interface AttentionParts {
  /** [B, H, I, D] */
  readonly q: Value;
  /** [B, G, J, D] */
  readonly key: Value;
  /** [B, G, J, E] */
  readonly value: Value;
  /** Added, or as truth values; broadcast to [B, H, I, J]. */
  readonly mask: Value | undefined;
  readonly causal: boolean;
  readonly scale: number;
}

/** Below so many queries most lanes of the kernel, which stand for queries, would be empty. */
const fewestQueries = 8;

/** The library's kernel, which stores no scores; undefined where it takes no such tensors, or products are faster. */
export function fusedAttention(
  { b }: NodeContext,
  { q, key, value, mask, causal, scale }: AttentionParts,
): Value | undefined {
  const [batch, count, rows, size] = q.shape as [number, number, number, number];
  const [groups, columns] = [key.shape[1]!, key.shape[2]!];
  if (b.target !== "wasm" || q.dtype !== "f32" || rows < fewestQueries) return undefined;
  if (groups === 0 || count % groups !== 0 || key.shape[3] !== size) return undefined;
  const full = [batch, count, rows, columns];
  const added =
    mask?.dtype === "bool"
      ? b.map("$T(0) if $0 else $1", [mask, b.scalar(q.dtype, -Infinity)], { dtype: q.dtype })
      : mask;
  const sizes = added && [...full.map(() => 1).slice(added.shape.length), ...added.shape];
  if (sizes && (sizes.length !== 4 || sizes.some((dim, axis) => dim !== 1 && dim !== full[axis])))
    return undefined;
  const names = ["B", "H", "I", "J"];
  const axes = sizes?.map((dim, axis) => (dim === 1 && full[axis] !== 1 ? 1 : names[axis]!)) ?? [];
  const settings = [
    `T=${q.dtype}`,
    ...(causal ? ["causal=True"] : []),
    ...(added ? ["masked=True", "mask=mask"] : []),
  ];
  const [y] = b.kernel(
    {
      name: "attention",
      inputs: [
        { name: "q", dims: ["B", "H", "I", "D"] },
        { name: "k", dims: ["B", "G", "J", "D"] },
        { name: "v", dims: ["B", "G", "J", "E"] },
        ...(added ? [{ name: "m", dims: axes }] : []),
      ],
      outputs: [{ name: "y", dims: ["B", "H", "I", "E"] }],
      scalars: [{ name: "scale", dtype: "f32", value: scale }],
      where: "G >= 1, H % G == 0",
      body: [
        ...(added
          ? [
              "def mask(b: index, h: index, i: index, j: index) -> f32:",
              `    return m[${["b", "h", "i", "j"].map((index, axis) => (axes[axis] === 1 ? "0" : index)).join(", ")}]`,
            ]
          : []),
        `grouped_attention[${settings.join(", ")}](q, k, v, scale, y)`,
      ],
      uses: ["std.attention.grouped_attention"],
    },
    [q, key, value, ...(added ? [b.reshape(added, sizes!)] : [])],
    [{ dtype: q.dtype, shape: [batch, count, rows, value.shape[3]!] }],
  );
  return y!;
}

/** What a rewrite makes of attention that is written out: q [.., I, D], keys turned [.., D, J], v [.., J, E], a mask. */
const writtenAttention: Build = (node) => {
  const { b } = node;
  const [q, turned, v] = [node.in(0), node.in(1), node.in(2)];
  const scale = node.float("scale", 1);
  const lead = q.shape.slice(0, -2);
  const four = (value: Value): Value => b.reshape(value, [...[1, 1].slice(lead.length), ...value.shape]);
  const key = b.transpose(four(turned), [0, 1, 3, 2]);
  const parts = { q: four(q), key, value: four(v), mask: node.inputs[3], causal: false, scale };
  const together = fusedAttention(node, parts);
  const shape = [...lead, q.shape.at(-2)!, v.shape.at(-1)!];
  if (together) return b.reshape(together, shape);
  const scaled = b.map("$0 * $1", [product(node, q, turned), b.scalar(q.dtype, scale)]);
  const scores = node.has(3) ? withMask(node, scaled, node.in(3)) : scaled;
  const columns = scores.shape.at(-1)!;
  const rows = b.reshape(scores, [columns === 0 ? 0 : sizeOf(scores.shape) / columns, columns]);
  return product(node, b.reshape(onRows(node, rows, "softmax"), scores.shape), v);
};

/** No query sees a key behind its own place. */
function causal({ b }: NodeContext, scores: Value, rows: number, columns: number, past: number): Value {
  const [row, column] = [b.places("i32", rows, [rows, 1]), b.places("i32", columns, [1, columns])];
  return b.map("$0 if $2 <= $1 + $3 else $4", [
    scores,
    row,
    column,
    b.scalar("i32", past),
    b.scalar(scores.dtype, -Infinity),
  ]);
}

/** The mask of a node, without the keys of each sample behind its length. */
function withLengths(node: NodeContext, lengths: Value, columns: number): Value {
  const { b } = node;
  const places = b.places("i64", columns, [1, 1, 1, columns]);
  const own = b.reshape(lengths, [lengths.shape[0]!, 1, 1, 1]);
  const inside = b.map("$0 < $1", [places, b.cast(own, "i64")], { dtype: "bool" });
  const given = node.inputs[3];
  if (!given) return inside;
  if (given.dtype === "bool") return b.map("$0 and $1", [given, inside], { dtype: "bool" });
  return b.map("$0 if $1 else $2", [given, inside, b.scalar(given.dtype, -Infinity)]);
}

/** A cache with an update in it, from a place of each sample's own on; circular, what would lie behind the end goes on in front. */
const intoCache: Build = (node) => {
  const { b } = node;
  const [past, update] = [node.in(0), node.in(1)];
  node.sameDtype(past, update);
  const axis = node.axis(node.int("axis", -2), past.shape.length);
  if (axis === 0) node.fail("its first axis is that of the samples");
  const fits = past.shape.every((dim, at) =>
    at === axis ? update.shape[at]! <= dim : dim === update.shape[at],
  );
  if (past.shape.length !== update.shape.length || !fits)
    node.fail(`an update of [${update.shape.join(", ")}] doesn’t fit a cache of [${past.shape.join(", ")}]`);
  const mode = node.text("mode", "linear");
  if (mode !== "linear" && mode !== "circular") return node.fail(`I know no mode \`${mode}\``);
  const starts = node.has(2) ? node.in(2) : b.literal("i64", Array<bigint>(past.shape[0]!).fill(0n));
  return updated(node, past, update, axis, b.cast(starts, "i64"), mode);
};

/**
 * The cache with an update in it, `starts` [samples] places along an axis. Circular, it goes on at the front; as the last, there are zeros
 * behind it.
 */
export function updated(
  { b }: NodeContext,
  past: Value,
  update: Value,
  axis: number,
  starts: Value,
  mode: "linear" | "circular" | "last",
): Value {
  const { dtype } = past;
  const rest = mode === "last" ? "(past[b, o, t, w] if at < 0 else 0)" : "past[b, o, t, w]";
  const batch = past.shape[0]!;
  const whole = (value: Value): Value =>
    b.reshape(value, [
      batch,
      sizeOf(value.shape.slice(1, axis)),
      value.shape[axis]!,
      sizeOf(value.shape.slice(axis + 1)),
    ]);
  const [y] = b.kernel(
    {
      name: "into_cache",
      inputs: [
        { name: "past", dims: ["B", "O", "T", "W"] },
        { name: "fresh", dims: ["B", "O", "S", "W"] },
        { name: "starts", dims: ["B"] },
      ],
      outputs: [{ name: "y", dims: ["B", "O", "T", "W"] }],
      scalars: [],
      where: "S <= T, T <= 1073741824",
      body: [
        "@parallel(b, o)",
        "for b, o, t in grid(B, O, T):",
        mode !== "circular"
          ? '    assert i64(0) <= starts[b] and starts[b] <= i64(T - S), "an update lies outside of its cache"'
          : '    assert i64(0) <= starts[b] and starts[b] < i64(T), "an update begins outside of its cache"',
        "    let start = clamp(index(starts[b]), 0, T)",
        mode !== "circular"
          ? "    let at = t - start"
          : "    let at = t - start if t >= start else t - start + T",
        "    let inside = 0 <= at and at < S",
        "    @vectorize",
        "    for w in range(W):",
        `        y[b, o, t, w] = fresh.get(b, o, at, w, default=0) if inside else ${rest}`,
      ],
    },
    [whole(past), whole(update), starts],
    [{ dtype, shape: whole(past).shape }],
  );
  return b.reshape(y!, past.shape);
}

/** Added, or as truth values: where it is false, nothing is seen. */
export function withMask({ b }: NodeContext, scores: Value, mask: Value): Value {
  if (mask.dtype !== "bool") return b.map("$0 + $1", [scores, mask]);
  return b.map("$0 if $1 else $2", [scores, mask, b.scalar(scores.dtype, -Infinity)]);
}

export const attentions: readonly OpRow[] = [
  { op: "Attention", since: 23, build: attention },
  { op: "TensorScatter", since: 24, build: intoCache },
  { op: "kern.graph::Attention", since: 1, build: writtenAttention },
];

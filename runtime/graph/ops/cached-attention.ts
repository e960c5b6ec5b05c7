// Attention as exported decoders and encoders have it, of `com.microsoft`: heads side by side, caches of keys and values, rotary positions.

import { sizeOf } from "../../tensor/layout.ts";
import type { Value } from "../program.ts";
import { fusedAttention, heads, joined, updated, withMask } from "./attention.ts";
import { concatenate, part } from "./layout.ts";
import { product } from "./matmul.ts";
import type { Build, NodeContext, OpRow } from "./node.ts";
import { onRows } from "./normalization.ts";
import { padded } from "./padding.ts";
import { scaledSums } from "./qlinear.ts";
import { integerProduct } from "./quantization.ts";
import { rotary } from "./transformer.ts";

/** Columns of the last axis. */
function columns(node: NodeContext, x: Value, start: number, count: number): Value {
  const last = x.shape.length - 1;
  return part(
    node,
    x,
    x.shape.map((dim, axis) => ({
      start: axis === last ? start : 0,
      step: 1,
      count: axis === last ? count : dim,
    })),
  );
}

/** q k' of heads [B, H, S, D] and [B, G, T, D]: several of the query's heads share one of the keys. */
function scoresOf(node: NodeContext, q: Value, key: Value, scale: number): Value {
  const { b } = node;
  const [batch, count, rows, size] = q.shape as [number, number, number, number];
  const [groups, total] = [key.shape[1]!, key.shape[2]!];
  const together = b.reshape(q, [batch, groups, (count / groups) * rows, size]);
  const raw = product(node, together, b.transpose(key, [0, 1, 3, 2]));
  return b.map("$0 * $1", [b.reshape(raw, [batch, count, rows, total]), b.scalar(q.dtype, scale)]);
}

/** The softmax of scores [B, H, S, T] times values [B, G, T, E], heads side by side: [B, S, H · E]. */
function weighted(node: NodeContext, scores: Value, value: Value): Value {
  const { b } = node;
  const [batch, count, rows, total] = scores.shape as [number, number, number, number];
  const weights = onRows(node, b.reshape(scores, [sizeOf(scores.shape.slice(0, 3)), total]), "softmax");
  const [groups, size] = [value.shape[1]!, value.shape[3]!];
  const y = product(node, b.reshape(weights, [batch, groups, (count / groups) * rows, total]), value);
  return joined(node, b.reshape(y, [batch, count, rows, size]));
}

/** Causal attention to a cache, whose heads several of the query share: output, cache of keys, cache of values. */
const grouped: Build = async (node) => {
  const { b } = node;
  const x = node.in(0);
  const [count, groups] = [node.int("num_heads", 0), node.int("kv_num_heads", 0)];
  if (count < 1 || groups < 1 || count % groups !== 0) node.fail(`${count} heads can’t share ${groups}`);
  if (node.flag("smooth_softmax") || node.has(11)) node.fail("a sink of the softmax isn’t supported");
  if (x.shape.length !== 3) node.fail("its query must be [batch, length, heads · size]");
  const [batch, rows, width] = x.shape as [number, number, number];
  const size = width / (node.has(1) ? count : count + 2 * groups);
  const [q, fresh, value] = node.has(1)
    ? [x, node.in(1), node.in(2)]
    : [
        columns(node, x, 0, count * size),
        columns(node, x, count * size, groups * size),
        columns(node, x, (count + groups) * size, groups * size),
      ];
  const total = await node.number(6);
  // Where each sample's new keys begin: a prompt at the front, else as many places before its length.
  const starts =
    rows === total
      ? b.literal("i64", Array<bigint>(batch).fill(0n))
      : b.map("$0 - $1", [b.cast(b.reshape(node.in(5), [batch]), "i64"), b.scalar("i64", BigInt(rows - 1))]);
  const at = b.map("$0 + $1", [b.reshape(starts, [batch, 1]), b.places("i64", rows, [1, rows])]);
  const turned = (all: Value): Value => {
    if (!node.flag("do_rotary")) return all;
    const own = node.about({ ...node.node.attributes, interleaved: node.int("rotary_interleaved", 0) });
    return rotary(own, all, node.in(7), node.in(8), node.has(9) ? node.in(9) : at);
  };
  const cached = (input: number, update: Value): Value => {
    const past = node.has(input) && sizeOf(node.in(input).shape) > 0 ? node.in(input) : undefined;
    const room = past?.shape[2] ?? 0;
    if (room === 0 && rows === total) return update;
    // Without room to spare, a sequence alone has its new keys at the end.
    if (past && batch === 1 && room + rows === total) return concatenate(node, [past, update], 2);
    const long = Math.max(room, total);
    const shape = [batch, groups, 0, size];
    const whole = past ?? b.map("$0", [b.scalar(update.dtype, 0)], { shape: [batch, groups, long, size] });
    const none = shape.map(() => 0);
    const behind = [0, 0, long - whole.shape[2]!, 0];
    const held = padded(node, whole, none, behind, "constant", b.scalar(update.dtype, 0));
    return updated(node, held, update, 2, starts, "last");
  };
  const keys = cached(3, turned(heads(node, fresh, groups)));
  const values = cached(4, heads(node, value, groups));
  const length = keys.shape[2]!;
  const raw = scoresOf(
    node,
    turned(heads(node, q, count)),
    keys,
    node.float("scale", 0) || 1 / Math.sqrt(size),
  );
  const cap = node.float("softcap", 0);
  const { dtype } = raw;
  const capped =
    cap > 0 ? b.map("$1 * tanh($0 / $1)", [raw, b.scalar(dtype, cap)], { uses: ["std.math.tanh"] }) : raw;
  const biased = node.has(10) ? b.map("$0 + $1", [capped, node.in(10)]) : capped;
  const window = node.int("local_window_size", -1);
  const own = b.reshape(at, [batch, 1, rows, 1]);
  const all = b.places("i64", length, [1, 1, 1, length]);
  const seen =
    window > 0
      ? b.map("$0 <= $1 and $0 > $1 - $2", [all, own, b.scalar("i64", BigInt(window))], { dtype: "bool" })
      : b.map("$0 <= $1", [all, own], { dtype: "bool" });
  return [weighted(node, withMask(node, biased, seen), values), keys, values];
};

/** What masked keys get besides their scores, [.., T] of four axes; undefined without a mask. */
function filtered(node: NodeContext, at: number, [batch, rows, total]: readonly number[]): Value | undefined {
  if (!node.has(at)) return undefined;
  const { b } = node;
  const mask = node.in(at);
  const filter = b.scalar("f32", node.float("mask_filter_value", -10000));
  const [first, ...rest] = mask.shape;
  // Lengths of samples, their ends and beginnings, or a number for each key, for each query too, for all places there ever are.
  if (rest.length === 0 && (first === batch || first === 2 * batch!)) {
    const keys = b.places("i64", total!, [1, 1, 1, total!]);
    const bound = (start: number) =>
      b.cast(b.view(mask, { shape: [batch!, 1, 1, 1], strides: [1, 1, 1, 1], offset: start }), "i64");
    return first === batch
      ? b.map("f32(0) if $0 < $1 else $2", [keys, bound(0), filter], { dtype: "f32" })
      : b.map("f32(0) if $0 < $1 and $0 >= $3 else $2", [keys, bound(0), filter, bound(batch!)], {
          dtype: "f32",
        });
  }
  const shown =
    rest.length === 3
      ? part(node, mask, [
          { start: 0, step: 1, count: first! },
          { start: 0, step: 1, count: rest[0]! },
          { start: total! - rows!, step: 1, count: rows! },
          { start: 0, step: 1, count: total! },
        ])
      : mask;
  if (rest.length === 0) node.fail(`a mask of [${mask.shape.join(", ")}] isn’t supported`);
  const four = [first!, ...[1, 1].slice(rest.length - 1), ...shown.shape.slice(1)];
  return b.map("f32(0) if $0 > 0 else $1", [b.reshape(shown, four), filter], { dtype: "f32" });
}

/** Heads of as many keys as queries [B, H, S, D] with a bias of scores and a filter: [B, S, H · E]. */
function attended(node: NodeContext, q: Value, keys: Value, value: Value, added: readonly Value[]): Value {
  const { b } = node;
  const [rows, total] = [q.shape[2]!, keys.shape[2]!];
  const scale = node.float("scale", 0) || 1 / Math.sqrt(q.shape[3]!);
  const causal = node.flag("unidirectional");
  const mask = added.length > 1 ? b.map("$0 + $1", added) : added[0];
  const together = fusedAttention(node, { q, key: keys, value, mask, causal, scale });
  if (together) return joined(node, together);
  const raw = scoresOf(node, q, keys, scale);
  const scores = mask ? b.map("$0 + $1", [raw, mask]) : raw;
  if (!causal) return weighted(node, scores, value);
  const own = b.map("$0 + $1", [
    b.places("i64", rows, [1, 1, rows, 1]),
    b.scalar("i64", BigInt(total - rows)),
  ]);
  const seen = b.map("$0 <= $1", [b.places("i64", total, [1, 1, 1, total]), own], { dtype: "bool" });
  return weighted(node, withMask(node, scores, seen), value);
}

/** Attention of as many heads of keys as of queries, with a bias before and a mask: output, keys and values with those before. */
const multiHead: Build = (node) => {
  const { b } = node;
  const count = node.int("num_heads", 0);
  if (node.in(0).shape.length !== 3 || !node.has(1) || !node.has(2))
    node.fail("its query, key and value must be given apart; packed ones aren’t supported");
  const [batch, rows] = node.in(0).shape as [number, number];
  let start = 0;
  const [q, fresh, value] = [0, 1, 2].map((input) => {
    const given = node.in(input);
    const width = given.shape.length === 3 ? given.shape[2]! : given.shape[1]! * given.shape[3]!;
    const bias = node.has(3) ? columns(node, node.in(3), start, width) : undefined;
    start += width;
    if (bias && given.shape.length !== 3) node.fail("keys that are apart already take no bias");
    return heads(node, bias ? b.map("$0 + $1", [given, bias]) : given, count);
  }) as [Value, Value, Value];
  const after = (input: number, own: Value) =>
    node.has(input) ? concatenate(node, [node.in(input), own], 2) : own;
  const [keys, values] = [after(6, fresh), after(7, value)];
  const filter = filtered(node, 4, [batch, rows, keys.shape[2]!]);
  const added = [node.inputs[5], filter].filter((each) => each !== undefined);
  return [attended(node, q, keys, values, added), keys, values];
};

/** The same of queries, keys and values side by side in one tensor, both caches in another: inputs by number. */
function packedAttention(
  node: NodeContext,
  projected: Value,
  inputs: { readonly mask: number; readonly past: number; readonly scores?: number },
): Value | Value[] {
  const { b } = node;
  const count = node.int("num_heads", 0);
  if (projected.shape.length !== 3) node.fail("its input must be [batch, length, width]");
  for (const flag of ["past_present_share_buffer", "do_rotary"])
    if (node.flag(flag)) node.fail(`\`${flag}\` isn’t supported`);
  const [batch, rows, all] = projected.shape as [number, number, number];
  const widths = node.ints("qkv_hidden_sizes") ?? [all / 3, all / 3, all / 3];
  if (widths.length !== 3 || widths.reduce((sum, width) => sum + width, 0) !== all)
    node.fail(`${all} columns aren’t queries, keys and values of ${widths.join(", ")}`);
  let start = 0;
  const [q, fresh, value] = widths.map((width) => {
    const own = columns(node, projected, start, width);
    start += width;
    return heads(node, own, count);
  }) as [Value, Value, Value];
  const after = (at: number, own: Value): Value => {
    if (!node.has(inputs.past)) return own;
    const past = node.in(inputs.past);
    const ranges = past.shape.map((dim, axis) => ({
      start: axis === 0 ? at : 0,
      step: 1,
      count: axis === 0 ? 1 : dim,
    }));
    return concatenate(node, [b.reshape(part(node, past, ranges), past.shape.slice(1)), own], 2);
  };
  const [keys, values] = [after(0, fresh), after(1, value)];
  const filter = filtered(node, inputs.mask, [batch, rows, keys.shape[2]!]);
  const scores = inputs.scores === undefined ? undefined : node.inputs[inputs.scores];
  const y = attended(
    node,
    q,
    keys,
    values,
    [scores, filter].filter((each) => each !== undefined),
  );
  if (!node.wants(1)) return y;
  const both = [keys, values].map((each) => b.reshape(each, [1, ...each.shape]));
  return [y, concatenate(node, both, 0)];
}

const attention: Build = (node) => {
  const plain = product(node, node.in(0), node.in(1));
  const projected = node.has(2) ? node.b.map("$0 + $1", [plain, node.in(2)]) : plain;
  return packedAttention(node, projected, { mask: 3, past: 4, scores: 5 });
};

const attentionOfIntegers: Build = async (node) => {
  const sums = await integerProduct(
    node,
    { q: node.in(0), zero: node.inputs[6] },
    { q: node.in(1), zero: node.inputs[7] },
  );
  const projected = node.b.map("$0 + $1", [scaledSums(node, sums, node.in(3), node.in(4)), node.in(2)]);
  return packedAttention(node, projected, { mask: 5, past: 8 });
};

export const cachedAttentions: readonly OpRow[] = [
  { op: "com.microsoft::Attention", since: 1, build: attention },
  { op: "com.microsoft::QAttention", since: 1, build: attentionOfIntegers },
  { op: "com.microsoft::GroupQueryAttention", since: 1, build: grouped },
  { op: "com.microsoft::MultiHeadAttention", since: 1, build: multiHead },
];

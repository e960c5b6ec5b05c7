// Products of matrices of bytes, exactly, in the form that is fastest where they run: by pairs of numbers widened to 16 bits, by fours of
// bytes on an engine whose dot product is exact for them, and one row by rows as they lie in memory.

import type { Value } from "../program.ts";
import { foursOf } from "./integer-costs.ts";
import type { NodeContext } from "./node.ts";

/** Σₖ (a[i, k] - zero) w[j, k] of rows, [M, K] and [N, K]: [M, N]. */
export function sumsOf(node: NodeContext, left: Value, right: Value, zero: Value | undefined): Value {
  const { b } = node;
  const [m, wasm] = [left.shape[0]!, b.target === "wasm"];
  // Fours need the sums of rows of weights, which for one row to multiply cost as much as the product.
  const fours = wasm && right.dtype === "i8" && (m > 1 || right.fixed) ? foursOf(b.features) : undefined;
  // Elements of the left go to the dtype that an engine takes beside i8, 128 away from where they were.
  const flip = !fours || left.dtype === fours ? 0 : fours === "u8" ? 128 : -128;
  const from = zero ? b.reshape(zero, []) : b.scalar("i32", 0);
  const shift =
    zero || flip !== 0
      ? b.map(`(i32($0) + ${flip}) * $1`, [from, rowSums(node, right)], { dtype: "i32" })
      : undefined;
  const settings = `A=${left.dtype}${fours ? `, V=${fours}, flip=${flip}` : ""}`;
  // Sums are finished in lanes where a kernel may keep as many as there are columns; elsewhere by a kernel of their own.
  if (m === 1 || !wasm) {
    const sums = lyingSums(node, left, right, settings);
    return shift ? b.map("$0 - $1", [sums, shift]) : sums;
  }
  const none = b.literal("i32", Array<number>(right.shape[0]!).fill(0));
  return packedSums(node, [left, right, shift ?? none], settings, fours ? "fours" : "pairs");
}

/** The sums by rows of the second as they lie in memory. */
function lyingSums({ b }: NodeContext, left: Value, right: Value, settings: string): Value {
  const [m, n] = [left.shape[0]!, right.shape[0]!];
  const ofRow = b.target === "wasm" ? "row_product_in_streams" : "row_product";
  const kernel = m === 1 ? ofRow : "product";
  const [sums] = b.kernel(
    {
      name: m === 1 ? "row_of_bytes" : "product_of_bytes",
      inputs: [
        { name: "a", dims: [m === 1 ? 1 : "M", "K"] },
        { name: "b", dims: ["N", "K"] },
      ],
      outputs: [{ name: "c", dims: [m === 1 ? 1 : "M", "N"] }],
      scalars: [],
      body: [`${kernel}[${settings}, B=${right.dtype}EPILOGUE](a, b, c)`],
      uses: [`std.bytes.${kernel}`],
      hook: m === 1 ? { indices: 2, converts: true } : undefined,
    },
    [left, right],
    [{ dtype: "i32", shape: [m, n] }],
  );
  return sums!;
}

/** How rows are packed for a kernel: groups of eight of them, `depth` elements of each at a time, `group` in one vector after the other. */
const packings = {
  /** Neighbours, widened to 16 bits. */
  pairs: { packs: "packed", kernel: "product_of_packed", dtype: "i16", depth: 8, group: 16 },
  fours: { packs: "packed_fours", kernel: "product_of_fours", dtype: "i8", depth: 16, group: 32 },
} as const;

/** The sums by rows of the second that are packed, once and for all where they are constants. */
function packedSums(
  { b }: NodeContext,
  [left, right, shift]: readonly [Value, Value, Value],
  settings: string,
  by: keyof typeof packings,
): Value {
  const [m, n, k] = [left.shape[0]!, right.shape[0]!, right.shape[1]!];
  const { packs, kernel, dtype, depth, group } = packings[by];
  const [packed] = b.kernel(
    {
      name: "packed_bytes",
      inputs: [{ name: "b", dims: ["N", "K"] }],
      outputs: [{ name: "p", dims: ["(N + 7) // 8", `(K + ${depth - 1}) // ${depth}`, 4, group] }],
      scalars: [],
      body: [`${packs}${by === "pairs" ? `[B=${right.dtype}]` : ""}(b, p)`],
      uses: [`std.bytes.${packs}`],
    },
    [right],
    [{ dtype, shape: [Math.ceil(n / 8), Math.ceil(k / depth), 4, group] }],
  );
  const [sums] = b.kernel(
    {
      name: "product_of_bytes",
      inputs: [
        { name: "a", dims: ["M", "K"] },
        { name: "b", dims: ["J", "D", 4, group] },
        { name: "shift", dims: ["N"] },
      ],
      outputs: [{ name: "c", dims: ["M", "N"] }],
      scalars: [],
      where: `8 * J >= N, 8 * J <= N + 7, ${depth} * D >= K, ${depth} * D <= K + ${depth - 1}`,
      body: [`${kernel}[${settings}EPILOGUE](a, b, shift, c)`],
      uses: [`std.bytes.${kernel}`],
      hook: { indices: 2, converts: true },
    },
    [left, packed!, shift],
    [{ dtype: "i32", shape: [m, n] }],
  );
  return sums!;
}

/** Σ of each row of a matrix. */
export function rowSums({ b }: NodeContext, x: Value): Value {
  const [rows] = x.shape as [number, number];
  const [y] = b.kernel(
    {
      name: "sums_of_rows",
      inputs: [{ name: "x", dims: ["M", "N"] }],
      outputs: [{ name: "y", dims: ["M"] }],
      scalars: [],
      body: ["@parallel", "for i in range(M):", "    y[i] = sum(i32(x[i, j]) for j in range(N))"],
    },
    [x],
    [{ dtype: "i32", shape: [rows] }],
  );
  return y!;
}

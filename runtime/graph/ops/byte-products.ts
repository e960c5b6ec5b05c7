// Products of matrices of bytes, exactly, in the form that is fastest where they run: by pairs of numbers widened to 16 bits, by fours of
// bytes on an engine whose dot product is exact for them, and one row by rows as they lie in memory.

import type { Dtype } from "../../../lang/dtypes.ts";
import type { Value } from "../program.ts";
import { foursOf } from "./integer-costs.ts";
import type { NodeContext } from "./node.ts";

/** Σₖ (a[i, k] - zero) w[j, k] of rows, [M, K] and [N, K]: [M, N]. */
export function sumsOf(node: NodeContext, left: Value, right: Value, zero: Value | undefined): Value {
  const { b } = node;
  const [m, n] = [left.shape[0]!, right.shape[0]!];
  const fours = m > 1 && right.dtype === "i8" ? foursOf(b.features) : undefined;
  if (fours) return fourSums(node, left, right, zero, fours);
  const shift = zero && b.map("i32($0) * $1", [b.reshape(zero, []), rowSums(node, right)], { dtype: "i32" });
  // Sums are finished in lanes where a kernel may keep as many as there are columns; elsewhere by a kernel of their own.
  if (m > 1 && b.target === "wasm") return pairSums(node, left, right, shift);
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
      body: [`${kernel}[A=${left.dtype}, B=${right.dtype}EPILOGUE](a, b, c)`],
      uses: [`std.bytes.${kernel}`],
      hook: m === 1 ? { indices: 2, converts: true } : undefined,
    },
    [left, right],
    [{ dtype: "i32", shape: [m, n] }],
  );
  return shift ? b.map("$0 - $1", [sums!, shift]) : sums!;
}

/** How rows are packed for a kernel: groups of eight of them, so many elements of each at a time. */
interface Packing {
  readonly kernel: string;
  readonly dtype: Dtype;
  /** Elements of a row, and of all eight in one vector after the other. */
  readonly depth: 8 | 16;
  readonly group: 16 | 32;
}

/** Products of neighbours, widened to 16 bits. */
const pairSums = (
  node: NodeContext,
  left: Value,
  right: Value,
  shift: Value = node.b.literal("i32", Array<number>(right.shape[0]!).fill(0)),
): Value =>
  packedSums(node, [left, right, shift], `product_of_packed[A=${left.dtype}EPILOGUE]`, {
    kernel: `packed[B=${right.dtype}]`,
    dtype: "i16",
    depth: 8,
    group: 16,
  });

/** Products of bytes in fours, on an engine that takes elements of `dtype` beside those of `right`, i8. */
function fourSums(
  node: NodeContext,
  left: Value,
  right: Value,
  zero: Value | undefined,
  dtype: "i8" | "u8",
): Value {
  const { b } = node;
  const flip = left.dtype === dtype ? 0 : dtype === "u8" ? 128 : -128;
  const moved = zero
    ? b.map(`i32($0) + ${flip}`, [b.reshape(zero, [])], { dtype: "i32" })
    : b.scalar("i32", flip);
  const shift = b.map("$0 * $1", [moved, rowSums(node, right)]);
  const kernel = `product_of_fours[A=${left.dtype}, V=${dtype}, flip=${flip}EPILOGUE]`;
  return packedSums(node, [left, right, shift], kernel, {
    kernel: "packed_fours",
    dtype: "i8",
    depth: 16,
    group: 32,
  });
}

/** The sums by rows of the second that are packed, once and for all where they are constants. */
function packedSums(
  { b }: NodeContext,
  [left, right, shift]: readonly [Value, Value, Value],
  kernel: string,
  { kernel: packs, dtype, depth, group }: Packing,
): Value {
  const [m, n, k] = [left.shape[0]!, right.shape[0]!, right.shape[1]!];
  const nameOf = (call: string): string => `std.bytes.${/^\w+/.exec(call)![0]}`;
  const [packed] = b.kernel(
    {
      name: "packed_bytes",
      inputs: [{ name: "b", dims: ["N", "K"] }],
      outputs: [{ name: "p", dims: ["(N + 7) // 8", `(K + ${depth - 1}) // ${depth}`, 4, group] }],
      scalars: [],
      body: [`${packs}(b, p)`],
      uses: [nameOf(packs)],
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
      body: [`${kernel}(a, b, shift, c)`],
      uses: [nameOf(kernel)],
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

// Products with weights of four bits in blocks, as `com.microsoft::MatMulNBits` has them: by the library's kernels where the blocks are
// theirs, else number by number.

import { dtypeInfo, type Dtype } from "../../../lang/dtypes.ts";
import { sizeOf } from "../../tensor/layout.ts";
import { HostStorage } from "../../tensor/storage.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { hostTensor } from "../kernels.ts";
import type { Value } from "../program.ts";
import type { Build, NodeContext } from "./node.ts";

/** a [.., K] times weights [N, K] in blocks along K: each block has a scale and a zero point, eight where none is given. */
export const matmulNBits: Build = async (node) => {
  const { b } = node;
  const [a, w, scales] = [node.in(0), node.in(1), node.in(2)];
  const [k, n, bits, block] = [
    node.int("K", 0),
    node.int("N", 0),
    node.int("bits", 4),
    node.int("block_size", 32),
  ];
  if (bits !== 4) node.fail(`weights of ${bits} bits are not supported, those of 4 are`);
  if (node.has(4)) node.fail("groups in another order (g_idx) are not supported");
  const blocks = Math.ceil(k / block);
  const zeros = node.inputs[3];
  if (zeros && zeros.dtype !== "u8") node.fail("zero points are supported as packed u8");
  const rows = sizeOf(a.shape) / k;
  const packed = await byWords(node, rows, k, n, block);
  if (packed) return finished(node, packed, n);
  const low = `i32(w[j, t, u] & 15)`;
  const high = `i32(w[j, t, u] >> 4)`;
  const zero = zeros ? "i32((zeros[j, t // 2] >> (4 if t % 2 == 1 else 0)) & 15)" : "8";
  const [y] = b.kernel(
    {
      name: "product_4bit",
      inputs: [
        { name: "a", dims: ["M", "K"] },
        { name: "w", dims: ["N", "T", "U"] },
        { name: "scales", dims: ["N", "T"] },
        ...(zeros ? [{ name: "zeros", dims: ["N", "Z"] }] : []),
      ],
      outputs: [{ name: "y", dims: ["M", "N"] }],
      scalars: [],
      hook: { indices: 2 },
      where: `T * U <= 1073741823${zeros ? ", T <= 2 * Z" : ""}`,
      body: [
        "@parallel",
        "for i, j in grid(M, N):",
        "    var total = f32(0)",
        "    for t in range(T):",
        `        let zero = ${zero}`,
        `        let part = sum(f32(a.get(i, (t * U + u) * 2, default=0)) * f32(${low} - zero) + f32(a.get(i, (t * U + u) * 2 + 1, default=0)) * f32(${high} - zero) for u in range(U))`,
        "        total = total + f32(scales[j, t]) * part",
        `    let result = ${a.dtype}(total)`,
        "    y[i, j] = POST(result, i, j)",
      ],
    },
    [
      b.reshape(a, [rows, k]),
      b.reshape(w, [n, blocks, sizeOf(w.shape) / (n * blocks)]),
      b.reshape(scales, [n, blocks]),
      ...(zeros ? [b.reshape(zeros, [n, sizeOf(zeros.shape) / n])] : []),
    ],
    [{ dtype: a.dtype, shape: [rows, n] }],
  );
  return finished(node, y!, n);
};

/** In the shape of the activations, with the bias. */
function finished(node: NodeContext, y: Value, n: number): Value {
  const { b } = node;
  const shaped = b.reshape(y, [...node.in(0).shape.slice(0, -1), n]);
  return node.has(5) ? b.map("$0 + $1", [shaped, node.in(5)]) : shaped;
}

/** The same bytes as words of eight numbers, once for a constant, so that every plan has one copy on the device. */
const words = new WeakMap<Tensor, Map<Dtype, Tensor>>();

function asWords(constant: Tensor, dtype: "i32" | "i16", shape: readonly number[]): Tensor | undefined {
  const { storage, offset } = constant;
  if (!(storage instanceof HostStorage) || offset !== 0 || storage.bytes.byteOffset % 4 !== 0)
    return undefined;
  const known = words.get(constant) ?? new Map<Dtype, Tensor>();
  words.set(constant, known);
  const made = known.get(dtype) ?? hostTensor(storage.bytes, { dtype, shape });
  known.set(dtype, made);
  return made;
}

/**
 * The product by the library's kernels, which take blocks of 32 whose middle is 8; undefined for others. One row goes by the weights once; its
 * own numbers are rounded to eight bits where the node allows that (`accuracy_level` 4), and to sixteen where it doesn't ask
 * for all of a float's (1).
 */
async function byWords(
  node: NodeContext,
  rows: number,
  k: number,
  n: number,
  block: number,
): Promise<Value | undefined> {
  const { b } = node;
  const [a, w, scales] = [node.in(0), node.in(1), node.in(2)];
  if (a.dtype !== "f32" || scales.dtype !== "f32" || !w.fixed || node.has(3)) return undefined;
  if (block % 32 !== 0 || k % block !== 0 || rows * n === 0) return undefined;
  const accuracy = node.int("accuracy_level", 0);
  const small = rows === 1 && accuracy === 4;
  const pairs = rows === 1 && accuracy !== 1 && b.target === "wasm";
  const dtype = small || pairs ? "i16" : "i32";
  const bits = dtypeInfo(dtype).bits;
  const tensor = asWords(await node.constant(1), dtype, [n, (k * 4) / bits]);
  if (!tensor) return undefined;
  const each = b.reshape(scales, [n, k / block, 1]);
  // A scale for each 32 numbers, however many share one.
  const own = block === 32 ? each : b.map("$0", [each], { shape: [n, k / block, block / 32] });
  const weights = [b.constant(tensor), b.reshape(own, [n, k / 32])];
  const slots = [
    { name: "w", dims: ["N", `${128 / bits} * B`] },
    { name: "scale", dims: ["N", "B"] },
  ];
  node.note("4-bit weights");
  // In WebAssembly a map takes four elements at a time, where each of these sums is by itself, and its launch costs as little as that gains.
  const hook = b.target === "wasm" ? undefined : { indices: rows === 1 ? 1 : 2 };
  const outputs = [{ name: "y", dims: rows === 1 ? ["N"] : ["M", "N"] }];
  const result = [{ dtype: "f32" as const, shape: rows === 1 ? [n] : [rows, n] }];
  if (small) {
    const [q, step] = b.kernel(
      {
        name: "row_to_bytes",
        inputs: [{ name: "x", dims: ["M", "K"] }],
        outputs: [
          { name: "q", dims: ["M", "K"] },
          { name: "scale", dims: ["M"] },
        ],
        scalars: [],
        body: ["quantize_rows(x, q, scale)"],
        uses: ["std.quantized.quantize_rows"],
      },
      [b.reshape(a, [1, k])],
      [
        { dtype: "i8", shape: [1, k] },
        { dtype: "f32", shape: [1] },
      ],
    );
    const [y] = b.kernel(
      {
        name: "row_4bit_bytes",
        inputs: [...slots, { name: "x", dims: ["32 * B"] }, { name: "step", dims: [1] }],
        outputs,
        scalars: [],
        body: ["gemv_4bit_int8[EPILOGUE](w, scale, x, step[0], y)"],
        hook,
        uses: ["std.quantized.gemv_4bit_int8"],
      },
      [...weights, b.reshape(q!, [k]), step!],
      result,
    );
    return y;
  }
  // Where a kernel may keep as many numbers as there are, x is put in the order of digits.
  const inOrder = pairs || (rows > 1 && b.target === "wasm");
  const ofRows = inOrder ? "matmul_4bit_fours" : "matmul_4bit";
  const kernel = pairs ? "gemv_4bit_pairs" : rows === 1 ? "gemv_4bit" : ofRows;
  const x = rows === 1 ? { name: "x", dims: ["32 * B"] } : { name: "x", dims: ["M", "32 * B"] };
  const [y] = b.kernel(
    {
      name: rows === 1 ? "row_4bit" : "rows_4bit",
      inputs: [...slots, x],
      outputs,
      scalars: [],
      body: [`${kernel}${hook ? "[EPILOGUE]" : ""}(${rows === 1 ? "w, scale, x" : "x, w, scale"}, y)`],
      hook,
      uses: [`std.${inOrder ? "four_bits" : "quantized"}.${kernel}`],
    },
    [...weights, b.reshape(a, rows === 1 ? [k] : [rows, k])],
    result,
  );
  return y;
}

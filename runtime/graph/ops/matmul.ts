// Matrix products: NumPy's rules for stacks of matrices come down to one product, or to one for each pair of a stack.

import { sizeOf } from "../../tensor/layout.ts";
import { broadcast, isFloating } from "../builder.ts";
import type { ScalarSlot, TensorSlot, Value } from "../program.ts";
import { elementwise } from "./elementwise.ts";
import { asFloats, productOfIntegers } from "./integers.ts";
import { expandTo } from "./layout.ts";
import type { Build, NodeContext, OpRow } from "./node.ts";

const matmul: Build = async (node) =>
  (await productOfIntegers(node, node.in(0), node.in(1))) ??
  product(node, asFloats(node, node.in(0)), node.in(1));

/** `a @ b` as NumPy has it. */
export function product(node: NodeContext, a: Value, b: Value): Value {
  const { b: builder } = node;
  node.sameDtype(a, b);
  if (a.shape.length === 0 || b.shape.length === 0) node.fail("a matrix product takes no scalars");
  const left = a.shape.length === 1 ? builder.reshape(a, [1, ...a.shape]) : a;
  const right = b.shape.length === 1 ? builder.reshape(b, [...b.shape, 1]) : b;
  const [m, k] = left.shape.slice(-2) as [number, number];
  const [k2, n] = right.shape.slice(-2) as [number, number];
  if (k !== k2) node.fail(`[${a.shape.join(", ")}] and [${b.shape.join(", ")}] don’t multiply`);
  const stack = broadcast([left.shape.slice(0, -2), right.shape.slice(0, -2)]);
  const result = stacked(node, left, right, stack, [m, k, n]);
  const shape = [...stack, ...(a.shape.length === 1 ? [] : [m]), ...(b.shape.length === 1 ? [] : [n])];
  return builder.reshape(result, shape);
}

function stacked(
  node: NodeContext,
  left: Value,
  right: Value,
  stack: readonly number[],
  [m, k, n]: readonly [number, number, number],
): Value {
  const { b } = node;
  const { dtype } = left;
  const count = sizeOf(stack);
  // One matrix on the right serves every row on the left.
  if (sizeOf(right.shape.slice(0, -2)) === 1 && sizeOf(left.shape.slice(0, -2)) === count)
    return matrices(node, b.reshape(left, [count * m, k]), b.reshape(right, [k, n]));
  if (count === 1) return matrices(node, b.reshape(left, [m, k]), b.reshape(right, [k, n]));
  const whole = (value: Value, rows: number, columns: number) =>
    b.reshape(expandTo(node, value, [...stack, rows, columns]), [count, rows, columns]);
  const [y] = b.kernel(
    {
      name: "products",
      inputs: [
        { name: "a", dims: ["B", "M", "K"] },
        { name: "b", dims: ["B", "K", "N"] },
      ],
      outputs: [{ name: "c", dims: ["B", "M", "N"] }],
      scalars: [],
      body: isFloating(dtype)
        ? ["batched_matmul(a, b, c)"]
        : [
            "@parallel(t, i)",
            "for t, i in grid(B, M):",
            "    @vectorize",
            "    for j in range(N):",
            "        c[t, i, j] = sum(a[t, i, k] * b[t, k, j] for k in range(K))",
          ],
      uses: isFloating(dtype) ? ["std.linalg.batched_matmul"] : [],
    },
    [whole(left, m, k), whole(right, k, n)],
    [{ dtype, shape: [count, m, n] }],
  );
  return y!;
}

/** Up to so many rows or columns the right matrix isn't worth copying, or vectors don't fill. As measured. */
const few = { rows: 3, unpackedRows: 8, columns: 4 } as const;

/** The second matrix of a product, [k, n], as a kernel of the library takes it. */
export interface Factor {
  readonly value: Value;
  readonly dims: TensorSlot["dims"];
  /** The name of its columns, in the shape of the result. */
  readonly columns: string;
  readonly scalars: readonly ScalarSlot[];
  readonly where?: string;
  /** The kernel of `std.linalg`, and its call for the names of both matrices and of the result. */
  readonly kernel: string;
  readonly call: (a: string, b: string, c: string, settings: string) => string;
}

/**
 * The library's way to the product of m rows and a matrix [k, n] that suits its shape. Weights are turned once, so that a few rows read them
 * as few long streams, at the rate at which memory gives them, or put into panels once, which elsewhere each product does. `named` tells
 * the names of several factors of a kernel apart; `depth` is what k is called.
 */
export function factorOf(
  node: NodeContext,
  m: number,
  right: Value,
  depth: string | number = "K",
  named = "",
): Factor {
  const { b } = node;
  const { dtype } = right;
  const [k, n] = right.shape as [number, number];
  const columns = `N${named}`;
  const as = (kernel: string, turned = false): Factor => ({
    value: turned ? b.transpose(right, [1, 0]) : right,
    dims: turned ? [columns, depth] : [depth, columns],
    columns,
    scalars: [],
    kernel,
    call: (x, y, z, settings) => `${kernel}[T=${dtype}${settings}](${x}, ${y}, ${z})`,
  });
  if (b.target !== "wasm") return as("matmul");
  if (n <= few.columns) return as("matmul_few_columns", true);
  if (m <= few.rows) return right.fixed ? as("matmul_few_rows_turned", true) : as("matmul_few_rows");
  if (!right.fixed) return as(m <= few.unpackedRows ? "matmul_rows" : "matmul");
  const [value] = b.kernel(
    {
      name: "columns_in_panels",
      inputs: [{ name: "b", dims: ["K", "N"] }],
      outputs: [{ name: "p", dims: ["(N + 7) // 8", "K", 8] }],
      scalars: [],
      body: [`panels[T=${dtype}](b, p)`],
      uses: ["std.linalg.panels"],
    },
    [right],
    [{ dtype, shape: [Math.ceil(n / 8), k, 8] }],
  );
  const [count, size] = [`J${named}`, `n${named}`];
  return {
    value: value!,
    dims: [count, depth, 8],
    columns: size,
    scalars: [{ name: size, dtype: "i32", value: n }],
    where: `0 <= ${size}, 8 * ${count} >= ${size}, 8 * ${count} <= ${size} + 7`,
    kernel: "matmul_panels",
    call: (x, y, z, settings) => `matmul_panels[T=${dtype}${settings}](${x}, ${y}, ${size}, ${z})`,
  };
}

/** The product of two matrices. */
function matrices(node: NodeContext, left: Value, right: Value): Value {
  const { b } = node;
  const { dtype } = left;
  const results = [{ dtype, shape: [left.shape[0]!, right.shape[1]!] }];
  if (!isFloating(dtype)) {
    const code = {
      name: "product",
      inputs: [
        { name: "a", dims: ["M", "K"] },
        { name: "b", dims: ["K", "N"] },
      ],
      outputs: [{ name: "c", dims: ["M", "N"] }],
      scalars: [],
      body: [
        "@parallel",
        "for i in range(M):",
        "    @vectorize",
        "    for j in range(N):",
        "        c[i, j] = sum(a[i, k] * b[k, j] for k in range(K))",
      ],
    };
    return b.kernel(code, [left, right], results)[0]!;
  }
  const factor = factorOf(node, left.shape[0]!, right);
  const [y] = b.kernel(
    {
      name: "product",
      inputs: [
        { name: "a", dims: ["M", "K"] },
        { name: "b", dims: factor.dims },
      ],
      outputs: [{ name: "c", dims: ["M", factor.columns] }],
      scalars: factor.scalars,
      where: factor.where,
      body: [factor.call("a", "b", "c", "EPILOGUE")],
      uses: [`std.linalg.${factor.kernel}`],
      hook: { indices: 2 },
    },
    [left, factor.value],
    results,
  );
  return y!;
}

/** α A' B' + β C, where ' may transpose. */
const gemm: Build = async (node) => {
  const { b } = node;
  const turned = (at: number, flag: string) =>
    node.flag(flag) ? b.transpose(node.in(at), [1, 0]) : node.in(at);
  const [left, right] = [turned(0, "transA"), turned(1, "transB")];
  let result = (await productOfIntegers(node, left, right)) ?? product(node, asFloats(node, left), right);
  const alpha = node.float("alpha", 1);
  const beta = node.float("beta", 1);
  const { dtype } = result;
  if (alpha !== 1) result = b.map("$0 * $1", [result, b.scalar(dtype, alpha)]);
  if (!node.has(2) || beta === 0) return result;
  const added = node.in(2);
  return beta === 1
    ? b.map("$0 + $1", [result, added])
    : b.map("$0 + $1 * $2", [result, b.scalar(dtype, beta), added]);
};

/** The same with an activation behind, whose parameters have names of their own. */
const fusedGemm: Build = async (node) => {
  const y = (await gemm(node)) as Value;
  const name = node.text("activation", "");
  const row = elementwise.find(({ op }) => op === name);
  if (!row) return name === "" ? y : node.fail(`I know no activation \`${name}\``);
  const attributes = Object.entries(node.node.attributes).flatMap(([key, value]) =>
    key.startsWith("activation_") ? [[key.slice("activation_".length), value] as const] : [],
  );
  return row.build(node.about(Object.fromEntries(attributes), [y]));
};

/** α A' B', where ' may transpose the last two axes. */
const fusedMatmul: Build = (node) => {
  const { b } = node;
  if (node.flag("transBatchA") || node.flag("transBatchB")) node.fail("turned stacks aren’t supported");
  const turned = (at: number, flag: string): Value => {
    const value = node.in(at);
    const axes = value.shape.map((_, axis) => axis);
    if (!node.flag(flag) || axes.length < 2) return value;
    return b.transpose(value, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
  };
  const y = product(node, turned(0, "transA"), turned(1, "transB"));
  const alpha = node.float("alpha", 1);
  return alpha === 1 ? y : b.map("$0 * $1", [y, b.scalar(y.dtype, alpha)]);
};

export const products: readonly OpRow[] = [
  { op: "com.microsoft::FusedMatMul", since: 1, build: fusedMatmul },
  // What it was called before.
  { op: "com.microsoft::TransposeMatMul", since: 1, build: fusedMatmul },
  { op: "com.microsoft::FusedGemm", since: 1, build: fusedGemm },
  { op: "MatMul", since: 1, build: matmul },
  { op: "Gemm", since: 7, build: gemm },
];

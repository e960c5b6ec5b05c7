// Operators that make tensors out of little: constants, ranges, masks.

import { sizeOf } from "../../tensor/layout.ts";
import { tensor } from "../../tensor/tensor.ts";
import { dataOf } from "../../tensor/values.ts";
import { dtypeOf } from "../../onnx/tensors.ts";
import { contiguousStrides } from "../../tensor/layout.ts";
import type { Build, OpRow } from "./node.ts";

const constant: Build = (node) => {
  const given = node.tensor("value");
  if (given) return node.b.constant(given);
  const { value_float, value_int, value_floats, value_ints } = node.node.attributes;
  if (typeof value_float === "number") return node.b.scalar("f32", value_float);
  if (typeof value_int === "number") return node.b.scalar("i64", value_int);
  if (Array.isArray(value_floats)) return node.b.literal("f32", value_floats as number[]);
  if (Array.isArray(value_ints)) return node.b.literal("i64", value_ints as number[]);
  return node.fail("it is a constant of strings or of sparse data, which I don’t support");
};

const constantOfShape: Build = async (node) => {
  const shape = await node.numbers(0);
  const element = node.tensor("value") ?? tensor(new Float32Array(1), [1]);
  if (shape.some((dim) => dim < 0)) node.fail(`[${shape.join(", ")}] is no shape`);
  return node.b.map("$0", [node.b.reshape(node.b.constant(element), [])], { shape });
};

const range: Build = async (node) => {
  const { dtype } = node.in(0);
  const [start, limit, step] = [await node.number(0), await node.number(1), await node.number(2)];
  if (step === 0) node.fail("its step is 0");
  const count = node.countable(Math.max(Math.ceil((limit - start) / step), 0));
  return node.b.literal(
    dtype,
    Array.from({ length: count }, (_, at) => start + at * step),
  );
};

const eyeLike: Build = (node) => {
  const x = node.in(0);
  const [rows, columns] = x.shape as [number, number];
  const to = node.node.attributes["dtype"];
  const dtype = to === undefined ? x.dtype : dtypeOf(Number(to), "what an EyeLike makes");
  const k = node.int("k", 0);
  if (x.shape.length !== 2) node.fail(`it takes a matrix, and was given ${x.shape.length} dimensions`);
  const elements = Array.from({ length: node.countable(rows * columns) }, (_, at) =>
    Number(Math.floor(at / columns) + k === at % columns),
  );
  return node.b.literal(dtype, elements, [rows, columns]);
};

/** The part of each matrix of a stack above a diagonal, or below it. */
const trilu: Build = async (node) => {
  const { b } = node;
  const x = node.in(0);
  if (x.shape.length < 2) node.fail(`it takes matrices, and was given ${x.shape.length} dimensions`);
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const k = node.has(1) ? await node.number(1) : 0;
  const upper = node.flag("upper", true);
  const far = 2 ** 30;
  const [y] = b.kernel(
    {
      name: "triangle",
      inputs: [{ name: "x", dims: ["B", "M", "N"] }],
      outputs: [{ name: "y", dims: ["B", "M", "N"] }],
      scalars: [{ name: "shift", dtype: "i64", value: BigInt(Math.min(Math.max(k, -far), far)) }],
      body: [
        "@parallel",
        "for t, i in grid(B, M):",
        "    @vectorize",
        "    for j in range(N):",
        `        y[t, i, j] = READ(x, t, i, j) if i64(j) ${upper ? ">=" : "<="} i64(i) + shift else ${x.dtype === "bool" ? "False" : `${x.dtype}(0)`}`,
      ],
    },
    [b.reshape(x, [sizeOf(x.shape.slice(0, -2)), rows, columns])],
    [{ dtype: x.dtype, shape: [sizeOf(x.shape.slice(0, -2)), rows, columns] }],
  );
  return b.reshape(y!, x.shape);
};

const oneHot: Build = async (node) => {
  const { b } = node;
  const at = b.cast(node.in(0), "i64");
  const depth = node.countable(await node.number(1));
  const values = node.in(2);
  const rank = at.shape.length + 1;
  const axis = node.axis(node.int("axis", -1), rank);
  const places = b.places(
    "i64",
    depth,
    Array.from({ length: rank }, (_, n) => (n === axis ? depth : 1)),
  );
  const spread = b.reshape(at, [...at.shape.slice(0, axis), 1, ...at.shape.slice(axis)]);
  const pick = (n: number) => b.view(values, { shape: [], strides: contiguousStrides([]), offset: n });
  const hit = `($0 + $4 if $0 < i64(0) else $0) == $1`;
  return b.map(`$3 if ${hit} else $2`, [spread, places, pick(0), pick(1), b.scalar("i64", depth)], {
    dtype: values.dtype,
  });
};

/** Windows of signal processing, as the operators' reference code has them. */
const windowed =
  (terms: readonly number[]): Build =>
  async (node) => {
    const size = node.countable(await node.number(0));
    const dtype = dtypeOf(node.int("output_datatype", 1), "what a window is made of");
    const period = node.flag("periodic", true) ? size : size - 1;
    const elements = Array.from({ length: size }, (_, n) =>
      terms.reduce((sum, term, k) => sum + term * Math.cos((2 * Math.PI * k * n) / period), 0),
    );
    return node.b.constant(tensor(dataOf(elements, dtype), [size], dtype));
  };

const row = (op: string, build: Build, since = 1): OpRow => ({ op, since, build });

export const making: readonly OpRow[] = [
  row("Constant", constant),
  row("ConstantOfShape", constantOfShape),
  row("Range", range),
  row("EyeLike", eyeLike),
  row("Trilu", trilu),
  row("OneHot", oneHot),
  row("HannWindow", windowed([0.5, -0.5])),
  row("HammingWindow", windowed([25 / 46, -21 / 46])),
  row("BlackmanWindow", windowed([0.42, -0.5, 0.08])),
];

// Operators that look for what is known in what comes: sequences of words, and matrices' determinants besides.

import { sizeOf } from "../../tensor/layout.ts";
import { tensor } from "../../tensor/tensor.ts";
import type { Build, OpRow } from "./node.ts";

/** How often each of the known sequences of numbers occurs in a row, at any of the distances between its members. */
const tfIdf: Build = (node) => {
  const { b } = node;
  const x = node.in(0);
  const { dtype } = x;
  if (dtype !== "i32" && dtype !== "i64") node.fail("only whole numbers are supported");
  const pool = node.ints("pool_int64s") ?? [];
  const starts = node.ints("ngram_counts") ?? [];
  const columns = node.ints("ngram_indexes") ?? [];
  const skips = node.int("max_skip_count", 0);
  const [shortest, longest] = [node.int("min_gram_length", 1), node.int("max_gram_length", 1)];
  const mode = node.text("mode", "TF");
  const given = node.node.attributes["weights"];
  const factors = Array.isArray(given) ? given.map(Number) : undefined;
  if (!["TF", "IDF", "TFIDF"].includes(mode)) node.fail(`I know no mode ${mode}`);
  const width = 1 + columns.reduce((most, each) => Math.max(most, each), -1);
  const length = Math.max(1, longest);
  if (
    ![skips, shortest, longest, ...columns].every(
      (each) => Number.isInteger(each) && 0 <= each && each < 65536,
    )
  )
    node.fail("its attributes are out of range");
  const known = BigInt64Array.from({ length: width * length }, () => 0n);
  const lengths = new Int32Array(width);
  const weights = new Float32Array(width).fill(1);
  // The pool holds all sequences of one member, then all of two, and so on; `starts` says where each of these begin.
  let sequence = 0;
  starts.forEach((start, at) => {
    const size = at + 1;
    const end = starts[at + 1] ?? pool.length;
    for (let first = start; first + size <= end; first += size, sequence++) {
      const column = columns[sequence];
      if (column === undefined) node.fail("it has more sequences than columns for them");
      if (factors) weights[column!] = factors[sequence] ?? 1;
      if (size < shortest || size > longest) continue;
      lengths[column!] = size;
      for (let k = 0; k < size; k++) known[column! * length + k] = BigInt(pool[first + k]!);
    }
  });
  const rows = x.shape.length === 1 ? 1 : x.shape[0]!;
  const cells = x.shape.at(-1)!;
  const place = "t + k * (s + 1)";
  const other = `1 if k < size and i64(words.get(n, ${place})) != known[m, k] else 0`;
  const here = `sum(${other} for k in range(${length})) == 0`;
  const fits = "t + (size - 1) * (s + 1) < C and (s == 0 or size > 1)";
  const result = { TF: "count", IDF: "factor[m] if count > 0 else f32(0)", TFIDF: "count * factor[m]" }[
    mode
  ]!;
  const [y] = b.kernel(
    {
      name: "sequences",
      inputs: [
        { name: "words", dims: ["N", "C"] },
        { name: "known", dims: ["M", length] },
        { name: "lengths", dims: ["M"] },
        { name: "factor", dims: ["M"] },
      ],
      outputs: [{ name: "y", dims: ["N", "M"] }],
      scalars: [],
      where: "C <= 16777216",
      body: [
        "@parallel",
        "for n, m in grid(N, M):",
        `    let size = clamp(lengths[m], 0, ${length})`,
        `    let found = sum((1 if size > 0 and ${fits} and ${here} else 0) for s in range(${skips + 1}) for t in range(C))`,
        "    let count = f32(found)",
        `    y[n, m] = ${result}`,
      ],
    },
    [
      b.reshape(x, [rows, cells]),
      b.constant(tensor(known, [width, length])),
      b.constant(tensor(lengths)),
      b.constant(tensor(weights)),
    ],
    [{ dtype: "f32", shape: [rows, width] }],
  );
  return b.reshape(y!, x.shape.length === 1 ? [width] : [rows, width]);
};

/** By elimination, with the largest element of a column as its pivot. */
const determinant: Build = (node) => {
  const { b } = node;
  const x = node.in(0);
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const { dtype } = x;
  if (x.shape.length < 2 || rows !== columns) node.fail("its input is not of square matrices");
  if (dtype !== "f32" && dtype !== "f64") node.fail("only f32 and f64 are supported");
  const shape = x.shape.slice(0, -2);
  const count = sizeOf(shape);
  const [y] = b.kernel(
    {
      name: "determinant",
      inputs: [{ name: "x", dims: ["B", "N", "N"] }],
      outputs: [{ name: "y", dims: ["B"] }],
      scalars: [],
      body: [
        `var a = Array[${dtype}, B, N, N](0)`,
        "for b in range(B):",
        "    for i, j in grid(N, N):",
        "        a[b, i, j] = x[b, i, j]",
        `    var product = ${dtype}(1)`,
        "    for k in range(N):",
        `        let pivot = argmax((abs(a[b, i, k]) if i >= k else ${dtype}(-1)) for i in range(N))`,
        "        if pivot != k:",
        "            product = -product",
        "            for j in range(N):",
        "                let held = a[b, k, j]",
        "                a[b, k, j] = a[b, pivot, j]",
        "                a[b, pivot, j] = held",
        "        let lead = a[b, k, k]",
        "        product *= lead",
        "        for i in range(N):",
        `            let factor = a[b, i, k] / lead if i > k and lead != 0 else ${dtype}(0)`,
        "            for j in range(N):",
        "                a[b, i, j] -= factor * a[b, k, j]",
        "    y[b] = product",
      ],
    },
    [b.reshape(x, [count, rows, rows])],
    [{ dtype, shape: [count] }],
  );
  return b.reshape(y!, shape);
};

export const matching: readonly OpRow[] = [
  { op: "TfIdfVectorizer", since: 9, build: tfIdf },
  { op: "Det", since: 11, build: determinant },
];

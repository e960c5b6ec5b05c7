// Windows whose weights are their own mirror image, or the negative of it: the cosines and sines of a spectrum, filters of linear phase.
// Places that share a weight are added, or subtracted, before the product, which then has half the terms.

import { rootOf, type Value } from "../program.ts";
import { factorOf } from "./matmul.ts";
import type { NodeContext } from "./node.ts";

/**
 * Weights count as equal up to this part of the largest: what is left where a sine of π n should be zero. The results then differ by less
 * than sums in f32 are rounded.
 */
const equal = 2 ** -40;

/** With fewer features, adding takes as long as the products that are saved. */
const fewestFeatures = 8;

/** Rows one behind the other that mirror in the same way. */
interface Run {
  readonly parity: "even" | "odd";
  readonly rows: number;
}

/**
 * How rows of k weights mirror: place `start + n` onto `k - 1 - n`. With `start` 1 the first place has no partner, as in one period of a
 * cosine. Even rows are equal to their mirror images, odd ones are the negative of theirs.
 */
interface Mirror {
  readonly start: 0 | 1;
  /** One, or one of each kind. */
  readonly runs: readonly Run[];
}

/** The mirror of a matrix in row-major order, if it has one. */
export function mirrorOf(weights: Float32Array, rows: number, k: number): Mirror | undefined {
  return mirrorFrom(0, weights, rows, k) ?? mirrorFrom(1, weights, rows, k);
}

function mirrorFrom(start: 0 | 1, weights: Float32Array, rows: number, k: number): Mirror | undefined {
  const most = equal * weights.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
  if (!Number.isFinite(most)) return undefined;
  const parities: Run["parity"][][] = [];
  for (let row = 0; row < rows; row++) {
    const found = paritiesOf(weights, row * k, start, k, most);
    if (found.length === 0) return undefined;
    parities.push(found);
  }
  for (const [one, other] of [
    ["even", "odd"],
    ["odd", "even"],
  ] as const) {
    const end = parities.findIndex((each) => !each.includes(one));
    if (end < 0) return { start, runs: [{ parity: one, rows }] };
    const first = parities.findLastIndex((each) => !each.includes(other)) + 1;
    if (first === 0 || first > end) continue;
    // Rows of zeros between the two are of both kinds: a spectrum has as many cosines as sines.
    const cut = Math.min(Math.max(rows >> 1, first), end);
    const runs = [
      { parity: one, rows: cut },
      { parity: other, rows: rows - cut },
    ];
    return { start, runs };
  }
  return undefined;
}

/** What the row of k weights that begins at `first` is. The place in the middle is its own mirror image. */
function paritiesOf(
  weights: Float32Array,
  first: number,
  start: number,
  k: number,
  most: number,
): Run["parity"][] {
  let [sum, difference] = [0, 0];
  for (let n = 0; 2 * n < k - start; n++) {
    const [a, b] = [weights[first + start + n]!, weights[first + k - 1 - n]!];
    sum = Math.max(sum, Math.abs(a + b));
    difference = Math.max(difference, Math.abs(a - b));
  }
  return [...(difference <= most ? (["even"] as const) : []), ...(sum <= most ? (["odd"] as const) : [])];
}

/**
 * Products of rows [m, k] and constant weights [features, k], where these mirror: matrices of m rows, one behind the other along the
 * features.
 */
export function productOfMirrored(node: NodeContext, rows: Value, weights: Value): Value[] | undefined {
  const { b } = node;
  const { dtype } = rows;
  const [m, k] = rows.shape as [number, number];
  const features = weights.shape[0]!;
  const constant = b.reorders && features >= fewestFeatures ? rootOf(weights).constant : undefined;
  if (constant?.dtype !== "f32") return undefined;
  const elements = constant.dataSync() as Float32Array;
  const mirror = mirrorOf(elements, features, k);
  if (!mirror) return undefined;
  const sums = sumsOf(mirror, k, elements);
  let row = 0;
  const products = mirror.runs.map(({ parity, rows: count }, at) => {
    const { columns } = sums[parity]!;
    const view = { shape: [columns, count], strides: [1, k], offset: row * k + sums.from };
    row += count;
    const factor = factorOf(node, m, b.view(weights, view), columns, `${at}`);
    return { at, parity, count, factor };
  });
  // What follows is done as a single product is stored; two are joined first.
  const hook = products.length === 1 ? { indices: 2 } : undefined;
  const made = products.map(({ parity }) => ({ parity, ...sums[parity]! }));
  const results = b.kernel(
    {
      name: "mirrored_product",
      inputs: [
        // Not the number itself: rows that overlap don't lie as those of a matrix of this width.
        { name: "x", dims: ["M", "K"] },
        ...products.map(({ at, factor }) => ({ name: `w${at}`, dims: factor.dims })),
      ],
      outputs: [
        ...products.map(({ at, factor }) => ({ name: `y${at}`, dims: ["M", factor.columns] })),
        ...made.map(({ parity, columns }) => ({ name: parity, dims: ["M", columns] })),
      ],
      scalars: products.flatMap(({ factor }) => factor.scalars),
      where: [`K >= ${k}`, ...products.flatMap(({ factor }) => factor.where ?? [])].join(", "),
      body: [
        "@parallel",
        "for i in range(M):",
        ...made.flatMap(({ before }) => before),
        "    @vectorize",
        `    for n in range(${sums.pairs}):`,
        `        let near = READ(x, i, n + ${mirror.start})`,
        `        let far = READ(x, i, ${k - 1} - n)`,
        ...made.flatMap(({ pair }) => pair),
        ...made.flatMap(({ behind }) => behind),
        ...products.map(({ at, parity, factor }) =>
          factor.call(parity, `w${at}`, `y${at}`, hook ? "EPILOGUE" : ""),
        ),
      ],
      hook,
      uses: [...new Set(products.map(({ factor }) => `std.linalg.${factor.kernel}`))],
    },
    [rows, ...products.map(({ factor }) => factor.value)],
    [...products.map(({ count }) => count), ...made.map(({ columns }) => columns)].map((columns) => ({
      dtype,
      shape: [m, columns],
    })),
  );
  return results.slice(0, products.length);
}

/** What is summed up before a product: its columns, and the statements that make a row of them. */
interface Sums {
  readonly columns: number;
  readonly before: readonly string[];
  readonly pair: readonly string[];
  readonly behind: readonly string[];
}

/**
 * By parity: the place without a partner, if weights there aren't zero, the sums or differences of partners, and the middle, which is
 * zero in odd rows. They stand in the order of the weights, from the place `from` on.
 */
function sumsOf(
  { start }: Mirror,
  k: number,
  weights: Float32Array,
): Record<Run["parity"], Sums> & { readonly pairs: number; readonly from: number } {
  const alone = start === 1 && weights.some((weight, at) => at % k === 0 && weight !== 0);
  const first = alone ? 1 : 0;
  const pairs = Math.floor((k - start) / 2);
  const sums = (parity: Run["parity"]): Sums => {
    const middle = parity === "even" && (k - start) % 2 === 1;
    return {
      columns: first + pairs + Number(middle),
      before: alone ? [`    ${parity}[i, 0] = READ(x, i, 0)`] : [],
      pair: [`        ${parity}[i, n + ${first}] = near ${parity === "even" ? "+" : "-"} far`],
      behind: middle ? [`    ${parity}[i, ${first + pairs}] = READ(x, i, ${start + pairs})`] : [],
    };
  };
  return { even: sums("even"), odd: sums("odd"), pairs, from: start - first };
}

// Resizing, one axis after the other: for each place of the result a few places of the input and their weights, which depend on sizes
// only and so are constants. Every mode and every rule for coordinates is a table of such places.

import type { Value } from "../program.ts";
import { around } from "./layout.ts";
import type { Build, NodeContext, OpRow } from "./node.ts";

interface Rules {
  readonly mode: "nearest" | "linear" | "cubic";
  readonly coordinates: string;
  readonly nearest: string;
  readonly cubic: number;
  readonly excludeOutside: boolean;
  readonly antialias: boolean;
  readonly extrapolation: number;
}

/** Places and weights of one axis: `taps` for each place of the result. */
interface Taps {
  readonly count: number;
  readonly places: number[];
  readonly weights: number[];
}

/** Where the middle of a place of the result lies in the input, by the rules of the standard. */
function sourceOf(
  rules: Rules,
  x: number,
  scale: number,
  size: number,
  out: number,
  roi: readonly [number, number],
): number {
  switch (rules.coordinates) {
    case "half_pixel":
      return (x + 0.5) / scale - 0.5;
    case "half_pixel_symmetric": {
      const adjustment = out / (size * scale);
      return (size / 2) * (1 - adjustment) + (x + 0.5) / scale - 0.5;
    }
    case "pytorch_half_pixel":
      return out > 1 ? (x + 0.5) / scale - 0.5 : 0;
    case "align_corners":
      // The length as the scale has it, before it is rounded down.
      return out > 1 ? (x * (size - 1)) / (size * scale - 1) : 0;
    case "tf_half_pixel_for_nn":
      return (x + 0.5) / scale;
    case "tf_crop_and_resize":
      return out > 1
        ? roi[0] * (size - 1) + (x * (roi[1] - roi[0]) * (size - 1)) / (out - 1)
        : 0.5 * (roi[0] + roi[1]) * (size - 1);
    default:
      return x / scale;
  }
}

function nearestOf(rule: string, at: number): number {
  switch (rule) {
    case "floor":
      return Math.floor(at);
    case "ceil":
      return Math.ceil(at);
    case "round_prefer_ceil":
      return Math.floor(at + 0.5);
    default:
      return Math.ceil(at - 0.5);
  }
}

/** The kernel of Keys, "Cubic Convolution Interpolation for Digital Image Processing" (1981), with parameter a. */
function keys(distance: number, a: number): number {
  const t = Math.abs(distance);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

function tapsOf(
  rules: Rules,
  scale: number,
  size: number,
  out: number,
  roi: readonly [number, number],
): Taps {
  // Shrinking with antialiasing widens the filter by as much.
  const stretch = rules.antialias && scale < 1 ? scale : 1;
  const reach = rules.mode === "nearest" ? 0.5 : rules.mode === "linear" ? 1 / stretch : 2 / stretch;
  const count = rules.mode === "nearest" ? 1 : Math.ceil(2 * reach);
  const places: number[] = [];
  const weights: number[] = [];
  for (let x = 0; x < out; x++) {
    const source = sourceOf(rules, x, scale, size, out, roi);
    const outside = rules.coordinates === "tf_crop_and_resize" && (source < 0 || source > size - 1);
    const first =
      rules.mode === "nearest" ? nearestOf(rules.nearest, source) : Math.floor(source - reach) + 1;
    const row = Array.from({ length: count }, (_, n) => {
      const at = first + n;
      const distance = (at - source) * stretch;
      const weight =
        rules.mode === "nearest"
          ? 1
          : rules.mode === "linear"
            ? Math.max(1 - Math.abs(distance), 0)
            : keys(distance, rules.cubic);
      const beyond = at < 0 || at >= size;
      return { at: Math.min(Math.max(at, 0), size - 1), weight: beyond && rules.excludeOutside ? 0 : weight };
    });
    const total = row.reduce((sum, { weight }) => sum + weight, 0);
    for (const { at, weight } of row) {
      places.push(at);
      weights.push(outside ? NaN : weight / total);
    }
  }
  return { count, places, weights };
}

/** What is done along one axis. */
interface AxisJob {
  readonly axis: number;
  readonly out: number;
  readonly taps: Taps;
}

/** Whether each place of the result is one place of the input. */
const picks = ({ taps }: AxisJob): boolean =>
  taps.count === 1 && taps.weights.every((weight) => weight === 1);

/** One axis by its table. */
function alongAxis(node: NodeContext, x: Value, job: AxisJob, outside: number): Value {
  const { b } = node;
  const { axis, out, taps } = job;
  const [before, size, after] = around(x.shape, axis);
  const shape = x.shape.map((dim, at) => (at === axis ? out : dim));
  const flat = b.reshape(x, [before, size, after]);
  if (picks(job)) {
    const [y] = b.kernel(
      {
        name: "pick_places",
        inputs: [
          { name: "x", dims: ["A", "N", "B"] },
          { name: "places", dims: ["M"] },
        ],
        outputs: [{ name: "y", dims: ["A", "M", "B"] }],
        scalars: [],
        where: "N >= 1",
        body: [
          "@parallel",
          "for i, j in grid(A, M):",
          "    let at = clamp(places[j], 0, N - 1)",
          "    @vectorize",
          "    for k in range(B):",
          "        let element = READ(x, i, at, k)",
          "        y[i, j, k] = POST(element, i, j, k)",
        ],
        hook: { indices: 3 },
      },
      [flat, b.literal("i32", taps.places, [out])],
      [{ dtype: x.dtype, shape: [before, out, after] }],
    );
    return b.reshape(y!, shape);
  }
  const resized = b.reshape(after === 1 ? blendRows(node, flat, job) : blendPlaces(node, flat, job), shape);
  if (!taps.weights.some(Number.isNaN)) return resized;
  const mask = Array.from({ length: out }, (_, at) => Number(Number.isNaN(taps.weights[at * taps.count]!)));
  const inside = b.literal("bool", mask.map(Boolean), [out, ...x.shape.slice(axis + 1).map(() => 1)]);
  return b.map("$2 if $1 else $0", [resized, inside, b.scalar(x.dtype, outside)]);
}

/** The last two axes at once, each place one of the input: no image in between, and lanes along the rows. */
function pickImage({ b }: NodeContext, x: Value, rows: AxisJob | undefined, columns: AxisJob): Value {
  const [height, width] = x.shape.slice(-2) as [number, number];
  const before = around(x.shape, columns.axis - 1)[0];
  const out = rows?.out ?? height;
  const rowPlaces = rows?.taps.places ?? Array.from({ length: height }, (_, at) => at);
  const [y] = b.kernel(
    {
      name: "pick_pixels",
      inputs: [
        { name: "x", dims: ["A", "H", "W"] },
        { name: "rows", dims: ["P"] },
        { name: "columns", dims: ["Q"] },
      ],
      outputs: [{ name: "y", dims: ["A", "P", "Q"] }],
      scalars: [],
      where: "H >= 1, W >= 1",
      body: [
        "@parallel",
        "for i, j in grid(A, P):",
        "    let row = clamp(rows[j], 0, H - 1)",
        "    @vectorize",
        "    for k in range(Q):",
        "        let column = clamp(columns[k], 0, W - 1)",
        "        let element = READ(x, i, row, column)",
        "        y[i, j, k] = POST(element, i, j, k)",
      ],
      hook: { indices: 3 },
    },
    [
      b.reshape(x, [before, height, width]),
      b.literal("i32", rowPlaces, [out]),
      b.literal("i32", columns.taps.places, [columns.out]),
    ],
    [{ dtype: x.dtype, shape: [before, out, columns.out] }],
  );
  return b.reshape(y!, [...x.shape.slice(0, -2), out, columns.out]);
}

/** The same for images [batch, height, width, channels]. */
function pickPixels({ b }: NodeContext, x: Value, rows: AxisJob | undefined, columns: AxisJob): Value {
  const [batch, height, , channels] = x.shape as [number, number, number, number];
  const out = rows?.out ?? height;
  const rowPlaces = rows?.taps.places ?? Array.from({ length: height }, (_, at) => at);
  const [y] = b.kernel(
    {
      name: "pick_whole_pixels",
      inputs: [
        { name: "x", dims: ["B", "H", "W", "C"] },
        { name: "rows", dims: ["P"] },
        { name: "columns", dims: ["Q"] },
      ],
      outputs: [{ name: "y", dims: ["B", "P", "Q", "C"] }],
      scalars: [],
      where: "H >= 1, W >= 1",
      body: [
        "@parallel(b, i)",
        "for b, i, j in grid(B, P, Q):",
        "    let row = clamp(rows[i], 0, H - 1)",
        "    let column = clamp(columns[j], 0, W - 1)",
        "    @vectorize",
        "    for c in range(C):",
        "        let element = READ(x, b, row, column, c)",
        "        y[b, i, j, c] = POST(element, b, i, j, c)",
      ],
      hook: { indices: 4 },
    },
    [x, b.literal("i32", rowPlaces, [out]), b.literal("i32", columns.taps.places, [columns.out])],
    [{ dtype: x.dtype, shape: [batch, out, columns.out, channels] }],
  );
  return y!;
}

const finite = ({ weights }: Taps): number[] => weights.map((weight) => (Number.isNaN(weight) ? 0 : weight));

/** An axis with others behind it. */
function blendPlaces({ b }: NodeContext, x: Value, { out, taps }: AxisJob): Value {
  const [before, , after] = x.shape as [number, number, number];
  const [y] = b.kernel(
    {
      name: "blend_places",
      inputs: [
        { name: "x", dims: ["A", "N", "B"] },
        { name: "places", dims: ["M", "K"] },
        { name: "weights", dims: ["M", "K"] },
      ],
      outputs: [{ name: "y", dims: ["A", "M", "B"] }],
      scalars: [],
      where: "N >= 1",
      body: [
        "@parallel",
        "for i, j in grid(A, M):",
        "    @vectorize",
        "    for k in range(B):",
        "        y[i, j, k] = sum(weights[j, t] * x[i, clamp(places[j, t], 0, N - 1), k] for t in range(K))",
      ],
    },
    [
      x,
      b.literal("i32", taps.places, [out, taps.count]),
      b.literal(x.dtype, finite(taps), [out, taps.count]),
    ],
    [{ dtype: x.dtype, shape: [before, out, after] }],
  );
  return y!;
}

/** The last axis: lanes are places of the result, so that the tables lie the other way round. */
function blendRows({ b }: NodeContext, x: Value, { out, taps }: AxisJob): Value {
  const [before, size] = x.shape as [number, number];
  const { count } = taps;
  const table = <E>(list: readonly E[]): E[] =>
    Array.from({ length: count * out }, (_, at) => list[(at % out) * count + Math.floor(at / out)]!);
  const dims = [count <= 4 ? count : "K", "M"];
  const [y] = b.kernel(
    {
      name: "blend_rows",
      inputs: [
        { name: "x", dims: ["A", "N"] },
        { name: "places", dims },
        { name: "weights", dims },
      ],
      outputs: [{ name: "y", dims: ["A", "M"] }],
      scalars: [],
      where: "N >= 1",
      body: [
        "@parallel",
        "for i in range(A):",
        "    @vectorize",
        "    for j in range(M):",
        `        y[i, j] = sum(weights[t, j] * x[i, clamp(places[t, j], 0, N - 1)] for t in range(${dims[0]}))`,
      ],
    },
    [
      b.reshape(x, [before, size]),
      b.literal("i32", table(taps.places), [count, out]),
      b.literal(x.dtype, table(finite(taps)), [count, out]),
    ],
    [{ dtype: x.dtype, shape: [before, out] }],
  );
  return y!;
}

const resize: Build = async (node) => {
  const x = node.in(0);
  const rank = x.shape.length;
  const axes = node.ints("axes")?.map((axis) => node.axis(axis, rank)) ?? x.shape.map((_, at) => at);
  // Version 10 and Upsample have no region and no sizes.
  const early = node.node.op === "Upsample" || node.version < 11;
  const [atScales, atSizes] = early ? [1, -1] : [2, 3];
  const bySize = node.has(atSizes) && node.inputs[atSizes]!.shape[0] !== 0;
  const given = node.ints("scales") ?? (node.node.attributes["scales"] as number[] | undefined);
  const sizes = bySize ? await node.numbers(atSizes) : undefined;
  const scales = sizes ? undefined : (given ?? (await node.numbers(atScales)));
  const list = sizes ?? scales!;
  if (list.length !== axes.length) node.fail(`${list.length} sizes or scales for ${axes.length} axes`);
  const region = !early && node.has(1) && node.inputs[1]!.shape[0] !== 0 ? await node.numbers(1) : undefined;
  const mode = node.text("mode", "nearest");
  const rules: Rules = {
    mode: mode === "nearest" || mode === "cubic" ? mode : "linear",
    coordinates: node.text("coordinate_transformation_mode", early ? "asymmetric" : "half_pixel"),
    nearest: early ? "floor" : node.text("nearest_mode", "round_prefer_floor"),
    cubic: node.float("cubic_coeff_a", -0.75),
    excludeOutside: node.flag("exclude_outside"),
    antialias: node.flag("antialias"),
    extrapolation: node.float("extrapolation_value", 0),
  };
  // With sizes, a policy may ask for one scale for all axes.
  const policy = node.text("keep_aspect_ratio_policy", "stretch");
  const own = axes.map((axis, at) => (scales ? scales[at]! : sizes![at]! / x.shape[axis]!));
  const common =
    policy === "not_larger" ? Math.min(...own) : policy === "not_smaller" ? Math.max(...own) : undefined;
  const jobs = axes.flatMap((axis, at): AxisJob[] => {
    const size = x.shape[axis]!;
    const scale = sizes && common !== undefined ? common : own[at]!;
    const out =
      sizes && common === undefined
        ? sizes[at]!
        : sizes
          ? Math.round(size * common!)
          : Math.floor(size * scale);
    const roi = region ? ([region[at]!, region[at + axes.length]!] as const) : ([0, 1] as const);
    if (out === size && scale === 1 && rules.coordinates !== "tf_crop_and_resize") return [];
    node.countable(out);
    return [{ axis, out, taps: tapsOf(rules, scale, size, out, roi) }];
  });
  const rows = jobs.find(({ axis }) => axis === rank - 2);
  const columns = jobs.find(({ axis }) => axis === rank - 1);
  const together = rank >= 2 && columns && picks(columns) && (!rows || picks(rows));
  const apart = jobs.filter((job) => !together || (job !== rows && job !== columns));
  // With the channels last, pixels are copied whole.
  if (x.last && rank === 4 && together && apart.length === 0)
    return node.b.first(pickPixels(node, x.last, rows, columns));
  const y = apart.reduce((image, job) => alongAxis(node, image, job, rules.extrapolation), x);
  return together ? pickImage(node, y, rows, columns) : y;
};

export const resizing: readonly OpRow[] = [
  { op: "Resize", since: 10, build: resize },
  { op: "Upsample", since: 7, build: resize },
];

// Samples of images at places that are data: grids and regions.

import type { Build, OpRow } from "./node.ts";

/** Where a coordinate beyond the border lies, of `at` in an axis of `size` elements, by the mode of padding. */
const borders: Readonly<Record<string, string>> = {
  zeros: "return at",
  border: "return clamp(at, f32(0), f32(size - 1))",
  reflection:
    "let span = high - low\n    let moved = abs(at - low)\n    let turns = floor(moved / span)\n    let rest = moved - turns * span\n    let even = turns - f32(2) * floor(turns / f32(2)) < f32(0.5)\n    let back = rest + low if even else high - rest\n    return clamp(back, f32(0), f32(size - 1))",
};

const gridSample: Build = (node) => {
  const { b } = node;
  const [x, grid] = [node.in(0), node.in(1)];
  if (x.shape.length !== 4) node.fail("only images of two dimensions are supported");
  if (x.dtype !== "f32" || grid.dtype !== "f32") node.fail("only f32 is supported");
  const modes = {
    bilinear: "linear",
    linear: "linear",
    nearest: "nearest",
    bicubic: "cubic",
    cubic: "cubic",
  };
  const mode = modes[node.text("mode", "bilinear") as keyof typeof modes];
  const padding = node.text("padding_mode", "zeros");
  if (!mode || !borders[padding]) node.fail("I know no such mode");
  const aligned = node.flag("align_corners");
  const place = (at: string, size: string) =>
    aligned
      ? `(${at} + f32(1)) / f32(2) * f32(${size} - 1)`
      : `((${at} + f32(1)) * f32(${size}) - f32(1)) / f32(2)`;
  const [low, high] = aligned ? ["f32(0)", "f32(size - 1)"] : ["f32(-0.5)", "f32(size) - f32(0.5)"];
  const reflect = (borders[padding] ?? "").replaceAll("low", `(${low})`).replaceAll("high", `(${high})`);
  const defs = [
    "def folded(at: f32, size: index) -> f32:",
    `    ${padding === "reflection" ? reflect : borders[padding]}`,
    "",
    "def pixel(x: Tensor[f32, B, C, H, W], b: index, c: index, u: f32, v: f32) -> f32:",
    padding === "zeros"
      ? "    return x.get(b, c, i32(u), i32(v), default=0)"
      : "    return x.get(b, c, i32(round(folded(u, H))), i32(round(folded(v, W))), default=0)",
    "",
    "def keys(t: f32) -> f32:",
    "    let a = abs(t)",
    "    let near = (f32(1.25) * a - f32(2.25)) * a * a + f32(1)",
    "    let far = ((f32(-0.75) * a + f32(3.75)) * a - f32(6)) * a + f32(3)",
    "    return near if a <= f32(1) else (far if a < f32(2) else f32(0))",
  ];
  const body = {
    nearest: ["y[b, c, i, j] = pixel(x, b, c, round(u), round(v))"],
    linear: [
      "let u0 = floor(u)",
      "let v0 = floor(v)",
      "let du = u - u0",
      "let dv = v - v0",
      "let top = pixel(x, b, c, u0, v0) * (1 - dv) + pixel(x, b, c, u0, v0 + 1) * dv",
      "let bottom = pixel(x, b, c, u0 + 1, v0) * (1 - dv) + pixel(x, b, c, u0 + 1, v0 + 1) * dv",
      "y[b, c, i, j] = top * (1 - du) + bottom * du",
    ],
    cubic: [
      "let u0 = floor(u)",
      "let v0 = floor(v)",
      "y[b, c, i, j] = sum(keys(u - u0 - f32(m - 1)) * keys(v - v0 - f32(n - 1)) * pixel(x, b, c, u0 + f32(m - 1), v0 + f32(n - 1)) for m in range(4) for n in range(4))",
    ],
  }[mode];
  // For the kinds that look at one place, that place is folded before it is split into neighbours.
  const fold = (text: string, size: string) => (mode === "cubic" ? text : `folded(${text}, ${size})`);
  const [batch, channels] = x.shape as [number, number];
  const [, rows, columns] = grid.shape as [number, number, number];
  const [y] = b.kernel(
    {
      name: "grid_samples",
      inputs: [
        { name: "x", dims: ["B", "C", "H", "W"] },
        { name: "points", dims: ["B", "I", "J", 2] },
      ],
      outputs: [{ name: "y", dims: ["B", "C", "I", "J"] }],
      scalars: [],
      where: "H >= 1, W >= 1",
      defs: defs.join("\n"),
      body: [
        "@parallel(b, c)",
        "for b, c, i, j in grid(B, C, I, J):",
        `    let u = ${fold(place("points[b, i, j, 1]", "H"), "H")}`,
        `    let v = ${fold(place("points[b, i, j, 0]", "W"), "W")}`,
        ...body!.map((line) => `    ${line}`),
      ],
    },
    [x, grid],
    [{ dtype: x.dtype, shape: [batch, channels, rows, columns] }],
  );
  return y!;
};

/** The mean of an image between pixels, at a few places in each cell of a region. */
const roiAlign: Build = (node) => {
  const { b } = node;
  const [x, regions, images] = [node.in(0), node.in(1), node.in(2)];
  if (x.dtype !== "f32" || regions.dtype !== "f32") node.fail("only f32 is supported");
  if (node.text("mode", "avg") !== "avg") node.fail("only the mode avg is supported");
  const [rows, columns] = [node.int("output_height", 1), node.int("output_width", 1)];
  const ratio = node.int("sampling_ratio", 0);
  if (ratio < 0 || ratio > 64) node.fail("its sampling ratio is out of range");
  const usual = node.version >= 16 ? "half_pixel" : "output_half_pixel";
  const half = node.text("coordinate_transformation_mode", usual) === "half_pixel";
  const shift = half ? "f32(0.5)" : "f32(0)";
  const least = half ? "f32(0)" : "f32(1)";
  const samples = (extent: string) =>
    ratio > 0 ? String(ratio) : `clamp(i32(ceil(clamp(${extent}, 0, 4096))), 1, 4096)`;
  const [y] = b.kernel(
    {
      name: "regions_of_images",
      inputs: [
        { name: "x", dims: ["B", "C", "H", "W"] },
        { name: "regions", dims: ["R", 4] },
        { name: "images", dims: ["R"] },
      ],
      outputs: [{ name: "y", dims: ["R", "C", "rows", "columns"] }],
      scalars: [
        { name: "rows", dtype: "i32", value: rows },
        { name: "columns", dtype: "i32", value: columns },
        { name: "scale", dtype: "f32", value: node.float("spatial_scale", 1) },
      ],
      where: "B >= 1, H >= 1, W >= 1, rows >= 0, columns >= 0",
      defs: [
        "def between(x: Tensor[f32, B, C, H, W], b: index, c: index, v: f32, u: f32) -> f32:",
        "    let i = clamp(v, f32(0), f32(H - 1))",
        "    let j = clamp(u, f32(0), f32(W - 1))",
        "    let top = clamp(i32(i), 0, H - 1)",
        "    let left = clamp(i32(j), 0, W - 1)",
        "    let bottom = min(top + 1, H - 1)",
        "    let right = min(left + 1, W - 1)",
        "    let down = i - f32(top)",
        "    let across = j - f32(left)",
        "    let upper = x[b, c, top, left] * (1 - across) + x[b, c, top, right] * across",
        "    let lower = x[b, c, bottom, left] * (1 - across) + x[b, c, bottom, right] * across",
        "    let inside = f32(-1) <= v and v <= f32(H) and f32(-1) <= u and u <= f32(W)",
        "    return upper * (1 - down) + lower * down if inside else f32(0)",
      ].join("\n"),
      body: [
        "@parallel(r, c)",
        "for r, c, i, j in grid(R, C, rows, columns):",
        '    assert i64(0) <= i64(images[r]) and i64(images[r]) < i64(B), "a region names an image that isn’t there"',
        "    let n = clamp(index(images[r]), 0, B - 1)",
        `    let left = regions[r, 0] * scale - ${shift}`,
        `    let top = regions[r, 1] * scale - ${shift}`,
        `    let width = max(regions[r, 2] * scale - ${shift} - left, ${least}) / f32(columns)`,
        `    let height = max(regions[r, 3] * scale - ${shift} - top, ${least}) / f32(rows)`,
        `    let down = ${samples("height")}`,
        `    let across = ${samples("width")}`,
        "    let total = sum(between(x, n, c, top + (f32(i) + (f32(p) + f32(0.5)) / f32(down)) * height, left + (f32(j) + (f32(q) + f32(0.5)) / f32(across)) * width) for p in range(down) for q in range(across))",
        "    y[r, c, i, j] = total / f32(down * across)",
      ],
    },
    [x, regions, images],
    [{ dtype: "f32", shape: [regions.shape[0]!, x.shape[1]!, rows, columns] }],
  );
  return y!;
};

export const sampling: readonly OpRow[] = [
  { op: "GridSample", since: 16, build: gridSample },
  { op: "RoiAlign", since: 10, build: roiAlign },
];

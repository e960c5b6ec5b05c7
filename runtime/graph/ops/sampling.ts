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

export const sampling: readonly OpRow[] = [{ op: "GridSample", since: 16, build: gridSample }];

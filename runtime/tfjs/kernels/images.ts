// Pools and resizing of images whose channels lie together, and transposition.

import type { ScalarSlot, Value } from "../../graph/program.ts";
import type { Build, KernelRow, TfNode } from "../node.ts";
import { convolutionSettings } from "../../graph/ops/window.ts";
import { windowOf } from "./products.ts";

function pool(node: TfNode, kernel: "max_pool_last" | "average_pool_last"): Value {
  const { b } = node;
  const x = node.in("x");
  if (x.shape.length !== 4) node.decline("it isn’t of four dimensions");
  if (x.dtype === "bool" || (kernel === "average_pool_last" && x.dtype !== "f32"))
    node.decline(`it is of ${x.dtype}`);
  const info = node.shapes.computePool2DInfo(
    x.shape as [number, number, number, number],
    node.raw("filterSize"),
    node.raw("strides"),
    1,
    node.raw("pad"),
    node.raw("dimRoundingMode"),
  );
  // As TensorFlow.js has it, windows of one pixel that give as many pixels give these pixels, whatever stride and padding say.
  const same = info.outShape.every((dim, axis) => dim === x.shape[axis]);
  if (info.filterHeight === 1 && info.filterWidth === 1 && same) return x;
  const window = windowOf(node, info);
  const { set, where, places } = convolutionSettings(window);
  const largest = kernel === "max_pool_last";
  // As a number, so that the pixels that sums share lie at known distances, as for the windows of convolutions.
  const depth = largest ? "C" : x.shape[3]!;
  const parameters = [`T=${x.dtype}`, `R=${info.filterHeight}`, `Q=${info.filterWidth}`, ...set];
  const [y] = b.kernel(
    {
      name: largest ? "largest_in_window" : "mean_in_window",
      inputs: [{ name: "x", dims: ["B", "H", "W", depth] }],
      outputs: [{ name: "y", dims: ["B", ...places, depth] }],
      scalars: largest
        ? [{ name: "lowest", dtype: x.dtype, value: x.dtype === "f32" ? -Infinity : -(2 ** 31) }]
        : [],
      where,
      body: [`${kernel}[${parameters.join(", ")}](x, ${largest ? "lowest, " : ""}y)`],
      uses: [`std.channels_last.${kernel}`],
    },
    [x],
    [{ dtype: x.dtype, shape: [x.shape[0]!, ...window.out, x.shape[3]!] }],
  );
  return y!;
}

const resizeBilinear: Build = (node) => {
  const { b } = node;
  const x = b.cast(node.in("images"), "f32");
  const [height, width] = node.numbers("size") as [number, number];
  const [batch, rows, columns, channels] = x.shape as [number, number, number, number];
  if (rows === 0 || columns === 0) node.decline("there are no pixels");
  const corners = node.flag("alignCorners");
  const ratio = (size: number, out: number): number =>
    corners && out > 1 ? (size - 1) / (out - 1) : size / out;
  // Where there are few channels, their number is known to the kernel, and columns lie in lanes.
  const few = channels <= 4;
  const depth = few ? channels : "C";
  const across: ScalarSlot[] = [
    { name: "width", dtype: "i32", value: width },
    { name: "columns", dtype: "f32", value: ratio(columns, width) },
  ];
  const down: ScalarSlot[] = [
    { name: "height", dtype: "i32", value: height },
    { name: "rows", dtype: "f32", value: ratio(rows, height) },
  ];
  const shift: ScalarSlot = { name: "shift", dtype: "f32", value: node.flag("halfPixelCenters") ? 0.5 : 0 };
  const [columnsWhere, rowsWhere] = [
    "W >= 1, 0 <= width, width <= 16777216",
    "H >= 1, 0 <= height, height <= 16777216",
  ];
  // One axis and then the other, where that makes the image in between no larger than the result: places and weights of columns are found
  // once for a row that several rows of the result lie around, and rows are mixed whole.
  if (height >= rows && width > 0) {
    const kernel = few ? "resize_columns_few" : "resize_columns_last";
    const [wide] = b.kernel(
      {
        name: "resize_columns",
        inputs: [{ name: "x", dims: ["R", "W", depth] }],
        outputs: [{ name: "y", dims: ["R", "width", depth] }],
        scalars: [...across, shift],
        where: columnsWhere,
        body: [`${kernel}(x, width, columns, shift, y)`],
        uses: [`std.resize_last.${kernel}`],
      },
      [b.reshape(x, [batch * rows, columns, channels])],
      [{ dtype: "f32", shape: [batch * rows, width, channels] }],
    );
    const [y] = b.kernel(
      {
        name: "resize_rows",
        inputs: [{ name: "x", dims: ["B", "H", "N"] }],
        outputs: [{ name: "y", dims: ["B", "height", "N"] }],
        scalars: [...down, shift],
        where: rowsWhere,
        body: ["resize_rows_last(x, height, rows, shift, y)"],
        uses: ["std.resize_last.resize_rows_last"],
      },
      [b.reshape(wide!, [batch, rows, width * channels])],
      [{ dtype: "f32", shape: [batch, height, width * channels] }],
    );
    return b.reshape(y!, [batch, height, width, channels]);
  }
  const kernel = few ? "resize_bilinear_few" : "resize_bilinear_last";
  const [y] = b.kernel(
    {
      name: "resize_bilinear",
      inputs: [{ name: "x", dims: ["B", "H", "W", depth] }],
      outputs: [{ name: "y", dims: ["B", "height", "width", depth] }],
      scalars: [...across, ...down, shift],
      where: `${columnsWhere}, ${rowsWhere}`,
      body: [`${kernel}(x, height, width, rows, columns, shift, y)`],
      uses: [`std.resize_last.${kernel}`],
    },
    [x],
    [{ dtype: "f32", shape: [batch, height, width, channels] }],
  );
  return y!;
};

const transpose: Build = (node) => node.b.transpose(node.in("x"), node.numbers("perm") ?? []);

const row = (kernel: string, build: Build): KernelRow => ({ kernel, build });

export const images: readonly KernelRow[] = [
  row("AvgPool", (node) => pool(node, "average_pool_last")),
  row("MaxPool", (node) => pool(node, "max_pool_last")),
  row("ResizeBilinear", resizeBilinear),
  row("Transpose", transpose),
];

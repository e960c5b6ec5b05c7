// Products, convolutions, pooling, resizing, and what is quantized.

import type { Dtype } from "../../../lang/dtypes.ts";
import { tensor } from "../../../runtime/index.ts";
import type { AttributeSpec } from "../../onnx/models.ts";
import type { Maker } from "./pointwise.ts";
import { broadcast, count, isExact, rounded, type Sketch, type Value } from "./sketch.ts";

const more = (k: number): number => Math.ceil(Math.log2(Math.max(k, 1)));

/** An image of so many axes besides batch and channels, and not empty. */
function image(s: Sketch, dims: number, channels?: number): Value {
  const fits = ({ dtype, shape }: Value) =>
    dtype === "f32" &&
    shape.length === dims + 2 &&
    count(shape) > 0 &&
    count(shape) < 2000 &&
    (channels === undefined || shape[1] === channels);
  return s.find(fits, () => {
    const shape = [
      s.dice.between(1, 2),
      channels ?? s.dice.between(1, 6),
      ...Array.from({ length: dims }, () => s.dice.between(3, dims > 2 ? 5 : 9)),
    ];
    return s.leaf("f32", shape);
  });
}

/** How many axes of an image windows go over: mostly two. */
const fewAxes = (s: Sketch): number =>
  s.dice.weighted([
    [2, 1],
    [6, 2],
    [1, 3],
  ]);

interface Window {
  readonly kernel: readonly number[];
  readonly out: readonly number[];
  readonly attributes: Record<string, AttributeSpec>;
}

/** A window with strides, dilations and pads that some place of the image can take; undefined if none can. */
function windowOf(s: Sketch, sizes: readonly number[], dilates: boolean, ceil = false): Window | undefined {
  const each = <V>(made: (size: number) => V) => sizes.map(made);
  const kernel = each((size) => s.dice.between(1, Math.min(3, size)));
  const strides = each(() =>
    s.dice.weighted([
      [3, 1],
      [1, 2],
      [0.4, 3],
    ]),
  );
  const auto = s.dice.weighted([
    [6, "NOTSET"],
    [1, "SAME_UPPER"],
    [1, "SAME_LOWER"],
    [1, "VALID"],
  ]);
  // With sizes kept, the reference leaves dilations out or refuses them.
  const spread = dilates && !auto.startsWith("SAME");
  const dilations = each(() => (spread && s.dice.chance(0.2) ? 2 : 1));
  const reach = kernel.map((size, at) => (size - 1) * dilations[at]! + 1);

  const side = () => kernel.map((size) => (auto === "NOTSET" ? s.dice.below(size) : 0));
  const [low, high] = [side(), side()];
  const out = sizes.map((size, at) => {
    if (auto.startsWith("SAME")) return Math.ceil(size / strides[at]!);
    const span = size + low[at]! + high[at]! - reach[at]!;
    if (span < 0) return 0;
    const places = (ceil ? Math.ceil : Math.floor)(span / strides[at]!) + 1;
    // No window starts behind the image.
    return ceil && (places - 1) * strides[at]! >= size + low[at]! ? places - 1 : places;
  });
  if (out.includes(0)) return undefined;
  const attributes: Record<string, AttributeSpec> = { kernel_shape: kernel, strides };
  if (dilates) attributes["dilations"] = dilations;
  if (auto === "NOTSET") attributes["pads"] = [...low, ...high];
  else attributes["auto_pad"] = auto;
  return { kernel, out, attributes };
}

const activations = (s: Sketch, made: Value): void => {
  if (s.dice.chance(0.5)) s.emit(s.dice.pick(["Relu", "Sigmoid"]), [made], [["f32", made.shape, rounded]]);
};

export const products: readonly Maker[] = [
  (s) => {
    const a = s.any("f32", ({ shape }) => shape.length > 0);
    const k = a.shape.at(-1);
    if (k === undefined) return;
    const n = s.size();
    const batch = a.shape.slice(0, -2);
    const right = s.dice.weighted<readonly number[]>([
      [3, [k, n]],
      [2, [...batch, k, n]],
      [1, [k]],
      [1, [...batch.map((size) => (s.dice.chance(0.5) ? 1 : size)), k, n]],
    ]);
    const b = s.like("f32", right);
    const stack = broadcast(batch, b.shape.slice(0, -2));
    if (!stack) return;
    const shape = [
      ...stack,
      ...a.shape.slice(0, -1).slice(-1),
      ...(b.shape.length > 1 ? b.shape.slice(-1) : []),
    ];
    if (count(shape) > 4000) return;
    const [y] = s.emit("MatMul", [a, b], [["f32", shape, a.bits + b.bits + more(k)]]);
    if (s.dice.chance(0.4) && shape.length > 0) {
      const [sum] = s.emit("Add", [y!, s.like("f32", shape.slice(-1))], [["f32", shape, y!.bits + 1]]);
      activations(s, sum!);
    }
  },
  (s) => {
    const a = s.ranked("f32", 2);
    const [ta, tb] = [s.dice.below(2), s.dice.below(2)];
    const [m, k] = ta === 1 ? a.shape.toReversed() : a.shape;
    const n = s.size();
    const b = s.like("f32", tb === 1 ? [n, k!] : [k!, n]);
    const c = s.dice.weighted<readonly number[] | undefined>([
      [2, [n]],
      [1, [m!, n]],
      [1, [1, n]],
      [1, [m!, 1]],
      [0.5, []],
      [1, undefined],
    ]);
    if (!c && s.version < 11) return;
    // Of no products, the reference leaves `beta` out.
    if (k === 0) return;
    const inputs = [a, b, ...(c ? [s.like("f32", c)] : [])];
    const attributes = {
      transA: ta,
      transB: tb,
      ...(s.dice.chance(0.3) ? { alpha: { float: 0.5 }, beta: { float: 2 } } : {}),
    };
    const [y] = s.emit("Gemm", inputs, [["f32", [m!, n], rounded]], { attributes });
    activations(s, y!);
  },
  (s) => {
    if (s.version < 12) return;
    const [b, m, k, n] = [s.dice.between(1, 3), s.size(), s.size(), s.size()];
    const [equation, left, right, out] = s.dice.pick<readonly [string, number[], number[], number[]]>([
      ["bij,bjk->bik", [b, m, k], [b, k, n], [b, m, n]],
      ["bij,bkj->ikb", [b, m, k], [b, n, k], [m, n, b]],
      ["ij,jk", [m, k], [k, n], [m, n]],
      ["...ij,...j->...i", [b, m, k], [k], [b, m]],
      ["i,j->ij", [m], [n], [m, n]],
    ]);
    if (out.includes(0) || k === 0) return;
    s.emit("Einsum", [s.like("f32", left), s.like("f32", right)], [["f32", out, rounded]], {
      attributes: { equation },
    });
  },
  (s) => {
    const x = image(s, fewAxes(s));
    const [n, c, ...sizes] = x.shape;
    const made = windowOf(s, sizes, true);
    if (!made) return;
    const groups = s.dice.pick([1, 1, c!, ...(c! % 2 === 0 ? [2] : [])]);
    const out = groups * s.dice.between(1, 4);
    const w = s.leaf("f32", [out, c! / groups, ...made.kernel]);
    const bias = s.dice.chance(0.5) ? [s.leaf("f32", [out])] : [];
    const shape = [n!, out, ...made.out];
    const attributes = { ...made.attributes, group: groups };
    const [y] = s.emit("Conv", [x, w, ...bias], [["f32", shape, rounded]], { attributes });
    activations(s, y!);
  },
  (s) => {
    const x = image(s, s.dice.between(1, 3));
    const [n, c, ...sizes] = x.shape;
    const groups = s.dice.pick([1, 1, c!]);
    const out = s.dice.between(1, 3);
    const each = (high: number) => sizes.map(() => s.dice.between(1, high));
    const [kernel, strides, dilations] = [each(3), each(2), each(s.dice.pick([1, 2]))];
    const extra = strides.map((stride) => s.dice.below(stride));
    const pads = [...kernel, ...kernel].map((size) => s.dice.below(size));
    const shape = sizes.map(
      (size, at) =>
        (size - 1) * strides[at]! +
        extra[at]! +
        (kernel[at]! - 1) * dilations[at]! +
        1 -
        pads[at]! -
        pads[at + sizes.length]!,
    );
    if (shape.some((size) => size <= 0)) return;
    const w = s.leaf("f32", [c!, out, ...kernel]);
    const bias = s.dice.chance(0.5) ? [s.leaf("f32", [out * groups])] : [];
    s.emit("ConvTranspose", [x, w, ...bias], [["f32", [n!, out * groups, ...shape], rounded]], {
      attributes: { kernel_shape: kernel, strides, dilations, pads, output_padding: extra, group: groups },
    });
  },
  (s) => {
    const x = image(s, fewAxes(s));
    const [n, c, ...sizes] = x.shape;
    const maximum = s.dice.chance(0.5);
    const ceil = s.version >= 10 && s.dice.chance(0.3);
    const made = windowOf(s, sizes, maximum && s.version >= 10, ceil);
    if (!made || (ceil && "auto_pad" in made.attributes)) return;
    const attributes: Record<string, AttributeSpec> = {
      ...made.attributes,
      ...(ceil ? { ceil_mode: 1 } : {}),
    };
    if (!maximum && s.dice.chance(0.4)) attributes["count_include_pad"] = 1;
    const shape = [n!, c!, ...made.out];
    const values = ["f32", shape, maximum ? x.bits : rounded] as const;
    if (maximum && isExact(x) && sizes.length < 3 && s.dice.chance(0.2))
      s.emit("MaxPool", [x], [values, ["i64", shape, 12]], { attributes });
    else s.emit(maximum ? "MaxPool" : "AveragePool", [x], [values], { attributes });
  },
  (s) => {
    const x = image(s, s.dice.between(1, 3));
    const op = s.dice.pick(["GlobalAveragePool", "GlobalMaxPool"]);
    s.emit(
      op,
      [x],
      [
        [
          "f32",
          [...x.shape.slice(0, 2), ...x.shape.slice(2).map(() => 1)],
          op === "GlobalMaxPool" ? x.bits : rounded,
        ],
      ],
    );
  },
  (s) => {
    if (s.version < 11) return;
    const x = image(s, 2);
    const [n, c, h, w] = x.shape;
    const mode = s.dice.pick(["nearest", "linear", "cubic"]);
    const places = s.dice.pick(["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]);
    const [tall, wide] = [s.dice.between(1, 9), s.dice.between(1, 9)];
    const attributes = {
      mode,
      coordinate_transformation_mode: places,
      ...(mode === "nearest" ? { nearest_mode: s.dice.pick(["floor", "ceil", "round_prefer_floor"]) } : {}),
    };
    const none =
      s.version >= 13 ? ["", ""] : [s.constant(tensor([], [0], "f32")), s.constant(tensor([], [0], "f32"))];
    if (s.dice.chance(0.5)) {
      s.emit(
        "Resize",
        [x, ...none, s.integers([n!, c!, tall, wide])],
        [["f32", [n!, c!, tall, wide], mode === "nearest" ? x.bits : rounded]],
        { attributes },
      );
    } else {
      const [up, along] = [s.dice.pick([1, 2, 0.5, 1.5]), s.dice.pick([1, 2, 3])];
      const shape = [n!, c!, Math.floor(h! * up), w! * along];
      if (shape.includes(0)) return;
      const scales = s.constant(tensor([1, 1, up, along], [4], "f32"));
      s.emit("Resize", [x, none[0]!, scales], [["f32", shape, mode === "nearest" ? x.bits : rounded]], {
        attributes,
      });
    }
  },
  (s) => {
    if (s.version < 16) return;
    const x = image(s, 2);
    const [tall, wide] = [s.dice.between(1, 5), s.dice.between(1, 5)];
    const grid = s.leaf("f32", [x.shape[0]!, tall, wide, 2]);
    const mode = s.version >= 20 ? s.dice.pick(["linear", "cubic"]) : s.dice.pick(["bilinear", "bicubic"]);
    const attributes = {
      mode,
      padding_mode: s.dice.pick(["zeros", "border", "reflection"]),
      align_corners: s.dice.below(2),
    };
    s.emit("GridSample", [x, grid], [["f32", [x.shape[0]!, x.shape[1]!, tall, wide], rounded]], {
      attributes,
    });
  },
  (s) => {
    if (s.version < 10) return;
    const x = s.any("f32", isExact);
    const dtype = s.dice.pick<Dtype>(["u8", "i8"]);
    const channel = s.version >= 13 && x.shape.length > 0 && s.dice.chance(0.4);
    const axis = channel ? s.dice.below(x.shape.length) : 0;
    const shape = channel ? [x.shape[axis]!] : [];
    // Powers of two: what is quantized lies on no boundary that rounding could miss.
    const scales = s.constant(
      tensor(
        Array.from({ length: count(shape) }, () => s.dice.pick([0.25, 0.5, 1])),
        shape,
        "f32",
      ),
    );
    const zero = s.leaf(dtype, shape);
    const attributes = channel ? { axis } : {};
    const [q] = s.emit("QuantizeLinear", [x, scales, zero], [[dtype, x.shape, 8]], { attributes });
    s.emit("DequantizeLinear", [q!, scales, zero], [["f32", x.shape, 10]], { attributes });
  },
  (s) => {
    if (s.version < 10) return;
    const a = s.any(s.dice.pick<Dtype>(["u8", "i8"]), ({ shape }) => shape.length >= 2);
    const k = a.shape.at(-1);
    // Of no products, the reference leaves sums as memory was.
    if (a.shape.length < 2 || k === undefined || k === 0) return;
    const n = s.size();
    const b = s.like(a.dtype === "i8" ? "i8" : s.dice.pick<Dtype>(["u8", "i8"]), [k, n]);
    const zeros = s.dice.chance(0.5)
      ? [s.leaf(a.dtype, []), s.leaf(b.dtype, s.dice.chance(0.5) ? [] : [n])]
      : [];
    s.emit("MatMulInteger", [a, b, ...zeros], [["i32", [...a.shape.slice(0, -1), n], 20]]);
  },
  (s) => {
    if (s.version < 10) return;
    const x = image(s, 2);
    if (!isExact(x)) return;
    const [n, c, ...sizes] = x.shape;
    const made = windowOf(s, sizes, true);
    if (!made) return;
    const out = s.dice.between(1, 4);
    const [xs, ws] = [s.constant(tensor([0.25], [], "f32")), s.constant(tensor([0.5], [], "f32"))];
    const [xz, wz] = [
      s.constant(tensor([s.dice.pick([0, 128, 100])], [], "u8")),
      s.constant(tensor([0], [], "i8")),
    ];
    const [xq] = s.emit("QuantizeLinear", [x, xs, xz], [["u8", x.shape, 10]]);
    const [xd] = s.emit("DequantizeLinear", [xq!, xs, xz], [["f32", x.shape, 12]]);
    const weights = Array.from({ length: out * c! * count(made.kernel) }, () => s.dice.between(-20, 20));
    const w = s.constant(tensor(weights, [out, c!, ...made.kernel], "i8"), 8);
    const [wd] = s.emit("DequantizeLinear", [w, ws, wz], [["f32", w.shape, 10]]);
    const [y] = s.emit("Conv", [xd!, wd!], [["f32", [n!, out, ...made.out], rounded]], {
      attributes: made.attributes,
    });
    s.emit("Relu", [y!], [["f32", y!.shape, rounded]]);
  },
];

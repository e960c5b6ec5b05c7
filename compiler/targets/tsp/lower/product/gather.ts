// A convolution over few channels as a product of plain matrices: the host lays all that a word of the result is made of into
// one word of the input, pixels of all taps side by side. It sends more bytes, and the planes need one pass instead of many.

import type { Product } from "./spec.ts";

/** What stands behind the rows and columns of a gathered product. */
export interface Gathered {
  readonly of: Product;
  /** The place of a weight for a lane of the input and a column; -1 where there is none. */
  weight(lane: number, column: number): number;
  /** The place of an input's element in its tensor's coordinates: row (of all images), pixel, channel; undefined outside. */
  source(row: number, group: number, lane: number): readonly [number, number, number] | undefined;
}

/** The product whose words hold all taps of `pixels` neighbouring pixels of the result. */
export function gatheredProduct(product: Product, pixels: number): Product {
  const { x, y, channels, columns, weights } = product;
  const span = (pixels - 1) * x.stride + (x.taps - 1) * x.dilation + 1;
  const split = (lane: number): readonly [number, number, number] => [
    Math.floor(lane / channels / span),
    Math.floor(lane / channels) % span,
    lane % channels,
  ];
  const plain = (outputs: number): Product["x"] => ({
    size: outputs,
    outputs,
    taps: 1,
    stride: 1,
    dilation: 1,
    offset: 0,
  });
  return {
    ...product,
    y: plain(y.outputs),
    x: plain(x.outputs / pixels),
    channels: y.taps * span * channels,
    columns: pixels * columns,
    gathered: {
      of: product,
      weight(lane, column) {
        const [r, at, channel] = split(lane);
        const past = at - Math.floor(column / columns) * x.stride;
        const q = past / x.dilation;
        if (past < 0 || !Number.isInteger(q) || q >= x.taps) return -1;
        return (
          weights.first +
          r * weights.r +
          q * weights.q +
          channel * weights.channel +
          (column % columns) * weights.column
        );
      },
      source(row, group, lane) {
        const [r, at, channel] = split(lane);
        const own = (row % y.outputs) * y.stride + r * y.dilation + y.offset;
        const pixel = group * pixels * x.stride + at + x.offset;
        if (own < 0 || own >= y.size || pixel < 0 || pixel >= x.size) return undefined;
        return [Math.floor(row / y.outputs) * y.size + own, pixel, channel];
      },
    },
  };
}

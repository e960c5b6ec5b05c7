// How a tensor of pixels lies in words of 320 lanes: the channels of several neighbouring pixels side by side where they are
// few, or the channels of one pixel in several words where they are many. Words are numbered row by row, pixel by pixel.

import { lanes } from "../../machine/geometry.ts";

export interface Layout {
  /** Rows of all images together, and pixels in each. */
  readonly rows: number;
  readonly width: number;
  readonly channels: number;
  /** Pixels of a word; they divide the width. */
  readonly pixels: number;
  /** Words of a pixel, and channels in each but the last. */
  readonly parts: number;
  readonly share: number;
  /** Words of a row of pixels, without the parts of each. */
  readonly across: number;
  readonly words: number;
}

/** Shares are whole blocks of weights, which are loaded 16 columns at a time. */
const block = 16;

/** `most` channels a word where that is asked for: then every part but the last one has as many. */
export function layoutOf(
  rows: number,
  width: number,
  channels: number,
  pixels: number,
  most?: number,
): Layout {
  const parts = Math.max(1, Math.ceil(channels / (most ?? lanes)));
  const share = parts === 1 ? channels : (most ?? block * Math.ceil(channels / parts / block));
  const across = width / pixels;
  return { rows, width, channels, pixels, parts, share, across, words: rows * across * parts };
}

/** How many pixels a word can hold: those counts that divide the width. */
export function pixelChoices(width: number, channels: number, share = lanes): readonly number[] {
  if (channels > share) return [1];
  const most = Math.max(1, Math.floor(lanes / Math.max(1, channels)));
  return Array.from({ length: Math.min(most, Math.max(1, width)) }, (_, at) => at + 1).filter(
    (count) => width % count === 0,
  );
}

export const wordAt = ({ across, parts }: Layout, row: number, group: number, part: number): number =>
  (row * across + group) * parts + part;

/** Channels in a part, and lanes that a word of it uses. */
export const channelsOf = ({ channels, share, parts }: Layout, part: number): number =>
  part === parts - 1 ? channels - share * (parts - 1) : share;
export const lanesOf = (layout: Layout, part: number): number => layout.pixels * channelsOf(layout, part);

/** Calls `each` for every lane of a word that holds an element. */
export function eachLane(
  layout: Layout,
  word: number,
  each: (lane: number, row: number, x: number, channel: number) => void,
): void {
  const { across, parts, pixels, share } = layout;
  const part = word % parts;
  const group = Math.floor(word / parts) % across;
  const row = Math.floor(word / parts / across);
  const count = channelsOf(layout, part);
  for (let pixel = 0; pixel < pixels; pixel++)
    for (let channel = 0; channel < count; channel++)
      each(pixel * count + channel, row, group * pixels + pixel, part * share + channel);
}

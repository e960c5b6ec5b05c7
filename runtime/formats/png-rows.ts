// The rows of a PNG image between compression and pixels: the seven small images of an interlaced one, and the
// filters that tell each byte by its neighbours.

/** An image of its own within the whole, every `stepX`th column and `stepY`th line of it. */
export interface Pass {
  readonly left: number;
  readonly top: number;
  readonly stepX: number;
  readonly stepY: number;
  readonly columns: number;
  readonly lines: number;
}

const interlacing = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;
const straight = [[0, 0, 1, 1]] as const;

/** The passes of an image that have pixels, in the order of the file. */
export function passesOf(image: { width: number; height: number; interlaced: boolean }): Pass[] {
  return (image.interlaced ? interlacing : straight)
    .map(([left, top, stepX, stepY]) => ({
      left,
      top,
      stepX,
      stepY,
      columns: Math.ceil(Math.max(image.width - left, 0) / stepX),
      lines: Math.ceil(Math.max(image.height - top, 0) / stepY),
    }))
    .filter(({ columns, lines }) => columns > 0 && lines > 0);
}

/** Bytes of a row without its filter. */
export function rowBytes(columns: number, bits: number): number {
  return Math.ceil((columns * bits) / 8);
}

export const filters = 5;

/** What a filter expects of a byte: `left` before it, `above` it, and left above. */
function predicted(filter: number, left: number, above: number, corner: number): number {
  switch (filter) {
    case 1:
      return left;
    case 2:
      return above;
    case 3:
      return (left + above) >> 1;
    case 4: {
      const guess = left + above - corner;
      const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - above), Math.abs(guess - corner)];
      return a <= b && a <= c ? left : b <= c ? above : corner;
    }
    default:
      return 0;
  }
}

/** Undoes a row's filter in place; `step` is the bytes of a pixel, `before` the row above. */
export function unfilter(filter: number, row: Uint8Array, before: Uint8Array, step: number): void {
  if (filter === 0) return;
  for (let at = 0; at < row.length; at++) {
    const left = at < step ? 0 : row[at - step]!;
    const corner = at < step ? 0 : before[at - step]!;
    row[at] = row[at]! + predicted(filter, left, before[at]!, corner);
  }
}

/** Writes a row through the filter that leaves the smallest differences, its number first. */
export function filterRow(row: Uint8Array, before: Uint8Array, step: number, out: Uint8Array): void {
  let least = Infinity;
  const attempt = new Uint8Array(row.length);
  for (let filter = 0; filter < filters; filter++) {
    let total = 0;
    for (let at = 0; at < row.length && total < least; at++) {
      const left = at < step ? 0 : row[at - step]!;
      const corner = at < step ? 0 : before[at - step]!;
      const difference = (row[at]! - predicted(filter, left, before[at]!, corner)) & 255;
      attempt[at] = difference;
      total += difference < 128 ? difference : 256 - difference;
    }
    if (total >= least) continue;
    least = total;
    out[0] = filter;
    out.set(attempt, 1);
  }
}

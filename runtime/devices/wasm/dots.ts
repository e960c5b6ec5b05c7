// What this engine's relaxed dot product of bytes computes. It is specified for bytes from 0 to 127 on the right only; with
// others it may take them as signed or as unsigned, and may cut off sums of pairs at 16 bits. An engine does one thing
// always, so some hundred trials at the ends of the ranges tell what it may be used for.

import type { WasmFeature } from "../../../compiler/artifact.ts";

/** Adds four products of bytes, packed into numbers lowest first, to a sum, twice over. */
export type DotTwice = (left: number, right: number, sum: number) => number;

/** i32x4.relaxed_dot_i8x16_i7x16_add_s of splats, its result the sum of another; lane 0. */
export const dotProbe: readonly number[] = [
  [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  [1, 8, 1, 0x60, 3, 0x7f, 0x7f, 0x7f, 1, 0x7f],
  [3, 2, 1, 0],
  [7, 5, 1, 1, 0x66, 0, 0],
  [10, 33, 1, 31, 0],
  [0x20, 0, 0xfd, 0x11, 0x20, 1, 0xfd, 0x11],
  [0x20, 0, 0xfd, 0x11, 0x20, 1, 0xfd, 0x11],
  [0x20, 2, 0xfd, 0x11],
  [0xfd, 0x93, 2, 0xfd, 0x93, 2],
  [0xfd, 0x1b, 0, 0x0b],
].flat();

/** The engine's own dot product; only where it has relaxed SIMD. */
export function relaxedDot(): DotTwice {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(dotProbe)));
  return instance.exports["f"] as DotTwice;
}

const lefts = [-128, -1, 126, 127];
const smallRights = [0, 1, 64, 127];
const rights = [...smallRights, 128, 254, 255];

/** Which of the `relaxed-dot` features hold for a dot product. */
export function dotFeatures(dot: DotTwice): readonly WasmFeature[] {
  const exact = (values: readonly number[], meaning: (byte: number) => number): boolean =>
    pairs(lefts).every(([a, b]) =>
      pairs(values).every(([x, y]) => {
        const sum = 2 * (a * meaning(x) + b * meaning(y));
        // Both as two pairs of one kind, and each kind as a pair of its own.
        return [
          [packed(a, b, a, b), packed(x, y, x, y)],
          [packed(a, a, b, b), packed(x, x, y, y)],
        ].every(([left, right]) => dot(left!, right!, 1000) === 1000 + 2 * sum);
      }),
    );
  if (!exact(smallRights, (byte) => byte)) return [];
  if (exact(rights, (byte) => byte)) return ["relaxed-dot", "relaxed-dot-u8"];
  if (exact(rights, (byte) => (byte << 24) >> 24)) return ["relaxed-dot", "relaxed-dot-i8"];
  return ["relaxed-dot"];
}

const pairs = (values: readonly number[]): readonly (readonly [number, number])[] =>
  values.flatMap((a) => values.map((b) => [a, b] as const));

const packed = (...bytes: readonly number[]): number =>
  bytes.reduce((word, byte, at) => word | ((byte & 255) << (8 * at)), 0);

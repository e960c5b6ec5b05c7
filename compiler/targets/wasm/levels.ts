// The levels of features for which a module can be compiled ahead of time, beside the portable one. What an engine has is known
// when kernels are loaded, so a module for each level that makes a difference lies ready.

/** Features of each level, beside those that are asked for anyway, from the least to the most. */
export const wasmLevels: readonly (readonly string[])[] = [
  ["relaxed-simd"],
  ["relaxed-simd", "relaxed-dot"],
  ["relaxed-simd", "relaxed-dot", "relaxed-dot-i8"],
  ["relaxed-simd", "relaxed-dot", "relaxed-dot-u8"],
];

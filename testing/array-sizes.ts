// Sizes for the library’s kernels whose local arrays depend on dimensions: shaders for other sizes are compiled anew.

export const arraySizes: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "stdlib/attention.kern": { D: 8, E: 8 },
  "stdlib/bytes.kern": { D: 2, J: 2, W: 6, P: 3, Q: 2 },
  "stdlib/four_bits.kern": { B: 2, M: 3 },
  "stdlib/quantized.kern": { B: 2 },
};

// Entries K07xx: calls of compiled kernels, and the data given to them. The runtime imports this file alone, so
// that an application carries no other band.

import { entry } from "./entry.ts";

export const calls = {
  K0701: entry<{ kernel: string; argument: string; expected: string; given: string }>({
    severity: "error",
    name: "wrong-argument",
    message: ({ kernel, argument, expected, given }) =>
      `\`${kernel}\` takes ${expected} as \`${argument}\`, but was given ${given}`,
    explain: `A call is checked before anything runs: dtypes, ranks, sizes shared between arguments, and the
\`where\` clauses of the signature.`,
  }),
  K0702: entry<{ kernel: string; argument: string; expected: string }>({
    severity: "error",
    name: "missing-argument",
    message: ({ kernel, argument, expected }) => `\`${kernel}\` needs \`${argument}\`, ${expected}`,
    explain: `Every tensor that is read, every \`mut\` tensor and every scalar must be given, by name. Only \`out\`
tensors may be left out: the runtime allocates them. A dimension that only \`out\` tensors show has to be given as
a number under its own name.`,
  }),
  K0703: entry<{ kernel: string; argument: string }>({
    severity: "error",
    name: "unknown-argument",
    message: ({ kernel, argument }) => `\`${kernel}\` has no parameter \`${argument}\``,
    explain: `Arguments are given by the names that the kernel's signature uses.`,
  }),
  K0704: entry<{
    kernel: string;
    argument: string;
    axis: number;
    size: number;
    expected: number;
    expression: string;
  }>({
    severity: "error",
    name: "shape-mismatch",
    message: ({ kernel, argument, axis, size, expected, expression }) =>
      `axis ${axis} of \`${argument}\` must be ${expression}${expression === String(expected) ? "" : ` = ${expected}`} in this call of \`${kernel}\`, but it is ${size}`,
    explain: `The first argument that shows a dimension bare gives it its size. Every other place where the
signature names the dimension, alone or in an expression, must agree.`,
  }),
  K0705: entry<{ kernel: string; clause: string; values: string }>({
    severity: "error",
    name: "constraint-not-met",
    message: ({ kernel, clause, values }) =>
      `\`${kernel}\` may only be called where \`${clause}\`${values ? `, but here ${values}` : ""}`,
    explain: `A \`where\` clause, or a condition that follows from the shapes in the signature, has to hold for
the call's dimensions and scalars. The compiler relied on it.`,
  }),
  K0706: entry<{ kernel: string; argument: string; other: string }>({
    severity: "error",
    name: "overlapping-tensors",
    message: ({ kernel, argument, other }) =>
      argument === other
        ? `\`${kernel}\` writes \`${argument}\`, but two of its elements lie at the same place`
        : `\`${kernel}\` writes \`${argument}\`, which shares elements with \`${other}\``,
    explain: `A tensor that a kernel writes may not overlap itself (a broadcast view does) or another argument:
the result would depend on the order of execution. Give a copy instead.`,
  }),
  K0707: entry<{ kernel: string; given: string }>({
    severity: "error",
    name: "no-instance",
    message: ({ kernel, given }) => `\`${kernel}\` was not compiled for ${given}`,
    explain: `A generic kernel that was compiled ahead of time exists for the dtypes and ranks that were asked
for, no others. Compile it for more (\`--set T=f16\`), convert the arguments, or load what \`compile()\` returns
instead of files: it makes further instances when they are needed.`,
  }),
  K0708: entry<{ kernel: string; message: string }>({
    severity: "error",
    name: "assertion-failed",
    message: ({ kernel, message }) => `\`${kernel}\` stopped at an assertion: ${message}`,
    explain: `An \`assert\` in the kernel did not hold for the data given. The call hands out no result.`,
  }),
  K0709: entry<{ why: string }>({
    severity: "error",
    name: "bad-tensor-data",
    message: ({ why }) => `I can’t make this tensor: ${why}`,
    explain: `A tensor's data is a typed array in row-major order with as many elements as the shape has. The
dtype follows from the array's type; f16 and bf16 come as the bits in a Uint16Array, bool and packed 4- and 2-bit
integers as a Uint8Array, with the dtype named.`,
  }),
  K0710: entry<{ shape: string; why: string }>({
    severity: "error",
    name: "bad-shape",
    message: ({ shape, why }) => `${shape} is not a shape I can use: ${why}`,
    explain: `A dimension is a whole number from 0 up to, but not including, 2^30, and a tensor takes less than
2^32 bytes. The compiler's proofs rely on both.`,
  }),
  K0711: entry<{ what: string }>({
    severity: "error",
    name: "not-built-yet",
    message: ({ what }) => `${what} is not built yet`,
    explain: `The name is reserved for something that this version doesn't have.`,
  }),
  K0712: entry<{ what: string; bytes: number }>({
    severity: "error",
    name: "out-of-memory",
    message: ({ what, bytes }) =>
      `there is no room for ${what}, which takes ${bytes.toLocaleString("en")} bytes`,
    explain: `A device has one memory of at most 4 GiB, and the machine may grant less. Free tensors that are no
longer needed with \`dispose()\`, or compute in parts.`,
  }),
  K0713: entry<{ what: string }>({
    severity: "error",
    name: "used-after-dispose",
    message: ({ what }) => `${what} was disposed of and can’t be used any more`,
    explain: `\`dispose()\` on a tensor gives its memory back; \`close()\` on a device ends it, with all its
tensors. Read results with \`await t.data()\` before.`,
  }),
  K0714: entry<{ why: string }>({
    severity: "error",
    name: "cannot-load",
    message: ({ why }) => `I can’t load these kernels: ${why}`,
    explain: `A device loads what \`compile()\` returns, or a manifest together with the code for the device's
target, as \`kernc compile\` writes them.`,
  }),
  K0715: entry<{ view: string; why: string }>({
    severity: "error",
    name: "no-such-view",
    message: ({ view, why }) => `I can’t make the view ${view}: ${why}`,
    explain: `A view shares its elements with the tensor it is taken of: \`transpose\`, \`slice\` and \`broadcastTo\`
change only strides and offset, \`reshape\` needs elements that lie one behind the other.`,
  }),
  K0716: entry<{ why: string }>({
    severity: "error",
    name: "bad-npy",
    message: ({ why }) => `this is not a .npy file I can use: ${why}`,
    explain: `NumPy's array files of versions 1, 2 and 3 are read, with booleans, integers of 8 to 64 bits and
floats of 16 to 64 bits, in either byte order, in C or Fortran order. The header is checked against the file's
length before anything is allocated.`,
  }),
  K0717: entry<{ why: string }>({
    severity: "error",
    name: "bad-png",
    message: ({ why }) => `this is not a .png image I can use: ${why}`,
    explain: `Images in gray, gray with alpha, RGB, RGBA and palette colours with up to 16 bits a channel are
read, as u8 or u16 tensors [H, W] or [H, W, C]. Written are u8, u16 and bool tensors of such shapes.`,
  }),
  K0718: entry<{ kernel: string; why: string }>({
    severity: "error",
    name: "kernel-crashed",
    message: ({ kernel, why }) => `the code of \`${kernel}\` broke down: ${why}`,
    explain: `Compiled code never traps for what a caller gives it. This is a bug in kernc, please report it with
the kernel and the shapes.`,
  }),
  K0719: entry<{ option: string; expected: string; given: string }>({
    severity: "error",
    name: "bad-option",
    message: ({ option, expected, given }) => `\`${option}\` takes ${expected}, but was given ${given}`,
    explain: `An option of a runtime function has a value that it can't have.`,
  }),
  K0720: entry<{ kernel: string; packs: string }>({
    severity: "error",
    name: "ranks-differ",
    message: ({ kernel, packs }) =>
      `the arguments of \`${kernel}\` don’t agree on how many dimensions ${packs} stands for`,
    explain: `A pack \`*S\` stands for any number of dimensions, but for the same ones in every argument of a
call.`,
  }),
};

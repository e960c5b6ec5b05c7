// Entries K06xx: what a target can’t express.

import { entry } from "./entry.ts";

export const targets = {
  K0601: entry<{ target: string; what: string }>({
    severity: "error",
    name: "target-lacks",
    message: ({ target, what }) => `the target ${target} has no ${what}`,
    explain: `The language has it, this target does not. Compile for another target, or compute in a type that
the target has.`,
  }),
  K0602: entry<{ kernel: string; count: number; limit: number }>({
    severity: "error",
    name: "too-many-bindings",
    message: ({ kernel, count, limit }) =>
      `\`${kernel}\` needs ${count} storage buffers in WGSL, but WebGPU grants every program only ${limit}`,
    explain: `In WGSL each tensor argument is a storage buffer of its own. Values that one phase of a kernel leaves
to the next take a further one each, run-time checks one together. An entry point may see 8 of them on every device.
Split the kernel in two, pack several arguments into one tensor with a leading dimension, or compile for another target.`,
  }),
  K0604: entry<{ array: string; bytes: number; limit: number }>({
    severity: "error",
    name: "local-arrays-too-large",
    message: ({ array, bytes, limit }) =>
      `with \`${array}\` the local arrays of this kernel take ${bytes} bytes, but a WGSL function may hold ${limit}`,
    explain: `The variables of a shader function live in registers, or in memory of the invocation's own, and WGSL
promises 8192 bytes of it. Make the arrays smaller, or process the data in pieces.`,
  }),
  K0605: entry<{ array: string; bytes: number; limit: number }>({
    severity: "error",
    name: "workgroup-memory-too-large",
    message: ({ array, bytes, limit }) =>
      `with \`${array}\` a workgroup of this kernel shares ${bytes} bytes, but WebGPU grants ${limit}`,
    explain: `What \`@stage\` copies, and arrays that several \`@threads\` iterations use, lie in workgroup memory. Every
device has 16384 bytes of it for a workgroup. Make the tiles smaller, above all along the reduction, stage fewer tensors, or
keep an array's elements each to one iteration: then they stay in that invocation's registers.`,
  }),
  K0606: entry<{ count: number; limit: number }>({
    severity: "error",
    name: "too-many-invocations",
    message: ({ count, limit }) =>
      `these \`@threads\` loops have ${count} iterations, but a workgroup has at most ${limit} invocations`,
    explain: `Each iteration of the \`@threads\` loops in a \`@parallel\` iteration is an invocation of one workgroup, and
WebGPU grants 256 of them on every device. Give the workgroup smaller tiles, or each invocation more points:
\`@tile(i=(64, 4), j=(64, 4))\` with threads over \`i.tile[1]\` and \`j.tile[1]\` takes 256.`,
  }),
};

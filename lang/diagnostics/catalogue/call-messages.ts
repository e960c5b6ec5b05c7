// The sentences of the entries K07xx, without their explanations: all of the catalogue that the runtime carries.

import type { Entry } from "./entry.ts";

function message<P>(value: Omit<Entry<P>, "explain">): Omit<Entry<P>, "explain"> {
  return value;
}

export const callMessages = {
  K0701: message<{ kernel: string; argument: string; expected: string; given: string }>({
    severity: "error",
    name: "wrong-argument",
    message: ({ kernel, argument, expected, given }) =>
      `\`${kernel}\` takes ${expected} as \`${argument}\`, but was given ${given}`,
  }),
  K0702: message<{ kernel: string; argument: string; expected: string }>({
    severity: "error",
    name: "missing-argument",
    message: ({ kernel, argument, expected }) => `\`${kernel}\` needs \`${argument}\`, ${expected}`,
  }),
  K0703: message<{ kernel: string; argument: string }>({
    severity: "error",
    name: "unknown-argument",
    message: ({ kernel, argument }) => `\`${kernel}\` has no parameter \`${argument}\``,
  }),
  K0704: message<{
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
  }),
  K0705: message<{ kernel: string; clause: string; values: string }>({
    severity: "error",
    name: "constraint-not-met",
    message: ({ kernel, clause, values }) =>
      `\`${kernel}\` may only be called where \`${clause}\`${values ? `, but here ${values}` : ""}`,
  }),
  K0706: message<{ kernel: string; argument: string; other: string }>({
    severity: "error",
    name: "overlapping-tensors",
    message: ({ kernel, argument, other }) =>
      argument === other
        ? `\`${kernel}\` writes \`${argument}\`, but two of its elements lie at the same place`
        : `\`${kernel}\` writes \`${argument}\`, which shares elements with \`${other}\``,
  }),
  K0707: message<{ kernel: string; given: string }>({
    severity: "error",
    name: "no-instance",
    message: ({ kernel, given }) => `\`${kernel}\` was not compiled for ${given}`,
  }),
  K0708: message<{ kernel: string; message: string }>({
    severity: "error",
    name: "assertion-failed",
    message: ({ kernel, message }) => `\`${kernel}\` stopped at an assertion: ${message}`,
  }),
  K0709: message<{ why: string }>({
    severity: "error",
    name: "bad-tensor-data",
    message: ({ why }) => `I can’t make this tensor: ${why}`,
  }),
  K0710: message<{ shape: string; why: string }>({
    severity: "error",
    name: "bad-shape",
    message: ({ shape, why }) => `${shape} is not a shape I can use: ${why}`,
  }),
  K0712: message<{ what: string; bytes: number }>({
    severity: "error",
    name: "out-of-memory",
    message: ({ what, bytes }) =>
      `there is no room for ${what}, which takes ${bytes.toLocaleString("en")} bytes`,
  }),
  K0713: message<{ what: string }>({
    severity: "error",
    name: "used-after-dispose",
    message: ({ what }) => `${what} was disposed of and can’t be used any more`,
  }),
  K0714: message<{ why: string }>({
    severity: "error",
    name: "cannot-load",
    message: ({ why }) => `I can’t load these kernels: ${why}`,
  }),
  K0715: message<{ view: string; why: string }>({
    severity: "error",
    name: "no-such-view",
    message: ({ view, why }) => `I can’t make the view ${view}: ${why}`,
  }),
  K0716: message<{ why: string }>({
    severity: "error",
    name: "bad-npy",
    message: ({ why }) => `this is not a .npy file I can use: ${why}`,
  }),
  K0717: message<{ why: string }>({
    severity: "error",
    name: "bad-png",
    message: ({ why }) => `this is not a .png image I can use: ${why}`,
  }),
  K0718: message<{ kernel: string; why: string }>({
    severity: "error",
    name: "kernel-crashed",
    message: ({ kernel, why }) => `the code of \`${kernel}\` broke down: ${why}`,
  }),
  K0719: message<{ option: string; expected: string; given: string }>({
    severity: "error",
    name: "bad-option",
    message: ({ option, expected, given }) => `\`${option}\` takes ${expected}, but was given ${given}`,
  }),
  K0720: message<{ kernel: string; packs: string }>({
    severity: "error",
    name: "ranks-differ",
    message: ({ kernel, packs }) =>
      `the arguments of \`${kernel}\` don’t agree on how many dimensions ${packs} stands for`,
  }),
  K0721: message<{ why: string }>({
    severity: "error",
    name: "bad-safetensors",
    message: ({ why }) => `this is not a .safetensors file I can use: ${why}`,
  }),
  K0722: message<{ op: string; given: string }>({
    severity: "error",
    name: "no-kernel-for-op",
    message: ({ op, given }) => `no kernel that is registered for \`${op}\` takes ${given}`,
  }),
  K0723: message<{ op: string; kernels: string }>({
    severity: "error",
    name: "ambiguous-op",
    message: ({ op, kernels }) =>
      `\`${op}\` could be any of ${kernels}: none is more specific than the others`,
  }),
  K0724: message<{ kernel: string; why: string }>({
    severity: "error",
    name: "cannot-register",
    message: ({ kernel, why }) => `I can’t register \`${kernel}\`: ${why}`,
  }),
  K0725: message<{ why: string }>({
    severity: "error",
    name: "no-webgpu",
    message: ({ why }) => `I can’t open a WebGPU device: ${why}`,
  }),
  K0726: message<{ what: string; why: string }>({
    severity: "error",
    name: "device-lost",
    message: ({ what, why }) => `${what} was lost: ${why}`,
  }),
  K0727: message<{ what: string; why: string }>({
    severity: "error",
    name: "gpu-refuses",
    message: ({ what, why }) => `WebGPU refuses ${what}: ${why}`,
  }),
  K0728: message<{ kernel: string; why: string }>({
    severity: "error",
    name: "not-for-tsp",
    message: ({ kernel, why }) => `the TSP can’t run \`${kernel}\`: it has ${why}`,
  }),
  K0729: message<{ what: string; why: string }>({
    severity: "error",
    name: "must-wait",
    message: ({ what, why }) => `${what} can’t be had without waiting: ${why}`,
  }),
  K0730: message<{ annotation: string; why: string }>({
    severity: "error",
    name: "not-steered",
    message: ({ annotation, why }) => `\`${annotation}\` can’t be carried out on the TSP: ${why}`,
  }),
  K0731: message<{ why: string }>({
    severity: "error",
    name: "not-an-archive",
    message: ({ why }) => `I can’t use this archive of compiled kernels: ${why}`,
  }),
};

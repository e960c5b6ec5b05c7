// Entries K08xx: files, options and the command line.

import { entry } from "./entry.ts";

export const files = {
  K0801: entry<{ path: string; why: string }>({
    severity: "error",
    name: "cannot-read",
    message: ({ path, why }) => `I can’t read ${path}: ${why}`,
    explain: `The file named on the command line or by an import could not be read.`,
  }),
  K0802: entry<{ path: string; why: string }>({
    severity: "error",
    name: "cannot-write",
    message: ({ path, why }) => `I can’t write ${path}: ${why}`,
    explain: `Outputs are checked before anything runs, and written to a temporary file that replaces the old one
only when it is complete. The folder must exist.`,
  }),
  K0803: entry<{ setting: string; why: string }>({
    severity: "error",
    name: "bad-setting",
    message: ({ setting, why }) => `the setting ${setting} doesn’t fit: ${why}`,
    explain: `\`--set NAME=VALUE\` gives a kernel's compile-time parameter its value: \`--set T=f16\`,
\`--set relu=true\`. The name is one that stands between square brackets in the kernel's declaration. \`--shape M=512\` makes a
dimension a constant, whose name is one of those in the shapes of tensors. The options \`set\` and \`shape\` of \`compile()\` are the same.`,
  }),
  K0804: entry<{ name: string; file: string }>({
    severity: "error",
    name: "unknown-kernel",
    message: ({ name, file }) => `${file} has no kernel \`${name}\``,
    explain: `\`FILE:KERNEL\` names one kernel of a file that has several.`,
  }),
  K0805: entry<{ file: string }>({
    severity: "error",
    name: "which-kernel",
    message: ({ file }) => `${file} has several kernels, and I can’t tell which one you mean`,
    explain: `Name the kernel behind the file: \`kernc run softmax.kern:softmax\`.`,
  }),
  K0806: entry<{ file: string }>({
    severity: "error",
    name: "no-kernel",
    message: ({ file }) => `${file} declares no kernel that can be called`,
    explain: `The command needs a \`kernel\`. A file of \`def\`s and \`struct\`s alone is there to be imported. A kernel
with a compile-time parameter that has no default can be called with \`--set\`.`,
  }),
  K0807: entry<{ input: string; why: string }>({
    severity: "error",
    name: "bad-input",
    message: ({ input, why }) => `I can’t use the input ${input}: ${why}`,
    explain: `\`--in NAME=VALUE\` takes a \`.npy\` or \`.png\` file, a number, \`true\` or \`false\`, or
\`random(f32, 3, 17, seed=1)\`: a dtype and the dimensions, and optionally a seed and bounds (\`low=0, high=10\`).`,
  }),
  K0808: entry<{ output: string; why: string }>({
    severity: "error",
    name: "bad-output",
    message: ({ output, why }) => `I can’t use the output ${output}: ${why}`,
    explain: `\`--out NAME=PATH\` writes an \`out\` or \`mut\` tensor of the kernel to a \`.npy\` or \`.png\` file.`,
  }),
  K0809: entry<{ test: string; why: string }>({
    severity: "error",
    name: "test-failed",
    message: ({ test, why }) => `the test “${test}” failed: ${why}`,
    explain: `An \`assert\` in a \`test\` block did not hold, or a kernel that it calls could not run.`,
  }),
  K0810: entry<{ path: string }>({
    severity: "error",
    name: "not-formatted",
    message: ({ path }) => `${path} is not formatted`,
    explain: `\`kernc fmt --check\` found a file that \`kernc fmt\` would change.`,
  }),
  K0811: entry<{ path: string; why: string }>({
    severity: "error",
    name: "cannot-create",
    message: ({ path, why }) => `I can’t create ${path}: ${why}`,
    explain: `\`kernc new NAME\` makes a folder with a kernel, a program that calls it and a package.json.`,
  }),
  K0812: entry<{ path: string; why: string }>({
    severity: "error",
    name: "bad-lock",
    message: ({ path, why }) => `I can’t use the lock file ${path}: ${why}`,
    explain: `\`kernc tune\` writes what it found for \`NAME.kern\` into \`NAME.kern.lock\`, as JSON. A lock file that was
damaged, or that holds both sides of a merge, is no ground for guesses: repair or delete it.`,
  }),
};

// Entries K02xx: names, modules and imports.

import { entry } from "./entry.ts";

export const names = {
  K0201: entry<{ name: string; what: string }>({
    severity: "error",
    name: "unknown-name",
    message: ({ name, what }) => `I don’t know ${what} \`${name}\``,
    explain: `Every name is a declaration of this file, an import, a built-in function, or a dimension of a
tensor argument. Names are looked up from the inside out: block, function, module, built-ins.`,
  }),
  K0202: entry<{ wrote: string; instead: string }>({
    severity: "error",
    name: "foreign-habit",
    message: ({ wrote, instead }) => `Kern has no \`${wrote}\`: ${instead}`,
    explain: `The name belongs to Python, NumPy, Mojo, CUDA or Triton. Kern reads like Python, but a kernel has
no objects, no output and no dynamic values; the message names what stands in its place. None of these names is
reserved: a declaration of your own takes precedence.`,
  }),
  K0203: entry<{ name: string }>({
    severity: "error",
    name: "already-declared",
    message: ({ name }) => `\`${name}\` is declared twice in one block`,
    explain: `A name is declared once in a block; parameters belong to the block of the body. An inner block may
declare the name anew, which hides the outer one until the block ends. To change a variable, assign to it
without \`var\`.`,
  }),
  K0204: entry<{ name: string }>({
    severity: "error",
    name: "loop-name-reused",
    message: ({ name }) => `\`${name}\` is the variable of a loop around this one`,
    explain: `Annotations name loops by their variables, and a reader does too. Loops that lie in one another
therefore have different variables; loops that follow one another may share one.`,
  }),
  K0205: entry<{ module: string }>({
    severity: "error",
    name: "module-not-found",
    message: ({ module }) => `I can’t find the module \`${module}\``,
    explain: `\`import std.nn\` names a module of the library; \`from .file import f\` names \`file.kern\` beside
the importing file, and \`..\` its parent folder. Relative imports stay inside the source root.`,
  }),
  K0206: entry<{ cycle: string }>({
    severity: "error",
    name: "import-cycle",
    message: ({ cycle }) => `these files import one another: ${cycle}`,
    explain: `Modules are read before those that import them, so an import can’t lead back. Move what both need
into a file of its own.`,
  }),
  K0207: entry<{ name: string; module: string }>({
    severity: "error",
    name: "not-in-module",
    message: ({ name, module }) => `the module \`${module}\` has no \`${name}\``,
    explain: `All top-level names of a module can be imported: constants, functions, kernels and structs.`,
  }),
  K0208: entry<{ cycle: string }>({
    severity: "error",
    name: "recursion",
    message: ({ cycle }) => `a definition can’t need itself: ${cycle}`,
    explain: `Functions and kernels are inlined where they are called, and constants are computed when compiling,
so neither can lead back to itself. Write a loop.`,
  }),
  K0209: entry<{ dim: string }>({
    severity: "error",
    name: "unbound-dimension",
    message: ({ dim }) => `no argument shows the dimension \`${dim}\` bare`,
    explain: `A dimension gets its value from the first \`in\` or \`mut\` tensor that has it alone in one place of
its shape: \`x: Tensor[f32, N]\` binds N. \`Tensor[f32, N + 1]\` is a constraint and binds nothing, and an \`out\`
tensor is made by the runtime, so its size must follow from the others.`,
  }),
  K0210: entry<{ name: string; what: string }>({
    severity: "warning",
    name: "unused-local",
    message: ({ name, what }) => `\`${name}\` ${what}`,
    explain: `A local that nothing reads is often a misspelling. A name that begins with \`_\` is never reported.`,
  }),
  K0211: entry<{ name: string; kernel: string }>({
    severity: "warning",
    name: "unread-input",
    message: ({ name, kernel }) => `\`${kernel}\` never reads its input \`${name}\``,
    explain: `The caller pays for handing over every argument. A name that begins with \`_\` is never reported.`,
  }),
  K0213: entry({
    severity: "error",
    name: "intrinsic-outside-std",
    message: () => `only the standard library may say \`intrinsic.\``,
    explain: `Intrinsics are the operations that library functions wrap. \`from std.math import sqrt\` gives the
function.`,
  }),
  K0214: entry<{ name: string }>({
    severity: "error",
    name: "undeclared-assignment",
    message: ({ name }) => `I don’t know \`${name}\`, so I can’t assign to it`,
    explain: `A variable is declared where it gets its first value: \`let x = 1\` if it never changes, \`var x = 1\`
if it does. Later assignments have neither word.`,
  }),
};

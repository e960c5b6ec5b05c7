// Entries K07xx: calls of compiled kernels, and the data given to them. Their sentences stand apart, for the runtime.

import { callMessages } from "./call-messages.ts";

type Code = keyof typeof callMessages;

function explained<C extends Code>(
  code: C,
  explain: string,
): (typeof callMessages)[C] & { readonly explain: string } {
  return { ...callMessages[code], explain };
}

export const calls = {
  K0701: explained(
    "K0701",
    `A call is checked before anything runs: dtypes, ranks, sizes shared between arguments, and the
\`where\` clauses of the signature.`,
  ),
  K0702: explained(
    "K0702",
    `Every tensor that is read, every \`mut\` tensor and every scalar must be given, by name. Only \`out\`
tensors may be left out: the runtime allocates them.`,
  ),
  K0703: explained("K0703", `Arguments are given by the names that the kernel's signature uses.`),
  K0704: explained(
    "K0704",
    `The first argument that shows a dimension bare gives it its size. Every other place where the
signature names the dimension, alone or in an expression, must agree.`,
  ),
  K0705: explained(
    "K0705",
    `A \`where\` clause, or a condition that follows from the shapes in the signature, has to hold for
the call's dimensions and scalars. The compiler relied on it.`,
  ),
  K0706: explained(
    "K0706",
    `A tensor that a kernel writes may not overlap itself (a broadcast view does) or another argument:
the result would depend on the order of execution. Give a copy instead.`,
  ),
  K0707: explained(
    "K0707",
    `A generic kernel that was compiled ahead of time exists for the dtypes and ranks that were asked
for, no others. Compile it for more (\`--set T=f16\`), convert the arguments, or load what \`compile()\` returns
instead of files: it makes further instances when they are needed.`,
  ),
  K0708: explained(
    "K0708",
    `An \`assert\` in the kernel did not hold for the data given. The call hands out no result.`,
  ),
  K0709: explained(
    "K0709",
    `A tensor's data is a typed array in row-major order with as many elements as the shape has. The
dtype follows from the array's type; f16 and bf16 come as the bits in a Uint16Array, bool and packed 4- and 2-bit
integers as a Uint8Array, with the dtype named.`,
  ),
  K0710: explained(
    "K0710",
    `A dimension is a whole number from 0 up to, but not including, 2^30, and a tensor takes less than
2^32 bytes. The compiler's proofs rely on both.`,
  ),
  K0712: explained(
    "K0712",
    `A device has one memory of at most 4 GiB, and the machine may grant less. Free tensors that are no
longer needed with \`dispose()\`, or compute in parts.`,
  ),
  K0713: explained(
    "K0713",
    `\`dispose()\` on a tensor gives its memory back; \`close()\` on a device ends it, with all its
tensors. Read results with \`await t.data()\` before.`,
  ),
  K0714: explained(
    "K0714",
    `A device loads what \`compile()\` returns, or a manifest together with the code for the device's
target, as \`kernc compile\` writes them.`,
  ),
  K0715: explained(
    "K0715",
    `A view shares its elements with the tensor it is taken of: \`transpose\`, \`slice\` and \`broadcastTo\`
change only strides and offset, \`reshape\` needs elements that lie one behind the other.`,
  ),
  K0716: explained(
    "K0716",
    `NumPy's array files of versions 1, 2 and 3 are read, with booleans, integers of 8 to 64 bits and
floats of 16 to 64 bits, in either byte order, in C or Fortran order. The header is checked against the file's
length before anything is allocated.`,
  ),
  K0717: explained(
    "K0717",
    `Images in gray, gray with alpha, RGB, RGBA and palette colours with up to 16 bits a channel are
read, as u8 or u16 tensors [H, W] or [H, W, C]. Written are u8, u16 and bool tensors of such shapes.`,
  ),
  K0718: explained(
    "K0718",
    `Compiled code never traps for what a caller gives it. This is a bug in kernc, please report it with
the kernel and the shapes.`,
  ),
  K0719: explained(
    "K0719",
    `A function of the package was given something that it doesn't take, or an option a value that it can't have.`,
  ),
  K0720: explained(
    "K0720",
    `A pack \`*S\` stands for any number of dimensions, but for the same ones in every argument of a
call.`,
  ),
  K0721: explained(
    "K0721",
    `A .safetensors file is the length of its header in 8 bytes, the header in JSON, and the elements. Names, dtypes,
shapes and places are checked against the file's length before anything is allocated; places may not overlap.`,
  ),
  K0722: explained(
    "K0722",
    `An op is carried out by a kernel that was registered under its name, on a device of the right kind,
whose signature takes the arguments. \`ops.explainDispatch(…)\` tells of each candidate why it was passed over.`,
  ),
  K0723: explained(
    "K0723",
    `Of several kernels for an op the most specific is taken: one of the user's before one of the library's, then
the one that asks for more (features, fixed dtypes, ranks and sizes, clauses). Two that ask for different things
and both fit leave the choice open. Register one of them only, or add to the \`where\` clause of the better one.`,
  ),
  K0724: explained(
    "K0724",
    `Kernels are registered under the name that \`@op("domain::name")\` gives them, or under one given with
\`as\`. A kernel with the same signature, on the same device, may be registered under a name only once.`,
  ),
  K0725: explained(
    "K0725",
    `A page has WebGPU where its browser and its GPU's driver do, on https:// and localhost; Node has it with the
package \`webgpu\` (\`npm install webgpu\`) and a driver: on Linux, one for Vulkan. Mesa's lavapipe is one without a GPU. The
null backend, which executes nothing, is never a device. Without WebGPU, \`openDevice("wasm")\` runs the same kernels.`,
  ),
  K0726: explained(
    "K0726",
    `A GPU is lost when its driver restarts, when it is unplugged, or when the browser takes it away; all that was
in its memory is gone. Results that weren't read yet can't be read any more. The next call on host tensors opens the
GPU anew, unless the application gave the device: then it must open another itself.`,
  ),
  K0727: explained(
    "K0727",
    `WebGPU checks shaders, buffers and commands before it runs them. What it refuses gives no result: reading a
tensor that depends on refused work fails with this error. A shader that is refused is a bug in kernc, or the code in the
file was changed; refused commands may also come from a buffer of the application that was destroyed.`,
  ),
  K0728: explained(
    "K0728",
    `The TSP streams rows through its units at times that are known before. Kernels are lowered to it
whose loops, subscripts and tensors' sizes are known when the sizes are, in up to 32-bit types: elementwise kernels, reductions,
norms, pooling, products. Loops whose end depends on data never can be.`,
  ),
  K0729: explained(
    "K0729",
    `\`kernel.sync()\` gives a call that doesn't wait, and \`dataSync()\` reads without waiting. Devices \`wasm\` and
\`interp\` can do both; what is on a GPU, or runs there, is known later. Call the kernel itself and await its result.`,
  ),
  K0730: explained(
    "K0730",
    `Annotations with \`@tsp.\` say what lies in lanes, which tiles the matrix planes hold and who shares the work. Some
can be judged only for given sizes: whether a loop's iterations may lie side by side, whether a tile fits a plane,
whether results fit the accumulators. What can't be done is refused, with the reason; without the annotation the
compiler chooses.`,
  ),
  K0731: explained(
    "K0731",
    `\`kernc onnx compile\` writes the kernels of a model to a file, and \`openCache({ archive })\` takes it, so that nothing is
compiled where the model runs. Kernels of another version of kernc may mean something else: the file is made anew with
each version, as the rest of a program is built.`,
  ),
};

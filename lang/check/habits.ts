// Names that people bring from Python, NumPy, Mojo, CUDA and Triton, and what Kern has instead. A habit is
// looked up only where nothing of that name is declared, so none of these names is reserved.

export interface Habit {
  /** Completes "Kern has no `print`: …". */
  readonly text: string;
  /** Where the name can simply be replaced. */
  readonly replacement?: string;
  readonly notes?: readonly string[];
}

const typeNames: Readonly<Record<string, string>> = {
  int: "i32",
  float: "f32",
  double: "f64",
  half: "f16",
  long: "i64",
  char: "i8",
  uint: "u32",
  size_t: "index",
  usize: "index",
  isize: "index",
  Bool: "bool",
  Index: "index",
  UInt: "u32",
  Scalar: "f32",
  BFloat16: "bf16",
  bfloat16: "bf16",
};
const bitNames = /^(float|Float|f|int|Int|i|uint|UInt|u)(\d+)$/;

const names: Readonly<Record<string, Habit>> = {
  print: {
    text: "kernels run in parallel on several targets and print nothing",
    notes: ["write the value to an `out` argument, or say what must hold in a `test`"],
  },
  len: { text: "a dimension has a name in the signature, and a size is `x.shape[0]`" },
  self: { text: "structs hold values and have no methods; pass the value to a `def`" },
  None: { text: "there is no empty value; a `def` without a result has no `->`" },
  null: { text: "there is no empty value" },
  true: { text: "it is capitalised", replacement: "True" },
  false: { text: "it is capitalised", replacement: "False" },
  enumerate: { text: "loop over the index: `for i in range(N)`" },
  zip: { text: "loop over the index: `for i in range(N)`, and read both at `i`" },
  list: { text: "local storage is `var a = Array[f32, 8](0)`" },
  dict: { text: "local storage is `var a = Array[f32, 8](0)`" },
  List: { text: "local storage is `var a = Array[f32, 8](0)`" },
  InlineArray: { text: "it is called `Array`", replacement: "Array" },
  StaticTuple: { text: "it is called `Array`", replacement: "Array" },
  LayoutTensor: { text: "it is called `Tensor`, as in `x: Tensor[f32, M, N]`", replacement: "Tensor" },
  NDArray: { text: "it is called `Tensor`, as in `x: Tensor[f32, M, N]`", replacement: "Tensor" },
  AnyType: { text: "the trait is called `Any`", replacement: "Any" },
  Integral: { text: "the trait is called `Int`", replacement: "Int" },
  Floating: { text: "the trait is called `Float`", replacement: "Float" },
  simd: { text: "it is written `SIMD[f32, 4]`", replacement: "SIMD" },
  DType: { text: "dtypes are plain names: `f32`, `i8`, `T`" },
  str: { text: "strings are compile-time constants; a parameter is `name: string`", replacement: "string" },
  sqrt: { text: "it is in the library: `from std.math import sqrt`" },
  rsqrt: { text: "it is in the library: `from std.math import rsqrt`" },
  exp: { text: "it is in the library: `from std.math import exp`" },
  log: { text: "it is in the library: `from std.math import log`" },
  tanh: { text: "it is in the library: `from std.math import tanh`" },
  sin: { text: "it is in the library: `from std.math import sin`" },
  cos: { text: "it is in the library: `from std.math import cos`" },
  erf: { text: "it is in the library: `from std.math import erf`" },
  pow: { text: "it is in the library: `from std.math import pow`; a small whole power is `x ** 2`" },
  popcount: { text: "it is in the library: `from std.bits import popcount`" },
  countOneBits: { text: "counting bits is in the library: `from std.bits import popcount`" },
  clz: { text: "it is in the library: `from std.bits import clz`" },
  countLeadingZeros: { text: "counting zeros is in the library: `from std.bits import clz`" },
  ctz: { text: "it is in the library: `from std.bits import ctz`" },
  countTrailingZeros: { text: "counting zeros is in the library: `from std.bits import ctz`" },
  sigmoid: { text: "it is in the library: `from std.math import sigmoid`" },
  where: { text: "it is called `select(c, a, b)`", replacement: "select" },
  maximum: { text: "it is called `max`", replacement: "max" },
  minimum: { text: "it is called `min`", replacement: "min" },
  fmax: { text: "it is called `max`", replacement: "max" },
  fmin: { text: "it is called `min`", replacement: "min" },
  clip: { text: "it is called `clamp`", replacement: "clamp" },
  fabs: { text: "it is called `abs`", replacement: "abs" },
  rint: { text: "it is called `round`", replacement: "round" },
  parallelize: { text: "put `@parallel` on the loop" },
  vectorize: { text: "put `@vectorize` on the loop" },
  unroll: { text: "put `@unroll` on the loop" },
  tile: { text: "put `@tile(i=32)` on the loop" },
  thread_idx: { text: "loop over the elements, and put `@parallel` on the loop" },
  block_idx: { text: "loop over the elements, and put `@parallel` on the loop" },
  threadIdx: { text: "loop over the elements, and put `@parallel` on the loop" },
  blockIdx: { text: "loop over the elements, and put `@parallel` on the loop" },
  barrier: { text: "barriers follow from `@parallel`, `@threads` and `@stage`" },
  syncthreads: { text: "barriers follow from `@parallel`, `@threads` and `@stage`" },
};

/** What to write instead of a name that isn't declared. */
export function nameHabit(name: string): Habit | undefined {
  if (Object.hasOwn(names, name)) return names[name];
  const dtype = Object.hasOwn(typeNames, name) ? typeNames[name]! : bitName(name);
  return dtype ? { text: `the type is called \`${dtype}\``, replacement: dtype } : undefined;
}

/** `Float32`, `int8`, `UInt16` → `f32`, `i8`, `u16`. */
function bitName(name: string): string | undefined {
  const parts = bitNames.exec(name);
  if (!parts) return undefined;
  const letter = parts[1]!.toLowerCase()[0]!;
  const known = letter === "f" ? ["16", "32", "64"] : ["8", "16", "32", "64"];
  return known.includes(parts[2]!) ? letter + parts[2]! : undefined;
}

const packages = new Set([
  "np",
  "numpy",
  "torch",
  "tl",
  "triton",
  "jnp",
  "jax",
  "cupy",
  "tf",
  "math",
  "F",
  "gpu",
  "algorithm",
]);
const libraryFunctions = new Set([
  "exp",
  "log",
  "tanh",
  "sin",
  "cos",
  "erf",
  "pow",
  "sqrt",
  "rsqrt",
  "sigmoid",
  "exp2",
  "log2",
  "atan",
  "asin",
  "acos",
  "tan",
]);
const attributes: Readonly<Record<string, string>> = {
  T: "a transposed view is made by the caller; in the kernel, swap the indices: `x[j, i]`",
  size: "the size is the product of the dimensions that the signature names",
  dtype: "the dtype is the type parameter of the signature: `[T: Float](x: Tensor[T, N])`",
  astype: "convert element by element: `f32(x[i])`",
  cast: "convert with the type: `f32(x)`",
  to: "convert with the type: `f32(x)`",
  reshape: "the caller gives the tensor its shape; the kernel computes indices",
  item: "an element is `x[i]`",
  dot: "write the sum: `sum(a[i] * b[i] for i in range(N))`",
  mean: "write it as a generator: `mean(x[i] for i in range(N))`",
  sum: "write it as a generator: `sum(x[i] for i in range(N))`",
  max: "write it as a generator: `max(x[i] for i in range(N))`",
  min: "write it as a generator: `min(x[i] for i in range(N))`",
  append: "an `Array` has a fixed size; write to an element: `a[i] = v`",
  simd_load: "it is written `x.load[8](i)`",
  reduce_add: "it is written `v.sum()`",
  length: "a dimension has a name in the signature, and a size is `x.shape[0]`",
  ndim: "the number of dimensions is that of the signature",
};

/** What to write instead of `base.name`; `base` is "" where it is a value of Kern. */
export function attributeHabit(base: string, name: string): Habit | undefined {
  if (base === "") return Object.hasOwn(attributes, name) ? { text: attributes[name]! } : undefined;
  if (base === "DType") {
    const dtype = bitName(name) ?? (name === "bool" ? "bool" : name === "bfloat16" ? "bf16" : undefined);
    return { text: dtype ? `the dtype is called \`${dtype}\`` : "dtypes are plain names: `f32`, `i8`, `T`" };
  }
  if (!packages.has(base)) return undefined;
  const dtype = bitName(name);
  if (dtype) return { text: `the dtype is called \`${dtype}\`` };
  if (libraryFunctions.has(name))
    return { text: `\`${name}\` is in the library: \`from std.math import ${name}\`` };
  const other = Object.hasOwn(names, name) ? names[name]! : undefined;
  if (other?.replacement) return { text: `\`${other.replacement}\` is built in` };
  if (
    ["max", "min", "abs", "sum", "round", "floor", "ceil", "clamp", "any", "all", "argmax", "prod"].includes(
      name,
    )
  ) {
    return { text: `\`${name}\` is built in` };
  }
  return {
    text: "a kernel imports from the Kern library and files only",
    notes: ["`std.math` has the functions on numbers, `std.nn` the kernels"],
  };
}

/** Decorators of Python, Mojo and Triton. */
export const decoratorHabits: Readonly<Record<string, string>> = {
  parameter:
    "compile-time parameters stand in brackets after the name, and `comptime if` chooses when compiling",
  always_inline: "a `def` is always inlined",
  inline: "a `def` is always inlined",
  staticmethod: "structs have no methods",
  value: "structs are plain values already",
  register_passable: "structs are plain values already",
  fieldwise_init: "a struct is built as `S(a, b)`",
  jit: "every kernel is compiled",
  njit: "every kernel is compiled",
  simd: "it is called `@vectorize`",
  vector: "it is called `@vectorize`",
  prange: "it is called `@parallel`",
  kernel: "write `kernel name(…):`",
  export: "every kernel of a file is exported",
  test: 'write `test "what it shows":`',
  noinline: "a `def` is always inlined",
};

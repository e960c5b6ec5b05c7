// Entries K03xx: types, shapes and compile-time values.

import { entry } from "./entry.ts";

export const types = {
  K0301: entry<{ op: string; left: string; right: string }>({
    severity: "error",
    name: "mixed-dtypes",
    message: ({ op, left, right }) =>
      `\`${op}\` needs both sides of one type, but they are ${left} and ${right}`,
    explain: `Kern never converts between dtypes by itself: a hidden conversion costs time and bits. Say which
type you mean: \`f32(x) * y\`.`,
  }),
  K0302: entry<{ what: string; expected: string; found: string }>({
    severity: "error",
    name: "type-mismatch",
    message: ({ what, expected, found }) => `${what} needs ${expected}, but this is ${found}`,
    explain: `The place determines the type, and values aren’t converted by themselves; only literals take the
type of their context. \`index\` and \`i32\` are one type under two names. Convert explicitly: \`f32(x)\`, \`i32(x)\`.`,
  }),
  K0303: entry<{ value: string; type: string; range: string }>({
    severity: "error",
    name: "literal-out-of-range",
    message: ({ value, type, range }) => `${value} doesn’t fit ${type}: ${range}`,
    explain: `A literal takes the type of its context and must be a value of it. Decimals are rounded to the
nearest float; integers, and decimals where an integer is needed, are never changed in silence.`,
  }),
  K0304: entry<{ type: string }>({
    severity: "error",
    name: "integer-division",
    message: ({ type }) => `\`/\` divides floats, and these are ${type}`,
    explain: `\`//\` divides integers and rounds down, as in Python. For a quotient with a fraction, convert first:
\`f32(a) / f32(b)\`.`,
  }),
  K0305: entry<{ what: string; found: string }>({
    severity: "error",
    name: "not-a-condition",
    message: ({ what, found }) => `${what} needs a bool, but this is ${found}`,
    explain: `Numbers aren’t conditions: write \`x != 0\`. A SIMD comparison gives a mask with many answers; ask
\`m.any()\` or \`m.all()\`, or choose lane by lane with \`select(m, a, b)\`.`,
  }),
  K0306: entry<{ what: string }>({
    severity: "error",
    name: "not-comptime",
    message: ({ what }) => `${what} must be known when compiling`,
    explain: `Literals, \`comptime\` constants and compile-time parameters are known when compiling; dimensions,
arguments and loop variables are not.`,
  }),
  K0307: entry<{ callee: string; takes: string; given: number }>({
    severity: "error",
    name: "argument-count",
    message: ({ callee, takes, given }) =>
      `${callee} takes ${takes} ${takes === "1" ? "argument" : "arguments"}, but ${given === 1 ? "1 is" : `${given} are`} given`,
    explain: `A call gives every parameter exactly one argument, by position or by name.`,
  }),
  K0308: entry<{ callee: string; why: string }>({
    severity: "error",
    name: "wrong-arguments",
    message: ({ callee, why }) => `this call of ${callee} doesn’t fit: ${why}`,
    explain: `Arguments are matched by position, then by name; compile-time arguments stand in brackets before
them: \`f[T=f16](x, scale=2)\`.`,
  }),
  K0309: entry<{ name: string; why: string }>({
    severity: "error",
    name: "not-assignable",
    message: ({ name, why }) => `\`${name}\` can’t be assigned to: ${why}`,
    explain: `What changes is a \`var\`, with its elements, fields and lanes, and the elements of \`out\` and \`mut\`
tensors. Inputs, \`let\`s, loop variables, dimensions, views and constants stay as they are, and a nested \`def\`
changes nothing outside itself.`,
  }),
  K0310: entry<{ what: string; has: string; given: string }>({
    severity: "error",
    name: "wrong-rank",
    message: ({ what, has, given }) =>
      `${what} has ${has}, but ${given} ${/^\d+ ind/.test(given) && !given.startsWith("1 ") ? "are" : "is"} given`,
    explain: `An element is named by one index for each dimension. \`x[i, :]\` is a view of a whole row, to pass
to a \`def\`; a pack is spelled out by \`x[*i]\`.`,
  }),
  K0311: entry<{ what: string; how: string }>({
    severity: "error",
    name: "wrong-use",
    message: ({ what, how }) => `${what} can’t be ${how}`,
    explain: `Functions, kernels, structs and types are called; tensors, Arrays, tuples and SIMD values are
indexed; tensors alone are sliced.`,
  }),
  K0312: entry<{ owner: string; name: string }>({
    severity: "error",
    name: "unknown-attribute",
    message: ({ owner, name }) => `${owner} has no \`${name}\``,
    explain: `Tensors and Arrays have \`shape\`, \`get\`, \`load\` and \`store\`; SIMD values have \`sum\`, \`prod\`,
\`max\`, \`min\`, \`any\`, \`all\` and \`shuffle\`; structs have their fields; dtypes have \`max\`, \`min\`, \`inf\`,
\`nan\`, \`epsilon\` and \`bits\`.`,
  }),
  K0313: entry<{ op: string; type: string }>({
    severity: "error",
    name: "operator-not-defined",
    message: ({ op, type }) => `\`${op}\` doesn’t work on ${type}`,
    explain: `Arithmetic works on numbers, bit operators on integers and bools, \`/\` on floats; operators work on
scalars and SIMD values, not on whole tensors or Arrays.`,
  }),
  K0315: entry<{ param: string; owner: string }>({
    severity: "error",
    name: "missing-parameter",
    message: ({ param, owner }) => `the compile-time parameter \`${param}\` of \`${owner}\` has no value`,
    explain: `Dtypes are inferred from the arguments. Values and functions are given in brackets, \`conv[S=2](x, w)\`,
or on the command line, \`--set S=2\`, unless the declaration has a default.`,
  }),
  K0316: entry<{ type: string; trait: string; param: string; owner: string }>({
    severity: "error",
    name: "outside-trait",
    message: ({ type, trait, param, owner }) =>
      `${type} is no \`${trait}\`, as \`${param}\` of \`${owner}\` must be`,
    explain: `A trait is a set of dtypes: \`Float\` f16, bf16, f32, f64; \`Int\` the integers of 8 to 64 bits;
\`Number\` both; \`Any\` also bool; \`Byte\` i8, u8. A generic definition is checked for each member of its trait.`,
  }),
  K0317: entry<{ name: string; type: string }>({
    severity: "error",
    name: "missing-return",
    message: ({ name, type }) => `\`${name}\` can end without returning its ${type}`,
    explain: `Every way through a \`def\` with a result ends in \`return\`. After an \`if\` without \`else\`, or a loop,
there is a way that goes on.`,
  }),
  K0318: entry<{ why: string }>({
    severity: "error",
    name: "wrong-return",
    message: ({ why }) => `this \`return\` doesn’t fit: ${why}`,
    explain: `A \`def\` says after \`->\` what it returns: a scalar, a SIMD value, a tuple or a struct. A kernel
writes tensors and returns nothing.`,
  }),
  K0319: entry<{ name: string; why: string }>({
    severity: "error",
    name: "wrong-parameter",
    message: ({ name, why }) => `\`${name}\` can’t be declared like this: ${why}`,
    explain: `A kernel takes tensors (read, \`out\`, \`mut\`) and scalars, and has at least one tensor that it writes.
A \`def\` is pure: it takes values, views and Arrays, and returns its result.`,
  }),
  K0320: entry<{ found: string }>({
    severity: "error",
    name: "not-a-type",
    message: ({ found }) => `I expected a type here, but found ${found}`,
    explain: `Types are dtypes (\`f32\`, \`i8\`, …), \`index\`, type parameters, \`Tensor[T, …]\`, \`Array[T, …]\`,
\`SIMD[T, n]\`, tuples \`(f32, index)\` and structs. A trait such as \`Float\` binds a type parameter.`,
  }),
  K0321: entry<{ what: string }>({
    severity: "error",
    name: "not-a-value",
    message: ({ what }) => `${what} isn’t a value to compute with`,
    explain: `Types, functions, modules, strings, lists and packs exist when compiling only. Functions are called,
or given to a compile-time parameter; a pack is spelled out with a star.`,
  }),
  K0322: entry<{ message: string }>({
    severity: "error",
    name: "comptime-assert",
    message: ({ message }) => `a compile-time assertion fails: ${message}`,
    explain: `\`comptime assert\` states what must hold of constants and compile-time parameters; it costs nothing
at run time.`,
  }),
  K0323: entry<{ why: string }>({
    severity: "error",
    name: "comptime-arithmetic",
    message: ({ why }) => `I can’t compute this constant: ${why}`,
    explain: `Constants are computed exactly, as integers and fractions of any size up to some thousand digits.`,
  }),
  K0324: entry<{ why: string }>({
    severity: "error",
    name: "wrong-loop",
    message: ({ why }) => `this \`for\` doesn’t fit: ${why}`,
    explain: `\`for i in range(stop)\`, \`range(start, stop)\`, \`range(start, stop, step)\` with a constant step, and
\`for i, j in grid(M, N)\`, \`for i in grid(*S)\`. Tensors are looped over by index.`,
  }),
  K0325: entry<{ variables: number; loops: number }>({
    severity: "error",
    name: "loop-variable-count",
    message: ({ variables, loops }) =>
      `${variables} loop ${variables === 1 ? "variable" : "variables"} for ${loops} ${loops === 1 ? "loop" : "loops"}`,
    explain: `\`grid\` has one variable for each of its sizes; a starred size, \`*S\`, has one variable that stands
for all its dimensions.`,
  }),
  K0326: entry<{ why: string }>({
    severity: "error",
    name: "wrong-generator",
    message: ({ why }) => `this reduction doesn’t fit: ${why}`,
    explain: `A reduction takes a generator: \`sum(x[i] for i in range(N) if x[i] > 0)\`. With several arguments,
\`max(a, b)\` and \`min(a, b)\` compare those.`,
  }),
  K0327: entry<{ type: string }>({
    severity: "warning",
    name: "narrow-product",
    message: ({ type }) => `this product wraps to ${type} before it is summed`,
    explain: `Integer arithmetic wraps as its width says, so a product of two 8-bit integers keeps 8 bits. The
integer dot product is \`sum(i32(a[i]) * i32(b[i]) for i in range(N))\`, and compiles to the dot instructions.`,
  }),
  K0328: entry<{ kernel: string; why: string }>({
    severity: "error",
    name: "wrong-kernel-call",
    message: ({ kernel, why }) => `\`${kernel}\` can’t be called like this: ${why}`,
    explain: `A kernel called in a kernel is a statement with every argument, \`out\` ones too, and is inlined. In a
test, \`out\` arguments are left out and are the value of the call.`,
  }),
  K0329: entry<{ dtype: string }>({
    severity: "error",
    name: "storage-only",
    message: ({ dtype }) => `${dtype} is a way to store tensors, not to compute`,
    explain: `Elements of i4, u4, i2 and u2 tensors are read as i32, and i32 values are stored in them, their high
bits dropped. Locals and conversions use a wider dtype.`,
  }),
  K0330: entry<{ why: string }>({
    severity: "error",
    name: "shape-mismatch",
    message: ({ why }) => `the shapes don’t fit: ${why}`,
    explain: `Sizes that are known when compiling are compared here; all others are checked when the kernel is
called.`,
  }),
  K0331: entry<{ jump: string }>({
    severity: "error",
    name: "jump-outside-loop",
    message: ({ jump }) => `\`${jump}\` stands outside a loop`,
    explain: `\`break\` and \`continue\` belong to the innermost \`for\` or \`while\`. A \`comptime for\` is unrolled and
has none.`,
  }),
  K0332: entry<{ name: string }>({
    severity: "error",
    name: "test-only",
    message: ({ name }) => `\`${name}\` exists in \`test\` blocks only`,
    explain: `\`random\`, \`zeros\`, \`ones\`, \`full\`, \`arange\`, \`tensor\` and \`close\` make and compare tensors for
tests. A kernel gets its tensors as arguments.`,
  }),
  K0333: entry<{ names: number; found: string }>({
    severity: "error",
    name: "tuple-size",
    message: ({ names: count, found }) => `${count} names can’t take ${found} apart`,
    explain: `\`let a, b = e\` needs a tuple with as many items as there are names.`,
  }),
  K0334: entry({
    severity: "error",
    name: "no-effect",
    message: () => `this statement has no effect`,
    explain: `An expression on a line of its own computes a value that nothing uses. Only calls of kernels, and of
functions without a result, stand alone.`,
  }),
  K0335: entry<{ name: string }>({
    severity: "error",
    name: "read-before-assigned",
    message: ({ name }) => `\`${name}\` can be read here before it is assigned`,
    explain: `\`var x: f32\` declares a variable without a value, so every way to a read of it must pass an
assignment. Loops count as not run, since they may have no iteration.`,
  }),
  K0336: entry({
    severity: "error",
    name: "array-without-var",
    message: () => `an Array is made as the value of a \`var\``,
    explain: `An Array is storage: \`var acc = Array[f32, 8](0)\`. It is passed to functions by its name.`,
  }),
  K0337: entry<{ found: string }>({
    severity: "error",
    name: "lane-count",
    message: ({ found }) => `a SIMD value has 2, 4, 8, 16, 32 or 64 lanes, not ${found}`,
    explain: `The number of lanes is a power of two known when compiling: \`SIMD[f32, 4]\`, \`x.load[8](i)\`.`,
  }),
  K0339: entry<{ index: string; instead: string }>({
    severity: "error",
    name: "negative-index",
    message: ({ index, instead }) =>
      `the index ${index} lies before the beginning; the element from the end is \`${instead}\``,
    explain: `Indices don’t count from the end: a bound that goes wrong by one would silently read the last element.`,
  }),
  K0340: entry<{ limit: number }>({
    severity: "error",
    name: "too-much-unrolling",
    message: ({ limit }) => `\`comptime for\` makes more than ${limit} statements of this`,
    explain: `A \`comptime for\` is written out in full. Use a \`for\`, with \`@unroll\` if need be.`,
  }),
  K0341: entry<{ limit: number }>({
    severity: "error",
    name: "too-deep",
    message: ({ limit }) => `this expression is nested more than ${limit} levels deep`,
    explain: `Give parts of it names with \`let\`.`,
  }),
  K0342: entry({
    severity: "error",
    name: "wrong-where",
    message: () => `a \`where\` clause speaks of dimensions and scalar arguments only`,
    explain: `The runtime checks \`where\` before anything runs, so it can’t read tensors. What must hold of elements
is an \`assert\` in the body.`,
  }),
  K0343: entry({
    severity: "error",
    name: "store-as-value",
    message: () => `\`store\` is a statement and has no value`,
    explain: `\`y.store(v, i, j)\` writes the lanes of \`v\` to consecutive elements along the last dimension.`,
  }),
  K0344: entry<{ why: string }>({
    severity: "error",
    name: "wrong-slice",
    message: ({ why }) => `this slice doesn’t fit: ${why}`,
    explain: `A view takes whole dimensions, \`x[i, :]\`, or parts of them, \`x[lo:hi, j]\`.`,
  }),
  K0346: entry({
    severity: "error",
    name: "misplaced-star",
    message: () => `a star has no meaning here`,
    explain: `\`*S\` spells out a pack in a shape, a subscript, \`grid(…)\`, or the arguments of a call.`,
  }),
  K0347: entry({
    severity: "error",
    name: "too-large",
    message: () => `this operand is too large to stand in a comparison chain or beside \`%\``,
    explain: `The middle of \`a < b < c\`, and both sides of a float \`%\`, are computed in two places. Give the
operand a name with \`let\`.`,
  }),
  K0348: entry<{ kernel: string; limit: number }>({
    severity: "error",
    name: "kernel-too-large",
    message: ({ kernel, limit }) =>
      `\`${kernel}\` comes to more than ${limit} statements and calls when what it calls is inlined`,
    explain: `Calls are always inlined. A \`def\` that calls another one twice, which again calls a third one twice, doubles
at each level: bind the result of a call with \`let\` and use it twice instead.`,
  }),
  K0349: entry<{ expr: string }>({
    severity: "error",
    name: "uncheckable-signature",
    message: ({ expr }) => `a caller can’t work out \`${expr}\` before the call`,
    explain: `Shapes and \`where\` clauses are computed by whoever calls a kernel, in any language, from its manifest. They know
integer arithmetic (\`+ - * // % << >>\`, \`min\`, \`max\`), comparisons and \`and or not\`, over dimensions and scalar
arguments. Say the rest with an \`assert\` in the body.`,
  }),
};

// Instructions of the vector unit: one ALU each, two inputs at most, a result of the same type unless the row says
// otherwise. Integers wrap ("modulo") or saturate; floats round once to their type, to nearest even; `min` and `max` give
// NaN if an input is one. There is no division: 1 / s is rsqrt(s)² for s > 0.

import { roundFloat, roundHalfEven } from "../../../ir/values.ts";
import { kinds, row, type FieldKind, type Fields, type Row, type StreamUse } from "./instruction.ts";
import { isFloatType, types, widths, type Lanes, type TspType } from "./values.ts";

const integers = types.filter((type) => !isFloatType(type));
const floats = types.filter(isFloatType);

/** What each type's results become: modulo its width, or rounded. */
const fit: Readonly<Record<TspType, (x: number) => number>> = {
  i8: (x) => (x << 24) >> 24,
  u8: (x) => x & 0xff,
  i16: (x) => (x << 16) >> 16,
  u16: (x) => x & 0xffff,
  i32: (x) => x | 0,
  u32: (x) => x >>> 0,
  f16: (x) => roundFloat(x, "f16"),
  f32: Math.fround,
};

const range: Readonly<Record<TspType, readonly [number, number]>> = {
  i8: [-128, 127],
  u8: [0, 255],
  i16: [-32768, 32767],
  u16: [0, 65535],
  i32: [-2147483648, 2147483647],
  u32: [0, 4294967295],
  f16: [-Infinity, Infinity],
  f32: [-Infinity, Infinity],
};

const saturate = (x: number, type: TspType): number => {
  const [low, high] = range[type];
  return x < low ? low : x > high ? high : x;
};

const lanesOf = (x: Lanes, result: (x: number, at: number) => number): Lanes => {
  const found = new Float64Array(x.length);
  for (let at = 0; at < found.length; at++) found[at] = result(x[at]!, at);
  return found;
};

const typed = { type: kinds.type, x: kinds.operand, y: kinds.operand, out: kinds.result };
const typedUnary = { type: kinds.type, x: kinds.operand, out: kinds.result };

/** Streams among the operands; a group begins at a multiple of its width, which the checks see to. */
function taps(count: 1 | 2, second?: TspType) {
  return (fields: Fields): readonly StreamUse[] => {
    const width = widths[types[(fields["type"] ?? fields["from"])!]!];
    const other = second ? widths[second] : width;
    const operands = count === 1 ? [fields["x"]!] : [fields["x"]!, fields["y"]!];
    return operands.flatMap((first, at) => (first < 64 ? [{ first, count: at ? other : width }] : []));
  };
}
const gives =
  (result?: TspType | "to") =>
  (fields: Fields): readonly StreamUse[] => {
    const type = result === "to" ? types[fields["to"]!]! : (result ?? types[fields["type"]!]!);
    return fields["out"]! < 64 ? [{ first: fields["out"]!, count: widths[type] }] : [];
  };
const delay: Row["delay"] = (delays) => delays.aluEntry + delays.alu;

type Scalar2 = (x: number, y: number, type: TspType) => number;

interface Options {
  readonly types?: readonly TspType[];
  readonly second?: TspType;
  readonly gives?: TspType;
  /** The result needs no fitting: it is one of the inputs, or within every type. */
  readonly exact?: true;
}

function binary(name: string, doc: string, scalar: Scalar2, options: Options = {}): Row<typeof typed> {
  const { types: allowed = types, second, gives: given, exact } = options;
  return row({
    unit: "vxm",
    doc,
    fields: typed,
    text: `${name}.{type} {x}, {y} -> {out}`,
    taps: taps(2, second),
    gives: gives(given),
    delay,
    vxm: {
      inputs: 2,
      types: allowed,
      second,
      gives: given,
      lanes: (x, y, type) => {
        const fitted = fit[type];
        return exact
          ? lanesOf(x, (a, at) => scalar(a, y[at]!, type))
          : lanesOf(x, (a, at) => fitted(scalar(a, y[at]!, type)));
      },
    },
  });
}

function unary(
  name: string,
  doc: string,
  scalar: (x: number, type: TspType) => number,
  allowed: readonly TspType[] = types,
): Row<typeof typedUnary> {
  return row({
    unit: "vxm",
    doc,
    fields: typedUnary,
    text: `${name}.{type} {x} -> {out}`,
    taps: taps(1),
    gives: gives(),
    delay,
    vxm: {
      inputs: 1,
      types: allowed,
      lanes: (x, _, type) => lanesOf(x, (a) => fit[type](scalar(a, type))),
    },
  });
}

const compare = (name: string, sign: string, holds: (x: number, y: number) => boolean) =>
  binary(name, `1 where x ${sign} y, otherwise 0, as u8`, (x, y) => (holds(x, y) ? 1 : 0), {
    gives: "u8",
    exact: true,
  });
const masking = (name: string, doc: string, keep: boolean) =>
  binary(name, doc, (x, y) => ((y !== 0) === keep ? x : 0), { second: "u8", exact: true });
const bitsOf = (type: TspType): number => 8 * widths[type];

/** How `convert` makes an integer of a float or of a wider integer. Floats that don't fit saturate in every mode; NaN is 0. */
export const roundings = ["wrap", "sat", "near"] as const;

const converting = {
  from: kinds.type,
  to: kinds.type,
  rounding: kinds.rounding,
  x: kinds.operand,
  out: kinds.result,
} satisfies Record<string, FieldKind>;

function converted(x: number, from: TspType, to: TspType, rounding: number): number {
  if (isFloatType(to)) return fit[to](x);
  if (!isFloatType(from)) return rounding === 0 ? fit[to](x) : saturate(x, to);
  if (Number.isNaN(x)) return 0;
  return saturate(rounding === 2 ? roundHalfEven(x) : Math.trunc(x), to) + 0;
}

export const vxmRows = {
  mov: unary("mov", "x", (x) => x),
  neg: unary("neg", "-x, modulo", (x) => -x),
  abs: unary("abs", "|x|, modulo", (x) => Math.abs(x)),
  not: unary("not", "the complement of the bits", (x) => ~x, integers),
  relu: unary("relu", "max(x, 0)", (x) => (x > 0 || Number.isNaN(x) ? x : 0)),
  tanh: unary("tanh", "the hyperbolic tangent", Math.tanh, floats),
  exp: unary("exp", "e to the power x", Math.exp, floats),
  rsqrt: unary("rsqrt", "1 / √x", (x) => 1 / Math.sqrt(x), floats),
  add: binary("add", "x + y, modulo", (x, y) => x + y),
  sub: binary("sub", "x - y, modulo", (x, y) => x - y),
  mul: binary("mul", "x · y, modulo", (x, y, type) => (isFloatType(type) ? x * y : Math.imul(x, y))),
  add_sat: binary("add_sat", "x + y, saturating", (x, y, type) => saturate(x + y, type), { types: integers }),
  sub_sat: binary("sub_sat", "x - y, saturating", (x, y, type) => saturate(x - y, type), { types: integers }),
  mul_sat: binary("mul_sat", "x · y, saturating", (x, y, type) => saturate(x * y, type), { types: integers }),
  min: binary("min", "the smaller one", (x, y) => Math.min(x, y), { exact: true }),
  max: binary("max", "the larger one", (x, y) => Math.max(x, y), { exact: true }),
  eq: compare("eq", "=", (x, y) => x === y),
  ne: compare("ne", "≠", (x, y) => x !== y),
  lt: compare("lt", "<", (x, y) => x < y),
  le: compare("le", "≤", (x, y) => x <= y),
  and: binary("and", "bitwise and", (x, y) => x & y, { types: integers }),
  or: binary("or", "bitwise or", (x, y) => x | y, { types: integers }),
  xor: binary("xor", "bitwise exclusive or", (x, y) => x ^ y, { types: integers }),
  shl: binary("shl", "x shifted left by y modulo the width", (x, y, type) => x << (y & (bitsOf(type) - 1)), {
    types: integers,
  }),
  shr: binary(
    "shr",
    "x shifted right by y modulo the width: arithmetic for i8, i16 and i32, logical otherwise",
    (x, y, type) => (type.startsWith("u") ? x >>> (y & (bitsOf(type) - 1)) : x >> (y & (bitsOf(type) - 1))),
    { types: integers },
  ),
  mask: masking("mask", "x where the u8 y isn't 0, otherwise 0", true),
  mask_not: masking("mask_not", "x where the u8 y is 0, otherwise 0", false),
  convert: row({
    unit: "vxm",
    doc: "x in another type; integers wrap or saturate, floats are cut off or rounded to nearest even",
    fields: converting,
    text: "convert.{from}.{to}.{rounding} {x} -> {out}",
    taps: taps(1),
    gives: gives("to"),
    delay,
    vxm: {
      inputs: 1,
      types,
      gives: "to",
      lanes: (x, _, from, fields) => {
        const to = types[fields["to"]!]!;
        return lanesOf(x, (a) => converted(a, from, to, fields["rounding"]!));
      },
    },
  }),
};

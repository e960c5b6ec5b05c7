// Instructions of the vector unit: one ALU each, two inputs at most, a result of the same type unless the row says
// otherwise. Integers wrap ("modulo") or saturate; floats round once to their type, to nearest even; `min` and `max` give
// NaN if an input is one. There is no division: 1 / s is rsqrt(s)² for s > 0.

import { roundFloat, roundHalfEven } from "../../../ir/values.ts";
import {
  kinds,
  row,
  type BytesBody,
  type FieldKind,
  type Fields,
  type Row,
  type StreamUse,
  type VxmRow,
} from "./instruction.ts";
import { isFloatType, types, widths, type Lanes, type TspType } from "./values.ts";

const integers = types.filter((type) => !isFloatType(type));
const floats = types.filter(isFloatType);

/**
 * What each type's results become: modulo its width, or rounded. Loops over beats stand one by one, here and below, since
 * a loop that calls another function for each lane is five times slower.
 */
const fit: Readonly<Record<TspType, (z: Lanes) => void>> = {
  i8: (z) => {
    for (let at = 0; at < z.length; at++) z[at] = (z[at]! << 24) >> 24;
  },
  u8: (z) => {
    for (let at = 0; at < z.length; at++) z[at] = z[at]! & 0xff;
  },
  i16: (z) => {
    for (let at = 0; at < z.length; at++) z[at] = (z[at]! << 16) >> 16;
  },
  u16: (z) => {
    for (let at = 0; at < z.length; at++) z[at] = z[at]! & 0xffff;
  },
  i32: (z) => {
    for (let at = 0; at < z.length; at++) z[at] = z[at]! | 0;
  },
  u32: (z) => {
    for (let at = 0; at < z.length; at++) z[at] = z[at]! >>> 0;
  },
  f16: (z) => {
    for (let at = 0; at < z.length; at++) z[at] = roundFloat(z[at]!, "f16");
  },
  f32: (z) => {
    for (let at = 0; at < z.length; at++) z[at] = Math.fround(z[at]!);
  },
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

/** Writes exact results for a beat into `z`; they are fitted to the type afterwards. */
type Body = (z: Lanes, x: Lanes, y: Lanes, type: TspType) => void;

const each =
  (scalar: (x: number, y: number, type: TspType) => number): Body =>
  (z, x, y, type) => {
    for (let at = 0; at < z.length; at++) z[at] = scalar(x[at]!, y[at]!, type);
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

/** Elements of one byte as they lie on a stream: simulated several times as fast as numbers made of them and back. */
const bytes = {
  mov: (z, x) => z.set(x),
  neg: (z, x) => {
    for (let at = 0; at < z.length; at++) z[at] = -x[at]!;
  },
  not: (z, x) => {
    for (let at = 0; at < z.length; at++) z[at] = ~x[at]!;
  },
  add: (z, x, y) => {
    for (let at = 0; at < z.length; at++) z[at] = x[at]! + y[at]!;
  },
  sub: (z, x, y) => {
    for (let at = 0; at < z.length; at++) z[at] = x[at]! - y[at]!;
  },
  mul: (z, x, y) => {
    for (let at = 0; at < z.length; at++) z[at] = x[at]! * y[at]!;
  },
  eq: (z, x, y) => {
    for (let at = 0; at < z.length; at++) z[at] = x[at] === y[at] ? 1 : 0;
  },
  ne: (z, x, y) => {
    for (let at = 0; at < z.length; at++) z[at] = x[at] === y[at] ? 0 : 1;
  },
  and: (z, x, y) => {
    for (let at = 0; at < z.length; at++) z[at] = x[at]! & y[at]!;
  },
  or: (z, x, y) => {
    for (let at = 0; at < z.length; at++) z[at] = x[at]! | y[at]!;
  },
  xor: (z, x, y) => {
    for (let at = 0; at < z.length; at++) z[at] = x[at]! ^ y[at]!;
  },
  mask: (z, x, y) => {
    for (let at = 0; at < z.length; at++) z[at] = y[at] === 0 ? 0 : x[at]!;
  },
  mask_not: (z, x, y) => {
    for (let at = 0; at < z.length; at++) z[at] = y[at] === 0 ? x[at]! : 0;
  },
} satisfies Record<string, BytesBody>;
const bytesOf = (name: string): BytesBody | undefined =>
  name in bytes ? bytes[name as keyof typeof bytes] : undefined;

interface Options {
  readonly types?: readonly TspType[];
  readonly second?: TspType;
  readonly gives?: TspType;
  /** The result needs no fitting: it is one of the inputs, or within every type. */
  readonly exact?: boolean;
}

const computed =
  (body: Body, exact: boolean): VxmRow["lanes"] =>
  (x, y, type, _, z = new Float64Array(x.length)) => {
    body(z, x, y, type);
    if (!exact) fit[type](z);
    return z;
  };

function binary(name: string, doc: string, body: Body, options: Options = {}): Row<typeof typed> {
  const { types: allowed = types, second, gives: given, exact = false } = options;
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
      lanes: computed(body, exact),
      bytes: bytesOf(name),
    },
  });
}

function unary(
  name: string,
  doc: string,
  body: Body,
  { types: allowed = types, exact = false }: Options = {},
): Row<typeof typedUnary> {
  return row({
    unit: "vxm",
    doc,
    fields: typedUnary,
    text: `${name}.{type} {x} -> {out}`,
    taps: taps(1),
    gives: gives(),
    delay,
    vxm: { inputs: 1, types: allowed, lanes: computed(body, exact), bytes: bytesOf(name) },
  });
}

const compare = (name: string, sign: string, holds: (x: number, y: number) => boolean) =>
  binary(
    name,
    `1 where x ${sign} y, otherwise 0, as u8`,
    each((x, y) => (holds(x, y) ? 1 : 0)),
    {
      gives: "u8",
      exact: true,
    },
  );
const masking = (name: string, doc: string, keep: boolean) =>
  binary(
    name,
    doc,
    each((x, y) => ((y !== 0) === keep ? x : 0)),
    { second: "u8", exact: true },
  );
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

/** Writes x as type `to` into `z`, but for the last rounding or wrapping. */
function convert(z: Lanes, x: Lanes, from: TspType, to: TspType, rounding: number): void {
  if (isFloatType(to) || (!isFloatType(from) && rounding === 0)) {
    z.set(x);
    return;
  }
  const [low, high] = range[to];
  const near = isFloatType(from) && rounding === 2;
  for (let at = 0; at < z.length; at++) {
    const value = near ? roundHalfEven(x[at]!) : Math.trunc(x[at]!);
    z[at] = value >= high ? high : value <= low ? low : value || 0;
  }
}

export const vxmRows = {
  mov: unary("mov", "x", (z, x) => z.set(x), { exact: true }),
  neg: unary("neg", "-x, modulo", (z, x) => {
    for (let at = 0; at < z.length; at++) z[at] = -x[at]!;
  }),
  abs: unary("abs", "|x|, modulo", (z, x) => {
    for (let at = 0; at < z.length; at++) z[at] = Math.abs(x[at]!);
  }),
  not: unary(
    "not",
    "the complement of the bits",
    each((x) => ~x),
    { types: integers },
  ),
  relu: unary(
    "relu",
    "max(x, 0)",
    (z, x) => {
      for (let at = 0; at < z.length; at++) z[at] = x[at]! <= 0 ? 0 : x[at]!;
    },
    { exact: true },
  ),
  tanh: unary("tanh", "the hyperbolic tangent", each(Math.tanh), { types: floats }),
  exp: unary("exp", "e to the power x", each(Math.exp), { types: floats }),
  rsqrt: unary(
    "rsqrt",
    "1 / √x",
    each((x) => 1 / Math.sqrt(x)),
    { types: floats },
  ),
  add: binary("add", "x + y, modulo", (z, x, y) => {
    for (let at = 0; at < z.length; at++) z[at] = x[at]! + y[at]!;
  }),
  sub: binary("sub", "x - y, modulo", (z, x, y) => {
    for (let at = 0; at < z.length; at++) z[at] = x[at]! - y[at]!;
  }),
  mul: binary("mul", "x · y, modulo", (z, x, y, type) => {
    if (isFloatType(type)) for (let at = 0; at < z.length; at++) z[at] = x[at]! * y[at]!;
    else for (let at = 0; at < z.length; at++) z[at] = Math.imul(x[at]!, y[at]!);
  }),
  add_sat: binary(
    "add_sat",
    "x + y, saturating",
    each((x, y, type) => saturate(x + y, type)),
    {
      types: integers,
    },
  ),
  sub_sat: binary(
    "sub_sat",
    "x - y, saturating",
    each((x, y, type) => saturate(x - y, type)),
    {
      types: integers,
    },
  ),
  mul_sat: binary(
    "mul_sat",
    "x · y, saturating",
    each((x, y, type) => saturate(x * y, type)),
    {
      types: integers,
    },
  ),
  min: binary(
    "min",
    "the smaller one",
    (z, x, y) => {
      for (let at = 0; at < z.length; at++) z[at] = Math.min(x[at]!, y[at]!);
    },
    { exact: true },
  ),
  max: binary(
    "max",
    "the larger one",
    (z, x, y) => {
      for (let at = 0; at < z.length; at++) z[at] = Math.max(x[at]!, y[at]!);
    },
    { exact: true },
  ),
  eq: compare("eq", "=", (x, y) => x === y),
  ne: compare("ne", "≠", (x, y) => x !== y),
  lt: compare("lt", "<", (x, y) => x < y),
  le: compare("le", "≤", (x, y) => x <= y),
  and: binary(
    "and",
    "bitwise and",
    each((x, y) => x & y),
    { types: integers },
  ),
  or: binary(
    "or",
    "bitwise or",
    each((x, y) => x | y),
    { types: integers },
  ),
  xor: binary(
    "xor",
    "bitwise exclusive or",
    each((x, y) => x ^ y),
    { types: integers },
  ),
  shl: binary(
    "shl",
    "x shifted left by y modulo the width",
    each((x, y, type) => x << (y & (bitsOf(type) - 1))),
    { types: integers },
  ),
  shr: binary(
    "shr",
    "x shifted right by y modulo the width: arithmetic for i8, i16 and i32, logical otherwise",
    each((x, y, type) => {
      const by = y & (bitsOf(type) - 1);
      return type.startsWith("u") ? x >>> by : x >> by;
    }),
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
      lanes: (x, _, from, fields, z = new Float64Array(x.length)) => {
        const to = types[fields["to"]!]!;
        convert(z, x, from, to, fields["rounding"]!);
        fit[to](z);
        return z;
      },
    },
  }),
};

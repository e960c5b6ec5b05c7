// The element types, one row each. What the language, the interpreter, the targets and the runtime know
// about a dtype is read from this table.

export type Dtype =
  | "bool"
  | "i8"
  | "i16"
  | "i32"
  | "i64"
  | "u8"
  | "u16"
  | "u32"
  | "u64"
  | "i4"
  | "u4"
  | "i2"
  | "u2"
  | "f16"
  | "bf16"
  | "f32"
  | "f64";

/** The classes of typed array that hold elements in memory. */
export type ElementArray =
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | BigInt64Array
  | BigUint64Array;

export interface ElementArrayClass {
  new (length: number): ElementArray;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): ElementArray;
  readonly BYTES_PER_ELEMENT: number;
}

export type DtypeKind = "bool" | "int" | "uint" | "float";

export interface DtypeInfo {
  readonly kind: DtypeKind;
  /** Bits that one element occupies in storage; below 8 the elements are packed, lowest bits first. */
  readonly bits: number;
  /** The typed array that elements are kept in; f16 and bf16 as their bits, packed elements in bytes. */
  readonly array: ElementArrayClass;
  /** Smallest and largest value; for floats the largest finite magnitude. */
  readonly min: number | bigint;
  readonly max: number | bigint;
  /** Precision in bits, the implicit one included (floats only). */
  readonly mantissa?: number;
  /** Storage only: such a value is converted when it is loaded and may not be computed with. */
  readonly storageOnly?: true;
  /** What a reduction of this dtype accumulates in, where that isn't the dtype itself. */
  readonly accumulator?: Dtype;
}

const int = (bits: number, array: ElementArrayClass): DtypeInfo => ({
  kind: "int",
  bits,
  array,
  min: bits > 32 ? -(1n << BigInt(bits - 1)) : -(2 ** (bits - 1)),
  max: bits > 32 ? (1n << BigInt(bits - 1)) - 1n : 2 ** (bits - 1) - 1,
});
const uint = (bits: number, array: ElementArrayClass): DtypeInfo => ({
  kind: "uint",
  bits,
  array,
  min: bits > 32 ? 0n : 0,
  max: bits > 32 ? (1n << BigInt(bits)) - 1n : 2 ** bits - 1,
});
const float = (bits: number, array: ElementArrayClass, mantissa: number, max: number): DtypeInfo => ({
  kind: "float",
  bits,
  array,
  mantissa,
  min: -max,
  max,
});

export const dtypes: Readonly<Record<Dtype, DtypeInfo>> = {
  bool: { kind: "bool", bits: 8, array: Uint8Array, min: 0, max: 1 },
  i8: { ...int(8, Int8Array), accumulator: "i32" },
  i16: { ...int(16, Int16Array), accumulator: "i32" },
  i32: int(32, Int32Array),
  i64: int(64, BigInt64Array),
  u8: { ...uint(8, Uint8Array), accumulator: "i32" },
  u16: { ...uint(16, Uint16Array), accumulator: "i32" },
  u32: uint(32, Uint32Array),
  u64: uint(64, BigUint64Array),
  i4: { ...int(4, Uint8Array), storageOnly: true },
  u4: { ...uint(4, Uint8Array), storageOnly: true },
  i2: { ...int(2, Uint8Array), storageOnly: true },
  u2: { ...uint(2, Uint8Array), storageOnly: true },
  f16: { ...float(16, Uint16Array, 11, 65504), accumulator: "f32" },
  bf16: { ...float(16, Uint16Array, 8, 3.3895313892515355e38), accumulator: "f32" },
  f32: float(32, Float32Array, 24, 3.4028234663852886e38),
  f64: float(64, Float64Array, 53, Number.MAX_VALUE),
};

export const dtypeNames = Object.keys(dtypes) as Dtype[];

export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(dtypes, name);
}

/** The row of a dtype. */
export function dtypeInfo(dtype: Dtype): DtypeInfo {
  return dtypes[dtype];
}

export const isFloat = (dtype: Dtype): boolean => dtypes[dtype].kind === "float";
export const isInteger = (dtype: Dtype): boolean =>
  dtypes[dtype].kind === "int" || dtypes[dtype].kind === "uint";
export const isSigned = (dtype: Dtype): boolean => dtypes[dtype].kind === "int";

/** The dtype that a tensor's elements have as values: those of less than a byte are read as i32, and written from it. */
export const valueDtype = (dtype: Dtype): Dtype => (dtypes[dtype].storageOnly ? "i32" : dtype);

/** Values of 64-bit integers are bigints everywhere in the compiler; all other numbers are JS numbers. */
export const isWide = (dtype: Dtype): boolean => isInteger(dtype) && dtypes[dtype].bits === 64;

/**
 * A trait is a finite set of dtypes. A generic definition is checked once for each member, so a body that
 * passes is right for every instantiation.
 */
export const traits = {
  /** What `dot4` takes. */
  Byte: ["i8", "u8"],
  Float: dtypeNames.filter(isFloat),
  Int: dtypeNames.filter((name) => isInteger(name) && !dtypes[name].storageOnly),
  Number: dtypeNames.filter((name) => (isFloat(name) || isInteger(name)) && !dtypes[name].storageOnly),
  Any: dtypeNames.filter((name) => !dtypes[name].storageOnly),
} as const satisfies Record<string, readonly Dtype[]>;

export type TraitName = keyof typeof traits;

export function isTrait(name: string): name is TraitName {
  return Object.hasOwn(traits, name);
}

// Tensor: dtype, shape, strides, and a storage on the host or on a device. Views share their storage and cost
// nothing; kernels take them as they are.

import { dtypeInfo, type Dtype } from "../../lang/dtypes.ts";
import { describeGiven } from "../../lang/diagnostics/given.ts";
import { isDtype } from "../../lang/dtypes.ts";
import { kernError } from "../error.ts";
import { gather } from "./copy.ts";
import { dataOf } from "./values.ts";
import { checkShape, contiguousStrides, isContiguous, layoutEnd, sizeOf, type Layout } from "./layout.ts";
import {
  bytesIn,
  type ArrayOfDtype,
  type DtypeOfArray,
  arrayClass,
  bytesOf,
  dtypeOfArray,
  HostStorage,
  type Storage,
  type TypedArray,
} from "./storage.ts";

/** What a tensor can be made of. */
export type TensorData = TypedArray | readonly (number | bigint | boolean)[];

/** One axis of `slice`: a position (drops the axis), [low, high], [low, high, step], or null for all of it. */
export type SliceRange = number | null | readonly [number, number] | readonly [number, number, number];

export class Tensor<D extends Dtype = Dtype> implements Layout {
  readonly dtype: D;
  readonly shape: readonly number[];
  /** Elements between neighbours along each axis. */
  readonly strides: readonly number[];
  /** The first element's place in the storage. */
  readonly offset: number;
  readonly storage: Storage;

  constructor(storage: Storage, dtype: D, { shape, strides, offset }: Layout) {
    this.storage = storage;
    this.dtype = dtype;
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }
  get rank(): number {
    return this.shape.length;
  }
  get isContiguous(): boolean {
    return isContiguous(this);
  }

  /** The elements in row-major order, as a fresh typed array (bits for f16 and bf16, packed bytes below 8 bits). */
  async data(): Promise<ArrayOfDtype[D]> {
    return this.elements();
  }

  /** The same without waiting, where the elements are in memory that can be read so: not on a GPU. */
  dataSync(): ArrayOfDtype[D] {
    const found = this.elements();
    if (found instanceof Promise)
      throw kernError("K0729", { what: `a ${this}`, why: "it is in the memory of another device" });
    return found;
  }

  /** The same, at once where memory can be read so: a promise that needn't wait takes longer than reading a few elements. */
  elements(): ArrayOfDtype[D] | Promise<ArrayOfDtype[D]> {
    if (this.size === 0) return this.none();
    const [first, end, layout] = this.span();
    const bytes = this.storage.read(first, end);
    const taken = (found: Uint8Array) => gather(this.dtype, found, layout) as ArrayOfDtype[D];
    return bytes instanceof Promise ? bytes.then(taken) : taken(bytes);
  }

  /** The bytes of the storage to read, and where the elements are in them. */
  private span(): [first: number, end: number, layout: Layout] {
    if (this.storage.disposed) throw kernError("K0713", { what: "the tensor" });
    const bits = dtypeInfo(this.dtype).bits;
    // From a whole 8-byte word on, so that what is read can be seen as a typed array of any width.
    const firstWord = Math.floor((this.offset * bits) / 64);
    const end = bytesOf(this.dtype, layoutEnd(this));
    return [firstWord * 8, end, { ...layoutOf(this), offset: this.offset - (firstWord * 64) / bits }];
  }

  private none(): ArrayOfDtype[D] {
    if (this.storage.disposed) throw kernError("K0713", { what: "the tensor" });
    return new (arrayClass(this.dtype))(new ArrayBuffer(0), 0, 0) as ArrayOfDtype[D];
  }

  /** The same elements with the axes in another order; without arguments, reversed. */
  transpose(...axes: number[]): Tensor<D> {
    const order = axes.length > 0 ? axes : this.shape.map((_, axis) => this.rank - 1 - axis);
    const sorted = order.toSorted((a, b) => a - b);
    if (order.length !== this.rank || sorted.some((axis, at) => axis !== at))
      throw kernError("K0715", {
        view: `transpose(${axes.join(", ")})`,
        why: `it must name each of the axes 0 to ${this.rank - 1} once`,
      });
    return this.view(
      order.map((axis) => this.shape[axis]!),
      order.map((axis) => this.strides[axis]!),
    );
  }

  /**
   * A part of the tensor, one argument an axis: `t.slice(2, [0, 3], null, [1, 9, 2])`. Numbers below 0 count from
   * the end and ranges are cut to the axis, as in Python; axes left out are kept whole.
   */
  slice(...ranges: SliceRange[]): Tensor<D> {
    const view = `slice(${ranges.map((range) => JSON.stringify(range)).join(", ")})`;
    const refuse = (why: string) => kernError("K0715", { view, why });
    if (ranges.length > this.rank)
      throw refuse(`the tensor has only ${this.rank} ${this.rank === 1 ? "axis" : "axes"}`);
    const shape: number[] = [];
    const strides: number[] = [];
    let offset = this.offset;
    this.shape.forEach((dim, axis) => {
      const stride = this.strides[axis]!;
      const range = ranges[axis] ?? null;
      if (typeof range === "number") {
        const at = range < 0 ? range + dim : range;
        if (!Number.isInteger(range) || at < 0 || at >= dim)
          throw refuse(`axis ${axis} has ${dim} elements, none at ${range}`);
        offset += at * stride;
        return;
      }
      const [low, high, step = 1] = range ?? [0, dim];
      if (![low, high, step].every(Number.isInteger) || step < 1)
        throw refuse(`a range is two whole numbers and a step of at least 1`);
      const start = Math.min(Math.max(low < 0 ? low + dim : low, 0), dim);
      const end = Math.min(Math.max(high < 0 ? high + dim : high, start), dim);
      const count = Math.ceil((end - start) / step);
      if (count > 0) offset += start * stride;
      shape.push(count);
      strides.push(stride * step);
    });
    return new Tensor(this.storage, this.dtype, { shape, strides, offset });
  }

  /** Repeats axes of size 1, and adds axes in front, without copying. */
  broadcastTo(shape: readonly number[]): Tensor<D> {
    checkShape(shape, "u8");
    const added = shape.length - this.rank;
    const fits = this.shape.every((dim, axis) => dim === 1 || dim === shape[axis + added]);
    if (added < 0 || !fits)
      throw kernError("K0715", {
        view: `broadcastTo([${shape.join(", ")}])`,
        why: `a tensor of shape [${this.shape.join(", ")}] fits only where its axes, counted from the last, are equal or 1`,
      });
    return this.view(
      shape,
      shape.map((dim, axis) =>
        axis < added || (this.shape[axis - added] === 1 && dim !== 1) ? 0 : this.strides[axis - added]!,
      ),
    );
  }

  /** Another shape over the same elements, which must lie one behind the other. */
  reshape(shape: readonly number[]): Tensor<D> {
    const view = `reshape([${shape.join(", ")}])`;
    checkShape(shape, this.dtype);
    if (sizeOf(shape) !== this.size)
      throw kernError("K0715", {
        view,
        why: `it has ${sizeOf(shape)} elements, the tensor has ${this.size}`,
      });
    if (!this.isContiguous)
      throw kernError("K0715", {
        view,
        why: "the elements of this view don’t lie one behind the other; take `await t.contiguous()` first",
      });
    return this.view(shape, contiguousStrides(shape));
  }

  /** This tensor if its elements lie in row-major order, else a copy on the host that does. */
  async contiguous(): Promise<Tensor<D>> {
    return this.isContiguous ? this : hostTensor(await this.data(), this.shape, this.dtype);
  }

  /** Gives the memory back, of all views too. Otherwise the garbage collector does, some time. */
  dispose(): void {
    this.storage.dispose();
  }

  toString(): string {
    return `Tensor[${[this.dtype, ...this.shape].join(", ")}]`;
  }

  private view(shape: readonly number[], strides: readonly number[]): Tensor<D> {
    return new Tensor(this.storage, this.dtype, { shape: [...shape], strides, offset: this.offset });
  }
}

// `using t = …` where the engine knows it.
const disposal: unknown = (Symbol as { dispose?: symbol }).dispose;
if (typeof disposal === "symbol")
  Object.defineProperty(Tensor.prototype, disposal, { value: Tensor.prototype.dispose });

function layoutOf({ shape, strides, offset }: Layout): Layout {
  return { shape, strides, offset };
}

/**
 * Makes a tensor of a typed array in row-major order, without copying it. The dtype follows from the array; name
 * it for f16 and bf16 (bits in a Uint16Array), bool and packed integers (a Uint8Array). A plain array of numbers
 * or booleans is converted to `dtype`; if none is named, to i64 where all are BigInts, else to f32.
 */
export function tensor<A extends TypedArray>(data: A, shape?: readonly number[]): Tensor<DtypeOfArray<A>>;
export function tensor(data: readonly number[], shape?: readonly number[]): Tensor<"f32">;
export function tensor(data: readonly bigint[], shape?: readonly number[]): Tensor<"i64">;
export function tensor<D extends Dtype>(data: TensorData, shape: readonly number[], dtype: D): Tensor<D>;
export function tensor(data: TensorData, shape?: readonly number[], dtype?: Dtype): Tensor;
export function tensor(data: TensorData, shape: readonly number[] = [data.length], dtype?: Dtype): Tensor {
  if (dtype !== undefined && !isDtype(dtype))
    throw kernError("K0709", { why: `\`${String(dtype)}\` is not a dtype` });
  if (!Array.isArray(shape)) throw kernError("K0710", { shape: String(shape), why: "it is not an array" });
  checkShape(shape, dtype ?? "u8");
  if (Array.isArray(data)) {
    const to = dtype ?? (data.length > 0 && data.every((value) => typeof value === "bigint") ? "i64" : "f32");
    return hostTensor(convertArray(data, to, shape), shape, to);
  }
  if (!ArrayBuffer.isView(data) || data instanceof DataView)
    throw kernError("K0709", { why: "its data must be a typed array or an array of numbers" });
  return hostTensor(data as TypedArray, shape, dtype ?? dtypeOfArray(data as TypedArray));
}

function hostTensor<D extends Dtype>(data: TypedArray, shape: readonly number[], dtype: D): Tensor<D> {
  checkShape(shape, dtype);
  const Class = arrayClass(dtype);
  const fits = data instanceof Class || (Class === Uint8Array && data instanceof Uint8ClampedArray);
  if (!fits)
    throw kernError("K0709", {
      why: `${dtype} elements come as ${(Class as unknown as { name: string }).name}, not as ${data.constructor.name}`,
    });
  const expected = bytesOf(dtype, sizeOf(shape)) / Class.BYTES_PER_ELEMENT;
  if (data.length !== expected)
    throw kernError("K0709", {
      why: `the shape [${shape.join(", ")}] needs ${expected} ${expected === sizeOf(shape) ? "elements" : `bytes of packed ${dtype}`}, but the data has ${data.length}`,
    });
  const bytes = bytesIn(data);
  return new Tensor(new HostStorage(bytes), dtype, {
    shape: [...shape],
    strides: contiguousStrides(shape),
    offset: 0,
  });
}

function convertArray(
  data: readonly (number | bigint | boolean)[],
  dtype: Dtype,
  shape: readonly number[],
): TypedArray {
  const { kind, min, max } = dtypeInfo(dtype);
  if (data.length !== sizeOf(shape))
    throw kernError("K0709", {
      why: `the shape [${shape.join(", ")}] needs ${sizeOf(shape)} elements, but the data has ${data.length}`,
    });
  const other = data.findIndex((value) => !["number", "bigint", "boolean"].includes(typeof value));
  if (other >= 0)
    throw kernError(
      "K0709",
      { why: `element ${other} of the data is ${describeGiven(data[other])}, not a number` },
      {
        notes: Array.isArray(data[other])
          ? ["its data is one row of numbers: `tensor(data.flat(), shape)`"]
          : [],
      },
    );
  if (kind === "int" || kind === "uint")
    data.forEach((value, at) => {
      const exact = typeof value === "boolean" ? Number(value) : value;
      if (!Number.isInteger(Number(exact)) || exact < min || exact > max)
        throw kernError("K0709", { why: `element ${at}, ${String(value)}, is not a value of ${dtype}` });
    });
  return dataOf(data, dtype);
}

/** For callers without types: refuses what is no tensor, as the argument of `option`. */
export function checkTensor(option: string, value: unknown): asserts value is Tensor {
  if (!(value instanceof Tensor))
    throw kernError(
      "K0719",
      { option, expected: "a tensor", given: describeGiven(value) },
      { notes: ["`tensor(data, shape)` makes one of a typed array"] },
    );
}

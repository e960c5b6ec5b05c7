// Builds a program, value by value. Operators are rows of `ops/`; each calls these few functions. What is known without running
// anything (shapes, constants, elements of constants) is known here.

import { dtypeInfo, isFloat, isSigned, valueDtype, type Dtype } from "../../lang/dtypes.ts";
import { contiguousStrides, isContiguous, shapeFault, sizeOf, type Layout } from "../tensor/layout.ts";
import { tensor, type Tensor } from "../tensor/tensor.ts";
import { dataOf, type Value as Element } from "../tensor/values.ts";
import type { Device, DeviceName } from "../device.ts";
import { lastOf, lastOperands, lastOrder, sameImage } from "./channels.ts";
import type { CallStep, Import, Input, Joined, KernelCode, MapOp, Step, Value } from "./program.ts";

/** A step before its outputs are made. */
type Unfinished<S extends Step = Step> = S extends Step ? Omit<S, "outputs" | "origin"> : never;

/** An operand: a value, or a part of one. */
export type Operand = Value | Input;

export interface MapOptions {
  /** Of the result; the first operand's if not said. */
  readonly dtype?: Dtype;
  /** `std.math.exp` for each name that the expression uses. */
  readonly uses?: readonly string[];
  /** The shape of the result, if the operands' shapes broadcast to a smaller one. */
  readonly shape?: readonly number[];
}

/** How a node is carried out other than its operator says: on integers, or not at all. */
export type Way = "integers" | "4-bit weights" | "nothing";

/** When quantized factors are multiplied as integers: always, or where that is expected to be faster than as floats. */
export type WhenIntegers = "always" | "faster";

export class Builder {
  /** By the name of the node. */
  readonly notes = new Map<string, Way>();
  /** Nodes that kernels are registered for and the library carries out, by name, and why none of these does. */
  readonly left = new Map<string, string>();
  /** What nodes show that compute nothing, since it is a part of what was joined, by the name of the node. */
  readonly shown = new Map<string, Value>();
  /** In the order built; each after the steps whose outputs it takes. */
  readonly steps: Step[] = [];
  /** The node being built. */
  origin = "";
  /** Where the program will run: what is the best way to a result may depend on it, and on what the device can do. */
  readonly target: DeviceName;
  readonly features: readonly string[];
  /** Whether operators may pass images on with their channels last, or each has to compute what the model says by itself. */
  readonly reorders: boolean;
  readonly integers: WhenIntegers;
  private count = 0;

  constructor(
    device: Pick<Device, "name" | "features">,
    reorders = false,
    integers: WhenIntegers = "always",
  ) {
    this.target = device.name;
    this.features = device.features;
    this.reorders = reorders;
    this.integers = integers;
  }

  /** A value that is given when the program runs. */
  input(name: string, dtype: Dtype, shape: readonly number[]): Value {
    return { id: this.count++, dtype, shape: [...shape], fixed: false, name };
  }

  constant(given: Tensor, name?: string): Value {
    const { dtype, shape } = given;
    return { id: this.count++, dtype, shape, fixed: true, constant: given, name };
  }

  /** A constant of the elements given. */
  literal(dtype: Dtype, elements: readonly Element[], shape: readonly number[] = [elements.length]): Value {
    return this.constant(tensor(dataOf(elements, dtype), shape, dtype));
  }

  /** 0, 1, 2, …: the places along an axis. */
  places(dtype: "i32" | "i64", count: number, shape: readonly number[] = [count]): Value {
    return this.literal(
      dtype,
      Array.from({ length: count }, (_, at) => at),
      shape,
    );
  }

  scalar(dtype: Dtype, element: Element): Value {
    return this.literal(dtype, [element], []);
  }

  /** Elements of the operands at the same place, broadcast as NumPy does, through an expression in Kern. */
  map(text: string, operands: readonly Operand[], options: MapOptions = {}): Value {
    const turned = lastOperands(this, operands, options);
    if (turned) return this.first(this.map(text, turned, { ...options, shape: undefined }));
    const inputs = operands.map(asInput);
    const dtype = options.dtype ?? inputs[0]!.value.dtype;
    const shape = options.shape ?? broadcast(inputs.map(shapeOf));
    const op: MapOp = {
      text,
      operands: inputs.map((_, input) => ({ input })),
      dtype: valueDtype(dtype),
      imports: (options.uses ?? []).map(importOf),
      origin: this.origin,
    };
    return this.add({ kind: "map", inputs, ops: [op], results: [0] }, [{ dtype, shape }])[0]!;
  }

  /** A kernel of its own. `results` are dtypes and shapes of the outputs, in the order of `code.outputs`. */
  kernel(
    code: Omit<KernelCode, "imports"> & { readonly uses?: readonly string[] },
    operands: readonly Operand[],
    results: readonly { readonly dtype: Dtype; readonly shape: readonly number[] }[],
  ): Value[] {
    const { uses = [], ...rest } = code;
    const imports = uses.map(importOf);
    return this.add({ kind: "kernel", inputs: operands.map(asInput), code: { ...rest, imports } }, results);
  }

  /** A kernel that is there already. */
  call(
    { kernel, parameters, results, scalars }: Pick<CallStep, "kernel" | "parameters" | "results" | "scalars">,
    operands: readonly Operand[],
    outputs: readonly { readonly dtype: Dtype; readonly shape: readonly number[] }[],
  ): Value[] {
    return this.add(
      { kind: "call", kernel, parameters, results, scalars, inputs: operands.map(asInput) },
      outputs,
    );
  }

  /** The same elements in another shape. */
  reshape(value: Value, shape: readonly number[]): Value {
    if (sizeOf(shape) !== sizeOf(value.shape))
      throw new ShapeConflict(`${shapeText(value.shape)} doesn’t have the elements of ${shapeText(shape)}`);
    if (shape.length === value.shape.length && shape.every((dim, axis) => dim === value.shape[axis]))
      return value;
    const { dtype, fixed, integers } = value;
    const made: Value = { id: this.count++, dtype, shape: [...shape], fixed, alias: value };
    if (integers?.axis === undefined && integers)
      made.integers = { ...integers, q: this.reshape(integers.q, shape) };
    if (value.joined) made.joined = this.reshapeParts(value.joined, value.shape, shape);
    if (value.last && sameImage(value.shape, shape))
      made.last = this.reshape(value.last, [shape[0]!, ...shape.slice(2), shape[1]!]);
    return made;
  }

  /** The parts of a join in another shape, where the axes up to the one of the join stay as they are. */
  private reshapeParts(
    { axis, parts }: Joined,
    from: readonly number[],
    to: readonly number[],
  ): Joined | undefined {
    if (from.slice(0, axis + 1).some((dim, at) => dim !== to[at])) return undefined;
    const shapeOf = ({ shape }: Value) => [...shape.slice(0, axis + 1), ...to.slice(axis + 1)];
    return { axis, parts: parts.map((part) => this.reshape(part, shapeOf(part))) };
  }

  /** The elements that a layout shows, copied into row-major order; the value itself if they lie so already. */
  view(value: Value, view: Layout): Value {
    if (isContiguous(view) && view.offset === 0 && sizeOf(view.shape) === sizeOf(value.shape))
      return this.reshape(value, view.shape);
    return this.map("$0", [{ value, view }]);
  }

  /** An image [batch, channels, …] as [batch, …, channels]: as something computes it, or as a copy, of which there is one. */
  last(value: Value): Value {
    const { alias, shape } = value;
    if (alias && alias !== value.last && sameImage(alias.shape, shape))
      value.last ??= this.reshape(this.last(alias), [shape[0]!, ...shape.slice(2), shape[1]!]);
    return (value.last = lastOf(this, value) ?? this.transpose(value, lastOrder(value.shape.length)));
  }

  /** An image [batch, …, channels] as [batch, channels, …], a copy that is made only if somebody reads it in that order. */
  first(last: Value): Value {
    const rank = last.shape.length;
    const order = [
      0,
      rank - 1,
      ...lastOrder(rank)
        .slice(1, -1)
        .map((axis) => axis - 1),
    ];
    const value = this.transpose(last, order);
    if (value !== last && !value.fixed) value.last = last;
    return value;
  }

  /** The axes in another order. */
  transpose(value: Value, order: readonly number[]): Value {
    if (value.last && lastOrder(value.shape.length).every((axis, at) => axis === order[at]))
      return value.last;
    const strides = contiguousStrides(value.shape);
    const made = this.view(value, {
      shape: order.map((axis) => value.shape[axis]!),
      strides: order.map((axis) => strides[axis]!),
      offset: 0,
    });
    const { integers } = value;
    if (integers && made !== value) {
      const axis = integers.axis === undefined ? undefined : order.indexOf(integers.axis);
      made.integers = { ...integers, q: this.transpose(integers.q, order), axis };
    }
    return made;
  }

  cast(value: Value, dtype: Dtype): Value {
    if (value.dtype === dtype) return value;
    if (dtype === "bool") return this.map("$0 != 0", [value], { dtype });
    if (value.dtype === "bool") return this.map("$T(1) if $0 else $T(0)", [value], { dtype });
    if (isFloat(value.dtype)) return this.map(saturated("$0", dtype), [value], { dtype });
    return this.map(lowBits("i32($0)", dtype) ?? "$T($0)", [value], { dtype });
  }

  private add(
    step: Unfinished,
    results: readonly { readonly dtype: Dtype; readonly shape: readonly number[] }[],
  ): Value[] {
    const outputs: Value[] = [];
    const made: Step = { ...step, origin: this.origin, outputs };
    const fixed = made.inputs.every(({ value }) => value.fixed);
    for (const { dtype, shape } of results) {
      const why = shapeFault(shape, dtype);
      if (why !== undefined)
        throw new ShapeConflict(`its result would have the shape ${shapeText(shape)}: ${why}`);
      outputs.push({ id: this.count++, dtype, shape: [...shape], step: made, fixed });
    }
    this.steps.push(made);
    return outputs;
  }
}

/** A number, an expression in Kern, as the nearest one that a dtype has. */
export function saturated(number: string, dtype: Dtype): string {
  const { min, max, storageOnly } = dtypeInfo(dtype);
  return storageOnly ? `clamp(i32(${number}), ${min}, ${max})` : `${dtype}(${number})`;
}

/** What a dtype of less than a byte keeps of an i32, an expression in Kern; undefined for dtypes that values may have. */
function lowBits(number: string, dtype: Dtype): string | undefined {
  const { bits, max, storageOnly } = dtypeInfo(dtype);
  if (!storageOnly) return undefined;
  return isSigned(dtype) ? `(${number} << ${32 - bits}) >> ${32 - bits}` : `${number} & ${max}`;
}

function importOf(path: string): Import {
  const dot = path.lastIndexOf(".");
  return { module: path.slice(0, dot), name: path.slice(dot + 1) };
}

export function asInput(operand: Operand): Input {
  return "value" in operand ? operand : { value: operand };
}

/** The shape that a step sees. */
export function shapeOf({ value, view }: Input): readonly number[] {
  return view?.shape ?? value.shape;
}

/** The shape that shapes broadcast to, as NumPy does; undefined sizes never come up, since all are known. */
export function broadcast(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    let size = 1;
    for (const shape of shapes) {
      const dim = shape[axis - rank + shape.length] ?? 1;
      if (dim === 1 || dim === size) continue;
      if (size !== 1)
        throw new ShapeConflict(`the shapes ${shapes.map(shapeText).join(" and ")} don’t broadcast`);
      size = dim;
    }
    return size;
  });
}

/** Shapes that don't fit; the planner says at which node. */
export class ShapeConflict extends Error {}

const shapeText = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

/** Whether values of a dtype are floating-point numbers. */
export const isFloating = (dtype: Dtype): boolean => dtypeInfo(dtype).kind === "float";

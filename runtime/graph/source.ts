// From a step to Kern source and to the arguments of its call. Sizes are dimensions or scalars of the kernel, and a constant of one
// element is a scalar, so that the same text serves every shape that broadcasts the same way: the text is the key under
// which a compiled kernel is kept.

import { valueDtype, type Dtype } from "../../lang/dtypes.ts";
import { contiguousStrides, isContiguous, sizeOf, type Layout } from "../tensor/layout.ts";
import { valueAt } from "../tensor/values.ts";
import { HostStorage, viewAs } from "../tensor/storage.ts";
import type { DeviceName } from "../device.ts";
import { nestOf, type Nest } from "./axes.ts";
import type { Attached, Import, Input, KernelStep, MapOp, MapStep, Value } from "./program.ts";

/** A generated kernel, and what to call it with. */
export interface Launch {
  /** A whole `.kern` file. */
  readonly text: string;
  readonly kernel: string;
  readonly tensors: readonly TensorArgument[];
  readonly scalars: Readonly<Record<string, number | bigint | boolean>>;
}

export interface TensorArgument {
  readonly parameter: string;
  readonly value: Value;
  /** In elements of the value. */
  readonly layout: Layout;
  readonly out: boolean;
}

/** The kernel of a map. `inPlace` is the input whose memory the first output takes over. */
export function mapSource(step: MapStep, target: DeviceName, inPlace?: number): Launch {
  const shape = step.outputs[0]!.shape;
  const nest = nestOf(shape, step.inputs);
  const tensors: TensorArgument[] = [];
  const scalars: Record<string, number | bigint | boolean> = {};
  const parameters: string[] = [];
  const lanes = laneAxis(nest.sizes);
  // Short axes behind the one in lanes are numbers, so that their loops are unrolled.
  const isNumber = (axis: number): boolean => axis > lanes;
  const shown = nest.sizes.map((_, axis) => nest.strides.some((strides) => strides[axis] !== 0));
  const sizeName = (axis: number): string =>
    isNumber(axis) ? `${nest.sizes[axis]}` : shown[axis] ? `D${axis}` : `n${axis}`;
  const index = (axis: number): string => `i${axis}`;
  const all = nest.sizes.map((_, axis) => axis);
  const operands = step.inputs.map((input, n) => {
    const element = constantElement(input);
    const { dtype } = input.value;
    const name = `x${n}`;
    if (element !== undefined) {
      scalars[name] = element;
      parameters.push(`${name}: ${valueDtype(dtype)}`);
      return name;
    }
    const axes = all.filter((axis) => nest.strides[n]![axis] !== 0);
    const layout: Layout =
      axes.length === 0
        ? { shape: [1], strides: [1], offset: nest.offsets[n]! }
        : {
            shape: axes.map((axis) => nest.sizes[axis]!),
            strides: axes.map((axis) => nest.strides[n]![axis]!),
            offset: nest.offsets[n]!,
          };
    const dims = axes.length === 0 ? ["1"] : axes.map(sizeName);
    const own = n === inPlace;
    parameters.push(`${own ? "mut " : ""}${name}: Tensor[${[dtype, ...dims].join(", ")}]`);
    tensors.push({ parameter: name, value: own ? step.outputs[0]! : input.value, layout, out: own });
    return `${name}[${axes.length === 0 ? "0" : axes.map(index).join(", ")}]`;
  });
  const targets = step.outputs.map((output, n) => {
    if (n === 0 && inPlace !== undefined) return operands[inPlace]!;
    const name = `y${n}`;
    const dims = nest.sizes.length === 0 ? ["1"] : all.map(sizeName);
    parameters.push(`out ${name}: Tensor[${[output.dtype, ...dims].join(", ")}]`);
    const sizes = nest.sizes.length === 0 ? [1] : [...nest.sizes];
    tensors.push({
      parameter: name,
      value: output,
      layout: { shape: sizes, strides: contiguousStrides(sizes), offset: 0 },
      out: true,
    });
    return `${name}[${nest.sizes.length === 0 ? "0" : all.map(index).join(", ")}]`;
  });
  const lone = all.filter((axis) => !shown[axis] && !isNumber(axis));
  for (const axis of lone) scalars[`n${axis}`] = nest.sizes[axis]!;
  const sizes = lone.map((axis) => `n${axis}: index`);
  const { lines, names } = operations(step.ops, operands);
  const stores = step.results.map((result, n) => `${targets[n]} = ${names[result]}`);
  const axes = all.map((axis) => [index(axis), sizeName(axis)] as const);
  const width =
    (nest.sizes[lanes] ?? 0) >= longRow && step.inputs.length + step.results.length <= fewStreams
      ? 16
      : undefined;
  const inner = [...lines, ...stores];
  const body =
    target === "wasm" && lanes === all.length - 1 && turns(nest)
      ? blocks(axes, inner)
      : loops(axes, lanes, width, inner);
  const where = lone.length > 0 ? ` where ${lone.map((axis) => `n${axis} >= 0`).join(", ")}` : "";
  const text = [
    importLines(step.ops.flatMap(({ imports }) => imports)),
    `kernel fused(${[...sizes, ...parameters].join(", ")})${where}:`,
    ...body.map((line) => `    ${line}`),
  ];
  return { text: `${text.filter((line) => line !== "").join("\n")}\n`, kernel: "fused", tensors, scalars };
}

/** Axes of so few elements fill no vector. */
const shortAxis = 4;

/** The axis whose places are lanes: the last, or the one before the short ones that end a nest. */
function laneAxis(sizes: readonly number[]): number {
  const last = sizes.length - 1;
  const long = sizes.findLastIndex((size) => size > shortAxis);
  const unrolled = sizes.slice(long + 1).reduce((product, size) => product * size, 1);
  return long < 0 || unrolled > 4 * shortAxis ? last : long;
}

/**
 * Rows from which on several vectors at a time pay, in maps of so few tensors that the vectors stay in registers: sums of one wait for
 * each other less, and a loop's own work is shared. What is left of a short row would cost more than that saves.
 */
const longRow = 256;
const fewStreams = 4;

/** The loops of a map: the outermost in parallel, the axis `lanes` in lanes, `width` at a time if it says so. */
function loops(
  axes: readonly (readonly [string, string])[],
  lanes: number,
  width: number | undefined,
  body: readonly string[],
): string[] {
  if (axes.length === 0) return [...body];
  let lines = [...body];
  for (const [axis, [name, size]] of [...axes.entries()].toReversed()) {
    lines = [`for ${name} in range(${size}):`, ...lines.map((line) => `    ${line}`)];
    if (axis === lanes) lines.unshift(width === undefined ? "@vectorize" : `@vectorize(width=${width})`);
  }
  return ["@parallel", ...lines];
}

/** Rows and columns from which on a map that turns them reads each line of memory once only if it goes in blocks. */
const fewestTurned = { rows: 64, columns: 16 } as const;

/** Whether an input's elements lie together along the last axis but one, and far apart along the last. */
function turns({ sizes, strides }: Nest): boolean {
  const last = sizes.length - 1;
  if (last < 1 || sizes[last]! < fewestTurned.rows || sizes[last - 1]! < fewestTurned.columns) return false;
  return strides.some((own) => own[last - 1] === 1 && own[last]! >= fewestTurned.columns);
}

/** The loops of a map that turns its last two axes: in blocks that the nearest cache holds, see `std.layout.transpose`. */
function blocks(axes: readonly (readonly [string, string])[], body: readonly string[]): string[] {
  const outer = axes.slice(0, -2);
  const [[column, columns], [row, rows]] = axes.slice(-2) as unknown as readonly [
    readonly [string, string],
    readonly [string, string],
  ];
  const inner = [
    `for t, b in grid((${columns} + 255) // 256, (${rows} + 7) // 8):`,
    `    for ${column} in range(256 * t, min(256 * t + 256, ${columns})):`,
    `        for ${row} in range(8 * b, min(8 * b + 8, ${rows})):`,
    ...body.map((line) => `            ${line}`),
  ];
  if (outer.length === 0) return ["@parallel(t)", ...inner];
  let lines = inner;
  for (const [name, size] of outer.toReversed())
    lines = [`for ${name} in range(${size}):`, ...lines.map((line) => `    ${line}`)];
  return ["@parallel", ...lines];
}

/** A line for each operation, named after its place; `operands` are expressions for the step's inputs. */
function operations(
  ops: readonly MapOp[],
  operands: readonly string[],
): { lines: string[]; names: string[] } {
  const lines: string[] = [];
  const loaded = new Map<number, string>();
  const names: string[] = [];
  ops.forEach((op, at) => {
    const given = op.operands.map((operand) => {
      if ("op" in operand) return names[operand.op]!;
      const known = loaded.get(operand.input);
      if (known) return known;
      const text = operands[operand.input]!;
      if (!text.includes("[")) return text;
      const name = `a${operand.input}`;
      lines.push(`let ${name} = ${text}`);
      loaded.set(operand.input, name);
      return name;
    });
    const text = filled(op, given);
    if (/^\w+$/.test(text)) {
      names.push(text);
      return;
    }
    lines.push(`let t${at} = ${text}`);
    names.push(`t${at}`);
  });
  return { lines, names };
}

const filled = ({ text, dtype }: MapOp, operands: readonly string[]): string =>
  text.replaceAll(/\$(\d+|T)/g, (_, what: string) => (what === "T" ? dtype : operands[Number(what)]!));

/** The one element of a constant, which a kernel takes as a scalar: whatever view fusion put on it shows that element. */
function constantElement({ value }: Input): number | bigint | boolean | undefined {
  const { constant } = value;
  if (!constant || sizeOf(value.shape) !== 1) return undefined;
  if (!(constant.storage instanceof HostStorage)) return undefined;
  const data = viewAs(constant.dtype, constant.storage.bytes);
  return valueAt(data, constant.dtype, constant.offset);
}

/** The file of a kernel step, with what fusion has put before and behind it. */
export function kernelSource(step: KernelStep): Launch {
  const { code, epilogue } = step;
  const list = new ParameterList();
  const helpers: string[] = [];
  step.inputs.forEach((input, n) => {
    const { name, dims } = code.inputs[n]!;
    const prologue = step.prologues?.get(n);
    if (!prologue) list.tensor("", name, input.value, layoutOf(input), dims);
    else helpers.push(...attached(list, `pre_${name}`, prologue, input.value, dims));
  });
  for (const { name, dtype, value } of code.scalars)
    list.scalar(name, dtype, dtype === "bool" ? Boolean(value) : value);
  if (epilogue)
    helpers.push(...attached(list, "post", epilogue, step.outputs[0]!, code.outputs[0]!.dims, "v"));
  step.outputs.forEach((output, n) => {
    const { name, dims } = code.outputs[n]!;
    list.tensor("out ", name, output, layoutOf({ value: output }), dims);
  });
  const computed = new Set([...(step.prologues?.keys() ?? [])].map((at) => code.inputs[at]!.name));
  const body = code.body.map((line) =>
    line
      .replaceAll("[EPILOGUE]", epilogue ? "[epilogue=post]" : "")
      .replaceAll("EPILOGUE", epilogue ? ", epilogue=post" : "")
      .replaceAll(/POST\((\w+), ([^()]*)\)/g, (_, value: string, indices: string) =>
        epilogue ? `post(${value}, ${indices})` : value,
      )
      .replaceAll(/READ\((\w+), ([^()]*)\)/g, (_, name: string, indices: string) =>
        computed.has(name) ? `pre_${name}(${indices})` : `${name}[${indices}]`,
      ),
  );
  const inner = [epilogue, ...(step.prologues?.values() ?? [])].flatMap((each) => each?.ops ?? []);
  const text = [
    importLines([...code.imports, ...inner.flatMap(({ imports }) => imports)]),
    code.defs ?? "",
    `kernel ${code.name}(${list.parameters.join(", ")})${code.where ? ` where ${code.where}` : ""}:`,
    ...[...helpers, ...body].map((line) => `    ${line}`),
  ];
  const { tensors, scalars } = list;
  return { text: `${text.filter((line) => line !== "").join("\n")}\n`, kernel: code.name, tensors, scalars };
}

/** Parameters of a kernel, and what they are called with. */
class ParameterList {
  readonly parameters: string[] = [];
  readonly tensors: TensorArgument[] = [];
  readonly scalars: Record<string, number | bigint | boolean> = {};

  tensor(
    mode: "" | "out ",
    name: string,
    value: Value,
    layout: Layout,
    dims: readonly (string | number)[],
  ): void {
    const sizes = dims.length === 0 ? [1] : dims;
    this.parameters.push(`${mode}${name}: Tensor[${[value.dtype, ...sizes].join(", ")}]`);
    this.tensors.push({ parameter: name, value, layout, out: mode === "out " });
  }

  scalar(name: string, dtype: Dtype, value: number | bigint | boolean): void {
    this.parameters.push(`${name}: ${dtype}`);
    this.scalars[name] = value;
  }
}

/**
 * A map inside a kernel as a function of the indices of `tensor`, whose sizes are `dims`; with `element`, a function of the element
 * that is there, too.
 */
function attached(
  list: ParameterList,
  name: string,
  { inputs, ops }: Attached,
  tensor: Value,
  dims: readonly (string | number)[],
  element?: string,
): string[] {
  const indices = dims.map((_, axis) => `i${axis}`);
  const operands = inputs.map((input, n) => {
    if (n === 0 && element !== undefined) return element;
    const own = `${name}${n}`;
    const constant = constantElement(input);
    if (constant !== undefined) {
      list.scalar(own, valueDtype(input.value.dtype), constant);
      return own;
    }
    const { shape, strides, offset } = layoutOf(input);
    const added = dims.length - shape.length;
    const axes = dims.flatMap((_, axis) => (axis >= added && shape[axis - added] !== 1 ? [axis] : []));
    const pick = (numbers: readonly number[]) => axes.map((axis) => numbers[axis - added]!);
    const layout =
      axes.length === 0
        ? { shape: [1], strides: [1], offset }
        : { shape: pick(shape), strides: pick(strides), offset };
    list.tensor(
      "",
      own,
      input.value,
      layout,
      axes.map((axis) => dims[axis]!),
    );
    return `${own}[${axes.length === 0 ? "0" : axes.map((axis) => indices[axis]).join(", ")}]`;
  });
  const { lines, names } = operations(ops, operands);
  const given = element === undefined ? [] : [`${element}: ${valueDtype(inputs[0]!.value.dtype)}`];
  const head = `def ${name}(${[...given, ...indices.map((index) => `${index}: index`)].join(", ")}) -> ${valueDtype(tensor.dtype)}:`;
  return [head, ...[...lines, `return ${names.at(-1)}`].map((line) => `    ${line}`)];
}

/** What a step reads of an input: all of it, or what its view shows. Rank 0 becomes one axis of one element. */
export function layoutOf({ value, view }: Input): Layout {
  const layout = view ?? { shape: value.shape, strides: contiguousStrides(value.shape), offset: 0 };
  if (layout.shape.length > 0) return layout;
  return { shape: [1], strides: [1], offset: layout.offset };
}

/** Whether a layout is all that one sees of a value. */
export const isWhole = (layout: Layout, value: Value): boolean =>
  layout.offset === 0 && isContiguous(layout) && sizeOf(layout.shape) === sizeOf(value.shape);

function importLines(imports: readonly Import[]): string {
  const modules = new Map<string, Set<string>>();
  for (const { module, name } of imports) {
    const names = modules.get(module) ?? new Set();
    modules.set(module, names.add(name));
  }
  return [...modules]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([module, names]) => `from ${module} import ${[...names].toSorted().join(", ")}`)
    .join("\n");
}

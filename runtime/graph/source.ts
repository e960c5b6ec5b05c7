// From a step to Kern source and to the arguments of its call. Sizes are dimensions or scalars of the kernel, and a constant of one
// element is a scalar, so that the same text serves every shape that broadcasts the same way: the text is the key under
// which a compiled kernel is kept.

import type { Dtype } from "../../lang/dtypes.ts";
import { contiguousStrides, isContiguous, sizeOf, type Layout } from "../tensor/layout.ts";
import { valueAt } from "../tensor/values.ts";
import { HostStorage, viewAs } from "../tensor/storage.ts";
import { nestOf } from "./axes.ts";
import { shapeOf } from "./builder.ts";
import type { Import, Input, KernelStep, MapOp, MapStep, Value } from "./program.ts";

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
export function mapSource(step: MapStep, inPlace?: number): Launch {
  const shape = step.outputs[0]!.shape;
  const nest = nestOf(shape, step.inputs);
  const tensors: TensorArgument[] = [];
  const scalars: Record<string, number | bigint | boolean> = {};
  const parameters: string[] = [];
  const shown = nest.sizes.map((_, axis) => nest.strides.some((strides) => strides[axis] !== 0));
  const sizeName = (axis: number): string => (shown[axis] ? `D${axis}` : `n${axis}`);
  const index = (axis: number): string => `i${axis}`;
  const all = nest.sizes.map((_, axis) => axis);
  const operands = step.inputs.map((input, n) => {
    const element = constantElement(input);
    const { dtype } = input.value;
    const name = `x${n}`;
    if (element !== undefined) {
      scalars[name] = element;
      parameters.push(`${name}: ${dtype}`);
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
  const lone = all.filter((axis) => !shown[axis]);
  for (const axis of lone) scalars[`n${axis}`] = nest.sizes[axis]!;
  const sizes = lone.map((axis) => `n${axis}: index`);
  const { lines, names } = operations(step.ops, operands);
  const stores = step.results.map((result, n) => `${targets[n]} = ${names[result]}`);
  const body = loops(
    all.map((axis) => [index(axis), sizeName(axis)]),
    [...lines, ...stores],
  );
  const where = lone.length > 0 ? ` where ${lone.map((axis) => `n${axis} >= 0`).join(", ")}` : "";
  const text = [
    importLines(step.ops.flatMap(({ imports }) => imports)),
    `kernel fused(${[...sizes, ...parameters].join(", ")})${where}:`,
    ...body.map((line) => `    ${line}`),
  ];
  return { text: `${text.filter((line) => line !== "").join("\n")}\n`, kernel: "fused", tensors, scalars };
}

/** The loops of a map: the outermost in parallel, the innermost in lanes. */
function loops(axes: readonly (readonly [string, string])[], body: readonly string[]): string[] {
  if (axes.length === 0) return [...body];
  let lines = [...body];
  axes.toReversed().forEach(([name, size], n) => {
    lines = [`for ${name} in range(${size}):`, ...lines.map((line) => `    ${line}`)];
    if (n === 0) lines.unshift("@vectorize");
  });
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

/** The one element of a constant, which a kernel takes as a scalar. */
function constantElement({ value, view }: Input): number | bigint | boolean | undefined {
  const { constant } = value;
  if (!constant || sizeOf(value.shape) !== 1 || view) return undefined;
  if (!(constant.storage instanceof HostStorage)) return undefined;
  const data = viewAs(constant.dtype, constant.storage.bytes);
  return valueAt(data, constant.dtype, constant.offset);
}

/** The file of a kernel step, with its epilogue hung on. */
export function kernelSource(step: KernelStep): Launch {
  const { code, epilogue } = step;
  const tensors: TensorArgument[] = [];
  const parameters: string[] = [];
  const scalars: Record<string, number | bigint | boolean> = {};
  const slot = (mode: string, name: string, dtype: Dtype, dims: readonly (string | number)[]) =>
    parameters.push(`${mode}${name}: Tensor[${[dtype, ...(dims.length === 0 ? [1] : dims)].join(", ")}]`);
  step.inputs.forEach((input, n) => {
    const { name, dims } = code.inputs[n]!;
    slot("", name, input.value.dtype, dims);
    tensors.push({ parameter: name, value: input.value, layout: layoutOf(input), out: false });
  });
  for (const { name, dtype, value } of code.scalars) {
    parameters.push(`${name}: ${dtype}`);
    scalars[name] = dtype === "bool" ? Boolean(value) : value;
  }
  const hook: string[] = [];
  if (epilogue) {
    const indices = Array.from({ length: code.hook!.indices }, (_, axis) => `i${axis}`);
    const output = step.outputs[0]!;
    const operands = epilogue.inputs.map((input, n) => {
      if (n === 0) return "v";
      const name = `e${n}`;
      const element = constantElement(input);
      if (element !== undefined) {
        scalars[name] = element;
        parameters.push(`${name}: ${input.value.dtype}`);
        return name;
      }
      const own = shapeOf(input);
      const layout = layoutOf(input);
      const added = output.shape.length - own.length;
      const axes = output.shape
        .map((_, axis) => axis)
        .filter((axis) => axis >= added && own[axis - added] !== 1);
      const dims = axes.map((axis) => code.outputs[0]!.dims[axis]!);
      slot("", name, input.value.dtype, dims);
      const pick = (list: readonly number[]) => axes.map((axis) => list[axis - added]!);
      tensors.push({
        parameter: name,
        value: input.value,
        layout:
          axes.length === 0
            ? { shape: [1], strides: [1], offset: layout.offset }
            : { shape: pick(layout.shape), strides: pick(layout.strides), offset: layout.offset },
        out: false,
      });
      return `${name}[${axes.length === 0 ? "0" : axes.map((axis) => indices[axis]).join(", ")}]`;
    });
    const { lines, names } = operations(epilogue.ops, operands);
    const typed = ["v", ...indices].map((name, n) => `${name}: ${n === 0 ? output.dtype : "index"}`);
    hook.push(`def post(${typed.join(", ")}) -> ${output.dtype}:`);
    hook.push(...[...lines, `return ${names.at(-1)}`].map((line) => `    ${line}`));
  }
  step.outputs.forEach((output, n) => {
    const { name, dims } = code.outputs[n]!;
    slot("out ", name, output.dtype, dims);
    const shape = output.shape.length === 0 ? [1] : output.shape;
    tensors.push({
      parameter: name,
      value: output,
      layout: { shape, strides: contiguousStrides(shape), offset: 0 },
      out: true,
    });
  });
  const body = code.body.map((line) =>
    line
      .replaceAll("EPILOGUE", epilogue ? ", epilogue=post" : "")
      .replaceAll(/READ\((\w+), ([^()]*)\)/g, (_, name: string, indices: string) => `${name}[${indices}]`),
  );
  const imports = [...code.imports, ...(epilogue?.ops.flatMap((op) => op.imports) ?? [])];
  const text = [
    importLines(imports),
    code.defs ?? "",
    `kernel ${code.name}(${parameters.join(", ")})${code.where ? ` where ${code.where}` : ""}:`,
    ...[...hook, ...body].map((line) => `    ${line}`),
  ];
  return { text: `${text.filter((line) => line !== "").join("\n")}\n`, kernel: code.name, tensors, scalars };
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

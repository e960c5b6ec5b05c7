// Rows, columns and parts of tensors, and the helpers that take them: a `def` doesn't know what stride its argument has.

import { isFloat, isInteger, dtypeInfo, type Dtype } from "../../lang/dtypes.ts";
import { index, indexable, literal, type Program } from "./expressions.ts";
import type { ArrayName, Extent, Scope, TensorName } from "./scope.ts";

/** A view of one dimension of a tensor with two or more, as text in place of a name; undefined where none can be taken. */
export function viewOf(
  program: Program,
  scope: Scope,
  dtype: Dtype,
  extent?: Extent,
): TensorName | undefined {
  const { dice } = program;
  const candidates = scope.tensors.flatMap((tensor) =>
    tensor.dtype !== dtype || tensor.shape.length < 2
      ? []
      : tensor.shape.flatMap((size, axis) =>
          (extent === undefined || size === extent) &&
          !/[*+-]/.test(size) &&
          tensor.shape.every((other, at) => at === axis || indexable(scope, other))
            ? [{ tensor, axis, size }]
            : [],
        ),
  );
  if (candidates.length === 0) return undefined;
  const { tensor, axis, size } = dice.pick(candidates);
  const at = tensor.shape.map((other, place) => (place === axis ? ":" : index(program, scope, other)));
  return { name: `${tensor.name}[${at.join(", ")}]`, dtype, shape: [size] };
}

/** A call of a helper on a view, sometimes on two of one length or on a part of one. */
export function viewed(program: Program, scope: Scope, dtype: Dtype): string | undefined {
  const { dice } = program;
  if (scope.depth > 3 || program.budget <= 0) return undefined;
  const one = viewOf(program, scope, dtype);
  if (!one) return undefined;
  const [extent] = one.shape as [Extent];
  if (dice.chance(0.3)) {
    const other = viewOf(program, scope, dtype, extent);
    if (other) return `${pairs(program, dtype)}(${one.name}, ${other.name})`;
  }
  return `${line(program, dtype)}(${part(program, scope, one, extent)})`;
}

/** Now and then a part of a view: its bounds lie in order. */
function part(program: Program, scope: Scope, view: TensorName, extent: Extent): string {
  const { dice } = program;
  const own = scope.loops.filter((loop) => loop.extent === extent);
  const slices = [
    ...(own.length ? [`${dice.pick(own).name}:${extent}`, `0:${dice.pick(own).name} + 1`] : []),
    ...(scope.isNonEmpty(extent) ? [`1:${extent}`] : []),
  ];
  return slices.length && dice.chance(0.4) ? view.name.replace(":", dice.pick(slices)) : view.name;
}

/** Sums where they are exact whatever is in the tensor: the wrapped sums of integers. */
const combines = (dtype: Dtype): readonly string[] =>
  dtype === "bool" ? ["any", "all"] : isInteger(dtype) ? ["max", "min", "sum"] : ["max", "min"];

const wrapped = (dtype: Dtype, name: string, generator: string): string =>
  name === "sum" && dtypeInfo(dtype).bits < 32 ? `${dtype}(sum(${generator}))` : `${name}(${generator})`;

function line(program: Program, dtype: Dtype): string {
  const { dice, defs } = program;
  const sort = dice.pick([...combines(dtype), "first", "ends"]);
  const name = `${sort}_${dtype}`;
  const body: Record<string, string> = {
    first: `v[0] if L > 0 else ${literal(dice, dtype)}`,
    ends: `v.get(L - 1) if L > 2 else v.get(1)`,
  };
  const value = body[sort] ?? wrapped(dtype, sort, "v[k] for k in range(L)");
  if (!defs.has(name))
    defs.set(name, `def ${name}(v: Tensor[${dtype}, L]) -> ${dtype}:\n    return ${value}\n`);
  return name;
}

function pairs(program: Program, dtype: Dtype): string {
  const sort = program.dice.pick(combines(dtype));
  const name = `${sort}2_${dtype}`;
  const each = dtype === "bool" ? "a[k] and b[k]" : isFloat(dtype) ? "a[k] - b[k]" : "a[k] * b[k]";
  const value = wrapped(dtype, sort, `${each} for k in range(L)`);
  if (!program.defs.has(name))
    program.defs.set(
      name,
      `def ${name}(a: Tensor[${dtype}, L], b: Tensor[${dtype}, L]) -> ${dtype}:\n    return ${value}\n`,
    );
  return name;
}

/** A call of a helper on a whole Array. */
export function folded(program: Program, { name, dtype, shape }: ArrayName): string {
  if (shape.some((extent) => !/^\d+$/.test(extent))) return literal(program.dice, dtype);
  const sort = program.dice.pick(combines(dtype));
  const own = `${sort}_${dtype}_${shape.join("x")}`;
  const at = shape.map((_, axis) => `k${axis}`);
  const loops = shape.map((extent, axis) => `for k${axis} in range(${extent})`).join(" ");
  const value = wrapped(dtype, sort, `a[${at.join(", ")}] ${loops}`);
  program.defs.set(
    own,
    `def ${own}(a: Array[${dtype}, ${shape.join(", ")}]) -> ${dtype}:\n    return ${value}\n`,
  );
  return `${own}(${name})`;
}

// Which instance of a generic kernel a call asks for: dtype parameters and pack ranks read off the declaration by
// laying the arguments beside it.

import type { Expr } from "../../lang/syntax/ast.ts";
import type { ComptimeValue, InstanceRequest, KernelTemplate } from "../../lang/typed.ts";
import type { Instance } from "../device.ts";
import type { CompiledSource } from "../source.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Arguments } from "./bind.ts";

/** What to ask a compilation for, so that a kernel takes these arguments; undefined where there can't be an instance. */
export function wantedFor(
  { module, kernels }: CompiledSource,
  kernel: string,
  args: Arguments,
): Parameters<CompiledSource["specialize"]>[0] | undefined {
  const template = module.kernels.find((each) => each.name === kernel);
  const typed = kernels.find((each) => each.typed.name === kernel)?.typed;
  const request = template && typed && requestFor(template, Object.fromEntries(typed.comptime), args);
  return request && { kernel, request };
}

/** Puts instances to those that are there; whether any is new. */
export function added(instances: Instance[], more: readonly Instance[]): boolean {
  const known = instances.map(({ signature }) => signature.instance);
  instances.push(...more.filter(({ signature }) => !known.includes(signature.instance)));
  return instances.length > known.length;
}

/**
 * The request for an instance that takes these arguments, or undefined where there can't be one. `settings` are
 * the compile-time values to keep.
 */
export function requestFor(
  template: KernelTemplate,
  settings: Readonly<Record<string, ComptimeValue>>,
  args: Arguments,
): InstanceRequest | undefined {
  const comptime = { ...settings };
  const packs: Record<string, number> = {};
  for (const { name, type } of template.decl.params) {
    const given = args[name.text];
    const items = tensorItems(type);
    if (!(given instanceof Tensor) || !items) continue;
    const [element, ...dims] = items;
    const parameter = template.compParams.find(
      (each) => each.kind === "dtype" && each.name === nameOf(element),
    );
    if (parameter) {
      if (parameter.choices && !parameter.choices.includes(given.dtype)) return undefined;
      comptime[parameter.name] = { kind: "dtype", dtype: given.dtype };
    }
    const starred = dims.flatMap((dim) => (dim.kind === "star" ? [nameOf(dim.operand)] : []));
    const [pack] = starred;
    const rank = given.rank - (dims.length - 1);
    if (pack !== undefined && starred.length === 1 && rank >= 0) packs[pack] = rank;
  }
  return { comptime, packs };
}

/** The items of `Tensor[T, M, *S]`. */
function tensorItems(type: Expr): Expr[] | undefined {
  if (type.kind !== "index" || nameOf(type.base) !== "Tensor") return undefined;
  return type.items.flatMap((item) => ("slice" in item ? [] : [item.value]));
}

function nameOf(expr: Expr | undefined): string | undefined {
  return expr?.kind === "name" ? expr.text : undefined;
}

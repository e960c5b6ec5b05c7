// The ranks of packs: a pack `*S` stands for any number of dimensions, and neighbouring dimensions that every argument
// keeps one behind the other are as good as one: they are merged until an instance of that rank exists, and shown to the
// caller as they were.

import type { ShapeExpr, Signature, TensorParam } from "../../compiler/artifact.ts";
import { kernError } from "../error.ts";
import { contiguousStrides, type Layout } from "../tensor/layout.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Candidate, Fitted } from "./instance.ts";

/** The dims of pack `name`, as they stand in a shape: where they begin, or -1. */
function packStart(shape: readonly ShapeExpr[], name: string): number {
  return shape.findIndex((dim) => dim === `${name}_0`);
}

/**
 * Fits packs of given tensors to one of the instances, which differ in the ranks of their packs only. Undefined
 * where none fits without copying and `copy` is not allowed.
 */
export function fitPacks<I extends Candidate>(
  instances: readonly I[],
  args: Readonly<Record<string, unknown>>,
  copy: boolean,
): Fitted<I> | undefined {
  const first = instances[0];
  if (!first) return undefined;
  const names = Object.keys(first.signature.packs);
  const packs = givenPacks(first.signature, args);
  const copies = new Set<string>();
  const groups = new Map<string, number[]>();
  for (const [name, dims] of packs)
    groups.set(name, mergeGroups(first.signature, args, name, dims, copies, copy));
  const rankOf = ({ signature }: Candidate) => names.reduce((sum, name) => sum + signature.packs[name]!, 0);
  const instance = instances
    .filter(({ signature }) => names.every((name) => signature.packs[name]! >= groups.get(name)!.length))
    .toSorted((a, b) => rankOf(a) - rankOf(b))[0];
  if (!instance) return undefined;
  const layouts = new Map<string, Layout>();
  for (const param of instance.signature.params) {
    const given = args[param.name];
    if (param.kind !== "tensor" || !(given instanceof Tensor)) continue;
    const source: Layout = copies.has(param.name)
      ? { shape: given.shape, strides: contiguousStrides(given.shape), offset: 0 }
      : given;
    layouts.set(param.name, mergeLayout(param, source, instance.signature, packs, groups));
  }
  return { instance, layouts, copies, packs };
}

/** The dims that each pack stands for in this call; they must be the same wherever the pack occurs. */
function givenPacks(
  signature: Signature,
  args: Readonly<Record<string, unknown>>,
): Map<string, readonly number[]> {
  const names = Object.keys(signature.packs);
  const found = new Map<string, { dims: readonly number[]; argument: string }>();
  const tensors = signature.params.filter((param) => param.kind === "tensor");
  // A tensor with one unknown pack tells its rank; that may make another one's the only unknown.
  for (let round = 0; round < names.length + 1; round++)
    for (const param of tensors) {
      const given = args[param.name];
      if (!(given instanceof Tensor)) continue;
      const present = names.filter((name) => packStart(param.shape, name) >= 0);
      const unknown = present.filter((name) => !found.has(name));
      if (unknown.length > 1 || present.length === 0) continue;
      const plain = param.shape.length - present.reduce((sum, name) => sum + signature.packs[name]!, 0);
      const known = present.reduce((sum, name) => sum + (found.get(name)?.dims.length ?? 0), 0);
      const rank = given.rank - plain - known;
      const kernel = signature.name;
      if (rank < 0 || (unknown.length === 0 && rank !== 0))
        throw kernError(
          "K0720",
          { kernel, packs: present.map((name) => `\`*${name}\``).join(" and ") },
          {
            notes: tensors.flatMap(({ name }) => {
              const tensor = args[name];
              return tensor instanceof Tensor ? [`\`${name}\` is ${tensor}`] : [];
            }),
          },
        );
      let axis = 0;
      for (let at = 0; at < param.shape.length;) {
        const name = present.find((pack) => param.shape[at] === `${pack}_0`);
        if (name === undefined) {
          at++;
          axis++;
          continue;
        }
        const length = found.get(name)?.dims.length ?? rank;
        const dims = given.shape.slice(axis, axis + length);
        const before = found.get(name);
        if (!before) found.set(name, { dims, argument: param.name });
        else
          dims.forEach((size, n) => {
            const expected = before.dims[n]!;
            if (size !== expected)
              throw kernError("K0704", {
                kernel,
                argument: param.name,
                axis: axis + n,
                size,
                expected,
                expression: `as in \`${before.argument}\``,
              });
          });
        at += signature.packs[name]!;
        axis += length;
      }
    }
  return new Map(names.map((name) => [name, found.get(name)?.dims ?? []]));
}

/**
 * Lengths of the runs of axes of a pack that can be merged in every tensor. Where `copy` allows it, a read tensor
 * that keeps them apart is put on the list of copies instead.
 */
function mergeGroups(
  signature: Signature,
  args: Readonly<Record<string, unknown>>,
  name: string,
  dims: readonly number[],
  copies: Set<string>,
  copy: boolean,
): number[] {
  const groups: number[] = [];
  const holders = signature.params.flatMap((param) => {
    const given = args[param.name];
    if (param.kind !== "tensor" || !(given instanceof Tensor)) return [];
    const start = packStart(param.shape, name);
    return start < 0 ? [] : [{ param, given, start: realStart(param, start, signature, given) }];
  });
  // The last axis of the group that isn't of size 1; those of size 1 go with any neighbour.
  let anchor = -1;
  for (let axis = 0; axis < dims.length; axis++) {
    const merges =
      axis > 0 &&
      holders.every(({ param, given, start }) => {
        if (dims[axis] === 1 || anchor < 0 || adjacent(given, start + anchor, start + axis)) return true;
        if (!copy || param.mode !== "in") return false;
        copies.add(param.name);
        return true;
      });
    if (merges) groups[groups.length - 1]!++;
    else groups.push(1);
    if (dims[axis] !== 1) anchor = axis;
    else if (!merges) anchor = -1;
  }
  return groups;
}

/** Packs before this one in the same tensor may have been given with more axes than the instance has. */
function realStart(param: TensorParam, start: number, signature: Signature, given: Tensor): number {
  const extra = given.rank - param.shape.length;
  const others = Object.keys(signature.packs).filter((name) => {
    const at = packStart(param.shape, name);
    return at >= 0 && at < start;
  });
  return others.length === 0 ? start : start + extra;
}

/** Whether two axes, with nothing but axes of size 1 between them, can be seen as one. */
function adjacent({ shape, strides }: Layout, outer: number, inner: number): boolean {
  return shape.includes(0) || strides[outer] === strides[inner]! * shape[inner]!;
}

function mergeLayout(
  param: TensorParam,
  source: Layout,
  signature: Signature,
  packs: ReadonlyMap<string, readonly number[]>,
  groups: ReadonlyMap<string, readonly number[]>,
): Layout {
  const shape: number[] = [];
  const strides: number[] = [];
  let axis = 0;
  for (let at = 0; at < param.shape.length;) {
    const name = [...packs.keys()].find((pack) => param.shape[at] === `${pack}_0`);
    if (name === undefined) {
      shape.push(source.shape[axis]!);
      strides.push(source.strides[axis]!);
      axis++;
      at++;
      continue;
    }
    const rank = signature.packs[name]!;
    const runs = groups.get(name)!;
    for (let pad = runs.length; pad < rank; pad++) {
      shape.push(1);
      strides.push(1);
    }
    for (const length of runs) {
      const run = source.shape.slice(axis, axis + length);
      const last = run.findLastIndex((dim) => dim !== 1);
      shape.push(run.reduce((product, dim) => product * dim, 1));
      strides.push(last < 0 ? 1 : source.strides[axis + last]!);
      axis += length;
    }
    at += rank;
  }
  // Axes that the pack arithmetic can't place are left for the rank check to name.
  for (; axis < source.shape.length; axis++) {
    shape.push(source.shape[axis]!);
    strides.push(source.strides[axis]!);
  }
  return { shape, strides, offset: source.offset };
}

/** A result in the dimensions that the caller knows, where a pack was merged. */
export function unmerged(
  signature: Signature,
  { packs }: Fitted<Candidate>,
  name: string,
  result: Tensor,
  given: unknown,
): Tensor {
  if (given instanceof Tensor) return given;
  const param = signature.params.find((each) => each.name === name);
  if (packs.size === 0 || param?.kind !== "tensor") return result;
  const shape: number[] = [];
  for (let at = 0; at < param.shape.length;) {
    const pack = [...packs.keys()].find((each) => param.shape[at] === `${each}_0`);
    if (pack === undefined) shape.push(result.shape[at++]!);
    else {
      shape.push(...packs.get(pack)!);
      at += signature.packs[pack]!;
    }
  }
  return new Tensor(result.storage, result.dtype, { shape, strides: contiguousStrides(shape), offset: 0 });
}

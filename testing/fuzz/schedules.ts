// Nests under schedules: products of matrices and their like, tiled, reordered, staged. The sums are exact in any
// order.

import { dtypeInfo, isInteger, type Dtype } from "../../lang/dtypes.ts";
import type { Dice } from "./dice.ts";
import { expression, literal, type Program } from "./expressions.ts";
import { indent, type Target } from "./nests.ts";
import type { Scope, TensorName } from "./scope.ts";

interface NamedLoop {
  readonly name: string;
  readonly extent: string;
}

/** A grid that writes `out`, under tiles and more; undefined where no input fits. */
export function scheduledNest(program: Program, scope: Scope, out: Target): string[] | undefined {
  const { dice } = program;
  if (out.mode === "mut" || out.dtype === "bool") return undefined;
  const loops = out.shape.map((extent) => ({ name: program.fresh("r"), extent }));
  const inner = scope.inner();
  inner.loops.push(...loops);
  inner.nonEmpty.push(...out.shape);
  inner.barriers++;
  inner.depth += 2;
  const used: TensorName[] = [];
  let sum: NamedLoop | undefined;
  const terms = scope.tensors.filter(
    (each) =>
      each.dtype === out.dtype &&
      each.name.startsWith("x") &&
      (each.shape.length >= 2 || out.shape.length === 1),
  );
  const inLoops = terms.filter(({ shape }) =>
    shape.every((extent) => loops.some((loop) => loop.extent === extent)),
  );
  let value: string;
  if (inLoops.length > 0 && dice.chance(0.3)) {
    sum = { name: program.fresh("k"), extent: String(dice.between(2, 5)) };
    value = reduced(
      dice,
      out.dtype,
      `${window(dice, inLoops, loops, sum, used)} for ${sum.name} in range(${sum.extent})`,
    );
  } else if (terms.length > 0 && dice.chance(0.8)) {
    const size = dice.pick(dice.pick(terms).shape);
    sum = { name: program.fresh("k"), extent: size };
    const all = [...loops, sum];
    const fitting = terms.filter(({ shape }) =>
      shape.every((extent) => all.some((loop) => loop.extent === extent)),
    );
    if (fitting.length === 0) return undefined;
    const one = (): string => {
      const each = dice.pick(fitting);
      used.push(each);
      const subscript = each.shape.map(
        (extent) => dice.pick(all.filter((loop) => loop.extent === extent)).name,
      );
      return `${each.name}[${subscript.join(", ")}]`;
    };
    const body = dice.chance(0.7) ? `${one()} * ${one()}` : one();
    value = reduced(dice, out.dtype, `${body} for ${sum.name} in range(${sum.extent})`);
    if (dice.chance(0.4)) value = `(${value} + ${expression(program, inner, out.dtype, 1)})`;
  } else value = expression(program, inner, out.dtype, 3);
  return [
    ...annotations(dice, loops, sum, used),
    loops.length === 1
      ? `for ${loops[0]!.name} in range(${out.shape[0]}):`
      : `for ${loops.map(({ name }) => name).join(", ")} in grid(${out.shape.join(", ")}):`,
    ...indent([`${out.name}[${loops.map(({ name }) => name).join(", ")}] = ${value}`]),
  ];
}

/** An element beside the point, as stencils and filters read them; the default outside. */
function window(
  dice: Dice,
  terms: readonly TensorName[],
  loops: readonly NamedLoop[],
  sum: NamedLoop,
  used: TensorName[],
): string {
  const each = dice.pick(terms);
  used.push(each);
  const along = dice.below(each.shape.length);
  const subscript = each.shape.map((extent, axis) => {
    const { name } = dice.pick(loops.filter((loop) => loop.extent === extent));
    return axis === along
      ? `${name} ${dice.pick(["+", "-"])} ${sum.name}${dice.pick([" - 1", "", " - 2"])}`
      : name;
  });
  return `${each.name}.get(${subscript.join(", ")}${dice.chance(0.5) ? `, default=${literal(dice, each.dtype, 1)}` : ""})`;
}

function reduced(dice: Dice, dtype: Dtype, generator: string): string {
  if (dice.chance(0.2)) return `${dice.pick(["max", "min"])}(${generator})`;
  const sum = `sum(${generator})`;
  return isInteger(dtype) && dtypeInfo(dtype).bits < 32 ? `${dtype}(${sum})` : sum;
}

function annotations(
  dice: Dice,
  loops: readonly NamedLoop[],
  sum: NamedLoop | undefined,
  used: readonly TensorName[],
): string[] {
  const all = sum ? [...loops, sum] : loops;
  const only = dice.pick(["", "", "wasm."]);
  const lines: string[] = [];
  const levels = new Map<string, number>();
  const tiles = dice.some(all, 0.65).map(({ name }) => {
    const count = dice.chance(0.25) ? 2 : 1;
    levels.set(name, count);
    const sizes = count === 2 ? [dice.pick([8, 12, 16]), dice.pick([2, 4])] : [dice.pick([2, 3, 4, 5, 8])];
    return `${name}=${count === 2 ? `(${sizes.join(", ")})` : sizes[0]}`;
  });
  if (tiles.length > 0) lines.push(`@${only}tile(${tiles.join(", ")})`);
  const whole = (name: string): string => (levels.has(name) ? `${name}.tile` : name);
  const ordered = tiles.length > 0 && dice.chance(0.3);
  if (ordered) lines.push(`@${only}order(${order(dice, all, levels).join(", ")})`);
  else if (tiles.length === 0 && loops.length > 1 && dice.chance(0.3))
    lines.push(`@${only}fuse(${loops.map(({ name }) => name).join(", ")})`);
  const fused = lines.some((line) => line.includes("fuse"));
  const outer = dice.pick(loops).name;
  if (!fused && !ordered && dice.chance(0.5)) lines.push(`@${only}parallel(${whole(outer)})`);
  const last = loops.at(-1)!.name;
  if (!fused && dice.chance(0.6))
    lines.push(`@${only}vectorize(${last}${dice.chance(0.4) ? `, width=${dice.pick([2, 4, 8])}` : ""})`);
  const rest = loops.filter(({ name }) => name !== last && name !== outer);
  if (!fused && rest.length > 0 && dice.chance(0.4)) lines.push(`@${only}unroll(${dice.pick(rest).name})`);
  const staged = [...new Set(used.map(({ name }) => name))].filter(() => dice.chance(0.35));
  const at = [...levels.keys()];
  for (const name of staged)
    lines.push(
      `@${only}stage(${name}${at.length > 0 && dice.chance(0.8) ? `, at=${dice.pick(at)}.tile` : ""})`,
    );
  return lines;
}

/** All loops in some order that keeps the tiles of each around its points. */
function order(dice: Dice, all: readonly NamedLoop[], levels: ReadonlyMap<string, number>): string[] {
  const chains = all.map(({ name }) => {
    const count = levels.get(name) ?? 0;
    return [...Array.from({ length: count }, (_, level) => `${name}.tile[${level}]`), name];
  });
  const found: string[] = [];
  for (let left = chains.filter((chain) => chain.length > 0); left.length > 0;) {
    found.push(dice.pick(left).shift()!);
    left = left.filter((chain) => chain.length > 0);
  }
  return found;
}

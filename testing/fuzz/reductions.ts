// Random reductions. Float sums and products are of values whose sums are exact in f32 in any order (few bits, few
// terms), so that results can be compared bit for bit although targets may reassociate.

import { dtypeInfo, isFloat, isInteger, type Dtype } from "../../lang/dtypes.ts";
import { condition, element, expression, index, literal, type Program } from "./expressions.ts";
import type { Extent, Scope } from "./scope.ts";

interface Clauses {
  readonly text: string;
  /** With the loop variables. */
  readonly inner: Scope;
  readonly variables: readonly string[];
  /** Whether there is surely an element. */
  readonly some: boolean;
  /** Terms at most, as far as that is known. */
  readonly most: number;
}

/** A reduction with a value of the dtype, or undefined where none is at hand. */
export function reduction(program: Program, scope: Scope, dtype: Dtype): string | undefined {
  const { dice } = program;
  if (scope.depth > 3) return undefined;
  const made = clauses(program, scope);
  if (!made) return undefined;
  const { text, inner } = made;
  const of = (each: Dtype, depth = 1): string => expression(program, inner, each, depth);
  if (dtype === "bool") return `${dice.pick(["any", "all"])}(${condition(program, inner, 1)} ${text})`;
  const order = `${dice.pick(["max", "min"])}(${of(dtype)} ${text})`;
  if (isFloat(dtype)) {
    const exact = exactFloat(program, inner, dtype);
    if (!exact || dice.chance(0.4)) return order;
    const wide = dtype === "f32" && dice.chance(0.2) && exact !== dtype;
    if (wide) return `sum[f32](${exactFloat(program, inner, dtype) ?? exact} ${text})`;
    if (dice.chance(0.15) && made.most <= 24 && dtypeInfo(dtype).bits >= 32)
      return `prod((2.0 if ${condition(program, inner, 0)} else -1.0) ${text})`.replaceAll(
        /(2\.0|-1\.0)/g,
        (number) => (dtype === "f32" ? number : `${dtype}(${number})`),
      );
    return `${dice.weighted([
      [4, "sum"],
      [1, "mean"],
    ])}(${exact} ${text})`;
  }
  if (!isInteger(dtype)) return undefined;
  if (dtype === "i32") {
    const choice = dice.below(8);
    if (choice === 0 && made.some && made.variables.length === 1) {
      const value = dice.pick(program.dtypes.filter((each) => each !== "bool"));
      return `${dice.pick(["argmax", "argmin"])}(${of(value)} ${text})`;
    }
    if (choice === 1) {
      const small = program.dtypes.find((each) => isInteger(each) && dtypeInfo(each).bits < 32);
      if (small) return `sum(i32(${of(small, 0)}) * i32(${of(small, 0)}) ${text})`;
    }
    if (choice === 2) {
      program.defs.set("xor_i32", "def xor_i32(a: i32, b: i32) -> i32:\n    return a ^ b\n");
      return `reduce(xor_i32, 0, ${of("i32")} ${text})`;
    }
  }
  const narrow = dtypeInfo(dtype).bits < 32;
  if (dice.chance(0.35)) return order;
  const name = dice.pick(["sum", "sum", "prod"]);
  return narrow ? `${dtype}(${name}(${of(dtype)} ${text}))` : `${name}(${of(dtype)} ${text})`;
}

/** A float term of few bits: an element as it came, or a product of two. */
function exactFloat(program: Program, scope: Scope, dtype: Dtype): string | undefined {
  const { dice } = program;
  const given = scope.tensors.filter(
    (each) =>
      each.dtype === dtype &&
      each.name.startsWith("x") &&
      each.shape.every(
        (extent) => scope.isNonEmpty(extent) || scope.loops.some((loop) => loop.extent === extent),
      ),
  );
  if (given.length === 0) return undefined;
  const one = (): string => element(program, scope, dice.pick(given));
  // A product of two bf16 values is rounded, to a value that still has few bits.
  return dice.weighted<() => string>([
    [3, one],
    [3, () => `${one()} * ${one()}`],
    [1, () => `abs(${one()})`],
    [1, () => `(${one()} if ${condition(program, scope, 0)} else ${literal(dice, dtype, 1)})`],
    [1, () => `max(${one()}, ${one()})`],
  ])();
}

/** `for k in range(K) for l in range(k + 1) if …` */
export function clauses(program: Program, scope: Scope): Clauses | undefined {
  const { dice } = program;
  const inner = scope.inner();
  const variables: string[] = [];
  const parts: string[] = [];
  let [some, most] = [true, 1];
  const count = dice.chance(0.2) ? 2 : 1;
  for (let n = 0; n < count; n++) {
    const name = program.fresh("k");
    const { range, extent, surely, at } = rangeOf(program, inner);
    parts.push(`for ${name} in range(${range})`);
    inner.loops.push({ name, extent });
    inner.depth++;
    variables.push(name);
    some &&= surely;
    most *= at;
  }
  if (dice.chance(0.2)) {
    parts.push(`if ${condition(program, inner, 1)}`);
    some = false;
  }
  // A second use of the same sizes inside another reduction would grow without bound.
  inner.depth += 2;
  return { text: parts.join(" "), inner, variables, some, most };
}

/** The range of a serial loop, and a size that its variable stays below. */
export function rangeOf(
  program: Program,
  scope: Scope,
): { readonly range: string; readonly extent: Extent; readonly surely: boolean; readonly at: number } {
  const { dice } = program;
  const sizes = [...new Set(scope.tensors.flatMap((each) => each.shape))].filter(
    (each) => !/[+*]/.test(each),
  );
  const size = sizes.length && dice.chance(0.75) ? dice.pick(sizes) : String(dice.between(2, 6));
  const constant = /^\d+$/.test(size);
  const surely = scope.isNonEmpty(size);
  const at = constant ? Number(size) : 40;
  if (dice.chance(0.7)) return { range: size, extent: size, surely, at };
  const own = scope.loops.filter((each) => each.extent === size);
  return dice.weighted<() => ReturnType<typeof rangeOf>>([
    [1, () => ({ range: `1, ${size}`, extent: size, surely: false, at })],
    [1, () => ({ range: `0, ${size}, ${dice.between(2, 4)}`, extent: size, surely, at })],
    [1, () => ({ range: `${size} - 1, -1, -1`, extent: size, surely, at })],
    [own.length ? 2 : 0, () => ({ range: `${dice.pick(own).name} + 1`, extent: size, surely: true, at })],
    [
      own.length ? 2 : 0,
      () => ({ range: `${dice.pick(own).name}, ${size}`, extent: size, surely: true, at }),
    ],
    [own.length ? 1 : 0, () => ({ range: index(program, scope, size), extent: size, surely: false, at })],
  ])();
}

// Random expressions of a dtype. Whatever is made here is right by construction: dtypes agree, subscripts stay
// inside, divisors and shifts are in range, so that a diagnostic about it shows a gap of the checker or the provers.

import { dtypeInfo, isFloat, isInteger, isSigned, isWide, type Dtype } from "../../lang/dtypes.ts";
import type { Dice } from "./dice.ts";
import { reduction } from "./reductions.ts";
import type { Extent, Scope, TensorName } from "./scope.ts";
import { folded, viewed } from "./views.ts";

/** What all parts of one program share. */
export interface Program {
  readonly dice: Dice;
  /** The dtypes that the program is about; expressions of others occur by conversion. */
  readonly dtypes: readonly Dtype[];
  /** Functions of the library that were used, to be imported. */
  readonly imports: Set<string>;
  /** Helpers: text of `def`s, by name. */
  readonly defs: Map<string, string>;
  /** Operators that may still be made; beyond, expressions are leaves and statements few. */
  budget: number;
  fresh(stem: string): string;
}

/** An expression of a dtype that may stand as an operand: simple or in parentheses. */
export function expression(program: Program, scope: Scope, dtype: Dtype, depth: number): string {
  const { dice } = program;
  if (depth <= 0 || program.budget <= 0 || dice.chance(0.12)) return leaf(program, scope, dtype);
  program.budget--;
  const sub = (of: Dtype = dtype): string => expression(program, scope, of, depth - 1);
  if (dice.chance(0.1)) return `(${sub()} if ${condition(program, scope, depth - 1)} else ${sub()})`;
  if (dice.chance(0.04)) return `select(${condition(program, scope, depth - 1)}, ${sub()}, ${sub()})`;
  if (dice.chance(0.14)) {
    const found = reduction(program, scope, dtype);
    if (found) return found;
  }
  if (dice.chance(0.12)) return converted(program, scope, dtype, depth);
  if (dice.chance(0.06)) return called(program, scope, dtype, depth);
  if (dice.chance(0.07)) {
    const found = viewed(program, scope, dtype);
    if (found) return found;
  }
  if (dtype === "bool") return `(${condition(program, scope, depth)})`;
  if (isFloat(dtype))
    return dice.weighted<() => string>([
      [6, () => `(${sub()} ${dice.pick(["+", "-", "*"])} ${sub()})`],
      [2, () => `(${sub()} ${dice.pick(["+", "-", "*"])} ${dice.pick(["2", "0.5", "-1.25", "3"])})`],
      // Two literals would be divided exactly, and must not be by zero.
      [1, () => `(${sub()} / ${dtype}(${sub()}))`],
      [1, () => `-${sub()}`],
      [2, () => `${dice.pick(["min", "max"])}(${sub()}, ${sub()})`],
      [1, () => `${dice.pick(["abs", "floor", "ceil", "round"])}(${sub()})`],
      [0.5, () => `clamp(${sub()}, ${literal(dice, dtype, 0)}, ${literal(dice, dtype, 3)})`],
      [0.4, () => `(${sub()} ** ${dice.pick(["2", "3"])})`],
      [0.25, () => library(program, dice.pick(["sqrt", "exp", "tanh", "sin", "log"]), sub())],
    ])();
  const bits = dtypeInfo(dtype).bits;
  return dice.weighted<() => string>([
    [6, () => `(${sub()} ${dice.pick(["+", "-", "*"])} ${sub()})`],
    [2, () => `(${sub()} ${dice.pick(["+", "-", "*", "&", "|", "^"])} ${dice.between(1, 9)})`],
    [3, () => `(${sub()} ${dice.pick(["&", "|", "^"])} ${sub()})`],
    [1, () => `(${sub()} ${dice.pick(["//", "%"])} ${dice.pick(["2", "3", "7", "16"])})`],
    [1, () => `(${sub()} ${dice.pick(["//", "%"])} max(${sub()}, ${literal(dice, dtype, 1)}))`],
    [1, () => `(${dtype}(${sub()}) ${dice.pick(["<<", ">>"])} ${dice.between(0, bits - 1)})`],
    [1, () => `(${sub()} ${dice.pick(["<<", ">>"])} (${sub()} & ${bits - 1}))`],
    [1, () => `~${sub()}`],
    [isSigned(dtype) ? 1 : 0, () => `-${sub()}`],
    [2, () => `${dice.pick(["min", "max"])}(${sub()}, ${sub()})`],
    [1, () => `abs(${sub()})`],
    [0.5, () => `clamp(${sub()}, ${literal(dice, dtype, 1)}, ${literal(dice, dtype, 9)})`],
  ])();
}

function library(program: Program, name: string, argument: string): string {
  program.imports.add(name);
  return `${name}(${argument})`;
}

/** A literal that says its own dtype. */
export function literal(dice: Dice, dtype: Dtype, value?: number): string {
  if (dtype === "bool") return dice.pick(["True", "False"]);
  if (isFloat(dtype)) {
    const number = value === undefined ? dice.pick(["0.0", "1.0", "-2.5", "0.75", "3.0"]) : value.toFixed(1);
    return dtype === "f32" ? number : `${dtype}(${number})`;
  }
  const number = value ?? (isSigned(dtype) ? dice.pick([0, 1, 2, 5, -3, 100]) : dice.pick([0, 1, 2, 5, 100]));
  return dtype === "i32" ? (number < 0 ? `(${number})` : String(number)) : `${dtype}(${number})`;
}

/** A bool, without parentheses around it. */
export function condition(program: Program, scope: Scope, depth: number): string {
  const { dice } = program;
  const sub = (): string => condition(program, scope, depth - 1);
  if (depth > 0 && dice.chance(0.15)) return `(${sub()} ${dice.pick(["and", "or"])} ${sub()})`;
  if (depth > 0 && dice.chance(0.08)) return `not (${sub()})`;
  if (dice.chance(0.1)) return leaf(program, scope, "bool");
  const dtype = dice.pick([...program.dtypes.filter((each) => each !== "bool"), "i32" as const]);
  const operator = dice.pick(["<", "<=", ">", ">=", "==", "!="]);
  const at = Math.min(depth, 1);
  const [a, b] = [expression(program, scope, dtype, at), expression(program, scope, dtype, at)];
  if (dice.chance(0.08)) return `${a} <= ${leaf(program, scope, dtype)} < ${b}`;
  return `${a} ${operator} ${b}`;
}

function converted(program: Program, scope: Scope, dtype: Dtype, depth: number): string {
  const { dice } = program;
  const from = dice.pick(program.dtypes);
  // Plain numbers are exact: they'd have to fit.
  const given = expression(program, scope, from, depth - 1);
  const inner = from === "i32" || from === "f32" ? `${from}(${given})` : given;
  if (dtype === "bool") return `(${condition(program, scope, depth - 1)})`;
  if (isInteger(dtype) && from !== "bool" && dice.chance(0.3)) return `saturate[${dtype}](${inner})`;
  if (from !== dtype && from !== "bool" && dtypeInfo(from).bits === dtypeInfo(dtype).bits && dice.chance(0.4))
    return isFloat(dtype) ? `${dtype}(${inner})` : bits(dtype, from, inner);
  return `${dtype}(${inner})`;
}

/** The bits of a value as an integer. Those of a NaN that was computed are left open. */
const bits = (dtype: Dtype, from: Dtype, value: string): string =>
  isFloat(from)
    ? `(bitcast[${dtype}](${value}) if (${value}) == (${value}) else ${dtype}(0))`
    : `bitcast[${dtype}](${value})`;

/** A call of a helper, one that exists or a new one. */
function called(program: Program, scope: Scope, dtype: Dtype, depth: number): string {
  const { dice, defs } = program;
  const name = `helper_${dtype}`;
  if (!defs.has(name)) {
    const inner = scope.inner();
    inner.loops = [];
    inner.tensors = [];
    inner.arrays = [];
    inner.points = [];
    inner.nonEmpty = [];
    inner.variables = ["a", "b"].map((each) => ({ name: each, dtype, mutable: false, barriers: 99 }));
    defs.set(name, "");
    const body = expression(program, inner, dtype, 2);
    const early = dice.chance(0.3) ? `    if ${condition(program, inner, 1)}:\n        return b\n` : "";
    defs.set(name, `def ${name}(a: ${dtype}, b: ${dtype}) -> ${dtype}:\n${early}    return ${body}\n`);
  }
  const argument = (): string => expression(program, scope, dtype, depth - 1);
  return defs.get(name) === "" ? leaf(program, scope, dtype) : `${name}(${argument()}, ${argument()})`;
}

/** A variable, an element, a constant. */
export function leaf(program: Program, scope: Scope, dtype: Dtype): string {
  const { dice } = program;
  const options: (readonly [number, () => string])[] = [[1, () => literal(dice, dtype)]];
  const variables = scope.variables.filter((each) => each.dtype === dtype);
  if (variables.length) options.push([4, () => dice.pick(variables).name]);
  const tensors = scope.tensors.filter((each) => each.dtype === dtype);
  const inside = tensors.filter((each) => each.shape.every((extent) => indexable(scope, extent)));
  if (inside.length) options.push([6, () => element(program, scope, dice.pick(inside))]);
  if (tensors.length) options.push([1.5, () => got(program, scope, dice.pick(tensors))]);
  const arrays = scope.arrays.filter(
    (each) => each.dtype === dtype && each.shape.every((extent) => indexable(scope, extent)),
  );
  if (arrays.length)
    options.push([
      4,
      () => {
        const one = dice.pick(arrays);
        return dice.chance(0.12) ? folded(program, one) : element(program, scope, one);
      },
    ]);
  for (const { name, fields } of scope.points)
    for (const field of fields) if (field.dtype === dtype) options.push([2, () => `${name}.${field.name}`]);
  if (dtype === "i32" && scope.loops.length) options.push([3, () => dice.pick(scope.loops).name]);
  const packed = scope.tensors.filter(
    (each) => dtypeInfo(each.dtype).storageOnly && each.shape.every((extent) => indexable(scope, extent)),
  );
  if (packed.length && dtype !== "bool" && !isWide(dtype))
    options.push([2, () => `${dtype}(${element(program, scope, dice.pick(packed))})`]);
  return dice.weighted(options)();
}

export const indexable = (scope: Scope, extent: Extent): boolean =>
  scope.isNonEmpty(extent) || scope.loops.some((each) => each.extent === extent);

/** An element that lies inside. */
export function element(
  program: Program,
  scope: Scope,
  { name, shape }: Pick<TensorName, "name" | "shape">,
): string {
  return `${name}[${shape.map((extent) => index(program, scope, extent)).join(", ")}]`;
}

/** An element that may lie outside. */
function got(program: Program, scope: Scope, { name, dtype, shape }: TensorName): string {
  const { dice } = program;
  const at = shape.map((extent) =>
    indexable(scope, extent) && dice.chance(0.5)
      ? index(program, scope, extent)
      : `${position(program, scope)} ${dice.pick(["+", "-"])} ${dice.between(1, 3)}`,
  );
  const plain = dtype === "bool" || dice.chance(0.3);
  const read = dtypeInfo(dtype).storageOnly ? "i32" : dtype;
  return `${name}.get(${at.join(", ")}${plain ? "" : `, default=${literal(dice, read)}`})`;
}

/** An i32 that isn't far from where indices lie. */
function position(program: Program, scope: Scope): string {
  const { dice } = program;
  if (scope.loops.length === 0 || dice.chance(0.1)) return String(dice.between(0, 4));
  const one = dice.pick(scope.loops).name;
  if (dice.chance(0.8)) return one;
  return dice.pick([`2 * ${one}`, `${one} // 2`, `${one} % 3`, `${one} + ${dice.pick(scope.loops).name}`]);
}

/** An index in [0, extent). */
export function index(program: Program, scope: Scope, extent: Extent): string {
  const { dice } = program;
  const own = scope.loops.filter((each) => each.extent === extent);
  const direct = own.length ? dice.pick(own).name : undefined;
  if (direct && dice.chance(0.7)) return direct;
  // Subscripts of subscripts of subscripts end with the budget.
  program.budget--;
  if (program.budget <= 0 && direct) return direct;
  const last = /^\d+$/.test(extent) ? String(Number(extent) - 1) : `${extent} - 1`;
  if (program.budget <= 0) return "0";
  const options: (readonly [number, () => string])[] = [];
  if (direct) {
    options.push([2, () => `${last} - ${direct}`]);
    options.push([1, () => `${direct} // ${dice.between(2, 3)}`]);
    options.push([1, () => `min(${direct} + ${dice.between(1, 3)}, ${last})`]);
    options.push([1, () => `max(${direct} - ${dice.between(1, 3)}, 0)`]);
  }
  if (direct || scope.isNonEmpty(extent)) {
    options.push([
      2,
      () => `clamp(${position(program, scope)} ${dice.pick(["+ 1", "- 1", "+ 2"])}, 0, ${last})`,
    ]);
    options.push([1, () => `clamp(${expression(program, scope, "i32", 1)}, 0, ${last})`]);
    options.push([0.7, () => `${expression(program, scope, "i32", 1)} % ${extent}`]);
    options.push([0.5, () => "0"]);
  }
  if (/^\d+$/.test(extent)) {
    options.push([2, () => String(dice.below(Number(extent)))]);
    if (extent === "4" || extent === "8")
      options.push([2, () => `${expression(program, scope, "i32", 1)} & ${last}`]);
  }
  return dice.weighted(options)();
}

// Awkward calls of a kernel: sizes 0, 1, 2, primes and its tiles' sizes give or take one, in row-major order and as
// strided views, as far as its signature allows.

import {
  evaluateShape,
  type ShapeExpr,
  type Signature,
  type TensorParam,
} from "../../../compiler/artifact.ts";
import { isFloat, isWide, type Dtype } from "../../../lang/dtypes.ts";
import type { Arguments, Tensor } from "../../../runtime/index.ts";
import { random, randomWords, type RandomOptions } from "../../../runtime/random.ts";

export const layouts = ["row-major", "transposed", "sliced", "broadcast"] as const;
export type LayoutKind = (typeof layouts)[number];

export interface Case {
  readonly dims: Readonly<Record<string, number>>;
  readonly scalars: Readonly<Record<string, number>>;
  readonly layout: LayoutKind;
  readonly seed: number;
}

/** `M=3 N=17, transposed` */
export function describeCase({ dims, scalars, layout }: Case): string {
  const values = Object.entries({ ...dims, ...scalars }).map(([name, value]) => `${name}=${value}`);
  return `${values.join(" ") || "no dims"}${layout === "row-major" ? "" : `, ${layout}`}`;
}

const plainSizes = [0, 1, 2, 3, 5, 7, 13, 16, 17, 31];
/** Divisors above this make cases too large for the interpreter. */
const largestUnit = 4096;
/** So many of the mixed cases may have a dimension of size 0. */
const mostEmpty = 3;
/** The interpreter takes about a microsecond a step: cases stay below so many. */
const maxWork = 120_000;

/** Cases that meet the signature's shapes and constraints; `tiles` are sizes that its annotations name. */
export function casesFor(signature: Signature, tiles: readonly number[], wanted = 12): Case[] {
  const around = [...new Set(tiles.flatMap((size) => [size - 1, size, size + 1]))];
  const units = unitsOf(signature);
  const sizes = [...new Set([...plainSizes, ...around])].toSorted((a, b) => a - b);
  const names = signature.dims.map(({ name }) => name);
  const found: Case[] = [];
  const seen = new Set<string>();
  const word = randomWords(7);
  const fixed = fixedSizes(signature);
  const pick = <V>(from: readonly V[]): V => from[word() % from.length]!;
  const offer = (free: Record<string, number>, seed: number): void => {
    const dims = { ...free, ...fixed };
    const scalars = Object.fromEntries(
      signature.params.flatMap((param) =>
        param.kind === "scalar" ? [[param.name, scalarValue(param.dtype, word())]] : [],
      ),
    );
    const key = JSON.stringify(dims);
    if (seen.has(key) || !fits(signature, dims, scalars)) return;
    seen.add(key);
    found.push({ dims, scalars, layout: "row-major", seed });
  };
  for (const size of sizes) offer(Object.fromEntries(names.map((name) => [name, size])), size + 1);
  const equal = found.length;
  // Clauses such as `N % 32 == 0`, and shapes such as `(N + 255) // 256`, need sizes that the plain list lacks.
  const wider = [
    ...sizes,
    4,
    8,
    32,
    64,
    96,
    128,
    256,
    ...units.flatMap((unit) => [unit, 2 * unit, 3 * unit]),
  ];
  // Where a clause leaves nothing else of the plain list, empty tensors would be all there is.
  let empty = 0;
  for (let tries = 0; tries < 4000 && found.length < equal + wanted && names.length > 0; tries++) {
    const dims = Object.fromEntries(names.map((name) => [name, pick(tries < 1000 ? sizes : wider)]));
    const isEmpty = Object.values(dims).includes(0);
    if (isEmpty && empty >= mostEmpty) continue;
    const before = found.length;
    offer(dims, tries + 100);
    if (isEmpty) empty += found.length - before;
  }
  // One case of several units, which the plain sizes don't reach.
  for (const unit of units) offer(Object.fromEntries(names.map((name) => [name, 2 * unit])), unit);
  if (names.length === 0) offer({}, 1);
  return [...found, ...viewCases(signature, found)];
}

/** Divisors in clauses and shapes: at their multiples, a kernel begins another block. */
function unitsOf({ constraints, params }: Signature): number[] {
  const found = new Set<number>();
  const visit = (expr: ShapeExpr): void => {
    if (!Array.isArray(expr)) return;
    const [operator, ...operands] = expr as readonly ShapeExpr[];
    const unit = operands[1];
    if ((operator === "//" || operator === "%") && typeof unit === "number" && unit > 1) found.add(unit);
    operands.forEach(visit);
  };
  for (const { expr } of constraints) visit(expr);
  for (const param of params) if (param.kind === "tensor") param.shape.forEach(visit);
  return [...found].filter((unit) => unit <= largestUnit);
}

/** Dims that the code has as constants: constraints such as `R == 3` say so. */
function fixedSizes({ constraints }: Signature): Record<string, number> {
  return Object.fromEntries(
    constraints.flatMap(({ expr }): [string, number][] => {
      if (!Array.isArray(expr)) return [];
      const [operator, dim, size] = expr as readonly ShapeExpr[];
      return operator === "==" && typeof dim === "string" && typeof size === "number" ? [[dim, size]] : [];
    }),
  );
}

/** The largest case once more for each sort of view that its tensors can be. */
function viewCases(signature: Signature, found: readonly Case[]): Case[] {
  const work = ({ dims }: Case) => Object.values(dims).reduce((product, size) => product * size, 1);
  const largest = found.toSorted((a, b) => work(b) - work(a)).slice(0, 2);
  const given = signature.params.filter(
    (param): param is TensorParam => param.kind === "tensor" && param.mode !== "out",
  );
  if (given.length === 0) return [];
  return largest.flatMap((each) => {
    const kinds: LayoutKind[] = ["sliced"];
    if (given.some(({ shape }) => shape.length > 1)) kinds.unshift("transposed");
    if (given.some(({ mode, shape }) => mode === "in" && shape.length > 0)) kinds.push("broadcast");
    return kinds.map((layout): Case => ({ ...each, layout }));
  });
}

function scalarValue(dtype: Dtype, word: number): number {
  if (dtype === "bool") return word & 1;
  const choices = isFloat(dtype) ? [0.5, 1.25, 2, -0.75, 0, 3] : [1, 2, 3, 0, 5, 7];
  return choices[word % choices.length]!;
}

/** Whether shapes are possible and small, and every constraint holds. */
function fits(
  signature: Signature,
  dims: Readonly<Record<string, number>>,
  scalars: Readonly<Record<string, number>>,
): boolean {
  const value = (name: string): number => dims[name] ?? scalars[name] ?? NaN;
  const at = (expr: ShapeExpr): number => evaluateShape(expr, value);
  let elements = 0;
  for (const param of signature.params) {
    if (param.kind !== "tensor") continue;
    const shape = param.shape.map(at);
    if (!shape.every((size) => Number.isInteger(size) && size >= 0)) return false;
    elements += shape.reduce((product, size) => product * size, 1);
  }
  const work = Object.values(dims).reduce((product, size) => product * Math.max(size, 1), 1);
  return elements <= maxWork && work <= maxWork && signature.constraints.every(({ expr }) => at(expr) !== 0);
}

/** The arguments of a case. `bounds` limits the integers, for kernels that use them as indices. */
export function argumentsFor(signature: Signature, each: Case, bounds: RandomOptions = {}): Arguments {
  const value = (name: string): number => each.dims[name] ?? each.scalars[name] ?? NaN;
  const args: Record<string, Arguments[string]> = {};
  signature.params.forEach((param, at) => {
    if (param.kind === "scalar") {
      const scalar = each.scalars[param.name]!;
      args[param.name] =
        param.dtype === "bool" ? scalar !== 0 : isWide(param.dtype) ? BigInt(scalar) : scalar;
    } else if (param.mode !== "out") {
      const shape = param.shape.map((dim) => evaluateShape(dim, value));
      const options = {
        seed: each.seed * 16 + at,
        ...(isFloat(param.dtype) || param.dtype === "bool" ? {} : bounds),
      };
      args[param.name] = made(param, shape, each.layout, options);
    }
  });
  return args;
}

function made(
  { dtype, mode }: TensorParam,
  shape: readonly number[],
  layout: LayoutKind,
  options: RandomOptions,
): Tensor {
  if (layout === "transposed" && shape.length > 1)
    return random(dtype, shape.toReversed(), options).transpose();
  if (layout === "broadcast" && mode === "in" && shape.length > 0)
    return random(dtype, [1, ...shape.slice(1)], options).broadcastTo(shape);
  if (layout === "sliced" && shape.length > 0) {
    // Every second element of the last axis of something larger, from the second on.
    const last = shape.length - 1;
    const larger = random(
      dtype,
      shape.map((size, axis) => (axis === last ? 2 * size + 1 : size + 1)),
      options,
    );
    return larger.slice(
      ...shape.map((size, axis) =>
        axis === last ? ([1, 2 * size + 1, 2] as const) : ([1, size + 1] as const),
      ),
    );
  }
  return random(dtype, shape, options);
}

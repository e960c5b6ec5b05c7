// Loop nests that write every element of an output once, in the many ways that people write them, with annotations
// that are legal for them.

import { dtypeInfo, isFloat, type Dtype } from "../../lang/dtypes.ts";
import { expression, literal, type Program } from "./expressions.ts";
import type { Scope, TensorName } from "./scope.ts";
import { statements } from "./statements.ts";

export const indent = (lines: readonly string[], by = 1): string[] =>
  lines.map((line) => `${"    ".repeat(by)}${line}`);

/** A loop: its header for a variable, and what the body knows. */
interface Level {
  readonly name: string;
  readonly extent: string;
}

/** Scope inside loops over whole extents; annotated ones close it to assignments from inside. */
function inside(scope: Scope, levels: readonly Level[], annotated: boolean): Scope {
  const inner = scope.inner();
  inner.loops.push(...levels.map(({ name, extent }) => ({ name, extent })));
  for (const { extent } of levels) {
    inner.nonEmpty.push(extent);
    // `M * N` isn't empty, so neither factor is.
    inner.nonEmpty.push(...extent.split(" * "));
  }
  if (annotated) inner.barriers++;
  inner.jumps = false;
  inner.depth += levels.length;
  return inner;
}

function vectorize(program: Program, name: string, exactly: readonly number[] = []): string {
  const { dice } = program;
  const options: string[] = [];
  const width = dice.pick([2, 4, 4, 8, 16]);
  if (dice.chance(0.4)) options.push(`width=${width}`);
  if (dice.chance(0.4)) options.push(`tail="${dice.pick(["mask", "peel", "scalar"])}"`);
  else if (exactly.length && dice.chance(0.5))
    return `@vectorize(${name}, width=${dice.pick(exactly)}, tail="exact")`;
  if (options.length === 0) return "@vectorize";
  return `@${dice.chance(0.1) ? "wasm." : ""}vectorize(${[name, ...options].join(", ")})`;
}

/** Annotations of one loop, the lines above its `for`; `exactly` are widths that divide its iterations. */
function annotations(program: Program, name: string, inner: boolean, exactly: readonly number[]): string[] {
  const { dice } = program;
  const parallel = (): string => `@${dice.pick(["", "", "", "wasm.", "wgsl."])}parallel`;
  return dice.weighted<() => string[]>([
    [2, () => []],
    [inner ? 1 : 4, () => [parallel()]],
    [inner ? 5 : 1, () => [vectorize(program, name, exactly)]],
    [1, () => [parallel(), vectorize(program, name, exactly)]],
    [0.7, () => [dice.chance(0.5) ? `@unroll(${name}, ${dice.between(2, 5)})` : "@unroll"]],
    [0.3, () => [parallel(), `@unroll(${name}, ${dice.between(2, 4)})`]],
  ])();
}

const isBarrier = (lines: readonly string[]): boolean =>
  lines.some((line) => line.includes("parallel") || line.includes("vectorize"));

export interface Target extends TensorName {
  readonly mode: "out" | "mut";
}

/** One phase that writes `out` in full (or updates a `mut` element by element). */
export function nest(program: Program, scope: Scope, out: Target): string[] {
  const { dice } = program;
  const levels = out.shape.map((extent) => ({ name: program.fresh("r"), extent }));
  const subscript = `${out.name}[${levels.map(({ name }) => name).join(", ")}]`;
  const body = (inner: Scope, at = subscript): string[] => store(program, inner, out, at);
  const one = levels[0]!;
  const form = dice.weighted<string>([
    [5, "loops"],
    [levels.length > 1 ? 4 : 0, "grid"],
    [1, "tiles"],
    [0.7, "reversed"],
    // Of what takes a byte each there may be too many to count in an i32.
    [levels.length === 2 && dtypeInfo(out.dtype).bits >= 16 ? 1 : 0, "flat"],
    [levels.length === 2 && out.shape[0] === out.shape[1] ? 6 : 0, "triangle"],
    [out.mode === "out" && levels.length === 1 ? 0.8 : 0, "prefix"],
    [out.mode === "out" && out.dtype !== "bool" ? 0.8 : 0, "accumulate"],
    [1, "split"],
  ]);
  switch (form) {
    case "grid": {
      const marks = gridAnnotations(program, levels);
      const inner = inside(scope, levels, isBarrier(marks));
      const names = levels.map(({ name }) => name).join(", ");
      return [...marks, `for ${names} in grid(${out.shape.join(", ")}):`, ...indent(body(inner))];
    }
    case "tiles": {
      const [size, tile] = [dice.pick([3, 4, 8]), program.fresh("t")];
      const marks = dice.chance(0.6) ? [dice.pick(["@parallel", "@vectorize", "@unroll"])] : [];
      const rest = levels.slice(1);
      const inner = inside(scope, levels, isBarrier(marks));
      const high = `min(${one.extent}, ${size} * ${tile} + ${size})`;
      return [
        ...marks,
        `for ${tile} in range((${one.extent} + ${size - 1}) // ${size}):`,
        `    for ${one.name} in range(${size} * ${tile}, ${high}):`,
        ...indent(serial(rest, body(inner)), 2),
      ];
    }
    case "reversed": {
      const inner = inside(scope, levels, false);
      return [
        `for ${one.name} in range(${one.extent} - 1, -1, -1):`,
        ...indent(serial(levels.slice(1), body(inner))),
      ];
    }
    case "flat": {
      const e = program.fresh("e");
      const two = levels[1]!;
      const marks = annotations(program, e, true, []);
      const inner = inside(scope, levels, isBarrier(marks));
      return [
        ...marks,
        `for ${e} in range(${one.extent} * ${two.extent}):`,
        `    let ${one.name} = ${e} // ${two.extent}`,
        `    let ${two.name} = ${e} % ${two.extent}`,
        ...indent(body(inner)),
      ];
    }
    case "triangle": {
      const two = levels[1]!;
      const marks = annotations(program, one.name, false, []);
      const middle = inside(scope, [one], isBarrier(marks));
      const [low, high] = [
        annotations(program, two.name, true, []),
        annotations(program, two.name, true, []),
      ];
      const half = (lines: string[], range: string): string[] => [
        ...lines,
        `for ${two.name} in range(${range}):`,
        ...indent(body(inside(middle, [two], isBarrier(lines)))),
      ];
      return [
        ...marks,
        `for ${one.name} in range(${one.extent}):`,
        ...indent(half(low, `${one.name} + 1`)),
        ...indent(half(high, `${one.name} + 1, ${two.extent}`)),
      ];
    }
    case "prefix": {
      const first = literal(dice, out.dtype);
      const inner = inside(scope, levels, false);
      const before = program.fresh("v");
      inner.variables.push({ name: before, dtype: out.dtype, mutable: false, barriers: 99 });
      return [
        `for ${one.name} in range(${one.extent}):`,
        `    var ${before}: ${out.dtype} = ${first}`,
        `    if ${one.name} > 0:`,
        `        ${before} = ${out.name}[${one.name} - 1]`,
        ...indent(body(inner)),
      ];
    }
    case "accumulate": {
      const k = program.fresh("r");
      const marks = annotations(program, one.name, levels.length === 1, []);
      const inner = inside(scope, levels, isBarrier(marks));
      inner.loops.push({ name: k, extent: "4" });
      const update = `${subscript} += ${expression(program, inner, out.dtype, 2)}`;
      return [
        ...serial(levels, [`${subscript} = ${literal(dice, out.dtype)}`]),
        ...marks,
        `for ${one.name} in range(${one.extent}):`,
        ...indent(serial(levels.slice(1), [`for ${k} in range(4):`, `    ${update}`])),
      ];
    }
    case "split": {
      // The two halves of an axis one after the other.
      const half = `${one.extent} // 2`;
      const part = (range: string): string[] => {
        const marks = annotations(program, one.name, levels.length === 1, []);
        const inner = inside(scope, levels, isBarrier(marks));
        return [
          ...marks,
          `for ${one.name} in range(${range}):`,
          ...indent(serial(levels.slice(1), body(inner))),
        ];
      };
      return [...part(half), ...part(`${half}, ${one.extent}`)];
    }
    default:
      return loops(program, scope, levels, body);
  }
}

/** A nest with annotations and statements at each level. */
function loops(
  program: Program,
  scope: Scope,
  [level, ...rest]: readonly Level[],
  body: (inner: Scope) => string[],
): string[] {
  if (!level) return body(scope);
  const exactly = /^\d+$/.test(level.extent)
    ? [2, 4, 8].filter((width) => Number(level.extent) % width === 0)
    : [];
  const marks = annotations(program, level.name, rest.length === 0, exactly);
  const inner = inside(scope, [level], isBarrier(marks));
  const before = rest.length && program.dice.chance(0.4) ? statements(program, inner, 1) : [];
  return [
    ...marks,
    `for ${level.name} in range(${level.extent}):`,
    ...indent(before),
    ...indent(loops(program, inner, rest, body)),
  ];
}

function serial(levels: readonly Level[], body: readonly string[]): string[] {
  return levels.reduceRight<string[]>(
    (lines, { name, extent }) => [`for ${name} in range(${extent}):`, ...indent(lines)],
    [...body],
  );
}

function gridAnnotations(program: Program, levels: readonly Level[]): string[] {
  const { dice } = program;
  const [first, last] = [levels[0]!, levels.at(-1)!];
  return dice.weighted<() => string[]>([
    [2, () => []],
    [2, () => ["@parallel"]],
    [2, () => [`@parallel(${first.name})`, vectorize(program, last.name)]],
    [2, () => ["@parallel", vectorize(program, last.name)]],
    [2, () => [vectorize(program, last.name)]],
    [
      1,
      () => [`@wasm.parallel(${first.name})`, `@wgsl.parallel(${levels.map(({ name }) => name).join(", ")})`],
    ],
    [0.5, () => [`@unroll(${last.name}, 2)`]],
  ])();
}

/** Statements and the store of one element. */
function store(program: Program, scope: Scope, out: Target, at: string): string[] {
  const { dice } = program;
  const lines: string[] = [];
  if (out.mode === "mut") {
    const old = program.fresh("v");
    scope.variables.push({ name: old, dtype: out.dtype, mutable: false, barriers: 99 });
    lines.push(`let ${old} = ${at}`);
  }
  lines.push(...statements(program, scope, dice.below(4)));
  const value = expression(program, scope, out.dtype, 3);
  if (out.mode === "mut" && out.dtype !== "bool" && dice.chance(0.4)) return [...lines, `${at} += ${value}`];
  if (dice.chance(0.12)) {
    const other = expression(program, scope, out.dtype, 1);
    return [
      ...lines,
      `if ${expression(program, scope, "bool", 1)}:`,
      `    ${at} = ${value}`,
      "else:",
      `    ${at} = ${other}`,
    ];
  }
  return [...lines, `${at} = ${value}`];
}

/** A phase of explicit SIMD: `out`, whose last size is a multiple of `width`, from tensors of its shape and dtype. */
export function simdNest(program: Program, scope: Scope, out: Target, width: number): string[] {
  const { dice } = program;
  const alike = scope.tensors.filter(
    (each) => each.dtype === out.dtype && each.shape.join() === out.shape.join(),
  );
  const levels = out.shape.map((extent) => ({ name: program.fresh("r"), extent }));
  const names = levels.map(({ name }) => name).join(", ");
  const inner = inside(scope, levels.slice(0, -1), false);
  const last = levels.at(-1)!;
  const lanes = (depth: number): string => simd(program, inner, out.dtype, width, depth, alike, names);
  const mark = dice.chance(0.4) ? ["@parallel"] : [];
  return [
    ...serial(levels.slice(0, -1), [
      ...mark,
      `for ${last.name} in range(0, ${last.extent}, ${width}):`,
      `    ${out.name}.store(${lanes(3)}, ${names})`,
    ]),
  ];
}

function simd(
  program: Program,
  scope: Scope,
  dtype: Dtype,
  width: number,
  depth: number,
  alike: readonly TensorName[],
  names: string,
): string {
  const { dice } = program;
  const sub = (): string => simd(program, scope, dtype, width, depth - 1, alike, names);
  if (depth <= 0 || dice.chance(0.2)) {
    if (alike.length && dice.chance(0.7)) return `${dice.pick(alike).name}.load[${width}](${names})`;
    return `SIMD[${dtype}, ${width}](${expression(program, scope, dtype, 1)})`;
  }
  return dice.weighted<() => string>([
    [5, () => `(${sub()} ${dice.pick(["+", "-", "*"])} ${sub()})`],
    [2, () => `${dice.pick(["min", "max"])}(${sub()}, ${sub()})`],
    [1, () => `select(${sub()} ${dice.pick(["<", "==", ">="])} ${sub()}, ${sub()}, ${sub()})`],
    [1, () => `${sub()}.shuffle(${Array.from({ length: width }, () => dice.below(width)).join(", ")})`],
    [
      isFloat(dtype) ? 0 : 1,
      () => `SIMD[${dtype}, ${width}](${sub()}.${dice.pick(["sum", "max", "min"])}())`,
    ],
    [1, () => `abs(${sub()})`],
    [isFloat(dtype) ? 0.6 : 0, () => `(${sub()} / ${sub()})`],
    [isFloat(dtype) ? 0 : 1, () => `(${sub()} ${dice.pick(["&", "|", "^"])} ${sub()})`],
  ])();
}

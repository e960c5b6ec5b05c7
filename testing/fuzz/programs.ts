// Whole programs: a kernel of a few phases with its arguments, the helpers that it calls, and now and then a kernel
// inside a kernel, a histogram, a pack of dims. Text in the end, as a person would have written it.

import { dtypeInfo, isInteger, type Dtype } from "../../lang/dtypes.ts";
import { Dice } from "./dice.ts";
import { condition, expression, literal, type Program } from "./expressions.ts";
import { generic } from "./generic.ts";
import { indent, nest, simdNest, type Target } from "./nests.ts";
import { reduction } from "./reductions.ts";
import { scheduledNest } from "./schedules.ts";
import { Scope, type Extent, type TensorName } from "./scope.ts";

const computed: readonly (readonly [number, Dtype])[] = [
  [5, "f32"],
  [4, "i32"],
  [2, "u8"],
  [2, "i8"],
  [1.5, "i16"],
  [1.5, "u16"],
  [2, "u32"],
  [1, "i64"],
  [1, "u64"],
  [1.5, "f16"],
  [1, "bf16"],
  [1, "f64"],
  [1, "bool"],
];

/** The program of a seed, as `.kern` text. */
export function programOf(seed: number): string {
  const dice = new Dice(seed);
  const dtypes = new Set<Dtype>();
  const wanted = dice.between(1, 3);
  while (dtypes.size < wanted) dtypes.add(dice.weighted(computed));
  // There must be numbers to compute with.
  if ([...dtypes].every((dtype) => dtype === "bool")) dtypes.add("f32");
  let names = 0;
  const program: Program = {
    dice,
    dtypes: [...dtypes],
    imports: new Set(),
    defs: new Map(),
    // Small programs show most of what large ones do, in a third of the time.
    budget: dice.weighted([
      [4, 6],
      [4, 12],
      [2, 30],
      [0.3, 90],
    ]),
    fresh: (stem) => `${stem}${names++}`,
  };
  const kernel = dice.chance(0.07) ? packKernel(program) : plainKernel(program);
  const parametric = dice.chance(0.4);
  const imports = program.imports.size
    ? [`from std.math import ${[...program.imports].toSorted().join(", ")}`, ""]
    : [];
  const defs = [...program.defs.values()].filter((text) => text !== "");
  const text = `${[...imports, ...defs.flatMap((each) => [each, ""].slice(0, 2)), ...kernel].join("\n")}\n`;
  return (parametric ? generic(text, program.dtypes) : undefined) ?? text;
}

const shapes: readonly (readonly [number, readonly Extent[]])[] = [
  [4, ["N"]],
  [3, ["M"]],
  [5, ["M", "N"]],
  [1, ["N", "M"]],
  [2, ["M", "K"]],
  [2, ["K", "N"]],
  [1, ["N", "N"]],
  [1, ["M", "4"]],
  [0.7, ["M", "N", "3"]],
  [0.7, ["8"]],
];

function plainKernel(program: Program): string[] {
  const { dice } = program;
  const scope = new Scope();
  const params: string[] = [];
  const tensor = (stem: string, mode: string, shape: readonly Extent[], dtype: Dtype): TensorName => {
    const name = program.fresh(stem);
    params.push(`${mode}${name}: Tensor[${dtype}, ${shape.join(", ")}]`);
    return { name, dtype, shape };
  };
  const dtype = (): Dtype => dice.pick(program.dtypes);
  for (let n = dice.between(1, 3); n > 0; n--) {
    const packed = dice.chance(0.05) ? dice.pick(["i4", "u4", "i2", "u2"] as const) : undefined;
    scope.tensors.push(tensor("x", "", dice.weighted(shapes), packed ?? dtype()));
  }
  const bound = new Set(scope.tensors.flatMap(({ shape }) => shape));
  const fits = (shape: readonly Extent[]): boolean =>
    shape.every((extent) => bound.has(extent) || /^\d+$/.test(extent));
  const where: string[] = [];
  for (let n = dice.below(3); n > 0; n--) {
    const [name, of] = [program.fresh("s"), dtype()];
    params.push(`${name}: ${of}`);
    scope.variables.push({ name, dtype: of, mutable: false, barriers: 99 });
    if (isInteger(of) && dice.chance(0.2)) where.push(`${name} >= 0`);
  }
  for (const dim of ["M", "N", "K"])
    if (bound.has(dim)) {
      scope.variables.push({ name: dim, dtype: "i32", mutable: false, barriers: 99 });
      if (dice.chance(0.15)) {
        where.push(`${dim} >= 1`);
        scope.nonEmpty.push(dim);
      }
    }
  const outShapes: (readonly [number, readonly Extent[]])[] = shapes.filter(([, shape]) => fits(shape));
  // Of more than one byte each, so that an i32 counts them.
  const wide = scope.tensors.some(
    ({ dtype: of, shape }) => shape.join() === "M,N" && dtypeInfo(of).bits >= 16,
  );
  if (wide) outShapes.push([1, ["M * N"]]);
  const targets: Target[] = [];
  const outs = dice.weighted([
    [5, 1],
    [2, 2],
    [1, 3],
  ]);
  for (let n = 0; n < outs; n++) {
    const mode = dice.chance(0.15) && !bound.has("*") ? "mut" : "out";
    const shape = dice.weighted(
      mode === "mut" ? outShapes.filter(([, each]) => !/\*/.test(each[0]!)) : outShapes,
    );
    targets.push({ ...tensor(mode === "mut" ? "z" : "y", `${mode} `, shape, dtype()), mode });
  }
  const body: string[] = [];
  for (const target of targets) {
    if (dice.chance(0.25)) body.push(...between(program, scope));
    body.push(...phase(program, scope, target, where));
    // What is written is there for the phases behind.
    if (!target.shape[0]!.includes("*")) scope.tensors.push(target);
  }
  if (dice.chance(0.08)) body.push(...histogram(program, scope, tensor));
  const clause = where.length ? ` where ${[...new Set(where)].join(", ")}` : "";
  return [`kernel fuzz(${params.join(", ")})${clause}:`, ...indent(body)];
}

/** A statement between the phases: a value of the whole call. */
function between(program: Program, scope: Scope): string[] {
  const dtype = program.dice.pick(program.dtypes);
  const value = reduction(program, scope, dtype) ?? expression(program, scope, dtype, 2);
  const name = program.fresh("v");
  scope.variables.push({ name, dtype, mutable: false, barriers: 99 });
  return [`let ${name}: ${dtype} = ${value}`];
}

function phase(program: Program, scope: Scope, target: Target, where: string[]): string[] {
  const { dice } = program;
  const last = target.shape.at(-1)!;
  if (target.mode === "out" && dice.chance(0.1) && target.dtype !== "bool" && /^(M|N|8)$/.test(last)) {
    const width = dice.pick(last === "8" ? [2, 4, 8] : [4, 8]);
    if (last !== "8") where.push(`${last} % ${width} == 0`);
    return simdNest(program, scope, target, width);
  }
  if (target.mode === "out" && dice.chance(0.06) && !last.includes("*"))
    return inlined(program, scope, target);
  if (dice.chance(0.3)) {
    const scheduled = scheduledNest(program, scope, target);
    if (scheduled) return scheduled;
  }
  return nest(program, scope, target);
}

/** A call of another kernel, which writes the target. */
function inlined(program: Program, scope: Scope, target: Target): string[] {
  const name = program.fresh("inner");
  const own = new Scope();
  const dims = target.shape.map((extent, axis) => (/^\d+$/.test(extent) ? extent : `D${axis}`));
  // Equal sizes outside must be the same dim inside.
  const renamed = target.shape.map((extent, axis) => dims[target.shape.indexOf(extent)] ?? dims[axis]!);
  const sources = scope.tensors.filter((each) => each.shape.join() === target.shape.join()).slice(0, 2);
  const source = sources[0];
  if (!source || target.shape.every((extent) => /^\d+$/.test(extent))) return nest(program, scope, target);
  own.tensors.push({ name: "xa", dtype: source.dtype, shape: renamed });
  const params = `xa: Tensor[${source.dtype}, ${renamed.join(", ")}], out ya: Tensor[${target.dtype}, ${renamed.join(", ")}]`;
  const body = nest(program, own, { name: "ya", dtype: target.dtype, shape: renamed, mode: "out" });
  program.defs.set(name, `kernel ${name}(${params}):\n${indent(body).join("\n")}\n`);
  return [`${name}(${source.name}, ${target.name})`];
}

function histogram(
  program: Program,
  scope: Scope,
  tensor: (stem: string, mode: string, shape: readonly Extent[], dtype: Dtype) => TensorName,
): string[] {
  const { dice } = program;
  const dtype = dice.pick(["i32", "u32"] as const);
  const { name } = tensor("h", "out ", ["8"], dtype);
  const dim = scope.tensors.flatMap(({ shape }) => shape).find((each) => /^[MNK]$/.test(each)) ?? "8";
  const [i, b] = [program.fresh("r"), program.fresh("r")];
  const inner = scope.inner();
  inner.loops.push({ name: i, extent: dim });
  inner.nonEmpty.push(dim);
  inner.barriers++;
  return [
    `for ${b} in range(8):`,
    `    ${name}[${b}] = 0`,
    ...(dice.chance(0.8) ? ["@parallel"] : []),
    `for ${i} in range(${dim}):`,
    ...(dice.chance(0.3) ? [`    let g = ${condition(program, inner, 1)}`, "    if g:"] : ["    if True:"]),
    "        @atomic",
    `        ${name}[(${expression(program, inner, "i32", 2)}) & 7] += ${expression(program, inner, dtype, 1)}`,
  ];
}

/** A kernel over tensors of any rank, sometimes with a last axis of its own. */
function packKernel(program: Program): string[] {
  const { dice } = program;
  const dtypes = [dice.pick(program.dtypes), dice.pick(program.dtypes)];
  const out = dice.pick(program.dtypes);
  const scope = new Scope();
  const last = dice.chance(0.4);
  const [shape, loops, at] = last ? ["*S, N", "i, j", "*i, j"] : ["*S", "i", "*i"];
  const marks = dice.some(["@parallel", last ? "@vectorize(j)" : "@vectorize"], 0.7);
  scope.barriers = marks.length;
  const params = dtypes.map((dtype, n) => `x${n}: Tensor[${dtype}, ${shape}]`);
  if (last) {
    scope.loops.push({ name: "j", extent: "N" });
    scope.nonEmpty.push("N");
    const dtype = dice.pick(program.dtypes);
    params.push(`x2: Tensor[${dtype}, N]`);
    scope.tensors.push({ name: "x2", dtype, shape: ["N"] });
  }
  const values = dtypes.map((dtype, n) => {
    scope.variables.push({ name: `e${n}`, dtype, mutable: false, barriers: 99 });
    return `        let e${n} = x${n}[${at}]`;
  });
  if (dice.chance(0.5)) {
    scope.variables.push({ name: "s", dtype: out, mutable: false, barriers: 99 });
    params.push(`s: ${out}`);
  }
  const value = dtypeInfo(out).bits ? expression(program, scope, out, 3) : literal(dice, out);
  return [
    `kernel fuzz(${params.join(", ")}, out y: Tensor[${out}, ${shape}]):`,
    ...indent(marks),
    `    for ${loops} in grid(${shape}):`,
    ...values,
    `        y[${at}] = ${value}`,
  ];
}

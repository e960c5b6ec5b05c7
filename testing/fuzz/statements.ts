// Random statements of a loop body. They may name and assign what their scope allows, always end, and touch no tensor
// but to read it.

import { isInteger, type Dtype } from "../../lang/dtypes.ts";
import { condition, element, expression, indexable, literal, type Program } from "./expressions.ts";
import { clauses, rangeOf, reduction } from "./reductions.ts";
import type { Scope } from "./scope.ts";
import { viewOf } from "./views.ts";

const indent = (lines: readonly string[]): string[] => lines.map((line) => `    ${line}`);

/** A few statements; what they declare stays in `scope`. */
export function statements(program: Program, scope: Scope, count: number): string[] {
  const lines: string[] = [];
  for (let n = 0; n < count; n++) if (n === 0 || program.budget > 0) lines.push(...statement(program, scope));
  return lines;
}

function statement(program: Program, scope: Scope): string[] {
  const { dice } = program;
  if (program.budget <= 0) return declaration(program, scope, "let");
  const assignable = scope.assignable();
  const ownArrays = scope.arrays.filter(
    (each) => each.barriers === scope.barriers && each.shape.every((extent) => indexable(scope, extent)),
  );
  return dice.weighted<() => string[]>([
    [3, () => declaration(program, scope, "let")],
    [2, () => declaration(program, scope, "var")],
    [assignable.length ? 4 : 0, () => assignment(program, scope)],
    [scope.depth < 4 ? 2 : 0, () => branch(program, scope)],
    [scope.depth < 3 ? 2 : 0, () => loop(program, scope)],
    [scope.depth < 3 ? 1 : 0, () => whileLoop(program, scope)],
    [scope.depth < 3 ? 1.2 : 0, () => array(program, scope)],
    [ownArrays.length ? 2 : 0, () => arrayStore(program, scope)],
    [0.5, () => view(program, scope)],
    [0.7, () => tuple(program, scope)],
    [0.7, () => point(program, scope)],
    [0.6, () => annotatedReduction(program, scope)],
    [0.15, () => [`assert ${condition(program, scope, 1)} or True, "it can't fail"`]],
    [
      scope.jumps ? 1 : 0,
      () => [`if ${condition(program, scope, 1)}:`, `    ${dice.pick(["break", "continue"])}`],
    ],
  ])();
}

function declaration(program: Program, scope: Scope, word: "let" | "var"): string[] {
  const dtype = program.dice.pick(program.dtypes);
  const value = expression(program, scope, dtype, 2);
  const name = program.fresh("v");
  scope.variables.push({ name, dtype, mutable: word === "var", barriers: scope.barriers });
  return [`${word} ${name}: ${dtype} = ${value}`];
}

function assignment(program: Program, scope: Scope): string[] {
  const { dice } = program;
  const { name, dtype } = dice.pick(scope.assignable());
  const value = expression(program, scope, dtype, 2);
  if (dtype === "bool") return [`${name} = ${value}`];
  const operators = isInteger(dtype) ? ["=", "+=", "-=", "*=", "^=", "|="] : ["=", "+=", "-=", "*="];
  return [`${name} ${dice.pick(operators)} ${value}`];
}

function block(program: Program, scope: Scope, most = 2): string[] {
  return indent(statements(program, scope.inner(), program.dice.between(1, most)));
}

function branch(program: Program, scope: Scope): string[] {
  const { dice } = program;
  const lines = [`if ${condition(program, scope, 2)}:`, ...block(program, scope)];
  if (dice.chance(0.2)) lines.push(`elif ${condition(program, scope, 1)}:`, ...block(program, scope));
  if (dice.chance(0.5)) lines.push("else:", ...block(program, scope));
  return lines;
}

function loop(program: Program, scope: Scope): string[] {
  const { dice } = program;
  const inner = scope.inner();
  const name = program.fresh("l");
  const { range, extent } = rangeOf(program, scope);
  inner.loops.push({ name, extent });
  inner.depth++;
  inner.jumps = true;
  const lines: string[] = [];
  if (dice.chance(0.12)) lines.push(dice.pick(["@unroll", `@unroll(${name}, ${dice.between(2, 4)})`]));
  return [...lines, `for ${name} in range(${range}):`, ...block(program, inner, 3)];
}

function whileLoop(program: Program, scope: Scope): string[] {
  const inner = scope.inner();
  const name = program.fresh("w");
  inner.variables.push({ name, dtype: "i32", mutable: false, barriers: inner.barriers });
  inner.depth++;
  inner.jumps = true;
  const cond = condition(program, scope, 1);
  return [
    `var ${name} = 0`,
    `while ${name} < ${program.dice.between(1, 6)} and ${cond}:`,
    `    ${name} += 1`,
    ...block(program, inner, 3),
  ];
}

function array(program: Program, scope: Scope): string[] {
  const { dice } = program;
  const dtype = dice.pick(program.dtypes);
  const name = program.fresh("a");
  const small = (): string => String(dice.pick([2, 3, 4, 4, 8]));
  // Now and then as large as a dimension, which WGSL lacks.
  const dims = [...new Set(scope.tensors.flatMap(({ shape }) => shape))].filter((each) =>
    /^[MNK]$/.test(each),
  );
  const shape = dice.chance(0.2)
    ? [small(), small()]
    : [dims.length && dice.chance(0.05) ? dice.pick(dims) : small()];
  const lines = [`var ${name} = Array[${dtype}, ${shape.join(", ")}](${literal(dice, dtype)})`];
  const made = { name, dtype, shape, barriers: scope.barriers };
  scope.arrays.push(made);
  const inner = scope.inner();
  const counters = shape.map((extent) => ({ name: program.fresh("l"), extent }));
  inner.loops.push(...counters);
  inner.nonEmpty.push(...shape);
  counters.forEach(({ name: counter, extent }, depth) => {
    if (depth === 0 && dice.chance(0.3)) lines.push("@unroll");
    lines.push(`${"    ".repeat(depth)}for ${counter} in range(${extent}):`);
  });
  const at = counters.map((each) => each.name).join(", ");
  lines.push(`${"    ".repeat(shape.length)}${name}[${at}] = ${expression(program, inner, dtype, 1)}`);
  return lines;
}

function arrayStore(program: Program, scope: Scope): string[] {
  const { dice } = program;
  const own = scope.arrays.filter((each) => each.barriers === scope.barriers);
  const one = dice.pick(own.filter(({ shape }) => shape.every((extent) => indexable(scope, extent))));
  const operator = one.dtype === "bool" ? "=" : dice.pick(["=", "+="]);
  return [`${element(program, scope, one)} ${operator} ${expression(program, scope, one.dtype, 1)}`];
}

/** A view with a name: rows, columns and parts of tensors, read like tensors from here on. */
function view(program: Program, scope: Scope): string[] {
  const found = viewOf(program, scope, program.dice.pick(program.dtypes));
  if (!found) return declaration(program, scope, "let");
  const name = program.fresh("w");
  scope.tensors.push({ ...found, name });
  return [`let ${name} = ${found.name}`];
}

function tuple(program: Program, scope: Scope): string[] {
  const { dice } = program;
  const byType = scope.assignable();
  const pairs = byType.flatMap((a) =>
    byType.filter((b) => a.name < b.name && a.dtype === b.dtype).map((b) => [a, b]),
  );
  if (pairs.length && dice.chance(0.5)) {
    const [a, b] = dice.pick(pairs);
    return [`${a!.name}, ${b!.name} = ${b!.name}, ${a!.name}`];
  }
  const [p, q] = [program.fresh("v"), program.fresh("v")];
  const [one, two]: Dtype[] = [dice.pick(program.dtypes), dice.pick(program.dtypes)];
  const values = [one, two].map((dtype) => `${dtype}(${expression(program, scope, dtype!, 1)})`);
  for (const [name, dtype] of [
    [p, one],
    [q, two],
  ] as const)
    scope.variables.push({ name, dtype: dtype!, mutable: false, barriers: scope.barriers });
  return [`let ${p}, ${q} = ${values.join(", ")}`];
}

function point(program: Program, scope: Scope): string[] {
  const { dice } = program;
  const dtypes = [dice.pick(program.dtypes), dice.pick(program.dtypes)];
  const name = `P_${dtypes.join("_")}`;
  program.defs.set(name, `struct ${name}:\n    p: ${dtypes[0]}\n    q: ${dtypes[1]}\n`);
  const variable = program.fresh("s");
  const values = dtypes.map((dtype) => expression(program, scope, dtype, 1));
  scope.points.push({
    name: variable,
    fields: [
      { name: "p", dtype: dtypes[0]! },
      { name: "q", dtype: dtypes[1]! },
    ],
  });
  return [`let ${variable} = ${name}(${values.join(", ")})`];
}

function annotatedReduction(program: Program, scope: Scope): string[] {
  const { dice } = program;
  const dtype = dice.pick(program.dtypes);
  const made = clauses(program, scope) && reduction(program, scope, dtype);
  if (!made) return declaration(program, scope, "let");
  const name = program.fresh("v");
  scope.variables.push({ name, dtype, mutable: false, barriers: scope.barriers });
  const annotated = dice.chance(0.7) && (made.match(/ for /g) ?? []).length === 1;
  return [...(annotated ? ["@vectorize"] : []), `let ${name}: ${dtype} = ${made}`];
}

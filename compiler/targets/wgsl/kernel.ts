// One kernel as WGSL: its uniform, bindings, accessor functions and entry points, and the data that launch them.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import type { ShapeExpr, WgslConstant, WgslLaunch, WgslPhase } from "../../artifact.ts";
import { int, type AssertStmt, type Expr, type IrKernel } from "../../ir/ir.ts";
import { visitBlock } from "../../ir/walk.ts";
import { add, mul } from "../../passes/fold.ts";
import { rangesOfKernel } from "../../ir/ranges.ts";
import { emitExpr, type Place } from "./expressions.ts";
import { workgroupSize } from "./limits.ts";
import { Lines } from "./lines.ts";
import { NameSpace } from "./names.ts";
import { serialLoops, totalCount } from "./phases.ts";
import { bindingsOf, placesInVectors, placesOf, type ModuleScope, type Sizing } from "./places.ts";
import type { Entry, NotHonoured, Prepared, WidePrepared } from "./prepare.ts";
import { emitBlock, emitComment, type FunctionScope } from "./statements.ts";
import { binary, primary, type Text } from "./text.ts";
import { dtypesUsed, usesDots } from "./uses.ts";
import { dotFeature } from "./words.ts";
import { emitSteps } from "./workgroups/text.ts";
import { usesSubgroups, type Cooperation } from "./workgroups/steps.ts";
import { valuesOf, type Values } from "./workgroups/nests.ts";
import { layOutUniform, type Uniform } from "./uniform.ts";

export interface KernelCode {
  /** Declarations, accessor functions and entry points, to be separated by empty lines. */
  readonly parts: readonly string[];
  readonly launch: WgslLaunch;
  readonly asserts: readonly AssertStmt[];
  readonly notHonoured: readonly NotHonoured[];
}

/** Emits a checked kernel, an entry point a phase, and with `wide` another for arguments that lie in vectors. */
export function emitKernel(
  { kernel, entries, arrays }: Prepared,
  module: ModuleScope,
  wide?: WidePrepared,
): KernelCode {
  const entryNames = namesOfEntries(kernel.name, entries, module);
  // Kernels of one module must not share names; those of the first stay as they are.
  const give = (wish: string): string => module.names.give(wish, `${kernel.name}_${wish}`);
  const asserts = assertsOf(kernel);
  const shared = new Set(entries.flatMap(({ together }) => [...(together?.shared ?? [])]));
  const constants: WgslConstant[] = [];
  const sizing: Sizing = { kernel, halves: module.helpers.halves, give, constants };
  const { places, variables } = placesOf(kernel, module, give, shared, arrays, sizing);
  const inVectors = wide && placesInVectors(wide, places, module, give, sizing);
  const status = asserts.length > 0 ? give("status") : undefined;
  const uniformName = give("args");
  const uniform = layOutUniform(kernel, uniformName, module.helpers.halves);
  const bindings = bindingsOf(kernel, places, status);

  const failed =
    status && entries.some(({ together }, at) => together && at > 0) ? give("failed") : undefined;
  const known = new Map(entries.flatMap(({ body }) => [...valuesOf(body)]));
  const common = { kernel, module, places, uniform, known, status, asserts, failed };
  const functions = entries.map((entry, at) =>
    emitEntry(entry, { ...common, name: entryNames[at]!, first: at === 0 }),
  );
  const wideNames = wide ? namesOfEntries(`${kernel.name}_wide`, wide.entries, module) : [];
  if (wide && inVectors) {
    const values = new Map(wide.entries.flatMap(({ body }) => [...valuesOf(body)]));
    const own = { ...common, kernel: wide.kernel, places: inVectors.places, known: values };
    wide.entries.forEach((entry, at) =>
      functions.push(emitEntry(entry, { ...own, name: wideNames[at]!, first: at === 0 })),
    );
  }
  const declarations = bindings.flatMap(({ name, access }, at) => {
    const type =
      name === status
        ? "atomic<u32>"
        : (variables.get(name)?.type ?? internalError("wgsl", `no buffer ${name}`));
    const declare = (variable: string, of: string): string =>
      `@group(0) @binding(${at}) var<storage, ${access}> ${variable}: ${of};`;
    const vectors = inVectors?.arguments.get(name);
    return [declare(name, type), ...(vectors ? [declare(vectors.name, vectors.type)] : [])];
  });
  const parts: string[] = [];
  if (uniform.words.length > 0) {
    const struct = module.names.give(`${kernel.name}_uniform`);
    const members = uniform.words.map(({ name, dtype }) => `    ${name}: ${dtype},\n`);
    parts.push(`struct ${struct} {\n${members.join("")}}`);
    declarations.push(`@group(0) @binding(${bindings.length}) var<uniform> ${uniformName}: ${struct};`);
  }
  if (declarations.length > 0) parts.push(declarations.join("\n"));
  if (constants.length > 0)
    parts.push(constants.map(({ name, default: value }) => `const ${name}: i32 = ${value};`).join("\n"));
  // The memory of the other code's workgroups is of the same arrays, which may lie in other vectors.
  const memoryOf = (all: ReadonlyMap<string, Place>): readonly string[] =>
    [...all.values()].flatMap(({ buffer, storage }) =>
      shared.has(buffer.name) ? [`var<workgroup> ${storage.name}: ${storage.type};`] : [],
    );
  const memory = [...memoryOf(places), ...(inVectors ? memoryOf(inVectors.places) : [])];
  if (failed) memory.push(`var<workgroup> ${failed}: u32;`);
  if (memory.length > 0) parts.push(memory.join("\n"));
  for (const { storage } of places.values()) parts.push(...storage.functions.values());
  parts.push(...functions);
  const features = module.helpers.halves === "native" && dtypesUsed(kernel).has("f16") ? ["shader-f16"] : [];
  if (entries.some(({ together }) => together && usesSubgroups(together))) features.push("subgroups");
  if (module.helpers.dots === "native" && usesDots(kernel)) features.push(dotFeature);
  const launch: WgslLaunch = {
    kind: "wgsl",
    phases: entries.map((entry, at) => phaseOf(entry, entryNames[at]!)),
    bindings,
    uniform: uniform.words,
    features,
    ...(constants.length > 0 && { constants }),
    ...(wide && { wide: { params: wideParams(kernel, wide.buffers), entryPoints: wideNames } }),
  };
  const notHonoured = entries.flatMap(serialLoops).map(({ loop, why }) => ({
    annotation: `@parallel(${loop.marks.label ?? loop.name})`,
    why,
    span: loop.span,
  }));
  return { parts, launch, asserts, notHonoured };
}

function namesOfEntries(name: string, entries: readonly Entry[], module: ModuleScope): string[] {
  return entries.map((_, at) => module.names.give(at === 0 ? name : `${name}_${at + 1}`));
}

function wideParams(kernel: IrKernel, buffers: ReadonlySet<string>): number[] {
  return kernel.params.flatMap((param, at) =>
    param.kind === "tensor" && buffers.has(param.buffer) ? [at] : [],
  );
}

function phaseOf(entry: Entry, name: string): WgslPhase {
  const size = sizeOf(entry);
  // Iterations of a workgroup that works together are whole workgroups.
  const extent: ShapeExpr = entry.together ? ["*", entry.extent, size] : entry.extent;
  return { entryPoint: name, workgroupSize: [size, 1, 1], extent };
}

const sizeOf = ({ together, axes }: Entry): number => together?.size ?? (axes.length > 0 ? workgroupSize : 1);

// ---- run-time checks ---------------------------------------------------------------------------------

/** The checks in order, those that a pass copied counted once. */
function assertsOf(kernel: IrKernel): AssertStmt[] {
  const found: AssertStmt[] = [];
  visitBlock(kernel.body, (stmt) => {
    if (stmt.kind === "assert" && !found.some((other) => sameCheck(stmt, other))) found.push(stmt);
  });
  return found;
}

function sameCheck(a: AssertStmt, b: AssertStmt): boolean {
  return a === b || (a.span !== undefined && a.span === b.span && a.message === b.message);
}

// ---- entry points ------------------------------------------------------------------------------------

interface EntryContext {
  readonly name: string;
  readonly kernel: IrKernel;
  readonly module: ModuleScope;
  readonly places: ReadonlyMap<string, Place>;
  readonly uniform: Uniform;
  readonly known: Values;
  readonly status: string | undefined;
  readonly asserts: readonly AssertStmt[];
  readonly first: boolean;
  /** The variable by which a workgroup learns that an earlier phase failed. */
  readonly failed: string | undefined;
}

function emitEntry(entry: Entry, cx: EntryContext): string {
  const out = new Lines();
  const { module, places, status, asserts } = cx;
  const fn: FunctionScope = {
    helpers: module.helpers,
    names: new NameSpace(module.names),
    values: new Map(cx.uniform.values),
    places,
    known: cx.known,
    ranges: rangesOfKernel(cx.kernel),
    out,
    registers: new Set(),
    status,
    checkNumber: (stmt) => 1 + asserts.findIndex((other) => sameCheck(stmt, other)),
  };
  const size = sizeOf(entry);
  if (entry.together) return emitTogether(entry, entry.together, fn, cx);
  out.add(`@compute @workgroup_size(${size})`);
  if (entry.axes.length === 0) {
    out.block(`fn ${cx.name}()`, () => {
      if (!cx.first) skipAfterFailure(fn);
      emitBlock(entry.body, fn);
    });
    return out.toString().trimEnd();
  }
  const id = fn.names.give("id");
  const groups = fn.names.give("groups");
  const builtins = `@builtin(global_invocation_id) ${id}: vec3<u32>, @builtin(num_workgroups) ${groups}: vec3<u32>`;
  out.block(`fn ${cx.name}(${builtins})`, () => {
    emitIndices(entry, `i32(${id}.x + ${id}.y * ${groups}.x * ${size}u)`, fn);
    if (!cx.first) skipAfterFailure(fn);
    emitBlock(entry.body, fn);
  });
  return out.toString().trimEnd();
}

/** An entry point whose workgroups share the work of an iteration. */
function emitTogether(entry: Entry, plan: Cooperation, fn: FunctionScope, cx: EntryContext): string {
  const { out } = fn;
  const index = fn.names.give("index");
  const thread = fn.names.give("thread");
  const builtins = [`@builtin(local_invocation_index) ${index}: u32`];
  const id = entry.axes.length > 0 ? fn.names.give("id") : "";
  const groups = entry.axes.length > 0 ? fn.names.give("groups") : "";
  if (entry.axes.length > 0)
    builtins.push(`@builtin(workgroup_id) ${id}: vec3<u32>`, `@builtin(num_workgroups) ${groups}: vec3<u32>`);
  out.add(`@compute @workgroup_size(${plan.size})`);
  out.block(`fn ${cx.name}(${builtins.join(", ")})`, () => {
    // All invocations of a workgroup have the same iteration, so they return together or not at all.
    if (entry.axes.length > 0) emitIndices(entry, `i32(${id}.x + ${id}.y * ${groups}.x)`, fn);
    out.add(`let ${thread} = i32(${index});`);
    if (!cx.first && fn.status && cx.failed) {
      out.block(`if (${thread} == 0)`, () => out.add(`${cx.failed} = atomicLoad(&${fn.status});`));
      out.block(`if (workgroupUniformLoad(&${cx.failed}) != 0u)`, () => out.add("return;"));
    }
    emitSteps(plan, { ...fn, thread });
  });
  return out.toString().trimEnd();
}

/** What an earlier phase checked and found wrong may be what this one relies on. */
function skipAfterFailure(fn: FunctionScope): void {
  if (fn.status) fn.out.block(`if (atomicLoad(&${fn.status}) != 0u)`, () => fn.out.add("return;"));
}

/** The loop variables from the number of the invocation; those beyond the extent have nothing to do. */
function emitIndices(entry: Entry, flat: string, fn: FunctionScope): void {
  const { out } = fn;
  const { axes } = entry;
  const text = (expr: Expr): Text => emitExpr(expr, fn, out);
  const [only] = axes;
  const single = axes.length === 1 && only !== undefined;
  const plain = single && only.lo.kind === "const" && only.lo.value === 0 && only.loop.step === 1;
  if (plain) emitComment(only.loop.span, fn);
  const number = fn.names.give(plain ? only.loop.name : "iteration");
  out.add(`let ${number} = ${flat};`);
  out.block(`if (${binary(">=", primary(number), text(totalCount(axes))).text})`, () => out.add("return;"));
  if (plain) {
    fn.values.set(only.loop.name, primary(number));
    return;
  }
  axes.forEach((axis, at) => {
    emitComment(axis.loop.span, fn);
    const inner = axes.slice(at + 1).map((each) => each.count);
    let turn = primary(number);
    if (inner.length > 0) turn = binary("/", turn, text(inner.reduce(mul)));
    if (at > 0) turn = binary("%", turn, text(axis.count));
    const name = fn.names.give(axis.loop.name);
    const loop = `${axis.loop.name} turn`;
    fn.values.set(loop, turn);
    const step: Expr = { kind: "ref", type: int(0).type, name: loop };
    out.add(`let ${name} = ${text(add(axis.lo, mul(step, int(axis.loop.step)))).text};`);
    fn.values.set(axis.loop.name, primary(name));
  });
}

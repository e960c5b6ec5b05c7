// Values and arrays that outlive their phase: cheap values are computed anew in each phase that mentions them, other
// values and registers go through scratch of one element, and arrays of several phases become scratch themselves.

import { ramp } from "../ir/build.ts";
import { i32, int, ref, type Buffer, type Expr, type IrKernel, type IrType, type Stmt } from "../ir/ir.ts";
import { assignedIn, freeNames, namesIn, substitute, substituteIn } from "../ir/names.ts";
import { readIn, writtenIn } from "../ir/facts.ts";
import { mapBlock, type Block } from "../ir/walk.ts";
import type { CheapLet, Group } from "./phases.ts";
import type { Workspace } from "./workspace.ts";

/** A value or register that a serial phase declares at its top level and another phase mentions. */
interface Kept {
  readonly name: string;
  readonly type: IrType;
  readonly variable: boolean;
  readonly home: Group;
  readonly buffer: Buffer;
}

/** The phases' statements with all that they need before them, and what later ones need stored. */
export function keepBetween(
  workspace: Workspace,
  kernel: IrKernel,
  groups: readonly Group[],
  cheap: ReadonlyMap<string, CheapLet>,
): readonly Group[] {
  shareArrays(workspace, kernel, groups);
  const mentions = groups.map((group) => mentionsOf(group.statements, cheap));
  const kept = keptValues(workspace, groups, mentions);
  const taken = new Set<string>();
  return groups.map((group, at) => {
    const mentioned = mentions[at]!;
    const prologue: Stmt[] = [];
    const values = new Map<string, Expr>();
    for (const [name, { value, span }] of cheap) {
      if (!mentioned.has(name)) continue;
      // The first phase keeps the source's name; names are unique in a kernel.
      const own = taken.has(name) ? workspace.name(name) : name;
      taken.add(name);
      prologue.push({ kind: "let", name: own, value: substitute(value, values), span });
      values.set(name, ref(own, value.type));
    }
    const epilogue: Stmt[] = [];
    let body: Block = group.statements;
    const assigned = assignedIn(body);
    for (const each of kept) {
      if (each.home === group) epilogue.push(storeOf(each, each.name));
      if (each.home === group || !mentioned.has(each.name)) continue;
      const own = workspace.name(each.name);
      const variable = each.variable && assigned.has(each.name);
      prologue.push(
        variable
          ? { kind: "var", name: own, init: loadOf(each) }
          : { kind: "let", name: own, value: loadOf(each) },
      );
      if (variable) {
        body = renameAssigned(body, each.name, own);
        epilogue.push(storeOf(each, own));
      }
      values.set(each.name, ref(own, each.type));
    }
    const statements = [...prologue, ...substituteIn(body, values), ...epilogue];
    return { parallel: group.parallel, statements: group.statements.length > 0 ? statements : [] };
  });
}

/** Names from outside that a phase mentions, with those that the cheap values among them need. */
function mentionsOf(statements: Block, cheap: ReadonlyMap<string, CheapLet>): Set<string> {
  const names = freeNames(statements);
  // Values come in order of declaration, so going backwards meets each before what it needs.
  for (const [name, { value }] of [...cheap].toReversed()) {
    if (names.has(name)) for (const needed of namesIn(value)) names.add(needed);
  }
  return names;
}

function keptValues(
  workspace: Workspace,
  groups: readonly Group[],
  mentions: readonly ReadonlySet<string>[],
): readonly Kept[] {
  const kept: Kept[] = [];
  for (const home of groups) {
    if (home.parallel) continue;
    for (const { name, type, variable } of home.statements.flatMap(declared)) {
      if (!groups.some((group, at) => group !== home && mentions[at]!.has(name))) continue;
      const shape = [int(type.lanes)];
      const buffer = workspace.addBuffer({ name: `${name}_kept`, dtype: type.dtype, space: "kernel", shape });
      kept.push({ name, type, variable, home, buffer });
    }
  }
  return kept;
}

function declared(statement: Stmt): readonly { name: string; type: IrType; variable: boolean }[] {
  if (statement.kind === "let")
    return [{ name: statement.name, type: statement.value.type, variable: false }];
  if (statement.kind === "var") return [{ name: statement.name, type: statement.init.type, variable: true }];
  if (statement.kind === "reduce") return statement.results.map((result) => ({ ...result, variable: false }));
  return [];
}

const indexOf = (type: IrType): Expr[] => [type.lanes === 1 ? int(0) : ramp(int(0), int(1), type.lanes)];

function loadOf({ type, buffer }: Kept): Expr {
  return { kind: "load", type, buffer: buffer.name, index: indexOf(type) };
}

function storeOf({ type, buffer }: Kept, name: string): Stmt {
  return { kind: "store", buffer: buffer.name, index: indexOf(type), value: ref(name, type) };
}

function renameAssigned(body: Block, from: string, to: string): Block {
  return mapBlock(body, (each) =>
    each.kind === "assign" && each.name === from ? { ...each, name: to } : each,
  );
}

// ---- arrays ------------------------------------------------------------------------------------------

/** Arrays that come to life at the top level and are used in several phases, or by the workers of one. */
function shareArrays(workspace: Workspace, kernel: IrKernel, groups: readonly Group[]): void {
  const users = (buffer: string): Group[] =>
    groups.filter(({ statements }) => readIn(statements).has(buffer) || writtenIn(statements).has(buffer));
  for (const home of groups) {
    if (home.parallel) continue;
    home.statements = home.statements.flatMap((statement): readonly Stmt[] => {
      if (statement.kind !== "alloc" || users(statement.buffer).every((group) => group === home))
        return [statement];
      const local = workspace.buffer(statement.buffer);
      if (!local) return [statement];
      workspace.setBuffer({ ...local, space: "kernel" });
      return statement.fill ? filling(workspace, kernel, local, statement.fill, statement.span) : [];
    });
  }
}

/** Loops that store one value everywhere. */
function filling(
  workspace: Workspace,
  kernel: IrKernel,
  buffer: Buffer,
  fill: Expr,
  span: Stmt["span"],
): readonly Stmt[] {
  const name = workspace.name("fill");
  const value = ref(name, fill.type, span);
  // In flat form a buffer is its elements in a row.
  const extents =
    kernel.form === "flat"
      ? [
          buffer.shape.reduce((product, extent): Expr => ({
            kind: "op",
            type: i32,
            op: "mul",
            args: [product, extent],
          })),
        ]
      : buffer.shape;
  const loops = extents.map((extent) => ({ at: workspace.name("at"), extent }));
  const store: Stmt = {
    kind: "store",
    buffer: buffer.name,
    index: loops.map(({ at }) => ref(at, i32)),
    value,
    span,
  };
  const nest = loops.reduceRight<Stmt>(
    (body, { at, extent }) => ({
      kind: "for",
      name: at,
      lo: int(0),
      hi: extent,
      step: 1,
      marks: {},
      body: [body],
      span,
    }),
    store,
  );
  return [{ kind: "let", name, value: fill, span }, nest];
}

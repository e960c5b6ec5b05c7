// Pass `number-threads`: the loops of each nest over threads count from 0 in steps of 1, so that an iteration's number says
// which invocation runs it. A loop that may end early, as over the last tile, runs to its most iterations, those beyond the
// end doing nothing. Subscripts are then said in terms of the numbers, where that makes them shorter.
//
// Before                                            After
//     threads for i_1 in i..min(i + 64, M) step 4       threads for i_thread in 0..16
//       acc[i_1 - i] = …                                  let i_1 = i + i_thread * 4
//                                                         if i_1 < min(i + 64, M) { acc[i_thread * 4] = … }
//
// The kernel means the same to the interpreter, in any order of the iterations.

import {
  int,
  i32,
  ref,
  type Expr,
  type ForStmt,
  type IrKernel,
  type LetStmt,
  type Stmt,
} from "../../../ir/ir.ts";
import { mapBlocksOf, mapExpr, mapExprsOf, mapSame, withBody, type Block } from "../../../ir/walk.ts";
import { add, and, ceilDiv, compare, intValue, max, min, mul, sub } from "../../../passes/fold.ts";
import { exprOfForm, linearOf, atomForm, type Linear } from "../../../passes/linear.ts";
import { jumpsOut, Workspace } from "../../../passes/workspace.ts";
import { formOf, mostTrips, nestOf, valuesOf, type Values } from "./nests.ts";

export function numberThreads(kernel: IrKernel): IrKernel {
  const workspace = new Workspace(kernel);
  const values = valuesOf(kernel.body);
  const block = (body: Block): Block => mapSame(body, statement);
  const statement = (stmt: Stmt): Stmt =>
    stmt.kind === "for" && stmt.marks.threads ? numbered(workspace, stmt, values) : mapBlocksOf(stmt, block);
  return withBody(kernel, block(kernel.body));
}

function numbered(workspace: Workspace, first: ForStmt, known: Values): ForStmt {
  const { loops, lets, body } = nestOf(first);
  const values = new Map(known);
  const before: LetStmt[] = [];
  const conds: Expr[] = [];
  const renumbered = loops.map((loop): ForStmt => {
    const { lo, hi, step, span } = loop;
    const most = mostTrips(loop, known);
    const plain = intValue(lo) === 0 && step === 1;
    if (plain && (intValue(hi) !== undefined || most === undefined)) return loop;
    const name = workspace.name(`${(loop.marks.label ?? loop.name).replace(/\..*/, "")}_thread`);
    const value = add(lo, mul(ref(name, i32, span), int(step)));
    before.push({ kind: "let", name: loop.name, value, span });
    values.set(loop.name, value);
    const exact = intValue(hi) !== undefined && intValue(lo) !== undefined;
    if (most !== undefined && !exact) conds.push(compare("lt", ref(loop.name, i32, span), hi));
    const count = most === undefined ? max(ceilDiv(sub(hi, lo), step), int(0)) : int(most);
    return { ...loop, name, lo: int(0), hi: count, step: 1 };
  });
  for (const each of lets) values.set(each.name, each.value);
  const inside = mapSame(body, (stmt) => shortened(workspace, stmt, values));
  const cond = conds.length > 0 ? conds.reduce(and) : undefined;
  const guarded: Block = cond ? [{ kind: "if", cond, then: inside, orelse: [], span: first.span }] : inside;
  const innermost: Block = [...before, ...lets, ...guarded];
  const made = renumbered.reduceRight<Block>((block, loop) => [{ ...loop, body: block }], innermost);
  return made[0] as ForStmt;
}

/** Subscripts, and the integers that they are made of, in fewer terms; `values` learns those as it goes. */
function shortened(workspace: Workspace, stmt: Stmt, values: Map<string, Expr>): Stmt {
  const own = fromZero(
    workspace,
    mapExprsOf(stmt, (root) => shorterLoads(root, values)),
    values,
  );
  if (own.kind === "let" && own.value.type.dtype === "i32" && values.has(own.name)) {
    const value = own.value.type.lanes === 1 ? shorter(own.value, values) : own.value;
    values.set(own.name, value);
    return value === own.value ? own : { ...own, value };
  }
  const inner = mapBlocksOf(own, (block) => mapSame(block, (each) => shortened(workspace, each, values)));
  if (inner.kind !== "store") return inner;
  const index = mapSame(inner.index, (each) => shorter(each, values));
  return index === inner.index ? inner : { ...inner, index };
}

/** The points of a tile counted from where the tile begins, so that it shows how many they are at most. */
function fromZero(workspace: Workspace, stmt: Stmt, values: Map<string, Expr>): Stmt {
  if (stmt.kind !== "for" || intValue(stmt.lo) !== undefined || jumpsOut(stmt.body, ["continue"]))
    return stmt;
  const most = mostTrips(stmt, values);
  if (most === undefined) return stmt;
  const { lo, hi, step, span } = stmt;
  const name = workspace.name(`${stmt.name}_point`);
  const value = add(lo, mul(ref(name, i32, span), int(step)));
  values.set(stmt.name, value);
  const count = min(int(most), ceilDiv(sub(hi, lo), step));
  const own: Stmt = { kind: "let", name: stmt.name, value, span };
  return { ...stmt, name, lo: int(0), hi: count, step: 1, body: [own, ...stmt.body] };
}

function shorterLoads(root: Expr, values: Values): Expr {
  return mapExpr(root, (part) => {
    if (part.kind !== "load") return part;
    const index = mapSame(part.index, (each) => shorter(each, values));
    return index === part.index ? part : { ...part, index };
  });
}

/** A subscript by the numbers of threads, if fewer terms say it so. */
function shorter(expr: Expr, values: Values): Expr {
  const divided = mapExpr(expr, (part) => quotient(part, values) ?? part);
  if (divided.type.lanes !== 1) return divided;
  const now = formOf(divided, values);
  const before = linearOf(divided, atomForm);
  return before && now.terms.size < before.terms.size ? exprOfForm(now) : divided;
}

/** `(i_1 - i) // 4`, where `i_1 - i` is a multiple of 4. */
function quotient(expr: Expr, values: Values): Expr | undefined {
  if (expr.kind !== "op" || expr.type.lanes !== 1) return undefined;
  const count = expr.op === "floordiv" || expr.op === "shr" ? intValue(expr.args[1]!) : undefined;
  if (count === undefined || count < 1 || count > 2 ** 16) return undefined;
  const by = expr.op === "shr" ? 2 ** count : count;
  const form = formOf(expr.args[0]!, values);
  if (form.constant % by !== 0 || [...form.terms.values()].some((term) => term.by % by !== 0))
    return undefined;
  const terms = new Map([...form.terms].map(([key, { atom, by: times }]) => [key, { atom, by: times / by }]));
  const small: Linear = { terms, constant: form.constant / by };
  return exprOfForm(small);
}

// Statements of the IR as lines of WGSL, each source statement under a comment with its line in the `.kern` file.

import { dtypeInfo } from "../../../lang/dtypes.ts";
import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { positionAt, lineStartsOf, type Span } from "../../../lang/source.ts";
import type {
  AllocStmt,
  AssertStmt,
  AssignStmt,
  Expr,
  ForStmt,
  IfStmt,
  Stmt,
  StoreStmt,
  WhileStmt,
} from "../../ir/ir.ts";
import { printExpr } from "../../ir/print.ts";
import { emitAddress, emitCell, emitExpr, placeOf, type Scope } from "./expressions.ts";
import type { Lines } from "./lines.ts";
import { binary, primary, unary, type Text } from "./text.ts";
import { typeText } from "./types.ts";

/** What statements of one entry point need beyond expressions. */
export interface FunctionScope extends Scope {
  readonly out: Lines;
  /** Variables that are assigned: an expression that names one isn't the same everywhere. */
  readonly registers: Set<string>;
  /** The name of the status word; present if the kernel has run-time checks. */
  readonly status?: string;
  /** The number that a failing check reports. */
  readonly checkNumber: (stmt: AssertStmt) => number;
  /** The source line that the last comment showed. */
  lastLine?: string;
}

export function emitBlock(block: readonly Stmt[], fn: FunctionScope): void {
  for (const stmt of block) {
    emitComment(stmt.span, fn);
    emitStmt(stmt, fn);
  }
}

/** `// softmax.kern:12  let peak = …`, unless the line before said the same. */
export function emitComment(span: Span | undefined, fn: FunctionScope): void {
  if (!span) return;
  const { line } = positionAt(span.file, span.start);
  const starts = lineStartsOf(span.file);
  const text = span.file.text.slice(starts[line - 1], starts[line] ?? span.file.text.length).trim();
  const name = span.file.path.replace(/^.*[/\\]/, "");
  const comment = `// ${name}:${line}  ${text}`.replace(/[\p{Cc}\u2028\u2029]/gu, " ").trimEnd();
  if (comment === fn.lastLine) return;
  fn.lastLine = comment;
  fn.out.add(comment);
}

function emitStmt(stmt: Stmt, fn: FunctionScope): void {
  const { out } = fn;
  const value = (expr: Expr): Text => emitExpr(expr, fn, out);
  switch (stmt.kind) {
    case "let": {
      const text = value(stmt.value).text;
      return out.add(`let ${declare(stmt.name, fn)} = ${text};`);
    }
    case "var": {
      const text = value(stmt.init).text;
      fn.registers.add(stmt.name);
      return out.add(
        `var ${declare(stmt.name, fn)}: ${typeText(stmt.init.type, fn.helpers.halves)} = ${text};`,
      );
    }
    case "assign":
      return emitAssign(stmt, fn);
    case "alloc":
      return emitAlloc(stmt, fn);
    case "store":
      return emitStore(stmt, fn);
    case "for":
      return emitFor(stmt, fn);
    case "while":
      return emitWhile(stmt, fn);
    case "if":
      return emitIf(stmt, fn);
    case "break":
    case "continue":
      return out.add(`${stmt.kind};`);
    case "assert":
      return emitAssert(stmt, fn);
    case "reduce":
    case "yield":
      return internalError("wgsl", "a reduction should have become loops");
  }
}

/** Gives a value of the IR its name in WGSL. */
function declare(name: string, fn: FunctionScope): string {
  const given = fn.names.give(name);
  fn.values.set(name, primary(given));
  return given;
}

/** `x += e` for `x = x + e`, where WGSL's addition is Kern's. */
function emitAssign({ name, value }: AssignStmt, fn: FunctionScope): void {
  const target = fn.values.get(name) ?? internalError("wgsl", `${name} is assigned but not declared`);
  const [left, right] = value.kind === "op" && value.op === "add" ? value.args : [];
  const own = left?.kind === "ref" && left.name === name && dtypeInfo(value.type.dtype).bits === 32;
  if (own && right) return fn.out.add(`${target.text} += ${emitExpr(right, fn, fn.out).text};`);
  fn.out.add(`${target.text} = ${emitExpr(value, fn, fn.out).text};`);
}

function emitAlloc(stmt: AllocStmt, fn: FunctionScope): void {
  const { out } = fn;
  const { buffer, storage } = placeOf(stmt.buffer, fn);
  const isLocal = storage.localSize !== undefined;
  // A new variable should be zero without being told, each time around a loop; not every driver remembers.
  const zero = isLocal && stmt.fill?.kind === "const" && Object.is(Number(stmt.fill.value), 0);
  if (isLocal) out.add(`var ${storage.name}: ${storage.type}${zero ? ` = ${storage.type}()` : ""};`);
  if (!stmt.fill || zero) return;
  const one = emitExpr(stmt.fill, fn, out);
  const fill = storage.lanes === undefined ? one : storage.filled(one);
  const at = fn.names.give("at");
  const extents = buffer.shape.map((extent) => emitExpr(extent, fn, out));
  const size = isLocal
    ? primary(String(storage.localSize))
    : extents.reduce((product, extent) => binary("*", product, extent), primary("1"));
  out.block(`for (var ${at} = 0; ${binary("<", primary(at), size).text}; ${at} += 1)`, () =>
    out.add(storage.store(primary(at), fill)),
  );
}

function emitStore(stmt: StoreStmt, fn: FunctionScope): void {
  const { out } = fn;
  const place = placeOf(stmt.buffer, fn);
  const write = (): void => {
    if (place.storage.lanes !== undefined) {
      const { cell } = emitCell(place, stmt.index, fn, out);
      const target = `${place.storage.name}[${cell.text}]`;
      const more = addedTo(stmt);
      if (more) return out.add(`${target} += ${emitExpr(more, fn, out).text};`);
      return out.add(`${target} = ${emitExpr(stmt.value, fn, out).text};`);
    }
    const at = emitAddress(place, stmt.index, fn, out);
    const more = place.storage.isPlainNumber && !stmt.atomic ? addedTo(stmt) : undefined;
    if (more) return out.add(`${place.storage.name}[${at.text}] += ${emitExpr(more, fn, out).text};`);
    const value = emitExpr(stmt.value, fn, out);
    out.add(stmt.atomic ? place.storage.update(stmt.atomic, at, value) : place.storage.store(at, value));
  };
  if (!stmt.guard) return write();
  out.block(`if (${emitExpr(stmt.guard, fn, out).text})`, write);
}

/** What a store adds to the element that was there. */
function addedTo({ value, buffer, index }: StoreStmt): Expr | undefined {
  if (value.kind !== "op" || value.op !== "add") return undefined;
  const [old, more] = value.args;
  const same = old?.kind === "load" && old.buffer === buffer && !old.guard;
  return same && old.index.every((part, axis) => printExpr(part) === printExpr(index[axis]!))
    ? more
    : undefined;
}

function emitIf(stmt: IfStmt, fn: FunctionScope): void {
  const cond = emitExpr(stmt.cond, fn, fn.out);
  const then = (): void => emitBlock(stmt.then, fn);
  if (stmt.orelse.length === 0) return fn.out.block(`if (${cond.text})`, then);
  fn.out.branches(`if (${cond.text})`, then, () => emitBlock(stmt.orelse, fn));
}

function emitFor(stmt: ForStmt, fn: FunctionScope): void {
  fn.out.block(emitForHead(stmt, fn), () => emitBlock(stmt.body, fn));
}

/** The head of a loop. A cheap bound that doesn't change stands in it; any other is computed before the loop. */
export function emitForHead(stmt: ForStmt, fn: FunctionScope): string {
  const { out } = fn;
  const lo = emitExpr(stmt.lo, fn, out);
  let hi = emitExpr(stmt.hi, fn, out);
  if (!isFixed(stmt.hi, fn)) {
    const end = fn.names.give(`${stmt.name}_end`);
    out.add(`let ${end} = ${hi.text};`);
    hi = primary(end);
  }
  const name = declare(stmt.name, fn);
  const head = `var ${name} = ${lo.text}; ${binary("<", primary(name), hi).text}; ${name} += ${stmt.step}`;
  return `for (${head})`;
}

function isFixed(expr: Expr, fn: FunctionScope): boolean {
  if (expr.kind === "ref") return !fn.registers.has(expr.name);
  if (expr.kind !== "op") return expr.kind === "const";
  const cheap = expr.op === "add" || expr.op === "sub";
  return cheap && expr.args.every((arg) => arg.kind !== "op" && isFixed(arg, fn));
}

/** A condition that needs lines of its own is tested at the head of a `loop`. */
function emitWhile(stmt: WhileStmt, fn: FunctionScope): void {
  const { out } = fn;
  let cond: Text | undefined;
  const before = out.capture(() => (cond = emitExpr(stmt.cond, fn, out)));
  const test = cond ?? internalError("wgsl", "a while without a condition");
  if (before.length === 0) return out.block(`while (${test.text})`, () => emitBlock(stmt.body, fn));
  out.block("loop", () => {
    out.append(before, 1);
    out.block(`if (${unary("!", test).text})`, () => out.add("break;"));
    emitBlock(stmt.body, fn);
  });
}

/** Later phases, and the caller, find the number of the check in the status word. */
function emitAssert(stmt: AssertStmt, fn: FunctionScope): void {
  const status = fn.status ?? internalError("wgsl", "a run-time check in a kernel without a status word");
  const cond = emitExpr(stmt.cond, fn, fn.out);
  fn.out.block(`if (${unary("!", cond).text})`, () => {
    fn.out.add(`atomicMax(&${status}, ${fn.checkNumber(stmt)}u);`);
    fn.out.add("return;");
  });
}

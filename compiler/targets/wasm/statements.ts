// Statements of a kernel's body, in `bytes` form and free of reductions, as WebAssembly statements.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { dtypeInfo } from "../../../lang/dtypes.ts";
import type { Span } from "../../../lang/source.ts";
import type { AssertStmt, Expr, ForStmt, Stmt } from "../../ir/ir.ts";
import { freeNames } from "../../ir/names.ts";
import { pointerName } from "../../passes/strength-reduce.ts";
import { jumpsOut } from "../../passes/workspace.ts";
import { evaluate, scalarText, type Scope } from "./expressions.ts";
import { cutsOf } from "./load-order.ts";
import { maskAs } from "./masks.ts";
import { elementBytes, isHalf, scalarRep, type LaneBits, type Value } from "./representation.ts";
import { toBitsScalar } from "./half.ts";
import { writeStore } from "./store.ts";
import { constantOf } from "./writer.ts";

/** What a body is written in. */
export interface BodyScope extends Scope {
  /** The number of an assert, from 0. */
  readonly assertNumber: (assert: AssertStmt) => number;
  /** Bytes of a local buffer, for filling it. */
  readonly bufferBytes: (buffer: string) => Expr;
  /** Labels of the loop around: where `break` and `continue` go. */
  readonly loop?: { readonly break: string; readonly continue: string };
}

/** Writes a block of statements. */
export function writeBlock(block: readonly Stmt[], scope: BodyScope): void {
  for (const stmt of block) {
    scope.w.at(stmt.span ?? spanInside(stmt));
    writeStatement(stmt, scope);
  }
}

/** A statement made by a pass takes the place of the value it holds. */
function spanInside(stmt: Stmt): Span | undefined {
  return stmt.kind === "let" || stmt.kind === "assign" ? stmt.value.span : undefined;
}

function writeStatement(stmt: Stmt, scope: BodyScope): void {
  const { w, names } = scope;
  switch (stmt.kind) {
    case "let":
      names.set(stmt.name, kept(stmt.name, evaluate(stmt.value, scope), scope, false));
      return;
    case "var":
      names.set(stmt.name, kept(stmt.name, evaluate(stmt.init, scope), scope, true));
      return;
    case "assign":
      return assign(stmt.name, evaluate(stmt.value, scope), scope);
    case "alloc":
      return stmt.fill && fill(stmt.buffer, stmt.fill, scope);
    case "store":
      return writeStore(stmt, scope);
    case "for":
      return writeFor(stmt, scope);
    case "while": {
      const labels = { break: w.reserve("break"), continue: w.reserve("loop") };
      const inner = w.looped(() => {
        w.push(`(br_if ${labels.break} (i32.eqz ${scalarText(stmt.cond, scope)}))`);
        writeBlock(stmt.body, { ...scope, loop: labels });
        w.push(`(br ${labels.continue})`);
      });
      return w.push(`(block ${labels.break} (loop ${labels.continue}\n${inner}))`);
    }
    case "if":
      return writeIf(scalarText(stmt.cond, scope), stmt.then, stmt.orelse, scope);
    case "break":
    case "continue":
      return w.push(
        `(br ${scope.loop?.[stmt.kind] ?? internalError("wasm", `${stmt.kind} outside a loop`)})`,
      );
    case "assert": {
      const cond = scalarText(stmt.cond, scope);
      return w.push(`(if (i32.eqz ${cond}) (then (return (i32.const ${scope.assertNumber(stmt) + 1}))))`);
    }
    case "reduce":
    case "yield":
      return internalError("wasm", "a reduction was not expanded");
  }
}

function writeIf(cond: string, then: readonly Stmt[], orelse: readonly Stmt[], scope: BodyScope): void {
  const { w } = scope;
  const test = w.bind(cond, "i32");
  const yes = w.nested(() => writeBlock(then, scope));
  const no = w.nested(() => writeBlock(orelse, scope));
  w.push(`(if ${test} (then\n${yes})${no ? ` (else\n${no})` : ""})`);
}

/** Puts a value in locals of its own. */
function kept(name: string, value: Value, scope: BodyScope, mutable: boolean): Value {
  const { w } = scope;
  if (!mutable && value.constant !== undefined) return value;
  const rep = value.bits === 0 ? scalarRep(value.type.dtype) : "v128";
  const locals = value.parts.map((part, at) => {
    const local = w.local(rep, value.parts.length > 1 ? `${name}.${at}` : name);
    w.push(`(local.set ${local} ${part})`);
    return `(local.get ${local})`;
  });
  const { narrow } = value;
  return { type: value.type, bits: value.bits, parts: locals, ...(narrow && !mutable && { narrow }) };
}

function assign(name: string, value: Value, scope: BodyScope): void {
  const { w } = scope;
  const target = scope.names.get(name) ?? internalError("wasm", `${name} is assigned before its declaration`);
  const bits = target.bits as LaneBits;
  let { parts } = value.type.dtype === "bool" && target.bits !== 0 ? maskAs(value, bits, w) : value;
  const locals = target.parts.map((part) => /\$[^)]*/.exec(part)![0]);
  // A part that is computed from another part's old value must be computed before that one is overwritten.
  const mixed = parts.some((part, at) =>
    locals.some((local, other) => other !== at && part.includes(`${local})`)),
  );
  const rep = target.bits === 0 ? scalarRep(target.type.dtype) : "v128";
  if (mixed)
    parts = parts.map((part) =>
      part.startsWith("(local.get") ? copied(part, rep, scope) : w.bind(part, rep),
    );
  parts.forEach((part, at) => w.push(`(local.set ${locals[at]} ${part})`));
}

function copied(part: string, rep: ReturnType<typeof scalarRep> | "v128", { w }: BodyScope): string {
  const local = w.local(rep);
  w.push(`(local.set ${local} ${part})`);
  return `(local.get ${local})`;
}

/** A counted loop, tested at its end; a test before it where it may not run at all. */
function writeFor(loop: ForStmt, scope: BodyScope): void {
  const { w, names } = scope;
  if (!freeNames(loop.body).has(loop.name) && !jumpsOut(loop.body)) return writeCounted(loop, scope);
  const variable = w.local("i32", loop.name);
  const value = `(local.get ${variable})`;
  const lo = scalarText(loop.lo, scope);
  const hi = scalarText(loop.hi, scope);
  w.push(`(local.set ${variable} ${lo})`);
  const limit = isStable(loop.hi) ? hi : copied(hi, "i32", scope);
  names.set(loop.name, { type: { dtype: "i32", lanes: 1 }, bits: 0, parts: [value] });
  const labels = { break: w.reserve("break"), continue: w.reserve("continue") };
  const again = w.reserve("loop");
  const inner = w.looped(() => {
    const body = w.nested(() => writeBlock(loop.body, { ...scope, loop: labels }));
    w.push(jumpsOut(loop.body, ["continue"]) ? `(block ${labels.continue}\n${body})` : body);
    w.push(`(local.set ${variable} (i32.add ${value} (i32.const ${loop.step})))`);
    w.push(`(br_if ${again} (i32.lt_s ${value} ${limit}))`);
  });
  const whole = `(loop ${again}\n${inner})`;
  const [from, to] = [constantOf(lo), constantOf(hi)];
  const runs = from !== undefined && to !== undefined && from < to;
  const tested = runs ? whole : `(if (i32.lt_s ${value} ${limit}) (then\n${whole}))`;
  w.push(jumpsOut(loop.body, ["break"]) ? `(block ${labels.break}\n${tested})` : tested);
}

/** A loop whose variable nobody reads, as addresses move by themselves: its turns are counted down, which needs no limit. */
function writeCounted(loop: ForStmt, scope: BodyScope): void {
  const { w } = scope;
  const [lo, hi] = [w.bind(scalarText(loop.lo, scope), "i32"), w.bind(scalarText(loop.hi, scope), "i32")];
  const left = w.local("i32", loop.name);
  const distance = constantOf(lo) === 0 ? hi : `(i32.sub ${hi} ${lo})`;
  const turns =
    loop.step === 1
      ? distance
      : `(i32.add (i32.div_u (i32.sub ${distance} (i32.const 1)) (i32.const ${loop.step})) (i32.const 1))`;
  const again = w.reserve("loop");
  const stop = w.reserve("stop");
  const cuts = cutsOf(loop.body);
  const inner = w.nested(() => {
    w.push(`(local.set ${left} ${turns})`);
    const body = w.looped(() => {
      [0, ...cuts].forEach((from, part) => {
        // What is left is positive; each test is another one, or the engine would know the answer from the first.
        if (part > 0) w.push(`(br_if ${stop} (i32.eq (local.get ${left}) (i32.const ${-part})))`);
        writeBlock(loop.body.slice(from, cuts[part]), scope);
      });
      w.push(`(br_if ${again} (local.tee ${left} (i32.sub (local.get ${left}) (i32.const 1))))`);
    });
    w.push(`(loop ${again}\n${body})`);
  });
  const whole = `(if (i32.lt_s ${lo} ${hi}) (then\n${inner}))`;
  w.push(cuts.length > 0 ? `(block ${stop} ${whole})` : whole);
}

/** Constants, and names that aren't loop-carried: what a loop's bound may be read from again and again. */
function isStable(expr: Expr): boolean {
  return expr.kind === "const";
}

/** Fills a local buffer, in steps of 16 bytes: the space behind its last element is its own as well. */
function fill(buffer: string, expr: Expr, scope: BodyScope): void {
  const { w } = scope;
  const { dtype } = scope.buffers.get(buffer)!;
  const address = scope.names.get(pointerName(buffer))!.parts[0]!;
  const bytes = w.bind(scalarText(scope.bufferBytes(buffer), scope), "i32");
  const { bits, kind } = dtypeInfo(dtype);
  if (expr.kind === "const" && !Object.is(expr.value, -0) && Number(expr.value) === 0)
    return w.push(`(memory.fill ${address} (i32.const 0) ${bytes})`);
  const value = scalarText(expr, scope);
  const raw = isHalf(dtype) ? toBitsScalar(value, dtype, w) : bits < 8 ? repeated(value, bits) : value;
  const shape =
    kind === "float" && bits >= 32
      ? `f${bits}x${128 / bits}`
      : `i${elementBytes(dtype) * 8}x${128 / (elementBytes(dtype) * 8)}`;
  const vector = w.bindVector(`(${shape}.splat ${raw})`);
  const at = w.local("i32", `${buffer}.fill`);
  const end = w.bind(`(i32.add ${address} ${bytes})`, "i32");
  const label = w.reserve("fill");
  w.push(`(local.set ${at} ${address})`);
  w.push(
    `(if (i32.lt_u (local.get ${at}) ${end}) (then (loop ${label} (v128.store (local.get ${at}) ${vector})` +
      ` (local.set ${at} (i32.add (local.get ${at}) (i32.const 16))) (br_if ${label} (i32.lt_u (local.get ${at}) ${end})))))`,
  );
}

/** A field of a few bits, as often as a byte holds it. */
function repeated(value: string, bits: number): string {
  const field = `(i32.and ${value} (i32.const ${2 ** bits - 1}))`;
  const times = Array.from({ length: 8 / bits }, (_, at) => 2 ** (at * bits)).reduce((a, b) => a + b);
  return `(i32.mul ${field} (i32.const ${times}))`;
}

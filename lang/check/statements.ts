// Statements: declarations, assignments, branches, jumps. A block is checked in the scope it is given; whoever
// opens a block opens the scope.

import type { AssignStmt, ExprStmt, FunctionDecl, IfStmt, LetStmt, ReturnStmt, Stmt } from "../syntax/ast.ts";
import type { Sym, TAssign, TExpr, TKernelCall, TStmt, Type } from "../typed.ts";
import { textOf } from "../source.ts";
import { atomicUpdate, checkAnnotations, splitAtomic } from "./annotations.ts";
import { arithmetic, binary, binaryOpOf, reportMixed, reportOperand } from "./arithmetic.ts";
import { coerce, meet, settle } from "./coercion.ts";
import { elaborationLimit, markUsed, type Cx } from "./context.ts";
import { check, checkCondition } from "./expressions.ts";
import { instantiateFunction } from "./instances.ts";
import { checkComptimeFor, checkFor } from "./loops.ts";
import { checkStore } from "./methods.ts";
import { comptimeValue } from "./modules.ts";
import { checkPlace } from "./places.ts";
import { valueType } from "./type-expressions.ts";
import { errorType, isError, isLanes, typeName } from "./types.ts";
import { namesInStatements } from "./usage.ts";
import { typed, type FunctionTemplate, type Value } from "./values.ts";

export function checkBlock(cx: Cx, stmts: readonly Stmt[]): TStmt[] {
  const checked: TStmt[] = [];
  for (const stmt of stmts) {
    if (cx.body.abandoned) return checked;
    if (++cx.body.elaborated > elaborationLimit) {
      if (cx.body.elaborated === elaborationLimit + 1)
        cx.report("K0340", { limit: elaborationLimit }, stmt.span);
      return checked;
    }
    checked.push(...checkStatement(cx, stmt));
  }
  return checked;
}

function checkStatement(cx: Cx, stmt: Stmt): TStmt[] {
  switch (stmt.kind) {
    case "let":
      return checkLet(cx, stmt);
    case "assign":
      return checkAssign(cx, stmt);
    case "if":
      return checkIf(cx, stmt);
    case "for":
      return checkFor(cx, stmt);
    case "while": {
      checkAnnotations(cx, stmt.decorators, stmt);
      const cond = checkCondition(cx, stmt.cond, "`while`");
      return [{ kind: "while", cond, body: checkBlock(cx.inner(true), stmt.body), span: stmt.span }];
    }
    case "break":
    case "continue":
      if (!cx.inLoop) {
        cx.report("K0331", { jump: stmt.kind }, stmt.span);
        return [];
      }
      return [{ kind: stmt.kind, span: stmt.span }];
    case "pass":
      return [];
    case "return":
      return checkReturn(cx, stmt);
    case "assert":
      return [
        {
          kind: "assert",
          cond: checkCondition(cx, stmt.cond, "`assert`"),
          message: stmt.message?.value ?? textOf(stmt.cond.span),
          span: stmt.span,
        },
      ];
    case "comptime-if": {
      const holds = comptimeCondition(cx, check(cx, stmt.cond), "the condition of `comptime if`");
      if (holds === undefined) return [];
      const [taken, other] = holds ? [stmt.then, stmt.orelse ?? []] : [stmt.orelse ?? [], stmt.then];
      // What only the other branch reads is in use all the same.
      for (const name of namesInStatements(other)) {
        const entity = cx.scope.lookup(name);
        if (entity?.kind === "sym") markUsed(cx, entity.sym);
      }
      return checkBlock(cx.inner(), taken);
    }
    case "comptime-for":
      return checkComptimeFor(cx, stmt);
    case "comptime-assert": {
      const holds = comptimeCondition(cx, check(cx, stmt.cond), "the condition of `comptime assert`");
      if (holds !== false) return [];
      cx.body.abandoned = true;
      // Sample values were not chosen by anybody, so they prove nothing.
      if (!cx.body.sampled) {
        cx.report("K0322", { message: stmt.message?.value ?? textOf(stmt.cond.span) }, stmt.span);
      }
      return [];
    }
    case "comptime":
      cx.declare(stmt.name.text, {
        kind: "value",
        value: comptimeValue(cx, stmt),
        span: stmt.name.span,
        what: "constant",
      });
      return [];
    case "function":
      declareNested(cx, stmt);
      return [];
    case "expr":
      return checkExpressionStatement(cx, stmt);
  }
}

/** A condition that must be known when compiling. */
export function comptimeCondition(cx: Cx, value: Value, what: string): boolean | undefined {
  if (value.kind === "exact" && value.value.kind === "bool") return value.value.value;
  if (value.kind === "typed" && value.expr.kind === "const" && typeof value.expr.value === "boolean")
    return value.expr.value;
  if (value.kind === "error" || (value.kind === "typed" && isError(value.expr.type))) return undefined;
  if (value.kind === "typed")
    cx.report("K0306", { what }, value.span, {
      notes: ["dimensions are known when running only: use a plain `if` or `assert`, or a `where` clause"],
    });
  else cx.report("K0305", { what, found: "something else" }, value.span);
  return undefined;
}

/** A `def` inside a body: checked here if nothing about it is open, else where it is used. */
function declareNested(cx: Cx, decl: FunctionDecl): void {
  const template: FunctionTemplate = {
    decl,
    module: cx.body.module,
    scope: cx.scope,
    outer: cx.body,
    memo: new Map(),
  };
  const { span } = decl.name;
  cx.declare(decl.name.text, {
    kind: "value",
    value: { kind: "function", template, span },
    span,
    what: "function",
  });
  instantiateFunction(cx, template, new Map(), new Map(), span, "sample");
}

// ---- let and var ---------------------------------------------------------------------------------

function checkLet(cx: Cx, stmt: LetStmt): TStmt[] {
  const annotations = checkAnnotations(cx, stmt.decorators, stmt);
  const declared = stmt.type && valueType(cx, stmt.type);
  const value = letValue(cx.withAnnotations(annotations), stmt, declared);
  const type = value?.type ?? declared ?? errorType;
  const syms = declareLocals(cx, stmt, type);
  if (isError(type)) return [];
  return [{ kind: "let", syms, value, annotations, span: stmt.span }];
}

function letValue(cx: Cx, stmt: LetStmt, declared: Type | undefined): TExpr | undefined {
  if (!stmt.value) return undefined;
  const value = check(cx, stmt.value);
  const what = `\`${stmt.names[0]?.text ?? ""}\``;
  if (value.kind === "typed" && value.expr.kind === "array-new") {
    if (!stmt.mutable)
      cx.report("K0336", {}, stmt.span, {
        fix: { text: "write `var`: an Array is storage, and its elements change" },
      });
    if (declared && !isError(declared))
      coerce(cx, { ...value, kind: "flex", literal: "int", make: () => value.expr }, declared, what);
    return value.expr;
  }
  const expr = declared ? coerce(cx, value, declared, what) : settle(cx, value);
  if (expr.type.kind === "none") {
    cx.report("K0302", { what, expected: "a value", found: "a call that gives nothing" }, stmt.value.span);
    return { ...expr, type: errorType } as TExpr;
  }
  if (stmt.mutable && (expr.type.kind === "tensor" || expr.type.kind === "array")) {
    cx.report(
      "K0302",
      { what, expected: "a value of its own", found: expr.type.kind === "tensor" ? "a view" : "an Array" },
      stmt.value.span,
      { fix: { text: "name it with `let`" } },
    );
    return { ...expr, type: errorType } as TExpr;
  }
  return expr;
}

function declareLocals(cx: Cx, stmt: LetStmt, type: Type): Sym[] {
  const types: (Type | undefined)[] =
    stmt.names.length === 1 ? [type] : type.kind === "tuple" ? [...type.items] : [];
  if (
    stmt.names.length > 1 &&
    !isError(type) &&
    (type.kind !== "tuple" || type.items.length !== stmt.names.length)
  ) {
    cx.report("K0333", { names: stmt.names.length, found: typeName(type) }, stmt.span);
  }
  return stmt.names.map((name, at) => {
    const sym: Sym = {
      kind: stmt.mutable ? "var" : "let",
      name: name.text,
      type: types[at] ?? errorType,
      span: name.span,
    };
    if (name.text === "_") return sym;
    cx.declareSym(sym);
    cx.body.locals.push({ sym, mutable: stmt.mutable });
    return sym;
  });
}

// ---- assignment ----------------------------------------------------------------------------------

function checkAssign(cx: Cx, stmt: AssignStmt): TStmt[] {
  const { decorators, atomic } = splitAtomic(stmt.decorators);
  const annotations = checkAnnotations(cx, decorators, stmt);
  const inside = cx.withAnnotations(annotations);
  const target = checkPlace(cx, stmt.target);
  const value = check(inside, stmt.value);
  if (!target) return [];
  const plain = (expr: TExpr): TAssign => ({
    kind: "assign",
    target,
    value: expr,
    atomic: false,
    annotations,
    span: stmt.span,
  });
  if (!stmt.op) {
    const expr = coerce(cx, value, target.type, "this assignment");
    if (isError(expr.type)) return [];
    return atomic ? atomicUpdate(cx, atomic, plain(expr)) : [plain(expr)];
  }
  if (!isLanes(target.type)) {
    reportOperand(cx, `${stmt.op}=`, typed(target));
    return [];
  }
  const { type } = target;
  if (value.kind === "error") return [];
  // Powers, and the floor of a float quotient, are spelled out: no single operation does them.
  const float = type.dtype === "f16" || type.dtype === "bf16" || type.dtype === "f32" || type.dtype === "f64";
  if (stmt.op === "**" || (float && (stmt.op === "//" || stmt.op === "%"))) {
    const whole = settle(cx, binary(cx, stmt.op, typed(target), value, stmt.span, stmt.span));
    return isError(whole.type) ? [] : [plain(whole)];
  }
  const common = value.kind === "typed" || value.kind === "exact" || value.kind === "flex";
  const operand = common ? meet(cx, value, type) : settle(cx, value);
  if (!operand) {
    const variable = stmt.target.kind === "name" ? stmt.target.text : undefined;
    reportMixed(cx, `${stmt.op}=`, typed(target), value, stmt.span, { variable });
    return [];
  }
  if (
    isError(operand.type) ||
    isError(arithmetic(cx, stmt.op, target, operand, type, stmt.span, stmt.span).type)
  )
    return [];
  const update: TAssign = { ...plain(operand), op: binaryOpOf(stmt.op) };
  return atomic ? atomicUpdate(cx, atomic, update) : [update];
}

// ---- the rest ------------------------------------------------------------------------------------

function checkIf(cx: Cx, stmt: IfStmt): TStmt[] {
  const cond = checkCondition(cx, stmt.cond, stmt.elif ? "`elif`" : "`if`");
  const then = checkBlock(cx.inner(), stmt.then);
  const orelse = stmt.orelse ? checkBlock(cx.inner(), stmt.orelse) : [];
  return [{ kind: "if", cond, then, orelse, span: stmt.span }];
}

function checkReturn(cx: Cx, stmt: ReturnStmt): TStmt[] {
  const annotations = checkAnnotations(cx, stmt.decorators, stmt);
  const { kind, result } = cx.body;
  const inside = cx.withAnnotations(annotations);
  if (kind !== "def") {
    if (!stmt.value) return [{ kind: "return", span: stmt.span }];
    settle(inside, check(inside, stmt.value));
    cx.report("K0318", { why: `a ${kind} returns no value` }, stmt.span, {
      notes: kind === "kernel" ? ["a kernel writes its results to `out` arguments"] : [],
    });
    return [];
  }
  if (!stmt.value) {
    if (result && result.kind !== "none" && !isError(result)) {
      cx.report(
        "K0318",
        { why: `\`${cx.body.name}\` returns ${typeName(result)}, so \`return\` needs a value` },
        stmt.span,
      );
    }
    return [{ kind: "return", span: stmt.span }];
  }
  const value = check(inside, stmt.value);
  if (!result || result.kind === "none") {
    const expr = settle(cx, value);
    if (!isError(expr.type)) {
      cx.report("K0318", { why: `\`${cx.body.name}\` doesn’t say what it returns` }, stmt.span, {
        fix: { text: `write \`-> ${typeName(expr.type)}\` before the colon of \`def\`` },
      });
    }
    return [];
  }
  return [
    {
      kind: "return",
      value: coerce(cx, value, result, `the result of \`${cx.body.name}\``),
      span: stmt.span,
    },
  ];
}

function checkExpressionStatement(cx: Cx, stmt: ExprStmt): TStmt[] {
  const annotations = checkAnnotations(cx, stmt.decorators, stmt);
  const { value: expr } = stmt;
  const inside = cx.withAnnotations(annotations);
  if (expr.kind === "string" || expr.kind === "error") return [];
  if (expr.kind === "call" && expr.callee.kind === "attribute" && expr.callee.name.text === "store") {
    const callee = check(inside, expr.callee);
    if (callee.kind === "method" && callee.name === "store") {
      const store = checkStore(inside, callee.base, expr);
      return store ? [store] : [];
    }
    if (callee.kind === "error") return [];
  }
  const value = check(inside, expr);
  if (value.kind === "error") return [];
  if (value.kind === "typed") {
    if (isError(value.expr.type)) return [];
    // In a test a call without a name for its results still changes the `mut` arguments.
    const changes = (call: TKernelCall): boolean => call.kernel.params.some(({ mode }) => mode === "mut");
    if (value.expr.kind === "kernel-call" && (cx.body.kind === "kernel" || changes(value.expr)))
      return [{ kind: "expr", value: value.expr, span: stmt.span }];
    if (value.expr.kind === "call" && value.expr.type.kind === "none")
      return [{ kind: "expr", value: value.expr, span: stmt.span }];
  }
  const comparison = expr.kind === "compare" && expr.ops.length === 1 && expr.ops[0] === "==";
  cx.report("K0334", {}, stmt.span, {
    notes: comparison ? ["`==` compares; `=` assigns"] : ["name it with `let`, or assign it"],
  });
  return [];
}

/** Whether control never reaches the end of these statements. */
export function neverFalls(stmts: readonly TStmt[]): boolean {
  return stmts.some((stmt) => {
    if (stmt.kind === "return") return true;
    if (stmt.kind === "if") return neverFalls(stmt.then) && neverFalls(stmt.orelse);
    return (
      stmt.kind === "while" && stmt.cond.kind === "const" && stmt.cond.value === true && !breaks(stmt.body)
    );
  });
}

function breaks(stmts: readonly TStmt[]): boolean {
  return stmts.some(
    (stmt) => stmt.kind === "break" || (stmt.kind === "if" && (breaks(stmt.then) || breaks(stmt.orelse))),
  );
}

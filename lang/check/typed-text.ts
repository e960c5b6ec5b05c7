// The typed tree as short text, for the tests of the checker: one line a statement, types where asked.

import type { TExpr, TStmt } from "../typed.ts";
import { typeName } from "./types.ts";

const infix: Readonly<Record<string, string>> = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  floordiv: "//",
  mod: "%",
  pow: "**",
  shl: "<<",
  shr: ">>",
  and: "&",
  or: "|",
  xor: "^",
  eq: "==",
  ne: "!=",
  lt: "<",
  le: "<=",
  gt: ">",
  ge: ">=",
};

const list = (items: readonly TExpr[]): string => items.map(show).join(", ");

/** An expression, fully parenthesised; constants carry their type. */
export function show(expr: TExpr): string {
  switch (expr.kind) {
    case "const":
      return `${expr.value}:${typeName(expr.type)}`;
    case "ref":
      return expr.sym.name;
    case "unary":
      return `${expr.op}(${show(expr.operand)})`;
    case "binary":
    case "compare":
      return infix[expr.op]
        ? `(${show(expr.left)} ${infix[expr.op]} ${show(expr.right)})`
        : `${expr.op}(${show(expr.left)}, ${show(expr.right)})`;
    case "logical":
      return `(${show(expr.left)} ${expr.op} ${show(expr.right)})`;
    case "cond":
      return `(${show(expr.then)} if ${show(expr.cond)} else ${show(expr.orelse)})`;
    case "select":
      return `select(${list([expr.cond, expr.then, expr.orelse])})`;
    case "fma":
      return `fma(${list([expr.a, expr.b, expr.c])})`;
    case "dot4":
      return `dot4(${list([expr.a, expr.b, expr.acc])})`;
    case "convert":
      return `${expr.mode}[${typeName(expr.type)}](${show(expr.operand)})`;
    case "call":
      return `${expr.fn.name}(${list(expr.args)})`;
    case "kernel-call":
      return `${expr.kernel.instance}(${list(expr.args)})`;
    case "index":
      return `${show(expr.base)}[${list(expr.indices)}]`;
    case "get":
      return `${show(expr.base)}.get(${list([...expr.indices, expr.fallback])})`;
    case "view":
      return `${show(expr.base)}[${expr.items.map((item) => (item.kind === "at" ? show(item.index) : `${item.low ? show(item.low) : ""}:${item.high ? show(item.high) : ""}`)).join(", ")}]`;
    case "shape":
      return `${show(expr.base)}.shape[${expr.axis}]`;
    case "reduce":
      return `${expr.op}<${expr.accumulator}>(${show(expr.value)} ${expr.clauses.map((one) => (one.kind === "filter" ? `if ${show(one.cond)}` : `for ${one.loop.sym.name} in ${show(one.loop.low)}..${show(one.loop.high)}`)).join(" ")}):${typeName(expr.type)}`;
    case "tuple":
      return `(${list(expr.items)})`;
    case "tuple-item":
      return `${show(expr.base)}.${expr.index}`;
    case "struct-new":
      return `${typeName(expr.type)}(${list(expr.fields)})`;
    case "field":
      return `${show(expr.base)}.${expr.field}`;
    case "array-new":
      return `${typeName(expr.type)}(${expr.fill ? show(expr.fill) : ""})`;
    case "simd-load":
      return `${show(expr.base)}.load:${typeName(expr.type)}(${list(expr.indices)})`;
    case "simd-new":
      return `${typeName(expr.type)}(${list(expr.args)})`;
    case "simd-reduce":
      return `${show(expr.operand)}.${expr.op}()`;
    case "shuffle":
      return `${show(expr.operand)}.shuffle(${expr.lanes.join(", ")})`;
    case "lane":
      return `${show(expr.base)}[${expr.lane}]`;
    case "test-value":
      return `${expr.name}:${typeName(expr.type)}(${list(expr.args)})`;
  }
}

/** Statements, one a line, nested ones indented. */
export function showBody(body: readonly TStmt[], indent = ""): string {
  const block = (stmts: readonly TStmt[]): string => showBody(stmts, `${indent}  `);
  return body
    .map((stmt): string => {
      switch (stmt.kind) {
        case "let":
          return `${indent}${stmt.syms.map((sym) => `${sym.kind} ${sym.name}: ${typeName(sym.type)}`).join(", ")}${stmt.value ? ` = ${show(stmt.value)}` : ""}`;
        case "assign":
          return `${indent}${stmt.atomic ? "atomic " : ""}${show(stmt.target)} ${stmt.op ? (infix[stmt.op] ?? stmt.op) : ""}= ${show(stmt.value)}`;
        case "simd-store":
          return `${indent}${show(stmt.base)}.store(${list([stmt.value, ...stmt.indices])})`;
        case "if":
          return `${indent}if ${show(stmt.cond)}\n${block(stmt.then)}${stmt.orelse.length ? `\n${indent}else\n${block(stmt.orelse)}` : ""}`;
        case "for":
          return `${indent}for ${stmt.loops.map((loop) => `${loop.sym.name} in ${show(loop.low)}..${show(loop.high)}${loop.step === 1 ? "" : ` by ${loop.step}`}`).join(", ")}\n${block(stmt.body)}`;
        case "while":
          return `${indent}while ${show(stmt.cond)}\n${block(stmt.body)}`;
        case "return":
          return `${indent}return${stmt.value ? ` ${show(stmt.value)}` : ""}`;
        case "assert":
          return `${indent}assert ${show(stmt.cond)} "${stmt.message}"`;
        case "expr":
          return `${indent}${show(stmt.value)}`;
        default:
          return indent + stmt.kind;
      }
    })
    .join("\n");
}

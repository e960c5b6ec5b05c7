// The text form of the IR, for people, tests, `--print-after` and the specification. `parse.ts` reads it back
// exactly (spans aside). Expressions look like Kern's; types are written only where they don't follow.
//
//     kernel add(x: in f32[N], y: out f32[N]) dims(N = x.0) {
//       parallel for i in 0..N {
//         y[i] = x[i] + 1.0
//       }
//     }

import { isFloat } from "../../lang/dtypes.ts";
import type { Buffer, ConstExpr, Expr, ForStmt, IrKernel, IrParam, ReduceStmt, Scalar, Stmt } from "./ir.ts";
import { printDirective } from "./directives.ts";
import { typeText } from "./op-types.ts";
import { opInfo } from "./ops.ts";
import { infix, nameText } from "./text-names.ts";
import { roundFloat } from "./values.ts";
import type { Block } from "./walk.ts";

/** A kernel as text. */
export function printKernel(kernel: IrKernel): string {
  const params = kernel.params.map((param) => paramText(param, kernel));
  const dims = kernel.dims.map((dim) => {
    const param = kernel.params[dim.param];
    const of = param?.kind === "tensor" ? param.buffer : String(dim.param);
    return `${nameText(dim.name)} = ${nameText(of)}.${dim.of ? `${dim.of}.` : ""}${dim.axis}`;
  });
  const header =
    `kernel ${nameText(kernel.name)}(${params.join(", ")})` +
    (dims.length > 0 ? ` dims(${dims.join(", ")})` : "") +
    (kernel.form === "flat" ? " flat" : "");
  const requires = kernel.requires.map(
    (clause) => `  require ${printExpr(clause.cond)}, ${JSON.stringify(clause.text)}`,
  );
  const buffers = kernel.buffers
    .filter((buffer) => buffer.space !== "param")
    .map((b) => `  ${bufferText(b)}`);
  return [`${header} {`, ...requires, ...buffers, ...printBlock(kernel.body, "  "), "}", ""].join("\n");
}

function paramText(param: IrParam, kernel: IrKernel): string {
  if (param.kind === "scalar") return `${nameText(param.name)}: ${param.dtype}`;
  const buffer = kernel.buffers.find((candidate) => candidate.name === param.buffer);
  return `${nameText(param.buffer)}: ${param.mode} ${buffer ? shapeText(buffer) : "?"}`;
}

function bufferText(buffer: Buffer): string {
  const word = buffer.space === "kernel" ? "scratch" : buffer.space;
  return `${word} ${nameText(buffer.name)}: ${shapeText(buffer)}`;
}

function shapeText(buffer: Buffer): string {
  return `${buffer.dtype}[${buffer.shape.map((dim) => printExpr(dim)).join(", ")}]`;
}

/** The statements of a block, one line each and more for those with blocks. */
export function printBlock(block: Block, indent = ""): string[] {
  return block.flatMap((stmt) => printStmt(stmt, indent));
}

/** A statement as lines. */
export function printStmt(stmt: Stmt, indent = ""): string[] {
  const inner = `${indent}  `;
  switch (stmt.kind) {
    case "let":
      return [`${indent}let ${nameText(stmt.name)}: ${typeText(stmt.value.type)} = ${printExpr(stmt.value)}`];
    case "var":
      return [`${indent}var ${nameText(stmt.name)}: ${typeText(stmt.init.type)} = ${printExpr(stmt.init)}`];
    case "assign":
      return [`${indent}${nameText(stmt.name)} = ${printExpr(stmt.value)}`];
    case "alloc":
      return [`${indent}alloc ${nameText(stmt.buffer)}${stmt.fill ? ` = ${printExpr(stmt.fill)}` : ""}`];
    case "store": {
      const atomic = stmt.atomic ? `atomic ${stmt.atomic} ` : "";
      const target = accessText(stmt.buffer, stmt.index, stmt.guard);
      return [`${indent}${atomic}${target} = ${printExpr(stmt.value)}`];
    }
    case "for":
      return [
        ...(stmt.schedule ?? []).map((each) => `${indent}${printDirective(each)}`),
        `${indent}${forText(stmt)} {`,
        ...printBlock(stmt.body, inner),
        `${indent}}`,
      ];
    case "while":
      return [`${indent}while ${printExpr(stmt.cond)} {`, ...printBlock(stmt.body, inner), `${indent}}`];
    case "if":
      return ifLines(stmt, indent);
    case "break":
    case "continue":
      return [`${indent}${stmt.kind}`];
    case "assert": {
      const word = stmt.origin === "source" ? "assert" : "obligation";
      return [`${indent}${word} ${printExpr(stmt.cond)}, ${JSON.stringify(stmt.message)}`];
    }
    case "reduce":
      return reduceLines(stmt, indent);
    case "yield":
      return [
        `${indent}yield ${nameText(stmt.into)}(${stmt.values.map((value) => printExpr(value)).join(", ")})`,
      ];
  }
}

function forText(stmt: ForStmt): string {
  const { parallel, threads, vectorize, unroll, subgroups, label } = stmt.marks;
  const marks: string[] = [];
  if (parallel) marks.push("parallel");
  if (threads) marks.push("threads");
  if (vectorize) {
    marks.push(`vectorize(${vectorize.tail}${vectorize.width === undefined ? "" : `, ${vectorize.width}`})`);
  }
  if (unroll !== undefined) marks.push(`unroll(${unroll})`);
  if (subgroups) marks.push("subgroups");
  const as = label === undefined ? "" : ` as ${nameText(label)}`;
  const step = stmt.step === 1 ? "" : ` step ${stmt.step}`;
  return [
    ...marks,
    `for ${nameText(stmt.name)}${as} in ${printExpr(stmt.lo)}..${printExpr(stmt.hi)}${step}`,
  ].join(" ");
}

function ifLines(stmt: Stmt & { kind: "if" }, indent: string): string[] {
  const lines = [`${indent}if ${printExpr(stmt.cond)} {`, ...printBlock(stmt.then, `${indent}  `)];
  const [only] = stmt.orelse;
  if (stmt.orelse.length === 1 && only?.kind === "if") {
    const [first, ...rest] = ifLines(only, indent);
    return [...lines, `${indent}} else ${first!.trimStart()}`, ...rest];
  }
  if (stmt.orelse.length > 0) lines.push(`${indent}} else {`, ...printBlock(stmt.orelse, `${indent}  `));
  return [...lines, `${indent}}`];
}

function reduceLines(stmt: ReduceStmt, indent: string): string[] {
  const inner = `${indent}  `;
  const results = stmt.results.map((result, at) => {
    const init = stmt.init[at];
    return `${nameText(result.name)}: ${typeText(result.type)} = ${init ? printExpr(init) : "?"}`;
  });
  const head = `${indent}reduce ${stmt.op}(${results.join(", ")})`;
  const body = [...printBlock(stmt.body, inner), `${indent}}`];
  if (!stmt.combine) return [`${head} {`, ...body];
  const { left, right, values } = stmt.combine;
  return [
    `${head} combine(${left.map(nameText).join(", ")}; ${right.map(nameText).join(", ")}) {`,
    ...printBlock(stmt.combine.body, inner),
    `${inner}=> ${values.map((value) => printExpr(value)).join(", ")}`,
    `${indent}} over {`,
    ...body,
  ];
}

// ---- expressions ---------------------------------------------------------------------------------------

const tightest = 9;

/** An expression as text; in parentheses if it binds less tightly than `level`. */
export function printExpr(expr: Expr, level = 0): string {
  switch (expr.kind) {
    case "const":
      return constText(expr);
    case "ref":
      return nameText(expr.name);
    case "load":
      return accessText(expr.buffer, expr.index, expr.guard);
    case "op": {
      const operator = infix[expr.op];
      if (operator && expr.args.length === 2) {
        // Comparisons don't chain, so both of their sides bind tighter.
        const leftLevel = operator.level === 4 ? 5 : operator.level;
        const left = printExpr(expr.args[0]!, leftLevel);
        const right = printExpr(expr.args[1]!, operator.level + 1);
        const text = `${left} ${operator.text} ${right}`;
        return operator.level < level ? `(${text})` : text;
      }
      return callText(expr);
    }
  }
}

function callText(expr: Expr & { kind: "op" }): string {
  const info = opInfo(expr.op);
  const args = expr.args.map((arg) => printExpr(arg)).join(", ");
  if (expr.op === "convert") return `${expr.type.dtype}(${args})`;
  if (expr.op === "not" && expr.args.length === 1) return `~${printExpr(expr.args[0]!, tightest)}`;
  const stated =
    info.result === "stated"
      ? expr.type.dtype
      : info.lanes === "stated"
        ? expr.type.lanes
        : expr.imm?.join(", ");
  return `${expr.op}${stated === undefined ? "" : `[${stated}]`}(${args})`;
}

function accessText(buffer: string, index: readonly Expr[], guard: Expr | undefined): string {
  const parts = index.map((part) => printExpr(part)).join(", ");
  return `${nameText(buffer)}[${parts}${guard ? `${parts && " "}if ${printExpr(guard)}` : ""}]`;
}

/** A bare integer is an i32, a bare decimal an f32; everything else says its type. */
function constText({ value, type }: ConstExpr): string {
  const text = scalarText(value, type.dtype);
  const bare =
    type.dtype === "i32" || type.dtype === "f32" || type.dtype === "bool" ? type.lanes === 1 : false;
  return bare ? text : `${text}:${typeText(type)}`;
}

function scalarText(value: Scalar, dtype: ConstExpr["type"]["dtype"]): string {
  if (typeof value !== "number") return String(value);
  if (!isFloat(dtype)) return String(value);
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const text = shortest(value, dtype);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** The fewest digits that round to the value in its dtype. */
function shortest(value: number, dtype: ConstExpr["type"]["dtype"]): string {
  if (dtype === "f64") return String(value);
  for (let digits = 1; digits < 17; digits++) {
    const text = String(Number(value.toPrecision(digits)));
    if (roundFloat(Number(text), dtype) === value) return text;
  }
  return String(value);
}

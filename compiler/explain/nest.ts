// The loops of a kernel as a person would sketch them: ranges, marks, what is written where. Values are left out; the
// text form of the IR has them.

import type { Expr, ForStmt, IrKernel, Stmt } from "../ir/ir.ts";
import { printExpr } from "../ir/print.ts";

/** One line a loop, reduction, branch or store, indented by depth. */
export function nestText(kernel: IrKernel): string {
  return block(kernel.body, 0)
    .map(({ depth, text }) => `${"  ".repeat(depth)}${text}\n`)
    .join("");
}

interface Row {
  readonly depth: number;
  readonly text: string;
}

/** The rows of a block; runs of equal rows are one with a count. */
function block(body: readonly Stmt[], depth: number): Row[] {
  const rows: Row[] = [];
  let repeated = 1;
  const each = body.map((stmt) => statement(stmt, depth));
  for (const [at, own] of each.entries()) {
    const next = each[at + 1];
    if (own.length === 1 && next?.length === 1 && next[0]!.text === own[0]!.text) repeated++;
    else {
      if (own.length > 0 && repeated > 1) rows.push({ depth, text: `${own[0]!.text}  (${repeated} times)` });
      else rows.push(...own);
      repeated = 1;
    }
  }
  return rows;
}

function statement(stmt: Stmt, depth: number): Row[] {
  const row = (text: string, ...inner: Row[]): Row[] => [{ depth, text }, ...inner];
  const below = (body: readonly Stmt[]): Row[] => block(body, depth + 1);
  switch (stmt.kind) {
    case "for":
      return row(forText(stmt), ...below(stmt.body));
    case "while": {
      return row(`while ${short(stmt.cond)}`, ...below(stmt.body));
    }
    case "if": {
      const [then, orelse] = [below(stmt.then), below(stmt.orelse)];
      if (then.length + orelse.length === 0) return [];
      return [
        ...row(`if ${short(stmt.cond)}`, ...then),
        ...(orelse.length > 0 ? row("else", ...orelse) : []),
      ];
    }
    case "reduce": {
      const names = stmt.results.map(({ name }) => name).join(", ");
      return row(`${names} = ${stmt.op} of`, ...below(stmt.body));
    }
    case "store": {
      const index = stmt.index.map(indexText).join(", ");
      const lanes = lanesText(stmt.value);
      const word = stmt.atomic ? `atomic ${stmt.atomic}` : "write";
      return row(`${word} ${stmt.buffer}[${index}]${lanes}${stmt.guard ? ", masked or guarded" : ""}`);
    }
    case "assign":
      return row(`update ${stmt.name}${lanesText(stmt.value)}`);
    case "yield":
      return row(stmt.values.map((value) => short(value)).join(", "));
    case "alloc":
      return row(`local ${stmt.buffer}`);
    case "assert":
      return row(`check ${JSON.stringify(stmt.message)}`);
    case "break":
    case "continue":
      return row(stmt.kind);
    default:
      return [];
  }
}

function forText({ name, lo, hi, step, marks }: ForStmt): string {
  const words: string[] = [];
  if (marks.parallel) words.push("parallel");
  if (marks.threads) words.push("threads");
  if (marks.vectorize) words.push(`vector${marks.vectorize.width ? ` of ${marks.vectorize.width}` : ""}`);
  if (marks.unroll !== undefined) words.push(`unrolled by ${marks.unroll}`);
  const by = step === 1 ? "" : ` step ${step}`;
  return [...words, `for ${name} in ${short(lo)} .. ${short(hi)}${by}`].join(" ");
}

const lanesText = ({ type }: Expr): string =>
  type.lanes > 1 ? `, ${type.lanes} lanes of ${type.dtype}` : "";

/** An index; the lanes of a contiguous vector as a slice. */
function indexText(index: Expr): string {
  if (index.kind !== "op" || index.op !== "ramp") return short(index);
  const [base, stride] = index.args;
  if (stride?.kind !== "const" || stride.value !== 1) return short(index);
  const from = short(base!);
  return `${from} : ${from} + ${index.type.lanes}`;
}

/** An expression, cut where it is long. */
function short(expr: Expr): string {
  const text = printExpr(expr);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

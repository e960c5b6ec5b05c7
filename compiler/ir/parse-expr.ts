// Expressions of the IR's text form. Types come from the op table, the declarations in scope and the literals.

import { isDtype, isFloat, isWide, valueDtype, type Dtype } from "../../lang/dtypes.ts";
import type { Expr, IrType, Scalar } from "./ir.ts";
import { i32 } from "./ir.ts";
import { resultType } from "./op-types.ts";
import { isOpName, opInfo, type OpName } from "./ops.ts";
import { infixByText } from "./text-names.ts";
import type { Token, TokenReader } from "./text-tokens.ts";
import { normalise } from "./values.ts";

export class ExprParser {
  /** Types of the values, and dtypes of the buffers, declared so far. */
  readonly values = new Map<string, IrType>();
  readonly buffers = new Map<string, Dtype>();
  protected readonly reader: TokenReader;

  constructor(reader: TokenReader) {
    this.reader = reader;
  }

  expr(level = 1): Expr {
    const start = this.reader.peek();
    let left = this.prefix();
    for (;;) {
      const token = this.reader.peek();
      const operator = token.kind === "symbol" ? infixByText.get(token.text) : undefined;
      if (!operator || operator.level < level) return left;
      this.reader.next();
      const right = this.expr(operator.level + 1);
      left = this.application(operator.op, [left, right], start);
    }
  }

  private prefix(): Expr {
    const start = this.reader.peek();
    if (this.reader.take("~")) return this.application("not", [this.prefix()], start);
    if (this.reader.take("-")) {
      const token = this.reader.peek();
      if (token.kind === "number" || this.reader.is("inf")) return this.literal(start);
      return this.application("neg", [this.prefix()], start);
    }
    return this.primary();
  }

  private primary(): Expr {
    const start = this.reader.peek();
    if (this.reader.take("(")) {
      const inner = this.expr();
      this.reader.expect(")");
      return inner;
    }
    if (start.kind === "number") return this.literal(start);
    if (start.kind === "name" && ["true", "false", "nan", "inf"].includes(start.text))
      return this.literal(start);
    if (start.kind === "name" && isDtype(start.text) && this.reader.is("(", 1)) {
      this.reader.next();
      return this.application("convert", this.args(), start, { dtype: start.text });
    }
    if (start.kind === "name" && isOpName(start.text)) {
      if (this.reader.is("(", 1)) {
        this.reader.next();
        return this.application(start.text, this.args(), start);
      }
      const info = opInfo(start.text);
      const bracketed = info.result === "stated" || info.lanes === "stated" || info.immediates !== undefined;
      if (bracketed && this.reader.is("[", 1)) return this.bracketed(start.text, start);
    }
    const name = this.reader.name();
    if (this.reader.take("[")) return this.load(name, start);
    return { kind: "ref", type: this.typeOf(name, start), name, span: this.reader.spanFrom(start) };
  }

  /** Index and guard of an access whose `[` is taken. */
  access(): { readonly index: readonly Expr[]; readonly guard?: Expr } {
    const index: Expr[] = [];
    while (!this.reader.is("]") && !this.reader.is("if")) {
      if (index.length > 0) this.reader.expect(",");
      index.push(this.expr());
    }
    const guard = this.reader.take("if") ? this.expr() : undefined;
    this.reader.expect("]");
    return guard ? { index, guard } : { index };
  }

  /** `f32` or `f32x4`. */
  type(): IrType {
    const start = this.reader.peek();
    const [, dtype = "", lanes] = /^(bool|[a-z]+\d+)(?:x(\d+))?$/.exec(this.reader.name()) ?? [];
    if (!isDtype(dtype)) this.reader.fail(`"${start.text}" is no type`, start);
    return { dtype: dtype as Dtype, lanes: lanes === undefined ? 1 : Number(lanes) };
  }

  private bracketed(op: OpName, start: Token): Expr {
    this.reader.next();
    this.reader.expect("[");
    const info = opInfo(op);
    if (info.result === "stated") {
      const { dtype } = this.type();
      this.reader.expect("]");
      return this.application(op, this.args(), start, { dtype });
    }
    const numbers = this.reader.list("]", () => this.reader.integer());
    const args = this.args();
    if (info.lanes === "stated") return this.application(op, args, start, { lanes: numbers[0] });
    return this.application(op, args, start, { imm: numbers });
  }

  private args(): Expr[] {
    this.reader.expect("(");
    return this.reader.list(")", () => this.expr());
  }

  private application(
    op: OpName,
    args: readonly Expr[],
    start: Token,
    stated: { readonly dtype?: Dtype; readonly lanes?: number; readonly imm?: readonly number[] } = {},
  ): Expr {
    const type = resultType(
      op,
      args.map((arg) => arg.type),
      stated,
    );
    if (!type) return this.reader.fail(`the type of this "${op}" doesn't follow from what it's given`, start);
    const { imm } = stated;
    return { kind: "op", type, op, args, ...(imm && { imm }), span: this.reader.spanFrom(start) };
  }

  private load(name: string, start: Token): Expr {
    const dtype = this.buffers.get(name);
    if (!dtype) return this.reader.fail(`no buffer "${name}" is declared`, start);
    const { index, guard } = this.access();
    const lanes = Math.max(1, ...index.map((part) => part.type.lanes));
    const type: IrType = { dtype: valueDtype(dtype), lanes };
    return {
      kind: "load",
      type,
      buffer: name,
      index,
      ...(guard && { guard }),
      span: this.reader.spanFrom(start),
    };
  }

  private literal(start: Token): Expr {
    const text = this.reader.next().text;
    const negative = start.text === "-";
    let type: IrType;
    if (this.reader.is(":")) {
      this.reader.next();
      type = this.type();
    } else if (text === "true" || text === "false") type = { dtype: "bool", lanes: 1 };
    else type = /^\d+$/.test(text) ? i32 : { dtype: "f32", lanes: 1 };
    const value = literalValue(negative ? `-${text}` : text, type.dtype);
    return { kind: "const", type, value, span: this.reader.spanFrom(start) };
  }

  private typeOf(name: string, start: Token): IrType {
    return this.values.get(name) ?? this.reader.fail(`nothing named "${name}" is in scope`, start);
  }
}

function literalValue(text: string, dtype: Dtype): Scalar {
  if (dtype === "bool") return text === "true";
  if (isWide(dtype)) return normalise(BigInt(text), dtype);
  const value = text.endsWith("inf") ? (text[0] === "-" ? -Infinity : Infinity) : Number(text);
  return isFloat(dtype) ? normalise(value, dtype) : normalise(BigInt(Math.trunc(value) || 0), dtype);
}

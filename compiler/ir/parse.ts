// Reads the IR's text form (see print.ts). The result isn't verified; a text that isn't IR throws IrSyntaxError.

import { isDtype } from "../../lang/dtypes.ts";
import type {
  Buffer,
  Combine,
  Directive,
  Expr,
  ForStmt,
  IrDim,
  IrKernel,
  IrParam,
  LoopMarks,
  ReduceStmt,
  Requirement,
  Stmt,
  StoreStmt,
  Tail,
} from "./ir.ts";
import { i32 } from "./ir.ts";
import { parseDirective } from "./directives.ts";
import { ExprParser } from "./parse-expr.ts";
import { sameType, type IrType } from "./ir.ts";
import { typeText } from "./op-types.ts";
import { TokenReader, type Token } from "./text-tokens.ts";

/** The kernel that a text describes; `path` names it in messages and spans. */
export function parseKernel(text: string, path = "ir"): IrKernel {
  const reader = new TokenReader(text, path);
  const kernel = new KernelParser(reader).kernel();
  if (reader.peek().kind !== "end") reader.fail(`I expected the end and found "${reader.peek().text}"`);
  return kernel;
}

const spaces: Readonly<Record<string, Buffer["space"]>> = {
  local: "local",
  panel: "panel",
  scratch: "kernel",
};
const atomics: readonly NonNullable<StoreStmt["atomic"]>[] = ["add", "min", "max", "and", "or", "xor"];
const tails: readonly Tail[] = ["mask", "peel", "scalar", "exact"];
const reductions: readonly ReduceStmt["op"][] = [
  ...(["sum", "prod", "max", "min", "any", "all", "argmax", "argmin", "custom"] as const),
];

class KernelParser extends ExprParser {
  kernel(): IrKernel {
    const start = this.reader.expect("kernel");
    const name = this.reader.name();
    this.declareDims();
    this.reader.expect("(");
    const buffers: Buffer[] = [];
    const params = this.reader.list(")", () => this.param(buffers));
    const dims = this.reader.take("dims") ? this.dims(params) : [];
    const form = this.reader.take("flat") ? "flat" : "nest";
    this.reader.expect("{");
    const requires: Requirement[] = [];
    while (this.reader.is("require")) requires.push(this.requirement());
    while (this.reader.isName() && this.reader.peek().text in spaces && this.reader.peek().kind === "name") {
      buffers.push(this.buffer());
    }
    const body = this.statements();
    return { name, form, params, dims, buffers, requires, body, span: this.reader.spanFrom(start) };
  }

  /** Shapes mention dims, and any scalar parameter, before they're declared: find their names first. */
  private declareDims(): void {
    for (let ahead = 0; !this.reader.is("{", ahead) && this.reader.peek(ahead).kind !== "end"; ahead++) {
      if (!this.reader.is("dims", ahead) || !this.reader.is("(", ahead + 1)) continue;
      for (let at = ahead + 2; !this.reader.is(")", at) && this.reader.peek(at).kind !== "end"; at++) {
        if (this.reader.is("=", at + 1)) this.values.set(this.reader.peek(at).text, i32);
      }
    }
    for (let ahead = 0; !this.reader.is("{", ahead) && this.reader.peek(ahead).kind !== "end"; ahead++) {
      const dtype = this.reader.peek(ahead + 2).text;
      const scalar = isDtype(dtype) && !this.reader.is("[", ahead + 3);
      if (this.reader.is(":", ahead + 1) && scalar) {
        this.values.set(this.reader.peek(ahead).text, { dtype, lanes: 1 });
      }
    }
  }

  private param(buffers: Buffer[]): IrParam {
    const start = this.reader.peek();
    const name = this.reader.name();
    this.reader.expect(":");
    const mode = this.reader.peek().text;
    if (mode !== "in" && mode !== "out" && mode !== "mut") {
      const { dtype } = this.type();
      return { kind: "scalar", name, dtype, span: this.reader.spanFrom(start) };
    }
    this.reader.next();
    buffers.push(this.shaped(name, "param", start));
    return { kind: "tensor", buffer: name, mode, span: this.reader.spanFrom(start) };
  }

  private shaped(name: string, space: Buffer["space"], start: Token): Buffer {
    const { dtype } = this.type();
    this.reader.expect("[");
    const shape = this.reader.list("]", () => this.expr());
    this.buffers.set(name, dtype);
    return { name, dtype, space, shape, span: this.reader.spanFrom(start) };
  }

  /** `M = x.0`, or `S = x.stride.0`; quoted buffer names leave the dots to be read apart. */
  private dims(params: readonly IrParam[]): IrDim[] {
    this.reader.expect("(");
    return this.reader.list(")", () => {
      const name = this.reader.name();
      this.reader.expect("=");
      const place = this.reader.peek();
      let path = this.reader.name();
      const buffers = params.map((param) => (param.kind === "tensor" ? param.buffer : undefined));
      if (place.kind === "quoted") {
        const tail = this.reader.take(".") ? this.dimTail() : "";
        path = `${path}.${tail}`;
      }
      const [, buffer, stride, axis] = /^(.*?)(\.stride)?\.(\d+)$/.exec(path) ?? [];
      const param = buffers.indexOf(buffer);
      if (buffer === undefined || param < 0) this.reader.fail(`"${path}" is no axis of a parameter`, place);
      return { name, param, axis: Number(axis), ...(stride && { of: "stride" as const }) };
    });
  }

  private dimTail(): string {
    return this.reader.next().text;
  }

  private requirement(): Requirement {
    const start = this.reader.expect("require");
    const cond = this.expr();
    this.reader.expect(",");
    return { cond, text: this.reader.string(), span: this.reader.spanFrom(start) };
  }

  private buffer(): Buffer {
    const start = this.reader.next();
    const name = this.reader.name();
    this.reader.expect(":");
    return this.shaped(name, spaces[start.text]!, start);
  }

  // ---- statements ----

  /** Statements up to a closing brace, which is taken. */
  private statements(): Stmt[] {
    const stmts: Stmt[] = [];
    while (!this.reader.take("}")) stmts.push(this.statement());
    return stmts;
  }

  private block(): Stmt[] {
    this.reader.expect("{");
    return this.statements();
  }

  private statement(): Stmt {
    const start = this.reader.peek();
    const stmt = start.kind === "name" ? this.keyword(start) : this.reader.is("@") ? this.loop() : undefined;
    return { ...(stmt ?? this.assignment()), span: this.reader.spanFrom(start) };
  }

  private keyword(start: Token): Stmt | undefined {
    switch (start.text) {
      case "let":
      case "var": {
        this.reader.next();
        const name = this.reader.name();
        const stated = this.reader.take(":") ? this.type() : undefined;
        this.reader.expect("=");
        const value = this.expr();
        if (stated && !sameType(stated, value.type)) {
          this.reader.fail(
            `"${name}" is stated to be ${typeText(stated)} and is ${typeText(value.type)}`,
            start,
          );
        }
        this.values.set(name, value.type);
        return start.text === "let" ? { kind: "let", name, value } : { kind: "var", name, init: value };
      }
      case "alloc": {
        this.reader.next();
        const buffer = this.reader.name();
        return this.reader.take("=")
          ? { kind: "alloc", buffer, fill: this.expr() }
          : { kind: "alloc", buffer };
      }
      case "atomic": {
        this.reader.next();
        const word = this.reader.next();
        const atomic = atomics.find((known) => known === word.text);
        if (!atomic) this.reader.fail(`"${word.text}" is no atomic operation`, word);
        return { ...this.store(), atomic };
      }
      case "while":
        this.reader.next();
        return { kind: "while", cond: this.expr(), body: this.block() };
      case "if":
        return this.conditional();
      case "break":
      case "continue":
        this.reader.next();
        return { kind: start.text };
      case "assert":
      case "obligation": {
        this.reader.next();
        const cond = this.expr();
        this.reader.expect(",");
        const origin = start.text === "assert" ? "source" : "obligation";
        return { kind: "assert", cond, message: this.reader.string(), origin };
      }
      case "reduce":
        return this.reduce();
      case "yield": {
        this.reader.next();
        const into = this.reader.name();
        this.reader.expect("(");
        return { kind: "yield", into, values: this.reader.list(")", () => this.expr()) };
      }
      case "for":
      case "parallel":
      case "threads":
      case "vectorize":
      case "unroll":
        return this.loop();
      default:
        return undefined;
    }
  }

  private assignment(): Stmt {
    if (this.reader.is("[", 1)) return this.store();
    const name = this.reader.name();
    this.reader.expect("=");
    return { kind: "assign", name, value: this.expr() };
  }

  private store(): StoreStmt {
    const buffer = this.reader.name();
    this.reader.expect("[");
    const { index, guard } = this.access();
    this.reader.expect("=");
    return { kind: "store", buffer, index, value: this.expr(), ...(guard && { guard }) };
  }

  private conditional(): Stmt {
    const start = this.reader.expect("if");
    const cond = this.expr();
    const then = this.block();
    let orelse: Stmt[] = [];
    if (this.reader.take("else")) orelse = this.reader.is("if") ? [this.conditional()] : this.block();
    return { kind: "if", cond, then, orelse, span: this.reader.spanFrom(start) };
  }

  private loop(): ForStmt {
    const schedule: Directive[] = [];
    while (this.reader.is("@")) schedule.push(parseDirective(this.reader));
    let marks: LoopMarks = {};
    while (!this.reader.take("for")) marks = { ...marks, ...this.mark() };
    const name = this.reader.name();
    if (this.reader.take("as")) marks = { ...marks, label: this.reader.name() };
    this.reader.expect("in");
    const lo = this.expr();
    this.reader.expect("..");
    const hi = this.expr();
    const step = this.reader.take("step") ? this.reader.integer() : 1;
    this.values.set(name, i32);
    const scheduled = schedule.length > 0 ? { schedule } : {};
    return { kind: "for", name, lo, hi, step, marks, ...scheduled, body: this.block() };
  }

  private mark(): LoopMarks {
    const word = this.reader.next();
    if (word.text === "parallel") return { parallel: true };
    if (word.text === "threads") return { threads: true };
    if (word.text === "subgroups") return { subgroups: true };
    if (word.text === "unroll") {
      this.reader.expect("(");
      const unroll = this.reader.integer();
      this.reader.expect(")");
      return { unroll };
    }
    if (word.text !== "vectorize") return this.reader.fail(`"${word.text}" is no mark of a loop`, word);
    this.reader.expect("(");
    const tail = tails.find((known) => known === this.reader.peek().text);
    if (!tail) return this.reader.fail(`"${this.reader.peek().text}" is no tail`);
    this.reader.next();
    const width = this.reader.take(",") ? this.reader.integer() : undefined;
    this.reader.expect(")");
    return { vectorize: { tail, ...(width !== undefined && { width }) } };
  }

  private reduce(): ReduceStmt {
    this.reader.expect("reduce");
    const word = this.reader.next();
    const op = reductions.find((known) => known === word.text);
    if (!op) return this.reader.fail(`"${word.text}" is no reduction`, word);
    this.reader.expect("(");
    const results: { name: string; type: IrType }[] = [];
    const init = this.reader.list(")", (): Expr => {
      const name = this.reader.name();
      this.reader.expect(":");
      results.push({ name, type: this.type() });
      this.reader.expect("=");
      return this.expr();
    });
    const combine = this.reader.take("combine") ? this.combine(results) : undefined;
    if (combine) this.reader.expect("over");
    const body = this.block();
    for (const result of results) this.values.set(result.name, result.type);
    return { kind: "reduce", results, op, init, ...(combine && { combine }), body };
  }

  private combine(results: readonly { readonly type: IrType }[]): Combine {
    this.reader.expect("(");
    const side = (close: string): string[] => this.reader.list(close, () => this.reader.name());
    const left = side(";");
    const right = side(")");
    for (const names of [left, right]) {
      names.forEach((name, at) => this.values.set(name, results[at]?.type ?? i32));
    }
    this.reader.expect("{");
    const body: Stmt[] = [];
    while (!this.reader.take("=>")) body.push(this.statement());
    const values = this.reader.list("}", () => this.expr());
    return { left, right, body, values };
  }
}

// The grammar of statements: what stands on a line, and the compound ones with blocks.

import type { IToken } from "chevrotain";
import type * as ast from "./ast.ts";
import { foldArms, type Arm } from "./arms.ts";
import { BlockGrammar, skipIndex } from "./block-grammar.ts";
import type { Rule } from "./grammar-base.ts";
import { outerSpan } from "./operators.ts";
import { cover, type Span } from "../source.ts";
import * as t from "./tokens.ts";

/** The statements of a block, its docstring apart. */
export interface Body {
  readonly doc?: ast.StringLit;
  readonly body: readonly ast.Stmt[];
}

export abstract class StatementGrammar extends BlockGrammar {
  // ---- statements -----------------------------------------------------------------------------------

  readonly statement: Rule<ast.Stmt> = this.RULE("statement", (): ast.Stmt => {
    const decorators: ast.Decorator[] = [];
    this.MANY(() => decorators.push(this.SUBRULE(this.decorator)));
    // `def name` declares, `def(` is a function type.
    const statement = this.OR<ast.Stmt>({
      MAX_LOOKAHEAD: 2,
      DEF: [
        { ALT: (): ast.Stmt => this.SUBRULE(this.ifStatement) },
        { ALT: (): ast.Stmt => this.SUBRULE(this.forStatement) },
        { ALT: (): ast.Stmt => this.SUBRULE(this.whileStatement) },
        { ALT: (): ast.Stmt => this.SUBRULE(this.functionDeclaration) },
        { ALT: (): ast.Stmt => this.SUBRULE(this.comptimeStatement) },
        {
          ALT: (): ast.Stmt => {
            const simple = this.SUBRULE(this.simpleStatement);
            this.CONSUME(t.Newline);
            return simple;
          },
        },
      ],
      ERR_MSG: "a statement",
    });
    return this.ACTION(() => this.decorated(statement, decorators));
  });

  private decorated(statement: ast.Stmt, decorators: readonly ast.Decorator[]): ast.Stmt {
    const [first] = decorators;
    if (!first) return statement;
    if ("decorators" in statement) return { ...statement, decorators };
    const word = statement.kind.startsWith("comptime") ? "comptime" : statement.kind;
    this.problems.report("K0117", { what: `\`${word}\`` }, first.span);
    return statement;
  }

  readonly decorator: Rule<ast.Decorator> = this.RULE("decorator", (): ast.Decorator => {
    const path: IToken[] = [];
    let list: { args: ast.Argument[] } | undefined;
    const first = this.CONSUME(t.At);
    path.push(this.CONSUME(t.Identifier));
    this.MANY(() => {
      this.CONSUME(t.Dot);
      path.push(this.CONSUME1(t.Identifier));
    });
    this.OPTION(() => (list = this.SUBRULE(this.argumentList)));
    const span = this.ACTION(() => this.spanFrom(first));
    this.CONSUME(t.Newline);
    return this.ACTION(() => ({ path: path.map((token) => this.nameOf(token)), args: list?.args, span }));
  });

  readonly ifStatement: Rule<ast.IfStmt> = this.RULE("if", (): ast.IfStmt => {
    const arms: Arm[] = [];
    let orelse: ast.Stmt[] | undefined;
    const first = this.CONSUME(t.If);
    const cond = this.SUBRULE(this.expression);
    const then = this.SUBRULE(this.suite);
    this.ACTION(() => arms.push({ first, cond, then, end: this.endOfBody(then) }));
    this.MANY(() => {
      const elif = this.CONSUME(t.Elif);
      const cond1 = this.SUBRULE1(this.expression);
      const then1 = this.SUBRULE1(this.suite);
      this.ACTION(() => arms.push({ first: elif, cond: cond1, then: then1, end: this.endOfBody(then1) }));
    });
    this.OPTION(() => {
      this.CONSUME(t.Else);
      orelse = this.SUBRULE2(this.suite);
    });
    return this.ACTION(() =>
      foldArms(arms, orelse, this.armSpan(arms, orelse), (arm) => ({ kind: "if", ...arm })),
    );
  });

  /** The span of each arm reaches to the end of the last one. */
  private armSpan(arms: readonly Arm[], orelse: readonly ast.Stmt[] | undefined): (arm: Arm) => Span {
    const limit = 60;
    if (arms.length > limit) {
      const { first } = arms[limit]!;
      this.problems.report("K0113", { what: "`elif` branches", limit }, this.spanOf(first));
      arms = (arms as Arm[]).splice(limit);
    }
    const end = orelse?.at(-1)?.span.end ?? arms.at(-1)!.end;
    return (arm) => ({ file: this.file, start: arm.first.startOffset, end: Math.max(end, arm.end) });
  }

  protected endOfBody(body: readonly ast.Stmt[]): number {
    return body.at(-1)?.span.end ?? t.endOf(this.LA(0));
  }

  readonly forStatement: Rule<ast.ForStmt> = this.RULE("for", (): ast.ForStmt => {
    const first = this.CONSUME(t.For);
    const targets = this.SUBRULE(this.loopTargets);
    this.CONSUME(t.In);
    const iter = this.SUBRULE(this.expression);
    const body = this.SUBRULE(this.suite);
    return this.ACTION(() => {
      const span = this.problems.span(first.startOffset, this.endOfBody(body));
      return { kind: "for", decorators: [], targets, iter, body, span };
    });
  });

  readonly whileStatement: Rule<ast.WhileStmt> = this.RULE("while", (): ast.WhileStmt => {
    const first = this.CONSUME(t.While);
    const cond = this.SUBRULE(this.expression);
    const body = this.SUBRULE(this.suite);
    return this.ACTION(() => {
      const span = this.problems.span(first.startOffset, this.endOfBody(body));
      return { kind: "while", decorators: [], cond, body, span };
    });
  });

  // ---- comptime -------------------------------------------------------------------------------------

  readonly comptimeStatement: Rule<ast.ComptimeIf | ast.ComptimeFor | ast.ComptimeAssert | ast.ComptimeDecl> =
    this.RULE("comptime", (): ast.ComptimeIf | ast.ComptimeFor | ast.ComptimeAssert | ast.ComptimeDecl => {
      const first = this.CONSUME(t.Comptime);
      return this.OR<ast.ComptimeIf | ast.ComptimeFor | ast.ComptimeAssert | ast.ComptimeDecl>({
        DEF: [
          { ALT: () => this.SUBRULE(this.comptimeIf, { ARGS: [first] }) },
          { ALT: () => this.SUBRULE(this.comptimeFor, { ARGS: [first] }) },
          { ALT: () => this.SUBRULE(this.comptimeAssert, { ARGS: [first] }) },
          { ALT: () => this.SUBRULE(this.comptimeDeclaration, { ARGS: [first] }) },
        ],
        ERR_MSG: "a name, `if`, `for` or `assert`",
      });
    });

  readonly comptimeIf: Rule<ast.ComptimeIf, [IToken]> = this.RULE(
    "comptimeIf",
    (first: IToken): ast.ComptimeIf => {
      const arms: Arm[] = [];
      let orelse: ast.Stmt[] | undefined;
      this.CONSUME(t.If);
      const cond = this.SUBRULE(this.expression);
      const then = this.SUBRULE(this.suite);
      this.ACTION(() => arms.push({ first, cond, then, end: this.endOfBody(then) }));
      this.MANY(() => {
        const elif = this.CONSUME(t.Elif);
        const cond1 = this.SUBRULE1(this.expression);
        const then1 = this.SUBRULE1(this.suite);
        this.ACTION(() => arms.push({ first: elif, cond: cond1, then: then1, end: this.endOfBody(then1) }));
      });
      this.OPTION(() => {
        this.CONSUME(t.Else);
        orelse = this.SUBRULE2(this.suite);
      });
      return this.ACTION(() =>
        foldArms(arms, orelse, this.armSpan(arms, orelse), (arm) => ({ kind: "comptime-if", ...arm })),
      );
    },
  );

  readonly comptimeFor: Rule<ast.ComptimeFor, [IToken]> = this.RULE(
    "comptimeFor",
    (first: IToken): ast.ComptimeFor => {
      this.CONSUME(t.For);
      const name = this.CONSUME(t.Identifier);
      this.CONSUME(t.In);
      const iter = this.SUBRULE(this.expression);
      const body = this.SUBRULE(this.suite);
      return this.ACTION(() => {
        const span = this.problems.span(first.startOffset, this.endOfBody(body));
        return { kind: "comptime-for", target: this.nameOf(name), iter, body, span };
      });
    },
  );

  readonly comptimeAssert: Rule<ast.ComptimeAssert, [IToken]> = this.RULE(
    "comptimeAssert",
    (first: IToken): ast.ComptimeAssert => {
      let message: ast.StringLit | undefined;
      this.CONSUME(t.Assert);
      const cond = this.SUBRULE(this.expression);
      this.OPTION(() => {
        this.CONSUME(t.Comma);
        message = this.SUBRULE(this.string);
      });
      const span = this.ACTION(() => this.spanFrom(first));
      this.CONSUME(t.Newline);
      return this.ACTION(() => ({ kind: "comptime-assert", cond, message, span }));
    },
  );

  readonly comptimeDeclaration: Rule<ast.ComptimeDecl, [IToken]> = this.RULE(
    "constant",
    (first: IToken): ast.ComptimeDecl => {
      let type: ast.Expr | undefined;
      const name = this.CONSUME(t.Identifier);
      this.OPTION(() => {
        this.CONSUME(t.Colon);
        type = this.SUBRULE(this.expression);
      });
      this.CONSUME(t.Equals);
      const value = this.SUBRULE(this.expressions);
      const span = this.ACTION(() => this.spanFrom(first));
      this.CONSUME(t.Newline);
      return this.ACTION(() => ({ kind: "comptime", name: this.nameOf(name), type, value, span }));
    },
  );

  // ---- simple statements ----------------------------------------------------------------------------

  /** A statement of one line, without the line end. */
  readonly simpleStatement: Rule<ast.Stmt> = this.RULE("simpleStatement", (): ast.Stmt =>
    this.OR<ast.Stmt>({
      DEF: [
        { ALT: (): ast.Stmt => this.SUBRULE(this.letStatement) },
        { ALT: (): ast.Stmt => this.jump("break", this.CONSUME(t.Break)) },
        { ALT: (): ast.Stmt => this.jump("continue", this.CONSUME(t.Continue)) },
        { ALT: (): ast.Stmt => this.jump("pass", this.CONSUME(t.Pass)) },
        { ALT: (): ast.Stmt => this.SUBRULE(this.returnStatement) },
        { ALT: (): ast.Stmt => this.SUBRULE(this.assertStatement) },
        { ALT: (): ast.Stmt => this.SUBRULE(this.assignment) },
      ],
      ERR_MSG: "a statement",
    }),
  );

  private jump(kind: ast.JumpStmt["kind"], token: IToken): ast.JumpStmt {
    return this.ACTION(() => ({ kind, span: this.spanOf(token) }));
  }

  readonly letStatement: Rule<ast.LetStmt> = this.RULE("let", (): ast.LetStmt => {
    const names: IToken[] = [];
    let type: ast.Expr | undefined;
    let value: ast.Expr | undefined;
    const first = this.OR([{ ALT: () => this.CONSUME(t.Let) }, { ALT: () => this.CONSUME(t.Var) }]);
    this.AT_LEAST_ONE_SEP({
      SEP: t.Comma,
      DEF: () => names.push(this.CONSUME(t.Identifier)),
      ERR_MSG: "a name",
    });
    this.OPTION(() => {
      this.CONSUME(t.Colon);
      type = this.SUBRULE(this.expression);
    });
    this.OPTION1(() => {
      this.CONSUME(t.Equals);
      value = this.SUBRULE(this.expressions);
    });
    return this.ACTION(() => {
      const mutable = first.tokenType === t.Var;
      const span = this.spanFrom(first);
      if (!value && !this.nextIs(t.Newline)) return this.letOf(first, names, type, value);
      if (!value && !mutable) this.problems.report("K0119", { what: "`let` needs a value" }, span);
      else if (!value && !type)
        this.problems.report("K0119", { what: "`var` needs a type or a value" }, span);
      return this.letOf(first, names, type, value);
    });
  });

  private letOf(first: IToken, names: IToken[], type?: ast.Expr, value?: ast.Expr): ast.LetStmt {
    return {
      kind: "let",
      mutable: first.tokenType === t.Var,
      decorators: [],
      names: names.map((token) => this.nameOf(token)),
      type,
      value,
      span: this.spanFrom(first),
    };
  }

  readonly returnStatement: Rule<ast.ReturnStmt> = this.RULE("return", (): ast.ReturnStmt => {
    let value: ast.Expr | undefined;
    const first = this.CONSUME(t.Return);
    this.OPTION(() => (value = this.SUBRULE(this.expressions)));
    return this.ACTION(() => ({ kind: "return", decorators: [], value, span: this.spanFrom(first) }));
  });

  readonly assertStatement: Rule<ast.AssertStmt> = this.RULE("assert", (): ast.AssertStmt => {
    let message: ast.StringLit | undefined;
    const first = this.CONSUME(t.Assert);
    const cond = this.SUBRULE(this.expression);
    this.OPTION(() => {
      this.CONSUME(t.Comma);
      message = this.SUBRULE(this.string);
    });
    return this.ACTION(() => ({ kind: "assert", cond, message, span: this.spanFrom(first) }));
  });

  /** `target = e`, `target += e`, or an expression by itself. */
  readonly assignment: Rule<ast.Stmt> = this.RULE("assignment", (): ast.Stmt => {
    const target = this.SUBRULE(this.expressions);
    let operator: IToken | undefined;
    let value: ast.Expr | undefined;
    this.OPTION(() => {
      operator = this.OR([
        { ALT: () => this.CONSUME(t.Equals) },
        { ALT: () => this.CONSUME(t.AugmentedAssign) },
      ]);
      value = this.SUBRULE1(this.expressions);
    });
    if (this.nextIs(t.Colon) && this.LA(2).tokenType !== t.Newline && !operator && target.kind === "name")
      return this.undeclared(target);
    return this.ACTION((): ast.Stmt => {
      if (!operator || !value)
        return { kind: "expr", decorators: [], value: target, span: outerSpan(target) };
      const op = operator.tokenType === t.Equals ? undefined : (operator.image.slice(0, -1) as ast.BinaryOp);
      this.checkTarget(target, op !== undefined);
      const span = cover(outerSpan(target), this.spanOf(this.LA(0)));
      return { kind: "assign", decorators: [], target, op, value, span };
    });
  });

  /** `acc: f32 = 0`, as Python declares: read as `var`, with a report. */
  private undeclared(target: ast.NameExpr): ast.Stmt {
    this.consume(skipIndex, t.Colon);
    const span = this.problems.span(target.span.start, target.span.start);
    const { text: name } = target;
    this.problems.report("K0137", { name }, target.span, {
      fix: { text: "declare it", edits: [{ span, replacement: "var " }] },
    });
    const type = this.SUBRULE(this.expression);
    let value: ast.Expr | undefined;
    if (this.nextIs(t.Equals)) {
      this.consume(skipIndex, t.Equals);
      value = this.SUBRULE(this.expressions);
    }
    const end = this.problems.span(target.span.start, t.endOf(this.LA(0)));
    return {
      kind: "let",
      mutable: true,
      decorators: [],
      names: [{ text: name, span: target.span }],
      type,
      value,
      span: end,
    };
  }

  private checkTarget(target: ast.Expr, augmented: boolean): void {
    switch (target.kind) {
      case "name":
      case "index":
      case "attribute":
      case "error":
        return;
      case "tuple":
        if (augmented)
          this.problems.report("K0118", { what: "several targets with one operator" }, target.span);
        else for (const item of target.items) this.checkTarget(item, false);
        return;
      default:
        this.problems.report(
          "K0118",
          { what: described[target.kind] ?? "this expression" },
          outerSpan(target),
          {
            notes: target.kind === "compare" ? ["a comparison is written `==`, an assignment `=`"] : [],
          },
        );
    }
  }

  // Declared here, since a `def` may be nested; its grammar is that of declarations.
  readonly functionDeclaration: Rule<ast.FunctionDecl> = this.RULE("function", (): ast.FunctionDecl =>
    this.functionRule(),
  );

  protected abstract functionRule(): ast.FunctionDecl;
}

const described: { readonly [kind in ast.Expr["kind"]]?: string } = {
  call: "the result of a call",
  number: "a number",
  string: "a string",
  bool: "`True` or `False`",
  binary: "the result of an operator",
  unary: "the result of an operator",
  compare: "a comparison",
  logical: "the result of `and` or `or`",
  cond: "a conditional expression",
  list: "a list",
  star: "a pack",
};

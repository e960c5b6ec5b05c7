// The grammar of a module: imports, constants, def, kernel, struct, test. Constructed once and on first use,
// since the analysis of the grammar takes longer than parsing a file.

import { EOF, type IToken } from "chevrotain";
import type * as ast from "./ast.ts";
import type { Rule } from "./grammar-base.ts";
import { StatementGrammar, type Body } from "./statement-grammar.ts";
import { outerSpan } from "./operators.ts";
import type { Problems } from "./problems.ts";
import * as t from "./tokens.ts";

interface Signature {
  readonly name: ast.Name;
  readonly compParams: readonly ast.CompParam[];
  readonly params: readonly ast.Param[];
  readonly where: readonly ast.Expr[];
  readonly result?: ast.Expr;
}

type Field = ast.StructDecl["fields"][number];

export class DeclarationGrammar extends StatementGrammar {
  constructor(validate = false) {
    super(validate);
    this.performSelfAnalysis();
  }

  /** Parses one file's tokens; errors are left in `this.errors`, everything else in `problems`. */
  read(tokens: IToken[], problems: Problems): readonly ast.Item[] {
    this.problems = problems;
    this.moduleDoc = undefined;
    this.input = tokens;
    return this.module() ?? [];
  }

  readonly module: Rule<ast.Item[]> = this.RULE("module", (): ast.Item[] => {
    const items: ast.Item[] = [];
    if (this.RECORDING_PHASE) this.MANY(() => this.SUBRULE(this.item));
    else {
      while (!this.nextIs(EOF)) {
        const item = this.orRecover(() =>
          this.startsItem() ? this.SUBRULE(this.item) : this.looseStatement(),
        );
        if (item) items.push(item);
      }
    }
    return items;
  });

  /** The docstring of a module is read as an item and set apart by the caller. */
  private startsItem(): boolean {
    return !this.nextIs(
      t.If, t.For, t.While, t.Let, t.Var, t.Break, t.Continue, t.Pass, t.Return, t.Assert, t.Identifier, t.LParen,
      t.LSquare, t.NumberToken, t.Sign, t.Not, t.Tilde, t.True, t.False,
    ) && !(this.nextIs(t.Comptime) && (this.LA(2).tokenType === t.If || this.LA(2).tokenType === t.For)); // prettier-ignore
  }

  /** A statement outside a function: read for its own errors, reported, left out. */
  private looseStatement(): undefined {
    const first = this.LA(1);
    const statement = this.SUBRULE(this.statement);
    const what = first.tokenType === t.Identifier ? "a statement" : `\`${first.image}\``;
    const constant = statement.kind === "let" || statement.kind === "assign";
    this.problems.report("K0116", { what }, this.spanOf(first), {
      notes: constant ? ["a constant of the module is written `comptime NAME = value`"] : [],
    });
    return undefined;
  }

  readonly item: Rule<ast.Item | undefined> = this.RULE("item", (): ast.Item | undefined => {
    const decorators: ast.Decorator[] = [];
    this.MANY(() => decorators.push(this.SUBRULE(this.decorator)));
    const item = this.OR<ast.Item | undefined>({
      DEF: [
        { ALT: () => this.SUBRULE(this.importDeclaration) },
        { ALT: () => this.SUBRULE(this.fromDeclaration) },
        { ALT: () => this.SUBRULE(this.functionDeclaration) },
        { ALT: () => this.SUBRULE(this.kernelDeclaration) },
        { ALT: () => this.SUBRULE(this.structDeclaration) },
        { ALT: () => this.SUBRULE(this.testDeclaration) },
        { ALT: () => this.SUBRULE(this.comptimeStatement) as ast.ComptimeDecl | ast.ComptimeAssert },
        { ALT: () => this.SUBRULE(this.docstring) },
      ],
      ERR_MSG: "a declaration (`import`, `comptime`, `def`, `kernel`, `struct` or `test`)",
    });
    return this.ACTION(() => {
      const [first] = decorators;
      if (!first || !item) return item;
      if ("decorators" in item) return { ...item, decorators };
      this.problems.report("K0117", { what: `\`${item.kind}\`` }, first.span);
      return item;
    });
  });

  /** A string alone: the module's documentation where it comes first, nothing elsewhere. */
  readonly docstring: Rule<undefined> = this.RULE("docstring", (): undefined => {
    const first = this.LA(1);
    const doc = this.SUBRULE(this.string);
    this.CONSUME(t.Newline);
    return this.ACTION(() => {
      if (this.moduleDoc === undefined && this.isFirst(first)) this.moduleDoc = doc;
      else this.problems.report("K0116", { what: "a string" }, doc.span);
      return undefined;
    });
  });

  moduleDoc: ast.StringLit | undefined;

  private isFirst(token: IToken): boolean {
    return this.input[0] === token;
  }

  // ---- imports --------------------------------------------------------------------------------------

  readonly importDeclaration: Rule<ast.ImportDecl> = this.RULE("import", (): ast.ImportDecl => {
    let alias: IToken | undefined;
    const first = this.CONSUME(t.Import);
    const path = this.SUBRULE(this.modulePath);
    this.OPTION(() => {
      this.CONSUME(t.As);
      alias = this.CONSUME(t.Identifier);
    });
    const span = this.ACTION(() => this.spanFrom(first));
    this.CONSUME(t.Newline);
    return this.ACTION(() => ({
      kind: "import",
      level: 0,
      path,
      ...(alias ? { alias: this.nameOf(alias) } : {}),
      span,
    }));
  });

  readonly fromDeclaration: Rule<ast.ImportDecl> = this.RULE("from", (): ast.ImportDecl => {
    let level = 0;
    let path: ast.Name[] = [];
    let names: NonNullable<ast.ImportDecl["names"]> = [];
    const first = this.CONSUME(t.From);
    this.MANY(() => {
      this.CONSUME(t.Dot);
      level++;
    });
    this.OPTION(() => (path = this.SUBRULE(this.modulePath)));
    this.CONSUME(t.Import);
    this.OR({
      DEF: [
        {
          ALT: () => {
            this.CONSUME(t.LParen);
            names = this.SUBRULE(this.importedNames);
            this.CONSUME(t.RParen);
          },
        },
        { ALT: () => (names = this.SUBRULE1(this.importedNames)) },
      ],
      ERR_MSG: "the names to import",
    });
    const span = this.ACTION(() => this.spanFrom(first));
    this.CONSUME(t.Newline);
    return this.ACTION(() => ({ kind: "import", level, path, names, span }));
  });

  readonly modulePath: Rule<ast.Name[]> = this.RULE("modulePath", (): ast.Name[] => {
    const path: IToken[] = [];
    this.AT_LEAST_ONE_SEP({
      SEP: t.Dot,
      DEF: () => path.push(this.CONSUME(t.Identifier)),
      ERR_MSG: "a module’s name",
    });
    return this.ACTION(() => path.map((token) => this.nameOf(token)));
  });

  readonly importedNames: Rule<{ name: ast.Name; alias?: ast.Name }[]> = this.RULE(
    "importedNames",
    (): { name: ast.Name; alias?: ast.Name }[] => {
      const names: { name: ast.Name; alias?: ast.Name }[] = [];
      names.push(this.SUBRULE(this.importedName));
      this.MANY(() => {
        this.CONSUME(t.Comma);
        this.OPTION(() => names.push(this.SUBRULE1(this.importedName)));
      });
      return names;
    },
  );

  readonly importedName: Rule<{ name: ast.Name; alias?: ast.Name }> = this.RULE(
    "importedName",
    (): { name: ast.Name; alias?: ast.Name } => {
      let alias: IToken | undefined;
      const name = this.CONSUME(t.Identifier);
      this.OPTION(() => {
        this.CONSUME(t.As);
        alias = this.CONSUME1(t.Identifier);
      });
      return this.ACTION(() =>
        alias ? { name: this.nameOf(name), alias: this.nameOf(alias) } : { name: this.nameOf(name) },
      );
    },
  );

  // ---- functions and kernels ------------------------------------------------------------------------

  protected override functionRule(): ast.FunctionDecl {
    const first = this.CONSUME(t.Def);
    const signature = this.SUBRULE(this.signature);
    const statements = this.SUBRULE(this.suite);
    return this.ACTION(() => {
      const span = this.problems.span(first.startOffset, this.endOfBody(statements));
      return { kind: "function", decorators: [], ...signature, ...documented(statements), span };
    });
  }

  readonly kernelDeclaration: Rule<ast.KernelDecl> = this.RULE("kernel", (): ast.KernelDecl => {
    const first = this.CONSUME(t.Kernel);
    const signature = this.SUBRULE(this.signature);
    const statements = this.SUBRULE(this.suite);
    return this.ACTION(() => {
      const { result, ...rest } = signature;
      if (result) {
        this.problems.report("K0101", { found: "a result type", expected: "`:`" }, result.span, {
          notes: ["a kernel returns nothing: its results are its `out` and `mut` arguments"],
        });
      }
      const span = this.problems.span(first.startOffset, this.endOfBody(statements));
      return { kind: "kernel", decorators: [], ...rest, ...documented(statements), span };
    });
  });

  /** `name[params](args) -> T where a, b`, for `def` and `kernel` alike. */
  readonly signature: Rule<Signature> = this.RULE("signature", (): Signature => {
    let compParams: ast.CompParam[] = [];
    const params: ast.Param[] = [];
    const where: ast.Expr[] = [];
    let result: ast.Expr | undefined;
    const name = this.CONSUME(t.Identifier);
    this.OPTION(() => (compParams = this.SUBRULE(this.compParams)));
    this.CONSUME(t.LParen);
    this.OPTION1(() => {
      params.push(this.SUBRULE(this.param));
      this.MANY(() => {
        this.CONSUME(t.Comma);
        this.OPTION2(() => params.push(this.SUBRULE1(this.param)));
      });
    });
    this.CONSUME(t.RParen);
    this.OPTION3(() => {
      this.CONSUME(t.Arrow);
      result = this.SUBRULE(this.expression);
    });
    this.OPTION4(() => {
      this.CONSUME(t.Where);
      this.AT_LEAST_ONE_SEP({
        SEP: t.Comma,
        DEF: () => where.push(this.SUBRULE1(this.expression)),
        ERR_MSG: "a condition",
      });
    });
    return this.ACTION(() => ({
      name: this.nameOf(name),
      compParams,
      params,
      where,
      ...(result ? { result } : {}),
    }));
  });

  readonly compParams: Rule<ast.CompParam[]> = this.RULE("compParams", (): ast.CompParam[] => {
    const params: ast.CompParam[] = [];
    this.CONSUME(t.LSquare);
    params.push(this.SUBRULE(this.compParam));
    this.MANY(() => {
      this.CONSUME(t.Comma);
      this.OPTION(() => params.push(this.SUBRULE1(this.compParam)));
    });
    this.CONSUME(t.RSquare);
    return params;
  });

  /** `T: Float`, `S: int = 1`, `f: def(T) -> T = keep`. */
  readonly compParam: Rule<ast.CompParam> = this.RULE("compParam", (): ast.CompParam => {
    let fallback: ast.Expr | undefined;
    const name = this.CONSUME(t.Identifier);
    this.CONSUME(t.Colon);
    const type = this.SUBRULE(this.expression);
    this.OPTION(() => {
      this.CONSUME(t.Equals);
      fallback = this.SUBRULE1(this.expression);
    });
    return this.ACTION(() => ({ name: this.nameOf(name), type, fallback, span: this.spanFrom(name) }));
  });

  /** `x: T`, `out y: T`, `mut z: T`. */
  readonly param: Rule<ast.Param> = this.RULE("param", (): ast.Param => {
    let mode: ast.Param["mode"] = "in";
    const first = this.LA(1);
    this.OPTION(() =>
      this.OR([
        { ALT: () => (this.CONSUME(t.Out), (mode = "out")) },
        { ALT: () => (this.CONSUME(t.Mut), (mode = "mut")) },
      ]),
    );
    const name = this.CONSUME(t.Identifier);
    this.CONSUME(t.Colon);
    const type = this.SUBRULE(this.expression);
    return this.ACTION(() => ({ mode, name: this.nameOf(name), type, span: this.spanFrom(first) }));
  });

  // ---- structs and tests ----------------------------------------------------------------------------

  readonly structDeclaration: Rule<ast.StructDecl> = this.RULE("struct", (): ast.StructDecl => {
    const fields: Field[] = [];
    let doc: ast.StringLit | undefined;
    const first = this.CONSUME(t.Struct);
    const name = this.CONSUME(t.Identifier);
    this.CONSUME(t.Colon);
    this.CONSUME(t.Newline);
    this.CONSUME(t.Indent);
    this.OPTION(() => {
      doc = this.SUBRULE(this.string);
      this.CONSUME1(t.Newline);
    });
    if (this.RECORDING_PHASE) this.MANY(() => this.SUBRULE(this.field));
    else {
      while (!this.nextIs(t.Dedent, EOF)) {
        const field = this.orRecover(() => this.fieldOrHabit());
        if (field) fields.push(field);
      }
    }
    this.CONSUME(t.Dedent);
    return this.ACTION(() => {
      const end = fields.at(-1)?.span.end ?? doc?.span.end ?? t.endOf(name);
      const span = this.problems.span(first.startOffset, end);
      return { kind: "struct", name: this.nameOf(name), ...(doc ? { doc } : {}), fields, span };
    });
  });

  private fieldOrHabit(): Field | undefined {
    if (this.nextIs(t.Let, t.Var)) {
      const word = this.CONSUME(this.LA(1).tokenType);
      this.problems.report(
        "K0101",
        { found: `\`${word.image}\``, expected: "a field’s name" },
        this.spanOf(word),
        {
          notes: ["a field is its name and its type: `x: f32`"],
        },
      );
    }
    return this.SUBRULE(this.field);
  }

  /** `x: f32`, or `pass`. */
  readonly field: Rule<Field | undefined> = this.RULE("field", (): Field | undefined => {
    const field = this.OR<Field | undefined>({
      DEF: [
        {
          ALT: () => {
            const name = this.CONSUME(t.Identifier);
            this.CONSUME(t.Colon);
            const type = this.SUBRULE(this.expression);
            return this.ACTION(() => ({ name: this.nameOf(name), type, span: this.spanFrom(name) }));
          },
        },
        { ALT: () => (this.CONSUME(t.Pass), undefined) },
      ],
      ERR_MSG: "a field such as `x: f32` (a struct has no methods)",
    });
    this.CONSUME(t.Newline);
    return field;
  });

  readonly testDeclaration: Rule<ast.TestDecl> = this.RULE("test", (): ast.TestDecl => {
    const first = this.CONSUME(t.Test);
    const title = this.SUBRULE(this.string);
    const body = this.SUBRULE(this.suite);
    return this.ACTION(() => {
      const span = this.problems.span(first.startOffset, this.endOfBody(body));
      return { kind: "test", title, body, span };
    });
  });
}

/** Sets a leading string statement apart as the documentation. */
function documented(statements: readonly ast.Stmt[]): Body {
  const [first, ...body] = statements;
  if (first?.kind !== "expr" || first.value.kind !== "string" || first.decorators.length > 0) {
    return { body: statements };
  }
  return outerSpan(first.value) === first.value.span ? { doc: first.value, body } : { body: statements };
}

// The grammar of expressions. Operators are read as a flat sequence and given their tree by operators.ts:
// fourteen rules of precedence would cost fourteen calls an operand, and stack for every bracket.
//
// Actions run inside ACTION(), so that Chevrotain's recording of the grammar never sees them.

import type { IToken } from "chevrotain";
import type * as ast from "./ast.ts";
import { cover } from "../source.ts";
import { isDecimal, quoteLength, stringValue } from "./literals.ts";
import { ExpressionBuilder, markParentheses, outerSpan, type InfixOp } from "./operators.ts";
import { checkedArguments, type Arguments } from "./arguments.ts";
import { GrammarBase, type Rule } from "./grammar-base.ts";
import * as t from "./tokens.ts";

interface GeneratedArgument {
  readonly argument: ast.Argument;
  readonly clauses: ast.GeneratorFor[];
}

export class ExpressionGrammar extends GrammarBase {
  // ---- lists and conditionals -----------------------------------------------------------------------

  /** One expression, or a tuple without parentheses: `return a, b`. */
  readonly expressions: Rule<ast.Expr> = this.RULE("expressions", (): ast.Expr => {
    const items: ast.Expr[] = [this.SUBRULE(this.expression)];
    let tuple = false;
    this.MANY(() => {
      this.CONSUME(t.Comma);
      tuple = true;
      this.OPTION(() => items.push(this.SUBRULE1(this.expression)));
    });
    return this.ACTION((): ast.Expr => {
      if (!tuple) return items[0]!;
      const span = cover(outerSpan(items[0]!), this.spanOf(this.LA(0)));
      return { kind: "tuple", items, span };
    });
  });

  /** `a if c else b if d else e`: read as a sequence, folded from the right. */
  readonly expression: Rule<ast.Expr> = this.RULE("expression", (): ast.Expr => {
    const parts: ast.Expr[] = [this.SUBRULE(this.disjunction)];
    this.MANY(() => {
      this.CONSUME(t.If);
      parts.push(this.SUBRULE1(this.disjunction));
      this.CONSUME(t.Else);
      parts.push(this.SUBRULE2(this.disjunction));
    });
    return this.ACTION(() => {
      let result = parts.pop()!;
      while (parts.length > 0) {
        const cond = parts.pop()!;
        const then = parts.pop()!;
        const span = cover(outerSpan(then), outerSpan(result));
        result = { kind: "cond", cond, then, orelse: result, span };
      }
      return result;
    });
  });

  /** Everything that binds tighter than `if … else`. */
  readonly disjunction: Rule<ast.Expr> = this.RULE("disjunction", (): ast.Expr => {
    const builder = new ExpressionBuilder();
    this.SUBRULE(this.operand, { ARGS: [builder] });
    this.MANY(() => {
      const op = this.OR({
        DEF: [
          { ALT: () => this.CONSUME(t.Sign) },
          { ALT: () => this.CONSUME(t.Star) },
          { ALT: () => this.CONSUME(t.BinaryOperator) },
          { ALT: () => this.CONSUME(t.CompareOperator) },
          { ALT: () => this.CONSUME(t.And) },
          { ALT: () => this.CONSUME(t.Or) },
        ],
        ERR_MSG: "an operator",
      });
      this.ACTION(() => builder.infix(op.image as InfixOp, this.spanOf(op)));
      this.SUBRULE1(this.operand, { ARGS: [builder] });
    });
    return this.ACTION(() => builder.finish());
  });

  readonly operand: Rule<void, [ExpressionBuilder]> = this.RULE(
    "operand",
    (builder: ExpressionBuilder): void => {
      this.MANY(() => {
        const op = this.OR([
          { ALT: () => this.CONSUME(t.Sign) },
          { ALT: () => this.CONSUME(t.Tilde) },
          { ALT: () => this.CONSUME(t.Not) },
        ]);
        this.ACTION(() => {
          const span = this.spanOf(op);
          if (builder.prefix(op.image as ast.UnaryOp, span)) return;
          this.problems.report("K0101", { found: "`not`", expected: "an operand" }, span, {
            notes: ["`not` binds looser than the operator before it: put `(not …)` into parentheses"],
          });
        });
      });
      const value = this.SUBRULE(this.postfix);
      this.ACTION(() => builder.operand(value));
    },
  );

  readonly postfix: Rule<ast.Expr> = this.RULE("postfix", (): ast.Expr => {
    let value: ast.Expr = this.SUBRULE(this.atom);
    this.MANY(() => {
      this.OR([
        {
          ALT: () => {
            this.CONSUME(t.Dot);
            const name = this.CONSUME(t.Identifier);
            this.ACTION(() => {
              const span = cover(outerSpan(value), this.spanOf(name));
              value = { kind: "attribute", base: value, name: this.nameOf(name), span };
            });
          },
        },
        {
          ALT: () => {
            const items = this.SUBRULE(this.subscript);
            this.ACTION(() => {
              const span = cover(outerSpan(value), this.spanOf(this.LA(0)));
              value = { kind: "index", base: value, items, span };
            });
          },
        },
        {
          ALT: () => {
            const list = this.SUBRULE(this.argumentList);
            this.ACTION(() => {
              const span = cover(outerSpan(value), this.spanOf(this.LA(0)));
              const { args, generator } = list;
              value = generator
                ? { kind: "call", callee: value, args, generator, span }
                : { kind: "call", callee: value, args, span };
            });
          },
        },
      ]);
    });
    return value;
  });

  readonly argumentList: Rule<Arguments> = this.RULE("arguments", (): Arguments => {
    const args: ast.Argument[] = [];
    const generators: { at: number; clauses: ast.GeneratorFor[] }[] = [];
    const generated = ({ argument, clauses }: GeneratedArgument): void => {
      args.push(argument);
      if (clauses?.length > 0) generators.push({ at: args.length - 1, clauses });
    };
    this.CONSUME(t.LParen);
    this.OPTION(() => {
      generated(this.SUBRULE(this.generatedArgument));
      this.MANY(() => {
        this.CONSUME(t.Comma);
        this.OPTION1(() => generated(this.SUBRULE1(this.generatedArgument)));
      });
    });
    this.CONSUME(t.RParen);
    return this.ACTION(() => checkedArguments(args, generators, this.problems));
  });

  readonly generatedArgument: Rule<GeneratedArgument> = this.RULE(
    "generatedArgument",
    (): GeneratedArgument => {
      const argument = this.SUBRULE(this.argument);
      const clauses: ast.GeneratorFor[] = [];
      this.MANY(() => clauses.push(this.SUBRULE(this.generatorFor)));
      return { argument, clauses };
    },
  );

  readonly argument: Rule<ast.Argument> = this.RULE("argument", (): ast.Argument => {
    const first = this.LA(1);
    let name: ast.Name | undefined;
    this.OPTION({
      MAX_LOOKAHEAD: 2,
      DEF: () => {
        const token = this.CONSUME(t.Identifier);
        this.CONSUME(t.Equals);
        name = this.ACTION(() => this.nameOf(token));
      },
    });
    const value = this.SUBRULE(this.starred);
    return this.ACTION(() =>
      name ? { name, value, span: this.spanFrom(first) } : { value, span: outerSpan(value) },
    );
  });

  /** An expression, or `*S`. */
  readonly starred: Rule<ast.Expr> = this.RULE("starred", (): ast.Expr =>
    this.OR({
      DEF: [
        {
          ALT: (): ast.Expr => {
            const star = this.CONSUME(t.Star);
            const operand = this.SUBRULE(this.disjunction);
            return this.ACTION(() => ({
              kind: "star",
              operand,
              span: cover(this.spanOf(star), outerSpan(operand)),
            }));
          },
        },
        { ALT: () => this.SUBRULE(this.expression) },
      ],
      ERR_MSG: "an expression",
    }),
  );

  /** `for i, j in range if condition`. */
  readonly generatorFor: Rule<ast.GeneratorFor> = this.RULE("generator", (): ast.GeneratorFor => {
    const first = this.CONSUME(t.For);
    const targets = this.SUBRULE(this.loopTargets);
    this.CONSUME(t.In);
    const iter = this.SUBRULE(this.disjunction);
    const filters: ast.Expr[] = [];
    this.MANY(() => {
      this.CONSUME(t.If);
      filters.push(this.SUBRULE1(this.disjunction));
    });
    return this.ACTION(() => ({ targets, iter, filters, span: this.spanFrom(first) }));
  });

  readonly loopTargets: Rule<ast.LoopTarget[]> = this.RULE("targets", (): ast.LoopTarget[] => {
    const targets: ast.LoopTarget[] = [];
    this.AT_LEAST_ONE_SEP({
      SEP: t.Comma,
      DEF: () => {
        let star = false;
        this.OPTION(() => {
          this.CONSUME(t.Star);
          star = true;
        });
        const name = this.CONSUME(t.Identifier);
        this.ACTION(() => targets.push({ name: this.nameOf(name), star }));
      },
      ERR_MSG: "a loop variable",
    });
    return targets;
  });

  readonly subscript: Rule<ast.IndexItem[]> = this.RULE("subscript", (): ast.IndexItem[] => {
    const items: ast.IndexItem[] = [];
    this.CONSUME(t.LSquare);
    items.push(this.SUBRULE(this.subscriptItem));
    this.MANY(() => {
      this.CONSUME(t.Comma);
      this.OPTION(() => items.push(this.SUBRULE1(this.subscriptItem)));
    });
    this.CONSUME(t.RSquare);
    return items;
  });

  /** `i`, `*i`, `T=f16`, `lo:hi:step`. */
  readonly subscriptItem: Rule<ast.IndexItem> = this.RULE("subscriptItem", (): ast.IndexItem => {
    const first = this.LA(1);
    return this.OR({
      DEF: [
        { ALT: (): ast.IndexItem => this.SUBRULE(this.sliceTail, { ARGS: [first, undefined] }) },
        {
          ALT: (): ast.IndexItem => {
            let item: ast.IndexItem = this.SUBRULE(this.argument);
            this.OPTION(() => {
              const low = this.ACTION(() => (item as ast.Argument).value);
              item = this.SUBRULE1(this.sliceTail, { ARGS: [first, low] });
            });
            return item;
          },
        },
      ],
      ERR_MSG: "an index",
    });
  });

  readonly sliceTail: Rule<ast.SliceItem, [IToken, ast.Expr | undefined]> = this.RULE(
    "slice",
    (first: IToken, low: ast.Expr | undefined): ast.SliceItem => {
      let high: ast.Expr | undefined;
      let step: ast.Expr | undefined;
      this.CONSUME(t.Colon);
      this.OPTION(() => (high = this.SUBRULE(this.expression)));
      this.OPTION1(() => {
        this.CONSUME1(t.Colon);
        this.OPTION2(() => (step = this.SUBRULE1(this.expression)));
      });
      return this.ACTION(() => ({ slice: true, low, high, step, span: this.spanFrom(first) }));
    },
  );

  readonly atom: Rule<ast.Expr> = this.RULE("atom", (): ast.Expr =>
    this.OR({
      DEF: [
        {
          ALT: (): ast.Expr => {
            const token = this.CONSUME(t.Identifier);
            return this.ACTION(() => ({ kind: "name", text: token.image, span: this.spanOf(token) }));
          },
        },
        {
          ALT: (): ast.Expr => {
            const token = this.CONSUME(t.NumberToken);
            return this.ACTION(() => {
              const { image: text } = token;
              return { kind: "number", text, decimal: isDecimal(text), span: this.spanOf(token) };
            });
          },
        },
        { ALT: (): ast.Expr => this.SUBRULE(this.string) },
        { ALT: (): ast.Expr => this.boolean(this.CONSUME(t.True)) },
        { ALT: (): ast.Expr => this.boolean(this.CONSUME(t.False)) },
        { ALT: (): ast.Expr => this.SUBRULE(this.parenthesised) },
        { ALT: (): ast.Expr => this.SUBRULE(this.list) },
        { ALT: (): ast.Expr => this.SUBRULE(this.functionType) },
      ],
      ERR_MSG: "an expression",
    }),
  );

  private boolean(token: IToken): ast.BoolLit {
    return this.ACTION(() => ({ kind: "bool", value: token.tokenType === t.True, span: this.spanOf(token) }));
  }

  readonly string: Rule<ast.StringLit> = this.RULE("string", (): ast.StringLit => {
    const token = this.CONSUME(t.StringToken);
    return this.ACTION(() => {
      const { image, startOffset } = token;
      const quotes = quoteLength(image);
      const end = token.payload === undefined ? image.length - quotes : image.length;
      const value = stringValue(image.slice(quotes, end), (offset, escape) => {
        const start = startOffset + quotes + offset;
        const span = this.problems.span(start, start + escape.length);
        this.problems.report("K0105", { escape }, span, {
          fix: { text: "write the backslash twice", edits: [{ span, replacement: `\\${escape}` }] },
        });
      });
      return { kind: "string", value, span: this.spanOf(token) };
    });
  });

  /** `(e)`, `()`, `(a,)`, `(a, b)`. */
  readonly parenthesised: Rule<ast.Expr> = this.RULE("parenthesised", (): ast.Expr => {
    const items: ast.Expr[] = [];
    let commas = 0;
    const first = this.CONSUME(t.LParen);
    this.OPTION(() => {
      items.push(this.SUBRULE(this.starred));
      this.MANY(() => {
        this.CONSUME(t.Comma);
        commas++;
        this.OPTION1(() => items.push(this.SUBRULE1(this.starred)));
      });
    });
    this.CONSUME(t.RParen);
    return this.ACTION((): ast.Expr => {
      const span = this.spanFrom(first);
      const [only] = items;
      if (!only || commas > 0) return { kind: "tuple", items, span };
      markParentheses(only, span);
      return only;
    });
  });

  readonly list: Rule<ast.ListExpr> = this.RULE("list", (): ast.ListExpr => {
    const items: ast.Expr[] = [];
    const first = this.CONSUME(t.LSquare);
    this.OPTION(() => {
      items.push(this.SUBRULE(this.starred));
      this.MANY(() => {
        this.CONSUME(t.Comma);
        this.OPTION1(() => items.push(this.SUBRULE1(this.starred)));
      });
    });
    this.CONSUME(t.RSquare);
    return this.ACTION(() => ({ kind: "list", items, span: this.spanFrom(first) }));
  });

  /** `def(T, index) -> T`. */
  readonly functionType: Rule<ast.FunctionTypeExpr> = this.RULE("functionType", (): ast.FunctionTypeExpr => {
    const params: ast.Expr[] = [];
    let result: ast.Expr | undefined;
    const first = this.CONSUME(t.Def);
    this.CONSUME(t.LParen);
    this.OPTION(() => {
      params.push(this.SUBRULE(this.expression));
      this.MANY(() => {
        this.CONSUME(t.Comma);
        this.OPTION1(() => params.push(this.SUBRULE1(this.expression)));
      });
    });
    this.CONSUME(t.RParen);
    this.OPTION2(() => {
      this.CONSUME(t.Arrow);
      result = this.SUBRULE2(this.disjunction);
    });
    return this.ACTION(() => ({ kind: "function-type", params, result, span: this.spanFrom(first) }));
  });
}

// Expressions as documents. Parentheses are written where precedence needs them, and kept where they make a
// mixture of operators clear that few people know by heart. Brackets break as black's do: first the contents
// on a line of their own, then one item a line with a trailing comma.

import type { Doc } from "prettier";
import { builders } from "prettier/doc";
import type * as ast from "../syntax/ast.ts";
import type { Span } from "../source.ts";
import {
  infixPrecedence,
  outerSpan,
  parenthesesOf,
  precedence,
  prefixPrecedence,
} from "../syntax/operators.ts";
import type { CommentCursor } from "./comments.ts";
import { stringText } from "./strings.ts";

const { group, hardline, ifBreak, indent, join, line, softline } = builders;

/** Names, calls, literals: what needs no parentheses anywhere. */
const atomic = 20;

/** How tightly the outermost operator of an expression binds. */
function levelOf(expr: ast.Expr): number {
  switch (expr.kind) {
    case "cond":
    case "function-type":
    case "star":
      return precedence.cond;
    case "logical":
    case "binary":
      return infixPrecedence(expr.op);
    case "compare":
      return precedence.compare;
    case "unary":
      return prefixPrecedence(expr.op);
    default:
      return atomic;
  }
}

const bitwise: ReadonlySet<string> = new Set(["|", "^", "&", "<<", ">>"]);
const divisions: ReadonlySet<string> = new Set(["//", "%", "/"]);

/** Parentheses around `child` that precedence doesn't need, but a reader may. */
function clarifies(child: ast.Expr, parent: ast.Expr): boolean {
  if (!parenthesesOf(child)) return false;
  if (child.kind === "logical" && parent.kind === "logical") return child.op !== parent.op;
  const [inner, outer] = [opOf(child), opOf(parent)];
  if (inner === undefined || outer === undefined || inner === outer) return false;
  if (bitwise.has(inner) || bitwise.has(outer)) return true;
  return divisions.has(inner) && infixPrecedence(inner) === infixPrecedence(outer);
}

function opOf(expr: ast.Expr): ast.BinaryOp | undefined {
  return expr.kind === "binary" ? expr.op : undefined;
}

export class ExpressionPrinter {
  protected readonly comments: CommentCursor;

  constructor(comments: CommentCursor) {
    this.comments = comments;
  }

  /**
   * An expression outside brackets: in parentheses if it breaks and has no brackets of its own to break in.
   * `more` tells that its line goes on, so that a comment in it can't move to the end of the line.
   */
  loose(expr: ast.Expr, more = false): Doc {
    if (expr.kind === "tuple" && !this.hasParentheses(expr)) {
      return join(
        ", ",
        expr.items.map((item, index) => this.loose(item, more || index < expr.items.length - 1)),
      );
    }
    // Names, calls, lists break inside brackets of their own, if at all.
    if (levelOf(expr) === atomic && !parenthesesOf(expr)) return this.expression(expr);
    const content = [
      this.comments.lead(contentStart(expr)),
      this.expression(expr),
      this.comments.suffixes(outerSpan(expr).end, more),
    ];
    return group([ifBreak("("), indent([softline, content]), softline, ifBreak(")")]);
  }

  /** An expression in parentheses, with all comments that stand there. */
  private enclosed(expr: ast.Expr): Doc {
    const content = [
      this.comments.lead(contentStart(expr)),
      this.expression(expr),
      this.comments.suffixes(outerSpan(expr).end, true),
    ];
    return group(["(", indent([softline, content]), softline, ")"]);
  }

  /** Bare tuples end where their last item ends and begin with their first, which has its own parentheses. */
  private hasParentheses(tuple: ast.TupleExpr): boolean {
    const first = tuple.items[0];
    return !first || outerSpan(first).start > tuple.span.start;
  }

  expression(expr: ast.Expr): Doc {
    switch (expr.kind) {
      case "number":
        return expr.text;
      case "string":
        return stringText(expr);
      case "bool":
        return expr.value ? "True" : "False";
      case "name":
        return expr.text;
      case "unary":
        return this.unary(expr);
      case "binary":
      case "logical":
      case "compare":
        return group(this.chain(expr));
      case "cond":
        return this.conditional(expr);
      case "call":
        return [this.base(expr.callee), this.argumentList(expr, outerSpan(expr.callee).end)];
      case "index":
        return [
          this.base(expr.base),
          this.brackets("[", expr.items, "]", expr.span.start, (item) => this.indexItem(item), false),
        ];
      case "attribute":
        return [this.base(expr.base), ".", expr.name.text];
      case "tuple": {
        const [only] = expr.items;
        if (expr.items.length === 1 && only) return ["(", this.expression(only), ",)"];
        return this.brackets("(", expr.items, ")", expr.span.start, (item) => this.expression(item));
      }
      case "list":
        return this.brackets("[", expr.items, "]", expr.span.start, (item) => this.expression(item));
      case "star":
        return ["*", this.operand(expr.operand, expr, precedence.or)];
      case "function-type":
        return [
          "def",
          this.brackets("(", expr.params, ")", expr.span.start + "def".length, (item) =>
            this.expression(item),
          ),
          expr.result ? [" -> ", this.operand(expr.result, expr, precedence.or)] : "",
        ];
      case "error":
        return "";
    }
  }

  /** `expr` as an operand of `parent`, in parentheses if it binds looser than `least`. */
  private operand(expr: ast.Expr, parent: ast.Expr, least: number): Doc {
    if (levelOf(expr) >= least && !clarifies(expr, parent)) return this.expression(expr);
    return this.enclosed(expr);
  }

  private base(expr: ast.Expr): Doc {
    const literal = expr.kind === "number" || expr.kind === "string";
    if (levelOf(expr) === atomic && !literal) return this.expression(expr);
    return this.enclosed(expr);
  }

  private unary(expr: ast.UnaryExpr): Doc {
    const { op, operand } = expr;
    const level = prefixPrecedence(op);
    if (op === "not") return ["not ", this.operand(operand, expr, level)];
    // `- -x` could be taken for a decrement.
    const least = operand.kind === "unary" ? atomic : level;
    return [op, this.operand(operand, expr, least)];
  }

  /** A chain of operators of one level as one group: all on a line, or one operand a line. */
  private chain(expr: ast.BinaryExpr | ast.LogicalExpr | ast.CompareExpr): Doc {
    const level = levelOf(expr);
    if (expr.kind === "compare") {
      const [first, ...rest] = expr.operands.map((each) => () => this.operand(each, expr, level + 1));
      const operands = expr.operands;
      return [
        first!(),
        ...rest.map((print, index) => [
          this.comments.between(contentStart(operands[index + 1]!)),
          line,
          expr.ops[index]!,
          " ",
          print(),
        ]),
      ];
    }
    if (expr.op === "**") {
      const base = this.operand(expr.left, expr, level + 1);
      return [
        base,
        this.comments.between(contentStart(expr.right)),
        line,
        "** ",
        this.operand(expr.right, expr, precedence.sign),
      ];
    }
    const { left, right, op } = expr;
    const flat = levelOf(left) === level && left.kind === expr.kind && !clarifies(left, expr);
    const head = flat ? this.chain(left as ast.BinaryExpr) : this.operand(left, expr, level);
    return [
      head,
      this.comments.between(contentStart(right)),
      line,
      op,
      " ",
      this.operand(right, expr, level + 1),
    ];
  }

  private conditional(expr: ast.CondExpr): Doc {
    return group([
      this.operand(expr.then, expr, precedence.or),
      this.comments.between(contentStart(expr.cond)),
      line,
      "if ",
      this.operand(expr.cond, expr, precedence.or),
      this.comments.between(contentStart(expr.orelse)),
      line,
      "else ",
      this.operand(expr.orelse, expr, expr.orelse.kind === "cond" ? precedence.cond : precedence.or),
    ]);
  }

  argumentList({ args, generator }: Pick<ast.CallExpr, "args" | "generator">, from: number): Doc {
    const last = args.findLastIndex((arg) => !arg.name);
    return this.brackets(
      "(",
      args.map((arg, index) => ({
        ...arg,
        clauses: index === last ? generator : undefined,
        span: withClauses(arg, index === last ? generator : undefined),
      })),
      ")",
      from,
      (arg) => [this.argument(arg), (arg.clauses ?? []).map((clause) => this.clause(clause))],
      generator === undefined,
    );
  }

  private argument({ name, value }: ast.Argument): Doc {
    return name ? [name.text, "=", this.expression(value)] : this.expression(value);
  }

  private clause({ targets, iter, filters }: ast.GeneratorFor): Doc {
    const least = precedence.or;
    const wrapped = (expr: ast.Expr): Doc =>
      levelOf(expr) >= least ? this.expression(expr) : this.enclosed(expr);
    return [
      line,
      "for ",
      targetList(targets),
      " in ",
      wrapped(iter),
      filters.map((filter) => [line, "if ", wrapped(filter)]),
    ];
  }

  private indexItem(item: ast.IndexItem): Doc {
    if (!("slice" in item)) return this.argument(item);
    const { low, high, step } = item;
    const tight = [low, high, step].every((part) => !part || isSimple(part));
    const colon = (before: ast.Expr | undefined, after: ast.Expr | undefined): Doc =>
      tight ? ":" : [before ? " " : "", ":", after ? " " : ""];
    return [
      low ? this.expression(low) : "",
      colon(low, high),
      high ? this.expression(high) : "",
      step ? [colon(high, step), this.expression(step)] : "",
    ];
  }

  /** A bracketed list that opens somewhere behind `from`; `comma` tells whether one item a line ends in a comma. */
  brackets<T extends { readonly span: Span }>(
    open: string,
    items: readonly T[],
    close: string,
    from: number,
    print: (item: T) => Doc,
    comma = true,
  ): Doc {
    if (items.length === 0) {
      const inside = this.comments.inEmpty(from);
      return inside.length > 0 ? group([open, indent(inside), hardline, close]) : [open, close];
    }
    const parts: Doc[] = [];
    for (const [index, item] of items.entries()) {
      const span = spanOf(item);
      const { body, trail } = this.comments.item(startOf(item), span.end, () => print(item));
      const last = index === items.length - 1;
      parts.push(body, last ? (comma ? ifBreak(",") : "") : ",", trail);
      if (!last) parts.push(line);
    }
    parts.push(this.comments.closing(spanOf(items.at(-1)!).end));
    return group([open, indent([softline, group(parts)]), softline, close]);
  }

  /** Comments that no item took, each on a line of its own. */
  leftovers(end: number): Doc {
    return this.comments.before(end).map(({ text }) => [text.trimEnd(), hardline]);
  }
}

function spanOf(item: { readonly span: Span }): Span {
  return "kind" in item ? outerSpan(item as ast.Expr) : item.span;
}

/** Where the comments above an item end: at its own text, behind parentheses that may go. */
function startOf(item: { readonly span: Span }): number {
  if ("kind" in item) return contentStart(item as ast.Expr);
  return "value" in item ? contentStart(item.value as ast.Expr) : item.span.start;
}

function withClauses(arg: ast.Argument, clauses: readonly ast.GeneratorFor[] | undefined): Span {
  return clauses ? { ...arg.span, end: clauses.at(-1)!.span.end } : arg.span;
}

export function targetList(targets: readonly ast.LoopTarget[]): string {
  return targets.map(({ name, star }) => (star ? "*" : "") + name.text).join(", ");
}

function isSimple(expr: ast.Expr): boolean {
  if (expr.kind === "unary") return isSimple(expr.operand);
  return expr.kind === "name" || expr.kind === "number" || expr.kind === "attribute";
}

/** Where the first token of an expression stands that is no parenthesis. */
function contentStart(expr: ast.Expr): number {
  switch (expr.kind) {
    case "unary":
    case "star":
      return contentStart(expr.operand);
    case "binary":
    case "logical":
      return contentStart(expr.left);
    case "compare":
      return contentStart(expr.operands[0]!);
    case "cond":
      return contentStart(expr.then);
    case "call":
      return contentStart(expr.callee);
    case "index":
    case "attribute":
      return contentStart(expr.base);
    default:
      return expr.span.start;
  }
}

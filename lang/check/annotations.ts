// Annotations: decorators of loops and statements, checked for their names and for the shape of their
// arguments against the table in lang/annotations.ts. Whether one is legal is the compiler's question.

import type {
  AssignStmt,
  Argument,
  Decorator,
  ForStmt,
  LetStmt,
  ReturnStmt,
  ExprStmt,
  WhileStmt,
} from "../syntax/ast.ts";
import {
  annotationNames,
  annotationTable,
  isAnnotation,
  targetNames,
  tails,
  type AnnotationInfo,
  type AnnotationOption,
} from "../annotations.ts";
import type { AnnotationValue, TAnnotation, TargetName, TAssign, TExpr, TStmt } from "../typed.ts";
import { annotationValue, collectLoops, type LoopTable } from "./annotation-values.ts";
import { suggestion, type Cx } from "./context.ts";
import { decoratorHabits } from "./habits.ts";

type Annotated = ForStmt | WhileStmt | LetStmt | AssignStmt | ReturnStmt | ExprStmt;

export const decoratorText = (decorator: Decorator): string =>
  `@${decorator.path.map((part) => part.text).join(".")}`;

/** The decorators of a statement; `cx` is inside its loop variables' scope. */
export function checkAnnotations(cx: Cx, decorators: readonly Decorator[], stmt: Annotated): TAnnotation[] {
  if (decorators.length === 0) return [];
  const loops = collectLoops(cx, stmt, decorators);
  const checked: TAnnotation[] = [];
  for (const decorator of decorators) {
    const head = headOf(cx, decorator);
    if (!head) continue;
    if (loops.names.size === 0 || stmt.kind === "while") {
      cx.report(
        "K0506",
        { annotation: decoratorText(decorator), where: "a `for`, or a statement with a generator" },
        decorator.span,
      );
      continue;
    }
    const made = annotation(cx, decorator, head.name, head.target, loops);
    if (made) checked.push(made);
  }
  return checked;
}

/** The name and the target of a decorator, if it is an annotation. */
function headOf(
  cx: Cx,
  decorator: Decorator,
): { name: TAnnotation["name"]; target?: TargetName } | undefined {
  const [first, second, ...more] = decorator.path;
  if (!first || more.length) {
    unknownDecorator(cx, decorator);
    return undefined;
  }
  if (!second) {
    if (isAnnotation(first.text)) return { name: first.text };
    unknownDecorator(cx, decorator);
    return undefined;
  }
  const target = targetNames.find((one) => one === first.text);
  if (!target) {
    cx.report(
      "K0502",
      { annotation: decoratorText(decorator), what: `I know no target \`${first.text}\`` },
      first.span,
      suggestion(first.text, targetNames, first.span),
    );
    return undefined;
  }
  if (isAnnotation(second.text)) return { name: second.text, target };
  unknownDecorator(cx, decorator);
  return undefined;
}

/** A decorator that is none: misplaced, a habit, or misspelt. */
export function unknownDecorator(cx: Cx, decorator: Decorator): void {
  const last = decorator.path.at(-1);
  const name = last?.text ?? "";
  const text = decoratorText(decorator);
  if (isAnnotation(name)) {
    cx.report(
      "K0506",
      { annotation: text, where: "a `for`, or a statement with a generator" },
      decorator.span,
    );
  } else if (name === "op" || name === "atomic") {
    const where = name === "op" ? "a kernel" : "an update such as `h[b] += 1`";
    cx.report("K0506", { annotation: text, where }, decorator.span);
  } else {
    const habit = Object.hasOwn(decoratorHabits, name) ? decoratorHabits[name] : undefined;
    const near = last ? suggestion(name, [...annotationNames, "op", "atomic"], last.span) : {};
    cx.report(
      "K0502",
      { annotation: text, what: habit ?? "there is no such annotation" },
      decorator.span,
      habit ? {} : near,
    );
  }
}

function annotation(
  cx: Cx,
  decorator: Decorator,
  name: TAnnotation["name"],
  target: TargetName | undefined,
  loops: LoopTable,
): TAnnotation | undefined {
  const info = annotationTable[name];
  const args: AnnotationValue[] = [];
  const options: Record<string, AnnotationValue> = {};
  let good = true;
  const wrong = (arg: Argument, why: string): void => {
    cx.report("K0503", { annotation: decoratorText(decorator), why }, arg.span, {
      notes: [`for example \`${info.example}\``],
    });
    good = false;
  };
  for (const arg of decorator.args ?? []) {
    const operand = !arg.name && info.args.of.some((one) => one === "operand");
    const values = annotationValue(cx, arg.value, loops, {
      annotation: decoratorText(decorator),
      target,
      operand,
    });
    if (!values) {
      good = false;
      continue;
    }
    if (!arg.name) {
      args.push(...values);
      for (const value of values)
        if (!positionalFits(info, value)) wrong(arg, `it takes ${wantedArgs(info)} here`);
    } else if (optionFits(cx, decorator, info, arg, values[0]!, loops)) options[arg.name.text] = values[0]!;
    else good = false;
  }
  const { least, most } = info.args;
  if (
    good &&
    (args.length < least || args.length > most || (info.perLoop && Object.keys(options).length === 0))
  ) {
    const why = info.perLoop
      ? "it takes a size for each loop"
      : args.length < least
        ? "something is missing"
        : "these are too many";
    cx.report("K0503", { annotation: decoratorText(decorator), why }, decorator.span, {
      notes: [`for example \`${info.example}\``],
    });
    return undefined;
  }
  if (!good) return undefined;
  return { name, target, args, options, span: decorator.span };
}

function wantedArgs(info: AnnotationInfo): string {
  if (info.args.of.length === 0) return info.perLoop ? "sizes by loop, as in `i=64`," : "no argument";
  return info.args.of
    .map((one) => ({ loop: "loops", int: "a factor", operand: "tensors or Arrays" })[one])
    .join(" or ");
}

function positionalFits(info: AnnotationInfo, value: AnnotationValue): boolean {
  const { of } = info.args;
  switch (value.kind) {
    case "list":
      return value.items.length > 0 && value.items.every((item) => positionalFits(info, item));
    case "loop":
      return of.includes("loop");
    case "int":
      return of.includes("int") && value.value >= 1;
    case "ref":
      return of.includes("operand");
    default:
      return false;
  }
}

function optionFits(
  cx: Cx,
  decorator: Decorator,
  info: AnnotationInfo,
  arg: Argument,
  value: AnnotationValue,
  loops: LoopTable,
): boolean {
  const { text, span } = arg.name!;
  const report = (why: string): false => {
    cx.report("K0503", { annotation: decoratorText(decorator), why }, arg.span, {
      notes: [`for example \`${info.example}\``],
    });
    return false;
  };
  if (info.perLoop) {
    if (!loops.resolve(cx, text, span)) return false;
    return (
      valueFits("sizes", value) ||
      report(`the size for \`${text}\` is a whole number from 1 to below 2^30, or several in parentheses`)
    );
  }
  const wanted = Object.hasOwn(info.options, text) ? info.options[text] : undefined;
  if (!wanted) {
    cx.report(
      "K0503",
      { annotation: decoratorText(decorator), why: `it has no option \`${text}\`` },
      span,
      suggestion(text, Object.keys(info.options), span),
    );
    return false;
  }
  if (valueFits(wanted, value)) return true;
  const expected = {
    int: "a power of two from 2 to 64",
    loop: "a loop",
    tail: tails.map((one) => `"${one}"`).join(", "),
    sizes: "sizes",
  }[wanted];
  return report(`\`${text}\` is ${expected}`);
}

function valueFits(wanted: AnnotationOption, value: AnnotationValue): boolean {
  if (value.kind === "list")
    return value.items.length > 0 && value.items.every((item) => valueFits(wanted, item));
  switch (wanted) {
    case "int":
      return value.kind === "int" && [2, 4, 8, 16, 32, 64].includes(value.value);
    case "loop":
      return value.kind === "loop";
    case "tail":
      return value.kind === "string" && tails.some((one) => one === value.value);
    case "sizes":
      if (value.kind === "int") return value.value >= 1 && value.value < 2 ** 30;
      return (
        value.kind === "tuple" &&
        value.items.length > 0 &&
        value.items.every((item) => valueFits("sizes", item))
      );
  }
}

// ---- @atomic -------------------------------------------------------------------------------------

/** Takes `@atomic` out of an assignment's decorators. */
export function splitAtomic(decorators: readonly Decorator[]): {
  decorators: readonly Decorator[];
  atomic?: Decorator;
} {
  const atomic = decorators.find((one) => one.path.length === 1 && one.path[0]!.text === "atomic");
  return atomic ? { decorators: decorators.filter((one) => one !== atomic), atomic } : { decorators };
}

const atomicOps: ReadonlySet<string> = new Set(["add", "min", "max", "and", "or", "xor"]);

/** An update marked `@atomic`: `h[b] += 1`, or `h[b] = max(h[b], v)`. */
export function atomicUpdate(cx: Cx, decorator: Decorator, assign: TAssign): TStmt[] {
  const refuse = (why: string): TStmt[] => {
    cx.report("K0507", { why }, decorator.span, {
      notes: ["for example `h[b] += 1`, or `h[b] = max(h[b], v)`"],
    });
    return [];
  };
  if (decorator.args?.length) return refuse("it takes no arguments");
  const { target, value } = assign;
  if (target.kind !== "index" || target.type.kind !== "scalar")
    return refuse("it stands on an update of one element");
  if (assign.op)
    return atomicOps.has(assign.op)
      ? [{ ...assign, atomic: true }]
      : refuse("the update is `+=`, `&=`, `|=` or `^=`");
  if (value.kind !== "binary" || !atomicOps.has(value.op))
    return refuse("the update combines the element with a value");
  if (sameExpr(value.left, target)) return [{ ...assign, op: value.op, value: value.right, atomic: true }];
  if (sameExpr(value.right, target)) return [{ ...assign, op: value.op, value: value.left, atomic: true }];
  return refuse("the update reads the element that it writes");
}

/** Whether two pure expressions are written alike: the same names, constants and operations. */
function sameExpr(a: TExpr, b: TExpr): boolean {
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case "ref":
      return b.kind === "ref" && a.sym === b.sym;
    case "const":
      return b.kind === "const" && a.value === b.value;
    case "index":
      return (
        b.kind === "index" &&
        sameExpr(a.base, b.base) &&
        a.indices.length === b.indices.length &&
        a.indices.every((one, at) => sameExpr(one, b.indices[at]!))
      );
    case "binary":
      return b.kind === "binary" && a.op === b.op && sameExpr(a.left, b.left) && sameExpr(a.right, b.right);
    case "convert":
      return b.kind === "convert" && a.mode === b.mode && a.type === b.type && sameExpr(a.operand, b.operand);
    default:
      return false;
  }
}

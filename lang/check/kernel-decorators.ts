// Decorators of declarations: `@op("kern::softmax")` on a kernel. A `def` has none.

import type { Argument, Decorator, Expr, FunctionDecl, KernelDecl } from "../syntax/ast.ts";
import type { OpInputs, TParam } from "../typed.ts";
import { decoratorText, unknownDecorator } from "./annotations.ts";
import type { Cx } from "./context.ts";

/** The op that a kernel is, and what it takes of a node's inputs. */
export interface OpDeclaration {
  readonly op?: string;
  readonly opInputs?: OpInputs;
}

/** What `@op` says of a kernel; reports all other decorators. */
export function opOf(cx: Cx, decl: KernelDecl, params: readonly TParam[]): OpDeclaration {
  let found: OpDeclaration | undefined;
  for (const decorator of decl.decorators) {
    if (decorator.path.length !== 1 || decorator.path[0]!.text !== "op") {
      unknownDecorator(cx, decorator);
      continue;
    }
    const declared = found ? "a kernel has one name" : declaration(decorator, params);
    if (typeof declared !== "string") found = declared;
    else
      cx.report("K0503", { annotation: decoratorText(decorator), why: declared }, decorator.span, {
        notes: ['for example `@op("kern::softmax")`'],
      });
  }
  return found ?? {};
}

/** What a decorator declares, or why it doesn't. */
function declaration(decorator: Decorator, params: readonly TParam[]): OpDeclaration | string {
  const op = opName(decorator);
  if (op === undefined) return "it takes a name with its domain";
  let opInputs: OpInputs = {};
  for (const option of decorator.args!.slice(1)) {
    const made = optionOf(option, params);
    if (typeof made === "string") return made;
    opInputs = { ...opInputs, ...made };
  }
  if (opInputs.fold && opInputs.numbers) return "`fold` takes all inputs, so there are none to name";
  return Object.keys(opInputs).length > 0 ? { op, opInputs } : { op };
}

function optionOf({ name, value }: Argument, params: readonly TParam[]): OpInputs | string {
  const tensors = params.filter(({ sym }) => sym.type.kind === "tensor");
  const given = tensors.filter(({ mode }) => mode !== "out");
  if (name?.text === "inputs") {
    const numbers = value.kind === "list" ? value.items.map(inputNumber) : [];
    if (numbers.some((number, at) => number === undefined || number <= (numbers[at - 1] ?? -1)))
      return "`inputs` is a list of numbers of inputs in ascending order, from 0";
    if (numbers.length !== given.length)
      return `\`inputs\` names ${numbers.length}, and the kernel takes ${given.length}`;
    return { numbers: numbers as number[] };
  }
  if (name?.text === "fold") {
    if (value.kind !== "bool") return "`fold` is True or False";
    if (!value.value) return {};
    const [type, result] = [given[0], tensors.find(({ mode }) => mode === "out")].map(
      (each) => each?.sym.type,
    );
    const fits =
      tensors.length === 3 &&
      given.length === 2 &&
      given.every(({ mode }) => mode === "in") &&
      type?.kind === "tensor" &&
      result?.kind === "tensor" &&
      type.dtype === result.dtype &&
      type.shape.length === result.shape.length;
    return fits
      ? { fold: true }
      : "to fold, a kernel takes two tensors and gives one that can be the first of them again";
  }
  return "it takes a name, and the options `inputs` and `fold`";
}

/** A whole number as it is written. */
const inputNumber = (expr: Expr): number | undefined =>
  expr.kind === "number" && !expr.decimal ? Number(expr.text) : undefined;

/** The name in `@op("domain::name", …)`, without reporting. */
export function opName(decorator: Decorator): string | undefined {
  const [arg] = decorator.args ?? [];
  const value = arg?.value;
  if (arg?.name || value?.kind !== "string") return undefined;
  return /^[\w.]+::[\w.]+$/.test(value.value) ? value.value : undefined;
}

export function refuseDecorators(cx: Cx, decl: FunctionDecl): void {
  for (const decorator of decl.decorators) unknownDecorator(cx, decorator);
}

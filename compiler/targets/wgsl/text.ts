// Expressions as text that knows how tightly it binds, so that parentheses stand only where WGSL's grammar asks
// for them. That grammar is stricter than C's: shifts and bitwise operators take unary operands, `&&` and `||`
// don't mix, and a comparison inside an argument list can be mistaken for a template (`f(a < b, c > d)`).

/** How tightly a text binds, after the productions of WGSL's grammar. */
export type Level =
  | "primary"
  | "unary"
  | "product"
  | "sum"
  | "shift"
  | "bit-and"
  | "bit-or"
  | "bit-xor"
  | "comparison"
  | "and"
  | "or";

export interface Text {
  readonly text: string;
  readonly level: Level;
}

const simple: readonly Level[] = ["primary", "unary"];
const product: readonly Level[] = [...simple, "product"];
const sum: readonly Level[] = [...product, "sum"];
const comparison: readonly Level[] = [...sum, "comparison"];

interface Operator {
  readonly level: Level;
  readonly left: readonly Level[];
  readonly right: readonly Level[];
}

const operator = (level: Level, left: readonly Level[], right: readonly Level[]): Operator => ({
  level,
  left,
  right,
});

/** The binary operators: what each side may be without parentheses. */
const operators = {
  "*": operator("product", product, simple),
  "/": operator("product", product, simple),
  "%": operator("product", product, simple),
  "+": operator("sum", sum, product),
  "-": operator("sum", sum, product),
  "<<": operator("shift", simple, simple),
  ">>": operator("shift", simple, simple),
  "&": operator("bit-and", [...simple, "bit-and"], simple),
  "|": operator("bit-or", [...simple, "bit-or"], simple),
  "^": operator("bit-xor", [...simple, "bit-xor"], simple),
  "==": operator("comparison", sum, sum),
  "!=": operator("comparison", sum, sum),
  "<": operator("comparison", sum, sum),
  "<=": operator("comparison", sum, sum),
  ">": operator("comparison", sum, sum),
  ">=": operator("comparison", sum, sum),
  "&&": operator("and", [...comparison, "and"], comparison),
  "||": operator("or", [...comparison, "or"], comparison),
} as const;

export type BinaryOperator = keyof typeof operators;

/** Text that needs no parentheses anywhere: a name, a literal, a call. */
export function primary(text: string): Text {
  return { text, level: "primary" };
}

/** The text, in parentheses unless its level is allowed. */
export function within(value: Text, allowed: readonly Level[]): string {
  return allowed.includes(value.level) ? value.text : `(${value.text})`;
}

export function binary(sign: BinaryOperator, left: Text, right: Text): Text {
  const { level, left: leftLevels, right: rightLevels } = operators[sign];
  return { text: `${within(left, leftLevels)} ${sign} ${within(right, rightLevels)}`, level };
}

/** `-x`, `!x`, `~x`; never two signs in a row, since `--` is a token. */
export function unary(sign: "-" | "!" | "~", value: Text): Text {
  return { text: sign + within(value, ["primary"]), level: "unary" };
}

/** A call; an argument with a `<` in the open gets parentheses, so that it never starts a template list. */
export function call(name: string, ...args: readonly Text[]): Text {
  const argument = ({ text, level }: Text): string =>
    (level === "comparison" || level === "and" || level === "or") && text.includes(" < ")
      ? `(${text})`
      : text;
  return primary(`${name}(${args.map(argument).join(", ")})`);
}

/** One element of an array. */
export function element(array: string, index: Text): Text {
  return primary(`${array}[${index.text}]`);
}

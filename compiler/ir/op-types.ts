// What the op table says about types: the result type of an application, and what is wrong with one. The
// builders, the text parser and the verifier ask here, so that the rules are read in one place.

import { isFloat, isInteger, type Dtype } from "../../lang/dtypes.ts";
import { sameType, type IrType } from "./ir.ts";
import { opInfo, type OperandClass, type OpName } from "./ops.ts";

/** What a node states itself, for rows whose result doesn't follow from the operands. */
export interface StatedType {
  readonly dtype?: Dtype;
  readonly lanes?: number;
  readonly imm?: readonly number[];
}

/** A type as text: `f32`, or `f32x4` for lanes. */
export function typeText(type: IrType): string {
  return type.lanes === 1 ? type.dtype : `${type.dtype}x${type.lanes}`;
}

/** The result type of an op, or undefined where the operands or what is stated don't determine one. */
export function resultType(
  name: OpName,
  args: readonly IrType[],
  stated: StatedType = {},
): IrType | undefined {
  const info = opInfo(name);
  const first = args[0];
  if (!first) return undefined;
  switch (info.result) {
    case "same":
      return first;
    case "bool":
      return { dtype: "bool", lanes: first.lanes };
    case "select":
      return args[1];
    case "stated":
      return stated.dtype && { dtype: stated.dtype, lanes: first.lanes };
    case "special":
      return args[info.typeOf ?? 0];
    case "lanes": {
      const lanes = lanesOf(info.lanes, args.length, stated);
      return lanes === undefined ? undefined : { dtype: first.dtype, lanes };
    }
  }
}

function lanesOf(
  rule: ReturnType<typeof opInfo>["lanes"],
  operands: number,
  stated: StatedType,
): number | undefined {
  if (rule === "stated") return stated.lanes;
  if (rule === "operands") return operands;
  if (rule === "immediates") return stated.imm?.length;
  return rule;
}

const classes: Record<OperandClass, (dtype: Dtype) => boolean> = {
  any: () => true,
  number: (dtype) => dtype !== "bool",
  float: isFloat,
  integer: isInteger,
  "integer-or-bool": (dtype) => dtype === "bool" || isInteger(dtype),
  bool: (dtype) => dtype === "bool",
};

/** What is wrong with an application by the op table, or undefined. */
export function opProblem(
  name: OpName,
  args: readonly IrType[],
  result: IrType,
  imm: readonly number[] = [],
): string | undefined {
  const info = opInfo(name);
  if (info.arity < 0 ? args.length === 0 : args.length !== info.arity)
    return `takes ${info.arity < 0 ? "at least 1" : info.arity} operands, not ${args.length}`;
  const immediates = info.optional && imm.length === 0 ? 0 : (info.immediates ?? 0);
  if (immediates < 0 ? imm.length === 0 : imm.length !== immediates)
    return `takes ${immediates < 0 ? "at least 1" : immediates} immediates, not ${imm.length}`;
  const operands = info.result === "select" ? args.slice(1) : args;
  const misfit = operands.find((arg) => !classes[info.operands](arg.dtype));
  if (misfit) return `takes operands of class ${info.operands}, not ${typeText(misfit)}`;
  if (info.result !== "special" && operands.some((arg) => !sameType(arg, operands[0]!)))
    return `has operands of different types (${args.map(typeText).join(", ")})`;
  if (info.result === "select") {
    const mask = args[0]!;
    if (mask.dtype !== "bool" || (mask.lanes !== 1 && mask.lanes !== result.lanes))
      return `has the mask ${typeText(mask)} for a result of ${typeText(result)}`;
  }
  const expected = resultType(name, args, { dtype: result.dtype, lanes: result.lanes, imm });
  if (!expected || !sameType(expected, result))
    return `has the type ${typeText(result)}${expected ? ` instead of ${typeText(expected)}` : ""}`;
  return info.check?.(args, result, imm);
}

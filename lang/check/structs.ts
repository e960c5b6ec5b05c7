// Structs: plain values with typed fields. The type is made once for each declaration and compared by it.

import type { StructDecl } from "../syntax/ast.ts";
import type { StructType } from "../typed.ts";
import type { Cx } from "./context.ts";
import { valueType } from "./type-expressions.ts";
import { errorType, isError, typeName } from "./types.ts";
import { errorValue, type Value } from "./values.ts";

/** The value of a struct's name. */
export function structType(cx: Cx, decl: StructDecl): Value {
  const fields: { name: string; type: StructType["fields"][number]["type"] }[] = [];
  for (const field of decl.fields) {
    const { text, span } = field.name;
    if (fields.some((other) => other.name === text)) cx.report("K0203", { name: text }, span);
    let type = valueType(cx, field.type);
    if (type.kind === "tensor" || type.kind === "array") {
      cx.report("K0320", { found: `\`${typeName(type)}\` as a field` }, field.type.span, {
        notes: ["a struct holds scalars, SIMD values, tuples and structs"],
      });
      type = errorType;
    }
    fields.push({ name: text, type });
  }
  if (fields.some((field) => isError(field.type))) return errorValue(decl.name.span);
  return { kind: "struct", type: { kind: "struct", name: decl.name.text, fields }, span: decl.name.span };
}

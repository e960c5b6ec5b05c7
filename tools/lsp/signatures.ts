// The parameters of the call that is being written. Read off the text, since a call without its end has no tree yet.

import type { SignatureHelp, SignatureInformation } from "vscode-languageserver/node";
import { builtins, isBuiltin } from "../../lang/builtins.ts";
import { textOf } from "../../lang/source.ts";
import type { Analysis } from "./analysis.ts";
import { declarationOf } from "./hover.ts";

/** So far back a call begins at most. */
const reach = 4000;

export function signatureAt(analysis: Analysis, offset: number): SignatureHelp | undefined {
  const call = openCall(analysis.file.text, offset);
  if (!call) return undefined;
  const use = analysis.names.at(call.end);
  const found = use && declarationOf(analysis, use);
  const signatures = found?.of
    ? [
        information(
          found.text,
          found.of.params.map(({ span }) => textOf(span)),
          found.doc,
        ),
      ]
    : isBuiltin(call.name)
      ? builtins[call.name].signatures.map((text) =>
          information(text, parametersIn(text), builtins[call.name as keyof typeof builtins].doc),
        )
      : [];
  if (signatures.length === 0) return undefined;
  const fits = signatures.findIndex(({ parameters = [] }) => parameters.length > call.argument);
  return { signatures, activeSignature: Math.max(fits, 0), activeParameter: call.argument };
}

const information = (label: string, parameters: readonly string[], doc?: string): SignatureInformation => ({
  label,
  parameters: parameters.map((each) => ({ label: each })),
  ...(doc === undefined ? {} : { documentation: { kind: "markdown", value: doc } }),
});

/** `clamp(x: T, lo: T)` → its parts between commas. */
function parametersIn(signature: string): string[] {
  const inside = /\((.*)\)/.exec(signature)?.[1] ?? "";
  return inside.split(", ").filter((part) => part !== "");
}

interface Call {
  readonly name: string;
  /** Behind its name. */
  readonly end: number;
  /** Which argument the offset is in, from 0. */
  readonly argument: number;
}

/** The innermost call whose parenthesis is open at an offset. */
function openCall(text: string, offset: number): Call | undefined {
  let depth = 0;
  let argument = 0;
  for (let at = offset - 1; at >= 0 && at > offset - reach; at--) {
    const character = text[at]!;
    if (character === ")" || character === "]") depth++;
    else if (character === "," && depth === 0) argument++;
    else if (character === "[" && depth-- === 0) return undefined;
    else if (character === "(" && depth-- === 0) {
      // Compile-time arguments stand between the name and its parenthesis.
      const name = /(\w+)(?:\[[^[\]\n]*\])?$/.exec(text.slice(Math.max(0, at - 200), at));
      if (!name) return undefined;
      return { name: name[1]!, end: at - (name[0].length - name[1]!.length), argument };
    }
  }
  return undefined;
}

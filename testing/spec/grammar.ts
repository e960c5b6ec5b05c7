// The grammar page's productions, read off the parser: Chevrotain's serialized rules as EBNF, and the tokens that
// they name.

import type { ISerializedGast } from "chevrotain";
import { grammar } from "../../lang/syntax/index.ts";

type Node = ISerializedGast & {
  readonly name?: string;
  readonly label?: string;
  /** Absent, a placeholder, or a function for tokens that no regular expression describes. */
  readonly pattern?: unknown;
  readonly definition?: readonly Node[];
  readonly separator?: Node;
};

/** Every rule as EBNF, and a row for each token whose text isn't fixed. */
export function grammarText(): {
  readonly rules: string;
  readonly tokens: readonly (readonly [string, string])[];
} {
  const rules = grammar().getSerializedGastProductions() as readonly Node[];
  const tokens = new Map<string, string>();
  const text = rules.map((rule) => {
    const alternatives = alternativesOf(rule, tokens);
    const head = `${rule.name!} = `;
    const line = `${head}${alternatives.join(" | ")} ;`;
    if (line.length <= 100) return line;
    return `${rule.name!} =\n    ${alternatives.join("\n  | ")} ;`;
  });
  return { rules: text.join("\n\n"), tokens: [...tokens].toSorted(([a], [b]) => (a < b ? -1 : 1)) };
}

function alternativesOf(rule: Node, tokens: Map<string, string>): readonly string[] {
  const [only, ...more] = rule.definition ?? [];
  if (only?.type === "Alternation" && more.length === 0)
    return (only.definition ?? []).map((each) => sequence(each.definition, tokens));
  return [sequence(rule.definition, tokens)];
}

function sequence(nodes: readonly Node[] = [], tokens: Map<string, string>): string {
  return nodes.map((node) => show(node, tokens)).join(" ") || "(* nothing *)";
}

function show(node: Node, tokens: Map<string, string>): string {
  const inside = (): string => sequence(node.definition, tokens);
  switch (node.type) {
    case "NonTerminal":
      return node.name!;
    case "Terminal":
      return terminal(node, tokens);
    case "Option":
      return `[ ${inside()} ]`;
    case "Repetition":
      return `{ ${inside()} }`;
    case "RepetitionMandatory":
      return `${group(inside())} { ${inside()} }`;
    case "RepetitionWithSeparator":
      return `[ ${inside()} { ${show(node.separator!, tokens)} ${inside()} } ]`;
    case "RepetitionMandatoryWithSeparator":
      return `${inside()} { ${show(node.separator!, tokens)} ${inside()} }`;
    case "Alternation": {
      const options = (node.definition ?? []).map((each) => sequence(each.definition, tokens));
      return options.length === 1 ? options[0]! : `( ${options.join(" | ")} )`;
    }
    default:
      return inside();
  }
}

const group = (text: string): string => (text.includes(" ") ? `( ${text} )` : text);

/** A fixed mark or word as itself; any other token by its name in capitals. */
function terminal({ name, label, pattern }: Node, tokens: Map<string, string>): string {
  const fixed = /^`([^`]+)`$/.exec(label ?? "")?.[1];
  if (fixed !== undefined) return JSON.stringify(fixed);
  const shown = name!.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
  const described = typeof pattern === "string" && pattern !== "NOT_APPLICABLE";
  tokens.set(shown, described ? `\`${pattern.replaceAll("|", "\\|")}\`` : (label ?? ""));
  return shown;
}

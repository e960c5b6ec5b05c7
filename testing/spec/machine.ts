// The tables of the page on the TSP that are made from the machine's own: constants of the profiles, and instructions.

import {
  constantNames,
  groqchipCal,
  ideal,
  type ConstantName,
} from "../../compiler/targets/tsp/machine/profile.ts";
import { ops, rowOf } from "../../compiler/targets/tsp/machine/table.ts";

const constants = /(<!-- constants -->\n)[^]*?(<!-- end of constants -->)/;
const instructions = /(<!-- instructions -->\n)[^]*?(<!-- end of instructions -->)/;

export function withMachineTables(page: string): string {
  const rows = (Object.entries(constantNames) as [ConstantName, string][]).map(
    ([name, counts]) =>
      `| \`${name}\` | ${counts} | ${groqchipCal.constants[name].value} | ${ideal.constants[name].value} | ${groqchipCal.constants[name].source} |`,
  );
  const table = ops.map((op, number) => {
    const { unit, text, doc } = rowOf(op);
    return `| ${number} | ${unit.toUpperCase()} | \`${text}\` | ${doc.replaceAll("|", String.raw`\|`)} |`;
  });
  return page
    .replace(
      constants,
      `$1\n| constant | counts | groqchip-cal | ideal | source of groqchip-cal |\n|---|---|---|---|---|\n${rows.join("\n")}\n\n$2`,
    )
    .replace(
      instructions,
      `$1\n| number | unit | text | what |\n|---|---|---|---|\n${table.join("\n")}\n\n$2`,
    );
}

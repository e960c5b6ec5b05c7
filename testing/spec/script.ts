// A `js` block: a program against the public interface, run as it stands. What it prints with `console.log` must be what
// the `out` block behind it says. A line that ends with `// error[K0713] "text"` must fail with that error.

import * as kernc from "../../compiler/index.ts";
import * as runtime from "../../runtime/index.ts";
import * as onnx from "../../runtime/onnx/index.ts";
import * as protobuf from "@bufbuild/protobuf";
import * as onnxBuf from "onnx-buf";
import type { Block } from "./page.ts";

const modules: Readonly<Record<string, object>> = {
  kernc,
  "kernc/runtime": runtime,
  "kernc/onnx": onnx,
  "@bufbuild/protobuf": protobuf,
  "onnx-buf": onnxBuf,
};

/** What goes otherwise than a `js` block says. `source` is the `.kern` text that the program finds under that name. */
export async function scriptProblems(
  block: Block,
  printed: Block | undefined,
  source: string | undefined,
): Promise<readonly string[]> {
  const problems: string[] = [];
  const output: string[] = [];
  const body = block.text
    .replace(
      /^import (\{[^}]*\}) from "([^"]+)";$/gm,
      (_, names: string, from: string) =>
        `const ${names.replaceAll(" as ", ": ")} = modules[${JSON.stringify(from)}];`,
    )
    .replace(
      /^( *)(.*?);? \/\/ error\[(K\d{4})\](?: "(.*)")?$/gm,
      (_, indent: string, statement: string, code: string, text = "") =>
        `${indent}await rejects(${JSON.stringify([code, text])}, async () => { ${statement}; });`,
    );
  const rejects = async ([code, text]: [string, string], action: () => Promise<void>): Promise<void> => {
    try {
      await action();
      problems.push(`line ${block.line}: nothing fails with ${code}`);
    } catch (error) {
      const { message, diagnostic } = error as runtime.KernError;
      const { diagnostics } = error as Partial<kernc.CompileError>;
      const found = (diagnostic ?? diagnostics?.[0])?.code;
      const said = message.replaceAll("’", "'");
      if (found !== code || !said.includes(text))
        problems.push(
          `line ${block.line}: fails with ${found}: ${message}, not ${code} ${JSON.stringify(text)}`,
        );
    }
  };
  const log = (...values: unknown[]): void => void output.push(values.map(String).join(" "));
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
  const run = AsyncFunction("modules", "console", "rejects", "source", body) as (
    ...given: unknown[]
  ) => Promise<void>;
  await run(modules, { log }, rejects, source);
  const want = printed?.text.trimEnd() ?? "";
  if (output.join("\n") !== want)
    problems.push(
      `line ${block.line}: prints ${JSON.stringify(output.join("\n"))}, not ${JSON.stringify(want)}`,
    );
  return problems;
}

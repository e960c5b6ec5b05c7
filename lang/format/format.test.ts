// The formatter keeps the tree and every comment, and its own output is where it stops changing things.

import { readFileSync, readdirSync } from "node:fs";
import * as fc from "fast-check";
import { format as prettierFormat } from "prettier";
import { describe, expect, test } from "vitest";
import { DiagnosticSink, renderShort } from "../diagnostics/index.ts";
import { parse } from "../syntax/index.ts";
import { formatKern } from "./index.ts";
import plugin from "./plugin.ts";
import { sourceText } from "../syntax/fixtures/source-text.ts";

/** The tree without places, as comparable data. */
function treeOf(text: string): unknown {
  const sink = new DiagnosticSink();
  const module = parse({ path: "x.kern", text }, sink);
  if (sink.hasErrors) throw new Error(`${renderShort(sink.all)}\n${text}`);
  const drop = new Set(["span", "opSpan", "file", "comments"]);
  return JSON.parse(
    JSON.stringify({ doc: module.doc, items: module.items }, (key, value) =>
      drop.has(key) ? undefined : value,
    ),
  );
}

async function check(text: string): Promise<string> {
  const once = await formatKern(text);
  expect(treeOf(once)).toEqual(treeOf(text));
  expect(await formatKern(once)).toBe(once);
  return once;
}

const fixtures = new URL("../syntax/fixtures/", import.meta.url);
const files = readdirSync(fixtures).filter((name) => name.endsWith(".kern"));

describe("fixtures", () => {
  test.each(files)("%s", async (name) => {
    expect(await check(readFileSync(new URL(name, fixtures), "utf8"))).toMatchSnapshot();
  });

  test("everything.kern is formatted already, but for its one-line suite and import", async () => {
    const text = readFileSync(new URL("everything.kern", fixtures), "utf8");
    const changed = text
      .replace("(one, two as deux,)", "one, two as deux")
      .replace("if count == 5: continue", "if count == 5:\n            continue");
    expect(await formatKern(text)).toBe(changed);
  });
});

describe("generated source", () => {
  test("keeps its tree, its comments and, formatted twice, its text", async () => {
    await fc.assert(
      fc.asyncProperty(sourceText, async (text) => {
        const once = await check(text);
        for (const [comment] of text.matchAll(/# c\d+/g)) {
          expect(once.split(new RegExp(`${comment}(?!\\d)`)).length - 1, comment).toBe(1);
        }
        for (const line of once.split("\n")) expect(line).toBe(line.trimEnd());
      }),
      { numRuns: Number(process.env["KERN_FUZZ_RUNS"] ?? 200) },
    );
  });
});

describe("parentheses", () => {
  const body = async (text: string): Promise<string> =>
    (await check(`comptime x = ${text}\n`)).trim().slice("comptime x = ".length);

  test.each([
    ["((a))", "a"], ["(a * b) + c", "a * b + c"], ["a - (b - c)", "a - (b - c)"], ["(a - b) - c", "a - b - c"],
    ["(-a) ** b", "(-a) ** b"], ["-(a ** b)", "-a ** b"], ["a ** (b ** c)", "a ** b ** c"], ["(a ** b) ** c", "(a ** b) ** c"],
    ["a ** (-b)", "a ** -b"], ["-(-a)", "-(-a)"], ["- -a", "-(-a)"], ["not (not a)", "not not a"], ["not (a == b)", "not a == b"],
    ["(not a) == b", "(not a) == b"], ["(a < b) < c", "(a < b) < c"], ["a < (b < c)", "a < (b < c)"], ["a < b < c", "a < b < c"],
    ["(a & b) == c", "a & b == c"], ["a or (b and c)", "a or (b and c)"], ["a or b and c", "a or b and c"],
    ["(a or b) and c", "(a or b) and c"], ["(a << 2) + b", "(a << 2) + b"], ["a + (b << 2)", "a + (b << 2)"],
    ["(a | b) | c", "a | b | c"], ["(a * b) // c", "a * b // c"], ["a * (b // c)", "a * (b // c)"], ["(a // b) * c", "(a // b) * c"],
    ["(a if b else c) if d else e", "(a if b else c) if d else e"], ["a if b else (c if d else e)", "a if b else c if d else e"],
    ["(f)(x)", "f(x)"], ["(a + b).c", "(a + b).c"], ["(1).c", "(1).c"], ["f((a, b))", "f((a, b))"], ["(a, b)", "(a, b)"], ["a, b", "a, b"],
    ["(a,)", "(a,)"], ["()", "()"], ["x[(i)]", "x[i]"], ["sum((a) for i in (r) if (c))", "sum(a for i in r if c)"],
    ["sum(a for i in (r if s else t))", "sum(a for i in (r if s else t))"], ["'a'", '"a"'], [`'"'`, `'"'`], ["'it\\'s'", `"it's"`],
    ["x[a:b, :, ::2, a + 1:]", "x[a:b, :, ::2, a + 1 :]"], ["(def(T) -> T)", "def(T) -> T"],
  ])("%s", async (text, expected) => {
    expect(await body(text)).toBe(expected);
  }); // prettier-ignore
});

describe("comments around an import", () => {
  test.each([
    "from std.math import exp\n\n# About f.\ndef f():\n    pass\n",
    "from std.math import exp\n# About a.\ncomptime a = 1\n",
    "from std.math import exp, sqrt\n\n# The end.\n",
    "from std.math import exp\n# Between.\nfrom std.math import sqrt\n",
  ])("%j stays as it is", async (text) => {
    expect(await check(text)).toBe(text);
  });

  test("inside its brackets they stay inside", async () => {
    const text = "from std.math import (\n    exp,\n    # Last.\n)\n\n# About a.\ncomptime a = 1\n";
    expect(await check(text)).toBe(text);
  });
});

describe("as a plugin", () => {
  test("Prettier finds the language by its extension and honours its options", async () => {
    const text = "def f():\n  return g(aaaa, bbbb)\n";
    const options = { filepath: "a.kern", plugins: [plugin] };
    expect(await prettierFormat(text, options)).toBe("def f():\n    return g(aaaa, bbbb)\n");
    expect(await prettierFormat(text, { ...options, printWidth: 20, tabWidth: 2 })).toBe(
      "def f():\n  return g(\n    aaaa, bbbb\n  )\n",
    );
  });

  test("a file with errors is refused at the place of the first", async () => {
    const refused = formatKern("def f():\n    let = 3\n", "bad.kern");
    await expect(refused).rejects.toMatchObject({
      name: "KernSyntaxError",
      loc: { start: { line: 2, column: 9 } },
    });
  });

  test("line ends, a byte order mark, a missing last newline, an empty file", async () => {
    expect(await formatKern("\ufeffcomptime a = 1\r\n\r\n\r\ncomptime b = 2")).toBe(
      "\ufeffcomptime a = 1\n\ncomptime b = 2\n",
    );
    expect(await formatKern("")).toBe("");
    expect(await formatKern("\n\n")).toBe("");
    expect(await formatKern("#only\n\n\n\n# comments")).toBe("# only\n\n# comments\n");
  });
});

// What the parser makes of programs, and what it says about mistakes: source and answer stand together.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { DiagnosticSink, renderPretty, renderShort } from "../diagnostics/index.ts";
import { syntax } from "../diagnostics/catalogue/syntax.ts";
import { textOf } from "../source.ts";
import type { Expr, Item, Module, Stmt } from "./ast.ts";
import { DeclarationGrammar } from "./declaration-grammar.ts";
import { parse } from "./index.ts";

function read(text: string): { module: Module; sink: DiagnosticSink } {
  const sink = new DiagnosticSink();
  return { module: parse({ path: "a.kern", text }, sink), sink };
}

/** The diagnostics as lines, `line:column: severity[code] message`. */
function says(text: string): string {
  return renderShort(read(text).sink.all).replaceAll("a.kern:", "").trim();
}

function show(expr: Expr): string {
  switch (expr.kind) {
    case "unary":
      return `(${expr.op} ${show(expr.operand)})`;
    case "binary":
    case "logical":
      return `(${show(expr.left)} ${expr.op} ${show(expr.right)})`;
    case "compare":
      return `(${expr.operands.map((each, index) => (index ? `${expr.ops[index - 1]} ` : "") + show(each)).join(" ")})`;
    case "cond":
      return `(${show(expr.then)} if ${show(expr.cond)} else ${show(expr.orelse)})`;
    case "tuple":
      return `<${expr.items.map(show).join(", ")}>`;
    default:
      return textOf(expr.span);
  }
}

function value(text: string): Expr {
  const { module, sink } = read(`comptime x = ${text}\n`);
  expect(renderShort(sink.all)).toBe("");
  const [item] = module.items;
  if (item?.kind !== "comptime") throw new Error("no constant");
  return item.value;
}

describe("precedence is Python’s", () => {
  test.each([
    ["a + b * c", "(a + (b * c))"], ["a * b + c", "((a * b) + c)"], ["a - b - c", "((a - b) - c)"],
    ["a ** b ** c", "(a ** (b ** c))"], ["-a ** b", "(- (a ** b))"], ["a ** -b", "(a ** (- b))"], ["a ** -b ** c", "(a ** (- (b ** c)))"],
    ["-a * b", "((- a) * b)"], ["~-a", "(~ (- a))"], ["a << b + c", "(a << (b + c))"], ["a & b << c", "(a & (b << c))"],
    ["a ^ b & c", "(a ^ (b & c))"], ["a | b ^ c", "(a | (b ^ c))"], ["a == b | c", "(a == (b | c))"], ["a < b <= c", "(a < b <= c)"],
    ["(a < b) < c", "((a < b) < c)"], ["not a == b", "(not (a == b))"], ["not a and b", "((not a) and b)"],
    ["a or b and not c", "(a or (b and (not c)))"], ["a if b else c if d else e", "(a if b else (c if d else e))"],
    ["a or b if c and d else e", "((a or b) if (c and d) else e)"], ["a % b // c", "((a % b) // c)"], ["a, b", "<a, b>"], ["(a + b) * c", "((a + b) * c)"],
    ["a + b < c + d and e", "(((a + b) < (c + d)) and e)"], ["-a.b[c](d)", "(- a.b[c](d))"],
  ])("%s", (text, tree) => {
    expect(show(value(text))).toBe(tree);
  }); // prettier-ignore

  test("spans take the parentheses of their operands along", () => {
    expect(textOf(value("(a + b) * (c)").span)).toBe("(a + b) * (c)");
    expect(textOf(value("(a + b).c").span)).toBe("(a + b).c");
    expect(textOf(value("-(a)").span)).toBe("-(a)");
  });
});

describe("trees", () => {
  const statements = (text: string): readonly Stmt[] => {
    const { module, sink } = read(`def f():\n${text.replace(/^/gm, "    ")}\n`);
    expect(renderShort(sink.all)).toBe("");
    return (module.items[0] as Item & { kind: "function" }).body;
  };

  test("a generator’s clauses belong to its call", () => {
    const call = value("reduce(f, 0, a for i, *j in r if c if d for k in s, key=1)");
    if (call.kind !== "call") throw new Error(call.kind);
    expect(call.args.map((arg) => textOf(arg.span))).toEqual(["f", "0", "a", "key=1"]);
    expect(call.generator?.map(({ targets, iter, filters }) => [targets.map(({ name, star }) => (star ? "*" : "") + name.text), textOf(iter.span), filters.length])).toEqual([
      [["i", "*j"], "r", 2],
      [["k"], "s", 0],
    ]); // prettier-ignore
  });

  test("elif nests in orelse", () => {
    const [first] = statements("if a: pass\nelif b: pass\nelse: pass");
    if (first?.kind !== "if" || first.orelse?.[0]?.kind !== "if") throw new Error("no elif");
    expect(first.elif).toBeUndefined();
    expect(first.orelse[0].elif).toBe(true);
    expect(first.orelse[0].orelse).toHaveLength(1);
  });

  test("contextual keywords are names elsewhere", () => {
    statements("let out = mut + test * where\nkernel = struct\nkernel[out] = as(from_)\ntest(1)");
    expect(
      says("kernel kernel(kernel: T, out out: T, mut mut: T, where: T) where where > 0:\n    pass\n"),
    ).toBe("");
  });

  test("slices, keyword subscripts, function types", () => {
    const index = value("x[i, :, lo:, :hi, ::s, T=f16, *S]");
    if (index.kind !== "index") throw new Error(index.kind);
    expect(index.items.map((item) => ("slice" in item ? [item.low, item.high, item.step].map((part) => part && textOf(part.span)) : textOf(item.span)))).toEqual([
      "i", [undefined, undefined, undefined], ["lo", undefined, undefined], [undefined, "hi", undefined], [undefined, undefined, "s"], "T=f16", "*S",
    ]); // prettier-ignore
    const type = value("def(T, index) -> U");
    expect(
      type.kind === "function-type" && [type.params.length, type.result && textOf(type.result.span)],
    ).toEqual([2, "U"]);
  });

  test("strings and numbers", () => {
    const text = (source: string): unknown => {
      const expr = value(source);
      return expr.kind === "string"
        ? expr.value
        : expr.kind === "number"
          ? [expr.text, expr.decimal]
          : undefined;
    };
    expect(text(String.raw`"a\n\t\x41\u00e9\u{1F600}\"\\"`)).toBe('a\n\tAé😀"\\');
    expect(text('"""a\r\n"b\\\n c"""')).toBe('a\n"b c');
    expect([text("0x1E"), text("1_0"), text("1e5"), text(".5"), text("0b1")]).toEqual([
      ["0x1E", false], ["1_0", false], ["1e5", true], [".5", true], ["0b1", false],
    ]); // prettier-ignore
  });

  test("comments keep their places", () => {
    const { module } = read("#a\ncomptime x = [ # b\n  # c\n  1]  # d\n");
    expect(module.comments.map(({ text, ownLine, span }) => [text, ownLine, textOf(span)])).toEqual([
      ["#a", true, "#a"], ["# b", false, "# b"], ["# c", true, "# c"], ["# d", false, "# d"],
    ]); // prettier-ignore
  });

  test("line ends, a byte order mark, no last newline", () => {
    for (const text of [
      "\ufeffdef f():\r\n    pass",
      "def f():\r    pass\r",
      "def f(): pass",
      "\n\n  # c\ndef f():\n\n    # d\n    pass\n   ",
    ]) {
      expect(says(text), JSON.stringify(text)).toBe("");
      expect(read(text).module.items, JSON.stringify(text)).toHaveLength(1);
    }
  });
});

describe("mistakes", () => {
  test("habits of other languages, one after the other", () => {
    const text = readFileSync(new URL("fixtures/habits.kern.txt", import.meta.url), "utf8");
    expect(renderPretty(read(text).sink.all, { width: 100 })).toMatchSnapshot();
  });

  test.each<[string, string]>([
    ["def f():\n    x = (1\n    y = 2\n", "2:9: error[K0111] this `(` is never closed"],
    ["def f():\n    x = f(1,\n        2\n    let y = 2\n    z = )\n", "2:10: error[K0111] this `(` is never closed\n5:9: error[K0112] this `)` closes nothing"],
    ["kernel k(x: T:\n    pass\ndef g(:\n    pass\n", "1:9: error[K0111] this `(` is never closed\n3:6: error[K0111] this `(` is never closed"],
    ["def f():\n\tpass\n", "2:1: error[K0106] this line is indented with a tab"],
    ["def f():\n    a = 1\n      b = 2\n    c = 3\n", "3:7: error[K0107] this line is indented deeper than the one before, but nothing opens a block there"],
    ["def f():\n    if a:\n        b = 1\n      c = 2\n", "4:7: error[K0108] the indentation of this line matches no block around it"],
    ["def f():\n    if a\n        b = 1\n    while c\n", '2:9: error[K0110] `if` needs a `:` at the end of its line\n4:12: error[K0110] `while` needs a `:` at the end of its line'],
    ["def f():\n    let = 1\n    y = \n    z = 1 2\n    w = 3\n", "2:9: error[K0101] I expected a name here, but found `=`\n3:8: error[K0101] I expected an expression here, but found the end of the line\n4:11: error[K0101] I expected the end of the line here, but found the number `2`"],
    ["let a = 1\n", "1:1: error[K0116] `let` can’t stand outside a function"],
    ["def f():\n    if a = 1:\n        b = (\n    elif c:\n        pass\n    else:\n        pass\n", "2:10: error[K0123] `=` assigns; to compare, write `==`\n3:13: error[K0111] this `(` is never closed"],
    ["import 3\nfrom x import\ncomptime = 1\n", "1:8: error[K0101] I expected a module’s name here, but found the number `3`\n2:14: error[K0101] I expected the names to import here, but found the end of the line\n3:10: error[K0101] I expected a name, `if`, `for` or `assert` here, but found `=`"],
    ["@a\nstruct S:\n    x: f32\n", "1:1: error[K0117] `struct` takes no annotations"],
    ["kernel k() -> f32:\n    pass\n", "1:15: error[K0101] I expected `:` here, but found a result type"],
    ["def f():\n    x = 1 +\n", "2:12: error[K0101] I expected an expression here, but found the end of the line"],
    ["", ""],
  ])("%j", (text, expected) => {
    expect(says(text)).toBe(expected);
  }); // prettier-ignore

  test("an unclosed bracket names its place, the parser’s advice the bracket around", () => {
    const [found] = read("comptime x = f(1 2)\n").sink.all;
    expect(found?.related.map(({ span, text }) => [textOf(span), text])).toEqual([["(", "inside this `(`"]]);
  });

  test("a misspelt word at the start of a line has its fix, a test without quotes its note", () => {
    const advice = (text: string): unknown[] =>
      read(text).sink.all.map(({ fix, notes }) => [fix?.edits?.[0]?.replacement, ...notes]);
    expect(advice("kernal k(x: f32):\n    pass\n")).toEqual([["kernel"]]);
    expect(advice("test twice:\n    pass\n")[0]).toEqual([undefined, expect.stringContaining("a string")]);
    expect(advice("kernel k(x: f32) where x = 4:\n    pass\n")).toEqual([["=="]]);
    expect(advice("def f():\n    apple b\n")).toEqual([[undefined]]);
  });

  test("fixes, applied, mend the line", () => {
    const text =
      "def f(a: T):\n    if a && !b || c:\n        x++\n    else if d is not e {\n        pass;\n    }\n";
    const { sink } = read(text);
    const edits = sink.all
      .flatMap(({ fix }) => fix?.edits ?? [])
      .toSorted((a, b) => b.span.start - a.span.start);
    let mended = text;
    for (const { span, replacement } of edits)
      mended = mended.slice(0, span.start) + replacement + mended.slice(span.end);
    expect(mended.replace("    }\n", "")).toBe(
      "def f(a: T):\n    if a and not b or c:\n        x += 1\n    elif d != e :\n        pass\n",
    );
  });

  test("every code of the band is said somewhere", () => {
    const said = new Set<string>();
    const collect = (text: string): void => read(text).sink.all.forEach(({ code }) => said.add(code));
    collect(readFileSync(new URL("fixtures/habits.kern.txt", import.meta.url), "utf8"));
    for (const text of [
      "def f():\n\tx\n",
      "def f():\n  a\n    b\n",
      "def f():\n  if a:\n     b\n   c\n",
      "x = (",
      "// isn't\n",
      "(".repeat(101),
      " ".repeat(1_000_001),
      "(\n".repeat(90) + "let = 1\n".repeat(200),
    ]) {
      collect(text);
    }
    expect(Object.keys(syntax).filter((code) => !said.has(code))).toEqual([]);
  });
});

test("the grammar has no ambiguities and can be read off the parser", () => {
  const rules = new DeclarationGrammar(true).getSerializedGastProductions();
  expect(rules.map((rule) => ("name" in rule ? rule.name : rule.type))).toMatchSnapshot();
});

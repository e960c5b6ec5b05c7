// What people, editors and code hosts get to see of a diagnostic.

import { describe, expect, test } from "vitest";
import type { SourceFile, Span } from "../../source.ts";
import { harmless } from "./style.ts";
import { diagnostic, renderJson, renderPretty, renderSarif, renderShort, type Diagnostic } from "../index.ts";

const source: SourceFile = {
  path: "lib/add.kern",
  text: `kernel add(a: Tensor[f32, M], out c: Tensor[f32, M]):
    @parallel
    for i in range(M + 1):
        c[i] = a[i]
\tc[0] = "日本語" + a[M]
    var long = ${"aaaa + ".repeat(60)}oops + ${"bbbb + ".repeat(60)}1
`,
};
const other: SourceFile = { path: "lib/other file.kern", text: "comptime M = 3\n" };

function at(file: SourceFile, text: string, nth = 0): Span {
  let start = -1;
  for (let round = 0; round <= nth; round++) start = file.text.indexOf(text, start + 1);
  return { file, start, end: start + text.length };
}

const bounds = diagnostic("K0401", { access: "a[i]", dim: "M" }, at(source, "a[i]"), {
  label: "i goes up to M",
  related: [
    { span: at(source, "range(M + 1)"), text: "`i` comes from here" },
    { span: at(source, "c[i]"), text: "and writes here" },
    { span: at(other, "M = 3"), text: "M is 3" },
  ],
  notes: [
    "every subscript must lie inside its dimension, whatever the sizes are; this one can be M, which is one past the last element",
  ],
  counterexample: "with M = 1: i = 1 reads a[1]",
  fix: { text: "end the loop at M", edits: [{ span: at(source, "M + 1"), replacement: "M" }] },
});
const tabbed = diagnostic("K0301", { op: "+", left: "str", right: "f32" }, at(source, "+ a[M]"), {
  related: [{ span: at(source, '"日本語"'), text: "text" }],
});
const long = diagnostic("K0201", { name: "oops", what: "the name" }, at(source, "oops"), { label: "here" });
const several = diagnostic(
  "K0401",
  { access: "x", dim: "M" },
  { file: source, start: at(source, "@parallel").start, end: at(source, "a[i]").end },
);
const placeless = diagnostic("K0801", { path: "a.npy", why: "there is no such file" }, undefined, {
  notes: ["paths are relative to the current folder"],
});
const all: Diagnostic[] = [bounds, tabbed, long, several, placeless];

describe("pretty", () => {
  test("frames, labels, notes, fixes", () => {
    expect(`\n${renderPretty(all, { width: 90 })}`).toMatchSnapshot();
  });

  test("carets stand under their text, behind tabs and wide characters", () => {
    const lines = renderPretty([tabbed]).split("\n");
    const row = lines.findIndex((line) => line.includes("日本語"));
    // Each of the three ideographs is two columns wide and one character long.
    expect(lines[row + 1]!.indexOf("^") - 3).toBe(lines[row]!.indexOf("+ a[M]"));
    expect(lines[row + 1]!.match(/\^+/)?.[0].length).toBe("+ a[M]".length);
  });

  test("a long line is cut around its place", () => {
    const lines = renderPretty([long], { width: 80 }).split("\n");
    const row = lines.findIndex((line) => line.includes("oops +"));
    expect(lines[row]!.length).toBeLessThanOrEqual(80);
    expect(lines[row + 1]!.indexOf("^^^^")).toBe(lines[row]!.indexOf("oops"));
  });

  test("colour changes nothing but colour", () => {
    const colored = renderPretty(all, { color: true });
    expect(colored).toContain("\x1b[1;31merror[K0401]:");
    expect(colored.replaceAll(new RegExp(`${"\x1b"}\\[[0-9;]*m`, "g"), "")).toBe(renderPretty(all));
  });

  test("nothing to say", () => {
    expect(renderPretty([])).toBe("");
  });

  test("places at the end of the file, in an empty file, and across every line", () => {
    for (const text of ["", "\n", "a", "a\r\nb\r\n", "\ud800\0\t\u202e"]) {
      const file = { path: "x.kern", text };
      for (let start = 0; start <= text.length; start++) {
        for (let end = start; end <= text.length; end++) {
          const found = diagnostic(
            "K0201",
            { name: "a", what: "the name" },
            { file, start, end },
            { label: "here" },
          );
          expect(renderPretty([found])).toMatch(/\^+ here/);
        }
      }
    }
  });
});

test("short", () => {
  expect(renderShort(all)).toMatchSnapshot();
});

test("json", () => {
  const list = JSON.parse(renderJson(all));
  expect(list).toHaveLength(5);
  expect(list[0]).toMatchSnapshot();
  expect(list[4].place).toBeUndefined();
});

test("sarif", () => {
  const log = JSON.parse(renderSarif(all, { version: "1.2.3" }));
  const [run] = log.runs;
  expect(run.tool.driver.rules.map((rule: { id: string }) => rule.id)).toEqual([
    "K0201",
    "K0301",
    "K0401",
    "K0801",
  ]);
  for (const result of run.results) {
    expect(run.tool.driver.rules[result.ruleIndex].id).toBe(result.ruleId);
  }
  expect(run.results[0]).toMatchSnapshot();
  const odd: SourceFile = { path: "/tmp/a b/\ud800.kern", text: "x" };
  const found = diagnostic("K0201", { name: "x", what: "the name" }, { file: odd, start: 0, end: 1 });
  expect(renderSarif([found])).toContain("file:///tmp/a%20b/%EF%BF%BD.kern");
});

test("names move no cursor, set no title and turn no line around", () => {
  const [escape, bell] = ["\x1b", "\x07"];
  const mine = `${escape}[1;31mred${escape}[0m\tx\r\ny\n\r${escape}[K`;
  expect(harmless(mine)).toBe(mine);
  expect(harmless(`a${escape}[2Jb${escape}]0;title${bell}c\rd\x9be\u202ef\x7f`)).toBe(
    "a·[2Jb·]0;title·c·d·e·f·",
  );
});

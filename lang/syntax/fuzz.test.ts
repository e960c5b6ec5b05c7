// Any text at all gives a module and diagnostics: no throw, no hang, whatever the bytes are.

import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DiagnosticSink, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { parse, sizeLimit } from "./index.ts";
import type { Module } from "./ast.ts";

const fixture = readFileSync(new URL("./fixtures/everything.kern", import.meta.url), "utf8");

function read(text: string): { module: Module; found: readonly Diagnostic[] } {
  const sink = new DiagnosticSink();
  const module = parse({ path: "fuzz.kern", text }, sink);
  for (const { span, fix } of sink.all) {
    for (const place of [span, ...(fix?.edits ?? []).map((edit) => edit.span)]) {
      expect(place && 0 <= place.start && place.start <= place.end && place.end <= text.length).toBe(true);
    }
  }
  return { module, found: sink.all };
}

const codes = (text: string): string[] => read(text).found.map(({ code }) => code);

describe("random text", () => {
  const tokens = fc.constantFrom(
    "kernel", "def", "for", "in", "if", "else", "elif", "let", "var", "x", "y", "(", ")", "[", "]", ":", ",", "=", "+",
    "-", "*", "**", "not", "and", "<", "==", "@", ".", "->", "1", "0x", "1e", '"s"', '"""', "'", "#", "\n", "\n    ",
    "\n        ", "\t", "\r\n", "\r", "{", "}", ";", "!", "\\\n", "where", "out", "test", "struct", "comptime", "while", "//",
    "return", "assert", "\ud800", "\0", "é", "\ufeff", "...", "import", "from", "as", "lambda", "is", "fn", "++",
  ); // prettier-ignore
  test("strings, of characters and of tokens", () => {
    const soup = fc.array(tokens, { maxLength: 200 }).map((parts) => parts.join(" "));
    const dense = fc.array(tokens, { maxLength: 200 }).map((parts) => parts.join(""));
    const text = fc.oneof(
      soup,
      dense,
      fc.string({ unit: "binary", maxLength: 500 }),
      fc.string({ maxLength: 500 }),
    );
    fc.assert(
      fc.property(text, (source) => {
        read(source);
      }),
      { numRuns: 2000 },
    );
  });

  test("bytes, decoded as UTF-8 and as Latin-1", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        read(new TextDecoder().decode(bytes));
        read(String.fromCharCode(...bytes));
      }),
      { numRuns: 500 },
    );
  });

  test("the fixture with chunks deleted, doubled and swapped", () => {
    const cut = fc.tuple(
      fc.nat(fixture.length),
      fc.nat(60),
      fc.nat(fixture.length),
      fc.constantFrom("delete", "double", "swap"),
    );
    fc.assert(
      fc.property(fc.array(cut, { minLength: 1, maxLength: 4 }), (cuts) => {
        let text = fixture;
        for (const [at, length, to, how] of cuts) {
          const chunk = text.slice(at, at + length);
          const rest = text.slice(0, at) + text.slice(at + length);
          if (how === "delete") text = rest;
          else if (how === "double") text = text.slice(0, at) + chunk + text.slice(at);
          else text = rest.slice(0, to) + chunk + rest.slice(to);
        }
        read(text);
      }),
      { numRuns: 500 },
    );
  });
});

describe("depth", () => {
  const many = 10_000;
  test.each([
    ["(", "K0113"], ["[", "K0113"], ["f(", "K0113"], ["x[", "K0113"], ["def(", "K0113"],
  ])("10,000 times %s", (opener, code) => {
    expect(codes(`comptime x = ${opener.repeat(many)}`)).toEqual([code]);
    expect(codes(`comptime x = ${`${opener}\n`.repeat(many)}`)).toEqual([code]);
    expect(codes(`def f():\n    if x:\n        ${opener.repeat(many)}`)).toEqual([code]);
    const closed = opener.at(-1) === "(" ? ")" : "]";
    expect(codes(`comptime x = ${opener.repeat(many)}1${closed.repeat(many)}\n`)).toEqual([code]);
  }); // prettier-ignore

  test.each(["-", "not ", "~", "1 ** ", "1 + ", "1 - -", "x if c else "])("10,000 times %s", (chain) => {
    expect(codes(`comptime x = ${chain.repeat(many)}1\n`)).toEqual(["K0113"]);
  });

  test.each(["()", "[0]", ".a"])("10,000 times %s", (chain) => {
    expect(codes(`comptime x = y${chain.repeat(many)}\n`)).toEqual(["K0113"]);
  });

  test("long but shallow lists stay", () => {
    expect(codes(`comptime x = [${"-1 + 2, ".repeat(many)}]\n`)).toEqual([]);
    expect(codes(`comptime x = ${"1 < ".repeat(many)}1\n`)).toEqual([]);
  });

  test("nested blocks and elif branches", () => {
    const nested = Array.from({ length: 1000 }, (_, depth) => `${" ".repeat(depth + 1)}if x:\n`).join("");
    expect(codes(`def f():\n${nested}`)).toEqual(["K0113"]);
    const branches = `def f():\n    if x:\n        pass\n${"    elif y:\n        pass\n".repeat(many)}`;
    expect(codes(branches)).toEqual(["K0113"]);
    const indents = Array.from({ length: 1000 }, (_, depth) => `${" ".repeat(depth + 1)}x\n`).join("");
    expect(codes(indents)).toContain("K0107");
  });

  test("nesting below the limits is accepted", () => {
    expect(codes(`comptime x = ${"(".repeat(99)}1${")".repeat(99)}\n`)).toEqual([]);
    expect(codes(`comptime x = ${"f(-x[".repeat(49)}1${"])".repeat(49)}\n`)).toEqual([]);
    expect(codes(`comptime x = 1${" + 1".repeat(300)}\n`)).toEqual([]);
    const nested = Array.from({ length: 50 }, (_, depth) => `${" ".repeat(depth + 1)}if x:\n`).join("");
    expect(codes(`def f():\n${nested}${" ".repeat(51)}pass\n`)).toEqual([]);
  });
});

describe("size", () => {
  test("5 MB is refused politely", () => {
    const { found } = read("comptime a = 1\n".repeat(350_000));
    expect(found.map(({ message }) => message)).toEqual([
      "this file has 5,250,000 characters, and I read at most 1,000,000",
    ]);
  });

  const fill = (unit: string): string => unit.repeat(Math.floor(sizeLimit / 4 / unit.length));
  test.each([
    "comptime a = 1\n", "x", "(", ")", "(\n", "'\n", '"""', "\0", "é", "\ud800", "\t\n", "\t", "if\n ", "@", ":\n", "\\\n", "#\n",
    ";", "{", "}", "let ", "- ", "x = 1 ++\n", "= ", "def f(\n", "f(\n    1\n", "0b2 ", "else\n", "if x:\n", " x\n", "1 ", ".", "for i in ", "is ", "'\\q", '"\\q"\n', "//\n",
  ])("a quarter of a megabyte of %j ends, which takes linear time", (unit) => {
    const { found } = read(fill(unit));
    expect(found.length).toBeLessThan(110);
  }); // prettier-ignore
});

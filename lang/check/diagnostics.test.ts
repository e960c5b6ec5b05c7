// Every diagnostic of the checker: inline markers say where, a snapshot holds source and rendering together.

import { expect, test } from "vitest";
import { positionAt } from "../source.ts";
import { catalogue, renderPretty } from "../diagnostics/index.ts";
import { checkSource } from "./checking.ts";
import { mistakes } from "./mistakes.ts";

const files = {
  "cycle.kern": "from .again import g\ndef f(x: f32) -> f32:\n    return x\n",
  "again.kern": "from .cycle import f\ndef g(x: f32) -> f32:\n    return x\n",
};

/** `5 error K0301` for each marker of a source, in order of place. */
function announced(source: string): string[] {
  return source
    .split("\n")
    .flatMap((line, at) =>
      [...line.matchAll(/(error|warning)\[(K\d+)(?: in ([\w.]+))?\]/g)].map(
        ([, severity, code, file]) => `${file ?? at + 1} ${severity} ${code}`,
      ),
    );
}

test.each(Object.entries(mistakes))("%s", (_, source) => {
  const { sink } = checkSource(source, files);
  const found = sink.all.map(
    ({ span, severity, code }) =>
      `${!span ? "-" : span.file.path === "test.kern" ? positionAt(span.file, span.start).line : span.file.path} ${severity} ${code}`,
  );
  expect(found.toSorted()).toEqual(announced(source).toSorted());
  expect(`${source}\n${renderPretty(sink.all)}`).toMatchSnapshot();
});

test("every code of the checker is shown by some case", () => {
  const mine = Object.keys(catalogue).filter((code) => /^K0[23]|^K050|^K051/.test(code));
  const shown = new Set(
    Object.values(mistakes).flatMap((source) => [...source.matchAll(/\[(K\d+)/g)].map((match) => match[1])),
  );
  // Nesting as deep as K0341 needs is refused by the parser first, except through long chains; the compiler
  // reports the other two.
  const elsewhere = ["K0341", "K0348", "K0349"];
  expect(mine.filter((code) => !shown.has(code) && !elsewhere.includes(code))).toEqual([]);
});

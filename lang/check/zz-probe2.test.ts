import { test } from "vitest";
import { readFileSync } from "node:fs";
import { checkSource } from "./checking.ts";
import { renderPretty } from "../diagnostics/index.ts";
test("probe", () => {
  const c = checkSource(readFileSync("/tmp/probe.kern", "utf8"));
  console.log(renderPretty(c.sink.all));
  console.log(c.module.tests.length);
});

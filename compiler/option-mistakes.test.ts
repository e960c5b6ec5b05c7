// What `compile` and `check` say of options that can't be meant, and of a source that is none.

import { expect, test } from "vitest";
import { check, compile, CompileError, type CompileOptions, type Source } from "./index.ts";

const source = `kernel twice(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = 2 * x[i]
`;

test.each<[unknown, Record<string, unknown>, string, string]>([
  [7, {}, "K0719", "was given 7"],
  [null, {}, "K0719", "was given null"],
  [new Uint8Array(2), {}, "K0719", "was given a Uint8Array"],
  [source, { target: "gpu" }, "K0719", '"wasm" or "wgsl", but was given "gpu"'],
  [source, { target: ["wasm", "wgls"] }, "K0719", '"wgls"'],
  [source, { targets: "wgsl" }, "K0719", 'but was given "targets"'],
  [source, { shape: { N: -1 } }, "K0719", "`shape.N`"],
  [source, { shape: { N: "4" } }, "K0719", 'was given "4"'],
  [source, { kernels: ["twise"] }, "K0804", "no kernel `twise`"],
])("compile(%s, %s)", async (given, options, code, words) => {
  const error = await compile(given as Source, options as CompileOptions).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CompileError);
  const { diagnostics } = error as CompileError;
  expect(diagnostics.map((each) => each.code)).toEqual([code]);
  expect(diagnostics[0]!.message).toContain(words);
});

test("check tells them as well", () => {
  expect(check(7 as unknown as Source).map(({ code }) => code)).toEqual(["K0719"]);
  expect(check(source, { shape: { N: 4 } })).toEqual([]);
});

// What `compile` and `check` say of options that can't be meant, and of a source that is none.

import { expect, test } from "vitest";
import { check, compile, CompileError, type CompileOptions, type Source } from "./index.ts";

const source = `kernel twice(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = 2 * x[i]
`;

/** With names that the first kernel lacks, a dimension behind a pack included. */
const other = `
kernel rows[T: Float](x: Tensor[T, *S, M], out y: Tensor[T, *S, M]):
    for i, j in grid(*S, M):
        y[*i, j] = x[*i, j]
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
  [source, { shape: { M: 4 } }, "K0803", "M=4"],
  [source, { set: { T: "f16" } }, "K0803", "no kernel has a compile-time parameter"],
  [`${source}${other}`, { set: { U: "f16" } }, "K0803", "U=f16"],
  [`${source}${other}`, { shape: { M: 4 }, kernels: ["twice"] }, "K0803", "no kernel has a dimension"],
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

test("a setting is for the kernels that have its name", async () => {
  const { kernels } = await compile(`${source}${other}`, { set: { T: "f16" }, shape: { M: 4 } });
  expect(kernels[0]!.typed.instance).toBe("twice");
  expect(kernels[1]!.typed.instance).toContain("f16");
});

test("check tells them as well", () => {
  expect(check(7 as unknown as Source).map(({ code }) => code)).toEqual(["K0719"]);
  expect(check(source, { shape: { N: 4 } })).toEqual([]);
  expect(check(source, { shape: { n: 4 } }).map(({ fix }) => fix?.text)).toEqual(["did you mean `N`?"]);
});

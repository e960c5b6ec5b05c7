// What the provers must accept without a needless `assert`, `get` or guard, and how many run-time checks are left; and
// that the kernel they hand back still computes the same.

import { expect, it } from "vitest";
import type { IrKernel, Scalar } from "../ir/ir.ts";
import { interpret, makeTensor, type InterpretArgs } from "../ir/interpret.ts";
import { problemOf } from "../ir/verify.ts";
import { accepted } from "./testing/accepted.ts";
import { proveSource, report } from "./testing/prove-source.ts";
import { writerOf } from "../ir/storage.ts";
import { normalise } from "../ir/values.ts";
import { evaluateExpr } from "./trace-values.ts";

it.each(accepted)("accepts %s", (_what, checksLeft, source) => {
  expect(report(source)).toBe("");
  expect(proveSource(source).results.map((result) => result.runtimeChecks)).toEqual([checksLeft]);
});

/** Arguments for given dims: data that repeats soon, so that indices in it are often good ones. */
function argumentsFor(kernel: IrKernel, size: (at: number) => number): InterpretArgs {
  const names = new Map<string, Scalar>();
  kernel.dims.forEach((dim, at) => names.set(dim.name, size(at)));
  for (const param of kernel.params) if (param.kind === "scalar") names.set(param.name, 2);
  const run = {
    names,
    load: () => 0,
    step: () => {},
    unfit: (): never => {
      throw new Error("unfit");
    },
  };
  const found: Record<string, InterpretArgs[string]> = {};
  for (const param of kernel.params) {
    if (param.kind === "scalar") found[param.name] = 2;
    else if (param.mode !== "out") {
      const buffer = kernel.buffers.find((each) => each.name === param.buffer)!;
      const shape = buffer.shape.map((extent) => Math.max(0, Number(evaluateExpr(extent, run))));
      const tensor = makeTensor(buffer.dtype, shape);
      const write = writerOf(buffer.dtype);
      for (let at = 0; at < tensor.data.length; at++)
        write(tensor.data, at, normalise(((at * 7) % 5) - (buffer.dtype === "f32" ? 2 : 0), buffer.dtype));
      found[param.buffer] = tensor;
    }
  }
  return found;
}

it.each(accepted)("leaves the meaning of %s", (_what, _checks, source) => {
  const { results, lowered } = proveSource(source);
  results.forEach(({ kernel }, index) => {
    expect(problemOf(kernel)).toBeUndefined();
    for (const sizes of [
      [1, 1, 1],
      [2, 3, 4],
      [5, 4, 3],
      [8, 8, 8],
      [7, 16, 2],
      [16, 5, 6],
    ]) {
      const size = (at: number): number => sizes[at % 3]!;
      const before = interpret(lowered[index]!, argumentsFor(kernel, size));
      const after = interpret(kernel, argumentsFor(kernel, size));
      expect(after).toEqual(before);
      expect(after.kind).not.toBe("fault");
    }
  });
});

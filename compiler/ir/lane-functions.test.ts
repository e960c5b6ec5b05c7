// The interpreter's fast paths compute what the op table says.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dtypeInfo, dtypeNames, isFloat, isWide, type Dtype } from "../../lang/dtypes.ts";
import type { Scalar } from "./ir.ts";
import { laneFunction } from "./lane-functions.ts";
import { opProblem } from "./op-types.ts";
import { isOpName, opInfo, ops } from "./ops.ts";
import { normalise, roundFloat } from "./values.ts";

function scalar(dtype: Dtype): fc.Arbitrary<Scalar> {
  if (dtype === "bool") return fc.boolean();
  if (isFloat(dtype)) {
    const corners = fc.constantFrom(
      0,
      -0,
      1,
      -1,
      0.5,
      NaN,
      Infinity,
      -Infinity,
      1e10,
      -3e9,
      2 ** -149,
      65504,
    );
    return fc.oneof(fc.double(), corners, fc.integer()).map((x) => roundFloat(x, dtype));
  }
  const { min, max } = dtypeInfo(dtype);
  const wide = fc.oneof(
    fc.bigInt(BigInt(min), BigInt(max)),
    fc.constantFrom(BigInt(min), BigInt(max), 0n, 1n, 5n),
  );
  return isWide(dtype) ? wide : wide.map(Number);
}

const computed = dtypeNames.filter((name) => !dtypeInfo(name).storageOnly);

describe.each(Object.keys(ops).filter((name) => isOpName(name) && opInfo(name).lane !== undefined))(
  "%s",
  (name) => {
    if (!isOpName(name)) return;
    const info = opInfo(name);
    const results = (dtype: Dtype): readonly Dtype[] =>
      info.result === "stated" ? computed : info.result === "bool" ? ["bool"] : [dtype];
    const operands = (dtype: Dtype): Dtype[] =>
      name === "select" ? ["bool", dtype, dtype] : Array.from({ length: info.arity }, () => dtype);
    const pairs = computed.flatMap((dtype) =>
      results(dtype)
        .filter((result) => {
          const types = operands(dtype).map((each) => ({ dtype: each, lanes: 1 }));
          return opProblem(name, types, { dtype: result, lanes: 1 }) === undefined;
        })
        .map((result) => [dtype, result] as const),
    );
    it("has a dtype it works on", () => expect(pairs.length).toBeGreaterThan(0));
    it.each(pairs)("%s to %s", (dtype, result) => {
      const fast = laneFunction(name, dtype, result)!;
      const [a, b, c] = [...operands(dtype).map(scalar), fc.constant(0), fc.constant(0)] as const;
      fc.assert(
        fc.property(a!, b!, c!, (x, y, z) => {
          const args = [x, y, z].slice(0, info.arity);
          fc.pre(info.unfit?.(args, dtype) === undefined);
          const value = fast(x, y, z);
          expect(value).toBe(info.lane!(args, dtype, result));
          // Values stay in their dtype.
          expect(normalise(value, result)).toBe(value);
        }),
        { numRuns: 40 },
      );
    });
  },
);

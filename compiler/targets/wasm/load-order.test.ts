// Where bodies of loops are cut, and that what is cut still computes the same.

import { describe, expect, it } from "vitest";
import { check } from "../../../testing/wasm-check.ts";
import { wasmProgram } from "../../../testing/wasm-run.ts";
import type { Stmt } from "../../ir/ir.ts";
import { parseKernel } from "../../ir/parse.ts";
import { visitBlock } from "../../ir/walk.ts";
import { cutsOf } from "./load-order.ts";

/** A reduction of `steps` steps an iteration, each with two vectors, three broadcast elements and six sums. */
const kernel = (
  steps: number,
  body = "",
): string => `kernel k(x: in f32[N], w: in f32[N], z: out f32[N]) dims(N = x.0) {
  for n in 0..N { z[n] = 0.0 }
  if N >= 32 {
    ${range(6, (n) => `var s${n}: f32x4 = 0.0:f32x4`)}
    for i in 0..floordiv(N, 16) {
      ${range(
        steps,
        (k) => `let a${k}: f32x4 = x[ramp[4](i + ${k}, 1)]
          let b${k}: f32x4 = x[ramp[4](i + ${k + 4}, 1)]
          ${range(
            3,
            (n) => `let w${k}_${n}: f32x4 = splat[4](w[i + ${3 * k + n}])
              s${2 * n} = s${2 * n} + a${k} * w${k}_${n}
              s${2 * n + 1} = s${2 * n + 1} + b${k} * w${k}_${n}`,
          )}`,
      )}
      ${body}
    }
    ${range(6, (n) => `z[ramp[4](${4 * n}, 1)] = s${n}`)}
  }
}`;

const range = (count: number, text: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => text(n)).join("\n");

function loopOf(text: string): readonly Stmt[] {
  let body: readonly Stmt[] = [];
  visitBlock(parseKernel(text).body, (stmt) => stmt.kind === "for" && (body = stmt.body));
  return body;
}

describe("cuts", () => {
  it("stand between the steps of a reduction", () => {
    expect(cutsOf(loopOf(kernel(1)))).toEqual([]);
    // Eleven statements a step.
    expect(cutsOf(loopOf(kernel(3)))).toEqual([11, 22]);
  });

  it("stand where no loaded vector is still needed", () => {
    const body = loopOf(kernel(2)).slice();
    // The second step's first vector is loaded in front of all else.
    const [moved] = body.splice(11, 1);
    expect(cutsOf([moved!, ...body])).toEqual([]);
  });

  it("aren't made where stores or branches keep the order", () => {
    expect(cutsOf(loopOf(kernel(3, "z[i] = 1.0")))).toEqual([]);
    expect(cutsOf(loopOf(kernel(3, "if i > 3 { z[i] = 1.0 }")))).toEqual([]);
  });

  it("are each a test of its own", async () => {
    const { emitted } = await wasmProgram(kernel(4), { optimize: false });
    const tests = [
      ...emitted.text!.matchAll(/br_if \$stop\S* \(i32.eq \(local.get \S+\) \(i32.const (-\d+)\)\)/g),
    ];
    expect(new Set(tests.map(([, value]) => value))).toEqual(new Set(["-1", "-2", "-3"]));
    await check(kernel(4));
  });
});

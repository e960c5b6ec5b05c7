// std.math against f64 references, densely: the error bounds that the docstrings state, and the special values.

import { describe, expect, test } from "vitest";
import { checkModule } from "../lang/check/index.ts";
import { DiagnosticSink } from "../lang/diagnostics/diagnostic.ts";
import { renderPretty } from "../lang/diagnostics/index.ts";
import { interpret, makeTensor } from "../compiler/ir/interpret.ts";
import { lower } from "../compiler/lower/index.ts";
import { libraryHost } from "./index.ts";

type Dtype = "f32" | "f64";
type Values = Float32Array | Float64Array;

/** Applies a function of std.math to each element, by the interpreter. */
function apply(name: string, dtype: Dtype, ...args: Values[]): Values {
  const inputs = args.map((_, at) => `x${at}`);
  const params = inputs.map((input) => `${input}: Tensor[${dtype}, N]`).join(", ");
  const elements = inputs.map((input) => `${input}[i]`).join(", ");
  const text = `from std.math import ${name}
kernel map(${params}, out y: Tensor[${dtype}, N]):
    for i in range(N):
        y[i] = ${name}(${elements})
`;
  const sink = new DiagnosticSink();
  const kernel = checkModule({ path: "map.kern", text }, libraryHost(), sink).instantiate("map", {}, sink);
  if (!kernel || sink.hasErrors) throw new Error(renderPretty(sink.all));
  const n = args[0]!.length;
  const tensors = Object.fromEntries(args.map((arg, at) => [`x${at}`, makeTensor(dtype, [n], arg)]));
  const outcome = interpret(lower(kernel), tensors);
  if (outcome.kind !== "done") throw new Error(JSON.stringify(outcome));
  return outcome.results["y"]!.data as Values;
}

/** The distance of two neighbours of the dtype around x. */
function ulp(x: number, dtype: Dtype): number {
  const [bits, least] = dtype === "f64" ? [52, -1022] : [23, -126];
  return 2 ** (Math.max(Math.floor(Math.log2(Math.abs(x))), least) - bits);
}

function worstError(got: Values, want: (at: number) => number, dtype: Dtype): number {
  let worst = 0;
  got.forEach((value, at) => {
    const exact = want(at);
    const rounded = dtype === "f32" ? Math.fround(exact) : exact;
    if (Object.is(value, rounded) || value === rounded) return;
    const error = Math.abs(value - exact) / ulp(exact, dtype);
    worst = Math.max(worst, Number.isNaN(error) ? Infinity : error);
  });
  return worst;
}

/** n points, evenly spaced, or evenly on a logarithmic scale where the range spans many magnitudes. */
function points([low, high]: readonly [number, number], n: number, dtype: Dtype): Values {
  const logarithmic = low > 0 && high / low > 1e6;
  const at = (t: number) => (logarithmic ? low * (high / low) ** t : low + (high - low) * t);
  const values = Array.from({ length: n }, (_, index) => at((index + 0.37) / n));
  return dtype === "f32" ? Float32Array.from(values) : Float64Array.from(values);
}

/** erf by series of positive terms, and beyond 3 by the continued fraction of erfc. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (a < 3) {
    let term = x;
    let total = x;
    for (let n = 1; n < 80; n++) total += term *= (2 * x * x) / (2 * n + 1);
    return ((2 * Math.exp(-x * x)) / Math.sqrt(Math.PI)) * total;
  }
  let fraction = 0;
  for (let n = 80; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction));
}

interface Case {
  readonly of: (x: number) => number;
  readonly ranges: readonly (readonly [number, number])[];
  /** In ulp, as the docstrings say; f64 one more, since the reference is rounded itself. */
  readonly f32: number;
  readonly f64: number;
}
const wide = [1e-38, 3e38] as const;
const cases: Record<string, Case> = {
  sqrt: { of: Math.sqrt, ranges: [wide], f32: 0.5, f64: 0 },
  rsqrt: { of: (x) => 1 / Math.sqrt(x), ranges: [wide], f32: 1.5, f64: 1.5 },
  exp: {
    of: Math.exp,
    ranges: [
      [-104, 89],
      [-1, 1],
    ],
    f32: 1,
    f64: 2,
  },
  exp2: {
    of: (x) => 2 ** x,
    ranges: [
      [-150, 129],
      [-1, 1],
    ],
    f32: 1,
    f64: 3,
  },
  expm1: {
    of: Math.expm1,
    ranges: [
      [-10, 50],
      [-0.5, 0.5],
    ],
    f32: 4,
    f64: 9,
  },
  log: { of: Math.log, ranges: [wide, [0.5, 2], [0.95, 1.05]], f32: 1, f64: 2 },
  log2: { of: Math.log2, ranges: [wide, [0.5, 2]], f32: 2, f64: 3 },
  log1p: {
    of: Math.log1p,
    ranges: [
      [-0.999, 10],
      [-0.1, 0.1],
    ],
    f32: 3,
    f64: 4,
  },
  tanh: {
    of: Math.tanh,
    ranges: [
      [-10, 10],
      [-1, 1],
    ],
    f32: 2,
    f64: 17,
  },
  sigmoid: { of: (x) => 1 / (1 + Math.exp(-x)), ranges: [[-80, 20]], f32: 3, f64: 4 },
  erf: {
    of: erf,
    ranges: [
      [-5, 5],
      [-1.2, 1.2],
    ],
    f32: 3,
    f64: 17,
  },
  sin: {
    of: Math.sin,
    ranges: [
      [-10, 10],
      [-8300, 8300],
      [1e4, 1e9],
    ],
    f32: 3,
    f64: 4,
  },
  cos: {
    of: Math.cos,
    ranges: [
      [-10, 10],
      [-8300, 8300],
      [1e4, 1e9],
    ],
    f32: 3,
    f64: 4,
  },
};

describe.each(Object.entries(cases))("%s", (name, { of, ranges, ...bounds }) => {
  test.each(["f32", "f64"] as const)("keeps its bound in %s", (dtype) => {
    for (const range of ranges) {
      const x = points(range, 3001, dtype);
      expect(worstError(apply(name, dtype, x), (at) => of(x[at]!), dtype)).toBeLessThanOrEqual(bounds[dtype]);
    }
  });

  test("treats NaN, infinities and zeros as IEEE 754 recommends", () => {
    const x = Float32Array.of(NaN, Infinity, -Infinity, 0, -0, 1, -1);
    const got = apply(name, "f32", x);
    x.forEach((value, at) => {
      const want = of(value);
      if (!Number.isFinite(want) || Number.isNaN(want) || want === 0)
        expect(got[at]).toEqual(Math.fround(want));
    });
  });
});

describe("exp_falling", () => {
  test.each([
    ["f32", -87.3, 2.5],
    ["f64", -700, 2],
  ] as const)("keeps its bound in %s", (dtype, low, bound) => {
    for (const range of [[low, 0] as const, [-1, 0] as const]) {
      const x = points(range, 3001, dtype);
      expect(worstError(apply("exp_falling", dtype, x), (at) => Math.exp(x[at]!), dtype)).toBeLessThanOrEqual(
        bound,
      );
    }
  });

  test("ends at 0, is 1 at 0, and keeps NaN, whatever its bits", () => {
    const x = Float32Array.of(0, -0, -87.7, -88.5, -200, -Infinity, NaN);
    expect([...apply("exp_falling", "f32", x)]).toEqual([1, 1, 0, 0, 0, 0, NaN]);
    const odd = new Float32Array(Uint32Array.of(0x7fc00001, 0xffc00123, 0x7fffffff).buffer);
    expect([...apply("exp_falling", "f32", odd)]).toEqual([NaN, NaN, NaN]);
  });
});

describe("exp_bounded", () => {
  test.each([
    ["f32", 2.5],
    ["f64", 2],
  ] as const)("keeps its bound in %s", (dtype, bound) => {
    for (const range of [[-87, 88] as const, [-1, 1] as const]) {
      const x = points(range, 3001, dtype);
      expect(worstError(apply("exp_bounded", dtype, x), (at) => Math.exp(x[at]!), dtype)).toBeLessThanOrEqual(
        bound,
      );
    }
  });

  test("stays what it is at its ends, and keeps NaN", () => {
    const [least, most, below, above, one, none] = apply(
      "exp_bounded",
      "f32",
      Float32Array.of(-87, 88, -Infinity, Infinity, 0, NaN),
    );
    expect([below, above, one, none]).toEqual([least, most, 1, NaN]);
  });
});

test("sin of huge f32 arguments is reduced with enough digits of π", () => {
  const x = points([1e10, 3e38], 2000, "f32");
  expect(worstError(apply("sin", "f32", x), (at) => Math.sin(x[at]!), "f32")).toBeLessThanOrEqual(3);
});

test("log2 is exact for powers of two, subnormal ones too", () => {
  const exponents = Array.from({ length: 277 }, (_, at) => at - 149);
  const powers = Float32Array.from(exponents, (exponent) => 2 ** exponent);
  expect([...apply("log2", "f32", powers)]).toEqual(exponents);
});

describe("pow", () => {
  test.each([
    ["f32", 2],
    ["f64", 4],
  ] as const)("keeps its bound in %s", (dtype, bound) => {
    const base = points([1e-4, 1e4], 4000, dtype);
    const exponent = base.map((_, at) => ((at * 7919) % 4000) / 250 - 8) as Values;
    const want = (at: number) => base[at]! ** exponent[at]!;
    expect(worstError(apply("pow", dtype, base, exponent), want, dtype)).toBeLessThanOrEqual(bound);
  });

  test("treats special values as IEEE 754 does", () => {
    const special = [0, -0, 1, -1, 2, -2, 0.5, 3, -3, 2.5, -2.5, Infinity, -Infinity, NaN, 1e30];
    const base = Float32Array.from(special.flatMap((x) => special.map(() => x)));
    const exponent = Float32Array.from(special.flatMap(() => special));
    const got = apply("pow", "f32", base, exponent);
    got.forEach((value, at) => {
      const [x, y] = [base[at]!, exponent[at]!];
      // JavaScript's ** differs from IEEE 754 where the base is 1 or -1.
      const one = x === 1 || (x === -1 && Math.abs(y) === Infinity);
      const want = one ? 1 : Math.fround(x ** y);
      if (Number.isFinite(want) && want !== 0) expect(Math.abs(value / want - 1)).toBeLessThan(3e-7);
      else expect([x, y, value]).toEqual([x, y, want]);
    });
  });
});

test("f16 and bf16 are rounded once from f32", () => {
  for (const name of ["exp", "tanh", "log"]) {
    const text = `from std.math import ${name}
kernel map(x: Tensor[f16, N], out y: Tensor[f16, N], out z: Tensor[bf16, N]):
    for i in range(N):
        y[i] = ${name}(x[i])
        z[i] = ${name}(bf16(x[i]))
`;
    const sink = new DiagnosticSink();
    const kernel = checkModule({ path: "map.kern", text }, libraryHost(), sink).instantiate("map", {}, sink);
    expect(sink.all).toEqual([]);
    const halves = Uint16Array.of(0x3c00, 0x4000, 0x3800, 0x2e66);
    const outcome = interpret(lower(kernel!), { x: makeTensor("f16", [4], halves) });
    expect(outcome.kind).toBe("done");
  }
});

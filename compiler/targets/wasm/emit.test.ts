// Kernels in the IR's text form, emitted, run as the ABI says and compared with the interpreter: accesses, masks,
// control flow, local arrays, phases, checks, atomics.

import { setFlagsFromString } from "node:v8";
import { describe, expect, it } from "vitest";
import { argumentsFor, awkwardSizes } from "../../../testing/equivalence.ts";
import { runWasm, sameAsInterpreter, wasmProgram, type WasmRunOptions } from "../../../testing/wasm-run.ts";
import { dtypeNames, type Dtype } from "../../../lang/dtypes.ts";
import type { InterpretArgs, TensorArg } from "../../ir/interpret.ts";
import type { Scalar } from "../../ir/ir.ts";
import type { WasmLaunch } from "../../artifact.ts";

interface Options extends WasmRunOptions {
  readonly tolerance?: number;
  readonly sizes?: readonly number[];
  readonly scalars?: Readonly<Record<string, Scalar>>;
  readonly fill?: (name: string, at: number, value: number) => number;
  /** Changes the arguments before the call: views. */
  readonly view?: (args: InterpretArgs) => InterpretArgs;
}

async function check(text: string, options: Options = {}): Promise<void> {
  const program = await wasmProgram(text, options);
  const { scalars, fill, view = (args) => args } = options;
  for (const N of options.sizes ?? awkwardSizes)
    sameAsInterpreter(
      program,
      () =>
        view(
          argumentsFor(
            program.kernel,
            { N, M: 5, K: 4 },
            { ...(scalars && { scalars }), ...(fill && { fill }) },
          ),
        ),
      options,
    );
}

const tensor = (args: InterpretArgs, name: string): TensorArg => args[name] as TensorArg;

describe("loops over arguments", () => {
  it("runs scalar loops", () =>
    check(`kernel k(x: in f32[N], y: in f32[N], z: out f32[N]) dims(N = x.0) {
      for i in 0..N { z[i] = x[i] + y[i] }
    }`));

  it("masks a vector tail, for every dtype and several widths", async () => {
    for (const dtype of dtypeNames)
      for (const lanes of [2, 4, 8, 16])
        await check(
          `kernel k(x: in ${dtype}[N], z: out ${dtype}[N]) dims(N = x.0) {
            for i in 0..N step ${lanes} {
              let mask: boolx${lanes} = ramp[${lanes}](i, 1) < splat[${lanes}](N)
              z[ramp[${lanes}](i, 1) if mask] = x[ramp[${lanes}](i, 1) if mask]
            }
          }`,
          { sizes: [0, 1, 3, 8, 17, 33] },
        );
  });

  it("shares an address among neighbours and keeps the constant", async () => {
    const text = `kernel k(x: in f32[M, N], z: out f32[M, N]) dims(M = x.0, N = x.1) {
      for i in 0..M {
        z[i, 0] = x[i, 0]
        z[i, N - 1] = x[i, N - 1]
        for j in 1..N - 1 { z[i, j] = x[i, j - 1] + x[i, j] * 2.0 + x[i, j + 1] }
      }
    }`;
    await check(text, { sizes: [2, 3, 7, 16] });
  });

  it("guards loads outside of the argument", () =>
    check(`kernel k(x: in f32[M, N], z: out f32[M, N]) dims(M = x.0, N = x.1) {
      for i in 0..M {
        for j in 0..N step 4 {
          let jv: i32x4 = ramp[4](j, 1)
          let left: i32x4 = jv - 1:i32x4
          let inside: boolx4 = (left >= 0:i32x4) & splat[4](i > 1) & (left < splat[4](N))
          z[i, jv if jv < splat[4](N)] = x[i - 2, left if inside] + x[i, jv if jv < splat[4](N)]
        }
      }
    }`));

  it("follows any strides: transposed, reversed, broadcast, offset", async () => {
    const text = `kernel k(x: in f32[M, N], y: in i16[N], z: out f32[M, N]) dims(M = x.0, N = x.1) {
      for i in 0..M {
        for j in 0..N step 4 {
          let mask: boolx4 = ramp[4](j, 1) < splat[4](N)
          z[i, ramp[4](j, 1) if mask] = x[i, ramp[4](j, 1) if mask] + f32(y[ramp[4](j, 1) if mask])
        }
        for l in 0..N { z[i, l] = z[i, l] * x[i, l] }
      }
    }`;
    await check(text, {
      sizes: [1, 4, 7, 12],
      view: (args) => {
        const x = tensor(args, "x");
        const y = tensor(args, "y");
        const [rows, columns] = x.shape as [number, number];
        return {
          ...args,
          x: { ...x, strides: [1, rows] },
          y: { ...y, strides: [-1], offset: columns - 1 },
        };
      },
    });
    await check(text, {
      sizes: [1, 4, 7, 12],
      view: (args) => ({
        ...args,
        x: { ...tensor(args, "x"), strides: [0, 1] },
        y: { ...tensor(args, "y"), strides: [0] },
      }),
    });
  });

  it("takes rows of constant length by constant distances, and views of them", async () => {
    const text = `kernel k(x: in f32[M, 3, 4], z: out f32[M, 3, 4]) dims(M = x.0) {
      for i in 0..M {
        for j in 0..3 { z[i, j, ramp[4](0, 1)] = x[i, 2 - j, ramp[4](0, 1)] + splat[4](x[i, 1, 2]) }
      }
    }`;
    await check(text, { sizes: [1] });
    await check(text, {
      sizes: [1],
      view: (args) => ({ ...args, x: { ...tensor(args, "x"), strides: [1, 5, 15] } }),
    });
  });

  it("gathers, scatters and strides", () =>
    check(
      `kernel k(x: in f32[N], t: in i32[N], u: in u8[N], z: out f32[N], s: out u8[N], w: out f32[N]) dims(N = x.0) {
        for i in 0..N / 4 { }
      }`.replace(
        "for i in 0..N / 4 { }",
        `for i in 0..N step 4 {
          let at: i32x4 = t[ramp[4](i, 1) if ramp[4](i, 1) < splat[4](N)]
          let ok: boolx4 = ramp[4](i, 1) < splat[4](N)
          let back: i32x4 = splat[4](N - 1) - ramp[4](i, 1)
          z[back if ok] = x[at if ok] * 2.0:f32x4
          s[ramp[4](i, 1) if ok] = u[at if ok]
          w[ramp[4](i, 1) if ok] = x[back if ok]
        }`,
      ),
      { fill: (name, at, value) => (name === "t" ? ((at * 7) % 3) % Math.max(1, at + 1) : value) },
    ));

  it("strides by a scalar and by constants", () =>
    check(
      `kernel k(x: in f32[N, 3], z: out f32[N, 3]) dims(N = x.0) {
      for i in 0..N {
        z[i, ramp[2](2, -2)] = x[i, ramp[2](0, 2)] + x[i, ramp[2](1, 1)]
        z[i, 1] = x[i, 1]
      }
      for l in 0..N / 2 { }
    }`.replace(
        "for l in 0..N / 2 { }",
        `for l in 0..floordiv(N, 4) {
        z[ramp[4](l * 4, 1), 1] = x[ramp[4](l * 4, 1), 2]
      }`,
      ),
    ));
});

describe("packed dtypes", () => {
  for (const dtype of ["i4", "u4", "i2", "u2"] as const)
    it(`loads and stores ${dtype} rows that begin at a byte, and others`, async () => {
      for (const lanes of [4, 8, 16, 32, 64]) {
        await check(
          `kernel k(x: in ${dtype}[M, K], z: out ${dtype}[M, K], y: out f32[M, K]) dims(M = x.0, K = x.1) {
            require mod(K, 4) == 0, "K % 4 == 0"
            for i in 0..M {
              for j in 0..K step ${lanes} {
                let ok: boolx${lanes} = ramp[${lanes}](j, 1) < splat[${lanes}](K)
                if vall(ok) {
                  z[i, ramp[${lanes}](j, 1)] = x[i, ramp[${lanes}](j, 1)] + 1:i32x${lanes}
                  y[i, ramp[${lanes}](j, 1)] = f32(x[i, ramp[${lanes}](j, 1)])
                } else {
                  z[i, ramp[${lanes}](j, 1) if ok] = x[i, ramp[${lanes}](j, 1) if ok] + 1:i32x${lanes}
                  y[i, ramp[${lanes}](j, 1) if ok] = f32(x[i, ramp[${lanes}](j, 1) if ok])
                }
              }
            }
          }`,
          { sizes: [1] },
        );
      }
      await check(
        `kernel k(x: in ${dtype}[3, N], z: out ${dtype}[3, N], y: out i8[3, N]) dims(N = x.1) {
          for i in 0..3 {
            for j in 0..N {
              z[i, j] = x[i, j] * 3
              y[i, j] = i8(x[2 - i, N - 1 - j])
            }
          }
        }`,
      );
    });

  it("changes bytes that workers share without losing a neighbour", () =>
    check(
      `kernel k(x: in i32[N], z: out u4[N]) dims(N = x.0) {
        parallel for i in 0..N { z[i] = x[i] }
      }`,
      { features: ["threads"], shares: 3 },
    ));
});

describe("control flow", () => {
  it("breaks, continues, branches and loops while", () =>
    check(
      `kernel k(x: in i32[N], z: out i32[N]) dims(N = x.0) {
      var last: i32 = 0
      for i in 0..N {
        z[i] = -1
        if mod(x[i], 3) == 0 { continue }
        if i > 20 {
          for r in i..N { z[r] = r }
          break
        }
        var steps: i32 = 0
        var v: i32 = x[i]
        while v > 1 {
          v = floordiv(v, 2)
          steps = steps + 1
          if steps == 4 { break }
        }
        if steps > 2 { z[i] = steps + last } else if steps == 1 { z[i] = v } else { z[i] = last - 7 }
        last = z[i]
      }
    }`,
    ));

  it("loops while lanes are active", () =>
    check(`kernel k(x: in f32[N], z: out i32[N]) dims(N = x.0) {
      for i in 0..N step 4 {
        let ok: boolx4 = ramp[4](i, 1) < splat[4](N)
        var v: f32x4 = abs(x[ramp[4](i, 1) if ok])
        var n: i32x4 = 0:i32x4
        var active: boolx4 = ok & (v > 0.25:f32x4)
        while vany(active) {
          v = select(active, v * 0.5:f32x4, v)
          n = select(active, n + 1:i32x4, n)
          active = active & (v > 0.25:f32x4) & (n < 5:i32x4)
        }
        z[ramp[4](i, 1) if ok] = n
      }
    }`));

  it("keeps mask variables apart when one is computed from the other", () =>
    check(`kernel k(x: in i16[N], z: out i16[N]) dims(N = x.0) {
      for i in 0..floordiv(N, 16) {
        var v: i16x16 = x[ramp[16](i * 16, 1)]
        for r in 0..3 { v = shuffle[15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0](v) + v }
        z[ramp[16](i * 16, 1)] = v
      }
      for j in floordiv(N, 16) * 16..N { z[j] = 0:i16 }
    }`));

  it("fails the call where an assert doesn't hold", async () => {
    const text = `kernel k(x: in i32[N], z: out i32[N]) dims(N = x.0) {
      for i in 0..N {
        assert x[i] < 90, "x is below 90"
        assert x[i] > -95, "x is above -95"
        z[i] = x[i]
      }
    }`;
    await check(text);
    await check(text, { fill: () => 100 });
    await check(text, { fill: () => -100 });
  });
});

describe("vectors", () => {
  it("reduces lanes in halves", async () => {
    for (const dtype of dtypeNames.filter((name: Dtype) => !["bool", "i4", "u4", "i2", "u2"].includes(name)))
      for (const lanes of [2, 4, 8, 16, 32])
        await check(
          `kernel k(x: in ${dtype}[${lanes}], z: out ${dtype}[4]) {
            z[0] = vsum(x[ramp[${lanes}](0, 1)])
            z[1] = vprod(x[ramp[${lanes}](0, 1)])
            z[2] = vmax(x[ramp[${lanes}](0, 1)])
            z[3] = vmin(x[ramp[${lanes}](0, 1)])
          }`,
          { sizes: [0] },
        );
  });

  it("tests masks of any width, whole and in part", async () => {
    for (const lanes of [2, 4, 8, 16, 32])
      for (const dtype of ["i8", "i16", "f32", "i64"] as const)
        for (const level of [-200, 0, 200])
          await check(
            `kernel k(x: in ${dtype}[${lanes}], t: ${dtype}, z: out bool[3]) {
              let m: boolx${lanes} = x[ramp[${lanes}](0, 1)] < splat[${lanes}](t)
              z[0] = vany(m)
              z[1] = vall(m)
              z[2] = lane[1](m)
            }`,
            {
              sizes: [0],
              scalars: { t: dtype === "i64" ? BigInt(level) : Math.max(-128, Math.min(127, level)) },
            },
          );
  });

  it("shuffles, builds, inserts and takes lanes", async () => {
    for (const dtype of ["i8", "u16", "i32", "f16", "f64", "u64", "bool"] as const)
      await check(
        `kernel k(x: in ${dtype}[32], z: out ${dtype}[32], y: out ${dtype}[4]) {
          let v: ${dtype}x32 = x[ramp[32](0, 1)]
          z[ramp[32](0, 1)] = shuffle[31, 0, 17, 3, 8, 8, 9, 30, 1, 2, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28](v)
          let pair: ${dtype}x2 = shuffle[30, 5](v)
          let built: ${dtype}x4 = vec(lane[3](v), lane[0](pair), lane[1](pair), x[7])
          y[ramp[4](0, 1)] = insert[2](built, x[9])
        }`,
        { sizes: [0] },
      );
  });

  it("counts up in lanes of any integer dtype", async () => {
    for (const dtype of ["i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"] as const)
      await check(
        `kernel k(b: ${dtype}, s: ${dtype}, z: out ${dtype}[16], y: out ${dtype}[16]) {
          z[ramp[16](0, 1)] = ramp[16](b, s)
          y[ramp[16](0, 1)] = ramp[16](b, 3:${dtype}) + ramp[16](250:${dtype === "i8" ? "i16" : dtype}, 5:${dtype === "i8" ? "i16" : dtype})
        }`.replace(/ \+ ramp\[16\]\(250:i16, 5:i16\)/, ""),
        { sizes: [0], scalars: dtype.endsWith("64") ? { b: 7n, s: 11n } : { b: 7, s: 11 } },
      );
  });

  it("does four-way dot products exactly at the extremes", async () => {
    for (const [a, b] of [
      ["i8", "i8"],
      ["u8", "u8"],
      ["u8", "i8"],
    ] as const)
      for (const lanes of [1, 2, 4, 8])
        for (const extreme of [-128, 127, 255])
          await check(
            `kernel k(x: in ${a}[${4 * lanes}], y: in ${b}[${4 * lanes}], z: out i32[${lanes}]) {
              z[${lanes === 1 ? "0" : `ramp[${lanes}](0, 1)`}] = dot4(x[ramp[${4 * lanes}](0, 1)], y[ramp[${4 * lanes}](0, 1)], ${lanes === 1 ? "5" : `5:i32x${lanes}`})
            }`,
            { sizes: [0], fill: (_name, at) => (at % 5 === 4 ? 3 : extreme) },
          );
  });
});

describe("local arrays", () => {
  it("keeps them in the worker's scratch, filled anew each time", () =>
    check(`kernel k(x: in f32[N, 3], z: out f32[N, 3], y: out f16[N]) dims(N = x.0) {
      local a: f32[N, 3]
      local b: f16[5]
      local c: i16[N]
      for i in 0..N {
        alloc a = 1.5
        alloc b = 0.1:f16
        alloc c = 7:i16
        for j in 0..i + 1 { for l in 0..3 { a[j, l] = a[j, l] + x[j, l] } }
        for l2 in 0..3 { z[i, l2] = a[i, l2] + a[0, l2] + f32(c[i]) }
        b[mod(i, 5)] = b[mod(i, 5)] + f16(a[i, 0])
        y[i] = b[0] + b[4]
      }
    }`));

  it("fills packed and wide arrays", () =>
    check(
      `kernel k(z: out i32[N], y: out i64[N]) dims(N = z.0) {
      local a: i4[N]
      local b: i64[N]
      alloc a = -3
      alloc b = -4:i64
      for i in 0..N { if mod(i, 3) == 1 { a[i] = i } }
      for j in 0..N { z[j] = a[j] y[j] = b[j] }
    }`.replace("z[j] = a[j] y[j] = b[j]", "z[j] = a[j]\n y[j] = b[j]"),
    ));
});

describe("phases", () => {
  it("shares parallel loops, in any cut, with what all phases share in the call's scratch", async () => {
    const text = `kernel k(x: in f32[N], y: out f32[N]) dims(N = x.0) {
      scratch t: f32[N]
      parallel for i in 0..N { t[i] = x[i] * 2.0 }
      var total: f32 = 0.0
      for j in 0..N { total = total + t[j] }
      parallel for l in 0..N step 3 {
        for m in l..min(l + 3, N) { y[m] = t[N - 1 - m] - total }
      }
    }`;
    for (const shares of [1, 2, 5]) await check(text, { shares });
    const { emitted } = await wasmProgram(text);
    const launch = emitted.kernels[0]!.launch as WasmLaunch;
    expect(launch.phases.map((phase) => phase.parallel)).toEqual([true, false, true]);
  });

  it("runs over shared memory", () =>
    check(
      `kernel k(x: in f32[N], y: out f32[N]) dims(N = x.0) {
        parallel for i in 0..N { y[i] = x[i] * 2.0 }
      }`,
      { features: ["threads"], shares: 2 },
    ));
});

describe("atomics", () => {
  for (const features of [[], ["threads"]])
    it(`updates elements of every dtype ${features.length > 0 ? "indivisibly" : "in order"}`, async () => {
      for (const dtype of [
        "i4",
        "u2",
        "i8",
        "u8",
        "i16",
        "u16",
        "i32",
        "u32",
        "i64",
        "u64",
        "f16",
        "bf16",
        "f32",
        "f64",
      ] as const)
        for (const op of ["add", "min", "max", "and", "or", "xor"] as const) {
          if (/f/.test(dtype) && ["and", "or", "xor"].includes(op)) continue;
          await check(
            `kernel k(x: in ${dtype}[N], h: mut ${dtype}[K]) dims(N = x.0, K = h.0) {
              parallel for i in 0..N { atomic ${op} h[mod(i, 4) if mod(i, 7) != 3] = x[i] }
            }`,
            { features, sizes: [0, 1, 9] },
          );
        }
    });
});

describe("relaxed SIMD", () => {
  it("contracts products and sums within a rounding", async () => {
    setFlagsFromString("--experimental-wasm-relaxed-simd");
    for (const dtype of ["f32", "f64"] as const) {
      const text = `kernel k(x: in ${dtype}[N], y: in ${dtype}[N], z: out ${dtype}[N]) dims(N = x.0) {
        for i in 0..N step 4 {
          let ok: boolx4 = ramp[4](i, 1) < splat[4](N)
          let a: ${dtype}x4 = x[ramp[4](i, 1) if ok]
          let b: ${dtype}x4 = y[ramp[4](i, 1) if ok]
          z[ramp[4](i, 1) if ok] = a - b * a + (b * b + fma(a, b, a))
        }
      }`;
      const options = { features: ["relaxed-simd"], tolerance: 1e-5 };
      await check(text, options);
      const { emitted } = await wasmProgram(text, options);
      expect(emitted.text.match(/relaxed_n?madd/g)!.length).toBeGreaterThanOrEqual(3);
      expect((emitted.kernels[0]!.launch as WasmLaunch).features).toEqual(["simd128", "relaxed-simd"]);
    }
  });
});

describe("scalar parameters and results", () => {
  it("passes scalars of every dtype", async () => {
    for (const dtype of [
      "bool",
      "i8",
      "u8",
      "i16",
      "u16",
      "i32",
      "u32",
      "i64",
      "u64",
      "f16",
      "bf16",
      "f32",
      "f64",
    ] as const)
      await check(`kernel k(s: ${dtype}, z: out ${dtype}[1]) { z[0] = s }`, {
        sizes: [0],
        scalars: {
          s: dtype === "bool" ? true : dtype.endsWith("64") && dtype !== "f64" ? 2n ** 62n + 3n : 2,
        },
      });
  });

  it("has a source map and the text of each kernel", async () => {
    const { emitted } = await wasmProgram(`kernel k(x: in f32[N], z: out f32[N]) dims(N = x.0) {
      for i in 0..N { z[i] = x[i] }
    }`);
    const map = JSON.parse(emitted.sourceMap!) as { sources: string[]; mappings: string };
    expect(map.sources).toEqual(["ir"]);
    expect(map.mappings.length).toBeGreaterThan(20);
    expect(emitted.kernels[0]!.text).toContain("f32.store");
  });

  it("writes nothing for no elements", async () => {
    const program = await wasmProgram(`kernel k(x: in f32[N], z: out f32[N]) dims(N = x.0) {
      for i in 0..N { z[i] = x[i] }
    }`);
    expect(runWasm(program, argumentsFor(program.kernel, { N: 0 }, {})).kind).toBe("done");
  });
});

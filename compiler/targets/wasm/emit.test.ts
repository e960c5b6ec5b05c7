// Control flow, vectors, phases, checks, scalars: emitted, run as the ABI says and compared with the interpreter.

import { setFlagsFromString } from "node:v8";
import { describe, expect, it } from "vitest";
import { argumentsFor } from "../../../testing/equivalence.ts";
import { check } from "../../../testing/wasm-check.ts";
import { runWasm, wasmProgram } from "../../../testing/wasm-run.ts";
import { dtypeNames, type Dtype } from "../../../lang/dtypes.ts";
import type { WasmLaunch } from "../../artifact.ts";

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

  it("keeps the vector constants of loops in locals", async () => {
    const text = `kernel k(x: in f32[N], z: out f32[N]) dims(N = x.0) {
      for n in 0..N { z[n] = 0.5 }
      for i in 0..floordiv(N, 4) {
        let v: f32x4 = x[ramp[4](i * 4, 1)]
        z[ramp[4](i * 4, 1)] = v * 1.5:f32x4 + 2.5:f32x4 * max(v, 1.5:f32x4) + 0.0:f32x4
      }
    }`;
    await check(text);
    const { emitted } = await wasmProgram(text, { optimize: false });
    const [, phase = ""] = /\(func \$k\.inner\.0 ([^]*?)\n\(func/.exec(emitted.text!) ?? [];
    const before = phase.indexOf("(loop");
    expect(phase.slice(0, before).match(/local\.set \$constant\S* \(v128\.const/g)).toHaveLength(2);
    expect(phase.slice(before)).not.toMatch(/v128\.const \S+ [^0]/);
  });

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

  it("adds pair products to sums, the first to nothing", async () => {
    const row = (name: string) => `${name}[i, ramp[8](0, 1)]`;
    const text = `kernel k(a: in i16[N, 8], b: in i8[N, 8], z: out i32[N, 4]) dims(N = a.0) {
      for i in 0..N {
        let wide: i16x8 = i16(${row("b")})
        let first: i32x4 = dot2(${row("a")}, wide, 0:i32x4)
        z[i, ramp[4](0, 1)] = dot2(${row("a")}, ${row("a")}, first)
      }
    }`;
    await check(text, { sizes: [0, 1, 5] });
    const { emitted } = await wasmProgram(text, { optimize: false });
    // In the version for dense rows and in that for strides.
    expect(emitted.text.match(/i32x4.dot_i16x8_s/g)).toHaveLength(4);
    expect(emitted.text.match(/i32x4.add/g)).toHaveLength(2);
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

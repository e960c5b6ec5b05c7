// Accesses, packed dtypes, local arrays and atomics: emitted, run as the ABI says and compared with the interpreter.

import { describe, it } from "vitest";
import { check, tensor } from "../../../testing/wasm-check.ts";
import { dtypeNames } from "../../../lang/dtypes.ts";

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

  it("holds more values at a time than locals are compared for", () => {
    const chain = Array.from({ length: 4500 }, (_, at) => `let v${at}: i32 = x[i] * ${at}`).join("\n");
    const sum = Array.from({ length: 4500 }, (_, at) => `s = s ^ v${at}`).join("\n");
    return check(
      `kernel k(x: in i32[N], z: out i32[N]) dims(N = x.0) {
        for i in 0..N { var s: i32 = 0
          ${chain}
          ${sum}
          z[i] = s }
      }`,
      { sizes: [0, 3] },
    );
  });

  it("widens what it loads, for every integer dtype", async () => {
    for (const from of ["i8", "u8", "i16", "u16", "i32", "u32"])
      for (const to of ["i8", "i16", "u16", "i32", "i64", "f32", "f64"])
        for (const lanes of [2, 4, 8, 16])
          await check(
            `kernel k(x: in ${from}[N], z: out ${to}[N]) dims(N = x.0) {
              for i in 0..N - ${lanes - 1} step ${lanes} { z[ramp[${lanes}](i, 1)] = ${to}(x[ramp[${lanes}](i, 1)]) }
              for j in max(N, 0) // ${lanes} * ${lanes}..N { z[j] = ${to}(x[j]) }
            }`,
            { sizes: [16, 37] },
          );
  });

  it("repeats a short row in all lanes, and other orders too", async () => {
    for (const [dtype, lanes] of [
      ["i16", 2],
      ["u8", 4],
      ["i8", 8],
      ["i32", 2],
    ] as const) {
      const wide = { i16: 8, u8: 16, i8: 16, i32: 4 }[dtype];
      const repeated = Array.from({ length: wide }, (_, at) => at % lanes);
      for (const picks of [repeated, repeated.with(1, 0)])
        await check(
          `kernel k(x: in ${dtype}[N, ${lanes}], z: out ${dtype}[N, ${wide}]) dims(N = x.0) {
            for i in 0..N { z[i, ramp[${wide}](0, 1)] = shuffle[${picks.join(", ")}](x[i, ramp[${lanes}](0, 1)]) }
          }`,
          { sizes: [0, 1, 5] },
        );
    }
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

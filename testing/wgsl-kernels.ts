// Kernels that use what makes WGSL hard, in the IR's text form: packed elements, guards, atomics, checks, phases,
// local arrays, explicit SIMD. Each says for which sizes it is run.

import type { Comparison } from "./equivalence.ts";

export interface KernelCase extends Comparison {
  readonly text: string;
  readonly dims: readonly Readonly<Record<string, number>>[];
}

const rows = [
  { M: 0, N: 0 },
  { M: 1, N: 1 },
  { M: 3, N: 17 },
  { M: 67, N: 5 },
];
const lengths = [{ N: 0 }, { N: 1 }, { N: 13 }, { N: 67 }, { N: 200 }];

export const kernelCases: Readonly<Record<string, KernelCase>> = {
  elementwise: {
    text: `
kernel scale_add(x: in f32[M, N], s: f32, y: out f32[M, N]) dims(M = x.0, N = x.1) {
  parallel for i in 0..M {
    parallel for j in 0..N {
      y[i, j] = x[i, j] * s + 0.1
    }
  }
}`,
    dims: rows,
    tolerance: 1e-6,
  },
  normalise: {
    text: `
kernel normalise(x: in f32[M, N], y: out f32[M, N]) dims(M = x.0, N = x.1) {
  parallel for i in 0..M {
    reduce max(peak: f32 = -inf) { for j in 0..N { yield peak(x[i, j]) } }
    reduce sum(total: f32 = 0.0) { for k in 0..N { yield total(abs(x[i, k] - peak)) } }
    for l in 0..N {
      y[i, l] = (x[i, l] - peak) / (total + 1.0)
    }
  }
}`,
    dims: rows,
    tolerance: 1e-5,
  },
  matmul: {
    text: `
kernel matmul(a: in f32[M, K], b: in f32[K, N], c: out f32[M, N]) dims(M = a.0, K = a.1, N = b.1) {
  parallel for i in 0..M {
    parallel for j in 0..N {
      reduce sum(total: f32 = 0.0) { for k in 0..K { yield total(a[i, k] * b[k, j]) } }
      c[i, j] = total
    }
  }
}`,
    dims: [
      { M: 1, N: 1, K: 1 },
      { M: 5, N: 17, K: 9 },
      { M: 3, N: 2, K: 0 },
    ],
    tolerance: 1e-5,
  },
  "tensors called as the values of their accessors": {
    text: `
kernel hidden(at: in u8[N], word: in u8[N], value: in i8[N], mask: out u8[N], bits: out u8[N], shift: out i8[N]) dims(N = at.0) {
  parallel for i in 0..N {
    mask[i] = at[i] ^ word[i]
    bits[i] = word[i] & at[i]
    shift[i] = value[i]
  }
}`,
    dims: lengths,
  },
  "u8 image": {
    text: `
kernel blur(image: in u8[H, W], smooth: out u8[H, W]) dims(H = image.0, W = image.1) {
  parallel for y in 0..H {
    parallel for x in 0..W {
      reduce sum(total: i32 = 0) {
        for dy in -1..2 {
          for dx in -1..2 {
            let r: i32 = y + dy
            let c: i32 = x + dx
            yield total(i32(image[r, c if 0 <= r & r < H & 0 <= c & c < W]))
          }
        }
      }
      smooth[y, x] = u8(total // 9)
    }
  }
}`,
    dims: [
      { H: 1, W: 1 },
      { H: 7, W: 13 },
      { H: 4, W: 64 },
    ],
  },
  histogram: {
    text: `
kernel histogram(x: in u8[N], bins: mut u32[B]) dims(N = x.0, B = bins.0) {
  parallel for i in 0..N {
    atomic add bins[i32(x[i]) % B] = 1:u32
  }
}`,
    dims: [
      { N: 0, B: 4 },
      { N: 67, B: 7 },
      { N: 1000, B: 16 },
    ],
  },
  "atomic floats": {
    text: `
kernel gather(x: in f32[N], sums: mut f32[B], peaks: mut f32[B], low: mut bf16[B]) dims(N = x.0, B = sums.0) {
  parallel for i in 0..N {
    atomic add sums[i % B] = x[i]
    atomic max peaks[i % B] = x[i]
    atomic min low[i % B] = bf16(x[i])
  }
}`,
    dims: [
      { N: 67, B: 3 },
      { N: 300, B: 8 },
    ],
    tolerance: 1e-5,
  },
  "atomic bytes": {
    text: `
kernel tally(x: in i8[N], count: mut u8[B], low: mut i8[B], half: mut f16[B], deep: mut i16[B]) dims(N = x.0, B = count.0) {
  parallel for i in 0..N {
    atomic add count[i % B] = 3:u8
    atomic min low[i % B] = x[i]
    atomic max half[i % B] = f16(x[i])
    atomic xor deep[i % B] = i16(x[i])
  }
}`,
    dims: [
      { N: 67, B: 3 },
      { N: 400, B: 9 },
    ],
  },
  "csr with checks": {
    text: `
kernel spmv(first: in i32[P], column: in i32[E], value: in f32[E], x: in f32[N], y: out f32[M]) dims(P = first.0, E = column.0, N = x.0, M = y.0) {
  parallel for row in 0..M {
    let from: i32 = first[row]
    let to: i32 = first[row + 1]
    assert 0 <= from & to <= E, "the row's elements lie in the matrix"
    var sum: f32 = 0.0
    for e in from..to {
      let c: i32 = column[e]
      assert 0 <= c & c < N, "the column exists"
      sum = sum + value[e] * x[c]
    }
    y[row] = sum
  }
}`,
    dims: [{ P: 6, E: 10, N: 7, M: 5 }],
    tolerance: 1e-5,
    fill: (name, at, value) => (name === "first" ? 2 * at : name === "column" ? (at * 3) % 7 : value),
  },
  "csr that fails": {
    text: `
kernel spmv(column: in i32[E], x: in f32[N], y: out f32[E]) dims(E = column.0, N = x.0) {
  parallel for e in 0..E {
    let c: i32 = column[e]
    assert 0 <= c, "the column isn't negative"
    assert c < N, "the column exists"
    y[e] = x[c]
  }
}`,
    dims: [{ E: 10, N: 7 }],
    fill: (name, at, value) => (name === "column" ? (at === 4 ? 7 : at % 7) : value),
  },
  "checks of an earlier phase": {
    text: `
kernel phases(column: in i32[E], x: in f32[N], y: out f32[E]) dims(E = column.0, N = x.0) {
  parallel for e in 0..E {
    assert column[e] < N, "the column exists"
    y[e] = 1.0
  }
  parallel for f in 0..E {
    assert column[f] < N - 100, "not reached"
    y[f] = y[f] + 1.0
  }
}`,
    dims: [{ E: 10, N: 7 }],
    fill: (name, at, value) => (name === "column" ? at : value),
  },
  "phases and scratch": {
    text: `
kernel blend(x: in f32[N], y: out f32[N]) dims(N = x.0) {
  scratch t: i8[N, 3]
  scratch flags: bool[N]
  parallel for i in 0..N {
    for k in 0..3 { t[i, k] = i8(x[i]) + i8(k) }
    flags[i] = x[i] > 0.0
  }
  parallel for j in 0..N {
    let other: i32 = N - 1 - j
    y[j] = select(flags[other], f32(t[other, 0]), f32(t[other, 2]))
  }
}`,
    dims: lengths,
  },
  "loops with other bounds": {
    text: `
kernel stepping(x: in f32[N], y: mut f32[N]) dims(N = x.0) {
  parallel for i in 2..N - 1 step 3 {
    parallel for j in 0..2 {
      let at: i32 = i + j
      y[at - 1] = x[at - 1] * 2.0
    }
  }
}`,
    dims: [{ N: 0 }, { N: 1 }, { N: 3 }, { N: 4 }, { N: 50 }, { N: 67 }],
  },
  "triangular loops": {
    text: `
kernel triangle(x: in f32[N], y: mut f32[N, N]) dims(N = x.0) {
  parallel for i in 0..N {
    parallel for j in 0..i + 1 {
      y[i, j] = x[i] + x[j]
    }
  }
}`,
    dims: lengths.slice(0, 4),
    tolerance: 1e-6,
  },
  "local arrays": {
    text: `
kernel sorted(x: in i32[N, 5], y: out i32[N, 5]) dims(N = x.0) {
  local window: i32[5]
  local table: f16[2, 3]
  parallel for i in 0..N {
    alloc window = 7
    alloc table = 0.0:f16
    for k in 0..5 { window[k] = x[i, k] }
    table[1, 2] = f16(window[0] % 10)
    for a in 0..5 {
      for b in 0..4 {
        if window[b] > window[b + 1] {
          let swap: i32 = window[b]
          window[b] = window[b + 1]
          window[b + 1] = swap
        }
      }
    }
    for k_1 in 0..5 { y[i, k_1] = window[k_1] + i32(table[1, 2]) + i32(table[0, k_1 % 3]) }
  }
}`,
    dims: lengths,
  },
  "while with a guarded condition": {
    text: `
kernel runs(x: in u8[N], y: out i32[N]) dims(N = x.0) {
  parallel for i in 0..N {
    var at: i32 = i
    var steps: i32 = 0
    while x[at if at < N] > 20:u8 {
      at = at + 1
      if steps == 2 { steps = steps + 2
        continue }
      if steps > 9 { break }
      steps = steps + 1
    }
    y[i] = steps
  }
}`,
    dims: lengths,
  },
  argmax: {
    text: `
kernel best(x: in f32[M, N], value: out f32[M], row: out i32[M]) dims(M = x.0, N = x.1) {
  parallel for i in 0..M {
    reduce argmax(v: f32 = -inf, at: i32 = 2147483647) { for j in 0..N { yield v(x[i, j], j) } }
    value[i] = v
    row[i] = at
  }
}`,
    dims: rows.slice(1),
    fill: (_name, at, value) => (at % 11 === 5 ? NaN : Math.round(value)),
  },
  "sub-byte elements": {
    text: `
kernel nibbles(a: in i4[N], b: in u4[N], c: in u2[N], d: in i2[N], y: out i4[N], z: out u2[N]) dims(N = a.0) {
  parallel for i in 0..N {
    y[i] = a[i] + b[i] * c[i]
    z[i] = d[i] - c[i]
  }
}`,
    dims: lengths,
  },
  "narrow integers": {
    text: `
kernel wrap(a: in i8[N], b: in u16[N], c: in i16[N], y: out i8[N], z: out u16[N], w: out i16[N], t: out bool[N]) dims(N = a.0) {
  parallel for i in 0..N {
    y[i] = a[i] * a[i] + 100:i8
    z[i] = b[i] - 50:u16
    w[i] = c[i] * c[i] * c[i]
    t[i] = a[i] > 0:i8
  }
}`,
    dims: lengths,
  },
  halves: {
    text: `
kernel halves(a: in f16[N], b: in bf16[N], y: out f16[N], z: out bf16[N], w: out f32[N]) dims(N = a.0) {
  parallel for i in 0..N {
    y[i] = a[i] * a[i] + 0.5:f16
    z[i] = b[i] + 1.0:bf16
    w[i] = f32(a[i]) * f32(b[i])
  }
}`,
    dims: lengths,
    tolerance: 2e-3,
  },
  "scalar arguments": {
    text: `
kernel scalars(x: in f32[N], a: i8, b: u16, c: bool, d: f16, e: bf16, f: i32, g: u32, y: out f32[N]) dims(N = x.0) {
  parallel for i in 0..N {
    y[i] = select(c, x[i] + f32(a) + f32(b), f32(d) * f32(e)) + f32(f) + f32(g)
  }
}`,
    dims: lengths,
    tolerance: 1e-5,
    scalars: { a: -7, b: 60000, c: true, d: 0.5, e: -3, f: -123456, g: 4000000000 },
  },
  "explicit SIMD": {
    text: `
kernel lanes(x: in f32[N, 8], y: out f32[N, 8], s: out f32[N]) dims(N = x.0) {
  parallel for i in 0..N {
    let v: f32x8 = x[i, ramp[8](0, 1)]
    var w: f32x8 = v * splat[8](2.0)
    w = insert[3](shuffle[7, 6, 5, 4, 3, 2, 1, 0](w), 9.0)
    y[i, ramp[8](0, 1)] = w + v
    s[i] = vsum(v) + lane[2](w)
  }
}`,
    dims: lengths,
    tolerance: 1e-5,
  },
  "names that WGSL takes": {
    text: `
kernel \`loop\`(\`fn\`: in f32[N], \`array\`: out f32[N], \`f32\`: i32) dims(N = \`fn\`.0) {
  parallel for id in 0..N {
    let groups: f32 = \`fn\`[id]
    let args: f32 = groups + f32(\`f32\`)
    let \`select\`: f32 = select(args > 0.0, args, groups)
    let status: f32 = \`select\` + 1.0
    let x.1: f32 = status
    let __y: f32 = x.1
    let \`größe\`: f32 = __y * 2.0
    \`array\`[id] = \`größe\`
  }
}`,
    dims: lengths,
    tolerance: 1e-6,
  },
  "one invocation": {
    text: `
kernel running(x: in f32[N], y: out f32[N]) dims(N = x.0) {
  var total: f32 = 0.0
  for i in 0..N {
    total = total + x[i]
    y[i] = total
  }
}`,
    dims: lengths,
    tolerance: 1e-5,
  },
  "dead code that a shader compiler would refuse": {
    text: `
kernel dead(x: in i32[N], y: out i32[N]) dims(N = x.0) {
  local a: i32[4]
  parallel for i in 0..N {
    alloc a = 1
    var t: i32 = 2147483647 + 1 - x[i] * 0
    if x[i] > 1000000 {
      t = t // 0 + x[i] % 0 + (x[i] << 40) + a[9]
    }
    let big: f32 = 3e38 * 3e38
    let none: f32 = 0.0 / 0.0
    if big > 1.0 & ~(none == none) { t = t + 1 }
    y[i] = t
  }
}`,
    dims: lengths,
  },
  "more invocations than a row of workgroups holds": {
    text: `
kernel many(x: in i8[N], y: out i8[N]) dims(N = x.0) {
  parallel for i in 0..N {
    y[i] = x[i] + 1:i8
  }
}`,
    dims: [{ N: 65535 * 64 }, { N: 65535 * 64 + 77 }],
  },
};

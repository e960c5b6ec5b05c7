// Kernels that the provers accept, with the run-time checks that each keeps: what, how many, the source.

export const accepted: readonly [what: string, checksLeft: number, source: string][] = [
  [
    "an elementwise kernel",
    0,
    `kernel add(x: Tensor[f32, N], y: Tensor[f32, N], out z: Tensor[f32, N]):
    @parallel
    @vectorize
    for i in range(N):
        z[i] = x[i] + y[i]
`,
  ],
  [
    "rows and reductions",
    0,
    `kernel softmax(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):
    @parallel
    for i in range(M):
        let peak = max(x[i, j] for j in range(N))
        let total = sum(x[i, j] - peak for j in range(N))
        @vectorize
        for j in range(N):
            y[i, j] = (x[i, j] - peak) / total
`,
  ],
  [
    "a matrix product",
    0,
    `kernel matmul(a: Tensor[f32, M, K], b: Tensor[f32, K, N], out c: Tensor[f32, M, N]):
    @parallel
    for i, j in grid(M, N):
        c[i, j] = sum(a[i, k] * b[k, j] for k in range(K))
`,
  ],
  [
    "a triangular loop",
    0,
    `kernel tri(x: Tensor[f32, N, N], mut y: Tensor[f32, N, N]):
    for i in range(N):
        for j in range(i, N):
            y[i, j] = x[j, i]
`,
  ],
  [
    "a clamp",
    0,
    `kernel clampk(x: Tensor[f32, N], s: i32, out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = x[clamp(i + s, 0, N - 1)]
`,
  ],
  [
    "guarded subscripts",
    2,
    `kernel guarded(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = (x[i - 1] if i > 0 else 0.0) + x[i] + (x[i + 1] if i + 1 < N else 0.0)
`,
  ],
  [
    "loaded bounds behind an assert",
    5,
    `kernel csr(ptr: Tensor[i32, R], col: Tensor[i32, NNZ], val: Tensor[f32, NNZ], x: Tensor[f32, N], out y: Tensor[f32, R - 1]) where R >= 1:
    @parallel
    for i in range(R - 1):
        assert 0 <= ptr[i] and ptr[i] <= ptr[i + 1] and ptr[i + 1] <= NNZ
        var acc = 0.0
        for p in range(ptr[i], ptr[i + 1]):
            let j = col[p]
            assert 0 <= j and j < N
            acc += val[p] * x[j]
        y[i] = acc
`,
  ],
  [
    "tiles by hand",
    0,
    `kernel tiles(x: Tensor[f32, N], out y: Tensor[f32, N]):
    @parallel
    for t in range((N + 3) // 4):
        for u in range(min(4, N - 4 * t)):
            y[4 * t + u] = x[4 * t + u]
`,
  ],
  [
    "a zeroing loop before +=",
    0,
    `kernel zeroing(x: Tensor[f32, M, N], out y: Tensor[f32, M]):
    for i in range(M):
        y[i] = 0.0
    for i in range(M):
        for j in range(N):
            y[i] += x[i, j]
`,
  ],
  [
    "a padded convolution with get",
    1,
    `kernel conv[S: int = 2, P: int = 1](x: Tensor[f32, H, W], w: Tensor[f32, R, C], out y: Tensor[f32, (H + 2 * P - R) // S + 1, (W + 2 * P - C) // S + 1]):
    @parallel
    for oh, ow in grid((H + 2 * P - R) // S + 1, (W + 2 * P - C) // S + 1):
        y[oh, ow] = sum(x.get(oh * S + r - P, ow * S + c - P, default=0) * w[r, c] for r in range(R) for c in range(C))
`,
  ],
  [
    "a strided window",
    0,
    `kernel pool(x: Tensor[f32, H], out y: Tensor[f32, (H - 3) // 2 + 1]) where H >= 3:
    for i in range((H - 3) // 2 + 1):
        y[i] = max(x[i * 2 + r] for r in range(3))
`,
  ],
  [
    "a flat index taken apart",
    0,
    `kernel flat(x: Tensor[f32, H, W], out y: Tensor[f32, H, W]):
    @parallel
    for e in range(H * W):
        y[e // W, e % W] = x[e // W, e % W]
`,
  ],
  [
    "a flat output",
    0,
    `kernel flat2(x: Tensor[f32, H, W], out y: Tensor[f32, H * W]):
    @parallel
    for i, j in grid(H, W):
        y[i * W + j] = x[i, j]
`,
  ],
  [
    "halving strides",
    0,
    `kernel halving(mut x: Tensor[f32, N]):
    var s = N // 2
    while s > 0:
        for i in range(s):
            x[i] = x[i] + x[i + s]
        s = s // 2
`,
  ],
  [
    "a binary search",
    0,
    `kernel bsearch(x: Tensor[f32, N], keys: Tensor[f32, M], out y: Tensor[i32, M]):
    @parallel
    for i in range(M):
        var lo = 0
        var hi = N
        while lo < hi:
            let mid = (lo + hi) // 2
            if x[mid] < keys[i]:
                lo = mid + 1
            else:
                hi = mid
        y[i] = lo
`,
  ],
  [
    "a counter behind a condition",
    0,
    `kernel compact(x: Tensor[f32, N], mut y: Tensor[f32, N], out n: Tensor[i32, 1]):
    var k = 0
    for i in range(N):
        if x[i] > 0.0:
            y[k] = x[i]
            k += 1
    n[0] = k
`,
  ],
  [
    "a prefix sum",
    0,
    `kernel prefix(x: Tensor[f32, N], out y: Tensor[f32, N]):
    if N > 0:
        y[0] = x[0]
    for i in range(1, N):
        y[i] = y[i - 1] + x[i]
`,
  ],
  [
    "a reversed loop",
    0,
    `kernel rev(x: Tensor[f32, N], out y: Tensor[f32, N]):
    @parallel
    for i in range(N):
        y[N - 1 - i] = x[i]
`,
  ],
  [
    "a loop that counts down",
    0,
    `kernel rev2(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N - 1, -1, -1):
        y[i] = x[i]
`,
  ],
  [
    "an argmax as an index",
    0,
    `kernel am(x: Tensor[f32, M, N], out y: Tensor[i32, M], out z: Tensor[f32, M]) where N >= 1:
    @parallel
    for i in range(M):
        let j = argmax(x[i, j] for j in range(N))
        y[i] = j
        z[i] = x[i, j]
`,
  ],
  [
    "an atomic histogram",
    0,
    `kernel hist(x: Tensor[u8, N], out h: Tensor[i32, 256]):
    for b in range(256):
        h[b] = 0
    @parallel
    for i in range(N):
        @atomic
        h[i32(x[i])] += 1
`,
  ],
  [
    "strided subscripts",
    0,
    `kernel strided(x: Tensor[f32, N], out y: Tensor[f32, (N + 1) // 2]):
    for i in range((N + 1) // 2):
        y[i] = x[2 * i]
`,
  ],
  [
    "a loop with a step",
    0,
    `kernel steps(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(0, N, 4):
        for u in range(min(4, N - i)):
            y[i + u] = x[i + u]
`,
  ],
  [
    "a filled local array",
    0,
    `kernel local(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):
    @parallel
    for i in range(M):
        var acc = Array[f32, 8](0)
        for k in range(8):
            for j in range(k, N, 8):
                acc[k] += x[i, j]
        for j in range(N):
            y[i, j] = acc[j % 8]
`,
  ],
  [
    "three digits of a flat index",
    0,
    `kernel flat3(x: Tensor[f32, H, W, C], out y: Tensor[f32, H, W, C]):
    @parallel
    for e in range(H * W * C):
        y[e // (W * C), (e // C) % W, e % C] = x[e // (W * C), (e // C) % W, e % C]
`,
  ],
  [
    "branches that all write",
    0,
    `kernel branches(x: Tensor[f32, N], out y: Tensor[f32, N]):
    @parallel
    for i in range(N):
        let v = x[i]
        if v > 0.0:
            y[i] = v
        elif v < -1.0:
            y[i] = -1.0
        else:
            y[i] = 0.0
`,
  ],
  [
    "edges apart from the interior",
    0,
    `kernel edges(x: Tensor[f32, N], out y: Tensor[f32, N]):
    if N > 0:
        y[0] = 0.0
        y[N - 1] = 0.0
    @parallel
    for i in range(1, N - 1):
        y[i] = x[i - 1] + x[i + 1]
`,
  ],
  [
    "tiles and their tail",
    0,
    `kernel tails(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for t in range(N // 4):
        for u in range(4):
            y[4 * t + u] = x[4 * t + u]
    for i in range(N // 4 * 4, N):
        y[i] = x[i]
`,
  ],
  [
    "a while loop that counts",
    0,
    `kernel whilefill(x: Tensor[f32, N], out y: Tensor[f32, N]):
    var p = 0
    while p < N:
        y[p] = x[p]
        p += 1
`,
  ],
  [
    "even and odd elements",
    0,
    `kernel evenodd(x: Tensor[f32, N], out y: Tensor[f32, 2 * N]):
    @parallel
    for i in range(N):
        y[2 * i] = x[i]
        y[2 * i + 1] = -x[i]
`,
  ],
  [
    "two triangles",
    0,
    `kernel halves(x: Tensor[f32, N, N], out y: Tensor[f32, N, N]):
    for i in range(N):
        for j in range(i + 1):
            y[i, j] = x[i, j]
    for i in range(N):
        for j in range(i + 1, N):
            y[i, j] = 0.0
`,
  ],
  [
    "permuted axes",
    0,
    `kernel perm(x: Tensor[f32, A, B, C], out y: Tensor[f32, C, A, B]):
    @parallel
    for a, b, c in grid(A, B, C):
        y[c, a, b] = x[a, b, c]
`,
  ],
  [
    "tiles in two dimensions",
    0,
    `kernel tile2(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):
    @parallel
    for ti in range((M + 7) // 8):
        for tj in range((N + 7) // 8):
            for i in range(8 * ti, min(8 * ti + 8, M)):
                for j in range(8 * tj, min(8 * tj + 8, N)):
                    y[i, j] = x[i, j]
`,
  ],
  [
    "reads of earlier iterations",
    1,
    `kernel cumsum2(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):
    @parallel
    for i in range(M):
        for j in range(N):
            y[i, j] = x[i, j] + (y[i, j - 1] if j > 0 else 0.0)
`,
  ],
  [
    "an elimination step",
    0,
    `kernel lu(mut a: Tensor[f32, N, N]):
    for k in range(N):
        @parallel
        for i in range(k + 1, N):
            a[i, k] = a[i, k] / a[k, k]
            for j in range(k + 1, N):
                a[i, j] = a[i, j] - a[i, k] * a[k, j]
`,
  ],
  [
    "vector loads and stores",
    0,
    `kernel simd(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for t in range(N // 4):
        y.store(x.load[4](4 * t) * 2.0, 4 * t)
    for i in range(N // 4 * 4, N):
        y[i] = x[i] * 2.0
`,
  ],
  [
    "strided workers",
    0,
    `kernel multi(x: Tensor[f32, N], out y: Tensor[f32, N]):
    @parallel
    for w in range(4):
        for i in range(w, N, 4):
            y[i] = x[i]
`,
  ],
  [
    "a remainder by a size",
    0,
    `kernel wrapped(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = x[clamp(i - 3, 0, N - 1)] + x[(i + 7) % N]
`,
  ],
  [
    "an array filled by a loop",
    1,
    `kernel local_array(x: Tensor[f32, M, N], out y: Tensor[f32, M]):
    @parallel
    for i in range(M):
        var t = Array[f32, 8]()
        for j in range(8):
            t[j] = x.get(i, j)
        y[i] = sum(t[j] for j in range(8))
`,
  ],
  [
    "an in-place transpose of one triangle",
    0,
    `kernel transpose_in_place(mut a: Tensor[f32, N, N]):
    @parallel
    for i in range(N):
        for j in range(i):
            let t = a[i, j]
            a[i, j] = a[j, i]
            a[j, i] = t
`,
  ],
  [
    "an exact tail",
    0,
    `kernel exact(x: Tensor[f32, N], out y: Tensor[f32, N]) where N % 8 == 0:
    @vectorize(width=4, tail="exact")
    for i in range(N):
        y[i] = x[i]
`,
  ],
  [
    "whole blocks",
    0,
    `kernel blocks(x: Tensor[f32, K], out y: Tensor[f32, K // 16]) where K % 16 == 0:
    @parallel
    for b in range(K // 16):
        y[b] = sum(x[16 * b + u] for u in range(16))
`,
  ],
  [
    "an offset that a where clause bounds",
    2,
    `kernel where_scalar(x: Tensor[f32, N], s: i32, out y: Tensor[f32, N]) where s >= 0, s <= 4:
    for i in range(N):
        y[i] = x.get(i + s) + (x[i - s] if i >= s else 0.0)
`,
  ],
  [
    "a convolution without padding",
    0,
    `kernel nopad(x: Tensor[f32, H, W], w: Tensor[f32, R, C], out y: Tensor[f32, H - R + 1, W - C + 1]):
    @parallel
    for oh, ow in grid(H - R + 1, W - C + 1):
        y[oh, ow] = sum(x[oh + r, ow + c] * w[r, c] for r in range(R) for c in range(C))
`,
  ],
  [
    "any number of dimensions",
    0,
    `kernel bcast(x: Tensor[f32, *S], out y: Tensor[f32, *S]):
    @parallel
    for i in grid(*S):
        y[*i] = x[*i]
`,
  ],
  [
    "rows gathered behind an assert",
    2,
    `kernel gather(x: Tensor[f32, V, D], idx: Tensor[i32, T], out y: Tensor[f32, T, D]):
    @parallel
    for t in range(T):
        let v = idx[t]
        assert 0 <= v and v < V, "token out of range"
        @vectorize
        for d in range(D):
            y[t, d] = x[v, d]
`,
  ],
  [
    "interleaved channels",
    0,
    `kernel interleave(x: Tensor[f32, N, 2], out y: Tensor[f32, 2 * N]):
    @parallel
    for i in range(N):
        for c in range(2):
            y[2 * i + c] = x[i, c]
`,
  ],
  [
    "a causal mask",
    0,
    `kernel attention(q: Tensor[f32, T, D], k: Tensor[f32, T, D], out y: Tensor[f32, T, T]):
    @parallel
    for i in range(T):
        for j in range(T):
            y[i, j] = sum(q[i, d] * k[j, d] for d in range(D)) if j <= i else 0.0
`,
  ],
  [
    "two buffers in turn",
    0,
    `kernel jacobi(mut a: Tensor[f32, N], steps: i32, mut b: Tensor[f32, N]):
    for t in range(steps):
        @parallel
        for i in range(1, N - 1):
            b[i] = (a[i - 1] + a[i + 1]) * 0.5
        @parallel
        for i in range(1, N - 1):
            a[i] = b[i]
`,
  ],
  [
    "butterflies over two halves",
    0,
    `kernel fft_like(mut x: Tensor[f32, N]) where N % 2 == 0:
    @parallel
    for i in range(N // 2):
        let a = x[i]
        let b = x[i + N // 2]
        x[i] = a + b
        x[i + N // 2] = a - b
`,
  ],
  [
    "a table of 256 under a u8 index",
    0,
    `kernel lut(x: Tensor[u8, N], t: Tensor[f32, 256], out y: Tensor[f32, N]):
    @parallel
    @vectorize
    for i in range(N):
        y[i] = t[i32(x[i])]
`,
  ],
  [
    "a masked index",
    0,
    `kernel bitmask(x: Tensor[i32, N], t: Tensor[f32, 16], out y: Tensor[f32, N]):
    @parallel
    for i in range(N):
        y[i] = t[x[i] & 15]
`,
  ],
  [
    "a permutation of four axes",
    0,
    `kernel batched(x: Tensor[f32, B, H, W, C], out y: Tensor[f32, B, C, H, W]):
    @parallel
    for b, h, w, c in grid(B, H, W, C):
        y[b, c, h, w] = x[b, h, w, c]
`,
  ],
  [
    "an insertion into a sorted list",
    1,
    `kernel topk(x: Tensor[f32, M, N], out v: Tensor[f32, M, 4], out ix: Tensor[i32, M, 4]) where N >= 1:
    @parallel
    for i in range(M):
        for k in range(4):
            v[i, k] = -1.0
            ix[i, k] = 0
        for j in range(N):
            var p = 4
            while p > 0 and x[i, j] > v[i, p - 1]:
                p -= 1
            if p < 4:
                for s in range(3 - p):
                    v[i, 3 - s] = v[i, 2 - s]
                    ix[i, 3 - s] = ix[i, 2 - s]
                v[i, p] = x[i, j]
                ix[i, p] = j
`,
  ],
  [
    "64-bit shifts and divisors",
    0,
    `kernel wide(x: Tensor[i64, N], z: Tensor[u64, N], out y: Tensor[i64, N]):
    for i in range(N):
        y[i] = (x[i] << ((x[i] - 3) & 63)) // max(x[i], 1) + i64(z[i] >> min(z[i], 63))
`,
  ],
  [
    "blocks of four stores",
    0,
    `kernel four(x: Tensor[f32, M], out y: Tensor[f32, M]) where M % 4 == 0:
    for t in range(M // 4):
        y[4 * t + 0] = x[4 * t + 0]
        y[4 * t + 1] = x[4 * t + 1]
        y[4 * t + 2] = x[4 * t + 2]
        y[4 * t + 3] = x[4 * t + 3]
`,
  ],
  [
    "heads in groups",
    0,
    `kernel heads(x: Tensor[f32, H], k: Tensor[f32, G], out y: Tensor[f32, H]) where H % G == 0, G >= 1:
    for h in range(H):
        y[h] = k[h % G]
    for g in range(G):
        for r in range(H // G):
            let h = g * (H // G) + r
            y[h] = x[h]
`,
  ],
  [
    "remainders of what was clamped or divided",
    0,
    `kernel rest(x: Tensor[f32, M], p: Tensor[i32, N], s: f32, out y: Tensor[f32, N]) where M >= 1:
    for i in range(N):
        y[i] = x[clamp(p[i], 1, 9) % M] + x[saturate[i32](s) % M] + x[(i // max(p[i], 1)) % M]
`,
  ],
  [
    "a reversed loop runs only where there is something",
    0,
    `kernel back(x: Tensor[f32, M], out y: Tensor[f32, M]):
    for i in range(M):
        y[i] = sum(x[clamp(5, 0, M - 1)] for _k in range(M - 1, -1, -1))
`,
  ],
  [
    "values too long to be written out keep their bounds",
    0,
    `kernel far(x: Tensor[i32, M, N], p: Tensor[i32, M], out y: Tensor[i32, M]) where N >= 1:
    for r in range(M):
        let a = p[clamp(p[clamp(p[clamp(p[clamp(p[r], 0, M - 1)] * 3, 0, M - 1)] + p[r], 0, M - 1)] ^ p[r], 0, M - 1)]
        let b = clamp(a + p[clamp(p[clamp(a, 0, M - 1)] + p[clamp(a ^ 77, 0, M - 1)], 0, M - 1)], 0, N - 1)
        let c = (a + p[clamp(p[clamp(a, 0, M - 1)] + p[clamp(a ^ 77, 0, M - 1)], 0, M - 1)] * 2) % N
        y[r] = x[r, b] + x[r, c] + sum(x[:, b][k] for k in range(M))
`,
  ],
  [
    "data of 64 bits with constants as large as they come",
    2,
    `kernel large(x: Tensor[i64, N], out y: Tensor[i64, N]):
    for i in range(N):
        var v: i64 = -9007199254740991
        var w: i64 = 9007199254740991
        while v < w and x[i] > v:
            v += 9007199254740991
            w -= 9007199254740990
        assert x[i] <= 9007199254740991, "far"
        assert x[i] * 1125899906842624 > 2 * x[i] - 1125899906842624, "near"
        y[i] = min(x[i] * 3, 9007199254740991) - max(v + 9007199254740991, -9007199254740991) % 9007199254740990
        if x[i] != -9007199254740991 and not (x[i] >= 9007199254740991):
            y[i] = v + w
`,
  ],
  [
    "indices made of elements of less than a byte, as stored",
    1,
    `kernel codebook(
    q: Tensor[u4, N], s: Tensor[i4, N], mut z: Tensor[u2, N], t: Tensor[i32, 16], out y: Tensor[i32, N]
):
    for i in range(N):
        z[i] = q[i]
        y[i] = t[q[i]] + t[s[i] + 8] << z[i] * 10 + t[s.get(i + 1) + 8] % 2
`,
  ],
  [
    "a place in a ring that goes round by a remainder",
    0,
    `kernel ring(x: Tensor[i32, N], r: Tensor[i32, R], out y: Tensor[i32, N]) where R >= 1:
    var head = 0
    for i in range(N):
        y[i] = x[i] + r[head]
        head = (head + 1) % R
`,
  ],
];

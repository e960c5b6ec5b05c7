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
];

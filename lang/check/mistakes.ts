// Small sources with one mistake or a few each, for the tests of the checker's diagnostics. Every line where
// one begins says so: `# error[K0301]` or `# warning[K0210]`; what isn't announced must not be reported.

/** Names of the cases by topic, and their sources. */
export const mistakes: Readonly<Record<string, string>> = {
  "misspelt names": `
from std.math import exp
kernel k(image: Tensor[f32, H, W], out y: Tensor[f32, H, W]):
    for row, col in grid(H, W):
        y[row, col] = exq(imgae[row, col])  # error[K0201] error[K0201]
`,
  "habits of Python": `
kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(len(x)):  # error[K0202]
        print(x[i])  # error[K0202]
        y[i] = math.exp(x[i])  # error[K0202]
        let a = float(i)  # error[K0202]
        let b = None  # error[K0202]
        let c = true  # error[K0202]
    for i, v in enumerate(x):  # error[K0202]
        y[i] = v
`,
  "habits of NumPy and Mojo": `
def f(x: Float32, n: Int) -> DType.float32:  # error[K0202] error[K0320] error[K0202]
    return x
kernel k(self: Tensor[f32, N], x: Tensor[Float16, N], out y: Tensor[f32, N]):  # error[K0202]
    @parameter  # error[K0502]
    for i in range(N):
        y[i] = np.where(self[i] > 0, self[i], 0)  # error[K0202]
    y[0] = self.x  # error[K0312]
`,
  "a library function not imported": `
def f(x: f32) -> f32:
    return sqrt(x) + tanh(x)  # error[K0202] error[K0202]
`,
  "declared twice": `
def f(x: f32) -> f32:
    let x = 1  # error[K0203]
    var y = 2.0
    let y = 3.0  # error[K0203]
    if y > 2:
        let y = 4.0
        return y
    return y
def f(x: f32) -> f32:  # error[K0203]
    return x
`,
  "a loop variable used again": `
kernel k(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):
    for i in range(M):
        for i in range(N):  # error[K0204]
            y[i, i] = sum(x[i, k] for k in range(N))
    for i, j in grid(M, N):
        y[i, j] = sum(x[i, j] for j in range(N))  # error[K0204]
`,
  "modules that aren’t there": `
import std.nope  # error[K0205]
from .missing import f  # error[K0205]
from ..above import g  # error[K0205]
from std.math import expp  # error[K0207]
import std.math
def f2(x: f32) -> f32:
    return math.sinh(x) + std.math.exp(x) + std.nn.g(x)  # error[K0207] error[K0207]
`,
  "files that import one another": `
from .cycle import f
def g(x: f32) -> f32:
    return f(x)
# error[K0206 in again.kern]
`,
  recursion: `
def even(n: i32) -> bool:
    return odd(n - 1)
def odd(n: i32) -> bool:
    return even(n - 1)  # error[K0208]
comptime A = B + 1  # error[K0208]
comptime B = A
`,
  "dimensions that nothing binds": `
kernel k(x: Tensor[f32, N + 1], out y: Tensor[f32, M], out z: Tensor[f32, *S]):  # error[K0209] error[K0209] error[K0209]
    y[0] = x[0]
`,
  "unused locals and inputs": `
kernel k(x: Tensor[f32, N], w: Tensor[f32, N], s: f32, out y: Tensor[f32, N]):  # warning[K0211] warning[K0211]
    let a = x[0]  # warning[K0210]
    var b = 0  # warning[K0210]
    let _c = 1
    for i in range(N):
        b += 1
        y[i] = x[i]
`,
  "intrinsics outside the library": `
def f(x: f32) -> f32:
    return intrinsic.sqrt(x)  # error[K0213]
`,
  "assignment without a declaration": `
kernel k(out y: Tensor[f32, 4], mut z: Tensor[f32, N]):
    total = 0  # error[K0214]
    for i in range(4):
        totla += z[i]  # error[K0214]
    y[0] = 1
`,
  "mixed dtypes": `
kernel k(x: Tensor[f32, N], n: Tensor[i32, N], h: Tensor[f16, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = x[i] + n[i]  # error[K0301]
        y[i] = x[i] * i  # error[K0301]
        y[i] += h[i]  # error[K0301]
        var total = 0
        total += x[i]  # error[K0301]
        y[i] = max(x[i], h[i])  # error[K0301]
        y[i] = x[i] if h[i] > x[i] else n[i]  # error[K0301] error[K0301]
`,
  "mismatches of type": `
struct P:
    a: f32
    k: index
def f(x: f32, p: P, r: Tensor[f32, N]) -> f32:
    return i32(x)  # error[K0302]
kernel k(x: Tensor[f32, M, N], n: Tensor[i32, M], out y: Tensor[f32, M]):
    for i in range(M):
        let p = P(n[i], i)  # error[K0302]
        let t: (f32, i32) = (1, 2)
        let q: f32 = t  # error[K0302]
        y[i] = f(n[i], P(1, 2), x[i, :])  # error[K0302]
        y[i] = f(1, P(1, 2), x)  # error[K0302]
        y[i] = f(1, (1, 2), n)  # error[K0302] error[K0302]
        y[n[i] > 0] = q + t[0]  # error[K0302]
`,
  "literals out of range": `
kernel k(x: Tensor[i8, N], out y: Tensor[i8, N]):
    for i in range(N):
        y[i] = x[i] + 300  # error[K0303]
        let a: u8 = -1  # error[K0303]
        let b: f16 = 1e6  # error[K0303]
        let c = x[i] * 0.5  # error[K0303]
        let d = 3000000000  # error[K0303]
        let e: u32 = 0xffffffff
        let f: i64 = 9223372036854775807
        let g: i64 = 9223372036854775808  # error[K0303]
        y[i] = i8(e) + i8(f)
`,
  "division of integers": `
def half(n: index) -> index:
    return n / 2  # error[K0304]
comptime THIRD = 1 / 3
def third(x: f32) -> f32:
    return x * THIRD
`,
  "conditions that are none": `
kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(0, N, 4):
        let v = x.load[4](i)
        if x[i]:  # error[K0305]
            y[i] = 0
        while 1:  # error[K0305]
            break
        if v > 0:  # error[K0305]
            y[i] = 1
        assert not i and x[i] > 0  # error[K0305]
        y[i] = sum(x[j] for j in range(N) if x[j])  # error[K0305]
`,
  "known too late": `
kernel k[S: int = 2](x: Tensor[f32, N], out y: Tensor[f32, N]):
    comptime if N > 4:  # error[K0306]
        y[0] = x[0]
    comptime LATE = N * 2  # error[K0306]
    comptime for i in range(N):  # error[K0306]
        y[i] = x[i]
    for i in range(0, N, N):  # error[K0306]
        y[i] = 0
    comptime assert S == 2
    let t = (x[0], 1)
    y[0] = t[N]  # error[K0306]
`,
  "arguments that don’t fit": `
def f(a: f32, b: f32) -> f32:
    return a - b
def g[T: Float, S: int = 1](x: T) -> T:
    return x * S
kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    y[0] = f(1)  # error[K0308]
    y[0] = f(1, 2, 3)  # error[K0307]
    y[0] = f(1, c=2)  # error[K0308]
    y[0] = f(1, a=2, b=1)  # error[K0308]
    y[0] = g[Z=3](x[0])  # error[K0308]
    y[0] = g[f32, 2, 3](x[0])  # error[K0307]
    y[0] = g[S=0.5](x[0])  # error[K0302]
    y[0] = clamp(x[0], 1)  # error[K0307]
    y[0] = max(x[0])  # error[K0307]
    y[0] = select(x[0] > 1, x[0])  # error[K0307]
    y[0] = x.get(0, 1)  # error[K0310]
    y[0] = x.get(0, other=1)  # error[K0308]
    for i in range():  # error[K0307]
        y[i] = x[i]
`,
  "places that can’t be assigned to": `
comptime C = 3
kernel k(x: Tensor[f32, M, N], s: f32, out y: Tensor[f32, M]):
    let a = 1.0
    let row = x[0, :]
    var acc = Array[f32, 4](0)
    def helper(v: f32) -> f32:
        acc[0] = v  # error[K0309]
        y[0] = v  # error[K0309]
        return v
    for i in range(M):
        x[i, 0] = 1  # error[K0309]
        a = 2  # error[K0309]
        i += 1  # error[K0309]
        M = 4  # error[K0309]
        s = 1  # error[K0309]
        C = 4  # error[K0309]
        y = 0  # error[K0309]
        acc = 0  # error[K0309]
        row[0] = 1  # error[K0309]
        x[i, :] = 0  # error[K0309]
        y[i] = helper(acc[0]) + a
        x.store(x.load[4](0, 0), 0, 0)  # error[K0309]
`,
  "too few or too many indices": `
kernel k(x: Tensor[f32, M, N], out y: Tensor[f32, M]):
    let v = SIMD[f32, 4](1)
    let t = (1.0, 2.0)
    for i in range(M):
        y[i] = x[i]  # error[K0310]
        y[i, 0] = x[i, 0, 0]  # error[K0310] error[K0310]
        y[i] = v[4] + t[2]  # error[K0310] error[K0310]
        y[i] = f32(x.shape[2])  # error[K0310]
`,
  "used for what it isn’t": `
kernel k(x: Tensor[f32, N], s: f32, out y: Tensor[f32, N]):
    var a = Array[f32, 4](0)
    y[0] = s(1)  # error[K0311]
    y[0] = s[0]  # error[K0311]
    y[0] = x(0)  # error[K0311]
    y[0] = k[0]  # error[K0321]
    let z = a[0:2]  # error[K0311]
    let w = Tensor[f32, 4](0)  # error[K0311]
`,
  "attributes that aren’t there": `
struct P:
    alpha: f32
kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    let p = P(1)
    y[0] = p.alhpa  # error[K0312]
    y[0] = x.T  # error[K0312]
    y[0] = x.gte(0)  # error[K0312]
    y[0] = f32.mx  # error[K0312]
    y[0] = f32.max + f32.epsilon
`,
  "operators that don’t work": `
kernel k(x: Tensor[f32, N], n: Tensor[i32, N], out y: Tensor[f32, N]):
    let a = x + 1  # error[K0313]
    let b = x[0] & 1  # error[K0313]
    let c = x[0] << x[1]  # error[K0313]
    let d = -(x[0] > 1)  # error[K0313]
    let e = ~x[0]  # error[K0313]
    let f = floor(n[0])  # error[K0313]
    let g = x[0] ** x[1]  # error[K0313]
    let h = sum(x[i] > 0 for i in range(N))  # error[K0313]
    let i2 = mean(n[i] for i in range(N))  # error[K0313]
    let j2 = (x[0] > 1) + (x[1] > 1)  # error[K0313]
    let k2 = "a" + x[0]  # error[K0313]
`,
  "parameters without a value": `
kernel conv[S: int, f: def(f32) -> f32](x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = f(x[i]) * S
test "t":
    let y = conv(ones[f32](4))  # error[K0315] error[K0315]
`,
  "dtypes outside the trait": `
def f[T: Float](x: T) -> T:
    return x
kernel k[T: Int](x: Tensor[T, N], out y: Tensor[T, N]):
    y[0] = f(x[0])  # error[K0316]
kernel l(q: Tensor[i4, N], out y: Tensor[i32, N]):
    y[0] = q[0]
    k[f32](q, y)  # error[K0316]
def d[T: Byte](x: SIMD[T, 16]) -> SIMD[i32, 4]:
    return dot4(x, x, SIMD[i32, 4](0))
kernel m(x: Tensor[i16, 16], y: Tensor[u8, 16], out z: Tensor[i32, 4]):
    z.store(d(x.load[16](0)), 0)  # error[K0316]
    z.store(d(y.load[16](0)), 0)
`,
  "paths without a return": `
def f(x: f32) -> f32:  # error[K0317]
    if x > 0:
        return x
def g(x: f32) -> f32:
    while True:
        if x > 0:
            return x
def h(x: f32) -> f32:
    if x > 0:
        return x
    else:
        return -x
`,
  "returns that don’t fit": `
def f(x: f32):
    return x  # error[K0318]
def g(x: f32) -> f32:
    return  # error[K0318]
def h(x: Tensor[f32, N]) -> Tensor[f32, N]:  # error[K0318]
    return x
kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    return x[0]  # error[K0318]
`,
  "parameters that can’t be": `
kernel a(x: Tensor[f32, N], out s: f32):  # error[K0319]
    s = x[0]
kernel b(x: Tensor[f32, N], t: (f32, f32)):  # error[K0319] error[K0319]
    assert x[0] > t[0]
def c(out y: Tensor[f32, N]) -> f32:  # error[K0319]
    return y[0]
`,
  "types that are none": `
struct S:
    r: Tensor[f32, 4]  # error[K0320]
def f(x: Float, y: Tensor, z: 3) -> f32:  # error[K0320] error[K0320] error[K0320]
    var a = Array[f32]()  # error[K0320]
    return 1
`,
  "things that are no values": `
from std.math import exp
kernel k(x: Tensor[f32, *S], out y: Tensor[f32, *S]):
    let a = exp  # error[K0321]
    let b = f32  # error[K0321]
    let c = "text"  # error[K0321]
    let d = [1, 2]  # error[K0321]
    let e = x.shape  # error[K0321]
    let f = S  # error[K0321]
    for i in grid(*S):
        y[*i] = x[i]  # error[K0321]
`,
  "assertions when compiling": `
comptime WIDTH = 6
comptime assert WIDTH % 4 == 0, "the width is a multiple of 4"  # error[K0322]
def only_wide[T: Float](x: T) -> T:
    comptime assert T == f32 or T == f64, "f32 and f64 only"  # error[K0322]
    return x
kernel k(x: Tensor[f16, N], out y: Tensor[f16, N]):
    y[0] = only_wide(x[0])
`,
  "constants that can’t be computed": `
comptime A = 1 // 0  # error[K0323]
comptime B = 10 ** 100000  # error[K0323]
comptime C = 2 ** 0.5  # error[K0323]
comptime D = inf - inf  # error[K0323]
`,
  "loops over what can’t be looped over": `
kernel k(x: Tensor[f32, *S], n: i32, out y: Tensor[f32, *S]):
    for v in x:  # error[K0324]
        pass
    for i in n:  # error[K0324]
        pass
    for i in S:  # error[K0324]
        pass
    for i in range(0, n, 0):  # error[K0324]
        pass
    let r = range(3)  # error[K0324]
    for i, j in grid(1, 2, 3):  # error[K0325]
        pass
    for i, j in range(n):  # error[K0325]
        pass
`,
  "reductions that don’t fit": `
from std.math import exp
kernel k(x: Tensor[f32, M, N], out y: Tensor[f32, M]):
    y[0] = sum(x)  # error[K0326]
    y[0] = exp(x[i, 0] for i in range(M))  # error[K0326]
    y[0] = reduce(x[i, 0] for i in range(M))  # error[K0326]
    let p = argmax(x[i, j] for i in range(M) for j in range(N))  # error[K0326]
    y[0] = abs(x[i, 0] for i in range(M))  # error[K0326]
`,
  "narrow products": `
kernel k(a: Tensor[i8, N], b: Tensor[i8, N], out y: Tensor[i32, 2]):
    y[0] = sum(a[i] * b[i] for i in range(N))  # warning[K0327]
    y[1] = sum(i32(a[i]) * i32(b[i]) for i in range(N))
`,
  "calls of kernels": `
kernel copy(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = x[i]
def f(x: Tensor[f32, N]) -> f32:
    copy(x, x)  # error[K0328]
    return x[0]
kernel k(x: Tensor[f32, N], out y: Tensor[f32, N], mut z: Tensor[f32, N]):
    copy(x, x)  # error[K0328]
    copy(z, z)  # error[K0328]
    copy(y, x)  # error[K0328]
    copy(x)  # error[K0308]
    let w = copy(x, y)  # error[K0302]
    copy(x, y)
`,
  "dtypes for storage": `
kernel k(q: Tensor[u4, N], out y: Tensor[i32, N]):
    let a = u4(3)  # error[K0329]
    var b = Array[i4, 4](0)  # error[K0329]
    let c: i4 = 1  # error[K0329]
    y[0] = q[0]
`,
  "sizes that differ": `
def first(r: Tensor[f32, 4], s: Tensor[f32, N], t: Tensor[f32, N]) -> f32:
    return r[0] + s[0] + t[0]
kernel k(x: Tensor[f32, 3], z: Tensor[f32, 5], out y: Tensor[f32, 1]):
    y[0] = first(x, x, z)  # error[K0330] error[K0330]
    var a = Array[f32, 0](0)  # error[K0330]
    var b = Array[f32, 65536, 16384](0)  # error[K0330]
test "t":
    let t = tensor[f32]([[1, 2], [3]])  # error[K0330]
`,
  "jumps outside loops": `
kernel k(out y: Tensor[f32, 4], x: Tensor[f32, N]):
    break  # error[K0331]
    comptime for i in range(4):
        y[i] = x[i]
        continue  # error[K0331]
`,
  "test values outside tests": `
kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    let z = zeros(4)  # error[K0332]
    assert close(x[0], 1)  # error[K0332]
`,
  "tuples of another size": `
def two(x: f32) -> (f32, f32):
    return x, x
def f(x: f32) -> f32:
    let a, b, c = two(x)  # error[K0333]
    let d, e = x  # error[K0333]
    return a + b + c + d + e
`,
  "statements without effect": `
kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    x[0]  # error[K0334]
    y[0] == x[0]  # error[K0334]
`,
  "variables read before they are assigned": `
def f(x: f32) -> f32:
    var a: f32
    var b: f32
    if x > 0:
        a = x
        b = x
    else:
        b = 0
    return a + b  # error[K0335]
`,
  "Arrays that are no variables": `
def total(a: Array[f32, 4]) -> f32:
    return a[0]
def f(x: f32) -> f32:
    let a = Array[f32, 4](x)  # error[K0336]
    return total(Array[f32, 4](0)) + a[0]  # error[K0336]
`,
  "numbers of lanes": `
kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    let a = SIMD[f32, 3](0)  # error[K0337]
    let b = x.load(0)  # error[K0337]
    let c = x.load[5](0)  # error[K0337]
    y[0] = x.load[4](0).shuffle(0, 1, 2)[0]  # error[K0337]
`,
  "indices from the end": `
kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    y[0] = x[-1]  # error[K0339]
    y[1] = x.get(-1)
    let v = x[:-1]  # error[K0339]
    let w = x[::2]  # error[K0344]
`,
  "too much written out": `
kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    comptime for i in range(1000):
        comptime for j in range(1000):
            y[i] = x[j]  # error[K0340]
`,
  "clauses that read tensors": `
kernel k(x: Tensor[f32, N], s: f32, out y: Tensor[f32, N]) where N % 4 == 0, s > 0, x[0] > 0:  # error[K0342]
    y[0] = x[0] * s
`,
  "stores as values": `
kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    let v = y.store(x.load[4](0), 0)  # error[K0343]
    y.store(x.load[4](0), 0)
    y.store(x[0], 0)  # error[K0302]
    y.store()  # error[K0307]
`,
  "stars that mean nothing": `
kernel k(x: Tensor[f32, *S], out y: Tensor[f32, *S]):
    for i in range(*S):  # error[K0346]
        pass
    let a = 1 + (*S)  # error[K0346]
`,
  "unknown annotations": `
@inline  # error[K0502]
def f(x: f32) -> f32:
    return x
@op("nothing")  # error[K0503]
@paralel  # error[K0502]
kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    @vectorise  # error[K0502]
    @wsm.parallel  # error[K0502]
    for i in range(N):
        y[i] = f(x[i])
`,
  "arguments of annotations": `
kernel k(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):
    @tile  # error[K0503]
    @tile(8)  # error[K0503]
    @tile(i=0)  # error[K0503]
    @tile(i=1073741824)  # error[K0503]
    @vectorize(j, width=3)  # error[K0503]
    @vectorize(tail="rest")  # error[K0503]
    @vectorize(i, j)  # error[K0503]
    @parallel(4)  # error[K0503]
    @parallel(i, wait=1)  # error[K0503]
    @unroll(j.tile[0])  # error[K0503]
    @stage(M)  # error[K0503]
    for i, j in grid(M, N):
        y[i, j] = x[i, j]
`,
  "names of loops": `
kernel k(x: Tensor[f32, M, N], out y: Tensor[f32, M]):
    @unroll(k)  # error[K0504]
    @parallel(row)  # error[K0505]
    for i in range(M):
        let a = sum(x[i, k] for k in range(N))
        y[i] = a * sum(x[i, k] for k in range(N))
        @parallel(i)  # error[K0505]
        for j in range(N):
            y[i] += x[i, j]
`,
  "annotations that are misplaced": `
@parallel  # error[K0506]
kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    @vectorize  # error[K0506]
    let a = x[0]
    @op("a::b")  # error[K0506]
    for i in range(N):
        y[i] = x[i] + a
`,
  "atomic updates": `
kernel k(x: Tensor[f32, N], mut h: Tensor[f32, N]):
    var a = 0.0
    @parallel
    for i in range(N):
        @atomic
        h[0] += x[i]
        @atomic
        h[i] = max(h[i], x[i])
        @atomic  # error[K0507]
        h[0] *= x[i]
        @atomic  # error[K0507]
        h[0] = x[i]
        @atomic  # error[K0507]
        a += x[i]
    h[0] += a
`,
  "mistakes for some dtypes only": `
def f[T: Number](x: T) -> T:
    return x / 2  # error[K0304]
def g[T: Any](x: T) -> T:
    return x + 1  # error[K0313]
kernel k[relu: bool = False](x: Tensor[f32, *S], out y: Tensor[f32, *S]):
    for i in grid(*S):
        comptime if relu:
            y[*i] = maxx(x[*i], 0)  # error[K0201]
        else:
            y[*i] = x[*i]
`,
  "operands that double": `
def f(x: f32, y: f32) -> f32:
    return x ${"% y ".repeat(20)}  # error[K0347]
`,
};

// What the provers must refuse, with the words they say it in.

import { expect, it } from "vitest";
import { report } from "./testing/prove-source.ts";

it("refuses a store one past the end", () => {
  const source = `kernel past(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i + 1] = x[i]
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0401 \`y[i + 1]\` can lie outside \`y\`, of size \`N\` | with N = 1: i = 0 writes y[1], and \`y\` has 1 element"`,
  );
});

it("refuses a read one past the end", () => {
  const source = `kernel readpast(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):
    for i in range(M):
        for j in range(N):
            y[i, j] = x[i, j] + x[i, j + 1]
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0401 \`x[i, j + 1]\` can lie outside dimension 1 of \`x\`, of size \`N\` | with M = 1, N = 1: i = 0, j = 0 reads x[0, 1], and \`x\` is 1 × 1"`,
  );
});

it("refuses a recurrence under @parallel", () => {
  const source = `kernel recp(mut x: Tensor[f32, N]):
    @parallel
    for i in range(1, N):
        x[i] = x[i - 1] + x[i]
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0520 \`@parallel\` would let two iterations of \`i\` touch the same element of \`x\` | with N = 3: i = 1 writes x[1], and i = 2 reads it"`,
  );
});

it("refuses a recurrence under @vectorize", () => {
  const source = `kernel recv(mut x: Tensor[f32, N]):
    @vectorize
    for i in range(1, N):
        x[i] = x[i - 1] + x[i]
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0520 \`@vectorize\` would let two iterations of \`i\` touch the same element of \`x\` | with N = 3: i = 1 writes x[1], and i = 2 reads it"`,
  );
});

it("refuses a sum into one element under @parallel", () => {
  const source = `kernel sumpar(x: Tensor[f32, N], out s: Tensor[f32, 1]):
    s[0] = 0.0
    @parallel
    for i in range(N):
        s[0] += x[i]
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0520 \`@parallel\` would let two iterations of \`i\` touch the same element of \`s\` | with N = 2: i = 0 writes s[0], and i = 1 reads it"`,
  );
});

it("refuses a variable carried through a vector loop", () => {
  const source = `kernel sumvar(x: Tensor[f32, N], out s: Tensor[f32, 1]):
    var acc = 0.0
    @vectorize
    for i in range(N):
        acc += x[i] * 2
    s[0] = acc
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0522 \`acc\` is carried from one iteration of \`i\` to the next, so \`@vectorize\` can’t stand here"`,
  );
});

it("refuses an in-place transpose in parallel", () => {
  const source = `kernel transp(mut a: Tensor[f32, N, N]):
    @parallel
    for i in range(N):
        for j in range(N):
            let t = a[i, j]
            a[i, j] = a[j, i]
            a[j, i] = t
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0520 \`@parallel\` would let two iterations of \`i\` touch the same element of \`a\` | with N = 2: i = 0, j = 1 writes a[1, 0], and i = 1, j = 0 reads it"`,
  );
});

it("refuses a data-dependent index without a guard", () => {
  const source = `kernel data(x: Tensor[f32, N], idx: Tensor[i32, M], out y: Tensor[f32, M]):
    for i in range(M):
        y[i] = x[idx[i]]
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0403 \`x[idx[i]]\` takes its index from data, and nothing keeps \`idx[i]\` inside \`x\`, of size \`N\` | with N = 1, M = 1: i = 0, idx[0] = 1 reads x[1], and \`x\` has 1 element"`,
  );
});

it("refuses a parallel scatter", () => {
  const source = `kernel scatter(x: Tensor[f32, N], idx: Tensor[i32, N], mut y: Tensor[f32, M]):
    @parallel
    for i in range(N):
        let j = idx[i]
        assert 0 <= j and j < M
        y[j] = x[i]
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0520 \`@parallel\` would let two iterations of \`i\` touch the same element of \`y\` | with N = 2, M = 2: i = 0 writes y[0], and i = 1 writes it too"`,
  );
});

it("refuses an index that can overflow", () => {
  const source = `kernel overflow(x: Tensor[f32, N], s: i32, mut y: Tensor[f32, N]):
    for i in range(N):
        let j = i * s
        if 0 <= j and j < N:
            y[j] = x[i]
        y[i * s] = x[i]
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0404 \`i * s\` can overflow its type, and an index is made of it | with s = 2147483647, i = 1048576: i * s is 2251799812636672, and i32 ends at 2147483647"`,
  );
});

it("refuses a divisor that can be 0", () => {
  const source = `kernel div0(x: Tensor[f32, N], d: i32, mut y: Tensor[f32, N]):
    for i in range(N // d):
        y[i] = x[i]
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0405 \`N // d\` divides by \`d\`, which can be 0 | with N = 1, d = 0: \`d\` is 0"`,
  );
});

it("refuses a shift that can be too wide", () => {
  const source = `kernel shift(x: Tensor[i32, N], s: i32, out y: Tensor[i32, N]):
    for i in range(N):
        y[i] = x[i] << s
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0406 \`x[i] << s\` shifts by \`s\`, which isn’t known to be in 0 … 31 | with N = 2, s = -1: i = 0, \`s\` isn’t below the width"`,
  );
});

it("refuses a break in a parallel loop", () => {
  const source = `kernel brk(x: Tensor[f32, N], mut y: Tensor[f32, N]):
    @parallel
    for i in range(N):
        if x[i] > 0.0:
            break
        y[i] = x[i]
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0523 a \`break\` ends the loop over \`i\` early, so \`@parallel\` can’t stand here"`,
  );
});

it("refuses an exact tail without proof", () => {
  const source = `kernel exact(x: Tensor[f32, N], out y: Tensor[f32, N]):
    @vectorize(width=4, tail="exact")
    for i in range(N):
        y[i] = x[i]
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0524 \`tail="exact"\` needs a proof that 4 divides the iterations of \`i\`"`,
  );
});

it("refuses an index that nobody can follow", () => {
  const source = `kernel unk(x: Tensor[f32, N], out y: Tensor[f32, N]):
    var p = 0
    for i in range(N):
        p = (p * 7 + 3) ^ i
        y[i] = x[p]
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0404 \`p * 7\` can overflow its type, and an index is made of it"`,
  );
});

it("refuses a second store that meets the first", () => {
  const source = `kernel scaled(x: Tensor[f32, N], out y: Tensor[f32, N]):
    @parallel
    for i in range(N):
        y[i] = x[i]
        if i > 0:
            y[i // 2] = 0.0
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0520 \`@parallel\` would let two iterations of \`i\` touch the same element of \`y\` | with N = 2: i = 0 writes y[0], and i = 1 writes it too"`,
  );
});

it("refuses an array read before it is written", () => {
  const source = `kernel loc(x: Tensor[f32, M, N], out y: Tensor[f32, M]):
    @parallel
    for i in range(M):
        var t = Array[f32, 8]()
        for j in range(7):
            t[j] = 1.0
        y[i] = sum(t[j] for j in range(8))
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0412 \`t[j]\` is read before it is written | with M = 1, N = 1: i = 0, j = 7 reads t[7], and nothing has written it"`,
  );
});

it("refuses an output whose last elements stay unwritten", () => {
  const source = `kernel uneven(x: Tensor[f32, M], out y: Tensor[f32, M]):
    for t in range(M // 4):
        for u in range(4):
            y[4 * t + u] = x[4 * t + u]
`;
  expect(report(source)).toMatchInlineSnapshot(`
    "K0414 part of \`x\` is never read | with M = 5: x[4] is never read
    K0410 not every element of \`y\` is written | with M = 5: y[4] is never written"
  `);
});

it("refuses an input whose tail is dropped", () => {
  const source = `kernel dropped(x: Tensor[f32, K], out y: Tensor[f32, 1]):
    y[0] = sum(x[16 * b + u] for b in range(K // 16) for u in range(16))
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0414 part of \`x\` is never read | with K = 17: x[16] is never read"`,
  );
});

it("refuses an update of what was never set", () => {
  const source = `kernel rbw(x: Tensor[f32, M, N], out y: Tensor[f32, M]):
    for i in range(M):
        for j in range(N):
            y[i] += x[i, j]
`;
  expect(report(source)).toMatchInlineSnapshot(`
    "K0412 \`y[i]\` is read before it is written | with M = 1, N = 1: i = 0, j = 0 reads y[0], and nothing has written it
    K0410 not every element of \`y\` is written | with M = 1, N = 0: y[0] is never written"
  `);
});

it("refuses an output that nothing writes", () => {
  const source = `kernel nothing(x: Tensor[f32, M, N], out y: Tensor[f32, M]):
    let a = x.get(0, 0)
`;
  expect(report(source)).toMatchInlineSnapshot(`
    "K0210 \`a\` is never read
    K0410 not every element of \`y\` is written | with M = 1, N = 1: y[0] is never written"
  `);
});

it("refuses an output written where data says", () => {
  const source = `kernel scat(x: Tensor[f32, N], p: Tensor[i32, N], out y: Tensor[f32, N]):
    for i in range(N):
        let j = p[i]
        assert 0 <= j and j < N
        y[j] = x[i]
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0410 not every element of \`y\` is written | with N = 2: y[1] is never written"`,
  );
});

it("refuses an output written under a condition alone", () => {
  const source = `kernel cond(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        if x[i] > 0.0:
            y[i] = x[i]
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0410 not every element of \`y\` is written | with N = 2: y[0] is never written"`,
  );
});

it("refuses a call whose shapes may disagree", () => {
  const source = `kernel callee(a: Tensor[f32, M, K], b: Tensor[f32, K, N], out c: Tensor[f32, M, N]):
    for i, j in grid(M, N):
        c[i, j] = sum(a[i, k] * b[k, j] for k in range(K))

kernel caller(a: Tensor[f32, M, K], b: Tensor[f32, L, N], out c: Tensor[f32, M, N]):
    callee(a, b, c)
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0407 I can’t prove what must hold here: \`callee\` needs axis 0 of \`b\` to have the extent that its signature says | with M = 1, K = 2, L = 1, N = 1: it doesn’t hold"`,
  );
});

it("refuses an argmax of what may be empty", () => {
  const source = `kernel am(x: Tensor[f32, N], out y: Tensor[i32, 1]):
    y[0] = argmax(x[j] for j in range(N))
`;
  expect(report(source)).toMatchInlineSnapshot(
    `"K0407 I can’t prove what must hold here: \`argmax\` needs at least one element | with N = 0: it doesn’t hold"`,
  );
});

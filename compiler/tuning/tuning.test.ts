// Value lists as a search space, and what a lock file makes of them when compiling.

import { describe, expect, it, test } from "vitest";
import { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import type { TKernel } from "../../lang/typed.ts";
import { checked, compile, CompileError } from "../index.ts";
import { fingerprint } from "./fingerprint.ts";
import {
  bucketOf,
  emptyLock,
  entryFor,
  parseLock,
  printLock,
  withEntry,
  type Lock,
  type LockEntry,
} from "./lock.ts";
import { choiceOf, knobsOf, annotationText, resolved } from "./values.ts";

const source = `comptime WIDE = 8

def scaled(v: f32) -> f32:
    return v * 2

kernel product(a: Tensor[f32, M, K], b: Tensor[f32, K, N], out c: Tensor[f32, M, N]):
    @wasm.tile(i=[4, 2], j=[(32, 8), (16, [4, WIDE])])
    @wasm.unroll(i)
    @wasm.vectorize(j, width=4, tail=["mask", "peel"])
    @wgsl.parallel(i, j)
    for i, j in grid(M, N):
        c[i, j] = scaled(sum(a[i, k] * b[k, j] for k in range(K)))

kernel twice(x: Tensor[f32, N], out y: Tensor[f32, N], out z: Tensor[f32, N]):
    @unroll(i, [1, 2, 4])
    for i in range(N):
        y[i] = scaled(x[i])
    @unroll(i, [1, 2, 4])
    for i in range(N):
        z[i] = scaled(x[i])
`;

function kernel(name: string, text = source): TKernel {
  const sink = new DiagnosticSink();
  const typed = checked(text, {}, sink).instantiate(name, { comptime: {} }, sink);
  if (!typed || sink.hasErrors) throw new CompileError(sink.all);
  return typed;
}

describe("knobs", () => {
  it("are the arguments with several values, lists inside of tuples and lists taken apart", () => {
    expect(knobsOf(kernel("product"), "wasm").map(({ id, values }) => [id, values])).toEqual([
      ["@wasm.tile(i)", ["4", "2"]],
      ["@wasm.tile(j)", ["(32, 8)", "(16, 4)", "(16, 8)"]],
      ["@wasm.vectorize(tail)", ['"mask"', '"peel"']],
    ]);
    expect(knobsOf(kernel("product"), "wgsl")).toEqual([]);
  });

  it("that are written alike have numbers", () => {
    expect(knobsOf(kernel("twice"), "wasm").map(({ id }) => id)).toEqual(["@unroll(1)", "@unroll(1)#2"]);
  });

  it("resolve to what was chosen, or to the first value", () => {
    const knobs = knobsOf(kernel("product"), "wasm");
    const choice = choiceOf(knobs, { "@wasm.tile(j)": "(16, 8)" });
    if (typeof choice === "string") return expect.fail(choice);
    const { annotation } = knobs[0]!;
    expect(annotationText(annotation)).toBe("@wasm.tile(i=[4, 2], j=[(32, 8), (16, [4, 8])])");
    expect(annotationText(resolved(annotation, choice))).toBe("@wasm.tile(i=4, j=(16, 8))");
    expect(annotationText(resolved(annotation, undefined))).toBe("@wasm.tile(i=4, j=(32, 8))");
    expect(choiceOf(knobs, { "@wasm.tile(j)": "7" })).toBe(
      "`@wasm.tile(j)` is (32, 8), (16, 4), (16, 8), and not 7",
    );
    expect(choiceOf(knobs, { "@tile(j)": "7" })).toBe("no annotation has the list `@tile(j)`");
  });
});

describe("the fingerprint", () => {
  const print = (text: string, name = "product") => fingerprint(kernel(name, text), "wasm");
  const original = print(source);

  test.each([
    ["a comment", source.replace("    @wasm.unroll", "    # here\n    @wasm.unroll")],
    ["white space", source.replace("i=[4, 2]", "i = [4,2]").replace("v * 2", "v*2")],
    ["a docstring", source.replace("    @wasm.tile", '    """A product."""\n    @wasm.tile')],
    ["a name for the registry", source.replace("kernel product", '@op("my::product")\nkernel product')],
    ["another kernel", source.replace("z[i] = scaled(x[i])", "z[i] = x[i]")],
    ["an annotation for another target", source.replace("    @wgsl.parallel(i, j)\n", "")],
    ["a declaration in front", `comptime MORE = 3\n${source}`],
  ])("isn't changed by %s", (_, text) => {
    expect(text).not.toBe(source);
    expect(print(text)).toBe(original);
  });

  test.each([
    ["the kernel's arithmetic", source.replace("a[i, k] * b", "a[i, k] + b")],
    ["a function that it calls", source.replace("v * 2", "v * 3")],
    ["a constant in an annotation", source.replace("WIDE = 8", "WIDE = 16")],
    ["a list", source.replace("i=[4, 2]", "i=[2, 4]")],
    ["an annotation", source.replace("    @wasm.unroll(i)\n", "")],
    ["a dtype", source.replaceAll("b: Tensor[f32", "b: Tensor[f64").replace("b[k, j]", "f32(b[k, j])")],
  ])("is changed by %s", (_, text) => {
    expect(print(text)).not.toBe(original);
  });

  it("tells kernels and targets apart", () => {
    expect(print(source, "twice")).not.toBe(original);
    expect(fingerprint(kernel("product"), "wgsl")).not.toBe(original);
  });
});

const values = { "@wasm.tile(j)": "(16, 8)", "@wasm.tile(i)": "2" };
function entry(given: Partial<LockEntry> = {}): LockEntry {
  return {
    kernel: "product",
    target: "wasm",
    features: [],
    shape: { M: 512, N: 512, K: 512 },
    source: fingerprint(kernel("product"), "wasm"),
    values,
    measured: { median: 1.5, before: 2, threads: 1 },
    ...given,
  };
}

describe("a lock file", () => {
  it("reads what it writes, and writes it in one order", () => {
    const small = entry({ shape: { N: 64, M: 64, K: 64 } });
    const one = withEntry(withEntry(emptyLock, entry()), small);
    const other = withEntry(withEntry(emptyLock, small), entry());
    expect(printLock(one)).toBe(printLock(other));
    const read = parseLock(printLock(one));
    if (typeof read === "string") return expect.fail(read);
    expect(printLock(read)).toBe(printLock(one));
    expect(read.entries).toHaveLength(2);
  });

  it("keeps one entry a bucket, and none for other code", () => {
    let lock: Lock = withEntry(emptyLock, entry({ values: { "@wasm.tile(i)": "4" } }));
    lock = withEntry(lock, entry({ kernel: "twice", source: "old" }));
    lock = withEntry(lock, entry({ shape: { M: 500, N: 520, K: 512 } }));
    expect(lock.entries.map(({ kernel, shape }) => [kernel, shape.M])).toEqual([
      ["twice", 512],
      ["product", 500],
    ]);
    lock = withEntry(lock, entry({ features: ["relaxed-simd"] }));
    expect(lock.entries).toHaveLength(3);
    lock = withEntry(lock, entry({ source: "new", features: ["relaxed-simd"] }));
    expect(lock.entries.map(({ source }) => source)).toEqual(["old", "new"]);
  });

  it("finds entries by bucket, the largest where sizes aren't known", () => {
    const lock = withEntry(withEntry(emptyLock, entry()), entry({ shape: { M: 64, N: 64, K: 64 } }));
    const { source: hash } = entry();
    const key = { kernel: "product", target: "wasm", features: ["threads"], source: hash } as const;
    const size = (shape: Record<string, number>) => {
      const found = entryFor(lock, key, shape);
      return found.kind === "entry" ? found.entry.shape.M : found.kind;
    };
    expect(size({})).toBe(512);
    expect(size({ M: 600, N: 400, K: 512 })).toBe(512);
    expect(size({ M: 60 })).toBe(64);
    expect(size({ M: 60, N: 512 })).toBe("none");
    expect(entryFor(lock, { ...key, features: ["relaxed-simd"] }, {}).kind).toBe("none");
    expect(entryFor(lock, { ...key, source: "other" }, {}).kind).toBe("stale");
    expect([0, 1, 2, 3, 362, 363, 724, 725].map(bucketOf)).toEqual([0, 1, 2, 4, 256, 512, 512, 1024]);
  });

  it("has entries for each GPU, and any of them serves where the GPU isn't known", () => {
    const on = (adapter: string, given: Partial<LockEntry> = {}): LockEntry =>
      entry({ target: "wgsl", adapter, features: ["shader-f16"], ...given });
    const lock = [on("a"), on("b"), on("b", { values: {} }), on("c", { source: "old" })].reduce(
      withEntry,
      emptyLock,
    );
    // The second one of `b` took the first one's place, and what is for other code made way for nothing.
    const current = [on("a"), on("b", { values: {} })].reduce(withEntry, emptyLock);
    expect(lock.entries.map(({ adapter }) => adapter)).toEqual(["c"]);
    expect(parseLock(printLock(current))).toEqual({ entries: current.entries.map((each) => each) });
    const { source: hash } = entry();
    const key = { kernel: "product", target: "wgsl", source: hash, features: ["shader-f16"] } as const;
    const found = (adapter: string | undefined, features: readonly string[] = key.features) => {
      const one = entryFor(current, { ...key, adapter, features }, {});
      return one.kind === "entry" ? one.entry.adapter : one.kind;
    };
    expect(["a", "b", "d", undefined].map((adapter) => found(adapter))).toEqual(["a", "b", "none", "a"]);
    expect(found("b", [])).toBe("b");
    const plain = withEntry(current, on("b", { features: [] }));
    expect(entryFor(plain, { ...key, adapter: "b", features: [] }, {})).toMatchObject({
      entry: { features: [], values },
    });
  });

  it("has entries for code with constants, which are for exactly these", () => {
    const fixed = entry({ fixed: ["K"], values: { "@wasm.tile(i)": "2" } });
    const lock = withEntry(withEntry(emptyLock, entry()), fixed);
    expect(lock.entries).toHaveLength(2);
    const { source: hash } = entry();
    const key = { kernel: "product", target: "wasm", features: [], source: hash } as const;
    const found = (shape: Record<string, number>) => {
      const one = entryFor(lock, key, shape);
      return one.kind === "entry" ? (one.entry.fixed ?? []) : one.kind;
    };
    expect(found({})).toEqual([]);
    expect(found({ K: 512 })).toEqual(["K"]);
    expect(found({ K: 500 })).toEqual([]);
    expect(found({ K: 512, M: 64 })).toBe("none");
    expect(withEntry(lock, entry({ fixed: ["K"], shape: { M: 512, N: 512, K: 500 } })).entries).toHaveLength(
      3,
    );
    const read = parseLock(printLock(lock));
    if (typeof read === "string") return expect.fail(read);
    expect(read.entries.map((each) => each.fixed)).toEqual([["K"], undefined]);
  });

  test.each([
    ["", "it is not JSON"],
    ["[]", "it is not a JSON object"],
    ['{"format": 2}', "format 2"],
    ['{"format": 1}', "no list"],
    ['{"format": 1, "entries": [{"kernel": "k"}]}', "entry 1"],
    ['{\n<<<<<<< ours\n"format": 1\n=======\n', "conflict markers"],
  ])("that is damaged is refused: %j", (text, why) => {
    expect(parseLock(text)).toContain(why);
  });
});

describe("compiling with a lock", () => {
  const text = (lock: Lock) => printLock(lock);
  const compiled = (lock?: string, code = source) => compile(code, { kernels: ["product"], lock });

  it("takes the values that it has", async () => {
    const locked = await compiled(text(withEntry(emptyLock, entry())));
    const byHand = await compiled(
      undefined,
      source.replace("i=[4, 2], j=[(32, 8), (16, [4, WIDE])]", "i=2, j=(16, 8)"),
    );
    const plain = await compiled();
    expect(locked.text.get("wasm")!.replaceAll(/;;@.*/g, "")).toBe(
      byHand.text.get("wasm")!.replaceAll(/;;@.*/g, ""),
    );
    expect(locked.text.get("wasm")).not.toBe(plain.text.get("wasm"));
    const { tuned } = locked.artifact("wasm").kernels[0]!.report;
    expect(tuned).toEqual({ scheduled: false, values, shape: { M: 512, N: 512, K: 512 } });
    expect(plain.artifact("wasm").kernels[0]!.report.tuned).toBeUndefined();
    expect(locked.diagnostics).toEqual([]);
  });

  it("takes the first values where its entries are for other sizes", async () => {
    const lock = text(withEntry(emptyLock, entry()));
    const shape = { M: 8, N: 8, K: 8 };
    const { artifacts, diagnostics } = await compile(source, { kernels: ["product"], lock, shape });
    expect(artifacts[0]!.kernels[0]!.report.tuned).toBeUndefined();
    expect(diagnostics).toEqual([]);
  });

  test.each([
    ["for other code", entry({ source: "0000" }), "they were found for other code"],
    ["with values that aren't in the lists", entry({ values: { "@wasm.tile(i)": "3" } }), "4, 2, and not 3"],
  ])("warns of entries %s", async (_, given, why) => {
    const { diagnostics, text: code } = await compiled(text(withEntry(emptyLock, given)));
    expect(diagnostics.map(({ code: name, severity }) => [name, severity])).toEqual([["K0550", "warning"]]);
    expect(diagnostics[0]!.message).toContain(why);
    expect(code.get("wasm")).toBe((await compiled()).text.get("wasm"));
  });

  it("warns of values that the checker refuses", async () => {
    const risky = `kernel shift(mut x: Tensor[f32, M, N]):
    @order([i, j], [j, i])
    for i, j in grid(M - 1, N - 1):
        x[i + 1, j] = x[i, j + 1]
`;
    const swapped = { "@order(0)": "j", "@order(1)": "i" };
    const own = entry({
      kernel: "shift",
      source: fingerprint(kernel("shift", risky), "wasm"),
      values: swapped,
    });
    const { diagnostics } = await compile(risky, { lock: text(withEntry(emptyLock, own)) });
    expect(diagnostics.map(({ code }) => code)).toEqual(["K0550"]);
    expect(diagnostics[0]!.message).toContain("the other way round");
  });

  it("warns of values for which a GPU with fewer means has no room, and goes without", async () => {
    const tiles = `kernel product(a: Tensor[f32, M, K], b: Tensor[f32, K, N], out c: Tensor[f32, M, N]):
    @wgsl.tile(i=[(32, 4), (128, 4)], j=(64, 4), k=8)
    @wgsl.parallel(i.tile[0], j.tile[0])
    @wgsl.threads(i.tile[1], j.tile[1])
    @wgsl.stage(a, b, at=k.tile)
    for i, j in grid(M, N):
        c[i, j] = sum(a[i, k] * b[k, j] for k in range(K))
`;
    const own = entry({
      target: "wgsl",
      adapter: "large",
      source: fingerprint(kernel("product", tiles), "wgsl"),
      values: { "@wgsl.tile(i)": "(128, 4)" },
    });
    const lock = text(withEntry(emptyLock, own));
    const limits = {
      maxComputeInvocationsPerWorkgroup: 1024,
      maxComputeWorkgroupSizeX: 1024,
      maxComputeWorkgroupStorageSize: 65536,
    };
    const large = await compile(tiles, { target: "wgsl", lock, limits });
    expect(large.diagnostics).toEqual([]);
    expect(large.artifact("wgsl").kernels[0]!.report.tuned?.values).toEqual(own.values);
    const small = await compile(tiles, { target: "wgsl", lock });
    expect(small.diagnostics.map(({ code }) => code)).toEqual(["K0550"]);
    expect(small.diagnostics[0]!.message).toContain("512");
    const plain = await compile(tiles, { target: "wgsl" });
    expect(small.text.get("wgsl")).toBe(plain.text.get("wgsl"));
    const other = await compile(tiles, { target: "wgsl", lock, limits, adapter: "another" });
    expect(other.text.get("wgsl")).toBe((await compile(tiles, { target: "wgsl", limits })).text.get("wgsl"));
  });

  it("that is damaged is an error", async () => {
    await expect(compiled("<<<<<<< ours")).rejects.toThrow("K0812");
  });
});

// Tuning real kernels: compiled, proved and compared as ever; only how fast they are is made up.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { checked, compile, compileTyped } from "../../compiler/index.ts";
import { emptyLock, printLock, withEntry, type Lock } from "../../compiler/tuning/lock.ts";
import { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import { openDevice, tensor, type Device, type Kernel, type WebgpuDevice } from "../../runtime/index.ts";
import { argumentsAt } from "../kernc/benching/sizes.ts";
import { kernc } from "../../testing/kernc.ts";
import { closeTestGpu, skipReason, testGpu } from "../../testing/webgpu.ts";
import { gpuLane, placed } from "../timing/calls.ts";
import { lane } from "../timing/interleaved.ts";
import type { Candidate } from "./candidate.ts";
import { chart } from "./chart.ts";
import { labelsOf } from "./labels.ts";
import { saveEntry } from "./lock-file.ts";
import { pasteText } from "./report.ts";
import { subjectOf, tune } from "./tuning.ts";

const product = `kernel product(a: Tensor[f32, M, K], b: Tensor[f32, K, N], out c: Tensor[f32, M, N]):
    @wasm.tile(i=[1, 2, 4], j=[4, 8])
    @wasm.unroll(i)
    @wasm.vectorize(j)
    for i, j in grid(M, N):
        c[i, j] = sum(a[i, k] * b[k, j] for k in range(K))
`;
/** Its second order would read what it has written. */
const shift = `kernel shift(mut x: Tensor[f32, M, N]):
    @order([i, j], [j, i])
    for i, j in grid(M - 1, N - 1):
        x[i + 1, j] = x[i, j + 1]
`;
const dims = { M: 17, K: 13, N: 19 };

const opened = await testGpu();
afterAll(closeTestGpu);
let device: Device;
let interpreter: Device;
beforeAll(async () => {
  device = await openDevice("wasm");
  interpreter = await openDevice("interp");
});
afterAll(() => [device, interpreter].forEach((each) => each.close()));

interface Setup {
  /** The GPU to tune for; WASM if there is none. */
  readonly gpu?: WebgpuDevice;
  readonly lock?: Lock;
  readonly schedules?: boolean;
  readonly on?: Device;
  /** Milliseconds of a candidate. */
  readonly speed?: (candidate: Candidate) => number;
  readonly sizes?: Readonly<Record<string, number>>;
  /** Milliseconds, of which a candidate takes 400. */
  readonly budget?: number;
  /** Dims that are constants. */
  readonly shape?: Readonly<Record<string, number>>;
}

async function prepared(text: string, setup: Setup) {
  const { lock = emptyLock, schedules = false, sizes = dims, shape = {}, gpu } = setup;
  const sink = new DiagnosticSink();
  const module = checked(text, {}, sink);
  const typed = module.instantiate(module.kernels[0]!.name, { comptime: {} }, sink)!;
  const plain = await compileTyped(module, [typed], { shape }, sink);
  const { signature } = plain.artifact("wasm").kernels[0]!;
  const subject = await subjectOf({
    module,
    typed,
    signature,
    target: gpu ? "wgsl" : "wasm",
    dims: sizes,
    compile: { ...(gpu && { ...gpu.compileOptions, target: "wgsl" }), shape },
    lock,
    schedules,
    seed: 1,
  });
  return { subject, plain };
}

async function tuned(text: string, setup: Setup) {
  const { on = setup.gpu ?? device, speed = () => 1, sizes = dims, budget = 100_000 } = setup;
  const { subject, plain } = await prepared(text, setup);
  const { signature } = subject;
  let clock = 0;
  const found = await tune(subject, {
    device: on,
    interp: (await interpreter.load(plain))[signature.instance]!,
    args: argumentsAt(signature, sizes, {}),
    measure: (_, candidate) => {
      clock += 400;
      return lane(async (times) => {
        clock += times * speed(candidate);
        return times * speed(candidate);
      });
    },
    budget,
    now: () => clock,
    pause: async () => undefined,
  });
  return { ...found, subject };
}

const tile = ({ values }: Candidate): string => `${values["@wasm.tile(i)"]} ${values["@wasm.tile(j)"]}`;
const favours = (best: string) => (candidate: Candidate) => (tile(candidate) === best ? 1 : 2);

describe("tuning", () => {
  test("gives an entry that compiling uses", async () => {
    const { outcome, entry, subject } = await tuned(product, { speed: favours("4 8") });
    expect(outcome).toMatchObject({ tried: 6, refused: [], wrong: [], ended: "complete" });
    expect(entry).toMatchObject({
      kernel: "product",
      target: "wasm",
      features: [],
      shape: dims,
      values: { "@wasm.tile(i)": "4", "@wasm.tile(j)": "8" },
      measured: { median: 1, before: 2, threads: 1 },
    });
    const compiled = await compile(product, { lock: printLock(withEntry(emptyLock, entry!)) });
    const byHand = await compile(product.replace("i=[1, 2, 4], j=[4, 8]", "i=4, j=8"));
    const code = (text: string) => text.replaceAll(/;;@.*/g, "");
    expect(code(compiled.text.get("wasm")!)).toBe(code(byHand.text.get("wasm")!));
    expect(pasteText(outcome.winner!.candidate, subject.typed, subject.knobs)).toEqual([
      "@wasm.tile(i=4, j=8)",
    ]);
  });

  test("begins with what the lock has, and leaves it if nothing is faster", async () => {
    const { entry } = await tuned(product, { speed: favours("4 8") });
    const lock = withEntry(emptyLock, entry!);
    const again = await tuned(product, { lock, speed: favours("4 8") });
    expect(tile(again.subject.baseline)).toBe("4 8");
    expect(again.entry).toBeUndefined();
    const other = await tuned(product, { lock, speed: favours("2 4") });
    expect(other.entry?.values).toEqual({ "@wasm.tile(i)": "2", "@wasm.tile(j)": "4" });
    const stale = await tuned(product.replace("a[i, k] *", "a[i, k] +"), { lock });
    expect(tile(stale.subject.baseline)).toBe("1 4");
    expect(stale.subject.warnings.map(({ code }) => code)).toEqual(["K0550"]);
  });

  test("leaves out what the checker refuses", async () => {
    const { outcome } = await tuned(shift, { sizes: { M: 5, N: 6 } });
    // Each loop twice is no order of both.
    const told = Object.fromEntries(outcome.refused.map(({ candidate, why }) => [candidate.label, why]));
    expect(Object.keys(told).toSorted()).toEqual(["order i order i", "order j order i", "order j order j"]);
    expect(told["order j order i"]).toMatch(/^K0540 .*the other way round.* \(with /);
    expect(outcome.ranked).toEqual([]);
    expect(outcome.winner).toBeUndefined();
  });

  test("never times what computes something else", async () => {
    let loads = 0;
    const spoiled: Device = new Proxy(device, {
      get(target, name) {
        if (name !== "load") return Reflect.get(target, name, target) as unknown;
        return async (source: Parameters<Device["load"]>[0]) => {
          const kernels = await target.load(source);
          if (++loads !== 3) return kernels;
          const kernel = kernels["product"]!;
          const wrong = async (args: Parameters<Kernel>[0]) => {
            const { c } = await kernel(args);
            const data = await c!.data();
            if (data.length > 100) data[100] = 1e9;
            return { c: tensor(data as Float32Array, c!.shape) };
          };
          return { ...kernels, product: wrong as unknown as Kernel };
        };
      },
    });
    const timed: string[] = [];
    const { outcome } = await tuned(product, {
      on: spoiled,
      speed: (candidate) => {
        timed.push(tile(candidate));
        return 1;
      },
    });
    expect(outcome.wrong).toHaveLength(1);
    expect(outcome.wrong[0]!.why).toMatch(/^with M=.*c\[.*is 1000000000 instead of/);
    expect(timed).not.toContain(tile(outcome.wrong[0]!.candidate));
    expect(outcome.ranked.length).toBe(4);
  });

  test("searches whole schedules, which stand for all annotations", async () => {
    const wanted = ({ schedule }: Candidate): boolean =>
      JSON.stringify(schedule ?? []).includes('"sizes":[4]') && JSON.stringify(schedule).includes("stage");
    const sizes = { M: 64, K: 64, N: 64 };
    const speed = (candidate: Candidate): number => (wanted(candidate) ? 1 : 2);
    const { entry, outcome, subject } = await tuned(product, {
      schedules: true,
      speed,
      sizes,
      budget: 16_000,
    });
    expect(outcome.wrong).toEqual([]);
    expect(subject.space.size).toBeGreaterThan(10);
    expect(entry?.schedule).toEqual([
      { loop: "i", directives: expect.stringMatching(/^@tile\(.*\) .*@stage\(.*\) .*@vectorize\(j: mask\)/) },
    ]);
    const lock = withEntry(emptyLock, entry!);
    const { artifacts, diagnostics, targetKernels } = await compile(product, { lock: printLock(lock) });
    expect(diagnostics).toEqual([]);
    expect(artifacts[0]!.kernels[0]!.report.tuned).toMatchObject({ scheduled: true });
    const { chosen } = targetKernels.get("wasm")![0]!;
    expect(chosen.flatMap(({ lines }) => lines)).toEqual(outcome.winner!.candidate.annotations);
    const again = await prepared(product, { schedules: true, lock, sizes });
    expect(again.subject.baseline.key).toBe(outcome.winner!.candidate.key);
    // The same where the annotations are as before: with others it is other code.
    const changed = await prepared(product.replace("i=[1, 2, 4]", "i=[1, 2]"), { lock, sizes });
    expect(changed.subject.warnings.map(({ code }) => code)).toEqual(["K0550"]);
    const unknown = { ...entry!, schedule: [{ loop: "q", directives: "@parallel(q)" }] };
    const refused = await compile(product, { lock: printLock(withEntry(emptyLock, unknown)) });
    expect(refused.diagnostics[0]!.message).toContain("the code has no `q`");
  });

  test("has dims as constants where that is wanted", async () => {
    const filter = `kernel filter(x: Tensor[f32, N], w: Tensor[f32, R], out y: Tensor[f32, N - R + 1]):
    @wasm.unroll(r, [1, 2, 8])
    @wasm.vectorize(i)
    for i in range(N - R + 1):
        y[i] = sum(x[i + r] * w[r] for r in range(R))
`;
    const speed = ({ values }: Candidate): number => (values["@wasm.unroll(1)"] === "2" ? 1 : 2);
    const sizes = { N: 200, R: 3 };
    const { entry } = await tuned(filter, { speed, sizes, shape: { R: 3 } });
    expect(entry).toMatchObject({ shape: sizes, fixed: ["R"], values: { "@wasm.unroll(1)": "2" } });
    const lock = printLock(withEntry(emptyLock, entry!));
    const values = async (shape: Record<string, number>) =>
      (await compile(filter, { lock, shape })).artifacts[0]!.kernels[0]!.report.tuned?.values;
    expect(await values({ R: 3 })).toEqual({ "@wasm.unroll(1)": "2" });
    expect(await values({ R: 5 })).toBeUndefined();
    expect(await values({})).toBeUndefined();
  });

  test.skipIf(typeof opened === "string")(
    `finds the values for a GPU, whose name the entry has ${skipReason(opened)}`,
    async () => {
      const gpu = opened as WebgpuDevice;
      const tiles = product.replaceAll("wasm", "wgsl").replace("    @wgsl.vectorize(j)\n", "");
      const speed = ({ values }: Candidate) =>
        values["@wgsl.tile(i)"] === "2" && values["@wgsl.tile(j)"] === "8" ? 1 : 2;
      const { entry, outcome, subject } = await tuned(tiles, { gpu, speed });
      expect(outcome).toMatchObject({ refused: [], wrong: [], ended: "complete" });
      const { adapter, features } = gpu.compileOptions;
      expect(entry).toMatchObject({
        target: "wgsl",
        adapter,
        features: [...(features ?? [])].toSorted(),
        values: { "@wgsl.tile(i)": "2", "@wgsl.tile(j)": "8" },
      });
      const lock = withEntry(emptyLock, entry!);
      const compiled = await compile(tiles, { ...gpu.compileOptions, lock: printLock(lock) });
      expect(compiled.diagnostics).toEqual([]);
      expect(compiled.artifact("wgsl").kernels[0]!.report.tuned?.values).toEqual(entry!.values);
      expect(subject.entry).toBeUndefined();
      expect((await prepared(tiles, { gpu, lock })).subject.entry).toEqual(entry);
      const args = () => argumentsAt(subject.signature, { M: 2, K: 3, N: 3 }, {})();
      const timed = gpuLane(gpu, (await gpu.load(compiled))["product"]!, await placed(gpu, args()));
      expect(await timed.run(3)).toBeGreaterThanOrEqual(0);
    },
  );

  test("draws every candidate", async () => {
    const { outcome } = await tuned(product, { speed: favours("4 8") });
    const picture = chart(outcome, { title: "product <17>", inForce: "the first values", place: "here" });
    expect(picture.match(/<rect /g)).toHaveLength(1 + 6);
    expect(picture).toContain("i=4 j=8");
    expect(picture).toContain("product &lt;17>");
  });
});

test("names of schedules say what they don't share", () => {
  const schedule = (...annotations: string[]): Candidate => ({
    key: annotations.join(),
    label: annotations.join(" "),
    values: {},
    schedule: [],
    annotations,
  });
  const values = { key: "v", label: "i=4", values: {} };
  const one = schedule("@wasm.tile(i=4)", "@wasm.vectorize(j)");
  const two = schedule("@wasm.tile(i=8)", "@wasm.vectorize(j)");
  const labels = labelsOf([values, one, two, one]);
  expect(labels.common).toEqual(["vectorize(j)"]);
  expect([values, one, two].map(labels.of)).toEqual(["i=4", "tile(i=4)", "tile(i=8)"]);
  expect(labelsOf([values, one]).of(one)).toBe("@wasm.tile(i=4) @wasm.vectorize(j)");
});

describe("the command", () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "tune-"));
    file = join(folder, "k.kern");
    writeFileSync(file, product);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  // More time than it ever takes: how many are tried must not depend on the machine.
  const size = ["--shape", "M=17,K=13,N=19", "--budget", "600"];

  test("shows what it found", async () => {
    writeFileSync(file, product.replace("i=[1, 2, 4], j=[4, 8]", "i=[1, 2], j=8"));
    const svg = join(folder, "k.svg");
    const { code, out, err } = await kernc("tune", file, ...size, "--svg", svg);
    expect({ code, lines: err.split("\n").length }).toEqual({
      code: 0,
      lines: existsSync(`${file}.lock`) ? 2 : 1,
    });
    expect(out).toMatch(/^product {2}M=17 K=13 N=19/);
    expect(out).toContain("2 candidates: 2 tried, 0 refused");
    expect(out).toMatch(/less time than the first values|nothing beats the first values/);
    expect(readFileSync(svg, "utf8")).toMatch(/^<svg /);
  });

  test("gives its figures as data, and leaves the lock file alone if asked", async () => {
    writeFileSync(file, product.replace("i=[1, 2, 4], j=[4, 8]", "i=[1, 2], j=8"));
    const { out } = await kernc("tune", file, ...size, "--json", "--dry-run");
    const { ranked, ...figures } = JSON.parse(out) as { ranked: unknown[] };
    expect(figures).toMatchObject({ kernel: "product", candidates: 2, ended: "complete", wrong: [] });
    expect(ranked).toHaveLength(1);
    expect(existsSync(`${file}.lock`)).toBe(false);
  });

  test("lists the entries of a lock file", async () => {
    expect((await kernc("tune", file, "--check")).out).toContain("has no entries");
    const { entry } = await tuned(product, { speed: favours("4 8") });
    expect(saveEntry(file, entry!)).toBe(true);
    expect(saveEntry(file, entry!)).toBe(false);
    const current = await kernc("tune", file, "--check");
    expect(current.code).toBe(0);
    expect(current.out).toMatch(/product {2}wasm {2}M=17 K=13 N=19|K=13 M=17 N=19 {2}✓ current/);
    const explained = await kernc("explain", file, "--target", "wasm");
    expect(explained.out).toMatch(/i=4 from the lock file, tuned for .*M=17/);
    writeFileSync(file, product.replace("a[i, k] *", "a[i, k] +"));
    const stale = await kernc("tune", file, "--check");
    expect(stale.code).toBe(1);
    expect(stale.out).toContain("stale");
    expect(readdirSync(folder).toSorted()).toEqual(["k.kern", "k.kern.lock"]);
  });

  test.each([
    [["--shape", "M=17"], 2, "needs a size for K, N"],
    [["--shape", "M=4,K=4,N=4", "--budget", "soon"], 2, "`--budget` takes a whole number"],
    [["--shape", "M=4,K=4,N=4", "--target", "gpu"], 2, "one of wasm, wgsl, webgpu"],
    [["--shape", "M=4,K=4,N=4", "--target", "wgsl", "--threads", "2"], 2, "`--threads` is for wasm"],
    [["--shape", "M=4,K=4,N=4", "--svg", "nowhere/k.svg"], 1, "there is no folder nowhere"],
  ])("says what is wrong with %j", async (args, code, why) => {
    const found = await kernc("tune", file, ...args);
    expect(found.code).toBe(code);
    expect(found.err).toContain(why);
    expect(found.err).not.toContain("    at ");
  });

  test("says that there is nothing to search, and that a lock file is damaged", async () => {
    writeFileSync(file, product.replace("i=[1, 2, 4], j=[4, 8]", "i=4, j=8"));
    const none = await kernc("tune", file, ...size);
    expect(none.code).toBe(2);
    expect(none.err).toContain("no lists of values");
    writeFileSync(`${file}.lock`, "<<<<<<< ours\n");
    const damaged = await kernc("tune", file, ...size);
    expect(damaged.code).toBe(1);
    expect(damaged.err).toContain("K0812");
    expect(readFileSync(`${file}.lock`, "utf8")).toBe("<<<<<<< ours\n");
  });
});

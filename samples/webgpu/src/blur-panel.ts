// A photograph, blurred as far as a slider says: two phases of one kernel, with what is between them in scratch.

import { tensor } from "kernc/runtime";
import photo from "../../blur/photo.png";
import { blur } from "../../blur/blur.kern";
import source from "../../blur/blur.kern?raw";
import { panel } from "../../web/src/panel";
import { draw, latest, pixelsOf } from "./picture";

/** The bell curve up to three standard deviations, summing to 1. */
function gaussian(sigma: number): Float32Array {
  const radius = Math.ceil(3 * sigma);
  const bell = Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)),
  );
  const total = bell.reduce((sum, weight) => sum + weight);
  return Float32Array.from(bell, (weight) => weight / total);
}

/** Shows the panel. */
export async function mountBlur(root: HTMLElement): Promise<void> {
  const { body, note } = panel(root, {
    title: "A blurred photograph",
    text: "A Gaussian along the rows, then along the columns.",
    file: "blur.kern",
    source,
  });
  body.innerHTML = `
    <canvas style="width: 100%; border-radius: 8px" aria-label="the blurred photograph"></canvas>
    <label class="temperature">σ <input type="range" min="0.5" max="12" step="0.5" value="4" /><output></output></label>`;
  const canvas = body.querySelector("canvas")!;
  const slider = body.querySelector("input")!;
  const { data, width, height } = await pixelsOf(photo);
  // A canvas gives RGBA; the kernel takes RGB: the same bytes seen without every fourth.
  const image = tensor(new Uint8Array(data.buffer), [height, width, 4]).slice(null, null, [0, 3]);
  const run = latest(async () => {
    const sigma = slider.valueAsNumber;
    body.querySelector("output")!.textContent = String(sigma);
    const start = performance.now();
    const { blurred } = await blur({ image, weights: tensor(gaussian(sigma)) });
    const pixels = await blurred.data();
    note(`${width} × ${height} pixels, there and back in ${(performance.now() - start).toFixed(1)} ms`);
    blurred.dispose();
    draw(canvas, pixels, [height, width]);
  });
  // The first call fetches and compiles the shaders, which isn't the kernel's time.
  await run();
  await run();
  slider.addEventListener("input", () => void run());
}

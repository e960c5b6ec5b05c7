// A photograph without its high frequencies. The discrete cosine transform of an image X is D X Dᵀ with an orthogonal D:
// of its first rows alone, and back, that is four products of matrices. What is between them stays on the device.

import { tensor, type Tensor } from "kernc/runtime";
import photo from "../../matmul/photo.png";
import { matmul } from "../../matmul/matmul.kern";
import source from "../../matmul/matmul.kern?raw";
import { panel } from "../../web/src/panel";
import { draw, latest, pixelsOf } from "./picture";

/** The first `kept` rows of the transform's matrix. */
function basis(kept: number, n: number): Tensor<"f32"> {
  const values = Float32Array.from({ length: kept * n }, (_, at) => {
    const [frequency, place] = [Math.floor(at / n), at % n];
    return Math.sqrt((frequency === 0 ? 1 : 2) / n) * Math.cos((Math.PI / n) * (place + 0.5) * frequency);
  });
  return tensor(values, [kept, n]);
}

/** Shows the panel. */
export async function mountMatmul(root: HTMLElement): Promise<void> {
  const { body, note } = panel(root, {
    title: "A photograph of few frequencies",
    text: "Four products of matrices: into the cosine transform’s lowest frequencies, and back.",
    file: "matmul.kern",
    source,
  });
  body.innerHTML = `
    <canvas style="width: 100%; border-radius: 8px" aria-label="the photograph of low frequencies"></canvas>
    <label class="temperature">kept <input type="range" min="4" max="256" step="4" value="64" /><output></output></label>`;
  const canvas = body.querySelector("canvas")!;
  const slider = body.querySelector("input")!;
  const { data, width: n } = await pixelsOf(photo);
  const x = tensor(
    Float32Array.from({ length: n * n }, (_, at) => data[4 * at]!),
    [n, n],
  );
  const run = latest(async () => {
    const kept = slider.valueAsNumber;
    body.querySelector("output")!.textContent = String(kept);
    const d = basis(kept, n);
    const made: Tensor[] = [];
    const product = async (a: Tensor<"f32">, b: Tensor<"f32">): Promise<Tensor<"f32">> => {
      const { c } = await matmul({ a, b });
      made.push(c);
      return c;
    };
    const start = performance.now();
    const spectrum = await product(await product(d, x), d.transpose());
    const lowpass = await product(await product(d.transpose(), spectrum), d);
    const pixels = Uint8ClampedArray.from(await lowpass.data());
    note(`${kept} × ${kept} of ${n} × ${n} coefficients in ${(performance.now() - start).toFixed(1)} ms`);
    for (const each of made) each.dispose();
    draw(canvas, pixels, [n, n]);
  });
  await run();
  await run();
  slider.addEventListener("input", () => void run());
}

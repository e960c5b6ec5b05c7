// Softmax as a bar chart: scores on sliders, a temperature, and the probabilities that the kernel makes of them.

import { tensor } from "kernc/runtime";
import { softmax as compiledSoftmax } from "../softmax.kern";
import source from "../softmax.kern?raw";
import { panel } from "./panel";

let softmax = compiledSoftmax;

const words = [
  ["coffee", 3.2],
  ["tea", 2.6],
  ["water", 1.4],
  ["juice", 0.8],
  ["soup", -0.5],
  ["paint", -2],
] as const;

/** Shows the panel; every slider asks the kernel again. */
export async function mountSoftmax(root: HTMLElement): Promise<void> {
  const { body, note } = panel(root, {
    title: "“A cup of …”",
    text: "Softmax turns scores into probabilities. A low temperature is sure of itself, a high one isn’t.",
    file: "softmax.kern",
    source,
  });
  const slider = (label: string, min: number, max: number, value: number): string =>
    `<input type="range" min="${min}" max="${max}" step="0.05" value="${value}" aria-label="${label}" />`;
  const rows = words.map(
    ([word, score]) => `
      <div class="row">
        <span class="word">${word}</span>
        ${slider(`score of ${word}`, -4, 4, score)}
        <span class="track"><span class="bar"></span></span>
        <output></output>
      </div>`,
  );
  body.innerHTML = `
    <div class="chart">
      <div class="row head"><span></span><span>score</span><span>probability</span><span></span></div>
      ${rows.join("")}
    </div>
    <label class="temperature">temperature ${slider("temperature", 0.1, 5, 1)}<output></output></label>`;
  const chart = [...body.querySelectorAll<HTMLElement>(".row:not(.head)")];
  const scores = chart.map((row) => row.querySelector("input")!);
  const temperature = body.querySelector<HTMLInputElement>(".temperature input")!;

  const run = async (): Promise<void> => {
    const x = tensor(
      Float32Array.from(scores, (score) => score.valueAsNumber),
      [1, scores.length],
    );
    const start = performance.now();
    const { y } = await softmax({ x, temperature: temperature.valueAsNumber });
    const milliseconds = performance.now() - start;
    const shares = await y.data();
    y.dispose();
    for (const [at, row] of chart.entries()) {
      const share = shares[at]!;
      row.querySelector<HTMLElement>(".bar")!.style.width = `${share * 100}%`;
      row.querySelector("output")!.textContent = `${(share * 100).toFixed(1)} %`;
      row.dataset.share = String(share);
    }
    body.querySelector(".temperature output")!.textContent = temperature.valueAsNumber.toFixed(2);
    note(`${scores.length} scores in ${milliseconds.toFixed(1)} ms`);
  };
  body.addEventListener("input", () => void run());
  await run();
  // Again: the first call fetched and compiled the module, which isn't the kernel's time.
  await run();

  import.meta.hot?.accept("../softmax.kern", (next) => {
    if (!next) return;
    softmax = next.softmax as typeof softmax;
    void run();
  });
}

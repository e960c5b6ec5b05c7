// Edges of a photograph: its pixels go from one canvas through the kernel to another, and a slider compares the two.

import { tensor } from "kernc/runtime";
import photo from "../../edges/photo.png";
import { edges as compiledEdges } from "../../edges/edges.kern";
import source from "../../edges/edges.kern?raw";
import { panel } from "./panel";

let edges = compiledEdges;

/** The magnitude of the gradient of an image, and how long the kernel took. */
async function edgesOf({
  data,
  width,
  height,
}: ImageData): Promise<{ image: ImageData; milliseconds: number }> {
  // A canvas gives RGBA; the kernel takes RGB: the same bytes seen without every fourth.
  const rgba = tensor(new Uint8Array(data.buffer), [height, width, 4]);
  const rgb = rgba.slice(null, null, [0, 3]);
  const start = performance.now();
  const { edges: result } = await edges({ image: rgb });
  const milliseconds = performance.now() - start;
  const gray = await result.data();
  result.dispose();
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let at = 0; at < pixels.length; at++) pixels[at] = 0xff000000 | (gray[at]! * 0x010101);
  return { image, milliseconds };
}

/** Shows the panel with the photograph; another one can be chosen or dropped. */
export async function mountEdges(root: HTMLElement): Promise<void> {
  const { body, note } = panel(root, {
    title: "Edges of a photograph",
    text: "The Sobel gradient of every pixel’s luma. Drag the divider, or drop a picture of your own.",
    file: "edges.kern",
    source,
  });
  body.innerHTML = `
    <div class="compare">
      <canvas class="before" aria-label="the photograph"></canvas>
      <canvas class="after" aria-label="its edges"></canvas>
      <input type="range" min="0" max="100" value="50" aria-label="how much of the photograph is shown" />
    </div>
    <label class="button">Choose a picture<input type="file" accept="image/*" hidden /></label>`;
  const compare = body.querySelector<HTMLElement>(".compare")!;
  const [before, after] = [...body.querySelectorAll("canvas")] as [HTMLCanvasElement, HTMLCanvasElement];
  const [divider, chooser] = [...body.querySelectorAll("input")] as [HTMLInputElement, HTMLInputElement];

  const run = async (): Promise<void> => {
    const { width, height } = before;
    const input = before.getContext("2d", { willReadFrequently: true })!.getImageData(0, 0, width, height);
    const { image, milliseconds } = await edgesOf(input);
    [after.width, after.height] = [width, height];
    after.getContext("2d")!.putImageData(image, 0, 0);
    note(`${width} × ${height} pixels in ${milliseconds.toFixed(1)} ms`);
  };
  const show = async (picture: Blob): Promise<void> => {
    const bitmap = await createImageBitmap(picture, { colorSpaceConversion: "none" });
    const scale = Math.min(1, 2048 / Math.max(bitmap.width, bitmap.height));
    before.width = Math.round(bitmap.width * scale);
    before.height = Math.round(bitmap.height * scale);
    before
      .getContext("2d", { willReadFrequently: true })!
      .drawImage(bitmap, 0, 0, before.width, before.height);
    compare.style.aspectRatio = `${before.width} / ${before.height}`;
    await run();
  };
  const offer = (files: FileList | null | undefined): void => {
    const file = files?.[0];
    if (file) show(file).catch((error: unknown) => note(`That picture can’t be shown: ${String(error)}`));
  };

  divider.addEventListener("input", () => compare.style.setProperty("--split", `${divider.value}%`));
  chooser.addEventListener("change", () => offer(chooser.files));
  root.addEventListener("dragover", (event) => event.preventDefault());
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    offer(event.dataTransfer?.files);
  });
  // The first call fetches and compiles the module, which isn't the kernel's time.
  await edgesOf(new ImageData(8, 8));
  await show(await (await fetch(photo)).blob());

  // While `vite` runs, an edited kernel draws again without a reload.
  import.meta.hot?.accept("../../edges/edges.kern", (next) => {
    if (!next) return;
    edges = next.edges as typeof edges;
    void run();
  });
}

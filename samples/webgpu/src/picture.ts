// Pictures between files, canvases and tensors.

/** The pixels of a picture file. */
export async function pixelsOf(address: string): Promise<ImageData> {
  const bitmap = await createImageBitmap(await (await fetch(address)).blob(), {
    colorSpaceConversion: "none",
  });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

/** Shows elements [height, width, channels] of a picture with 1 or 3 channels. */
export function draw(
  canvas: HTMLCanvasElement,
  pixels: ArrayLike<number>,
  [height, width]: [number, number],
): void {
  const channels = pixels.length / (width * height);
  const image = new ImageData(width, height);
  for (let at = 0; at < width * height; at++) {
    for (let c = 0; c < 3; c++) image.data[4 * at + c] = pixels[at * channels + (c % channels)]!;
    image.data[4 * at + 3] = 255;
  }
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d")!.putImageData(image, 0, 0);
}

/** The latest of the jobs that come in while one is being done; those between are dropped. */
export function latest(job: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let again = false;
  const go = async (): Promise<void> => {
    do {
      again = false;
      await job();
    } while (again);
    running = undefined;
  };
  return () => {
    if (running) again = true;
    return (running ??= go());
  };
}

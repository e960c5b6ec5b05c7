// What a canvas shows, told to a test.

import type { Page } from "playwright-core";

/** The red channel of a canvas, row by row. */
export async function redOf(
  page: Page,
  selector: string,
): Promise<{ size: [number, number]; red: Uint8Array }> {
  const [width, height, text] = await page.$eval(selector, (canvas: HTMLCanvasElement) => {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, width, height);
    let text = "";
    for (let at = 0; at < data.length; at += 4) text += String.fromCharCode(data[at]!);
    return [width, height, btoa(text)] as const;
  });
  return { size: [width, height], red: new Uint8Array(Buffer.from(text, "base64")) };
}

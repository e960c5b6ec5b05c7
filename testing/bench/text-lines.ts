// Lines of text as photographs have them: words from two lists that share none, drawn by a browser in several typefaces, sizes, colours and
// angles, blurred, and with noise. The same seed draws the same lines.

import { tensor, type Tensor } from "../../runtime/index.ts";
import { openChromium, openPage } from "../chromium.ts";

/** Height and width that recognition is fed with. */
export const [height, width] = [48, 320];

export interface Line {
  readonly text: string;
  /** [1, 3, height, width], from -1 to 1. */
  readonly image: Tensor;
}

const words = {
  calibration:
    "anchor basket Candle domain Ember fabric garden harbour Island jacket kitten Ladder marble Needle orange pepper quarry Ribbon saddle timber Umbrella velvet Window yellow zipper autumn bridge copper Dragon engine falcon guitar hammer insect jungle kernel lemon magnet nickel Oxygen",
  test: "about Above account across Action address afternoon against Airport almost already although always Amount animal Another answer anything appear April area army around arrive article Artist August author Avenue baby balance Bank Battle beautiful because become Before begin behind believe below best better between beyond Bill Black board Body book both bottom Box bread break bring brother Brown budget build business Call camera campaign Capital card care career carry catch cause Central century certain chair chance change Charge check child choice Church circle citizen City civil claim class Clear close coach coffee cold collection College colour common community Company compare computer concern condition Conference consider contain continue control Cost country couple course Court cover create crime culture current customer Dark data daughter dead deal debate December decide deep defense degree design despite detail develop difference dinner director discover Doctor door draw Dream drive during each early East easy economy edge Education effect effort eight Energy enjoy enough enter environment equal especially establish Evening event every evidence exactly example executive exist expect experience expert explain",
} as const;

export type Purpose = keyof typeof words;

/** How a line looks: everything but the noise, which is added to the pixels. */
interface Style {
  readonly text: string;
  readonly font: string;
  readonly ink: string;
  readonly paper: string;
  readonly blur: number;
  /** In radians. */
  readonly angle: number;
  readonly left: number;
}

const families = [
  "sans-serif",
  "serif",
  "monospace",
  "Liberation Sans Narrow",
  "DejaVu Serif",
  "DejaVu Sans",
];

/** Numbers in [0, 1) from a seed (Marsaglia's xorshift, 2003). */
function numbers(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function styleOf(purpose: Purpose, next: () => number): Style {
  const list = words[purpose].split(" ");
  const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)]!;
  const parts: string[] = [];
  const longest = 10 + Math.floor(next() * 12);
  for (;;) {
    const part =
      next() < 0.2 ? String(Math.floor(next() * 10000)) : pick(list) + pick(["", "", "", "", ",", ".", ":"]);
    if (parts.length > 0 && [...parts, part].join(" ").length > longest) break;
    parts.push(part);
  }
  const dark = Math.floor(next() * 90);
  const light = dark + 90 + Math.floor(next() * (165 - dark));
  const [ink, paper] = (next() < 0.7 ? [dark, light] : [light, dark]).map(
    (grey) => `rgb(${[0, 1, 2].map(() => Math.min(255, Math.floor(grey + 24 * next()))).join(" ")})`,
  ) as [string, string];
  const weight = next() < 0.25 ? "bold " : "";
  const slant = next() < 0.15 ? "italic " : "";
  return {
    text: parts.join(" "),
    font: `${slant}${weight}${20 + Math.floor(next() * 14)}px ${pick(families)}`,
    ink,
    paper,
    blur: next() * 1.2,
    angle: (next() - 0.5) * 0.05,
    left: 4 + next() * 8,
  };
}

/** Draws `count` lines of words for calibration, or for the test. */
export async function textLines(purpose: Purpose, count: number, seed: number): Promise<Line[]> {
  const next = numbers(seed);
  const styles = Array.from({ length: count }, () => styleOf(purpose, next));
  const browser = await openChromium();
  try {
    const { page } = await openPage(browser);
    const lines: Line[] = [];
    for (const style of styles) {
      const pixels = await page.evaluate(drawn, { style, height, width });
      const noise = next() * 0.12;
      const image = Float32Array.from({ length: 3 * height * width }, (_, at) => {
        const [channel, place] = [Math.floor(at / (height * width)), at % (height * width)];
        return pixels[3 * place + channel]! / 127.5 - 1 + (next() + next() - 1) * 2 * noise;
      });
      lines.push({ text: style.text, image: tensor(image, [1, 3, height, width]) });
    }
    return lines;
  } finally {
    await browser.close();
  }
}

/** In the page: a line on its paper, narrowed where it wouldn't fit. Gives red, green and blue of each pixel. */
function drawn(given: { style: Style; height: number; width: number }): number[] {
  const { style, height: rows, width: columns } = given;
  const canvas = new OffscreenCanvas(columns, rows);
  const context = canvas.getContext("2d")!;
  context.fillStyle = style.paper;
  context.fillRect(0, 0, columns, rows);
  context.filter = `blur(${style.blur}px)`;
  context.translate(style.left, rows / 2);
  context.rotate(style.angle);
  context.font = style.font;
  context.fillStyle = style.ink;
  context.textBaseline = "middle";
  context.fillText(style.text, 0, 0, columns - 2 * style.left);
  const { data } = context.getImageData(0, 0, columns, rows);
  return Array.from(data).filter((_, at) => at % 4 !== 3);
}

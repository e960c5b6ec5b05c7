// The picture of a sweep: milliseconds to the right, quality upwards, the area of a disc is the model's bytes. Up and to the left is
// better, smaller is better. Disc and ring are the same model on two targets.

import { decibel, percent, sizeText } from "./report.ts";
import type { Point } from "./sweep.ts";

const size = { width: 860, height: 536, left: 76, right: 230, top: 100, bottom: 62 } as const;
const colours = ["#33415c", "#0b6e4f", "#3f8efc", "#e0a458", "#b5446e"] as const;
/** The radius of the largest disc, which fits between the highest quality and the words above. */
const largest = 34;

export function picture(points: readonly Point[], labelled: boolean): string {
  const targets = [...new Set(points.flatMap(({ times }) => [...times.keys()]))];
  const times = points.flatMap(({ times: own }) => [...own.values()]);
  // What nothing is lost of has no decibels: it stands above the best that has.
  const finite = points.map(({ quality }) => quality).filter(Number.isFinite);
  const steps = ticks(labelled ? [...finite] : [0, ...finite]);
  const [low, high] = [
    steps[0]!,
    steps.at(-1)! + (finite.length < points.length ? steps[1]! - steps[0]! : 0),
  ];
  const across = ticks([0, ...times]);
  const room = { x: size.width - size.left - size.right, y: size.height - size.top - size.bottom };
  const x = (time: number) => size.left + (room.x * time) / across.at(-1)!;
  const y = (quality: number) =>
    size.top + room.y * (1 - (Math.min(quality, high) - low) / Math.max(high - low, 1e-9));
  const most = Math.max(...points.map(({ bytes }) => bytes));
  const shown = labelled ? percent : decibel;
  const grid = [
    ...across.map((at) => `<path d="M${f(x(at))} ${size.top}V${size.height - size.bottom}"/>`),
    ...steps.map((at) => `<path d="M${size.left} ${f(y(at))}H${size.width - size.right}"/>`),
  ];
  const marks = [
    ...across.map((at) => text(x(at), size.height - size.bottom + 18, "middle", plain(at))),
    ...steps.map((at) =>
      text(size.left - 8, y(at) + 4, "end", labelled ? `${plain(100 * at)} %` : plain(at)),
    ),
    ...(high > steps.at(-1)! ? [text(size.left - 8, y(high) + 4, "end", "exact")] : []),
    text(size.left + room.x / 2, size.height - 18, "middle", "milliseconds a run"),
    text(size.left - 56, 46, "start", labelled ? "right classes" : "signal to noise of the outputs, dB"),
  ];
  // Large ones first, so that none hides another.
  const discs = Array.from(points.entries())
    .toSorted(([, a], [, b]) => b.bytes - a.bytes)
    .flatMap(([at, { name, bytes, quality, times: own }]) =>
      [...own].map(([target, time]) => {
        const radius = f(Math.max(largest * Math.sqrt(bytes / most), 3));
        const colour = colours[at % colours.length]!;
        const solid = target === targets[0];
        const style = solid
          ? `fill="${colour}" fill-opacity="0.75"`
          : `fill="none" stroke="${colour}" stroke-width="3"`;
        const title = `${name} on ${target}: ${time.toFixed(2)} ms, ${sizeText(bytes)}, ${shown(quality)}`;
        return `<circle cx="${f(x(time))}" cy="${f(y(quality))}" r="${radius}" ${style}><title>${title}</title></circle>`;
      }),
    );
  const legend = points.flatMap(({ name, bytes, quality }, at) => {
    const top = size.top + 10 + at * 46;
    const left = size.width - size.right + 34;
    return [
      `<circle cx="${left}" cy="${top}" r="7" fill="${colours[at % colours.length]}" fill-opacity="0.75"/>`,
      text(left + 16, top + 4, "start", name, "bold"),
      text(left + 16, top + 20, "start", `${sizeText(bytes)}, ${shown(quality)}`),
    ];
  });
  const kinds =
    targets.length > 1 ? `disc: ${targets[0]}, ring: ${targets[1]}; ` : `on ${targets[0] ?? "nothing"}; `;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="system-ui, sans-serif" font-size="13" fill="#222">`,
    `<rect width="${size.width}" height="${size.height}" fill="#fff"/>`,
    text(size.left - 56, 26, "start", "Size, speed and quality of a quantized model", "bold"),
    text(size.width - 20, 26, "end", `${kinds}the area is the bytes`),
    `<g stroke="#ddd" fill="none">${grid.join("")}</g>`,
    ...marks,
    ...discs,
    ...legend,
    "</svg>",
    "",
  ].join("\n");
}

const f = (number: number): string => number.toFixed(1);
const plain = (number: number): string => String(Number(number.toPrecision(6)));

function text(x: number, y: number, anchor: string, content: string, weight = "normal"): string {
  const safe = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${f(x)}" y="${f(y)}" text-anchor="${anchor}" font-weight="${weight}">${safe}</text>`;
}

/** Round numbers from below the least to above the largest, five or so. */
export function ticks(values: readonly number[]): number[] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const span = high > low ? high - low : Math.abs(high) || 1;
  const rough = span / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough)!;
  const first = Math.floor(low / step);
  const last = Math.max(Math.ceil(high / step), first + 1);
  return Array.from({ length: last - first + 1 }, (_, at) => (first + at) * step);
}

// The candidates as a picture: a bar each, the fastest first, with the middle eight tenths of its times as a whisker; the
// values in force are a bar of another colour and a line across.

import { milliseconds } from "../timing/statistics.ts";
import { labelsOf } from "./labels.ts";
import type { Outcome, Ranked } from "./search.ts";

const size = { width: 1120, margin: 24, top: 64, row: 22, bar: 13, most: 30, right: 150 } as const;

/** Characters of a candidate's name. */
const widest = 84;
/** What is so many times slower than the fastest would make all other bars short. */
const drawn = 2.5;

/** `place` says where it was measured. */
export function chart(
  { ranked, baseline, noise }: Outcome,
  { title, inForce, place }: { readonly title: string; readonly inForce: string; readonly place: string },
): string {
  const speed = (each: Ranked): number => each.standing?.ratio ?? 1e6 + each.time.median;
  const fastest = Math.min(...[...ranked, baseline].map(({ time }) => time.median));
  const shown = ranked.filter(({ time }) => time.median <= drawn * fastest).slice(0, size.most - 1);
  const rows = [...shown, baseline].toSorted((a, b) => speed(a) - speed(b));
  const longest = Math.max(...rows.map(({ time }) => time.high));
  const labels = labelsOf(rows.map(({ candidate }) => candidate));
  const names = rows.map(({ candidate }) => {
    const name = labels.of(candidate);
    return name.length > widest ? `${name.slice(0, widest - 1)}…` : name;
  });
  const label = 24 + 6.3 * Math.max(...names.map((name) => name.length));
  const room = size.width - 2 * size.margin - label - size.right;
  const x = (time: number): string => (size.margin + label + (time / longest) * room).toFixed(1);
  const height = size.top + rows.length * size.row + 40;
  const bars = rows.map((each, at) => {
    const y = size.top + at * size.row;
    const middle = y + size.bar / 2;
    const own = each === baseline;
    const { median, low, high } = each.time;
    const colour = own ? "#7a8fa6" : each.finalist ? "#0b6e4f" : "#a8cfc0";
    const ratio = own ? inForce : each.standing ? `${each.standing.ratio.toFixed(2)} ×` : "";
    return [
      `<text x="${size.margin + label - 8}" y="${middle + 4}" text-anchor="end"${own ? ' font-weight="600"' : ""}>${escaped(names[at]!)}</text>`,
      `<rect x="${x(0)}" y="${y}" width="${((median / longest) * room).toFixed(1)}" height="${size.bar}" fill="${colour}"/>`,
      `<path d="M${x(low)} ${middle}H${x(high)}M${x(low)} ${middle - 3}v6M${x(high)} ${middle - 3}v6" stroke="#1f2933" stroke-width="1"/>`,
      `<text x="${(Number(x(high)) + 6).toFixed(1)}" y="${middle + 4}" font-size="11">${milliseconds(median)}  ${escaped(ratio)}</text>`,
    ].join("");
  });
  const line = x(baseline.time.median);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${height}" width="${size.width}" height="${height}" font-family="system-ui, 'Helvetica Neue', Arial, sans-serif" font-size="12" fill="#1f2933">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="${size.margin}" y="28" font-size="16" font-weight="600">${escaped(title)}</text>
<text x="${size.margin}" y="46" fill="#52606d">median time of a call, with the 10th and 90th percentile; the same code differs by ${(noise * 100).toFixed(1)} %${labels.common.length > 0 ? escaped(`; all schedules: ${labels.common.join(" ")}`) : ""}</text>
${bars.join("\n")}
<path d="M${line} ${size.top - 6}V${height - 34}" stroke="#7a8fa6" stroke-width="1" stroke-dasharray="3 3"/>
<text x="${size.margin}" y="${height - 12}" fill="#52606d">${escaped(place)}${ranked.length > shown.length ? `; ${ranked.length - shown.length} slower candidates are left out` : ""}</text>
</svg>
`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

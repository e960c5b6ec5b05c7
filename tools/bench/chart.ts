// The picture: for each workload a bar a contestant, its length the speed in parts of the fastest bar, or of the
// engine's limit where that is faster and near enough to be drawn; the limit and the goal are lines across the bars.

import type { Machine } from "./machine.ts";
import type { Row } from "./row.ts";

const colours: Readonly<Record<string, string>> = {
  kern: "#0b6e4f",
  "onnxruntime-web": "#7a8fa6",
  "tfjs-wasm": "#e0a458",
  "jax-js": "#b7b1c4",
};
const who = Object.keys(colours);

const size = { width: 1180, label: 250, bar: 11, gap: 14, top: 118, margin: 28, panel: 2 } as const;
const panelWidth = (size.width - 2 * size.margin - 40) / size.panel;
const barRoom = panelWidth - size.label - 92;

export interface Report {
  readonly machine: Machine;
  readonly rows: readonly Row[];
  readonly date: string;
  readonly remark?: string;
}

export function chart({ machine, rows, date, remark }: Report): string {
  const shown = rows.filter(({ times }) => Object.keys(times).some((name) => name !== "limit"));
  const half = Math.ceil(shown.length / size.panel);
  const heights = Array.from({ length: size.panel }, (_, panel) =>
    shown.slice(panel * half, (panel + 1) * half).reduce((sum, row) => sum + rowHeight(row), 0),
  );
  const height = size.top + Math.max(...heights, 0) + 46;
  const body: string[] = [];
  for (let panel = 0; panel < size.panel; panel++) {
    const x = size.margin + panel * (panelWidth + 40);
    let y = size.top;
    for (const row of shown.slice(panel * half, (panel + 1) * half)) {
      body.push(`<g transform="translate(${x} ${y})">${rowBars(row)}</g>`);
      y += rowHeight(row);
    }
  }
  const { processor, node, v8, peers } = machine;
  const versions = Object.entries(peers).map(([name, version]) => `${name} ${version}`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${height}" width="${size.width}" height="${height}" font-family="system-ui, 'Helvetica Neue', Arial, sans-serif" font-size="12" fill="#1f2933">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="${size.margin}" y="36" font-size="20" font-weight="600">Kernels in WebAssembly, one thread: longer is faster</text>
<text x="${size.margin}" y="56" fill="#52606d">${escaped(`${processor}; Node ${node} (V8 ${v8}); ${date}${remark ? `; ${remark}` : ""}`)}</text>
<text x="${size.margin}" y="73" fill="#52606d">${escaped(versions.join(", "))}</text>
${legend()}
${body.join("\n")}
<text x="${size.margin}" y="${height - 18}" fill="#52606d">Bars start at 0 and are scaled row by row; times are medians of interleaved runs in one process, kernel time without copies in and out. × is the fastest peer’s time by Kern’s.</text>
</svg>
`;
}

function legend(): string {
  let x = size.margin;
  const parts = who.map((name) => {
    const part = `<rect x="${x}" y="88" width="12" height="12" rx="2" fill="${colours[name]}"/><text x="${x + 18}" y="98">${name === "kern" ? "Kern" : name}</text>`;
    x += 36 + name.length * 7.2;
    return part;
  });
  const limit = `<line x1="${x + 6}" x2="${x + 6}" y1="87" y2="101" stroke="#c81e1e" stroke-width="2"/><text x="${x + 16}" y="98">the engine’s limit, measured</text>`;
  x += 200;
  const goal = `<line x1="${x + 6}" x2="${x + 6}" y1="87" y2="101" stroke="#0b6e4f" stroke-width="2" stroke-dasharray="3 2"/><text x="${x + 16}" y="98">Kern’s goal</text>`;
  return [...parts, limit, goal].join("\n");
}

/** In parts of the fastest bar. */
const farthest = 1.8;

const present = ({ times }: Row): string[] => who.filter((name) => times[name]);

function rowHeight(row: Row): number {
  return Math.max(present(row).length * (size.bar + 2), 26) + size.gap;
}

function rowBars(row: Row): string {
  const names = present(row);
  const speed = (name: string) => 1 / row.times[name]!.median;
  const limit = row.times["limit"] ? speed("limit") : 0;
  // A limit far off would leave no room for the bars.
  const bars = Math.max(...names.map(speed));
  const fastest = Math.max(bars, limit <= farthest * bars ? limit : 0);
  const x = (value: number) => size.label + (barRoom * value) / fastest;
  const tall = names.length * (size.bar + 2) - 2;
  const drawn = names.map((name, at) => {
    const y = at * (size.bar + 2);
    const own = name === "kern";
    return `<rect x="${size.label}" y="${y}" width="${(x(speed(name)) - size.label).toFixed(1)}" height="${size.bar}" fill="${colours[name]}"/><text x="${(Math.max(x(speed(name)), size.label) + 5).toFixed(1)}" y="${y + 9.5}" font-size="10"${own ? ' font-weight="600"' : ' fill="#52606d"'} paint-order="stroke" stroke="#ffffff" stroke-width="3">${time(row.times[name]!.median)}</text>`;
  });
  const across = (value: number, style: string) =>
    `<line x1="${x(value).toFixed(1)}" x2="${x(value).toFixed(1)}" y1="-3" y2="${tall + 3}" ${style}/>`;
  const peer = row.fastestPeer ? speed(row.fastestPeer) : undefined;
  const lines = [
    ...(limit && limit <= fastest ? [across(limit, 'stroke="#c81e1e" stroke-width="1.5"')] : []),
    ...(peer && peer * row.goal <= fastest
      ? [across(peer * row.goal, 'stroke="#0b6e4f" stroke-width="1.5" stroke-dasharray="3 2"')]
      : []),
  ];
  const ratio =
    row.ratio === undefined
      ? ""
      : `<text x="${size.label - 12}" y="${Math.min(tall, 24)}" text-anchor="end" font-weight="600" fill="${row.ratio >= 1 ? "#0b6e4f" : "#b42318"}">${row.ratio.toFixed(2)} ×</text>`;
  const missing = row.times["kern"]
    ? ""
    : `<text x="${size.label - 12}" y="24" text-anchor="end" fill="#b42318">not in Kern yet</text>`;
  return `<text x="${size.label - 12}" y="10" text-anchor="end">${escaped(row.workload)}</text>${ratio}${missing}${lines.join("")}${drawn.join("")}`;
}

function time(milliseconds: number): string {
  const digits = milliseconds < 0.1 ? 4 : milliseconds < 10 ? 2 : 1;
  return `${milliseconds.toFixed(digits)} ms`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

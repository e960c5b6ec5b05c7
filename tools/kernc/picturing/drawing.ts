// Pictures of graphs side by side, as one SVG file: `kernc onnx inspect MODEL --picture FILE.svg`.

import { bytesText, type PictureGraph, type PictureNode } from "./graphs.ts";
import { layered, type Point } from "./layers.ts";

/** In pixels: the height of a line of text, the width of a character of the titles and of the smaller lines. */
const [line, wide, narrow] = [16, 7.6, 6.5];
const margin = 32;
const head = 56;

const colours: Readonly<Record<PictureNode["kind"], readonly [fill: string, stroke: string]>> = {
  input: ["#e3f1e5", "#3f8a4c"],
  output: ["#fbeed6", "#b9801f"],
  node: ["#ffffff", "#8a93a3"],
  launch: ["#e4ecfb", "#3a68b4"],
};

/** The file's text. */
export function drawing(graphs: readonly PictureGraph[], caption: string): string {
  const parts: string[] = [];
  let [x, height] = [margin, 0];
  for (const graph of graphs) {
    const { text, width, height: tall } = panel(graph);
    parts.push(`<g transform="translate(${x} ${head})">`, ...text, "</g>");
    x += Math.ceil(width) + 2 * margin;
    height = Math.max(height, tall);
  }
  const size = [Math.max(x - margin, caption.length * wide + 2 * margin), Math.ceil(height) + head + margin];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size[0]}" height="${size[1]}" viewBox="0 0 ${size[0]} ${size[1]}" font-family="ui-sans-serif, system-ui, sans-serif" font-size="12">`,
    `<title>${escaped(caption)}</title>`,
    `<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0.5 L8 4 L0 7.5 z" fill="#6b7484"/></marker></defs>`,
    `<rect width="100%" height="100%" fill="#fafbfc"/>`,
    `<text x="${margin}" y="24" font-size="14" font-weight="600" fill="#20252e">${escaped(caption)}</text>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function panel({ title, nodes, edges }: PictureGraph): { text: string[]; width: number; height: number } {
  const boxes = nodes.map((node) => ({
    width: Math.max(
      64,
      20 + node.title.length * wide,
      ...node.lines.map((each) => 20 + each.length * narrow),
    ),
    height: 12 + line * (1 + node.lines.length),
  }));
  const { places, paths, width, height } = layered(boxes, edges);
  const text = [`<text y="-8" fill="#586070">${escaped(title)}</text>`];
  const counts = { from: new Map<number, number>(), to: new Map<number, number>() };
  for (const edge of edges)
    for (const end of ["from", "to"] as const)
      counts[end].set(edge[end], (counts[end].get(edge[end]) ?? 0) + 1);
  const shared = (at: number, end: "from" | "to"): boolean => counts[end].get(edges[at]![end])! > 1;
  for (const [at, path] of paths.entries()) {
    text.push(`<path d="${curve(path)}" fill="none" stroke="#9aa3b2" marker-end="url(#tip)"/>`);
    const { bytes } = edges[at]!;
    if (bytes === undefined) continue;
    // Where the edge is alone: by its tip, or before it meets others there.
    const [start, end] = [path.at(-2)!, path.at(-1)!];
    const part = !shared(at, "to") ? 0.8 : path.length > 2 || !shared(at, "from") ? 0.3 : 0.55;
    const x = start.x + (end.x - start.x) * part ** 2 * (3 - 2 * part);
    const y = start.y + (end.y - start.y) * part;
    text.push(
      `<text x="${round(x + 4)}" y="${round(y + 2)}" font-size="10" fill="#6b7484">${bytesText(bytes)}</text>`,
    );
  }
  for (const [at, node] of nodes.entries()) {
    const [place, box] = [places[at]!, boxes[at]!];
    const [fill, stroke] = colours[node.kind];
    text.push(
      `<rect class="${node.kind}" x="${round(place.x)}" y="${round(place.y)}" width="${round(box.width)}" height="${box.height}" rx="5" fill="${fill}" stroke="${stroke}"/>`,
      ...[node.title, ...node.lines].map(
        (words, row) =>
          `<text x="${round(place.x + box.width / 2)}" y="${round(place.y + 18 + row * line)}" text-anchor="middle" ${row === 0 ? 'font-weight="600"' : 'font-size="11"'} fill="#20252e">${escaped(words)}</text>`,
      ),
    );
  }
  return { text, width, height };
}

/** Through the points, leaving and arriving straight down. */
function curve(points: readonly Point[]): string {
  const [first, ...rest] = points;
  let at = first!;
  const parts = [`M${round(at.x)} ${round(at.y)}`];
  for (const next of rest) {
    const middle = (at.y + next.y) / 2;
    parts.push(
      `C${round(at.x)} ${round(middle)} ${round(next.x)} ${round(middle)} ${round(next.x)} ${round(next.y)}`,
    );
    at = next;
  }
  return parts.join(" ");
}

const round = (value: number): number => Math.round(value * 10) / 10;

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

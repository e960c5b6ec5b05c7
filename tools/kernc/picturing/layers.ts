// Places for the boxes of a graph without cycles, top down: each below all that it needs, in an order with few crossings, and edges that
// pass between the boxes of the layers that they cross. After Sugiyama, Tagawa and Toda (1981), with medians of neighbours for order.

/** A box to be placed, in pixels. */
export interface Box {
  readonly width: number;
  readonly height: number;
}

export interface Edge {
  readonly from: number;
  readonly to: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  /** The upper left corner of each box. */
  readonly places: readonly Point[];
  /** For each edge, from the bottom of a box to the top of another, down beside the boxes of the layers between. */
  readonly paths: readonly (readonly Point[])[];
}

/** Pixels between boxes side by side, and between layers: room for what edges say. */
const [beside, below] = [24, 34];
/** Rounds of ordering; more change little. */
const sweeps = 8;
/** The room that an edge takes in a layer that it crosses. */
const lane = 10;

/** A box or, where an edge crosses a layer, a place of the edge. */
interface Item {
  readonly layer: number;
  readonly width: number;
  readonly height: number;
  readonly above: Item[];
  readonly below: Item[];
  x: number;
}

/** Lays a graph out. Edges go from boxes that come first in the list to later ones. */
export function layered(boxes: readonly Box[], edges: readonly Edge[]): Layout {
  const depth = boxes.map(() => 0);
  for (const { from, to } of edges.toSorted((a, b) => a.from - b.from || a.to - b.to))
    depth[to] = Math.max(depth[to]!, depth[from]! + 1);
  const layers: Item[][] = Array.from(
    { length: Math.max(0, ...depth) + (boxes.length > 0 ? 1 : 0) },
    () => [],
  );
  const add = (layer: number, { width, height }: Box): Item => {
    const item: Item = { layer, width, height, above: [], below: [], x: 0 };
    layers[layer]!.push(item);
    return item;
  };
  const link = (upper: Item, lower: Item): void => {
    upper.below.push(lower);
    lower.above.push(upper);
  };
  const items = boxes.map((box, at) => add(depth[at]!, box));
  const routes = edges.map(({ from, to }) => {
    const route = [items[from]!];
    for (let layer = depth[from]! + 1; layer < depth[to]!; layer++) {
      const next = add(layer, { width: lane, height: 0 });
      link(route.at(-1)!, next);
      route.push(next);
    }
    link(route.at(-1)!, items[to]!);
    return [...route, items[to]!];
  });
  for (let sweep = 0; sweep < sweeps; sweep++) order(layers, sweep % 2 === 0);
  for (const layer of layers) pack(layer);
  for (let sweep = 0; sweep < sweeps; sweep++)
    for (const layer of sweep % 2 === 0 ? layers : layers.toReversed()) align(layer);
  const left = Math.min(0, ...layers.flat().map(({ x }) => x));
  for (const item of layers.flat()) item.x -= left;
  const tops: number[] = [];
  const heights = layers.map((layer) => Math.max(...layer.map((item) => item.height)));
  let height = 0;
  for (const each of heights) {
    tops.push(height);
    height += each + below;
  }
  const top = (item: Item): Point => ({ x: item.x + item.width / 2, y: tops[item.layer]! });
  const bottom = (item: Item): Point => ({ ...top(item), y: tops[item.layer]! + item.height });
  return {
    width: Math.max(0, ...layers.flat().map(({ x, width }) => x + width)),
    height: Math.max(0, height - below),
    places: items.map((item) => ({ x: item.x, y: tops[item.layer]! })),
    // Straight down beside the boxes of a layer, and to and fro only between layers.
    paths: routes.map((route) => [
      bottom(route[0]!),
      ...route.slice(1, -1).flatMap((item) => {
        const { x, y } = top(item);
        return [
          { x, y },
          { x, y: y + heights[item.layer]! },
        ];
      }),
      top(route.at(-1)!),
    ]),
  };
}

/** Each layer in the order of its items' neighbours in the layer before it, going down or up. */
function order(layers: readonly Item[][], down: boolean): void {
  for (const layer of down ? layers : layers.toReversed()) {
    pack(layer);
    const wish = new Map(layer.map((item) => [item, wished(down ? item.above : item.below) ?? centre(item)]));
    layer.sort((a, b) => wish.get(a)! - wish.get(b)!);
    pack(layer);
  }
}

const centre = ({ x, width }: Item): number => x + width / 2;

/** The middle of the neighbours, undefined where there are none. */
function wished(neighbours: readonly Item[]): number | undefined {
  if (neighbours.length === 0) return undefined;
  const places = neighbours.map(centre).toSorted((a, b) => a - b);
  return (places[(places.length - 1) >> 1]! + places[places.length >> 1]!) / 2;
}

/** Side by side, around zero. */
function pack(layer: readonly Item[]): void {
  const width = layer.reduce((sum, item) => sum + item.width + beside, -beside);
  let x = -width / 2;
  for (const item of layer) {
    item.x = x;
    x += item.width + beside;
  }
}

/** Each item as near to its neighbours as its layer allows: from the left and from the right, and the mean of both. */
function align(layer: readonly Item[]): void {
  const wish = layer.map((item) => (wished([...item.above, ...item.below]) ?? centre(item)) - item.width / 2);
  const right: number[] = [];
  for (let at = 0; at < layer.length; at++) {
    const least = at === 0 ? -Infinity : right[at - 1]! + layer[at - 1]!.width + beside;
    right.push(Math.max(wish[at]!, least));
  }
  const left = wish.slice();
  for (let at = layer.length - 2; at >= 0; at--)
    left[at] = Math.min(wish[at]!, left[at + 1]! - layer[at]!.width - beside);
  for (const [at, item] of layer.entries()) item.x = (left[at]! + right[at]!) / 2;
}

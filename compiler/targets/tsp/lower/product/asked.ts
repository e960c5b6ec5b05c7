// What `@tsp.` annotations ask of a product: which factor is installed in the planes, how large their tiles are, whose tiles
// go on outside, and what hemispheres share out. Names of loops become the parts that they play.

import type { Directive, LoopRef } from "../../../../ir/ir.ts";
import { lanes } from "../../machine/geometry.ts";
import { columnsOfBlock } from "../../machine/mxm.ts";
import type { Delays } from "../../machine/profile.ts";
import { noThreads, WrongAnnotation, type Steering } from "../steering.ts";
import type { Product } from "./spec.ts";

export interface Asked {
  /** Columns and channels of a tile of weights. */
  readonly columns?: number;
  readonly channels?: number;
  /** Rows of the result that go through a tile before the next one is installed, over all planes. */
  readonly rows?: number;
  /** Whether a go of rows passes all tiles of columns before the next rows come. */
  readonly rowsOutside?: true;
  /** Whose tiles follow each other outside of the others', and who says so. */
  readonly outer?: { readonly tiles: "columns" | "channels"; readonly directive: Directive };
  /** What the hemispheres share out. */
  readonly sharing?: "rows" | "columns";
}

type Part = "rows" | "columns" | "channels";

/** The factor that annotations want installed, by its buffer, and which one says so. */
export function installedBy(
  product: Product,
  steering: Steering,
): { readonly buffer: string; readonly directive: Directive } | undefined {
  const { words, weights } = product;
  const factors = [words.buffer, weights.buffer];
  for (const directive of steering.all("stage")) {
    const own = directive.buffers.filter((buffer) => factors.includes(buffer));
    if (own.length > 1)
      throw new WrongAnnotation(
        directive,
        "the planes hold one factor, and the other one streams through them",
        `\`@tsp.stage(${weights.buffer})\``,
      );
    if (own[0] !== undefined) return { buffer: own[0], directive };
  }
  for (const directive of steering.all("order"))
    if (innermost(product, directive.loops) === "columns") return { buffer: words.buffer, directive };
  return undefined;
}

/** The part of the loop whose iterations stream: tiles of columns and channels run outside of it. */
function innermost(product: Product, loops: readonly LoopRef[]): Part {
  const places = placesOf(product, loops);
  return [...places].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? "rows";
}

/** Where parts stand in an order: of tiled loops the loop over tiles counts, of rows the innermost one. */
function placesOf(product: Product, loops: readonly LoopRef[]): ReadonlyMap<Part, number> {
  const places = new Map<Part, number>();
  for (const [at, { loop }] of loops.entries()) {
    const part = partOf(product, loop);
    if (part && (part === "rows" || !places.has(part))) places.set(part, at);
  }
  return places;
}

function partOf({ names }: Product, loop: string): Part | undefined {
  if (loop === names.column) return "columns";
  if ([names.channel, names.r, names.q].includes(loop)) return "channels";
  return [names.x, names.y, ...names.batch].includes(loop) ? "rows" : undefined;
}

/** What annotations ask of a product whose factors are where they want them. Throws `WrongAnnotation`. */
export function askedOf(product: Product, steering: Steering, delays: Delays): Asked {
  let asked: Asked = {};
  const label = (loop: string): string => steering.label(loop);
  for (const directive of steering.all("stage"))
    if (directive.buffers.includes(product.weights.buffer))
      steering.done(
        directive,
        `the planes hold tiles of \`${product.weights.buffer}\`, \`${product.words.buffer}\` streams through them`,
      );
  for (const directive of steering.all("tile"))
    for (const { loop, sizes } of directive.sizes) {
      asked = { ...asked, ...tileOf(product, directive, loop, sizes, label, delays) };
      const { columns, channels, rows } = asked;
      const said = [
        ...(channels === undefined ? [] : [`${channels} of what is summed over`]),
        ...(columns === undefined ? [] : [`${columns} columns`]),
      ];
      const parts = [
        ...(said.length > 0 ? [`a plane holds ${said.join(" by ")}`] : []),
        ...(rows === undefined ? [] : [`${rows} rows go through before the next tile`]),
      ];
      if (parts.length > 0) steering.done(directive, parts.join("; "));
    }
  for (const directive of steering.all("order"))
    asked = { ...asked, ...orderOf(product, directive, steering, delays) };
  for (const directive of steering.all("parallel"))
    asked = { ...asked, ...sharingOf(product, directive, steering) };
  for (const directive of steering.all("vectorize"))
    for (const { loop } of directive.loops) {
      const part = partOf(product, loop);
      if (part === "rows")
        throw new WrongAnnotation(
          directive,
          `rows of \`${product.words.buffer}\` follow each other in time, and lanes hold what is summed over, or columns of the result`,
          `\`@tsp.stage(${product.words.buffer})\` installs that factor, so that its rows become columns`,
        );
      if (part)
        steering.done(
          directive,
          `${label(loop)} lies in lanes of ${part === "columns" ? "results" : "words"}`,
        );
    }
  return asked;
}

function tileOf(
  product: Product,
  directive: Directive,
  loop: string,
  sizes: readonly number[],
  label: (loop: string) => string,
  { accumulatorRows }: Delays,
): Asked {
  const { names, type } = product;
  const [size = 0] = sizes;
  const wrong = (why: string, fix: string): WrongAnnotation => new WrongAnnotation(directive, why, fix);
  const own = `\`${label(loop)}\``;
  if (sizes.length > 1)
    throw wrong(`a plane holds one level of tiles, and ${own} has ${sizes.length}`, "give one size");
  const fits = (block: number, what: string): number => {
    if (size > lanes)
      throw wrong(`a plane has ${lanes} ${what}, and not ${size}`, `at most \`${label(loop)}=${lanes}\``);
    if (size % block !== 0)
      throw wrong(
        `the planes take ${what} ${block} at a time, of which ${size} is no multiple`,
        `\`${label(loop)}=${block * Math.max(1, Math.round(size / block))}\``,
      );
    return size;
  };
  if (loop === names.column) return { columns: fits(columnsOfBlock(type === "f16" ? 1 : 0), "columns") };
  if (loop === names.channel) return { channels: fits(16, "lanes") };
  if (loop === names.x && names.y === undefined && names.batch.length === 0) {
    const planes = type === "f16" ? 2 : 4;
    const most = planes * accumulatorRows;
    if (size > most)
      throw wrong(
        `accumulators of ${planes === 4 ? "four planes" : "two pairs of planes"} hold ${most} rows of sums, and not ${size}`,
        `at most \`${label(loop)}=${most}\``,
      );
    return { rows: size };
  }
  throw wrong(
    `which pixels share a word and a tile follows from the window: ${own} isn’t cut`,
    "tile the loops over columns and channels",
  );
}

function orderOf(
  product: Product,
  directive: Directive & { readonly kind: "order" | "fuse" | "parallel" | "threads" },
  steering: Steering,
  { accumulatorRows }: Delays,
): Asked {
  const places = placesOf(product, directive.loops);
  const { words, weights, names } = product;
  const streams = innermost(product, directive.loops);
  if (streams !== "rows")
    throw new WrongAnnotation(
      directive,
      streams === "channels"
        ? `with \`${steering.label(names.channel ?? "k")}\` innermost every row would need all tiles of \`${weights.buffer}\` in turn, each loaded anew`
        : `\`${weights.buffer}\` is installed, so that what streams is \`${words.buffer}\``,
      `let a loop of \`${words.buffer}\` alone be the innermost one`,
    );
  const columns = places.get("columns");
  const channels = places.get("channels");
  const first = directive.loops.findIndex(({ loop, level }) => level !== undefined && loop === names.x);
  const rowsOutside = first >= 0 && columns !== undefined && first < columns;
  const tiles =
    columns === undefined || channels === undefined ? undefined : columns < channels ? "columns" : "channels";
  steering.done(
    directive,
    `\`${words.buffer}\` streams through tiles of \`${weights.buffer}\`` +
      (tiles === undefined
        ? ""
        : tiles === "columns"
          ? ", a tile of columns to its end before the next one"
          : `, all columns side by side in ${accumulatorRows} rows of sums`) +
      (rowsOutside ? "; all of them for one go of rows before the next" : ""),
  );
  return { ...(tiles && { outer: { tiles, directive } }), ...(rowsOutside && { rowsOutside }) };
}

function sharingOf(
  product: Product,
  directive: Directive & { readonly kind: "order" | "fuse" | "parallel" | "threads" },
  steering: Steering,
): Asked {
  const parts = new Set(directive.loops.map(({ loop }) => partOf(product, loop)));
  if (parts.has("channels"))
    throw new WrongAnnotation(
      directive,
      "sums are added up in one plane’s accumulators, so what is summed over can’t be shared out",
      "share out rows or columns",
    );
  const sharing = parts.has("columns") ? "columns" : parts.has("rows") ? "rows" : undefined;
  if (!sharing) return {};
  steering.done(
    directive,
    sharing === "rows"
      ? "all planes share the rows, and hold the same tiles"
      : "each hemisphere has tiles of columns of its own, whose planes share the rows",
  );
  return { sharing };
}

/** Why annotations mean nothing to a product. */
export const productReasons: Readonly<Record<Directive["kind"], string>> = {
  tile: "it names no loop of the product",
  order: "it names no loop of the product",
  fuse: "words of rows follow each other, whichever loop they belong to",
  parallel: "it names no loop that could be shared out",
  threads: noThreads,
  vectorize: "it names no loop of the product",
  unroll: "all planes take a word each in every cycle as it is",
  stage: "only factors are installed in planes; all tensors lie in SRAM",
};

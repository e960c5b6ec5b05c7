// Where rows come from: elements of tensors as the host lays them out, tables that are known when compiling, and what
// operations store. A tensor's rows are found by its coordinates on the axes that don't lie in lanes.

import type { Dtype } from "../../../../../lang/dtypes.ts";
import type { Span } from "../../../../../lang/source.ts";
import type { Buffer, Scalar } from "../../../../ir/ir.ts";
import { lanes, type Side } from "../../machine/geometry.ts";
import { widths, type TspType } from "../../machine/values.ts";
import { Unfit, type Node } from "../dag.ts";
import { limit, tooManyRows } from "./bounds.ts";
import { tspType } from "../selection.ts";
import type { Family, Region, Row, Space } from "./model.ts";

/** A subscript: fixed, or a value for the coordinates of each lane; `loop` where it is one of the lanes' loops itself. */
export type Subscript =
  | { readonly kind: "fixed"; readonly at: number }
  | {
      readonly kind: "lane";
      readonly key: string;
      readonly loop: number | undefined;
      readonly at: (coordinates: readonly number[]) => Scalar;
    };

export interface Tensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly type: TspType;
  readonly shape: readonly number[];
  readonly mode: "in" | "out" | "mut" | "local";
  readonly written: boolean;
  /** Results that nothing in the kernel reads: their elements may lie side by side in any way. */
  readonly storedOnly: boolean;
  /** The rows that hold each place now, by `keyOf`. */
  readonly now: Map<string, Family>;
  /** What places hold that nothing was stored to. */
  fill: Node | undefined;
}

/** Rows of lane coordinates; the last loop is innermost. Beyond the space there are none. */
export function coordinatesOf(space: Space, tile: number, lane: number): readonly number[] | undefined {
  let rest = tile * lanes + lane;
  if (rest >= space.count) return undefined;
  const found: number[] = [];
  for (let loop = space.extents.length - 1; loop >= 0; loop--) {
    found[loop] = rest % space.extents[loop]!;
    rest = Math.floor(rest / space.extents[loop]!);
  }
  return found;
}

const keyOf = (index: readonly Subscript[]): string =>
  index.map((each) => (each.kind === "fixed" ? each.at : `[${each.key}]`)).join(",");

/** Hands out families and regions of one kernel. */
export class Families {
  readonly space: Space;
  readonly tensors: ReadonlyMap<string, Tensor>;
  private readonly regions = new Map<string, Region>();
  private readonly given = new Map<string, Family>();
  private readonly tables = new Map<string, Family>();
  /** Streams' worth of regions that lie on each side. */
  private readonly sides: Record<Side, number>;
  /** What regions' names begin with: those of several in one program differ. */
  private readonly prefix: string;
  private readonly chosen = new Map<string, Side>();
  /** Subscripts of what was stored, by tensor and `keyOf`. */
  private readonly indices = new Map<string, readonly Subscript[]>();
  /** Of tensors whose elements lie in several ways: which of them an element lies in. */
  private readonly owners = new Map<string, string[]>();
  private count = 0;
  private made = 0;

  /** Rows that go through the vector unit side by side: each of so many in a row has slices of its own. */
  readonly abreast: number;

  /** `beside` are the families of another part of the same program. */
  constructor(space: Space, tensors: ReadonlyMap<string, Tensor>, abreast = 1, beside?: Families) {
    this.abreast = abreast;
    this.sides = beside ? { ...beside.sides } : { W: 0, E: 0 };
    this.prefix = beside ? `${beside.prefix}+` : "";
    this.space = space;
    this.tensors = tensors;
  }

  /** The side for regions of one purpose: the one with fewer of them. */
  sideOf(purpose: string, type: TspType): Side {
    const found = this.chosen.get(purpose);
    if (found) return found;
    const side = this.sides.W <= this.sides.E ? "W" : "E";
    this.sides[side] += widths[type];
    this.chosen.set(purpose, side);
    return side;
  }

  /** A region by name. */
  region(name: string, type: TspType, side = this.sideOf(name, type)): Region {
    const found = this.regions.get(name);
    if (found) return found;
    const made: Region = { name: `${this.prefix}${name}`, type, side, copies: [] };
    this.regions.set(name, made);
    return made;
  }

  /** The region for a tile's row of one purpose. */
  private regionOf(name: string, type: TspType, tile: number): Region {
    return this.region(purposeOf(name, tile % this.abreast), type, this.sideOf(name, type));
  }

  get allRegions(): readonly Region[] {
    return [...this.regions.values()];
  }

  family(rows: readonly Row[], type: TspType, uniform: boolean): Family {
    this.made += rows.length;
    if (this.made > limit) throw new Unfit(tooManyRows);
    return { id: this.count++, rows, type, uniform };
  }

  /** Puts regions of one purpose on a side. */
  pin(purpose: string, side: Side): void {
    this.chosen.set(purpose, side);
  }

  /** New rows for what an operation stores, in regions of one purpose. */
  stored(purpose: string, type: TspType, side: Side, uniform: boolean): Family {
    const rows = Array.from({ length: uniform ? 1 : this.space.tiles }, (_, tile): Row => ({
      region: this.region(purposeOf(purpose, tile % this.abreast), type, side),
      places: [],
      ready: 0,
    }));
    return this.family(rows, type, uniform);
  }

  /** Some of a family's rows: from one tile on every `step`th. A row for all tiles stays that. */
  some(family: Family, from: number, step: number, count: number): Family {
    if (family.rows.length === 1) return family;
    const key = `${family.id} ${from} ${step} ${count}`;
    const found = this.parts.get(key);
    if (found) return found;
    const rows = Array.from({ length: count }, (_, at) => family.rows[from + at * step]!);
    const made = this.family(rows, family.type, family.uniform);
    this.parts.set(key, made);
    return made;
  }
  private readonly parts = new Map<string, Family>();

  /** The rows that a tensor has at a place. */
  load(name: string, index: readonly Subscript[], span: Span | undefined): Family | Node {
    const tensor = this.tensors.get(name)!;
    const key = this.placeOf(tensor, index, span);
    if (tensor.written) {
      const found = tensor.now.get(key) ?? tensor.fill;
      if (found) return found;
      if (tensor.mode !== "mut") throw new Unfit("a tensor that is read before it is written", span);
    }
    return this.input(tensor, index, key);
  }

  store(name: string, index: readonly Subscript[], family: Family, span: Span | undefined): void {
    const tensor = this.tensors.get(name)!;
    const key = this.placeOf(tensor, index, span);
    if (tensor.storedOnly && !this.indices.has(`${name} ${key}`)) this.claim(tensor, index, key, span);
    this.indices.set(`${name} ${key}`, index);
    tensor.now.set(key, family);
  }

  /** Sees to it that each element of a tensor of results lies in one place. */
  private claim(tensor: Tensor, index: readonly Subscript[], key: string, span: Span | undefined): void {
    const owners = this.owners.get(tensor.name) ?? [];
    this.owners.set(tensor.name, owners);
    // One element in all lanes needn't be looked at lane by lane.
    const tiles = index.every(({ kind }) => kind === "fixed")
      ? Math.min(1, this.space.count)
      : this.space.tiles;
    for (let tile = 0; tile < tiles; tile++)
      for (const at of this.elements(tensor, index, tile, false)) {
        if (at < 0) continue;
        if ((owners[at] ?? key) !== key)
          throw new Unfit("a tensor of results with elements side by side in several ways", span);
        owners[at] = key;
      }
  }

  /** What a place of a tensor is known by. */
  placeOf(
    { written, storedOnly, shape }: Tensor,
    index: readonly Subscript[],
    span: Span | undefined,
  ): string {
    if (written && !storedOnly && index.some((each) => each.kind === "lane" && each.loop === undefined))
      throw new Unfit("a tensor of results with elements side by side in several ways", span);
    const outside = index.findIndex(
      (each, axis) => each.kind === "fixed" && !(each.at >= 0 && each.at < shape[axis]!),
    );
    if (outside >= 0) throw new Unfit("an element outside its tensor", span);
    return keyOf(index);
  }

  private input(tensor: Tensor, index: readonly Subscript[], key: string): Family {
    const name = `${tensor.name} ${key}`;
    const found = this.given.get(name);
    if (found) return found;
    const uniform = index.every(({ kind }) => kind === "fixed");
    const rows = Array.from({ length: uniform ? 1 : this.space.tiles }, (_, tile): Row => ({
      region: this.regionOf(`in ${tensor.name}`, tensor.type, tile),
      places: [],
      ready: 0,
      content: {
        kind: "elements",
        buffer: tensor.name,
        elements: () => this.elements(tensor, index, tile, uniform),
      },
    }));
    const made = this.family(rows, tensor.type, uniform);
    this.given.set(name, made);
    return made;
  }

  private elements(
    { shape }: Tensor,
    index: readonly Subscript[],
    tile: number,
    uniform: boolean,
  ): Int32Array {
    const place = (coordinates: readonly number[]): number => {
      let at = 0;
      for (let axis = 0; axis < shape.length; axis++) {
        const own = index[axis]!;
        const here = own.kind === "fixed" ? own.at : Number(own.at(coordinates));
        if (here < 0 || here >= shape[axis]!) return -1;
        at = at * shape[axis]! + here;
      }
      return at;
    };
    if (uniform) return new Int32Array(lanes).fill(place([]));
    const found = new Int32Array(lanes).fill(-1);
    const end = Math.min(lanes, this.space.count - tile * lanes);
    if (end <= 0) return found;
    if (index.every(({ kind }) => kind === "fixed")) return found.fill(place([]), 0, end);
    // Coordinates count on from lane to lane, the innermost loop first.
    const { extents } = this.space;
    const coordinates = [...coordinatesOf(this.space, tile, 0)!];
    for (let lane = 0; lane < end; lane++) {
      found[lane] = place(coordinates);
      for (let loop = extents.length - 1; loop >= 0; loop--) {
        if (++coordinates[loop]! < extents[loop]!) break;
        coordinates[loop] = 0;
      }
    }
    return found;
  }

  /** Positions in a tensor of the elements in a row of one of its families, for the host to take them out. */
  elementsOf(name: string, key: string, tile: number): Int32Array {
    const tensor = this.tensors.get(name)!;
    const index = this.indices.get(`${name} ${key}`)!;
    return this.elements(tensor, index, tile, false);
  }

  /** A row, the same for all lanes, with a number that is known when compiling. */
  number(value: number, type: TspType, purpose: string): Family {
    return this.table(`${purpose} ${type} ${value}`, `${purpose} ${type}`, type, true, () =>
      new Float64Array(lanes).fill(value),
    );
  }

  /** A row for all tiles, a number a lane. */
  perLane(key: string, type: TspType, at: (lane: number) => number): Family {
    return this.table(`lane ${key}`, `lane ${key}`, type, true, () =>
      Float64Array.from({ length: lanes }, (_, lane) => at(lane)),
    );
  }

  /** The number of the tile, in all lanes of each. */
  tileNumbers(type: TspType): Family {
    return this.table("tiles", "tiles", type, false, (tile) => new Float64Array(lanes).fill(tile));
  }

  /** All rows of a tensor along one axis, for data to choose from: those of its first place, then of the next. */
  choices(name: string, index: readonly (Subscript | undefined)[], span: Span | undefined): Family {
    const tensor = this.tensors.get(name)!;
    const axis = index.indexOf(undefined);
    const fixed = (at: number): readonly Subscript[] => index.map((each) => each ?? { kind: "fixed", at });
    const key = `choice ${tensor.name} ${this.placeOf(tensor, fixed(0), span)} along ${axis}`;
    const found = this.given.get(key);
    if (found) return found;
    const uniform = fixed(0).every(({ kind }) => kind === "fixed");
    const tiles = uniform ? 1 : this.space.tiles;
    const region = this.region(key, tensor.type, "W");
    const rows = Array.from({ length: tensor.shape[axis]! * tiles }, (_, at): Row => ({
      region,
      places: [],
      ready: 0,
      content: {
        kind: "elements",
        buffer: tensor.name,
        elements: () => this.elements(tensor, fixed(Math.floor(at / tiles)), at % tiles, uniform),
      },
    }));
    const made = this.family(rows, tensor.type, uniform);
    this.given.set(key, made);
    return made;
  }

  /** Rows of numbers that follow from the lanes' coordinates. */
  ofLanes(key: string, type: TspType, at: (coordinates: readonly number[]) => number): Family {
    return this.table(`lanes ${type} ${key}`, `lanes ${type}`, type, false, (tile) =>
      Float64Array.from({ length: lanes }, (_, lane) => {
        const coordinates = coordinatesOf(this.space, tile, lane);
        return coordinates ? at(coordinates) : 0;
      }),
    );
  }

  private table(
    key: string,
    name: string,
    type: TspType,
    uniform: boolean,
    values: (tile: number) => Float64Array,
  ): Family {
    const found = this.tables.get(key);
    if (found) return found;
    const rows = Array.from({ length: uniform ? 1 : this.space.tiles }, (_, tile): Row => ({
      region: this.regionOf(name, type, tile),
      places: [],
      ready: 0,
      content: { kind: "values", values: () => values(tile) },
    }));
    const made = this.family(rows, type, uniform);
    this.tables.set(key, made);
    return made;
  }
}

/** What the regions of rows that go side by side are for. */
const purposeOf = (purpose: string, number: number): string =>
  number === 0 ? purpose : `${purpose} beside ${number}`;

export function tensorOf(
  { name, dtype, span }: Buffer,
  shape: readonly number[],
  mode: Tensor["mode"],
  written: boolean,
  loaded: boolean,
): Tensor {
  return {
    name,
    dtype,
    type: tspType(dtype, span),
    shape,
    mode,
    written,
    storedOnly: mode === "out" && !loaded,
    now: new Map(),
    fill: undefined,
  };
}

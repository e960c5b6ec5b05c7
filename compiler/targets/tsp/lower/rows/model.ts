// What lowering by rows passes on: rows of 320 lanes that lie somewhere or are made once, and operations that take rows and
// make rows. A row is never overwritten: what a kernel stores again is another row.

import type { Span } from "../../../../../lang/source.ts";
import type { Side } from "../../machine/geometry.ts";
import type { TspType } from "../../machine/values.ts";
import type { Chain, Stream } from "../chain.ts";
import type { Access, Dag } from "../dag.ts";

/** Rows that an operation may take or make side by side: they share slices. */
export interface Region {
  readonly name: string;
  readonly type: TspType;
  readonly side: Side;
  /** Rows for which each copy has a place. */
  readonly copies: Row[][];
}

/** What stands in a row before the program runs. */
export type Content =
  /** For each lane the position of its element in a tensor, or -1 for 0. */
  | { readonly kind: "elements"; readonly buffer: string; readonly elements: () => Int32Array }
  | { readonly kind: "values"; readonly values: () => Float64Array };

export interface Row {
  readonly region: Region;
  readonly content?: Content;
  /** Its place in each copy of the region, where it has one. */
  readonly places: (number | undefined)[];
  /** The first cycle in which it can be at the VXM. */
  ready: number;
}

/** A value in every lane of the space: a row for each 320 lanes, or one row that stands for all. */
export interface Family {
  readonly id: number;
  readonly rows: readonly Row[];
  /** Whether all lanes have one value. */
  readonly uniform: boolean;
  readonly type: TspType;
}

export const rowOf = ({ rows }: Family, tile: number): Row => rows[rows.length === 1 ? 0 : tile]!;

/** Instructions that many operations share: `loads` of them in the order of its accesses. */
export interface Template {
  readonly key: string;
  readonly dag: Dag;
  /** Streams and ALUs: others may be tried. */
  chain: Chain;
  /** The cycle of the last issue: instances follow each other. */
  last: number;
  issued: number;
}

/** The access of a template's load number `slot`. */
export const slotAccess = (slot: number, side: Side): Access => ({
  buffer: String(slot),
  shape: [],
  axes: [],
  ...(side === "E" && { westward: true }),
});
export const slotOf = ({ buffer }: Access): number => Number(buffer);

export interface Step {
  readonly loads: readonly Family[];
}

export type Operation = Streamed | Gathered;

/** Rows of a table that maps choose: a map has in each superlane the address of a word. */
export interface Gathered {
  readonly kind: "gather";
  readonly map: Family;
  /** The table's rows, from address 0 on. */
  readonly table: Family;
  readonly store: Family;
  readonly span: Span | undefined;
}

export type Streamed =
  /** The template once for each of `tiles` rows. */
  | {
      readonly kind: "map";
      readonly template: Template;
      readonly loads: readonly Family[];
      readonly stores: readonly Family[];
      readonly tiles: number;
    }
  /**
   * Steps that hand values on. `ways` is how many chains of steps go on at once: those of several tiles side by side, or
   * (`parts`) parts of one tile's steps, each of which then stores what it comes to.
   */
  | {
      readonly kind: "sweep";
      readonly template: Template;
      readonly inits: readonly Family[];
      readonly steps: readonly Step[];
      readonly tiles: number;
      readonly ways: number;
      readonly parts: boolean;
      /** By store, then (if in parts) by part: the values after the last step. */
      readonly stores: readonly (readonly Family[])[];
    };

/** The lanes: loops whose iterations lie side by side, the last one innermost. */
export interface Space {
  readonly extents: readonly number[];
  readonly count: number;
  readonly tiles: number;
}

export const finalFamilies = (families: Iterable<ReadonlyMap<string, Family>>): readonly Family[] =>
  [...families].flatMap((each) => [...each.values()]);

/** What causes a stream's reads: the instruction that takes it, or else what becomes of it. */
export const spanOfStream = ({ chain, dag }: Template, stream: Stream): Span | undefined =>
  chain.items.find(
    ({ operands, span }) => span && operands.some((each) => "stream" in each && each.stream === stream),
  )?.span ?? dag.stores[0]?.span;

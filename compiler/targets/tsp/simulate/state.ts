// What the units of a chip remember: words of memory and when they were written, results of ALUs, weights and products,
// and when each part was last used. Rings hold what only a few cycles later matters.

import {
  addresses,
  alus,
  banks,
  planes,
  queues,
  sides,
  slicesOfSide,
  sxmUnits,
} from "../machine/geometry.ts";
import type { PlaneState, UnitState } from "../machine/instruction.ts";
import { emptyPlane } from "../machine/mxm.ts";
import type { Delays } from "../machine/profile.ts";
import type { Beat, Lanes, TspType } from "../machine/values.ts";

/** Remembers one value a cycle for the last `span` cycles at least. */
export class Recent<T> {
  private readonly mask: number;
  private readonly times: Float64Array;
  private readonly values: (T | undefined)[];
  last = -Infinity;

  constructor(span: number) {
    let size = 8;
    while (size <= span) size *= 2;
    this.mask = size - 1;
    this.times = new Float64Array(size).fill(-Infinity);
    this.values = Array.from<T | undefined>({ length: size });
  }

  set(time: number, value: T): void {
    this.times[time & this.mask] = time;
    this.values[time & this.mask] = value;
    this.last = Math.max(this.last, time);
  }

  /** What `set` is about to forget: older than anything that is asked for. */
  forgotten(time: number): T | undefined {
    return this.values[time & this.mask];
  }

  at(time: number): T | undefined {
    return this.times[time & this.mask] === time ? this.values[time & this.mask] : undefined;
  }

  has(time: number): boolean {
    return this.times[time & this.mask] === time;
  }
}

export class SliceState {
  readonly words: (Beat | undefined)[] = Array(addresses);
  /** When each word was last written; those that are there from the start, never. */
  readonly written = new Float64Array(addresses).fill(-Infinity);
  /** By bank: the cycles in which it is accessed. */
  readonly busy: readonly Recent<true>[];

  constructor(span: number) {
    this.busy = Array.from({ length: banks }, () => new Recent<true>(span));
  }
}

/** A result as numbers or, where it was computed on bytes, as a beat; the other form is made when it is asked for. */
export interface AluResult {
  readonly lanes: Lanes | undefined;
  readonly beat: Beat | undefined;
  readonly type: TspType;
}

export interface AluState {
  constant: number;
  /** The constant in every lane, for the type that was asked for last. */
  constants: { readonly type: TspType; readonly lanes: Lanes; readonly beat: Beat } | undefined;
  /** By the cycle of issue. */
  readonly results: Recent<AluResult>;
}

export interface PlaneTimes {
  readonly state: PlaneState;
  /** First cycle that may use the installed weights; infinite while there are none. */
  ready: number;
  installedAt: number;
  lastActivation: number;
  readonly products: Recent<{ readonly lanes: Lanes; readonly float: number }>;
  /** By row of the sums: when it was last accumulated, how often since it was set, and as what. */
  readonly rows: Map<number, { at: number; count: number; float: number }>;
}

export interface ChipState {
  /** By queue; made when first used. */
  readonly slices: (SliceState | undefined)[];
  readonly alus: readonly AluState[];
  readonly planes: readonly PlaneTimes[];
  /** By side and unit: the last cycle in which it was used. */
  readonly sxm: Float64Array;
  /** By link: whether it is aligned, and what has arrived. */
  readonly links: readonly {
    deskewed: boolean;
    readonly inbox: { readonly time: number; readonly beat: Beat }[];
  }[];
}

export function chipState(delays: Delays): ChipState {
  return {
    slices: Array.from<SliceState | undefined>({ length: 2 * slicesOfSide }),
    alus: Array.from({ length: alus }, () => ({
      constant: 0,
      constants: undefined,
      results: new Recent<AluResult>(delays.alu),
    })),
    planes: Array.from({ length: planes }, () => ({
      state: emptyPlane(),
      ready: Infinity,
      installedAt: -Infinity,
      lastActivation: -Infinity,
      products: new Recent<{ readonly lanes: Lanes; readonly float: number }>(delays.multiply),
      rows: new Map<number, { at: number; count: number; float: number }>(),
    })),
    sxm: new Float64Array(sides.length * sxmUnits.length).fill(-Infinity),
    links: queues.filter(({ place }) => place.kind === "c2c").map(() => ({ deskewed: false, inbox: [] })),
  };
}

/** A slice's state, made when it is first asked for. */
export const sliceState = (chip: ChipState, queue: number, delays: Delays): SliceState =>
  (chip.slices[queue] ??= new SliceState(delays.gather + 1));

/** What bodies of MXM rows see. */
export const planeUnit = (plane: PlaneState): UnitState => ({
  plane,
  row: () => new Uint8Array(0),
  setRow: () => {},
});

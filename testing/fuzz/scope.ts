// What a generated program may name at a point: variables, loop variables with their ranges, tensors. A block opens a
// scope and ends it; a loop under an annotation also closes what lies outside to assignments.

import type { Dtype } from "../../lang/dtypes.ts";

/** A size: a dim's name or a number. */
export type Extent = string;

export interface Variable {
  readonly name: string;
  readonly dtype: Dtype;
  readonly mutable: boolean;
  /** How many annotated loops lie around its declaration. */
  readonly barriers: number;
}

/** A loop variable in [0, extent). */
export interface LoopVariable {
  readonly name: string;
  readonly extent: Extent;
}

export interface TensorName {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly Extent[];
}

export interface ArrayName {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly Extent[];
  readonly barriers: number;
}

export interface Point {
  readonly name: string;
  /** Fields in order. */
  readonly fields: readonly { readonly name: string; readonly dtype: Dtype }[];
}

export class Scope {
  variables: Variable[] = [];
  loops: LoopVariable[] = [];
  tensors: TensorName[] = [];
  arrays: ArrayName[] = [];
  points: Point[] = [];
  /** Sizes that are known to be at least 1 here. */
  nonEmpty: Extent[] = [];
  /** Annotated loops around this point. */
  barriers = 0;
  /** Whether `break` and `continue` may stand here. */
  jumps = false;
  /** Loops of any sort around this point: a measure of the work. */
  depth = 0;

  inner(): Scope {
    const made = new Scope();
    Object.assign(made, this);
    made.variables = [...this.variables];
    made.loops = [...this.loops];
    made.tensors = [...this.tensors];
    made.arrays = [...this.arrays];
    made.points = [...this.points];
    made.nonEmpty = [...this.nonEmpty];
    return made;
  }

  assignable(): Variable[] {
    return this.variables.filter((each) => each.mutable && each.barriers === this.barriers);
  }

  isNonEmpty(extent: Extent): boolean {
    return /^\d+$/.test(extent) ? extent !== "0" : this.nonEmpty.includes(extent);
  }
}

// A point of the search space, and what trying it comes to. The search knows candidates by these types alone; what
// compiles, checks and runs them is given to it.

import type { Schedule } from "../../compiler/schedule/auto/index.ts";
import type { Lane } from "../timing/interleaved.ts";

export interface Candidate {
  /** Tells it from the others. */
  readonly key: string;
  /** For people: `i=4 j=(64, 8)`. */
  readonly label: string;
  /** Values by knob; knobs left out have their first value. */
  readonly values: Readonly<Record<string, string>>;
  /** A schedule in the place of all annotations. */
  readonly schedule?: Schedule;
  /** That schedule as the source would have it, a line an annotation. */
  readonly annotations?: readonly string[];
}

export type Admission =
  | { readonly kind: "ready"; readonly lane: Lane }
  /** The checker refuses it, or the compiler can't carry it out. */
  | { readonly kind: "refused"; readonly why: string }
  /** Its code is that of a candidate that was tried before. */
  | { readonly kind: "same"; readonly as: string }
  /** Its results are not the interpreter's: a bug of the compiler. */
  | { readonly kind: "wrong"; readonly why: string };

/** Compiles a candidate, compares its results, and makes it ready to be timed. `twin` asks for one more lane of it. */
export type Admit = (candidate: Candidate, twin?: "twin") => Promise<Admission>;

// What takes part in a measurement: something that does the workload's work some number of times when told to.

import type { Dense } from "../workload.ts";

export interface Contestant {
  /** The column it belongs to: `kern`, `onnxruntime-web`, … */
  readonly who: string;
  /** Does the work `times` times; a promise where the peer has no other way. */
  run(times: number): void | Promise<void>;
  /** How often a single `run(1)` does the work: graphs that hold it several times. */
  readonly copies?: number;
  /** What a run costs that isn't the work: measured beside it and subtracted. */
  readonly overhead?: () => void | Promise<void>;
  /** The result in the workload's order of elements; absent for limits, which compute nothing. */
  result?(): Promise<Dense>;
  /** Remarks for the report: features used, what couldn't be honoured. */
  readonly notes?: readonly string[];
  close(): void | Promise<void>;
}

/** Why something can't take part, for the report. */
export class NotHere extends Error {}

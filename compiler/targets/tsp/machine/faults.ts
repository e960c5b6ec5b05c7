// What can be wrong with a program, wherever it is found: by the checks of an assembled program, or by the simulator
// while it runs. The codes are entries of the diagnostics' catalogue.

import { queues } from "./geometry.ts";
import type { KernLine } from "./program.ts";

/** Codes by what they stand for. */
export const faults = {
  conflict: "K0901",
  absent: "K0902",
  stale: "K0903",
  queue: "K0904",
  bank: "K0905",
  address: "K0906",
  unwritten: "K0907",
  misaligned: "K0908",
  reach: "K0909",
  inFlight: "K0910",
  notInstalled: "K0911",
  overflow: "K0912",
  busy: "K0913",
  hazard: "K0914",
  sync: "K0915",
  alive: "K0916",
  illegal: "K0917",
  map: "K0918",
} as const;

export type FaultKind = keyof typeof faults;
export type FaultCode = (typeof faults)[FaultKind];

export interface Fault {
  readonly kind: FaultKind;
  readonly code: FaultCode;
  /** Of tile 0; of the instruction that is at fault. */
  readonly cycle: number;
  /** A queue's name. */
  readonly unit: string;
  /** What is wrong there, a clause. */
  readonly what: string;
  readonly from?: KernLine;
}

export function fault(kind: FaultKind, cycle: number, queue: number, what: string, from?: KernLine): Fault {
  const unit = queues[queue]?.name ?? `queue ${queue}`;
  return { kind, code: faults[kind], cycle, unit, what, ...(from && { from }) };
}

/** "MEM.E.12 in cycle 104: nothing is on E5 (scale.kern:4)" */
export const faultText = ({ cycle, unit, what, from }: Fault): string =>
  `${unit} in cycle ${cycle}: ${what}${from ? ` (${from.file}:${from.line})` : ""}`;

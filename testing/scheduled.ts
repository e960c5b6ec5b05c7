// A kernel's source as the automatic scheduler gets it: the first instance of the first kernel, lowered for a target and
// proved.

import { expect } from "vitest";
import { checked } from "../compiler/index.ts";
import { fixDims } from "../compiler/fix-dims.ts";
import { instanceRequests } from "../compiler/instances.ts";
import { lower } from "../compiler/lower/index.ts";
import { prove } from "../compiler/proofs/index.ts";
import type { Schedulable } from "../compiler/schedule/auto/index.ts";
import { DiagnosticSink } from "../lang/diagnostics/diagnostic.ts";
import type { TargetName } from "../lang/typed.ts";

export interface ScheduledOptions {
  readonly target?: TargetName;
  readonly shape?: Readonly<Record<string, number>>;
}

/** Lowers and proves; a mistake in the source fails the test. */
export function scheduledKernel(source: string, options: ScheduledOptions = {}): Schedulable {
  const { target = "wasm", shape = {} } = options;
  const sink = new DiagnosticSink();
  const module = checked(source, {}, sink);
  const [template] = module.kernels;
  const [request] = template ? instanceRequests(template, {}, sink) : [];
  const typed = request && module.instantiate(template!.name, request, sink);
  const lowered = typed && fixDims(lower(typed, target), shape);
  const proof = lowered && prove(lowered, sink);
  expect(sink.all.filter(({ severity }) => severity === "error")).toEqual([]);
  return { lowered: lowered!, ir: proof!.kernel };
}

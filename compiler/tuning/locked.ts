// What a lock file says about a kernel instance that is being compiled: values for the lists in its annotations, or a
// schedule instead of them; or why its entries can't serve. It is compiled as without a lock then, and a warning says so.

import type { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import type { TargetName, TKernel } from "../../lang/typed.ts";
import { fingerprint } from "./fingerprint.ts";
import { entryFor, lockPath, parseLock, type Lock, type LockEntry } from "./lock.ts";
import type { Schedule } from "../schedule/auto/index.ts";
import { readSchedule } from "./schedule-text.ts";
import { choiceOf, knobsOf, type Choice } from "./values.ts";

export interface Locked {
  readonly entry: LockEntry;
  readonly choice: Choice;
  /** Stands for all annotations. */
  readonly schedule?: Schedule;
}

/** The lock of a source's options; a text that isn't one is an error in `sink`. */
export function lockOf(text: string | undefined, source: string, sink: DiagnosticSink): Lock | undefined {
  if (text === undefined) return undefined;
  const lock = parseLock(text);
  if (typeof lock !== "string") return lock;
  sink.report("K0812", { path: lockPath(source), why: lock }, undefined);
  return undefined;
}

/** The values that a lock has for an instance; `shape` are the sizes that are known when compiling. */
export function lockedChoice(
  lock: Lock | undefined,
  kernel: TKernel,
  target: TargetName,
  {
    features,
    adapter,
    shape,
  }: {
    readonly features: readonly string[];
    readonly adapter?: string | undefined;
    readonly shape: Readonly<Record<string, number>>;
  },
  sink: DiagnosticSink,
): Locked | undefined {
  // Most kernels have no entry, and need no fingerprint.
  if (!lock?.entries.some((entry) => entry.kernel === kernel.instance && entry.target === target))
    return undefined;
  const key = { kernel: kernel.instance, target, features, adapter, source: fingerprint(kernel, target) };
  const found = entryFor(lock, key, shape);
  if (found.kind === "stale") refuse(kernel, "they were found for other code", sink);
  if (found.kind !== "entry") return undefined;
  const { entry } = found;
  const choice = choiceOf(knobsOf(kernel, target), entry.values);
  const schedule = entry.schedule && readSchedule(entry.schedule);
  for (const each of [choice, schedule]) if (typeof each === "string") refuse(kernel, each, sink);
  if (typeof choice === "string" || typeof schedule === "string") return undefined;
  return { entry, choice, ...(schedule && { schedule }) };
}

/** Warns that the lock's values for a kernel aren't used. */
export function refuse(kernel: TKernel, why: string, sink: DiagnosticSink): void {
  const { span } = kernel.decl.name;
  const path = lockPath(span.file.path);
  const fix = { text: `search again: \`kernc tune ${span.file.path}:${kernel.name}\`` };
  sink.report("K0550", { kernel: kernel.instance, path, why }, span, { fix });
}

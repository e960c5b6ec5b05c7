// The lock file `NAME.kern.lock`: what the tuner found for kernels of `NAME.kern`, as JSON in a fixed order with a line for
// each fact, so that version control shows and merges what changed. Entries are for an instance of a kernel, a target with
// its optional features, and sizes about as large as those measured. This file knows text and data; hosts read and write.

import type { TargetName } from "../artifact.ts";
import type { LockedStatement } from "./schedule-text.ts";

export interface LockEntry {
  /** The instance: `matmul`, `matmul_f16`. */
  readonly kernel: string;
  readonly target: TargetName;
  /** Optional features of the target that the code uses, but `threads`, which doesn't change schedules. */
  readonly features: readonly string[];
  /** The GPU that it was measured on, as it calls itself. Absent for what runs on the processor. */
  readonly adapter?: string;
  /** The sizes that were measured. */
  readonly shape: Readonly<Record<string, number>>;
  /** Dims whose sizes the code has as constants; it is for exactly these then. Absent for none. */
  readonly fixed?: readonly string[];
  /** The fingerprint of the code that the values are for. */
  readonly source: string;
  /** Values by knob, as `knobsOf` names and writes them. */
  readonly values: Readonly<Record<string, string>>;
  /** A whole schedule, which stands for all annotations; absent where they hold. */
  readonly schedule?: readonly LockedStatement[];
  /** How it was found, for people: milliseconds a call with these values and with those in force before. */
  readonly measured: { readonly median: number; readonly before: number; readonly threads: number };
}

export interface Lock {
  readonly entries: readonly LockEntry[];
}

export const emptyLock: Lock = { entries: [] };
const format = 1;

/** The lock file's path for a source. */
export const lockPath = (source: string): string => `${source}.lock`;

/** What entries are found by, besides their sizes. */
export interface LockKey {
  readonly kernel: string;
  readonly target: TargetName;
  readonly features: readonly string[];
  readonly source: string;
  /** The GPU that code is made for; absent where that isn't known. */
  readonly adapter?: string | undefined;
}

export type Found =
  | { readonly kind: "entry"; readonly entry: LockEntry }
  /** There are entries for the kernel, and all are for other code. */
  | { readonly kind: "stale" }
  | { readonly kind: "none" };

/**
 * The entry for a kernel whose known sizes are `shape`. Sizes match when they are in one bucket, and a dim whose
 * size isn't known matches any; but a dim that an entry has fixed must be known, and the same. Of several entries the
 * one with most fixed dims counts, and of those the one that was measured on the largest sizes.
 *
 * On a GPU entries are for an adapter, and any serves where it isn't known for which code is made: one with the same features before
 * others, since features change what a GPU's code computes with and seldom how it is best scheduled.
 */
export function entryFor(lock: Lock, key: LockKey, shape: Readonly<Record<string, number>>): Found {
  const own = lock.entries.filter(
    (each) =>
      each.kernel === key.kernel &&
      each.target === key.target &&
      (each.target === "wgsl"
        ? key.adapter === undefined || each.adapter === undefined || each.adapter === key.adapter
        : sameFeatures(each.features, key.features)),
  );
  const alike = ({ features }: LockEntry): number => Number(sameFeatures(features, key.features));
  const current = own.filter(({ source }) => source === key.source);
  if (own.length > 0 && current.length === 0) return { kind: "stale" };
  const volume = (entry: LockEntry): number =>
    Object.values(entry.shape).reduce((product, size) => product * Math.max(size, 1), 1);
  const [entry] = current
    .filter((each) =>
      Object.entries(each.shape).every(([dim, size]) =>
        each.fixed?.includes(dim)
          ? shape[dim] === size
          : shape[dim] === undefined || bucketOf(shape[dim]) === bucketOf(size),
      ),
    )
    .toSorted(
      (a, b) => fixedDims(b).length - fixedDims(a).length || alike(b) - alike(a) || volume(b) - volume(a),
    );
  return entry ? { kind: "entry", entry } : { kind: "none" };
}

/** The dims that an entry has as constants, sorted. */
export const fixedDims = ({ fixed = [] }: Pick<LockEntry, "fixed">): readonly string[] => fixed.toSorted();

/** The power of two nearest to a size on a logarithmic scale: 363 to 724 are one bucket, 512; 0 is one of its own. */
export function bucketOf(size: number): number {
  return size <= 0 ? 0 : 2 ** Math.round(Math.log2(size));
}

/** The features that tell entries apart, sorted. */
export function lockFeatures(features: readonly string[]): readonly string[] {
  return [...new Set(features)].filter((feature) => feature !== "threads").toSorted();
}

function sameFeatures(a: readonly string[], b: readonly string[]): boolean {
  return JSON.stringify(lockFeatures(a)) === JSON.stringify(lockFeatures(b));
}

/** The lock with an entry, which takes the place of one for the same bucket, and of all that are for other code. */
export function withEntry(lock: Lock, entry: LockEntry): Lock {
  const buckets = ({ shape, fixed }: LockEntry): string =>
    JSON.stringify(
      Object.entries(sorted(shape)).map(([dim, size]) =>
        fixed?.includes(dim) ? [dim, "fixed", size] : [dim, bucketOf(size)],
      ),
    );
  const stays = (each: LockEntry): boolean =>
    each.kernel !== entry.kernel ||
    each.target !== entry.target ||
    (each.source === entry.source &&
      (!sameFeatures(each.features, entry.features) ||
        each.adapter !== entry.adapter ||
        buckets(each) !== buckets(entry)));
  return { entries: [...lock.entries.filter(stays), entry] };
}

/** The text of a lock file. The same entries give the same text, in whatever order they were found. */
export function printLock({ entries }: Lock): string {
  const plain = entries.map((entry) => ({
    kernel: entry.kernel,
    target: entry.target,
    features: lockFeatures(entry.features),
    ...(entry.adapter !== undefined && { adapter: entry.adapter }),
    shape: sorted(entry.shape),
    ...(entry.fixed && entry.fixed.length > 0 && { fixed: fixedDims(entry) }),
    source: entry.source,
    values: sorted(entry.values),
    ...(entry.schedule && {
      schedule: entry.schedule.map(({ loop, directives }) => ({ loop, directives })),
    }),
    measured: {
      median: entry.measured.median,
      before: entry.measured.before,
      threads: entry.measured.threads,
    },
  }));
  const keyed = plain.map((entry) => ({
    entry,
    key: JSON.stringify([
      entry.kernel,
      entry.target,
      entry.features,
      entry.adapter ?? "",
      Object.entries(entry.shape).map(([dim, size]) => [dim, String(size).padStart(10)]),
      entry.fixed ?? [],
    ]),
  }));
  const ordered = keyed.toSorted((a, b) => (a.key < b.key ? -1 : 1)).map(({ entry }) => entry);
  return `${JSON.stringify({ format, entries: ordered }, undefined, 2)}\n`;
}

/** Reads a lock file's text; a sentence where it isn't one. */
export function parseLock(text: string): Lock | string {
  if (/^(<{7}|={7}|>{7})/m.test(text))
    return "it has conflict markers of a merge; keep either side, or tune again";
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (error) {
    return `it is not JSON: ${(error as Error).message}`;
  }
  if (!isRecord(given)) return "it is not a JSON object";
  if (given.format !== format) return `it has format ${String(given.format)}, and I read format ${format}`;
  if (!Array.isArray(given.entries)) return "it has no list `entries`";
  const entries: LockEntry[] = [];
  for (const [at, entry] of (given.entries as unknown[]).entries()) {
    if (!isEntry(entry)) return `entry ${at + 1} lacks something, or has something of a wrong type`;
    entries.push(entry);
  }
  return { entries };
}

function isEntry(given: unknown): given is LockEntry {
  if (!isRecord(given) || !isRecord(given.measured)) return false;
  const { kernel, target, features, adapter, shape, fixed, source, values, schedule, measured } = given;
  const all = (record: unknown, type: "string" | "number"): boolean =>
    isRecord(record) && Object.values(record).every((value) => typeof value === type);
  return (
    [kernel, source].every((value) => typeof value === "string") &&
    (target === "wasm" || target === "wgsl" || target === "tsp") &&
    Array.isArray(features) &&
    features.every((value) => typeof value === "string") &&
    (adapter === undefined || typeof adapter === "string") &&
    all(shape, "number") &&
    (fixed === undefined || (Array.isArray(fixed) && fixed.every((dim) => typeof dim === "string"))) &&
    all(values, "string") &&
    (schedule === undefined || (Array.isArray(schedule) && schedule.every((each) => all(each, "string")))) &&
    all(measured, "number")
  );
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function sorted<V>(record: Readonly<Record<string, V>>): Record<string, V> {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

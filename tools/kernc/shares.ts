// Work on many files shared among processes: each runs the same command with the same options on some of the files. Starting
// one costs about half a second where the compiler's backend is needed, so that little work stays in one process.

import { statSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { Given } from "./command.ts";
import type { Terminal } from "./terminal.ts";

/** Bytes of source for each process, at least. */
const worthwhile = 20_000;

/**
 * Runs `kernc COMMAND` on shares of the files, of about equal size, in several processes, and prints what they print, share by
 * share. The highest of their exit codes, or undefined, with nothing done, where one process is as good.
 */
export async function inShares(
  command: string,
  paths: readonly string[],
  given: Given,
  { again, err, out, interactive }: Terminal,
  processes = availableParallelism(),
): Promise<number | undefined> {
  if (!again) return undefined;
  const shares = sharesOf(paths, (path) => statSync(path).size, processes);
  if (shares.length < 2) return undefined;
  if (interactive) err(`compiling ${paths.length} files in ${shares.length} processes`);
  const running = shares.map((share) => again([command, ...given.options, "--", ...share]));
  let highest = 0;
  for (const [at, each] of running.entries()) {
    const ended = await each;
    if (interactive && at === 0) err("\r\x1b[K");
    out(ended.out);
    err(ended.err);
    highest = Math.max(highest, ended.code);
  }
  return highest;
}

/** The largest files first, each to the share that has least; in a share, files are in the order in which they were given. */
export function sharesOf(
  paths: readonly string[],
  sizeOf: (path: string) => number,
  processes: number,
): readonly (readonly string[])[] {
  const sizes = new Map(paths.map((path) => [path, sizeOf(path)]));
  const total = [...sizes.values()].reduce((sum, each) => sum + each, 0);
  const count = Math.min(processes, paths.length, Math.floor(total / worthwhile));
  const shares = Array.from({ length: Math.max(count, 1) }, () => ({ size: 0, paths: new Set<string>() }));
  for (const path of paths.toSorted((a, b) => sizes.get(b)! - sizes.get(a)!)) {
    const least = shares.reduce((best, each) => (each.size < best.size ? each : best));
    least.paths.add(path);
    least.size += sizes.get(path)!;
  }
  return shares
    .map((share) => paths.filter((path) => share.paths.has(path)))
    .filter(({ length }) => length > 0);
}

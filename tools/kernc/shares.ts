// Work on many files shared among processes: each takes the next file when it is free, the largest first. Starting one costs
// about half a second where the compiler's backend is needed, so that little work stays in one process.

import { statSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { Given } from "./command.ts";
import type { Ended, Terminal } from "./terminal.ts";

/** Bytes of source for each process, at least. */
const worthwhile = 20_000;

/**
 * Runs `kernc COMMAND` on each of the files, in several processes, and prints what comes of it in the order of the files. The
 * highest of the exit codes, or undefined, with nothing done, where one process is as good.
 */
export async function inShares(
  command: string,
  paths: readonly string[],
  given: Given,
  { helper, err, out, interactive }: Terminal,
  processes = availableParallelism(),
): Promise<number | undefined> {
  if (!helper) return undefined;
  const sizes = new Map(paths.map((path) => [path, statSync(path).size]));
  const count = processesFor([...sizes.values()], processes);
  if (count < 2) return undefined;
  const waiting = paths.toSorted((a, b) => sizes.get(b)! - sizes.get(a)!);
  const ended = new Map<string, Ended>();
  const progress = (): void => {
    if (interactive) err(`\r\x1b[Kcompiling ${paths.length} files in ${count} processes: ${ended.size} done`);
  };
  progress();
  const helpers = Array.from({ length: count }, () => helper());
  try {
    await Promise.all(
      helpers.map(async ({ run }) => {
        for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
          ended.set(path, await run([command, ...given.options, "--", path]));
          progress();
        }
      }),
    );
  } finally {
    for (const { close } of helpers) close();
    if (interactive) err("\r\x1b[K");
  }
  let highest = 0;
  for (const path of paths) {
    const { code, out: printed, err: said } = ended.get(path)!;
    out(printed);
    err(said);
    highest = Math.max(highest, code);
  }
  return highest;
}

/** How many processes files of these sizes, in bytes, are worth. */
export function processesFor(sizes: readonly number[], processes: number): number {
  const total = sizes.reduce((sum, each) => sum + each, 0);
  return Math.max(1, Math.min(processes, sizes.length, Math.floor(total / worthwhile)));
}

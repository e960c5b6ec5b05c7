// Where a command writes. Results go to `out`, everything said about them to `err`; tests pass a terminal of
// their own.

import { createColors } from "picocolors";

export type Colors = ReturnType<typeof createColors>;

export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Colours for `out` and `err`, which do nothing where they go to a file. */
  readonly colors: Colors;
  readonly errColors: Colors;
  /** Whether a person watches: progress is shown to no one else. */
  readonly interactive: boolean;
}

/** The process's own streams. */
export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process;
  const wanted = !env.NO_COLOR && env.TERM !== "dumb";
  const forced = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== "0";
  // A reader that has seen enough (`kernc … | head`) is no reason to complain.
  for (const stream of [stdout, stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit();
      throw error;
    });
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    colors: createColors(wanted && (forced || stdout.isTTY)),
    errColors: createColors(wanted && (forced || stderr.isTTY)),
    interactive: Boolean(stderr.isTTY),
  };
}

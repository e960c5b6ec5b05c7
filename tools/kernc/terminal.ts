// Where a command writes. Results go to `out`, everything said about them to `err`; tests pass a terminal of
// their own.

import { fork } from "node:child_process";
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
  /** Runs this program once more beside itself, with other words; absent where it can't. */
  readonly again?: (args: readonly string[]) => Promise<Ended>;
  /** Whether this process does a share of another one's work. */
  readonly share?: boolean;
}

/** How a command ended: its exit code, and what it printed. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
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
    // A process that was started so has a channel to the one that did.
    ...(process.connected ? { share: true } : { again }),
  };
}

function again(args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const env = {
      ...process.env,
      ...(process.stderr.isTTY && !process.env.NO_COLOR && { FORCE_COLOR: "1" }),
    };
    const child = fork(process.argv[1]!, args, { silent: true, env });
    let [out, err] = ["", ""];
    child.stdout!.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (err += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 70, out, err }));
  });
}

// Where a command writes. Results go to `out`, everything said about them to `err`; tests pass a terminal of
// their own. And the processes beside this one that take a part of its work.

import { fork } from "node:child_process";
import { createColors } from "picocolors";
import { harmless } from "../../lang/diagnostics/render/style.ts";

export type Colors = ReturnType<typeof createColors>;

export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Colours for `out` and `err`, which do nothing where they go to a file. */
  readonly colors: Colors;
  readonly errColors: Colors;
  /** Whether a person watches: progress is shown to no one else. */
  readonly interactive: boolean;
  /** Starts this program once more beside itself; absent where it can't. */
  readonly helper?: () => Helper;
  /** Whether this process does a share of another one's work. */
  readonly share?: boolean;
}

/** A process that carries out commands, one after the other. */
export interface Helper {
  readonly run: (args: readonly string[]) => Promise<Ended>;
  readonly close: () => void;
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
    out: (text) => void stdout.write(harmless(text)),
    err: (text) => void stderr.write(harmless(text)),
    colors: createColors(wanted && (forced || stdout.isTTY)),
    errColors: createColors(wanted && (forced || stderr.isTTY)),
    interactive: Boolean(stderr.isTTY),
    helper: startHelper,
  };
}

/** The word that a helper is started with. */
export const helping = "--help-another";

function startHelper(): Helper {
  // What it prints goes where this process prints.
  const coloured = process.stderr.isTTY && !process.env.NO_COLOR;
  const env = { ...process.env, ...(coloured && { FORCE_COLOR: "1" }) };
  const child = fork(process.argv[1]!, [helping], { silent: true, env });
  let failed: Error | undefined;
  let answer: ((ended: Ended | Error) => void) | undefined;
  const settle = (ended: Ended | Error): void => {
    answer?.(ended);
    answer = undefined;
  };
  let said = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.on("message", (ended) => settle(ended as Ended));
  child.on("error", (error) => settle((failed = error)));
  child.on("close", (code) => settle((failed = new Error(`a process ended with ${code}: ${said}`))));
  return {
    run: (args) =>
      new Promise((resolve, reject) => {
        answer = (ended) => (ended instanceof Error ? reject(ended) : resolve(ended));
        if (failed) settle(failed);
        else child.send(args);
      }),
    close: () => child.kill(),
  };
}

/** Carries out what another process asks for, until it has nothing more. */
export function helpAnother(main: (args: readonly string[], terminal: Terminal) => Promise<number>): void {
  const { colors, errColors } = processTerminal();
  process.on("message", (args) => {
    let [out, err] = ["", ""];
    const terminal: Terminal = {
      out: (text) => void (out += text),
      err: (text) => void (err += text),
      colors,
      errColors,
      interactive: false,
      share: true,
    };
    void main(args as readonly string[], terminal).then((code) => {
      const ended: Ended = { code, out, err };
      process.send!(ended);
    });
  });
  process.on("disconnect", () => process.exit());
}

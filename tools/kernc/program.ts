// What `kernc.ts` starts: the whole command line, bundled into one file.

import { main } from "./main.ts";
import { helpAnother, helping, processTerminal } from "./terminal.ts";

/** Runs `kernc` with these arguments in this process, and gives the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  if (args[0] !== helping || !process.connected) return main(args, processTerminal());
  helpAnother(main);
  return 0;
}

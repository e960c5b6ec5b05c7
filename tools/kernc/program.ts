// What `kernc.ts` starts: the whole command line, bundled into one file.

import { main } from "./main.ts";
import { processTerminal } from "./terminal.ts";

/** Runs `kernc` with these arguments in this process, and gives the exit code. */
export const run = (args: readonly string[]): Promise<number> => main(args, processTerminal());

// `kernc` inside a test: the command line from its words to what it printed, without colours or progress.

import { createColors } from "picocolors";
import { main } from "../tools/kernc/main.ts";

/** How a command ended. `text` is all that it printed, in order. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly text: string;
}

/** Runs `kernc` with these words in this process. */
export async function kernc(...args: readonly string[]): Promise<Ended> {
  let [out, err, text] = ["", "", ""];
  const colors = createColors(false);
  const code = await main(args, {
    out: (more) => {
      out += more;
      text += more;
    },
    err: (more) => {
      err += more;
      text += more;
    },
    colors,
    errColors: colors,
    interactive: false,
  });
  return { code, out, err, text };
}

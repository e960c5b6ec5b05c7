// The fuzzer's worker process: runs the programs that its parent asks for, says which one it is at, shrinks what
// fails. It may hang or die of a bug; the parent (scripts/fuzz.mjs) notices and goes on behind it.

import { instance as validating, openWgslValidator } from "../wgsl.ts";
import { openWgslRunner } from "../wgsl-run.ts";
import { run } from "./campaign.ts";
import { judge } from "./oracle.ts";
import { shrink } from "./shrink.ts";

const [seed = 1, count = 100, seconds = Infinity] = process.argv.slice(2).map(Number);
const shrunk = new Set<string>();
const say = (message: object): void => void process.send?.(message);

process.on("disconnect", () => process.exit(1));

// Slow, and only as good as its driver: asked for by name. Two instances of Dawn don't get on with each other.
const opened = process.env["KERN_FUZZ_GPU"] ? await openWgslRunner() : await openWgslValidator();
if (typeof opened === "string") say({ kind: "note", text: `WGSL isn't looked at: ${opened}` });
// What nobody mentions isn't kept when this is bundled.
Object.assign(globalThis, { dawn: () => validating });
const tally = await run({
  seed,
  count,
  seconds,
  ...(typeof opened === "string" ? {} : "run" in opened ? { gpu: opened } : { wgsl: opened }),
  onStart: (at, text) => say({ kind: "start", seed: at, text }),
  async onBug(bug, stage) {
    // One of a sort is enough to look at.
    if (shrunk.has(bug.sort)) return say({ kind: "bug", ...bug });
    shrunk.add(bug.sort);
    const fails = async (text: string): Promise<boolean> => {
      say({ kind: "shrinking" });
      const verdict = await judge(text, bug.seed, stage);
      return verdict.kind === "bug" && verdict.sort === bug.sort;
    };
    const text = await shrink(bug.text, fails);
    const verdict = await judge(text, bug.seed, stage);
    say({ kind: "bug", ...bug, text, detail: verdict.kind === "bug" ? verdict.detail : bug.detail });
  },
});
const { programs, fine, refused, untried, calls, wgslValid } = tally;
const codes = [...tally.codes];
const wgslCodes = [...tally.wgslCodes];
say({ kind: "done", programs, fine, refused, untried, calls, wgslValid, codes, wgslCodes });
// Dawn's threads would keep the process alive.
process.exit(0);

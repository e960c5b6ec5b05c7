// Many programs in a row: counts what became of them, and hands out each bug with its seed and text.

import { judge, openStage, type Stage, type Verdict } from "./oracle.ts";
import { programOf } from "./programs.ts";
import type { WgslValidator } from "../wgsl.ts";
import type { WgslRunner } from "../wgsl-run.ts";

export interface Bug {
  readonly seed: number;
  readonly sort: string;
  readonly detail: string;
  readonly text: string;
}

/** What became of programs so far. */
export class Tally {
  programs = 0;
  fine = 0;
  refused = 0;
  untried = 0;
  calls = 0;
  wgslValid = 0;
  /** Diagnostics about programs that are right, by code: how often, and the first seed. */
  readonly codes = new Map<string, { count: number; seed: number; message: string }>();
  readonly wgslCodes = new Map<string, { count: number; seed: number; message: string }>();
  readonly bugs: Bug[] = [];

  add(seed: number, text: string, verdict: Verdict): void {
    this.programs++;
    switch (verdict.kind) {
      case "fine":
        this.fine++;
        this.calls += verdict.calls;
        if (verdict.wgsl === "valid") this.wgslValid++;
        else if (verdict.wgsl !== "not looked at") note(this.wgslCodes, seed, verdict.wgsl);
        return;
      case "refused":
        this.refused++;
        return note(this.codes, seed, verdict.diagnostics);
      case "untried":
        this.untried++;
        return;
      case "bug":
        this.bugs.push({ seed, sort: verdict.sort, detail: verdict.detail, text });
    }
  }

  /** The numbers as a few lines. */
  report(): string {
    const lines = [
      `${this.programs} programs: ${this.fine} agree on ${this.calls} calls, ${this.refused} refused, ${this.untried} not tried, ${this.bugs.length} bugs`,
      `${this.wgslValid} are valid WGSL`,
    ];
    const list = (title: string, codes: Tally["codes"]): void => {
      for (const [code, { count, seed, message }] of [...codes].toSorted(([, a], [, b]) => b.count - a.count))
        lines.push(`  ${title} ${code}: ${count}, first in seed ${seed}: ${message}`);
    };
    list("refused by", this.codes);
    list("not in WGSL by", this.wgslCodes);
    return lines.join("\n");
  }
}

type Diagnostics = Extract<Verdict, { kind: "refused" }>["diagnostics"];

/** Counts the first error, as the others often follow from it. */
function note(codes: Tally["codes"], seed: number, diagnostics: Diagnostics): void {
  const first = diagnostics.find((each) => each.severity === "error");
  if (!first) return;
  const known = codes.get(first.code);
  if (known) known.count++;
  else codes.set(first.code, { count: 1, seed, message: first.message });
}

export interface Campaign {
  readonly seed: number;
  readonly count: number;
  readonly seconds?: number;
  readonly wgsl?: WgslValidator;
  readonly gpu?: WgslRunner;
  /** Before each program, so that a watcher knows which one hangs. */
  readonly onStart?: (seed: number, text: string) => void;
  readonly onBug?: (bug: Bug, stage: Stage) => Promise<void>;
}

/** Programs after which devices are opened anew: they keep every module that they loaded. */
const programsAStage = 200;

export async function run({
  seed,
  count,
  seconds = Infinity,
  wgsl,
  gpu,
  onStart,
  onBug,
}: Campaign): Promise<Tally> {
  const tally = new Tally();
  const end = Date.now() + seconds * 1000;
  let stage = await openStage(wgsl, gpu);
  try {
    for (let n = 0; n < count && Date.now() < end; n++) {
      if (n > 0 && n % programsAStage === 0) {
        stage.close();
        stage = await openStage(wgsl, gpu);
      }
      const own = seed + n;
      const text = programOf(own);
      onStart?.(own, text);
      const before = tally.bugs.length;
      tally.add(own, text, await judge(text, own, stage));
      for (const found of tally.bugs.slice(before)) await onBug?.(found, stage);
    }
  } finally {
    stage.close();
  }
  return tally;
}

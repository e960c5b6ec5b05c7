// One row of the benchmark: a workload, everyone who did it, and how Kern compares with the fastest peer.

import { wasmFeatures } from "../../runtime/devices/wasm/features.ts";
import type { Statistics } from "../timing/statistics.ts";
import { mistakeIn } from "./check.ts";
import type { Contestant } from "./contestants/contestant.ts";
import { NotHere } from "./contestants/contestant.ts";
import { jaxContestant } from "./contestants/jax.ts";
import { kernContestant } from "./contestants/kern.ts";
import { limitContestant } from "./contestants/limits.ts";
import { onnxContestant } from "./contestants/onnx.ts";
import { tfjsContestant } from "./contestants/tfjs.ts";
import { measure, type Effort } from "./measure.ts";
import type { Dense, Inputs, Workload } from "./workload.ts";

export interface Row {
  readonly workload: string;
  readonly operations?: number;
  readonly goal: number;
  /** By name: `kern`, the peers, `limit`. Of several ways to say it, the fastest. */
  readonly times: Readonly<Record<string, Statistics>>;
  /** The fastest peer's median by Kern's. */
  readonly ratio?: number;
  readonly fastestPeer?: string;
  /** The same of the best times, on which other work on the machine tells less. */
  readonly ratioOfBests?: number;
  /** The limit's time by Kern's. */
  readonly ofLimit?: number;
  readonly notes: readonly string[];
}

/** Differences below this are called a tie. */
export const tie = 0.15;

export interface Setup {
  readonly effort: Effort;
  readonly relaxedSimd: boolean;
  /** Columns to leave out. */
  readonly without: ReadonlySet<string>;
}

export async function measureRow(workload: Workload, setup: Setup): Promise<Row> {
  const notes: string[] = [];
  const inputs = await workload.inputs();
  const contestants = await admitted(workload, inputs, setup, notes);
  const times: Record<string, Statistics> = {};
  try {
    for (const { contestant, time } of await measure(contestants, setup.effort)) {
      const before = times[contestant.who];
      if (!before || time.median < before.median) times[contestant.who] = time;
    }
  } finally {
    for (const contestant of contestants) await contestant.close();
  }
  const { kern, limit, ...peers } = times;
  const [fastestPeer, fastest] =
    Object.entries(peers).toSorted(([, a], [, b]) => a.median - b.median)[0] ?? [];
  const { goal } = workload;
  return {
    workload: workload.name,
    operations: workload.operations,
    goal: typeof goal === "number" ? goal : goal[setup.relaxedSimd ? 1 : 0],
    times,
    ratio: kern && fastest ? fastest.median / kern.median : undefined,
    ratioOfBests:
      kern && fastest ? Math.min(...Object.values(peers).map(({ best }) => best)) / kern.best : undefined,
    fastestPeer,
    ofLimit: kern && limit ? limit.median / kern.median : undefined,
    notes,
  };
}

/** What this engine's relaxed instructions are good for, as Kern's devices find it out. */
const relaxedFeatures = (): readonly string[] => wasmFeatures().filter((name) => name.startsWith("relaxed"));

/** Who can do the work and gives the right result. Those who can't are named, with the reason. */
async function admitted(
  workload: Workload,
  inputs: Inputs,
  { relaxedSimd, without }: Setup,
  notes: string[],
): Promise<Contestant[]> {
  const candidates: [string, () => Promise<Contestant>][] = [
    ["kern", () => kernContestant(workload.kern, inputs, relaxedSimd ? relaxedFeatures() : [])],
    ...(workload.onnx ?? []).map((task): [string, () => Promise<Contestant>] => [
      "onnxruntime-web",
      () => onnxContestant(task, inputs),
    ]),
    ...(workload.tfjs ?? []).map((task): [string, () => Promise<Contestant>] => [
      "tfjs-wasm",
      () => tfjsContestant(task, inputs),
    ]),
    ...(workload.jax ?? []).map((task): [string, () => Promise<Contestant>] => [
      "jax-js",
      () => jaxContestant(task, inputs),
    ]),
  ];
  const taken: Contestant[] = [];
  let ours: Dense | undefined;
  for (const [who, make] of candidates) {
    if (without.has(who)) continue;
    try {
      const contestant = await make();
      await contestant.run(1);
      const result = await contestant.result!();
      const mistake = mistakeIn(result, workload, inputs, ours);
      if (mistake) {
        notes.push(`${who} left out, its result is wrong: ${mistake}`);
        await contestant.close();
        continue;
      }
      if (who === "kern") ours = result;
      notes.push(...(contestant.notes ?? []).map((note) => `${who}: ${note}`));
      taken.push(contestant);
    } catch (error) {
      const why = error instanceof Error ? error.message.split("\n")[0]! : String(error);
      notes.push(`${who} ${error instanceof NotHere ? "skipped" : "failed"}: ${why}`);
    }
  }
  if (workload.limit && !without.has("limit")) taken.push(limitContestant(workload.limit));
  return taken;
}

/** What a row says about Kern: ahead of its goal, ahead of the peers, a tie, behind. */
export function verdict({ ratio, goal }: Row): string {
  if (ratio === undefined) return "—";
  if (ratio >= goal) return "goal met";
  if (ratio >= goal * (1 - tie)) return "goal, within the tie";
  if (ratio >= 1) return "ahead of the peers";
  return ratio >= 1 - tie ? "tie with the fastest" : "behind";
}

// Where the figures come from: machine, engine, versions of the peers; and how idle the machine was.

import { readFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { statisticsOf } from "../timing/statistics.ts";
import { hasRelaxedSimd, peakNow } from "./contestants/limits.ts";

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memory: string;
  readonly node: string;
  readonly v8: string;
  readonly relaxedSimd: boolean;
  readonly peers: Readonly<Record<string, string>>;
}

export function describeMachine(): Machine {
  const installed = JSON.parse(readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  const processors = cpus();
  return {
    processor: processors[0]?.model ?? "unknown",
    cores: processors.length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.versions.node,
    v8: process.versions.v8,
    relaxedSimd: hasRelaxedSimd(),
    peers: installed.dependencies,
  };
}

export interface Idleness {
  /** For each core, the part of a quarter of a second in which it worked though this process slept. */
  readonly busy: readonly number[];
  readonly load: number;
  /** GFLOP/s of short mul+add runs: a machine of its own gives about the same for all of them. */
  readonly peak: { readonly best: number; readonly median: number; readonly low: number };
}

export async function probeIdleness(): Promise<Idleness> {
  const before = cpus();
  await sleep(250);
  const busy = cpus().map(({ times }, core) => {
    const { idle, user, nice, sys, irq } = before[core]!.times;
    const spent = times.user - user + (times.nice - nice) + (times.sys - sys) + (times.irq - irq);
    return spent / Math.max(spent + times.idle - idle, 1);
  });
  // Until the engine has optimised the loop.
  peakNow(400);
  const peaks = Array.from({ length: 60 }, () => peakNow(1));
  const { median, low } = statisticsOf(peaks);
  return { busy, load: loadavg()[0]!, peak: { best: Math.max(...peaks), median, low } };
}

/** One line for people. */
export function describeIdleness({ busy, load, peak }: Idleness): string {
  const cores = busy.map((part) => `${Math.round(part * 100)} %`).join(", ");
  const verdict =
    busy.some((part) => part > 0.2) || peak.low < 0.85 * peak.best ? "busy: figures are rough" : "idle";
  return `other work on the cores ${cores}; load ${load.toFixed(1)}; mul+add peak ${peak.best.toFixed(1)} GFLOP/s at best, ${peak.median.toFixed(1)} in the middle, ${peak.low.toFixed(1)} at the 10th percentile: ${verdict}`;
}

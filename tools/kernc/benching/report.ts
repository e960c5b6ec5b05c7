// What `kernc bench` says: the figures for people, and how busy the machine was.

import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { milliseconds, spreadOf } from "../../timing/statistics.ts";
import type { Terminal } from "../terminal.ts";
import type { Timed } from "./sampling.ts";

/** For each core, the part of a fifth of a second in which it worked while this process slept. */
export async function busyCores(): Promise<number[]> {
  const before = cpus();
  await sleep(200);
  return cpus().map(({ times }, core) => {
    const sum = (each: typeof times) => each.user + each.nice + each.sys + each.irq;
    const worked = sum(times) - sum(before[core]!.times);
    return worked / Math.max(worked + times.idle - before[core]!.times.idle, 1);
  });
}

export interface Figures {
  readonly kernel: string;
  readonly dims: Readonly<Record<string, number>>;
  readonly operations: number | undefined;
  readonly unit: string;
  readonly bytes: number;
  readonly busyBefore: readonly number[];
  readonly timed: readonly Timed[];
}

export function show(terminal: Terminal, figures: Figures, checks: readonly string[]): void {
  const { bold, dim, green, yellow } = terminal.colors;
  const { kernel, dims, operations, unit, bytes, busyBefore, timed } = figures;
  const size = Object.entries(dims).map(([name, value]) => `${name}=${value}`);
  terminal.out(
    `${bold(kernel)}  ${size.join(" ")}  ${dim(`Node ${process.versions.node}, V8 ${process.versions.v8}`)}\n`,
  );
  terminal.out(`${green("✓")} ${checks.join("; ")}\n`);
  if (busyBefore.some((part) => part > 0.2))
    terminal.out(
      `${yellow("!")} other programs keep the cores busy (${busyBefore.map((part) => `${Math.round(part * 100)} %`).join(", ")}): the figures are rough\n`,
    );
  const width = Math.max(...timed.map(({ name }) => name.length), 5);
  for (const { name, time, gpu } of timed) {
    const rate = (amount: number) => (amount / time.median / 1e6).toFixed(1).padStart(8);
    terminal.out(
      `  ${name.padEnd(width)}  ${milliseconds(time.median).padStart(11)} ±${String(Math.round(spreadOf(time) * 100)).padStart(3)} %   best ${milliseconds(time.best).padStart(11)}` +
        `${operations === undefined ? "" : `${rate(operations)} ${unit}`}${rate(bytes)} GB/s   ${gpu === undefined ? "" : `  GPU ${milliseconds(gpu).padStart(11)}`}   ${dim(`${time.samples} samples`)}\n`,
    );
  }
}

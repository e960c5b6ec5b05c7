// `kernc tune --check`: the entries of a lock file, and which of them are for code that has changed.

import { instanceRequests } from "../../compiler/instances.ts";
import { lockPath, type LockEntry } from "../../compiler/tuning/lock.ts";
import { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import type { KernelTemplate, TKernel, TypedModule } from "../../lang/typed.ts";
import type { Terminal } from "../kernc/terminal.ts";
import { openLock } from "./lock-file.ts";
import { isCurrent } from "./tuning.ts";

type State = "current" | "stale" | "unknown";

/** Lists the entries; 1 if one is stale, or for a kernel that isn't there. */
export function showEntries(source: string, module: TypedModule, terminal: Terminal): number {
  const { green, yellow, dim } = terminal.colors;
  const { entries } = openLock(source);
  if (entries.length === 0) {
    terminal.out(`${lockPath(source)} has no entries\n`);
    return 0;
  }
  const instances = module.kernels.flatMap((template) => instancesOf(module, template));
  let bad = 0;
  for (const entry of entries) {
    const state = stateOf(entry, instances);
    if (state !== "current") bad++;
    const words = {
      current: green("✓ current"),
      stale: yellow("! stale: its code has changed"),
      unknown: yellow("! no such kernel"),
    }[state];
    const sizes = Object.entries(entry.shape).map(([name, size]) => `${name}=${size}`);
    const features = entry.features.length > 0 ? ` with ${entry.features.join(", ")}` : "";
    const adapter = entry.adapter === undefined ? "" : ` on ${entry.adapter}`;
    terminal.out(`${entry.kernel}  ${entry.target}${adapter}${features}  ${sizes.join(" ")}  ${words}\n`);
    for (const line of linesOf(entry)) terminal.out(`  ${dim(line)}\n`);
  }
  return bad > 0 ? 1 : 0;
}

const linesOf = ({ values, schedule }: LockEntry): readonly string[] =>
  schedule?.map(({ directives }) => directives) ??
  Object.entries(values).map(([id, value]) => `${id} is ${value}`);

function stateOf(entry: LockEntry, instances: readonly TKernel[]): State {
  const typed = instances.find(({ instance }) => instance === entry.kernel);
  if (!typed) return "unknown";
  return isCurrent(entry, typed) ? "current" : "stale";
}

/** The instances of a kernel that have no other settings than a dtype. */
function instancesOf(module: TypedModule, template: KernelTemplate): readonly TKernel[] {
  const [dtype, ...more] = template.compParams.filter(({ kind }) => kind === "dtype");
  const settings =
    dtype?.choices && more.length === 0
      ? [{}, ...dtype.choices.map((choice) => ({ [dtype.name]: choice }))]
      : [{}];
  return settings.flatMap((set) => {
    const sink = new DiagnosticSink();
    return instanceRequests(template, set, sink).flatMap(
      (request) => module.instantiate(template.name, request, sink) ?? [],
    );
  });
}

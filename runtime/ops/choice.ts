// The choice of a kernel for an op and its arguments, and the account of it.

import { nearest } from "../../lang/diagnostics/nearest.ts";
import type { Arguments } from "../call/bind.ts";
import type { Kernel } from "../device.ts";
import { kernError, suggestion, type KernError } from "../error.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Candidate, DispatchReport, OpArguments, OpRegistry, Verdict } from "./registry.ts";
import { preferred } from "./specificity.ts";

/** The kernel to call, or an error that tells of each candidate why it isn't the one. */
export async function find(registry: OpRegistry, op: string, args: OpArguments): Promise<Kernel> {
  const { chosen, verdicts } = await explain(registry, op, args);
  if (chosen) return chosen;
  const rivals = verdicts.filter(({ outcome }) => outcome === "ambiguous");
  if (rivals.length > 0)
    throw kernError("K0723", { op, kernels: rivals.map((each) => describe(each)).join(" and ") });
  const given =
    valuesOf(args)
      .map((value) => (value === undefined ? "nothing" : String(value)))
      .join(", ") || "no arguments";
  const near = registry.candidatesFor(op).length > 0 ? undefined : nearest(op, registry.names);
  const notes = verdicts.map((each) => `${describe(each)}: ${each.why}`);
  throw kernError(
    "K0722",
    { op, given },
    { notes: notes.length > 0 ? notes : ["nothing is registered under this name"], fix: suggestion(near) },
  );
}

/** Goes through the candidates. */
export async function explain(registry: OpRegistry, op: string, args: OpArguments): Promise<DispatchReport> {
  const devices = new Set(valuesOf(args).flatMap((value) => deviceOf(value) ?? []));
  const rest = [...registry.candidatesFor(op)];
  const fitting: Candidate[] = [];
  const verdicts: Verdict[] = [];
  const say = ({ kernel, builtin }: Candidate, outcome: Verdict["outcome"], why: string): void =>
    void verdicts.push({ kernel, builtin, outcome, why });
  // From the most specific on, so that nothing is compiled for candidates that are passed over anyway.
  while (rest.length > 0) {
    const at = rest.findIndex((each) => !rest.some((other) => preferred(other, each, devices)));
    const [next] = rest.splice(Math.max(at, 0), 1) as [Candidate];
    const better = fitting.find((each) => preferred(each, next, devices));
    if (better) {
      say(next, "passed over", `\`${better.kernel.kernelName}\`: ${preferred(better, next, devices)}`);
      continue;
    }
    const why = await misfit(registry, next, args);
    if (why !== undefined) say(next, "doesn't fit", why);
    else fitting.push(next);
  }
  const [only] = fitting;
  const chosen = fitting.length === 1 ? only!.kernel : undefined;
  for (const each of fitting)
    if (chosen) say(each, "chosen", "it is the most specific one that fits");
    else say(each, "ambiguous", "another one fits as well, and neither is more specific");
  return { op, chosen, verdicts, toString: () => reportText(op, verdicts) };
}

async function misfit(
  { only }: OpRegistry,
  { kernel }: Candidate,
  args: OpArguments,
): Promise<string | undefined> {
  if (only && kernel.device !== only) return "it runs on another device";
  return messageOf(await kernel.mismatch(namedArguments(kernel, args)));
}

function messageOf(error: KernError | undefined): string | undefined {
  return error && [error.diagnostic.message, ...error.diagnostic.notes].join("; ");
}

function valuesOf(args: OpArguments): unknown[] {
  const named = namesOf(args);
  return named ? Object.values(named) : [...args];
}

function namesOf(args: OpArguments): Arguments | undefined {
  const [first] = args;
  return args.length === 1 && typeof first === "object" && !(first instanceof Tensor) ? first : undefined;
}

/** Calls a kernel, more than once where it folds. */
export async function carriedOut(kernel: Kernel, args: OpArguments): Promise<Record<string, Tensor>> {
  let results = await kernel(namedArguments(kernel, args));
  for (const more of furtherTensors(kernel, args)) {
    const before = Object.values(results)[0]!;
    results = await kernel(namedArguments(kernel, [before, more, ...othersOf(args)]));
    before.dispose();
  }
  return results;
}

/** Tensors behind those of the first call. */
function furtherTensors(kernel: Kernel, args: OpArguments): Tensor[] {
  if (namesOf(args) || !kernel.instances[0]!.opInputs?.fold) return [];
  return args.filter((value) => value instanceof Tensor).slice(2);
}

const othersOf = (args: OpArguments): (Arguments[string] | undefined)[] =>
  (args as readonly Arguments[string][]).filter((value) => !(value instanceof Tensor));

/**
 * Positional arguments by the kernel's names, those of the first call where it folds; arguments beyond its parameters get names that no
 * parameter has.
 */
function namedArguments(kernel: Kernel, args: OpArguments): Arguments {
  const named = namesOf(args);
  if (named) return named;
  const { params: all, opInputs } = kernel.instances[0]!;
  let count = 0;
  const given = args.filter((value) => !opInputs?.fold || !(value instanceof Tensor) || ++count <= 2);
  const params = all.filter((param) => param.kind !== "tensor" || param.mode !== "out");
  // Inputs that the kernel doesn't take have places too.
  const names = new Map<number, string>();
  let tensors = 0;
  let skipped = 0;
  params.forEach(({ kind, name }, at) => {
    if (kind === "tensor") {
      skipped = (opInputs?.numbers?.[tensors] ?? tensors) - tensors;
      tensors++;
    }
    names.set(at + skipped, name);
  });
  return Object.fromEntries(
    given.flatMap((value, at) =>
      value === undefined ? [] : [[names.get(at) ?? `argument ${at + 1}`, value as Arguments[string]]],
    ),
  );
}

function deviceOf(value: unknown): object | undefined {
  return value instanceof Tensor ? value.storage.device : undefined;
}

function describe({ kernel, builtin }: Verdict): string {
  const where = `${kernel.device.name}${builtin ? ", library" : ""}`;
  return `\`${kernel.kernelName}\` (${where})`;
}

function reportText(op: string, verdicts: readonly Verdict[]): string {
  const lines = verdicts.map((each) => `  ${each.outcome}: ${describe(each)}: ${each.why}`);
  return [op, ...(lines.length > 0 ? lines : ["  nothing is registered under this name"])].join("\n");
}

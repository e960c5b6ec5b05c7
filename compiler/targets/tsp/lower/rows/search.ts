// Backtracking over what was decided before time was: operations come one after the other, each at the first cycle where
// nothing is in its way, and so the streams, ALUs and slices of an earlier one may push a later one back. Then other ones are
// tried for the patterns that wait most and for those in their way, and what shortens the program stays. Tries are
// bounded and their order is fixed; without anything that waits there are none.

import type { Profile } from "../../machine/profile.ts";
import { delaysOf } from "../../machine/profile.ts";
import { Unfit } from "../dag.ts";
import { allocate, shareRows, type Memory } from "./memory.ts";
import type { Family, Operation, Region, Template } from "./model.ts";
import type { Operations } from "./operations.ts";
import { Schedule } from "./schedule.ts";

/** Instances that are placed again in all tries together, and tries at most. */
const effort = 60_000;
const tries = 24;
/** Patterns that are moved: those that wait longest. */
const moved = 4;
/** Cycles of waiting that are worth a try. */
const worth = 4;

export interface Timed {
  readonly memory: Memory;
  readonly schedule: Schedule;
}

/** The shortest schedule found for operations whose rows have their places. */
export function bestSchedule(
  operations: Pick<Operations, "list" | "shift">,
  regions: readonly Region[],
  kept: readonly Family[],
  profile: Profile,
  words: number,
): Timed {
  const { list } = operations;
  const delays = delaysOf(profile);
  let apart = false;
  let lives: ReturnType<typeof shareRows> | undefined;
  const run = (): Timed => {
    reset(list);
    const memory = allocate(regions, list, delays, { spread: apart, words, lives });
    const schedule = new Schedule(memory, profile, lives !== undefined);
    for (const operation of list) schedule.add(operation);
    return { memory, schedule };
  };
  // Words are used again only where there are too few: who writes them again waits for their readers.
  const first = attempt(run);
  if (!first) lives = shareRows(regions, list, kept);
  let best = first ?? run();
  const instances = templatesOf(list).reduce((sum, { issued }) => sum + issued, 0);
  const budget = { left: Math.min(tries, Math.floor(effort / Math.max(1, instances))) };
  /** Runs again; false where it isn't shorter, or there is no try left. */
  const shorter = (): boolean => {
    if (budget.left <= 0) return false;
    budget.left -= 1;
    const found = attempt(run);
    if (!found || found.schedule.ends >= best.schedule.ends) return false;
    best = found;
    return true;
  };
  /** Lets patterns of different slices lie apart, if that is shorter. */
  const spread = (): boolean => {
    if (apart) return false;
    apart = true;
    return shorter() || (apart = false);
  };
  if (budget.left <= 0 || best.schedule.waiting < worth) return best;
  const templates = templatesOf(list);
  if (templates.length > 1) {
    // All at once first: patterns on streams and ALUs of their own, and slices as well.
    const before = templates.map(({ chain }) => chain);
    templates.forEach((template, number) => operations.shift(template, number % 4));
    const better = [shorter(), spread()].includes(true);
    if (!better) templates.forEach((template, at) => (template.chain = before[at]!));
  }
  for (let improved = true; improved && budget.left > 0;) {
    improved = false;
    for (const template of longestWaits(best.schedule, templates))
      for (let turn = 0; turn < 4; turn++) {
        const before = template.chain;
        if (!operations.shift(template, turn)) continue;
        if (shorter()) improved = true;
        else template.chain = before;
      }
    improved = spread() || improved;
  }
  // Rows and patterns remember the last run.
  return run();
}

function attempt(run: () => Timed): Timed | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof Unfit) return undefined;
    throw error;
  }
}

function longestWaits(schedule: Schedule, templates: readonly Template[]): readonly Template[] {
  const waits = (template: Template): number => schedule.waits.get(template) ?? 0;
  const waiting = templates.filter((each) => waits(each) >= worth).toSorted((a, b) => waits(b) - waits(a));
  // The one that waits, and those in front of it.
  const found = waiting.slice(0, moved).flatMap((each) => [each, templates[templates.indexOf(each) - 1]]);
  return [...new Set(found.filter((each) => each !== undefined))];
}

const templatesOf = (list: readonly Operation[]): readonly Template[] => [
  ...new Set(list.flatMap((each) => (each.kind === "gather" ? [] : [each.template]))),
];

function reset(list: readonly Operation[]): void {
  const forget = ({ rows }: Family): void => {
    for (const row of rows) row.ready = 0;
  };
  for (const each of list) {
    if (each.kind === "gather") {
      [each.map, each.table, each.store].forEach(forget);
      continue;
    }
    each.template.last = -1;
    each.template.issued = 0;
    if (each.kind === "map") [...each.loads, ...each.stores].forEach(forget);
    else {
      [...each.inits, ...each.stores.flat()].forEach(forget);
      for (const { loads } of each.steps) loads.forEach(forget);
    }
  }
}

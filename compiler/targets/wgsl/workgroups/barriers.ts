// Where a workgroup must wait: before a step that touches an element which another invocation may have touched since the
// last barrier, one of the two writing it. Loops are gone through until nothing changes, so that a step waits for those of
// the iteration before, too.

import type { Step } from "./steps.ts";

/** One way in which a step touches a buffer. */
export interface Touch {
  readonly buffer: string;
  readonly write: boolean;
  /** Tells the invocation that touches an element by the element alone; absent if it may be any. */
  readonly owner?: string;
}

export interface Touches {
  /** What a step other than a loop or a branch touches, of what invocations share. */
  readonly of: (step: Step) => readonly Touch[];
  readonly isShared: (buffer: string) => boolean;
}

type Since = ReadonlyMap<string, Touch>;

/** The steps with barriers between them. */
export function withBarriers(steps: readonly Step[], touches: Touches): readonly Step[] {
  return placed(steps, new Map(), touches).steps;
}

interface Placed {
  readonly steps: readonly Step[];
  readonly since: Since;
}

function placed(steps: readonly Step[], before: Since, touches: Touches): Placed {
  const out: Step[] = [];
  let since = before;
  for (const step of steps) {
    if (step.kind === "for") {
      const made = loop(step, since, touches);
      out.push(made.step);
      since = made.since;
    } else if (step.kind === "if") {
      const then = placed(step.then, since, touches);
      const orelse = placed(step.orelse, since, touches);
      out.push({ ...step, then: then.steps, orelse: orelse.steps });
      since = union(then.since, orelse.since);
    } else {
      const own = touches.of(step);
      const clashes = own.flatMap((touch) => [...since.values()].filter((other) => clash(touch, other)));
      if (clashes.length > 0) {
        // What one kind of barrier doesn't order stays open.
        const workgroup = clashes.some(({ buffer }) => touches.isShared(buffer));
        const storage = clashes.some(({ buffer }) => !touches.isShared(buffer));
        out.push({ kind: "barrier", workgroup, storage });
        since = new Map(
          [...since].filter(([, { buffer }]) => !(touches.isShared(buffer) ? workgroup : storage)),
        );
      }
      out.push(step);
      since = union(since, new Map(own.map((touch) => [keyOf(touch), touch])));
    }
  }
  return { steps: out, since };
}

function loop(step: Step & { kind: "for" }, before: Since, touches: Touches): { step: Step; since: Since } {
  let entry = before;
  for (;;) {
    const body = placed(step.body, entry, touches);
    const next = union(entry, body.since);
    if (next.size === entry.size) return { step: { ...step, body: body.steps }, since: next };
    entry = next;
  }
}

const keyOf = ({ buffer, write, owner }: Touch): string => `${buffer} ${write} ${owner ?? ""}`;

function clash(a: Touch, b: Touch): boolean {
  if (a.buffer !== b.buffer || (!a.write && !b.write)) return false;
  return a.owner === undefined || a.owner !== b.owner;
}

function union(a: Since, b: Since): Since {
  return new Map([...a, ...b]);
}

// Jasmine's spies: methods replaced for the length of a spec, which note their calls.

type Method = (this: unknown, ...args: unknown[]) => unknown;

export interface Spy extends Method {
  readonly calls: {
    readonly all: unknown[][];
    count(): number;
    first(): { readonly args: unknown[] | undefined };
  };
}

const undo: (() => void)[] = [];

export const isSpy = (value: unknown): value is Spy => typeof value === "function" && "and" in value;

/** Replaces a method; `.and` says what it does instead of nothing. */
export function spyOn(target: Record<string, unknown>, name: string): Spy {
  const original = target[name] as Method;
  const own = Object.hasOwn(target, name);
  let behave: Method = () => undefined;
  const all: unknown[][] = [];
  const spy: Spy = Object.assign(
    function (this: unknown, ...args: unknown[]): unknown {
      all.push(args);
      return behave.apply(this, args);
    },
    {
      calls: { all, count: () => all.length, first: () => ({ args: all[0] }) },
      and: {
        callThrough: () => as(original),
        callFake: as,
        returnValue: (value: unknown) => as(() => value),
        throwError: (error: unknown) =>
          as(() => {
            throw error instanceof Error ? error : new Error(String(error));
          }),
      },
    },
  );
  function as(behaviour: Method): Spy {
    behave = behaviour;
    return spy;
  }
  target[name] = spy;
  undo.push(() => {
    if (own) target[name] = original;
    else delete target[name];
  });
  return spy;
}

/** How many spies there are: those made from now on are newer. */
export const spyCount = (): number => undo.length;

/** Takes back all but the oldest `kept`. */
export function restoreSpies(kept: number): void {
  for (const each of undo.splice(kept).toReversed()) each();
}

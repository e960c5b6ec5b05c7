// Jasmine's matchers, as far as the specs of TensorFlow.js use them.

import { inspect } from "node:util";
import { isSpy } from "./spies.ts";

/** Takes down one expectation. */
export type Recorder = (passed: boolean, message: string) => void;

type Check = (actual: unknown, ...expected: unknown[]) => boolean;

const number = (value: unknown): number => value as number;

const checks: Readonly<Record<string, Check>> = {
  toBe: (actual, expected) => actual === expected,
  toEqual: (actual, expected) => equal(actual, expected),
  toBeNull: (actual) => actual === null,
  toBeUndefined: (actual) => actual === undefined,
  toBeDefined: (actual) => actual !== undefined,
  toBeTruthy: Boolean,
  toBeFalsy: (actual) => !actual,
  toBeTrue: (actual) => actual === true,
  toBeFalse: (actual) => actual === false,
  toBeNaN: (actual) => Number.isNaN(actual),
  toBeLessThan: (actual, than) => number(actual) < number(than),
  toBeLessThanOrEqual: (actual, than) => number(actual) <= number(than),
  toBeGreaterThan: (actual, than) => number(actual) > number(than),
  toBeGreaterThanOrEqual: (actual, than) => number(actual) >= number(than),
  toBeCloseTo: (actual, expected, digits = 2) =>
    Math.abs(number(actual) - number(expected)) < 10 ** -number(digits) / 2,
  toBeInstanceOf: (actual, type) => actual instanceof (type as new () => object),
  toContain: (actual, item) =>
    typeof actual === "string"
      ? actual.includes(String(item))
      : [...(actual as Iterable<unknown>)].some((each) => equal(each, item)),
  toMatch: (actual, pattern) => new RegExp(pattern as string | RegExp).test(String(actual)),
  toThrow: (run) => thrown(run) !== undefined,
  toThrowError: (run, ...wanted) => {
    const error = thrown(run);
    if (!(error instanceof Error)) return false;
    return wanted.every((each) => {
      if (typeof each === "string") return error.message === each;
      if (each instanceof RegExp) return each.test(error.message);
      return typeof each === "function" ? error instanceof (each as new () => Error) : each === undefined;
    });
  },
  toHaveBeenCalled: (spy) => callsOf(spy).length > 0,
  toHaveBeenCalledTimes: (spy, count) => callsOf(spy).length === count,
  toHaveBeenCalledWith: (spy, ...args) => callsOf(spy).some((call) => equal(call, args)),
  nothing: () => true,
};

/** What `expect(actual)` gives. */
export function expectation(actual: unknown, record: Recorder): object {
  const matchers = (negated: boolean): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(checks).map(([name, check]) => [
        name,
        (...expected: unknown[]) =>
          record(
            check(actual, ...expected) !== negated,
            `expected ${shown(actual)} ${negated ? "not " : ""}${name} ${expected.map(shown).join(", ")}`,
          ),
      ]),
    );
  return { ...matchers(false), not: matchers(true) };
}

/** What `expectAsync(promise)` gives. */
export function asyncExpectation(promise: Promise<unknown>, record: Recorder): object {
  return {
    toBeRejectedWithError: async (...wanted: unknown[]) => {
      const error = await promise.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      const rethrow = (): never => {
        throw error;
      };
      const passed = error !== undefined && checks["toThrowError"]!(rethrow, ...wanted);
      record(
        passed,
        `expected a rejection with ${wanted.map(shown).join(", ")}, and there was ${shown(error)}`,
      );
    },
  };
}

function thrown(run: unknown): unknown {
  try {
    (run as () => unknown)();
    return undefined;
  } catch (error) {
    return error ?? new Error("nothing was thrown");
  }
}

const callsOf = (spy: unknown): readonly unknown[][] => {
  if (!isSpy(spy)) throw new Error("this is not a spy");
  return spy.calls.all;
};

/** As Jasmine compares: by structure, classes included; 0 and -0 differ, and what isn't defined is left out of neither side. */
function equal(a: unknown, b: unknown): boolean {
  if (isAsymmetric(b)) return b.asymmetricMatch(a);
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof Date || a instanceof RegExp) return String(a) === String(b);
  if (a instanceof Error) return a.message === (b as Error).message;
  if (a instanceof ArrayBuffer) return equal(new Uint8Array(a), new Uint8Array(b as ArrayBuffer));
  if (ArrayBuffer.isView(a) || Array.isArray(a)) {
    const [left, right] = [a, b] as [ArrayLike<unknown>, ArrayLike<unknown>];
    if (left.length !== right.length) return false;
    for (let i = 0; i < left.length; i++) if (!equal(left[i], right[i])) return false;
    return true;
  }
  if (a instanceof Map || a instanceof Set) return equal([...a], [...(b as Set<unknown>)]);
  const keys = Object.keys(a);
  const own = b as Record<string, unknown>;
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => key in own && equal((a as Record<string, unknown>)[key], own[key]))
  );
}

const isAsymmetric = (value: unknown): value is { asymmetricMatch(actual: unknown): boolean } =>
  typeof value === "object" && value !== null && "asymmetricMatch" in value;

function shown(value: unknown): string {
  if (typeof value === "function") return "a function";
  const text = inspect(value, { depth: 3, breakLength: Infinity });
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

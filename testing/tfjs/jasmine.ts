// As much of Jasmine as the specs of TensorFlow.js use: suites, specs, hooks, matchers, spies. Suites are collected, then run one
// spec after the other; the result is a list of what failed and why.

import { isDeepStrictEqual } from "node:util";
import { asyncExpectation, expectation, type Recorder } from "./matchers.ts";
import { restoreSpies, spyCount, spyOn } from "./spies.ts";

type Body = (done?: Done) => unknown;
type Done = (() => void) & { fail(reason?: unknown): void };

interface Suite {
  readonly name: string;
  readonly parent?: Suite;
  readonly before: Body[];
  readonly after: Body[];
  readonly beforeEach: Body[];
  readonly afterEach: Body[];
  readonly children: (Suite | Spec)[];
}

interface Spec {
  readonly name: string;
  readonly body: Body;
}

/** What became of one spec. */
export interface SpecResult {
  readonly name: string;
  /** Empty if it passed. */
  readonly failures: readonly string[];
}

const suite = (name: string, parent?: Suite): Suite => ({
  name,
  parent,
  before: [],
  after: [],
  beforeEach: [],
  afterEach: [],
  children: [],
});

export class Jasmine {
  private current: Suite = suite("");
  private readonly root = this.current;
  private failures: string[] = [];

  /** The functions that specs find as globals. */
  readonly globals = {
    describe: (name: string, body: () => void): void => {
      const own = suite(name, this.current);
      this.current.children.push(own);
      this.current = own;
      try {
        body();
      } finally {
        this.current = own.parent!;
      }
    },
    it: (name: string, body: Body): void => {
      this.current.children.push({ name, body });
    },
    /** Specs that their authors switched off stay so. */
    xit: (): void => undefined,
    beforeAll: (body: Body): number => this.current.before.push(body),
    afterAll: (body: Body): number => this.current.after.push(body),
    beforeEach: (body: Body): number => this.current.beforeEach.push(body),
    afterEach: (body: Body): number => this.current.afterEach.push(body),
    expect: (value?: unknown): object => expectation(value, this.recorder),
    expectAsync: (promise: Promise<unknown>): object => asyncExpectation(promise, this.recorder),
    fail: (reason?: unknown): void => this.recorder(false, String(reason ?? "failed")),
    spyOn,
    jasmine: { DEFAULT_TIMEOUT_INTERVAL: 20_000, arrayWithExactContents },
  };

  private readonly recorder: Recorder = (passed, message) => {
    if (!passed) this.failures.push(message);
  };

  /** Runs every spec collected so far, and forgets them. */
  async run(): Promise<SpecResult[]> {
    const results: SpecResult[] = [];
    for (const child of this.root.children.splice(0)) await this.runSuite(child as Suite, [], [], results);
    return results;
  }

  private async runSuite(
    own: Suite | Spec,
    before: readonly Body[],
    after: readonly Body[],
    results: SpecResult[],
    path = "",
  ): Promise<void> {
    const name = `${path}${path === "" ? "" : " › "}${own.name}`;
    if ("body" in own) {
      this.failures = [];
      const spies = spyCount();
      for (const step of [...before, own.body]) if (!(await this.step(step))) break;
      for (const step of after) await this.step(step);
      restoreSpies(spies);
      results.push({ name, failures: this.failures });
      return;
    }
    this.failures = [];
    const spies = spyCount();
    for (const step of own.before) await this.step(step);
    const broken = this.failures;
    for (const child of own.children)
      await this.runSuite(child, [...before, ...own.beforeEach], [...own.afterEach, ...after], results, name);
    this.failures = [];
    for (const step of own.after) await this.step(step);
    restoreSpies(spies);
    if (broken.length + this.failures.length > 0)
      results.push({ name: `${name} (hooks)`, failures: [...broken, ...this.failures] });
  }

  /** Runs a body to its end; false if it threw. */
  private async step(body: Body): Promise<boolean> {
    try {
      if (body.length === 0) await body();
      else
        await new Promise<void>((resolve, reject) => {
          const done: Done = Object.assign(() => resolve(), {
            expectAsync: (promise: Promise<unknown>): object => asyncExpectation(promise, this.recorder),
            fail: (reason?: unknown) => reject(reason instanceof Error ? reason : new Error(String(reason))),
          });
          body(done);
        });
      return true;
    } catch (error) {
      this.failures.push(error instanceof Error ? error.message : String(error));
      return false;
    }
  }
}

/** Equal to any array of the same elements in whatever order. */
function arrayWithExactContents(expected: readonly unknown[]): object {
  return {
    asymmetricMatch: (actual: unknown): boolean =>
      Array.isArray(actual) &&
      actual.length === expected.length &&
      expected.every((item) => actual.some((each) => isDeepStrictEqual(each, item))),
  };
}

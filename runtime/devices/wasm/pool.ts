// Worker threads over one shared memory. A command goes out through the control block, every worker takes its
// share, and the main thread takes share 0 and then waits: a phase ends when all shares have. Loads and calls come
// one at a time.

import { kernError } from "../../error.ts";
import {
  argsAt,
  command,
  control,
  controlBytes,
  maxArgs,
  workerMain,
  type ArgKind,
  type LoadMessage,
  type WorkerPort,
  type WorkerSetup,
} from "./worker.ts";

type WorkerThreads = NonNullable<ReturnType<typeof nodeThreads>>;

/** Node's threads, where there are any; asked for at run time, so that bundles for pages don't look for them. */
function nodeThreads() {
  return globalThis.process?.getBuiltinModule?.("node:worker_threads");
}

/** A started worker, in Node or in a page. */
interface Host {
  post(message: LoadMessage): void;
  /** Resolves with the next message, rejects if the worker breaks down. */
  next(): Promise<void>;
  end(): void;
}

export class WorkerPool {
  readonly threads: number;
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly longs: BigInt64Array;
  private readonly buffer: SharedArrayBuffer;
  private readonly hosts: Host[] = [];
  /** The workers have kernels, and wait in the control block. */
  private working = false;

  constructor(threads: number) {
    this.threads = threads;
    this.buffer = new SharedArrayBuffer(controlBytes);
    this.words = new Int32Array(this.buffer);
    this.doubles = new Float64Array(this.buffer);
    this.longs = new BigInt64Array(this.buffer);
  }

  /** Starts the workers; they idle until the first `load`. */
  async start(): Promise<void> {
    const setups = Array.from({ length: this.threads - 1 }, (_, n) => this.setup(n + 1));
    try {
      for (const setup of setups) this.hosts.push(startWorker(setup));
      await Promise.all(this.hosts.map((host) => host.next()));
    } catch (error) {
      this.close();
      const why = error instanceof Error && error.message ? `: ${error.message}` : "";
      throw kernError(
        "K0719",
        { option: "threads", expected: "1 here", given: String(this.threads) },
        {
          notes: [
            `workers can’t be started${why}`,
            "a page’s policy must allow workers from `blob:` addresses",
          ],
        },
      );
    }
  }

  private setup(share: number): WorkerSetup {
    return { buffer: this.buffer, share, words: control, argsAt, listenCommand: command.listen };
  }

  /** Makes kernels known to all workers. */
  async load(message: LoadMessage): Promise<void> {
    if (this.working) {
      this.send(command.listen);
      await this.finished();
    }
    const replies = this.hosts.map((host) => host.next());
    for (const host of this.hosts) host.post(message);
    await Promise.all(replies);
    this.working = true;
  }

  /** Writes a call's arguments for all workers. The last five are set share by share. */
  setCall(
    kernel: number,
    kinds: readonly ArgKind[],
    args: readonly (number | bigint)[],
    scratchStep: number,
  ): void {
    const slot = argsAt / 8;
    if (kinds.length > maxArgs) throw new RangeError("too many arguments for the control block");
    for (let n = 0; n < kinds.length; n++) {
      const value = args[n]!;
      if (typeof value === "bigint") this.longs[slot + n] = value;
      else if (kinds[n] === "i") this.words[(slot + n) * 2] = value;
      else this.doubles[slot + n] = value;
    }
    this.words[control.kernel] = kernel;
    this.words[control.shares] = this.threads;
    this.words[control.scratchStep] = scratchStep;
    this.words[control.scratchArg] = kinds.length - 5;
  }

  /**
   * Runs one parallel phase: workers take their shares while `own` does share 0. Gives the first status that
   * isn't 0, in the order of the shares.
   */
  async runPhase(
    phase: number,
    extent: number,
    own: (begin: number, end: number) => number,
  ): Promise<number> {
    this.words[control.phase] = phase;
    this.words[control.extent] = extent;
    this.words.fill(0, control.statuses, control.statuses + this.threads);
    this.send(command.run);
    let failure: unknown;
    let status = 0;
    try {
      status = own(0, Math.floor(extent / this.threads));
    } catch (error) {
      failure = error;
    }
    const waiting = this.finished();
    if (waiting) await waiting;
    if (failure !== undefined) throw failure as Error;
    for (let share = 1; status === 0 && share < this.threads; share++)
      status = this.words[control.statuses + share]!;
    return status;
  }

  close(): void {
    for (const host of this.hosts) host.end();
    this.hosts.length = 0;
  }

  private send(code: number): void {
    Atomics.store(this.words, control.pending, this.hosts.length);
    this.words[control.command] = code;
    Atomics.add(this.words, control.generation, 1);
    Atomics.notify(this.words, control.generation);
  }

  /** Until no worker is pending: at once where this thread may block, else a promise. */
  private finished(): Promise<void> | undefined {
    const left = () => Atomics.load(this.words, control.pending);
    for (let spin = 0; spin < 2000 && left() > 0; spin++);
    for (let count = left(); count > 0; count = left()) {
      if (!mayBlock()) return this.finishedLater();
      Atomics.wait(this.words, control.pending, count);
    }
    return undefined;
  }

  private async finishedLater(): Promise<void> {
    for (
      let n = Atomics.load(this.words, control.pending);
      n > 0;
      n = Atomics.load(this.words, control.pending)
    ) {
      if (waitAsync) await waitAsync(this.words, control.pending, n).value;
      else await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }
}

// Newer than some browsers that have shared memory.
const { waitAsync } = Atomics as {
  waitAsync?: (words: Int32Array, index: number, value: number) => { readonly value: unknown };
};

let blocking: boolean | undefined;
/** A page's main thread may not wait; Node's may. */
function mayBlock(): boolean {
  if (blocking === undefined) {
    try {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0);
      blocking = true;
    } catch {
      blocking = false;
    }
  }
  return blocking;
}

/** The worker's program: its function's text, and a port made of what the environment has. */
function workerSource(node: boolean): string {
  const main = `const __name = (f) => f; const main = ${workerMain.toString()};`;
  return node
    ? `${main} const { parentPort, workerData } = process.getBuiltinModule("node:worker_threads");
       main({ postMessage: (m) => parentPort.postMessage(m), listen: (f) => parentPort.on("message", f) }, workerData);`
    : `${main} self.onmessage = ({ data }) =>
       main({ postMessage: (m) => self.postMessage(m), listen: (f) => { self.onmessage = ({ data }) => f(data); } }, data);`;
}

function startWorker(setup: WorkerSetup): Host {
  const threads = nodeThreads();
  return threads ? startNodeWorker(threads, setup) : startPageWorker(setup);
}

function startNodeWorker({ Worker }: WorkerThreads, setup: WorkerSetup): Host {
  const worker = new Worker(workerSource(true), { eval: true, workerData: setup, execArgv: [] });
  worker.unref();
  return {
    post: (message) => worker.postMessage(message, []),
    next: () =>
      new Promise((resolve, reject) => {
        // A worker that is waited for keeps the process alive, an idle one doesn't.
        worker.ref();
        const settle = (done: () => void) => {
          worker.off("message", onMessage).off("error", onError);
          worker.unref();
          done();
        };
        const onMessage = () => settle(resolve);
        const onError = (error: Error) => settle(() => reject(error));
        worker.on("message", onMessage).on("error", onError);
      }),
    end: () => void worker.terminate(),
  };
}

function startPageWorker(setup: WorkerSetup): Host {
  const url = URL.createObjectURL(new Blob([workerSource(false)], { type: "text/javascript" }));
  const worker = new Worker(url);
  worker.postMessage(setup, []);
  return {
    post: (message) => worker.postMessage(message, []),
    next: () =>
      new Promise((resolve, reject) => {
        const settled = new AbortController();
        const settle = (done: () => void) => {
          settled.abort();
          done();
        };
        const { signal } = settled;
        worker.addEventListener("message", () => settle(resolve), { signal });
        worker.addEventListener("error", (event) => settle(() => reject(new Error(event.message))), {
          signal,
        });
      }),
    end: () => {
      worker.terminate();
      URL.revokeObjectURL(url);
    },
  };
}

export type { WorkerPort };

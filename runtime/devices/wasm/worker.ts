// What each worker runs, and the block of shared memory through which it is told. `workerMain` is started from its
// own source text, so that it works from TypeScript, from a bundle and in a page alike: it may use nothing but its
// parameters and globals, and imports only types.

/** Words of the control block. Behind them, from byte `argsAt`, the call's arguments, 8 bytes each. */
export const control = {
  /** Counts commands; workers wait for it to change. */
  generation: 0,
  /** Workers that have not finished the command. */
  pending: 1,
  command: 2,
  kernel: 3,
  extent: 4,
  /** Number of shares, the main thread's included. */
  shares: 5,
  /** Bytes from one worker's scratch to the next one's. */
  scratchStep: 6,
  /** Which argument is the scratch address; phase, begin and end follow two places later. */
  scratchArg: 7,
  phase: 8,
  /** One status a share: 0 done, n + 1 a failed assert, -1 a trap. */
  statuses: 16,
} as const;

export const argsAt = 512;
export const maxArgs = 512;
export const controlBytes = argsAt + maxArgs * 8;

export const command = { run: 0, listen: 1 } as const;

/** How an argument lies in its 8 bytes. */
export type ArgKind = "i" | "f" | "d" | "l";

export interface LoadMessage {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly kernels: readonly {
    readonly id: number;
    readonly name: string;
    readonly kinds: readonly ArgKind[];
  }[];
}

export interface WorkerPort {
  postMessage(message: unknown): void;
  listen(receive: (message: LoadMessage) => void): void;
}

export interface WorkerSetup {
  readonly buffer: SharedArrayBuffer;
  /** Number of its share; the main thread has number 0. */
  readonly share: number;
  readonly words: typeof control;
  readonly argsAt: number;
  readonly listenCommand: number;
}

/** Waits for commands; leaves the wait to hear messages when told to. */
export function workerMain(port: WorkerPort, setup: WorkerSetup): void {
  const { buffer, share, words: at, listenCommand } = setup;
  const words = new Int32Array(buffer);
  const slot = setup.argsAt / 8;
  const doubles = new Float64Array(buffer);
  const longs = new BigInt64Array(buffer);
  const kernels: {
    run: (...args: (number | bigint)[]) => number;
    kinds: readonly string[];
    args: (number | bigint)[];
  }[] = [];
  let seen = 0;

  const runShare = (): void => {
    const shares = words[at.shares]!;
    const extent = words[at.extent]!;
    // Products of an extent and a share number stay exact in doubles.
    const begin = Math.floor((extent * share) / shares);
    const end = Math.floor((extent * (share + 1)) / shares);
    if (begin >= end) return;
    const { run, kinds, args } = kernels[words[at.kernel]!]!;
    for (let n = 0; n < kinds.length; n++) {
      const kind = kinds[n]!;
      args[n] = kind === "l" ? longs[slot + n]! : kind === "i" ? words[(slot + n) * 2]! : doubles[slot + n]!;
    }
    const scratch = words[at.scratchArg]!;
    args[scratch] = (args[scratch] as number) + share * words[at.scratchStep]!;
    args[scratch + 2] = words[at.phase]!;
    args[scratch + 3] = begin;
    args[scratch + 4] = end;
    words[at.statuses + share] = run(...args);
  };

  const finish = (): void => {
    if (Atomics.sub(words, at.pending, 1) === 1) Atomics.notify(words, at.pending);
  };

  const work = (): void => {
    for (;;) {
      // The next phase mostly follows at once: looking for a while is cheaper than sleeping.
      for (let spin = 0; spin < 2000 && Atomics.load(words, at.generation) === seen; spin++);
      while (Atomics.load(words, at.generation) === seen) Atomics.wait(words, at.generation, seen);
      seen = Atomics.load(words, at.generation);
      const listening = words[at.command] === listenCommand;
      if (!listening) {
        try {
          runShare();
        } catch {
          words[at.statuses + share] = -1;
        }
      }
      finish();
      if (listening) return;
    }
  };

  port.listen(({ module, memory, kernels: loaded }) => {
    const instance = new WebAssembly.Instance(module, { env: { memory } });
    for (const { id, name, kinds } of loaded)
      kernels[id] = {
        run: instance.exports[name] as (...args: (number | bigint)[]) => number,
        kinds,
        args: [],
      };
    // The generation that sent us here, or a later one that waits for us already, is compared with `seen`.
    port.postMessage("loaded");
    work();
  });
  port.postMessage("started");
}

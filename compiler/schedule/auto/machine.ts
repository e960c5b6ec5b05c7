// What the cost model takes a processor to be. Costs are in slots, a quarter of a cycle: an issue of one simple vector
// operation on a core that starts four a cycle, so that the op table's costs (add = 1) are slots as they stand.
//
// The figures are fitted to WASM in V8 on x86-64: 54 GFLOP/s of f32 multiply-adds from 13 independent chains, a tile of
// 4×8 at the same speed, 5×8 at 0.7 and 6×8 at 0.3 of it (spills), 4 cycles latency of an addition, a stream that reads
// about 25 GB/s from memory.

export interface Machine {
  /** Bytes of a vector register; 0 where there are no vectors. */
  readonly vectorBytes: number;
  /** Vector registers that hold values before the engine spills: of 16, one is the engine's own. */
  readonly registers: number;
  readonly load: number;
  readonly store: number;
  /** Extra for a vector gathered lane by lane, a lane. */
  readonly gather: number;
  /** An iteration of a loop: increment, compare, branch. */
  readonly iteration: number;
  /** Another address than those that a constant offset reaches. */
  readonly address: number;
  /** From one accumulation to the next that needs it. */
  readonly latency: number;
  /** What the nearest and the next cache hold, in bytes, leaving room for others. */
  readonly near: number;
  readonly far: number;
  readonly line: number;
  /** Fetching a line from the next cache and from memory, in the order of addresses. */
  readonly nearMiss: number;
  readonly farMiss: number;
  /** The same for a line on its own, that no prefetcher expects. */
  readonly scattered: number;
  /** Fetching several rows side by side. */
  readonly streams: number;
  /** Combining the lanes of a vector into one. */
  readonly across: number;
}

export const wasmMachine: Machine = {
  vectorBytes: 16,
  registers: 13,
  load: 1.5,
  store: 2,
  gather: 3,
  iteration: 4,
  address: 0.8,
  latency: 16,
  near: 28 << 10,
  far: 1152 << 10,
  line: 64,
  nearMiss: 12,
  farMiss: 40,
  scattered: 2.5,
  streams: 1.9,
  across: 12,
};

/** Without vectors: invocations are lanes, and `gpu.ts` counts in its own way. */
export const wgslMachine: Machine = { ...wasmMachine, vectorBytes: 0 };

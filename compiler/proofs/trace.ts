// Runs a kernel on small sizes and made-up data and watches for one kind of mishap, so that a counterexample
// that a message shows has really happened. A run that would be rejected (a failed `assert`), that goes wrong
// elsewhere first, or that takes too long shows nothing.

import { dtypeInfo, isWide, type Dtype } from "../../lang/dtypes.ts";
import type {
  Expr,
  ForStmt,
  IrKernel,
  LoadExpr,
  OpExpr,
  ReduceStmt,
  Scalar,
  Stmt,
  StoreStmt,
} from "../ir/ir.ts";
import { opInfo } from "../ir/ops.ts";
import { normalise } from "../ir/values.ts";
import type { Block } from "../ir/walk.ts";
import type { Finding, Happened, Moment, Watch } from "./finding.ts";
import { combineYield } from "./trace-reduce.ts";
import { coordinates, evaluateExpr, lanesOf, type Concrete, type Evaluation } from "./trace-values.ts";

interface Touch {
  readonly turn: number;
  readonly happened: Happened;
  readonly atomic: string | undefined;
  readonly moment?: Moment;
}

interface Memory {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly cells: (Scalar | undefined)[];
  /** Arguments have made-up data where nothing was written. */
  readonly input: boolean;
  readonly read: Uint8Array | undefined;
  readonly touched: Map<number, Touch[]>;
}

class Stop extends Error {}
class Caught extends Error {
  readonly finding: Finding;
  constructor(finding: Finding) {
    super("caught");
    this.finding = finding;
  }
}
type Signal = "next" | "break" | "continue";

export interface Setting {
  readonly sizes: ReadonlyMap<string, Scalar>;
  /** The data of an argument's element. */
  readonly data: (buffer: string, offset: number) => Scalar;
  readonly steps: number;
}

export class Trace implements Evaluation {
  readonly names = new Map<string, Concrete>();
  private readonly kernel: IrKernel;
  private readonly watch: Watch;
  private readonly setting: Setting;
  private readonly memories = new Map<string, Memory>();
  private readonly loops: [string, number][] = [];
  private readonly accumulators = new Map<string, { stmt: ReduceStmt; values: Scalar[] }>();
  private readonly reads: Happened[] = [];
  private readonly values = new Map<Happened, Scalar>();
  private readonly turns = new Map<string, number>();
  /** The iteration of the watched loop that runs now. */
  private turn: number | undefined;
  stepsLeft: number;

  constructor(kernel: IrKernel, watch: Watch, setting: Setting) {
    this.kernel = kernel;
    this.watch = watch;
    this.setting = setting;
    this.stepsLeft = setting.steps;
  }

  /** Runs the kernel; what was caught, if anything. */
  run(): Finding | undefined {
    try {
      for (const [name, value] of this.setting.sizes) this.names.set(name, value);
      if (this.kernel.requires.some((clause) => evaluateExpr(clause.cond, this) !== true)) return undefined;
      for (const param of this.kernel.params)
        if (param.kind === "tensor") this.allocate(param.buffer, param.mode !== "out");
      for (const buffer of this.kernel.buffers)
        if (buffer.space === "kernel") this.allocate(buffer.name, false);
      this.block(this.kernel.body);
      return this.atEnd();
    } catch (error) {
      if (error instanceof Caught) return error.finding;
      if (error instanceof Stop) return undefined;
      throw error;
    }
  }

  private atEnd(): Finding | undefined {
    if (this.watch.kind !== "unwritten" && this.watch.kind !== "unread") return undefined;
    const memory = this.memories.get(this.watch.buffer)!;
    let missing = -1;
    if (this.watch.kind === "unwritten") missing = memory.cells.findIndex((cell) => cell === undefined);
    // Where nothing at all is read, the sizes are too small to tell.
    else if (memory.read?.includes(1)) missing = memory.read.indexOf(0);
    if (missing < 0) return undefined;
    const trivial = this.watch.kind === "unwritten" && memory.cells.every((cell) => cell === undefined);
    return { ...this.finding(this.happened(memory, coordinates(missing, memory.shape), false)), trivial };
  }

  step(): void {
    if (--this.stepsLeft < 0) throw new Stop();
  }
  unfit(expr: OpExpr): never {
    if (this.watch.kind === "unfit" && this.watch.node === expr) throw new Caught(this.finding());
    throw new Stop();
  }

  private finding(access?: Happened, other?: Happened): Finding {
    const { reads, values } = this;
    return {
      sizes: this.setting.sizes,
      access,
      other,
      reads,
      values,
      loops: this.loops.map(([n, v]) => [n, v]),
    };
  }

  // ---- memory ----

  private allocate(name: string, input: boolean, fill?: Scalar): void {
    const buffer = this.kernel.buffers.find((each) => each.name === name)!;
    const shape = buffer.shape.map((extent) => Number(evaluateExpr(extent, this)));
    const size = shape.reduce((product, extent) => product * extent, 1);
    if (shape.some((extent) => extent < 0) || size > 20_000) throw new Stop();
    this.stepsLeft -= size / 8;
    const read =
      this.watch.kind === "unread" && this.watch.buffer === name ? new Uint8Array(size) : undefined;
    const cells = Array.from({ length: size }, (): Scalar | undefined => fill);
    const { dtype } = buffer;
    this.memories.set(name, { name, dtype, shape, cells, input, read, touched: new Map() });
  }

  private happened(memory: Memory, index: readonly number[], writes: boolean): Happened {
    return {
      buffer: memory.name,
      index,
      shape: memory.shape,
      writes,
      loops: this.loops.map(([n, v]) => [n, v]),
    };
  }

  /** The offset of an element, or undefined if the access lies outside and that is what is watched for. */
  private offset(
    node: LoadExpr | StoreStmt,
    memory: Memory,
    index: readonly number[],
    writes: boolean,
  ): number {
    let offset = 0;
    for (const [axis, at] of index.entries()) {
      if (at < 0 || at >= memory.shape[axis]!) {
        if (this.watch.kind === "outside" && this.watch.node === node)
          throw new Caught(this.finding(this.happened(memory, index, writes)));
        throw new Stop();
      }
      offset = offset * memory.shape[axis]! + at;
    }
    return offset;
  }

  private touch(memory: Memory, offset: number, index: readonly number[], node: LoadExpr | StoreStmt): void {
    if (this.watch.kind !== "conflict" || this.turn === undefined) return;
    const { pair } = this.watch;
    const writes = node.kind === "store";
    const atomic = writes ? node.atomic : undefined;
    const before = memory.touched.get(offset) ?? [];
    const now = this.happened(memory, index, writes);
    const moment = pair && { node, turns: new Map(this.turns) };
    for (const old of before) {
      if (!(old.happened.writes || writes)) continue;
      if (pair ? !pair(old.moment!, moment!) : old.turn === this.turn) continue;
      if (old.atomic !== undefined && old.atomic === atomic) continue;
      throw new Caught(this.finding(now, old.happened));
    }
    const same = (old: Touch): boolean =>
      old.turn === this.turn && old.happened.writes === writes && old.atomic === atomic;
    if (!pair && before.some(same)) return;
    before.push({ turn: this.turn, happened: now, atomic, ...(moment && { moment }) });
    memory.touched.set(offset, before);
  }

  load(expr: LoadExpr): Concrete {
    const index = expr.index.map((part) => lanesOf(evaluateExpr(part, this)));
    const guard = expr.guard ? lanesOf(evaluateExpr(expr.guard, this)) : undefined;
    const lanes = Array.from({ length: expr.type.lanes }, (_, lane) => {
      if (guard && !guard[lane % guard.length]) return zeroOf(expr);
      return this.element(
        expr,
        index.map((part) => Number(part[lane % part.length])),
      );
    });
    return expr.type.lanes === 1 ? lanes[0]! : lanes;
  }

  private element(expr: LoadExpr, index: readonly number[]): Scalar {
    const memory = this.memories.get(expr.buffer)!;
    const offset = this.offset(expr, memory, index, false);
    this.touch(memory, offset, index, expr);
    if (memory.read) memory.read[offset] = 1;
    let value = memory.cells[offset];
    if (value === undefined) {
      if (!memory.input) {
        if (this.watch.kind === "undefined-read" && this.watch.node === expr)
          throw new Caught(this.finding(this.happened(memory, index, false)));
        // Undefined data may be anything, so it may be 0; but where it decides what goes wrong, the mistake is
        // the reading, and that has a message of its own.
        if (this.watch.kind === "outside" || this.watch.kind === "assert") throw new Stop();
        return zeroOf(expr);
      }
      value = this.setting.data(expr.buffer, offset);
      memory.cells[offset] = value;
    }
    if (memory.input && typeof value === "number") {
      if (this.reads.length >= 4) this.values.delete(this.reads.shift()!);
      const read = this.happened(memory, index, false);
      this.reads.push(read);
      this.values.set(read, value);
    }
    return value;
  }

  private store(stmt: StoreStmt): void {
    const index = stmt.index.map((part) => lanesOf(evaluateExpr(part, this)));
    const value = lanesOf(evaluateExpr(stmt.value, this));
    const guard = stmt.guard ? lanesOf(evaluateExpr(stmt.guard, this)) : undefined;
    const memory = this.memories.get(stmt.buffer)!;
    for (let lane = 0; lane < stmt.value.type.lanes; lane++) {
      if (guard && !guard[lane % guard.length]) continue;
      const at = index.map((part) => Number(part[lane % part.length]));
      const offset = this.offset(stmt, memory, at, true);
      this.touch(memory, offset, at, stmt);
      memory.cells[offset] = this.stored(stmt, memory, offset, at, value[lane]!);
    }
  }

  /** What a store leaves: its value, or the element combined with it. */
  private stored(
    stmt: StoreStmt,
    memory: Memory,
    offset: number,
    index: readonly number[],
    value: Scalar,
  ): Scalar {
    if (!stmt.atomic) return dtypeInfo(memory.dtype).storageOnly ? normalise(value, memory.dtype) : value;
    const { dtype } = stmt.value.type;
    let old = memory.cells[offset];
    if (old === undefined && memory.input) old = this.setting.data(memory.name, offset);
    if (old === undefined) {
      if (this.watch.kind === "undefined-read" && this.watch.node === stmt)
        throw new Caught(this.finding(this.happened(memory, index, false)));
      return value;
    }
    return opInfo(stmt.atomic).lane!([old, value], dtype, dtype);
  }

  // ---- statements ----

  private block(block: Block): Signal {
    for (const stmt of block) {
      const signal = this.stmt(stmt);
      if (signal !== "next") return signal;
    }
    return "next";
  }

  private stmt(stmt: Stmt): Signal {
    this.step();
    switch (stmt.kind) {
      case "let":
      case "assign":
        this.names.set(stmt.name, evaluateExpr(stmt.value, this));
        return "next";
      case "var":
        this.names.set(stmt.name, evaluateExpr(stmt.init, this));
        return "next";
      case "alloc":
        this.allocate(stmt.buffer, false, stmt.fill && lanesOf(evaluateExpr(stmt.fill, this))[0]);
        return "next";
      case "store":
        this.store(stmt);
        return "next";
      case "for":
        return this.forLoop(stmt);
      case "while":
        while (this.holds(stmt.cond)) if (this.block(stmt.body) === "break") break;
        return "next";
      case "if":
        return this.block(this.holds(stmt.cond) ? stmt.then : stmt.orelse);
      case "break":
      case "continue":
        return stmt.kind;
      case "assert": {
        if (this.holds(stmt.cond)) return "next";
        if (this.watch.kind === "assert" && this.watch.node === stmt) throw new Caught(this.finding());
        throw new Stop();
      }
      case "reduce":
        this.reduce(stmt);
        return "next";
      case "yield": {
        const accumulator = this.accumulators.get(stmt.into)!;
        const values = stmt.values.map((value) => lanesOf(evaluateExpr(value, this))[0]!);
        accumulator.values = combineYield(
          accumulator.stmt,
          accumulator.values,
          values,
          (names, body, result) => {
            for (const [name, value] of names) this.names.set(name, value);
            this.block(body);
            return result.map((value) => lanesOf(evaluateExpr(value, this))[0]!);
          },
        );
        return "next";
      }
    }
  }

  private holds(cond: Expr): boolean {
    return evaluateExpr(cond, this) === true;
  }

  private forLoop(stmt: ForStmt): Signal {
    const lo = Number(evaluateExpr(stmt.lo, this));
    const hi = Number(evaluateExpr(stmt.hi, this));
    const watched = this.watch.kind === "conflict" && this.watch.loop === stmt;
    if (watched) for (const memory of this.memories.values()) memory.touched.clear();
    const label: [string, number] = [stmt.marks.label ?? stmt.name, lo];
    this.loops.push(label);
    for (let at = lo; at < hi; at += stmt.step) {
      this.step();
      label[1] = at;
      this.names.set(stmt.name, at);
      if (watched) this.turn = at;
      this.turns.set(stmt.name, (at - lo) / stmt.step);
      if (this.block(stmt.body) === "break") break;
    }
    if (watched) this.turn = undefined;
    this.loops.pop();
    return "next";
  }

  private reduce(stmt: ReduceStmt): void {
    const values = stmt.init.map((value) => lanesOf(evaluateExpr(value, this))[0]!);
    const name = stmt.results[0]!.name;
    this.accumulators.set(name, { stmt, values });
    this.block(stmt.body);
    const found = this.accumulators.get(name)!.values;
    stmt.results.forEach((result, at) => this.names.set(result.name, found[at]!));
    this.accumulators.delete(name);
  }
}

function zeroOf(expr: LoadExpr): Scalar {
  return expr.type.dtype === "bool" ? false : isWide(expr.type.dtype) ? 0n : 0;
}

// The same program tile by tile, the slow and plain way: 20 machines of 16 lanes, each a cycle behind the one before, whose
// stream registers really hold beats and really pass them on every cycle. What crosses superlanes waits until the last tile
// has given its part. It must end with the same words in memory as the simulator, which computes beats of 320 lanes on
// diagonals in tile-0 time.

import {
  edge,
  isWestward,
  lanesOfSuperlane,
  planes,
  queues,
  streams,
  superlanes,
} from "../machine/geometry.ts";
import { constantOperand, firstAlu, noResult, type Fields, type UnitState } from "../machine/instruction.ts";
import { columnsOfBlock, emptyPlane, halfLanes } from "../machine/mxm.ts";
import { delaysOf, type Delays } from "../machine/profile.ts";
import type { Program } from "../machine/program.ts";
import { constantOf, decode, encode, types, widths, type Beat, type Lanes } from "../machine/values.ts";
import { simulate, type SimulateOptions } from "./index.ts";
import { offsetFields, type Step } from "./step.ts";

interface Happening {
  readonly queue: number;
  readonly cycle: number;
  readonly step: Step;
  readonly fields: Fields;
}

export interface TileResult {
  /** Instructions of a tile that found a register, a word or a product empty. */
  readonly missing: readonly string[];
  word(queue: number, address: number): Beat | undefined;
}

/** Which instructions are issued when is the simulator's business; all that follows from them is done anew. */
export function simulateTiles(program: Program, options: SimulateOptions = {}): TileResult {
  const happenings: Happening[] = [];
  const { cycles } = simulate(program, {
    ...options,
    compute: true,
    trace: (queue, cycle, step, offset) => {
      happenings.push({ queue, cycle, step, fields: offsetFields(step, offset) });
    },
  });
  const machine = new TiledMachine(delaysOf(options.profile ?? program.profile));
  machine.fill(program, options.inputs ?? {});
  machine.run(happenings, cycles);
  return { missing: machine.missing, word: (queue, address) => machine.word(queue, address) };
}

/** The order in which results come to a register in one cycle: from upstream on, who taps them between. */
type Turn = "behind" | "sxm inward" | "memory" | "sxm outward";

interface Put {
  readonly id: number;
  readonly position: number;
  readonly beat: () => Beat | undefined;
}

/** Parts of what crosses superlanes, by tile. */
interface Crossing {
  readonly parts: Beat[][];
  result?: readonly Beat[];
}

class TiledMachine {
  readonly missing: string[] = [];
  private readonly delays: Delays;
  private readonly tiles: Tile[];
  private readonly crossings = new Map<string, Crossing>();
  private readonly products = new Map<string, { sums: Lanes; tiles: number; float: boolean }>();

  constructor(delays: Delays) {
    this.delays = delays;
    this.tiles = Array.from({ length: superlanes }, () => new Tile(delays));
  }

  fill(program: Program, inputs: Readonly<Record<string, readonly Beat[]>>): void {
    const used = new Map<string, number>();
    for (const { queue, address, words } of program.segments)
      for (const [at, beat] of words.entries()) this.setWord(queue, address + at, beat);
    for (const { name, queue, address, words } of program.inputs) {
      const from = used.get(name) ?? 0;
      used.set(name, from + words);
      for (let at = 0; at < words; at++)
        this.setWord(queue, address + at, inputs[name]?.[from + at] ?? new Uint8Array(320));
    }
  }

  private setWord(queue: number, address: number, beat: Beat): void {
    for (const [tile, each] of this.tiles.entries())
      each.words.set(`${queue}:${address}`, beat.slice(16 * tile, 16 * tile + 16));
  }

  word(queue: number, address: number): Beat | undefined {
    const found = new Uint8Array(320);
    for (const [tile, each] of this.tiles.entries()) {
      const part = each.words.get(`${queue}:${address}`);
      if (!part) return undefined;
      found.set(part, 16 * tile);
    }
    return found;
  }

  run(happenings: readonly Happening[], cycles: number): void {
    const byCycle = new Map<number, Happening[]>();
    for (const each of happenings) {
      const list = byCycle.get(each.cycle);
      if (list) list.push(each);
      else byCycle.set(each.cycle, [each]);
    }
    const last = cycles + superlanes * this.delays.tile;
    for (let cycle = 0; cycle <= last; cycle++)
      for (let tile = 0; tile < superlanes; tile++)
        this.cycle(tile, cycle, byCycle.get(cycle - tile * this.delays.tile) ?? []);
  }

  /** One cycle of one tile. */
  private cycle(number: number, cycle: number, given: readonly Happening[]): void {
    const tile = this.tiles[number]!;
    const of = (kind: string): readonly Happening[] =>
      given.filter(({ queue }) => queues[queue]!.place.kind === kind);
    tile.move();
    for (const each of of("vxm")) this.vector(tile, cycle, each);
    const exchanged = new Map<Happening, Map<number, Beat>>(of("sxm").map((each) => [each, new Map()]));
    const tapSxm = (inward: boolean): void => {
      for (const [{ step, queue }, found] of exchanged)
        for (const id of step.taps)
          if (inward === (isWestward(id) === queues[queue]!.position > 0))
            found.set(id, this.tap(tile, queue, id, step.op));
    };
    tile.put(cycle, "behind");
    tapSxm(true);
    tile.put(cycle, "sxm inward");
    tile.put(cycle, "memory");
    for (const each of of("mem")) this.memory(tile, cycle, each);
    tapSxm(false);
    tile.put(cycle, "sxm outward");
    tile.remember(cycle);
    for (const [each, found] of exchanged) this.exchange(number, tile, cycle, each, found);
    // Weights are loaded before a plane uses them; within a cycle its parts don't touch each other.
    for (const each of of("mxm")) this.matrix(number, tile, cycle, each);
  }

  private tap(tile: Tile, queue: number, id: number, op: string): Beat {
    const found = tile.at(id, queues[queue]!.position);
    if (!found) this.missing.push(`${queues[queue]!.name}: ${op}`);
    return found ?? new Uint8Array(lanesOfSuperlane);
  }

  private give(
    tile: Tile,
    queue: number,
    time: number,
    gives: readonly number[],
    beat: (at: number) => Beat | undefined,
  ): void {
    const { position, place } = queues[queue]!;
    for (const [at, id] of gives.entries()) {
      const inward = isWestward(id) === position > 0;
      const turn =
        place.kind === "sxm"
          ? inward
            ? "sxm inward"
            : "sxm outward"
          : place.kind === "mxm"
            ? "behind"
            : "memory";
      tile.later(time, turn, { id, position, beat: () => beat(at) });
    }
  }

  private memory(tile: Tile, cycle: number, { queue, step, fields }: Happening): void {
    const key = (address: number): string => `${queue}:${address}`;
    const state: UnitState = {
      row: (address) => {
        const found = tile.words.get(key(address));
        if (!found && step.op !== "scatter") this.missing.push(`${queues[queue]!.name}: word ${address}`);
        return found ?? new Uint8Array(lanesOfSuperlane);
      },
      setRow: (address, beat) => void tile.words.set(key(address), beat),
      plane: tile.planes[0]!,
    };
    const beats = step.row.body!(
      step.taps.map((id) => this.tap(tile, queue, id, step.op)),
      fields,
      state,
    );
    this.give(tile, queue, cycle + step.delay, step.gives, (at) => beats[at]);
  }

  private vector(tile: Tile, cycle: number, { queue, step, fields }: Happening): void {
    const { place } = queues[queue]!;
    const number = place.kind === "vxm" ? place.alu : 0;
    if (step.op === "config") tile.constants[number] = fields["value"]!;
    if (!step.row.vxm) return;
    const { vxm } = step.row;
    const type = types[(fields["type"] ?? fields["from"])!]!;
    const operand = (from: number, own: typeof type): Lanes => {
      if (from === constantOperand)
        return new Float64Array(lanesOfSuperlane).fill(constantOf(tile.constants[number]!, own));
      if (from >= firstAlu) {
        const found = tile.results.get(`${from - firstAlu}@${cycle - this.delays.alu}`);
        if (!found) this.missing.push(`ALU ${number}: ALU ${from - firstAlu}`);
        return found ? decode(found, own) : new Float64Array(lanesOfSuperlane);
      }
      return decode(
        Array.from({ length: widths[own] }, (_, at) => this.tap(tile, queue, from + at, step.op)),
        own,
      );
    };
    const x = operand(fields["x"]!, type);
    const y = vxm.inputs === 2 ? operand(fields["y"]!, vxm.second ?? type) : x;
    const gives = vxm.gives === "to" ? types[fields["to"]!]! : (vxm.gives ?? type);
    const beats = encode(vxm.lanes(x, y, type, fields), gives);
    tile.results.set(`${number}@${cycle}`, beats);
    if (fields["out"] !== noResult) this.give(tile, queue, cycle + step.delay, step.gives, (at) => beats[at]);
  }

  private exchange(
    number: number,
    tile: Tile,
    cycle: number,
    { queue, step, fields, cycle: issued }: Happening,
    found: ReadonlyMap<number, Beat>,
  ): void {
    const beats = step.taps.map((id) => found.get(id)!);
    const state: UnitState = { row: () => new Uint8Array(0), setRow: () => {}, plane: tile.planes[0]! };
    if (step.row.part !== "P") {
      const results = step.row.body!(beats, fields, state);
      this.give(tile, queue, cycle + step.delay, step.gives, (at) => results[at]);
      return;
    }
    const key = `${queue}@${issued}`;
    const crossing = this.crossings.get(key) ?? { parts: [] };
    this.crossings.set(key, crossing);
    crossing.parts[number] = beats;
    this.give(tile, queue, cycle + step.delay, step.gives, (at) => {
      // Whoever comes too early finds that the last tile's part isn't there.
      if (Object.keys(crossing.parts).length < superlanes) return undefined;
      crossing.result ??= step.row.body!(
        beats.map((_, index) => joined(crossing.parts.map((part) => part[index]!))),
        fields,
        state,
      );
      return crossing.result[at]!.slice(lanesOfSuperlane * number, lanesOfSuperlane * (number + 1));
    });
  }

  private matrix(
    number: number,
    tile: Tile,
    cycle: number,
    { queue, step, fields, cycle: issued }: Happening,
  ): void {
    const { place } = queues[queue]!;
    const plane = place.kind === "mxm" ? place.plane : 0;
    const state = tile.planes[plane]!;
    const float = fields["float"] === 1;
    const beats = step.taps.map((id) => {
      const found = tile.remembered(id, cycle - this.delays.outward);
      if (!found) this.missing.push(`MXM.${plane}: ${step.op}`);
      return found ?? new Uint8Array(lanesOfSuperlane);
    });
    const first = number * lanesOfSuperlane;
    const inHalf = !float || Math.floor(first / halfLanes) === fields["half"];
    switch (step.op) {
      case "lw":
        if (state.bufferFloat !== float) state.buffer.clear();
        state.bufferFloat = float;
        for (let at = 0; at < columnsOfBlock(fields["float"]!); at++) {
          const column = float
            ? decode([beats[2 * at]!, beats[2 * at + 1]!], "f16")
            : decode([beats[at]!], "i8");
          if (inHalf) state.buffer.set(fields["block"]! * columnsOfBlock(fields["float"]!) + at, column);
        }
        return;
      case "iw":
        state.installed = state.buffer;
        state.buffer = new Map();
        return;
      case "abc": {
        // Partial sums go down the column of tiles, so that they are added in the order of K.
        const key = `${plane}@${issued}`;
        const product = this.products.get(key) ?? { sums: new Float64Array(320), tiles: 0, float };
        this.products.set(key, product);
        product.tiles += 1;
        if (!inHalf) return;
        const values = decode(beats, float ? "f16" : "i8");
        for (const [column, weights] of state.installed)
          for (let k = 0; k < lanesOfSuperlane; k++) {
            const sum = product.sums[column]! + values[k]! * weights[k]!;
            product.sums[column] = float ? Math.fround(sum) : sum;
          }
        return;
      }
      default: {
        const key = `${plane}@${issued - this.delays.multiply}`;
        const row = `${plane}:${fields["row"]}`;
        const finish = (): readonly Beat[] | undefined => {
          const product = this.products.get(key);
          if (product?.tiles !== superlanes) return undefined;
          const own = product.sums.slice(first, first + lanesOfSuperlane);
          const before = fields["add"] ? tile.sums.get(row) : undefined;
          const sums = before
            ? own.map((each, at) => (float ? Math.fround(before[at]! + each) : before[at]! + each))
            : own;
          tile.sums.set(row, sums);
          return encode(sums, float ? "f32" : "i32");
        };
        let done: readonly Beat[] | undefined;
        const time = cycle + step.delay + this.delays.inward;
        if (step.gives.length === 0)
          tile.later(time, "behind", { id: -1, position: 0, beat: () => finish()?.[0] });
        else this.give(tile, queue, time, step.gives, (at) => (done ??= finish())?.[at]);
      }
    }
  }
}

const joined = (parts: readonly Beat[]): Beat => {
  const found = new Uint8Array(parts.length * lanesOfSuperlane);
  for (const [at, part] of parts.entries()) found.set(part, at * lanesOfSuperlane);
  return found;
};

class Tile {
  readonly words = new Map<string, Beat>();
  readonly results = new Map<string, readonly Beat[]>();
  readonly constants: number[] = Array.from({ length: 16 }, () => 0);
  readonly planes = Array.from({ length: planes }, () => emptyPlane());
  readonly sums = new Map<string, Lanes>();
  private readonly hop: number;
  /** By stream, the register -11 first; `hop` places a register. */
  private readonly registers: (Beat | undefined)[][];
  private readonly puts = new Map<string, Put[]>();
  private readonly past = new Map<string, Beat>();

  constructor({ hop }: Delays) {
    this.hop = hop;
    this.registers = Array.from({ length: streams }, () =>
      Array.from<Beat | undefined>({ length: 2 * edge * hop + 1 }),
    );
  }

  /** Every beat goes on by one place. */
  move(): void {
    for (const [id, list] of this.registers.entries())
      if (isWestward(id)) {
        list.shift();
        list.push(undefined);
      } else {
        list.pop();
        list.unshift(undefined);
      }
  }

  at(id: number, position: number): Beat | undefined {
    return this.registers[id]![(position + edge) * this.hop];
  }

  later(time: number, turn: Turn, put: Put): void {
    const key = `${turn}@${time}`;
    const list = this.puts.get(key);
    if (list) list.push(put);
    else this.puts.set(key, [put]);
  }

  put(time: number, turn: Turn): void {
    for (const { id, position, beat } of this.puts.get(`${turn}@${time}`) ?? []) {
      const given = beat();
      if (id >= 0) this.registers[id]![(position + edge) * this.hop] = given;
    }
    this.puts.delete(`${turn}@${time}`);
  }

  /** Keeps what is at both edges, for the MXM. */
  remember(cycle: number): void {
    for (let id = 0; id < streams; id++) {
      const found = this.at(id, isWestward(id) ? -edge : edge);
      if (found) this.past.set(`${id}@${cycle}`, found);
    }
  }

  remembered(id: number, cycle: number): Beat | undefined {
    return this.past.get(`${id}@${cycle}`);
  }
}

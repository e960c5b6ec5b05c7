// What each unit does when an instruction is issued to it: takes its beats from the streams, checks that they and its own
// state are there in time, runs the row's body, and puts the results on the streams. All times follow from this
// simulation's profile.

import type { Beat, Lanes } from "../machine/values.ts";
import { bankOf, lanes, lanesOfSuperlane, streamName, superlanes } from "../machine/geometry.ts";
import { fault, type Fault, type FaultKind } from "../machine/faults.ts";
import type { Fields, UnitState } from "../machine/instruction.ts";
import { mapped } from "../machine/mem.ts";
import { safeAccumulations } from "../machine/mxm.ts";
import type { Delays } from "../machine/profile.ts";
import { badAddress, type Invalid } from "../machine/validity.ts";
import { chipState, planeUnit, sliceState, type ChipState, type SliceState } from "./state.ts";
import { offsetFields, type Step } from "./step.ts";
import { StreamLine } from "./streams.ts";
import { VectorUnit } from "./vector.ts";

const nothing: Beat = new Uint8Array(lanes);

export interface UnitOptions {
  readonly delays: Delays;
  /** False leaves the values out, to count cycles only; what depends on values isn't checked then. */
  readonly compute: boolean;
  report(found: Fault): void;
  /** A beat leaves over a link; it can be received from `time` on. */
  send(link: number, time: number, beat: Beat): void;
}

export class Units {
  readonly state: ChipState;
  readonly streams: StreamLine;
  /** The last cycle in which something happens, plus one. */
  end = 0;
  private readonly options: UnitOptions;
  private readonly delays: Delays;
  private readonly vector: VectorUnit;

  constructor(options: UnitOptions) {
    const { delays } = options;
    this.options = options;
    this.delays = delays;
    this.state = chipState(delays);
    this.vector = new VectorUnit(this, options);
    const longest = Math.max(
      delays.aluEntry + delays.alu,
      delays.accumulate + delays.inward,
      delays.gather + delays.read,
      delays.transpose,
      delays.distribute,
      delays.permute,
    );
    this.streams = new StreamLine(delays.hop, longest + delays.outward);
  }

  /** Carries out one instruction issued in cycle `at`, `offset` added to its addresses, rows and blocks. */
  issue(step: Step, at: number, offset: number, invalid: Invalid | undefined): void {
    if (invalid) return this.fault(step, at, invalid.kind, invalid.what);
    const { place } = step;
    if (step.row.unit === "icu") {
      if (step.op === "config" && place.kind === "vxm")
        Object.assign(this.state.alus[place.alu]!, { constant: step.fields["value"]!, constants: undefined });
      return;
    }
    switch (place.kind) {
      case "mem":
        return this.memory(step, at, offset);
      case "vxm":
        return this.vector.issue(step, at, place.alu);
      case "mxm":
        return this.matrix(step, at, place.plane, offset);
      case "sxm":
        return this.exchange(step, at, 7 * (place.side === "E" ? 1 : 0) + place.index);
      case "c2c":
        return this.link(step, at, place.link);
    }
  }

  fault(step: Step, at: number, kind: FaultKind, what: string): void {
    this.options.report(fault(kind, at, step.queue, what, step.from));
  }

  tap(step: Step, at: number, id: number): Beat {
    const lag = step.place.kind === "mxm" || step.place.kind === "c2c" ? this.delays.outward : 0;
    const found = this.streams.tap(id, step.rank, at - lag, step.place.kind === "mem");
    if (found) return found;
    this.fault(step, at, "absent", `nothing is on ${streamName(id)} when \`${step.op}\` takes it`);
    return nothing;
  }

  put(step: Step, at: number, time: number, id: number, beat: Beat): void {
    this.end = Math.max(this.end, time);
    if (!this.streams.put(id, step.rank, time, beat))
      this.fault(step, at, "conflict", `another beat is put on ${streamName(id)} here in cycle ${time}`);
  }

  putAll(step: Step, at: number, time: number, beats: readonly Beat[]): void {
    const { gives } = step;
    for (let index = 0; index < gives.length; index++)
      this.put(step, at, time, gives[index]!, beats[index] ?? nothing);
  }

  // ---- memory ------------------------------------------------------------------------------------------------

  private memory(step: Step, at: number, offset: number): void {
    const slice = sliceState(this.state, step.queue, this.delays);
    const { fields, op } = step;
    switch (op) {
      case "read": {
        const address = fields["a"]! + offset;
        this.access(step, slice, at, at, bankOf(address));
        this.put(step, at, at + step.delay, fields["s"]!, this.load(step, slice, at, at, address));
        return;
      }
      case "write": {
        const address = fields["a"]! + offset;
        this.access(step, slice, at, at, bankOf(address));
        this.store(slice, at, address, this.tap(step, at, fields["s"]!));
        return;
      }
      case "move": {
        const [from, to] = [fields["a"]! + offset, fields["to"]! + offset];
        this.access(step, slice, at, at, bankOf(from));
        this.access(step, slice, at, at, bankOf(to));
        const beat = this.load(step, slice, at, at, from);
        this.store(slice, at, to, this.tap(step, at, fields["from"]!));
        this.put(step, at, at + step.delay, fields["s"]!, beat);
        return;
      }
      default:
        this.mapped(step, slice, at);
    }
  }

  /** `gather` and `scatter`: which bank each superlane needs isn't known before, so that they take both. */
  private mapped(step: Step, slice: SliceState, at: number): void {
    const map = this.tap(step, at, step.fields["map"]!);
    const given = step.op === "scatter" ? this.tap(step, at, step.fields["s"]!) : undefined;
    const when = at + this.delays.gather;
    this.access(step, slice, at, when, 0);
    this.access(step, slice, at, when, 1);
    this.end = Math.max(this.end, when + (given ? this.delays.write : 0));
    if (!this.options.compute) {
      if (!given) this.putAll(step, at, at + step.delay, [nothing]);
      return;
    }
    for (let first = 0; first < lanes; first += lanesOfSuperlane) {
      const wrong = badAddress(mapped(map, first));
      if (wrong) return this.fault(step, at, "address", `superlane ${first / lanesOfSuperlane}: ${wrong}`);
    }
    const state: UnitState = {
      row: (address) =>
        given ? (slice.words[address] ?? nothing) : this.load(step, slice, at, when, address),
      setRow: (address, beat) => this.store(slice, when, address, beat),
      plane: this.state.planes[0]!.state,
    };
    const beats = step.row.body!(given ? [map, given] : [map], step.fields, state);
    this.putAll(step, at, at + step.delay, beats);
  }

  private access(step: Step, slice: SliceState, at: number, when: number, bank: number): void {
    const busy = slice.busy[bank]!;
    if (busy.has(when)) this.fault(step, at, "bank", `bank ${bank} is accessed twice in cycle ${when}`);
    busy.set(when, true);
  }

  private load(step: Step, slice: SliceState, at: number, when: number, address: number): Beat {
    const found = slice.words[address];
    if (!found) {
      this.fault(step, at, "unwritten", `the word ${address} was never written`);
      return nothing;
    }
    if (when < slice.written[address]! + this.delays.write)
      this.fault(step, at, "hazard", `the word ${address} is still being written`);
    return found;
  }

  private store(slice: SliceState, when: number, address: number, beat: Beat): void {
    slice.words[address] = beat;
    slice.written[address] = when;
    this.end = Math.max(this.end, when + this.delays.write);
  }

  // ---- matrix unit -------------------------------------------------------------------------------------------

  private matrix(step: Step, at: number, number: number, offset: number): void {
    const plane = this.state.planes[number]!;
    const { op } = step;
    const fields = offsetFields(step, offset);
    const { compute } = this.options;
    const beats = step.taps.map((id) => this.tap(step, at, id));
    const changing = at < plane.installedAt + this.delays.install;
    switch (op) {
      case "lw":
        if (changing) this.fault(step, at, "inFlight", "the buffer’s weights are still being installed");
        this.end = Math.max(this.end, at + 1);
        if (compute) step.row.body!(beats, fields, planeUnit(plane.state));
        else plane.state.buffer.set(fields["block"]!, noLanes);
        plane.state.bufferFloat = fields["float"] === 1;
        return;
      case "iw":
        return this.install(step, at, number, changing);
      case "abc": {
        const float = fields["float"] === 1;
        if (at < plane.ready) {
          const why =
            plane.ready === Infinity ? "no weights are installed" : `they are ready in cycle ${plane.ready}`;
          this.fault(step, at, "notInstalled", `activations before the install: ${why}`);
        } else if (plane.state.installedFloat !== float)
          this.fault(step, at, "notInstalled", `the installed weights are ${float ? "i8" : "f16"}`);
        plane.lastActivation = at;
        if (compute) step.row.body!(beats, fields, planeUnit(plane.state));
        plane.products.set(at, { lanes: compute ? plane.state.product : noLanes, float: fields["float"]! });
        this.end = Math.max(this.end, at + step.delay);
        return;
      }
      default:
        this.accumulate(step, at, number, fields);
    }
  }

  private install(step: Step, at: number, number: number, changing: boolean): void {
    const plane = this.state.planes[number]!;
    if (changing) this.fault(step, at, "inFlight", "the weights of the last `iw` are still being installed");
    if (plane.lastActivation === at)
      this.fault(step, at, "inFlight", "activations are multiplied by the weights that this overwrites");
    if (plane.state.buffer.size === 0)
      this.fault(step, at, "absent", "no weights were loaded since the last `iw`");
    step.row.body!([], step.fields, planeUnit(plane.state));
    plane.installedAt = at;
    plane.ready = at + this.delays.install;
    // f16 weights lie across the pair: whichever is installed last ends the other's.
    const other = this.state.planes[number ^ 1]!;
    if (plane.state.installedFloat || other.state.installedFloat) other.ready = Infinity;
    this.end = Math.max(this.end, plane.ready);
  }

  private accumulate(step: Step, at: number, number: number, fields: Fields): void {
    const plane = this.state.planes[number]!;
    const { products } = plane;
    const due = at - this.delays.multiply;
    const found = products.at(due);
    const row = fields["row"]!;
    if (!found && products.last > -Infinity && products.last < due)
      this.fault(step, at, "stale", `the last product is that of cycle ${products.last}, not ${due}`);
    else if (!found) this.fault(step, at, "absent", `no activations were fed in cycle ${due}`);
    else if (found.float !== fields["float"])
      this.fault(step, at, "illegal", `the product is ${found.float ? "f32" : "i32"}`);
    if (this.delays.accumulate + this.delays.inward < superlanes * this.delays.tile - this.delays.multiply)
      this.fault(step, at, "absent", "the sum is due before the activations have reached the last tile");
    const before = plane.rows.get(row);
    let count = 1;
    if (fields["add"]) {
      if (!before) this.fault(step, at, "absent", `row ${row} of the sums was never set`);
      else {
        if (at < before.at + this.delays.accumulate)
          this.fault(step, at, "hazard", `row ${row} is still being accumulated since cycle ${before.at}`);
        if (before.float !== fields["float"])
          this.fault(step, at, "illegal", `row ${row} holds ${before.float ? "f32" : "i32"}`);
        count = before.count + 1;
        if (count > safeAccumulations && !fields["float"])
          this.fault(step, at, "overflow", `${count} products may be more than an i32 holds`);
      }
    }
    plane.rows.set(row, { at, count, float: fields["float"]! });
    const time = at + step.delay + this.delays.inward;
    this.end = Math.max(this.end, time);
    if (!this.options.compute) return this.putAll(step, at, time, []);
    plane.state.product = found?.lanes ?? new Float64Array(lanes);
    this.putAll(step, at, time, step.row.body!([], fields, planeUnit(plane.state)));
  }

  // ---- switch unit and links -----------------------------------------------------------------------------------

  private exchange(step: Step, at: number, unit: number): void {
    if (this.state.sxm[unit] === at)
      this.fault(step, at, "busy", "the unit’s other queue uses it in the same cycle");
    this.state.sxm[unit] = at;
    const crosses = step.row.part === "P";
    if (crosses && step.delay < (superlanes - 1) * this.delays.tile + 1)
      this.fault(step, at, "absent", "the result is due before its lanes have reached the last tile");
    const beats = step.taps.map((id) => this.tap(step, at, id));
    if (!this.options.compute) return this.putAll(step, at, at + step.delay, []);
    const wrong = step.op === "permute" || step.op === "distribute" ? badMap(step.op, beats) : undefined;
    if (wrong) this.fault(step, at, "map", wrong);
    this.putAll(
      step,
      at,
      at + step.delay,
      step.row.body!(beats, step.fields, planeUnit(this.state.planes[0]!.state)),
    );
  }

  private link(step: Step, at: number, number: number): void {
    const link = this.state.links[number]!;
    if (step.op === "deskew") {
      link.deskewed = true;
      return;
    }
    if (!link.deskewed) this.fault(step, at, "absent", "the link was not aligned by `deskew`");
    if (step.op === "send") {
      const beat = this.tap(step, at, step.fields["s"]!);
      this.options.send(number, at + this.delays.link, beat);
      this.end = Math.max(this.end, at + 1);
      return;
    }
    const arrived = link.inbox[0];
    if (arrived && arrived.time <= at) link.inbox.shift();
    else this.fault(step, at, "absent", "no beat has arrived over the link");
    this.putAll(step, at, at + step.delay + this.delays.inward, [arrived?.beat ?? nothing]);
  }
}

const noLanes: Lanes = new Float64Array(0);

function badMap(op: "permute" | "distribute", beats: readonly Beat[]): string | undefined {
  if (op === "distribute") {
    const at = beats[0]!.findIndex((each) => each > lanesOfSuperlane);
    return at < 0 ? undefined : `the map’s lane ${at} names ${beats[0]![at]}, and a superlane has 16`;
  }
  const seen = new Set<number>();
  for (let at = 0; at < lanes; at++) {
    const from = beats[0]![at]! | (beats[1]![at]! << 8);
    if (from >= lanes) return `the map’s lane ${at} names ${from}, and there are ${lanes}`;
    if (seen.has(from)) return `the map names lane ${from} twice`;
    seen.add(from);
  }
  return undefined;
}

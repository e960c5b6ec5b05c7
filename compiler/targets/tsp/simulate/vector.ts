// The vector unit: an ALU takes its operands from streams, its constant or other ALUs, and gives a result that another ALU may
// take a few cycles later or that leaves on streams. Elements of one byte stay bytes where an instruction allows that.

import { lanes } from "../machine/geometry.ts";
import { constantOperand, firstAlu, noResult } from "../machine/instruction.ts";
import {
  constantOf,
  decode,
  encode,
  newBeat,
  types,
  widths,
  type Beat,
  type Lanes,
  type TspType,
} from "../machine/values.ts";
import type { AluResult, AluState } from "./state.ts";
import type { Step } from "./step.ts";
import type { UnitOptions, Units } from "./units.ts";

const nothing: Beat = new Uint8Array(lanes);
const noLanes: Lanes = new Float64Array(0);

export class VectorUnit {
  private readonly units: Units;
  private readonly options: UnitOptions;
  /** Operands of the ALU at work. */
  private readonly first: Lanes = new Float64Array(lanes);
  private readonly second: Lanes = new Float64Array(lanes);

  constructor(units: Units, options: UnitOptions) {
    this.units = units;
    this.options = options;
  }

  issue(step: Step, at: number, number: number): void {
    const { fields } = step;
    const vxm = step.row.vxm!;
    const type = types[(fields["type"] ?? fields["from"])!]!;
    const { results } = this.units.state.alus[number]!;
    const { compute } = this.options;
    const gives = vxm.gives === "to" ? types[fields["to"]!]! : (vxm.gives ?? type);
    const time = at + step.delay;
    this.units.end = Math.max(this.units.end, time);
    const leaves = fields["out"] !== noResult;
    const second = vxm.second ?? type;
    if (vxm.bytes && compute && widths[type] === 1) {
      const x = this.bytesOf(step, at, number, fields["x"]!, type);
      const y = vxm.inputs === 2 ? this.bytesOf(step, at, number, fields["y"]!, second) : x;
      const beat = newBeat(lanes);
      vxm.bytes(beat, x, y);
      results.set(at, { lanes: undefined, beat, type: gives });
      if (leaves) this.units.put(step, at, time, step.gives[0]!, beat);
      return;
    }
    const x = this.operand(step, at, number, fields["x"]!, type, this.first);
    const y = vxm.inputs === 2 ? this.operand(step, at, number, fields["y"]!, second, this.second) : x;
    // A result lives for as long as another ALU may take it; then its place is written again.
    const into = results.forgotten(at)?.lanes;
    const result = compute ? vxm.lanes(x, y, type, fields, into) : noLanes;
    results.set(at, { lanes: result, beat: undefined, type: gives });
    if (leaves) this.units.putAll(step, at, time, compute ? encode(result, gives) : []);
  }

  private operand(step: Step, at: number, number: number, from: number, type: TspType, into: Lanes): Lanes {
    if (from === constantOperand) return this.constant(number, type).lanes;
    if (from < firstAlu) {
      const beats: Beat[] = [];
      for (let index = 0; index < widths[type]; index++) beats.push(this.units.tap(step, at, from + index));
      return this.options.compute ? decode(beats, type, into) : noLanes;
    }
    const found = this.given(step, at, from - firstAlu, type);
    if (!found) return new Float64Array(lanes);
    if (found.beat) return decode([found.beat], type, into);
    if (found.type === type || !this.options.compute) return found.lanes!;
    return decode(encode(found.lanes!, found.type), type);
  }

  /** An operand of one byte as it lies on a stream, or would. */
  private bytesOf(step: Step, at: number, number: number, from: number, type: TspType): Beat {
    if (from === constantOperand) return this.constant(number, type).beat;
    if (from < firstAlu) return this.units.tap(step, at, from);
    const found = this.given(step, at, from - firstAlu, type);
    if (!found) return nothing;
    return found.beat ?? encode(found.lanes!, found.type)[0]!;
  }

  private constant(number: number, type: TspType): NonNullable<AluState["constants"]> {
    const alu = this.units.state.alus[number]!;
    if (alu.constants?.type !== type) {
      const filled = new Float64Array(lanes).fill(constantOf(alu.constant, type));
      alu.constants = { type, lanes: filled, beat: encode(filled, type)[0]! };
    }
    return alu.constants;
  }

  /** What another ALU gives when the stream operands reach this one's input. */
  private given(step: Step, at: number, other: number, type: TspType): AluResult | undefined {
    const { results } = this.units.state.alus[other]!;
    const due = at - this.options.delays.alu;
    const found = results.at(due);
    if (!found) {
      if (results.last > -Infinity && results.last < due)
        this.units.fault(
          step,
          at,
          "stale",
          `what ALU ${other} gives is from cycle ${results.last}, not ${due}`,
        );
      else this.units.fault(step, at, "absent", `ALU ${other} gives nothing when \`${step.op}\` takes it`);
      return undefined;
    }
    if (widths[found.type] === widths[type]) return found;
    this.units.fault(
      step,
      at,
      "illegal",
      `ALU ${other} gives ${found.type}, and \`${step.op}\` takes ${type}`,
    );
    return undefined;
  }
}

// Addresses of accesses in `bytes` form, as operands of memory instructions.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import type { Expr, LoadExpr, StoreStmt } from "../../ir/ir.ts";
import { evaluate, scalarText, type Scope } from "./expressions.ts";
import { bound, laneOf } from "./lanes.ts";
import { constantOf } from "./writer.ts";

/** A place in memory: `offset=n` and the operand it's added to. */
export interface Place {
  readonly address: string;
  readonly displacement: number;
}

/** Where the lanes of an access lie. */
export type Addressing =
  /** One element, or as many in a row as there are lanes. */
  | { readonly kind: "row"; readonly place: Place }
  /** One element for all lanes. */
  | { readonly kind: "same"; readonly place: Place }
  /** Each lane somewhere. */
  | { readonly kind: "lanes"; readonly places: (lane: number) => Place };

/** Evaluates the address of an access; the operand of a row or a single element is cheap to repeat. */
export function addressing(access: LoadExpr | StoreStmt, lanes: number, scope: Scope): Addressing {
  const { w } = scope;
  const [address, last] = access.index;
  const displacement = displacementOf(last);
  if (address!.type.lanes === 1) {
    const base = w.bind(scalarText(address!, scope), "i32");
    return { kind: "row", place: { address: base, displacement } };
  }
  if (address!.kind === "op" && address!.op === "splat") {
    const base = w.bind(scalarText(address!.args[0]!, scope), "i32");
    return { kind: "same", place: { address: base, displacement } };
  }
  if (address!.kind === "op" && address!.op === "ramp") {
    const base = w.bind(scalarText(address!.args[0]!, scope), "i32");
    const step = w.bind(scalarText(address!.args[1]!, scope), "i32");
    const known = constantOf(step);
    if (known !== undefined)
      return { kind: "lanes", places: (lane) => moved(base, displacement, known * lane) };
    const bases = [base];
    for (let lane = 1; lane < lanes; lane++)
      bases.push(w.bind(`(i32.add ${bases[lane - 1]} ${step})`, "i32"));
    return { kind: "lanes", places: (lane) => ({ address: bases[lane]!, displacement }) };
  }
  const vector = bound(evaluate(address!, scope), w);
  return {
    kind: "lanes",
    places: (lane) => ({ address: w.bind(laneOf(vector, lane, w), "i32"), displacement }),
  };
}

/** A displacement that came out negative is added instead: in the instruction it would not wrap around. */
function moved(address: string, displacement: number, by: number): Place {
  const total = displacement + by;
  if (total >= 0 && total < 65536 - 16) return { address, displacement: total };
  return { address: `(i32.add ${address} (i32.const ${by}))`, displacement };
}

function displacementOf(expr: Expr | undefined): number {
  if (expr?.kind !== "const") return internalError("wasm", "an access isn't in bytes form");
  return expr.value as number;
}

/** The part of the row that begins `bytes` further on. */
export function further(place: Place, bytes: number): Place {
  return bytes === 0 ? place : { ...place, displacement: place.displacement + bytes };
}

/** `name offset=… lane (address)`, the start of a memory instruction. */
export function memory(name: string, place: Place, lane?: number): string {
  const offset = place.displacement === 0 ? "" : ` offset=${place.displacement}`;
  return `${name}${offset}${lane === undefined ? "" : ` ${lane}`} ${place.address}`;
}

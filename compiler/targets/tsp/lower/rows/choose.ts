// Places that depend on data, or on conditions. Loads whose place is data are gathers: `table[token, d]` with a token that is the
// same in all lanes. The address of the row is computed in the VXM and put in lanes 0 and 1 of each superlane, where a slice
// that gathers looks for it. Stores whose place is data are made at every place there is, and count at one.

import type { Span } from "../../../../../lang/source.ts";
import { apply } from "../../../../ir/build.ts";
import type { StoreStmt } from "../../../../ir/ir.ts";
import { lanesOfSuperlane } from "../../machine/geometry.ts";
import type { Op } from "../../machine/table.ts";
import type { TspType } from "../../machine/values.ts";
import { Unfit, type Node } from "../dag.ts";
import { constantNode, selected } from "../selection.ts";
import type { Families, Subscript } from "./families.ts";
import { usable } from "./memory.ts";
import type { Family } from "./model.ts";
import type { Operations } from "./operations.ts";
import type { Trace } from "./trace.ts";
import { known, type Value } from "./values.ts";

/** The elements of a tensor at places of which one, `undefined` in `index`, is the i32 in `at`; it is kept inside. */
export function chosen(
  families: Families,
  operations: Operations,
  name: string,
  index: readonly (Subscript | undefined)[],
  at: Node,
  span: Span | undefined,
): Family {
  if (!uniformLoads(at, operations))
    throw new Unfit("a subscript that depends on data, another in each lane", span);
  const { shape, type } = families.tensors.get(name)!;
  const size = shape[index.indexOf(undefined)]!;
  if (size === 0) throw new Unfit("an element outside its tensor", span);
  const table = families.choices(name, index, span);
  if (table.rows.length > usable) throw new Unfit("a table of more rows than a slice holds", span);
  const { loads } = operations;
  const make = (op: Op, of: TspType, args: readonly Node[], gives = of): Node => ({
    kind: "alu",
    op,
    type: of,
    gives,
    rounding: 0,
    args,
    span,
  });
  const inside = make("min", "i32", [
    make("max", "i32", [at, constantNode(0, "i32")]),
    constantNode(size - 1, "i32"),
  ]);
  const tiles = table.rows.length / size;
  const address =
    tiles === 1
      ? inside
      : make("add", "i32", [
          make("mul", "i32", [inside, constantNode(tiles, "i32")]),
          loads.node(families.tileNumbers("i32")),
        ]);
  const byte = (value: Node, lane: number): Node =>
    make("mask", "u8", [
      make("convert", "i32", [value], "u8"),
      loads.node(families.perLane(String(lane), "u8", (each) => (each % lanesOfSuperlane === lane ? 1 : 0))),
    ]);
  const high = make("shr", "i32", [address, constantNode(8, "i32")]);
  families.pin("map", "W");
  const [map] = operations.map([
    { value: make("or", "u8", [byte(address, 0), byte(high, 1)]), name: "map", span },
  ]);
  if (families.abreast > 1) operations.narrow ??= "rows that data choose come one after the other";
  const store = families.stored(`chosen of ${name}`, type, "W", table.uniform);
  operations.list.push({ kind: "gather", map: map!, table, store, span });
  return store;
}

/** Whether what a graph loads is the same in all lanes. */
function uniformLoads(node: Node, operations: Operations): boolean {
  if (node.kind === "load") return operations.loads.family(node)!.uniform;
  if (node.kind === "cast") return uniformLoads(node.of, operations);
  return node.kind !== "alu" || node.args.every((each) => uniformLoads(each, operations));
}

/** A store at a place that is data: at each place there is, where the data say that it is this one. */
export function scattered(trace: Trace, stmt: StoreStmt): boolean {
  const { env, families } = trace;
  const axis = stmt.index.findIndex((each) => each.kind === "ref" && env.get(each.name)?.kind === "node");
  const place = stmt.index[axis];
  if (place?.kind !== "ref") return false;
  const [at, within] = [env.get(place.name)!, trace.scattering];
  const node = trace.toNode(at, place);
  trace.scattering = true;
  for (let here = 0; here < families.tensors.get(stmt.buffer)!.shape[axis]!; here++) {
    trace.spend(stmt.span);
    const number = known(here, false);
    env.set(place.name, number);
    const equal = selected(apply("eq", [place, place], stmt.span), [node, trace.toNode(number, place)]);
    trace.under(equal, place, () => trace.store(stmt));
  }
  env.set(place.name, at);
  trace.scattering = within;
  return true;
}

/** A place outside of the tensor where a lane's condition doesn't hold: the host leaves a zero where nothing is to be read. */
export function guarded(
  index: readonly Subscript[],
  guard: Extract<Value, { kind: "lane" }>,
): readonly Subscript[] {
  return index.map((each, axis) =>
    axis > 0
      ? each
      : {
          kind: "lane",
          key: `${guard.key} ? ${each.kind === "fixed" ? each.at : each.key}`,
          loop: undefined,
          at: (coordinates) =>
            guard.at(coordinates) ? (each.kind === "fixed" ? each.at : each.at(coordinates)) : -1,
        },
  );
}

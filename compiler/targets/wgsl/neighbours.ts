// Single elements that lie side by side, as unrolled loops read them, become lanes of one vector that is read before them.
//
//     s += x[8 * l] * a                    let x_four = x[ramp[4](8 * l, 1)]
//     s += x[8 * l + 1] * b                s += lane[0](x_four) * a
//     …                                    s += lane[1](x_four) * b   …
//
// Assumes what `wide.ts` says of arguments: a vector that begins at a multiple of four lies in a row as a whole if one element does.

import { ramp } from "../../ir/build.ts";
import { readOnlyBuffers } from "../../ir/facts.ts";
import { FreshNames, namesIn } from "../../ir/names.ts";
import { printExpr } from "../../ir/print.ts";
import { int, ref, type Expr, type IrKernel, type LoadExpr, type Stmt } from "../../ir/ir.ts";
import {
  exprsOf,
  mapBlocksOf,
  mapExpr,
  mapExprsOf,
  visitBlock,
  visitExpr,
  withBody,
  type Block,
} from "../../ir/walk.ts";
import { laneOf } from "../../passes/fold.ts";
import { constantForm, exprOfForm, plus } from "../../passes/linear.ts";
import { isVectorDtype, packedBits, wideLanes, type Halves } from "./types.ts";
import { formOf, type Values } from "./workgroups/nests.ts";

/** Elements of a vector that make it worth being read as a whole. */
const fewest = 2;

interface Found {
  readonly load: LoadExpr;
  readonly base: Expr;
  readonly lanes: Set<number>;
  /** The statement that is the first to read one of them. */
  readonly first: number;
}

/** The kernel with such elements read in vectors; `isMultiple` says where vectors begin. */
export function joinNeighbours(
  kernel: IrKernel,
  halves: Halves,
  values: Values,
  isMultiple: (expr: Expr) => boolean,
): IrKernel {
  const fresh = new FreshNames(kernel);
  const readOnly = readOnlyBuffers(kernel);
  const buffers = new Set(
    kernel.buffers.flatMap(({ name, dtype }) =>
      readOnly.has(name) && isVectorDtype(dtype) && packedBits(dtype, halves) === undefined ? [name] : [],
    ),
  );
  const changing = new Set<string>();
  visitBlock(kernel.body, (stmt) => stmt.kind === "var" && changing.add(stmt.name));

  /** Which lane of which vector an element is. */
  const placeOf = (part: Expr): { key: string; base: Expr; lane: number } | undefined => {
    if (part.kind !== "load" || part.type.lanes !== 1 || part.guard || !buffers.has(part.buffer))
      return undefined;
    if (part.index.some((each) => [...namesIn(each)].some((name) => changing.has(name)))) return undefined;
    const form = formOf(part.index.at(-1)!, values);
    const lane = ((form.constant % wideLanes) + wideLanes) % wideLanes;
    const base = exprOfForm(plus(form, constantForm(-lane)));
    if (!isMultiple(base)) return undefined;
    const key = [part.buffer, ...part.index.slice(0, -1).map(printExpr), printExpr(base)].join(" | ");
    return { key, base, lane };
  };

  const block = (stmts: Block): Block => {
    const found = new Map<string, Found>();
    stmts.forEach((stmt, first) => {
      if (stmt.kind === "while") return;
      for (const root of exprsOf(stmt))
        visitExpr(root, (part) => {
          const place = placeOf(part);
          if (!place || part.kind !== "load") return;
          const group = found.get(place.key) ?? { load: part, base: place.base, lanes: new Set(), first };
          group.lanes.add(place.lane);
          found.set(place.key, group);
        });
    });
    const named = new Map<string, Stmt & { kind: "let" }>();
    for (const [key, { load, base, lanes }] of found) {
      if (lanes.size < fewest) continue;
      const value: Expr = {
        ...load,
        type: { dtype: load.type.dtype, lanes: wideLanes },
        index: [...load.index.slice(0, -1), ramp(base, int(1), wideLanes)],
      };
      named.set(key, { kind: "let", name: fresh.value(`${load.buffer}_four`), value, span: load.span });
    }
    const change = (part: Expr): Expr => {
      const place = placeOf(part);
      const vector = place && named.get(place.key);
      return vector ? laneOf(ref(vector.name, vector.value.type, part.span), place.lane) : part;
    };
    let changed = false;
    const out = stmts.flatMap((stmt, at): readonly Stmt[] => {
      const before = [...named].flatMap(([key, each]) => (found.get(key)!.first === at ? [each] : []));
      const own = stmt.kind === "while" ? stmt : mapExprsOf(stmt, (root) => mapExpr(root, change));
      const next = mapBlocksOf(own, block);
      if (before.length > 0 || next !== stmt) changed = true;
      return [...before, next];
    });
    return changed ? out : stmts;
  };
  return withBody(kernel, block(kernel.body));
}

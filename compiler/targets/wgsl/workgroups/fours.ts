// Loops that become threads, four neighbours an invocation: where a loop goes along rows of tensors, an invocation takes four
// elements that lie side by side, as a vector, so that memory is read and written 128 bits at a time.
//
//     threads for j in 0..N {           threads for j_four in 0..N step 4 {
//       y[j] = f(x[j])                    if j_four + 4 <= N { vectorize(4) for j in j_four..j_four + 4 { y[j] = f(x[j]) } }
//     }                                   else { for rest in 0..4 { if j_four + rest < N { … } } }
//                                       }

import type { Dtype } from "../../../../lang/dtypes.ts";
import { i32, int, ref, type Expr, type ForStmt, type IrKernel, type Stmt } from "../../../ir/ir.ts";
import { outsideAssigned } from "../../../ir/facts.ts";
import { namesIn } from "../../../ir/names.ts";
import { visitBlock, visitExprs, type Block } from "../../../ir/walk.ts";
import { add, compare, intValue } from "../../../passes/fold.ts";
import type { Workspace } from "../../../passes/workspace.ts";
import { packedBits } from "../types.ts";
import { formOf, mostTrips, type Values } from "./nests.ts";

/** Elements that an invocation takes at once. */
const four = 4;
/** Elements of a row below which invocations would stand idle. */
const fewest = 256;

/** The loop over fours, if it goes along rows; what it does then is in loops of its own. */
export function inFours(
  loop: ForStmt,
  kernel: IrKernel,
  workspace: Workspace,
  values: Values,
): ForStmt | undefined {
  const most = mostTrips(loop, values);
  if (loop.step !== 1 || (most !== undefined && most < fewest) || !isAlongRows(loop, kernel, values))
    return undefined;
  const { name, hi, span, marks } = loop;
  const first = workspace.name(`${name}_four`);
  const start = ref(first, i32, span);
  const { vectorize: _lanes, ...kept } = marks;
  const label = marks.label ?? name;
  const whole: ForStmt = {
    ...loop,
    lo: start,
    hi: add(start, int(four)),
    marks: { label, vectorize: { width: four, tail: "exact" } },
  };
  const rest = workspace.name(`${name}_rest`);
  const at = add(start, ref(rest, i32, span));
  const inside: Stmt = {
    kind: "if",
    cond: compare("lt", at, hi),
    then: workspace.copy(loop.body, new Map([[name, at]])),
    orelse: [],
    span,
  };
  const tail: ForStmt = { ...loop, name: rest, lo: int(0), hi: int(four), marks: {}, body: [inside] };
  const body: Block = [
    { kind: "if", cond: compare("le", add(start, int(four)), hi), then: [whole], orelse: [tail], span },
  ];
  return { ...loop, name: first, step: four, marks: { ...kept, label }, body };
}

const simple: ReadonlySet<Stmt["kind"]> = new Set(["let", "var", "assign", "store", "yield"]);

/** Whether its iterations touch neighbours of tensors, by nothing but plain statements. */
function isAlongRows(loop: ForStmt, kernel: IrKernel, values: Values): boolean {
  let plain = outsideAssigned(loop.body).size === 0;
  visitBlock(loop.body, (stmt) => {
    if (!simple.has(stmt.kind) || (stmt.kind === "store" && stmt.atomic)) plain = false;
  });
  if (!plain) return false;
  const args = new Map<string, Dtype>();
  for (const { name, space, dtype } of kernel.buffers) if (space === "param") args.set(name, dtype);
  let neighbours = 0;
  let others = 0;
  const see = (buffer: string, index: readonly Expr[]): void => {
    const dtype = args.get(buffer);
    if (dtype === undefined) return;
    const steps = index.map((part) => stepOf(part, loop.name, values));
    if (steps.every((step) => step === 0)) return;
    const along = steps.at(-1) === 1 && steps.slice(0, -1).every((step) => step === 0);
    if (along && packedBits(dtype) === undefined) neighbours++;
    else others++;
  };
  visitExprs(loop.body, (part) => part.kind === "load" && see(part.buffer, part.index));
  visitBlock(loop.body, (stmt) => stmt.kind === "store" && see(stmt.buffer, stmt.index));
  return neighbours > 0 && others === 0;
}

/** What an iteration adds to a subscript; undefined if that isn't always the same. */
function stepOf(part: Expr, name: string, values: Values): number | undefined {
  if (intValue(part) !== undefined) return 0;
  let step: number | undefined = 0;
  for (const { atom, by } of formOf(part, values).terms.values()) {
    if (atom.kind === "ref" && atom.name === name) step = step === undefined ? undefined : step + by;
    else if (namesIn(atom).has(name)) step = undefined;
  }
  return step;
}

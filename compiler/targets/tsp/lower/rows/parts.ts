// A kernel's parts, which share nothing that is written, each followed on lanes of its own: the ways to fill them, the first
// of these that can be followed, and what comes of it on rows.

import type { Directive, Expr, IrKernel } from "../../../../ir/ir.ts";
import { ops } from "../../../../ir/ops.ts";
import { blocksOf, exprsOf, visitExpr, type Block } from "../../../../ir/walk.ts";
import type { Profile } from "../../machine/profile.ts";
import { Unfit } from "../dag.ts";
import { Steering, WrongAnnotation } from "../steering.ts";
import { checkChoice } from "./bounds.ts";
import { Families, tensorOf, type Tensor } from "./families.ts";
import { choicesOf, type Choice } from "./lanes.ts";
import { finalFamilies, type Family } from "./model.ts";
import { Operations } from "./operations.ts";
import { withSweeps } from "./recurrences.ts";
import { Trace } from "./trace.ts";

/** Ways to fill lanes that are tried. */
const tried = 3;
/** Rows side by side: streams for more there aren't. */
const widest = 8;
/** Terms of a reduction in one step: fewer need fewer copies of rows. */
const termsTried = [4, 1];

interface Way {
  readonly choice: Choice;
  readonly terms: number;
}

/** Statements with lanes of their own, and the ways to lower them. */
export interface Part {
  readonly kernel: IrKernel;
  readonly steering: Steering;
  readonly ways: readonly Way[];
}

/** A part that was followed one way: what it does on rows. */
export interface Followed {
  /** The number of the way. */
  readonly way: number;
  /** The tensors of results that it writes, or that nobody writes. */
  readonly results: readonly Tensor[];
  readonly families: Families;
  readonly operations: Operations;
  /** Rows that are looked at after the program. */
  readonly final: readonly Family[];
  readonly checks: Trace["checks"];
  readonly steering: Steering;
}

export function partOf(kernel: IrKernel): Part {
  const steering = new Steering(kernel);
  const choices = choicesOf(kernel, tensorsOf(kernel), steering).slice(0, tried);
  return {
    kernel,
    steering,
    ways: choices.flatMap((choice) => termsTried.map((terms) => ({ choice, terms }))),
  };
}

/**
 * Follows each part in the first of its ways behind that of `before`; one that has none left stays. Undefined if all have none
 * left, or one never had any. Why ways can't be followed goes to `refusals`.
 */
export function follow(
  parts: readonly Part[],
  before: readonly Followed[] | undefined,
  profile: Profile,
  words: number,
  refusals: Unfit[],
): readonly Followed[] | undefined {
  const found: Followed[] = [];
  let moved = false;
  for (const [at, part] of parts.entries()) {
    const last = before?.[at]?.way;
    let own: Followed | undefined;
    for (let way = (last ?? -1) + 1; way < part.ways.length && !own; way++)
      try {
        own = followed(part, way, profile, words, found.at(-1));
        moved = true;
      } catch (error) {
        if (!(error instanceof Unfit) || error instanceof WrongAnnotation) throw error;
        refusals.push(error);
      }
    if (!own && last === undefined) return undefined;
    found.push(own ?? followed(part, last!, profile, words, found.at(-1)));
  }
  return moved ? found : undefined;
}

function followed(
  { kernel, steering, ways }: Part,
  way: number,
  profile: Profile,
  words: number,
  beside: Followed | undefined,
): Followed {
  const { choice, terms } = ways[way]!;
  const tensors = tensorsOf(kernel);
  checkChoice(kernel.body, tensors, choice, words);
  const { space, loops } = choice;
  const unrolled = steering.all("unroll");
  const abreast = Math.max(1, ...unrolled.map(({ factor }) => factor));
  const families = new Families(space, tensors, abreast, beside?.families);
  const operations = new Operations(families, profile.constants.alu.value, terms, beside?.operations);
  const trace = new Trace(families, operations, loops);
  trace.run(kernel);
  const results = [...tensors.values()].filter(
    ({ name, mode }) =>
      (mode === "out" || mode === "mut") && (beside === undefined || tensors.get(name)!.now.size > 0),
  );
  const { checks } = trace;
  const final = [...finalFamilies(results.map(({ now }) => now)), ...checks.map(({ rows }) => rows)];
  for (const directive of unrolled) sayAbreast(directive, operations, space.tiles, steering);
  withSweeps(operations, final);
  return { way, results, families, operations, final, checks, steering };
}

function tensorsOf(kernel: IrKernel): ReadonlyMap<string, Tensor> {
  const written = new Set<string>();
  const loaded = new Set<string>();
  const visit = (block: Block): void => {
    for (const stmt of block) {
      if (stmt.kind === "store") written.add(stmt.buffer);
      for (const expr of exprsOf(stmt))
        visitExpr(expr, (part) => part.kind === "load" && loaded.add(part.buffer));
      blocksOf(stmt).forEach(visit);
    }
  };
  visit(kernel.body);
  return new Map(
    kernel.buffers.map((buffer) => {
      const param = kernel.params.find((each) => each.kind === "tensor" && each.buffer === buffer.name);
      const mode = param?.kind === "tensor" ? param.mode : "local";
      const shape = buffer.shape.map((dim) => sizeOf(dim));
      const { name } = buffer;
      return [name, tensorOf(buffer, shape, mode, mode !== "in" || written.has(name), loaded.has(name))];
    }),
  );
}

function sizeOf(dim: Expr): number {
  if (dim.kind === "const") return Number(dim.value);
  const lane = dim.kind === "op" ? ops[dim.op].lane : undefined;
  if (dim.kind !== "op" || !lane) throw new Unfit("the size of a tensor that depends on data", dim.span);
  return Number(lane(dim.args.map(sizeOf), "i32", "i32"));
}

/** Says what became of rows that were to go side by side, or throws. */
function sayAbreast(
  directive: Directive & { readonly kind: "unroll" },
  { narrow, widened }: Operations,
  tiles: number,
  steering: Steering,
): void {
  const { factor } = directive;
  if (factor < 2 || factor > widest)
    throw new WrongAnnotation(
      directive,
      factor === 0
        ? "all rows can’t go through 16 ALUs at once, and it doesn’t say how many are to"
        : `from 2 to ${widest} rows can go through the vector unit side by side, and not ${factor}`,
      "say how many, as in `@tsp.unroll(i, 2)`",
    );
  if (narrow)
    throw new WrongAnnotation(directive, narrow, factor > 2 ? `try ${factor - 1}` : "leave it away");
  if (widened > 0) steering.done(directive, `${factor} rows of 320 lanes go through the ALUs side by side`);
  else if (tiles < factor)
    steering.left(directive, `${tiles === 1 ? "one row holds" : `${tiles} rows hold`} all lanes`);
}

// Which loops lie in lanes. Loops that run along one axis of a tensor of results belong together, whatever nests they are
// in: a class. A class can lie in lanes if its loops' iterations are independent, which is so when every tensor that is
// written inside has the loop's variable as the subscript of one axis, or, where it is only stored to, the variable and what
// loops in time add to it; and if it isn't summed over. A loop may end before its axis does: the other lanes don't count
// then. Of the sets of such classes the one that streams fewest rows is tried first.

import type { Expr, IrKernel, Stmt } from "../../../../ir/ir.ts";
import { blocksOf, exprsOf, visitExpr, type Block } from "../../../../ir/walk.ts";
import { lanes } from "../../machine/geometry.ts";
import { WrongAnnotation, type Steering } from "../steering.ts";
import type { Tensor } from "./families.ts";
import type { Space } from "./model.ts";

export interface Choice {
  readonly space: Space;
  /** Loops in lanes, by variable, with their place in the space. */
  readonly loops: ReadonlyMap<string, number>;
  /** An estimate of the rows that are streamed. */
  readonly cost: number;
}

interface LoopFacts {
  readonly name: string;
  /** Undefined where it isn't known beforehand: a loop's is its axis's at most. */
  readonly extent: number | undefined;
  /** A loop that doesn't count every iteration from 0 on can't lie in lanes. */
  readonly counts: boolean;
  readonly depth: number;
}

/** Sets of classes that are looked at; a kernel seldom has more than 4 classes. */
const considered = 6;

/** Ways to fill lanes, the cheapest first; the last one has everything in time. Annotations leave only those that they allow. */
export function choicesOf(
  kernel: IrKernel,
  tensors: ReadonlyMap<string, Tensor>,
  steering: Steering,
): readonly Choice[] {
  const found = new Classes(kernel, tensors);
  const asked = askedClasses(found, steering);
  const classes = asked ?? found.found().slice(0, considered);
  const choices: Choice[] = [];
  for (let set = asked ? 2 ** classes.length - 1 : 0; set < 2 ** classes.length; set++) {
    const own = classes.filter((_, at) => (set >> at) & 1);
    const extents = own.map(({ extent }) => extent);
    const count = extents.reduce((a, b) => a * b, 1);
    const space: Space = { extents, count, tiles: Math.max(1, Math.ceil(count / lanes)) };
    const loops = new Map(own.flatMap(({ names }, at) => names.map((name) => [name, at] as const)));
    choices.push({ space, loops, cost: costOf(kernel.body, tensors, loops, space.tiles) });
  }
  const unrolled = steering.all("unroll");
  const open = choices
    .filter(({ loops }) => fusedAlike(loops, found, steering))
    .filter(({ loops }) => unrolled.every((each) => each.loops.some(({ loop }) => loops.has(loop))));
  const [first] = unrolled;
  if (open.length === 0 && first)
    throw new WrongAnnotation(
      first,
      "what goes side by side are rows of a loop in lanes, and this one runs in time",
      fixOf(asked ?? found.found(), steering),
    );
  return open.toSorted((a, b) => a.cost - b.cost || a.loops.size - b.loops.size);
}

/** The classes of loops that annotations put into lanes; undefined where none does. */
function askedClasses(classes: Classes, steering: Steering): readonly LoopClass[] | undefined {
  const all = classes.found();
  const asked = new Set<LoopClass>();
  const vectorized = steering.all("vectorize");
  for (const directive of vectorized) {
    const { width, tail } = directive;
    if (width !== undefined && width !== lanes)
      throw new WrongAnnotation(
        directive,
        `a row has ${lanes} lanes, and not ${width}`,
        `leave the width away, or say \`width=${lanes}\``,
      );
    if (tail === "peel" || tail === "scalar")
      throw new WrongAnnotation(
        directive,
        `every instruction takes a whole row of ${lanes} lanes: there are no narrower ones for the rest`,
        'leave the tail away: lanes beyond the end don’t count, as with `tail="mask"`',
      );
    for (const { loop } of directive.loops) {
      const own = all.find(({ names }) => names.includes(loop));
      if (own) asked.add(own);
      const why = own ? undefined : classes.whyNot(loop);
      if (why !== undefined)
        throw new WrongAnnotation(
          directive,
          `\`${steering.label(loop)}\` can’t lie in lanes: ${why}`,
          fixOf(all, steering),
        );
      steering.done(
        directive,
        own
          ? `${steering.label(loop)} lies in lanes, ${lanes} iterations side by side`
          : `${steering.label(loop)} runs once`,
      );
    }
  }
  if (asked.size === 0) return undefined;
  for (const { loops } of steering.all("fuse")) {
    const own = all.filter(({ names }) => loops.some(({ loop }) => names.includes(loop)));
    if (own.some((each) => asked.has(each))) own.forEach((each) => asked.add(each));
  }
  return all.filter((each) => asked.has(each));
}

const fixOf = (all: readonly LoopClass[], steering: Steering): string => {
  const names = [...new Set(all.flatMap((each) => each.names.map((name) => steering.label(name))))];
  return names.length > 0
    ? `what lies or can lie in lanes is ${names.map((name) => `\`${name}\``).join(", ")}`
    : "leave it away: no loop of this kernel can lie in lanes";
};

/** Whether loops that annotations fuse lie in lanes together, or not at all. */
function fusedAlike(loops: Choice["loops"], classes: Classes, steering: Steering): boolean {
  return steering.all("fuse").every((directive) => {
    const own = directive.loops.filter(({ loop }) => classes.has(loop));
    const there = own.filter(({ loop }) => loops.has(loop));
    const names = own.map(({ loop }) => steering.label(loop)).join(" and ");
    steering.done(directive, there.length > 0 ? `${names} share the lanes` : `${names} run in time together`);
    return there.length === 0 || there.length === own.length;
  });
}

interface LoopClass {
  readonly names: readonly string[];
  readonly extent: number;
}

class Classes {
  private readonly tensors: ReadonlyMap<string, Tensor>;
  private readonly parents = new Map<string, string>();
  private readonly loops = new Map<string, LoopFacts>();
  /** Loops or axes that can't lie in lanes, and why. */
  private readonly bad = new Map<string, string>();
  /** Loops that named values of data depend on. */
  private readonly data = new Map<string, ReadonlySet<string>>();
  /** Loops that named values follow from. */
  private readonly named = new Map<string, ReadonlySet<string>>();

  constructor(kernel: IrKernel, tensors: ReadonlyMap<string, Tensor>) {
    this.tensors = tensors;
    for (const { name, shape, written } of tensors.values())
      if (written)
        for (const [axis, extent] of shape.entries())
          this.loops.set(`${name}#${axis}`, {
            name: `${name}#${axis}`,
            extent,
            counts: true,
            depth: Infinity,
          });
    this.block(kernel.body, [], new Set(), new Map(), new Map());
  }

  found(): readonly LoopClass[] {
    const groups = new Map<string, LoopFacts[]>();
    for (const facts of this.loops.values()) {
      const root = this.root(facts.name);
      groups.set(root, [...(groups.get(root) ?? []), facts]);
    }
    return [...groups.values()]
      .filter(
        (all) =>
          all.some(({ depth }) => depth < Infinity) &&
          all.every(({ name, counts }) => counts && !this.bad.has(name)) &&
          widthOf(all) > 1,
      )
      .toSorted((a, b) => depthOf(a) - depthOf(b))
      .map((all) => ({
        extent: widthOf(all),
        names: all.filter(({ depth }) => depth < Infinity).map(({ name }) => name),
      }));
  }

  has(loop: string): boolean {
    return this.loops.has(loop);
  }

  /** Why a loop can't lie in lanes; undefined where it can, or has gone because it runs once. */
  whyNot(loop: string): string | undefined {
    const own = this.loops.get(loop);
    if (!own) return undefined;
    const all = [...this.loops.values()].filter(({ name }) => this.root(name) === this.root(loop));
    if (widthOf(all) <= 1) return undefined;
    if (all.some(({ counts }) => !counts)) return "it doesn’t count every iteration from 0 on";
    return all.map(({ name }) => this.bad.get(name)).find((why) => why !== undefined);
  }

  private root(name: string): string {
    const parent = this.parents.get(name);
    return parent === undefined ? name : this.root(parent);
  }
  private join(a: string, b: string): void {
    const [x, y] = [this.root(a), this.root(b)];
    if (x !== y) this.parents.set(x, y);
  }

  /** `around` are the loops around a block, `variables` the loops that were around where a variable was declared. */
  private block(
    block: Block,
    around: readonly string[],
    reducing: ReadonlySet<string>,
    variables: Map<string, number>,
    arrays: Map<string, number>,
  ): void {
    for (const stmt of block) {
      this.accesses(stmt, around, arrays);
      if (stmt.kind === "let") {
        const loops = this.dataLoops(stmt.value);
        if (loops.size > 0) this.data.set(stmt.name, loops);
        this.named.set(stmt.name, this.sources(stmt.value));
      }
      if (stmt.kind === "var") variables.set(stmt.name, around.length);
      if (stmt.kind === "alloc") arrays.set(stmt.buffer, around.length);
      if (stmt.kind === "assign")
        this.spoil(around.slice(variables.get(stmt.name) ?? 0), `it hands \`${stmt.name}\` on`);
      if (stmt.kind === "while") this.spoil(around, "it ends when data say so");
      if (stmt.kind === "for") {
        const { name } = stmt;
        this.loops.set(name, { name, extent: extentOf(stmt), counts: fromZero(stmt), depth: around.length });
        for (const bound of [stmt.lo, stmt.hi])
          this.spoil(this.sources(bound), "another loop’s bounds follow from it");
        if (reducing.size > 0)
          this.spoil([stmt.name], "what is combined over it comes row after row, in time");
        this.block(stmt.body, [...around, stmt.name], reducing, variables, arrays);
        continue;
      }
      const into = stmt.kind === "reduce" ? new Set([...reducing, stmt.results[0]!.name]) : reducing;
      for (const each of blocksOf(stmt)) this.block(each, around, into, variables, arrays);
    }
  }

  private accesses(stmt: Stmt, around: readonly string[], arrays: ReadonlyMap<string, number>): void {
    for (const expr of exprsOf(stmt))
      visitExpr(expr, (part) => {
        if (part.kind !== "load") return;
        this.access(part.buffer, part.index, around, arrays);
        for (const each of part.index)
          this.spoil(this.dataLoops(each), "places that data choose have to be the same in all lanes");
      });
    if (stmt.kind === "store") this.access(stmt.buffer, stmt.index, around, arrays);
  }

  /** The loops whose variables choose the data in an expression. */
  private dataLoops(expr: Expr): ReadonlySet<string> {
    const found = new Set<string>();
    visitExpr(expr, (part) => {
      if (part.kind === "ref") for (const name of this.data.get(part.name) ?? []) found.add(name);
      if (part.kind === "load")
        for (const each of part.index)
          visitExpr(each, (inner) => inner.kind === "ref" && found.add(inner.name));
    });
    return found;
  }

  /** The loops whose variables an expression follows from. */
  private sources(expr: Expr): ReadonlySet<string> {
    const found = new Set<string>();
    visitExpr(expr, (part) => {
      if (part.kind !== "ref") return;
      for (const name of this.named.get(part.name) ?? [part.name]) found.add(name);
    });
    return found;
  }

  /** The loop around that a subscript counts on, from where loops in time put it. */
  private moved(
    expr: Expr,
    around: readonly string[],
  ): { readonly name: string; readonly by: Expr } | undefined {
    if (expr.kind !== "op" || expr.op !== "add") return undefined;
    const [a, b] = expr.args as [Expr, Expr];
    for (const [own, by] of [
      [a, b],
      [b, a],
    ] as const)
      if (own.kind === "ref" && around.includes(own.name) && !this.sources(by).has(own.name))
        return { name: own.name, by };
    return undefined;
  }

  private access(
    buffer: string,
    index: readonly Expr[],
    around: readonly string[],
    arrays: ReadonlyMap<string, number>,
  ): void {
    const tensor = this.tensors.get(buffer);
    if (!tensor?.written) return;
    const used = new Set<string>();
    const plain = index.map((expr) =>
      expr.kind === "ref" && around.includes(expr.name) ? expr.name : undefined,
    );
    for (const [axis, expr] of index.entries()) {
      const name = plain[axis];
      const moved = tensor.storedOnly ? this.moved(expr, around) : undefined;
      if (name !== undefined && !used.has(name)) {
        this.join(`${buffer}#${axis}`, name);
        used.add(name);
      } else if (moved && !plain.includes(moved.name) && !used.has(moved.name)) {
        this.spoil(
          [`${buffer}#${axis}`, ...this.sources(moved.by)],
          `it moves what is stored in \`${buffer}\``,
        );
        used.add(moved.name);
      } else {
        const why = `not every subscript of \`${buffer}\`, which is written, is a loop’s variable alone`;
        this.spoil([`${buffer}#${axis}`, ...this.sources(expr)], why);
      }
    }
    // Loops around an array's declaration have one of their own in each iteration.
    const others = around.slice(arrays.get(buffer) ?? 0).filter((name) => !used.has(name));
    this.spoil(others, `its iterations write the same elements of \`${buffer}\``);
  }

  private spoil(names: Iterable<string>, why: string): void {
    for (const name of names) if (!this.bad.has(name)) this.bad.set(name, why);
  }
}

const depthOf = (all: readonly LoopFacts[]): number =>
  all.reduce((least, { depth }) => Math.min(least, depth), Infinity);

/** The lanes that a class takes: the size of its largest axis, below which its loops' subscripts were proved to stay. */
function widthOf(all: readonly LoopFacts[]): number {
  const axes = all.filter(({ depth }) => depth === Infinity);
  return (axes.length > 0 ? axes : all).reduce((most, { extent }) => Math.max(most, extent ?? 0), 0);
}

type For = Extract<Stmt, { kind: "for" }>;

const fromZero = ({ lo, step }: For): boolean => step === 1 && lo.kind === "const" && Number(lo.value) === 0;

/** How many iterations a loop has, where that is known. */
const extentOf = ({ hi }: For): number | undefined =>
  hi.kind === "const" ? Math.max(0, Number(hi.value)) : undefined;

/** Rows streamed, and a part of those that inputs take: what isn't known counts as few. */
function costOf(
  body: Block,
  tensors: ReadonlyMap<string, Tensor>,
  loops: ReadonlyMap<string, number>,
  tiles: number,
): number {
  const extents = new Map<string, number>();
  let held = 0;
  let streamed = 0;
  const visit = (block: Block, times: number, wide: boolean): void => {
    for (const stmt of block) {
      for (const expr of exprsOf(stmt))
        visitExpr(expr, (part) => {
          if (part.kind !== "load" || tensors.get(part.buffer)?.written) return;
          const names = new Set<string>();
          for (const each of part.index)
            visitExpr(each, (inner) => inner.kind === "ref" && names.add(inner.name));
          let rows = [...names].some((name) => loops.has(name)) ? tiles : 1;
          for (const name of names) if (!loops.has(name)) rows *= extents.get(name) ?? 1;
          held += rows;
        });
      if (stmt.kind === "store" || stmt.kind === "yield") streamed += times * (wide ? tiles : 1);
      const own = stmt.kind === "for" && !loops.has(stmt.name) ? (tripsOf(stmt) ?? 8) : 1;
      if (stmt.kind === "for") extents.set(stmt.name, own);
      const inside = wide || (stmt.kind === "for" && loops.has(stmt.name));
      for (const each of blocksOf(stmt)) visit(each, times * own, inside);
    }
  };
  visit(body, 1, false);
  return streamed + held / 4;
}

/** How often a loop's body runs, where that is known. */
export function tripsOf({ lo, hi, step }: Extract<Stmt, { kind: "for" }>): number | undefined {
  return lo.kind === "const" && hi.kind === "const"
    ? Math.max(0, Math.ceil((Number(hi.value) - Number(lo.value)) / step))
    : undefined;
}

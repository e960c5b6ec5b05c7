// Which names, buffers and jumps differ from lane to lane: a fixpoint over the body of a loop that becomes vectors.
// A value varies if it is computed from something that varies, or assigned under a condition that does. What doesn't
// vary stays scalar.
//
// Assumes: no reductions left in the body (they are registers by now).

import type { Expr, ForStmt, Stmt, WhileStmt } from "../../ir/ir.ts";
import { exprsOf, someExpr, type Block } from "../../ir/walk.ts";
import { jumpsOut } from "../workspace.ts";

export interface Divergence {
  /** Values that may differ between lanes. */
  readonly names: ReadonlySet<string>;
  /** Local buffers whose content may differ between lanes, so that each lane needs its own. */
  readonly buffers: ReadonlySet<string>;
  /** Loops that some lanes may leave or continue while others go on. */
  readonly loops: ReadonlySet<Stmt>;
}

/** Analyses `body`; `seeds` vary from the start (the loop variable, vector accumulators). */
export function divergenceOf(seeds: Iterable<string>, body: Block): Divergence {
  const analysis = new Analysis(seeds);
  do {
    analysis.changed = false;
    // Jumps of the vectorized loop itself are always lanes leaving early: there is no scalar loop to continue.
    analysis.block(body, 1, { entry: 0, loop: undefined });
  } while (analysis.changed);
  return analysis;
}

interface Frame {
  /** Depth of masks around the loop; a jump at a greater depth is some lanes' only. */
  readonly entry: number;
  readonly loop: ForStmt | WhileStmt | undefined;
}

class Analysis implements Divergence {
  readonly names: Set<string>;
  readonly buffers = new Set<string>();
  readonly loops = new Set<Stmt>();
  changed = false;
  /** Depth of masks at which registers and buffers were declared; deeper writes to them are some lanes' only. */
  private readonly declared = new Map<string, number>();

  constructor(seeds: Iterable<string>) {
    this.names = new Set(seeds);
  }

  private mark<T>(set: Set<T>, item: T, varies: boolean): void {
    if (!varies || set.has(item)) return;
    set.add(item);
    this.changed = true;
  }

  private varies(expr: Expr | undefined): boolean {
    return (
      expr !== undefined &&
      someExpr(
        expr,
        (part) =>
          (part.kind === "ref" && this.names.has(part.name)) ||
          (part.kind === "load" && this.buffers.has(part.buffer)),
      )
    );
  }

  block(body: Block, outer: number, frame: Frame): void {
    let depth = outer;
    for (const each of body) {
      this.statement(each, depth, frame);
      // Behind a jump that only some lanes took, the others go on under a mask.
      if (jumpsOut([each]) && (!frame.loop || this.loops.has(frame.loop))) depth++;
    }
  }

  private statement(each: Stmt, depth: number, frame: Frame): void {
    switch (each.kind) {
      case "let":
        return this.mark(this.names, each.name, this.varies(each.value));
      case "var":
        this.declared.set(each.name, depth);
        return this.mark(this.names, each.name, this.varies(each.init));
      case "assign": {
        const deeper = depth > (this.declared.get(each.name) ?? 0);
        return this.mark(this.names, each.name, deeper || this.varies(each.value));
      }
      case "alloc":
        this.declared.set(`buffer ${each.buffer}`, depth);
        return this.mark(this.buffers, each.buffer, this.varies(each.fill));
      case "store": {
        const home = this.declared.get(`buffer ${each.buffer}`);
        if (home === undefined) return;
        const varies = exprsOf(each).some((part) => this.varies(part));
        return this.mark(this.buffers, each.buffer, varies || depth > home || each.atomic !== undefined);
      }
      case "if": {
        const inner = this.varies(each.cond) ? depth + 1 : depth;
        this.block(each.then, inner, frame);
        return this.block(each.orelse, inner, frame);
      }
      case "for":
        this.mark(this.names, each.name, each.step > 1 && this.varies(each.lo));
        return this.loop(each, this.varies(each.lo) || this.varies(each.hi), depth);
      case "while":
        return this.loop(each, this.varies(each.cond), depth);
      case "break":
      case "continue":
        if (frame.loop) this.mark(this.loops, frame.loop, depth > frame.entry);
        return;
      default:
    }
  }

  private loop(each: ForStmt | WhileStmt, varies: boolean, depth: number): void {
    const masked = varies || this.loops.has(each);
    this.block(each.body, masked ? depth + 1 : depth, { entry: depth, loop: each });
  }
}

// The body of parallel loops as steps of a workgroup: loops over threads are shared out, what stands around them runs in
// every invocation, writes of shared memory in one. An array is an invocation's own if no other touches its part, else it
// lies in workgroup memory.
//
// Assumes: numbered threads, reductions expanded, and what the provers said of `threads`: iterations of a nest touch no
// element that another writes.

import type { Span } from "../../../../lang/source.ts";
import { constantSize } from "../sizes.ts";
import { readOnlyBuffers, readIn, writtenIn } from "../../../ir/facts.ts";
import { assignedIn, declaredBy, declaredIn, namesIn } from "../../../ir/names.ts";
import { int, type Buffer, type Expr, type IrKernel, type Stmt } from "../../../ir/ir.ts";
import {
  blocksOf,
  exprsOf,
  mapAllExprs,
  mapBlocksOf,
  mapExpr,
  mapSame,
  someExpr,
  visitBlock,
  visitExprs,
  type Block,
} from "../../../ir/walk.ts";
import { dropDead } from "../../../passes/simplify/dead.ts";
import { jumpsOut } from "../../../passes/workspace.ts";
import { withBarriers, type Touch } from "./barriers.ts";
import {
  hasThreads,
  iterationsOf,
  nestOf,
  valuesOf,
  visitNests,
  workgroupSizeOf,
  type Nest,
  type Values,
} from "./nests.ts";
import { cyclicAxis, cyclicKey, ownerKey, ownerOf, rangesIn } from "./ownership.ts";
import type { Cooperation, Step } from "./steps.ts";
import { combiningOf } from "./subgroups.ts";

/** The body can't be run by a workgroup; the message says why, and one invocation runs it in order. */
export class CannotCooperate extends Error {
  readonly span: Span | undefined;
  constructor(why: string, span?: Span) {
    super(why);
    this.span = span;
  }
}

export interface Cooperating {
  readonly plan: Cooperation;
  /** Declarations of the arrays that are an invocation's own, with its part's extents. */
  readonly buffers: readonly Buffer[];
}

/** Plans the body of a phase's parallel loops; `uniform` are the names that all invocations know as the same. */
export function cooperate(
  body: Block,
  kernel: IrKernel,
  uniform: ReadonlySet<string>,
  most: number,
): Cooperating {
  return new Planner(body, kernel, uniform, most).plan();
}

class Planner {
  private readonly body: Block;
  private readonly kernel: IrKernel;
  private readonly values: Values;
  private readonly size: number;
  private readonly readOnly: ReadonlySet<string>;
  private readonly uniform: Set<string>;
  private readonly parts = new Map<string, readonly number[]>();
  private readonly shared = new Set<string>();

  constructor(body: Block, kernel: IrKernel, uniform: ReadonlySet<string>, most: number) {
    this.body = body;
    this.kernel = kernel;
    this.values = valuesOf(body);
    this.size = workgroupSizeOf(body, most);
    this.readOnly = readOnlyBuffers(kernel);
    this.uniform = new Set(uniform);
  }

  plan(): Cooperating {
    visitBlock(this.body, (stmt) => {
      if (stmt.kind === "assert")
        throw new CannotCooperate("a run-time check among them would leave the others waiting", stmt.span);
    });
    for (const name of this.groupArrays()) this.place(name);
    const body = this.parts.size > 0 ? this.rewritten() : this.body;
    this.findUniform(body);
    const bare = this.steps(body);
    const steps = withBarriers(bare, {
      of: (step) => this.touches(step),
      isShared: (buffer) => this.shared.has(buffer),
    });
    const buffers = [...this.parts].map(([name, shape]): Buffer => ({
      ...this.bufferNamed(name),
      shape: shape.map((extent) => int(extent)),
    }));
    return { plan: { size: this.size, steps, shared: this.shared, own: this.parts }, buffers };
  }

  private bufferNamed(name: string): Buffer {
    return this.kernel.buffers.find((buffer) => buffer.name === name)!;
  }

  // ---- arrays ----

  /** Arrays that come to life outside of all nests. */
  private groupArrays(): readonly string[] {
    const inside = new Set<string>();
    visitNests(this.body, ({ body }) =>
      visitBlock(body, (stmt) => stmt.kind === "alloc" && inside.add(stmt.buffer)),
    );
    const names = new Set<string>();
    visitBlock(
      this.body,
      (stmt) => stmt.kind === "alloc" && !inside.has(stmt.buffer) && names.add(stmt.buffer),
    );
    return [...names];
  }

  /** Decides where an array of the workgroup lies. */
  private place(name: string): void {
    const used = (block: Block): boolean => readIn(block).has(name) || writtenIn(block).has(name);
    const nests: Nest[] = [];
    visitNests(this.body, (nest) => used(nest.body) && nests.push(nest));
    // Nobody but the invocation itself looks at it: each has one of its own.
    if (nests.length === 0) return;
    const outside = this.usesOutside(name);
    const part = outside ? undefined : this.partOf(name, nests);
    if (part) this.parts.set(name, part);
    else this.shared.add(name);
  }

  /** Whether statements around the nests use the array, beyond filling it with a constant. */
  private usesOutside(name: string): boolean {
    let found = false;
    const visit = (block: Block): void => {
      for (const stmt of block) {
        if (stmt.kind === "for" && stmt.marks.threads) continue;
        const own = mapBlocksOf(stmt, () => []);
        if (own.kind === "alloc" && own.buffer === name)
          found ||= own.fill !== undefined && own.fill.kind !== "const";
        else if (readIn([own]).has(name) || writtenIn([own]).has(name)) found = true;
        blocksOf(stmt).forEach(visit);
      }
    };
    visit(this.body);
    return found;
  }

  /** The extents of each invocation's part, if every element belongs to one invocation. */
  private partOf(name: string, nests: readonly Nest[]): readonly number[] | undefined {
    const buffer = this.bufferNamed(name);
    let key: string | undefined;
    let part: readonly number[] | undefined;
    for (const nest of nests) {
      const count = iterationsOf(nest, this.values);
      if (count === undefined || count > this.size) return undefined;
      const ranges = rangesIn(nest);
      for (const index of accessesIn(nest.body, name)) {
        const owner = ownerOf(index, nest, this.values, ranges);
        if (!owner) return undefined;
        const own = ownerKey(owner, nest);
        if (key !== undefined && key !== own) return undefined;
        key = own;
        const extents = buffer.shape.map((extent, dim) => {
          const digit = owner.digits.find((each) => each.dim === dim);
          return digit ? digit.by : constantSize([extent]);
        });
        if (extents.some((extent) => extent === undefined)) return undefined;
        part = extents as number[];
      }
    }
    return part;
  }

  private rewritten(): Block {
    const body = mapSame(this.body, (stmt) => this.withParts(stmt));
    // What only the old subscripts mentioned is gone with them.
    return dropDead({ ...this.kernel, body }).body;
  }

  /** A statement with subscripts of an invocation's own part, in nests. */
  private withParts(stmt: Stmt): Stmt {
    if (stmt.kind !== "for" || !stmt.marks.threads)
      return mapBlocksOf(stmt, (block) => mapSame(block, (each) => this.withParts(each)));
    const nest = nestOf(stmt);
    const ranges = rangesIn(nest);
    const own = (buffer: string, index: readonly Expr[]): readonly Expr[] =>
      this.parts.has(buffer) ? ownerOf(index, nest, this.values, ranges)!.index : index;
    const rewrite = (each: Stmt): Stmt => {
      const inner = mapBlocksOf(each, (block) => mapSame(block, rewrite));
      return inner.kind === "store" ? { ...inner, index: own(inner.buffer, inner.index) } : inner;
    };
    return rewrite(
      mapAllExprs(stmt, (root) =>
        mapExpr(root, (part) =>
          part.kind === "load" ? { ...part, index: own(part.buffer, part.index) } : part,
        ),
      ),
    );
  }

  // ---- steps ----

  private steps(block: Block): Step[] {
    const out: Step[] = [];
    const push = (kind: "each" | "one", stmt: Stmt): void => {
      const last = out.at(-1);
      if (last?.kind === kind) out[out.length - 1] = { kind, statements: [...last.statements, stmt] };
      else out.push({ kind, statements: [stmt] });
    };
    for (const stmt of block) {
      if (!hasThreads([stmt])) {
        if (stmt.kind === "alloc" && this.shared.has(stmt.buffer)) {
          if (stmt.fill) out.push({ kind: "fill", alloc: stmt });
          continue;
        }
        const combining = stmt.kind === "for" ? combiningOf(stmt, this.size) : undefined;
        if (stmt.kind === "for" && combining && this.shared.has(combining.part))
          out.push({ kind: "combine", loop: stmt, combining });
        else push(this.writesShared(stmt) ? "one" : "each", stmt);
        continue;
      }
      if (stmt.kind === "for" && stmt.marks.threads) {
        out.push({ kind: "spread", nest: nestOf(stmt), loop: stmt });
        continue;
      }
      if (stmt.kind === "for") {
        if (jumpsOut(stmt.body))
          throw new CannotCooperate("a `break` or `continue` around it leaves an iteration early", stmt.span);
        this.same([stmt.lo, stmt.hi], stmt);
        out.push({ kind: "for", loop: stmt, body: this.steps(stmt.body) });
        continue;
      }
      if (stmt.kind === "if") {
        this.same([stmt.cond], stmt);
        out.push({ kind: "if", branch: stmt, then: this.steps(stmt.then), orelse: this.steps(stmt.orelse) });
        continue;
      }
      throw new CannotCooperate("it stands in a `while` loop", stmt.span);
    }
    return out;
  }

  /** Whether a statement writes what other invocations can see; then it must do nothing else that counts. */
  private writesShared(stmt: Stmt): boolean {
    const written = [...writtenIn([stmt])];
    const visible = written.filter((name) => this.isVisible(name));
    if (visible.length === 0) return false;
    const outer = assignedIn([stmt]);
    for (const name of declaredIn([stmt])) outer.delete(name);
    if (outer.size > 0 || written.length > visible.length)
      throw new CannotCooperate("a statement beside it writes both to memory and to variables", stmt.span);
    return true;
  }

  private isVisible(name: string): boolean {
    const { space } = this.bufferNamed(name);
    return space === "param" || space === "kernel" || this.shared.has(name);
  }

  // ---- the same for every invocation ----

  /** Which names of the workgroup's own statements are the same for all: all that nothing says may differ. */
  private findUniform(body: Block): void {
    const declare = (block: Block): void => {
      for (const stmt of block) {
        if (stmt.kind === "for" && stmt.marks.threads) continue;
        declaredBy(stmt).forEach((name) => this.uniform.add(name));
        blocksOf(stmt).forEach(declare);
      }
    };
    declare(body);
    let before: number;
    do {
      before = this.uniform.size;
      this.dropVarying(body, true);
    } while (this.uniform.size < before);
  }

  /** Removes names whose values come from what varies, or that are assigned where not all come by. */
  private dropVarying(block: Block, together: boolean): void {
    for (const stmt of block) {
      if (stmt.kind === "for" && stmt.marks.threads) continue;
      const same = exprsOf(stmt).every((expr) => this.isUniform(expr));
      if (stmt.kind === "let" || stmt.kind === "var" || stmt.kind === "for") {
        if (!same) this.uniform.delete(stmt.name);
      }
      if (stmt.kind === "assign" && !(same && together)) this.uniform.delete(stmt.name);
      const control = stmt.kind === "for" || stmt.kind === "if" || stmt.kind === "while";
      for (const inner of blocksOf(stmt)) this.dropVarying(inner, together && (!control || same));
    }
  }

  private isUniform(expr: Expr): boolean {
    return !someExpr(
      expr,
      (part) =>
        (part.kind === "ref" && !this.uniform.has(part.name)) ||
        (part.kind === "load" && !this.readOnly.has(part.buffer)),
    );
  }

  private same(exprs: readonly Expr[], stmt: Stmt): void {
    if (!exprs.every((expr) => this.isUniform(expr)))
      throw new CannotCooperate("what stands around it may differ from invocation to invocation", stmt.span);
  }

  // ---- what steps touch ----

  private touches(step: Step): readonly Touch[] {
    switch (step.kind) {
      case "each":
      case "one":
        return this.accesses(step.statements, () => (step.kind === "one" ? "one" : undefined));
      case "combine":
        return [{ buffer: step.combining.part, write: false }];
      case "fill":
        // Filled element by element, as a loop over an axis would be.
        return [
          {
            buffer: step.alloc.buffer,
            write: true,
            ...(this.isFilledByElement(step.alloc.buffer) && { owner: cyclicKey(0) }),
          },
        ];
      case "spread": {
        const { nest } = step;
        const ranges = rangesIn(nest);
        const steady = nest.loops.every(({ hi }) => this.isSteady(hi));
        return this.accesses([step.loop], (_buffer, index) => {
          const cyclic = cyclicAxis(index, nest, this.values, this.size, ranges);
          if (cyclic) return cyclicKey(cyclic.axis, cyclic.unit);
          const owner = steady ? ownerOf(index, nest, this.values, ranges) : undefined;
          return owner && ownerKey(owner, nest);
        });
      }
      default:
        return [];
    }
  }

  /** Whether element n of an array is filled by invocation n: one axis, and no vectors that are filled as a whole. */
  private isFilledByElement(buffer: string): boolean {
    const single = (index: readonly Expr[]): boolean => index.every(({ type }) => type.lanes === 1);
    return this.bufferNamed(buffer).shape.length === 1 && accessesIn(this.body, buffer).every(single);
  }

  /** An end that is the same wherever it stands. */
  private isSteady(hi: Expr): boolean {
    const dims = new Set(this.kernel.dims.map(({ name }) => name));
    return [...namesIn(hi)].every((name) => dims.has(name)) && !someExpr(hi, ({ kind }) => kind === "load");
  }

  private accesses(
    block: Block,
    owner: (buffer: string, index: readonly Expr[]) => string | undefined,
  ): readonly Touch[] {
    const touches: Touch[] = [];
    const add = (buffer: string, write: boolean, index: readonly Expr[]): void => {
      if (!this.isVisible(buffer) || (!write && this.readOnly.has(buffer))) return;
      const whose = owner(buffer, index);
      touches.push({ buffer, write, ...(whose !== undefined && { owner: whose }) });
    };
    visitExprs(block, (part) => part.kind === "load" && add(part.buffer, false, part.index));
    visitBlock(block, (stmt) => {
      if (stmt.kind !== "store") return;
      add(stmt.buffer, true, stmt.index);
    });
    return touches;
  }
}

/** The subscripts of every access to a buffer. */
function accessesIn(block: Block, name: string): readonly (readonly Expr[])[] {
  const found: (readonly Expr[])[] = [];
  visitExprs(block, (part) => part.kind === "load" && part.buffer === name && found.push(part.index));
  visitBlock(block, (stmt) => stmt.kind === "store" && stmt.buffer === name && found.push(stmt.index));
  return found;
}

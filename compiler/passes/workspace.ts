// What a pass that makes or copies code carries around: fresh names, and the kernel's buffers with those added.
// One for each run of a pass over a kernel.

import type { Span } from "../../lang/source.ts";
import type { Buffer, Expr, IrKernel, Stmt } from "../ir/ir.ts";
import { copyBlock, FreshNames } from "../ir/names.ts";
import { blocksOf, visitBlock, type Block } from "../ir/walk.ts";

/** Where a pass reports an annotation that it could not honour; nothing is dropped in silence. */
export interface PassReport {
  notHonoured(annotation: string, why: string, span?: Span): void;
  /** Features of the target that code may use; absent, none. */
  readonly features?: ReadonlySet<string>;
}

export const silent: PassReport = { notHonoured: () => undefined };

export class Workspace {
  readonly fresh: FreshNames;
  private readonly kernel: IrKernel;
  private readonly buffers: Map<string, Buffer>;
  /** Every `var` of the kernel and of copies; accumulators aren't here, but no bound mentions one. */
  private readonly variables = new Set<string>();

  constructor(kernel: IrKernel) {
    this.kernel = kernel;
    this.fresh = new FreshNames(kernel);
    this.buffers = new Map(kernel.buffers.map((buffer) => [buffer.name, buffer]));
    visitBlock(kernel.body, (each) => each.kind === "var" && this.variables.add(each.name));
  }

  name(base: string): string {
    return this.fresh.value(base);
  }

  buffer(name: string): Buffer | undefined {
    return this.buffers.get(name);
  }

  isDim(name: string): boolean {
    return this.kernel.dims.some((dim) => dim.name === name && dim.of !== "stride");
  }

  /** Whether a name is that of a `var`, so that mentioning it twice may give two values. */
  isVariable(name: string): boolean {
    return this.variables.has(name);
  }

  /** Adds a buffer like `like` with a name of its own. */
  addBuffer(like: Buffer): Buffer {
    const made = { ...like, name: this.fresh.buffer(like.name) };
    this.buffers.set(made.name, made);
    return made;
  }

  /** Replaces the declaration of a buffer. */
  setBuffer(buffer: Buffer): void {
    this.buffers.set(buffer.name, buffer);
  }

  /** A copy of a block with fresh declarations; `values` replace references. Unrolling and jamming are this. */
  copy(block: Block, values: ReadonlyMap<string, Expr>): Block {
    const copied = copyBlock(block, this.fresh, values);
    for (const [from, name] of copied.buffers) this.buffers.set(name, { ...this.buffers.get(from)!, name });
    visitBlock(copied.block, (each) => each.kind === "var" && this.variables.add(each.name));
    return copied.block;
  }

  /** The kernel with a new body, the buffers added, and without local ones that nothing brings to life any more. */
  finish(body: Block): IrKernel {
    if (body === this.kernel.body) return this.kernel;
    const alive = new Set<string>();
    visitBlock(body, (each) => each.kind === "alloc" && alive.add(each.buffer));
    const buffers = [...this.buffers.values()].filter(
      ({ name, space }) => space === "param" || space === "kernel" || alive.has(name),
    );
    return { ...this.kernel, buffers, body };
  }
}

/** Whether a loop's body holds a `break` or `continue` of that loop. */
export function jumpsOut(body: Block, kinds: readonly string[] = ["break", "continue"]): boolean {
  const leaves = (each: Stmt): boolean =>
    each.kind === "break" || each.kind === "continue"
      ? kinds.includes(each.kind)
      : each.kind !== "for" &&
        each.kind !== "while" &&
        blocksOf(each).some((block) => jumpsOut(block, kinds));
  return body.some(leaves);
}

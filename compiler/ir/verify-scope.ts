// What the verifier knows at a place of a kernel: names and buffers in scope, and the loops, reductions and
// combiners around it.

import type { Buffer, ForStmt, IrKernel, IrType, ReduceStmt, WhileStmt } from "./ir.ts";

export type Sort = "let" | "var" | "loop" | "dim" | "scalar";

export interface Binding {
  readonly type: IrType;
  readonly sort: Sort;
  /** How many reductions and combiners lie around the declaration. */
  readonly depth: number;
}

/** Something with a body that changes what statements in it may do. */
export interface Surrounding {
  readonly loop?: ForStmt | WhileStmt;
  readonly reduce?: ReduceStmt;
  readonly combiner?: ReduceStmt;
}

export class Scope {
  readonly kernel: IrKernel;
  /** From the outermost to the innermost. */
  readonly around: Surrounding[] = [];
  private readonly everDeclared = new Set<string>();
  private readonly bindings = new Map<string, Binding>();
  private readonly allocated = new Map<string, number>();
  private readonly everAllocated = new Set<string>();
  private readonly buffers: ReadonlyMap<string, Buffer>;
  private trail: { readonly space: "value" | "buffer"; readonly name: string }[] = [];

  constructor(kernel: IrKernel) {
    this.kernel = kernel;
    this.buffers = new Map(kernel.buffers.map((buffer) => [buffer.name, buffer]));
  }

  /** A new block begins; what it declares ends with `leave`. */
  enter(): number {
    return this.trail.length;
  }
  leave(mark: number): void {
    for (const { space, name } of this.trail.splice(mark)) {
      if (space === "value") this.bindings.delete(name);
      else this.allocated.delete(name);
    }
  }

  within<T>(surrounding: Surrounding, run: () => T): T {
    this.around.push(surrounding);
    const result = run();
    this.around.pop();
    return result;
  }

  /** How many reductions and combiners lie around. */
  get depth(): number {
    return this.around.filter((part) => part.reduce || part.combiner).length;
  }

  /** Declares a value; what is wrong with its name, if anything. */
  declare(name: string, type: IrType, sort: Sort): string | undefined {
    if (this.everDeclared.has(name)) return `"${name}" is declared twice in the kernel`;
    this.everDeclared.add(name);
    this.bindings.set(name, { type, sort, depth: this.depth });
    this.trail.push({ space: "value", name });
    return undefined;
  }
  binding(name: string): Binding | undefined {
    return this.bindings.get(name);
  }

  buffer(name: string): Buffer | undefined {
    return this.buffers.get(name);
  }
  allocate(name: string): void {
    this.everAllocated.add(name);
    this.allocated.set(name, this.depth);
    this.trail.push({ space: "buffer", name });
  }
  wasAllocated(name: string): boolean {
    return this.everAllocated.has(name);
  }
  /** Whether the buffer may be accessed here, and how many reductions and combiners it lies inside of. */
  aliveAt(name: string): number | undefined {
    const space = this.buffer(name)?.space;
    if (space === "param" || space === "kernel") return 0;
    return this.allocated.get(name);
  }
  /** `in`, `out` or `mut` for a tensor argument. */
  mode(name: string): "in" | "out" | "mut" | undefined {
    for (const param of this.kernel.params) {
      if (param.kind === "tensor" && param.buffer === name) return param.mode;
    }
    return undefined;
  }

  /** The loop that a jump here would be of: the nearest, unless a reduction lies between. */
  get jumpTarget(): ForStmt | WhileStmt | undefined {
    const nearest = this.around.at(-1);
    return nearest?.loop;
  }
}

// Flat form to byte addresses: what an address computation shares moves out of loops, what grows with a loop
// becomes a pointer that is incremented, and accesses that differ by a constant share the pointer and keep the constant.
//
// In the result (`form: "bytes"`) an access has two indices: an address, and a constant displacement in bytes.
// The address is a scalar (one element, or as many in a row as the access has lanes), `ramp(address, step)`,
// `splat(address)`, or a vector of addresses; `&x` is the address of x's first element. Elements smaller than a byte keep
// their one element offset, except vectors that are proved to begin at a byte.
//
// A displacement is never negative and below 64 KiB less 16 bytes: adding it can't wrap around, since no buffer
// begins in the first 64 KiB of memory.

import { internalError } from "../../lang/diagnostics/internal-error.ts";
import { dtypeInfo } from "../../lang/dtypes.ts";
import { splat } from "../ir/build.ts";
import {
  i32,
  int,
  op,
  ref,
  type Expr,
  type IrKernel,
  type LoadExpr,
  type RefExpr,
  type Stmt,
  type StoreStmt,
} from "../ir/ir.ts";
import { assignedIn, FreshNames } from "../ir/names.ts";
import { mapBlocksOf, mapExpr, mapExprsOf, someExpr, type Block } from "../ir/walk.ts";
import { Displacements } from "./addresses/displacements.ts";
import { divisibility } from "./addresses/divisibility.ts";
import { LoopScopes } from "./addresses/loop-scopes.ts";
import { constantPolynomial, constantTerm, plus, withoutConstant } from "./addresses/polynomial.ts";
import { add, intValue } from "./fold.ts";

/** Rewrites every access of a flat kernel to byte addresses. */
export function strengthReduce(kernel: IrKernel): IrKernel {
  if (kernel.form !== "flat") return internalError("strength-reduce", `${kernel.name} isn't flat`);
  const pass = new StrengthReduction(kernel);
  return { ...kernel, form: "bytes", body: pass.displacements.settle(pass.block(kernel.body)) };
}

/** The name of a buffer's address. */
export const pointerName = (buffer: string): string => `&${buffer}`;

class StrengthReduction {
  readonly displacements = new Displacements();
  private readonly buffers: ReadonlyMap<string, IrKernel["buffers"][number]>;
  private readonly scopes: LoopScopes;

  constructor(kernel: IrKernel) {
    this.buffers = new Map(kernel.buffers.map((buffer) => [buffer.name, buffer]));
    this.scopes = new LoopScopes(new FreshNames(kernel), divisibility(kernel));
  }

  block(block: Block): Block {
    return block.flatMap((stmt) => this.statement(stmt));
  }

  private statement(stmt: Stmt): readonly Stmt[] {
    const own = this.accesses(stmt);
    switch (own.kind) {
      case "let":
        this.scopes.declare(own.name, own.value);
        return [own];
      case "var":
        this.scopes.declareVariable(own.name);
        return [own];
      case "for":
      case "while":
        return this.loop(own);
      default:
        return [mapBlocksOf(own, (inner) => this.block(inner))];
    }
  }

  /** A loop, with what moves out of it before it, and its pointers' increments at its end. */
  private loop(stmt: Extract<Stmt, { kind: "for" | "while" }>): readonly Stmt[] {
    const scope = this.scopes.enter(stmt, assignedIn(stmt.body));
    const body = this.block(stmt.body);
    this.scopes.leave();
    const loop = stmt.kind === "for" ? { ...stmt, lo: scope.lo ?? stmt.lo } : stmt;
    return [...scope.before, { ...loop, body: [...body, ...scope.increments] }];
  }

  /** The statement with its own loads and its store addressed. */
  private accesses(stmt: Stmt): Stmt {
    // The condition of a while loop is evaluated inside it: its addresses can't be made before the loop is entered.
    const inside = stmt.kind === "while";
    const loads = (expr: Expr): Expr =>
      mapExpr(expr, (part) => (part.kind === "load" ? this.access(part, part.type.lanes, !inside) : part));
    const own = mapExprsOf(stmt, loads);
    return own.kind === "store" ? this.access(own, own.value.type.lanes, true) : own;
  }

  private access<A extends LoadExpr | StoreStmt>(access: A, lanes: number, share: boolean): A {
    const buffer =
      this.buffers.get(access.buffer) ?? internalError("strength-reduce", `no buffer ${access.buffer}`);
    const { bits } = dtypeInfo(buffer.dtype);
    const index = access.index[0]!;
    const pointer = ref(pointerName(buffer.name), i32);
    if (bits < 8) return { ...access, index: this.packed(index, lanes, bits, pointer) ?? access.index };
    const size = bits / 8;
    if (lanes === 1) return { ...access, index: this.place(index, bits, pointer, share) };
    if (index.type.lanes === 1) {
      const [address, displacement] = this.place(index, bits, pointer, share);
      return { ...access, index: [splat(address!, lanes), displacement!] };
    }
    if (index.kind === "op" && index.op === "ramp") {
      const [base, step] = index.args as [Expr, Expr];
      const stride = intValue(step);
      const back = stride !== undefined && stride < 0 ? stride * size * (lanes - 1) : 0;
      const [address, displacement] = this.place(base, bits, pointer, share, back);
      if (stride === 1) return { ...access, index: [address!, displacement!] };
      const bytes = stride !== undefined ? int(stride * size) : this.scopes.invariant(step, size);
      return { ...access, index: [op("ramp", index.type, [address!, bytes]), displacement!] };
    }
    return { ...access, index: this.gathered(index, size, pointer, lanes) };
  }

  /** The address of element `offset`, and what of it is left as a displacement. */
  private place(
    offset: Expr,
    bits: number,
    pointer: RefExpr,
    share: boolean,
    lowest = 0,
  ): readonly [Expr, Expr] {
    const { atoms } = this.scopes;
    const whole = atoms.polynomial(offset);
    const elements = withoutConstant(whole);
    const constant = bits < 8 ? (constantTerm(whole) * bits) / 8 : Math.imul(constantTerm(whole), bits / 8);
    const address = share && Number.isInteger(constant) && this.scopes.address(elements, bits, pointer);
    if (address && address.kind === "ref")
      return [address, this.displacements.add(address.name, constant, lowest)];
    if (address) return [add(address, int(constant)), int(0)];
    const bytes = atoms.expand(
      this.scopes.bytes(plus(elements, constantPolynomial(constantTerm(whole))), bits)!,
    );
    return [add(pointer, bytes), int(0)];
  }

  /** A row of elements smaller than a byte: byte addresses if it's proved to begin at one. */
  private packed(index: Expr, lanes: number, bits: number, pointer: RefExpr): readonly Expr[] | undefined {
    if (lanes * bits < 8 || index.kind !== "op" || index.op !== "ramp" || intValue(index.args[1]!) !== 1)
      return undefined;
    const offset = this.scopes.atoms.polynomial(index.args[0]!);
    if (!this.scopes.bytes(offset, bits)) return undefined;
    return this.place(index.args[0]!, bits, pointer, true);
  }

  /** Addresses lane by lane: what all lanes share is added once. */
  private gathered(index: Expr, size: number, pointer: RefExpr, lanes: number): readonly Expr[] {
    const shared = index.kind === "op" && index.op === "add" ? index.args.findIndex(isSplat) : -1;
    const type = index.type;
    const bytes = (vector: Expr): Expr =>
      size === 1 ? vector : op("shl", type, [vector, { kind: "const", type, value: Math.log2(size) }]);
    if (shared < 0 || index.kind !== "op")
      return [op("add", type, [bytes(index), splat(pointer, lanes)]), int(0)];
    const uniform = index.args[shared]!;
    const base = uniform.kind === "op" ? uniform.args[0]! : int((uniform as { value: number }).value);
    const [address, displacement] = this.place(
      base,
      size * 8,
      pointer,
      !someExpr(base, (part) => part.kind === "load"),
    );
    const moved = op("add", type, [bytes(index.args[1 - shared]!), splat(address, lanes)]);
    return [moved, displacement];
  }
}

const isSplat = (expr: Expr): boolean => expr.kind === "const" || (expr.kind === "op" && expr.op === "splat");

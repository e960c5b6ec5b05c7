// Nest form to flat form: each access gets one element offset instead of coordinates. Arguments are addressed by
// strides, which become dims of the kernel; local and kernel buffers lie row by row. Vector accesses come out as
// a scalar (every lane the same element), `ramp(base, step)`, or a vector of offsets.

import { internalError } from "../../lang/diagnostics/internal-error.ts";
import { dtypeInfo } from "../../lang/dtypes.ts";
import { splat } from "../ir/build.ts";
import { i32, int, op, ref, type Buffer, type Expr, type IrDim, type IrKernel, type Stmt } from "../ir/ir.ts";
import { mapAllExprs, mapBlock, mapExpr, someExpr, visitBlock } from "../ir/walk.ts";
import { add, intValue, mul, sub } from "./fold.ts";

/**
 * What is known of the arguments' strides: nothing; or that rows are dense, so that a stride is what the extents
 * behind it multiply to where that is a constant (1 for the last axis). Other strides are values of the call.
 */
export type Layout = "strided" | "inner";

/** An index over the lanes: base + lane * step + rest. */
interface Linear {
  readonly base: Expr;
  readonly step: Expr;
  readonly rest?: Expr;
}

/** Flattens every access. The kernel must be in nest form. */
export function flattenAddresses(kernel: IrKernel, layout: Layout): IrKernel {
  if (kernel.form === "flat") return internalError("flatten-addresses", `${kernel.name} is flat already`);
  const buffers = new Map(kernel.buffers.map((buffer) => [buffer.name, buffer]));
  const strides = new Map<string, readonly Expr[]>();
  const dims: IrDim[] = [];
  kernel.params.forEach((param, at) => {
    if (param.kind !== "tensor") return;
    const buffer = buffers.get(param.buffer)!;
    const own = buffer.shape.map((_, axis) => ({
      name: strideName(buffer, axis),
      param: at,
      axis,
      of: "stride" as const,
    }));
    dims.push(...own);
    strides.set(buffer.name, paramStrides(buffer, own, layout));
  });
  for (const buffer of kernel.buffers)
    if (!strides.has(buffer.name)) strides.set(buffer.name, rowMajor(buffer.shape));

  const vectors = vectorDefinitions(kernel);
  const flat = (buffer: string, index: readonly Expr[], lanes: number): readonly Expr[] => [
    offset(index, strides.get(buffer)!, lanes, vectors),
  ];
  const loads = (expr: Expr): Expr =>
    mapExpr(expr, (part) =>
      part.kind === "load" ? { ...part, index: flat(part.buffer, part.index, part.type.lanes) } : part,
    );
  const body = mapBlock(kernel.body, (stmt: Stmt) =>
    stmt.kind === "store" ? { ...stmt, index: flat(stmt.buffer, stmt.index, stmt.value.type.lanes) } : stmt,
  ).map((stmt) => mapAllExprs(stmt, loads));
  return { ...kernel, form: "flat", dims: [...kernel.dims, ...dims], body };
}

/** The name by which a flat kernel knows a stride of an argument. */
export const strideName = (buffer: Buffer, axis: number): string => `${buffer.name}.stride${axis}`;

function paramStrides(buffer: Buffer, own: readonly IrDim[], layout: Layout): readonly Expr[] {
  const dense = rowMajor(buffer.shape);
  if (dtypeInfo(buffer.dtype).bits < 8) return dense;
  return own.map((dim, axis) => {
    const stride = dense[axis]!;
    return layout === "inner" && stride.kind === "const" ? stride : ref(dim.name, i32);
  });
}

/** Elements from one index to the next, for a buffer that lies row by row. */
export function rowMajor(shape: readonly Expr[]): readonly Expr[] {
  const strides: Expr[] = [];
  shape.reduceRight<Expr>((step, extent) => {
    strides.unshift(step);
    return mul(step, extent);
  }, int(1));
  return strides;
}

/** What the names of vector indices stand for, where that can't have changed by the time they're used. */
function vectorDefinitions(kernel: IrKernel): ReadonlyMap<string, Expr> {
  const found = new Map<string, Expr>();
  const variables = new Set<string>();
  visitBlock(kernel.body, (stmt) => stmt.kind === "var" && variables.add(stmt.name));
  const changes = (expr: Expr): boolean =>
    someExpr(expr, (part) => part.kind === "load" || (part.kind === "ref" && variables.has(part.name)));
  visitBlock(kernel.body, (stmt) => {
    if (stmt.kind !== "let" || stmt.value.type.dtype !== "i32" || stmt.value.type.lanes === 1) return;
    if (!changes(stmt.value)) found.set(stmt.name, stmt.value);
  });
  return found;
}

function offset(
  index: readonly Expr[],
  strides: readonly Expr[],
  lanes: number,
  vectors: ReadonlyMap<string, Expr>,
): Expr {
  let base: Expr = int(0);
  let step: Expr = int(0);
  let rest: Expr | undefined;
  index.forEach((part, axis) => {
    const own = linear(part, vectors);
    const stride = strides[axis]!;
    base = add(base, mul(own.base, stride));
    step = add(step, mul(own.step, stride));
    if (own.rest) {
      const term = product(own.rest, stride, lanes);
      rest = rest ? op("add", term.type, [rest, term]) : term;
    }
  });
  if (lanes === 1) return base;
  const type = { dtype: "i32", lanes } as const;
  if (!rest) return intValue(step) === 0 ? base : op("ramp", type, [base, step]);
  if (intValue(step) !== 0) rest = op("add", type, [rest, op("ramp", type, [int(0), step])]);
  return intValue(base) === 0 ? rest : op("add", type, [rest, splat(base, lanes)]);
}

function product(vector: Expr, by: Expr, lanes: number): Expr {
  return intValue(by) === 1 ? vector : op("mul", vector.type, [vector, splat(by, lanes)]);
}

/** Takes an index apart into what is the same for all lanes, what grows with the lane, and anything else. */
function linear(expr: Expr, vectors: ReadonlyMap<string, Expr>): Linear {
  const none = int(0);
  if (expr.type.lanes === 1) return { base: expr, step: none };
  if (expr.kind === "const") return { base: int(expr.value as number), step: none };
  if (expr.kind === "ref") {
    const known = vectors.get(expr.name);
    const found = known && linear(known, vectors);
    return found && !found.rest ? found : { base: none, step: none, rest: expr };
  }
  if (expr.kind === "op") {
    const [a, b] = expr.args;
    if (expr.op === "splat") return { base: a!, step: none };
    if (expr.op === "ramp") return { base: a!, step: b! };
    if (expr.op === "add" || expr.op === "sub") {
      const [x, y] = [linear(a!, vectors), linear(b!, vectors)];
      const combine = expr.op === "add" ? add : sub;
      const rest = joinRests(expr.op, x.rest, y.rest);
      return { base: combine(x.base, y.base), step: combine(x.step, y.step), rest };
    }
    if (expr.op === "mul") {
      const [x, y] = [linear(a!, vectors), linear(b!, vectors)];
      const [vector, factor] = isUniform(y) ? [x, y.base] : isUniform(x) ? [y, x.base] : [undefined, none];
      if (vector)
        return {
          base: mul(vector.base, factor),
          step: mul(vector.step, factor),
          rest: vector.rest && product(vector.rest, factor, expr.type.lanes),
        };
    }
  }
  return { base: none, step: none, rest: expr };
}

const isUniform = (value: Linear): boolean => intValue(value.step) === 0 && !value.rest;

function joinRests(name: "add" | "sub", a: Expr | undefined, b: Expr | undefined): Expr | undefined {
  if (!b) return a;
  if (a) return op(name, a.type, [a, b]);
  return name === "add" ? b : op("neg", b.type, [b]);
}

// The rules of well-formed IR, one function each: what is wrong with a node where it stands, or undefined. They
// may assume that a node's operands passed already.

import { dtypeInfo, isDtype, valueDtype } from "../../lang/dtypes.ts";
import type { Expr, IrKernel, IrType, Stmt } from "./ir.ts";
import { sameType } from "./ir.ts";
import { opProblem, typeText } from "./op-types.ts";
import { isOpName } from "./ops.ts";
import { normalise } from "./values.ts";
import type { Scope } from "./verify-scope.ts";

export type HeaderRule = (kernel: IrKernel) => string | undefined;
export type ExprRule = (expr: Expr, scope: Scope) => string | undefined;
export type StmtRule = (stmt: Stmt, scope: Scope) => string | undefined;

const isBool = (type: IrType, lanes = 1): boolean => type.dtype === "bool" && type.lanes === lanes;
const isInt = (type: IrType): boolean => type.dtype === "i32" && type.lanes === 1;
const isPowerOfTwo = (n: number): boolean => Number.isInteger(n) && n >= 1 && (n & (n - 1)) === 0;

// ---- the header ----------------------------------------------------------------------------------------

export const headerRules: readonly HeaderRule[] = [
  function bufferNamesAreUnique({ buffers }) {
    const seen = new Set<string>();
    for (const { name } of buffers) {
      if (seen.has(name)) return `declares the buffer "${name}" twice`;
      seen.add(name);
    }
    return undefined;
  },
  function dtypesExist({ buffers, params }) {
    const bad =
      buffers.find((buffer) => !isDtype(buffer.dtype))?.name ??
      params.find((param) => param.kind === "scalar" && dtypeInfo(param.dtype).storageOnly)?.kind;
    return bad && `has an unusable dtype at "${bad}"`;
  },
  function tensorsAreParamBuffers({ buffers, params }) {
    const tensors = params.flatMap((param) => (param.kind === "tensor" ? [param.buffer] : []));
    const declared = buffers.filter((buffer) => buffer.space === "param").map((buffer) => buffer.name);
    const stray =
      tensors.find((name) => !declared.includes(name)) ?? declared.find((name) => !tensors.includes(name));
    if (stray !== undefined) return `has the tensor "${stray}" without a buffer, or the reverse`;
    return new Set(tensors).size < tensors.length ? "has one buffer for two tensors" : undefined;
  },
  function dimsComeFromAxes({ dims, params, buffers }) {
    for (const dim of dims) {
      const param = params[dim.param];
      const buffer = param?.kind === "tensor" && buffers.find(({ name }) => name === param.buffer);
      const size = buffer ? buffer.shape[dim.axis] : undefined;
      if (!size) return `takes the dim "${dim.name}" from an axis that doesn't exist`;
      // A dim that was fixed when compiling shows its number.
      const bare = size.kind === "const" || (size.kind === "ref" && size.name === dim.name);
      if (!dim.of && !bare) {
        return `takes the dim "${dim.name}" from an axis that doesn't show it bare`;
      }
    }
    return undefined;
  },
];

// ---- expressions ---------------------------------------------------------------------------------------

export const exprRules: readonly ExprRule[] = [
  function typeIsUsable({ type }) {
    if (!isDtype(type.dtype)) return `has the unknown dtype "${String(type.dtype)}"`;
    if (dtypeInfo(type.dtype).storageOnly) return `has the storage-only dtype ${type.dtype}`;
    return isPowerOfTwo(type.lanes) && type.lanes <= 256 ? undefined : `has ${type.lanes} lanes`;
  },
  function constantFits(expr) {
    if (expr.kind !== "const") return undefined;
    const { value, type } = expr;
    const sort = type.dtype === "bool" ? "boolean" : dtypeInfo(type.dtype).bits === 64 ? "wide" : "number";
    const wide = sort === "wide" && dtypeInfo(type.dtype).kind !== "float" ? "bigint" : "number";
    if (typeof value !== (sort === "boolean" ? "boolean" : wide)) return `holds a ${typeof value}`;
    return Object.is(normalise(value, type.dtype), value) ? undefined : `doesn't fit ${type.dtype}`;
  },
  function nameIsInScope(expr, scope) {
    if (expr.kind !== "ref") return undefined;
    const binding = scope.binding(expr.name);
    if (!binding) return "isn't in scope";
    return sameType(binding.type, expr.type)
      ? undefined
      : `is ${typeText(binding.type)} and is mentioned as ${typeText(expr.type)}`;
  },
  function opFollowsItsRow(expr) {
    if (expr.kind !== "op") return undefined;
    if (!isOpName(expr.op)) return "isn't in the op table";
    return opProblem(
      expr.op,
      expr.args.map((arg) => arg.type),
      expr.type,
      expr.imm,
    );
  },
  function loadIsOfABuffer(expr, scope) {
    if (expr.kind !== "load") return undefined;
    const buffer = scope.buffer(expr.buffer);
    if (buffer && expr.type.dtype !== valueDtype(buffer.dtype))
      return `reads ${buffer.dtype} as ${expr.type.dtype}`;
    return accessProblem(expr.buffer, expr.index, expr.guard, expr.type.lanes, scope);
  },
];

/** What is wrong with an access of so many lanes to a buffer. */
function accessProblem(
  name: string,
  index: readonly Expr[],
  guard: Expr | undefined,
  lanes: number,
  scope: Scope,
): string | undefined {
  const buffer = scope.buffer(name);
  if (!buffer) return `accesses "${name}", which isn't declared`;
  if (scope.aliveAt(name) === undefined) return `accesses "${name}" outside the reach of its alloc`;
  const expected = scope.kernel.form === "flat" ? 1 : buffer.shape.length;
  if (index.length !== expected) return `has ${index.length} indices instead of ${expected}`;
  const odd = index.find(({ type }) => type.dtype !== "i32" || (type.lanes !== 1 && type.lanes !== lanes));
  if (odd) return `has an index of type ${typeText(odd.type)} for ${lanes} lanes`;
  if (lanes > 1 && index.every(({ type }) => type.lanes === 1))
    return "accesses one element with several lanes";
  return guard && !isBool(guard.type, lanes) ? `has a guard of type ${typeText(guard.type)}` : undefined;
}

// ---- statements ----------------------------------------------------------------------------------------

export const stmtRules: readonly StmtRule[] = [
  function assignmentIsToAVariable(stmt, scope) {
    if (stmt.kind !== "assign") return undefined;
    const binding = scope.binding(stmt.name);
    if (binding?.sort !== "var") return `"${stmt.name}" is no variable in scope`;
    if (!sameType(binding.type, stmt.value.type))
      return `assigns ${typeText(stmt.value.type)} to ${typeText(binding.type)}`;
    return binding.depth < scope.depth ? "a reduction assigns a variable from outside" : undefined;
  },
  function storeIsIntoABuffer(stmt, scope) {
    if (stmt.kind !== "store") return undefined;
    const { type } = stmt.value;
    const problem = accessProblem(stmt.buffer, stmt.index, stmt.guard, type.lanes, scope);
    if (problem) return problem;
    const { dtype } = scope.buffer(stmt.buffer)!;
    if (type.dtype !== valueDtype(dtype)) return `stores ${type.dtype} into ${dtype}`;
    if (scope.mode(stmt.buffer) === "in") return "stores into an argument that is only read";
    return scope.aliveAt(stmt.buffer)! < scope.depth
      ? "a reduction writes a buffer that outlives it"
      : undefined;
  },
  function atomicIsPossible(stmt, scope) {
    if (stmt.kind !== "store" || !stmt.atomic) return undefined;
    const dtype = scope.buffer(stmt.buffer)!.dtype;
    if (dtype === "bool") return "updates a bool atomically";
    const bitwise = stmt.atomic === "and" || stmt.atomic === "or" || stmt.atomic === "xor";
    return bitwise && dtypeInfo(dtype).kind === "float"
      ? `has no atomic ${stmt.atomic} on ${dtype}`
      : undefined;
  },
  function allocIsOfALocalBuffer(stmt, scope) {
    if (stmt.kind !== "alloc") return undefined;
    const buffer = scope.buffer(stmt.buffer);
    if (buffer?.space !== "local" && buffer?.space !== "panel") return `"${stmt.buffer}" is no local buffer`;
    if (scope.wasAllocated(stmt.buffer)) return `"${stmt.buffer}" has two allocs`;
    const fill = stmt.fill?.type;
    return fill && (fill.lanes !== 1 || fill.dtype !== valueDtype(buffer.dtype))
      ? `fills ${buffer.dtype} with ${typeText(fill)}`
      : undefined;
  },
  function loopCountsIntegers(stmt) {
    if (stmt.kind !== "for") return undefined;
    if (!isInt(stmt.lo.type) || !isInt(stmt.hi.type)) return "a loop's bounds are scalar i32";
    return Number.isInteger(stmt.step) && stmt.step >= 1
      ? undefined
      : `the step ${stmt.step} is not 1 or more`;
  },
  function conditionIsBool(stmt) {
    if (stmt.kind !== "if" && stmt.kind !== "while" && stmt.kind !== "assert") return undefined;
    return isBool(stmt.cond.type) ? undefined : `the condition is ${typeText(stmt.cond.type)}`;
  },
  function jumpIsInALoop(stmt, scope) {
    if (stmt.kind !== "break" && stmt.kind !== "continue") return undefined;
    return scope.jumpTarget ? undefined : `"${stmt.kind}" outside a loop`;
  },
  function marksAreSane(stmt, scope) {
    if (stmt.kind !== "for") return undefined;
    const { parallel, vectorize, unroll } = stmt.marks;
    if (unroll !== undefined && !(Number.isInteger(unroll) && unroll >= 0)) return `unrolls by ${unroll}`;
    const width = vectorize?.width;
    if (width !== undefined && !isPowerOfTwo(width)) return `vectorizes by ${width}`;
    // A workgroup's invocations may share a declared reduction; workers share nothing inside of an iteration.
    return parallel && scope.depth > 0 ? "a parallel loop inside a reduction" : undefined;
  },
  function reductionHasItsParts(stmt) {
    if (stmt.kind !== "reduce") return undefined;
    const { results, init, op, combine } = stmt;
    if (results.length === 0) return "a reduction without results";
    if (init.length !== results.length) return `${init.length} initial values for ${results.length} results`;
    const odd = results.findIndex((result, at) => !sameType(result.type, init[at]!.type));
    if (odd >= 0) return `"${results[odd]!.name}" starts as ${typeText(init[odd]!.type)}`;
    if (op === "custom") return combinerProblem(stmt);
    if (combine) return `a combiner for "${op}"`;
    if (op === "argmax" || op === "argmin") {
      const positions = results.slice(1);
      const { lanes } = results[0]!.type;
      const fit = positions.every(({ type }) => type.dtype === "i32" && type.lanes === lanes);
      return fit && positions.length > 0 ? undefined : `"${op}" gives a value and i32 positions`;
    }
    const unfit = results.find(({ type }) => (type.dtype === "bool") !== (op === "any" || op === "all"));
    return unfit && `"${op}" of ${typeText(unfit.type)}`;
  },
  function yieldIsIntoAReduction(stmt, scope) {
    if (stmt.kind !== "yield") return undefined;
    const inside = scope.around.slice(scope.around.findLastIndex((part) => part.combiner) + 1);
    const target = inside.find((part) => part.reduce?.results[0]!.name === stmt.into)?.reduce;
    if (!target) return `no reduction "${stmt.into}" lies around`;
    if (stmt.values.length !== target.results.length) {
      return `${stmt.values.length} values for ${target.results.length} results`;
    }
    const odd = target.results.findIndex((result, at) => !sameType(result.type, stmt.values[at]!.type));
    return odd < 0
      ? undefined
      : `"${target.results[odd]!.name}" takes no ${typeText(stmt.values[odd]!.type)}`;
  },
];

function combinerProblem(stmt: Stmt & { kind: "reduce" }): string | undefined {
  const { results, combine } = stmt;
  if (!combine) return "a custom reduction without a combiner";
  const counts = [combine.left.length, combine.right.length, combine.values.length];
  if (counts.some((count) => count !== results.length)) return `a combiner of ${counts.join(", ")} parts`;
  const odd = results.findIndex((result, at) => !sameType(result.type, combine.values[at]!.type));
  return odd < 0
    ? undefined
    : `"${results[odd]!.name}" is combined to ${typeText(combine.values[odd]!.type)}`;
}

// Finds the product in a kernel: a nest whose innermost body sums products of two tensors and makes an element of the result
// of the sum. Which loop is what follows from the subscripts: those of the result that only one factor has are rows and
// columns, those of both are items, summed ones that alone make a subscript are channels and the others taps.

import type { Expr, IrKernel, ReduceStmt, Stmt } from "../../../../ir/ir.ts";
import { constant, op, ref, scalarType } from "../../../../ir/ir.ts";
import { dagOf, fixedInt, Unfit, type Access } from "../dag.ts";
import { reducedNest, reducedValue } from "./nest.ts";
import { splitOf } from "./prepared.ts";
import {
  factorOf,
  operandKey,
  stepOf,
  stridedOf,
  stripped,
  type Factor,
  type Linear,
  type Loop,
  type Names,
} from "./subscripts.ts";
import { shiftBuffer, sumBuffer, type Axis, type Operand, type Product, type Strided } from "./spec.ts";

/**
 * The product that a kernel is, or `undefined` where it sums no products; throws `Unfit` for one that can't be done. The
 * factor in the buffer `installed` is its weights, if that is said.
 */
export function productOf(
  kernel: IrKernel,
  known: ReadonlyMap<string, number>,
  installed?: string,
): Product | undefined {
  const split = splitOf(kernel, known);
  const nest = split && reducedNest(split.main, known, ["sum"]);
  const found = nest && factorsOf(nest.reduce);
  if (!found) return undefined;
  const product = new Reading(nest.kernel, nest.loops, nest.body, nest.reduce, found).product(installed);
  const { prepared } = split;
  if (!prepared) return product;
  // Only rows of factors, made of what doesn't go through the planes.
  const { words, weights, operands } = product;
  const alone =
    [words, weights].every(({ buffer }) => !prepared.makes.has(buffer)) &&
    !prepared.takes.has(words.buffer) &&
    [...operands.values()].every(
      ({ kind, at }) => kind === "row" || !(prepared.makes.has(at.buffer) || prepared.takes.has(at.buffer)),
    );
  return alone ? { ...product, prepared } : undefined;
}

interface Summed {
  readonly loops: readonly Loop[];
  readonly factors: readonly [Factor, Factor];
}

/** The loops and the two factors of a sum of products; undefined if it is none. */
function factorsOf(reduce: ReduceStmt): Summed | undefined {
  const { init, span } = reduce;
  const reduced = reducedValue(reduce);
  if (!reduced || init[0]?.kind !== "const" || Number(init[0].value) !== 0) return undefined;
  const { loops, named } = reduced;
  const value = stripped(reduced.value, named);
  if (value.kind !== "op" || value.op !== "mul") return undefined;
  const [a, b] = value.args.map((arg) => factorOf(stripped(arg, named), named, span));
  return a && b ? { loops, factors: [a, b] } : undefined;
}

class Reading {
  private readonly kernel: IrKernel;
  private readonly loops: readonly Loop[];
  private readonly body: readonly Stmt[];
  private readonly reduce: ReduceStmt;
  private readonly summed: Summed;

  constructor(
    kernel: IrKernel,
    loops: readonly Loop[],
    body: readonly Stmt[],
    reduce: ReduceStmt,
    summed: Summed,
  ) {
    this.kernel = kernel;
    this.loops = loops;
    this.body = body;
    this.reduce = reduce;
    this.summed = summed;
  }

  product(installed: string | undefined): Product {
    const { loops, summed } = this;
    const uses = ({ subscripts }: Factor, name: string): boolean =>
      subscripts.some(({ factors }) => factors.has(name));
    // Weights have plain subscripts, and of two such factors they are the second.
    const plain = ({ subscripts, load }: Factor): boolean =>
      !load.guard && subscripts.every(({ factors, first }) => factors.size <= 1 && first === 0);
    const both = summed.factors.every(plain);
    // A factor all of whose rows are columns of the result is the weights, if the other one has none.
    const onlyFirst = loops.every(({ name }) => !uses(summed.factors[1], name));
    const second = both ? !onlyFirst || loops.length === 0 : plain(summed.factors[1]);
    const usual = second ? summed.factors : [summed.factors[1], summed.factors[0]];
    const other = installed !== undefined && usual[1]!.load.buffer !== installed;
    const [words, weights] = (other ? usual.toReversed() : usual) as [Factor, Factor];
    if (!plain(weights)) throw this.unfit("a product of two tensors with composed subscripts");
    const items = loops.filter(({ name }) => uses(words, name) && uses(weights, name));
    const columns = loops.filter(({ name }) => !uses(words, name) && uses(weights, name));
    if (items.length > 1 || columns.length > 1) throw this.unfit("a product over several axes of columns");
    const channel = summed.loops
      .filter(({ name }) =>
        words.subscripts.some(
          ({ factors, first }) => factors.size === 1 && factors.get(name) === 1 && first === 0,
        ),
      )
      .toSorted((a, b) => b.extent - a.extent)[0];
    const axes: { loop: Loop | undefined; at: number }[] = [];
    for (const [at, { factors }] of words.subscripts.entries()) {
      const own = loops.filter(({ name }) => factors.has(name) && !items.some((item) => item.name === name));
      const taps = summed.loops.filter(({ name }) => factors.has(name) && name !== channel?.name);
      if (own.length > 1 || taps.length > 1) throw this.unfit("a subscript of several loops");
      if (taps.length > 0 || own.length > 0) axes.push({ loop: own[0], at });
    }
    const x = axes.pop();
    const y = axes.pop();
    if (axes.some(({ at }) => words.subscripts[at]!.factors.size !== 1 || !this.straight(words, at)))
      throw this.unfit("a window over more than two axes");
    const placing = {
      batch: axes.map(({ loop }) => loop!),
      y,
      x,
      channel,
      column: columns[0],
      item: items[0],
    };
    for (const { name } of loops)
      if (![y?.loop, x?.loop, columns[0], items[0], ...placing.batch].some((loop) => loop?.name === name))
        throw this.unfit("a loop that no factor depends on");
    return this.finished(words, weights, placing);
  }

  private straight({ subscripts }: Factor, at: number): boolean {
    const { factors, first } = subscripts[at]!;
    return first === 0 && [...factors.values()].every((each) => each === 1);
  }

  private unfit(why: string): Unfit {
    return new Unfit(why, this.reduce.span);
  }

  private shapeOf(buffer: string): readonly number[] {
    const found = this.kernel.buffers.find(({ name }) => name === buffer)!;
    return found.shape.map((dim) => fixedInt(dim, "the size of a tensor", found.span));
  }

  private finished(words: Factor, weights: Factor, by: Placing): Product {
    const { loops, kernel, reduce, summed } = this;
    const type = this.typeOf(words, weights);
    const sizes = this.shapeOf(words.load.buffer);
    const tapOf = (at: number | undefined): Loop | undefined =>
      at === undefined
        ? undefined
        : summed.loops.find(
            ({ name }) => words.subscripts[at]!.factors.has(name) && name !== by.channel?.name,
          );
    const tapX = tapOf(by.x?.at);
    const tapY = tapOf(by.y?.at);
    for (const { name } of summed.loops)
      if (![tapX, tapY, by.channel].some((loop) => loop?.name === name))
        throw this.unfit("a sum over more than a window and its channels");
    const axis = (of: Placing["x"], tap: Loop | undefined): Axis => {
      if (!of) return { size: 1, outputs: 1, taps: 1, stride: 1, dilation: 1, offset: 0 };
      const { factors, first } = words.subscripts[of.at]!;
      const stride = of.loop ? factors.get(of.loop.name)! : 1;
      const dilation = tap ? factors.get(tap.name)! : 1;
      if (stride < 1 || dilation < 0) throw this.unfit("a window that moves backwards");
      return {
        size: sizes[of.at]!,
        outputs: of.loop?.extent ?? 1,
        taps: tap?.extent ?? 1,
        stride,
        dilation,
        offset: first,
      };
    };
    const names = {
      batch: by.batch.map(({ name }) => name),
      y: by.y?.loop?.name,
      x: by.x?.loop?.name,
      r: tapY?.name,
      q: tapX?.name,
      channel: by.channel?.name,
      column: by.column?.name,
      item: by.item?.name,
    };
    const sumType = type === "f16" ? "f32" : "i32";
    const dag = dagOf(this.epilogue(sumType, type === "u8" ? by.column : undefined), new Map());
    const operands = new Map<string, Operand>();
    const visit = (node: Product["dag"]["stores"][number]["value"]): void => {
      if (node.kind === "alu") node.args.forEach(visit);
      else if (node.kind === "cast") visit(node.of);
      else if (node.kind === "load" && ![sumBuffer, shiftBuffer].includes(node.access.buffer)) {
        const key = operandKey(node.access);
        const used = node.access.axes.flatMap((at) => (typeof at === "number" ? [dag.loops[at]!.name] : []));
        const row = used.every((name) => name === names.column);
        const missing = loops.find(({ name, extent }) => extent > 1 && !used.includes(name));
        if (!row && missing) throw this.unfit("an operand of the sum that depends on some of the loops");
        const at = this.stridedAccess(node.access, dag.loops, names);
        operands.set(key, { kind: row ? "row" : "word", type: node.type, at });
      }
    };
    for (const { value } of dag.stores) visit(value);
    const [store] = dag.stores;
    const { value } = store!;
    const strided = (factor: Factor): Strided => {
      const shape = this.shapeOf(factor.load.buffer);
      return stridedOf(factor.load.buffer, shape, factor.subscripts, names);
    };
    const placed = strided(words);
    return {
      name: kernel.name,
      span: reduce.span,
      type,
      items: by.item?.extent ?? 1,
      batch: by.batch.map(({ extent }) => extent),
      y: axis(by.y, tapY),
      x: axis(by.x, tapX),
      channels: by.channel?.extent ?? 1,
      columns: by.column?.extent ?? 1,
      // Its positions are those of the input, so that a step on it is one element.
      words: {
        ...placed,
        y: by.y ? stepOf(sizes, by.y.at) : 0,
        x: by.x ? stepOf(sizes, by.x.at) : 0,
        r: 0,
        q: 0,
        first: 0,
      },
      weights: strided(weights),
      pad: words.pad,
      dag,
      operands,
      names,
      result: {
        type: value.kind === "alu" ? value.gives : value.type,
        at: this.stridedAccess(store!.access, dag.loops, names),
      },
    };
  }

  private stridedAccess({ buffer, axes }: Access, loops: readonly Loop[], names: Names): Strided {
    const subscripts = axes.map((axis): Linear =>
      typeof axis === "number"
        ? { factors: new Map([[loops[axis]!.name, 1]]), first: 0 }
        : { factors: new Map(), first: axis.at },
    );
    return stridedOf(buffer, this.shapeOf(buffer), subscripts, names);
  }

  private typeOf(words: Factor, weights: Factor): Product["type"] {
    const dtype = (factor: Factor): string =>
      this.kernel.buffers.find(({ name }) => name === factor.load.buffer)!.dtype;
    const [a, b] = [dtype(words), dtype(weights)];
    if (b === "i8" && (a === "i8" || a === "u8")) return a;
    if (a === "f16" && b === "f16") return "f16";
    throw this.unfit(`a product of ${a} and ${b}, which the matrix unit doesn’t have`);
  }

  /** The nest with a load in place of the reduction: what the vector unit does with each sum. */
  private epilogue(sum: "i32" | "f32", shifted: Loop | undefined): IrKernel {
    const { kernel, loops, body, reduce } = this;
    const type = scalarType(sum);
    const i32 = scalarType("i32");
    const load = (buffer: string, over: readonly Loop[]): Expr => ({
      kind: "load",
      type,
      buffer,
      index: over.map(({ name }) => ref(name, i32)),
    });
    // Two more of each, or loops of one turn would be simplified away; nothing but the loops' order is taken from there.
    const shape = (over: readonly Loop[]): readonly Expr[] =>
      over.map(({ extent }) => constant(extent + 2, i32));
    const sums = load(sumBuffer, loops);
    const value = shifted ? op("add", type, [sums, load(shiftBuffer, [shifted])], reduce.span) : sums;
    const stored = body.findLast((stmt) => stmt.kind === "store");
    let stmts: readonly Stmt[] = body.map((stmt) =>
      stmt === reduce ? { kind: "let", name: reduce.results[0]!.name, value, span: reduce.span } : stmt,
    );
    for (const { name, extent } of loops.toReversed())
      stmts = [
        {
          kind: "for",
          name,
          lo: constant(0, i32),
          hi: constant(extent + 2, i32),
          step: 1,
          marks: {},
          body: stmts,
        },
      ];
    return {
      ...kernel,
      buffers: [
        ...kernel.buffers.map((buffer) =>
          buffer.name === stored?.buffer ? { ...buffer, shape: shape(loops) } : buffer,
        ),
        { name: sumBuffer, dtype: sum, space: "param", shape: shape(loops) },
        ...(shifted
          ? [{ name: shiftBuffer, dtype: sum, space: "param" as const, shape: shape([shifted]) }]
          : []),
      ],
      body: stmts,
    };
  }
}

interface Placing {
  readonly batch: readonly Loop[];
  readonly y: { readonly loop: Loop | undefined; readonly at: number } | undefined;
  readonly x: Placing["y"];
  readonly channel: Loop | undefined;
  readonly column: Loop | undefined;
  readonly item: Loop | undefined;
}

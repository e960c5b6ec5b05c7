// Schedules that differ from one in a single respect: the size of a tile, a factor or a width, a panel more or less, an
// unrolled reduction. They lie beyond what the automatic scheduler proposes, and nobody says that they are legal: every
// candidate goes through the checker.

import { readOnlyBuffers } from "../../compiler/ir/facts.ts";
import type { Directive, ForStmt, IrKernel, LoopRef, Stmt } from "../../compiler/ir/ir.ts";
import { visitBlock, visitExprs } from "../../compiler/ir/walk.ts";
import { constantTrips } from "../../compiler/passes/unroll.ts";
import type { Schedule } from "../../compiler/schedule/auto/index.ts";
import { chainOf } from "../../compiler/schedule/band.ts";

/** Factors that reductions are unrolled by. */
const factors = [2, 4, 8] as const;
const widths = [2, 4, 8, 16, 32, 64] as const;
/** Tiles above this aren't unrolled as a rule, so that one more or less makes no difference. */
const small = 8;

/** The schedules one step away from one of the kernel's. */
export function mutations(schedule: Schedule, kernel: IrKernel): readonly Schedule[] {
  return schedule.flatMap(({ loop, directives }, at) =>
    [
      ...unrolledReductions(directives, reductionLoops(kernel, loop)),
      ...panels(directives, kernel, loop),
      ...directives.flatMap((each, number) =>
        changed(each).map((other) =>
          other ? directives.with(number, other) : directives.toSpliced(number, 1),
        ),
      ),
    ]
      .filter((other) => copiesOf(other, kernel) <= mostCopies)
      .map((other) => schedule.with(at, { loop, directives: other })),
  );
}

/** Copies of a statement's body, in vectors, beyond which compiling takes minutes and no engine keeps values in registers. */
const mostCopies = 256;

/** How many copies of the body, each a vector of four lanes, unrolling and vectors make. */
function copiesOf(directives: readonly Directive[], kernel: IrKernel): number {
  const points = new Map<string, number>();
  visitBlock(kernel.body, (stmt) => {
    if (stmt.kind === "for") points.set(stmt.name, constantTrips(stmt) ?? 1);
  });
  for (const each of directives)
    if (each.kind === "tile") for (const { loop, sizes } of each.sizes) points.set(loop, sizes.at(-1) ?? 1);
  const lanes = 4;
  return directives.reduce((product, each) => {
    if (each.kind !== "unroll" && each.kind !== "vectorize") return product;
    return each.loops.reduce((copies, { loop }) => {
      const size = points.get(loop) ?? 1;
      if (each.kind === "unroll") return copies * (each.factor === 0 ? size : each.factor);
      return copies * Math.max((each.width ?? size) / lanes, 1);
    }, product);
  }, 1);
}

/** Other forms of a directive; undefined where it is left out. */
function changed(directive: Directive): readonly (Directive | undefined)[] {
  switch (directive.kind) {
    case "tile":
      return directive.sizes.flatMap(({ loop, sizes }, at) =>
        sizes.flatMap((size, level) =>
          sizesNear(size)
            .filter((other) => fits(sizes.with(level, other)))
            .map((other) => ({
              ...directive,
              sizes: directive.sizes.with(at, { loop, sizes: sizes.with(level, other) }),
            })),
        ),
      );
    case "vectorize":
      return widths
        .filter((width) => width !== directive.width)
        .filter((width) => directive.width !== undefined && width / directive.width <= 2)
        .filter((width) => width * 2 >= directive.width!)
        .map((width) => ({ ...directive, width }));
    case "unroll":
      return directive.factor === 0
        ? []
        : [
            undefined,
            ...factors
              .filter((factor) => factor !== directive.factor)
              .map((factor) => ({ ...directive, factor })),
          ];
    case "stage":
      return [undefined];
    default:
      return [];
  }
}

function sizesNear(size: number): readonly number[] {
  const near = size <= small ? [size - 1, size + 1, size * 2, size / 2] : [size * 2, size / 2];
  return [...new Set(near)].filter((other) => Number.isInteger(other) && other >= 1);
}

/** Whether each level's tiles are larger than those inside of them. */
const fits = (sizes: readonly number[]): boolean =>
  sizes.every((size, level) => level === 0 || size < sizes[level - 1]!);

/** Copies of the innermost loop of each reduction, and of all its short ones, where nothing is said of them yet. */
function unrolledReductions(
  directives: readonly Directive[],
  reductions: readonly (readonly ForStmt[])[],
): readonly (readonly Directive[])[] {
  const named = new Set(
    directives.flatMap((each) =>
      each.kind === "unroll" || each.kind === "vectorize" ? each.loops.map(({ loop }) => loop) : [],
    ),
  );
  const free = reductions.map((loops) => loops.filter(({ name }) => !named.has(name)));
  const unrolled = (loops: readonly ForStmt[], factor: number): Directive[] => [
    ...directives,
    { kind: "unroll", loops: loops.map(({ name }) => ({ loop: name })), factor },
  ];
  return free.flatMap((loops) => {
    const short = loops.filter((loop) => (constantTrips(loop) ?? Infinity) <= small);
    const innermost = loops.slice(-1);
    return [
      ...(short.length > 0 ? [unrolled(short, 0)] : []),
      ...(innermost.length > 0 ? factors.map((factor) => unrolled(innermost, factor)) : []),
    ];
  });
}

/** The loops of each reduction in a statement, outermost first. */
function reductionLoops(kernel: IrKernel, statement: string): readonly (readonly ForStmt[])[] {
  const found: ForStmt[][] = [];
  visitBlock(statementOf(kernel, statement), (stmt) => {
    if (stmt.kind !== "reduce") return;
    const loops: ForStmt[] = [];
    for (let body = stmt.body; ;) {
      const inner = body.find((each) => each.kind === "for");
      if (inner?.kind !== "for") break;
      loops.push(inner);
      body = inner.body;
    }
    found.push(loops);
  });
  return found;
}

/** One more panel: of each operand that nothing writes and that isn't staged yet, at each loop outside of points. */
function panels(
  directives: readonly Directive[],
  kernel: IrKernel,
  statement: string,
): readonly (readonly Directive[])[] {
  const [first] = statementOf(kernel, statement);
  if (first?.kind !== "for") return [];
  const staged = new Set(directives.flatMap((each) => (each.kind === "stage" ? each.buffers : [])));
  const read = new Set<string>();
  visitExprs([first], (expr) => expr.kind === "load" && read.add(expr.buffer));
  const constant = readOnlyBuffers(kernel);
  const operands = [...read].filter((buffer) => constant.has(buffer) && !staged.has(buffer));
  const levels = new Map(
    directives.flatMap((each) =>
      each.kind === "tile" ? each.sizes.map(({ loop, sizes }): [string, number] => [loop, sizes.length]) : [],
    ),
  );
  const places = chainOf(first).loops.flatMap(({ name }): LoopRef[] => {
    const count = levels.get(name);
    return count === undefined
      ? [{ loop: name }]
      : Array.from({ length: count }, (_, level) => ({ loop: name, level }));
  });
  return operands.flatMap((buffer) =>
    [undefined, ...places].map((at): Directive[] => [
      ...directives,
      { kind: "stage", buffers: [buffer], ...(at && { at }) },
    ]),
  );
}

function statementOf(kernel: IrKernel, loop: string): readonly Stmt[] {
  let found: readonly Stmt[] = [];
  visitBlock(kernel.body, (stmt) => {
    if (stmt.kind === "for" && stmt.name === loop) found = [stmt];
  });
  return found;
}

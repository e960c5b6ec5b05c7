// Schedules that differ from one in a single respect: the size of a tile, a factor or a width, a panel more or less, an
// unrolled reduction. They lie beyond what the automatic scheduler proposes, and nobody says that they are legal: every
// candidate goes through the checker.

import type { Directive, ForStmt, IrKernel } from "../../compiler/ir/ir.ts";
import { visitBlock } from "../../compiler/ir/walk.ts";
import type { Schedule } from "../../compiler/schedule/auto/index.ts";

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
      ...directives.flatMap((each, number) =>
        changed(each).map((other) =>
          other ? directives.with(number, other) : directives.toSpliced(number, 1),
        ),
      ),
    ].map((other) => schedule.with(at, { loop, directives: other })),
  );
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

/** Copies of the innermost loop of each reduction, where nothing is said of it yet. */
function unrolledReductions(
  directives: readonly Directive[],
  loops: readonly string[],
): readonly (readonly Directive[])[] {
  const named = new Set(
    directives.flatMap((each) =>
      each.kind === "unroll" || each.kind === "vectorize" ? each.loops.map(({ loop }) => loop) : [],
    ),
  );
  return loops
    .filter((loop) => !named.has(loop))
    .flatMap((loop) =>
      factors.map((factor): Directive[] => [...directives, { kind: "unroll", loops: [{ loop }], factor }]),
    );
}

/** The innermost loops of the reductions in a statement, by their names in the IR. */
function reductionLoops(kernel: IrKernel, statement: string): readonly string[] {
  const found = new Set<string>();
  const innermost = (loop: ForStmt): void => {
    const [only] = loop.body.filter((stmt) => stmt.kind === "for");
    if (only) innermost(only);
    else found.add(loop.name);
  };
  visitBlock(kernel.body, (outer) => {
    if (outer.kind !== "for" || outer.name !== statement) return;
    visitBlock([outer], (stmt) => {
      if (stmt.kind === "reduce") for (const each of stmt.body) if (each.kind === "for") innermost(each);
    });
  });
  return [...found];
}

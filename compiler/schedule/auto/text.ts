// A schedule as annotations that can be pasted into the source: which lines, above which statement.

import { positionAt, textOf, type Span } from "../../../lang/source.ts";
import type { TargetName } from "../../artifact.ts";
import type { Directive, ForStmt, IrKernel, LoopRef, ReduceStmt, Stmt } from "../../ir/ir.ts";
import { blocksOf, visitBlock } from "../../ir/walk.ts";
import { planOf } from "../plan.ts";
import type { Schedule } from "./annotate.ts";

/** Annotations of one statement, as the source would have them. */
export interface AnnotationText {
  /** Where the annotated statement begins. */
  readonly span: Span | undefined;
  /** A line each, without indentation. */
  readonly lines: readonly string[];
}

/** The annotations of a schedule, restricted to a target, in the order of the source. */
export function annotationTexts(
  kernel: IrKernel,
  schedule: Schedule,
  target: TargetName | undefined,
): readonly AnnotationText[] {
  const loops = new Map<string, ForStmt>();
  visitBlock(kernel.body, (stmt) => stmt.kind === "for" && loops.set(stmt.name, stmt));
  return schedule.flatMap(({ loop, directives }) => {
    const first = loops.get(loop);
    if (!first) return [];
    const words = new Words(loops, directives, ownLoops(first));
    const prefix = target === undefined ? "@" : `@${target}.`;
    const lines = directives.map((each) => `${prefix}${words.directive(each)}`);
    return [{ span: statementOf(kernel, first), lines }];
  });
}

/** As one text: the place of each statement as a comment where there are several. */
export function scheduleText(texts: readonly AnnotationText[]): string {
  return texts
    .flatMap(({ span, lines }) => [
      ...(texts.length > 1 && span ? [`# line ${positionAt(span.file, span.start).line}`] : []),
      ...lines,
    ])
    .join("\n");
}

/** The loops of the statement that a loop begins: a `grid` has several, perfectly nested. */
function ownLoops(first: ForStmt): readonly ForStmt[] {
  const own = [first];
  for (let last = first; ;) {
    const [only] = last.body;
    if (last.body.length !== 1 || only?.kind !== "for" || !sameStatement(first, only)) return own;
    own.push((last = only));
  }
}

/** Loop variables of one `for` stand before the same `in`. */
function sameStatement(a: ForStmt, b: ForStmt): boolean {
  if (!a.span || !b.span || a.span.file !== b.span.file) return false;
  return !/\bin\b/.test(a.span.file.text.slice(a.span.end, b.span.start)) || a.span.start === b.span.start;
}

/** The statement that a loop belongs to: itself, or what a generator stands in. */
function statementOf(kernel: IrKernel, loop: ForStmt): Span | undefined {
  let found: Span | undefined;
  const visit = (block: readonly Stmt[], around: Span | undefined): void => {
    block.forEach((stmt, at) => {
      if (stmt === loop) found = around ?? loop.span;
      const outer = stmt.kind === "reduce" ? (around ?? usedBy(stmt, block.slice(at + 1))) : around;
      for (const inner of blocksOf(stmt)) visit(inner, stmt.kind === "for" && !around ? undefined : outer);
    });
  };
  visit(kernel.body, undefined);
  return found;
}

/** The span of the statement whose generator a reduction was. */
function usedBy({ span }: ReduceStmt, rest: readonly Stmt[]): Span | undefined {
  const holds = ({ span: other }: Stmt): boolean =>
    other !== undefined &&
    span !== undefined &&
    other.file === span.file &&
    other.start <= span.start &&
    other.end >= span.end;
  return rest.filter((stmt) => stmt.kind !== "reduce").find(holds)?.span ?? span;
}

class Words {
  private readonly loops: ReadonlyMap<string, ForStmt>;
  private readonly own: readonly ForStmt[];
  private readonly levels: ReadonlyMap<string, readonly number[]>;

  constructor(
    loops: ReadonlyMap<string, ForStmt>,
    directives: readonly Directive[],
    own: readonly ForStmt[],
  ) {
    this.loops = loops;
    this.own = own;
    this.levels = planOf(directives).tiles;
  }

  directive(each: Directive): string {
    switch (each.kind) {
      case "tile":
        return `tile(${each.sizes.map(({ loop, sizes }) => `${this.name(loop)}=${sizesText(sizes)}`).join(", ")})`;
      case "stage":
        return `stage(${[...each.buffers, ...(each.at ? [`at=${this.ref(each.at)}`] : [])].join(", ")})`;
      case "vectorize": {
        const options = [
          ...(each.width === undefined ? [] : [`width=${each.width}`]),
          ...(each.tail === "mask" ? [] : [`tail="${each.tail}"`]),
        ];
        return this.call(each.kind, each.loops, this.own.slice(-1), options);
      }
      case "unroll":
        return this.call(each.kind, each.loops, [], each.factor === 0 ? [] : [String(each.factor)]);
      default:
        return this.call(each.kind, each.loops, each.kind === "parallel" ? this.own : [], []);
    }
  }

  /** With the loops by name, unless they are those that an annotation without names means. */
  private call(
    kind: string,
    refs: readonly LoopRef[],
    implied: readonly ForStmt[],
    options: readonly string[],
  ) {
    const plain = refs.every(({ level }) => level === undefined) && this.levels.size === 0;
    const unnamed =
      plain && refs.length === implied.length && refs.every(({ loop }, at) => loop === implied[at]!.name);
    const args = [...(unnamed ? [] : new Set(refs.map((each) => this.ref(each)))), ...options];
    return args.length === 0 ? kind : `${kind}(${args.join(", ")})`;
  }

  private ref({ loop, level }: LoopRef): string {
    const name = this.name(loop);
    if (level === undefined) return name;
    return (this.levels.get(loop)?.length ?? 1) > 1 && level > 0 ? `${name}.tile[${level}]` : `${name}.tile`;
  }

  /** The variable as the source has it; the loops of a pack share theirs. */
  private name(loop: string): string {
    const stmt = this.loops.get(loop);
    const said = stmt?.span ? textOf(stmt.span) : undefined;
    return said !== undefined && /^\w+$/.test(said) ? said : (stmt?.marks.label ?? loop);
  }
}

const sizesText = (sizes: readonly number[]): string =>
  sizes.length === 1 ? String(sizes[0]) : `(${sizes.join(", ")})`;

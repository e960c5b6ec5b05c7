// Annotations with `@tsp.`, as lowering takes them: which loops and tensors, by their names in the IR, are to lie or run how.
// A way of lowering says of each one what came of it, or why it means nothing there; what asks for something that the machine
// can't do is an error. Without any the compiler chooses everything, and annotations for all targets choose nothing here.

import { textOf, type Span } from "../../../../lang/source.ts";
import type { Directive, IrKernel } from "../../../ir/ir.ts";
import { visitBlock } from "../../../ir/walk.ts";
import { Unfit } from "./dag.ts";

/** What became of an annotation: `done` says what it did, otherwise `what` is the reason why it did nothing. */
export interface Outcome {
  readonly span: Span | undefined;
  readonly done: boolean;
  readonly what: string;
}

/** An annotation that can't be carried out for these sizes. */
export class WrongAnnotation extends Unfit {
  readonly annotation: string;
  readonly fix: string;

  constructor(directive: Directive, why: string, fix: string) {
    super(why, directive.span);
    this.annotation = textOfDirective(directive);
    this.fix = fix;
  }
}

type Of<K extends Directive["kind"]> = Directive & { readonly kind: K };

export class Steering {
  readonly directives: readonly Directive[];
  private readonly notes = new Map<Directive, Outcome>();
  private readonly labels = new Map<string, string>();

  constructor(kernel: IrKernel) {
    const found: Directive[] = [];
    visitBlock(kernel.body, (stmt) => {
      if (stmt.kind !== "for") return;
      this.labels.set(stmt.name, stmt.marks.label ?? stmt.name);
      for (const each of stmt.schedule ?? []) if (each.target === "tsp") found.push(each);
    });
    this.directives = found;
  }

  all<K extends Directive["kind"]>(kind: K): readonly Of<K>[] {
    return this.directives.filter((each): each is Of<K> => each.kind === kind);
  }

  /** A loop's name in the source. */
  label(loop: string): string {
    return this.labels.get(loop) ?? loop;
  }

  done(directive: Directive, what: string): void {
    this.notes.set(directive, { span: directive.span, done: true, what });
  }
  left(directive: Directive, what: string): void {
    this.notes.set(directive, { span: directive.span, done: false, what });
  }

  /** What became of all; those that nobody spoke of mean nothing to this way of lowering, for a reason by their kind. */
  outcomes(reasons: Readonly<Record<Directive["kind"], string>>): readonly Outcome[] {
    return this.directives.map(
      (each) => this.notes.get(each) ?? { span: each.span, done: false, what: reasons[each.kind] },
    );
  }
}

const textOfDirective = ({ span, kind }: Directive): string => (span ? textOf(span) : `@tsp.${kind}`);

export const noThreads = "there are no workgroups: one chip runs one program";

// What the names of one file mean, by place: gathered while the checker goes over it.

import { resolve } from "node:path";
import { typeName } from "../../lang/check/types.ts";
import type { SourceFile, Span } from "../../lang/source.ts";
import type { Meaning } from "../../lang/typed.ts";

/** A name as it stands in the file. */
export interface Use {
  readonly span: Span;
  readonly declared: Span;
  readonly what: string;
}

/** A file is known by several paths: as it was opened, and as another imports it. */
const paths = new WeakMap<SourceFile, string>();

function keyOf({ file, start }: Span): string {
  let path = paths.get(file);
  if (path === undefined) paths.set(file, (path = resolve(file.path)));
  return `${path}:${start}`;
}

export class Names {
  private readonly file: SourceFile;
  private readonly uses = new Map<number, Use>();
  /** By declaration: a generic definition is checked for several dtypes. */
  private readonly types = new Map<string, Set<string>>();

  constructor(file: SourceFile) {
    this.file = file;
  }

  /** Takes in what the checker says. */
  hear(at: Span, { declared, what, type }: Meaning): void {
    if (type && type.kind !== "error") {
      const key = keyOf(declared);
      this.types.set(key, (this.types.get(key) ?? new Set()).add(typeName(type)));
    }
    if (at.file !== this.file || at.end <= at.start) return;
    // The name in an import declares itself, too; what it stands for is worth more.
    const known = this.uses.get(at.start);
    if (known && keyOf(known.declared) !== keyOf(known.span)) return;
    this.uses.set(at.start, { span: at, declared: declared, what });
  }

  /** The name that an offset lies in or behind. */
  at(offset: number): Use | undefined {
    for (const use of this.uses.values())
      if (use.span.start <= offset && offset <= use.span.end) return this.resolved(use);
    return undefined;
  }

  all(): Use[] {
    return [...this.uses.values()].map((use) => this.resolved(use));
  }

  /** Every place of the file that names what is declared there. */
  of(declared: Span): Span[] {
    const key = keyOf(declared);
    return this.all().flatMap((use) => (keyOf(use.declared) === key ? [use.span] : []));
  }

  /** The types that a declared name has, one for each way in which its definition was checked. */
  typesOf(declared: Span): readonly string[] {
    return [...(this.types.get(keyOf(declared)) ?? [])];
  }

  /** Through imports, whose names stand for what they import. */
  private resolved(use: Use): Use {
    let { declared, what } = use;
    for (let step = 0; step < 8 && declared.file === this.file; step++) {
      const next = this.uses.get(declared.start);
      if (!next || keyOf(next.declared) === keyOf(declared)) break;
      ({ declared, what } = next);
    }
    return { ...use, declared, what };
  }
}

/** Whether two places are one. */
export const isSame = (a: Span, b: Span): boolean => keyOf(a) === keyOf(b);

// Lexical scopes. A name means an Entity; names are looked up from the inside out: block, parameters,
// module, and then (elsewhere) the built-ins.

import type { Span } from "../source.ts";
import type { Meaning, Sym } from "../typed.ts";
import type { Body } from "./context.ts";
import type { Value } from "./values.ts";

export type Entity =
  /** A run-time name, with the body that declared it (a nested `def` may read it, not change it). */
  | { readonly kind: "sym"; readonly sym: Sym; readonly body: Body; readonly span: Span }
  | { readonly kind: "value"; readonly value: Value; readonly span: Span; readonly what: string }
  /** A declaration of a module, evaluated when it is first named. */
  | { readonly kind: "lazy"; readonly resolve: () => Value; readonly span: Span; readonly what: string };

export class Scope {
  readonly parent: Scope | undefined;
  private readonly entities = new Map<string, Entity>();

  constructor(parent?: Scope) {
    this.parent = parent;
  }

  /** The entity declared in this very scope. */
  own(name: string): Entity | undefined {
    return this.entities.get(name);
  }

  lookup(name: string): Entity | undefined {
    return this.entities.get(name) ?? this.parent?.lookup(name);
  }

  declare(name: string, entity: Entity): void {
    this.entities.set(name, entity);
  }

  ownEntries(): Iterable<[string, Entity]> {
    return this.entities;
  }

  /** Every name that can be seen from here, the nearest first. */
  *visible(): Iterable<string> {
    yield* this.entities.keys();
    if (this.parent) yield* this.parent.visible();
  }
}

/** Where an entity is declared: a function or a kernel where its own text is, whatever imports lie between. */
export function meaningOf(entity: Entity): Meaning {
  if (entity.kind === "sym") {
    const { kind, span, type } = entity.sym;
    return { declared: span, what: kind, type };
  }
  const { span, what } = entity;
  if (entity.kind === "lazy") return { declared: span, what };
  const { value } = entity;
  switch (value.kind) {
    case "function":
    case "kernel":
      return { declared: value.template.decl.name.span, what: value.kind };
    case "module":
      return { declared: { file: value.module.file, start: 0, end: 0 }, what: "module" };
    case "typed":
      return { declared: span, what, type: value.expr.type };
    default:
      return { declared: span, what };
  }
}

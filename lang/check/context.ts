// What the checker carries about: a Session for one `checkModule`, a Body for one function-like thing being
// elaborated, and a Cx, the place inside it. Cx is the first argument of nearly every function in this folder.

import type { Span, SourceFile } from "../source.ts";
import type { Module } from "../syntax/ast.ts";
import type { ModuleHost, NameObserver, Sym, TAnnotation, TFunction, Type } from "../typed.ts";
import {
  diagnostic,
  nearest,
  type Diagnostic,
  type DiagnosticDetails,
  type DiagnosticSink,
} from "../diagnostics/diagnostic.ts";
import type { CatalogueCode, Params } from "../diagnostics/catalogue/index.ts";
import { meaningOf, Scope, type Entity } from "./scope.ts";
import type { FunctionTemplate, KernelEntry } from "./values.ts";

export interface ModuleInfo {
  readonly file: SourceFile;
  readonly ast: Module;
  /** `std.math` for a library module, else the path; for messages. */
  readonly name: string;
  /** Part of the standard library, which alone may say `intrinsic.`. */
  readonly std: boolean;
  /** The module being checked, as opposed to one that it imports: only it gets warnings. */
  readonly root: boolean;
  /** Has syntax errors, so statements may be missing: what is absent is no mistake then. */
  readonly damaged: boolean;
  readonly scope: Scope;
  readonly kernels: KernelEntry[];
  readonly functions: FunctionTemplate[];
}

/** State of one `checkModule` and of the instantiations asked for afterwards. */
export class Session {
  readonly host: ModuleHost;
  readonly observer: NameObserver | undefined;
  readonly modules = new Map<string, ModuleInfo>();
  /** Files being loaded, outermost first; a file that appears twice is an import cycle. */
  readonly loading: SourceFile[] = [];
  /** Definitions being elaborated, outermost first; one that appears twice is a recursion. */
  readonly elaborating: { readonly decl: object; readonly name: string }[] = [];
  private readonly functionIds = new Map<TFunction, number>();

  constructor(host: ModuleHost, observer?: NameObserver) {
    this.host = host;
    this.observer = observer;
  }

  /** A number that stands for a function instance in the key of another instance. */
  idOf(fn: TFunction): number {
    let id = this.functionIds.get(fn);
    if (id === undefined) this.functionIds.set(fn, (id = this.functionIds.size));
    return id;
  }
}

/** How much one body may grow by `comptime for` before elaboration gives up. */
export const elaborationLimit = 50_000;
/** Nesting that no later recursive pass should have to survive. */
export const depthLimit = 400;

export interface Body {
  readonly kind: "kernel" | "def" | "test" | "module";
  readonly name: string;
  readonly module: ModuleInfo;
  readonly sink: DiagnosticSink;
  /** What `return` gives; set for a `def` once its signature is known. */
  result?: Type;
  /** The body around a nested `def`. */
  readonly outer?: Body;
  /** Syms read somewhere. */
  readonly used: Set<Sym>;
  /** Tensor parameters by mode. */
  readonly modes: Map<Sym, "in" | "out" | "mut">;
  /** Locals, to be reported if nothing reads them. */
  readonly locals: { readonly sym: Sym; readonly mutable: boolean }[];
  /** True where parameters were given values only so that the body could be checked. */
  readonly sampled: boolean;
  depth: number;
  elaborated: number;
  /** Set when a `comptime assert` failed: the rest was not written for these values. */
  abandoned: boolean;
}

export function makeBody(
  given: Pick<Body, "kind" | "name" | "module" | "sink"> &
    Partial<Pick<Body, "result" | "outer" | "sampled">>,
): Body {
  return {
    sampled: given.outer?.sampled ?? false,
    ...given,
    used: new Set(),
    modes: new Map(),
    locals: [],
    depth: 0,
    elaborated: 0,
    abandoned: false,
  };
}

/** A place in a body: its scope, whether a loop is around it, and the annotations of its statement. */
export class Cx {
  readonly session: Session;
  readonly body: Body;
  readonly scope: Scope;
  readonly inLoop: boolean;
  readonly annotations: readonly TAnnotation[];

  constructor(
    session: Session,
    body: Body,
    scope: Scope,
    inLoop = false,
    annotations: readonly TAnnotation[] = [],
  ) {
    this.session = session;
    this.body = body;
    this.scope = scope;
    this.inLoop = inLoop;
    this.annotations = annotations;
  }

  /** The same place in a scope of its own. */
  inner(inLoop = this.inLoop): Cx {
    return new Cx(this.session, this.body, new Scope(this.scope), inLoop, this.annotations);
  }

  withAnnotations(annotations: readonly TAnnotation[]): Cx {
    return new Cx(this.session, this.body, this.scope, this.inLoop, annotations);
  }

  report<C extends CatalogueCode>(code: C, params: Params<C>, span: Span, details?: DiagnosticDetails): void {
    this.body.sink.add(diagnostic(code, params, span, details));
  }

  /** What a name means here, the nearest declaration first; `span` is where it is written. */
  lookup(name: string, span: Span): Entity | undefined {
    const entity = this.scope.lookup(name);
    if (entity) this.session.observer?.(span, meaningOf(entity));
    return entity;
  }

  /** Declares a name, unless this scope has it already. */
  declare(name: string, entity: Entity): void {
    const before = this.scope.own(name);
    if (before) {
      this.report("K0203", { name }, entity.span, {
        related: [{ span: before.span, text: "it is declared here" }],
        notes: ["a name is declared once in a block; an inner block may declare it anew"],
      });
    }
    this.scope.declare(name, entity);
    this.session.observer?.(entity.span, meaningOf(entity));
  }

  /** Declares a Sym of this body. */
  declareSym(sym: Sym): void {
    this.declare(sym.name, { kind: "sym", sym, body: this.body, span: sym.span });
  }
}

/** Marks a Sym as read, in its own body and in those between (a nested `def` reads the names around it). */
export function markUsed(cx: Cx, sym: Sym): void {
  for (let body: Body | undefined = cx.body; body; body = body.outer) body.used.add(sym);
}

/** Passes an instance's diagnostics on to where it is asked for; imported modules keep their warnings. */
export function forward(
  diagnostics: readonly Diagnostic[],
  sink: DiagnosticSink,
  root: SourceFile | undefined,
): void {
  for (const found of diagnostics) {
    if (found.severity === "warning" && root && found.span && found.span.file !== root) continue;
    sink.add(found);
  }
}

/** "did you mean" for a misspelt name, with the edit that mends it. */
export function suggestion(name: string, known: Iterable<string>, span: Span): DiagnosticDetails {
  const near = nearest(name, known);
  // Any short name is near any other.
  if (near === undefined || (name.length <= 2 && near.toLowerCase() !== name.toLowerCase())) return {};
  return { fix: { text: `did you mean \`${near}\`?`, edits: [{ span, replacement: near }] } };
}

// Writes the body of one WebAssembly function: a growing list of statements in the text format, the locals
// they use, and the helper functions they call. Expressions are strings; whatever is used twice is bound to a local.

import type { Span } from "../../../lang/source.ts";
import { positionAt } from "../../../lang/source.ts";
import type { WasmType } from "./representation.ts";

/** Begins a line that gives the place in the source of what follows. */
const placeMark = ";;@ ";

export class Writer {
  private lines: string[] = [];
  private readonly declared: string[] = [];
  private readonly taken = new Set<string>();
  private counter = 0;
  private place = "";
  /** Loops around what is being written. */
  private depth = 0;
  /** Locals of vector constants that loops use, by their text. */
  private readonly constants = new Map<string, string>();
  /** Names of helper functions that the module's functions call. */
  readonly helpers: Set<string>;
  /** The instruction-set extensions that may be used. */
  readonly features: ReadonlySet<string>;

  constructor(helpers: Set<string>, features: ReadonlySet<string>) {
    this.helpers = helpers;
    this.features = features;
  }

  /** The statements so far. A place holds until the next one: repeating it would cost Binaryen a tenth of its time. */
  get text(): string {
    let last = "";
    return this.lines
      .join("\n")
      .split("\n")
      .filter((line) => !line.startsWith(placeMark) || (line !== last && (last = line)))
      .join("\n");
  }
  /** The declarations of locals so far. */
  get locals(): readonly string[] {
    return this.declared;
  }

  /** Sets the locals of constants: to stand before the statements. */
  get prologue(): string {
    return [...this.constants].map(([text, name]) => `(local.set ${name} ${text})`).join("\n");
  }

  /** Appends a statement. */
  push(statement: string): void {
    this.lines.push(this.place + (this.depth > 0 ? this.withoutConstants(statement) : statement));
  }

  /**
   * A statement with locals instead of vector constants: an engine that doesn't move them out of loops by itself makes
   * them of three instructions at each use. Zeros and ones take one anywhere.
   */
  private withoutConstants(statement: string): string {
    if (!statement.includes("(v128.const ")) return statement;
    return statement.replaceAll(/\(v128\.const [^()]*\)/g, (text) => {
      if (/^\(v128\.const \S+( 0| -1)*\)$/.test(text)) return text;
      let name = this.constants.get(text);
      if (name === undefined) this.constants.set(text, (name = this.local("v128", "constant")));
      return `(local.get ${name})`;
    });
  }

  /** Statements from now on belong to this place in the source. */
  at(span: Span | undefined): void {
    if (!span) return;
    const { line, column } = positionAt(span.file, span.start);
    this.place = `${placeMark}${span.file.path.replaceAll(/\s/g, "%20")}:${line}:${column}\n`;
  }

  /** Reserves a name that is no other local's, as near to `wanted` as the text format allows. */
  reserve(wanted: string): string {
    const base = `$${wanted.replaceAll(/[^A-Za-z0-9_.&]/g, "_")}`;
    let name = base;
    for (let n = 1; this.taken.has(name); n++) name = `${base}_${n}`;
    this.taken.add(name);
    return name;
  }

  /** Declares a local and gives its name. */
  local(type: WasmType, wanted?: string): string {
    const name = this.reserve(wanted ?? `t${this.counter++}`);
    this.declared.push(`(local ${name} ${type})`);
    return name;
  }

  /** Makes an expression cheap to repeat: one that isn't already is kept in a new local. */
  bind(expression: string, type: WasmType): string {
    if (isCheap(expression)) return expression;
    const name = this.local(type);
    this.push(`(local.set ${name} ${expression})`);
    return `(local.get ${name})`;
  }

  bindVector(expression: string): string {
    return this.bind(expression, "v128");
  }

  /** What `write` pushes as the body of a loop. */
  looped(write: () => void): string {
    this.depth++;
    try {
      return this.nested(write);
    } finally {
      this.depth--;
    }
  }

  /** What `write` pushes, as one string of statements. */
  nested(write: () => void): string {
    const outer = this.lines;
    const place = this.place;
    this.lines = [];
    try {
      write();
      return this.lines.join("\n");
    } finally {
      this.lines = outer;
      this.place = place;
    }
  }

  /** A call of a helper function. */
  call(helper: string, ...args: readonly string[]): string {
    this.helpers.add(helper);
    return `(call $${helper} ${args.join(" ")})`;
  }
}

/** Whether repeating an expression costs nothing and can't change its value before the next assignment. */
export function isCheap(expression: string): boolean {
  return /^\((local\.get [^()]*|(i32|i64|f32|f64)\.const [^()]*|v128\.const [^()]*)\)$/.test(expression);
}

/** The value of an i32 constant expression. */
export function constantOf(expression: string): number | undefined {
  const found = /^\(i32\.const (-?\d+)\)$/.exec(expression);
  return found ? Number(found[1]) : undefined;
}

// Random kernels as text: loops marked for vectors over bodies with divergent control, arrays of a lane, gathers and
// reductions. Passes and targets are held against the interpreter with them.

import { generator } from "./equivalence.ts";

/** One random kernel. */
export const randomLoops = (seed: number): string => new Writer(seed).kernel();

/** Writes one random kernel. Integers only, so that results are the same bit for bit in any order. */
class Writer {
  private readonly random: () => number;
  private count = 0;
  private lines: string[] = [];
  private readonly arrays: string[] = [];
  private alive: string[] = [];

  constructor(seed: number) {
    this.random = generator(seed);
  }

  private below(n: number): number {
    return Math.floor(this.random() * n);
  }
  private pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
  private chance(p: number): boolean {
    return this.random() < p;
  }
  private name(stem: string): string {
    return `${stem}${this.count++}`;
  }

  kernel(): string {
    const tail = this.pick(["mask", "peel", "scalar"]);
    const width = this.pick(["", ", 2", ", 4", ", 8"]);
    const mark = `${this.chance(0.2) ? "parallel " : ""}vectorize(${tail}${width}) `;
    const step = this.pick(["", "", " step 2", " step 3"]);
    const body = this.chance(0.3) ? this.reduction(mark, step) : this.loop(mark, step);
    const arrays = this.arrays.map((name) => `local ${name}: i32[4]`);
    return [
      "kernel k(x: in i32[N], b: in i32[8], t: in u8[N], y: mut i32[N], z: mut i32[8, N], s: mut i32[4]) dims(N = x.0) {",
      ...arrays,
      ...body,
      "}",
    ].join("\n");
  }

  private loop(mark: string, step: string): string[] {
    const lo = this.pick(["0", "0", "1", "b[0] & 3"]);
    const bound =
      lo === "b[0] & 3"
        ? [`let from: i32 = ${lo}`, `${mark.replace("parallel ", "")}for i in from..N${step} {`]
        : [`${mark}for i in ${lo}..N${step} {`];
    return [...bound, ...this.block(["i", "N"], [], 3, { jumps: "continue", stores: true }), "}"];
  }

  private reduction(mark: string, step: string): string[] {
    const marks = mark.replace("parallel ", "");
    const lines: string[] = [];
    const kind = this.pick(["sum", "prod", "max", "argmax", "custom"]);
    const heads: Record<string, string> = {
      sum: "reduce sum(r: i32 = 0) {",
      prod: "reduce prod(r: i32 = 1) {",
      max: "reduce max(r: i32 = -2147483648) {",
      argmax: "reduce argmax(r: i32 = -2147483648, p: i32 = 2147483647) {",
      custom:
        "reduce custom(r: i32 = 0, p: i32 = -9) combine(a0, b0; a1, b1) { => a0 ^ a1, max(b0, b1) } over {",
    };
    const values =
      kind === "argmax"
        ? (e: string) => `yield r(${e} % 7, i)`
        : kind === "custom"
          ? (e: string) => `yield r(${e}, ${e} + i)`
          : (e: string) => `yield r(${e})`;
    lines.push(heads[kind]!, `${marks}for i in 0..N${step} {`);
    lines.push(...this.block(["i", "N"], [], 2, { jumps: "continue", stores: false, yields: values }));
    lines.push("}", "}", "s[0] = r");
    if (kind === "argmax" || kind === "custom") lines.push("s[1] = p");
    return lines;
  }

  private block(
    names: readonly string[],
    variables: readonly string[],
    depth: number,
    options: { jumps: "none" | "continue" | "both"; stores: boolean; yields?: (e: string) => string },
  ): string[] {
    const outer = this.lines;
    const aliveOutside = this.alive;
    this.lines = [];
    this.alive = [...aliveOutside];
    const own = { names: [...names], variables: [...variables] };
    const length = 2 + this.below(4);
    for (let at = 0; at < length; at++) if (!this.statement(own, depth, options)) break;
    const made = this.lines;
    this.lines = outer;
    this.alive = aliveOutside;
    return made;
  }

  /** Adds a statement; false behind a jump. */
  private statement(
    own: { names: string[]; variables: string[] },
    depth: number,
    options: { jumps: "none" | "continue" | "both"; stores: boolean; yields?: (e: string) => string },
  ): boolean {
    const e = (): string => this.expr(own.names, 2);
    const block = (extra: readonly string[], jumps = options.jumps): string[] =>
      this.block([...own.names, ...extra], own.variables, depth - 1, { ...options, jumps });
    const roll = this.below(depth > 0 ? 15 : 9);
    if (roll < 2) {
      const name = this.name("v");
      this.lines.push(`let ${name}: i32 = ${e()}`);
      own.names.push(name);
    } else if (roll < 4) {
      const name = this.name("w");
      this.lines.push(`var ${name}: i32 = ${e()}`);
      own.names.push(name);
      own.variables.push(name);
    } else if (roll < 6 && own.variables.length > 0) {
      this.lines.push(`${this.pick(own.variables)} = ${e()}`);
    } else if (roll < 8) {
      if (options.yields && this.chance(0.6)) this.lines.push(options.yields(`(${e()})`));
      else if (this.alive.length > 0 && this.chance(0.5))
        this.lines.push(`${this.pick(this.alive)}[(${e()}) & 3] = ${e()}`);
      else if (options.stores) this.lines.push(this.store(e));
    } else if (roll === 8) {
      if (options.jumps === "none" || !this.chance(0.3)) {
        const array = this.name("a");
        this.arrays.push(array);
        this.lines.push(`alloc ${array} = ${e()}`);
        this.alive.push(array);
      } else {
        this.lines.push(options.jumps === "both" && this.chance(0.5) ? "break" : "continue");
        return false;
      }
    } else if (roll < 12) {
      this.lines.push(`if ${this.cond(own.names)} {`, ...block([]));
      if (this.chance(0.5)) this.lines.push("} else {", ...block([]));
      this.lines.push("}");
    } else if (roll === 12) {
      const name = this.name("k");
      const lo = this.chance(0.4) ? `(${e()}) & 3` : String(this.below(3));
      const hi = this.chance(0.5) ? `((${e()}) & 7) + ${this.below(2)}` : String(this.below(5));
      const step = this.pick(["", "", " step 2"]);
      this.lines.push(`for ${name} in ${lo}..${hi}${step} {`, ...block([name], "both"), "}");
    } else if (roll === 13) {
      const name = this.name("n");
      // Counts down whatever else happens, so it ends.
      this.lines.push(`var ${name}: i32 = (${e()}) & 7`, `while ${name} > 0 & ${this.cond(own.names)} {`);
      this.lines.push(`${name} = ${name} - 1`, ...block([name], "both"), "}");
      own.names.push(name);
    } else {
      const name = this.name("r");
      const inner = this.name("k");
      this.lines.push(`reduce ${this.pick(["sum", "max"])}(${name}: i32 = 0) {`);
      this.lines.push(`for ${inner} in 0..${this.chance(0.5) ? `(${e()}) & 7` : "5"} {`);
      const value = this.expr([...own.names, inner], 2);
      this.lines.push(
        this.chance(0.5)
          ? `if ${this.cond([...own.names, inner])} { yield ${name}(${value}) }`
          : `yield ${name}(${value})`,
        "}",
        "}",
      );
      own.names.push(name);
    }
    return true;
  }

  /** Each iteration writes elements of its own. */
  private store(e: () => string): string {
    if (this.chance(0.3)) return `atomic add s[(${e()}) & 3] = ${e()}`;
    if (this.chance(0.5)) return `y[i] = ${e()}`;
    return `z[${this.chance(0.5) ? String(this.below(8)) : `(${e()}) & 7`}, i] = ${e()}`;
  }

  private cond(names: readonly string[]): string {
    return `${this.expr(names, 1)} ${this.pick(["<", ">", "==", "!=", "<=", ">="])} ${this.expr(names, 1)}`;
  }

  private expr(names: readonly string[], depth: number): string {
    const roll = depth === 0 ? this.below(4) : this.below(13);
    const e = (): string => this.expr(names, depth - 1);
    if (roll < 2) return this.pick(names);
    if (roll === 2) return String(this.below(9));
    if (roll === 3) return "i";
    if (roll < 7) return `(${e()} ${this.pick(["+", "-", "*", "&", "^"])} ${e()})`;
    if (roll === 7) return this.pick([`x[i]`, `y[i]`, `b[3]`, `i32(t[i])`, `z[2, i]`]);
    if (roll === 8) return `b[${e()} & 7]`;
    if (roll === 9) return `x[min(max(${e()}, 0), N - 1)]`;
    if (roll === 10) return `(${e()} ${this.pick(["//", "%"])} (1 + (${e()} & 3)))`;
    if (roll === 11) return `select(${this.cond(names)}, ${e()}, ${e()})`;
    return this.alive.length > 0 ? `${this.pick(this.alive)}[${e()} & 3]` : `max(${e()}, ${e()})`;
  }
}

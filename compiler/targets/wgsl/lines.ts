// The text of a function body, line by line, with indentation of four spaces.

export class Lines {
  private readonly lines: string[] = [];
  private depth: number;

  constructor(depth = 0) {
    this.depth = depth;
  }

  add(line: string): void {
    this.lines.push(line === "" ? "" : "    ".repeat(this.depth) + line);
  }

  /** `head {`, what `fill` adds one level deeper, `}`. */
  block(head: string, fill: () => void): void {
    this.add(head === "" ? "{" : `${head} {`);
    this.depth++;
    fill();
    this.depth--;
    this.add("}");
  }

  /** As `block`, with an `else` part. */
  branches(head: string, then: () => void, orelse: () => void): void {
    this.add(`${head} {`);
    this.depth++;
    then();
    this.depth--;
    this.add("} else {");
    this.depth++;
    orelse();
    this.depth--;
    this.add("}");
  }

  /** The lines that `fill` adds, taken out again. */
  capture(fill: () => void): readonly string[] {
    const before = this.lines.length;
    fill();
    return this.lines.splice(before);
  }

  /** Puts captured lines back, where they stood or one level deeper. */
  append(captured: readonly string[], deeper = 0): void {
    for (const line of captured) this.lines.push(line === "" ? "" : "    ".repeat(deeper) + line);
  }

  toString(): string {
    return this.lines.map((line) => `${line}\n`).join("");
  }
}

// The text form of directives: an annotation each, in front of the loop that they are about. Loops go by their names in
// the IR, the loop over tiles of level 0 of `i` is `i@0`.
//
//     @tile(i: 64 4, j: 8) @order(i@0, j@0, i@1, i, j) @stage(b; j@0) @vectorize(j: mask 4) @unroll(i: 0) @tsp.fuse(i, j)

import type { Directive, LoopRef, Tail } from "./ir.ts";
import { nameText } from "./text-names.ts";
import type { TokenReader } from "./text-tokens.ts";

const refText = ({ loop, level }: LoopRef): string =>
  level === undefined ? nameText(loop) : `${nameText(loop)}@${level}`;

export function printDirective(directive: Directive): string {
  const { target, kind } = directive;
  return `@${target === undefined ? "" : `${target}.`}${kind}(${argumentsText(directive)})`;
}

function argumentsText(directive: Directive): string {
  switch (directive.kind) {
    case "tile":
      return directive.sizes.map(({ loop, sizes }) => `${nameText(loop)}: ${sizes.join(" ")}`).join(", ");
    case "stage": {
      const buffers = directive.buffers.map(nameText).join(", ");
      return directive.at ? `${buffers}; ${refText(directive.at)}` : `${buffers};`;
    }
    case "vectorize": {
      const { width, tail } = directive;
      const how = width === undefined ? tail : `${tail} ${width}`;
      return directive.loops.map((each) => `${refText(each)}: ${how}`).join(", ");
    }
    case "unroll":
      return directive.loops.map((each) => `${refText(each)}: ${directive.factor}`).join(", ");
    default:
      return directive.loops.map(refText).join(", ");
  }
}

const tails: readonly Tail[] = ["mask", "peel", "scalar", "exact"];

/** Reads a directive from its `@` on. */
export function parseDirective(reader: TokenReader): Directive {
  const start = reader.expect("@");
  const word = reader.next();
  const target = word.text.startsWith("tsp.") ? "tsp" : undefined;
  reader.expect("(");
  const directive = argumentsOf(word.text.slice(target ? 4 : 0), reader);
  if (!directive) return reader.fail(`"@${word.text}" is no directive`, word);
  return { ...directive, ...(target && { target }), span: reader.spanFrom(start) };
}

function argumentsOf(kind: string, reader: TokenReader): Directive | undefined {
  switch (kind) {
    case "tile": {
      const sizes = reader.list(")", () => {
        const loop = reader.name();
        reader.expect(":");
        return { loop, sizes: integers(reader) };
      });
      return { kind, sizes };
    }
    case "order":
    case "fuse":
    case "parallel":
    case "threads":
      return { kind, loops: reader.list(")", () => loopRef(reader)) };
    case "stage": {
      const buffers = reader.list(";", () => reader.name());
      const [at] = reader.list(")", () => loopRef(reader));
      return { kind, buffers, ...(at && { at }) };
    }
    case "unroll": {
      let factor = 0;
      const loops = reader.list(")", () => {
        const loop = loopRef(reader);
        reader.expect(":");
        factor = reader.integer();
        return loop;
      });
      return { kind, loops, factor };
    }
    case "vectorize": {
      let tail: Tail = "mask";
      let width: number | undefined;
      const loops = reader.list(")", () => {
        const loop = loopRef(reader);
        reader.expect(":");
        const word = reader.next();
        tail = tails.find((known) => known === word.text) ?? reader.fail(`"${word.text}" is no tail`, word);
        [width] = integers(reader);
        return loop;
      });
      return { kind, loops, tail, ...(width !== undefined && { width }) };
    }
    default:
      return undefined;
  }
}

function loopRef(reader: TokenReader): LoopRef {
  const loop = reader.name();
  return reader.take("@") ? { loop, level: reader.integer() } : { loop };
}

function integers(reader: TokenReader): number[] {
  const found: number[] = [];
  while (reader.peek().kind === "number") found.push(reader.integer());
  return found;
}

// Diagnostics in the form that bundlers show: a sentence, a place, and a frame with everything that explains it.

import { positionAt } from "../../lang/source.ts";
import { renderPretty, type Diagnostic } from "../../lang/diagnostics/index.ts";
import { absolutePath } from "./compilation.ts";

/** What Vite's overlay and the command line of Rollup show. */
export interface BundlerMessage {
  readonly message: string;
  readonly frame: string;
  /** The module that was asked for. */
  readonly id: string;
  /** One-based, as in the frame. */
  readonly loc?: { readonly file: string; readonly line: number; readonly column: number };
}

/** A file that doesn't compile. */
export class BundlerError extends Error implements BundlerMessage {
  readonly id: string;
  readonly frame: string;
  readonly loc: BundlerMessage["loc"];

  constructor({ message, frame, id, loc }: BundlerMessage) {
    super(message);
    this.name = "KernError";
    this.id = id;
    this.frame = frame;
    this.loc = loc;
    // Where in the plugin it was noticed helps nobody.
    this.stack = "";
  }
}

/** One message for diagnostics of one file: the first gives sentence and place, the frame shows them all. */
export function bundlerMessage(diagnostics: readonly Diagnostic[], id: string): BundlerMessage {
  const [first, ...more] = diagnostics;
  if (!first) return { message: "", frame: "", id };
  const count = more.length > 0 ? ` (and ${more.length} more)` : "";
  return {
    message: `${first.code}: ${first.message}${count}`,
    frame: frameOf(diagnostics),
    id,
    loc: first.span && {
      file: absolutePath(first.span.file.path),
      ...positionAt(first.span.file, first.span.start),
    },
  };
}

/**
 * The rendered diagnostics without the first headline, which is the message, and without the last line's count. The
 * overlay knows a frame by the plain bars behind its line numbers.
 */
function frameOf(diagnostics: readonly Diagnostic[]): string {
  const text = renderPretty(diagnostics, { width: 90 }).replace(/\n\n[^\n]*\n$/, "");
  const start = text.search(/^ *[╭=]/mu);
  return start < 0 ? "" : text.slice(start).replace(/^( *\d* *)│/gmu, "$1|");
}

